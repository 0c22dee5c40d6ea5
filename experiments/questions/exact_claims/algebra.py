"""What a check of algebra is, and how values are compared with formulas: in units of rounding, with NaN counted."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb, ctx
from jax import Array

BITS = 512
"""Of the arithmetic that formulas are computed in: 1 - sigmoid(104) takes 151."""
ROUNDING = 8.0
"""Units of rounding within which two ways to compute the same number agree."""
ABOVE = float(np.nextafter(0, 1))
"""The smallest number above 0, for ranges that leave 0 out."""
NOTES, TRUTH = "notes", "truth"
FLOATS = ("float32", "float64")


class Check(NamedTuple):
    """A number, and the range in which it lies if what is claimed holds."""

    of: str
    """NOTES for the claim as worded, which decides the verdict; TRUTH for the sentence that says what is so."""
    what: str
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """A NaN lies in no range."""
        return self.low <= self.value <= self.high


def notes(what: str, value: float, low: float = 0.0, high: float = 0.0) -> Check:
    """A check that decides the verdict; by default nothing may differ."""
    return Check(NOTES, what, float(value), low, high)


def truth(what: str, value: float, low: float = 0.0, high: float = 0.0) -> Check:
    """A check of what is so instead, or beside it."""
    return Check(TRUTH, what, float(value), low, high)


def grid(dtype: str) -> np.ndarray:
    """Finite points on both sides of 0, without it: those that the notes name, where floats end, and some between."""
    sides = np.concatenate([[1e-30, 1e-6, 10.0, 17.0, 104.0], np.geomspace(1e-3, 40, 60)])
    return np.sort(np.concatenate([-sides, sides])).astype(dtype)


def slope(function: Callable[[Array], Array], x: Any) -> np.ndarray:
    """By autodiff, point by point."""
    return np.asarray(jax.jit(jax.vmap(jax.grad(function)))(jnp.asarray(x)))


def certain(formula: Callable[[arb], arb], x: np.ndarray) -> np.ndarray:
    """The formula at finite points, rounded once, to float64."""
    with ctx.workprec(BITS):
        return np.array([float(formula(arb(float(value))).mid()) for value in x])


def off(got: Any, exact: np.ndarray) -> float:
    """The largest difference in units of rounding of the type that came; NaN if there is one."""
    got = np.asarray(got)
    limits = np.finfo(got.dtype)
    unit = np.maximum(float(limits.eps) * np.abs(exact), float(limits.tiny))
    return float(np.max(np.abs(got.astype(float) - exact) / unit))


def differing(got: Any, expected: Any) -> float:
    """The share of entries that are not equal."""
    return float(np.mean(np.asarray(got) != np.asarray(expected)))


def not_nan(values: Any) -> float:
    """How many are numbers where none should be."""
    return float(np.sum(~np.isnan(np.asarray(values))))


def extremes(dtype: str) -> np.ndarray:
    """Both infinities."""
    return np.array([-math.inf, math.inf], dtype)
