"""The report of `fixed_point`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.quantisation import integer_bits
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import REFUTED, SUPPORTED, mean_interval
from experiments.core.style import canvas, legend, listed, title

from .measure import EIGHT, FORMATS, PIXELS, SIX, Config
from .verdicts import (
    BEST_OF,
    KRISHNAMOORTHI,
    KRIZHEVSKY,
    MARGIN,
    accuracy,
    drop,
    nets,
    points,
    ready,
    saved,
)

TITLE = "Is ReLU6 ready for fixed point?"

SHADES = {np.inf: "#0072B2", SIX: "#D55E00"}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_drops_table(config, runs), _nets_table(config, runs)],
    )


def capped(cap: float) -> str:
    """A kind of net as written in a sentence."""
    return {np.inf: "ReLU", SIX: "ReLU6"}.get(cap, f"ReLU capped at {cap:g}")


def _whole(runs: Runs, pixels: str, cap: float) -> float:
    return 100 * float(np.mean([run["accuracy"] for run in nets(runs, pixels, cap)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for pixels in PIXELS:
        tops = [max(run["largest"]) for run in nets(runs, pixels, np.inf)]
        integer = integer_bits(np.array([min(tops), max(tops)]))
        sentences.append(
            f"On {pixels} pixels the largest output of a hidden ReLU unit on the training part is between "
            f"{min(tops):.1f} and {max(tops):.1f}, so that m = {listed([str(m) for m in np.unique(integer)])} "
            "holds all."
        )
        for how in FORMATS:
            losses = [points(drop(config, runs, pixels, np.inf, how, bits).mean()) for bits in config.bits]
            less = [points(drop(config, runs, pixels, SIX, how, bits).mean()) for bits in config.bits]
            sentences.append(
                f"{pixels.capitalize()} pixels, {how}, {listed([str(bits) for bits in config.bits])} bits: ReLU loses "
                f"{listed(losses)} points, ReLU6 {listed(less)}."
            )
    blown = sum(run["diverged"] for run in runs)
    sentences.append(f"{blown} of {len(runs)} nets blew up; a verdict that rests on one of them is inconclusive.")
    if outside := sum(not run["interior"] for run in runs):
        sentences.append(f"{outside} nets were tuned to the border of a window: better settings may exist there.")
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    whole, rounded = [], []
    for pixels in PIXELS:
        relu, relu6 = (float(accuracy(config, runs, pixels, cap, BEST_OF, EIGHT).mean()) for cap in (np.inf, SIX))
        whole.append(f"{points(_whole(runs, pixels, np.inf) - _whole(runs, pixels, SIX))} ({pixels} pixels)")
        rounded.append(f"{points(relu - relu6)} ({pixels} pixels)")
    return [
        f"{KRISHNAMOORTHI} (figure 16, MobileNet-v1). Ours, accuracy of ReLU less that of ReLU6, in points: "
        f"{listed(whole)} in float32, {listed(rounded)} in {EIGHT} bits.",
        f"{KRIZHEVSKY}.",
        "What differs: theirs are convolutional nets on photographs with weights rounded as well, and their formats "
        "have any scale and not only powers of 2; ours round the outputs of hidden layers only.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for how in FORMATS:
        for pixels in PIXELS:
            verdicts = {bits: ready(saved(config, runs, pixels, how, bits)) for bits in config.bits}
            helps, idle = (
                [str(bits) for bits in config.bits if verdicts[bits] == v] or ["no number of"]
                for v in (SUPPORTED, REFUTED)
            )
            sentences.append(
                f"Format found as '{how}', {pixels} pixels: ReLU6 saves more than {MARGIN:g} points at "
                f"{listed(helps)} bits, and does not at {listed(idle)} bits."
            )
    return sentences


def _caption(config: Config) -> str:
    return (
        "Mean points of test accuracy lost when the outputs of hidden layers are rounded to so many bits, with "
        f"{config.confidence:.0%} intervals over {config.seeds} fresh seeds for ReLU and ReLU6; a column for each way "
        "to find the format."
    )


def _drops_table(config: Config, runs: Runs) -> Table:
    rows = []
    for pixels in PIXELS:
        for how in FORMATS:
            cells = []
            for bits in config.bits:
                one = saved(config, runs, pixels, how, bits)
                cells.append(f"{one.value:.1f} [{one.low:.1f}, {one.high:.1f}] {ready(one).lower()}")
            rows.append([pixels, how, *cells])
    header = ["pixels", "format", *(f"{bits} bits" for bits in config.bits)]
    return Table("Points that rounding costs ReLU more than ReLU6", header, rows)


def _nets_table(config: Config, runs: Runs) -> Table:
    rows = []
    for pixels in PIXELS:
        for cap in config.kinds():
            one = nets(runs, pixels, cap)
            top = np.median([max(run["largest"]) for run in one])
            cells = [f"{np.mean(accuracy(config, runs, pixels, cap, BEST_OF, bits)):.1f}" for bits in config.bits]
            chosen = [
                f"{one[0]['rate']:.4g}",
                f"{one[0]['gain']:.3g}",
                f"{top:.1f}",
                f"{_whole(runs, pixels, cap):.1f}",
            ]
            rows.append([pixels, capped(cap), *chosen, *cells, str(sum(run["diverged"] for run in one))])
    header = ["pixels", "activation", "rate", "gain", "largest output", "float32", *(f"{b} bits" for b in config.bits)]
    return Table(f"Test accuracy in %, format: {BEST_OF}", [*header, "blew up"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Accuracy lost against bits, a row for each kind of pixels and a column for each way to find the format."""
    picture, axes = canvas(len(PIXELS), len(FORMATS), 13.0, 6.4, sharex=True, sharey=True)
    others = dict(zip(sorted(config.caps), ("#009E73", "#CC79A7", "#777777", "#B8860B"), strict=False))
    for row, pixels in enumerate(PIXELS):
        for column, how in enumerate(FORMATS):
            one = axes[row][column]
            for cap in config.kinds():
                paint = SHADES.get(cap, others.get(cap, "#444444"))
                spread = [
                    mean_interval(drop(config, runs, pixels, cap, how, bits), config.confidence) for bits in config.bits
                ]
                bold = cap in SHADES
                one.plot(
                    config.bits,
                    [each.value for each in spread],
                    "o-" if bold else ".-",
                    color=paint,
                    label=capped(cap),
                    linewidth=1.8 if bold else 1.0,
                )
                if bold:
                    low, high = [each.low for each in spread], [each.high for each in spread]
                    one.fill_between(config.bits, low, high, color=paint, alpha=0.2, linewidth=0)
            title(one, f"{pixels}, {how}")
            one.set_xticks(config.bits)
    for one in axes[-1]:
        one.set_xlabel("bits")
    for line in axes:
        line[0].set_ylabel("points lost by rounding")
    legend(picture, axes[0][0], len(config.kinds()))
    return picture
