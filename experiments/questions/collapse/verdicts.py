"""The verdicts of `collapse` on the claims of the notes; the docstring of `measure.py` has the rules."""

from itertools import product

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    mean_interval,
    verdict,
    wilson_interval,
)

from .measure import Config

SAME = 1e-12  # relative difference that float64 rounding explains
XOR_FLOOR, XOR_ROUNDING, XOR_SOLVED = 0.25, 1e-5, 0.01  # squared error: the best linear map's, its rounding, a solution
CLOSE, GAINED = 2.0, 10.0  # points of accuracy: no difference below CLOSE, a large gain above GAINED


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on algebra, XOR, and trained nets."""
    trained = [
        claim
        for data, depth in product(config.data, config.depths)
        for claim in (_collapses(config, runs, data, depth), _gains(config, runs, data, depth))
    ]
    return [_exactly(config, runs), _xor(config, runs), *trained]


def accuracy(runs: Runs, data: str, activation: str, depth: int) -> np.ndarray:
    """Test accuracy in per cent, one entry per fresh seed; diverged nets are included."""
    rows = [run for run in runs if run["part"] == "classes"]
    group = (data, activation, depth)
    return np.array([100 * r["accuracy"] for r in rows if (r["data"], r["activation"], r["depth"]) == group])


def errors(runs: Runs, activation: str) -> np.ndarray:
    """Final mean squared errors on XOR."""
    return np.array([run["mse"] for run in runs if run["part"] == "xor" and run["activation"] == activation])


def _exactly(config: Config, runs: Runs) -> Claim:
    worst = max(run["difference"] for run in runs if run["part"] == "exact")
    return Claim(
        id="A1",
        text="a composition of linear layers is one linear map",
        source="S2 S4",
        scope="random 16 x 16 layers, 2 to 8 deep, float64",
        measure="largest relative difference between a stack and the product of its matrices",
        rule=f"supported if below {SAME:g}, else refuted",
        unit="",
        interval=Interval(worst, worst, worst),
        verdict=SUPPORTED if worst < SAME else REFUTED,
    )


def _xor(config: Config, runs: Runs) -> Claim:
    linear, relu = errors(runs, "identity"), errors(runs, "relu")
    solved = int((relu < XOR_SOLVED).sum())
    interval = wilson_interval(solved, len(relu), config.confidence)
    below = bool((linear < XOR_FLOOR - XOR_ROUNDING).any())
    outcome = REFUTED if below else SUPPORTED if interval.low > 0 else INCONCLUSIVE
    return Claim(
        id="A2",
        text="without a non-linearity a net can only represent linear relations",
        source="S4",
        scope=f"XOR, two hidden layers of {config.xor_width}, Adam",
        measure=f"share of ReLU nets that solve XOR (error below {XOR_SOLVED:g}); "
        f"the best of {len(linear)} linear nets ends at {linear.min():.4f}",
        rule=f"supported if no linear net ends below {XOR_FLOOR:g} and the Wilson interval lies above 0; "
        "refuted if a linear net does",
        unit="%",
        interval=Interval(*(100 * end for end in interval)),
        verdict=outcome,
    )


def _collapses(config: Config, runs: Runs, data: str, depth: int) -> Claim:
    difference = accuracy(runs, data, "identity", depth) - accuracy(runs, data, "identity", 1)
    interval = mean_interval(difference, config.confidence)
    return Claim(
        id="A1",
        text=f"{depth} trained linear layers do no better than one: the net collapses to regression",
        source="S2",
        scope=f"{TITLES[data]}, width {config.width}, {config.epochs} epochs of SGD, rate tuned for each",
        measure=f"test accuracy of {depth} linear layers minus that of one",
        rule=f"supported if the {config.confidence:.0%} interval lies within {CLOSE:g} points of 0, refuted if outside",
        unit="points",
        interval=interval,
        verdict=verdict(interval, -CLOSE, CLOSE),
    )


def _gains(config: Config, runs: Runs, data: str, depth: int) -> Claim:
    difference = accuracy(runs, data, "relu", depth) - accuracy(runs, data, "identity", depth)
    interval = mean_interval(difference, config.confidence)
    return Claim(
        id="A2",
        text=f"with {depth} layers, the power of the net is due to its non-linearity",
        source="S4",
        scope=f"{TITLES[data]}, width {config.width}, {config.epochs} epochs of SGD, rate tuned for each",
        measure=f"test accuracy of a ReLU net minus that of a linear net, {depth} layers each",
        rule=f"supported if the {config.confidence:.0%} interval lies above {GAINED:g} points, refuted if below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=GAINED),
    )
