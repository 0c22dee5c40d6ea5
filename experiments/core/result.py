"""The answer to a question, and how it is stored: one JSON file with every run, and one figure."""

import dataclasses
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .statistics import Interval

Runs = list[dict[str, Any]]
"""All runs of a question, one row each, failures included."""


@dataclass(frozen=True)
class Claim:
    """One claim of the notes, what was measured, and the verdict."""

    id: str
    """Number in the list of claims, `claims.CLAIMS`."""
    text: str
    """The claim in short."""
    source: str
    """The notes that make it."""
    scope: str
    """Where the verdict holds: data, architecture, optimiser."""
    measure: str
    """What the value is."""
    rule: str
    """The verdict rule, fixed before the run."""
    unit: str
    """The unit of the value: x (times), points, %, steps, or nothing."""
    interval: Interval
    verdict: str
    published: str = ""
    """What the original source found, where there is one."""

    @property
    def value_text(self) -> str:
        """The value with its interval, as text."""
        value, low, high = (_number(number, self.unit) for number in self.interval)
        unit = {"x": "x", "points": " points", "%": " %", "steps": " steps"}.get(self.unit, "")
        unit = unit if math.isfinite(self.interval.value) else ""
        return f"{value}{unit}" if low == high else f"{value}{unit} [{low}, {high}]"


@dataclass(frozen=True)
class Table:
    """A table of a report."""

    title: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Report:
    """The text of a report; every sentence is computed from the runs."""

    findings: list[str]
    """What came out."""
    compared: list[str]
    """The published value beside ours, and what differs between the two experiments."""
    practice: list[str]
    """Advice to somebody who trains nets."""
    caption: str
    """What the figure shows."""
    tables: list[Table]


@dataclass(frozen=True)
class Result:
    """The answer to one question."""

    name: str
    title: str
    description: str
    """The notes' claims, the experiment and the rules: the docstring of the question's `measure.py`."""
    config: dict[str, Any]
    claims: list[Claim]
    report: Report
    provenance: dict[str, Any]
    """Versions, device, duration, fingerprint and the command to repeat the run."""
    runs: Runs
    """All runs, failures included."""


def save(result: Result, svg: str, folder: Path) -> None:
    """Write figure and JSON, the JSON last: where it exists, the answer is complete."""
    write(folder / f"{result.name}.svg", svg)
    write(folder / f"{result.name}.json", json.dumps(jsonable(dataclasses.asdict(result)), indent=1, allow_nan=False))


def load(name: str, folder: Path) -> tuple[Result, str] | None:
    """The stored answer and its figure; None if there is none.

    Raises:
        ValueError: the answer is damaged.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        stored = _restored(json.loads(path.read_text("utf-8")))
        claims = [Claim(**claim | {"interval": Interval(*claim["interval"])}) for claim in stored["claims"]]
        tables = [Table(**table) for table in stored["report"]["tables"]]
        result = Result(**stored | {"claims": claims, "report": Report(**stored["report"] | {"tables": tables})})
        return result, path.with_suffix(".svg").read_text("utf-8")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        reason = " ".join(str(problem).split())
        raise ValueError(f"{path} cannot be read ({type(problem).__name__}: {reason}).") from problem


def write(path: Path, text: str) -> None:
    """Write all of the text or nothing: an interrupted run never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, "utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "not measurable"
    if math.isinf(value):
        return "never" if unit in ("x", "steps") and value > 0 else "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    if unit == "x":
        return f"{value:.2f}"
    if unit in ("points", "%"):
        return f"{value:.1f}"
    if unit == "steps":
        return f"{value:g}"
    return f"{value:.2g}" if value else "0"


def jsonable(value: Any) -> Any:
    """The value with infinity and NaN, which JSON does not have, as strings that `float` parses."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return float(value) if value in ("inf", "-inf", "nan") else value
