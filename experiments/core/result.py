"""What a question answers, and how that is kept: one JSON file with every run and one figure per question."""

import dataclasses
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .statistics import Interval

Runs = list[dict[str, Any]]
"""Every single run of a question, one row each, failures included."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the notes, what was measured of it, and the verdict."""

    id: str
    """Row of the list of claims: A for algebra, B for experiments; P for a published accuracy."""
    text: str
    """The notes' claim in short words."""
    source: str
    """Where the notes say so."""
    scope: str
    """Where the verdict holds: data, architecture, optimiser."""
    measure: str
    """What the value is."""
    rule: str
    """The verdict rule, fixed before the run."""
    unit: str
    """What the value is counted in: x, points, %, steps, or nothing."""
    interval: Interval
    verdict: str
    published: str = ""
    """The original source's number, where there is one."""

    @property
    def shown(self) -> str:
        """The value with its interval, as people read it."""
        value, low, high = (_number(number, self.unit) for number in self.interval)
        unit = {"x": "x", "points": " points", "%": " %", "steps": " steps"}.get(self.unit, "")
        unit = unit if math.isfinite(self.interval.value) else ""
        return f"{value}{unit}" if low == high else f"{value}{unit} [{low}, {high}]"


@dataclass(frozen=True)
class Table:
    """Numbers worth reading beside the figure."""

    title: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Report:
    """What the runs say to a reader; every sentence is computed from them."""

    findings: list[str]
    """What came out."""
    compared: list[str]
    """The published value beside ours, and what differs between the two experiments."""
    practice: list[str]
    """What it means for somebody who trains nets."""
    caption: str
    """What the figure shows."""
    tables: list[Table]


@dataclass(frozen=True)
class Result:
    """The answer to one question."""

    name: str
    title: str
    asked: str
    """The question, the notes' claims and the rules, as the question's own documentation has them."""
    config: dict[str, Any]
    claims: list[Claim]
    report: Report
    provenance: dict[str, Any]
    """Versions, device, duration, fingerprint and the command to repeat the run."""
    runs: Runs
    """Every single run, failures included."""


def save(result: Result, svg: str, folder: Path) -> None:
    """Write figure and JSON, the JSON last: whoever sees the JSON has the whole answer."""
    write(folder / f"{result.name}.svg", svg)
    write(folder / f"{result.name}.json", json.dumps(plain(dataclasses.asdict(result)), indent=1, allow_nan=False))


def load(name: str, folder: Path) -> tuple[Result, str] | None:
    """The kept answer and its figure; None if there is none; ValueError with a sentence if it is damaged."""
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
    """All of the text or none of it: an interrupted run never leaves half a file."""
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


def plain(value: Any) -> Any:
    """JSON knows no infinity and no NaN: they become the strings that `float` reads back."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return float(value) if value in ("inf", "-inf", "nan") else value
