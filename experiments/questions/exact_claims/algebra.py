"""Checks of algebra: numbers with the range that a claim predicts, and comparisons of values with formulas."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb, ctx
from jax import Array

BITS = 512
"""The precision in which formulas are evaluated: 1 - sigmoid(104) takes 151 bits."""
ROUNDING = 8.0
"""The error in units of rounding up to which two ways to compute the same number agree."""
ABOVE = float(np.nextafter(0, 1))
"""The smallest number above 0, for ranges without 0."""
NOTES, TRUTH = "notes", "truth"  # the roles of checks
FLOATS = ("float32", "float64")


class Check(NamedTuple):
    """A number, and the range in which it lies if the claim holds."""

    role: str
    """NOTES for a check of the claim as worded, which decides the verdict; TRUTH for one of the correct statement."""
    what: str
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the value lies in the range; NaN does not."""
        return self.low <= self.value <= self.high


def notes_check(what: str, value: float, low: float = 0.0, high: float = 0.0) -> Check:
    """A check of the claim as worded; by default the value has to be 0."""
    return Check(NOTES, what, float(value), low, high)


def truth_check(what: str, value: float, low: float = 0.0, high: float = 0.0) -> Check:
    """A check of the correct statement; by default the value has to be 0."""
    return Check(TRUTH, what, float(value), low, high)


def finite_points(dtype: str) -> np.ndarray:
    """Finite points other than 0: those that the notes name, those at which sigmoid rounds, and some between."""
    sides = np.concatenate([[1e-30, 1e-6, 10.0, 17.0, 104.0], np.geomspace(1e-3, 40, 60)])
    return np.sort(np.concatenate([-sides, sides])).astype(dtype)


def autodiff_slope(function: Callable[[Array], Array], x: Any) -> np.ndarray:
    """The slope of an elementwise function by autodiff."""
    return np.asarray(jax.jit(jax.vmap(jax.grad(function)))(jnp.asarray(x)))


def exact_values(formula: Callable[[arb], arb], x: np.ndarray) -> np.ndarray:
    """The values of a formula at finite points, rounded once, to float64."""
    with ctx.workprec(BITS):
        return np.array([float(formula(arb(float(value))).mid()) for value in x])


def max_error(got: Any, exact: np.ndarray) -> float:
    """The largest error in units of rounding of the result's type; NaN if there is one."""
    got = np.asarray(got)
    limits = np.finfo(got.dtype)
    unit = np.maximum(float(limits.eps) * np.abs(exact), float(limits.tiny))
    return float(np.max(np.abs(got.astype(float) - exact) / unit))


def share_unequal(got: Any, expected: Any) -> float:
    """The share of entries that are not equal."""
    return float(np.mean(np.asarray(got) != np.asarray(expected)))


def count_not_nan(values: Any) -> float:
    """The number of values that are not NaN."""
    return float(np.sum(~np.isnan(np.asarray(values))))


def infinities(dtype: str) -> np.ndarray:
    """Minus and plus infinity."""
    return np.array([-math.inf, math.inf], dtype)
