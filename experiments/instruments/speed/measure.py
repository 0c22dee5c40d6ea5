"""What do the activations cost? Memory, operations and time, beside jax.nn and PyTorch in the same run.

First what is the same on every run: bytes that jax.vjp keeps, memory of compiled programs, transcendental functions
and equations. Then, with `--timed`, times in the regimes in which users run activations: alone, into a reduction,
over an axis, in train steps, and while they compile. All programs of a comparison take turns, and what is told is the
ratio of their medians with a 95 % bootstrap interval.

The exit code is 1 if a bound is missed without a reason: a bound on a time only where the whole interval is above it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro

from experiments.core import checks
from experiments.core.paired_timing import paired_times, ratio
from experiments.core.progress import Progress
from experiments.instruments import costs as figures

from . import contests, rows_contests
from .pairs import MEASURED, ROWS, pair
from .regimes import (
    EQUATIONS,
    KEPT,
    KEPT_IF_LINEAR,
    LAYERS,
    LAYERS_FROM_OUTPUT,
    LIMITS,
    MEMORY,
    PASSES,
    SLOPE_FROM_OUTPUT,
    SLOWEST_COMPILATION,
    TIMES,
    TRANSCENDENTALS,
)
from .results import Costs, Figure, Measured, Time

RegimeName = Literal["alone", "reduction", "rows", "steps", "compile", "call", "growth", "import"]


@dataclass(frozen=True)
class Config:
    """What do the activations cost?"""

    functions: tuple[str, ...] = ()
    """Names of functions to measure; all if none is given."""
    timed: bool = False
    """Measure times, too: twelve minutes on two cores."""
    regimes: tuple[RegimeName, ...] = contests.REGIMES
    """What to time; everything if nothing is given."""
    peer: Annotated[tuple[Literal["torch"], ...], tyro.conf.UseAppendAction] = ()
    """Another library to time, on functions alone; jax.nn always is."""
    size: int = contests.FULL_SIZE
    """Elements of the timed arrays; rows of softmax become fewer in proportion."""
    rounds: int = 7
    """How often each timed program has its turn; three times as often in train steps."""
    largest: int = 2**24
    """Elements of the largest array in the figure of time against size."""
    out: Path = Path("results")
    """Folder for speed.md, speed.json and the figure."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.functions:
            checks.one_of(MEASURED, functions=name)
        checks.at_least(2, rounds=self.rounds)
        checks.at_least(1024, size=self.size, largest=self.largest)


def run(config: Config, progress: Progress) -> Measured:
    """Everything that was asked for."""
    measured = Measured()
    steps = list(_steps(config, config.functions or MEASURED))
    for done, (doing, step) in enumerate(steps):
        progress(done / len(steps), doing)
        step(measured)
        jax.clear_caches()
    return measured


def _steps(config: Config, names: Sequence[str]) -> Iterator[tuple[str, Callable[[Measured], None]]]:
    for name in names:
        yield name, lambda measured, name=name: (_count_rows if name in ROWS else _count)(name, measured)
    if config.timed:
        for contest in contests.every(names, config.size, config.largest, config.peer, config.regimes):
            doing = f"{contest.regime}: {contest.function}"
            yield doing, lambda measured, contest=contest: _hold(contest, config.rounds, measured)


def _count(name: str, measured: Measured) -> None:
    """All figures of an elementwise function."""
    found = {library: _counted(f) for library, f in pair(name).items()}
    ours, theirs = found["jaxact"], found.get("jax.nn")
    limits = {
        KEPT: KEPT_IF_LINEAR if figures.piecewise_linear(pair(name)["jaxact"]) else LIMITS[KEPT].most,
        LAYERS: LAYERS_FROM_OUTPUT if name in SLOPE_FROM_OUTPUT else LIMITS[LAYERS].most,
        TRANSCENDENTALS: inf,
    }
    for what, most in limits.items():
        other = theirs[0][what] if theirs else None
        measured.figures.append(Figure(what, name, ours[0][what], other, _finite(LIMITS[what].bound(other, most))))
    for order, case in enumerate(("f", "f'")):
        other = theirs[1][order] if theirs else None
        bound = LIMITS[EQUATIONS].most if theirs else None
        measured.figures.append(Figure(EQUATIONS, name, ours[1][order], other, bound, case))
    beside = (theirs[0]["flops"], theirs[1]) if theirs else (None, None)
    measured.costs.append(Costs(name, ours[0]["flops"], ours[1], *beside))


def _counted(f: figures.Elementwise) -> tuple[dict[str, float], list[int]]:
    return {KEPT: figures.kept(f), LAYERS: figures.layers(f), **figures.operations(f)}, figures.equations(f)


def _count_rows(name: str, measured: Measured) -> None:
    """The temporary memory of a function over an axis."""
    for shape, dtype, what in product(rows_contests.SHAPES, ("float32", "bfloat16"), PASSES):
        ours, theirs = rows_contests.temporary(name, what, shape, dtype)
        bound = LIMITS[MEMORY].bound(theirs)
        measured.figures.append(Figure(MEMORY, f"{name} {shape}", ours, theirs, bound, f"{what}, {dtype}"))


def _finite(bound: float) -> float | None:
    return None if bound == inf else bound


def _hold(contest: contests.Contest, rounds: int, measured: Measured) -> None:
    turns = max(2, round(rounds * contest.rounds))
    runs = paired_times(contest.programs(), turns, before=jax.clear_caches if contest.compiles else None)
    middle = {name: sorted(seconds)[turns // 2] for name, seconds in runs.items()}
    if contest.elements:
        lines = measured.growth.setdefault(contest.function, {})
        for name, seconds in middle.items():
            lines.setdefault(name, {})[contest.elements] = seconds / contest.elements * 1e9
        return
    ratios = {name: ratio(runs, "jaxact", name) for name in runs if name != "jaxact"}
    bound = _bound(contest) if ratios else SLOWEST_COMPILATION
    given = contest.regime, contest.what, contest.function, contest.dtype
    measured.times.append(Time(*given, middle["jaxact"] * 1e3, ratios, bound))


def _bound(contest: contests.Contest) -> float | None:
    regime = TIMES.get(contest.regime)
    return _finite(regime.bound(contest.what, contest.function)) if regime else None
