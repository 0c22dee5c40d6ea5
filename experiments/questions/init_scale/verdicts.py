"""The verdicts of `init_scale` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, median_interval
from experiments.core.style import named

from .measure import LECUN, Config, Kind

MANY, FEW = 0.50, 0.05  # shares of saturated units
SIGMOIDAL = ("sigmoid", "tanh")


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on small and on large scales, for every kind of net and activation."""
    claims = []
    for kind in config.kinds():
        nets_of_kind = of_kind(runs, kind)
        for name in config.activations:
            if name in SIGMOIDAL:
                claims.append(_saturate(config, nets_of_kind, name))
            claims += [_small_is_safe(config, nets_of_kind, name)] if min(config.scales) < LECUN else []
            claims.append(_large_fails(config, nets_of_kind, name))
    return claims


def of_kind(runs: Runs, kind: Kind) -> Runs:
    """The runs of this kind of net."""
    return [run for run in runs if (run["depth"], run["normalised"]) == kind]


def of_scale(runs: Runs, name: str, scale: float) -> Runs:
    """The runs of an activation and a scale, from those of one kind of net."""
    return [run for run in runs if (run["activation"], run["scale"]) == (name, scale)]


def steps(config: Config, runs: Runs, name: str, scale: float) -> Interval:
    """Median steps to the threshold; a net that never reaches it counts as +inf."""
    return median_interval([run["steps"] for run in of_scale(runs, name, scale)], config.confidence)


def saturated(config: Config, runs: Runs, name: str, scale: float, when: str) -> Interval:
    """Mean share of saturated units before or after training, over nets that did not diverge."""
    shares = [run[f"saturated_{when}"] for run in of_scale(runs, name, scale) if not run["diverged"]]
    return mean_interval(shares, config.confidence)


def never(interval: Interval) -> bool:
    """Whether the whole interval of the median is infinite."""
    return interval.low == np.inf


def _scope(config: Config, runs: Runs) -> str:
    net = f"{Kind(runs[0]['depth'], runs[0]['normalised']).text}, {config.width} units each"
    return f"{TITLES[config.data]}, {net}, {config.steps} steps of SGD, rate tuned for each scale"


def _median(config: Config) -> str:
    return f"median steps to {config.threshold:.0%} training error"


def _saturate(config: Config, runs: Runs, name: str) -> Claim:
    largest = max(config.scales)
    at_largest, at_lecun = (saturated(config, runs, name, scale, "before") for scale in (largest, LECUN))
    outcome = (
        SUPPORTED
        if at_largest.low > MANY and at_lecun.high < FEW
        else REFUTED
        if at_largest.high < MANY
        else INCONCLUSIVE
    )
    return Claim(
        id="B5",
        text=f"{named(name)} units saturate due to very large weights",
        source="S4",
        scope=_scope(config, runs),
        measure=f"share of saturated units before training at scale {largest:g}; at LeCun's it is "
        f"{at_lecun.value:.1%}, between {at_lecun.low:.1%} and {at_lecun.high:.1%}",
        rule=f"supported if the {config.confidence:.0%} interval lies above {MANY:.0%} at the largest scale and below "
        f"{FEW:.0%} at LeCun's, refuted if at the largest it lies below {MANY:.0%}",
        unit="%",
        interval=Interval(*(100 * end for end in at_largest)),
        verdict=outcome,
    )


def _small_is_safe(config: Config, runs: Runs, name: str) -> Claim:
    small = [scale for scale in sorted(config.scales) if scale < LECUN]
    medians = {scale: steps(config, runs, name, scale) for scale in small}
    fails = [scale for scale in small if never(medians[scale])]
    shown = max(fails) if fails else max(small, key=lambda scale: medians[scale].high)
    safe = all(np.isfinite(median.high) for median in medians.values())
    return Claim(
        id="B5",
        text=f"it is safe to initialise {named(name)} nets with small weights",
        source="S4",
        scope=_scope(config, runs),
        measure=f"{_median(config)}, at scale {shown:g}; at {len(fails)} of the {len(small)} scales below LeCun's "
        "the net never gets there",
        rule=f"supported if at every scale below LeCun's the {config.confidence:.0%} interval is finite, refuted if at "
        "some of them the whole interval is infinite",
        unit="steps",
        interval=medians[shown],
        verdict=SUPPORTED if safe else REFUTED if fails else INCONCLUSIVE,
    )


def _large_fails(config: Config, runs: Runs, name: str) -> Claim:
    largest = max(config.scales)
    median = steps(config, runs, name, largest)
    final_error = np.mean([run["error"] for run in of_scale(runs, name, largest)])
    return Claim(
        id="B5",
        text=f"very large initial weights keep {named(name)} nets from {config.threshold:.0%} training error",
        source="S4",
        scope=_scope(config, runs),
        measure=f"{_median(config)}, at scale {largest:g}; the nets end at {final_error:.0%}",
        rule=f"supported if the whole {config.confidence:.0%} interval is infinite, refuted if it is finite",
        unit="steps",
        interval=median,
        verdict=SUPPORTED if never(median) else REFUTED if np.isfinite(median.high) else INCONCLUSIVE,
    )
