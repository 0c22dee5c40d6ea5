"""Activations whose output is reduced at once: XLA fuses both, so that times differ from those of the function."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from experiments.instruments.costs import Elementwise

from .pairs import Programs, inputs, normal, pair
from .regimes import BIAS, LAYER_NORM, MEAN, SUM

WIDTH = 1024
"""Length of the rows."""


def layer_norm(y: Array) -> Array:
    """LayerNorm without weights."""
    centred = y - jnp.mean(y, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + 1e-5)


def bias_gradient(f: Elementwise, x: Array, bias: Array, cotangent: Array) -> Array:
    """The gradient of a layer's bias: a sum over all rows."""
    return jax.grad(lambda bias: jnp.sum(f(x + bias[None]) * cotangent))(bias)


REDUCED: dict[str, Callable[[Elementwise, Array, Array, Array], Array]] = {
    SUM: lambda f, x, bias, cotangent: jnp.sum(f(x), -1),
    MEAN: lambda f, x, bias, cotangent: jnp.mean(f(x)),
    LAYER_NORM: lambda f, x, bias, cotangent: layer_norm(f(x)),
    BIAS: bias_gradient,
}


def reduced(name: str, what: str, size: int) -> Callable[[], Programs]:
    """The program of this name with our function and with jax.nn's, on about `size` numbers."""

    def programs() -> Programs:
        shape = (max(1, size // WIDTH), WIDTH)
        arguments = inputs(name, shape), abs(normal((WIDTH,), seed=1)), normal(shape, seed=2)
        runs = {
            library: jax.jit(lambda *arguments, f=f: REDUCED[what](f, *arguments)) for library, f in pair(name).items()
        }
        return {library: lambda run=run: run(*arguments) for library, run in runs.items()}

    return programs
