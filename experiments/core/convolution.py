"""A convolution as a dense layer: every window of the input is an example of its own.

Strided slices and one product of matrices: XLA's convolutions are several times slower on a CPU once vmap gives every
net its own weights.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class Window(NamedTuple):
    """What one output of a convolution sees of its input."""

    shape: tuple[int, ...]
    """Of the input: one or two lengths, then the channels."""
    kernel: int
    """Numbers seen along every axis."""
    stride: int = 2
    """Numbers between neighbouring windows."""
    padding: int = 1
    """Zeros added at every end of every axis."""

    @property
    def places(self) -> tuple[int, ...]:
        """How many windows there are along every axis."""
        return tuple((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in self.shape[:-1])

    @property
    def fan_in(self) -> int:
        """How many numbers a window holds."""
        return self.kernel ** (len(self.shape) - 1) * self.shape[-1]


def windows(window: Window, x: Array) -> Array:
    """The windows of all examples, one in each row, in the order of the input: axes first, channels last."""
    x = x.reshape(-1, *window.shape)
    x = jnp.pad(x, [(0, 0), *[(window.padding, window.padding)] * len(window.places), (0, 0)])
    corners = product(range(window.kernel), repeat=len(window.places))
    seen = [
        x[:, *(_every(window, start, count) for start, count in zip(corner, window.places, strict=True))]
        for corner in corners
    ]
    return jnp.concatenate(seen, axis=-1).reshape(-1, window.fan_in)


def stack(shape: tuple[int, ...], channels: int, kernels: Sequence[int]) -> tuple[tuple[Window, ...], tuple[int, ...]]:
    """Convolutions one after the other on inputs of this shape, and how many numbers go into and come out of each."""
    found, sizes = [], [prod(shape)]
    for kernel in kernels:
        found.append(Window(shape, kernel))
        shape = (*found[-1].places, channels)
        sizes.append(prod(shape))
    return tuple(found), tuple(sizes)


def _every(window: Window, start: int, count: int) -> slice:
    """Where the numbers lie that all windows along an axis have at the same place."""
    return slice(start, start + window.stride * (count - 1) + 1, window.stride)
