"""Sparse relatives of softmax: probabilities above a threshold that makes them add up to 1, most of them exactly 0."""

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import jvp
from ._arguments import Mask
from ._facts import activation
from ._numerics import LARGE, largest
from ._rows import Axis, axes_of, masked, row_max, shift_by_max
from ._softmaxes import softmax


def _sorted_shifts(name: str, x: ArrayLike, axis: Axis, where: Any) -> tuple[Array, Array, Array, tuple[int, ...]]:
    """x minus its maximum, at least -4, which is below any threshold; its sorted rows; 1, 2, 3, ...; the axes."""
    axes, x = axes_of(name, x, axis), masked(name, x, where)
    z = jnp.maximum(shift_by_max(x, row_max(x, axes)), -4)
    rows = jnp.moveaxis(z, axes, range(z.ndim - len(axes), z.ndim))
    rows = jnp.reshape(rows, (*rows.shape[: z.ndim - len(axes)], math.prod(z.shape[a] for a in axes)))
    k = (lax.broadcasted_iota(jnp.int32, rows.shape, rows.ndim - 1) + 1).astype(z.dtype)
    return z, jnp.sort(rows, -1, descending=True), k, axes


def _sparsemax_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any) -> Array:
    axes, support = axes_of("sparsemax", x, axis), p > 0
    size = jnp.maximum(jnp.sum(support, axes, keepdims=True, dtype=p.dtype), 1)
    d = jnp.where(support, dx, 0)
    return jnp.where(support, d - jnp.sum(d, axes, keepdims=True) / size, 0)


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1602.02068")
@jvp(x=_sparsemax_by_x)
def sparsemax(x: ArrayLike, axis: Axis = -1, where: Mask = None) -> Array:
    """sparsemax(x)[i] = max(0, x[i] - root(lambda t: sum(max(0, v - t) for v in x) - 1))

    The vector of probabilities nearest to x: those of small scores are exactly 0, and so are their gradients. The root
    is the threshold, found by sorting; the derivative is that of the formula and not of the search.

    Args:
        axis: the axis or axes of the probabilities; None for all.
        where: the mask; masked elements become 0.
    """
    z, ordered, k, axes = _sorted_shifts("sparsemax", x, axis, where)
    # The support is the k for which the threshold of the k largest is largest. -1 is for an empty row.
    threshold = jnp.max((jnp.cumsum(ordered, -1) - 1) / k, -1, initial=-1)
    return jnp.maximum(z - jnp.expand_dims(threshold, axes), 0)


def _entmax_jvp(dx: Array, p: Array, alpha: float, axes: tuple[int, ...]) -> Array:
    """s * (dx - mean(dx)), the mean weighted by s = p**(2 - alpha): equation 10 of https://arxiv.org/abs/1905.05702."""
    support = p > 0
    s = jnp.where(support, jnp.minimum(jnp.where(support, p, 1) ** (2 - alpha), LARGE), 0)
    total = jnp.sum(s, axes, keepdims=True)
    d = jnp.where(support, dx, 0)
    return s * (d - jnp.sum(s * d, axes, keepdims=True) / jnp.where(total == 0, 1, total))


def _entmax15_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any) -> Array:
    return _entmax_jvp(dx, p, 1.5, axes_of("entmax15", x, axis))


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1905.05702")
@jvp(x=_entmax15_by_x)
def entmax15(x: ArrayLike, axis: Axis = -1, where: Mask = None) -> Array:
    """entmax15(x)[i] = max(0, x[i] / 2 - root(lambda t: sum(max(0, v / 2 - t)**2 for v in x) - 1))**2

    Half-way between softmax and sparsemax (alpha = 1.5): smooth, with exact zeros for small scores. The root is the
    threshold, found by sorting; the derivative is that of the formula and not of the search.

    Args:
        axis: the axis or axes of the probabilities; None for all.
        where: the mask; masked elements become 0.
    """
    z, ordered, k, axes = _sorted_shifts("entmax15", x, axis, where)
    z, ordered = z / 2, ordered / 2
    mean = jnp.cumsum(ordered, -1) / k
    variance = jnp.maximum(jnp.cumsum(jnp.square(ordered), -1) / k - jnp.square(mean), 0)
    thresholds = mean - jnp.sqrt(jnp.maximum(1 / k - variance, 0))  # if the k largest are the support
    # The support is the largest k whose last element is above its threshold. -1 is for an empty row.
    threshold = jnp.expand_dims(jnp.max(jnp.where(ordered > thresholds, thresholds, -1), -1, initial=-1), axes)
    for _ in range(2):  # two steps of Newton's method: sums of thousands have lost digits
        s = jnp.maximum(z - threshold, 0)
        derivative = jnp.maximum(2 * jnp.sum(s, axes, keepdims=True), 1)
        threshold += (jnp.sum(jnp.square(s), axes, keepdims=True) - 1) / derivative
    return jnp.square(jnp.maximum(z - jnp.maximum(threshold, -1), 0))


def _entmax_at(s: Array, z: Array, alpha: float) -> Array:
    """The probabilities if the largest one is p = exp(-s): p * exp_alpha(z / p**(alpha - 1), alpha).

    exp_alpha is computed by its logarithm, which keeps the digits for alpha near 1.
    """
    v = z * jnp.minimum(jnp.exp((alpha - 1) * s), largest(z))
    return jnp.exp(jnp.log1p(jnp.maximum((alpha - 1) * v, -1)) / (alpha - 1) - s)


def _entmax_by_x(dx: Array, p: Array, x: Array, alpha: float, axis: Axis, where: Any) -> Array:
    return _entmax_jvp(dx, p, alpha, axes_of("entmax", x, axis))


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1905.05702")
@jvp(x=_entmax_by_x)
def entmax(x: ArrayLike, alpha: float = 1.5, axis: Axis = -1, where: Mask = None) -> Array:
    """entmax(x, alpha)[i] = exp_alpha(x[i] - root(lambda t: sum(exp_alpha(v - t, alpha) for v in x) - 1), alpha)

    From softmax (alpha = 1) to sparsemax (alpha = 2) and beyond, with exp_alpha(v, alpha) = max(0, 1 + (alpha - 1) * v)
    ** (1 / (alpha - 1)), which is exp(v) in the limit of 1. The root is found by bisection, those of `sparsemax` and
    `entmax15` by sorting; the derivative is that of the formula and not of the search. For alpha > 2 a probability has
    an infinite slope where it becomes 0; for alpha > 5 the rounding error of x decides which ones do.

    Args:
        alpha: a constant from 1 to 100; larger ones give more zeros.
        axis: the axis or axes of the probabilities; None for all.
        where: the mask; masked elements become 0.
    """
    if not 1 <= alpha <= 100:
        raise ValueError(f"entmax was called with alpha = {alpha!r}; expected a number from 1 to 100.")
    axes, x = axes_of("entmax", x, axis), masked("entmax", x, where)
    if alpha == 1:
        return softmax(x, axes)
    z = shift_by_max(x, row_max(x, axes))

    def halve(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        s, width = bracket
        total = jnp.sum(_entmax_at(s + width / 2, z, alpha), axes, keepdims=True)
        return jnp.where(total > 1, s + width / 2, s), width / 2

    # The largest probability is found and not the threshold: a power of 1 / (alpha - 1) enlarges rounding errors.
    flat = jnp.log(jnp.maximum(jnp.sum(jnp.ones_like(z), axes, keepdims=True), 1))  # -log(p) if all are equal
    s, _ = lax.fori_loop(0, jnp.finfo(z.dtype).nmant + 2, halve, (jnp.zeros_like(flat), flat))
    p = _entmax_at(s, z, alpha)
    total = jnp.sum(p, axes, keepdims=True)
    return p / jnp.where(total == 0, 1, total)
