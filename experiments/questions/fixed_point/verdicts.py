"""The verdicts of `fixed_point` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Sequence

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    mean_interval,
    negligible,
    verdict,
)
from experiments.core.style import listed

from .measure import EIGHT, FORMATS, RAW, SIX, Config

MARGIN = 0.5  # points of accuracy: smaller differences do not count
JUDGED = FORMATS[0]  # the notes' format
KRIZHEVSKY = (
    'Krizhevsky 2010 caps at 6 as it "encourages the model to learn sparse features earlier", not for fixed point'
)
KRISHNAMOORTHI = (
    'Krishnamoorthi 2018: "Do not constrain activation ranges: One can get slightly better accuracy by replacing ReLU6 '
    'with a ReLU"'
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """ReLU against ReLU6 in 8 bits for each kind of inputs, then in fewer; 6 against other caps."""
    eight = [_ready(config, runs, EIGHT, (inputs,)) for inputs in config.inputs()]
    few = _ready(config, runs, config.few, config.inputs())
    return [*eight, few, _six(config, runs, config.data), _six(config, runs, (RAW,))]


def inputs_text(inputs: str) -> str:
    """The name of the inputs in a sentence."""
    return TITLES.get(inputs, inputs)


def nets(runs: Runs, inputs: str, cap: float) -> Runs:
    """The nets of a kind, in the order of their seeds."""
    return [run for run in runs if (run["inputs"], run["cap"]) == (inputs, cap)]


def accuracy(config: Config, runs: Runs, inputs: str, cap: float, how: str, bits: int) -> np.ndarray:
    """Test accuracy in per cent after rounding, one entry per seed; NaN for a net that diverged."""
    index = config.bits.index(bits)
    accuracies = [np.nan if run["diverged"] else run["rounded"][how][index] for run in nets(runs, inputs, cap)]
    return 100 * np.array(accuracies)


def drop(config: Config, runs: Runs, inputs: str, cap: float, how: str, bits: int) -> np.ndarray:
    """Points of accuracy lost by rounding, one entry per seed."""
    in_float32 = 100 * np.array([run["accuracy"] for run in nets(runs, inputs, cap)])
    return in_float32 - accuracy(config, runs, inputs, cap, how, bits)


def advantage(config: Config, runs: Runs, inputs: str, how: str, bits: int) -> Interval:
    """The drop of ReLU minus that of ReLU6, in points, paired by seed."""
    relu, relu6 = (drop(config, runs, inputs, cap, how, bits) for cap in (np.inf, SIX))
    return mean_interval(relu - relu6, config.confidence)


def points(number: float) -> str:
    """Points as text, without the sign of a zero."""
    return f"{round(number, 1) + 0.0:.1f}"


def readiness(interval: Interval) -> str:
    """The verdict on ReLU6's advantage: SUPPORTED above the margin, REFUTED within the margin of 0 or below it."""
    if interval.low > MARGIN:
        return SUPPORTED
    return REFUTED if negligible(interval, MARGIN) or interval.high < -MARGIN else INCONCLUSIVE


def leads_of_six(config: Config, runs: Runs, inputs: Sequence[str]) -> dict[tuple[str, float], Interval]:
    """Points of accuracy in 8 bits by which a cap of 6 is ahead, by inputs and other cap."""

    def lead(each: str, cap: float) -> Interval:
        six, other = (accuracy(config, runs, each, kind, JUDGED, EIGHT) for kind in (SIX, cap))
        return mean_interval(six - other, config.confidence)

    return {(each, cap): lead(each, cap) for each in inputs for cap in config.caps}


def budget_text(config: Config) -> str:
    """What was trained, and for how long."""
    return f"{config.epochs} epoch{'s' * (config.epochs > 1)} of Adam, {config.seeds} seeds"


def _scope(config: Config, inputs: Sequence[str]) -> str:
    names = listed([inputs_text(each) for each in inputs])
    return f"{names}, {config.depth} hidden layers of {config.width}, Adam, rate and gain tuned for each"


def _ready(config: Config, runs: Runs, bits: int, inputs: Sequence[str]) -> Claim:
    interval = hull([advantage(config, runs, each, JUDGED, bits) for each in inputs])
    lost = [
        f"ReLU {points(relu)} and ReLU6 {points(relu6)} on {inputs_text(each)}"
        for each in inputs
        for relu, relu6 in [[drop(config, runs, each, cap, JUDGED, bits).mean() for cap in (np.inf, SIX)]]
    ]
    intervals = "intervals for all inputs lie" if len(inputs) > 1 else "interval lies"
    return Claim(
        id="B24",
        text=f"In {bits} bits ReLU6 makes a net readier for fixed point than ReLU "
        f"({listed([inputs_text(each) for each in inputs])})",
        source="S0",
        scope=_scope(config, inputs),
        measure=f"accuracy lost by rounding with ReLU less that with ReLU6, in the format that holds all outputs; "
        f"points lost: {listed(lost)}",
        rule=f"supported if the {config.confidence:.0%} {intervals} above {MARGIN:g} points, refuted if within "
        f"{MARGIN:g} of 0 or wholly below -{MARGIN:g}",
        unit="points",
        interval=interval,
        verdict=readiness(interval),
        published=KRISHNAMOORTHI,
        budget=budget_text(config),
    )


def _six(config: Config, runs: Runs, inputs: Sequence[str]) -> Claim:
    leads = leads_of_six(config, runs, inputs)
    closest, lead = min(leads.items(), key=lambda pair: pair[1].high)
    interval = lead._replace(low=min(each.low for each in leads.values()))
    cap, where = f"{closest[1]:g}", inputs_text(closest[0])
    others = (
        f"the closest of {listed([f'{each:g}' for each in config.caps])}, which is {cap}"
        if len(config.caps) > 1
        else cap
    )
    return Claim(
        id="B25",
        text=f"6 is the cap that fits best in {EIGHT} bits ({listed([inputs_text(each) for each in inputs])})",
        source="S0",
        scope=_scope(config, inputs),
        measure=f"test accuracy in {EIGHT} bits with a cap of 6 less that with {others} (on {where})",
        rule=f"supported if the {config.confidence:.0%} intervals against all other caps lie above {MARGIN:g} points, "
        "refuted if one lies below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=MARGIN),
        published=KRIZHEVSKY,
        budget=budget_text(config),
    )
