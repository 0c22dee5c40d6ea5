"""Files in the user's folder: the folder is tested before anything is computed, and a file is written whole or not.

Unfinished files are locked, so that the next start can tell those of a process that was killed from those of one that
runs, be it in another container.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # pyright: ignore[reportAssignmentType]

PROBE = 2**20
"""Bytes that are written to see whether a folder can be written to and has room: an answer has about as many."""

UNFINISHED = re.compile(r"\..+\.(json|jsonl|svg|html|md|png|probe)\.([0-9a-f]{16}|\d+)")
"""The names of unfinished files; those of earlier versions ended in the number of a process."""


class StorageError(Exception):
    """Something cannot be written; the message is a sentence."""


def write(path: Path, content: str | bytes) -> None:
    """Write all of the content or nothing: whatever happens, half a file is never left under this name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _unfinished(path) as (unfinished, file):
            _fill(file, content.encode() if isinstance(content, str) else content)
            file.close()  # Windows renames closed files only
            os.replace(unfinished, path)
    except OSError as problem:
        raise StorageError(f"{path} cannot be written ({problem.strerror or problem}).") from problem


def remove(path: Path) -> None:
    """Remove a file, if there is one."""
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise StorageError(f"{path} cannot be removed ({problem.strerror or problem}).") from problem


def prepare(folder: Path, files: Iterable[str]) -> None:
    """Make the folder, remove unfinished files of processes that were killed, and test that files can be written.

    Raises:
        StorageError: they cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"out is {folder}, which is a file, but a folder is expected.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with _unfinished(folder / "out.probe") as (_, file):
            _fill(file, bytes(PROBE))
    except OSError as problem:
        raise StorageError(
            f"out is {folder}, where nothing can be written ({problem.strerror or problem}), "
            "but a folder for the results is expected."
        ) from problem
    for path in (folder / name for name in files):
        if path.is_dir() and not path.is_symlink():
            raise StorageError(f"{path} is a folder, but a file is to be written there.")


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new file beside the path, removed at the end if it is still there, and locked while it is open."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:  # an existing file or link is an error: nobody else's file is written to
            with contextlib.suppress(OSError):  # some file systems have no locks
                _lock(file)
            yield unfinished, file
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())  # a full disk may say so only now


def _sweep(folder: Path) -> None:
    """Remove the unfinished files that no process has locked."""
    for path in [path for path in folder.iterdir() if UNFINISHED.fullmatch(path.name)]:
        with contextlib.suppress(OSError):
            if not path.is_symlink():
                with path.open("rb") as file:
                    _lock(file)
            path.unlink()


def _lock(file: IO[bytes]) -> None:
    """Lock the file; OSError if another process has it locked."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
