"""The cores of losses, from logits: cross entropies, entropy and divergence, with 0 * log(0) = 0.

No reduction over a batch is made. A logit of -inf is a probability of 0, whether or not `where` leaves it out; a row
with nothing in it has loss 0 and no gradient.
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
    axes_of,
    axis_of,
    centred,
    from_top,
    infinite_below,
    like,
    masked,
    one_if,
    shares,
    top_of_sum,
    wide,
)
from ._sigmoids import sigmoid
from ._softmaxes import log_softmax, softmax


def _classes(x: Array, labels: Array, axis: int) -> tuple[Array, Array]:
    """The class of each row, with an axis of size 1 for the classes, and 1 for a class, NaN for what is none."""
    batch = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.shape != batch:
        raise ValueError(
            f"cross_entropy_from_logits was called with integer labels of shape {labels.shape} for logits of shape "
            f"{x.shape}; expected {batch}, one class for each row (probabilities are floats)."
        )
    labels = jnp.expand_dims(labels, axis)
    labels = labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels  # an int8 cannot count 200 classes
    return labels, one_if((labels >= 0) & (labels < x.shape[axis])).astype(wide(x).dtype)


def _is_label(x: Array, labels: Array, axis: int) -> Array:
    return lax.broadcasted_iota(labels.dtype, x.shape, axis) == labels


def _at(x: Array, labels: Array, axis: int) -> Array:
    """The element of each row's class."""
    if jax.typeof(x).sharding.spec[axis] is not None:  # where JAX refuses to index; elsewhere that is 3 times as fast
        return jnp.sum(jnp.where(_is_label(x, labels, axis), x, 0), axis, keepdims=True)
    return jnp.take_along_axis(x, labels, axis, mode="clip")


def _cost_by_logits(dx: Array, y: Array, logits: Array, labels: ArrayLike, axis: int, where: Any) -> Array:
    name, labels = "cross_entropy_from_logits", jnp.asarray(labels)
    axis, x, dx = axis_of(name, logits, axis), masked(name, logits, where), masked(name, dx, where, 0)
    p = shares(x, (axis,))
    if jnp.issubdtype(labels.dtype, jnp.integer):
        labels, valid = _classes(x, labels, axis)
        possible = _at(x, labels, axis) > -inf
        dy = jnp.sum((p - (_is_label(x, labels, axis) & possible).astype(p.dtype)) * dx, axis)
        return jnp.squeeze(valid, axis) * dy
    weights = jnp.where(x > -inf, labels.astype(p.dtype), 0)
    return jnp.sum((p * jnp.sum(weights, axis, keepdims=True) - weights) * dx, axis)


def _cost_by_labels(dp: Array, y: Array, logits: Array, labels: Array, axis: int, where: Any) -> Array:
    log_q = log_softmax(wide(logits), axis, where)
    return -jnp.sum(jnp.where(log_q > -jnp.inf, log_q, 0) * dp, axis)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(widened=False, logits=_cost_by_logits, labels=_cost_by_labels)
def cross_entropy_from_logits(
    logits: ArrayLike, labels: KeepsIntegers, axis: int = -1, where: ArrayLike | None = None
) -> Array:
    """cross_entropy_from_logits(logits, labels) = -dot(labels, log_softmax(logits))

    One loss for each row, with the derivative softmax(logits) - labels.

    Args:
        logits: the scores.
        labels: integers, the class of each row, in the shape of logits without `axis`; or floats, the probability of
            each class (not checked to add up to 1), a single number or of logits' rank. Float labels have a gradient.
            An integer that is no class gives NaN, loss and gradient, since nothing can be raised under jit.
        axis: the axis of the classes.
        where: bools that broadcast to logits; False classes do not exist: labels there cost inf, unless the whole row
            is left out, which costs 0.
    """
    name = "cross_entropy_from_logits"
    axis, x, labels = axis_of(name, logits, axis), masked(name, logits, where), jnp.asarray(labels)
    top = top_of_sum(x, (axis,))
    total = jnp.sum(jnp.exp(from_top(x, top)), axis, keepdims=True)
    if jnp.issubdtype(labels.dtype, jnp.integer):
        labels, valid = _classes(x, labels, axis)
        shift = from_top(_at(x, labels, axis), top)
        cost = valid * (jnp.log(jnp.maximum(total, 1)) - shift * infinite_below(top))
    else:
        p = like(name, "labels", labels.astype(total.dtype), x.shape)
        cost = -jnp.sum(p * jnp.where(p == 0, 0, log_softmax(wide(x), axis)), axis, keepdims=True)
    return jnp.squeeze(jnp.where(total == 0, 0, cost), axis)


def _binary_by_logits(dx: Array, loss: Array, logits: Array, labels: Array) -> Array:
    y = like("binary_cross_entropy_from_logits", "labels", labels, logits.shape)
    return ((1 - y) * sigmoid(logits) - y * sigmoid(-logits)) * dx  # sigmoid(x) - y is 0 for a confident right answer


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Cross-entropy")
@jvp(logits=_binary_by_logits, labels=lambda dy, loss, logits, labels: -logits * dy)
def binary_cross_entropy_from_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """binary_cross_entropy_from_logits(logits, labels)[i] = cross_entropy([logits[i], 0], [labels[i], 1 - labels[i]])

    The cross entropy of yes and no, with sigmoid(logits) the probability of yes: one loss for each element, without
    a sum.

    Args:
        logits: the scores.
        labels: the probabilities of yes, in [0, 1]: floats, which have a gradient, integers or bools. A single number
            or of logits' rank.
    """
    x = jnp.asarray(logits)
    y = like("binary_cross_entropy_from_logits", "labels", labels, x.shape)
    yes = (x > 0).astype(x.dtype)
    wrong = yes * (1 - y) + (1 - yes) * y
    cost = wrong * jnp.minimum(jnp.abs(x), largest(x))  # 0 * inf would be NaN
    return cost * jnp.where(jnp.abs(x) <= largest(x), 1, 1e38) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def _entropy_by_logits(dx: Array, y: Array, logits: Array, axis: Axis, where: Any) -> Array:
    axes = axes_of("entropy_from_logits", logits, axis)
    p, log_p = softmax(logits, axes, where), log_softmax(logits, axes, where)
    above = jnp.maximum(log_p, -largest(p)) + jnp.expand_dims(y, axes)  # from their mean: a flat row has no big terms
    return -jnp.sum(p * above * masked("entropy_from_logits", dx, where, 0), axes)


@activation(bounds=(0, inf), source="https://en.wikipedia.org/wiki/Entropy_(information_theory)")
@jvp(logits=_entropy_by_logits)
def entropy_from_logits(logits: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """entropy_from_logits(logits) = -dot(softmax(logits), log_softmax(logits))

    Shannon's entropy, in nats: how undecided a row is.

    Args:
        logits: the scores; -inf adds nothing.
        axis: the axis or axes of the classes; None for all.
        where: bools that broadcast to logits; False elements are left out.
    """
    axes, x = axes_of("entropy_from_logits", logits, axis), masked("entropy_from_logits", logits, where)
    p = softmax(x, axes)
    return -jnp.sum(p * jnp.maximum(log_softmax(x, axes), -largest(p)), axes)  # 0 * -inf would be NaN


def _kl_arguments(p_logits: ArrayLike, q_logits: ArrayLike, axis: Axis, where: Any) -> Any:
    """The probabilities, both logarithms, that of p finite, and the axes."""
    name, x = "kl_from_logits", jnp.asarray(p_logits)
    x, y = masked(name, x, where), masked(name, like(name, "q_logits", q_logits, x.shape), where)
    axes = axes_of(name, x, axis)
    p, log_p = softmax(x, axes), jnp.maximum(log_softmax(x, axes), -largest(x))
    return p, log_p, y, log_softmax(y, axes), axes


def _kl_by_p(dx: Array, divergence: Array, p_logits: Array, q_logits: Array, axis: Axis, where: Any) -> Array:
    p, log_p, _, log_q, axes = _kl_arguments(p_logits, q_logits, axis, where)
    log_ratio = jnp.where((p > 0) & (log_q > -jnp.inf), log_p - log_q, 0)
    return jnp.sum(log_ratio * centred(masked("kl_from_logits", dx, where, 0), p, axes), axes)


def _kl_by_q(dy: Array, divergence: Array, p_logits: Array, q_logits: Array, axis: Axis, where: Any) -> Array:
    p, _, y, _, axes = _kl_arguments(p_logits, q_logits, axis, where)
    exists = jnp.max(p, axes, keepdims=True, initial=0) > 0
    return jnp.sum((jnp.where(exists, softmax(y, axes), 0) - p) * masked("kl_from_logits", dy, where, 0), axes)


@activation(bounds=(0, inf), source="https://doi.org/10.1214/aoms/1177729694")
@jvp(p_logits=_kl_by_p, q_logits=_kl_by_q)
def kl_from_logits(p_logits: ArrayLike, q_logits: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """kl_from_logits(p_logits, q_logits) = dot(softmax(p_logits), log_softmax(p_logits) - log_softmax(q_logits))

    Kullback-Leibler divergence, sum(p * log(p / q)), in nats: what believing q costs where p is true.

    Args:
        p_logits: the scores of what is true; -inf adds nothing.
        q_logits: a single number or of p_logits' rank. -inf where p_logits are not is a divergence of inf.
        axis: the axis or axes of the classes; None for all.
        where: bools that broadcast to p_logits; False elements are left out of both.
    """
    p, log_p, _, log_q, axes = _kl_arguments(p_logits, q_logits, axis, where)
    return jnp.sum(p * jnp.where(p > 0, log_p - log_q, 0), axes)
