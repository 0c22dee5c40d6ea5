"""A text that comes with Python: the topics of its language reference, which `help()` shows, as windows of characters.

The text differs between versions of Python; `digest` tells which one was read.
"""

import hashlib
from functools import cache
from pydoc_data.topics import topics
from typing import Any

import numpy as np

from .data import Data, Split
from .result import Runs

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
"""The characters that are told apart: the line feed and those of ASCII that print."""
UNKNOWN = len(CHARACTERS)
SYMBOLS = len(CHARACTERS) + 1
"""Their number; all other characters share the last one."""
GUESS = float(np.log(SYMBOLS))
"""The loss of a net that gives all symbols the same probability."""
PART = 2048  # characters in a row: of ten such pieces eight are trained on, one is for validation and one for the test


@cache
def text() -> str:
    """All topics in alphabetical order; a paragraph that several of them contain is there once."""
    return "\n\n".join(dict.fromkeys("\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")))


def digest() -> str:
    """The first digits of the SHA-256 of the text."""
    return hashlib.sha256(text().encode()).hexdigest()[:12]


def encoded(characters: str) -> np.ndarray:
    """The number of every character."""
    codes = {character: code for code, character in enumerate(CHARACTERS)}
    return np.array([codes.get(character, UNKNOWN) for character in characters], np.int32)


def windows(length: int, held_out: int) -> Data:
    """Windows of so many characters, and of those that follow them; `held_out` for validation, and for the test.

    Raises:
        ValueError: the text has fewer windows.
    """
    pieces = _pieces(encoded(text()))
    parts = []
    for chosen, count in ((pieces[:, :8], None), (pieces[:, 8:9], held_out), (pieces[:, 9:], held_out)):
        rows = chosen.reshape(-1, PART)  # a window lies in one piece, so that none has characters of another part
        starts = np.arange(0, PART - length, length)
        cut = np.stack([rows[:, start : start + length + 1] for start in starts], axis=1).reshape(-1, length + 1)
        if count is not None and count > len(cut):
            raise ValueError(f"held-out is {count}, but at most {len(cut)} windows of {length} are in that part.")
        rows = cut if count is None else cut[np.linspace(0, len(cut) - 1, count).astype(int)]
        parts.append(Split(rows[:, :-1], rows[:, 1:]))
    return Data(*parts)


def unigram_loss(data: Data) -> float:
    """The test loss of a model that knows how frequent each character is, and nothing else."""
    counts = np.bincount(data.train.y.ravel(), minlength=SYMBOLS) + 1
    return float(-np.mean(np.log(counts / counts.sum())[data.test.y]))


def row(data: Data) -> dict[str, Any]:
    """What was learnt, for a row of the runs, as the settings do not say it."""
    return {"part": "text", "digest": digest(), "characters": len(text()), "unigram_loss": unigram_loss(data)}


def title(runs: Runs) -> str:
    """The text in a sentence, from that row."""
    found = row_of(runs)
    return f"Python's language reference ({found['characters']:,} characters, SHA-256 {found['digest']}...)"


def row_of(runs: Runs) -> dict[str, Any]:
    """That row."""
    return next(run for run in runs if run.get("part") == "text")


def _pieces(codes: np.ndarray) -> np.ndarray:
    """Rows of ten pieces each."""
    return codes[: len(codes) // (10 * PART) * 10 * PART].reshape(-1, 10, PART)
