"""How far a net's weights travel in training, beside how far they get."""

import jax
import jax.numpy as jnp
from jax import Array

from experiments.core.training import State


class PathRatio:
    """Shown every state of a training, it notes each net's way so far over the distance it has led."""

    def __init__(self, begun: State):
        self.begun = self.before = begun
        self.way = jnp.zeros(len(begun.rate))
        self.ratios: list[Array] = []
        """One per state, with an entry for each net."""

    def seen(self, state: State) -> None:
        """Note one more state."""
        self.way, ratio = _detour(self.begun, self.before, state, self.way)
        self.ratios.append(ratio)
        self.before = state


@jax.jit
def _detour(begun: State, before: State, state: State, way: Array) -> tuple[Array, Array]:
    def distance(one: State, other: State) -> Array:
        moves = (a.weight - b.weight for a, b in zip(one.net, other.net, strict=True))
        return jnp.sqrt(sum((jnp.sum(move**2, (1, 2)) for move in moves), start=jnp.zeros(len(way))))

    way = way + distance(before, state)
    return way, way / distance(begun, state)
