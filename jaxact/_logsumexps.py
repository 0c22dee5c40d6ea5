"""Sums and means of numbers that are kept as logarithms."""

from math import inf
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import jvp
from ._facts import activation
from ._numerics import largest
from ._rows import Axis, axes_of, from_top, like, masked, shares, top_of_sum, wide


def _log_of_total(x: Array, axes: tuple[int, ...], keepdims: bool, count: ArrayLike = 1.0) -> Array:
    """log(sum(exp(x)) / count); -inf for a row with nothing in it."""
    top = top_of_sum(x, axes)
    y = top + jnp.log(jnp.sum(jnp.exp(from_top(x, top)), axes, keepdims=True) / count)
    y = jnp.where(top == largest(top), jnp.inf, y)
    return y if keepdims else jnp.squeeze(y, axes)


def _weighed(a: ArrayLike, axis: Axis, b: ArrayLike | None, where: Any) -> tuple[Array, Any, tuple[int, ...]]:
    """What is summed, -inf where it is left out or its factor is 0; the factors; the axes."""
    axes, a = axes_of("logsumexp", a, axis), masked("logsumexp", a, where)
    if b is None:
        return a, None, axes
    factors = like("logsumexp", "b", b, a.shape).astype(wide(a).dtype)
    return jnp.where(factors == 0, -jnp.inf, wide(a)), factors, axes


def _logsumexp_by_a(
    da: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _weighed(a, axis, b, where)
    p, d = shares(a, axes), masked("logsumexp", da, where, 0)
    if factors is None:
        return jnp.sum(p * d, axes, keepdims=keepdims)
    weights = factors * p
    total = jnp.sum(weights, axes, keepdims=True)
    return jnp.sum(weights / jnp.where(total == 0, 1, total) * d, axes, keepdims=keepdims)


def _logsumexp_by_b(
    db: Array, y: Array, a: Array, axis: Axis, b: Any, keepdims: bool, return_sign: bool, where: Any
) -> Array:
    a, factors, axes = _weighed(a, axis, b, where)
    p = shares(a, axes)
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

    The logarithm of a sum of numbers given as logarithms; its gradient is softmax.

    Args:
        a: the logarithms; a row with nothing in it becomes -inf, with gradient 0.
        axis: the axis or axes summed over; None for all.
        b: factors of the exponentials, a single number or of a's rank: log(sum(b * exp(a))). Elements with factor 0
            count as absent. NaN where the sum is negative.
        keepdims: whether the axes summed over stay, with size 1.
        return_sign: only False; it is here since jax.nn.logsumexp has it.
        where: bools that broadcast to a; False elements are left out.
    """
    if return_sign:
        raise ValueError("logsumexp was called with return_sign = True; expected False (jax.nn.logsumexp gives signs).")
    a, factors, axes = _weighed(a, axis, b, where)
    y = _log_of_total(a, axes, keepdims)
    if factors is None:
        return y
    weighted = jnp.sum(factors * shares(a, axes), axes, keepdims=keepdims)
    return y + jnp.log(jnp.where(y == -jnp.inf, 1, weighted))


def _logmeanexp_by_x(dx: Array, y: Array, x: Array, axis: Axis, where: Any, keepdims: bool) -> Array:
    axes = axes_of("logmeanexp", x, axis)
    p = shares(masked("logmeanexp", x, where), axes)
    return jnp.sum(p * masked("logmeanexp", dx, where, 0), axes, keepdims=keepdims)


@activation(bounds=(-inf, inf), source="https://en.wikipedia.org/wiki/Quasi-arithmetic_mean")
@jvp(widened=False, x=_logmeanexp_by_x)
def logmeanexp(x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False) -> Array:
    """logmeanexp(x) = log(sum(exp(v) for v in x) / len(x))

    The logarithm of the mean of numbers given as logarithms; a smooth maximum that never exceeds the maximum. Its
    gradient is softmax.

    Args:
        x: the logarithms. -inf is that of 0 and counts in the mean; of nothing else the mean is -inf, with gradient 0.
        axis: the axis or axes of the mean; None for all.
        where: bools that broadcast to x; False elements are left out and do not count.
        keepdims: whether the axes of the mean stay, with size 1.
    """
    axes, x = axes_of("logmeanexp", x, axis), jnp.asarray(x)
    count = jnp.sum(masked("logmeanexp", jnp.ones_like(wide(x)), where, 0), axes, keepdims=True)
    return _log_of_total(masked("logmeanexp", x, where), axes, keepdims, jnp.maximum(count, 1))
