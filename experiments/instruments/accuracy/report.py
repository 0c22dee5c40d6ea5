"""`python -m experiments accuracy`: measure, then report on the terminal, in Markdown, in JSON and in a figure."""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from rich.console import Console
from rich.table import Table as RichTable

from experiments.core import interrupts
from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table as markdown_table
from experiments.core.progress import watched
from experiments.core.result import jsonable
from experiments.core.storage import prepare, write
from experiments.core.style import OTHER_COLOR, canvas, legend, svg, title

from . import measure as accuracy
from .measure import Config, Measured, Measurement, run
from .ulps import BINS, EDGES, ORDERS, TRUSTED

LINES = {"jax.nn": ("#D55E00", "-"), "torch": (OTHER_COLOR, ":"), "jaxact": ("#0072B2", "-")}
"""Colour and line of each library in the figure; the last one is on top."""
DRAWN = ["float16", "bfloat16", "float32"]
"""The types that can be drawn; the figure is of the last one that was measured."""
MOST_ULP = 1e9
"""The top of the figure: larger errors and bad results are drawn there."""
MEASURE = (
    "Largest errors in ulp. In float32 and float64 a change of x by 2 ulp is excused; the raw error, given where it is "
    "larger, excuses nothing. Bad is a result that is not finite where the truth is, or the reverse. Inputs are those "
    "of each type. The measure is described in `experiments/instruments/accuracy/ulps.py`; `accuracy.json` has all "
    "bounds and where the worst errors are."
)
TICKS = (-1000.0, -30.0, -1.0, 0.0, 1.0, 30.0, 1000.0)  # of x


def main(arguments: list[str]) -> int:
    """Measure and report; the exit code is 1 if a function of jaxact misses its bound."""
    config = parse_settings("accuracy", accuracy, Config, arguments)
    prepare(config.out, ("accuracy.md", "accuracy.json", "accuracy.svg"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    try:
        with watched("accuracy", console) as progress:
            measured = run(config, progress)
    except KeyboardInterrupt:
        code = interrupts.exit_code()
        console.print(
            f"Interrupted. The sweep so far is stored in {config.out / 'accuracy'}; the next run goes on from there."
        )
        return code
    libraries = [library for library in config.peer if library == "torch"]
    facts = command_provenance("accuracy", config, arguments, time.perf_counter() - start, libraries)
    if any(map(_drawn, measured.measurements)):
        write(config.out / "accuracy.svg", svg(figure(measured.measurements, max(config.dtypes, key=DRAWN.index))))
    write(config.out / "accuracy.md", markdown(measured, facts))
    write(config.out / "accuracy.json", as_json(measured, facts))
    show(measured, console)
    console.print(f"Everything is in {config.out / 'accuracy.md'}; it took {facts['seconds']:.0f} s.")
    return 1 if measured.missed else 0


def show(measured: Measured, console: Console) -> None:
    """Print the worst errors, one line per function, and details of those that miss their bound."""
    dtypes = list(dict.fromkeys(row.dtype for row in measured.measurements))
    orders = sorted({row.order for row in measured.measurements if not row.by})
    heading = "Largest error in ulp of " + ", ".join(ORDERS[order] for order in orders)
    slopes = ["float32, by parameters"] if any(row.by for row in measured.measurements) else []
    table = RichTable("function", "library", *dtypes, *slopes, title=heading, title_justify="left")
    for line in _by_call(measured.measurements):
        known = {(row.dtype, row.order): row for row in line if not row.by}
        cells = ["  ".join(_short(known.get((dtype, order))) for order in orders) for dtype in dtypes]
        cells += ["  ".join(f"{row.by} {_short(row)}" for row in line if row.by)] if slopes else []
        table.add_row(_call_text(line[0]), line[0].library, *cells)
    console.print(table)
    for row in measured.missed:
        console.print(f"[red]{_miss_text(row)}[/red]")
    for sentence in sentences(measured):
        console.print(sentence)


def markdown(measured: Measured, facts: dict[str, Any]) -> str:
    """The whole table, with its provenance."""
    lines = heading("The error of every activation", facts)
    lines += [f"{MEASURE} {' '.join(sentences(measured))}", ""]
    lines += [f"- {_miss_text(row)}" for row in measured.missed]
    lines += [""] if measured.missed else []
    return "\n".join([*lines, *_table(measured.measurements)]) + "\n"


def as_json(measured: Measured, facts: dict[str, Any]) -> str:
    """All numbers, profiles included, whose bins begin at `edges`."""
    edges = [-edge for edge in EDGES[::-1].tolist()] + EDGES.tolist()
    parts: dict[str, Any] = {"provenance": facts, "edges": edges, **dataclasses.asdict(measured)}
    for row in parts["measurements"]:
        row["profile"] = [float(f"{value:.3g}") for value in row["profile"]]
    return json.dumps(jsonable(parts), allow_nan=False)


def sentences(measured: Measured) -> list[str]:
    """The result, the check of the reference, and what could not be measured."""
    ours = [row for row in measured.measurements if row.library == "jaxact"]
    lines = [f"{len(ours) - len(measured.missed)} of {len(ours)} measurements of jaxact are within their bounds."]
    checked = [reference for reference in measured.references if reference.relative]
    if checked:
        points = sum(reference.points for reference in checked)
        relative, where = max((max(reference.relative), reference.function) for reference in checked)
        lines.append(
            f"The float64 reference was checked against arbitrary precision at {points:,} points; it is off by at most "
            f"{relative:.1e} ({where}), and {TRUSTED:g} is allowed."
        )
    else:
        lines.append("The float64 reference was not checked against arbitrary precision.")
    orders = sorted({row.order for row in measured.measurements if not row.by})
    for reference in measured.references:
        name = f"{reference.function} {reference.parameters or ''}"
        failed = [ORDERS[order] for order in orders if reference.status(order) == "failed"]
        if failed:
            lines.append(f"The reference of {name} FAILED in {failed}: {max(reference.relative):.1e}.")
        if reference.problem:
            lines.append(f"The reference of {name} was not checked ({reference.problem}).")
    return lines + measured.remarks


def figure(rows: Sequence[Measurement], dtype: str) -> Figure:
    """Error against x at default parameters: a row of panels per function, with all libraries."""
    of_type = [row for row in rows if row.dtype == dtype and _drawn(row) and not row.by]
    names = list(dict.fromkeys(row.function for row in of_type))
    first = {name: next(row.parameters for row in of_type if row.function == name) for name in names}
    orders = sorted({row.order for row in of_type})
    height = 1.5 * len(names) + 1.1
    image, axes = canvas(len(names), len(orders), 4.0 * len(orders), height)
    image.set_layout_engine(None)  # it takes a minute for a hundred panels; so would shared axes
    image.subplots_adjust(0.2 / len(orders), 0.9 / height, 0.99, 1 - 0.3 / height, 0.06, 0.35)
    for i, name in enumerate(names):
        for j, order in enumerate(orders):
            in_panel = [
                row for row in of_type if (row.function, row.parameters, row.order) == (name, first[name], order)
            ]
            _panel(axes[i][j], in_panel)
            title(axes[i][j], f"{name}, {ORDERS[order]}")
            axes[i][j].tick_params(labelleft=j == 0, labelbottom=i == len(names) - 1)
    fullest = max((panel for line in axes for panel in line), key=lambda panel: len(panel.lines))
    image.supylabel(f"largest error in ulp of {dtype}", fontsize=11, x=0.02 / len(orders))
    legend(image, fullest, len(LINES) + 1)
    return image


def _drawn(row: Measurement) -> bool:
    """Whether there is a profile to draw: functions over an axis have none."""
    return row.dtype in DRAWN and max(row.profile) >= 0


def _panel(panel: Axes, rows: Sequence[Measurement]) -> None:
    """Draw the worst error in each bin of x; jaxact is on top."""
    for row in sorted(rows, key=lambda row: list(LINES).index(row.library)):
        drawn = [(place, min(value, MOST_ULP)) for place, value in enumerate(row.profile) if value >= 0]
        color, style = LINES[row.library]
        panel.plot(*zip(*drawn, strict=True), color=color, ls=style, lw=1.2, label=row.library)
        if row.bound is not None:
            panel.axhline(row.bound, color="#999999", lw=0.8, ls="--", label="bound of jaxact")
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, 3 * MOST_ULP)
    panel.yaxis.set_minor_locator(NullLocator())
    panel.set_yticks([0, 1, 1e3, 1e6, MOST_ULP], ["0", "1", "10\N{SUPERSCRIPT THREE}", "10\N{SUPERSCRIPT SIX}", "bad"])
    panel.set_xlim(0, BINS - 1)
    panel.set_xticks([_place(tick) for tick in TICKS], [f"{tick:g}" for tick in TICKS], fontsize=7, rotation=45)


def _place(x: float) -> float:
    outward = sum(edge <= abs(x) for edge in EDGES.tolist()) - 1
    return len(EDGES) - 0.5 if x == 0 else len(EDGES) + outward if x > 0 else len(EDGES) - 1 - outward


def _by_call(rows: Sequence[Measurement]) -> list[list[Measurement]]:
    """Measurements grouped into rows of the table: one function and set of parameters in one library."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in rows:
        groups.setdefault((_call_text(row), row.library), []).append(row)
    return list(groups.values())


def _table(rows: Sequence[Measurement]) -> list[str]:
    """The Markdown table: a column for each type, with the errors of all orders side by side."""
    dtypes = list(dict.fromkeys(row.dtype for row in rows))
    orders = sorted({row.order for row in rows if not row.by})
    header = ["function", "parameters", "library"]
    header += [f"{dtype} {' / '.join(ORDERS[order] for order in orders)}" for dtype in dtypes]

    def cells(group: list[Measurement]) -> list[str]:
        by_dtype = {dtype: {row.order: row for row in group if row.dtype == dtype and not row.by} for dtype in dtypes}
        measured = [by_order for by_order in by_dtype.values() if by_order]
        bounds = [row.bound for row in by_dtype.get("float32", {}).values()]
        return [
            group[0].function,
            ", ".join(f"{name}={value:g}" for name, value in group[0].parameters.items()),
            group[0].library,
            *(_errors([by_order.get(order) for order in orders]) if by_order else "" for by_order in by_dtype.values()),
            ", ".join(f"{row.by} {_error(row, row.worst)}" for row in group if row.by),
            " / ".join(f"{bound:.4g}" for bound in bounds if bound is not None),
            " / ".join(str(next(iter(by_order.values())).inputs) for by_order in measured),
        ]

    return markdown_table([*header, "float32 by parameters", "float32 bounds", "inputs"], map(cells, _by_call(rows)))


def _errors(rows: Sequence[Measurement | None]) -> str:
    """The worst errors of all orders, a dash for an order without one; then the raw errors if they differ."""
    worst = " / ".join(_error(row, row.worst) if row else "-" for row in rows)
    raw = " / ".join(_error(row, row.raw) if row else "-" for row in rows)
    return f"{worst} (raw {raw})" if raw != worst else worst


def _error(row: Measurement, error: float) -> str:
    return "bad" if row.bad else f"{error:.3g}"


def _call_text(row: Measurement) -> str:
    return f"{row.function}({', '.join(f'{name}={value:g}' for name, value in row.parameters.items())})"


def _short(row: Measurement | None) -> str:
    if row is None:
        return "   -"
    text = "bad" if row.bad else f"{row.worst:.2f}" if row.worst < 100 else f"{row.worst:.0e}".replace("e+0", "e")
    color = "red" if not row.within else "yellow" if row.bound is None and (row.bad or row.worst > 10) else "default"
    return f"[{color}]{text:>4}[/{color}]"


def _miss_text(row: Measurement) -> str:
    return (
        f"{row.label} of {_call_text(row)} in {row.dtype} misses its bound of {row.bound:g}: {row.worst:.4g} ulp "
        f"at x = {row.x:.9g} ({row.got:.9g} instead of {row.exact:.9g}), {row.raw:.4g} raw, {row.bad} bad."
    )
