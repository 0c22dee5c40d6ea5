"""`python -m experiments faulty_nets`: measure, then report on the terminal, in Markdown and in JSON."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table
from experiments.core.progress import watched
from experiments.core.refusals import refuse
from experiments.core.result import jsonable
from experiments.core.storage import prepare, write

from . import measure as faulty_nets
from . import vocabulary
from .cases import CaseError
from .measure import Config, Found, Look, Measured, Net, Result, counts, run

HEADER = ["case", "fault", "where", "score: faulty, fixed", "detected", "localised", "alarms when fixed", "found"]
TOOLS = (
    "For comparison: DeepLocalize detects 34 of 40 and localises 21; DeepDiagnosis detects 46 of 52 and localises 34, "
    "and flags 36 % of healthy nets; AUTOTRAINER detects 24 of 40; UMLAUT 26 of 30."
)


def main(arguments: list[str]) -> int:
    """Measure and report; return the exit code, 1 if a case could not be rebuilt or a diagnosis failed."""
    config = parse_settings("faulty_nets", faulty_nets, Config, arguments)
    prepare(config.out, ("faulty_nets.md", "faulty_nets_case_by_case.md", "faulty_nets.json"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), markup=False)
    start = time.perf_counter()
    try:
        with watched("faulty_nets", console) as progress:
            measured = run(config, progress)
    except CaseError as problem:
        return refuse(str(problem))
    facts = command_provenance("faulty_nets", config, arguments, time.perf_counter() - start, ("equinox", "optax"))
    write(config.out / "faulty_nets.md", markdown(measured, config, facts))
    write(config.out / "faulty_nets_case_by_case.md", case_by_case(measured, facts))
    write(config.out / "faulty_nets.json", json.dumps(stored(measured, facts), allow_nan=False))
    for line in [*overview(measured, config), "", *sentences(measured, config)]:
        console.print(line)
    details = config.out / "faulty_nets_case_by_case.md"
    console.print(f"Every finding is in {details}; it took {facts['seconds']:.0f} s.")
    failed = any(look.problem for result in measured.results for net in _nets(result) for look in net.looks)
    return 1 if measured.refused or failed else 0


def stored(measured: Measured, facts: dict[str, Any]) -> Any:
    """All looks, as JSON."""
    rows = [
        {
            "id": result.case.id,
            "faulty": [dataclasses.asdict(look) for look in result.faulty.looks],
            "fixed": [dataclasses.asdict(look) for look in result.fixed.looks] if result.fixed else None,
        }
        for result in measured.results
    ]
    refused = [dataclasses.asdict(each) for each in measured.refused]
    return jsonable({"provenance": facts, "cases": rows, "refused": refused})


def sentences(measured: Measured, config: Config) -> list[str]:
    """How many faults were detected and localised, and how many healthy nets raised an alarm."""
    lines = []
    for unit, row in counts(measured.results).items():
        detected, localised, alarms, other, learned = (count.text for count in row)
        rule = "" if unit == "nets" else ", as most seeds say"
        lines.append(
            f"Faulty {unit} detected: {detected}; localised: {localised}{rule}. Healthy {unit} with an alarm: "
            f"{alarms}; with one that the case's own faults do not explain: {other}, of those that learn {learned}."
        )
    shortened = dict.fromkeys(
        result.case.id
        for result in measured.results
        for recipe in (result.case.faulty, result.case.fixed)
        if recipe and recipe.steps > config.most_steps
    )
    if shortened:
        lines.append(f"At most {config.most_steps} steps, fewer than their recipes say: {', '.join(shortened)}.")
    lines += [f"{each.id} could not be rebuilt: {each.sentence}" for each in measured.refused]
    for result in measured.results:
        problems = {look.problem for net in _nets(result) for look in net.looks if look.problem}
        lines += [f"{result.case.id}: diagnose failed ({problem})." for problem in sorted(problems)]
        if words := vocabulary.unknown_words(result.case):
            lines.append(f"{result.case.id}: no kind of finding belongs to {', '.join(words)}.")
    return lines


def _nets(result: Result) -> list[Net]:
    return [result.faulty, *([result.fixed] if result.fixed else [])]


def overview(measured: Measured, config: Config) -> list[str]:
    """One row a case, with the findings that most seeds share."""
    return table(HEADER, (_cells(result) for result in measured.results))


def _cells(result: Result) -> list[str]:
    case, seeds = result.case, result.faulty.seeds
    where = case.where if isinstance(case.where, str) else f"layer {', '.join(map(str, case.where))}"
    scores = ", ".join(_scores(net) for net in _nets(result))
    numbers = [sum(map(test, seeds)) for test in (result.detected, result.localised)]
    of_faulty = ["healthy"] * 2 if case.healthy else [f"{number}/{len(seeds)}" for number in numbers]
    alarms = "-"
    if result.fixed:
        of_seeds = [bool(result.fixed.of_seed(seed)) for seed in result.fixed.seeds]
        alarms = f"{sum(of_seeds)}/{len(of_seeds)}" + (f" ({_kinds(result.fixed)})" if any(of_seeds) else "")
    faults = ", ".join((case.fault, *case.also))
    return [case.id, faults, where, f"{case.faulty.score} {scores}", *of_faulty, alarms, _kinds(result.faulty) or "-"]


def _scores(net: Net) -> str:
    return "/".join(f"{score:.2f}" if abs(score) < 100 else f"{score:.0e}" for score in net.scores)


def _kinds(net: Net) -> str:
    """Kind and place of the findings above hints of most seeds, worst first."""
    of_seeds = [dict.fromkeys((found.kind, found.where) for found in net.of_seed(seed)) for seed in net.seeds]
    each = list(dict.fromkeys(key for row in of_seeds for key in row))
    shared = [key for key in each if sum(key in row for row in of_seeds) > len(of_seeds) / 2] or each
    return ", ".join(f"{kind} at {where}" for kind, where in shared)


def markdown(measured: Measured, config: Config, facts: dict[str, Any]) -> str:
    """How much was found, and the table of cases."""
    lines = heading("What the diagnosis says about published faulty nets", facts)
    lines += [f"- {line}" for line in [*sentences(measured, config), TOOLS]]
    return "\n".join([*lines, "", *overview(measured, config)]) + "\n"


def case_by_case(measured: Measured, facts: dict[str, Any]) -> str:
    """Of every case what was found, missed and raised falsely."""
    lines = heading("Every finding of the diagnosis in published faulty nets", facts)
    for result in measured.results:
        lines += [*about_case(result), ""]
    return "\n".join(lines)


def about_case(result: Result) -> Iterator[str]:
    """Everything about one case."""
    case = result.case
    where = case.where if isinstance(case.where, str) else f"layers {', '.join(map(str, case.where))}"
    yield f"## {case.id}"
    yield ""
    about = [str(case.facts[name]) for name in ("task", "source") if name in case.facts]
    fix = f" Fix: {case.facts['fix']}." if "fix" in case.facts else ""
    yield f"{'. '.join(about)}. Fault: {', '.join((case.fault, *case.also))}, at {where}.{fix}"
    for title, net in zip(("Faulty", "Fixed"), _nets(result), strict=False):
        yield ""
        yield f"{title}, {net.recipe.steps} steps, {case.faulty.score} {_scores(net)} at the end:"
        yield ""
        yield from _looks(result, net)
    missed = [seed for seed in result.faulty.seeds if not result.localised(seed)]
    if missed and not case.healthy:
        yield ""
        yield f"Missed: {_missed(result, missed)}."


def _missed(result: Result, seeds: Sequence[int]) -> str:
    expected = ", ".join(sorted(vocabulary.kinds_of(result.case))) or "any finding"
    undetected = [seed for seed in seeds if not result.detected(seed)]
    detected = f"; nothing above a hint for seeds {', '.join(map(str, undetected))}" if undetected else ""
    return f"expected {expected} in the place of the fault for seeds {', '.join(map(str, seeds))}{detected}"


def _looks(result: Result, net: Net) -> Iterator[str]:
    """The findings of the first seed in words, and of the others those that it does not have."""
    said: set[tuple[bool, str, str]] = set()
    for look in net.looks:
        moment = "early" if look.step == net.early else "at the end"
        new = [found for found in look.findings if (look.step == net.early, found.kind, found.where) not in said]
        said |= {(look.step == net.early, found.kind, found.where) for found in new}
        if look.problem:
            yield f"- {_of(look, moment)}: diagnose failed ({look.problem})."
        for found in new:
            yield f"- {_of(look, moment)}: {_finding(result, net, found)}"
    if not said and not any(look.problem for look in net.looks):
        yield "- nothing"


def _of(look: Look, moment: str) -> str:
    return f"seed {look.seed} {moment} (step {look.step}, loss {look.loss:.3g})"


def _finding(result: Result, net: Net, found: Found) -> str:
    layer = "" if found.layer is None else f" (layer {found.layer})"
    verdict = ""
    if found.counts and net in result.healthy:
        verdict = ", the case's own fault" if result.names_fault(found) else ", raised falsely"
    elif found.counts:
        right = [result.names_fault(found), result.in_place(found)]
        verdict = {2: ", localised", 1: ", " + ("another place" if right[0] else "another kind")}.get(sum(right), "")
    return f"**{found.kind}**, {found.level}, at {found.where}{layer}{verdict}. {found.evidence}"
