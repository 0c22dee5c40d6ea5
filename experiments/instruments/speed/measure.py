"""What do the activations cost? Memory, operations and time, beside jax.nn and PyTorch in the same run.

Counts come first, which are the same on every run: residuals of jax.vjp, memory of compiled programs, transcendental
functions and equations. With `--timed`, times follow, in the regimes in which users run activations: alone, into a
reduction, over an axis, in train steps, and while they compile. All programs of a comparison take turns; reported is
the ratio of their medians with a 95 % bootstrap interval.

The exit code is 1 if a bound is missed without a reason; a bound on a time is missed if the whole interval is above
it.
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
from experiments.instruments import costs

from . import comparisons, softmax_family
from .pairs import MEASURED, ROW_FUNCTIONS, pair
from .regimes import (
    ARRAYS_FROM_OUTPUT,
    ARRAYS_PER_LAYER,
    EQUATIONS,
    LIMITS,
    MEMORY,
    PASSES,
    RESIDUAL_BYTES,
    RESIDUAL_BYTES_IF_LINEAR,
    SLOPE_FROM_OUTPUT,
    SLOWEST_COMPILATION,
    TIMES,
    TRANSCENDENTALS,
)
from .results import Count, Measured, Operations, Time

RegimeName = Literal["alone", "reduction", "rows", "steps", "compile", "call", "growth", "import"]


@dataclass(frozen=True)
class Config:
    """What do the activations cost?"""

    functions: tuple[str, ...] = ()
    """Names of functions to measure; all if none is given."""
    timed: bool = False
    """Measure times as well: twelve minutes on two cores."""
    regimes: tuple[RegimeName, ...] = comparisons.REGIMES
    """Regimes to time; all if none is given."""
    peer: Annotated[tuple[Literal["torch"], ...], tyro.conf.UseAppendAction] = ()
    """Another library to time beside jax.nn, in the regimes alone."""
    size: int = comparisons.FULL_SIZE
    """Elements of the timed arrays; the number of rows of softmax changes in proportion."""
    rounds: int = 7
    """How often each program is timed; three times as often in train steps."""
    largest: int = 2**24
    """Elements of the largest array in the figure of time against size."""
    out: Path = Path("results")
    """Folder for speed.md, speed.json and the figure."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.functions:
            checks.one_of(MEASURED, functions=name)
        checks.at_least(2, rounds=self.rounds)
        checks.at_least(1024, 2**30, size=self.size, largest=self.largest)


def run(config: Config, progress: Progress) -> Measured:
    """Measure the functions of the settings."""
    measured = Measured()
    steps = list(_steps(config, config.functions or MEASURED))
    for done, (doing, step) in enumerate(steps):
        progress(done / len(steps), doing)
        step(measured)
        jax.clear_caches()
    return measured


def _steps(config: Config, names: Sequence[str]) -> Iterator[tuple[str, Callable[[Measured], None]]]:
    for name in names:
        yield name, lambda measured, name=name: (_count_rows if name in ROW_FUNCTIONS else _count)(name, measured)
    if config.timed:
        for comparison in comparisons.every(names, config.size, config.largest, config.peer, config.regimes):
            doing = f"{comparison.regime}: {comparison.function}"
            yield doing, lambda measured, comparison=comparison: _time(comparison, config.rounds, measured)


def _count(name: str, measured: Measured) -> None:
    """Count the costs of an elementwise function."""
    counted = {library: _counts_of(f) for library, f in pair(name).items()}
    ours, theirs = counted["jaxact"], counted.get("jax.nn")
    linear = costs.piecewise_linear(pair(name)["jaxact"])
    limits = {
        RESIDUAL_BYTES: RESIDUAL_BYTES_IF_LINEAR if linear else LIMITS[RESIDUAL_BYTES].most,
        ARRAYS_PER_LAYER: ARRAYS_FROM_OUTPUT if name in SLOPE_FROM_OUTPUT else LIMITS[ARRAYS_PER_LAYER].most,
        TRANSCENDENTALS: inf,
    }
    for what, most in limits.items():
        other = theirs[0][what] if theirs else None
        measured.counts.append(Count(what, name, ours[0][what], other, _finite(LIMITS[what].bound(other, most))))
    for order, case in enumerate(("f", "f'")):
        other = theirs[1][order] if theirs else None
        bound = LIMITS[EQUATIONS].most if theirs else None
        measured.counts.append(Count(EQUATIONS, name, ours[1][order], other, bound, case))
    their_operations = (theirs[0]["flops"], theirs[1]) if theirs else (None, None)
    measured.operations.append(Operations(name, ours[0]["flops"], ours[1], *their_operations))


def _counts_of(f: costs.Elementwise) -> tuple[dict[str, float], list[int]]:
    memory = {RESIDUAL_BYTES: costs.residual_bytes(f), ARRAYS_PER_LAYER: costs.arrays_per_layer(f)}
    return memory | costs.operations(f), costs.equations(f)


def _count_rows(name: str, measured: Measured) -> None:
    """Count the temporary memory of a function over an axis."""
    for shape, dtype, what in product(softmax_family.SHAPES, ("float32", "bfloat16"), PASSES):
        ours, theirs = softmax_family.temporary(name, what, shape, dtype)
        bound = LIMITS[MEMORY].bound(theirs)
        measured.counts.append(Count(MEMORY, f"{name} {shape}", ours, theirs, bound, f"{what}, {dtype}"))


def _finite(bound: float) -> float | None:
    return None if bound == inf else bound


def _time(comparison: comparisons.Comparison, rounds: int, measured: Measured) -> None:
    turns = max(2, round(rounds * comparison.rounds))
    runs = paired_times(comparison.programs(), turns, before=jax.clear_caches if comparison.compiles else None)
    medians = {name: sorted(seconds)[turns // 2] for name, seconds in runs.items()}
    if comparison.elements:
        lines = measured.growth.setdefault(comparison.function, {})
        for name, seconds in medians.items():
            lines.setdefault(name, {})[comparison.elements] = seconds / comparison.elements * 1e9
        return
    ratios = {name: ratio(runs, "jaxact", name) for name in runs if name != "jaxact"}
    bound = _bound(comparison) if ratios else SLOWEST_COMPILATION
    key = comparison.regime, comparison.what, comparison.function, comparison.dtype
    measured.times.append(Time(*key, medians["jaxact"] * 1e3, ratios, bound))


def _bound(comparison: comparisons.Comparison) -> float | None:
    regime = TIMES.get(comparison.regime)
    return _finite(regime.bound(comparison.what, comparison.function)) if regime else None
