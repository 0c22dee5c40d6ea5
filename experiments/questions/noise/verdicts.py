"""The verdicts of `noise` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Callable
from itertools import product

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval
from experiments.core.style import named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import ELU, PLACES, Config, leaky

HALF = 0.5  # points of test accuracy within which nets are equally good
PUBLISHED = 'Clevert et al. 2015 on leaky and parametric ReLU: they "do not ensure a noise-robust deactivation state"'
NOISE = {"input": "at the input", "hidden": "inside its hidden layers"}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """ELU against every rival, at every depth, for both kinds of noise."""
    return [_claim(config, runs, *cell) for cell in product(config.depths, PLACES, config.rivals())]


def clean(runs: Runs, depth: int, name: str, times: float = 1.0) -> np.ndarray:
    """Test accuracy in per cent without noise at a multiple of the tuned rate, one entry per fresh seed."""
    return np.array([100 * run["accuracy"] for run in _nets(runs, depth, name, times)])


def noisy(runs: Runs, depth: int, name: str, place: str, times: float = 1.0) -> np.ndarray:
    """Test accuracy in per cent (seed, level) under noise, averaged over draws."""
    return np.array([100 * np.mean(run["noisy"][place], axis=1) for run in _nets(runs, depth, name, times)])


def lead(config: Config, runs: Runs, depth: int, place: str, rival: str) -> tuple[Interval, Interval, Interval]:
    """By how many points ELU is ahead, at all rates: under noise, without noise, and the first less the second."""

    def under(times: float) -> np.ndarray:
        mine, other = (noisy(runs, depth, name, place, times).mean(1) for name in (ELU, rival))
        return mine - other

    def without(times: float) -> np.ndarray:
        return clean(runs, depth, ELU, times) - clean(runs, depth, rival, times)

    def drop(times: float) -> np.ndarray:
        return under(times) - without(times)

    first, second, third = (hulled(config, each) for each in (under, without, drop))
    return first, second, third


def hulled(config: Config, differences: Callable[[float], np.ndarray]) -> Interval:
    """The interval of what differs between nets of a seed, at all multiples of the tuned rates."""
    return hull_over_rates(config.rates_around, lambda times: mean_interval(differences(times), config.confidence))


def shown(name: str) -> str:
    """An activation as written in a sentence; a leaky ReLU with its slope."""
    first, *slope = name.split()
    return " ".join([named(first), *slope])


def equal(interval: Interval) -> bool:
    """Whether nets are equally good, as far as HALF a point goes."""
    return interval.low > -HALF and interval.high < HALF


def outcome(under: Interval, without: Interval, both: Interval) -> str:
    """The rule."""
    found = {_robust(one) for one in ((under,) if equal(without) else (under, both))}
    return found.pop() if len(found) == 1 else INCONCLUSIVE


def _robust(one: Interval) -> str:
    if one.low > 0:
        return SUPPORTED
    return REFUTED if one.high < 0 or equal(one) else INCONCLUSIVE


def _nets(runs: Runs, depth: int, name: str, times: float) -> Runs:
    return [run for run in runs if (run["depth"], run["activation"], run["times"]) == (depth, name, times)]


def _claim(config: Config, runs: Runs, depth: int, place: str, rival: str) -> Claim:
    under, without, both = lead(config, runs, depth, place, rival)
    levels = f"{min(config.levels):g} to {max(config.levels):g}"
    compared = rival in map(leaky, config.slopes)
    return Claim(
        id="B23",
        text=f"ELU is more robust than {shown(rival)} to noise {NOISE[place]} ({depth} hidden layers)",
        source="S2" if compared else "S2, of leaky ReLU only",
        scope=f"{TITLES[config.data]}, {depth} hidden layers of {config.width}, Adam, rate tuned for each, "
        f"noise of deviation {levels}; intervals hold {rates_text(config.rates_around)}",
        measure=f"test accuracy of ELU minus that of {shown(rival)} under noise; without noise it is "
        f"{without.value:.1f} [{without.low:.1f}, {without.high:.1f}], and ELU drops less by {both.value:.1f} "
        f"[{both.low:.1f}, {both.high:.1f}]",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, refuted if below 0 or within {HALF:g} "
        f"points of it; unless clean accuracies agree within {HALF:g} points, the difference of drops must say so too",
        unit="points",
        interval=under,
        verdict=outcome(under, without, both),
        published=PUBLISHED if compared else "",
    )
