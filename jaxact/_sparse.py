"""Sparse relatives of softmax: probabilities above a threshold that makes them add up to 1, most of them exactly 0."""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import jvp
from ._facts import activation
from ._rows import axis_of, masked, row_max, shift_by_max


def _sorted_shifts(name: str, x: ArrayLike, axis: int, where: Any) -> tuple[Array, Array, Array, int]:
    """x minus its maximum, at least -4, which is below any threshold; the same, sorted; 1, 2, 3, ...; the axis."""
    axis, x = axis_of(name, x, axis), masked(name, x, where)
    z = jnp.maximum(shift_by_max(x, row_max(x, (axis,))), -4)
    k = (lax.broadcasted_iota(jnp.int32, z.shape, axis) + 1).astype(z.dtype)
    return z, jnp.sort(z, axis, descending=True), k, axis


def _sparsemax_by_x(dx: Array, p: Array, x: Array, axis: int, where: Any) -> Array:
    support = p > 0
    size = jnp.maximum(jnp.sum(support, axis, keepdims=True, dtype=p.dtype), 1)
    d = jnp.where(support, dx, 0)
    return jnp.where(support, d - jnp.sum(d, axis, keepdims=True) / size, 0)


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1602.02068")
@jvp(x=_sparsemax_by_x)
def sparsemax(x: ArrayLike, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """sparsemax(x)[i] = max(0, x[i] - root(lambda t: sum(max(0, v - t) for v in x) - 1))

    The vector of probabilities nearest to x: those of small scores are exactly 0, and so are their gradients. The root
    is the threshold, found by sorting; the derivative is that of the formula and not of the search.

    Args:
        axis: the axis of the probabilities.
        where: the mask; masked elements become 0.
    """
    z, ordered, k, axis = _sorted_shifts("sparsemax", x, axis, where)
    # The support is the k for which the threshold of the k largest is largest. -1 is for an empty row.
    threshold = jnp.max((jnp.cumsum(ordered, axis) - 1) / k, axis, keepdims=True, initial=-1)
    return jnp.maximum(z - threshold, 0)


def _sqrt(p: Array) -> Array:
    """The square root, with slope 0 at 0."""
    return jnp.where(p > 0, jnp.sqrt(jnp.where(p > 0, p, 1)), 0)


def _entmax15_by_x(dx: Array, p: Array, x: Array, axis: int, where: Any) -> Array:
    s = _sqrt(p)
    total = jnp.sum(s, axis, keepdims=True)
    d = jnp.where(s > 0, dx, 0)
    return s * (d - jnp.sum(s * d, axis, keepdims=True) / jnp.where(total == 0, 1, total))


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1905.05702")
@jvp(x=_entmax15_by_x)
def entmax15(x: ArrayLike, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """entmax15(x)[i] = max(0, x[i] / 2 - root(lambda t: sum(max(0, v / 2 - t)**2 for v in x) - 1))**2

    Half-way between softmax and sparsemax (alpha = 1.5): smooth, with exact zeros for small scores. The root is the
    threshold, found by sorting; the derivative is that of the formula and not of the search.

    Args:
        axis: the axis of the probabilities.
        where: the mask; masked elements become 0.
    """
    z, ordered, k, axis = _sorted_shifts("entmax15", x, axis, where)
    z, ordered = z / 2, ordered / 2
    mean = jnp.cumsum(ordered, axis) / k
    variance = jnp.maximum(jnp.cumsum(jnp.square(ordered), axis) / k - jnp.square(mean), 0)
    thresholds = mean - jnp.sqrt(jnp.maximum(1 / k - variance, 0))  # if the k largest are the support
    # The support is the largest k whose last element is above its threshold. -1 is for an empty row.
    threshold = jnp.max(jnp.where(ordered > thresholds, thresholds, -1), axis, keepdims=True, initial=-1)
    for _ in range(2):  # two steps of Newton's method: sums of thousands have lost digits
        s = jnp.maximum(z - threshold, 0)
        derivative = jnp.maximum(2 * jnp.sum(s, axis, keepdims=True), 1)
        threshold += (jnp.sum(jnp.square(s), axis, keepdims=True) - 1) / derivative
    return jnp.square(jnp.maximum(z - jnp.maximum(threshold, -1), 0))
