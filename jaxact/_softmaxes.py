"""The softmax family: scores to probabilities along an axis, with derivatives that keep their digits in confident rows.

-inf counts as absent, a row with nothing in it becomes zeros, and inf takes the whole row.
"""

import functools
from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import composed, pushforward
from ._facts import activation
from ._numerics import exp_of_sum, log1p_nonnegative
from ._rows import (
    Axis,
    axes_of,
    axis_of,
    below_top,
    centred,
    counted_from,
    from_top,
    iota,
    mask_of,
    per_row,
    sum_of_positive,
)


def _cooled(dt: Array, x: Array, kept: Array, axes: tuple[int, ...], temperature: Array) -> Array:
    """The tangent of x / temperature by the temperature, up to a constant for each row."""
    return -from_top(x, kept, axes) * dt / (temperature * temperature)


def _softmax_by_x(dx: Array, x: Array, axis: Axis, where: Any, temperature: Array) -> Array:
    p = softmax(x, axis, where, temperature)
    return p * (centred(dx, p, mask_of("softmax", x, where), axes_of("softmax", x, axis)) / temperature)


def _softmax_by_temperature(dt: Array, x: Array, axis: Axis, where: Any, temperature: Array) -> Array:
    axes, kept = axes_of("softmax", x, axis), mask_of("softmax", x, where)
    p = softmax(x, axis, where, temperature)
    return p * centred(_cooled(dt, x, kept, axes, temperature), p, kept, axes)


@activation(bounds=(0, 1), positive=("temperature",), source="https://en.wikipedia.org/wiki/Softmax_function")
@pushforward(x=_softmax_by_x, temperature=_softmax_by_temperature)
def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: ArrayLike = 1.0) -> Array:
    """softmax(x, temperature)[i] = exp(x[i] / temperature) / sum(exp(v / temperature) for v in x)

    Normalised exponential: scores to probabilities along an axis. 16-bit input is summed in float32.
    The derivative keeps its digits in confident rows, where 1 - p has none.

    Range at the defaults: 0 to 1.
    Source: https://en.wikipedia.org/wiki/Softmax_function
    Error bounds in ulp of each component of value, first and second derivative: 4, 6, 8 in float32, for rows of up to
    4096; measured 0.9, 2.7, 2.6.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. -inf counts as absent,
            and a row with nothing in it becomes zeros; inf takes the whole row.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        temperature: greater than 0, one for all or one for each row (then of x's rank, with size 1 along `axis`).
            Small ones sharpen, large ones flatten. NaN where an array of them is not positive.

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, a mask that does not broadcast, or a temperature of at most 0.
    """
    x = jnp.asarray(x)
    axes, kept = axes_of("softmax", x, axis), mask_of("softmax", x, where)
    row = below_top(x, kept, axes, per_row("softmax", "temperature", temperature, x, axes))
    return row.shares


def _log_softmax_by_x(dx: Array, x: Array, axis: Axis, where: Any, temperature: Array) -> Array:
    axes, kept = axes_of("log_softmax", x, axis), mask_of("log_softmax", x, where)
    p = softmax(x, axis, where, temperature)
    return jnp.where(kept, centred(dx, p, kept, axes) / temperature, 0)


def _log_softmax_by_temperature(dt: Array, x: Array, axis: Axis, where: Any, temperature: Array) -> Array:
    axes, kept = axes_of("log_softmax", x, axis), mask_of("log_softmax", x, where)
    p = softmax(x, axis, where, temperature)
    cooled = _cooled(dt, x, kept, axes, temperature)
    return jnp.where(kept & (x != -jnp.inf), centred(cooled, p, kept, axes), 0)


@activation(bounds=(-inf, 0), positive=("temperature",), source="https://en.wikipedia.org/wiki/Softmax_function")
@pushforward(x=_log_softmax_by_x, temperature=_log_softmax_by_temperature)
def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: ArrayLike = 1.0) -> Array:
    """log_softmax(x, temperature)[i] = x[i] / temperature - log(sum(exp(v / temperature) for v in x))

    Logarithm of softmax, right where softmax is nearly 1: log_softmax([20, 0])[0] is -2.06e-9 in float32.

    Range at the defaults: -inf to 0.
    Source: https://en.wikipedia.org/wiki/Softmax_function
    Error bounds in ulp of each component of value, first and second derivative: 4, 6, 8 in float32, for rows of up to
    4096; measured 0.6, 2.7, 2.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. -inf counts as absent.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become -inf.
        temperature: greater than 0, one for all or one for each row (then of x's rank, with size 1 along `axis`).

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, a mask that does not broadcast, or a temperature of at most 0.
    """
    x = jnp.asarray(x)
    axes, kept = axes_of("log_softmax", x, axis), mask_of("log_softmax", x, where)
    temperature = per_row("log_softmax", "temperature", temperature, x, axes)
    row = below_top(x, kept, axes, temperature)
    # XLA would rather keep shifts and their errors from before the sum, five arrays, than count from the top anew.
    top, log = lax.optimization_barrier((row.top, log1p_nonnegative(row.others)))
    shift, low = counted_from(x, top, temperature)
    return jnp.where(kept & (x != -jnp.inf), shift + (low - log), -jnp.inf)


@activation(bounds=(0, 1), positive=("temperature",), source="https://docs.pytorch.org/docs/stable/nn.functional.html")
@composed
def softmin(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None, temperature: ArrayLike = 1.0) -> Array:
    """softmin(x, temperature)[i] = exp(-x[i] / temperature) / sum(exp(-v / temperature) for v in x)

    The softmax of -x: distances or costs to probabilities, of which the smallest gets the largest.

    Range at the defaults: 0 to 1.
    Source: https://docs.pytorch.org/docs/stable/nn.functional.html
    Error bounds in ulp of each component of value, first and second derivative: 4, 6, 8 in float32, for rows of up to
    4096; measured 1.2, 3, 2.7.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. inf counts as absent, and
            a row with nothing in it becomes zeros.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        temperature: greater than 0, one for all or one for each row (then of x's rank, with size 1 along `axis`).

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, a mask that does not broadcast, or a temperature of at most 0.
    """
    x = jnp.asarray(x)
    axes, kept = axes_of("softmin", x, axis), mask_of("softmin", x, where)
    return softmax(-x, axes, kept, per_row("softmin", "temperature", temperature, x, axes))


@functools.partial(jax.custom_jvp, nondiff_argnums=(4,))
def _with_sink(x: Array, sink: Array, temperature: Array, kept: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """The softmax of a row with one logit more, and the probability of that one."""
    top = jnp.maximum(jnp.max(x, axes, keepdims=True, initial=-jnp.inf, where=kept), sink)
    power = jnp.where(kept & (x != -jnp.inf), exp_of_sum(*counted_from(x, top, temperature)), 0)
    sunk = jnp.where(sink != -jnp.inf, exp_of_sum(*counted_from(sink, top, temperature)), 0)
    total = sum_of_positive(power, axes) + sunk
    total = jnp.where(total == 0, 1, total)
    return power / total, sunk / total


@_with_sink.defjvp
def _with_sink_jvp(axes: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    x, sink, temperature, kept = primals
    dx, dsink, dt, _ = tangents
    p, p_sink = _with_sink(x, sink, temperature, kept, axes)
    # Both logits count from the same constant, here the sink, as only their differences matter.
    base = lax.stop_gradient(jnp.where(jnp.isfinite(sink), sink, 0))
    gap = jnp.where(kept & jnp.isfinite(x), x - base, 0)
    sink_gap = jnp.where(jnp.isfinite(sink), sink - base, 0)
    d = jnp.where(kept, (dx - gap * dt / temperature) / temperature, 0)
    d_sink = (dsink - sink_gap * dt / temperature) / temperature
    # The tangents count from that of the largest probability, as in `centred`.
    major, sink_major = p > 0.5, p_sink > 0.5
    ref = jnp.sum(jnp.where(major, d, 0), axes, keepdims=True) + jnp.where(sink_major, d_sink, 0)
    d, d_sink = jnp.where(major, 0, d - ref), jnp.where(sink_major, 0, d_sink - ref)
    mean = jnp.sum(p * d, axes, keepdims=True) + p_sink * d_sink
    return (p, p_sink), (p * (d - mean), p_sink * (d_sink - mean))


@activation(bounds=(0, 1), positive=("temperature",), source="https://www.evanmiller.org/attention-is-off-by-one.html")
@composed
def softmax1(
    x: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    sink: ArrayLike = 0.0,
    temperature: ArrayLike = 1.0,
) -> Array:
    """softmax1(x, sink, temperature)[i] = softmax([*x, sink], temperature)[i]

    Softmax with a sink: one logit more takes part and is dropped, so that a row may add up to less than 1 and an
    attention head may attend to nothing. With sink = -inf it is softmax. Learnt sinks (one for each head):
    https://arxiv.org/abs/2309.17453.

    Range at the defaults: 0 to 1.
    Source: https://www.evanmiller.org/attention-is-off-by-one.html
    Error bounds in ulp of each component of value, first and second derivative: 4, 6, 8 in float32, for rows of up to
    4096; measured 2.1, 2.8, 3.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. -inf counts as absent.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.
        sink: the logit of the sink, one for all or one for each row (then of x's rank, with size 1 along `axis`). It
            has a gradient.
        temperature: greater than 0, divides the sink too; one for all or one for each row.

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, a mask that does not broadcast, or a temperature of at most 0.
    """
    x = jnp.asarray(x)
    axes, kept = axes_of("softmax1", x, axis), mask_of("softmax1", x, where)
    row_shape = tuple(1 if a in axes else size for a, size in enumerate(x.shape))
    sinks = jnp.broadcast_to(per_row("softmax1", "sink", sink, x, axes), row_shape)
    temperatures = jnp.broadcast_to(per_row("softmax1", "temperature", temperature, x, axes), row_shape)
    return _with_sink(x, sinks, temperatures, kept, axes)[0]


def _perturbed(key: Any, logits: Array, axis: int) -> tuple[Array, Array, int]:
    """Logits + noise as a rounded number and its rounding error, and the axis as a non-negative number."""
    dtype = getattr(key, "dtype", None)
    if dtype is None or not (jnp.issubdtype(dtype, jax.dtypes.prng_key) or dtype == jnp.uint32):
        raise TypeError(f"gumbel_softmax was called with key = {key!r:.60} of type {dtype}; expected a PRNG key.")
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    z = logits + noise
    back = z - logits
    low = (logits - (z - back)) + (noise - back)
    return z, jnp.where(jnp.isfinite(z), low, 0), axis_of("gumbel_softmax", logits, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _softmax_of_sum(x: Array, x_low: Array, temperature: Array, axis: int) -> Array:
    row = below_top(x, jnp.ones(x.shape, bool), (axis,), temperature, x_low)
    return row.shares


@_softmax_of_sum.defjvp
def _softmax_of_sum_jvp(axis: int, primals: Any, tangents: Any) -> Any:
    x, x_low, temperature = primals
    dx, _, dt = tangents
    p, kept = _softmax_of_sum(x, x_low, temperature, axis), jnp.ones(x.shape, bool)
    d = dx / temperature + _cooled(dt, x, kept, (axis,), temperature)
    return p, p * centred(d, p, kept, (axis,))


def _gumbel_by_logits(dx: Array, key: Any, logits: Array, tau: Array, hard: bool, axis: int) -> Array:
    z, low, axis = _perturbed(key, logits, axis)
    return jax.jvp(lambda z: _softmax_of_sum(z, low, tau, axis), (z,), (dx,))[1]


def _gumbel_by_tau(dt: Array, key: Any, logits: Array, tau: Array, hard: bool, axis: int) -> Array:
    z, low, axis = _perturbed(key, logits, axis)
    return jax.jvp(lambda t: _softmax_of_sum(z, low, t, axis), (tau,), (dt,))[1]


@activation(bounds=(0, 1), positive=("tau",), source="https://arxiv.org/abs/1611.01144")
@pushforward(logits=_gumbel_by_logits, tau=_gumbel_by_tau)
def gumbel_softmax(
    key: ArrayLike | None, logits: ArrayLike, tau: ArrayLike = 1.0, hard: bool = False, axis: int = -1
) -> Array:
    """gumbel_softmax(key, logits, tau)[i] = softmax(logits + noise, tau)[i]

    A sample from the categorical distribution with these logits that has a gradient: the softmax of logits with
    Gumbel noise, jax.random.gumbel(key, logits.shape), drawn in float32 for 16-bit logits. The key comes first, as in
    `jax.random.categorical(key, logits)`, whose differentiable twin this is.

    Range at the defaults: 0 to 1.
    Source: https://arxiv.org/abs/1611.01144
    Error bounds in ulp of each component of value, first and second derivative: 4, 6, 8 in float32, for rows of up to
    4096; measured 1.2, 2, 3.6.

    Args:
        key: a PRNG key; the same key gives the same sample.
        logits: any shape; floats keep their type, integers and bools become JAX's default float. -inf is never drawn.
        tau: the temperature, greater than 0; samples go to one-hot vectors as it goes to 0, and gradients explode.
            One for all or one for each row. NaN where an array of them is not positive.
        hard: whether the value is the one-hot vector of the largest, with the gradient of the soft sample (the
            straight-through estimator).
        axis: the axis of the categories.

    Raises:
        TypeError: for complex or non-numeric input, or a key that is none.
        ValueError: for an axis that logits do not have, or tau <= 0.
    """
    logits = jnp.asarray(logits)
    axis = axis_of("gumbel_softmax", logits, axis)
    tau = per_row("gumbel_softmax", "tau", tau, logits, (axis,))
    z, low, _ = _perturbed(key, logits, axis)
    soft = _softmax_of_sum(z, low, tau, axis)
    if not hard:
        return soft
    chosen = iota(z, axis) == jnp.argmax(z, axis, keepdims=True).astype(jnp.int32)
    return jnp.where(jnp.isnan(soft), soft, jnp.where(chosen & (soft > 0), 1, 0))
