"""How many steps nets take until they err on at most a given share of their training examples."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .data import Split
from .training import Grid, Recipe, State, begin, resume, score
from .tuning import Setting, tune

LOOKED_AT = 2048  # training examples: enough to know an error of 25 % to 1 point, and few enough for CIFAR-10's 50,000
TUNING_CHECK = 4  # steps between looks while tuning: a look costs more than a step


class Task(NamedTuple):
    """What nets race over."""

    recipe: Recipe
    data: Split
    steps: int
    """Most steps a net may take; needing more counts as never."""
    thresholds: tuple[float, ...]
    """Training errors whose first time is recorded."""
    start: Callable[[Recipe, Grid], State] = begin
    """How the nets begin."""


class StepsToError(NamedTuple):
    """How a race ended; one entry per net."""

    reached: np.ndarray
    """The first step at which each net (row) was at each threshold (column), +inf for never."""
    error: np.ndarray
    """Share of the training examples looked at that the net gets wrong in the end."""
    loss: np.ndarray
    """Training loss in the end; not finite for a net that blew up."""
    last: int
    """The last step taken."""
    state: State


def steps_to_error(
    task: Task,
    grid: Grid,
    check_every: int,
    done: Callable[[np.ndarray], bool],
    seen: Callable[[State], None] = lambda state: None,
) -> StepsToError:
    """Train until `done`, asked of the steps reached so far every `check_every` steps, or until the steps run out.

    `seen` is shown the nets as often.
    """
    recipe, data, steps, thresholds, begun = task
    looked_at = Split(*(part[:LOOKED_AT] for part in data))  # no order is left in the data that `load` gives
    start = begun(recipe, grid)
    reached = np.full((len(grid.seed), len(thresholds)), np.inf)
    step, error, loss, state = 0, np.ones(len(reached)), np.zeros(len(reached)), start
    for step, state in resume(recipe, start, grid.seed, data, steps, check_every):
        error, loss = (np.asarray(value) for value in score(recipe, state, *looked_at))
        new = (error[:, None] <= np.asarray(thresholds)) & np.isfinite(loss)[:, None]
        reached = np.where(new, np.minimum(reached, step), reached)
        seen(state)
        if done(reached):
            break
    return StepsToError(reached, error, loss, step, state)


def all_reached(reached: np.ndarray) -> bool:
    """Every net has been at every threshold."""
    return bool(np.isfinite(reached).all())


def tune_steps(
    task: Task,
    threshold: float,
    seeds: Sequence[int],
    rate: float,
    gain: float,
    rates: int,
    gains: int,
    windows: int,
    look_every: int = TUNING_CHECK,
) -> Setting:
    """The setting whose median tuning seed is the first to reach the threshold; the windows are `tune`'s.

    All settings race side by side and the race ends with the winner, as whoever comes later cannot be better.
    Ties, and settings still under way, are ordered by their training error at that moment.
    """
    column = task.thresholds.index(threshold)

    def won(reached: np.ndarray) -> bool:
        reached_it = np.isfinite(reached[:, column]).reshape(-1, len(seeds))
        return bool((reached_it.mean(1) > 0.5).any())

    def cost(grid: Grid) -> np.ndarray:
        end = steps_to_error(task, grid, look_every, won)
        return np.minimum(end.reached[:, column], end.last + 1) + end.error

    return tune(cost, seeds, rate, gain, rates, gains, windows)
