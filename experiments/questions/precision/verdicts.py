"""The verdicts of `precision` on gradients in the tails; the docstring of `measure.py` has the rules."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    discordant_interval,
    lead_verdict,
    mean_interval,
)
from experiments.core.style import listed, named

from .measure import LIBRARIES, OURS, SYMBOLS, THEIRS, Cell, Config

MARGIN = 0.5  # points of test accuracy within which nets are equally good
RARE = 10.0  # points, per cent of the pairs: fewer nets that end in NaN do not count
SOURCE = "nowhere; whoever thinks of replacing jax.nn asks it"
PLACES = {"hidden": "{} in hidden layers", "head": "{} behind the last layer", "memory": "sigmoid and tanh in an {}"}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """One verdict for each of three questions and each type."""
    return [claim(config, runs, dtype) for claim in (_as_tuned, _elsewhere, _nan) for dtype in config.dtypes]


class Judged(NamedTuple):
    """What was measured of one function in one type, and the verdict on it."""

    interval: Interval
    verdict: str


def leads(config: Config, runs: Runs, tuned: bool) -> dict[Cell, Judged]:
    """The lead of jaxact for every function in every type, as tuned or at all other settings."""
    found = {cell: lead(config, runs, cell, tuned) for cell in config.cells()}
    return {cell: Judged(interval, better(interval)) for cell, interval in found.items()}


def failures(config: Config, runs: Runs) -> dict[Cell, Judged]:
    """How many more nets ended in NaN by jax.nn's gradients than by jaxact's, for every function in every type."""
    found = {cell: nan_interval(config, runs, [cell]) for cell in config.cells()}
    return {cell: Judged(interval, fails_alone(interval)) for cell, interval in found.items()}


def joined(judged: Iterable[Judged]) -> str:
    """The verdict that any of them is so."""
    verdicts = {each.verdict for each in judged}
    return SUPPORTED if SUPPORTED in verdicts else REFUTED if verdicts == {REFUTED} else INCONCLUSIVE


def of_cell(runs: Runs, cell: Cell, library: str) -> Runs:
    """The runs of a function in a type with one library."""
    keys = (*cell, library)
    return [run for run in runs if (run["place"], run["function"], run["dtype"], run["library"]) == keys]


def by_seed(runs: Runs, measure: str) -> np.ndarray:
    """A measure in per cent, one entry per seed, averaged over the settings among the runs."""
    seeds = sorted({run["seed"] for run in runs})
    return np.array([100 * np.mean([run[measure] for run in runs if run["seed"] == seed]) for seed in seeds])


def lead(config: Config, runs: Runs, cell: Cell, tuned: bool) -> Interval:
    """Points of test accuracy by which jaxact's nets are ahead, paired by seed: as tuned, or at all other settings."""
    theirs, ours = (
        by_seed([run for run in of_cell(runs, cell, library) if run["tuned"] == tuned], "accuracy")
        for library in LIBRARIES
    )
    return mean_interval(ours - theirs, config.confidence)


def ended_in_nan(runs: Runs, cell: Cell) -> tuple[int, int, int]:
    """The number of pairs, of those in which only jax.nn's net diverged, and of those in which only jaxact's did."""
    theirs, ours = ([run["diverged"] for run in of_cell(runs, cell, library)] for library in LIBRARIES)
    pairs = list(zip(theirs, ours, strict=True))
    return len(pairs), pairs.count((True, False)), pairs.count((False, True))


def nan_interval(config: Config, runs: Runs, cells: Iterable[Cell]) -> Interval:
    """Per cent of all pairs in which only jax.nn's net diverged less those in which only jaxact's did."""
    pairs, theirs, ours = np.sum([ended_in_nan(runs, cell) for cell in cells], axis=0).tolist()
    return discordant_interval(theirs, ours, pairs, config.confidence)


def better(lead: Interval) -> str:
    """The verdict on a lead."""
    return lead_verdict(lead, MARGIN)


def fails_alone(difference: Interval) -> str:
    """The verdict on the difference between the shares of nets that ended in NaN."""
    if difference.low > 0:
        return SUPPORTED
    return REFUTED if difference.high < RARE else INCONCLUSIVE


def place_text(cell: Cell) -> str:
    """The function and its place in a sentence."""
    return PLACES[cell.place].format(named(cell.function))


def function_text(cell: Cell) -> str:
    """The name of the function: a head is named as one."""
    return named(cell.function) + " heads" * (cell.place == "head")


def budget_text(config: Config) -> str:
    """What was trained, and for how long."""
    rates = listed([f"{rate:g}" for rate in config.rates])
    gains, biases = (listed([f"{number:g}" for number in numbers]) for numbers in (config.gains, config.biases))
    steps = " or ".join(str(steps) for steps in dict.fromkeys((config.steps, config.memory_steps)))
    return f"{steps} steps of Adam at {rates}, initial gain {gains} or forget bias {biases}, {config.seeds} seeds"


def _scope(config: Config, dtype: str) -> str:
    layers = f"{config.layers} hidden layer{'s' * (config.layers > 1)} of {config.width}"
    task = f"an LSTM of {config.units} units that names the first of {config.length} symbols of {SYMBOLS} kinds"
    return f"{TITLES[config.data]}, {layers} (1 before a head), and {task}, {dtype}"


def _as_tuned(config: Config, runs: Runs, dtype: str) -> Claim:
    settings = f"at the setting tuned with {THEIRS}'s"
    return _better(config, leads(config, runs, True), dtype, "P1", "at tuned settings", settings)


def _elsewhere(config: Config, runs: Runs, dtype: str) -> Claim:
    settings = "averaged over all other settings"
    return _better(config, leads(config, runs, False), dtype, "P2", "at other initial weights and rates", settings)


def _better(config: Config, leads: dict[Cell, Judged], dtype: str, id: str, where: str, settings: str) -> Claim:
    """The functions in one type, joined; the interval is that of the largest lead among those with its verdict."""
    of_dtype = {cell: each for cell, each in leads.items() if cell.dtype == dtype}
    outcome = joined(of_dtype.values())
    agreeing = {cell: each for cell, each in of_dtype.items() if each.verdict == outcome}
    shown = max(agreeing, key=lambda cell: np.nan_to_num(agreeing[cell].interval.value, nan=-np.inf))
    words = {SUPPORTED: "supported for", REFUTED: "refuted for", INCONCLUSIVE: "undecided for"}
    lists = [
        f"{word} {listed([function_text(cell) for cell, each in of_dtype.items() if each.verdict == verdict])}"
        for verdict, word in words.items()
        if verdict in {each.verdict for each in of_dtype.values()}
    ]
    return Claim(
        id=id,
        text=f"In {dtype}, gradients that are right in the tails train some net better {where}",
        source=SOURCE,
        scope=_scope(config, dtype),
        measure=f"test accuracy with {OURS} minus that with {THEIRS}, {settings}, paired by seed; the number is that "
        f"of {function_text(shown)}; {'; '.join(lists)}",
        rule=f"supported if for any function the {config.confidence:.0%} interval lies above 0, refuted if for every "
        f"one it lies below 0 or within {MARGIN:g} points of it",
        unit="points",
        interval=agreeing[shown].interval,
        verdict=outcome,
        budget=budget_text(config),
    )


def _nan(config: Config, runs: Runs, dtype: str) -> Claim:
    counts = {cell: ended_in_nan(runs, cell) for cell in config.cells() if cell.dtype == dtype}
    pairs, theirs, ours = np.sum(list(counts.values()), axis=0).tolist()
    interval = nan_interval(config, runs, counts)
    some = [f"{function_text(cell)} {count[1]} and {count[2]}" for cell, count in counts.items() if any(count[1:])]
    return Claim(
        id="P3",
        text=f"In {dtype}, {THEIRS}'s gradients end nets in NaN that learn by {OURS}'s",
        source=SOURCE,
        scope=_scope(config, dtype),
        measure=f"of {pairs} pairs of nets, those in which only {THEIRS}'s ended in NaN ({theirs}) less those in which "
        f"only {OURS}'s did ({ours})" + (f"; by function {listed(some)}" if some else ""),
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, else refuted if below {RARE:g} points",
        unit="points",
        interval=interval,
        verdict=fails_alone(interval),
        budget=budget_text(config),
    )
