"""How figures look: one palette, one canvas, SVG text or a small PNG."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike
from PIL import Image, PngImagePlugin

from .statistics import Interval

COLORS = {
    "relu": "#0072B2",
    "leaky_relu": "#56B4E9",
    "elu": "#009E73",
    "prelu": "#CC79A7",
    "maxout": "#7A5195",
    "layer_norm": "#222222",
    "tanh": "#D55E00",
    "sigmoid": "#B8860B",
    "identity": "#777777",
}
"""Okabe and Ito's palette, told apart by colour-blind readers; other activations share SPARE."""

SPARE = "#444444"

NAMES = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "prelu": "PReLU",
    "maxout": "Maxout",
    "layer_norm": "ReLU with LayerNorm",
}
"""How activations are written in sentences, where that differs from their name."""

SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.hashsalt": "jaxact",
}


def named(activation: str) -> str:
    """The activation as written in a sentence."""
    return NAMES.get(activation, activation)


def color(activation: str) -> str:
    """The same colour for the same activation in every figure."""
    return COLORS.get(activation, SPARE)


def canvas(rows: int, columns: int, width: float, height: float, **share: Any) -> tuple[Figure, list[list[Axes]]]:
    """A figure with its axes, row by row, without pyplot's global state."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **share)
    return figure, [list(row) for row in axes]


def title(axes: Axes, text: str) -> None:
    """What a panel shows, above its left edge."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold")


def plain_log(axes: Axes, numbers: Sequence[float]) -> None:
    """A logarithmic scale with these numbers written out, as far as they are in sight."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_yticks([number for number in numbers if low <= number <= high])
    axes.yaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def legend(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend below all panels, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def svg(figure: Figure) -> str:
    """The figure as an SVG element: text as outlines, so that it looks the same everywhere."""
    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def png(figure: Figure, shown: str) -> bytes:
    """The figure as a PNG of 64 colours, with this text in it; 10 inches are sharp on 800 pixels of a page."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(drawn, format="png", dpi=160)
    told = PngImagePlugin.PngInfo()
    told.add_text("Description", shown)
    few = Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(packed, format="png", optimize=True, pnginfo=told)
    return packed.getvalue()


def description(path: Path) -> str:
    """The text that `png` wrote into the picture."""
    with Image.open(path) as picture:
        return str(picture.info["Description"])


def listed(words: Sequence[str]) -> str:
    """Words as in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def whiskers(
    axes: Axes,
    places: ArrayLike,
    intervals: Sequence[Interval],
    activation: str,
    label: str = "",
    borrowed: bool = False,
) -> None:
    """Values with their intervals; what is infinite has no point, or no upper cap in sight."""
    shown = [(place, one) for place, one in zip(np.asarray(places), intervals, strict=True) if np.isfinite(one.value)]
    values = np.array([one.value for _, one in shown])
    below = values - np.array([one.low for _, one in shown])
    above = np.array([one.high if np.isfinite(one.high) else 1e3 * one.value for _, one in shown]) - values
    axes.errorbar(
        [place for place, _ in shown],
        values,
        yerr=[below.tolist(), above.tolist()],
        fmt="o:" if borrowed else "o-",
        markerfacecolor="white" if borrowed else color(activation),
        capsize=2.5,
        elinewidth=1.2,
        linewidth=1.2,
        color=color(activation),
        label=label or named(activation),
    )
