"""Does jaxact.probe.diagnose find what is wrong with nets that people published?

Each case of `faulty_nets.json` is a net that its author could not train, with the fix that was accepted. Both are
rebuilt and trained from several seeds; `diagnose` sees each after min(100, 5 % of the steps) and at the end, on two
batches that are held back, with the optimiser and the losses so far.

A fault is detected if either look gives a finding above "hint", and localised if the kind of such a finding names one
of the case's faults and its place agrees with the fault's (`vocabulary.py` has both tables). The nets with the fix, and
those that have nothing wrong, count as healthy; any finding above "hint" on one of them is an alarm. An alarm of a kind
that names one of the case's own faults is counted apart: many accepted fixes leave part of the fault in place. Some
fixed nets do not learn either; those that do score nearer to 1 than to the best constant answer.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.core import checks
from experiments.core.progress import Progress
from experiments.core.threads import on_all_cores
from jaxact import probe

from . import cases, losses, training, vocabulary
from .cases import Case, CaseError, Recipe

HINT = "hint"


@dataclass(frozen=True)
class Config:
    """Does the diagnosis find what is wrong with published faulty nets?"""

    cases: tuple[str, ...] = ()
    """Their ids; all if none is given."""
    nets: Path | None = None
    """Another JSON file in the format of experiments/instruments/faulty_nets/faulty_nets.json."""
    seeds: int = 3
    """Nets trained from each recipe."""
    most_steps: int = 10_000
    """No net is trained for longer, whatever its recipe says."""
    out: Path = Path("results")
    """Folder for faulty_nets.md, faulty_nets_case_by_case.md and faulty_nets.json."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.at_least(1, seeds=self.seeds, most_steps=self.most_steps)


@dataclass(frozen=True)
class Found:
    """One finding of a diagnosis."""

    kind: str
    level: str
    where: str
    layer: int | None
    """The layer with weights that it is about, counted from 0."""
    units: int
    evidence: str
    remedy: str

    @property
    def counts(self) -> bool:
        """Whether it is above a hint."""
        return self.level != HINT


@dataclass(frozen=True)
class Look:
    """One diagnosis of one net."""

    seed: int
    step: int
    loss: float
    score: float
    findings: list[Found]
    seconds: float
    problem: str = ""
    """What diagnose raised, if it did."""


@dataclass(frozen=True)
class Net:
    """All looks at the nets of one recipe."""

    recipe: Recipe
    layers: int
    early: int
    baseline: float
    """The score of the best constant answer."""
    looks: list[Look]

    def of_seed(self, seed: int) -> list[Found]:
        """The findings above hints of both looks at one net."""
        return [found for look in self.looks if look.seed == seed for found in look.findings if found.counts]

    @property
    def seeds(self) -> list[int]:
        return sorted({look.seed for look in self.looks})

    @cached_property
    def scores(self) -> list[float]:
        """At the end, by seed."""
        last = max((look.step for look in self.looks), default=0)
        return [look.score for look in self.looks if look.step == last]

    def learned(self, seed: int) -> bool:
        """Whether the score at the end is nearer to 1 than to that of the best constant answer."""
        return self.scores[self.seeds.index(seed)] > (1 + self.baseline) / 2


@dataclass(frozen=True)
class Result:
    """What the diagnosis said about the faulty and the fixed nets of one case."""

    case: Case
    faulty: Net
    fixed: Net | None

    def names_fault(self, found: Found) -> bool:
        return found.kind in vocabulary.kinds_of(self.case)

    def in_place(self, found: Found) -> bool:
        return vocabulary.agrees(self.case, found.where, found.layer, self.faulty.layers)

    def detected(self, seed: int) -> bool:
        return bool(self.faulty.of_seed(seed))

    def localised(self, seed: int) -> bool:
        return any(self.names_fault(found) and self.in_place(found) for found in self.faulty.of_seed(seed))

    @property
    def healthy(self) -> list[Net]:
        """The nets without the fault."""
        return [*([self.faulty] if self.case.healthy else []), *([self.fixed] if self.fixed else [])]


@dataclass(frozen=True)
class Refused:
    """A case that could not be rebuilt."""

    id: str
    sentence: str


@dataclass(frozen=True)
class Measured:
    """All cases."""

    results: list[Result]
    refused: list[Refused]


def run(config: Config, progress: Progress) -> Measured:
    """Train and diagnose the nets of the settings.

    Raises:
        CaseError: the file cannot be read, or has no such case.
    """
    listed = cases.read(config.nets)
    for chosen in config.cases:
        cases.chosen("case", chosen, {str(facts["id"]): facts for facts in listed})
    todo = [facts for facts in listed if not config.cases or str(facts["id"]) in config.cases]
    parsed, refused = list[Case](), list[Refused]()
    for facts in todo:
        try:
            parsed.append(cases.parse(facts))
        except CaseError as problem:
            refused.append(Refused(str(facts["id"]), str(problem)))
    every = [_shortened(recipe, config) for case in parsed for recipe in (case.faulty, case.fixed) if recipe]
    recipes = [recipe for at, recipe in enumerate(every) if recipe not in every[:at]]  # no net is trained twice
    nets = _nets(recipes, config.seeds, progress)
    results = list[Result]()
    for case in parsed:
        faulty = nets[recipes.index(_shortened(case.faulty, config))]
        fixed = nets[recipes.index(_shortened(case.fixed, config))] if case.fixed else None
        if isinstance(faulty, CaseError) or isinstance(fixed, CaseError):
            refused.append(Refused(case.id, str(faulty if isinstance(faulty, CaseError) else fixed)))
        else:
            results.append(Result(case, faulty, fixed))
    return Measured(results, refused)


def _shortened(recipe: Recipe, config: Config) -> Recipe:
    return dataclasses.replace(recipe, steps=min(recipe.steps, config.most_steps))


def _nets(recipes: Sequence[Recipe], seeds: int, progress: Progress) -> list[Net | CaseError]:
    """The nets of each recipe, or why they cannot be built. A net on its own would leave most cores idle."""

    def measure(recipe: Recipe) -> Net | CaseError:
        try:
            task = training.task(recipe)
        except CaseError as problem:
            return problem
        baseline = losses.best_constant(task.held, recipe.score)
        return Net(recipe, len(task.built.weighted), task.early, baseline, list(_looks(task, seeds)))

    nets = list[Net | CaseError]()
    for net in on_all_cores(measure, recipes):
        nets.append(net)
        progress(len(nets) / len(recipes), f"{len(nets)} of {len(recipes)} recipes")
    return nets


def _looks(task: training.Task, seeds: int) -> Iterator[Look]:
    for moment in training.moments(task, seeds):
        start = time.perf_counter()
        problem, findings = "", list[Found]()
        try:
            diagnosis = probe.diagnose(
                task.loss, moment.model, *task.batches, optimiser=task.optimiser, losses=moment.losses.tolist()
            )
        except Exception as raised:  # a diagnosis that fails is a result, and the other cases are still of interest
            problem = f"{type(raised).__name__}: {str(raised).partition(chr(10))[0]}"
        else:
            findings = [_found(finding, task, diagnosis.rows) for finding in diagnosis.findings]
        seconds = time.perf_counter() - start
        yield Look(moment.seed, moment.step, float(moment.losses[-1]), moment.score, findings, seconds, problem)


def _found(finding: Any, task: training.Task, rows: Sequence[Any]) -> Found:
    layer = vocabulary.layer_of(finding.where, task.built, rows)
    return Found(
        finding.kind, finding.level, finding.where, layer, len(finding.units), finding.evidence, finding.remedy
    )


@dataclass(frozen=True)
class Count:
    """How many of how many."""

    what: str
    yes: int
    of: int

    @property
    def text(self) -> str:
        return f"{self.yes} of {self.of} ({100 * self.yes / self.of:.0f} %)" if self.of else "none of 0"


def counts(results: Sequence[Result]) -> dict[str, list[Count]]:
    """Detected, localised and raised falsely, by net (each seed counts) and by case (most seeds decide)."""
    faulty = [result for result in results if not result.case.healthy]
    healthy = list({id(net): (result, net) for result in results for net in result.healthy}.values())
    by_seed = {
        "detected": [[result.detected(seed) for seed in result.faulty.seeds] for result in faulty],
        "localised": [[result.localised(seed) for seed in result.faulty.seeds] for result in faulty],
        "alarms": [[bool(net.of_seed(seed)) for seed in net.seeds] for _, net in healthy],
        "alarms by another fault": [
            [any(not result.names_fault(found) for found in net.of_seed(seed)) for seed in net.seeds]
            for result, net in healthy
        ],
        "alarms by another fault, learned": [
            [
                any(not result.names_fault(found) for found in net.of_seed(seed))
                for seed in net.seeds
                if net.learned(seed)
            ]
            for result, net in healthy
        ],
    }
    nets = [Count(what, sum(map(sum, rows)), sum(map(len, rows))) for what, rows in by_seed.items()]
    most = {what: [2 * sum(row) > len(row) for row in rows if row] for what, rows in by_seed.items()}
    return {"nets": nets, "cases": [Count(what, sum(row), len(row)) for what, row in most.items()]}
