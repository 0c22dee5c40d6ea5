"""Work that is split among the cores: compiling with XLA and numpy's sums leave other threads free."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def on_all_cores(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The function's results, in order. If the caller stops, so does what has not begun."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            yield from pool.map(function, items)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
