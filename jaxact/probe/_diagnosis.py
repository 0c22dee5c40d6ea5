"""What a diagnosis says: a row for each site, and findings with evidence, cause and remedy."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import jax

from .._checks import check_key

M = TypeVar("M")
LEVELS = ("fault", "warning", "hint")
"""A fault keeps the net from learning; a warning is likely to cost something; a hint is worth a look."""


@dataclass(frozen=True)
class Finding:
    """Something that a diagnosis found: where, by which evidence, why, and what to do about it."""

    kind: str
    level: str
    where: str
    """A site, a layer by its path in the model, or "input", "target", "output", "loss", "optimiser"."""
    evidence: str
    cause: str
    remedy: str
    units: tuple[int, ...] = ()
    """The units concerned, by their index; all if empty."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """The numbers of the evidence."""
    repair: Callable[[Any, jax.Array], Any] | None = field(default=None, compare=False, repr=False)
    """repair(model, key) is the repaired model; None if no code can help."""

    def apply(self, model: M, key: jax.Array) -> M:
        """The repaired model.

        Raises:
            ValueError: if no code can repair it; the message says what has to be done instead.
        """
        if self.repair is None:
            raise ValueError(f"apply was called on a finding of {self.kind}, which no code can repair. {self.remedy}")
        check_key("apply", "key", key)
        return self.repair(model, key)

    def __str__(self) -> str:
        units = f", units {shortened(self.units)}" if self.units else ""
        return f"{self.level}: {self.kind} at {self.where}{units}. {self.evidence} {self.cause} {self.remedy}"


@dataclass(frozen=True)
class Row:
    """What was measured at a site, over all batches."""

    site: str
    layer: str
    """The path of the layer before it; empty if there is none."""
    activation: str
    shape: tuple[int, ...]
    dtype: str
    source: str
    mean: float
    rms: float
    low: float
    high: float
    share_zero: float
    share_saturated: float
    units: int
    never_on: tuple[int, ...]
    """The units that are on for no example."""
    not_finite: int
    gradient_rms: float
    """The root mean square of the gradient of the loss by the output."""
    local_gain: float
    entropy: float | None = None
    """The mean entropy of the rows of a softmax, over that of uniform rows."""


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found, the worst first. `print` shows it, `rich.print` in colours; `save` writes a page."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    loss: float
    examples: int
    not_entered: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    baseline: float = float("nan")
    """The loss of the best output that is the same for all examples; NaN if it could not be found."""

    @property
    def healthy(self) -> bool:
        """Whether nothing worse than a hint was found."""
        return all(finding.level == "hint" for finding in self.findings)

    def of_kind(self, kind: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def __str__(self) -> str:
        from ._text import plain

        return plain(self)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from ._text import rich_diagnosis

        return rich_diagnosis(self)

    def html(self) -> str:
        """A page that shows all of it, in one file that loads nothing else."""
        from ._html import page

        return page(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page into a file."""
        Path(path).write_text(self.html(), "utf-8")

    def to_json(self) -> str:
        """All of it as JSON, but for the repairs."""
        findings = [
            {f.name: getattr(finding, f.name) for f in dataclasses.fields(finding) if f.name != "repair"}
            for finding in self.findings
        ]
        rows = [dataclasses.asdict(row) for row in self.rows]
        rest = {
            "loss": self.loss,
            "baseline": self.baseline,
            "examples": self.examples,
            "not_entered": self.not_entered,
        }
        thresholds = dict(self.thresholds)
        return json.dumps(
            {"findings": findings, "sites": rows, **rest, "thresholds": thresholds}, indent=1, default=dict
        )


def shortened(units: tuple[int, ...]) -> str:
    """The indices as text, at most eight of them."""
    shown = ", ".join(map(str, units[:8]))
    return f"{shown} and {len(units) - 8} more" if len(units) > 8 else shown
