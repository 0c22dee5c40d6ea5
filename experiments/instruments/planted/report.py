"""`python -m experiments planted`: measure, then report on the terminal, in Markdown and in JSON."""

import dataclasses
import json
import sys
import time
from typing import Any

from rich.console import Console

from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table
from experiments.core.progress import watched
from experiments.core.result import jsonable
from experiments.core.statistics import wilson_interval
from experiments.core.storage import prepare, write

from . import measure as planted
from .measure import Config, Measured, Repair, Seen, run

CONFIDENCE = 0.95


def main(arguments: list[str]) -> int:
    """Measure and report; return the exit code, 1 if a fault was missed or a healthy net raised an alarm."""
    config = parse_settings("planted", planted, Config, arguments)
    prepare(config.out, ("planted.md", "planted.json"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), markup=False)
    start = time.perf_counter()
    with watched("planted", console) as progress:
        measured = run(config, progress)
    facts = command_provenance("planted", config, arguments, time.perf_counter() - start, ("equinox", "optax"))
    write(config.out / "planted.md", markdown(measured, config, facts))
    write(
        config.out / "planted.json",
        json.dumps(jsonable({"provenance": facts, **dataclasses.asdict(measured)}), allow_nan=False),
    )
    for line in [*faults_table(measured), "", *repairs_table(measured), "", *sentences(measured, config)]:
        console.print(line)
    console.print(f"Everything is in {config.out / 'planted.md'}; it took {facts['seconds']:.0f} s.")
    return 0 if all(seen.found for seen in measured.seen) and not measured.alarms else 1


def sentences(measured: Measured, config: Config) -> list[str]:
    """What was found, what was raised falsely, and what repairs bring."""
    found = sum(seen.found for seen in measured.seen)
    lines = [f"Planted faults found: {found} of {len(measured.seen)}."]
    if measured.looks:
        nets = len({(alarm.shape, alarm.net) for alarm in measured.alarms})
        count = measured.looks // 2
        interval = wilson_interval(nets, count, CONFIDENCE)
        lines.append(
            f"Healthy nets with an alarm: {nets} of {count}, before or after {config.steps} steps "
            f"({100 * CONFIDENCE:.0f} % interval: {100 * interval.low:.1f} to {100 * interval.high:.1f} %)."
        )
    if measured.repairs:
        repaired = [repair for repair in measured.repairs if repair.after]
        helped = sum(repair.helps for repair in repaired)
        lines.append(
            f"Repairs by code: offered for {len(repaired)} of {len(measured.repairs)} faults; after "
            f"{config.repair_steps} steps the loss is lower than without the repair, from every seed, in {helped}."
        )
    return lines


def faults_table(measured: Measured) -> list[str]:
    """One row for each fault in each architecture."""
    cells: dict[tuple[str, str], list[Seen]] = {}
    for seen in measured.seen:
        cells.setdefault((seen.fault, seen.architecture), []).append(seen)
    header = ["fault", "architecture", "found", "expected", "said", "other findings"]
    return table(header, ([*key, *_fault_cells(seen)] for key, seen in cells.items()))


def _fault_cells(seen: list[Seen]) -> list[str]:
    said = next((each.right for each in seen if each.right), [])
    others = list(dict.fromkeys(other for each in seen for other in each.others))
    problems = list(dict.fromkeys(f"diagnose failed: {each.problem}" for each in seen if each.problem))
    found = f"{sum(each.found for each in seen)}/{len(seen)}"
    return [found, seen[0].expected, _some(said), _some([*problems, *others])]


def _some(entries: list[str], most: int = 3) -> str:
    more = f"; {len(entries) - most} more" if len(entries) > most else ""
    return "; ".join(entries[:most]) + more or "-"


def repairs_table(measured: Measured) -> list[str]:
    """The loss at the end, as the means over seeds."""
    header = ["fault", "architecture", "repaired", "loss with the fault", "repaired", "without the fault", "lower"]
    return table(header, map(_repair_cells, measured.repairs)) if measured.repairs else []


def _repair_cells(repair: Repair) -> list[str]:
    if not repair.after:
        return [repair.fault, repair.architecture, repair.problem or "no code can repair it", *["-"] * 4]
    losses = (f"{sum(each) / len(each):.3g}" for each in (repair.before, repair.after, repair.healthy))
    return [repair.fault, repair.architecture, repair.finding, *losses, "yes" if repair.helps else "no"]


def markdown(measured: Measured, config: Config, facts: dict[str, Any]) -> str:
    """All tables, with their provenance."""
    lines = heading("What the diagnosis says about planted faults and about healthy nets", facts)
    lines += [f"- {line}" for line in sentences(measured, config)]
    lines += ["", "## Planted faults", "", *faults_table(measured)]
    if measured.repairs:
        lines += ["", "## Repairs", "", *repairs_table(measured)]
    if measured.looks:
        lines += ["", "## Healthy nets", ""]
        header = ["nets", "net", "trained", "finding"]
        cells = ([a.shape, str(a.net), "yes" if a.trained else "no", a.finding] for a in measured.alarms)
        lines += table(header, cells) if measured.alarms else ["No alarm."]
    return "\n".join(lines) + "\n"
