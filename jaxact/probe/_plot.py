"""A figure of a history of records."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ._diagnosis import Row

if TYPE_CHECKING:
    from ._monitor import Record

NAMED = 10
"""Sites have names in the legend up to this number; of more, the first, the middle and the last."""


def figure(history: "Sequence[Record]") -> Figure:
    """The loss, and a panel for each measure with a line a site, from dark to light in the order of the program."""
    steps = [record.step for record in history]
    shown = Figure(figsize=(11, 6.4), layout="constrained")
    (loss, saturated), (never_on, gradient) = shown.subplots(2, 2, sharex=True)
    loss.plot(steps, [record.mean_loss for record in history], color="#333333", marker=".")
    rows = history[0].rows if history else ()
    named = {0, len(rows) // 2, len(rows) - 1} if len(rows) > NAMED else set(range(len(rows)))

    def draw(axes: Axes, measure: Callable[[Row], float]) -> None:
        for position, row in enumerate(rows):
            color = colormaps["viridis"](0.85 * position / max(len(rows) - 1, 1))
            label = row.site if position in named else None
            axes.plot(steps, [measure(r.rows[position]) for r in history], color=color, label=label, marker=".")

    draw(saturated, lambda row: row.share_saturated if row.units else np.nan)
    draw(never_on, lambda row: len(row.never_on) / row.units if row.units else np.nan)
    draw(gradient, lambda row: row.gradient_rms if 0 < row.gradient_rms < np.inf else np.nan)
    titles = ("mean loss", "saturated elements", "units never on", "gradient, root mean square")
    for axes, title in zip((loss, saturated, never_on, gradient), titles, strict=True):
        axes.set_title(title, loc="left", fontweight="bold", fontsize=11)
        axes.grid(color="#e4e4e4")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (saturated, never_on):
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    if any(0 < row.gradient_rms < np.inf for record in history for row in record.rows):
        gradient.set_yscale("log")
    for axes in (never_on, gradient):
        axes.set_xlabel("step")
    if rows:
        shown.legend(
            *gradient.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9
        )
    return shown
