"""The verdicts of `convergence` on the claims of the notes; the docstring of `measure.py` has the rules."""

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
    censored_ratio_interval,
    median_interval,
    verdict,
)
from experiments.core.style import listed, named

from .measure import CONVNET, INITS, KERNELS, OPTIMIZERS, SATURATING, Config, Setup, layers

RECTIFIERS = ("leaky_relu", "elu")
SIX, FASTER, MUCH = (4.0, 9.0), (1.1, np.inf), (1.5, np.inf)  # ranges of the ratio of steps
PUBLISHED = (
    "Krizhevsky, Sutskever & Hinton 2012, figure 1: a four-layer convolutional net on CIFAR-10 reaches 25 % training "
    "error six times faster with ReLU than with tanh, learning rates chosen independently."
)


class Ratio(NamedTuple):
    """The steps of one activation divided by those of another."""

    interval: Interval
    bound: str
    """Whether the value is exact (empty), or "at least" or "at most" that, as most nets of one did not arrive; or
    "unknown", as most of both did not."""

    @property
    def text(self) -> str:
        """As in "takes 1.77 times": 1.77, or at least 6.38."""
        if self.bound == "unknown":
            return "an unknown number of"
        return f"{self.bound} {self.interval.value:.2f}".strip()


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdict on every claim, for every pair of activations that ran."""
    claims = [_six(config, runs, slow) for slow in SATURATING]
    for optimizer in config.optimizers:
        tuned = config.tuned(optimizer)
        for slow in SATURATING:
            claims.append(_everywhere(config, runs, tuned, "B1", slow, ["relu"], FASTER, "S0 S1 S2 S3"))
        for slow in SATURATING:
            claims.append(_everywhere(config, runs, tuned, "B2", slow, RECTIFIERS, MUCH, "S2"))
        claims.append(_everywhere(config, runs, tuned, "B9", "sigmoid", ["tanh"], FASTER, "S3 S4"))
    return [claim for claim in claims if claim]


def _six(config: Config, runs: Runs, slow: str) -> Claim | None:
    """Whether it is six times, with published initial weights; None if one of the two did not run with them."""
    setup = next(iter(config.published()), None)
    if setup is None or not {slow, "relu"} <= set(setup.activations):
        return None
    found = ratio(config, runs, setup, slow, "relu", setup.threshold)
    return Claim(
        id="B1",
        text=f"ReLU converges six times faster than {named(slow)} in {setup.text}",
        source="S0 S3",
        scope=f"{where(config, [setup])}, {INITS[setup.init]}, rate tuned for each",
        measure=_measure(config, runs, setup, slow, "relu", found),
        rule=f"supported if the {config.confidence:.0%} interval lies between {SIX[0]:g} and {SIX[1]:g}, refuted if "
        "none of it does",
        unit="x",
        interval=found.interval,
        verdict=verdict(found.interval, *SIX),
        published=PUBLISHED if slow == "tanh" else "",
        budget=budget(config, [setup]),
    )


def _everywhere(
    config: Config,
    runs: Runs,
    setups: Sequence[Setup],
    claim_id: str,
    slow: str,
    fast: Sequence[str],
    bounds: tuple[float, float],
    source: str,
) -> Claim | None:
    """The claim that some activations are faster than another in every net; None if no net has such a pair.

    The row shows the pair that decides: if the claim is refuted, one that refutes it, else the closest.
    """
    pairs = [(setup, name) for setup in setups for name in fast if {slow, name} <= set(setup.activations)]
    if not pairs:
        return None
    confidence = 1 - (1 - config.confidence) / len(pairs)
    ratios = {
        (setup, name): ratio(config, runs, setup, slow, name, setup.threshold, confidence) for setup, name in pairs
    }
    outcomes = {pair: verdict(found.interval, *bounds) for pair, found in ratios.items()}
    outcome = next(each for each in (REFUTED, INCONCLUSIVE, SUPPORTED) if each in outcomes.values())
    setup, name = min(
        (pair for pair in pairs if outcomes[pair] == outcome),
        key=lambda pair: ratios[pair].interval.high if outcome == REFUTED else ratios[pair].interval.low,
    )
    found, ran = ratios[setup, name], list(dict.fromkeys(setup for setup, _ in pairs))
    names = listed([named(name) for name in dict.fromkeys(name for _, name in pairs)])
    words = f"converge{'s' * (' and ' not in names)} {'much ' * (bounds == MUCH)}faster"
    subject = f"{names[0].upper()}{names[1:]}"
    optimizer = "" if ran[0].optimizer == "sgd" else f" by {OPTIMIZERS[ran[0].optimizer]}"
    return Claim(
        id=claim_id,
        text=f"{subject} {words} than {named(slow)}{optimizer} when rate and gain are tuned for each",
        source=source,
        scope=where(config, ran),
        measure=_measure(config, runs, setup, slow, name, found)
        + f"; decided {'in' if setup.net == CONVNET else 'with'} {setup.text}, one of {len(pairs)} comparisons"
        * (len(pairs) > 1),
        rule=f"supported if in all nets the interval (at {confidence:.2%}) lies above {bounds[0]:g}, refuted if in one "
        "it lies below",
        unit="x",
        interval=found.interval,
        verdict=outcome,
        budget=budget(config, ran),
    )


def _measure(config: Config, runs: Runs, setup: Setup, slow: str, fast: str, found: Ratio) -> str:
    """What the value of a row is, and how far it is a bound."""
    text = f"steps of {named(slow)} / steps of {named(fast)} to {setup.threshold:.0%} training error"
    if not found.bound:
        return text
    late = [f"{missing(config, runs, setup, name)} of {config.seeds} {named(name)} nets" for name in (slow, fast)]
    bound = "not known" if found.bound == "unknown" else f"{found.bound} that"
    return f"{text}, {bound}: {listed(late)} had not arrived after {setup.max_steps:,} steps"


def where(config: Config, setups: Sequence[Setup]) -> str:
    """Data and sizes of the nets."""
    dense = [setup for setup in setups if setup.net != CONVNET]
    parts = []
    if dense:
        depths = listed([str(layers(setup.net)) for setup in dense])
        plural = "s" * (depths != "1")
        parts.append(f"{TITLES[dense[0].data]}, {depths} hidden layer{plural} of {config.width}")
    for setup in setups:
        if setup.net == CONVNET:
            convolutions = f"{len(KERNELS)} convolutions of {config.channels} channels and a linear layer"
            parts.append(f"{TITLES[setup.data]}, {convolutions}")
    return "; ".join(parts)


def budget(config: Config, setups: Sequence[Setup]) -> str:
    """The steps that the nets were allowed."""
    steps = listed([f"{most:,}" for most in sorted({setup.max_steps for setup in setups})])
    return f"at most {steps} steps of {OPTIMIZERS[setups[0].optimizer]}, {config.seeds} seeds"


def steps_to(
    config: Config, runs: Runs, setup: Setup, name: str, threshold: float, multiple: float = 1.0
) -> list[float]:
    """Steps to the threshold at a multiple of the tuned rate, one entry per fresh seed."""
    column = config.thresholds.index(threshold)
    group = (setup.net, setup.optimizer, setup.init, name, multiple)
    return [
        run["steps"][column]
        for run in runs
        if (run["net"], run["optimizer"], run["init"], run["activation"], run["multiple"]) == group
    ]


def missing(config: Config, runs: Runs, setup: Setup, name: str) -> int:
    """How many nets had not arrived at the verdict's training error when their steps ran out."""
    return int(np.isinf(steps_to(config, runs, setup, name, setup.threshold)).sum())


def ratio(
    config: Config, runs: Runs, setup: Setup, slow: str, fast: str, threshold: float, confidence: float | None = None
) -> Ratio:
    """Median steps of one activation over those of another, each at its own tuned setting."""
    above, below = (steps_to(config, runs, setup, name, threshold) for name in (slow, fast))
    confidence = config.confidence if confidence is None else confidence
    late = [bool(np.isinf(median_interval(steps, confidence).value)) for steps in (above, below)]
    bounds = {(False, False): "", (True, False): "at least", (False, True): "at most", (True, True): "unknown"}
    return Ratio(censored_ratio_interval(above, below, setup.max_steps, confidence), bounds[late[0], late[1]])
