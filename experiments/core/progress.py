"""How far a run has come: it calls `progress(fraction, doing)` and need not know who listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .log import LOG

Progress = Callable[[float, str], None]


def part(progress: Progress, index: int, count: int) -> Progress:
    """The progress of part `index` of `count` equally long parts, as progress of the whole."""
    return lambda fraction, doing: progress((index + min(fraction, 1.0)) / count, doing)


@contextmanager
def watched(name: str, console: Console) -> Iterator[Progress]:
    """A progress bar on a terminal, one line elsewhere, and every step in the log."""
    if not console.is_terminal:
        console.print(f"{name}: started.")
        yield partial(_noted, name)
        return
    columns = ("{task.fields[name]}", BarColumn(), "{task.percentage:>3.0f}%", TimeElapsedColumn())
    with Bar(*columns, "left", TimeRemainingColumn(), "{task.description}", console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=1.0, name=name)

        def seen(fraction: float, doing: str) -> None:
            _noted(name, fraction, doing)
            bar.update(task, completed=fraction, description=doing)

        yield seen


def _noted(name: str, fraction: float, doing: str) -> None:
    LOG.info("%s: %.0f %%, %s", name, 100 * fraction, doing)
