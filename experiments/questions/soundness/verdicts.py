"""The verdicts of `soundness` on whether the published accuracies are reached; `measure.py` has the rule."""

import numpy as np

from experiments.core.result import Claim, Runs
from experiments.core.statistics import mean_interval, verdict

from .measure import NETS, RATE, Config

CLOSE = 3.0  # points: two standard deviations of an accuracy on 1,000 examples


def judge(config: Config, runs: Runs) -> list[Claim]:
    """One verdict per net."""
    return [_reached(config, runs, name) for name in config.nets]


def accuracy(runs: Runs, name: str) -> np.ndarray:
    """Test accuracy in per cent, one entry per seed."""
    return np.array([run["accuracy"] for run in runs if run["net"] == name])


def _reached(config: Config, runs: Runs, name: str) -> Claim:
    net = NETS[name]
    interval = mean_interval(accuracy(runs, name), config.confidence)
    return Claim(
        id="P",
        text=f"{net.title} trained here read as many signals as those of MNIST-1D's authors: {net.accuracy:g} %",
        source="nowhere; it is a check of what all other verdicts rest on",
        scope=f"MNIST-1D, {config.steps} steps of Adam at {RATE:g}",
        measure="test accuracy",
        rule=f"supported if the {config.confidence:.0%} interval lies within {CLOSE:g} points of the published one, "
        "refuted if outside",
        unit="%",
        interval=interval,
        verdict=verdict(interval, net.accuracy - CLOSE, net.accuracy + CLOSE),
        published=f"Greydanus & Kobak 2020: {net.accuracy:g} %.",
    )
