"""The comparisons of programs that are timed, by regime."""

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

from experiments.instruments.costs import forward_and_backward
from experiments.instruments.peers import JAX_NN, TORCH

from . import compilations, reductions, softmax_family, train_steps
from .pairs import ROW_FUNCTIONS, Programs, inputs, normal, pair
from .regimes import ALONE_16, ALONE_32, BOTH, COMPILE, COMPILED, PASSES, REDUCED, REDUCTIONS, SOFTMAX_FAMILY, STEPS

CALL, GROWTH, IMPORT = "eager call", "growth", "import"
REGIMES = ("alone", "reduction", "rows", "steps", "compile", "call", "growth", "import")
"""The names of the regimes on the command line."""
FULL_SIZE = 2**21
SMALL = 2**10
"""Elements of an array on which the call itself dominates, and of the smallest array of the figure."""


@dataclass(frozen=True)
class Comparison:
    """Programs whose times are compared: ours first, then the one on which the verdict depends."""

    regime: str
    what: str
    function: str
    dtype: str
    programs: Callable[[], Programs]
    rounds: float = 1
    """Factor on the number of rounds."""
    compiles: bool = False
    """Whether JAX's caches are cleared before each turn."""
    elements: int = 0
    """Number of elements, for the figure of time against size; otherwise 0."""


def every(
    names: Sequence[str], size: int, largest: int, peers: Sequence[str] = (), regimes: Collection[str] = REGIMES
) -> Iterator[Comparison]:
    """All comparisons of these regimes; those with jax.nn for the names that it has."""
    shared = [name for name in names if name in JAX_NN]
    rows = [name for name in names if name in ROW_FUNCTIONS]
    by_regime = {
        "alone": lambda: _alone(shared, size, peers),
        "reduction": lambda: _reductions(shared, size),
        "rows": lambda: _rows(rows, size),
        "steps": lambda: _steps(names),
        "compile": lambda: _compilations(names),
        "call": lambda: (Comparison(CALL, "", name, "float32", _eager(name)) for name in shared),
        "growth": lambda: _growth(shared, largest),
        "import": lambda: [Comparison(IMPORT, "", "jaxact", "", _imports, 0.5)] if set(JAX_NN) <= set(names) else [],
    }
    for regime in regimes:
        yield from by_regime[regime]()


def _alone(names: Sequence[str], size: int, peers: Sequence[str]) -> Iterator[Comparison]:
    for name in names:
        for regime, dtype in ((ALONE_32, "float32"), (ALONE_16, "bfloat16")):
            for what in PASSES:
                yield Comparison(regime, what, name, dtype, _passes(name, dtype, size, what, peers))


def _reductions(names: Sequence[str], size: int) -> Iterator[Comparison]:
    for name in names:
        for what in REDUCTIONS:
            yield Comparison(REDUCED, what, name, "float32", reductions.reduced(name, what, size))


def _rows(names: Sequence[str], size: int) -> Iterator[Comparison]:
    for name in names:
        for shape in softmax_family.SHAPES:
            smaller = softmax_family.smaller(shape, size / FULL_SIZE)
            for dtype in ("float32", "bfloat16"):
                for what in PASSES:
                    programs = softmax_family.timed(name, what, smaller, dtype)
                    yield Comparison(SOFTMAX_FAMILY, what, f"{name} {smaller}", dtype, programs)


def _steps(names: Sequence[str]) -> Iterator[Comparison]:
    for step in train_steps.steps(names):  # three times the rounds, as a few percent matter
        yield Comparison(STEPS, step.what, ", ".join(step.functions), "float32", train_steps.timed(step), 3)


def _compilations(names: Sequence[str]) -> Iterator[Comparison]:
    for name in names:
        rounds = 0.5 if name in JAX_NN or name in ROW_FUNCTIONS else 0.3
        for what in COMPILED:
            yield Comparison(COMPILE, what, name, "float32", compilations.timed(name, what), rounds, True)


def _growth(names: Sequence[str], largest: int) -> Iterator[Comparison]:
    for name in [name for name in ("relu", "silu", "gelu") if name in names]:
        elements = SMALL
        while elements <= largest:
            programs = _passes(name, "float32", elements, BOTH, ())
            yield Comparison(GROWTH, BOTH, name, "float32", programs, elements=elements)
            elements *= 4


def _passes(name: str, dtype: str, size: int, what: str, peers: Sequence[str]) -> Callable[[], Programs]:
    def make() -> Programs:
        x, tangent = inputs(name, (size,), dtype), normal((size,), dtype, 1)
        arguments = (x, tangent) if what == BOTH else (x,)
        runs = {library: jax.jit(forward_and_backward(f) if what == BOTH else f) for library, f in pair(name).items()}
        programs: Programs = {library: partial(run, *arguments) for library, run in runs.items()}
        if "torch" in peers and name in TORCH:
            programs["torch"] = _torch(name, x, tangent, what == BOTH)
        return programs

    return make


def _torch(name: str, x: Array, tangent: Array, backward: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    theirs, parameters = TORCH[name]
    function = getattr(torch.nn.functional, theirs)
    to_torch = lambda a: torch.from_numpy(np.array(a, "float32")).to(getattr(torch, str(a.dtype)))  # noqa: E731
    point, along = to_torch(x).requires_grad_(backward), to_torch(tangent)

    def forward() -> None:
        with torch.no_grad():
            function(point, **parameters)

    def passes() -> None:
        torch.autograd.grad(function(point, **parameters), point, along)

    return passes if backward else forward


def _eager(name: str) -> Callable[[], Programs]:
    def programs() -> Programs:
        x = inputs(name, (SMALL,))
        return {library: partial(f, x) for library, f in pair(name).items()}

    return programs


def _imports() -> Programs:
    """Programs that start Python and import: the difference is what jaxact adds."""
    run = lambda what: lambda: subprocess.run([sys.executable, "-c", f"import {what}"], check=True) and None  # noqa: E731
    return {"jaxact": run("jax, equinox, jaxact"), "jax and equinox": run("jax, equinox")}
