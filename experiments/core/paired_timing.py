"""Which of several programs takes longer, on a machine that is never quiet: they take turns, and only ratios count."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .statistics import Interval, ratio_interval

CONFIDENCE = 0.95
Runs = dict[str, list[float]]


def paired_times(
    programs: dict[str, Callable[[], Any]],
    rounds: int,
    shortest: float = 0.002,
    before: Callable[[], Any] | None = None,
) -> Runs:
    """Seconds per call of each program, `rounds` times, in an order drawn anew for each round.

    A program that takes less than `shortest` is called as often in a row as fills that time. Where something has to
    happen `before` each turn, beside the clock, it is called once.
    """
    repeats = {name: 1 if before else _repeats(program, shortest) for name, program in programs.items()}
    runs: Runs = {name: [] for name in programs}
    order = np.random.default_rng(0)
    for _ in range(rounds):
        for name in order.permutation(list(programs)):
            if before:
                before()
            runs[name].append(_seconds(programs[name], repeats[name]))
    return runs


def ratio(runs: Runs, above: str, below: str) -> Interval:
    """The median time of one program over that of another, with a bootstrap interval."""
    return ratio_interval(runs[above], runs[below], CONFIDENCE)


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean of ratios: as far above 1 as below."""
    return float(np.exp(np.mean(np.log(ratios))))


def _seconds(program: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats - 1):
        program()
    jax.block_until_ready(program())
    return (time.perf_counter() - start) / repeats


def _repeats(program: Callable[[], Any], shortest: float) -> int:
    jax.block_until_ready(program())  # compiles
    if _seconds(program, 1) > shortest:
        return 1
    once = min(_seconds(program, 1) for _ in range(2))
    return max(1, int(shortest / max(once, 1e-9)))
