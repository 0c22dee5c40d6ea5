"""The verdicts of `precision` on gradients in the tails; the docstring of `measure.py` has the rules."""

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
RARE = 10.0  # per cent of the pairs: fewer nets that end in NaN do not count
SOURCE = "nowhere; whoever thinks of replacing jax.nn asks it"
PLACES = {"hidden": "{} in hidden layers", "head": "{} behind the last layer", "memory": "sigmoid and tanh in an {}"}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Three verdicts for every function in every type."""
    return [
        claim
        for cell in config.cells()
        for claim in (_better(config, runs, cell, True), _better(config, runs, cell, False), _nan(config, runs, cell))
    ]


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


def nan_interval(config: Config, runs: Runs, cell: Cell) -> Interval:
    """Per cent of the pairs in which only jax.nn's net diverged less those in which only jaxact's did."""
    pairs, theirs, ours = ended_in_nan(runs, cell)
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


def budget_text(config: Config, cell: Cell) -> str:
    """What was trained, and for how long."""
    if cell.place == "memory":
        strengths = f"forget bias {listed([f'{bias:g}' for bias in config.biases])}"
        task, steps = f"the first of {config.length} symbols of {SYMBOLS} kinds", config.memory_steps
        net = f"an LSTM of {config.units} units"
    else:
        layers = config.layers if cell.place == "hidden" else 1
        strengths = f"initial gain {listed([f'{gain:g}' for gain in config.gains])}"
        task, steps = TITLES[config.data], config.steps
        net = f"{layers} hidden layer{'s' * (layers > 1)} of {config.width}"
    rates = listed([f"{rate:g}" for rate in config.rates])
    return f"{task}, {net}, {cell.dtype}, {steps} steps of Adam at {rates}, {strengths}, {config.seeds} seeds"


def _better(config: Config, runs: Runs, cell: Cell, tuned: bool) -> Claim:
    interval = lead(config, runs, cell, tuned)
    where = "as tuned" if tuned else "elsewhere"
    settings = "at the setting tuned with jax.nn's" if tuned else "averaged over all other settings"
    return Claim(
        id="P1" if tuned else "P2",
        text=f"a right gradient of {place_text(cell)} trains better {where} ({cell.dtype})",
        source=SOURCE,
        scope=budget_text(config, cell),
        measure=f"test accuracy with {OURS} minus that with {THEIRS}, {settings}, paired by seed",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, refuted if below 0 or within {MARGIN:g} "
        "points of it",
        unit="points",
        interval=interval,
        verdict=better(interval),
    )


def _nan(config: Config, runs: Runs, cell: Cell) -> Claim:
    pairs, theirs, ours = ended_in_nan(runs, cell)
    interval = nan_interval(config, runs, cell)
    return Claim(
        id="P3",
        text=f"{THEIRS}'s gradient of {place_text(cell)} ends nets in NaN that learn by {OURS}'s ({cell.dtype})",
        source=SOURCE,
        scope=budget_text(config, cell),
        measure=f"of {pairs} pairs of nets, those in which only {THEIRS}'s ended in NaN ({theirs}) less those in which "
        f"only {OURS}'s did ({ours})",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, else refuted if below {RARE:g} %",
        unit="%",
        interval=interval,
        verdict=fails_alone(interval),
    )
