"""What functions over an axis share: their arguments, and a row counted from its largest element."""

import functools
import operator

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._arguments import widen
from ._numerics import largest

Axis = int | tuple[int, ...] | None


def axes_of(name: str, x: ArrayLike, axis: Axis) -> tuple[int, ...]:
    """The axes as non-negative numbers, or an error that says which one is not there."""
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


def masked(name: str, x: ArrayLike, where: ArrayLike | None, fill: float = -jnp.inf) -> Array:
    """The array with `fill` where the mask is False; without a mask, no operation."""
    x = jnp.asarray(x)
    if where is None:
        return x
    mask = jnp.asarray(where)
    if mask.dtype != jnp.bool_:
        raise TypeError(f"{name} was called with where of type {mask.dtype}; expected an array of bools.")
    try:
        return jnp.where(jnp.broadcast_to(mask, x.shape), wide(x), fill)
    except ValueError:
        raise ValueError(
            f"{name} was called with where of shape {mask.shape}; expected one that broadcasts to x's, {x.shape}."
        ) from None


def like(name: str, parameter: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """A parameter broadcast to a shape: a single number, or of the same rank. A lower rank would be a guess."""
    value = jnp.asarray(value)
    fits = value.ndim == len(shape) and all(size in (1, full) for size, full in zip(value.shape, shape, strict=True))
    if value.ndim and not fits:
        raise ValueError(
            f"{name} was called with {parameter} of shape {value.shape}; expected a single number, "
            f"or as many axes as {shape} with sizes that broadcast to it."
        )
    return jnp.broadcast_to(value, shape)


def per_row(name: str, parameter: str, value: ArrayLike, x: Array, axes: tuple[int, ...]) -> ArrayLike:
    """A parameter with one number for each row, or for all of them."""
    if jnp.ndim(value):
        like(name, parameter, value, tuple(1 if a in axes else size for a, size in enumerate(x.shape)))
    return value


def one_if(condition: ArrayLike) -> Array:
    """1 where it holds, else NaN: by a square root, since Pallas takes no constant NaN."""
    return jnp.sqrt(jnp.where(condition, 1.0, -1.0))


def cooled(x: Array, temperature: ArrayLike) -> Array:
    """x / temperature; NaN where an array of temperatures is not positive."""
    if isinstance(temperature, float):
        return x if temperature == 1 else x / temperature
    t = jnp.asarray(temperature)
    return x / (t * one_if(t > 0))


def top_of(x: Array, axes: tuple[int, ...]) -> Array:
    """The largest of each row, as a finite number: the lowest of all for a row with nothing in it."""
    top = jnp.max(jnp.minimum(x, largest(x)), axes, keepdims=True, initial=-largest(x))
    return lax.stop_gradient(top)


def wide(x: ArrayLike) -> Array:
    """At least in float32."""
    x = jnp.asarray(x)
    return widen(x, x.dtype)


def top_of_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """top_of for a function that only sums: XLA on CPU then reads a long row twice and writes nothing in between."""
    top = wide(jnp.max(x, axes, keepdims=True, initial=-largest(x)))
    return lax.stop_gradient(jnp.minimum(top, largest(top)))  # not jnp.clip, which XLA on CPU does not fuse


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def shares(x: Array, axes: tuple[int, ...]) -> Array:
    """The softmax for the derivative of such a sum, with the same maximum: XLA finds it only once then."""
    e = jnp.exp(from_top(x, top_of_sum(x, axes)))
    return e / total_of(e, axes)


@shares.defjvp
def _(axes: tuple[int, ...], primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    p = shares(*primals, axes)
    return p, centred(wide(tangents[0]), p, axes)


def from_top(x: ArrayLike, top: Array, temperature: ArrayLike = 1.0) -> Array:
    """(x - top) / temperature: 0 for the largest of a row, -inf for what is absent."""
    # The minimum makes inf - inf a 0. It also stands between a user's product and the subtraction, which XLA would
    # fuse: a maximum of 1e10 would then be left by the rounding error of the product, hundreds.
    return cooled(jnp.minimum(wide(x), largest(top)) - top, temperature)


def infinite_below(top: Array) -> Array:
    """The factor of a row's shifts that makes -inf of all below a top of inf, which counts as the largest number.

    Not by a comparison, which XLA on CPU does not fuse into the loop over a row: it would write an array.
    """
    return jnp.maximum(10 * (top - 0.9999 * largest(top)), 1)


def total_of(e: Array, axes: tuple[int, ...]) -> Array:
    """The sum of a row's exponentials, of which the largest is 1; 1 for a row with nothing in it."""
    return jnp.maximum(jnp.sum(e, axes, keepdims=True), 1)


def centred(d: Array, p: Array, axes: tuple[int, ...]) -> Array:
    """p * (d - sum(p * d)), the derivative of probabilities."""
    d = p * d
    return d - p * jnp.sum(d, axes, keepdims=True)  # so that the transpose is p * (d - sum(p * d)), which fuses


def warmed(dt: ArrayLike, shift: Array, present: Array, temperature: ArrayLike) -> Array:
    """The tangent of a shift by its temperature, 0 where nothing is."""
    return jnp.where(present, -shift, 0) * dt / temperature
