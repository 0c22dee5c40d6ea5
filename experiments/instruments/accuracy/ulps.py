"""How far a result is from the truth, in units in the last place of its own type, and at which inputs to look.

The measure, which tests and reports share. The error is |computed - exact| over the spacing of the type's numbers
around the exact result, so that 0.5 is the best possible. Four things are allowed for, and nothing else:

- The input of an activation is itself rounded. From an error in float32 and float64 goes what a change of the input by
2 ulp makes: twice the larger of |f(neighbour) - f(x)| over the two numbers next to x. This is the mixed
forward-backward error of numerical analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 1.5). The
error without this excuse, the raw one, is always found beside it. Narrower types, computed in float32, have no such
excuse. A neighbour beyond a kink, or at one, excuses nothing, nor does any across 0: a jump is no rounding.
- XLA flushes subnormal numbers, and products with a subnormal factor lose theirs: a result below 256 times the smallest
normal number may come out as zero, and a subnormal input may be taken as zero. float16 is computed in float32 and has
no such excuse.
- Within 1 of a sign change of f' or f'' the result is a difference of nearly equal numbers: there the spacing is at
least that of a quarter of the largest |f'| or |f''| within 1 of it. Two functions, which say so (`crossing`), have such
a point in f itself, where the value crosses zero at some x other than 0. Waves change their sign without end: see
`_of_a_wave`.
- At a kink the truth is the one-sided slope that the docstring states.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxact import Facts

ORDERS = ("f", "f'", "f''")
"""What is measured, as reports call it."""

BOUNDS = {
    "float16": (0.51, 0.51, 0.51),
    "bfloat16": (0.51, 0.51, 0.51),
    "float32": (8, 8, 16),
    "float64": (16, 16, 32),
}
"""The largest error in ulp of value, f' and f'', for every elementwise activation."""

AXIS_BOUNDS = (8, 8, 16)
"""The same for functions over an axis, in float32, up to 4096 in a row; see `experiments/rows.py` for the ulp meant."""

EXCUSED = 2
"""Ulps by which the input may have been another."""

EXACT = 0.5 + 2.0**-12
"""The same for value and slope of piecewise-linear functions: the one rounding that no computation can avoid."""

TRUSTED = 1e-14
"""Relative error up to which float64 results serve as truth for narrower types: a few millionths of their ulp."""

FINEST = 16
"""Bins per factor of two, from 2**-6 to 2**10, of the profile of the error along x; elsewhere one per factor 256."""
_FINE = np.ldexp(1 + np.arange(FINEST) / FINEST, np.arange(-6, 10)[:, None]).ravel()
EDGES = np.concatenate([[0.0], 2.0 ** np.arange(-126, -6, 8), _FINE, 2.0 ** np.arange(10, 128, 8)])
"""Where the bins of |x| begin; each of them is there twice in a profile, first for negative x, mirrored."""
BINS = 2 * len(EDGES)


def settings(facts: Facts) -> list[dict[str, float]]:
    """Parameters to measure with: the defaults, and numbers around them that every float type can hold."""
    names = list(facts.parameters)
    small = dict.fromkeys(names, 0.25)
    other = {
        name: (1.75, 0.375)[i % 2] if name in facts.positive else (-0.5, 2.5)[i % 2] for i, name in enumerate(names)
    }
    if not names:
        return [{}]
    return [{}, other] if all(isinstance(v, int | float) for v in facts.parameters.values()) else [small, other]


def patterns(dtype: str, infinite: bool = False) -> np.ndarray:
    """Every finite number of a type of at most 16 bits in rising order, infinities on request."""
    bits = jnp.finfo(dtype).bits
    every = np.arange(2**bits).astype(f"uint{bits}")
    upwards = np.concatenate([every[: len(every) // 2 - 1 : -1], every[: len(every) // 2]]).view(jnp.dtype(dtype))
    with np.errstate(invalid="ignore"):
        wide = upwards.astype("float32")
    return upwards[~np.isnan(wide) if infinite else np.isfinite(wide)]


def sample(
    dtype: str, count: int, facts: Facts, rng: np.random.Generator, given: dict[str, float] | None = None
) -> np.ndarray:
    """Numbers of a 32- or 64-bit type: even over bit patterns, dense where functions bend, and next to the kinks."""
    info = np.finfo(dtype)
    integer = np.dtype(f"int{info.bits}")
    top = int(np.array(info.max, dtype).view(integer))
    even = np.linspace(0, top, count // 4).astype(integer).view(dtype)
    near = rng.uniform(-20, 20, count // 4).astype(dtype)
    far = rng.uniform(-1, 1, count // 4).astype(dtype) * np.asarray(-np.log(info.tiny), dtype)
    steps = np.arange(-64, 65)
    kinks = [
        np.array(kink, dtype) + steps.astype(dtype) * max(info.tiny, abs(kink) * info.eps)
        for kink in (0, *facts.kinks_at(**(given or {})))
    ]
    return np.concatenate([even, -even, near, far, *kinks]).astype(dtype)


def ulp(exact_values: np.ndarray, dtype: str) -> np.ndarray:
    """The spacing of the type's numbers around float64 values."""
    info = jnp.finfo(dtype)
    exponent = np.frexp(exact_values)[1] - 1
    return np.ldexp(1.0, np.maximum(exponent, info.minexp) - info.nmant)


def bound(facts: Facts, dtype: str, order: int, linear: bool = False) -> float:
    """The largest error allowed: the function's own bound, where it declares one, or else that of all functions."""
    own = facts.ulps
    if own and dtype in ("float32", "float64"):
        return own[order] * (2 if dtype == "float64" else 1)
    if not facts.elementwise:
        return AXIS_BOUNDS[order]
    return EXACT if linear else BOUNDS[dtype][order]


def piecewise_linear(curvature: np.ndarray) -> bool:
    """Whether f'' is zero wherever it is a number: then one rounding, of value and slope, is all there has to be."""
    return not np.nan_to_num(curvature).any()


class Relief(NamedTuple):
    """Where a result passes through zero, and the magnitudes that count as its own there, span by span."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    floor: NDArray[np.float64]


NO_RELIEF = Relief(np.zeros(0), np.zeros(0), np.zeros(0))
MOST_SPANS = 8
"""A function whose f' or f'' changes its sign more often is a wave."""
OCTAVES = [0.0, *(2.0**k for k in range(2, 17))]
"""Where the spans of a wave begin and end, on both sides of 0."""
WAVE_SPANS = 2 * (len(OCTAVES) - 1)


def relief(x: np.ndarray, truth: np.ndarray, facts: Facts, order: int) -> Relief:
    """The spans of x, found on a sample, within 1 of a sign change, with a quarter of the largest result in each."""
    if order == 0 and not facts.crossing:
        return NO_RELIEF
    ranks = np.argsort(x, kind="stable")
    x, truth = x[ranks].astype("float64"), truth[ranks]
    usable = np.isfinite(truth) & np.isfinite(x)
    x, truth = x[usable], truth[usable]
    signs = np.flatnonzero(truth)
    changes = np.flatnonzero(np.diff(np.sign(truth[signs])))
    left, right = x[signs[changes]], x[signs[changes + 1]]  # on the two sides of each sign change
    if order == 0:  # through 0 a function goes with all its digits
        elsewhere = (left > 0) | (right < 0)
        left, right = left[elsewhere], right[elsewhere]
    if len(left) > MOST_SPANS:
        return _of_a_wave(x, truth, left)
    low, high = left - 1, right + 1
    return Relief(low, high, np.array([_largest(x, truth, *ends) / 4 for ends in zip(low, high, strict=True)]))


def _of_a_wave(x: np.ndarray, truth: np.ndarray, roots: np.ndarray) -> Relief:
    """One span for each factor of two of x that has sign changes, with an eighth of the largest result in it.

    An eighth, as a wave may lose half its height in such a span. Beyond the last span the excuse is all there is: to
    the neighbours of such a float32 number the wave moves by more than this relief.
    """
    outward = list(pairwise(OCTAVES))
    spans = [(-high, -low) for low, high in outward] + outward
    spans = [(low, high) for low, high in spans if ((low <= roots) & (roots <= high)).any()]
    low, high = np.array(spans, "float64").reshape(-1, 2).T
    return Relief(low, high, np.array([_largest(x, truth, *ends) / 8 for ends in spans]))


def _largest(x: np.ndarray, truth: np.ndarray, low: float, high: float) -> float:
    first, last = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
    return float(np.max(np.abs(truth[first:last]), initial=0))


def floors(xp: Any, x: Any, where: Relief) -> Any:
    """The least magnitude whose spacing counts, at each input; for NumPy's arrays and for JAX's."""
    floor = xp.zeros_like(x)
    for low, high, least in zip(where.low, where.high, where.floor, strict=True):
        floor = xp.where((low <= x) & (x <= high), xp.maximum(floor, least), floor)
    return floor


def beside(x: np.ndarray) -> list[np.ndarray]:
    """The two numbers of the same type next to each: towards 0 and away from it."""
    with np.errstate(over="ignore", invalid="ignore"):
        return [np.nextafter(x, np.zeros_like(x)), np.nextafter(x, np.copysign(np.array(np.inf, x.dtype), x))]


def moved(xp: Any, x: Any, truth: Any, neighbours: Any, kinks: Any) -> Any:
    """How far the truth moves from x to the neighbour where it moves more; `neighbours` are pairs (number, truth).

    Left out are a neighbour without a finite truth and one beyond a kink, where the truth may jump. 0 counts as a kink
    of every function: its neighbours are so near that without a jump nothing moves.
    """
    most = xp.zeros_like(truth)
    for neighbour, there in neighbours:
        change = xp.abs(there - truth)
        usable = xp.isfinite(change)
        for kink in [0.0, *kinks]:
            usable &= ((x < kink) & (neighbour < kink)) | ((x > kink) & (neighbour > kink))
        most = xp.where(usable, xp.maximum(most, change), most)
    return most


class Results(NamedTuple):
    """What was computed where, in float64 that holds each number of the type; NumPy's arrays or JAX's."""

    x: Any
    got: Any
    truth: Any
    difference: Any
    """Computed minus exact: from float64 for a narrower type, from arbitrary precision for float64 itself."""
    at_zero: Any
    """The results at -0.0 and at 0.0: what a subnormal input may give."""
    moved: Any = 0.0
    """How far the truth moves to a neighbour of x, see `moved`."""


def errors(xp: Any, results: Results, dtype: str, floor: Any, domain: tuple[float, float], excused: bool = True) -> Any:
    """Error in ulp of each result; infinite where it is not finite though the truth is, or the other way around.

    `xp` is numpy or jax.numpy, the same text for both. `floor` is the least magnitude whose spacing counts.
    """
    x, got, truth, difference, at_zero, moved = results
    info = jnp.finfo(dtype)
    distance = xp.abs(difference)
    if excused and info.bits >= 32:
        distance = xp.maximum(distance - EXCUSED * moved, 0)
    tiny, largest = float(info.tiny), float(info.max)
    size = xp.abs(truth)
    spacing = xp.maximum(xp.maximum(_binade(xp, truth), _binade(xp, floor)), tiny) * 2.0**-info.nmant
    error = xp.minimum(distance / spacing, 3e38)  # far from infinity in float32, too
    same_infinity = (got == truth) | (xp.isinf(got) & (size > largest) & (size < xp.inf) & ((got > 0) == (truth > 0)))
    error = xp.where(same_infinity, 0, error)
    error = xp.where(xp.isnan(error) | (xp.isinf(got) & ~same_infinity), xp.inf, error)
    taken_as_zero = False
    if dtype != "float16":
        taken_as_zero = (x != 0) & (xp.abs(x) < tiny) & ((got == at_zero[0]) | (got == at_zero[1]))
        error = xp.where(((size < 256 * tiny) & (got == 0)) | taken_as_zero, 0, error)
    error = xp.where(xp.isnan(truth), xp.where(xp.isnan(got) | taken_as_zero, 0, xp.inf), error)
    if domain != (-np.inf, np.inf):
        error = xp.where(counted(x, domain) | xp.isnan(truth) & (x != domain[0]), error, 0)
    return xp.where(xp.isnan(x), 0, error)


def _binade(xp: Any, number: Any) -> Any:
    """The power of two at or below the magnitude: a float64 without its fraction."""
    return (xp.asarray(number, "float64").view("int64") & np.int64(0x7FF << 52)).view("float64")


def domain(facts: Facts, given: dict[str, float]) -> tuple[float, float]:
    """Where the bounds hold: where the function is defined, as far as it says that they hold."""
    return max(facts.domain[0], -facts.accurate_for), min(facts.domain[1], facts.accurate_for)


def counted(x: Any, domain: tuple[float, float]) -> Any:
    """Which inputs a share refers to: numbers of the domain, without its finite ends."""
    return ((x > domain[0]) | (domain[0] == -np.inf)) & ((x < domain[1]) | (domain[1] == np.inf)) & (x == x)


@dataclass
class Error:
    """The largest error found, and where: what a failing test prints."""

    ulps: float
    x: float
    got: float
    exact: float
    bad: int
    """Results that are not finite where the truth is, or the other way around."""
    raw: float = 0.0
    """The largest error when no change of the input is excused."""
    above: int = 0
    """Errors of more than 1 ulp."""

    def within(self, bound: float) -> bool:
        return self.bad == 0 and self.ulps <= bound


def worst(
    x: np.ndarray,
    got: np.ndarray,
    truth: np.ndarray,
    dtype: str,
    where: Relief = NO_RELIEF,
    domain: tuple[float, float] = (-np.inf, np.inf),
    moved: ArrayLike = 0.0,
) -> Error:
    """The worst point of results in a type of at most 32 bits against float64 truth."""
    x, got = x.astype("float64"), np.asarray(got).astype("float64")
    with np.errstate(invalid="ignore"):
        return worst_of(x, got, truth, got - truth, dtype, where, domain, moved)


def worst_of(
    x: np.ndarray,
    got: np.ndarray,
    truth: np.ndarray,
    difference: np.ndarray,
    dtype: str,
    where: Relief = NO_RELIEF,
    domain: tuple[float, float] = (-np.inf, np.inf),
    moved: ArrayLike = 0.0,
) -> Error:
    """The worst point, given the differences from the truth."""
    results = Results(x, got, truth, difference, _at_zero(x, got), moved)
    floor = floors(np, x, where)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        excused = errors(np, results, dtype, floor, domain)
        raw = errors(np, results, dtype, floor, domain, excused=False)
    bad = np.isinf(excused)
    excused[bad] = raw[bad] = 0
    at = int(np.argmax(excused))
    return Error(
        float(excused[at]),
        float(x[at]),
        float(got[at]),
        float(truth[at]),
        int(bad.sum()),
        float(raw.max()),
        int((excused > 1).sum()),
    )


def _at_zero(x: np.ndarray, got: np.ndarray) -> tuple[ArrayLike, ArrayLike]:
    zeros = got[x == 0]
    return (zeros.min(), zeros.max()) if len(zeros) else (np.nan, np.nan)
