"""The verdicts of `noise` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Callable
from itertools import product

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    Interval,
    hull,
    lead_verdict,
    mean_interval,
    negligible,
)
from experiments.core.style import listed, named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import ELU, PLACES, Config, leaky_name

MARGIN = 0.5  # points of test accuracy within which nets are equally good
PUBLISHED = 'Clevert et al. 2015 on leaky and parametric ReLU: they "do not ensure a noise-robust deactivation state"'
NOISE = {"input": "at the input", "hidden": "in hidden layers"}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on ELU against leaky ReLU, for both kinds of noise: at the first depth, then at all others."""
    return [_claim(config, runs, *cell) for cell in product(depth_groups(config), PLACES)]


def depth_groups(config: Config) -> list[tuple[int, ...]]:
    """The depths that share a verdict."""
    return [group for group in (config.depths[:1], config.depths[1:]) if group]


def clean(runs: Runs, depth: int, name: str, multiple: float = 1.0) -> np.ndarray:
    """Test accuracy in per cent without noise at a multiple of the tuned rate, one entry per fresh seed."""
    return np.array([100 * run["accuracy"] for run in _nets(runs, depth, name, multiple)])


def noisy(runs: Runs, depth: int, name: str, place: str, multiple: float = 1.0) -> np.ndarray:
    """Test accuracy in per cent (seed, level) under noise, averaged over draws."""
    return np.array([100 * np.mean(run["noisy"][place], axis=1) for run in _nets(runs, depth, name, multiple)])


def lead(config: Config, runs: Runs, depth: int, place: str, rival: str) -> tuple[Interval, Interval, Interval]:
    """ELU's lead in points, at all rates: under noise, without noise, and the first minus the second."""

    def under(multiple: float) -> np.ndarray:
        elu, other = (noisy(runs, depth, name, place, multiple).mean(1) for name in (ELU, rival))
        return elu - other

    def without(multiple: float) -> np.ndarray:
        return clean(runs, depth, ELU, multiple) - clean(runs, depth, rival, multiple)

    def drop(multiple: float) -> np.ndarray:
        return under(multiple) - without(multiple)

    leads = [paired_interval(config, differences) for differences in (under, without, drop)]
    return leads[0], leads[1], leads[2]


def joined_lead(config: Config, runs: Runs, depths: tuple[int, ...], place: str) -> tuple[Interval, Interval, Interval]:
    """The same against leaky ReLU of every slope at all of these depths: their hulls."""
    rivals = map(leaky_name, config.slopes)
    leads = [lead(config, runs, depth, place, rival) for depth, rival in product(depths, rivals)]
    under, without, drop = (hull(each) for each in zip(*leads, strict=True))
    return under, without, drop


def paired_interval(config: Config, differences: Callable[[float], np.ndarray]) -> Interval:
    """The hull, over the multiples of the tuned rates, of the interval of differences paired by seed."""
    return hull_over_rates(
        config.rates_around, lambda multiple: mean_interval(differences(multiple), config.confidence)
    )


def name_text(name: str) -> str:
    """The name of an activation in a sentence; a leaky ReLU has its slope."""
    first, *slope = name.split()
    return " ".join([named(first), *slope])


def outcome(under: Interval, without: Interval, drop: Interval) -> str:
    """The verdict from the leads under noise and without it, and from their difference."""
    outcomes = {lead_verdict(lead, MARGIN) for lead in ((under,) if negligible(without, MARGIN) else (under, drop))}
    return outcomes.pop() if len(outcomes) == 1 else INCONCLUSIVE


def _nets(runs: Runs, depth: int, name: str, multiple: float) -> Runs:
    return [run for run in runs if (run["depth"], run["activation"], run["multiple"]) == (depth, name, multiple)]


def layers_text(depths: tuple[int, ...]) -> str:
    """Numbers of hidden layers in a sentence."""
    return f"{listed([str(depth) for depth in depths])} hidden layer{'' if depths == (1,) else 's'}"


def training_text(config: Config) -> str:
    """What was trained, and for how long."""
    return f"{config.epochs} epoch{'s' * (config.epochs > 1)} of Adam, {config.seeds} seeds"


def levels_text(config: Config) -> str:
    """The deviations of the noise."""
    low, high = min(config.levels), max(config.levels)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _dropping(drop: Interval) -> str:
    """Which activation loses more to noise, from ELU's lead under noise minus that without it."""
    sign = -1 if drop.value < 0 else 1
    value, low, high = (round(sign * end, 1) + 0.0 for end in (drop.value, *drop[1:][::sign]))
    more = f"drops by {value:.1f} points more" if value else "drops as much"
    first, second = ("ELU", "leaky ReLU")[::-sign]
    than = "" if value else f" as {second}"
    return f"{first} {more}{than} [{low:.1f}, {high:.1f}]"


def _claim(config: Config, runs: Runs, depths: tuple[int, ...], place: str) -> Claim:
    under, without, drop = joined_lead(config, runs, depths, place)
    slopes = listed([f"{slope:g}" for slope in config.slopes])
    return Claim(
        id="B23",
        text=f"ELU is more robust than leaky ReLU to noise {NOISE[place]} ({layers_text(depths)})",
        source="S2",
        scope=f"{TITLES[config.data]}, {layers_text(depths)} of {config.width}, Adam, rate tuned for each, noise of "
        f"deviation {levels_text(config)}",
        measure=f"test accuracy of ELU minus that of leaky ReLU with slope {slopes} under noise; without noise the "
        f"difference is {without.value:.1f} [{without.low:.1f}, {without.high:.1f}], and {_dropping(drop)}",
        rule=f"supported if the {config.confidence:.0%} intervals of every slope, depth and multiple of the rate lie "
        f"above 0, refuted if they lie below 0 or within {MARGIN:g} points of it; unless clean accuracies agree within "
        f"{MARGIN:g} points, the same must hold for the difference of drops",
        unit="points",
        interval=under,
        verdict=outcome(under, without, drop),
        published=PUBLISHED,
        budget=f"{training_text(config)}, {rates_text(config.rates_around)}",
    )
