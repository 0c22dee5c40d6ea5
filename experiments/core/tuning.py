"""Tuning of the learning rate, and of the initial gain, with the same search for every activation."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .data import Data
from .log import LOG
from .statistics import Interval, hull
from .style import listed
from .training import Grid, Recipe, State, score, train

STEP = 2.0  # factor between neighbouring settings
TIE = 1e-6  # weight of the loss where it breaks ties: small beside one wrong answer in 10,000


class Setting(NamedTuple):
    """The best setting that was found."""

    rate: float
    gain: float
    interior: bool
    """Whether its neighbours on every side were tried and are worse."""
    windows: int
    """How many windows were searched."""


def tune(
    cost: Callable[[Grid], np.ndarray],
    seeds: Sequence[int],
    rate: float,
    gain: float,
    rates: int,
    gains: int,
    windows: int,
) -> Setting:
    """The setting whose median cost over the tuning seeds is lowest.

    A window of `rates` x `gains` settings starts around (rate, gain). While the best setting lies on its border, the
    window moves there and is searched again, at most `windows` times: all activations start from the same window, and
    none is limited by the window's border. With `gains` 1 the gain is not tuned.
    """
    interior, window = False, 0
    while not interior and window < windows:
        window += 1
        grid = Grid.of(seeds, rate * _factors(rates), gain * _factors(gains))
        costs = np.median(cost(grid).reshape(rates, gains, len(seeds)), axis=-1)
        best_rate, best_gain = np.unravel_index(np.argmin(costs), costs.shape)
        rate *= float(_factors(rates)[best_rate])
        gain *= float(_factors(gains)[best_gain])
        interior = bool(0 < best_rate < rates - 1 and (gains == 1 or 0 < best_gain < gains - 1))
    LOG.info("tuned: rate %.4g, gain %.4g, inside the last of %d windows: %s", rate, gain, window, interior)
    return Setting(rate, gain, interior, window)


def by_loss(error: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """The validation loss, the default objective of `tune_rate`."""
    return loss


def by_error(error: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """The validation error; the loss breaks ties."""
    return error + TIE * loss


def tune_rate(
    recipe: Recipe,
    data: Data,
    epochs: int,
    seeds: Sequence[int],
    rate: float,
    gain: float,
    rates: int,
    windows: int,
    gains: int = 1,
    objective: Callable[[np.ndarray, np.ndarray], np.ndarray] = by_loss,
) -> Setting:
    """The setting with the lowest median objective after so many epochs; by default the gain is not tuned."""

    def cost(grid: Grid) -> np.ndarray:
        error, loss = score(recipe, train_epochs(recipe, grid, data, epochs), *data.validation)
        return np.nan_to_num(objective(np.asarray(error), np.asarray(loss)), nan=np.inf)

    return tune(cost, seeds, rate, gain, rates, gains, windows)


def train_epochs(recipe: Recipe, grid: Grid, data: Data, epochs: int) -> State:
    """The nets after training for so many epochs."""
    per_epoch = max(1, len(data.train.y) // recipe.batch)
    *_, (_, state) = train(recipe, grid, data.train, epochs * per_epoch, per_epoch)
    return state


def hull_over_rates(rates_around: Sequence[float], compared: Callable[[float], Interval]) -> Interval:
    """The hull of a comparison's intervals at these multiples of the tuned rates; the value is that at the tuned rates.

    The hull lies on one side of a limit only if the intervals at all multiples do. Which of two neighbouring rates has
    the lower validation error often depends on one example.
    """
    intervals = {multiple: compared(multiple) for multiple in rates_around}
    return hull(list(intervals.values()))._replace(value=intervals[1.0].value)


def rates_text(rates_around: Sequence[float]) -> str:
    """The multiples of the tuned rates as text."""
    return f"at {listed([f'{multiple:g}' for multiple in rates_around])} times the tuned rates"


def _factors(count: int) -> np.ndarray:
    """Powers of STEP around 1: for 5, a quarter, a half, 1, 2 and 4."""
    return STEP ** (np.arange(count) - count // 2)
