"""Whether the published accuracies are reached; the docstring of `measure.py` has the rule."""

import numpy as np

from experiments.core.result import Claim, Runs
from experiments.core.statistics import mean_interval, verdict

from .measure import NETS, RATE, Config

CLOSE = 3.0  # points: two standard deviations of an accuracy on 1,000 examples


def judge(config: Config, runs: Runs) -> list[Claim]:
    """One check per net."""
    return [_agrees(config, runs, name) for name in config.nets]


def accuracy(runs: Runs, name: str) -> np.ndarray:
    """Test accuracy in per cent, one entry per seed."""
    return np.array([run["accuracy"] for run in runs if run["net"] == name])


def _agrees(config: Config, runs: Runs, name: str) -> Claim:
    net = NETS[name]
    interval = mean_interval(accuracy(runs, name), config.confidence)
    return Claim(
        id="P",
        text=f"The accuracy of {net.title}, trained here, agrees with the published {net.accuracy:g} %",
        source="nowhere; it is a check of what all other verdicts rest on",
        scope="MNIST-1D, the authors' nets and recipe",
        measure="test accuracy",
        rule=f"supported if the {config.confidence:.0%} interval lies within {CLOSE:g} points of the published one, "
        "refuted if outside",
        unit="%",
        interval=interval,
        verdict=verdict(interval, net.accuracy - CLOSE, net.accuracy + CLOSE),
        published=f"Greydanus & Kobak 2020: {net.accuracy:g} %.",
        budget=f"{config.steps} steps of Adam at {RATE:g}, {config.seeds} seeds",
        kind="check",
    )
