"""Functions over an axis: each output depends on a whole row."""

import operator
from math import inf

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import activation, pushforward
from ._numerics import exp_nonpositive, log1p_nonnegative

Axis = int | tuple[int, ...] | None


def _axes(name: str, x: Array, axis: Axis) -> tuple[int, ...]:
    """The axes as non-negative numbers, or a ValueError that says which one is not there."""
    ndim = jnp.ndim(x)
    given = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    try:
        axes = tuple(operator.index(a) for a in given)
    except TypeError:
        raise TypeError(f"{name} was called with axis = {axis!r}; expected an int, a tuple of ints or None.") from None
    normal = tuple(a + ndim if a < 0 else a for a in axes)
    if any(isinstance(a, bool) for a in given) or not all(0 <= a < ndim for a in normal) or len({*normal}) < len(axes):
        raise ValueError(
            f"{name} was called with axis = {axis!r} for an array of shape {jnp.shape(x)}; "
            f"expected distinct axes from {-ndim} to {ndim - 1}."
        )
    return normal


def _mask(name: str, x: Array, where: ArrayLike | None) -> Array:
    if where is None:
        return jnp.ones(x.shape, bool)
    where = jnp.asarray(where)
    if where.dtype != jnp.bool_:
        raise TypeError(f"{name} was called with where of type {where.dtype}; expected an array of bools.")
    try:
        return jnp.broadcast_to(where, x.shape)
    except ValueError:
        raise ValueError(
            f"{name} was called with where of shape {where.shape}; expected one that broadcasts to x's, {x.shape}."
        ) from None


def _below_top(x: Array, kept: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """X - max(x) along a row, its exponential, and the sum of the exponentials without the largest, which is 1.

    That sum is what a confident row keeps its digits in. A row with nothing in it has exponentials 0.
    """
    top = jnp.max(x, axes, keepdims=True, initial=-jnp.inf, where=kept)
    # Not x - top alone: XLA may fuse the product that made x into it, and a maximum of 1e10 is then left by -300.
    shift = jnp.where(x >= top, 0, x - top)
    back = shift - x
    lost = (x - (shift - back)) - (top + back)  # the rounding error of the shift: exp of -50 would be 25 ulp off
    lost = jnp.where(jnp.abs(lost) <= -jnp.finfo(x.dtype).eps * shift, lost, 0)
    power = exp_nonpositive(shift)
    present = kept & (x != -jnp.inf)
    power = jnp.where(present, power + power * lost, 0)
    is_top = present & (x >= top)
    ties = jnp.sum(is_top, axes, keepdims=True, dtype=jnp.int32)
    others = jnp.sum(jnp.where(is_top, 0, power), axes, keepdims=True) + jnp.maximum(ties - 1, 0).astype(x.dtype)
    return shift, power, others


def _centred(dx: Array, p: Array, kept: Array, axes: tuple[int, ...]) -> Array:
    """Dx - sum(p * dx), which keeps its digits where one p is nearly 1: then dx counts from that element's."""
    major = p > 0.5
    dx = jnp.where(kept, dx, 0)
    d = jnp.where(major, 0, dx - jnp.sum(jnp.where(major, dx, 0), axes, keepdims=True))
    return d - jnp.sum(p * d, axes, keepdims=True)


def _softmax_push(dx: Array, x: Array, axis: Axis, where: ArrayLike | None) -> Array:
    axes = _axes("softmax", x, axis)
    p = softmax(x, axis, where)
    return p * _centred(dx, p, _mask("softmax", x, where), axes)


@activation(bounds=(0, 1), source="https://en.wikipedia.org/wiki/Softmax_function")
@pushforward(_softmax_push)
def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """softmax(x)[i] = exp(x[i]) / sum(exp(v) for v in x)

    Normalised exponential: scores to probabilities along an axis. 16-bit input is summed in float32.
    The derivative keeps its digits in confident rows, where 1 - p has none.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. -inf counts as absent,
            and a row with nothing in it becomes zeros; inf takes the whole row.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become 0.

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, or a mask that does not broadcast.
    """
    x = jnp.asarray(x)
    axes, kept = _axes("softmax", x, axis), _mask("softmax", x, where)
    _, power, others = _below_top(x, kept, axes)
    return power / (1 + others)


def _log_softmax_push(dx: Array, x: Array, axis: Axis, where: ArrayLike | None) -> Array:
    axes, kept = _axes("log_softmax", x, axis), _mask("log_softmax", x, where)
    return jnp.where(kept, _centred(dx, softmax(x, axis, where), kept, axes), 0)


@activation(bounds=(-inf, 0), source="https://en.wikipedia.org/wiki/Softmax_function")
@pushforward(_log_softmax_push)
def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """log_softmax(x)[i] = x[i] - log(sum(exp(v) for v in x))

    Logarithm of softmax, right where softmax is nearly 1: log_softmax([20, 0])[0] is -2.06e-9 in float32.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float. -inf counts as absent.
        axis: the axis or axes summed over; None for all.
        where: bools that broadcast to x; False elements are left out and become -inf.

    Raises:
        TypeError: for complex or non-numeric input, or a mask that is not bool.
        ValueError: for an axis that x does not have, or a mask that does not broadcast.
    """
    x = jnp.asarray(x)
    axes, kept = _axes("log_softmax", x, axis), _mask("log_softmax", x, where)
    shift, _, others = _below_top(x, kept, axes)
    return jnp.where(kept & (x != -jnp.inf), shift - log1p_nonnegative(others), -jnp.inf)


def _pieces_last(x: Array, pieces: int, axis: int) -> tuple[Array, Array]:
    """X with `axis` split and the pieces of each output moved last, and which piece is the first largest."""
    if not isinstance(axis, int):
        raise TypeError(f"maxout was called with axis = {axis!r}; expected an int.")
    (axis,) = _axes("maxout", x, axis)
    size = x.shape[axis]
    if not isinstance(pieces, int) or pieces < 1 or size % pieces:
        raise ValueError(
            f"maxout was called with pieces = {pieces!r} for an array of shape {x.shape}; "
            f"expected a positive divisor of {size}, the size of axis {axis}."
        )
    split = jnp.reshape(x, (*x.shape[:axis], size // pieces, pieces, *x.shape[axis + 1 :]))
    split = jnp.moveaxis(split, axis + 1, -1)
    first_largest = jnp.argmax(split, -1, keepdims=True)
    return split, lax.broadcasted_iota(first_largest.dtype, split.shape, split.ndim - 1) == first_largest


def _maxout_push(dx: Array, x: Array, pieces: int, axis: int) -> Array:
    _, chosen = _pieces_last(x, pieces, axis)
    return jnp.sum(jnp.where(chosen, _pieces_last(dx, pieces, axis)[0], 0), -1)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/1302.4389")
@pushforward(_maxout_push)
def maxout(x: ArrayLike, pieces: int = 2, axis: int = -1) -> Array:
    """maxout(x)[i] = max(x[pieces * i + k] for k in range(pieces))

    The largest of each group of neighbours along an axis. Of equal pieces the first takes the whole slope.
    `jaxact.nn.Maxout` makes the pieces, as affine functions of its input.

    Args:
        x: any shape whose `axis` is a multiple of `pieces`; that axis comes out divided by `pieces`.
        pieces: how many neighbours compete for each output.
        axis: the axis of the groups.

    Raises:
        TypeError: for complex or non-numeric input.
        ValueError: for an axis that x does not have, or pieces that do not divide it.
    """
    return jnp.max(_pieces_last(jnp.asarray(x), pieces, axis)[0], -1)
