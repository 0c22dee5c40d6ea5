"""The verdicts of `recommendation` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, interquartile_interval, verdict
from experiments.core.style import listed, named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import RELU, Config

MARGIN = 0.5  # points of test accuracy: smaller differences do not count
TRIED = ("leaky_relu", "elu", "maxout")
WARNED = {"tanh": "don't expect much of tanh", "sigmoid": "don't use sigmoid"}
PUBLISHED = {
    "leaky_relu": 'CS231n on leaky ReLU: "results are not always consistent"',
    "elu": "Clevert et al. 2015: better than ReLU and leaky ReLU on networks with more than 5 layers",
}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on all advice about the activations that ran, on every data set."""
    claims = []
    for data in config.data:
        claims.append(_use_relu(config, runs, data))
        claims += [_try(config, runs, data, name) for name in TRIED if name in config.activations]
        claims += [_avoid(config, runs, data, name) for name in WARNED if name in config.activations]
        claims += [_all_benefits(config, runs, data)] if "elu" in config.activations else []
    return claims


def accuracies(runs: Runs, data: str, depth: int, name: str, multiple: float = 1.0) -> np.ndarray:
    """Test accuracy in per cent at a multiple of the tuned rate, one entry per fresh seed."""
    group = (data, depth, name, multiple)
    nets = [run for run in runs if (run["data"], run["depth"], run["activation"], run["multiple"]) == group]
    return np.array([100 * run["accuracy"] for run in nets])


def accuracy(config: Config, runs: Runs, data: str, name: str) -> Interval:
    """The interquartile mean of test accuracies over all depths, at the tuned rate."""
    by_depth = [accuracies(runs, data, depth, name) for depth in config.depths]
    return interquartile_interval(by_depth, config.confidence)


def ahead(config: Config, runs: Runs, data: str, name: str, other: str, confidence: float) -> Interval:
    """The lead of one activation over another in points, paired by seed, over all depths and rates."""

    def compared(multiple: float) -> Interval:
        pairs = [[accuracies(runs, data, depth, each, multiple) for each in (name, other)] for depth in config.depths]
        return interquartile_interval([first - second for first, second in pairs], confidence)

    return hull_over_rates(config.rates_around, compared)


def widened(config: Config) -> float:
    """The confidence of each of ReLU's comparisons that gives all of them together the confidence of the settings."""
    return 1 - (1 - config.confidence) / len(config.activations)


def _scope(config: Config, data: str) -> str:
    depths = listed([str(depth) for depth in config.depths])
    return (
        f"{TITLES[data]}, {depths} hidden layers of {config.width}, {config.steps} steps of Adam, rate and gain "
        f"tuned for each; intervals hold {rates_text(config.rates_around)}"
    )


def _claim(
    config: Config,
    data: str,
    claim_id: str,
    text: str,
    measure: str,
    rule: str,
    interval: Interval,
    outcome: str,
    name: str,
) -> Claim:
    return Claim(
        id=claim_id,
        text=text,
        source="S2",
        scope=_scope(config, data),
        measure=measure,
        rule=rule,
        unit="points",
        interval=interval,
        verdict=outcome,
        published=PUBLISHED.get(name, ""),
    )


def _use_relu(config: Config, runs: Runs, data: str) -> Claim:
    confidence = widened(config)
    leads = {other: ahead(config, runs, data, RELU, other, confidence) for other in config.activations}
    outcomes = {other: verdict(lead, low=-MARGIN) for other, lead in leads.items()}
    outcome = next(each for each in (REFUTED, INCONCLUSIVE, SUPPORTED) if each in outcomes.values())
    closest = min((other for other in leads if outcomes[other] == outcome), key=lambda other: leads[other].low)
    rule = (
        f"supported if against all {len(leads)} others the interval (at {confidence:.2%}) lies above -{MARGIN:g} "
        "points, refuted if against one it lies below"
    )
    measure = f"test accuracy of ReLU minus that of {named(closest)}, its strongest rival of {len(leads)}"
    return _claim(config, data, "B26", "use ReLU", measure, rule, leads[closest], outcome, RELU)


def _try(config: Config, runs: Runs, data: str, name: str) -> Claim:
    lead = ahead(config, runs, data, name, RELU, config.confidence)
    outcome = SUPPORTED if lead.low > 0 else REFUTED if lead.high < MARGIN else INCONCLUSIVE
    rule = (
        f"supported if the {config.confidence:.0%} interval lies above 0; else refuted if it lies below {MARGIN:g} "
        "points"
    )
    text = f"try out {named(name)}: it does better than ReLU"
    return _claim(config, data, "B26", text, _minus_relu(name), rule, lead, outcome, name)


def _avoid(config: Config, runs: Runs, data: str, name: str) -> Claim:
    lead = ahead(config, runs, data, name, RELU, config.confidence)
    rule = f"supported if the {config.confidence:.0%} interval lies below -{MARGIN:g} points, refuted if above"
    outcome = verdict(lead, high=-MARGIN)
    return _claim(config, data, "B26", WARNED[name], _minus_relu(name), rule, lead, outcome, name)


def _all_benefits(config: Config, runs: Runs, data: str) -> Claim:
    lead = ahead(config, runs, data, "elu", RELU, config.confidence)
    rule = f"supported if the {config.confidence:.0%} interval lies above -{MARGIN:g} points, refuted if below"
    outcome = verdict(lead, low=-MARGIN)
    text = "ELU has all benefits of ReLU: its accuracy"
    return _claim(config, data, "B22", text, _minus_relu("elu"), rule, lead, outcome, RELU)


def _minus_relu(name: str) -> str:
    return f"test accuracy of {named(name)} minus that of ReLU"
