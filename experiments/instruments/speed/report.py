"""`python -m experiments speed`: measure, then say so on the terminal, in Markdown, in JSON and in a figure."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure as Image
from rich.console import Console
from rich.table import Table

from experiments.core.command import command_provenance, file_in_the_way, heading, parse_settings, refuse
from experiments.core.markdown import table
from experiments.core.progress import watched
from experiments.core.result import jsonable, write
from experiments.core.style import OTHER_COLOR, canvas, svg, title

from . import measure as speed
from .contests import CALL, IMPORT
from .measure import Config, run
from .regimes import ALONE_16, ALONE_32, COMPILE, EQUATIONS, KEPT, LAYERS, MEMORY, REDUCED, ROWS, STEPS, TRANSCENDENTALS
from .regimes import IMPORT as IMPORT_BOUND
from .results import Costs, Figure, Measured, Time, mean
from .summary import HEADER, amount, misses, summary

Cells = dict[str, dict[str, str]]
"""Of a table: by line and column."""
MARKS = {"yes": "", "NO": " *", "undecided": " ?"}


def main(arguments: list[str]) -> int:
    """Measure what was asked for; 1 if a bound is missed without a reason."""
    config = parse_settings("speed", speed, Config, arguments)
    if problem := file_in_the_way(config):
        return refuse(problem)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    try:
        with watched("speed", console) as progress:
            measured = run(config, progress)
    except KeyboardInterrupt:
        console.print("Interrupted: ratios need all programs of a comparison, and nothing is written.")
        return 130
    facts = command_provenance("speed", config, arguments, time.perf_counter() - start, config.peer)
    if measured.growth:
        write(config.out / "speed.svg", svg(growth(measured)))
    write(config.out / "speed.md", markdown(measured, facts))
    write(config.out / "speed.json", json.dumps(jsonable({"provenance": facts, **dataclasses.asdict(measured)})))
    show(measured, console)
    console.print(f"Everything is in {config.out / 'speed.md'}; it took {facts['seconds']:.0f} s.")
    return 1 if any(not miss.reason for miss in misses(measured)) else 0


def show(measured: Measured, console: Console) -> None:
    """A line for each regime, then each bound that is missed."""
    shown = Table(*HEADER, title="Ours beside jax.nn", title_justify="left")
    for row in summary(measured):
        shown.add_row(*row)
    console.print(shown)
    for miss in misses(measured):
        console.print(f"Missed: {miss.regime}: {miss.found}: {miss.reason or 'NO REASON KNOWN'}.", markup=False)
    for line in sentences(measured):
        console.print(line)


def sentences(measured: Measured) -> list[str]:
    """What was timed without a bound on its ratio."""
    lines = []
    if calls := measured.compared(CALL):
        lines.append(f"An eager call takes {mean(calls).value:.2f} times jax.nn's in the geometric mean.")
    for one in measured.compared(IMPORT):
        added = one.milliseconds * (1 - 1 / one.judged.value)
        lines.append(f"Importing jaxact adds {added:.0f} ms to importing jax and equinox; {IMPORT_BOUND} are allowed.")
    return lines


def markdown(measured: Measured, facts: dict[str, Any]) -> str:
    """All tables, with what a reader needs to judge or repeat them."""
    lines = heading("What every activation costs", facts) + table(HEADER, summary(measured)) + [""]
    lines += [*_listed(measured), *(f"- {line}" for line in sentences(measured)), ""]
    marked = "Ratios of medians, ours / theirs, with 95 % intervals; * is above its bound, ? has the bound inside."
    lines += _section("Elementwise, in time", marked, "function", _elementwise(measured))
    lines += _section("Elementwise, beside PyTorch", "Ours / torch.", "function", _torch(measured))
    lines += _section("Softmax family", f"{marked} Memory: ours / theirs.", "function", _rows(measured))
    lines += _section("Train steps", marked, "step", _train_steps(measured))
    counted = "Ours / jax.nn's, float32; per element of forward and backward pass; seconds of compiling, and the ratio."
    return "\n".join(lines + _section("Operations", counted, "function", _operations(measured)))


def growth(measured: Measured) -> Image:
    """Time per element against the number of elements."""
    image, axes = canvas(1, len(measured.growth), 4 * len(measured.growth), 3.2, sharey=True)
    for panel, (function, lines) in zip(axes[0], measured.growth.items(), strict=True):
        for library, points in lines.items():
            color = {"jaxact": "#0072B2", "jax.nn": "#D55E00"}.get(library, OTHER_COLOR)
            panel.plot(list(points), list(points.values()), "o-", color=color, label=library)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xlabel("elements")
        title(panel, function)
    axes[0][0].set_ylabel("ns per element, forward and backward")
    axes[0][0].legend()
    return image


def _listed(measured: Measured) -> list[str]:
    """A line for each regime and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for miss in misses(measured):
        found.setdefault((miss.regime, miss.reason or "no reason known"), []).append(miss.found)
    return [f"- Missed, {regime}: {'; '.join(which)}: {why}." for (regime, why), which in found.items()]


def _section(name: str, told: str, corner: str, cells: Cells) -> list[str]:
    """A heading with a table; nothing where there are no lines."""
    if not cells:
        return []
    columns = list(dict.fromkeys(column for line in cells.values() for column in line))
    lines = [[key, *(line.get(column, "") for column in columns)] for key, line in cells.items()]
    return [f"## {name}", "", told, "", *table([corner, *columns], lines), ""]


def _cells(entries: Iterable[tuple[str, str, str]]) -> Cells:
    made: Cells = {}
    for line, column, cell in entries:
        made.setdefault(line, {})[column] = cell
    return made


def _elementwise(measured: Measured) -> Cells:
    names = {ALONE_32: "{what}, float32", ALONE_16: "{what}, bfloat16", REDUCED: "{what}", CALL: CALL}
    times = [one for regime in names for one in measured.compared(regime)]
    return _cells((one.function, names[one.regime].format(what=one.what), _ratio(one)) for one in times)


def _torch(measured: Measured) -> Cells:
    times = [one for one in measured.times if "torch" in one.ratios]
    return _cells((one.function, f"{one.what}, {one.dtype}", _ratio(one, "torch")) for one in times)


def _rows(measured: Measured) -> Cells:
    times = [(one.function, f"{one.what}, {one.dtype}", _ratio(one)) for one in measured.compared(ROWS)]
    memory = [(one.function, f"{one.what}, {one.case}", _both(one)) for one in measured.figures if one.what == MEMORY]
    return _cells(times + memory)


def _train_steps(measured: Measured) -> Cells:
    return _cells((f"{one.what}, {one.function}", "ours / theirs", _ratio(one)) for one in measured.compared(STEPS))


def _operations(measured: Measured) -> Cells:
    counted = [one for one in measured.figures if one.what in (KEPT, LAYERS, TRANSCENDENTALS)]
    entries = [(one.function, one.what, _both(one)) for one in counted]
    above = {(one.function, one.case) for one in measured.figures if one.what == EQUATIONS and not one.within}
    for cost in measured.costs:
        for column, cell in _cost(cost):
            mark = " *" if (cost.function, column.removeprefix("equations of ")) in above else ""
            entries.append((cost.function, column, cell + mark))
    compiled = [one for one in measured.times if one.regime == COMPILE]
    return _cells(entries + [(one.function, f"compiling {one.what}", _seconds(one)) for one in compiled])


def _cost(cost: Costs) -> list[tuple[str, str]]:
    ours, theirs = [cost.flops, *cost.equations], [cost.their_flops, *(cost.their_equations or [None] * 3)]
    columns = ("operations", "equations of f", "equations of f'", "equations of f''")
    pairs = zip(columns, ours, theirs, strict=True)
    return [(column, f"{mine:.0f}" + ("" if other is None else f" / {other:.0f}")) for column, mine, other in pairs]


def _both(one: Figure) -> str:
    theirs = "" if one.theirs is None else f" / {amount(one, one.theirs)}"
    return f"{amount(one, one.ours)}{theirs}{'' if one.within else ' *'}"


def _ratio(one: Time, library: str = "") -> str:
    value, low, high = one.ratios[library] if library else one.judged
    return f"{value:.2f} [{low:.2f}, {high:.2f}]{'' if library else MARKS[one.verdict]}"


def _seconds(one: Time) -> str:
    ratio = f", {one.judged.value:.2f}" if one.ratios else ""
    return f"{one.milliseconds / 1000:.2g}{ratio}{MARKS[one.verdict]}"
