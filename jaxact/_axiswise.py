"""Piecewise-linear functions that change the size of an axis."""

from math import inf

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import autodiff, jvp
from ._facts import activation
from ._rectifiers import relu
from ._rows import axis_of


def _split(x: ArrayLike, pieces: int, axis: int) -> tuple[Array, int]:
    """The array with `axis` split into groups and the pieces of each; and the axis of the pieces."""
    axis, x = axis_of("maxout", x, axis), jnp.asarray(x)
    size = x.shape[axis]
    if not isinstance(pieces, int) or pieces < 1 or size % pieces:
        raise ValueError(
            f"maxout was called with pieces = {pieces!r} for an array of shape {x.shape}; "
            f"expected a positive divisor of {size}, the size of axis {axis}."
        )
    return jnp.reshape(x, (*x.shape[:axis], size // pieces, pieces, *x.shape[axis + 1 :])), axis + 1


def _maxout_by_x(dx: Array, y: Array, x: Array, pieces: int, axis: int) -> Array:
    groups, pieces_axis = _split(x, pieces, axis)
    first_largest = jnp.argmax(groups, pieces_axis, keepdims=True)
    chosen = lax.broadcasted_iota(first_largest.dtype, groups.shape, pieces_axis) == first_largest
    return jnp.sum(jnp.where(chosen, _split(dx, pieces, axis)[0], 0), pieces_axis)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/1302.4389")
@jvp(x=_maxout_by_x)
def maxout(x: ArrayLike, pieces: int = 2, axis: int = -1) -> Array:
    """maxout(x)[i] = max(x[pieces * i + k] for k in range(pieces))

    The largest of each group of neighbours along an axis. Among equal pieces the first has slope 1.
    `jaxact.nn.Maxout` computes the pieces, as affine functions of its input.

    Args:
        pieces: how many neighbours form a group; a divisor of the size of the axis.
        axis: the axis of the groups.
    """
    groups, pieces_axis = _split(x, pieces, axis)
    return jnp.max(groups, pieces_axis)


@activation(bounds=(0, inf), kinks=(0,), source="https://arxiv.org/abs/1603.05201")
@autodiff
def crelu(x: ArrayLike, axis: int = -1) -> Array:
    """crelu(x)[i] = max(0, [*x, *-x][i])

    Concatenated ReLU: relu of x, then relu of -x, so that x can be recovered. The axis becomes twice as long. The slope
    at 0 is 0, as that of relu.

    Args:
        axis: the axis to concatenate along.
    """
    x = jnp.asarray(x)
    return relu(jnp.concatenate([x, -x], axis_of("crelu", x, axis)))
