"""What all activations that learn share: the shape of their parameters, and the axes of x that these belong to."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._arguments import check_array
from ._module import Module

Count = int | tuple[int, ...] | None
"""None: one value for all of x. An int: one per channel. A shape: one per unit."""


def is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 1


def float_type(module: object, dtype: DTypeLike | None) -> Any:
    """The type, or JAX's default float if None: without a type, parameters would be weakly typed and compile twice."""
    try:
        floating = dtype is None or jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
    except TypeError:
        floating = False
    if not floating:
        raise TypeError(
            f"{type(module).__name__} was called with dtype = {dtype!r}; expected a type of floats, or None."
        )
    return jnp.zeros((), dtype).dtype


def check_flags(module: object, **flags: Any) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise TypeError(f"{type(module).__name__} was called with {name} = {flag!r}; expected True or False.")


class Parametric(Module):
    """An activation that learns. `jaxact.nn.decay_mask` keeps weight decay off all its arrays.

    The axes of its parameters, of shape `num_parameters`, are the axes of x from `channel_axis` on. Another size of x
    there is an error.
    """

    num_parameters: Count = eqx.field(static=True)
    channel_axis: int = eqx.field(static=True)

    def __init__(self, num_parameters: Count, channel_axis: int):
        sizes = num_parameters if isinstance(num_parameters, tuple) else (num_parameters,)
        if num_parameters is not None and not all(map(is_size, sizes)):
            raise ValueError(
                f"{type(self).__name__} was called with num_parameters = {num_parameters!r}; "
                f"expected None or an int >= 1 or a tuple of such."
            )
        self.num_parameters = num_parameters
        self.channel_axis = channel_axis

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a parameter."""
        count = self.num_parameters
        return () if count is None else count if isinstance(count, tuple) else (count,)

    def full(self, name: str, value: ArrayLike, dtype: DTypeLike | None) -> Array:
        """A parameter with the initial value of this name everywhere."""
        check_array(type(self).__name__, name, value)
        return jnp.full(self.shape, value, float_type(self, dtype))

    def aligned(self, x: ArrayLike, parameter: Array) -> Array:
        """The parameter with axes of size 1 for the other axes of x, so that it broadcasts to x.

        Axes before those of `shape` (the hinges of APL, the coefficients of Rational) remain in front.
        """
        if not self.shape:
            return parameter
        x_shape, axis = jnp.shape(x), self.channel_axis
        start = axis + len(x_shape) if axis < 0 else axis
        end = start + len(self.shape)
        if start < 0 or x_shape[start:end] != self.shape:
            raise ValueError(
                f"{type(self).__name__} with parameters of shape {self.shape} along axis {axis} was called with an "
                f"array of shape {x_shape}; expected size {' x '.join(map(str, self.shape))} there."
            )
        front = parameter.shape[: parameter.ndim - len(self.shape)]
        return parameter.reshape(*front, *(1,) * start, *self.shape, *(1,) * (len(x_shape) - end))
