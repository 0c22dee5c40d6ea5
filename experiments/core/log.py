"""The log, OUT/log.txt: one line per event, with its time."""

import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .storage import StorageError

LOG = logging.getLogger("experiments")
NAME = "log.txt"


class _Lines(logging.Formatter):
    """One line per event, also if the message has several: warnings come with the line of code that caused them."""

    def format(self, record: logging.LogRecord) -> str:
        """The event in one line."""
        return " ".join(super().format(record).split())


class _File(logging.FileHandler):
    """A log of ours: neither a link nor a pipe is opened. If it cannot be written any more, the run goes on."""

    def _open(self) -> IO[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        return os.fdopen(os.open(self.baseFilename, flags, 0o666), "a", encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing, where a traceback is usual."""

    def close(self) -> None:
        """Close the file, also where the rest cannot be written."""
        with contextlib.suppress(OSError):
            super().close()


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """In this context events, warnings and what JAX logs are appended to the log of an existing folder."""
    try:
        handler = _File(folder / NAME, encoding="utf-8")
    except OSError as problem:
        raise StorageError(f"{folder / NAME} cannot be written ({problem.strerror}).") from problem
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
