"""The log, OUT/log.txt: one line per event, with its time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("experiments")
NAME = "log.txt"


class _Lines(logging.Formatter):
    """One line per event, also if the message has several: warnings come with the line of code that caused them."""

    def format(self, record: logging.LogRecord) -> str:
        """The event in one line."""
        return " ".join(super().format(record).split())


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """In this context events, warnings and what JAX logs are appended to the folder's log."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / NAME, encoding="utf-8")
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, level = logging.getLogger(), LOG.level
    root.addHandler(handler)
    LOG.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    except BaseException as problem:
        LOG.error("stopped by %s: %s", type(problem).__name__, problem)
        raise
    finally:
        logging.captureWarnings(False)
        LOG.setLevel(level)
        root.removeHandler(handler)
        handler.close()
