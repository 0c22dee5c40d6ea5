"""`python -m experiments speed`: measure, then report on the terminal, in Markdown, in JSON and in a figure."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from experiments.core import interrupts
from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table
from experiments.core.progress import watched
from experiments.core.result import jsonable
from experiments.core.storage import prepare, write
from experiments.core.style import OTHER_COLOR, canvas, svg, title

from . import measure as speed
from .comparisons import CALL, IMPORT
from .measure import Config, run
from .regimes import (
    ALONE_16,
    ALONE_32,
    ARRAYS_PER_LAYER,
    COMPILE,
    EQUATIONS,
    IMPORT_MILLISECONDS,
    MEMORY,
    REDUCED,
    RESIDUAL_BYTES,
    SOFTMAX_FAMILY,
    STEPS,
    TRANSCENDENTALS,
)
from .results import Count, Measured, Operations, Time, mean
from .summary import HEADER, amount, misses, summary

Cells = dict[str, dict[str, str]]
"""The cells of a table by row and column."""
MARKS = {"yes": "", "NO": " *", "undecided": " ?"}  # by verdict


def main(arguments: list[str]) -> int:
    """Measure and report; the exit code is 1 if a bound is missed without a reason."""
    config = parse_settings("speed", speed, Config, arguments)
    prepare(config.out, ("speed.md", "speed.json", "speed.svg"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    try:
        with watched("speed", console) as progress:
            measured = run(config, progress)
    except KeyboardInterrupt:
        code = interrupts.exit_code()
        console.print("Interrupted: nothing is written, as ratios need all programs of a comparison.")
        return code
    facts = command_provenance("speed", config, arguments, time.perf_counter() - start, config.peer)
    if measured.growth:
        write(config.out / "speed.svg", svg(growth(measured)))
    write(config.out / "speed.md", markdown(measured, facts))
    write(config.out / "speed.json", json.dumps(jsonable({"provenance": facts, **dataclasses.asdict(measured)})))
    show(measured, console)
    console.print(f"Everything is in {config.out / 'speed.md'}; it took {facts['seconds']:.0f} s.")
    return 1 if any(not miss.reason for miss in misses(measured)) else 0


def show(measured: Measured, console: Console) -> None:
    """Print a row for each regime, then each bound that is missed."""
    shown = Table(*HEADER, title="Ours beside jax.nn", title_justify="left")
    for row in summary(measured):
        shown.add_row(*row)
    console.print(shown)
    for miss in misses(measured):
        console.print(f"Missed: {miss.regime}: {miss.finding}: {miss.reason or 'NO REASON KNOWN'}.", markup=False)
    for line in sentences(measured):
        console.print(line)


def sentences(measured: Measured) -> list[str]:
    """The times without a bound on their ratio."""
    lines = []
    if calls := measured.compared(CALL):
        lines.append(f"An eager call takes {mean(calls).value:.2f} times jax.nn's in the geometric mean.")
    for time_of_import in measured.compared(IMPORT):
        added = time_of_import.milliseconds * (1 - 1 / time_of_import.judged.value)
        lines.append(
            f"Importing jaxact adds {added:.0f} ms to importing jax and equinox; {IMPORT_MILLISECONDS} are allowed."
        )
    return lines


def markdown(measured: Measured, facts: dict[str, Any]) -> str:
    """All tables, with their provenance."""
    lines = heading("What every activation costs", facts) + table(HEADER, summary(measured)) + [""]
    lines += [*_listed(measured), *(f"- {line}" for line in sentences(measured)), ""]
    marked = "Ratios of medians, ours / theirs, with 95 % intervals; * is above its bound, ? has the bound inside."
    lines += _section("Elementwise, in time", marked, "function", _elementwise(measured))
    lines += _section("Elementwise, beside PyTorch", "Ours / torch.", "function", _torch(measured))
    lines += _section("Softmax family", f"{marked} Memory: ours / theirs.", "function", _rows(measured))
    lines += _section("Train steps", marked, "step", _train_steps(measured))
    counted = "Ours / jax.nn's, float32; per element of forward and backward pass; seconds of compiling, and the ratio."
    return "\n".join(lines + _section("Operations", counted, "function", _operations(measured)))


def growth(measured: Measured) -> Figure:
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
    """A line for each regime and reason of missed bounds."""
    findings: dict[tuple[str, str], list[str]] = {}
    for miss in misses(measured):
        findings.setdefault((miss.regime, miss.reason or "no reason known"), []).append(miss.finding)
    return [f"- Missed, {regime}: {'; '.join(which)}: {why}." for (regime, why), which in findings.items()]


def _section(name: str, text: str, corner: str, cells: Cells) -> list[str]:
    """A heading, a text and a table; empty if there are no cells."""
    if not cells:
        return []
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    rows = [[key, *(row.get(column, "") for column in columns)] for key, row in cells.items()]
    return [f"## {name}", "", text, "", *table([corner, *columns], rows), ""]


def _cells(entries: Iterable[tuple[str, str, str]]) -> Cells:
    cells: Cells = {}
    for row, column, cell in entries:
        cells.setdefault(row, {})[column] = cell
    return cells


def _elementwise(measured: Measured) -> Cells:
    names = {ALONE_32: "{what}, float32", ALONE_16: "{what}, bfloat16", REDUCED: "{what}", CALL: CALL}
    times = [time for regime in names for time in measured.compared(regime)]
    return _cells((time.function, names[time.regime].format(what=time.what), _ratio(time)) for time in times)


def _torch(measured: Measured) -> Cells:
    times = [time for time in measured.times if "torch" in time.ratios]
    return _cells((time.function, f"{time.what}, {time.dtype}", _ratio(time, "torch")) for time in times)


def _rows(measured: Measured) -> Cells:
    times = [(time.function, f"{time.what}, {time.dtype}", _ratio(time)) for time in measured.compared(SOFTMAX_FAMILY)]
    memory = [
        (count.function, f"{count.what}, {count.case}", _ours_and_theirs(count))
        for count in measured.counts
        if count.what == MEMORY
    ]
    return _cells(times + memory)


def _train_steps(measured: Measured) -> Cells:
    return _cells((f"{time.what}, {time.function}", "ours / theirs", _ratio(time)) for time in measured.compared(STEPS))


def _operations(measured: Measured) -> Cells:
    shown = (RESIDUAL_BYTES, ARRAYS_PER_LAYER, TRANSCENDENTALS)
    entries = [
        (count.function, count.what, _ours_and_theirs(count)) for count in measured.counts if count.what in shown
    ]
    above = {(count.function, count.case) for count in measured.counts if count.what == EQUATIONS and not count.within}
    for operations in measured.operations:
        for column, cell in _operation_cells(operations):
            mark = " *" if (operations.function, column.removeprefix("equations of ")) in above else ""
            entries.append((operations.function, column, cell + mark))
    compiled = [time for time in measured.times if time.regime == COMPILE]
    return _cells(entries + [(time.function, f"compiling {time.what}", _seconds(time)) for time in compiled])


def _operation_cells(operations: Operations) -> list[tuple[str, str]]:
    ours = [operations.flops, *operations.equations]
    theirs = [operations.their_flops, *(operations.their_equations or [None] * 3)]
    columns = ("operations", "equations of f", "equations of f'", "equations of f''")
    pairs = zip(columns, ours, theirs, strict=True)
    return [(column, f"{mine:.0f}" + ("" if other is None else f" / {other:.0f}")) for column, mine, other in pairs]


def _ours_and_theirs(count: Count) -> str:
    theirs = "" if count.theirs is None else f" / {amount(count, count.theirs)}"
    return f"{amount(count, count.ours)}{theirs}{'' if count.within else ' *'}"


def _ratio(time: Time, library: str = "") -> str:
    value, low, high = time.ratios[library] if library else time.judged
    return f"{value:.2f} [{low:.2f}, {high:.2f}]{'' if library else MARKS[time.verdict]}"


def _seconds(time: Time) -> str:
    ratio = f", {time.judged.value:.2f}" if time.ratios else ""
    return f"{time.milliseconds / 1000:.2g}{ratio}{MARKS[time.verdict]}"
