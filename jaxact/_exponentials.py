"""Linear units with an exponential on the left, and the exponential itself."""

from collections.abc import Callable
from decimal import Decimal
from math import factorial, inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._elementary import Exp, bounded, exp, nonpositive, tiny
from ._facts import activation
from ._kept import from_output
from ._numerics import exp_nonpositive, exp_of_sum, expm1_nonpositive, expm1_of_sum
from ._pairs import Pair, Tail, is_single, pair, polynomial


@activation(bounds=(-1, inf), tails=(0, 1), kinks=(0,), source="https://arxiv.org/abs/1511.07289")
@derivative(
    x=lambda x, alpha: jnp.where(x > 0, 1, alpha * exp_nonpositive(nonpositive(x))),
    alpha=lambda x, alpha: expm1_nonpositive(nonpositive(x)),
)
def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """elu(x, alpha) = x if x > 0 else alpha * (exp(x) - 1)

    Exponential linear unit: saturates at -alpha, which pulls the mean of the outputs towards zero. The slope at 0 is
    alpha, so that the default has no kink in f' but one in f''.

    Range at the defaults: -1 to inf. Kinks: 0.
    Source: https://arxiv.org/abs/1511.07289
    Error bounds in ulp of value, slope and slope's slope: 1, 1.2, 1.1 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        alpha: broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x > 0, x, alpha * expm1_nonpositive(nonpositive(x)))


def _ratio(x: Array, alpha: Array) -> tuple[Pair, Exp]:
    """z = x / alpha on the left, 0 on the right, and exp(z)."""
    z = pair(bounded(nonpositive(x))) / pair(alpha)
    return z, exp(z)


def _rounded_ratio(x: Array, alpha: Array) -> tuple[Array, Tail]:
    z, z_low = (pair(bounded(nonpositive(x))) / pair(alpha)).rounded
    return z, 0.0 if is_single() else jnp.where(z > -(2.0**20), z_low, 0)  # the error of -inf is not finite


def _celu_curvature(x: Array, alpha: Array) -> Array:
    """exp(z) / alpha"""
    _, e = _ratio(x, alpha)
    return jnp.where(x > 0, 0, e.times((e.w / pair(alpha)).value))


def _celu_slope_by_alpha(x: Array, alpha: Array) -> Array:
    """-z * exp(z) / alpha"""
    z, e = _ratio(x, alpha)
    return jnp.where(x > 0, 0, -e.times((z * e.w / pair(alpha)).value))


@derivative(x=_celu_curvature, alpha=_celu_slope_by_alpha)
def celu_slope(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """The slope of celu by x: exp(x / alpha)"""
    x = jnp.asarray(x)
    return jnp.where(x > 0, 1, exp_of_sum(*_rounded_ratio(x, jnp.asarray(alpha))))


def _from_second_order(z: Pair, far: Pair, weight: Callable[[int], int]) -> Array:
    """A difference that begins with z^2: by its series, the sum of weight(n) * z^n / n!, where it would cancel."""
    v = z.value
    terms = 10 if v.dtype == jnp.float32 else 18
    near = v * v * polynomial(v, [weight(n) / factorial(n) for n in range(terms, 1, -1)])
    return jnp.where(jnp.abs(v) < 0.25, near, far.value)


def _celu_by_alpha(x: Array, alpha: Array) -> Array:
    """exp(z) - 1 - z * exp(z)"""
    z, e = _ratio(x, alpha)
    y = _from_second_order(z, e.minus_one - z * e.w.scaled(e.s), lambda n: 1 - n)
    return jnp.where(x > 0, 0, y)


@activation(bounds=(-1, inf), tails=(0, 1), source="https://arxiv.org/abs/1704.07483", positive=("alpha",))
@derivative(x=celu_slope, alpha=_celu_by_alpha)
def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """celu(x, alpha) = x if x > 0 else alpha * (exp(x / alpha) - 1)

    Continuously differentiable exponential linear unit: an elu whose slope has no jump, whatever alpha.

    Range at the defaults: -1 to inf.
    Source: https://arxiv.org/abs/1704.07483
    Error bounds in ulp of value, slope and slope's slope: 1.5, 0.8, 0.8 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        alpha: positive; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    alpha = jnp.asarray(alpha)
    z, z_low = _rounded_ratio(x, alpha)
    y, y_low = expm1_of_sum(z, z_low)
    return jnp.where((x > 0) | tiny(z), x, y * alpha if is_single() else y * alpha + y_low * alpha)


# The fixed point of mean 0 and variance 1, with the paper's digits.
_SELU_ALPHA = Decimal("1.6732632423543772848170429916717")
_SELU_SCALE = Decimal("1.0507009873554804934193349852946")
_SELU_LEFT = float(_SELU_SCALE * _SELU_ALPHA)


def _selu_left(x: Array) -> Array:
    return _SELU_LEFT * exp_nonpositive(nonpositive(x))


@derivative(x=lambda x: jnp.where(x > 0, 0, _selu_left(x)))
def selu_slope(x: ArrayLike) -> Array:
    """The slope of selu: scale, and scale * alpha * exp(x) on the left."""
    x = jnp.asarray(x)
    return jnp.where(x > 0, float(_SELU_SCALE), _selu_left(x))


@activation(
    bounds=(-1.7580993408473768, inf),
    tails=(0, 1.0507009873554805),
    kinks=(0,),
    source="https://arxiv.org/abs/1706.02515",
)
@derivative(x=selu_slope)
def selu(x: ArrayLike) -> Array:
    """selu(x) = 1.0507009873554804934193349852946 * (x if x > 0 else 1.6732632423543772848170429916717 * (exp(x) - 1))

    Scaled exponential linear unit: layers of it drive activations to mean 0 and variance 1. The slope at 0 is the
    left one, 1.758.

    Range: -1.7581 to inf. Kinks: 0.
    Source: https://arxiv.org/abs/1706.02515
    Error bounds in ulp of value, slope and slope's slope: 1.9, 2, 1.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x > 0, x * float(_SELU_SCALE), _SELU_LEFT * expm1_nonpositive(nonpositive(x)))


def _xielu_left(x: Array) -> tuple[Pair, Exp]:
    z = pair(bounded(nonpositive(x)))
    return z, exp(z)


def _expm1_minus(x: Array) -> Array:
    """exp(x) - 1 - x on the left"""
    z, e = _xielu_left(x)
    return jnp.where(x > 0, 0, _from_second_order(z, e.minus_one - z, lambda n: 1))


def _xielu_bend(x: Array, alpha_n: Array) -> Array:
    e = _xielu_left(x)[1]
    return e.times((e.w * alpha_n).value)


@derivative(
    x=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, 2 * alpha_p, _xielu_bend(x, alpha_n)),
    alpha_p=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, 2 * x, 0),
    alpha_n=lambda x, alpha_p, alpha_n, beta: jnp.where(
        x > 0, 0, jnp.where(tiny(x), x, _xielu_left(x)[1].minus_one.value)
    ),
    beta=lambda x, alpha_p, alpha_n, beta: jnp.ones_like(x),
)
def xielu_slope(x: ArrayLike, alpha_p: ArrayLike = 0.8, alpha_n: ArrayLike = 0.8, beta: ArrayLike = 0.5) -> Array:
    """The slope of xielu by x: 2*alpha_p*x + beta on the right, alpha_n*(exp(x) - 1) + beta on the left."""
    x, alpha_n, beta = jnp.asarray(x), jnp.asarray(alpha_n), jnp.asarray(beta)
    _, e = _xielu_left(x)
    steep = pair(beta) - alpha_n
    left = jnp.where(beta == alpha_n, e.times((e.w * alpha_n).value), (e.w.scaled(e.s) * alpha_n + steep).value)
    return jnp.where(x > 0, 2 * alpha_p * x + beta, left)


@activation(
    bounds=(-0.20575122409639843, inf),
    tails=(-0.3, inf),
    source="https://arxiv.org/abs/2411.13010",
    positive=("alpha_p", "alpha_n", "beta"),
    crossing=True,
)
@derivative(
    x=xielu_slope,
    alpha_p=lambda x, alpha_p, alpha_n, beta: jnp.where(x > 0, x * x, 0),
    alpha_n=lambda x, alpha_p, alpha_n, beta: _expm1_minus(x),
    beta=lambda x, alpha_p, alpha_n, beta: x,
)
def xielu(x: ArrayLike, alpha_p: ArrayLike = 0.8, alpha_n: ArrayLike = 0.8, beta: ArrayLike = 0.5) -> Array:
    """xielu(x, alpha_p, alpha_n, beta) = alpha_p*x*x + beta*x if x > 0 else alpha_n*(exp(x) - 1 - x) + beta*x

    Expanded integral of the exponential linear unit: trainable, quadratic on the right, and with a slope that changes
    sign on the left if alpha_n > beta, as in the paper. The value then crosses zero at some x < 0 too; next to that x
    its error counts in ulp of a 64th of the smallest value.

    Range at the defaults: -0.205751 to inf.
    Source: https://arxiv.org/abs/2411.13010
    Error bounds in ulp of value, slope and slope's slope: 1.6, 0.6, 0.7 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        alpha_p: positive, the curvature on the right; broadcasts against x and never changes its type.
        alpha_n: positive, the weight of the exponential on the left; broadcasts against x and never changes its type.
        beta: positive, the slope at 0; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x, alpha_n, beta = jnp.asarray(x), jnp.asarray(alpha_n), jnp.asarray(beta)
    z, e = _xielu_left(x)
    steep = pair(beta) - alpha_n
    left = (e.minus_one * alpha_n + z * steep).value
    left = jnp.where(tiny(x), x * beta, left)
    far = jnp.where(beta == alpha_n, -alpha_n, x * steep.value)
    return jnp.where(x > 0, x * (alpha_p * x + beta), jnp.where(x < -(2.0**100), far, left))


def _exponential(x: Array) -> Array:
    """exp(x) = exp(x / 2)^2, so that neither factor overflows."""
    limit = 0.75 * jnp.finfo(x.dtype).maxexp  # log(2) < 0.75: beyond the largest number, within reach of s
    e = exp(0.5 * jnp.where(x > limit, limit, x))
    y = (e.w * e.w).value
    return jnp.where(x > 0, e.s * (e.s * y), e.times(e.s * y))


@derivative(x=_exponential)
def exponential_slope(x: ArrayLike) -> Array:
    """exponential'(x) = exp(x)"""
    return _exponential(jnp.asarray(x))


@activation(bounds=(0, inf), tails=(0, inf), source="https://keras.io/api/layers/activations/")
@derivative(x=exponential_slope, keep=(from_output(lambda y: y, smooth=True),))
def exponential(x: ArrayLike) -> Array:
    """exponential(x) = exp(x)

    The exponential function, for positive outputs such as rates and variances. inf only where the result is too large
    for the type.

    Range: 0 to inf.
    Source: https://keras.io/api/layers/activations/
    Error bounds in ulp of value, slope and slope's slope: 0.8, 0.8, 0.8 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _exponential(jnp.asarray(x))
