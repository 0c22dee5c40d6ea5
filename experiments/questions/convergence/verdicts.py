"""The verdicts of `convergence` on the claims of the notes; the docstring of `measure.py` has the rules."""

from itertools import product

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import Interval, ratio_interval, verdict
from experiments.core.style import named

from .measure import CONVNET, KERNELS, OPTIMIZERS, SATURATING, Config, Setup

RECTIFIERS = ("leaky_relu", "elu")
SIX, FASTER, MUCH = (4.0, 9.0), (1.0, np.inf), (1.5, np.inf)  # ranges of the ratio of steps
PUBLISHED = (
    "Krizhevsky, Sutskever & Hinton 2012, figure 1: a four-layer convolutional net on CIFAR-10 reaches 25 % training "
    "error six times faster with ReLU than with tanh, learning rates chosen independently."
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdict on every claim, for every pair of activations that it names, in every setup."""
    claims = []
    for setup in config.setups():
        for slow in SATURATING:
            claims += _claim(config, runs, setup, "B1", slow, "relu", "six times faster", SIX, "S0 S3")
            claims += _claim(config, runs, setup, "B1", slow, "relu", "faster", FASTER, "S0 S1 S2 S3")
        for fast, slow in product(RECTIFIERS, SATURATING):
            claims += _claim(config, runs, setup, "B2", slow, fast, "much faster", MUCH, "S2")
        claims += _claim(config, runs, setup, "B9", "sigmoid", "tanh", "faster", FASTER, "S3 S4")
    return claims


def _claim(
    config: Config,
    runs: Runs,
    setup: Setup,
    claim_id: str,
    slow: str,
    fast: str,
    words: str,
    bounds: tuple[float, float],
    source: str,
) -> list[Claim]:
    """The claim that one activation is faster than another, or nothing if one of them did not run."""
    if not {slow, fast} <= set(setup.activations):
        return []
    interval = ratio(config, runs, setup, slow, fast, setup.threshold)
    limits = f"between {bounds[0]:g} and {bounds[1]:g}" if np.isfinite(bounds[1]) else f"above {bounds[0]:g}"
    return [
        Claim(
            id=claim_id,
            text=f"{named(fast)} converges {words} than {named(slow)} ({setup.text})",
            source=source,
            scope=f"{TITLES[setup.data]}, {shape(config, setup)}, {OPTIMIZERS[setup.optimizer]}, "
            "rate and gain tuned for each",
            measure=f"steps of {named(slow)} / steps of {named(fast)} to {setup.threshold:.0%} training error",
            rule=f"supported if the {config.confidence:.0%} interval lies {limits}, refuted if none of it does",
            unit="x",
            interval=interval,
            verdict=verdict(interval, *bounds),
            published=PUBLISHED if (claim_id, slow) == ("B1", "tanh") else "",
        )
    ]


def shape(config: Config, setup: Setup) -> str:
    """The net with its size."""
    if setup.net == CONVNET:
        return f"{len(KERNELS)} convolutions of {config.channels} channels and a linear layer"
    return f"{setup.text.split(',')[0]} of {config.width}"


def steps_to(
    config: Config, runs: Runs, setup: Setup, name: str, threshold: float, setting: str = "its own"
) -> list[float]:
    """Steps to the threshold, one entry per fresh seed."""
    column = config.thresholds.index(threshold)
    group = (setup.net, setup.optimizer, name, setting)
    return [
        run["steps"][column]
        for run in runs
        if (run["net"], run["optimizer"], run["activation"], run["setting"]) == group
    ]


def ratio(config: Config, runs: Runs, setup: Setup, slow: str, fast: str, threshold: float) -> Interval:
    """Median steps of one activation over those of another, each at its own tuned setting."""
    above, below = (steps_to(config, runs, setup, name, threshold) for name in (slow, fast))
    return ratio_interval(above, below, config.confidence)
