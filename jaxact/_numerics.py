"""Exact building blocks: exp with its rounding error, made of additions and multiplications only.

XLA's own functions are not alike everywhere: on CPU its float32 expm1 is off by 5.5 ulp in JAX 0.10 and by 0.7 in 0.12,
its tanh by 4.6 in both. What is written here gives the same digits in both, at about the price of XLA's exp.
"""

from decimal import Decimal, localcontext
from math import factorial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ._pairs import Tail, cut, is_short, is_single, once, plus, polynomial, times

with localcontext() as _context:
    _context.prec = 50
    _LN2 = Decimal(2).ln()
    _LOG2 = float(_LN2)


class _Format(NamedTuple):
    """What the exponential needs to know of a float type."""

    integer: type
    bias: int
    """Of the exponent."""
    ln2_high: float
    ln2_low: float
    terms: int
    """Powers of r in exp(r) for |r| < 0.35; the first one left out is at most a 20th of an ulp."""


def _format(integer: type, bias: int, high_bits: int, terms: int) -> _Format:
    # ln2_high has so few bits that k * ln2_high is exact for every exponent k.
    high = Decimal(round(_LN2 * 2**high_bits)) / 2**high_bits
    return _Format(integer, bias, float(high), float(_LN2 - high), terms)


_FORMATS = {
    jnp.dtype("float32"): _format(jnp.int32, bias=127, high_bits=12, terms=7),
    jnp.dtype("float64"): _format(jnp.int64, bias=1023, high_bits=32, terms=13),
}
_TERMS_FOR_16_BITS = 6
"""Off by 2^-23, where 2^-18 would do."""


class _Split(NamedTuple):
    """exp(x) = 2^divisor * s * (1 + p + p_low), with s a power of two, |p| < 0.42, and p_low its rounding error."""

    s: Array
    p: Array
    p_low: Array
    """XLA drops the five operations for it where nobody asks."""


def _exp_split(x: Array, low: Tail = 0.0, divisor: int | Array = 0, limit: float | Array | None = None) -> _Split:
    """exp(x + low). Where s were below the smallest normal number it is 0; above 0, x is cut at log(2) * limit."""
    fmt, dtype = _FORMATS[x.dtype], x.dtype
    smallest = jnp.asarray(divisor - fmt.bias, fmt.integer)
    x = jnp.maximum(x, smallest.astype(dtype) * _LOG2)  # keeps NaN
    x = x if limit is None else jnp.minimum(x, limit * _LOG2)
    k = jnp.round(x * (1 / _LOG2))
    a, b = x - k * fmt.ln2_high, k * fmt.ln2_low
    b = b if type(low) is float else b - low
    r = a - b
    terms = _TERMS_FOR_16_BITS if is_short(dtype) else fmt.terms
    rest = r * r * polynomial(r, [1 / factorial(n) for n in range(terms, 1, -1)])
    p = r + rest
    bits = (k.astype(fmt.integer) - smallest) << jnp.finfo(dtype).nmant
    return _Split(lax.bitcast_convert_type(bits, dtype), p, ((a - r) - b) + ((r - p) + rest))


class Exp(NamedTuple):
    """exp(x) = s * (w + w_low): a power of two and a number near 1 with its rounding error, so that no product with
    a tiny s is formed before the last step (XLA flushes subnormal products, and with them their digits).
    """

    s: Array
    w: Array
    w_low: Tail


def exp_parts(x: Array) -> Exp:
    """exp(x) for x <= 0, as a rounded number and its rounding error."""
    s, p, _ = _exp_split(x)
    w = 1 + p
    return Exp(s, w, 0.0 if is_single() else (1 - w) + p)  # not p - (w - 1): JAX 0.10 simplifies that to zero


def exp_of_sum(x: Array, low: Tail) -> Array:
    """exp(x + low) for x <= 0, within 0.6 ulp. Where s is 0, low may be anything."""
    s, p, p_low = _exp_split(x, low if type(low) is float else jnp.clip(low, -1, 1))
    w = 1 + p
    return s * w if is_single() else s * (w + (((1 - w) + p) + p_low))


def expm1_of_sum(x: Array, low: Tail) -> tuple[Array, Array]:
    """exp(x + low) - 1 for x <= 0, within 1.2 ulp, and what is lost of it near 0."""
    s, p, p_low = _exp_split(x, low)
    return (s - 1) + s * p, s * p_low


@jax.custom_jvp
def exp_nonpositive(x: Array) -> Array:
    """exp(x) for x <= 0, within 1 ulp."""
    s, p, _ = _exp_split(x)
    return s * (1 + p)


@jax.custom_jvp
def expm1_nonpositive(x: Array) -> Array:
    """exp(x) - 1 for x <= 0, within 1.2 ulp."""
    return expm1_of_sum(x, 0.0)[0]


# Their derivatives are known: differentiating the Taylor sum would lose its last term.
exp_nonpositive.defjvps(lambda dx, y, x: y * dx)
expm1_nonpositive.defjvps(lambda dx, y, x: exp_nonpositive(x) * dx)


def logistic_parts(a: Array) -> tuple[Exp, Array, Tail]:
    """E = exp(-a), then d = 1 + e as a rounded sum and its rounding error, for a >= 0."""
    e = exp_parts(-a)
    d = 1 + e.s * e.w
    return e, d, 0.0 if is_single() else ((1 - d) + e.s * e.w) + times(e.s, e.w_low)


def _one_plus_exp(x: Array, low: Tail = 0.0, one: float | Array = 1.0, divisor: int | Array = 0) -> Array:
    """1 + exp(x + low) within 1.4 ulp, over 2^divisor, for x up to log(2) * (bias + divisor + 0.49)."""
    s, p, p_low = _exp_split(x, low, divisor, _FORMATS[x.dtype].bias + divisor + 0.49)
    d, d_low = one + s, s * p
    if not is_single():
        d_low += jnp.minimum(s, one) - (d - jnp.maximum(s, one))
    return d + plus(d_low, times(low, s * p_low))


def sigmoid_value(x: Array) -> Array:
    """1 / (1 + exp(-x)), within 1.6 ulp.

    Not by the sign of x: what is lost in adding 1 to a large exp(-x) is nothing.
    """
    return jnp.where(x < -_FORMATS[x.dtype].bias * _LOG2, 0, 1 / _one_plus_exp(-x))


def gate_value(x: Array, z: Array, z_low: Tail = 0.0) -> Array:
    """x * sigmoid(z + z_low) = x / (1 + exp(-z - z_low)), for x of the size of z.

    Numerator and denominator are divided by a power of two, so that neither overflows before the quotient is 0.
    """
    divisor = 64
    one = 2.0**-divisor
    y = jnp.maximum(x, -(2.0**16)) * one / _one_plus_exp(-z, -z_low, one, divisor)
    return jnp.where(jnp.abs(x) < 16 * one, 0.5 * x, y)  # else what is subnormal after the division would be lost


def wide_gate_value(x: Array, z: Array, z_low: Tail) -> Array:
    """The same for any x and z: large x are divided by a power of two, as is the denominator, which else overflows."""
    bias = _FORMATS[z.dtype].bias
    large = bias * 4 // 5
    big = jnp.abs(x) > 1
    one, divisor = jnp.where(big, 2.0**-large, 1), jnp.where(big, large, 0)
    return jnp.where(z < -(bias + large) * _LOG2, -0.0, x * one / _one_plus_exp(-z, -z_low, one, divisor))


def gate_slope(z: Array, z_low: Tail, t: Array, t_low: Tail) -> Array:
    """sigmoid(z) + (t - 1) * sigmoid'(z) = (1 + e*t) / (1 + e)^2 with e = exp(-z), for t of the size of z.

    1 and e are both divided by a power of two, and far on the left the square once more, so that nothing overflows
    before the quotient is 0.
    """
    bias = _FORMATS[z.dtype].bias
    limit, divisor = bias + 7, bias // 2
    one, less = 2.0**-divisor, jnp.where(z < -8, 2.0**-16, 1)
    s, p, p_low = _exp_split(-z, -z_low, divisor, limit)
    w = 1 + p
    e = s * w
    d = one + e
    square = d * (d * less)
    if is_single():
        n = one + e * t
    else:
        w_low = ((1 - w) + p) + p_low
        d_low = (jnp.minimum(e, one) - (d - jnp.maximum(e, one))) + s * w_low
        head, t_head = cut(w), cut(t)
        m = s * (head * t_head)  # exact: 2.4 ulp, with e * t 2.9
        n = one + m
        n_low = (one - (n - m)) + s * (((w - head) + w_low) * t + head * plus(t - t_head, t_low))
        n = n + (n_low - 2 * (n * once(1 / square)) * (d * less) * d_low)
    return jnp.where(z < -limit * _LOG2, -0.0, n / square * (one * less))


def tanh_nonnegative(a: Array) -> Array:
    """tanh(a) = (1 - e) / (1 + e) with e = exp(-2a), for a >= 0, within 2 ulp."""
    s, p, _ = _exp_split(-2 * a)
    n = (1 - s) - s * p
    n_low = ((1 - s) - n) - s * p
    d = 2 - n
    if is_single():
        return n / d
    d_low = ((2 - d) - n) - n_low
    q = once(1 / d)
    return n / d + (n_low - n * q * d_low) * q  # 1.7 ulp; n / d gives 2.5


def log1p_nonnegative(x: Array) -> Array:
    """log(1 + x) for x >= 0, within 2 ulp; XLA's own float32 log1p is off by 2.5."""
    u = 1 + x
    return jnp.where(x < jnp.inf, jnp.log(u) + ((1 - u) + x) / u, x)
