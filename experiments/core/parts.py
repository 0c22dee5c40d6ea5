"""Finished parts of a question, one line each in OUT/NAME.parts.jsonl: a run that was killed goes on behind them.

A question asks for each of its longer parts by `kept`. The file goes when the answer is there.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from .log import LOG
from .processes import agreed, first
from .result import Runs, jsonable
from .storage import StorageError, write
from .typed import typed

SUFFIX = ".parts.jsonl"
_PARTS: ContextVar["Parts | None"] = ContextVar("parts", default=None)


class Part(NamedTuple):
    """What is kept of a part."""

    name: str
    seconds: float
    """How long it was computed."""
    runs: Runs


class Parts:
    """The finished parts of one question, if they are of the same code and settings."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Read what there is; what else is in the file's place is replaced."""
        self.path = path
        self.finished: dict[str, Part] = {}
        self.seconds_of_earlier_runs = 0.0
        """How long the parts were computed that this run does not compute again."""
        self.asked: set[str] = set()
        content = agreed(_read(path) if first() else b"")
        head, *lines = content.decode(errors="replace").splitlines() or [""]
        self.head = json.dumps(fingerprint)
        whole = [self.head]
        for line in lines if head == self.head else []:
            with contextlib.suppress(ValueError, RecursionError):  # a killed process may have left half a line
                part = typed(json.loads(line), Part)
                self.finished[part.name] = part
                whole.append(line)
        if first() and content and (written := "".join(f"{line}\n" for line in whole).encode()) != content:
            write(path, written)

    def keep(self, part: Part) -> Runs:
        """Write a part, and return its runs as a later run would read them."""
        line = json.dumps(jsonable(part), allow_nan=False)
        if first():
            self._append(line)
        self.finished[part.name] = typed(json.loads(line), Part)
        return self.finished[part.name].runs

    def _append(self, line: str) -> None:
        if self.path.is_symlink() or not self.path.exists():
            write(self.path, f"{self.head}\n{line}\n")
            return
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            with os.fdopen(os.open(self.path, flags), "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as problem:
            raise StorageError(f"{self.path} cannot be written ({problem.strerror or problem}).") from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    except OSError:
        return b""


@contextlib.contextmanager
def parts_of(path: Path, fingerprint: str) -> Iterator[Parts]:
    """In this context `kept` keeps finished parts in this file."""
    parts = Parts(path, fingerprint)
    before = _PARTS.set(parts)
    try:
        yield parts
    finally:
        _PARTS.reset(before)


def kept(name: str, compute: Callable[..., Runs], *arguments: Any) -> Runs:
    """The runs of a part of a question: those that an earlier process has left, else `compute(*arguments)`, kept."""
    parts = _PARTS.get()
    if parts is None:
        return compute(*arguments)
    if name in parts.asked:
        raise ValueError(f"two parts of a question are named {name!r}, but a name for each is expected.")
    parts.asked.add(name)
    if name not in parts.finished:
        start = time.perf_counter()
        runs = compute(*arguments)
        return parts.keep(Part(name, round(time.perf_counter() - start, 3), runs))
    LOG.info("%s: kept from an earlier run", name)
    parts.seconds_of_earlier_runs += parts.finished[name].seconds
    return parts.finished[name].runs
