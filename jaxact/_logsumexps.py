"""Sums and means of numbers that are given by their logarithms."""

import functools
from collections.abc import Callable
from math import inf
from typing import Any, TypeVar, cast

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import jvp
from ._arguments import Mask, OptionalArray, check_array
from ._facts import activation
from ._numerics import largest
from ._rows import (
    Axis,
    at_least_float32,
    axes_of,
    masked,
    row_max_for_sum,
    shift_by_max,
    softmax_of_sum,
)

F = TypeVar("F", bound=Callable[..., Any])


def _log_sum_exp(x: Array, axes: tuple[int, ...], keepdims: bool, divisor: ArrayLike = 1.0) -> Array:
    """log(sum(exp(x)) / divisor); -inf for an empty row."""
    maximum = row_max_for_sum(x, axes)
    y = maximum + jnp.log(jnp.sum(jnp.exp(shift_by_max(x, maximum)), axes, keepdims=True) / divisor)
    y = jnp.where(maximum == largest(maximum), jnp.inf, y)
    return y if keepdims else jnp.squeeze(y, axes)


def _logsumexp_arguments(a: ArrayLike, axis: Axis, b: OptionalArray, where: Any) -> tuple[Array, Any, tuple[int, ...]]:
    """The logarithms, -inf where they are masked or their factor is 0; the factors; the axes."""
    a = masked("logsumexp", a, where)
    if b is None:
        return a, None, axes_of("logsumexp", a, axis)
    check_array("logsumexp", "b", b)
    try:
        a, factors = jnp.broadcast_arrays(at_least_float32(a), jnp.asarray(b, at_least_float32(a).dtype))
    except ValueError:
        shapes = f"b of shape {jnp.shape(jnp.asarray(b))}; expected one that broadcasts with a's, {a.shape}"
        raise ValueError(f"logsumexp was called with {shapes}.") from None
    return jnp.where(factors == 0, -inf, a), factors, axes_of("logsumexp", a, axis)


def _logsumexp_by_a(
    da: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _logsumexp_arguments(a, axis, b, where)
    p, d = softmax_of_sum(a, axes), masked("logsumexp", da, where, 0)
    dy = jnp.sum(_shares(p, factors, axes) * jnp.broadcast_to(d, p.shape), axes, keepdims=keepdims)
    return jnp.stack([dy, jnp.zeros_like(dy)]) if return_sign else dy


def _logsumexp_by_b(
    db: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _logsumexp_arguments(a, axis, b, where)
    p = softmax_of_sum(a, axes)
    total = jnp.sum(factors * p, axes, keepdims=True)
    dy = jnp.sum(p / jnp.where(total == 0, 1, total) * jnp.broadcast_to(db, p.shape), axes, keepdims=keepdims)
    return jnp.stack([dy, jnp.zeros_like(dy)]) if return_sign else dy


def _shares(p: Array, factors: Any, axes: tuple[int, ...]) -> Array:
    """The share of each element in the sum."""
    if factors is None:
        return p
    total = jnp.sum(factors * p, axes, keepdims=True)
    return factors * p / jnp.where(total == 0, 1, total)


def _pair_if_return_sign(function: F) -> F:
    """Return the result and its sign as a pair, which `jvp` has as one array."""

    @functools.wraps(function)
    def logsumexp(*args: Any, **kwargs: Any) -> Any:
        y = function(*args, **kwargs)
        return tuple(y) if kwargs.get("return_sign") or any(args[4:5]) else y

    return cast(F, logsumexp)


@activation(bounds=(-inf, inf), source="https://doi.org/10.1093/imanum/draa038")
@_pair_if_return_sign
@jvp(widened=False, a=_logsumexp_by_a, b=_logsumexp_by_b)
def logsumexp(
    a: ArrayLike,
    axis: Axis = None,
    b: OptionalArray = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: Mask = None,
) -> Array:
    """logsumexp(a) = log(sum(exp(v) for v in a))

    The logarithm of a sum of numbers that are given by their logarithms; its gradient is softmax. An empty row becomes
    -inf, with gradient 0.

    Args:
        axis: the axis or axes to sum over; None for all.
        b: factors of the exponentials, which broadcast with a: log(sum(b * exp(a))). Elements with factor 0 are masked.
            NaN where the sum is negative.
        keepdims: whether to keep the axes, with size 1.
        return_sign: whether to return a pair, the logarithm of the sum's absolute value and the sign of the sum.
        where: the mask, which broadcasts to a.
    """
    a, factors, axes = _logsumexp_arguments(a, axis, 1.0 if b is None and return_sign else b, where)
    y = _log_sum_exp(a, axes, keepdims)
    if factors is None:
        return y
    total = jnp.sum(factors * softmax_of_sum(a, axes), axes, keepdims=keepdims)
    y = y + jnp.log(jnp.where(y == -inf, 1, jnp.abs(total) if return_sign else total))
    return jnp.stack([y, jnp.sign(total)]) if return_sign else y


def _logmeanexp_by_x(dx: Array, y: Array, x: Array, axis: Axis, where: Any, keepdims: bool) -> Array:
    axes = axes_of("logmeanexp", x, axis)
    p = softmax_of_sum(masked("logmeanexp", x, where), axes)
    return jnp.sum(p * masked("logmeanexp", dx, where, 0), axes, keepdims=keepdims)


@activation(bounds=(-inf, inf), source="https://en.wikipedia.org/wiki/Quasi-arithmetic_mean")
@jvp(widened=False, x=_logmeanexp_by_x)
def logmeanexp(x: ArrayLike, axis: Axis = None, where: Mask = None, keepdims: bool = False) -> Array:
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
