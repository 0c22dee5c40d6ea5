"""The facts of the faulty nets, read from JSON: what each file must say, and sentences for what it must not."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

BUNDLED = Path(__file__).with_name("faulty_nets.json")
RECIPE = ("data", "model", "loss", "optimiser", "batch", "steps", "score")
"""What a net is built and trained from; `fixed` may replace any of these."""
FACTS = ("id", "source", "task", "fault", "also", "where", "fix", "fixed", "epochs", "note")
PLACES = ("input", "output", "optimiser")
"""What `where` may say, beside a list of layers."""


class CaseError(ValueError):
    """A case cannot be rebuilt; the message is a sentence."""


@dataclass(frozen=True)
class Recipe:
    """What one net is built and trained from."""

    data: Mapping[str, Any]
    model: list[dict[str, Any]]
    loss: str
    optimiser: Mapping[str, Any]
    batch: int
    steps: int
    score: str


@dataclass(frozen=True)
class Case:
    """A faulty net, its fault, and the same net with the accepted fix."""

    id: str
    faulty: Recipe
    fixed: Recipe | None
    """None if no fix is known."""
    fault: str
    also: tuple[str, ...]
    """Further faults of the same net."""
    where: str | tuple[int, ...]
    """One of PLACES, or the layers with weights, counted from 0."""
    facts: Mapping[str, Any] = field(repr=False)
    """All that the file says."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the net that is called faulty."""
        return self.fault == "none"


def read(path: Path | None) -> list[dict[str, Any]]:
    """The cases of a file, or of the bundled one, as they stand there.

    Raises:
        CaseError: there is no such file, or it is not in the format of the bundled one.
    """
    path = path or BUNDLED
    expected = 'JSON with "cases", a list of objects that each have an "id",'
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CaseError(f"{path} cannot be read ({problem}), but {expected} is expected.") from problem
    listed = facts.get("cases") if isinstance(facts, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) and "id" in each for each in listed):
        raise CaseError(f"{path} has other content, but {expected} is expected.")
    return listed


def parse(facts: Mapping[str, Any]) -> Case:
    """One case; layers, data and the like are checked when they are built.

    Raises:
        CaseError: a word is missing or unknown.
    """
    where = facts.get("where", "output")
    if isinstance(where, list) and all(isinstance(layer, int) for layer in where):
        where = tuple(where)
    elif where not in PLACES:
        raise CaseError(f"where is {where!r}, but one of {', '.join(PLACES)}, or a list of layers, is expected.")
    only("case", facts, (*RECIPE, *FACTS))
    fixed = facts.get("fixed")
    return Case(
        str(facts["id"]),
        _recipe(facts),
        None if fixed is None else _recipe({**facts, **only("fixed", fixed, RECIPE + FACTS)}),
        str(needed("case", facts, "fault")),
        tuple(facts.get("also", ())),
        where,
        facts,
    )


def _recipe(facts: Mapping[str, Any]) -> Recipe:
    parts = {name: needed("case", facts, name) for name in RECIPE}
    whole = {name: positive(name, parts[name]) for name in ("batch", "steps")}
    return Recipe(**{**parts, **whole})


def needed(what: str, facts: Mapping[str, Any], name: str) -> Any:
    """An entry that must be there."""
    if name not in facts:
        raise CaseError(f"{what} has no {name!r}, but {', '.join(facts)} only, where it is expected.")
    return facts[name]


def only(what: str, facts: Mapping[str, Any], known: Iterable[str]) -> Mapping[str, Any]:
    """The same entries, none of which may be unknown: an entry that is overlooked would make another net."""
    for name in facts:
        chosen(f"an entry of {what}", name, dict.fromkeys(known))
    return facts


def chosen(what: str, word: Any, known: Mapping[str, T]) -> T:
    """What a word stands for."""
    if not isinstance(word, str) or word not in known:
        raise CaseError(f"{what} is {word!r}, but one of {', '.join(known)} is expected.")
    return known[word]


def positive(what: str, number: Any) -> int:
    """A whole number above 0."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise CaseError(f"{what} is {number!r}, but a whole number of at least 1 is expected.")
    return number
