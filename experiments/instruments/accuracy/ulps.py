"""The error of a result in ulp, units in the last place of its own type, and the inputs at which it is measured.

Tests and reports share this definition. The error is |computed - exact| over the spacing of the type's numbers around
the exact result, so that 0.5 is the best possible. There are four allowances:

- The input of an activation is itself rounded. Errors in float32 and float64 are reduced by the effect of a change of
the input by 2 ulp: twice the larger of |f(neighbour) - f(x)| over the two numbers next to x. This is the mixed
forward-backward error of numerical analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 1.5). The
error without this allowance, the raw error, is always computed as well. Narrower types, computed in float32, do not
have the allowance. A neighbour at a kink, or across a kink or 0, does not count, as a jump is not a rounding error.
- XLA flushes subnormal numbers to zero, products with a subnormal factor included: a result below 256 times the
smallest normal number may be zero, and a subnormal input may be taken as zero. float16 is computed in float32 and does
not have this allowance.
- Within 1 of a sign change of f' or f'' the result is a difference of nearly equal numbers: there the spacing is at
least that of a quarter of the largest |f'| or |f''| within 1 of it. For two functions, declared with `crossing`, the
same holds for f itself, where its value crosses zero at some x other than 0. Waves have any number of sign changes: see
`_spans_of_a_wave`.
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
"""The largest allowed error in ulp of value, f' and f'', for every elementwise activation."""

AXIS_BOUNDS = (8, 8, 16)
"""The same for functions over an axis, in float32, for rows of up to 4096; `rows.py` says which ulp is meant."""

EXCUSED = 2
"""A change of the input by so many ulp is allowed for."""

LINEAR_BOUND = 0.5 + 2.0**-12
"""The bound on value and slope of piecewise-linear functions: one rounding, which is unavoidable."""

TRUSTED = 1e-14
"""Relative error up to which float64 results are the truth for narrower types: a few millionths of their ulp."""

FINEST = 16
"""Bins of the error profile along x per factor of two, from 2**-6 to 2**10; elsewhere there is one per factor 256."""
_FINE = np.ldexp(1 + np.arange(FINEST) / FINEST, np.arange(-6, 10)[:, None]).ravel()
EDGES = np.concatenate([[0.0], 2.0 ** np.arange(-126, -6, 8), _FINE, 2.0 ** np.arange(10, 128, 8)])
"""The lower edges of the bins of |x|."""
BINS = 2 * len(EDGES)
"""Bins of a profile: those of negative x, mirrored, then those of positive x."""


def settings(facts: Facts) -> list[dict[str, float]]:
    """Parameters to measure with: the defaults, and others that every float type represents exactly."""
    names = list(facts.parameters)
    small = dict.fromkeys(names, 0.25)
    other = {
        name: (1.75, 0.375)[i % 2] if name in facts.positive else (-0.5, 2.5)[i % 2] for i, name in enumerate(names)
    }
    if not names:
        return [{}]
    return [{}, other] if all(isinstance(v, int | float) for v in facts.parameters.values()) else [small, other]


def patterns(dtype: str, infinite: bool = False) -> np.ndarray:
    """Every finite number of a type of at most 16 bits in rising order, with infinities on request."""
    bits = jnp.finfo(dtype).bits
    every = np.arange(2**bits).astype(f"uint{bits}")
    upwards = np.concatenate([every[: len(every) // 2 - 1 : -1], every[: len(every) // 2]]).view(jnp.dtype(dtype))
    with np.errstate(invalid="ignore"):
        wide = upwards.astype("float32")
    return upwards[~np.isnan(wide) if infinite else np.isfinite(wide)]


def sample(
    dtype: str, count: int, facts: Facts, rng: np.random.Generator, given: dict[str, float] | None = None
) -> np.ndarray:
    """Numbers of a 32- or 64-bit type: evenly over bit patterns, densely within 20 of 0, and next to the kinks."""
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
    """The largest allowed error: the bound that the function declares, or else that of all functions."""
    declared = facts.ulps
    if declared and dtype in ("float32", "float64"):
        return declared[order] * (2 if dtype == "float64" else 1)
    if not facts.elementwise:
        return AXIS_BOUNDS[order]
    return LINEAR_BOUND if linear else BOUNDS[dtype][order]


def piecewise_linear(curvature: np.ndarray) -> bool:
    """Whether f'' is 0 wherever it is a number: then value and slope need one rounding only."""
    return not np.nan_to_num(curvature).any()


class FloorSpans(NamedTuple):
    """Spans of x around sign changes of a result, with floors: the least magnitudes whose spacing is used there."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    floor: NDArray[np.float64]


NO_SPANS = FloorSpans(np.zeros(0), np.zeros(0), np.zeros(0))
MOST_SPANS = 8
"""A function whose f' or f'' has more sign changes is a wave."""
OCTAVES = [0.0, *(2.0**k for k in range(2, 17))]
"""The limits of the spans of a wave, on both sides of 0."""
WAVE_SPANS = 2 * (len(OCTAVES) - 1)


def floor_spans(x: np.ndarray, truth: np.ndarray, facts: Facts, order: int) -> FloorSpans:
    """The spans within 1 of a sign change, found on a sample; the floor is a quarter of the largest result in each."""
    if order == 0 and not facts.crossing:
        return NO_SPANS
    ranks = np.argsort(x, kind="stable")
    x, truth = x[ranks].astype("float64"), truth[ranks]
    usable = np.isfinite(truth) & np.isfinite(x)
    x, truth = x[usable], truth[usable]
    signs = np.flatnonzero(truth)
    changes = np.flatnonzero(np.diff(np.sign(truth[signs])))
    left, right = x[signs[changes]], x[signs[changes + 1]]  # on the two sides of each sign change
    if order == 0:  # a sign change at 0 loses no digits
        elsewhere = (left > 0) | (right < 0)
        left, right = left[elsewhere], right[elsewhere]
    if len(left) > MOST_SPANS:
        return _spans_of_a_wave(x, truth, left)
    low, high = left - 1, right + 1
    return FloorSpans(low, high, np.array([_largest(x, truth, *ends) / 4 for ends in zip(low, high, strict=True)]))


def _spans_of_a_wave(x: np.ndarray, truth: np.ndarray, roots: np.ndarray) -> FloorSpans:
    """One span for each factor of two of x that has sign changes; the floor is an eighth of the largest result in it.

    It is an eighth, as a wave may lose half its height in such a span. Beyond the last span the allowance for the input
    suffices: to the neighbours of such a float32 number a wave moves by more than this floor.
    """
    outward = list(pairwise(OCTAVES))
    spans = [(-high, -low) for low, high in outward] + outward
    spans = [(low, high) for low, high in spans if ((low <= roots) & (roots <= high)).any()]
    low, high = np.array(spans, "float64").reshape(-1, 2).T
    return FloorSpans(low, high, np.array([_largest(x, truth, *ends) / 8 for ends in spans]))


def _largest(x: np.ndarray, truth: np.ndarray, low: float, high: float) -> float:
    first, last = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
    return float(np.max(np.abs(truth[first:last]), initial=0))


def floors(xp: Any, x: Any, spans: FloorSpans) -> Any:
    """The floor at each input: the least magnitude whose spacing is used; for NumPy's arrays and for JAX's."""
    floor = xp.zeros_like(x)
    for low, high, floor_in_span in zip(spans.low, spans.high, spans.floor, strict=True):
        floor = xp.where((low <= x) & (x <= high), xp.maximum(floor, floor_in_span), floor)
    return floor


def neighbours(x: np.ndarray) -> list[np.ndarray]:
    """The two neighbours of each number in its type: towards 0 and away from it."""
    with np.errstate(over="ignore", invalid="ignore"):
        return [np.nextafter(x, np.zeros_like(x)), np.nextafter(x, np.copysign(np.array(np.inf, x.dtype), x))]


def largest_move(xp: Any, x: Any, truth: Any, neighbours: Any, kinks: Any) -> Any:
    """The larger move of the truth from x to one of its neighbours, which are given as pairs (number, truth).

    A neighbour without a finite truth does not count, nor one across a kink, where the truth may jump. 0 counts as a
    kink of every function: its neighbours are so near that the truth does not move without a jump.
    """
    largest = xp.zeros_like(truth)
    for neighbour, truth_there in neighbours:
        change = xp.abs(truth_there - truth)
        usable = xp.isfinite(change)
        for kink in [0.0, *kinks]:
            usable &= ((x < kink) & (neighbour < kink)) | ((x > kink) & (neighbour > kink))
        largest = xp.where(usable, xp.maximum(largest, change), largest)
    return largest


class Results(NamedTuple):
    """Inputs, results and truth in float64, which represents each number of the type; NumPy's arrays or JAX's."""

    x: Any
    got: Any
    truth: Any
    difference: Any
    """Computed minus exact: from float64 for a narrower type, from arbitrary precision for float64 itself."""
    at_zero: Any
    """The results at -0.0 and at 0.0, which a subnormal input may give."""
    moves: Any = 0.0
    """How far the truth moves to a neighbour of x, see `largest_move`."""


def errors(xp: Any, results: Results, dtype: str, floor: Any, domain: tuple[float, float], excused: bool = True) -> Any:
    """Error in ulp of each result; infinite where it is not finite though the truth is, or the other way around.

    `xp` is numpy or jax.numpy. `floor` is the least magnitude whose spacing is used.
    """
    x, got, truth, difference, at_zero, moves = results
    info = jnp.finfo(dtype)
    distance = xp.abs(difference)
    if excused and info.bits >= 32:
        distance = xp.maximum(distance - EXCUSED * moves, 0)
    tiny, largest = float(info.tiny), float(info.max)
    size = xp.abs(truth)
    spacing = xp.maximum(xp.maximum(_binade(xp, truth), _binade(xp, floor)), tiny) * 2.0**-info.nmant
    error = xp.minimum(distance / spacing, 3e38)  # also far from infinity in float32
    same_infinity = (got == truth) | (xp.isinf(got) & (size > largest) & (size < xp.inf) & ((got > 0) == (truth > 0)))
    error = xp.where(same_infinity, 0, error)
    error = xp.where(xp.isnan(error) | (xp.isinf(got) & ~same_infinity), xp.inf, error)
    taken_as_zero = False
    if dtype != "float16":
        taken_as_zero = (x != 0) & (xp.abs(x) < tiny) & ((got == at_zero[0]) | (got == at_zero[1]))
        error = xp.where(((size < 256 * tiny) & (got == 0)) | taken_as_zero, 0, error)
    error = xp.where(xp.isnan(truth), xp.where(xp.isnan(got) | taken_as_zero, 0, xp.inf), error)
    if domain != (-np.inf, np.inf):
        error = xp.where(in_domain(x, domain) | xp.isnan(truth) & (x != domain[0]), error, 0)
    return xp.where(xp.isnan(x), 0, error)


def _binade(xp: Any, number: Any) -> Any:
    """The largest power of two not above the magnitude: a float64 without its fraction."""
    return (xp.asarray(number, "float64").view("int64") & np.int64(0x7FF << 52)).view("float64")


def domain(facts: Facts, given: dict[str, float]) -> tuple[float, float]:
    """Where the bounds hold: the function's domain, up to the |x| for which it declares to be accurate."""
    return max(facts.domain[0], -facts.accurate_for), min(facts.domain[1], facts.accurate_for)


def in_domain(x: Any, domain: tuple[float, float]) -> Any:
    """Whether inputs lie inside the domain; its finite ends do not count, its infinite ones do."""
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
    """The largest error without the allowance for the input."""
    above: int = 0
    """Errors of more than 1 ulp."""

    def within(self, bound: float) -> bool:
        return self.bad == 0 and self.ulps <= bound


def worst(
    x: np.ndarray,
    got: np.ndarray,
    truth: np.ndarray,
    dtype: str,
    spans: FloorSpans = NO_SPANS,
    domain: tuple[float, float] = (-np.inf, np.inf),
    moves: ArrayLike = 0.0,
) -> Error:
    """The worst point of results in a type of at most 32 bits against float64 truth."""
    x, got = x.astype("float64"), np.asarray(got).astype("float64")
    with np.errstate(invalid="ignore"):
        return worst_of(x, got, truth, got - truth, dtype, spans, domain, moves)


def worst_of(
    x: np.ndarray,
    got: np.ndarray,
    truth: np.ndarray,
    difference: np.ndarray,
    dtype: str,
    spans: FloorSpans = NO_SPANS,
    domain: tuple[float, float] = (-np.inf, np.inf),
    moves: ArrayLike = 0.0,
) -> Error:
    """The worst point, given the differences from the truth."""
    results = Results(x, got, truth, difference, _at_zero(x, got), moves)
    floor = floors(np, x, spans)
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
