"""Means over a normal distribution, of any function: Gauss-Legendre panels, halved wherever the function is not smooth.

Gauss-Hermite rules are inaccurate at a kink: with 101 nodes, one of which lies on the kink of ReLU, they give 0.96 of
its mean squared slope. Panels that are halved until both halves agree with the whole find kinks and jumps, also those
of an unknown function.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._names import get

CUTOFF = 16.0  # standard deviations; the probability beyond is 1e-57
LARGEST_TAIL = 1e-9  # the fraction of a mean that may come from the last standard deviation before the cutoff
NODES_PER_PANEL = 16
FIRST_EDGES = np.linspace(-CUTOFF, CUTOFF, 65) + 0.0123  # no edge on a simple number, where it would hide a kink
NARROWEST = 2.0**-42  # width of a panel; the error within is below 1e-13
KINK_WIDTH = 2.0**-30  # panels become as narrow as this only at a kink or a jump
HALVED_AT_ONCE = 256  # the worst panels of a round: a bound on the work for a function with rounding errors of 1e-7
TOLERANCE = 1e-14  # relative to the whole integral
FEW, MANY = 2 * HALVED_AT_ONCE * NODES_PER_PANEL, 2**16  # points evaluated at once: two sizes, so two compilations


ActivationLike = Callable[..., Any] | str
"""An elementwise function, or its name as for `jaxact.get`."""


class Quadrature(NamedTuple):
    """A function at the nodes of a quadrature rule for the standard normal distribution."""

    kinks: tuple[float, ...]
    """Where the value or the slope jumps."""
    z: np.ndarray
    weight: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    name: str
    deviation: float

    def mean(self, of: np.ndarray) -> float:
        """The mean of a function of value, slope and z, given at the nodes."""
        far, terms = np.abs(self.z) > CUTOFF - 1, np.abs(self.weight * of)
        if terms[far].sum() > LARGEST_TAIL * terms.sum():
            raise ValueError(
                f"{self.name} grows too fast for normal inputs of variance {self.deviation**2:.4g}: a mean is infinite "
                f"or depends on inputs beyond {CUTOFF:g} standard deviations; expected a slower function."
            )
        return float(self.weight @ of)


def quadrature(function: Callable[..., Any], deviation: float = 1.0, tolerance: float = TOLERANCE) -> Quadrature:
    """The function z -> function(deviation * z) at the nodes of a rule that integrates it, its slope and its square."""
    name = name_of(function)
    _check_elementwise(function, name)
    return _adaptive(lambda z: value_and_slope(function, deviation * z), deviation, tolerance, name)


def function_of(caller: str, fn: ActivationLike) -> Callable[..., Any]:
    """The function itself, or the one that `jaxact.get` finds by this name."""
    if isinstance(fn, str):
        return get(fn)
    if not callable(fn):
        raise TypeError(
            f"{caller} was called with {fn!r:.60} of type {type(fn).__name__}; expected an elementwise function, "
            f"or its name as for jaxact.get."
        )
    return fn


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, a `functools.partial` or a module, for error messages."""
    inner = getattr(function, "func", function)
    return getattr(inner, "__name__", type(inner).__name__)


def density(z: np.ndarray) -> np.ndarray:
    """The density of the standard normal distribution."""
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def value_and_slope(function: Callable[..., Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope in float64, also while JAX traces a program."""
    at_once = FEW if x.size <= FEW else MANY
    padded = np.zeros(-(-x.size // at_once) * at_once)
    padded[: x.size] = x.ravel()
    with jax.ensure_compile_time_eval(), jax.enable_x64(True):
        parts = [_compiled_value_and_slope(function, jnp.asarray(part)) for part in padded.reshape(-1, at_once)]
        y, slope = (np.concatenate([np.asarray(part[i], np.float64) for part in parts]) for i in (0, 1))
    return y[: x.size].reshape(x.shape), slope[: x.size].reshape(x.shape)


@eqx.filter_jit
def _compiled_value_and_slope(function: Callable[..., Any], x: jax.Array) -> tuple[jax.Array, jax.Array]:
    y, pull = jax.vjp(function, x)
    return y, pull(jnp.ones_like(y))[0]


def _check_elementwise(function: Callable[..., Any], name: str) -> None:
    x = np.linspace(-3, 3, FEW)
    with jax.enable_x64(True):
        y = jax.eval_shape(function, jax.ShapeDtypeStruct(x.shape, x.dtype))
    if getattr(y, "shape", None) != x.shape or not jnp.issubdtype(y.dtype, jnp.floating):
        raise ValueError(f"{name} returned {y} for {FEW} floats; expected {FEW} floats, from an elementwise function.")
    others = np.where(x < 0, x, 0)
    values, values_beside_others = value_and_slope(function, x)[0], value_and_slope(function, others)[0]
    if not np.allclose(values[x < 0], values_beside_others[x < 0], rtol=1e-5, equal_nan=True):
        raise ValueError(
            f"{name} returned different values for the same numbers, depending on the other numbers of the array; "
            f"expected an elementwise function."
        )


ValueAndSlope = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _adaptive(function: ValueAndSlope, deviation: float, tolerance: float, name: str) -> Quadrature:
    left, right = FIRST_EDGES[:-1], FIRST_EDGES[1:]
    whole = _integrals(function, left, right)
    scale, accepted = np.abs(whole).sum(), [left[:0]]
    while left.size:
        middle = (left + right) / 2
        halves = _integrals(function, np.concatenate([left, middle]), np.concatenate([middle, right]))
        left_half, right_half = np.split(halves, 2, axis=1)
        with np.errstate(invalid="ignore"):
            error = np.abs(whole - left_half - right_half).max(0)
        if not np.isfinite(error).all():
            at = middle[~np.isfinite(error)][0]
            squared_too = np.isfinite(function(at + (right - left)[:1] * [0, 0.5, -0.5])).all()
            raise ValueError(
                f"{name} is {'too large to be squared' if squared_too else 'not finite'} near {deviation * at:.4g}; "
                f"expected a finite value and slope everywhere."
            )
        worst = np.argsort(-error)[:HALVED_AT_ONCE]
        halved = worst[(error[worst] > tolerance * scale) & ((right - left)[worst] > NARROWEST)]
        accepted.append(np.delete(left, halved))
        left, right, whole = (
            np.concatenate([left[halved], middle[halved]]),
            np.concatenate([middle[halved], right[halved]]),
            np.concatenate([left_half[:, halved], right_half[:, halved]], axis=1),
        )
    edges = np.append(np.sort(np.concatenate(accepted)), FIRST_EDGES[-1])
    z, weight = legendre_rule(edges)
    value, slope = function(z)
    _check_square_integrable(edges, weight * density(z) * value**2, deviation, name)
    return Quadrature(_kinks(edges), z, weight * density(z), value, slope, name, deviation)


def _check_square_integrable(edges: np.ndarray, terms: np.ndarray, deviation: float, name: str) -> None:
    """Refuse a pole, at which the narrowest panels contribute a visible part of the integral."""
    panels = terms.reshape(edges.size - 1, -1).sum(1)
    fraction = np.where(np.diff(edges) < KINK_WIDTH, panels, 0) / max(panels.sum(), 1e-300)
    if fraction.max() > 1e-6:
        raise ValueError(
            f"{name} is not square integrable near {deviation * edges[fraction.argmax()]:.4g}; expected a "
            f"function whose square has a mean."
        )


def _kinks(edges: np.ndarray) -> tuple[float, ...]:
    """The places where panels had to become narrow, each once."""
    narrow = edges[:-1][np.diff(edges) < KINK_WIDTH]
    first = np.diff(narrow, prepend=-np.inf) > 1e-6
    return tuple(narrow[first].tolist())


def _integrals(function: ValueAndSlope, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The integrals of value, slope and squared value over each panel, weighted by the density."""
    half_width, (nodes, weights) = (right - left)[:, None] / 2, _legendre_nodes()
    z = left[:, None] + half_width * (nodes + 1)
    value, slope = function(z)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite values are reported by the caller
        return (np.stack([value, slope, value * value]) * (half_width * weights * density(z))).sum(-1)


def legendre_rule(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss-Legendre panels from edge to edge, along the last axis."""
    half_width, (nodes, weights) = np.diff(edges)[..., None] / 2, _legendre_nodes()
    z = edges[..., :-1, None] + half_width * (nodes + 1)
    weights = np.broadcast_to(half_width * weights, z.shape)
    return z.reshape(*edges.shape[:-1], -1), weights.reshape(*edges.shape[:-1], -1)


@cache
def _legendre_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on -1 to 1. Computed on first use, since importing numpy.polynomial takes 30 ms."""
    return np.polynomial.legendre.leggauss(NODES_PER_PANEL)
