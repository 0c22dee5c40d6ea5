"""`python -m experiments speed`: measure, then say so on the terminal, in Markdown, in JSON and in a figure."""

import dataclasses
import json
import sys
import time
from typing import Any

from matplotlib.figure import Figure as Image
from rich.console import Console
from rich.table import Table

from . import speed
from .command import asked, file_in_the_way, heading, origin, refuse
from .markdown import table
from .progress import watched
from .result import plain, write
from .speed import Config, Costs, Measured, Time, run
from .style import SPARE, canvas, svg, title

IMPORT_BOUND = 100
"""Milliseconds."""
COLUMNS = {
    "kept": "bytes kept by jax.vjp",
    "layers": "arrays per layer",
    "transcendentals": "transcendentals",
}


def main(arguments: list[str]) -> int:
    """Measure what was asked for; 1 if a figure misses its bound without a reason."""
    config = asked("speed", speed, Config, arguments)
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
    facts = origin("speed", config, arguments, time.perf_counter() - start, config.peer)
    if measured.growth:
        write(config.out / "speed.svg", svg(growth(measured)))
    write(config.out / "speed.md", markdown(measured, facts))
    write(config.out / "speed.json", json.dumps(plain({"stamp": facts, **dataclasses.asdict(measured)})))
    show(measured, console)
    console.print(f"Everything is in {config.out / 'speed.md'}; it took {facts['seconds']:.0f} s.")
    return 1 if measured.missed else 0


def show(measured: Measured, console: Console) -> None:
    """The figures that have bounds, the sentences, and the times."""
    table = Table("function", *COLUMNS.values(), title="Ours, and that of jax.nn", title_justify="left")
    for name, cells in _figures(measured).items():
        table.add_row(name, *cells)
    console.print(table)
    for line in sentences(measured):
        console.print(line)


def sentences(measured: Measured) -> list[str]:
    """How many bounds hold, and each that does not."""
    within = [figure for figure in measured.figures if figure.within]
    lines = [f"{len(within)} of {len(measured.figures)} figures are within their bounds."]
    for figure in measured.figures:
        if not figure.within:
            theirs = "" if figure.theirs is None else f", jax.nn {figure.theirs:.3g}"
            why = figure.reason or "NO REASON KNOWN"
            found = f"{COLUMNS[figure.what]} of {figure.function}: {figure.ours:.3g}"
            lines.append(f"{found} (bound {figure.bound:g}{theirs}): {why}.")
    fewer = [cost for cost in measured.costs if cost.their_equations]
    for order, what in enumerate(("f", "f'", "f''")):
        least = [cost.function for cost in fewer if cost.equations[order] < (cost.their_equations or [])[order]]
        lines.append(
            f"{len(least)} of {len(fewer)} functions have fewer equations in {what} than jax.nn's: "
            f"{speed.EQUATIONS_REASON}."
        )
    for one in measured.times:
        if one.what == "import":
            added = one.milliseconds * (1 - 1 / next(iter(one.ratios.values()))[0])
            lines.append(
                f"Importing jaxact adds {added:.0f} ms to importing jax and equinox; {IMPORT_BOUND} are allowed."
            )
    judged = [one for one in measured.times if one.bound is not None]
    if judged:
        counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in ("yes", "NO", "undecided")}
        lines.append(
            f"{counts['yes']} of {len(judged)} times are within their bounds, {counts['NO']} above, "
            f"{counts['undecided']} undecided: their intervals hold the bound."
        )
        for what in dict.fromkeys((one.what, one.dtype) for one in measured.times if "jax.nn" in one.ratios):
            lines.append(f"{what[0]}, {what[1]}: {measured.mean_ratio(*what):.2f} times jax.nn in the geometric mean.")
    return lines


def slow(measured: Measured) -> list[str]:
    """Each time above its bound, under the reason for it."""
    misses: dict[str, list[str]] = {}
    for one in measured.times:
        if one.bound is not None and one.verdict == "NO":
            found = f"{one.what} of {one.function}, {one.dtype}: {one.judged[0]:.2f} (bound {one.bound:g})"
            misses.setdefault(one.reason or "no reason known", []).append(found)
    return [f"{reason[0].upper()}{reason[1:]}: {'; '.join(found)}." for reason, found in misses.items()]


def markdown(measured: Measured, facts: dict[str, Any]) -> str:
    """All tables, with what a reader needs to judge or repeat them."""
    lines = heading("What every activation costs", facts)
    lines += [f"- {line}" for line in sentences(measured)] + [""]
    lines += ["## Memory and operations", "", "Ours / jax.nn, float32, per element, forward and backward pass.", ""]
    lines += table(["function", *COLUMNS.values()], [[name, *cells] for name, cells in _figures(measured).items()])
    lines += ["", "## Operations and equations", ""]
    header = ["function", "arithmetic operations", "equations of f", "of f'", "of f''"]
    lines += table(header, [_cost(cost) for cost in measured.costs])
    if measured.times:
        lines += ["", "## Time", "", "Ratios of medians with their 95 % intervals. Above their bounds are:", ""]
        lines += [f"- {line}" for line in slow(measured)] + [""]
        libraries = list(dict.fromkeys(name for one in measured.times for name in one.ratios))
        header = ["what", "function", "dtype", "ms", *(f"ours / {name}" for name in libraries), "bound", "within"]
        lines += table(header, [_time(one, libraries) for one in measured.times])
    return "\n".join(lines) + "\n"


def growth(measured: Measured) -> Image:
    """Time per element against the number of elements."""
    image, axes = canvas(1, len(measured.growth), 4 * len(measured.growth), 3.2, sharey=True)
    for panel, (function, lines) in zip(axes[0], measured.growth.items(), strict=True):
        for library, points in lines.items():
            color = {"jaxact": "#0072B2", "jax.nn": "#D55E00"}.get(library, SPARE)
            panel.plot(list(points), list(points.values()), "o-", color=color, label=library)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xlabel("elements")
        title(panel, function)
    axes[0][0].set_ylabel("ns per element, forward and backward")
    axes[0][0].legend()
    return image


def _figures(measured: Measured) -> dict[str, list[str]]:
    cells: dict[str, list[str]] = {}
    for figure in measured.figures:
        theirs = "" if figure.theirs is None else f" / {figure.theirs:.3g}"
        mark = "" if figure.within else " *"
        cells.setdefault(figure.function, []).append(f"{figure.ours:.3g}{theirs}{mark}")
    return cells


def _cost(cost: Costs) -> list[str]:
    ours, theirs = [cost.flops, *cost.equations], [cost.their_flops, *(cost.their_equations or [None] * 3)]
    pairs = zip(ours, theirs, strict=True)
    return [cost.function, *(f"{mine:.0f}" + ("" if other is None else f" / {other:.0f}") for mine, other in pairs)]


def _time(one: Time, libraries: list[str]) -> list[str]:
    ratios = [one.ratios.get(name) for name in libraries]
    shown = ["" if r is None else f"{r[0]:.2f} [{r[1]:.2f}, {r[2]:.2f}]" for r in ratios]
    bound = "" if one.bound is None else f"{one.bound:g}"
    within = "" if one.bound is None else one.verdict
    return [one.what, one.function, one.dtype, f"{one.milliseconds:.3g}", *shown, bound, within]
