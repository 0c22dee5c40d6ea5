"""The verdicts of `recommendation` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    interquartile_interval,
    negligible,
    verdict,
)
from experiments.core.style import listed, named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import RELU, WHOLE, Config

MARGIN = 0.5  # points of test accuracy: smaller differences do not count
LEARNT = 0.02  # the greatest training error at which training has converged
TRIED = ("leaky_relu", "elu", "maxout")
WARNED = {"tanh": "Don't expect much of tanh", "sigmoid": "Don't use sigmoid"}
PUBLISHED = {
    "leaky_relu": 'CS231n on leaky ReLU: "results are not always consistent"',
    "elu": "Clevert et al. 2015: better than ReLU and leaky ReLU on networks with more than 5 layers",
}
END = -1  # of the looks at a net, the last


class Lead(NamedTuple):
    """How far an activation is ahead of ReLU on a data set, in points of test accuracy."""

    data: str
    name: str
    interval: Interval


def judge(config: Config, runs: Runs, share: float = WHOLE) -> list[Claim]:
    """The verdicts on all advice about the activations that ran, after this share of the epochs."""
    runs = trained(runs, share)
    others = [name for name in config.activations if name not in (*TRIED, *WARNED)]
    claims = [_use_relu(config, runs, others)] if others else []
    if tried := [name for name in TRIED if name in config.activations]:
        claims.append(_try(config, runs, tried))
    claims += [_avoid(config, runs, name) for name in WARNED if name in config.activations]
    claims += [_all_benefits(config, runs)] if "elu" in config.activations else []
    return claims


def trained(runs: Runs, share: float) -> Runs:
    """The nets that were trained on this share of the epochs; all other functions take these."""
    return [run for run in runs if run["share"] == share]


def accuracies(runs: Runs, data: str, depth: int, name: str, multiple: float = 1.0, look: int = END) -> np.ndarray:
    """Test accuracy in per cent at a multiple of the tuned rate, one entry per fresh seed."""
    group = (data, depth, name, multiple)
    nets = [run for run in runs if (run["data"], run["depth"], run["activation"], run["multiple"]) == group]
    return np.array([100 * run["accuracy"][look] for run in nets])


def accuracy(config: Config, runs: Runs, data: str, name: str, multiple: float = 1.0, look: int = END) -> Interval:
    """The interquartile mean of test accuracies over all depths."""
    by_depth = [accuracies(runs, data, depth, name, multiple, look) for depth in config.depths]
    return interquartile_interval(by_depth, config.confidence)


def ahead(config: Config, runs: Runs, data: str, name: str, other: str, confidence: float) -> Interval:
    """The lead of one activation over another in points, paired by seed, over all depths and rates."""

    def compared(multiple: float) -> Interval:
        pairs = [[accuracies(runs, data, depth, each, multiple) for each in (name, other)] for depth in config.depths]
        return interquartile_interval([first - second for first, second in pairs], confidence)

    return hull_over_rates(config.rates_around, compared)


def leader(config: Config, runs: Runs, data: str) -> str:
    """The activation with the best test accuracy on a data set."""
    return max((RELU, *config.activations), key=lambda name: accuracy(config, runs, data, name).value)


def training_error(config: Config, runs: Runs, data: str, name: str) -> float:
    """The median share of training examples that tuned nets get wrong."""
    tuned = [run for run in runs if (run["data"], run["activation"], run["multiple"]) == (data, name, 1.0)]
    return float(np.median([run["training_error"][END] for run in tuned]))


def converged(config: Config, runs: Runs, data: str) -> bool:
    """Whether the best activation's median net has learnt the training part."""
    return training_error(config, runs, data, leader(config, runs, data)) <= LEARNT


def leads(config: Config, runs: Runs, names: Sequence[str], confidence: float | None = None) -> list[Lead]:
    """The leads of these activations on all data sets; by default all hold together at the settings' confidence."""
    if confidence is None:
        confidence = 1 - (1 - config.confidence) / (len(names) * len(config.data))
    return [
        Lead(data, name, ahead(config, runs, data, name, RELU, confidence)) for data in config.data for name in names
    ]


def _claim(
    config: Config,
    runs: Runs,
    claim_id: str,
    text: str,
    measure: str,
    rule: str,
    interval: Interval,
    outcome: str,
    compared: int,
    published: str = "",
) -> Claim:
    depths = listed([str(depth) for depth in config.depths])
    data = " and ".join(TITLES[name] for name in config.data)
    steps = {name: next(run["steps"] for run in runs if run["data"] == name) for name in config.data}
    longest = listed([f"{steps[name]:,}" for name in config.data])
    confidence = 1 - (1 - config.confidence) / compared
    return Claim(
        id=claim_id,
        text=text,
        source="S2",
        scope=f"{data}, {depths} hidden layer{'s' * (depths != '1')} of {config.width}, rate and gain tuned for each; "
        f"intervals (at {confidence:.2%}) hold {rates_text(config.rates_around)}",
        measure=measure,
        rule=rule,
        unit="points",
        interval=interval,
        verdict=outcome,
        published=published,
        budget=f"{config.epochs} epochs ({longest} steps) of Adam with a falling rate, {config.seeds} seeds",
    )


def _counted(config: Config, runs: Runs, found: Sequence[Lead]) -> list[Lead]:
    """The leads on data sets on which training has converged."""
    done = {data for data in config.data if converged(config, runs, data)}
    return [lead for lead in found if lead.data in done]


def _measure(lead: Lead, among: int) -> str:
    text = f"test accuracy of {named(lead.name)} minus that of ReLU on {TITLES[lead.data]}"
    return f"{text}, the deciding one of {among} differences" if among > 1 else text


def _best(config: Config, runs: Runs, names: Sequence[str]) -> tuple[list[Lead], Lead, bool, bool]:
    """All leads over ReLU; the one to show; whether a counted one lies above the margin; whether all lie below it."""
    found = leads(config, runs, names)
    counted = _counted(config, runs, found)
    better = [lead for lead in counted if lead.interval.low > MARGIN]
    none_is = len(counted) == len(found) and all(lead.interval.high < MARGIN for lead in found)
    shown = max(better or found, key=lambda lead: lead.interval.low if better else lead.interval.high)
    return found, shown, bool(better), none_is


def _use_relu(config: Config, runs: Runs, others: Sequence[str]) -> Claim:
    found, shown, better, none_is = _best(config, runs, others)
    outcome = REFUTED if better else SUPPORTED if none_is else INCONCLUSIVE
    rule = (
        f"supported if on all data sets all leads over ReLU lie below {MARGIN:g} points, refuted if one lies above on "
        "data whose training has converged"
    )
    names = [named(name) for name in others]
    text = f"Use ReLU: {names[0]} is not more accurate"
    if len(names) > 1:
        text = f"Use ReLU: neither {', '.join(names[:-1])} nor {names[-1]} is more accurate"
    return _claim(config, runs, "B26", text, _measure(shown, len(found)), rule, shown.interval, outcome, len(found))


def _try(config: Config, runs: Runs, tried: Sequence[str]) -> Claim:
    found, shown, better, none_is = _best(config, runs, tried)
    outcome = SUPPORTED if better else REFUTED if none_is else INCONCLUSIVE
    rule = (
        f"supported if one lead over ReLU lies above {MARGIN:g} points on data whose training has converged, refuted "
        "if on all data sets all leads lie below"
    )
    names = [named(name) for name in tried]
    either = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    text = f"Try {either}: {'one of them' if len(names) > 1 else 'it'} is more accurate than ReLU"
    published = PUBLISHED.get(shown.name, "")
    return _claim(
        config, runs, "B26", text, _measure(shown, len(found)), rule, shown.interval, outcome, len(found), published
    )


def _avoid(config: Config, runs: Runs, name: str) -> Claim:
    found = leads(config, runs, [name])
    counted = _counted(config, runs, found)
    worse = [lead for lead in counted if lead.interval.high < -MARGIN]
    nowhere = len(counted) == len(found) and all(lead.interval.low > -MARGIN for lead in found)
    outcome = SUPPORTED if worse else REFUTED if nowhere else INCONCLUSIVE
    shown = min(worse or found, key=lambda lead: lead.interval.high if worse else lead.interval.low)
    rule = (
        f"supported if its lead over ReLU lies below -{MARGIN:g} points on a data set whose training has converged, "
        "refuted if on all data sets it lies above"
    )
    text = f"{WARNED[name]}: it is less accurate than ReLU"
    return _claim(config, runs, "B26", text, _measure(shown, len(found)), rule, shown.interval, outcome, len(found))


def _all_benefits(config: Config, runs: Runs) -> Claim:
    found = leads(config, runs, ["elu"])
    interval = hull([lead.interval for lead in found])
    counted = len(_counted(config, runs, found)) == len(found)
    outcome = verdict(interval, low=-MARGIN) if counted else INCONCLUSIVE
    rule = (
        f"supported if the hull of its leads over ReLU on all data sets lies above -{MARGIN:g} points, refuted if "
        "below, if training on all of them has converged"
    )
    same = " (the difference is negligible)" if negligible(interval, MARGIN) else ""
    where = " and ".join(TITLES[data] for data in config.data)
    measure = f"test accuracy of ELU minus that of ReLU, the hull of {where}{same}"
    if len(found) == 1:
        measure = f"test accuracy of ELU minus that of ReLU on {where}{same}"
    text = "ELU has all benefits of ReLU: it is as accurate"
    return _claim(config, runs, "B22", text, measure, rule, interval, outcome, len(found), PUBLISHED["elu"])
