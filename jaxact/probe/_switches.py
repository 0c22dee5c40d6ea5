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
_MOST = 4  # a function that is on and off more often is periodic, or noisy


@dataclass(frozen=True)
class Switches:
    """Where a function changes between on and off."""

    on_at_left: bool
    points: tuple[float, ...]
    """The last numbers before each change."""
    off_is_zero: bool
    """Whether the function is 0 where it is off and nowhere else, as relu."""

    def on(self, x: Array) -> Array:
        """Whether the function is on, for finite numbers."""
        on = jnp.full_like(x, self.on_at_left, bool)
        for point in self.points:
            on ^= x > np.float32(point)
        return on


@functools.cache
def switches(name: str, tolerance: float) -> Switches | None:
    """Where the slope of an activation crosses the tolerance; None if that is often, as for sine."""
    with jax.ensure_compile_time_eval():
        function = CATALOGUE[name].function
        derivative = jax.jit(slope(function))
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
        left, right = _bisect(is_on, grid[changes], grid[changes + 1])
        grid = np.concatenate([grid, left, right])
        off_is_zero = np.array_equal(is_on(grid), jax.jit(lambda x: function(x) != 0)(grid))
    return Switches(bool(on[0]), tuple(map(float, left)), off_is_zero)


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
