"""A convolution as a dense layer: every window of the input becomes a row, which is multiplied by the weights (im2col).

XLA's own convolutions are several times slower on a CPU once vmap gives every net its own weights.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class Window(NamedTuple):
    """The receptive field of a convolution's outputs: the window of the input that each of them depends on."""

    shape: tuple[int, ...]
    """Of the whole input: one or two lengths, then the channels."""
    kernel: int
    """Length of the window along every axis."""
    stride: int = 2
    """Distance between neighbouring windows."""
    padding: int = 1
    """Zeros added at every end of every axis."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Number of windows along every axis."""
        return tuple((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in self.shape[:-1])

    @property
    def fan_in(self) -> int:
        """Number of entries in a window."""
        return self.kernel ** (len(self.shape) - 1) * self.shape[-1]


def patches(window: Window, x: Array) -> Array:
    """The windows of all examples, one per row; the order within a row is the input's, channels last."""
    x = x.reshape(-1, *window.shape)
    x = jnp.pad(x, [(0, 0), *[(window.padding, window.padding)] * len(window.output_shape), (0, 0)])
    corners = product(range(window.kernel), repeat=len(window.output_shape))
    parts = [
        x[:, *(_positions(window, start, count) for start, count in zip(corner, window.output_shape, strict=True))]
        for corner in corners
    ]
    return jnp.concatenate(parts, axis=-1).reshape(-1, window.fan_in)


def conv_stack(
    shape: tuple[int, ...], channels: int, kernels: Sequence[int]
) -> tuple[tuple[Window, ...], tuple[int, ...]]:
    """The windows of successive convolutions on inputs of this shape, and the size of the input and of each output."""
    stacked, sizes = [], [prod(shape)]
    for kernel in kernels:
        stacked.append(Window(shape, kernel))
        shape = (*stacked[-1].output_shape, channels)
        sizes.append(prod(shape))
    return tuple(stacked), tuple(sizes)


def _positions(window: Window, start: int, count: int) -> slice:
    """Along one axis, the positions of entry `start` of each of the `count` windows."""
    return slice(start, start + window.stride * (count - 1) + 1, window.stride)
