"""Functions over rows, softmax and its kin: their programs to time, and the temporary memory of these."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp

from experiments.instruments.costs import forward_and_backward

from .pairs import ROW_FUNCTIONS, Programs, RowFunction, normal
from .regimes import BOTH

SHAPES = ((256, 32768), (8192, 1024), (65536, 64), (32, 12, 128, 128))
"""The shapes of a vocabulary, a small vocabulary, few classes, and attention."""


def smaller(shape: tuple[int, ...], share: float) -> tuple[int, ...]:
    """Fewer rows of the same length."""
    return (max(1, int(shape[0] * share)), *shape[1:])


def timed(name: str, what: str, shape: tuple[int, ...], dtype: str) -> Callable[[], Programs]:
    """Programs of the forward pass, or of both passes, of our function and of the other library's."""

    def programs() -> Programs:
        x = normal(shape, dtype)
        labels = jnp.arange(x.size // shape[-1]).reshape(shape[:-1]) % shape[-1]
        out = jax.eval_shape(ROW_FUNCTIONS[name]["jaxact"], x, labels)
        tangent = normal(out.shape, dtype, 1)
        runs = {library: jax.jit(_program(f, what)) for library, f in ROW_FUNCTIONS[name].items()}
        return {library: lambda run=run: run(x, labels, tangent) for library, run in runs.items()}

    return programs


def temporary(name: str, what: str, shape: tuple[int, ...], dtype: str) -> tuple[int, int]:
    """Bytes of temporary memory of the compiled program: ours, and the other library's."""
    x, labels = jax.ShapeDtypeStruct(shape, dtype), jax.ShapeDtypeStruct(shape[:-1], "int32")
    tangent = jax.ShapeDtypeStruct(jax.eval_shape(ROW_FUNCTIONS[name]["jaxact"], x, labels).shape, dtype)
    compiled = [jax.jit(_program(f, what)).lower(x, labels, tangent).compile() for f in ROW_FUNCTIONS[name].values()]
    ours, theirs = (cast(Any, program.memory_analysis()).temp_size_in_bytes for program in compiled)
    return ours, theirs


def _program(f: RowFunction, what: str) -> Callable[..., Any]:
    """The program of one pass or both. Labels are an argument, as XLA would fold a constant while it compiles."""
    if what == BOTH:
        return lambda x, labels, tangent: forward_and_backward(lambda x: f(x, labels))(x, tangent)
    return lambda x, labels, tangent: f(x, labels)
