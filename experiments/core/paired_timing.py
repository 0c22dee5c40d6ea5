"""Paired timing: programs take turns, and only ratios of their times count, as no machine is ever quiet."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .statistics import Interval, ratio_interval

CONFIDENCE = 0.95
Seconds = dict[str, list[float]]
"""The times of each program, one entry per round."""


def paired_times(
    programs: dict[str, Callable[[], Any]],
    rounds: int,
    shortest: float = 0.002,
    before: Callable[[], Any] | None = None,
) -> Seconds:
    """Seconds per call of each program, `rounds` times, in an order drawn anew for each round.

    A program that takes less than `shortest` is called several times in a row, until that time is filled. With
    `before`, which is called before each turn and not timed, every program is called once per turn.
    """
    repeats = {name: 1 if before else _repeats(program, shortest) for name, program in programs.items()}
    seconds: Seconds = {name: [] for name in programs}
    order = np.random.default_rng(0)
    for _ in range(rounds):
        for name in order.permutation(list(programs)):
            if before:
                before()
            seconds[name].append(_seconds(programs[name], repeats[name]))
    return seconds


def ratio(seconds: Seconds, above: str, below: str) -> Interval:
    """The median time of one program over that of another, with a bootstrap interval."""
    return ratio_interval(seconds[above], seconds[below], CONFIDENCE)


def geometric_mean(ratios: Sequence[float]) -> float:
    """The geometric mean: of a ratio and its inverse it is 1."""
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
