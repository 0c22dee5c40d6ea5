"""S-shaped activations, with slopes that keep every digit in the tails.

The usual y * (1 - y) and 1 - y * y lose them all: in bfloat16 they say 0 from x = 5.6 on, where the truth is 0.0038.
Here the slope comes from x, through e = exp(-|x|) and d = 1 + e, each with its rounding error (`logistic_parts`).
"""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._elementary import (
    TWO_OVER_SQRT_PI,
    Exp,
    absolute,
    bell,
    bounded,
    exp,
    magnitude,
    signed_like,
    tanh_series,
    tiny,
)
from ._elementary import erf as _erf
from ._facts import activation
from ._numerics import expm1_nonpositive, logistic_parts, sigmoid_value, tanh_nonnegative
from ._pairs import Pair, is_single, once, pair, polynomial


def _logistic_slope(x: Array) -> Array:
    """E / d**2"""
    e, d, d_low = logistic_parts(absolute(x))
    square = d * d
    if is_single():
        return e.s * (e.w / square)
    q = 1 / square
    y = e.w * q
    return e.s * (y + (e.w_low - 2 * y * d_low * d) * q)  # 2.4 ulp; plain e / d**2 gives 3.9


def _logistic_curvature(x: Array) -> Array:
    """-sign(x) * e * (1 - e) / d**3"""
    a = absolute(x)
    e, d, d_low = logistic_parts(a)
    one_minus_e = -expm1_nonpositive(-a)
    cube = d * d * d
    q = once(1 / cube)
    y = e.w * one_minus_e
    y = y / cube + (e.w_low * one_minus_e - 3 * (y * q) * d_low * d * d) * q  # 3.5 ulp; without this line 5.7
    return jnp.where(x >= 0, -e.s, e.s) * y


@derivative(x=_logistic_curvature)
def sigmoid_slope(x: ArrayLike) -> Array:
    """sigmoid'(x) = exp(-x) / (1 + exp(-x))**2"""
    return _logistic_slope(jnp.asarray(x))


@activation(bounds=(0, 1), tails=(0, 0), source="https://en.wikipedia.org/wiki/Logistic_function")
@derivative(x=sigmoid_slope)
def sigmoid(x: ArrayLike) -> Array:
    """sigmoid(x) = 1 / (1 + exp(-x))

    Logistic function. Its slope is sigmoid(x) * sigmoid(-x), which stays right where sigmoid(x) * (1 - sigmoid(x))
    has become 0.

    Range: 0 to 1.
    Source: https://en.wikipedia.org/wiki/Logistic_function
    Error bounds in ulp of value, slope and slope's slope: 1.8, 2.6, 3.5 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return sigmoid_value(jnp.asarray(x))


@derivative(x=lambda x: 8 * _logistic_curvature(2 * x))
def tanh_slope(x: ArrayLike) -> Array:
    """tanh'(x) = 4 * exp(-2*x) / (1 + exp(-2*x))**2"""
    return 4 * _logistic_slope(2 * jnp.asarray(x))


@activation(bounds=(-1, 1), tails=(0, 0), source="https://en.wikipedia.org/wiki/Hyperbolic_functions")
@derivative(x=tanh_slope)
def tanh(x: ArrayLike) -> Array:
    """tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))

    Hyperbolic tangent. Its slope is 4 * sigmoid(2x) * sigmoid(-2x), which stays right where 1 - tanh(x)**2 has
    become 0.

    Range: -1 to 1.
    Source: https://en.wikipedia.org/wiki/Hyperbolic_functions
    Error bounds in ulp of value, slope and slope's slope: 2, 2.6, 3.6 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.copysign(tanh_nonnegative(absolute(x)), x)


def _erf_curvature(x: Array) -> Array:
    e = bell(x)
    return -e.times(bounded(x) * (e.w * (2 * TWO_OVER_SQRT_PI)).value)


@derivative(x=_erf_curvature)
def erf_slope(x: ArrayLike) -> Array:
    """erf'(x) = 2 / sqrt(pi) * exp(-x**2)"""
    e = bell(jnp.asarray(x))
    return e.times((e.w * TWO_OVER_SQRT_PI).value)


@activation(bounds=(-1, 1), tails=(0, 0), source="https://en.wikipedia.org/wiki/Error_function")
@derivative(x=erf_slope)
def erf(x: ArrayLike) -> Array:
    """erf(x) = erf(x)

    Error function: an S that approaches its limits faster than any exponential.

    Range: -1 to 1.
    Source: https://en.wikipedia.org/wiki/Error_function
    Error bounds in ulp of value, slope and slope's slope: 1.5, 0.9, 1.6 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    y = _erf(magnitude(pair(bounded(x)))[1]).value
    return jnp.where(tiny(x), x * float(TWO_OVER_SQRT_PI), signed_like(y, x))


def _gompertz_parts(x: ArrayLike, b: ArrayLike, c: ArrayLike) -> tuple[Exp, Pair, Exp]:
    """E = exp(-c x), b E, and exp(-b E)."""
    z = -(pair(bounded(jnp.asarray(x))) * jnp.asarray(c))
    e = exp(z.replaced(z.head > 30, 30), careful=True)
    be = e.w.scaled(e.s) * jnp.asarray(b)
    return e, be, exp(-be)


def _gompertz_product(e: Exp, f: Exp, y: Array) -> Array:
    """Y * e.s * f.s, the larger first."""
    return jnp.where(e.k > 0, f.times(e.s * y), e.times(f.s * y))


def _gompertz_slope(x: ArrayLike, b: ArrayLike, c: ArrayLike) -> Array:
    e, _, f = _gompertz_parts(x, b, c)
    return _gompertz_product(e, f, (e.w * f.w * jnp.asarray(b) * jnp.asarray(c)).value)


def _gompertz_curvature(x: Array, b: Array, c: Array) -> Array:
    """c^2 b E f (b E - 1)"""
    e, _, f = _gompertz_parts(x, b, c)
    return _gompertz_product(e, f, (e.w * f.w * b * c * c * (b * e.minus_one + (pair(b) - 1))).value)


def _gompertz_slope_by_b(x: Array, b: Array, c: Array) -> Array:
    """c E f (1 - b E)"""
    e, be, f = _gompertz_parts(x, b, c)
    return _gompertz_product(e, f, (e.w * f.w * c * (1 - be)).value)


def _gompertz_slope_by_c(x: Array, b: Array, c: Array) -> Array:
    """b E f (1 + c x (b E - 1))"""
    e, be, f = _gompertz_parts(x, b, c)
    return _gompertz_product(e, f, (e.w * f.w * b * (1 + pair(bounded(x)) * c * (be - 1))).value)


def _gompertz_by_b(x: Array, b: Array, c: Array) -> Array:
    e, _, f = _gompertz_parts(x, b, c)
    return -_gompertz_product(e, f, (e.w * f.w).value)


def _gompertz_by_c(x: Array, b: Array, c: Array) -> Array:
    return bounded(x) * (_gompertz_slope(x, b, c) / c)


@derivative(x=_gompertz_curvature, b=_gompertz_slope_by_b, c=_gompertz_slope_by_c)
def gompertz_slope(x: ArrayLike, b: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Array:
    """The slope of gompertz by x: b*c * exp(-c*x) * gompertz(x)"""
    return _gompertz_slope(x, b, c)


@activation(bounds=(0, 1), tails=(0, 0), source="https://doi.org/10.1098/rstl.1825.0026", positive=("b", "c"))
@derivative(x=gompertz_slope, b=_gompertz_by_b, c=_gompertz_by_c)
def gompertz(x: ArrayLike, b: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Array:
    """gompertz(x, b, c) = exp(-b*exp(-c*x))

    Gompertz curve: a sigmoid that leaves 0 much faster than it reaches 1.

    Range at the defaults: 0 to 1.
    Source: https://doi.org/10.1098/rstl.1825.0026
    Error bounds in ulp of value, slope and slope's slope: 0.8, 1, 1.5 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        b: positive, the shift; broadcasts against x and never changes its type.
        c: positive, the growth rate; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _gompertz_parts(x, b, c)[2].value


def _capped(x: ArrayLike, cap: ArrayLike) -> tuple[Array, Pair, Exp, Pair]:
    """Whether x >= 0, z = |x / cap|, q = exp(-2z) and 1 + q."""
    right, z = magnitude(pair(bounded(jnp.asarray(x))) / pair(jnp.asarray(cap)))
    q = exp(z.scaled(-2))
    return right, z, q, q.plus_one


def _capped_bend(x: ArrayLike, cap: ArrayLike, factor: Pair) -> Array:
    """-2 tanh(z) * sech(z)^2 * factor"""
    right, z, q, d = _capped(x, cap)
    tanh = jnp.where(tiny(z.head), -absolute(jnp.asarray(x)) / cap, (q.minus_one / d).value)
    y = q.times(tanh * (8 * q.w / (d * d) * factor).value)
    return jnp.where(right, y, -y)


@derivative(
    x=lambda x, cap: _capped_bend(x, cap, 1 / pair(cap)),
    cap=lambda x, cap: -_capped_bend(x, cap, pair(bounded(x)) / pair(cap) / pair(cap)),
)
def softcap_slope(x: ArrayLike, cap: ArrayLike) -> Array:
    """The slope of softcap by x: sech(x / cap)**2"""
    _, _, q, d = _capped(x, cap)
    return q.times((4 * q.w / (d * d)).value)


def _softcap_by_cap(x: Array, cap: Array) -> Array:
    """tanh(z) - z * sech(z)^2, by its series where the difference would cancel."""
    right, z, q, d = _capped(x, cap)
    far = (-(q.minus_one / d) - (4 * z * q.w / (d * d)).scaled(q.s)).value
    v = z.value
    near = v * (z * z).value * polynomial(v * v, tanh_series(3, lambda n: 1 - n, v.dtype))
    y = jnp.where(v < 0.25, near, far)
    return jnp.where(right, y, -y)


@activation(bounds=(-inf, inf), tails=None, source="https://arxiv.org/abs/2408.00118", positive=("cap",))
@derivative(x=softcap_slope, cap=_softcap_by_cap)
def softcap(x: ArrayLike, cap: ArrayLike) -> Array:
    """softcap(x, cap) = cap * tanh(x / cap)

    Soft cap: x near 0, never beyond cap. Gemma 2 caps attention logits at 50 and final ones at 30.

    Range: -inf to inf.
    Source: https://arxiv.org/abs/2408.00118
    Error bounds in ulp of value, slope and slope's slope: 1.1, 0.8, 2 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        cap: positive; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    right, z, q, d = _capped(x, cap)
    y = (-q.minus_one / d * jnp.asarray(cap)).value
    return jnp.where(tiny(z.head), x, jnp.where(right, y, -y))
