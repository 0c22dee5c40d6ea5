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
from ._arguments import KeepsIntegers, Mask, OptionalArray, check_array
from ._facts import activation
from ._numerics import largest, softplus_value
from ._rows import (
    Axis,
    at_least_float32,
    axes_of,
    axis_of,
    broadcast_parameter,
    broadcast_to,
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


def _classes(x: Array, labels: Array, axis: int, ignore_index: int) -> tuple[Array, Array]:
    """The label of each row, with an axis of size 1 for the classes; and the factor of its loss.

    The factor is 1 for a class, 0 for `ignore_index` and NaN for other labels: jit cannot raise an error for them.
    """
    batch = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.shape != batch:
        raise ValueError(
            f"cross_entropy_from_logits was called with integer labels of shape {labels.shape} for logits of shape "
            f"{x.shape}; expected {batch}, one class for each row (probabilities are floats)."
        )
    labels = jnp.expand_dims(labels, axis)
    labels = labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels  # int8 has no class 200
    in_type = jnp.iinfo(labels.dtype).min <= ignore_index <= jnp.iinfo(labels.dtype).max  # uint32 has no -100
    ignored = labels == ignore_index if in_type else jnp.zeros_like(labels, bool)
    factor = one_or_nan(ignored | (labels >= 0) & (labels < x.shape[axis])).astype(at_least_float32(x).dtype)
    return labels, jnp.where(ignored, 0, factor)


def _is_label(x: Array, labels: Array, axis: int) -> Array:
    return lax.broadcasted_iota(labels.dtype, x.shape, axis) == labels


def _at_label(x: Array, labels: Array, axis: int) -> Array:
    """The element of each row at its label."""
    if jax.typeof(x).sharding.spec[axis] is not None:  # JAX does not index a sharded axis; else it is 3 times as fast
        return jnp.sum(jnp.where(_is_label(x, labels, axis), x, 0), axis, keepdims=True)
    return jnp.take_along_axis(x, labels, axis, mode="clip")


def _targets(
    x: Array, labels: Array, axis: int, label_smoothing: float, weight: Any, ignore_index: int
) -> tuple[Array, Array]:
    """The smoothed probability of each class times its weight, and the factor of each row's loss."""
    name, dtype = "cross_entropy_from_logits", at_least_float32(x).dtype
    factor = jnp.ones((), dtype)
    if jnp.issubdtype(labels.dtype, jnp.integer):
        labels, factor = _classes(x, labels, axis, ignore_index)
        labels = _is_label(x, labels, axis)
    targets = broadcast_parameter(name, "labels", labels.astype(dtype), x.shape)
    if label_smoothing:
        possible = (x > -inf).astype(dtype)
        classes = jnp.maximum(jnp.sum(possible, axis, keepdims=True), 1)
        targets = (1 - label_smoothing) * targets + label_smoothing / classes * possible
    return targets if weight is None else targets * _of_classes(weight, x, axis), factor


def _of_classes(weight: ArrayLike, x: Array, axis: int) -> Array:
    """The weights of the classes, with as many axes as x."""
    check_array("cross_entropy_from_logits", "weight", weight)
    if jnp.shape(weight) != (x.shape[axis],):
        raise ValueError(
            f"cross_entropy_from_logits was called with weight of shape {jnp.shape(weight)}; "
            f"expected {(x.shape[axis],)}, one number for each class."
        )
    weight = jnp.asarray(weight, at_least_float32(x).dtype)
    return jnp.expand_dims(weight, [a for a in range(x.ndim) if a != axis])


def _cross_entropy_by_logits(
    dx: Array, y: Array, logits: Array, labels: Any, axis: int, where: Any, smoothing: float, weight: Any, ignored: int
) -> Array:
    name = "cross_entropy_from_logits"
    axis, x, dx = axis_of(name, logits, axis), masked(name, logits, where), masked(name, dx, where, 0)
    p = softmax_of_sum(x, (axis,))
    if _plain_classes(labels := jnp.asarray(labels), smoothing, weight):
        labels, factor = _classes(x, labels, axis, ignored)
        possible = _at_label(x, labels, axis) > -inf
        slope = p - (_is_label(x, labels, axis) & possible).astype(p.dtype)
        return jnp.sum(jnp.where(factor > 0, slope, 0) * dx, axis)
    targets, factor = _targets(x, labels, axis, smoothing, weight, ignored)
    targets = jnp.where((x > -inf) & ~jnp.isnan(targets), targets, 0)
    slope = p * jnp.sum(targets, axis, keepdims=True) - targets
    return jnp.sum(jnp.where(factor > 0, slope, 0) * dx, axis)


def _cross_entropy_by_labels(
    dp: Array, y: Array, logits: Array, labels: Any, axis: int, where: Any, smoothing: float, weight: Any, ignored: int
) -> Array:
    axis, log_q = axis_of("cross_entropy_from_logits", logits, axis), log_softmax(at_least_float32(logits), axis, where)
    weights = 1 if weight is None else _of_classes(weight, log_q, axis)
    return -(1 - smoothing) * jnp.sum(jnp.where(log_q > -inf, log_q, 0) * weights * dp, axis)


def _cross_entropy_by_weight(
    dw: Array, y: Array, logits: Array, labels: Any, axis: int, where: Any, smoothing: float, weight: Any, ignored: int
) -> Array:
    name = "cross_entropy_from_logits"
    axis, x = axis_of(name, logits, axis), masked(name, logits, where)
    log_q = log_softmax(at_least_float32(x), axis)
    targets, factor = _targets(x, jnp.asarray(labels), axis, smoothing, None, ignored)
    present = (factor > 0) & (log_q > -inf) & ~jnp.isnan(targets)
    return -jnp.sum(jnp.where(present, targets * log_q, 0) * _of_classes(dw, x, axis), axis)


def _plain_classes(labels: Array, label_smoothing: float, weight: Any) -> bool:
    """Whether the loss is minus the log-probability of one class, which needs no array of targets."""
    return jnp.issubdtype(labels.dtype, jnp.integer) and not label_smoothing and weight is None


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(
    widened=False,
    logits=_cross_entropy_by_logits,
    labels=_cross_entropy_by_labels,
    weight=_cross_entropy_by_weight,
)
def cross_entropy_from_logits(
    logits: ArrayLike,
    labels: KeepsIntegers,
    axis: int = -1,
    where: Mask = None,
    label_smoothing: float = 0.0,
    weight: OptionalArray = None,
    ignore_index: int = -100,
) -> Array:
    """cross_entropy_from_logits(logits, labels) = -dot(labels, log_softmax(logits))

    One loss for each row, with the derivative softmax(logits) - labels. PyTorch's mean is losses.sum() divided by
    (labels != -100).sum() for classes, or by jnp.where(labels == -100, 0, weight[labels]).sum() with weights. In
    float32 a loss below 6e-8 and its derivative by the logit of the label are 0; to keep them would take twice as long.

    Args:
        labels: integers, the class of each row, in the shape of logits without `axis`; or floats, the probability of
            each class (not checked to add up to 1), a single number or an array with as many axes as logits. Only float
            labels have a gradient. A label of NaN or an integer that is not a class gives the loss NaN, since jit
            cannot raise an error for it, but adds nothing to the gradient.
        axis: the axis of the classes.
        where: the mask of the classes. The label of a masked class costs inf, unless the row is empty.
        label_smoothing: from 0 to 1, the part of the labels that is spread evenly over the classes that are not masked.
        weight: the factor of each class, an array of as many numbers as there are classes: sum(weight * labels *
            -log_softmax(logits)).
        ignore_index: the integer label of padding, whose loss and gradient are 0.
    """
    name = "cross_entropy_from_logits"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name} was called with label_smoothing = {label_smoothing!r}; expected one from 0 to 1.")
    axis, x, labels = axis_of(name, logits, axis), masked(name, logits, where), jnp.asarray(labels)
    maximum = row_max_for_sum(x, (axis,))
    total = jnp.sum(jnp.exp(shift_by_max(x, maximum)), axis, keepdims=True)
    if _plain_classes(labels, label_smoothing, weight):
        labels, factor = _classes(x, labels, axis, ignore_index)
        shift = shift_by_max(_at_label(x, labels, axis), maximum)
        loss = jnp.log(jnp.maximum(total, 1)) - shift * infinity_factor(maximum)
    else:
        targets, factor = _targets(x, labels, axis, label_smoothing, weight, ignore_index)
        log_q = log_softmax(at_least_float32(x), axis)
        loss = -jnp.sum(jnp.where(targets == 0, 0, targets * log_q), axis, keepdims=True)
    return jnp.squeeze(jnp.where((total == 0) | (factor == 0), 0, factor * loss), axis)


def _probabilities(labels: ArrayLike, logits: ArrayLike) -> Array:
    """The labels as floats, NaN for an integer that is no class."""
    labels = jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        return labels
    dtype = at_least_float32(logits).dtype
    return labels.astype(dtype) * one_or_nan((labels == 0) | (labels == 1)).astype(dtype)


def _binary_arguments(logits: ArrayLike, labels: ArrayLike, where: Any, pos_weight: Any) -> tuple[Array, Array, Array]:
    """The logits, and the weights of the two classes: pos_weight * labels and 1 - labels."""
    name = "binary_cross_entropy_from_logits"
    x, labels = masked(name, logits, where, 0), _probabilities(labels, logits)
    y = masked(name, broadcast_parameter(name, "labels", labels, x.shape), where, 0)
    if pos_weight is None:
        return x, y, 1 - y
    check_array(name, "pos_weight", pos_weight)
    return x, y * broadcast_to(name, "pos_weight", jnp.asarray(pos_weight, y.dtype), x.shape), 1 - y


def _binary_cross_entropy_by_logits(
    dx: Array, loss: Array, logits: Array, labels: Any, where: Any, pos_weight: Any
) -> Array:
    x, positive, negative = _binary_arguments(logits, labels, where, pos_weight)
    slope = negative * sigmoid(x) - positive * sigmoid(-x)  # sigmoid(x) - labels is 0 for a confident right answer
    return jnp.where(jnp.isnan(_probabilities(labels, logits)), 0, slope) * masked(
        "binary_cross_entropy_from_logits", dx, where, 0
    )


def _binary_cross_entropy_by_labels(
    dy: Array, loss: Array, logits: Array, labels: Any, where: Any, pos_weight: Any
) -> Array:
    x, positive, _ = _binary_arguments(logits, 1.0, where, pos_weight)
    slope = -x if pos_weight is None else positive * softplus_value(-x) - softplus_value(x)
    return masked("binary_cross_entropy_from_logits", slope, where, 0) * dy


def _binary_cross_entropy_by_pos_weight(
    dw: Array, loss: Array, logits: Array, labels: Any, where: Any, pos_weight: Any
) -> Array:
    x, y, _ = _binary_arguments(logits, labels, where, None)
    return jnp.where(y > 0, y * softplus_value(-x), 0) * jnp.broadcast_to(dw, x.shape)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(
    logits=_binary_cross_entropy_by_logits,
    labels=_binary_cross_entropy_by_labels,
    pos_weight=_binary_cross_entropy_by_pos_weight,
)
def binary_cross_entropy_from_logits(
    logits: ArrayLike, labels: KeepsIntegers, where: Mask = None, pos_weight: OptionalArray = None
) -> Array:
    """binary_cross_entropy_from_logits(logits, labels)[i] = cross_entropy([logits[i], 0], [labels[i], 1 - labels[i]])

    The cross entropy of two classes, where sigmoid(logits) is the probability of the first: one loss for each element.

    Args:
        labels: the probability of the first class: floats, which have a gradient, integers or bools; a single number or
            an array with as many axes as logits. A label of NaN or an integer that is not 0 or 1 gives the loss NaN,
            but adds nothing to the gradient. Floats are not checked to be from 0 to 1, as in PyTorch; beyond, the loss
            may be negative. Labels smoothed by s are labels * (1 - s) + s / 2.
        where: the mask; masked elements have loss 0.
        pos_weight: the factor of the first class, which broadcasts to logits: one number, or one for each element of
            the last axis.
    """
    x, positive, negative = _binary_arguments(logits, labels, where, pos_weight)
    predicted = (x > 0).astype(x.dtype)
    wrong = predicted * negative + (1 - predicted) * positive
    linear = wrong * jnp.minimum(jnp.abs(x), largest(x))  # 0 * inf would be NaN
    linear = linear * jnp.where(jnp.abs(x) <= largest(x), 1, 1e38)
    rest = jnp.log1p(jnp.exp(-jnp.abs(x)))
    loss = linear + (rest if pos_weight is None else (positive + negative) * rest)
    return masked("binary_cross_entropy_from_logits", loss, where, 0)


def _entropy_by_logits(dx: Array, y: Array, logits: Array, axis: Axis, where: Any) -> Array:
    axes = axes_of("entropy_from_logits", logits, axis)
    p, log_p = softmax(logits, axes, where), log_softmax(logits, axes, where)
    # Minus the entropy is the mean of log_p. Subtracting it first leaves no large terms that cancel in a flat row.
    deviation = jnp.maximum(log_p, -largest(p)) + jnp.expand_dims(y, axes)
    return -jnp.sum(p * deviation * masked("entropy_from_logits", dx, where, 0), axes)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Entropy_(information_theory)")
@jvp(logits=_entropy_by_logits)
def entropy_from_logits(logits: ArrayLike, axis: Axis = -1, where: Mask = None) -> Array:
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


def _kl_by_p(dx: Array, divergence: Array, p_logits: Array, q_logits: Any, axis: Axis, where: Any) -> Array:
    p, log_p, _, log_q, axes = _kl_arguments(p_logits, q_logits, axis, where)
    log_ratio = jnp.where((p > 0) & (log_q > -jnp.inf), log_p - log_q, 0)
    return jnp.sum(log_ratio * softmax_jvp(masked("kl_from_logits", dx, where, 0), p, axes), axes)


def _kl_by_q(dy: Array, divergence: Array, p_logits: Array, q_logits: Any, axis: Axis, where: Any) -> Array:
    p, _, y, _, axes = _kl_arguments(p_logits, q_logits, axis, where)
    nonempty = jnp.max(p, axes, keepdims=True, initial=0) > 0  # False for NaN too, which may be masked after the call
    return jnp.sum(jnp.where(nonempty, softmax(y, axes) - p, 0) * masked("kl_from_logits", dy, where, 0), axes)


@activation(bounds=(0, inf), source="https://doi.org/10.1214/aoms/1177729694")
@jvp(p_logits=_kl_by_p, q_logits=_kl_by_q)
def kl_from_logits(p_logits: ArrayLike, q_logits: ArrayLike, axis: Axis = -1, where: Mask = None) -> Array:
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
