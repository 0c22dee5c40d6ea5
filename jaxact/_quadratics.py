"""Rectifiers with a quadratic piece."""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Finite, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import zero
from ._rectifiers import above, sparse_sigmoid, within


@derivative(x=lambda x: within(x, -3, 3, 1 / 3))
def hard_silu_slope(x: ArrayLike) -> Array:
    """The slope of hard_silu: (2*x + 3) / 6 if abs(x) < 3."""
    x = jnp.asarray(x)
    return jnp.where(x <= -3, 0, jnp.where(x >= 3, 1, (2 * x + 3) / 6))


@activation(bounds=(-0.375, inf), slopes_at_inf=(0, 1), kinks=(-3, 3), source="https://arxiv.org/abs/1905.02244")
@derivative(x=hard_silu_slope)
def hard_silu(x: ArrayLike) -> Array:
    """hard_silu(x) = x * max(0, min(1, (x + 3) / 6))

    Piecewise-quadratic silu of MobileNetV3, also known as hard_swish. The slope is 0 at -3 and 1 at 3, that of the
    linear pieces (as in PyTorch; jax.nn has the mean of both sides).
    """
    x = jnp.maximum(x, -3)
    return x * jnp.minimum((x + 3) / 6, 1)


hard_swish = hard_silu


@derivative(x=lambda x: 2 * above(x, 0))
def relu_squared_slope(x: ArrayLike) -> Array:
    """The slope of relu_squared: 2*x if x > 0, else 0."""
    return 2 * jnp.maximum(x, 0)


@activation(bounds=(0, inf), slopes_at_inf=(0, inf), source="https://arxiv.org/abs/2109.08668")
@derivative(x=relu_squared_slope)
def relu_squared(x: ArrayLike) -> Array:
    """relu_squared(x) = x*x if x > 0 else 0

    Squared relu, of Primer: its slope 2*x is continuous, where that of relu jumps.
    """
    return jnp.square(jnp.maximum(x, 0))


def _positive_part(x: Array) -> Array:
    return jnp.where(x <= 0, 0, x)  # jnp.maximum has slope 1/2 at 0


@activation(bounds=(-0.4472, inf), slopes_at_inf=(0, inf), source="https://arxiv.org/abs/2210.13452", crossing=True)
@derivative(
    x=lambda x, scale, bias: 2 * scale * _positive_part(x),  # 2 * x may be inf where the slope is not
    scale=lambda x, scale, bias: jnp.square(_positive_part(x)),
    bias=lambda x, scale, bias: 1 + zero(x),
)
def star_relu(x: ArrayLike, scale: Finite = 0.8944, bias: ArrayLike = -0.4472) -> Array:
    """star_relu(x, scale, bias) = scale*x*x + bias if x > 0 else bias

    Squared relu with mean 0 and variance 1 for normal inputs, of MetaFormer.

    Args:
        scale: the factor of the square.
        bias: the value for x <= 0.
    """
    x, scale, bias = as_arrays(x, scale, bias)
    right = jnp.maximum(x, 0)
    return scale * right * right + bias


@derivative(
    x=lambda x, beta: within(x, -beta, beta, 0.5 / beta),
    beta=lambda x, beta: within(x, -beta, beta, -0.5 * jnp.clip(x, -beta, beta) / beta / beta),
)
def smelu_slope(x: ArrayLike, beta: PositiveFinite = 1.0) -> Array:
    """The slope of smelu by x: (x + beta) / (2*beta) if abs(x) < beta."""
    x, beta = as_arrays(x, beta)
    return (jnp.clip(x, -beta, beta) + beta) / (2 * beta)


@activation(bounds=(0, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/2202.06499")
@derivative(
    x=smelu_slope,
    beta=lambda x, beta: within(x, -beta, beta, (1 - x / beta) * (1 + x / beta) / 4),
)
def smelu(x: ArrayLike, beta: PositiveFinite = 1.0) -> Array:
    """smelu(x, beta) = 0 if x <= -beta else x if x >= beta else (x + beta)**2 / (4*beta)

    Smooth relu: a parabola connects the two linear pieces, and the slope is continuous.

    Args:
        beta: positive, half the width of the parabola.
    """
    x, beta = as_arrays(x, beta)
    return jnp.where(x <= -beta, 0, jnp.where(x >= beta, x, jnp.square(x + beta) / (4 * beta)))


@activation(bounds=(0, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1602.02068")
@derivative(x=sparse_sigmoid)
def sparse_plus(x: ArrayLike) -> Array:
    """sparse_plus(x) = 0 if x <= -1 else x if x >= 1 else (x + 1)**2 / 4

    Softplus with exact zeros: smelu with beta = 1. Its slope is sparse_sigmoid.
    """
    x = jnp.asarray(x)
    return jnp.where(x <= -1, 0, jnp.where(x >= 1, x, jnp.square(x + 1) / 4))
