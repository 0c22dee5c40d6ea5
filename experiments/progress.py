"""How far a question has come: every question calls `progress(fraction, doing)` and need not know who listens."""

from collections.abc import Callable

Progress = Callable[[float, str], None]


def part(progress: Progress, index: int, count: int) -> Progress:
    """The progress of part `index` of `count` equally long parts, as progress of the whole."""
    return lambda fraction, doing: progress((index + min(fraction, 1.0)) / count, doing)
