"""Pictures of the elementwise activations: one of all, and one of each family.

f is solid, f' is dashed; parameters have their defaults, or 1/4 where there is none.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console

import jaxact
from experiments.core.command import parse_settings
from experiments.core.storage import prepare, write
from experiments.core.style import canvas, png, title
from experiments.instruments.costs import at_defaults
from jaxact import CATALOGUE, Facts

from .curves import family

COLUMNS = 6
X = np.linspace(-5, 5, 501, dtype="float32")
VALUE, SLOPE = "#0072B2", "#D55E00"


@dataclass(frozen=True)
class Config:
    """The folder for the pictures."""

    out: Path = Path("results/gallery")
    """Folder for the pictures."""


def main(arguments: list[str]) -> int:
    """Draw the pictures; return the exit code."""
    config = parse_settings("gallery", sys.modules[__name__], Config, arguments)
    families: dict[str, list[Facts]] = {}
    for facts in CATALOGUE.values():
        if facts.elementwise:
            families.setdefault(family(facts), []).append(facts)
    pictures = {"activations": families}
    pictures |= {name.replace(" ", "_"): {name: members} for name, members in families.items()}
    prepare(config.out, [f"{name}.png" for name in pictures])
    for name, shown in pictures.items():
        drawn = ", ".join(facts.name for members in shown.values() for facts in members)
        write(config.out / f"{name}.png", png(overview(shown), drawn))
    Console(highlight=False).print(f"{len(pictures)} pictures are in {config.out}.")
    return 0


def overview(families: dict[str, list[Facts]]) -> Figure:
    """A small panel for each activation; each family starts a new row."""
    rows = [
        (name, members[i : i + COLUMNS]) for name, members in families.items() for i in range(0, len(members), COLUMNS)
    ]
    columns = max(len(members) for _, members in rows)
    figure, axes = canvas(len(rows), columns, 1.55 * columns + 0.4, 1.5 * len(rows) + 0.3, sharex=True, sharey=True)
    previous = ""
    for panels, (name, members) in zip(axes, rows, strict=True):
        for panel in panels[len(members) :]:
            panel.set_axis_off()
        for panel, facts in zip(panels, members, strict=False):
            _draw(panel, facts)
        if name != previous:
            panels[0].set_ylabel(name, fontsize=9, color="#666666")
        previous = name
    figure.legend(
        [Line2D([], [], color=VALUE, linewidth=1.7), Line2D([], [], color=SLOPE, linewidth=1.2, linestyle="--")],
        ["f", "f\u2032"],
        loc="outside upper left",
        ncols=2,
        frameon=False,
    )
    return figure


def _draw(panel: Axes, facts: Facts) -> None:
    f = at_defaults(facts)
    panel.axhline(0, color="#bbbbbb", linewidth=0.8)
    panel.axvline(0, color="#bbbbbb", linewidth=0.8)
    panel.plot(X, np.asarray(jaxact.slope(f)(jnp.asarray(X))), "--", color=SLOPE, linewidth=1.2)
    panel.plot(X, np.asarray(f(jnp.asarray(X))), color=VALUE, linewidth=1.7)
    panel.set_ylim(-2, 3)
    panel.set_xticks([-4, 0, 4])
    panel.set_yticks([-1, 0, 1, 2])
    panel.tick_params(labelsize=7, length=0, colors="#888888")
    title(panel, facts.name)
    panel.title.set_fontsize(8.5)
