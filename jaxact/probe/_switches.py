"""Where an activation is on: the intervals in which its slope is not about 0."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._facts import CATALOGUE
from .._slope import slope

_GRID = np.concatenate([np.linspace(-60, 60, 12001), np.geomspace(60, 1e6, 200), -np.geomspace(60, 1e6, 200)])
_ENDS = np.array([-3e38, 3e38], np.float32)
_MOST = 4  # each takes a sum; a slope takes as long as five
LARGE = 3e38  # times any normal number it is at least 1


@dataclass(frozen=True)
class Switches:
    """Where a function changes between on and off."""

    on_at_left: bool
    points: tuple[float, ...]
    """The last numbers before each change."""

    def count(self, x: Array, axes: tuple[int, ...]) -> Array:
        """For how many finite numbers the function is on, by arithmetic: XLA on CPU does not vectorise comparisons."""
        examples = np.prod([x.shape[axis] for axis in axes], dtype=int)
        on = jnp.full((), examples if self.on_at_left else 0, jnp.float32)
        sign = -1 if self.on_at_left else 1
        for point in self.points:
            above = jnp.sum(jnp.clip((x - np.float32(point)) * LARGE, 0, 1), axis=axes)
            on, sign = on + sign * above, -sign
        return on if self.points else on + 0 * jnp.sum(x, axis=axes)


@functools.cache
def switches(name: str, tolerance: float) -> Switches | None:
    """Where the slope of an activation crosses the tolerance; None if that is often, as for sine."""
    with jax.ensure_compile_time_eval():
        derivative = jax.jit(slope(CATALOGUE[name].function))
        grid = np.unique(_GRID.astype(np.float32))
        signs = np.sign(np.asarray(derivative(grid)))
        turns = np.flatnonzero(signs[1:] * signs[:-1] < 0)  # the slope is 0 in between, maybe only there
        left, right = _bisect(lambda x: np.asarray(derivative(x)) > 0, grid[turns], grid[turns + 1])
        grid = np.unique(np.concatenate([grid, left, right, _ENDS]))

        def is_on(x: np.ndarray) -> Any:
            return np.abs(np.asarray(derivative(x))) >= np.float32(tolerance)

        on = is_on(grid)
        changes = np.flatnonzero(on[1:] != on[:-1])
        if len(changes) > _MOST or np.isnan(np.asarray(derivative(grid))).any():
            return None
        left, _ = _bisect(is_on, grid[changes], grid[changes + 1])
    return Switches(bool(on[0]), tuple(map(float, left)))


def _bisect(test: Callable[[np.ndarray], Any], left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring numbers between which a test changes its answer, within each interval in which it does."""
    if not len(left):
        return left, right
    at_left = test(left)
    for _ in range(160):
        middle = ((left.astype(float) + right.astype(float)) / 2).astype(np.float32)
        if ((middle == left) | (middle == right)).all():
            break
        same = test(middle) == at_left
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return left, right
