"""Functions that put the elements of an axis together in groups, or take them apart: piecewise linear, exact."""

from math import inf

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import autodiff, jvp
from ._facts import activation
from ._rectifiers import relu
from ._rows import axis_of


def _pieces(x: ArrayLike, pieces: int, axis: int) -> tuple[Array, int]:
    """The array with `axis` split in two, and the second of them: that of the pieces."""
    axis, x = axis_of("maxout", x, axis), jnp.asarray(x)
    size = x.shape[axis]
    if not isinstance(pieces, int) or pieces < 1 or size % pieces:
        raise ValueError(
            f"maxout was called with pieces = {pieces!r} for an array of shape {x.shape}; "
            f"expected a positive divisor of {size}, the size of axis {axis}."
        )
    return jnp.reshape(x, (*x.shape[:axis], size // pieces, pieces, *x.shape[axis + 1 :])), axis + 1


def _maxout_by_x(dx: Array, y: Array, x: Array, pieces: int, axis: int) -> Array:
    split, of_pieces = _pieces(x, pieces, axis)
    first_largest = jnp.argmax(split, of_pieces, keepdims=True)
    chosen = lax.broadcasted_iota(first_largest.dtype, split.shape, of_pieces) == first_largest
    return jnp.sum(jnp.where(chosen, _pieces(dx, pieces, axis)[0], 0), of_pieces)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/1302.4389")
@jvp(x=_maxout_by_x)
def maxout(x: ArrayLike, pieces: int = 2, axis: int = -1) -> Array:
    """maxout(x)[i] = max(x[pieces * i + k] for k in range(pieces))

    The largest of each group of neighbours along an axis. Of equal pieces the first takes the whole slope.
    `jaxact.nn.Maxout` makes the pieces, as affine functions of its input.

    Args:
        x: the pieces.
        pieces: how many neighbours compete for each output; a divisor of the size of the axis.
        axis: the axis of the groups.
    """
    split, of_pieces = _pieces(x, pieces, axis)
    return jnp.max(split, of_pieces)


@activation(bounds=(0, inf), kinks=(0,), source="https://arxiv.org/abs/1603.05201")
@autodiff
def crelu(x: ArrayLike, axis: int = -1) -> Array:
    """crelu(x)[i] = max(0, [*x, *-x][i])

    Concatenated ReLU: relu of x, then relu of -x, so that nothing of x is lost. The axis comes out twice as long.
    Both slopes at 0 are 0, as relu's is.

    Args:
        x: the features.
        axis: the axis that the halves are put together along.
    """
    x = jnp.asarray(x)
    return relu(jnp.concatenate([x, -x], axis_of("crelu", x, axis)))
