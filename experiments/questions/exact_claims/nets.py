"""Checks of the claims about layers and nets: Maxout, parameters, bits, half-planes.

Weights, biases and inputs are small whole numbers, so that floats add and multiply them without rounding, in any order,
and results have to be equal.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxact
import jaxact.nn
from experiments.core.quantisation import integer_bits, quantised
from experiments.core.training import Grid, Recipe, initial_state

from .algebra import FLOATS, Check, autodiff_slope, notes_check, share_unequal, truth_check

TINY = 1e-12
"""Errors below this are rounding in float64."""
LEAK = 2.0**-7
"""A slope of leaky ReLU, a power of 2, so that multiplying by it does not round."""
SIX, BYTE = 6.0, 8


class Size(NamedTuple):
    """The settings of the checks; see the question's Config."""

    points: int
    widths: tuple[int, ...]


def _maxout(dtype: str, size: Size) -> list[Check]:
    rng = np.random.default_rng(0)
    weight, bias = rng.integers(-8, 9, (16, 8)), rng.integers(-8, 9, 16)
    x = jnp.asarray(rng.integers(-8, 9, (size.points, 8)), dtype)
    z = x @ jnp.asarray(weight.T, dtype) + jnp.asarray(bias, dtype)[None]

    def layer(scale: float) -> jax.Array:
        """The notes' Maxout whose first piece is the second times `scale`; 0 gives w1 = 0, b1 = 0."""
        maxout = jaxact.nn.Maxout(8, 16, dtype=jnp.dtype(dtype), key=jax.random.key(0))
        pieces = jnp.asarray([scale * weight, weight], dtype), jnp.asarray([scale * bias, bias], dtype)
        return jax.vmap(eqx.tree_at(lambda m: (m.weight, m.bias), maxout, pieces))(x)

    what = "share of outputs where Maxout is not {} of the second piece, {:,} points"
    return [
        notes_check(what.format("ReLU", size.points), share_unequal(layer(0), jaxact.relu(z))),
        notes_check(what.format("leaky ReLU", size.points), share_unequal(layer(LEAK), jaxact.leaky_relu(z, LEAK))),
    ]


def _parameters(_: str, size: Size) -> list[Check]:
    return [check for width in size.widths for check in _parameters_at(width)]


def _parameters_at(width: int) -> list[Check]:
    sizes = (64, width, width, 10)

    def counts(activation: str) -> tuple[int, int]:
        net = initial_state(Recipe(sizes, activation), Grid.of([0], [0.1])).net
        hidden, whole = (sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (net[:-1], net))
        return hidden, whole

    (hidden, whole), (hidden_relu, whole_relu) = counts("maxout"), counts("relu")
    return [
        notes_check(
            f"parameters of the hidden layers of {width} units with Maxout, over those with ReLU",
            hidden / hidden_relu,
            2.0,
            2.0,
        ),
        truth_check("the same of the whole net, whose output layer stays", whole / whole_relu, 1.0, 2 - TINY),
    ]


def _bits(dtype: str, _: Size) -> list[Check]:
    x = jnp.linspace(0, 8, 8193, dtype=dtype)  # multiples of 2^-10
    capped = jaxact.relu6(x)

    def worst(m: int, bits: int) -> float:
        return float(jnp.max(jnp.abs(quantised(capped, jnp.asarray(m), jnp.asarray(bits)) - capped)))

    bits = int(integer_bits(np.array([SIX])).item())
    return [
        notes_check("bits before the point that hold 6", bits, 3, 3),
        notes_check("bits of 8 that are left, unsigned", BYTE - bits, 5, 5),
        notes_check("bits of 8 that are left beside a sign", BYTE - 1 - bits, 4, 4),
        notes_check("largest error of ReLU6 with 3 and 5 bits, in 1/64", 64 * worst(3, 8), 0, 1),
        notes_check("largest error of ReLU6 with 3 and 4 bits, in 1/32", 32 * worst(3, 7), 0, 1),
        truth_check("largest error with 2 bits before the point", worst(2, 8), 2, math.inf),
    ]


def _half_planes(dtype: str, size: Size) -> list[Check]:
    rng = np.random.default_rng(0)
    weight, x = np.array([3, -2]), rng.integers(-50, 51, (size.points, 2))
    x = x[x @ weight != 0]

    def gradient(bias: int, x: np.ndarray) -> np.ndarray:
        return autodiff_slope(lambda x: jaxact.relu(x @ jnp.asarray(weight, dtype) + bias), x.astype(dtype))

    def half(bias: int) -> np.ndarray:
        return np.where((x @ weight > -bias)[:, None], weight, 0)

    active, mirrored = (gradient(0, points).any(-1) for points in (x, -x))
    return [
        notes_check(
            "share of slopes that are not w on one side of w x = -b and 0 on the other",
            share_unequal(gradient(7, x), half(7)),
        ),
        notes_check(
            "share of points that are active together with their mirror image, or neither, b = 0",
            np.mean(active == mirrored),
        ),
        truth_check("share of the data on the active side, b = 100", gradient(100, x).any(-1).mean(), 0.6, 1.0),
    ]


NETS: dict[str, tuple[Callable[[str, Size], list[Check]], tuple[str, ...]]] = {
    "A8": (_maxout, FLOATS),
    "A9": (_parameters, ("float32",)),
    "A13": (_bits, ("float32",)),
    "A14": (_half_planes, FLOATS),
}
"""The checks of every claim, and the float types in which they are made."""
