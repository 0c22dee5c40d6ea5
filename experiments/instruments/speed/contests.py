"""What is timed against what, regime by regime."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from experiments.instruments.costs import both
from experiments.instruments.peers import JAX_NN, TORCH

from . import compilations, reductions, rows_contests, train_steps
from .pairs import ROWS, Programs, inputs, normal, pair
from .regimes import ALONE_16, ALONE_32, BOTH, COMPILE, COMPILED, PASSES, REDUCED, REDUCTIONS, STEPS
from .regimes import ROWS as ROWS_REGIME

CALL, GROWTH, IMPORT = "eager call", "growth", "import"
REGIMES = ("alone", "reduction", "rows", "steps", "compile", "call", "growth", "import")
"""As the command line has them."""
FULL_SIZE = 2**21
SMALL = 2**10
"""Elements of a call that costs nothing but the call, and of the smallest array of the figure."""


@dataclass(frozen=True)
class Contest:
    """Programs that take turns, ours first, and the one that it is judged by second."""

    regime: str
    what: str
    function: str
    dtype: str
    programs: Callable[[], Programs]
    rounds: float = 1
    """So many times as many as asked for."""
    compiles: bool = False
    """Whether JAX has to forget all programs before each turn."""
    elements: int = 0
    """Of a contest for the figure of time against size."""


def every(
    names: Sequence[str], size: int, largest: int, peers: Sequence[str] = (), regimes: Collection[str] = REGIMES
) -> Iterator[Contest]:
    """All contests of these regimes, those beside jax.nn for the names that it has."""
    shared = [name for name in names if name in JAX_NN]
    rows = [name for name in names if name in ROWS]
    made = {
        "alone": lambda: _alone(shared, size, peers),
        "reduction": lambda: _reductions(shared, size),
        "rows": lambda: _rows(rows, size),
        "steps": lambda: _steps(names),
        "compile": lambda: _compilations(names),
        "call": lambda: (Contest(CALL, "", name, "float32", _eager(name)) for name in shared),
        "growth": lambda: _growth(shared, largest),
        "import": lambda: [Contest(IMPORT, "", "jaxact", "", _imports, 0.5)] if set(JAX_NN) <= set(names) else [],
    }
    for regime in regimes:
        yield from made[regime]()


def _alone(names: Sequence[str], size: int, peers: Sequence[str]) -> Iterator[Contest]:
    for name in names:
        for regime, dtype in ((ALONE_32, "float32"), (ALONE_16, "bfloat16")):
            for what in PASSES:
                yield Contest(regime, what, name, dtype, _passes(name, dtype, size, what, peers))


def _reductions(names: Sequence[str], size: int) -> Iterator[Contest]:
    for name in names:
        for what in REDUCTIONS:
            yield Contest(REDUCED, what, name, "float32", reductions.reduced(name, what, size))


def _rows(names: Sequence[str], size: int) -> Iterator[Contest]:
    for name in names:
        for shape in rows_contests.SHAPES:
            given = rows_contests.smaller(shape, size / FULL_SIZE)
            for dtype in ("float32", "bfloat16"):
                for what in PASSES:
                    programs = rows_contests.timed(name, what, given, dtype)
                    yield Contest(ROWS_REGIME, what, f"{name} {given}", dtype, programs)


def _steps(names: Sequence[str]) -> Iterator[Contest]:
    for step in train_steps.steps(names):  # where a few percent count: three times the rounds
        yield Contest(STEPS, step.what, ", ".join(step.functions), "float32", train_steps.timed(step), 3)


def _compilations(names: Sequence[str]) -> Iterator[Contest]:
    for name in names:
        rounds = 0.5 if name in JAX_NN or name in ROWS else 0.3
        for what in COMPILED:
            yield Contest(COMPILE, what, name, "float32", compilations.timed(name, what), rounds, True)


def _growth(names: Sequence[str], largest: int) -> Iterator[Contest]:
    for name in [name for name in ("relu", "silu", "gelu") if name in names]:
        elements = SMALL
        while elements <= largest:
            programs = _passes(name, "float32", elements, BOTH, ())
            yield Contest(GROWTH, BOTH, name, "float32", programs, elements=elements)
            elements *= 4


def _passes(name: str, dtype: str, size: int, what: str, peers: Sequence[str]) -> Callable[[], Programs]:
    def programs() -> Programs:
        x, tangent = inputs(name, (size,), dtype), normal((size,), dtype, 1)
        given = (x, tangent) if what == BOTH else (x,)
        runs = {library: jax.jit(both(f) if what == BOTH else f) for library, f in pair(name).items()}
        made: Programs = {library: partial(run, *given) for library, run in runs.items()}
        if "torch" in peers and name in TORCH:
            made["torch"] = _torch(name, x, tangent, what == BOTH)
        return made

    return programs


def _torch(name: str, x: Array, tangent: Array, backward: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    theirs, given = TORCH[name]
    function = getattr(torch.nn.functional, theirs)
    to_torch = lambda a: torch.from_numpy(np.array(a, "float32")).to(getattr(torch, str(a.dtype)))  # noqa: E731
    point, along = to_torch(x).requires_grad_(backward), to_torch(tangent)

    def forward() -> None:
        with torch.no_grad():
            function(point, **given)

    def passes() -> None:
        torch.autograd.grad(function(point, **given), point, along)

    return passes if backward else forward


def _eager(name: str) -> Callable[[], Programs]:
    def programs() -> Programs:
        x = inputs(name, (SMALL,))
        return {library: partial(f, x) for library, f in pair(name).items()}

    return programs


def _imports() -> Programs:
    """Seconds that Python takes to start and import, so that the difference is what jaxact adds."""
    run = lambda what: lambda: subprocess.run([sys.executable, "-c", f"import {what}"], check=True) and None  # noqa: E731
    return {"jaxact": run("jax, equinox, jaxact"), "jax and equinox": run("jax, equinox")}
