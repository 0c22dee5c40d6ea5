"""The explorer: the part of the report in which a reader chooses activations and moves their parameters.

Its data come from `curves.py`, are stored in explorer.json beside the report until code or versions change, and are
written into the page. Bokeh draws the plots; `explorer.js` connects the controls with them, `explorer.css` styles both.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from bokeh.embed import json_item
from bokeh.models import FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure
from bokeh.resources import Resources
from rich.console import Console

from experiments.core.progress import watched
from experiments.core.provenance import fingerprint, version
from experiments.core.storage import write
from experiments.core.typed import typed
from experiments.instruments.accuracy.ulps import ORDERS

from .curves import explorer_data

HERE = Path(__file__).parent
FILE = "explorer.json"
SLOTS = 6
"""How many activations are shown at once: as many colours can be told apart."""
DASHES = ("solid", [9, 4], [2, 3], [9, 3, 2, 3], [16, 4], [4, 2])
"""The dashes of the lines, for readers and printers without colours."""
FIRST = ("relu", "elu", "swish")
"""The activations that are shown when the page opens."""


class Function(TypedDict):
    """The data of an activation, as `curves.py` makes them; only explorer.js looks into the objects."""

    family: str
    formula: str
    paper: str
    cost: str
    sliders: list[object]
    variants: list[object]
    errors: dict[str, object]


class Data(TypedDict):
    """The data of all activations."""

    x: list[float]
    functions: dict[str, Function]


class Stored(TypedDict):
    """explorer.json."""

    fingerprint: str
    data: Data


class Section(NamedTuple):
    """The explorer's part of the page."""

    html: str
    scripts: list[str]
    """The scripts in it, which a page has to allow."""


@dataclass(frozen=True)
class Config:
    """There are no settings; the fingerprint takes a dataclass."""


def stored_data(folder: Path) -> Data | None:
    """The stored data of the explorer; None if there are none, they are damaged, or code or versions have changed."""
    path = folder / FILE
    try:
        stored: Stored | None = typed(json.loads(path.read_text("utf-8")), Stored) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    return stored["data"] if stored and stored["fingerprint"] == fingerprint(__name__, Config()) else None


def load_or_compute(folder: Path, console: Console) -> Data:
    """The stored data, or new ones: compiling every activation takes a minute or two."""
    if data := stored_data(folder):
        return data
    current = fingerprint(__name__, Config())
    with watched("explorer", console) as progress:
        data: Any = explorer_data(progress)
    write(folder / FILE, json.dumps({"fingerprint": current, "data": data}, separators=(",", ":")))
    return data


def section(data: Data) -> Section:
    """The explorer as self-contained HTML."""
    families: dict[str, list[str]] = {}
    for name, function in data["functions"].items():
        families.setdefault(function["family"], []).append(name)
    chips = "".join(
        f"<fieldset><legend>{html.escape(family)}</legend>{''.join(map(_chip, names))}</fieldset>"
        for family, names in families.items()
    )
    names = ("f", "slope", "curvature", "error")
    titles = ("f(x)", "f\u2032(x)", "f\u2033(x)", "error in ulp")
    figures = "".join(
        f'<figure><figcaption>{title}</figcaption><div class="chart" id="chart-{name}" role="img"></div></figure>'
        for name, title in zip(names, titles, strict=True)
    )
    plots = {name: json_item(_curves()) for name in names[:-1]} | {"error": json_item(_errors())}
    page = (HERE / "explorer.html").read_text("utf-8")
    scripts = [*Resources(mode="inline", components=["bokeh"], minified=True).js_raw]
    scripts += [(HERE / "explorer.js").read_text("utf-8")]
    parts = {
        "style": (HERE / "explorer.css").read_text("utf-8"),
        "chips": chips,
        "figures": figures,
        "count": str(len(data["functions"])),
        "slots": str(SLOTS),
        "orders": _radios("order", [o.replace("'", "\u2032") for o in ORDERS], "012", "1"),
        "types": _radios("dtype", ["float32", "bfloat16"], ["float32", "bfloat16"], "float32"),
        "made": f"jaxact {version('jaxact')}, jax {version('jax')}",
        "data": _embedded({**data, "first": FIRST, "slots": SLOTS}),
        "plots": _embedded(plots),
        "scripts": "".join(f"<script>{script}</script>" for script in scripts),
    }
    return Section(re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], page), scripts)


def _curves() -> Any:
    """A plot of lines, one for each slot; explorer.js fills them."""
    plot = _plot(x_range=Range1d(start=-6, end=6), y_range=Range1d(start=-2, end=4))
    for zero in ("width", "height"):
        plot.add_layout(Span(location=0, dimension=zero, line_width=1, name="zero"))
    lines = [plot.line([], [], line_width=2.4, line_dash=dash, line_cap="round") for dash in DASHES]
    plot.add_tools(_hover(lines, "@y{0.0000}"))
    return plot


def _errors() -> Any:
    """A plot of errors: for each slot, dots for jaxact and crosses for jax.nn."""
    plot = _plot(x_range=Range1d(start=-20, end=20), y_range=Range1d(start=0.008, end=1e3), y_axis_type="log")
    plot.yaxis.ticker = FixedTicker(ticks=[0.01, 0.1, 0.5, 10, 1e3, 1e5, 1e7, 1e9])
    plot.yaxis.major_label_overrides = {0.01: "exact", 0.1: "0.1", 0.5: "\u00bd", 10: "10", 1e3: "10\u00b3"} | {
        10.0**power: f"10{sign}" for power, sign in ((5, "\u2075"), (7, "\u2077"), (9, "\u2079"))
    }
    plot.add_layout(Span(location=0.5, dimension="width", line_width=1, line_dash="dashed", name="best"))
    marks = []
    for _ in range(SLOTS):
        marks += [plot.scatter([], [], marker=marker, size=size) for marker, size in (("circle", 4.5), ("x", 6.5))]
    plot.add_tools(_hover(marks, "@y{0.00} ulp"))
    return plot


def _plot(**ranges: Any) -> Any:
    """An empty plot. No drag tool is active at first, so that a finger scrolls the page."""
    plot: Any = figure(
        height=260, sizing_mode="stretch_width", tools="pan,box_zoom,wheel_zoom,reset,save", active_drag=None, **ranges
    )
    plot.toolbar.autohide = True
    plot.toolbar.logo = None
    plot.background_fill_color = plot.border_fill_color = plot.outline_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_font_size = "12px"
    return plot


def _hover(renderers: list[Any], value: str) -> HoverTool:
    return HoverTool(renderers=renderers, tooltips=[("", "$name"), ("x", "@x{0.00}"), ("", value)])


def _chip(name: str) -> str:
    text = html.escape(name)
    return f'<label class="chip"><input type="checkbox" name="function" value="{text}"><span>{text}</span></label>'


def _radios(name: str, labels: list[str], values: Any, chosen: str) -> str:
    return "".join(
        f'<label class="chip"><input type="radio" name="{name}" value="{value}"{" checked" * (value == chosen)}>'
        f"<span>{html.escape(label)}</span></label>"
        for label, value in zip(labels, values, strict=True)
    )


def _embedded(value: Any) -> str:
    """JSON that can be placed within a script element."""
    return json.dumps(value, separators=(",", ":"), default=float).replace("<", "\\u003c")
