"""Losses as functions of logits: cross entropies, entropy and divergence, with 0 * log(0) = 0.

They are not reduced over a batch. An empty row has loss 0 and gradient 0.
"""

from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import jvp
from ._arguments import KeepsIntegers
from ._facts import activation
from ._numerics import largest
from ._rows import (
    Axis,
    at_least_float32,
    axes_of,
    axis_of,
    broadcast_parameter,
    infinity_factor,
    masked,
    one_or_nan,
    row_max_for_sum,
    shift_by_max,
    softmax_jvp,
    softmax_of_sum,
)
from ._sigmoids import sigmoid
from ._softmaxes import log_softmax, softmax


def _classes(x: Array, labels: Array, axis: int) -> tuple[Array, Array]:
    """The label of each row, with an axis of size 1 for the classes; and 1 where it is a class, else NaN."""
    batch = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.shape != batch:
        raise ValueError(
            f"cross_entropy_from_logits was called with integer labels of shape {labels.shape} for logits of shape "
            f"{x.shape}; expected {batch}, one class for each row (probabilities are floats)."
        )
    labels = jnp.expand_dims(labels, axis)
    labels = labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels  # int8 has no class 200
    return labels, one_or_nan((labels >= 0) & (labels < x.shape[axis])).astype(at_least_float32(x).dtype)


def _is_label(x: Array, labels: Array, axis: int) -> Array:
    return lax.broadcasted_iota(labels.dtype, x.shape, axis) == labels


def _at_label(x: Array, labels: Array, axis: int) -> Array:
    """The element of each row at its label."""
    if jax.typeof(x).sharding.spec[axis] is not None:  # JAX does not index a sharded axis; else it is 3 times as fast
        return jnp.sum(jnp.where(_is_label(x, labels, axis), x, 0), axis, keepdims=True)
    return jnp.take_along_axis(x, labels, axis, mode="clip")


def _cross_entropy_by_logits(dx: Array, y: Array, logits: Array, labels: ArrayLike, axis: int, where: Any) -> Array:
    name, labels = "cross_entropy_from_logits", jnp.asarray(labels)
    axis, x, dx = axis_of(name, logits, axis), masked(name, logits, where), masked(name, dx, where, 0)
    p = softmax_of_sum(x, (axis,))
    if jnp.issubdtype(labels.dtype, jnp.integer):
        labels, valid = _classes(x, labels, axis)
        possible = _at_label(x, labels, axis) > -inf
        dy = jnp.sum((p - (_is_label(x, labels, axis) & possible).astype(p.dtype)) * dx, axis)
        return jnp.squeeze(valid, axis) * dy
    weights = jnp.where(x > -inf, labels.astype(p.dtype), 0)
    return jnp.sum((p * jnp.sum(weights, axis, keepdims=True) - weights) * dx, axis)


def _cross_entropy_by_labels(dp: Array, y: Array, logits: Array, labels: Array, axis: int, where: Any) -> Array:
    log_q = log_softmax(at_least_float32(logits), axis, where)
    return -jnp.sum(jnp.where(log_q > -jnp.inf, log_q, 0) * dp, axis)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(widened=False, logits=_cross_entropy_by_logits, labels=_cross_entropy_by_labels)
def cross_entropy_from_logits(
    logits: ArrayLike, labels: KeepsIntegers, axis: int = -1, where: ArrayLike | None = None
) -> Array:
    """cross_entropy_from_logits(logits, labels) = -dot(labels, log_softmax(logits))

    One loss for each row, with the derivative softmax(logits) - labels.

    Args:
        labels: integers, the class of each row, in the shape of logits without `axis`; or floats, the probability of
            each class (not checked to add up to 1), a single number or an array with as many axes as logits. Only float
            labels have a gradient. An integer that is not a class gives NaN, since jit cannot raise an error for it.
        axis: the axis of the classes.
        where: the mask of the classes. The label of a masked class costs inf, unless the row is empty.
    """
    name = "cross_entropy_from_logits"
    axis, x, labels = axis_of(name, logits, axis), masked(name, logits, where), jnp.asarray(labels)
    maximum = row_max_for_sum(x, (axis,))
    total = jnp.sum(jnp.exp(shift_by_max(x, maximum)), axis, keepdims=True)
    if jnp.issubdtype(labels.dtype, jnp.integer):
        labels, valid = _classes(x, labels, axis)
        shift = shift_by_max(_at_label(x, labels, axis), maximum)
        loss = valid * (jnp.log(jnp.maximum(total, 1)) - shift * infinity_factor(maximum))
    else:
        p = broadcast_parameter(name, "labels", labels.astype(total.dtype), x.shape)
        loss = -jnp.sum(p * jnp.where(p == 0, 0, log_softmax(at_least_float32(x), axis)), axis, keepdims=True)
    return jnp.squeeze(jnp.where(total == 0, 0, loss), axis)


def _binary_cross_entropy_by_logits(dx: Array, loss: Array, logits: Array, labels: Array) -> Array:
    y = broadcast_parameter("binary_cross_entropy_from_logits", "labels", labels, logits.shape)
    return ((1 - y) * sigmoid(logits) - y * sigmoid(-logits)) * dx  # sigmoid(x) - y is 0 for a confident right answer


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(logits=_binary_cross_entropy_by_logits, labels=lambda dy, loss, logits, labels: -logits * dy)
def binary_cross_entropy_from_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """binary_cross_entropy_from_logits(logits, labels)[i] = cross_entropy([logits[i], 0], [labels[i], 1 - labels[i]])

    The cross entropy of two classes, where sigmoid(logits) is the probability of the first: one loss for each element.

    Args:
        labels: the probability of the first class, from 0 to 1: floats, which have a gradient, integers or bools; a
            single number or an array with as many axes as logits.
    """
    x = jnp.asarray(logits)
    y = broadcast_parameter("binary_cross_entropy_from_logits", "labels", labels, x.shape)
    predicted = (x > 0).astype(x.dtype)
    wrong = predicted * (1 - y) + (1 - predicted) * y
    linear = wrong * jnp.minimum(jnp.abs(x), largest(x))  # 0 * inf would be NaN
    return linear * jnp.where(jnp.abs(x) <= largest(x), 1, 1e38) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def _entropy_by_logits(dx: Array, y: Array, logits: Array, axis: Axis, where: Any) -> Array:
    axes = axes_of("entropy_from_logits", logits, axis)
    p, log_p = softmax(logits, axes, where), log_softmax(logits, axes, where)
    # Minus the entropy is the mean of log_p. Subtracting it first leaves no large terms that cancel in a flat row.
    deviation = jnp.maximum(log_p, -largest(p)) + jnp.expand_dims(y, axes)
    return -jnp.sum(p * deviation * masked("entropy_from_logits", dx, where, 0), axes)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Entropy_(information_theory)")
@jvp(logits=_entropy_by_logits)
def entropy_from_logits(logits: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """entropy_from_logits(logits) = -dot(softmax(logits), log_softmax(logits))

    Shannon's entropy of the softmax of a row, in nats.

    Args:
        axis: the axis or axes of the classes; None for all.
        where: the mask.
    """
    axes, x = axes_of("entropy_from_logits", logits, axis), masked("entropy_from_logits", logits, where)
    p = softmax(x, axes)
    return -jnp.sum(p * jnp.maximum(log_softmax(x, axes), -largest(p)), axes)  # 0 * -inf would be NaN


def _kl_arguments(p_logits: ArrayLike, q_logits: ArrayLike, axis: Axis, where: Any) -> Any:
    """softmax and log_softmax of p_logits, the latter finite; q_logits and their log_softmax; the axes."""
    name, x = "kl_from_logits", jnp.asarray(p_logits)
    x, y = masked(name, x, where), masked(name, broadcast_parameter(name, "q_logits", q_logits, x.shape), where)
    axes = axes_of(name, x, axis)
    p, log_p = softmax(x, axes), jnp.maximum(log_softmax(x, axes), -largest(x))
    return p, log_p, y, log_softmax(y, axes), axes


def _kl_by_p(dx: Array, divergence: Array, p_logits: Array, q_logits: Array, axis: Axis, where: Any) -> Array:
    p, log_p, _, log_q, axes = _kl_arguments(p_logits, q_logits, axis, where)
    log_ratio = jnp.where((p > 0) & (log_q > -jnp.inf), log_p - log_q, 0)
    return jnp.sum(log_ratio * softmax_jvp(masked("kl_from_logits", dx, where, 0), p, axes), axes)


def _kl_by_q(dy: Array, divergence: Array, p_logits: Array, q_logits: Array, axis: Axis, where: Any) -> Array:
    p, _, y, _, axes = _kl_arguments(p_logits, q_logits, axis, where)
    nonempty = jnp.max(p, axes, keepdims=True, initial=0) > 0
    return jnp.sum((jnp.where(nonempty, softmax(y, axes), 0) - p) * masked("kl_from_logits", dy, where, 0), axes)


@activation(bounds=(0, inf), source="https://doi.org/10.1214/aoms/1177729694")
@jvp(p_logits=_kl_by_p, q_logits=_kl_by_q)
def kl_from_logits(p_logits: ArrayLike, q_logits: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """kl_from_logits(p_logits, q_logits) = dot(softmax(p_logits), log_softmax(p_logits) - log_softmax(q_logits))

    Kullback-Leibler divergence, sum(p * log(p / q)), in nats, where p and q are the softmax of the logits.

    Args:
        q_logits: a single number or an array with as many axes as p_logits. Where they are -inf and p_logits are not,
            the divergence is inf.
        axis: the axis or axes of the classes; None for all.
        where: the mask, of both.
    """
    p, log_p, _, log_q, axes = _kl_arguments(p_logits, q_logits, axis, where)
    return jnp.sum(p * jnp.where(p > 0, log_p - log_q, 0), axes)
