"""The style of figures and of names in sentences: palette, canvas, legend, SVG text or a small PNG."""

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
    "gelu": "#E69F00",
    "silu": "#117733",
    "relu_squared": "#882255",
    "glu": "#7A7A7A",
    "geglu": "#CC79A7",
    "swiglu": "#44AA99",
}
"""Okabe and Ito's palette and Tol's, which colour-blind readers can tell apart; other activations share OTHER_COLOR."""

OTHER_COLOR = "#444444"

NAMES = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "prelu": "PReLU",
    "maxout": "Maxout",
    "layer_norm": "ReLU with LayerNorm",
    "relu_squared": "ReLU^2",
    "glu": "GLU",
    "reglu": "ReGLU",
    "geglu": "GEGLU",
    "swiglu": "SwiGLU",
}
"""The names of activations in sentences, where they differ from those of the functions."""

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
    """The name of the activation in a sentence: ReLU for relu."""
    return NAMES.get(activation, activation)


def color(activation: str) -> str:
    """The same colour for the same activation in every figure."""
    return COLORS.get(activation, OTHER_COLOR)


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
    """A logarithmic y-axis with ticks at these numbers, as far as they lie within its limits."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_yticks([number for number in numbers if low <= number <= high])
    axes.yaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def at_ticks(axes: Axes, numbers: Sequence[float]) -> None:
    """A logarithmic x-axis with ticks at these numbers and no others."""
    axes.set_xscale("log")
    axes.set_xticks(list(numbers), [f"{number:g}" for number in numbers])
    axes.xaxis.set_minor_locator(NullLocator())


def legend(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def svg(figure: Figure) -> str:
    """The figure as an SVG element: text as outlines, so that it looks the same everywhere."""
    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def png(figure: Figure, text: str) -> bytes:
    """The figure as a small PNG of 64 colours, with this text as its description.

    160 dots per inch make a figure of 10 inches sharp on 800 pixels of a page.
    """
    full, small = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(full, format="png", dpi=160)
    metadata = PngImagePlugin.PngInfo()
    metadata.add_text("Description", text)
    picture = Image.open(full).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    picture.save(small, format="png", optimize=True, pnginfo=metadata)
    return small.getvalue()


def description(path: Path) -> str:
    """The text that `png` wrote into the picture."""
    with Image.open(path) as picture:
        return str(picture.info["Description"])


def listed(words: Sequence[str]) -> str:
    """The words as an enumeration in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(count: int, word: str) -> str:
    """The number with the word, in the plural unless it is 1: 1 seed, 2 seeds."""
    return f"{count} {word}{'s' * (count != 1)}"


def whiskers(
    axes: Axes,
    places: ArrayLike,
    intervals: Sequence[Interval],
    activation: str,
    label: str = "",
    hollow: bool = False,
) -> None:
    """Draw values with their intervals: an infinite value has no point, an infinite end lies beyond the axis."""
    finite = [
        (place, each) for place, each in zip(np.asarray(places), intervals, strict=True) if np.isfinite(each.value)
    ]
    values = np.array([each.value for _, each in finite])
    below = values - np.array([each.low for _, each in finite])
    above = np.array([each.high if np.isfinite(each.high) else 1e3 * each.value for _, each in finite]) - values
    axes.errorbar(
        [place for place, _ in finite],
        values,
        yerr=np.maximum([below, above], 0).tolist(),  # a value may lie outside of the percentiles of its resamples
        fmt="o:" if hollow else "o-",
        markerfacecolor="white" if hollow else color(activation),
        capsize=2.5,
        elinewidth=1.2,
        linewidth=1.2,
        color=color(activation),
        label=label or named(activation),
    )
