"""The verdicts of `fixed_point` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict

from .measure import EIGHT, FORMATS, PIXELS, SIX, Config

MARGIN = 0.5  # points of accuracy: smaller differences do not count
COMPARED_FORMAT = "holds all"  # in which caps are compared
KRIZHEVSKY = (
    'Krizhevsky 2010 caps at 6 as it "encourages the model to learn sparse features earlier", not for fixed point'
)
KRISHNAMOORTHI = (
    'Krishnamoorthi 2018: "Do not constrain activation ranges: One can get slightly better accuracy by replacing ReLU6 '
    'with a ReLU"'
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts for both kinds of pixels: ReLU against ReLU6 in every format, then 6 against the other caps."""
    claims = []
    for pixels in PIXELS:
        claims += [_ready(config, runs, pixels, how, bits) for bits in config.judged for how in FORMATS]
        claims += [_six(config, runs, pixels, cap) for cap in config.caps]
    return claims


def nets(runs: Runs, pixels: str, cap: float) -> Runs:
    """The nets of a kind, in the order of their seeds."""
    return [run for run in runs if (run["pixels"], run["cap"]) == (pixels, cap)]


def accuracy(config: Config, runs: Runs, pixels: str, cap: float, how: str, bits: int) -> np.ndarray:
    """Test accuracy in per cent after rounding, one entry per seed; NaN for a net that diverged."""
    index = config.bits.index(bits)
    accuracies = [np.nan if run["diverged"] else run["rounded"][how][index] for run in nets(runs, pixels, cap)]
    return 100 * np.array(accuracies)


def drop(config: Config, runs: Runs, pixels: str, cap: float, how: str, bits: int) -> np.ndarray:
    """Points of accuracy lost by rounding, one entry per seed."""
    in_float32 = 100 * np.array([run["accuracy"] for run in nets(runs, pixels, cap)])
    return in_float32 - accuracy(config, runs, pixels, cap, how, bits)


def advantage(config: Config, runs: Runs, pixels: str, how: str, bits: int) -> Interval:
    """The drop of ReLU minus that of ReLU6, in points, paired by seed."""
    relu, relu6 = (drop(config, runs, pixels, cap, how, bits) for cap in (np.inf, SIX))
    return mean_interval(relu - relu6, config.confidence)


def points(number: float) -> str:
    """Points as text, without the sign of a zero."""
    return f"{round(number, 1) + 0.0:.1f}"


def readiness(interval: Interval) -> str:
    """The verdict on ReLU6's advantage: SUPPORTED above the margin, REFUTED within the margin of 0 or below it."""
    if interval.low > MARGIN:
        return SUPPORTED
    inside = verdict(interval, -MARGIN, MARGIN) == SUPPORTED
    return REFUTED if inside or interval.high < -MARGIN else INCONCLUSIVE


def _scope(config: Config, pixels: str) -> str:
    data = TITLES[config.data] if pixels == "standardised" else TITLES["digits"]
    return (
        f"{data}, {pixels} pixels, {config.depth} hidden layers of {config.width}, Adam, rate and gain tuned for each"
    )


def _ready(config: Config, runs: Runs, pixels: str, how: str, bits: int) -> Claim:
    interval = advantage(config, runs, pixels, how, bits)
    relu, relu6 = (float(drop(config, runs, pixels, cap, how, bits).mean()) for cap in (np.inf, SIX))
    return Claim(
        id="B24",
        text=f"ReLU6 makes a net ready for fixed point with {bits} bits (format: {how})",
        source="S0",
        scope=_scope(config, pixels),
        measure=f"accuracy lost by rounding with ReLU ({points(relu)} points) less that with ReLU6 ({points(relu6)})",
        rule=f"supported if the {config.confidence:.0%} interval lies above {MARGIN:g} points, refuted if within "
        f"{MARGIN:g} of 0 or wholly below -{MARGIN:g}",
        unit="points",
        interval=interval,
        verdict=readiness(interval),
        published=KRISHNAMOORTHI,
    )


def _six(config: Config, runs: Runs, pixels: str, cap: float) -> Claim:
    six, other = (accuracy(config, runs, pixels, each, COMPARED_FORMAT, EIGHT) for each in (SIX, cap))
    interval = mean_interval(six - other, config.confidence)
    return Claim(
        id="B25",
        text=f"6 fits best in {EIGHT} bits, against a cap of {cap:g}",
        source="S0",
        scope=_scope(config, pixels),
        measure=f"test accuracy in {EIGHT} bits with a cap of 6 ({np.mean(six):.1f} %) less that with {cap:g} "
        f"({np.mean(other):.1f} %)",
        rule=f"supported if the {config.confidence:.0%} interval lies above {MARGIN:g} points, refuted if below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=MARGIN),
        published=KRIZHEVSKY,
    )
