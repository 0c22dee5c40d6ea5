"""The answer to a question, and how it is stored: one JSON file with every run, and one figure."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

from .statistics import VERDICTS, Interval
from .storage import write
from .typed import typed

T = TypeVar("T")

Kind = Literal["experiment", "algebra", "check"]
"""What decides: runs that could have come out either way; algebra, which they illustrate; or, for a check of the
experiment itself, a published number or a theory. A check is no claim of the notes."""

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
    budget: str = ""
    """What the runs were allowed: "6,000 steps of SGD, 12 seeds"; empty where nothing is trained or timed."""
    kind: Kind = "experiment"
    """What decides."""

    @property
    def value_text(self) -> str:
        """The value with its interval, as text; where runs were stopped before the end, the bound that they give."""
        if self.unit in ("x", "steps") and math.isinf(self.interval.value) and 0 < self.interval.low < math.inf:
            return f"at least {_number(self.interval.low, self.unit)}{'x' if self.unit == 'x' else ' steps'}"
        value = _number(self.interval.value, self.unit)
        low, high = (_number(end, "" if math.isinf(end) else self.unit) for end in self.interval[1:])
        unit = {"x": "x", "points": " points", "%": " %", "steps": " steps"}.get(self.unit, "")
        unit = unit if math.isfinite(self.interval.value) else ""
        return f"{value}{unit}" if self.interval.low == self.interval.high else f"{value}{unit} [{low}, {high}]"


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
    advice: str = ""
    """What to do in one's own net, with its number, condition and budget, in at most 45 words; empty for nothing."""


class Provenance(TypedDict):
    """What a reader needs to judge or repeat a run."""

    fingerprint: str
    """A hash of whatever could change the answer."""
    command: str
    """The command line that repeats it."""
    seconds: float
    """How long it was computed, in the first process, parts that earlier runs computed included."""
    device: str
    versions: dict[str, str]


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
    provenance: Provenance
    runs: Runs
    """All runs, failures included."""


def save(result: Result, svg: str, folder: Path) -> None:
    """Write figure and JSON, the JSON last: where it exists, the answer is complete."""
    write(folder / f"{result.name}.svg", svg)
    write(folder / f"{result.name}.json", json.dumps(jsonable(dataclasses.asdict(result)), indent=1, allow_nan=False))


def load(name: str, folder: Path) -> tuple[Result, str] | None:
    """The stored answer and its figure; None if there is none.

    Raises:
        ValueError: the answer is damaged, or not one to this question; the message is a sentence.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        result = _checked(typed(_read(path, json.loads), Result, "the answer"), name)
        return result, _read(path.with_suffix(".svg"), _checked_figure)
    except (OSError, ValueError, RecursionError) as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        raise ValueError(f"{path} cannot be used ({reason}).") from problem


def _read(path: Path, parse: Callable[[str], T]) -> T:
    if not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path.name} is not a file")
    return parse(path.read_text("utf-8"))


def _checked(result: Result, name: str) -> Result:
    """The answer, if what its type does not say is right as well."""
    if result.name != name:
        raise ValueError(f"the answer is to {result.name!r}")
    if unknown := {claim.verdict for claim in result.claims} - set(VERDICTS):
        raise ValueError(f"a verdict is {unknown.pop()!r}, but one of {', '.join(VERDICTS)} is expected")
    if missing := {"python", "jax"} - set(result.provenance["versions"]):
        raise ValueError(f"the version of {missing.pop()} is missing")
    return result


def _checked_figure(svg: str) -> str:
    if not (svg.startswith("<svg") and svg.rstrip().endswith("</svg>")):
        raise ValueError("the figure is not an SVG element")
    return svg


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
