"""How many steps nets take to reach a training error: the share of the training examples that they get wrong."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .data import Split
from .training import Grid, Recipe, State, initial_state, resume, score
from .tuning import Setting, tune

ERROR_EXAMPLES = 2048  # at most so many give the training error: an error of 25 % is known to 1 point, at little cost
TUNING_CHECK_EVERY = 4  # steps between checks of the error while tuning: a check costs more than a step


class Task(NamedTuple):
    """What nets have to learn, and the training errors that they have to reach."""

    recipe: Recipe
    data: Split
    max_steps: int
    """A net that needs more steps counts as never reaching the error."""
    thresholds: tuple[float, ...]
    """Training errors to reach; the first step at each is recorded."""
    start: Callable[[Recipe, Grid], State] = initial_state
    """Makes the nets before the first step."""


class StepsToError(NamedTuple):
    """The steps that each net took to each training error, and the nets at the last step; one entry per net."""

    steps: np.ndarray
    """The first step at which each net (row) was at each threshold (column), +inf for never."""
    error: np.ndarray
    """Training error after the last step."""
    loss: np.ndarray
    """Training loss after the last step; not finite for a net that diverged."""
    last: int
    """The last step."""
    state: State


def steps_to_error(
    task: Task,
    grid: Grid,
    check_every: int,
    done: Callable[[np.ndarray], bool],
    on_check: Callable[[State], None] = lambda state: None,
) -> StepsToError:
    """Train until `done` or until the steps run out; the error is checked every `check_every` steps.

    At each check `done` gets the steps to each threshold so far, and `on_check` the nets.
    """
    recipe, data, max_steps, thresholds, start = task
    examples = Split(*(part[:ERROR_EXAMPLES] for part in data))  # the first ones, as `load` gives shuffled data
    state = initial = start(recipe, grid)
    steps = np.full((len(grid.seed), len(thresholds)), np.inf)
    step, error, loss = 0, np.ones(len(steps)), np.zeros(len(steps))
    for step, state in resume(recipe, initial, grid.seed, data, max_steps, check_every):
        error, loss = (np.asarray(value) for value in score(recipe, state, *examples))
        reached = (error[:, None] <= np.asarray(thresholds)) & np.isfinite(loss)[:, None]
        steps = np.where(reached, np.minimum(steps, step), steps)
        on_check(state)
        if done(steps):
            break
    return StepsToError(steps, error, loss, step, state)


def all_reached(steps: np.ndarray) -> bool:
    """Whether every net has been at every threshold."""
    return bool(np.isfinite(steps).all())


def tune_steps(
    task: Task,
    threshold: float,
    seeds: Sequence[int],
    rate: float,
    gain: float,
    rates: int,
    gains: int,
    windows: int,
    check_every: int = TUNING_CHECK_EVERY,
) -> Setting:
    """The setting whose median tuning seed is the first to reach the threshold; the windows are `tune`'s.

    All settings are trained side by side until the first of them is there, as a later one cannot be better. Ties, and
    settings that are not there yet, are ordered by their training error at that step.
    """
    column = task.thresholds.index(threshold)

    def median_reached(steps: np.ndarray) -> bool:
        reached = np.isfinite(steps[:, column]).reshape(-1, len(seeds))
        return bool((reached.mean(1) > 0.5).any())

    def cost(grid: Grid) -> np.ndarray:
        end = steps_to_error(task, grid, check_every, median_reached)
        return np.minimum(end.steps[:, column], end.last + 1) + end.error

    return tune(cost, seeds, rate, gain, rates, gains, windows)
