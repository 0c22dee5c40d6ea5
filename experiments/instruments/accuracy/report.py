"""`python -m experiments accuracy`: measure, then say so on the terminal, in Markdown, in JSON and in figures."""

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

from experiments.core.command import asked, file_in_the_way, heading, origin, refuse
from experiments.core.markdown import table as markdown_table
from experiments.core.progress import watched
from experiments.core.result import plain, write
from experiments.core.style import SPARE, canvas, legend, svg, title

from . import measure as accuracy
from .measure import Config, Measured, Row, run
from .ulps import BINS, EDGES, ORDERS, TRUSTED

LINES = {"jax.nn": ("#D55E00", "-"), "torch": (SPARE, ":"), "jaxact": ("#0072B2", "-")}
"""How libraries are drawn, the last one on top."""
DRAWN = ["float16", "bfloat16", "float32"]
"""The last of these that was measured has a figure."""
MOST_ULP = 1e9
"""The top of the figures: beyond it, and where results are bad, nothing is right."""
MEASURE = (
    "Largest errors in ulp. In float32 and float64 a change of x by 2 ulp is excused; the raw error, given where it is "
    "larger, excuses nothing. Bad is a result that is not finite where the truth is, or the reverse. Inputs are those "
    "of each type. The measure is described in `experiments/instruments/accuracy/ulps.py`; `accuracy.json` has all "
    "bounds and where the worst errors are."
)
TICKS = (-1000.0, -30.0, -1.0, 0.0, 1.0, 30.0, 1000.0)


def main(arguments: list[str]) -> int:
    """Measure what was asked for; 1 if a function of jaxact misses its bound."""
    config = asked("accuracy", accuracy, Config, arguments)
    if problem := file_in_the_way(config):
        return refuse(problem)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    try:
        with watched("accuracy", console) as progress:
            measured = run(config, progress)
    except KeyboardInterrupt:
        console.print(
            f"Interrupted. What was swept is kept in {config.out / 'accuracy'}; the next run goes on from there."
        )
        return 130
    libraries = [library for library in config.peer if library == "torch"]
    facts = origin("accuracy", config, arguments, time.perf_counter() - start, libraries)
    if any(map(_drawn, measured.rows)):
        write(config.out / "accuracy.svg", svg(figure(measured.rows, max(config.dtypes, key=DRAWN.index))))
    write(config.out / "accuracy.md", markdown(measured, facts))
    write(config.out / "accuracy.json", as_json(measured, facts))
    show(measured, console)
    console.print(f"Everything is in {config.out / 'accuracy.md'}; it took {facts['seconds']:.0f} s.")
    return 1 if measured.missed else 0


def show(measured: Measured, console: Console) -> None:
    """The worst errors, a line per function, and in full whatever misses its bound."""
    dtypes = list(dict.fromkeys(row.dtype for row in measured.rows))
    orders = sorted({row.order for row in measured.rows if not row.by})
    heading = "Largest error in ulp of " + ", ".join(ORDERS[order] for order in orders)
    slopes = ["float32, by parameters"] if any(row.by for row in measured.rows) else []
    table = RichTable("function", "library", *dtypes, *slopes, title=heading, title_justify="left")
    for line in _together(measured.rows):
        known = {(row.dtype, row.order): row for row in line if not row.by}
        cells = ["  ".join(_short(known.get((dtype, order))) for order in orders) for dtype in dtypes]
        cells += ["  ".join(f"{row.by} {_short(row)}" for row in line if row.by)] if slopes else []
        table.add_row(_called(line[0]), line[0].library, *cells)
    console.print(table)
    for row in measured.missed:
        console.print(f"[red]{_missed(row)}[/red]")
    for sentence in sentences(measured):
        console.print(sentence)


def markdown(measured: Measured, facts: dict[str, Any]) -> str:
    """The whole table, with what a reader needs to judge or repeat it."""
    lines = heading("The error of every activation", facts)
    lines += [f"{MEASURE} {' '.join(sentences(measured))}", ""]
    lines += [f"- {_missed(row)}" for row in measured.missed]
    lines += [""] if measured.missed else []
    return "\n".join([*lines, *_table(measured.rows)]) + "\n"


def as_json(measured: Measured, facts: dict[str, Any]) -> str:
    """Every number, profiles included, whose bins begin at `edges`."""
    edges = [-edge for edge in EDGES[::-1].tolist()] + EDGES.tolist()
    parts: dict[str, Any] = {"provenance": facts, "edges": edges, **dataclasses.asdict(measured)}
    for row in parts["rows"]:
        row["profile"] = [float(f"{value:.3g}") for value in row["profile"]]
    return json.dumps(plain(parts), allow_nan=False)


def sentences(measured: Measured) -> list[str]:
    """What came out, what the reference is worth, and what could not be measured."""
    own = [row for row in measured.rows if row.library == "jaxact"]
    found = [f"{len(own) - len(measured.missed)} of {len(own)} measurements of jaxact are within their bounds."]
    checked = [one for one in measured.references if one.relative]
    if checked:
        points = sum(one.points for one in checked)
        relative, where = max((max(one.relative), one.function) for one in checked)
        found.append(
            f"The float64 reference was checked against arbitrary precision at {points:,} points; it is off by at most "
            f"{relative:.1e} ({where}), and {TRUSTED:g} is allowed."
        )
    else:
        found.append("The float64 reference was not checked against arbitrary precision.")
    orders = sorted({row.order for row in measured.rows if not row.by})
    for one in measured.references:
        failed = [ORDERS[order] for order in orders if one.standing(order) == "failed"]
        if failed:
            worst = max(one.relative)
            found.append(f"The reference of {one.function} {one.parameters or ''} FAILED in {failed}: {worst:.1e}.")
        if one.problem:
            found.append(f"The reference of {one.function} {one.parameters or ''} was not checked ({one.problem}).")
    return found + measured.remarks


def figure(rows: Sequence[Row], dtype: str) -> Figure:
    """Error against x at default parameters: a line of panels per function, peers overlaid."""
    of_type = [row for row in rows if row.dtype == dtype and _drawn(row) and not row.by]
    names = list(dict.fromkeys(row.function for row in of_type))
    first = {name: next(row.parameters for row in of_type if row.function == name) for name in names}
    orders = sorted({row.order for row in of_type})
    height = 1.5 * len(names) + 1.1
    image, axes = canvas(len(names), len(orders), 4.0 * len(orders), height)
    image.set_layout_engine(None)  # which takes a minute for a hundred panels, as sharing their axes would
    image.subplots_adjust(0.2 / len(orders), 0.9 / height, 0.99, 1 - 0.3 / height, 0.06, 0.35)
    for i, name in enumerate(names):
        for j, order in enumerate(orders):
            here = [row for row in of_type if (row.function, row.parameters, row.order) == (name, first[name], order)]
            _panel(axes[i][j], here)
            title(axes[i][j], f"{name}, {ORDERS[order]}")
            axes[i][j].tick_params(labelleft=j == 0, labelbottom=i == len(names) - 1)
    fullest = max((panel for line in axes for panel in line), key=lambda panel: len(panel.lines))
    image.supylabel(f"largest error in ulp of {dtype}", fontsize=11, x=0.02 / len(orders))
    legend(image, fullest, len(LINES) + 1)
    return image


def _drawn(row: Row) -> bool:
    """A function over an axis has no error at x."""
    return row.dtype in DRAWN and max(row.profile) >= 0


def _panel(panel: Axes, rows: Sequence[Row]) -> None:
    """The worst error in each bin of x, ours on top."""
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


def _together(rows: Sequence[Row]) -> list[list[Row]]:
    """All of one function, at one set of parameters, in one library: a line of the table."""
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        lines.setdefault((_called(row), row.library), []).append(row)
    return list(lines.values())


def _table(rows: Sequence[Row]) -> list[str]:
    """A column for each type, with the errors of all orders side by side."""
    dtypes = list(dict.fromkeys(row.dtype for row in rows))
    orders = sorted({row.order for row in rows if not row.by})
    header = ["function", "parameters", "library"]
    header += [f"{dtype} {' / '.join(ORDERS[order] for order in orders)}" for dtype in dtypes]

    def cells(line: list[Row]) -> list[str]:
        by_x = {dtype: {row.order: row for row in line if row.dtype == dtype and not row.by} for dtype in dtypes}
        found = [known for known in by_x.values() if known]
        bounds = [row.bound for row in by_x.get("float32", {}).values()]
        return [
            line[0].function,
            ", ".join(f"{name}={value:g}" for name, value in line[0].parameters.items()),
            line[0].library,
            *(_errors([known.get(order) for order in orders]) if known else "" for known in by_x.values()),
            ", ".join(f"{row.by} {_error(row, row.worst)}" for row in line if row.by),
            " / ".join(f"{bound:.4g}" for bound in bounds if bound is not None),
            " / ".join(str(next(iter(known.values())).inputs) for known in found),
        ]

    return markdown_table([*header, "float32 by parameters", "float32 bounds", "inputs"], map(cells, _together(rows)))


def _errors(rows: Sequence[Row | None]) -> str:
    """A dash where there is none, and behind them the raw errors if these are others."""
    worst = " / ".join(_error(row, row.worst) if row else "-" for row in rows)
    raw = " / ".join(_error(row, row.raw) if row else "-" for row in rows)
    return f"{worst} (raw {raw})" if raw != worst else worst


def _error(row: Row, error: float) -> str:
    return "bad" if row.bad else f"{error:.3g}"


def _called(row: Row) -> str:
    return f"{row.function}({', '.join(f'{name}={value:g}' for name, value in row.parameters.items())})"


def _short(row: Row | None) -> str:
    if row is None:
        return "   -"
    text = "bad" if row.bad else f"{row.worst:.2f}" if row.worst < 100 else f"{row.worst:.0e}".replace("e+0", "e")
    color = "red" if not row.within else "yellow" if row.bound is None and (row.bad or row.worst > 10) else "default"
    return f"[{color}]{text:>4}[/{color}]"


def _missed(row: Row) -> str:
    return (
        f"{row.label} of {_called(row)} in {row.dtype} misses its bound of {row.bound:g}: {row.worst:.4g} ulp "
        f"at x = {row.x:.9g} ({row.got:.9g} instead of {row.exact:.9g}), {row.raw:.4g} raw, {row.bad} bad."
    )
