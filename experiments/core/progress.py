"""Reports of progress: a run calls `progress(fraction, doing)`; a bar, a terminal or a log shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .log import LOG

Progress = Callable[[float, str], None]


def part(progress: Progress, index: int, count: int) -> Progress:
    """A callback for part `index` of `count` equally long parts, which reports the progress of the whole."""
    return lambda fraction, doing: progress((index + min(fraction, 1.0)) / count, doing)


@contextmanager
def watched(name: str, console: Console) -> Iterator[Progress]:
    """A progress bar on a terminal, one line elsewhere, and every step in the log."""
    if not console.is_terminal:
        console.print(f"{name}: started.")
        yield partial(_log, name)
        return
    columns = ("{task.fields[name]}", BarColumn(), "{task.percentage:>3.0f}%", TimeElapsedColumn())
    with Bar(*columns, "left", TimeRemainingColumn(), "{task.description}", console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=1.0, name=name)

        def update(fraction: float, doing: str) -> None:
            _log(name, fraction, doing)
            bar.update(task, completed=fraction, description=doing)

        yield update


def _log(name: str, fraction: float, doing: str) -> None:
    LOG.info("%s: %.0f %%, %s", name, 100 * fraction, doing)
