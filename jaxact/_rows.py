"""What functions over an axis share: their arguments, the exponentials of a row, and a mean that keeps its digits."""

import operator
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._numerics import exp_of_sum
from ._pairs import cut, is_single

Axis = int | tuple[int, ...] | None


def axes_of(name: str, x: Array, axis: Axis) -> tuple[int, ...]:
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


def axis_of(name: str, x: Array, axis: int) -> int:
    """A single axis as a non-negative number."""
    if not isinstance(axis, int):
        raise TypeError(f"{name} was called with axis = {axis!r}; expected an int.")
    return axes_of(name, x, axis)[0]


def mask_of(name: str, x: Array, where: ArrayLike | None) -> Array:
    """The mask in the shape of x; all True for None."""
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


def per_row(name: str, parameter: str, value: ArrayLike, x: Array, axes: tuple[int, ...]) -> Array:
    """A parameter with one number for each row, or for all of them."""
    value = jnp.asarray(value)
    if value.ndim:
        like(name, parameter, value, tuple(1 if a in axes else size for a, size in enumerate(x.shape)))
    return value


class Row(NamedTuple):
    """A row counted from its largest element, in units of the temperature."""

    top: Array
    """max(x)"""
    shift: Array
    """(x - max(x)) / temperature"""
    low: Array
    """The rounding error of shift: without it exp of -50 would be 25 ulp off."""
    power: Array
    """Its exponential, 0 where nothing is."""
    total: Array
    """Their sum."""
    others: Array
    """The sum without the largest, which is 1: in it a confident row keeps its digits."""

    @property
    def shares(self) -> Array:
        """Each exponential over the total; zeros where nothing is."""
        return self.power / jnp.where(self.total > 0, self.total, 1)


def counted_from(
    x: Array, top: Array, temperature: Array | None = None, x_low: Array | None = None
) -> tuple[Array, Array]:
    """(x + x_low - top) / temperature, where x <= top, as a rounded number and its rounding error."""
    # Not x - top alone: XLA may fuse the product that made x into it, and a maximum of 1e10 is then left by -300.
    shift = jnp.where(x >= top, 0, x - top)
    if is_single():  # the digits of a sum of 16-bit numbers and of its quotient are enough
        shift = shift if x_low is None else shift + x_low
        shift = shift if temperature is None else shift / _positive(temperature)
        return shift, jnp.zeros_like(shift)
    back = shift - x
    low = _guarded((x - (shift - back)) - (top + back), shift)
    low = low if x_low is None else low + x_low
    return (shift, low) if temperature is None else _quotient(shift, low, temperature)


def below_top(
    x: Array, kept: Array, axes: tuple[int, ...], temperature: Array | None = None, x_low: Array | None = None
) -> Row:
    """The row x, or x + x_low with an x_low below the digits of x. A row with nothing in it has exponentials 0."""
    top = jnp.max(x, axes, keepdims=True, initial=-jnp.inf, where=kept)
    present = kept & (x != -jnp.inf)
    is_top = present & (x >= top)
    if x_low is not None:
        x_low = x_low - jnp.max(x_low, axes, keepdims=True, initial=-jnp.inf, where=is_top)
        x_low = jnp.where(jnp.isfinite(x_low), x_low, 0)
    shift, low = counted_from(x, top, temperature, x_low)
    power = jnp.where(present, exp_of_sum(shift, low), 0)
    total, others = sum_of_positive(power, axes), sum_of_positive(jnp.where(is_top, 0, power), axes)
    tied = total - others > 1.5  # then 1 is not much of the total, and needs no count of ties, which takes long
    return Row(top, shift, low, power, total, jnp.where(tied, total - 1, others))


def sum_of_positive(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum of numbers >= 0 within an ulp; XLA's own is 6 ulp off for 64 numbers that are all the same.

    Rounded to a grid on which no partial sum needs more digits than there are, they add up exactly, in any order.
    """
    info, x = jnp.finfo(x.dtype), _folded(x, axes)
    rough = jnp.sum(x, axes, keepdims=True)
    if is_single():
        return rough
    exponent = lax.bitcast_convert_type(rough, f"int{info.bits}") >> info.nmant
    exponent = jnp.clip(
        exponent, info.nmant + 1, 2 * -info.minexp - info.nmant
    )  # keeps the grid and its inverse normal
    grid, inverse = (
        lax.bitcast_convert_type(bits << info.nmant, x.dtype)
        for bits in (exponent - (info.nmant - 1), 2 * (1 - info.minexp) - (exponent - (info.nmant - 1)))
    )
    high = jnp.round(x * inverse) * grid
    exact = jnp.sum(high, axes, keepdims=True) + jnp.sum(x - high, axes, keepdims=True)
    return jnp.where(rough < jnp.finfo(x.dtype).max, exact, rough)


_FOLD = 8


def _folded(x: Array, axes: tuple[int, ...]) -> Array:
    """x with eight neighbours along the longest of the axes added to one: so much less to do for what follows.

    Neighbours, and not halves: of a row that is shared out among devices they are on the same one.
    """
    axis = max(axes, key=lambda a: x.shape[a], default=0)
    if not axes or x.shape[axis] < 64 * _FOLD:
        return x
    x = jnp.pad(x, [(0, -x.shape[axis] % _FOLD if a == axis else 0) for a in range(x.ndim)])
    x = x.reshape(*x.shape[:axis], -1, _FOLD, *x.shape[axis + 1 :])
    parts = [lax.index_in_dim(x, i, axis + 1, keepdims=False) for i in range(_FOLD)]
    while len(parts) > 1:  # in pairs, each sum rounded three times only
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _guarded(low: Array, high: Array) -> Array:
    """A rounding error, or 0 where it cannot be one (infinities, overflow)."""
    return jnp.where(jnp.abs(low) <= jnp.finfo(high.dtype).eps * jnp.abs(high), low, 0)


def _positive(divisor: Array) -> Array:
    return jnp.where(divisor > 0, divisor, jnp.nan)


def _quotient(high: Array, low: Array, divisor: Array) -> tuple[Array, Array]:
    """(high + low) / divisor as a rounded number and its rounding error; NaN where the divisor is not positive."""
    divisor = _positive(divisor)
    q = high / divisor
    (q1, q2), (d1, d2) = _halves(q), _halves(divisor)
    left = ((high - q1 * d1) - q1 * d2 - q2 * d1) - q2 * d2  # each product exact, whether or not it is fused
    return q, _guarded(left / divisor, q) + low / divisor


def _halves(x: Array) -> tuple[Array, Array]:
    upper = cut(x)
    return upper, x - upper


def from_top(x: Array, kept: Array, axes: tuple[int, ...]) -> Array:
    """X - max(x) that JAX may differentiate, where the constant does not matter; 0 where there is no finite number."""
    top = lax.stop_gradient(jnp.max(x, axes, keepdims=True, initial=-jnp.inf, where=kept))
    finite = kept & jnp.isfinite(x)
    return jnp.where(finite, x - jnp.where(jnp.isfinite(top), top, 0), 0)


def centred(dx: Array, p: Array, kept: Array, axes: tuple[int, ...]) -> Array:
    """Dx - sum(p * dx), which keeps its digits where one p is nearly 1: then dx counts from that element's."""
    major = p > 0.5
    dx = jnp.where(kept, dx, 0)
    d = jnp.where(major, 0, dx - jnp.sum(jnp.where(major, dx, 0), axes, keepdims=True))
    return d - jnp.sum(p * d, axes, keepdims=True)


def iota(x: Array, axis: int, dtype: Any = jnp.int32) -> Array:
    """The index along an axis of each element."""
    return lax.broadcasted_iota(dtype, x.shape, axis)
