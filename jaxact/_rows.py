"""What functions over an axis share: their arguments, and exponentials that are shifted by the maximum.

A row is what is summed over: the elements along the axis or axes. It is empty if all of it is masked or -inf.
"""

import functools
import operator

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._arguments import Mask, widen
from ._numerics import LARGE, largest

Axis = int | tuple[int, ...] | None


def axes_of(name: str, x: ArrayLike, axis: Axis) -> tuple[int, ...]:
    """The axes as non-negative numbers, or an error that says which ones the array has."""
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


def axis_of(name: str, x: ArrayLike, axis: int) -> int:
    """A single axis as a non-negative number."""
    if isinstance(axis, tuple) or axis is None:
        raise TypeError(f"{name} was called with axis = {axis!r}; expected an int.")
    return axes_of(name, x, axis)[0]


def masked(name: str, x: ArrayLike, where: Mask, fill: float = -jnp.inf) -> Array:
    """The array with `fill` where the mask is False; the array itself if there is no mask."""
    x = jnp.asarray(x)
    if where is None:
        return x
    mask = jnp.asarray(where)
    if mask.dtype != jnp.bool_:
        raise TypeError(f"{name} was called with where of type {mask.dtype}; expected an array of bools.")
    return jnp.where(broadcast_to(name, "where", mask, x.shape), at_least_float32(x), fill)


def broadcast_to(name: str, parameter: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """The value broadcast to the shape of x, or an error that has both shapes."""
    try:
        return jnp.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{name} was called with {parameter} of shape {jnp.shape(value)}; "
            f"expected one that broadcasts to x's, {shape}."
        ) from None


def broadcast_parameter(name: str, parameter: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """A single number or an array with as many axes as `shape`, broadcast to it. Fewer axes would be ambiguous."""
    value = jnp.asarray(value)
    fits = value.ndim == len(shape) and all(size in (1, full) for size, full in zip(value.shape, shape, strict=True))
    if value.ndim and not fits:
        raise ValueError(
            f"{name} was called with {parameter} of shape {value.shape}; expected a single number, "
            f"or as many axes as {shape} with sizes that broadcast to it."
        )
    return jnp.broadcast_to(value, shape)


def per_row(name: str, parameter: str, value: ArrayLike, x: Array, axes: tuple[int, ...]) -> ArrayLike:
    """The value itself, or an error if it is neither a single number nor an array of one number per row."""
    if jnp.ndim(value):
        shape = tuple(1 if a in axes else size for a, size in enumerate(x.shape))
        broadcast_parameter(name, parameter, value, shape)
    return value


def at_least_float32(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return widen(x, x.dtype)


def one_or_nan(condition: ArrayLike) -> Array:
    """1 where the condition holds, else NaN: by a square root, since Pallas takes no constant NaN."""
    return jnp.sqrt(jnp.where(condition, 1.0, -1.0))


def divide_by_temperature(x: Array, temperature: ArrayLike) -> Array:
    """x / temperature; NaN where an array of temperatures is not positive."""
    if isinstance(temperature, float):
        return x if temperature == 1 else x / temperature
    t = jnp.asarray(temperature)
    return x / (t * one_or_nan(t > 0))


def row_max(x: Array, axes: tuple[int, ...]) -> Array:
    """The maximum of each row as a finite number: the lowest one for an empty row."""
    maximum = jnp.max(jnp.minimum(x, largest(x)), axes, keepdims=True, initial=-largest(x))
    return lax.stop_gradient(maximum)


def row_max_for_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """row_max, for a function that only sums: XLA on CPU then reads a long row twice and stores no array as long."""
    maximum = at_least_float32(jnp.max(x, axes, keepdims=True, initial=-largest(x)))
    return lax.stop_gradient(jnp.minimum(maximum, largest(maximum)))  # not jnp.clip, which XLA on CPU does not fuse


def shift_by_max(x: ArrayLike, maximum: Array, temperature: ArrayLike = 1.0) -> Array:
    """(x - maximum) / temperature: 0 for the largest element of a row, -inf for a masked one."""
    # The jnp.minimum makes inf - inf a 0. It also keeps XLA from fusing the subtraction with a product that made x: for
    # a maximum of 1e10 the difference would be the rounding error of the product, in the hundreds.
    return divide_by_temperature(jnp.minimum(at_least_float32(x), largest(maximum)) - maximum, temperature)


def shift_by_infinite_max(x: Array, axes: tuple[int, ...], temperature: ArrayLike) -> Array:
    """shift_by_max, but -inf beside a score of inf.

    It uses the maximum once: with the second use in `infinity_factor` XLA on GPU makes three loops of a row, not one.
    """
    maximum = lax.stop_gradient(at_least_float32(jnp.max(x, axes, keepdims=True, initial=-largest(x))))
    x = jnp.minimum(at_least_float32(x), largest(maximum))
    zero_at_infinity = (x - largest(maximum)) * LARGE  # and -inf elsewhere
    return divide_by_temperature(jnp.maximum(x - maximum, zero_at_infinity), temperature)


def infinity_factor(maximum: Array) -> Array:
    """A factor that makes negative shifts -inf where the maximum stands for inf; 1 elsewhere.

    XLA on CPU does not fuse a comparison into the loop over a row, and would store an array.
    """
    return jnp.maximum(10 * (maximum - 0.9999 * largest(maximum)), 1)


def sum_of_exponentials(e: Array, axes: tuple[int, ...]) -> Array:
    """The sum of a row's shifted exponentials, the largest of which is 1; 1 for an empty row."""
    return jnp.maximum(jnp.sum(e, axes, keepdims=True), 1)


def softmax_jvp(dx: Array, p: Array, axes: tuple[int, ...]) -> Array:
    """p * (dx - sum(p * dx)): the weighted mean is subtracted from the tangent of the logits."""
    weighted = p * dx
    return weighted - p * jnp.sum(
        weighted, axes, keepdims=True
    )  # its transpose is p * (d - sum(p * d)), which XLA fuses


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def softmax_of_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """Softmax with row_max_for_sum, for the derivative of a sum: XLA computes the common maximum once."""
    e = jnp.exp(shift_by_max(x, row_max_for_sum(x, axes)))
    return e / sum_of_exponentials(e, axes)


@softmax_of_sum.defjvp
def _(axes: tuple[int, ...], primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    p = softmax_of_sum(*primals, axes)
    return p, softmax_jvp(at_least_float32(tangents[0]), p, axes)


def shift_by_temperature(dt: ArrayLike, shift: Array, present: Array, temperature: ArrayLike) -> Array:
    """The tangent of a shift by its temperature; 0 for elements that are not present."""
    return jnp.where(present, -shift, 0) * dt / temperature
