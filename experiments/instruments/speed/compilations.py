"""How long JAX and XLA take to trace and compile a function: with its gradient, and as its Hessian."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from experiments.instruments.costs import both

from .pairs import ROWS, Programs, pair
from .regimes import HESSIAN

ELEMENTS = {False: 1024, True: 8}
"""Of the input, and of the Hessian's."""


def timed(name: str, what: str) -> Callable[[], Programs]:
    """Both libraries' function, or ours alone where no other has it."""
    shape = jax.ShapeDtypeStruct((ELEMENTS[what == HESSIAN],), "float32")
    return lambda: {library: lambda f=f: _compile(f, what, shape) for library, f in _vectors(name).items()}


def _vectors(name: str) -> dict[str, Callable[[Array], Array]]:
    """The functions of one vector, whose label is a class that it has."""
    if name not in ROWS:
        return pair(name)
    return {library: lambda x, f=f: f(x, jnp.int32(3)) for library, f in ROWS[name].items()}


def _compile(f: Callable[[Array], Array], what: str, shape: Any) -> None:
    """The first time that a process compiles it, with no cache on disk either."""
    on_disk = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        if what == HESSIAN:
            jax.jit(jax.hessian(lambda x: f(x).sum())).lower(shape).compile()
        else:
            jax.jit(both(f)).lower(shape, jax.eval_shape(f, shape)).compile()
    finally:
        jax.config.update("jax_enable_compilation_cache", on_disk)
