"""Numbers as sums of two floats: one and a half times the digits, in the same type.

The head has the upper half of the digits (12 of 24, 26 of 53), so that products of heads are exact. Nothing here
depends on the order in which a compiler fuses multiplications and additions, and heads are cut off by masking bits,
which no compiler simplifies away. A result rounded once at the end is within 0.51 ulp.

Where a result will be rounded to 16 bits, single floats are enough: under `single(True)` the same formulas are traced
with heads that are whole and tails that are absent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from math import frexp, ldexp

import jax
import jax.numpy as jnp
from jax import Array, lax

HEAD_BITS = {jnp.dtype("float32"): 12, jnp.dtype("float64"): 26}
_INTEGER = {jnp.dtype("float32"): jnp.uint32, jnp.dtype("float64"): jnp.uint64}

Number = float | Decimal
Tail = Array | float
"""Absent if it is the Python float 0."""

_SINGLE: ContextVar[bool] = ContextVar("single", default=False)


def is_single() -> bool:
    return _SINGLE.get()


def is_short(dtype: "jnp.dtype") -> bool:
    """Whether series may end early, with what 16 bits need; not so in float64, where single floats are the judges."""
    return is_single() and dtype == jnp.float32


@contextmanager
def single(on: bool) -> Iterator[None]:
    """Trace what follows with single floats in place of pairs, or with pairs again."""
    token = _SINGLE.set(on)
    try:
        yield
    finally:
        _SINGLE.reset(token)


def plus(a: Tail, b: Tail) -> Tail:
    return b if type(a) is float else a if type(b) is float else a + b


def times(a: Tail, b: Tail) -> Tail:
    return 0.0 if type(a) is float or type(b) is float else a * b


def cut(x: Array) -> Array:
    """The upper half of the digits of x."""
    return _without(x, jnp.finfo(x.dtype).nmant + 1 - HEAD_BITS[x.dtype])


@jax.custom_jvp
def once(x: Array) -> Array:
    """A quotient or a root but for its last bit, as a factor of small rests.

    XLA's CPU fusion makes two or three loops, each of which begins anew, of whatever uses an expensive operation more
    than once. With this they are one, and silu, softplus, gelu and mish take a third to a half of the time.
    """
    return x if is_single() else _without(x, 1)


once.defjvps(lambda dx, y, x: dx)


def _without(x: Array, bits: int) -> Array:
    integer = _INTEGER[x.dtype]
    keep = ~jnp.asarray((1 << bits) - 1, integer)
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, integer) & keep, x.dtype)


@dataclass(frozen=True, slots=True)
class Pair:
    """head + tail, of which only the tail has rounding errors: 2^-34 of the whole in float32, 2^-77 in float64."""

    head: Array
    tail: Tail

    @property
    def value(self) -> Array:
        return jnp.asarray(plus(self.head, self.tail))

    @property
    def rounded(self) -> tuple[Array, Tail]:
        """The value and its rounding error."""
        value = self.value
        return value, 0.0 if is_single() else (self.head - value) + self.tail

    def __neg__(self) -> "Pair":
        return self.scaled(-1)

    def __add__(self, other: "Pair | Array | Number") -> "Pair":
        other = self._like(other)
        total = self.head + other.head
        if is_single():
            return Pair(total, 0.0)
        b = total - self.head
        lost = (self.head - (total - b)) + (other.head - b)
        return normal(total, lost + plus(self.tail, other.tail))

    __radd__ = __add__

    def __sub__(self, other: "Pair | Array | Number") -> "Pair":
        return self + -self._like(other)

    def __rsub__(self, other: "Pair | Array | Number") -> "Pair":
        return -self + other

    def __mul__(self, other: "Pair | Array | Number") -> "Pair":
        other = self._like(other)
        return normal(self.head * other.head, plus(times(self.head, other.tail), times(self.tail, other.value)))

    __rmul__ = __mul__

    def __truediv__(self, other: "Pair | Array | Number") -> "Pair":
        other = self._like(other)
        if is_single():
            return Pair(self.head / other.head, 0.0)
        inverse = once(1 / other.value)
        quotient = cut(self.value * inverse)
        rest = ((self.head - quotient * other.head) + self.tail) - quotient * other.tail
        return Pair(quotient, rest * inverse)

    def __rtruediv__(self, other: "Array | Number") -> "Pair":
        return self._like(other) / self

    def scaled(self, power_of_two: "Array | float") -> "Pair":
        """The product with a power of two, which is exact."""
        return Pair(self.head * power_of_two, times(self.tail, jnp.asarray(power_of_two)))

    def replaced(self, where: Array, number: "Array | float") -> "Pair":
        """The number where the condition holds."""
        tail = 0.0 if type(self.tail) is float else jnp.where(where, 0, self.tail)
        return Pair(jnp.where(where, number, self.head), tail)

    def _like(self, other: "Pair | Array | Number") -> "Pair":
        if isinstance(other, Pair):
            return other
        return constant(other, self.head.dtype) if isinstance(other, int | float | Decimal) else pair(other)


def pair(x: Array) -> Pair:
    """A float as a pair, exactly."""
    if is_single():
        return Pair(x, 0.0)
    head = cut(x)
    return Pair(head, x - head)


def constant(number: Number, dtype: "jnp.dtype") -> Pair:
    """A number of any precision as a pair."""
    if is_single():
        return Pair(jnp.asarray(float(number), dtype), 0.0)
    fraction, exponent = frexp(float(number))
    bits = HEAD_BITS[dtype]
    head = ldexp(round(fraction * 2**bits), exponent - bits)
    return Pair(jnp.asarray(head, dtype), jnp.asarray(float(Decimal(number) - Decimal(head)), dtype))


def normal(big: Array, small: Tail) -> Pair:
    """big + small as a pair, where small is at most 2^-8 of big."""
    if is_single():
        return Pair(jnp.asarray(plus(big, small)), 0.0)
    head = cut(big + small)
    return Pair(head, (big - head) + small)


def select(condition: Array, a: Pair, b: Pair) -> Pair:
    tail = 0.0 if is_single() else jnp.where(condition, a.tail, b.tail)
    return Pair(jnp.where(condition, a.head, b.head), tail)


def sqrt(a: Pair) -> Pair:
    """The square root of a positive pair."""
    root = jnp.sqrt(a.value)
    if is_single():
        return Pair(root, 0.0)
    root = once(root)
    head = cut(root)
    return Pair(head, ((a.head - head * head) + a.tail) * once(1 / (head + root)))


def polynomial(x: Array, coefficients: "tuple[float, ...] | list[float]") -> Array:
    """Coefficients from the highest power down to the constant."""
    total = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total
