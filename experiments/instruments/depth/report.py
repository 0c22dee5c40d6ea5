"""`python -m experiments depth`: measure, then report on the terminal, in Markdown, in JSON and in a figure."""

import dataclasses
import json
import sys
import time
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table
from experiments.core.progress import watched
from experiments.core.result import jsonable
from experiments.core.storage import prepare, write
from experiments.core.style import canvas, png, title

from . import measure as depth
from .measure import FACTOR, OURS, Config, Propagation, run

HEADER = ["function", "scheme", "sigma_w", "sigma_b", "length", "signal", "gradient", "kept"]
SHOWN = ("relu", "tanh", "sigmoid", "selu", "gelu", "silu", "mish", "elu")
COLUMNS = 4
COLORS: dict[str, str] = dict(
    zip((*OURS, "Equinox", "PyTorch"), ("#0072B2", "#56B4E9", "#009E73", "#111111", "#D55E00", "#B8860B"), strict=True)
)


def main(arguments: list[str]) -> int:
    """Measure and report; return the exit code."""
    config = parse_settings("depth", depth, Config, arguments)
    prepare(config.out, ("depth.md", "depth.png", "depth.json"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    with watched("depth", console) as progress:
        rows = run(config, progress)
    facts = command_provenance("depth", config, arguments, time.perf_counter() - start)
    write(config.out / "depth.md", markdown(rows, config, facts))
    write(config.out / "depth.png", png(figure(rows), ", ".join(drawn(rows))))
    stored = [dataclasses.asdict(row) for row in rows]
    write(config.out / "depth.json", json.dumps(jsonable({"provenance": facts, "rows": stored}), allow_nan=False))
    for line in sentences(rows):
        console.print(line)
    console.print(f"Everything is in {config.out / 'depth.md'}; it took {facts['seconds']:.0f} s.")
    return 0


def sentences(rows: list[Propagation]) -> list[str]:
    """For how many activations signal and gradient survive, by scheme."""
    lines = []
    for scheme in COLORS:
        of_scheme = [row for row in rows if row.scheme == scheme]
        if of_scheme:
            forward, backward = ([row for row in of_scheme if row.worst[side] <= FACTOR] for side in (0, 1))
            both = [row.function for row in of_scheme if row.survives]
            names = f": {', '.join(both)}" if 0 < len(both) < 12 else ""
            lines.append(
                f"{scheme}: of {len(of_scheme)} activations the signal stays within a factor of {FACTOR:g} with "
                f"{len(forward)}, the gradient with {len(backward)}, both with {len(both)}{names}."
            )
    return lines


def markdown(rows: list[Propagation], config: Config, facts: dict[str, Any]) -> str:
    """The table of all factors, with their provenance."""
    lines = heading("What is left of a signal after many layers", facts)
    lines += [f"- {line}" for line in sentences(rows)] + [""]
    lines += [
        f"{config.nets} nets of {config.depth} layers of {config.width} units. The largest factor, up or down, by "
        "which the second moment of the pre-activations and the norm of their gradients differ from those of layer 1.",
        "",
    ]
    return "\n".join([*lines, *table(HEADER, map(_cells, rows))]) + "\n"


def _cells(row: Propagation) -> list[str]:
    signal, gradient = (f"{factor:.3g}" for factor in row.worst)
    numbers = [f"{row.sigma_w:.4f}", f"{row.sigma_b:.4f}", f"{row.start:g}", signal, gradient]
    return [row.function, row.scheme, *numbers, "yes" if row.survives else "no"]


def drawn(rows: list[Propagation]) -> list[str]:
    """The activations in the figure: the well-known ones, or the first of the chosen ones if none is well known."""
    names = list(dict.fromkeys(row.function for row in rows))
    return [name for name in SHOWN if name in names] or names[: len(SHOWN)]


def figure(rows: list[Propagation]) -> Figure:
    """Signal above and gradient below, layer by layer, in bands of `COLUMNS` activations."""
    names = drawn(rows)
    bands, columns = -(-len(names) // COLUMNS), min(len(names), COLUMNS)
    image, axes = canvas(2 * bands, columns, 2.1 * columns + 1, 4 * bands + 0.7, sharex=True, sharey="row")
    for panels in axes[-2:]:
        for panel in panels[len(names) - (bands - 1) * COLUMNS :]:
            panel.set_axis_off()
    for index, name in enumerate(names):
        band, column = divmod(index, COLUMNS)
        signal, gradient = panels = axes[2 * band][column], axes[2 * band + 1][column]
        for row in (row for row in rows if row.function == name):
            for panel, values in zip(panels, (row.lengths, row.norms), strict=True):
                style = "--" if row.scheme in ("Equinox", "PyTorch") else "-"
                panel.plot(range(1, len(values) + 1), values, style, color=COLORS[row.scheme], label=row.scheme, lw=1.5)
        for panel, most in zip(panels, (1e3, 1e4), strict=True):
            panel.axhspan(1 / FACTOR, FACTOR, color="#e9eef5", zorder=0)
            panel.set_yscale("log")
            panel.set_ylim(1 / most, most)
        title(signal, name)
        gradient.set_xlabel("layer")
        gradient.tick_params(labelbottom=True)
        if column == 0:
            signal.set_ylabel("second moment / layer 1")
            gradient.set_ylabel("gradient norm / layer 1")
    handles = {handle.get_label(): handle for panel in image.axes for handle in panel.get_lines()}
    labels, ncols = [str(label) for label in handles], 3 * columns // 2
    image.legend(handles.values(), labels, loc="outside lower center", ncols=ncols, frameon=False)
    return image
