"""The report of `fixed_point`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.quantisation import integer_bits
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import REFUTED, SUPPORTED, mean_interval
from experiments.core.style import canvas, legend, listed, title

from .measure import EIGHT, FORMATS, PIXELS, SIX, Config
from .verdicts import (
    COMPARED_FORMAT,
    KRISHNAMOORTHI,
    KRIZHEVSKY,
    MARGIN,
    accuracy,
    advantage,
    drop,
    nets,
    points,
    readiness,
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
    """The name of an activation with this cap in a sentence."""
    return {np.inf: "ReLU", SIX: "ReLU6"}.get(cap, f"ReLU capped at {cap:g}")


def _in_float32(runs: Runs, pixels: str, cap: float) -> float:
    return 100 * float(np.mean([run["accuracy"] for run in nets(runs, pixels, cap)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for pixels in PIXELS:
        tops = [max(run["largest"]) for run in nets(runs, pixels, np.inf)]
        integer = integer_bits(np.array([min(tops), max(tops)]))
        sentences.append(
            f"On {pixels} pixels the largest output of a hidden ReLU unit on the training part is between "
            f"{min(tops):.1f} and {max(tops):.1f}, so that m = {listed([str(m) for m in np.unique(integer)])} "
            "holds all outputs."
        )
        for how in FORMATS:
            relu_drops = [points(drop(config, runs, pixels, np.inf, how, bits).mean()) for bits in config.bits]
            relu6_drops = [points(drop(config, runs, pixels, SIX, how, bits).mean()) for bits in config.bits]
            sentences.append(
                f"{pixels.capitalize()} pixels, {how}, {listed([str(bits) for bits in config.bits])} bits: ReLU loses "
                f"{listed(relu_drops)} points, ReLU6 {listed(relu6_drops)}."
            )
    diverged = sum(run["diverged"] for run in runs)
    sentences.append(f"{diverged} of {len(runs)} nets diverged; a verdict that includes one of them is inconclusive.")
    if outside := sum(not run["interior"] for run in runs):
        sentences.append(f"{outside} nets were tuned to the border of a window: better settings may exist there.")
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    in_float32, rounded = [], []
    for pixels in PIXELS:
        relu, relu6 = (
            float(accuracy(config, runs, pixels, cap, COMPARED_FORMAT, EIGHT).mean()) for cap in (np.inf, SIX)
        )
        in_float32.append(
            f"{points(_in_float32(runs, pixels, np.inf) - _in_float32(runs, pixels, SIX))} ({pixels} pixels)"
        )
        rounded.append(f"{points(relu - relu6)} ({pixels} pixels)")
    return [
        f"{KRISHNAMOORTHI} (figure 16, MobileNet-v1). Ours, accuracy of ReLU minus that of ReLU6, in points: "
        f"{listed(in_float32)} in float32, {listed(rounded)} in {EIGHT} bits.",
        f"{KRIZHEVSKY}.",
        "What differs: theirs are convolutional nets on photographs with weights rounded as well, and their formats "
        "have any scale and not only powers of 2; ours round the outputs of hidden layers only.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for how in FORMATS:
        for pixels in PIXELS:
            verdicts = {bits: readiness(advantage(config, runs, pixels, how, bits)) for bits in config.bits}
            helps, no_help = (
                [str(bits) for bits in config.bits if verdicts[bits] == v] or ["no number of"]
                for v in (SUPPORTED, REFUTED)
            )
            sentences.append(
                f"Format found as '{how}', {pixels} pixels: ReLU6 saves more than {MARGIN:g} points at "
                f"{listed(helps)} bits, and does not at {listed(no_help)} bits."
            )
    return sentences


def _caption(config: Config) -> str:
    return (
        "Mean drop in test accuracy, in points, by the number of bits to which outputs of hidden layers are rounded, "
        f"with {config.confidence:.0%} intervals over {config.seeds} fresh seeds for ReLU and ReLU6; a "
        "column for each way to find the format."
    )


def _drops_table(config: Config, runs: Runs) -> Table:
    rows = []
    for pixels in PIXELS:
        for how in FORMATS:
            cells = []
            for bits in config.bits:
                interval = advantage(config, runs, pixels, how, bits)
                value, low, high = interval
                cells.append(f"{value:.1f} [{low:.1f}, {high:.1f}] {readiness(interval).lower()}")
            rows.append([pixels, how, *cells])
    header = ["pixels", "format", *(f"{bits} bits" for bits in config.bits)]
    return Table("Drop of ReLU minus that of ReLU6, in points", header, rows)


def _nets_table(config: Config, runs: Runs) -> Table:
    rows = []
    for pixels in PIXELS:
        for cap in config.kinds():
            of_cap = nets(runs, pixels, cap)
            top = np.median([max(run["largest"]) for run in of_cap])
            cells = [
                f"{np.mean(accuracy(config, runs, pixels, cap, COMPARED_FORMAT, bits)):.1f}" for bits in config.bits
            ]
            settings = [
                f"{of_cap[0]['rate']:.4g}",
                f"{of_cap[0]['gain']:.3g}",
                f"{top:.1f}",
                f"{_in_float32(runs, pixels, cap):.1f}",
            ]
            rows.append([pixels, capped(cap), *settings, *cells, str(sum(run["diverged"] for run in of_cap))])
    header = ["pixels", "activation", "rate", "gain", "largest output", "float32", *(f"{b} bits" for b in config.bits)]
    return Table(f"Test accuracy in %, format: {COMPARED_FORMAT}", [*header, "diverged"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """The drop against the bits: a row for each kind of pixels, a column for each format."""
    picture, axes = canvas(len(PIXELS), len(FORMATS), 13.0, 6.4, sharex=True, sharey=True)
    others = dict(zip(sorted(config.caps), ("#009E73", "#CC79A7", "#777777", "#B8860B"), strict=False))
    for row, pixels in enumerate(PIXELS):
        for column, how in enumerate(FORMATS):
            panel = axes[row][column]
            for cap in config.kinds():
                line_color = SHADES.get(cap, others.get(cap, "#444444"))
                drops = [
                    mean_interval(drop(config, runs, pixels, cap, how, bits), config.confidence) for bits in config.bits
                ]
                bold = cap in SHADES
                panel.plot(
                    config.bits,
                    [each.value for each in drops],
                    "o-" if bold else ".-",
                    color=line_color,
                    label=capped(cap),
                    linewidth=1.8 if bold else 1.0,
                )
                if bold:
                    low, high = [each.low for each in drops], [each.high for each in drops]
                    panel.fill_between(config.bits, low, high, color=line_color, alpha=0.2, linewidth=0)
            title(panel, f"{pixels}, {how}")
            panel.set_xticks(config.bits)
    for panel in axes[-1]:
        panel.set_xlabel("bits")
    for panels in axes:
        panels[0].set_ylabel("points lost by rounding")
    legend(picture, axes[0][0], len(config.kinds()))
    return picture
