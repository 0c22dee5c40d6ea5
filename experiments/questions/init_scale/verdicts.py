"""The verdicts of `init_scale` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    mean_interval,
    median_interval,
    percent,
    ratio_interval,
    verdict,
)
from experiments.core.style import listed, named

from .measure import LARGE, LECUN, SMALL, Config, Kind

SLOW = 2.0  # times the steps of the best scale
SIGMOIDAL = ("sigmoid", "tanh")
RECTIFIERS = ("relu", "elu")


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Small weights in the three kinds of nets that are judged, then very large ones."""
    claims = [_small_costs_little(config, runs, kind) for kind in judged_kinds(config)]
    if {*SIGMOIDAL} & {*config.activations} and {*RECTIFIERS} & {*config.activations}:
        claims.append(_large_fails_by_saturation(config, runs))
    return claims + ([_saturate(config, runs)] if {*SIGMOIDAL} & {*config.activations} else [])


def judged_kinds(config: Config) -> list[Kind]:
    """Nets of the judged depth, of one hidden layer, and of the judged depth with LayerNorm, as far as they are run."""
    kinds = [Kind(config.judged_depth), Kind(1), Kind(config.judged_depth, True)]
    return list(dict.fromkeys(kind for kind in kinds if kind in config.kinds()))


def of_kind(runs: Runs, kind: Kind) -> Runs:
    """The runs of this kind of net."""
    return [run for run in runs if (run["depth"], run["normalised"]) == kind]


def of_scale(runs: Runs, name: str, scale: float) -> Runs:
    """The runs of an activation and a scale, from those of one kind of net."""
    return [run for run in runs if (run["activation"], run["scale"]) == (name, scale)]


def best_scale(runs: Runs, name: str) -> float:
    """The scale at which the tuning seed was there first, from the runs of one kind of net."""
    return next(run["scale"] for run in runs if run["activation"] == name and run["best"])


def budget(runs: Runs, name: str) -> int:
    """The steps that every scale of an activation got, from the runs of one kind of net."""
    return next(run["budget"] for run in runs if run["activation"] == name)


def steps(config: Config, runs: Runs, name: str, scale: float) -> Interval:
    """Median steps to the training error; a net that is not there in time counts as +inf."""
    return median_interval([run["steps"] for run in of_scale(runs, name, scale)], config.confidence)


def ratio(config: Config, runs: Runs, name: str, scale: float, comparisons: int = 1) -> Interval:
    """Median steps at a scale divided by those at the best scale.

    Where nets are not there in time, the low end is a lower bound: they took the budget at least. Where those of the
    best scale are not there either, nothing is known.
    """
    above, below = (
        np.array([run["steps"] for run in of_scale(runs, name, each)]) for each in (scale, best_scale(runs, name))
    )
    if np.isinf(np.median(below)):
        return Interval(np.nan, 0.0, np.inf)
    confidence = 1 - (1 - config.confidence) / comparisons
    value, low, high = ratio_interval(above, below, confidence)
    return Interval(value, min(low, ratio_interval(np.minimum(above, budget(runs, name)), below, confidence).low), high)


def saturated(config: Config, runs: Runs, name: str, scale: float, when: str) -> Interval:
    """Mean share of saturated units before or after training, over nets that did not diverge."""
    shares = [run[f"saturated_{when}"] for run in of_scale(runs, name, scale) if not run["diverged"]]
    return mean_interval(shares, config.confidence)


def _scope(config: Config, kind: Kind) -> str:
    return f"{TITLES[config.data]}, {kind.text}, {config.width} units each"


def _budget(config: Config, runs: Runs, names: list[str]) -> str:
    budgets = listed([f"{budget(runs, name):,} ({named(name)})" for name in names])
    return f"{budgets} steps of SGD, rate tuned for each scale, {config.seeds} seeds"


def _small_costs_little(config: Config, all_runs: Runs, kind: Kind) -> Claim:
    runs, names = of_kind(all_runs, kind), list(config.activations)
    ratios = {name: ratio(config, runs, name, SMALL, len(names)) for name in names}
    verdicts = {name: verdict(ratios[name], high=SLOW) for name in names}
    shown = max(names, key=lambda name: (ratios[name].low, np.nan_to_num(ratios[name].value, nan=0, posinf=1e9)))
    slow = [named(name) for name in names if verdicts[name] == REFUTED]
    outcome = REFUTED if slow else SUPPORTED if set(verdicts.values()) == {SUPPORTED} else INCONCLUSIVE
    return Claim(
        id="B5",
        text=f"Small initial weights take less than twice the steps of the best in nets of {kind.text}",
        source="S4",
        scope=_scope(config, kind),
        measure=f"the steps of the best scale, {best_scale(runs, shown):g} times LeCun's, are taken at a tenth of "
        f"LeCun's by {named(shown)}, the slowest of {len(names)} activations (medians, to {config.threshold:.0%} "
        "training error)",
        rule=f"supported if for every activation the interval lies below {SLOW:g}, refuted if for one it lies above",
        unit="x",
        interval=ratios[shown],
        verdict=outcome,
        budget=_budget(config, runs, names),
    )


def _large_fails_by_saturation(config: Config, all_runs: Runs) -> Claim:
    kind = Kind(config.judged_depth)
    runs = of_kind(all_runs, kind)
    names = [name for name in config.activations if name in SIGMOIDAL + RECTIFIERS]
    ratios = {name: ratio(config, runs, name, LARGE, len(names)) for name in names}
    slow = {name: verdict(ratios[name], low=SLOW) for name in names}
    expected = {name: SUPPORTED if name in SIGMOIDAL else REFUTED for name in names}
    otherwise = {name: REFUTED if name in SIGMOIDAL else SUPPORTED for name in names}
    against = [name for name in names if slow[name] == otherwise[name]]
    outcome = REFUTED if against else SUPPORTED if slow == expected else INCONCLUSIVE
    shown = against[-1] if against else next((name for name in names if slow[name] == INCONCLUSIVE), names[-1])
    others = "in multiples of the best: " + listed([f"{named(n)} {times(ratios[n])}" for n in names if n != shown])
    return Claim(
        id="B5",
        text="Very large initial weights make nets train badly because units saturate",
        source="S4",
        scope=_scope(config, kind),
        measure=f"the steps of the best scale are taken at ten times LeCun's by {named(shown)} (medians, to "
        f"{config.threshold:.0%} training error); {others}",
        rule=f"supported if the interval lies above {SLOW:g} for sigmoid and tanh, and below {SLOW:g} for ReLU and "
        f"ELU, which do not saturate for x > 0; refuted if it lies below {SLOW:g} for sigmoid or tanh, or above for "
        "ReLU or ELU",
        unit="x",
        interval=ratios[shown],
        verdict=outcome,
        budget=_budget(config, runs, names),
    )


def times(interval: Interval) -> str:
    """A ratio of steps as text."""
    if np.isnan(interval.value):
        return "not measurable"
    return f"at least {interval.low:.1f}" if np.isinf(interval.value) else f"{interval.value:.1f}"


def _saturate(config: Config, all_runs: Runs) -> Claim:
    largest = max(config.scales)
    kind = Kind(config.judged_depth)
    name = next(name for name in SIGMOIDAL if name in config.activations)
    share = saturated(config, of_kind(all_runs, kind), name, largest, "before")
    lecun = saturated(config, of_kind(all_runs, kind), name, LECUN, "before").value
    normed = Kind(config.judged_depth, True)
    behind = (
        f"; with LayerNorm {saturated(config, of_kind(all_runs, normed), name, largest, 'before').value:.1%} at either"
        if normed in config.kinds()
        else ""
    )
    return Claim(
        id="B5",
        text=f"{name.capitalize()} units saturate due to very large weights",
        source="S4",
        scope=_scope(config, kind),
        measure=f"share of units and examples that are saturated before training, at {largest:g} times LeCun's scale; "
        f"at LeCun's {lecun:.1%}{behind}",
        rule="holds by algebra: where inputs have deviation 1, pre-activations of the first layer have the deviation "
        "of the scale, and with LayerNorm they have deviation 1 at every scale",
        unit="%",
        interval=percent(share),
        verdict=SUPPORTED,
        kind="algebra",
    )
