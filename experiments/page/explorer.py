"""The explorer: the part of the report in which a reader chooses activations and moves their parameters.

What it shows is made by `experiments/curves.py`, kept in explorer.json beside the report until code or versions change,
and written into the page. Bokeh draws it; `explorer.js` connects the controls with the plots, `explorer.css` gives
both their looks.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bokeh.embed import json_item
from bokeh.models import FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure
from bokeh.resources import Resources
from rich.console import Console

from experiments.core.progress import watched
from experiments.core.provenance import fingerprint, version
from experiments.core.result import write
from experiments.instruments.accuracy.ulps import ORDERS

from .curves import explored

HERE = Path(__file__).parent
SLOTS = 6
"""How many activations are shown at once: as many colours as can be told apart."""
DASHES = ("solid", [9, 4], [2, 3], [9, 3, 2, 3], [16, 4], [4, 2])
"""For eyes and printers without colours."""
FIRST = ("relu", "elu", "swish")
"""What is chosen when the page opens."""


@dataclass(frozen=True)
class Config:
    """Nothing can be set; the fingerprint asks for a dataclass."""


def kept(folder: Path) -> dict[str, Any] | None:
    """The data of the explorer, if they still hold."""
    try:
        stored = json.loads((folder / "explorer.json").read_text("utf-8"))
        return stored["data"] if stored["fingerprint"] == fingerprint(__name__, Config()) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def made(folder: Path, console: Console) -> dict[str, Any]:
    """The same, computed if there is need: every activation is compiled, which takes a minute or two."""
    if data := kept(folder):
        return data
    mark = fingerprint(__name__, Config())
    with watched("explorer", console) as progress:
        data = explored(progress)
    write(folder / "explorer.json", json.dumps({"fingerprint": mark, "data": data}, separators=(",", ":")))
    return data


def section(data: dict[str, Any]) -> str:
    """The explorer as HTML that needs nothing else."""
    families: dict[str, list[str]] = {}
    for name, known in data["functions"].items():
        families.setdefault(known["family"], []).append(name)
    chips = "".join(
        f"<fieldset><legend>{family}</legend>{''.join(map(_chip, names))}</fieldset>"
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
    parts = {
        "style": (HERE / "explorer.css").read_text("utf-8"),
        "chips": chips,
        "figures": figures,
        "count": str(len(data["functions"])),
        "slots": str(SLOTS),
        "orders": _radios("order", [o.replace("'", "\u2032") for o in ORDERS], "012", "1"),
        "types": _radios("dtype", ["float32", "bfloat16"], ["float32", "bfloat16"], "float32"),
        "made": f"jaxact {version('jaxact')}, jax {version('jax')}",
        "bokeh": Resources(mode="inline", components=["bokeh"], minified=True).render_js(),
        "data": _embedded({**data, "first": FIRST, "slots": SLOTS}),
        "plots": _embedded(plots),
        "script": (HERE / "explorer.js").read_text("utf-8"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], page)


def _curves() -> Any:
    """Lines, one for each slot; what they show comes from the page."""
    plot = _plot(x_range=Range1d(start=-6, end=6), y_range=Range1d(start=-2, end=4))
    for zero in ("width", "height"):
        plot.add_layout(Span(location=0, dimension=zero, line_width=1, name="zero"))
    lines = [plot.line([], [], line_width=2.4, line_dash=dash, line_cap="round") for dash in DASHES]
    plot.add_tools(_hover(lines, "@y{0.0000}"))
    return plot


def _errors() -> Any:
    """Dots for jaxact and crosses for jax.nn, one pair for each slot."""
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
    """No gesture is taken from the page: a finger scrolls it, until a tool is chosen."""
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
    return f'<label class="chip"><input type="checkbox" name="function" value="{name}"><span>{name}</span></label>'


def _radios(name: str, labels: list[str], values: Any, chosen: str) -> str:
    return "".join(
        f'<label class="chip"><input type="radio" name="{name}" value="{value}"{" checked" * (value == chosen)}>'
        f"<span>{html.escape(label)}</span></label>"
        for label, value in zip(labels, values, strict=True)
    )


def _embedded(value: Any) -> str:
    """JSON that may stand within a script element."""
    return json.dumps(value, separators=(",", ":"), default=float).replace("<", "\\u003c")
