"""The truth: the formula in the first line of an activation's docstring, evaluated in arbitrary precision.

Derivatives come from Taylor series of that formula, independently of how the library computes the activation. `min`
and `max` are Python's own, which take the first argument at a tie: in `max(0, x)` the slope at the kink is that of 0.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from math import factorial
from types import MappingProxyType
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

from jaxact import Facts

ORDERS = 4
"""Taylor coefficients: value, f', f'', f'''."""
DIGITS = 80
"""Bits to which every result is certain: a float64 has 53."""


class Series:
    """A truncated Taylor series in one variable, with the arithmetic and the comparisons that formulas use."""

    def __init__(self, *coefficients: Any):
        self.value = arb_series([arb(c) for c in coefficients])

    @staticmethod
    def _wrap(value: arb_series) -> "Series":
        series = Series()
        series.value = value
        return series

    def _with(self, other: Any, operation: Callable[[Any, Any], Any]) -> "Series":
        return self._wrap(operation(self.value, other.value if isinstance(other, Series) else arb(other)))

    def __add__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> "Series":
        return self._with(other, lambda a, b: b / a)

    __radd__ = __add__
    __rmul__ = __mul__

    def __abs__(self) -> "Series":
        return -self if self < 0 else self

    def __neg__(self) -> "Series":
        return self._wrap(-self.value)

    def __pow__(self, exponent: int) -> "Series":
        return self if exponent == 1 else self * self ** (exponent - 1)

    def __gt__(self, other: Any) -> bool:
        return bool(self.value[0] > (other.value[0] if isinstance(other, Series) else other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.value[0] < (other.value[0] if isinstance(other, Series) else other))

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __le__(self, other: Any) -> bool:
        return not self > other


def _analytic(name: str) -> Callable[[Any], Series]:
    return lambda x: Series._wrap(getattr(x.value if isinstance(x, Series) else arb_series([arb(x)]), name)())


def _tanh(x: Series) -> Series:
    e = Series._wrap((x.value * (-2 if x > 0 else 2)).exp())
    return (1 - e) / (1 + e) if x > 0 else (e - 1) / (1 + e)


class Vector(list):
    """A row, with the elementwise arithmetic that formulas use."""

    def __add__(self, other: Any) -> "Vector":
        return Vector(a + b for a, b in zip(self, other, strict=True))

    def __sub__(self, other: Any) -> "Vector":
        return Vector(a - b for a, b in zip(self, other, strict=True))

    def __neg__(self) -> "Vector":
        return Vector(-a for a in self)


def _log_softmax(row: Sequence[Any], temperature: Any = 1) -> Vector:
    scaled = [(v if isinstance(v, Series) else Series(v)) / temperature for v in row]
    total = _NAMES["log"](sum(_NAMES["exp"](v) for v in scaled))
    return Vector(v - total for v in scaled)


def _softmax(row: Sequence[Any], temperature: Any = 1) -> Vector:
    return Vector(_NAMES["exp"](v) for v in _log_softmax(row, temperature))


_FLINT = threading.Lock()
"""flint's precision is shared by all threads."""


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((v if isinstance(v, Series) else Series(v)) * w for v, w in zip(a, b, strict=True))


def _root(f: Callable[[Any], Any]) -> Series:
    """Where a decreasing function, made of smooth pieces, is 0: bisection, then Newton's method."""

    def sign(t: float) -> bool:
        y = f(arb(t))
        return bool((y.value[0] if isinstance(y, Series) else arb(y)) > 0)

    low, high = -1.0, 1.0
    while not sign(low):
        low *= 2
    while sign(high):
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sign(middle) else (low, middle)
    t, h = Series(low), arb(2) ** -70
    for _ in range(9):  # each step doubles the correct digits and coefficients
        step = f(t) / ((f(t + h) - f(t - h)) / (2 * h))
        t = t - step
        t = Series(*(t.value[n].mid() for n in range(ORDERS)))
    assert abs(f(t).value[0]) < arb(2) ** -100
    return t


def _exp_alpha(v: Series, alpha: Any) -> Any:
    base = 1 + (alpha - 1) * v
    return _NAMES["exp"](_NAMES["log"](base) / (alpha - 1)) if base > 0 else 0


_NAMES = {name: _analytic(name) for name in ("exp", "log", "sqrt", "sin", "cos", "atan", "erf")} | {
    "tanh": _tanh,
    "dot": _dot,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": lambda logits, labels: -_dot(labels, _log_softmax(logits)),
    "root": _root,
    "exp_alpha": _exp_alpha,
}


def _evaluate(facts: Facts, variables: dict[str, Any]) -> list[arb]:
    """Value and derivatives of the formula, at a precision that makes each certain to DIGITS bits."""
    name, formula = facts.formula.split(" = ", 1)
    assert name.startswith(f"{facts.name}("), f"the first line of {facts.name}'s docstring is not its formula"
    formula = re.split(r"(?<!lambda \w): ", formula)[0]  # prose follows a colon, except a lambda's
    formula = re.sub(r"\b\d+\.\d+\b", r"number('\g<0>')", formula)  # 0.1 is a tenth, not a float
    with _FLINT:
        ctx.cap = ORDERS
        for ctx.prec in (128, 512, 2048, 8192):
            try:
                result = eval(formula, _NAMES | {"pi": Series(arb.pi()), "number": Series} | variables)
                series = result.value if isinstance(result, Series) else arb_series([arb(result)])
            except ValueError:  # a denominator may be zero at this precision
                continue
            values = [series[n] * factorial(n) for n in range(ORDERS)]
            if all(v.rel_accuracy_bits() >= DIGITS or v.rad() < arb(2) ** -1200 for v in values):
                return values
    raise ArithmeticError(f"{facts.formula} is not certain at {variables}")


def exact(facts: Facts, x: float, parameters: Mapping[str, float] = MappingProxyType({}), wrt: str = "x") -> list[arb]:
    """Value, f', f'' and f''' of an elementwise activation with respect to x or one of its parameters."""
    point = {"x": x, **parameters}
    return _evaluate(facts, {name: Series(v, 1) if name == wrt else Series(v) for name, v in point.items()})


def exact_row(
    facts: Facts,
    row: Sequence[float],
    direction: Any,
    index: int,
    wrt: str | None = None,
    **given: Any,
) -> list[arb]:
    """Component `index` of a function over an axis, and its derivatives along a direction of x or another operand."""
    arrays = facts.rules.parameters.arrays
    point = {name: v for name, v in facts.parameters.items() if isinstance(v, float)} | {arrays[0]: row} | given
    moving = wrt or arrays[0]

    def series(name: str, value: Any) -> Any:
        if isinstance(value, int):
            return value
        along = direction if name == moving else np.zeros(np.shape(value))
        if np.ndim(value) == 0:
            return Series(value, float(along))
        return Vector(Series(float(v), float(t)) for v, t in zip(value, along, strict=True))

    return _evaluate(facts, {name: series(name, value) for name, value in point.items()} | {"i": index})
