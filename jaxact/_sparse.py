"""Softmax's sparse relatives: probabilities of which most are exactly 0, by a threshold that makes them add up to 1."""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import jvp
from ._facts import activation
from ._rows import axis_of, from_top, masked, top_of


def _heights(name: str, x: ArrayLike, axis: int, where: Any) -> tuple[Array, Array, Array, int]:
    """The row counted from its largest, at least -4, far below any threshold; sorted; 1, 2, 3, ...; the axis."""
    axis, x = axis_of(name, x, axis), masked(name, x, where)
    z = jnp.maximum(from_top(x, top_of(x, (axis,))), -4)
    count = (lax.broadcasted_iota(jnp.int32, z.shape, axis) + 1).astype(z.dtype)
    return z, jnp.sort(z, axis, descending=True), count, axis


def _sparsemax_by_x(dx: Array, p: Array, x: Array, axis: int, where: Any) -> Array:
    inside = p > 0
    count = jnp.maximum(jnp.sum(inside, axis, keepdims=True, dtype=p.dtype), 1)
    d = jnp.where(inside, dx, 0)
    return jnp.where(inside, d - jnp.sum(d, axis, keepdims=True) / count, 0)


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1602.02068")
@jvp(x=_sparsemax_by_x)
def sparsemax(x: ArrayLike, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """sparsemax(x)[i] = max(0, x[i] - root(lambda t: sum(max(0, v - t) for v in x) - 1))

    The probabilities nearest to x, row by row: those of small scores are exactly 0, and so are their gradients. The
    root is the threshold, found by sorting; the derivative is that of the formula, not of the search.

    Args:
        x: the scores.
        axis: the axis of the probabilities.
        where: bools that broadcast to x; False elements are left out and become 0.
    """
    z, ordered, count, axis = _heights("sparsemax", x, axis, where)
    # The threshold of the k largest is largest for the right k; -1 serves a row with nothing in it.
    threshold = jnp.max((jnp.cumsum(ordered, axis) - 1) / count, axis, keepdims=True, initial=-1)
    return jnp.maximum(z - threshold, 0)


def _root(p: Array) -> Array:
    """The square root, with derivative 0 at 0."""
    return jnp.where(p > 0, jnp.sqrt(jnp.where(p > 0, p, 1)), 0)


def _entmax15_by_x(dx: Array, p: Array, x: Array, axis: int, where: Any) -> Array:
    s = _root(p)
    total = jnp.sum(s, axis, keepdims=True)
    d = jnp.where(s > 0, dx, 0)
    return s * (d - jnp.sum(s * d, axis, keepdims=True) / jnp.where(total == 0, 1, total))


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1905.05702")
@jvp(x=_entmax15_by_x)
def entmax15(x: ArrayLike, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """entmax15(x)[i] = max(0, x[i] / 2 - root(lambda t: sum(max(0, v / 2 - t)**2 for v in x) - 1))**2

    Half-way between softmax and sparsemax (alpha = 1.5): smooth, with exact zeros for small scores. The root is the
    threshold, found by sorting; the derivative is that of the formula, not of the search.

    Args:
        x: the scores.
        axis: the axis of the probabilities.
        where: bools that broadcast to x; False elements are left out and become 0.
    """
    z, ordered, count, axis = _heights("entmax15", x, axis, where)
    z, ordered = z / 2, ordered / 2
    mean = jnp.cumsum(ordered, axis) / count
    scatter = jnp.maximum(jnp.cumsum(jnp.square(ordered), axis) / count - jnp.square(mean), 0)
    thresholds = mean - jnp.sqrt(jnp.maximum(1 / count - scatter, 0))  # those of the k largest alone
    # The last one that is below its own number; at least -1, for a row with nothing in it.
    threshold = jnp.max(jnp.where(ordered > thresholds, thresholds, -1), axis, keepdims=True, initial=-1)
    for _ in range(2):  # Newton's method finds the digits that sums of thousands have lost
        s = jnp.maximum(z - threshold, 0)
        slope = jnp.maximum(2 * jnp.sum(s, axis, keepdims=True), 1)
        threshold += (jnp.sum(jnp.square(s), axis, keepdims=True) - 1) / slope
    return jnp.square(jnp.maximum(z - jnp.maximum(threshold, -1), 0))
