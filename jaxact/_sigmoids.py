"""S-shaped activations that approach their limits exponentially.

Their slopes are computed from x: y * (1 - y) and 1 - y * y have lost all digits where y is nearly 1.
"""

from math import inf, pi, sqrt

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Operand, Positive, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import LARGE, largest_factor, logistic_slope, sech, times_exp, x_minus_tanh
from ._numerics import erf_slope as erf_slope_value
from ._numerics import tanh as tanh_value


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), source="https://en.wikipedia.org/wiki/Logistic_function")
@derivative(x=logistic_slope)
def sigmoid(x: ArrayLike) -> Array:
    """sigmoid(x) = 1 / (1 + exp(-x))

    Logistic function. Its slope is e / (1 + e)**2 with e = exp(-abs(x)), since sigmoid(x) * (1 - sigmoid(x)) is 0 from
    x = 17 on in float32.
    """
    return lax.logistic(x)


@activation(bounds=(-1, 1), slopes_at_inf=(0, 0), source="https://en.wikipedia.org/wiki/Hyperbolic_functions")
@derivative(x=lambda x: 4 * logistic_slope(2 * x))
def tanh(x: ArrayLike) -> Array:
    """tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))

    Hyperbolic tangent. Its slope is four times that of sigmoid at 2*x, since 1 - tanh(x)**2 is 0 from x = 8 on in
    float32.
    """
    return jnp.tanh(x)


def _erf_curvature(x: Array) -> Array:
    """-4 / sqrt(pi) * x * exp(-x*x)"""
    x = jnp.clip(x, -LARGE, LARGE)
    return times_exp(-4 / sqrt(pi) * x, -x * x)


@derivative(x=_erf_curvature)
def erf_slope(x: ArrayLike) -> Array:
    """The slope of erf: 2 / sqrt(pi) * exp(-x*x)."""
    return erf_slope_value(jnp.asarray(x))


@activation(bounds=(-1, 1), slopes_at_inf=(0, 0), source="https://en.wikipedia.org/wiki/Error_function")
@derivative(x=erf_slope)
def erf(x: ArrayLike) -> Array:
    """erf(x) = erf(x)

    Error function: S-shaped, it approaches its limits faster than any exponential.
    """
    return lax.erf(x)


def _gompertz_parts(x: Array, b: Operand, c: Operand) -> tuple[Array, Array]:
    """e = b * exp(-c*x), and sqrt(gompertz(x)): a product with two such factors underflows later."""
    e = b * jnp.exp(jnp.minimum(-c * x, 30))
    return e, jnp.exp(-e / 2)


def _gompertz_curvature(x: Array, b: Operand, c: Operand) -> Array:
    e, root = _gompertz_parts(x, b, c)
    return c * c * e * (e - 1) * root * root


@derivative(
    x=_gompertz_curvature,
    b=lambda x, b, c: _gompertz_slope(x, b, c) * (1 - _gompertz_parts(x, b, c)[0]) / b,
    c=lambda x, b, c: _gompertz_slope(x, b, c) / c + jnp.clip(x, -LARGE, LARGE) * _gompertz_curvature(x, b, c) / c,
)
def gompertz_slope(x: ArrayLike, b: PositiveFinite = 1.0, c: PositiveFinite = 1.0) -> Array:
    """The slope of gompertz by x: b*c * exp(-c*x) * gompertz(x)."""
    return _gompertz_slope(*as_arrays(x, b, c))


def _gompertz_slope(x: Array, b: Operand, c: Operand) -> Array:
    e, root = _gompertz_parts(x, b, c)
    return c * e * root * root


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), source="https://doi.org/10.1098/rstl.1825.0026")
@derivative(
    x=gompertz_slope,
    b=lambda x, b, c: -_gompertz_slope(x, b, c) / (b * c),
    c=lambda x, b, c: jnp.clip(x, -LARGE, LARGE) * _gompertz_slope(x, b, c) / c,
)
def gompertz(x: ArrayLike, b: PositiveFinite = 1.0, c: PositiveFinite = 1.0) -> Array:
    """gompertz(x, b, c) = exp(-b*exp(-c*x))

    Gompertz curve: a sigmoid that leaves 0 much faster than it approaches 1.

    Args:
        b: positive, the shift.
        c: positive, the growth rate.
    """
    x, b, c = as_arrays(x, b, c)
    return jnp.exp(-b * jnp.exp(-c * x))


def _softcap_by_cap(x: Array, cap: ArrayLike) -> Array:
    """tanh(z) - z * sech(z)**2 with z = x / cap, in a form that does not cancel near 0."""
    z = jnp.clip(x / cap, -LARGE, LARGE)
    t = tanh_value(z)
    return jnp.where(jnp.abs(z) < 1.5, z * t * t - x_minus_tanh(z), t - z * jnp.square(sech(z)))


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/2408.00118")
@derivative(
    x=lambda x, cap: 4 * logistic_slope(2 * jnp.clip(x, -LARGE, LARGE) / cap),
    cap=_softcap_by_cap,
)
def softcap(x: ArrayLike, cap: Positive) -> Array:
    """softcap(x, cap) = cap * tanh(x / cap)

    Soft cap: x near 0, and between -cap and cap. Gemma 2 caps attention logits at 50 and final logits at 30.

    Args:
        cap: positive, the limit; inf for none.
    """
    x, cap = as_arrays(x, cap)
    return jnp.where(cap < largest_factor(x.dtype), cap * jnp.tanh(x / cap), x)
