"""The verdicts of `collapse` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Callable

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import REFUTED, SUPPORTED, Interval, hull, mean_interval, verdict
from experiments.core.style import listed

from .measure import Config

SAME = 1e-12  # relative difference that float64 rounding explains
XOR_FLOOR, XOR_ROUNDING, XOR_SOLVED = 0.25, 1e-5, 0.01  # squared error: the best linear map's, its rounding, a solution
CLOSE = 2.0  # points of accuracy: smaller differences do not count
PART = 0.1  # of the points that a linear layer gets wrong: a gain above it counts


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on algebra, then on trained nets for each data set."""
    trained = [_as_well(config, runs, data) for data in config.data]
    return [_exactly(runs), _xor(config, runs), *trained, *(_gains(config, runs, data) for data in config.data)]


def accuracy(runs: Runs, data: str, activation: str, depth: int) -> np.ndarray:
    """Test accuracy in per cent, one entry per fresh seed; diverged nets are included."""
    rows = [run for run in runs if run["part"] == "classes"]
    group = (data, activation, depth)
    return np.array([100 * r["accuracy"] for r in rows if (r["data"], r["activation"], r["depth"]) == group])


def errors(runs: Runs, activation: str) -> np.ndarray:
    """Final mean squared errors on XOR."""
    return np.array([run["mse"] for run in runs if run["part"] == "xor" and run["activation"] == activation])


def deep_minus_one(config: Config, runs: Runs, data: str) -> Interval:
    """Points of accuracy of linear layers in a row minus that of one: the hull over depths."""
    return _hull(config, lambda depth: accuracy(runs, data, "identity", depth) - accuracy(runs, data, "identity", 1))


def relu_minus_linear(config: Config, runs: Runs, data: str) -> Interval:
    """Points of accuracy of ReLU nets minus that of linear nets of the same shape: the hull over depths."""
    return _hull(config, lambda depth: accuracy(runs, data, "relu", depth) - accuracy(runs, data, "identity", depth))


def left(runs: Runs, data: str) -> float:
    """The points of accuracy that a single linear layer leaves to be gained."""
    return 100 - float(accuracy(runs, data, "identity", 1).mean())


def layers_text(config: Config) -> str:
    """The depths in a sentence."""
    return f"{listed([str(depth) for depth in config.depths])} layers"


def _hull(config: Config, differences: Callable[[int], np.ndarray]) -> Interval:
    return hull([mean_interval(differences(depth), config.confidence) for depth in config.depths])


def budget_text(config: Config) -> str:
    """What was trained, and for how long."""
    return f"{config.epochs} epoch{'s' * (config.epochs > 1)} of SGD, {config.seeds} seeds"


def _scope(config: Config, data: str) -> str:
    return f"{TITLES[data]}, {layers_text(config)}, width {config.width}, rate tuned for each"


def _exactly(runs: Runs) -> Claim:
    worst = max(run["difference"] for run in runs if run["part"] == "exact")
    return Claim(
        id="A1",
        text="A composition of linear layers is one linear map",
        source="S2 S4 S1",
        scope="random 16 x 16 layers, 2 to 8 deep, float64",
        measure="largest relative difference between a stack and the product of its matrices",
        rule=f"supported if below {SAME:g}, else refuted",
        unit="",
        interval=Interval(worst, worst, worst),
        verdict=SUPPORTED if worst < SAME else REFUTED,
        kind="algebra",
    )


def _xor(config: Config, runs: Runs) -> Claim:
    linear, relu = errors(runs, "identity"), errors(runs, "relu")
    least = float(linear.min())
    return Claim(
        id="A2",
        text="Without a non-linearity a net represents linear relations only, and not XOR",
        source="S4",
        scope=f"XOR, two hidden layers of {config.xor_width}",
        measure=f"least mean squared error of {len(linear)} linear nets; {int((relu < XOR_SOLVED).sum())} of "
        f"{len(relu)} ReLU nets end below {XOR_SOLVED:g}",
        rule=f"supported if no linear net ends below {XOR_FLOOR:g}, the error of the best linear map, else refuted",
        unit="",
        interval=Interval(least, least, least),
        verdict=REFUTED if least < XOR_FLOOR - XOR_ROUNDING else SUPPORTED,
        budget=f"{config.xor_steps} steps of Adam, {config.xor_seeds} seeds",
        kind="algebra",
    )


def _as_well(config: Config, runs: Runs, data: str) -> Claim:
    interval = deep_minus_one(config, runs, data)
    return Claim(
        id="A1",
        text=f"Trained on {TITLES[data]}, linear layers in a row do as well as one",
        source="S2",
        scope=_scope(config, data),
        measure="test accuracy of linear layers in a row minus that of one",
        rule=f"supported if at every depth the {config.confidence:.0%} interval lies within {CLOSE:g} points of 0, "
        "refuted if at every depth outside",
        unit="points",
        interval=interval,
        verdict=verdict(interval, -CLOSE, CLOSE),
        budget=budget_text(config),
    )


def _gains(config: Config, runs: Runs, data: str) -> Claim:
    interval, margin = relu_minus_linear(config, runs, data), PART * left(runs, data)
    return Claim(
        id="A2",
        text=f"On {TITLES[data]} a ReLU net gets right over a tenth of what a linear net gets wrong",
        source="S4",
        scope=_scope(config, data),
        measure="test accuracy of a ReLU net minus that of a linear net of the same shape; a single linear layer "
        f"leaves {left(runs, data):.1f} points",
        rule=f"supported if at every depth the {config.confidence:.0%} interval lies above {PART:.0%} of the points "
        f"that a single linear layer leaves ({margin:.2g}), refuted if at every depth below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=margin),
        budget=budget_text(config),
    )
