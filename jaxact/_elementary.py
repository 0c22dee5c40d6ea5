"""Exact building blocks: exp, log, the normal distribution and their kin as pairs of floats.

XLA's own functions are not alike everywhere: on CPU its float32 expm1 is off by 5.5 ulp in JAX 0.10 and by 0.7 in 0.12,
its tanh by 4.6 and its erfc by 56 in both. What is written here, from additions and multiplications, gives the same
digits in both. Sine and cosine are XLA's: within 0.56 ulp for every float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import factorial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from ._pairs import Pair, Tail, cut, is_short, is_single, normal, pair, plus, polynomial, select, times

with localcontext() as _context:
    _context.prec = 60
    PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494")
    LN2 = Decimal(2).ln()
    SQRT_HALF, SQRT_TWO = Decimal("0.5").sqrt(), Decimal(2).sqrt()
    SQRT_TWO_PI = (2 * PI).sqrt()
    TWO_OVER_SQRT_PI = 2 / PI.sqrt()


class _Format(NamedTuple):
    """What the functions below need to know of a float type."""

    integer: type
    bias: int
    ln2: tuple[float, float, float]
    """Three parts; the first two have so few digits that their products with any exponent are exact."""
    smallest_log: float
    exp_terms: int
    """Powers of r in exp(r) for |r| < 0.35."""
    atanh_terms: int
    """Powers of q^2 in atanh(q) / q for |q| <= 1/3."""


def _format(integer: type, bias: int, bits: tuple[int, int], exp_terms: int, atanh_terms: int) -> _Format:
    high = Decimal(round(LN2 * 2 ** bits[0])) / 2 ** bits[0]
    middle = Decimal(round((LN2 - high) * 2 ** bits[1])) / 2 ** bits[1]
    low = LN2 - high - middle
    return _Format(
        integer, bias, (float(high), float(middle), float(low)), float(-(bias + 32) * LN2), exp_terms, atanh_terms
    )


_FORMATS = {
    jnp.dtype("float32"): _format(jnp.int32, 127, (12, 27), exp_terms=9, atanh_terms=9),
    jnp.dtype("float64"): _format(jnp.int64, 1023, (32, 64), exp_terms=16, atanh_terms=18),
}


def _power_of_two(k: Array, dtype: "jnp.dtype") -> Array:
    """2^k for integers from -127 (which gives 0) to 127, and likewise in float64."""
    bits = (k + _FORMATS[dtype].bias) << jnp.finfo(dtype).nmant
    return lax.bitcast_convert_type(bits, dtype)


@dataclass(frozen=True, slots=True)
class Exp:
    """exp(z) = s * (1 + p), with s a power of two and |p| < 0.42.

    Apart, so that no product with a tiny s is formed before the last step: XLA flushes subnormal numbers, and with
    them the digits of a tail.
    """

    s: Array
    p: Pair
    k: Array
    """The exponent of s."""

    def times(self, v: Array) -> Array:
        """S * v, also where s itself is too small for a float and v brings it back."""
        dtype, half = v.dtype, self.k >> 1
        y = v * _power_of_two(half, dtype) * _power_of_two(self.k - half, dtype)
        return jnp.where(self.k > -_FORMATS[dtype].bias - 30, y, 0 * y)

    @property
    def w(self) -> Pair:
        """1 + p"""
        return _one_plus(self.p)

    @property
    def value(self) -> Array:
        return self.s * self.w.value

    @property
    def minus_one(self) -> Pair:
        """exp(z) - 1, with all its digits near z = 0."""
        a, b = self.s - 1, self.s * self.p.head
        total = a + b
        return normal(total, 0.0 if is_single() else ((a - total) + b) + times(self.s, self.p.tail))

    @property
    def plus_one(self) -> Pair:
        """exp(z) + 1, for z <= 0."""
        w = self.w
        return _one_plus(w.scaled(self.s))


def _one_plus(p: Pair) -> Pair:
    """1 + p for |p| <= 1."""
    total = 1 + p.head
    if is_single():
        return Pair(total, 0.0)
    return normal(total, ((1 - total) + p.head) + p.tail)  # not p - (total - 1): JAX 0.10 simplifies that to zero


def exp(z: "Pair | Array", careful: bool = False) -> Exp:
    """exp(z) for z up to 88 (709 in float64), to 2^-31 (2^-60) of itself, or, if careful, to 2^-34 (2^-64)."""
    z = z if isinstance(z, Pair) else pair(z)
    dtype = z.head.dtype
    form = _FORMATS[dtype]
    z = z.replaced(z.head <= form.smallest_log, form.smallest_log)  # also -inf; NaN falls through
    k = jnp.round(z.value * float(1 / LN2))
    q = _exp_minus_one(*_reduced(z, k), form, careful)
    k = k.astype(form.integer)
    return Exp(_power_of_two(jnp.maximum(k, -form.bias), dtype), q, k)


def _reduced(z: Pair, k: Array) -> tuple[Array, Tail]:
    """Z - k * log(2), and its rounding error."""
    high, middle, low = _FORMATS[z.head.dtype].ln2
    a = z.head - k * high
    if is_single():
        return (a - k * middle) - k * low, 0.0
    b = z.tail - k * middle
    r = a + b
    c = r - a
    return r, ((a - (r - c)) + (b - c)) - k * low


def _exp_minus_one(r: Array, lost: Tail, form: _Format, careful: bool) -> Pair:
    """exp(r) - 1 for |r| < 0.35"""
    series = [1 / factorial(n) for n in range(6 if is_short(r.dtype) else form.exp_terms, 1, -1)]
    if is_single():
        return Pair(r + r * r * polynomial(r, series), 0.0)  # off by 2^-23
    h = cut(r)
    t = (r - h) + lost
    square = 0.5 * h * h
    p = h + square
    p_low = ((h - p) + square) + t
    if careful:
        cube = normal(square, t * (h + 0.5 * t)) * Pair(h, t) / 3
        return normal(p, p_low + t * (h + 0.5 * t)) + cube + r * r * r * r * polynomial(r, series[:-2])
    return normal(p, p_low + (t * (h + 0.5 * t) + r * r * r * polynomial(r, series[:-1])))


def log1p(w: Pair, s: "Array | float" = 1.0) -> Pair:
    """log(1 + s * w) / s for s * w from -1/2 to 1, with all its digits near 0; s is a power of two."""
    return _twice_atanh(w / (2 + w.scaled(s)), s)


def _twice_atanh(q: Pair, s: "Array | float" = 1.0) -> Pair:
    x = q.value
    square = (x * s) * (x * s)
    terms = 5 if is_short(x.dtype) else _FORMATS[x.dtype].atanh_terms
    rest = x * square * polynomial(square, [2 / (2 * n + 3) for n in range(terms - 1, -1, -1)])
    return normal(2 * q.head, plus(times(jnp.asarray(2.0, x.dtype), q.tail), rest))


def log(v: Pair) -> Pair:
    """log(v) for v > 0, away from 1."""
    x = v.value
    dtype = x.dtype
    form, nmant = _FORMATS[dtype], jnp.finfo(dtype).nmant
    offset = lax.bitcast_convert_type(jnp.asarray(float(SQRT_HALF), dtype), form.integer)
    k = (lax.bitcast_convert_type(x, form.integer) - offset) >> nmant
    m = v.scaled(_power_of_two(-(k >> 1), dtype)).scaled(_power_of_two(-(k - (k >> 1)), dtype))
    m = normal(m.head, m.tail)
    q = (m - 1) / (m + 1)
    k = k.astype(dtype)
    high, middle, low = form.ln2
    small = _twice_atanh(q)
    return pair(k * high) + pair(k * middle) + k * low + small


@dataclass(frozen=True, slots=True)
class Logistic:
    """What sigmoid(z) and its derivatives are made of: e = exp(-|z|) = s * w and d = 1 + e.

    sigmoid(z) is 1 / d on the right (z >= 0) and e / d on the left; sigmoid'(z) is e / d^2 on both sides.
    """

    right: Array
    a: Pair
    """|z|"""
    exp: Exp
    w: Pair
    d: Pair

    @property
    def s(self) -> Array:
        return self.exp.s

    @property
    def e(self) -> Pair:
        return self.w.scaled(self.s)

    @property
    def scale(self) -> Array:
        """S on the left, where all is proportional to it, and 1 on the right."""
        return jnp.where(self.right, 1, self.s)

    def times_scale(self, v: Array) -> Array:
        """V times that scale."""
        return jnp.where(self.right, v, self.exp.times(v))

    def sided(self, right: Pair, left: Pair) -> Pair:
        return select(self.right, right, left)

    @property
    def sigmoid(self) -> Pair:
        """sigmoid(z), over the scale."""
        return self.w.replaced(self.right, 1) / self.d


def magnitude(z: Pair) -> tuple[Array, Pair]:
    """Whether z >= 0, and |z|. Not jnp.abs, whose slope at 0 is 0: third derivatives would see it."""
    right = z.head >= 0
    return right, select(right, z, -z)


def logistic(z: Pair) -> Logistic:
    right, a = magnitude(z)
    e = exp(-a)
    w = e.w
    return Logistic(right, a, e, w, _one_plus(w.scaled(e.s)))


# (a + 4) * M(a) as a Chebyshev series in (a - 4) / (a + 4), where M(a) = (1 - cdf(a)) / pdf(a) is Mills' ratio of the
# normal distribution; a test computes them anew. 14 terms are within 2^-29 of M, 28 within 2^-59.
MILLS = tuple(
    map(
        Decimal,
        (
            "2.4325604285150405662104226",
            "-1.8842545745794834571068442",
            "0.55695664909638164918664303",
            "-0.12161597214420457200103031",
            "0.017360708143727771424309692",
            "-0.00080362120072996560517645139",
            "-0.00025203493480543532543",
            "0.000047383719270581173533",
            "2.5325891365988258147e-6",
            "-1.5404069839912999192e-6",
            "-8.4749606300616958916e-9",
            "5.1853386010946722596e-8",
            "-2.8281293276602497733e-10",
            "-1.9486566378891076010e-9",
            "-2.4919454968275671215e-11",
            "7.9572487194488463885e-11",
            "4.6184141791552192723e-12",
            "-3.2908561242243849260e-12",
            "-4.3653840438097299451e-13",
            "1.2300711839232774249e-13",
            "3.2414173582086781336e-14",
            "-3.0532395587325665275e-15",
            "-2.0183740275707353201e-15",
            "-7.1701955014225876438e-17",
            "1.0169552398038542051e-16",
            "1.7562442280533558988e-17",
            "-3.3580682440276760729e-18",
            "-1.5279791611772294037e-18",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Normal:
    """The normal distribution at -a for a >= 0: pdf = s * density, cdf = s * density * mills."""

    exp: Exp
    density: Pair
    mills: Pair

    @property
    def s(self) -> Array:
        return self.exp.s

    @property
    def tail(self) -> Pair:
        """cdf / s"""
        return self.density * self.mills

    @property
    def right(self) -> Pair:
        """The cdf at +a."""
        return 1 - self.tail.scaled(self.s)


def gaussian_tail(a: Pair) -> Normal:
    far = 20 if a.head.dtype == jnp.float32 else 40  # the density is 0 there, and a^2 is still finite
    a = a.replaced(a.head >= far, far)
    e = exp((a * a).scaled(-0.5))
    return Normal(e, e.w * (1 / SQRT_TWO_PI), _mills(a))


def _mills(a: Pair) -> Pair:
    dtype = a.head.dtype
    d = a + 4
    y = (a - 4) / d
    x = 2 * y.value
    terms = MILLS[: 10 if is_short(dtype) else 14 if dtype == jnp.float32 else 28]
    b, c = jnp.zeros_like(x), jnp.zeros_like(x)
    for coefficient in terms[:3:-1]:
        b, c = x * b - c + float(coefficient), b
    twice = y.scaled(2)
    b3 = normal(jnp.full_like(x, float(terms[3])), x * b - c)
    b2 = twice * b3 - b + terms[2]
    b1 = twice * b2 - b3 + terms[1]
    return (y * b1 - b2 + terms[0]) / d


def erf(a: Pair) -> Pair:
    """erf(a) for a >= 0."""
    far = gaussian_tail(a * SQRT_TWO)
    return select(a.head < 0.7, a * erf_ratio((a * a).value), 1 - far.tail.scaled(2 * far.s))


def erf_ratio(square: Array) -> Pair:
    """erf(a) / a for a^2 <= 1/2."""
    terms = 6 if is_short(square.dtype) else 9 if square.dtype == jnp.float32 else 17
    series = [float(TWO_OVER_SQRT_PI) * (-1) ** n / (factorial(n) * (2 * n + 1)) for n in range(terms, 0, -1)]
    return pair(square * polynomial(square, series)) + TWO_OVER_SQRT_PI


def bounded(x: Array, limit: float = 2.0**100) -> Array:
    """X between -limit and limit, by default where products with infinities would not be finite any more."""
    return jnp.where(x > limit, limit, jnp.where(x < -limit, -limit, x))


def nonpositive(x: Array) -> Array:
    return jnp.where(x > 0, 0, x)  # not jnp.minimum, whose slope at 0 is a half


def absolute(x: Array) -> Array:
    return jnp.where(x >= 0, x, -x)  # not jnp.abs, whose slope at 0 is 0: third derivatives would see it


def signed_like(y: Array, x: Array) -> Array:
    return jnp.where(x >= 0, y, -y)


def bell(x: Array) -> Exp:
    """exp(-x^2)"""
    near = pair(bounded(x, 64))
    return exp(-(near * near))


def tiny(x: Array) -> Array:
    """So near 0 that the square of x is nothing beside x, and the tail of a pair might be flushed."""
    return jnp.abs(x) < jnp.finfo(x.dtype).eps ** 2


def atan(a: Pair) -> Pair:
    """atan(a) for a from 0 to 1: around 0 or, from sqrt(2) - 1 on, around 1."""
    far = a.head > 0.4142
    t = select(far, (a - 1) / (a + 1), a)
    x = t.value
    square = x * x
    terms = 11 if x.dtype == jnp.float32 else 24
    rest = x * square * polynomial(square, [(-1) ** n / (2 * n + 1) for n in range(terms, 0, -1)])
    near = normal(t.head, plus(t.tail, rest))
    return select(far, near + PI / 4, near)


def tanh_series(first: int, weight: "Callable[[int], int]", dtype: "jnp.dtype") -> list[float]:
    """The coefficients of tanh, times weight(n) for x^n, from the highest power down to x^first."""
    terms = first // 2 + (8 if dtype == jnp.float32 else 16)
    coefficients = [Fraction(1)]  # of x, x^3, ...: tanh' = 1 - tanh^2
    for n in range(1, terms):
        square = sum((coefficients[i] * coefficients[n - 1 - i] for i in range(n)), Fraction())
        coefficients.append(-square / (2 * n + 1))
    return [float(weight(2 * n + 1) * coefficients[n]) for n in range(terms - 1, first // 2 - 1, -1)]
