"""Sums and means of numbers that are given by their logarithms."""

from math import inf
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import jvp
from ._facts import activation
from ._numerics import largest
from ._rows import (
    Axis,
    at_least_float32,
    axes_of,
    broadcast_parameter,
    masked,
    row_max_for_sum,
    shift_by_max,
    softmax_of_sum,
)


def _log_sum_exp(x: Array, axes: tuple[int, ...], keepdims: bool, divisor: ArrayLike = 1.0) -> Array:
    """log(sum(exp(x)) / divisor); -inf for an empty row."""
    maximum = row_max_for_sum(x, axes)
    y = maximum + jnp.log(jnp.sum(jnp.exp(shift_by_max(x, maximum)), axes, keepdims=True) / divisor)
    y = jnp.where(maximum == largest(maximum), jnp.inf, y)
    return y if keepdims else jnp.squeeze(y, axes)


def _logsumexp_arguments(
    a: ArrayLike, axis: Axis, b: ArrayLike | None, where: Any
) -> tuple[Array, Any, tuple[int, ...]]:
    """The logarithms, -inf where they are masked or their factor is 0; the factors; the axes."""
    axes, a = axes_of("logsumexp", a, axis), masked("logsumexp", a, where)
    if b is None:
        return a, None, axes
    factors = broadcast_parameter("logsumexp", "b", b, a.shape).astype(at_least_float32(a).dtype)
    return jnp.where(factors == 0, -jnp.inf, at_least_float32(a)), factors, axes


def _logsumexp_by_a(
    da: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _logsumexp_arguments(a, axis, b, where)
    p, d = softmax_of_sum(a, axes), masked("logsumexp", da, where, 0)
    if factors is None:
        return jnp.sum(p * d, axes, keepdims=keepdims)
    weights = factors * p
    total = jnp.sum(weights, axes, keepdims=True)
    return jnp.sum(weights / jnp.where(total == 0, 1, total) * d, axes, keepdims=keepdims)


def _logsumexp_by_b(
    db: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _logsumexp_arguments(a, axis, b, where)
    p = softmax_of_sum(a, axes)
    total = jnp.sum(factors * p, axes, keepdims=True)
    return jnp.sum(p / jnp.where(total == 0, 1, total) * db, axes, keepdims=keepdims)


@activation(bounds=(-inf, inf), source="https://doi.org/10.1093/imanum/draa038")
@jvp(widened=False, a=_logsumexp_by_a, b=_logsumexp_by_b)
def logsumexp(
    a: ArrayLike,
    axis: Axis = None,
    b: ArrayLike | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """logsumexp(a) = log(sum(exp(v) for v in a))

    The logarithm of a sum of numbers that are given by their logarithms; its gradient is softmax. An empty row becomes
    -inf, with gradient 0.

    Args:
        axis: the axis or axes to sum over; None for all.
        b: factors of the exponentials, a single number or an array with as many axes as a: log(sum(b * exp(a))).
            Elements with factor 0 are masked. NaN where the sum is negative.
        keepdims: whether to keep the axes, with size 1.
        return_sign: False; the parameter exists because jax.nn.logsumexp has it.
        where: the mask.
    """
    if return_sign:
        raise ValueError("logsumexp was called with return_sign = True; expected False (jax.nn.logsumexp gives signs).")
    a, factors, axes = _logsumexp_arguments(a, axis, b, where)
    y = _log_sum_exp(a, axes, keepdims)
    if factors is None:
        return y
    weighted = jnp.sum(factors * softmax_of_sum(a, axes), axes, keepdims=keepdims)
    return y + jnp.log(jnp.where(y == -jnp.inf, 1, weighted))


def _logmeanexp_by_x(dx: Array, y: Array, x: Array, axis: Axis, where: Any, keepdims: bool) -> Array:
    axes = axes_of("logmeanexp", x, axis)
    p = softmax_of_sum(masked("logmeanexp", x, where), axes)
    return jnp.sum(p * masked("logmeanexp", dx, where, 0), axes, keepdims=keepdims)


@activation(bounds=(-inf, inf), source="https://en.wikipedia.org/wiki/Quasi-arithmetic_mean")
@jvp(widened=False, x=_logmeanexp_by_x)
def logmeanexp(x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False) -> Array:
    """logmeanexp(x) = log(sum(exp(v) for v in x) / len(x))

    The logarithm of the mean of numbers that are given by their logarithms: a smooth maximum that never exceeds the
    maximum. Its gradient is softmax. -inf is the logarithm of 0 and part of the mean; an empty row becomes -inf, with
    gradient 0.

    Args:
        axis: the axis or axes of the mean; None for all.
        where: the mask: False elements are not part of the mean.
        keepdims: whether to keep the axes, with size 1.
    """
    axes, x = axes_of("logmeanexp", x, axis), jnp.asarray(x)
    count = jnp.sum(masked("logmeanexp", jnp.ones_like(at_least_float32(x)), where, 0), axes, keepdims=True)
    return _log_sum_exp(masked("logmeanexp", x, where), axes, keepdims, jnp.maximum(count, 1))
