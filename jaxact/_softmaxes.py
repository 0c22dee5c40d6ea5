"""The softmax family: probabilities from scores along an axis."""

from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import autodiff, jvp
from ._arguments import Key, Mask, Positive
from ._facts import activation
from ._rows import (
    Axis,
    axes_of,
    axis_of,
    divide_by_temperature,
    masked,
    per_row,
    row_max,
    shift_by_infinite_max,
    shift_by_max,
    shift_by_temperature,
    softmax_jvp,
    sum_of_exponentials,
)


def _softmax_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    d = softmax_jvp(masked("softmax", dx, where, 0), p, axes_of("softmax", x, axis))
    return divide_by_temperature(d, temperature)


def _softmax_by_temperature(dt: Array, p: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    axes, x = axes_of("softmax", x, axis), masked("softmax", x, where)
    shift = shift_by_max(x, row_max(x, axes), temperature)
    return softmax_jvp(shift_by_temperature(dt, shift, p > 0, temperature), p, axes)


@activation(bounds=(0, 1), source="https://en.wikipedia.org/wiki/Softmax_function")
@jvp(x=_softmax_by_x, temperature=_softmax_by_temperature)
def softmax(x: ArrayLike, axis: Axis = -1, where: Mask = None, temperature: Positive = 1.0) -> Array:
    """softmax(x, temperature)[i] = exp(x[i] / temperature) / sum(exp(v / temperature) for v in x)

    Normalised exponential: scores become probabilities along an axis. Scores of inf share the probability 1; an empty
    row becomes zeros.

    Args:
        axis: the axis or axes to sum over; None for all.
        where: the mask; masked elements become 0.
        temperature: positive; a number, or one for each row: an array with as many axes as x, of size 1 along `axis`. A
            small one makes the largest probability larger, a large one makes all probabilities similar.
    """
    axes, x = axes_of("softmax", x, axis), masked("softmax", x, where)
    e = jnp.exp(shift_by_max(x, row_max(x, axes), per_row("softmax", "temperature", temperature, x, axes)))
    return e / sum_of_exponentials(e, axes)


def _log_softmax_by_x(dx: Array, y: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    d = masked("log_softmax", dx, where, 0)
    d = d - jnp.sum(jnp.exp(y) * d, axes_of("log_softmax", x, axis), keepdims=True)
    return divide_by_temperature(masked("log_softmax", d, where, 0), temperature)


def _log_softmax_by_temperature(dt: Array, y: Array, x: Array, axis: Axis, where: Any, temperature: ArrayLike) -> Array:
    axes, x, present = axes_of("log_softmax", x, axis), masked("log_softmax", x, where), y > -inf
    d = shift_by_temperature(dt, shift_by_max(x, row_max(x, axes), temperature), present, temperature)
    return jnp.where(present, d - jnp.sum(jnp.exp(y) * d, axes, keepdims=True), 0)


@activation(bounds=(-inf, 0), source="https://en.wikipedia.org/wiki/Softmax_function")
@jvp(x=_log_softmax_by_x, temperature=_log_softmax_by_temperature)
def log_softmax(x: ArrayLike, axis: Axis = -1, where: Mask = None, temperature: Positive = 1.0) -> Array:
    """log_softmax(x, temperature)[i] = x[i] / temperature - log(sum(exp(v / temperature) for v in x))

    Logarithm of softmax, finite where the softmax underflows to 0.

    Args:
        axis: the axis or axes to sum over; None for all.
        where: the mask; masked elements become -inf.
        temperature: as for `softmax`.
    """
    axes, x = axes_of("log_softmax", x, axis), masked("log_softmax", x, where)
    shift = shift_by_infinite_max(x, axes, per_row("log_softmax", "temperature", temperature, x, axes))
    return shift - jnp.log(sum_of_exponentials(jnp.exp(shift), axes))


@activation(bounds=(0, 1), source="https://docs.pytorch.org/docs/stable/nn.functional.html")
@autodiff
def softmin(x: ArrayLike, axis: Axis = -1, where: Mask = None, temperature: Positive = 1.0) -> Array:
    """softmin(x, temperature)[i] = exp(-x[i] / temperature) / sum(exp(-v / temperature) for v in x)

    The softmax of -x: distances or costs become probabilities, the smallest the most probable. An element of inf, and
    not of -inf, is masked.

    Args:
        axis: the axis or axes to sum over; None for all.
        where: the mask; masked elements become 0.
        temperature: as for `softmax`.
    """
    axes, x = axes_of("softmin", x, axis), -masked("softmin", x, where, inf)
    return softmax(x, axes, None, per_row("softmin", "temperature", temperature, x, axes))


def _softmax1_by_x(dx: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: ArrayLike) -> Array:
    return _softmax_by_x(dx, p, x, axis, where, temperature)


def _softmax1_shifts(x: Array, axis: Axis, where: Any, sink: Any, temperature: ArrayLike) -> tuple[Array, Array, Array]:
    """x and the sink, both minus the maximum of x and divided by the temperature; and the probability of the sink."""
    axes, x = axes_of("softmax1", x, axis), masked("softmax1", x, where)
    maximum = row_max(x, axes)
    shift, sink_shift = shift_by_max(x, maximum, temperature), shift_by_max(sink, maximum, temperature)
    total = jnp.sum(jnp.exp(shift), axes, keepdims=True)
    return shift, sink_shift, lax.logistic(sink_shift - jnp.log(jnp.where(total == 0, 1, total)))


def _softmax1_by_sink(ds: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: Any) -> Array:
    return divide_by_temperature(-p * (_softmax1_shifts(x, axis, where, sink, temperature)[2] * ds), temperature)


def _softmax1_by_temperature(
    dt: Array, p: Array, x: Array, axis: Axis, where: Any, sink: Any, temperature: Any
) -> Array:
    shift, sink_shift, p_sink = _softmax1_shifts(x, axis, where, sink, temperature)
    axes, d = axes_of("softmax1", x, axis), shift_by_temperature(dt, shift, p > 0, temperature)
    return softmax_jvp(d, p, axes) - p * (p_sink * shift_by_temperature(dt, sink_shift, p_sink > 0, temperature))


@activation(bounds=(0, 1), source="https://www.evanmiller.org/attention-is-off-by-one.html")
@jvp(x=_softmax1_by_x, sink=_softmax1_by_sink, temperature=_softmax1_by_temperature)
def softmax1(
    x: ArrayLike,
    axis: Axis = -1,
    where: Mask = None,
    sink: ArrayLike = 0.0,
    temperature: Positive = 1.0,
) -> Array:
    """softmax1(x, sink, temperature)[i] = softmax([*x, sink], temperature)[i]

    Softmax with a sink: one more logit takes part in the sum and is dropped, so that rows add up to less than 1 and an
    attention head can attend to nothing. Learnt sinks, one for each head: https://arxiv.org/abs/2309.17453.

    Args:
        axis: the axis or axes to sum over; None for all.
        where: the mask; masked elements become 0.
        sink: the logit of the sink, a number or one for each row; -inf gives softmax.
        temperature: as for `softmax`; it divides the sink too.
    """
    axes, x = axes_of("softmax1", x, axis), masked("softmax1", x, where)
    sink, temperature = (per_row("softmax1", n, v, x, axes) for n, v in (("sink", sink), ("temperature", temperature)))
    maximum = row_max(x, axes)
    e = jnp.exp(shift_by_max(x, maximum, temperature))
    # The maximum is that of x even if the sink is larger. If its exponential overflows, the row is 0, as it should be.
    return e / (sum_of_exponentials(e, axes) + jnp.exp(shift_by_max(sink, maximum, temperature)))


def _noisy_logits(key: Any, logits: ArrayLike, axis: int, where: Any) -> Array:
    """logits - max(logits) + Gumbel noise: the shift keeps the digits of the noise."""
    name = "gumbel_softmax"
    x = masked(name, logits, where)
    return shift_by_max(x, row_max(x, (axis_of(name, x, axis),))) + jax.random.gumbel(key, x.shape, x.dtype)


def _gumbel_softmax_by_logits(
    dx: Array, y: Array, key: Any, logits: Array, tau: ArrayLike, hard: bool, axis: int, where: Any
) -> Array:
    p, dx = softmax(_noisy_logits(key, logits, axis, where), axis, None, tau), masked("gumbel_softmax", dx, where, 0)
    return divide_by_temperature(softmax_jvp(dx, p, (axis_of("gumbel_softmax", logits, axis),)), tau)


def _gumbel_softmax_by_tau(
    dt: Array, y: Array, key: Any, logits: Array, tau: ArrayLike, hard: bool, axis: int, where: Any
) -> Array:
    z = _noisy_logits(key, logits, axis, where)
    return jax.jvp(lambda tau: softmax(z, axis, None, tau), (tau,), (dt,))[1]


@activation(bounds=(0, 1), source="https://arxiv.org/abs/1611.01144")
@jvp(logits=_gumbel_softmax_by_logits, tau=_gumbel_softmax_by_tau)
def gumbel_softmax(
    key: Key,
    logits: ArrayLike,
    tau: Positive = 1.0,
    hard: bool = False,
    axis: int = -1,
    where: Mask = None,
) -> Array:
    """gumbel_softmax(key, logits, tau)[i] = softmax(logits + noise, tau)[i]

    A differentiable sample from the categorical distribution with these logits: the softmax of logits plus Gumbel
    noise, jax.random.gumbel(key, logits.shape), drawn in float32 for 16-bit logits.

    Args:
        key: a PRNG key, which comes first as in `jax.random.categorical`; the same key gives the same sample.
        logits: the scores; -inf is never drawn.
        tau: the temperature. As it goes to 0, samples become one-hot vectors and gradients explode.
        hard: whether the value is the one-hot vector of the largest probability, with the gradient of the soft sample
            (the straight-through estimator).
        axis: the axis of the categories.
        where: the mask; masked elements are never drawn and become 0.
    """
    z, axis = _noisy_logits(key, logits, axis, where), axis_of("gumbel_softmax", logits, axis)
    soft = softmax(z, axis, None, per_row("gumbel_softmax", "tau", tau, z, (axis,)))
    if not hard:
        return soft
    chosen = lax.broadcasted_iota(jnp.int32, z.shape, axis) == jnp.argmax(z, axis, keepdims=True).astype(jnp.int32)
    return jnp.where(chosen & (soft > 0), 1.0, 0 * soft)  # 0 * soft: NaN for NaN
