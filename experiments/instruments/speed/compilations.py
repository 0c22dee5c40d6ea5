"""Compile times: tracing and compiling a function with its gradient, and its Hessian."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from experiments.instruments.costs import forward_and_backward

from .pairs import ROW_FUNCTIONS, Programs, pair
from .regimes import HESSIAN

ELEMENTS = {False: 1024, True: 8}
"""Elements of the input: True for a Hessian, False for a gradient."""


def timed(name: str, what: str) -> Callable[[], Programs]:
    """Programs that compile both libraries' function, or ours alone where no other has it."""
    shape = jax.ShapeDtypeStruct((ELEMENTS[what == HESSIAN],), "float32")
    return lambda: {library: lambda f=f: _compile(f, what, shape) for library, f in _vectors(name).items()}


def _vectors(name: str) -> dict[str, Callable[[Array], Array]]:
    """The functions of one vector; those of rows and labels get the label 3."""
    if name not in ROW_FUNCTIONS:
        return pair(name)
    return {library: lambda x, f=f: f(x, jnp.int32(3)) for library, f in ROW_FUNCTIONS[name].items()}


def _compile(f: Callable[[Array], Array], what: str, shape: Any) -> None:
    """Compile without the cache on disk."""
    on_disk = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        if what == HESSIAN:
            jax.jit(jax.hessian(lambda x: f(x).sum())).lower(shape).compile()
        else:
            jax.jit(forward_and_backward(f)).lower(shape, jax.eval_shape(f, shape)).compile()
    finally:
        jax.config.update("jax_enable_compilation_cache", on_disk)
