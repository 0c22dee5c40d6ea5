"""Units that are linear for x > 0 and exponential for x <= 0; xielu; and the exponential itself."""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Finite, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import LARGE, exp_left, expm1_left, expm1_minus_x_left, expm1_minus_x_over_x_left
from ._residuals import from_output


@activation(bounds=(-1, inf), slopes_at_inf=(0, 1), kinks=(0,), source="https://arxiv.org/abs/1511.07289")
@derivative(
    x=lambda x, alpha: jnp.where(x > 0, 1, alpha * exp_left(x)),
    alpha=lambda x, alpha: expm1_left(x),
)
def elu(x: ArrayLike, alpha: Finite = 1.0) -> Array:
    """elu(x, alpha) = x if x > 0 else alpha * (exp(x) - 1)

    Exponential linear unit: it saturates at -alpha, so that the mean of the outputs is closer to 0. The slope at 0 is
    alpha; for alpha = 1 the slope is continuous and the curvature is not.

    Args:
        alpha: minus the limit for x to -inf.
    """
    return jnp.maximum(x, 0) + alpha * jnp.expm1(jnp.minimum(x, 0))


def _celu_by_alpha(x: Array, alpha: ArrayLike) -> Array:
    """exp(z) - 1 - z * exp(z) with z = x / alpha, in a form that does not cancel near 0."""
    z = jnp.maximum(jnp.where(x > 0, 0, x) / alpha, -LARGE)
    return jnp.where(z > -1.5, z * (expm1_minus_x_over_x_left(z) - expm1_left(z)), expm1_left(z) - z * exp_left(z))


@activation(bounds=(-1, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1704.07483")
@derivative(x=lambda x, alpha: jnp.where(x > 0, 1, exp_left(jnp.maximum(x, -LARGE) / alpha)), alpha=_celu_by_alpha)
def celu(x: ArrayLike, alpha: PositiveFinite = 1.0) -> Array:
    """celu(x, alpha) = x if x > 0 else alpha * (exp(x / alpha) - 1)

    Continuously differentiable exponential linear unit: an elu whose slope is continuous for every alpha.

    Args:
        alpha: positive, minus the limit for x to -inf.
    """
    return jnp.maximum(x, 0) + alpha * jnp.expm1(jnp.minimum(x, 0) / alpha)


# The constants of the paper, for which mean 0 and variance 1 are a fixed point.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@activation(
    bounds=(-1.7580993408473768, inf),
    slopes_at_inf=(0, 1.0507009873554805),
    kinks=(0,),
    source="https://arxiv.org/abs/1706.02515",
)
@derivative(x=lambda x: jnp.where(x > 0, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA * exp_left(x)))
def selu(x: ArrayLike) -> Array:
    """selu(x) = 1.0507009873554804934193349852946 * (x if x > 0 else 1.6732632423543772848170429916717 * (exp(x) - 1))

    Scaled exponential linear unit: with its constants, mean 0 and variance 1 are a fixed point of deep nets. The slope
    at 0 is the left one, 1.758.
    """
    return _SELU_SCALE * jnp.maximum(x, 0) + _SELU_SCALE * _SELU_ALPHA * jnp.expm1(jnp.minimum(x, 0))


@derivative(
    x=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, 2 * alpha_p, alpha_n * exp_left(x)),
    alpha_p=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, 2 * x, 0),
    alpha_n=lambda x, alpha_p, alpha_n, beta: expm1_left(x),
    beta=lambda x, alpha_p, alpha_n, beta: jnp.ones_like(x),
)
def xielu_slope(
    x: ArrayLike, alpha_p: PositiveFinite = 0.8, alpha_n: PositiveFinite = 0.8, beta: PositiveFinite = 0.5
) -> Array:
    """The slope of xielu by x: 2*alpha_p*x + beta if x > 0, else alpha_n*(exp(x) - 1) + beta."""
    x, alpha_p, alpha_n, beta = as_arrays(x, alpha_p, alpha_n, beta)
    return 2 * alpha_p * jnp.maximum(x, 0) + ((beta - alpha_n) + alpha_n * jnp.exp(jnp.minimum(x, 0)))


@activation(
    bounds=(-0.20575122409639843, inf),
    slopes_at_inf=(-0.3, inf),
    source="https://arxiv.org/abs/2411.13010",
    crossing=True,
)
@derivative(
    x=xielu_slope,
    alpha_p=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, x * x, 0),
    alpha_n=lambda x, alpha_p, alpha_n, beta: expm1_minus_x_left(x),
    beta=lambda x, alpha_p, alpha_n, beta: x,
)
def xielu(
    x: ArrayLike, alpha_p: PositiveFinite = 0.8, alpha_n: PositiveFinite = 0.8, beta: PositiveFinite = 0.5
) -> Array:
    """xielu(x, alpha_p, alpha_n, beta) = alpha_p*x*x + beta*x if x > 0 else alpha_n*(exp(x) - 1 - x) + beta*x

    Expanded integral of the exponential linear unit, quadratic for x > 0. If alpha_n > beta, as in the paper, its slope
    changes sign at some x < 0, and its value crosses zero at another.

    Args:
        alpha_p: positive, half the curvature for x > 0.
        alpha_n: positive, the curvature at 0 from the left.
        beta: positive, the slope at 0.
    """
    x, alpha_p, alpha_n, beta = as_arrays(x, alpha_p, alpha_n, beta)
    x = jnp.where(beta == alpha_n, jnp.maximum(x, -LARGE), x)  # where the slope at -inf, beta - alpha_n, is 0
    left = jnp.minimum(x, -1e-30)
    return x * (alpha_p * jnp.maximum(x, 0) + (alpha_n * (jnp.expm1(left) / left) + (beta - alpha_n)))


@activation(bounds=(0, inf), slopes_at_inf=(0, inf), source="https://keras.io/api/layers/activations/")
@derivative(x=lambda x: jnp.exp(x), residuals=(from_output(lambda y: y),))
def exponential(x: ArrayLike) -> Array:
    """exponential(x) = exp(x)

    The exponential function, for positive outputs such as rates and variances. It is inf only where the result is too
    large for the float type.
    """
    return jnp.exp(x)
