"""Activations with an exponential on the negative side."""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import activation, derivative
from ._numerics import exp_nonpositive, expm1_nonpositive


def _nonpositive(x: Array) -> Array:
    return jnp.where(x > 0, 0, x)  # not jnp.minimum, whose slope at 0 is a half


@activation(bounds=(-1, inf), tails=(0, 1), kinks=(0,), source="https://arxiv.org/abs/1511.07289")
@derivative(
    x=lambda x, alpha: jnp.where(x > 0, 1, alpha * exp_nonpositive(_nonpositive(x))),
    alpha=lambda x, alpha: expm1_nonpositive(_nonpositive(x)),
)
def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """elu(x, alpha) = x if x > 0 else alpha * (exp(x) - 1)

    Exponential linear unit: saturates at -alpha, which pulls the mean of the outputs towards zero. The slope at 0 is
    alpha, so that the default has no kink in f' but one in f''.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        alpha: broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x > 0, x, alpha * expm1_nonpositive(_nonpositive(x)))
