"""The verdicts of `noise` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Callable
from itertools import product

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval
from experiments.core.style import named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import ELU, PLACES, Config, leaky_name

MARGIN = 0.5  # points of test accuracy within which nets are equally good
PUBLISHED = 'Clevert et al. 2015 on leaky and parametric ReLU: they "do not ensure a noise-robust deactivation state"'
NOISE = {"input": "at the input", "hidden": "inside its hidden layers"}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on ELU against every rival, at every depth, for both kinds of noise."""
    return [_claim(config, runs, *cell) for cell in product(config.depths, PLACES, config.rivals())]


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


def paired_interval(config: Config, differences: Callable[[float], np.ndarray]) -> Interval:
    """The hull, over the multiples of the tuned rates, of the interval of differences paired by seed."""
    return hull_over_rates(
        config.rates_around, lambda multiple: mean_interval(differences(multiple), config.confidence)
    )


def name_text(name: str) -> str:
    """The name of an activation in a sentence; a leaky ReLU has its slope."""
    first, *slope = name.split()
    return " ".join([named(first), *slope])


def equally_good(interval: Interval) -> bool:
    """Whether nets are equally good: the interval lies within the MARGIN of 0."""
    return interval.low > -MARGIN and interval.high < MARGIN


def outcome(under: Interval, without: Interval, drop: Interval) -> str:
    """The verdict from the leads under noise and without it, and from their difference."""
    outcomes = {_robust(lead) for lead in ((under,) if equally_good(without) else (under, drop))}
    return outcomes.pop() if len(outcomes) == 1 else INCONCLUSIVE


def _robust(lead: Interval) -> str:
    if lead.low > 0:
        return SUPPORTED
    return REFUTED if lead.high < 0 or equally_good(lead) else INCONCLUSIVE


def _nets(runs: Runs, depth: int, name: str, multiple: float) -> Runs:
    return [run for run in runs if (run["depth"], run["activation"], run["multiple"]) == (depth, name, multiple)]


def _claim(config: Config, runs: Runs, depth: int, place: str, rival: str) -> Claim:
    under, without, drop = lead(config, runs, depth, place, rival)
    levels = f"{min(config.levels):g} to {max(config.levels):g}"
    in_notes = rival in map(leaky_name, config.slopes)
    return Claim(
        id="B23",
        text=f"ELU is more robust than {name_text(rival)} to noise {NOISE[place]} ({depth} hidden layers)",
        source="S2" if in_notes else "S2, of leaky ReLU only",
        scope=f"{TITLES[config.data]}, {depth} hidden layers of {config.width}, Adam, rate tuned for each, "
        f"noise of deviation {levels}; intervals hold {rates_text(config.rates_around)}",
        measure=f"test accuracy of ELU minus that of {name_text(rival)} under noise; without noise it is "
        f"{without.value:.1f} [{without.low:.1f}, {without.high:.1f}], and ELU drops less by {drop.value:.1f} "
        f"[{drop.low:.1f}, {drop.high:.1f}]",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, refuted if below 0 or within {MARGIN:g} "
        f"points of it; unless clean accuracies agree within {MARGIN:g} points, the same must hold for the difference "
        "of drops",
        unit="points",
        interval=under,
        verdict=outcome(under, without, drop),
        published=PUBLISHED if in_notes else "",
    )
