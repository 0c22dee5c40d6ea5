"""The softmax family: scores to probabilities along an axis.

-inf counts as absent, a row with nothing in it becomes zeros, and inf takes the whole row. Temperatures are greater
than 0, one for all or one for each row: then of x's rank, with size 1 along `axis`.
"""

from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import autodiff, jvp
from ._arguments import Positive
from ._facts import activation
from ._rows import (
    Axis,
    axes_of,
    axis_of,
    centred,
    cooled,
    from_top,
    infinite_below,
    masked,
    per_row,
    top_of,
    total_of,
    warmed,
)


def _softmax_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    return cooled(centred(masked("softmax", dx, where, 0), p, axes_of("softmax", x, axis)), temperature)


def _softmax_by_temperature(dt: Array, p: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    axes, x = axes_of("softmax", x, axis), masked("softmax", x, where)
    shift = from_top(x, top_of(x, axes), temperature)
    return centred(warmed(dt, shift, p > 0, temperature), p, axes)


@activation(bounds=(0, 1), source="https://en.wikipedia.org/wiki/Softmax_function")
@jvp(x=_softmax_by_x, temperature=_softmax_by_temperature)
def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: Positive = 1.0) -> Array:
    """softmax(x, temperature)[i] = exp(x[i] / temperature) / sum(exp(v / temperature) for v in x)

    Normalised exponential: scores to probabilities along an axis.

    Args:
        x: the scores.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        temperature: small ones sharpen, large ones flatten. NaN where an array of them is not positive.
    """
    axes, x = axes_of("softmax", x, axis), masked("softmax", x, where)
    e = jnp.exp(from_top(x, top_of(x, axes), per_row("softmax", "temperature", temperature, x, axes)))
    return e / total_of(e, axes)


def _log_softmax_by_x(dx: Array, y: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    d = masked("log_softmax", dx, where, 0)
    d = d - jnp.sum(jnp.exp(y) * d, axes_of("log_softmax", x, axis), keepdims=True)
    return cooled(masked("log_softmax", d, where, 0), temperature)


def _log_softmax_by_temperature(dt: Array, y: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    axes, x, present = axes_of("log_softmax", x, axis), masked("log_softmax", x, where), y > -inf
    d = warmed(dt, from_top(x, top_of(x, axes), temperature), present, temperature)
    return jnp.where(present, d - jnp.sum(jnp.exp(y) * d, axes, keepdims=True), 0)


@activation(bounds=(-inf, 0), source="https://en.wikipedia.org/wiki/Softmax_function")
@jvp(x=_log_softmax_by_x, temperature=_log_softmax_by_temperature)
def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: Positive = 1.0) -> Array:
    """log_softmax(x, temperature)[i] = x[i] / temperature - log(sum(exp(v / temperature) for v in x))

    Logarithm of softmax, finite where softmax is 0 in floats.

    Args:
        x: the scores.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become -inf.
        temperature: small ones sharpen, large ones flatten. NaN where an array of them is not positive.
    """
    axes, x = axes_of("log_softmax", x, axis), masked("log_softmax", x, where)
    top = top_of(x, axes)
    shift = from_top(x, top, per_row("log_softmax", "temperature", temperature, x, axes))
    return shift * infinite_below(top) - jnp.log(total_of(jnp.exp(shift), axes))


@activation(bounds=(0, 1), source="https://docs.pytorch.org/docs/stable/nn.functional.html")
@autodiff
def softmin(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: Positive = 1.0) -> Array:
    """softmin(x, temperature)[i] = exp(-x[i] / temperature) / sum(exp(-v / temperature) for v in x)

    The softmax of -x: distances or costs to probabilities, of which the smallest gets the largest. inf is absent.

    Args:
        x: the distances.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        temperature: small ones sharpen, large ones flatten. NaN where an array of them is not positive.
    """
    axes, x = axes_of("softmin", x, axis), -masked("softmin", x, where, inf)
    return softmax(x, axes, None, per_row("softmin", "temperature", temperature, x, axes))


def _softmax1_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: ArrayLike) -> Array:
    return _softmax_by_x(dx, p, x, axis, where, temperature)


def _shifts(x: Array, axis: Axis, where: Any, sink: Any, temperature: ArrayLike) -> tuple[Array, Array, Array]:
    """The shifts of the row and of the sink, and the probability of the sink."""
    axes, x = axes_of("softmax1", x, axis), masked("softmax1", x, where)
    top = top_of(x, axes)
    shift, low = from_top(x, top, temperature), from_top(sink, top, temperature)
    total = jnp.sum(jnp.exp(shift), axes, keepdims=True)
    return shift, low, lax.logistic(low - jnp.log(jnp.where(total == 0, 1, total)))


def _softmax1_by_sink(ds: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: Any) -> Array:
    return cooled(-p * (_shifts(x, axis, where, sink, temperature)[2] * ds), temperature)


def _softmax1_by_temperature(
    dt: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: Any
) -> Array:
    shift, low, p_sink = _shifts(x, axis, where, sink, temperature)
    axes, d = axes_of("softmax1", x, axis), warmed(dt, shift, p > 0, temperature)
    return centred(d, p, axes) - p * (p_sink * warmed(dt, low, p_sink > 0, temperature))


@activation(bounds=(0, 1), source="https://www.evanmiller.org/attention-is-off-by-one.html")
@jvp(x=_softmax1_by_x, sink=_softmax1_by_sink, temperature=_softmax1_by_temperature)
def softmax1(
    x: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    sink: ArrayLike = 0.0,
    temperature: Positive = 1.0,
) -> Array:
    """softmax1(x, sink, temperature)[i] = softmax([*x, sink], temperature)[i]

    Softmax with a sink: one logit more takes part and is dropped, so that a row may add up to less than 1 and an
    attention head may attend to nothing. Learnt sinks (one for each head): https://arxiv.org/abs/2309.17453.

    Args:
        x: the scores.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        sink: the logit of the sink, one for all or one for each row; with -inf it is softmax.
        temperature: divides the sink too. NaN where an array of them is not positive.
    """
    axes, x = axes_of("softmax1", x, axis), masked("softmax1", x, where)
    sink, temperature = (per_row("softmax1", n, v, x, axes) for n, v in (("sink", sink), ("temperature", temperature)))
    top = top_of(x, axes)
    e = jnp.exp(from_top(x, top, temperature))
    # Not counted from the sink if that is larger: its exponential may overflow, and takes the whole row then.
    return e / (total_of(e, axes) + jnp.exp(from_top(sink, top, temperature)))


def _drawn(key: Any, logits: ArrayLike, axis: int) -> Array:
    """The logits with noise, counted from the largest logit so that their sum has the digits of both."""
    dtype = getattr(key, "dtype", None)
    if dtype is None or not (jnp.issubdtype(dtype, jax.dtypes.prng_key) or dtype == jnp.uint32):
        raise TypeError(f"gumbel_softmax was called with key = {key!r:.60} of type {dtype}; expected a PRNG key.")
    x = jnp.asarray(logits)
    return from_top(x, top_of(x, (axis_of("gumbel_softmax", x, axis),))) + jax.random.gumbel(key, x.shape, x.dtype)


def _gumbel_by_logits(dx: Array, y: Array, key: Any, logits: Array, tau: ArrayLike, hard: bool, axis: int) -> Array:
    p = softmax(_drawn(key, logits, axis), axis, None, tau)
    return cooled(centred(dx, p, (axis_of("gumbel_softmax", logits, axis),)), tau)


def _gumbel_by_tau(dt: Array, y: Array, key: Any, logits: Array, tau: ArrayLike, hard: bool, axis: int) -> Array:
    z = _drawn(key, logits, axis)
    return jax.jvp(lambda tau: softmax(z, axis, None, tau), (tau,), (dt,))[1]


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1611.01144")
@jvp(logits=_gumbel_by_logits, tau=_gumbel_by_tau)
def gumbel_softmax(
    key: ArrayLike | None, logits: ArrayLike, tau: Positive = 1.0, hard: bool = False, axis: int = -1
) -> Array:
    """gumbel_softmax(key, logits, tau)[i] = softmax(logits + noise, tau)[i]

    A sample from the categorical distribution with these logits that has a gradient: the softmax of logits with
    Gumbel noise, jax.random.gumbel(key, logits.shape), drawn in float32 for 16-bit logits.

    Args:
        key: a PRNG key, which comes first as in `jax.random.categorical`; the same key gives the same sample.
        logits: the scores; -inf is never drawn.
        tau: the temperature. Samples go to one-hot vectors as it goes to 0, and gradients explode.
        hard: whether the value is the one-hot vector of the largest, with the gradient of the soft sample (the
            straight-through estimator).
        axis: the axis of the categories.
    """
    z, axis = _drawn(key, logits, axis), axis_of("gumbel_softmax", logits, axis)
    soft = softmax(z, axis, None, per_row("gumbel_softmax", "tau", tau, z, (axis,)))
    if not hard:
        return soft
    chosen = lax.broadcasted_iota(jnp.int32, z.shape, axis) == jnp.argmax(z, axis, keepdims=True).astype(jnp.int32)
    return jnp.where(chosen & (soft > 0), 1.0, 0 * soft)  # 0 * soft: NaN for NaN
