"""Finding the learning rate (and the initial gain) at which a net does best, equally hard for every activation."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .data import Data
from .log import LOG
from .statistics import Interval, hull
from .style import listed
from .training import Grid, Recipe, State, score, train

STEP = 2.0  # neighbouring settings of the grid differ by this factor
TIE = 1e-6  # of a loss, small beside one wrong answer in 10,000


class Setting(NamedTuple):
    """The best setting found, and whether its neighbours on every side were tried and found worse."""

    rate: float
    gain: float
    interior: bool
    windows: int


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

    A window of `rates` x `gains` settings starts around (rate, gain). While its winner sits on the border the
    window moves there and is searched again, at most `windows` times: everybody starts from the same place and
    nobody is held back by where a grid happens to end. A gain window of one setting leaves the gain alone.
    """
    interior, window = False, 0
    while not interior and window < windows:
        window += 1
        grid = Grid.of(seeds, rate * _around(rates), gain * _around(gains))
        costs = np.median(cost(grid).reshape(rates, gains, len(seeds)), axis=-1)
        best_rate, best_gain = np.unravel_index(np.argmin(costs), costs.shape)
        rate *= float(_around(rates)[best_rate])
        gain *= float(_around(gains)[best_gain])
        interior = bool(0 < best_rate < rates - 1 and (gains == 1 or 0 < best_gain < gains - 1))
    LOG.info("tuned: rate %.4g, gain %.4g, inside the last of %d windows: %s", rate, gain, window, interior)
    return Setting(rate, gain, interior, window)


def by_loss(error: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """What `tune_rate` goes by unless told otherwise."""
    return loss


def by_error(error: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Wrong answers first, and between nets with as many of them the loss."""
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
    judged: Callable[[np.ndarray, np.ndarray], np.ndarray] = by_loss,
) -> Setting:
    """The setting with the lowest median validation loss after so many epochs; by default the gain is left alone."""

    def cost(grid: Grid) -> np.ndarray:
        error, loss = score(recipe, trained(recipe, grid, data, epochs), *data.validation)
        return np.nan_to_num(judged(np.asarray(error), np.asarray(loss)), nan=np.inf)

    return tune(cost, seeds, rate, gain, rates, gains, windows)


def trained(recipe: Recipe, grid: Grid, data: Data, epochs: int) -> State:
    """The nets after so many passes over the training part."""
    per_epoch = max(1, len(data.train.y) // recipe.batch)
    *_, (_, state) = train(recipe, grid, data.train, epochs * per_epoch, per_epoch)
    return state


def at_all_rates(rates_around: Sequence[float], compared: Callable[[float], Interval]) -> Interval:
    """The hull of a comparison at these multiples of the tuned rates; its value is that at the tuned rates, multiple 1.

    It lies on one side of a border only if no multiple brings it to the other: which of two neighbouring rates a
    validation part prefers often hangs on one example.
    """
    found = {multiple: compared(multiple) for multiple in rates_around}
    return hull(list(found.values()))._replace(value=found[1.0].value)


def rates_said(rates_around: Sequence[float]) -> str:
    """At which rates that is, in words."""
    return f"at {listed([f'{multiple:g}' for multiple in rates_around])} times the tuned rates"


def _around(count: int) -> np.ndarray:
    """Powers of STEP around 1: for 5, a quarter, a half, 1, 2 and 4."""
    return STEP ** (np.arange(count) - count // 2)
