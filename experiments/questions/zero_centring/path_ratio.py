"""The zig-zag of training: the length of the path of a net's weights over the distance from its start to its end."""

import jax
import jax.numpy as jnp
from jax import Array

from experiments.core.training import State


class PathRatio:
    """The path ratio of each net after every state that is added: length of the path / distance from the start."""

    def __init__(self, start: State):
        self.start = self.previous = start
        self.length = jnp.zeros(len(start.rate))
        self.ratios: list[Array] = []
        """One per added state, with an entry for each net."""

    def add(self, state: State) -> None:
        """Add the next state of the training."""
        self.length, ratio = _length_and_ratio(self.start, self.previous, state, self.length)
        self.ratios.append(ratio)
        self.previous = state


@jax.jit
def _length_and_ratio(start: State, previous: State, state: State, length: Array) -> tuple[Array, Array]:
    def distance(one: State, other: State) -> Array:
        moves = (a.weight - b.weight for a, b in zip(one.net, other.net, strict=True))
        return jnp.sqrt(sum((jnp.sum(move**2, (1, 2)) for move in moves), start=jnp.zeros(len(length))))

    length = length + distance(previous, state)
    return length, length / distance(start, state)
