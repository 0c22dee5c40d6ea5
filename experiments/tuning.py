"""Finding the learning rate (and the initial gain) at which a net does best, equally hard for every activation."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .training import Lanes, grid

STEP = 2.0  # neighbouring settings of the grid differ by this factor


class Setting(NamedTuple):
    """The best setting found, and whether its neighbours on every side were tried and found worse."""

    rate: float
    gain: float
    interior: bool
    windows: int


def tune(
    cost: Callable[[Lanes], np.ndarray],
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
        lanes = grid(seeds, rate * _around(rates), gain * _around(gains))
        costs = np.median(cost(lanes).reshape(rates, gains, len(seeds)), axis=-1)
        best_rate, best_gain = np.unravel_index(np.argmin(costs), costs.shape)
        rate *= float(_around(rates)[best_rate])
        gain *= float(_around(gains)[best_gain])
        interior = bool(0 < best_rate < rates - 1 and (gains == 1 or 0 < best_gain < gains - 1))
    return Setting(rate, gain, interior, window)


def _around(count: int) -> np.ndarray:
    """Powers of STEP around 1: for 5, a quarter, a half, 1, 2 and 4."""
    return STEP ** (np.arange(count) - count // 2)
