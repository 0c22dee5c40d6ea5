"""The report of `born_dead`: sentences, tables and a figure, all computed from the runs."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import Interval, wilson_interval
from experiments.core.style import canvas, color, listed, title

from .measure import Config
from .verdicts import (
    COLLAPSE,
    LU,
    PUBLISHED,
    at_bias,
    collapsed,
    counts,
    learners,
    lower,
    percent,
    share,
    upper,
)

TITLE = "Are ReLU nets dead before training?"

LU_AT_TEN = {3: "about 60 %", 5: "more than 10 %", 10: "less than 1 %"}
"""The dead share that Lu et al. report for 10 layers, by width."""
SOLVED = 0.01  # mean squared error below which a net has learnt |x|, whose variance is 0.25


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_rays_table(config, runs), _biases_table(config, runs)],
    )


def _text(interval: Interval) -> str:
    return f"{interval.value:.1f} % [{interval.low:.1f}, {interval.high:.1f}]"


def _biases(config: Config) -> list[float]:
    return sorted((0.0, *config.biases))


def _findings(config: Config, runs: Runs) -> list[str]:
    shares = listed(
        [f"{_text(percent(share(config, runs, width, config.hidden)))} at width {width}" for width in config.widths]
    )
    sentences = [f"Share of nets born dead, with {config.hidden} hidden layers, one input and no biases: {shares}."]
    for rate in config.rates:
        rows = learners(runs, rate)
        born = [row for row in rows if row["born_dead"]]
        revived = sum(not row["collapsed"] for row in born)
        killed = sum(row["collapsed"] for row in rows) - (len(born) - revived)
        learnt, diverged = sum(row["loss"] < SOLVED for row in rows), sum(row["diverged"] for row in rows)
        sentences.append(
            f"Learning |x| with Adam at {rate:g}: {len(born)} of {len(rows)} nets were born dead, {revived} of them "
            f"revived, {killed} more died in training, {learnt} learnt |x|, {diverged} diverged."
        )
    for kind in config.kinds():
        units, nets = (
            listed([f"{at_bias(runs, kind, bias, what):.1f} % at {bias:g}" for bias in _biases(config)])
            for what in ("dead_units", "dead")
        )
        sentences.append(
            f"On {TITLES[config.data]}, {kind} nets, by initial bias: dead units {units}; "
            f"nets with a dead layer {nets}."
        )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    ours = listed([f"{_text(collapsed(config, runs, rate))} at rate {rate:g}" for rate in config.rates])
    known = [width for width in config.widths if width in LU_AT_TEN]
    theirs = "; ".join(
        f"width {width} {LU_AT_TEN[width]}, ours {100 * share(config, runs, width, config.hidden).value:.1f} %"
        for width in known
    )
    gaps = {
        width: max(100 * (dead / nets - lower(width, hidden)) for hidden, dead, nets in counts(runs, width))
        for width in config.widths
    }
    return [
        f"{PUBLISHED}, with 10 layers of width 2. Ours: {ours}.",
        *([f"{LU} on 10 layers, that is 9 hidden ones: {theirs}."] if known and config.hidden == 9 else []),
        "The share of dead nets exceeds the lower bound by at most "
        + listed([f"{gap:.1f} points at width {width}" for width, gap in gaps.items()])
        + ".",
        "For two hidden layers and width N the lower bound is the exact value, (3 - 2^(1-N)) / 4^N, only with the "
        "exponents used here.",
        "What differs: their inputs, steps and rates are not those used here. Whether a net is born dead depends on "
        "none of them.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    safe = [width for width in config.widths if share(config, runs, width, config.hidden).high < 0.01]
    sentences = []
    if safe:
        sentences.append(
            f"Only narrow nets are born dead: of nets with {config.hidden} hidden layers of {min(safe)} units, less "
            "than 1 % are."
        )
    dead = at_bias(runs, "ordinary", 0.0, "dead_units")
    sentences.append(f"Ordinary nets start with {dead:.1f} % dead units at zero bias, so there is little to prevent.")
    best = min(_biases(config), key=lambda bias: at_bias(runs, "narrow", bias, "dead"))
    sentences.append(
        f"Fewest narrow nets are born dead with bias {best:g}: {at_bias(runs, 'narrow', best, 'dead'):.1f} % instead "
        f"of {at_bias(runs, 'narrow', 0.0, 'dead'):.1f} %. A net that is not dead does not necessarily learn."
    )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"Left: share of nets born dead by number of hidden layers, {config.nets:,} nets per width, with "
        f"{config.confidence:.0%} intervals narrower than the lines; the shaded bands lie between the bounds of {LU}. "
        "Middle: nets of width 2 that were trained to learn |x|: born dead, died in training, or alive; the dashed "
        "line is the published 90 %. "
        f"Right: dead units (dots) and nets with a dead layer (crosses) on {TITLES[config.data]}, by initial bias."
    )


def _rays_table(config: Config, runs: Runs) -> Table:
    shown = sorted({1, 2, config.hidden, config.most_hidden})
    rows = []
    for width in config.widths:
        for hidden, dead, nets in counts(runs, width):
            if hidden in shown:
                value, low, high = percent(wilson_interval(dead, nets, config.confidence))
                bounds = [f"{100 * bound(width, hidden):.3f}" for bound in (lower, upper)]
                rows.append(
                    [
                        str(width),
                        str(hidden),
                        f"{value:.3f} [{low:.3f}, {high:.3f}]",
                        *bounds,
                    ]
                )
    return Table("Nets born dead in %", ["width", "hidden layers", "measured", "lower bound", "upper bound"], rows)


def _biases_table(config: Config, runs: Runs) -> Table:
    rows = [
        [kind, f"{bias:g}", *[f"{at_bias(runs, kind, bias, what):.1f}" for what in ("dead_units", "dead")]]
        for kind in config.kinds()
        for bias in _biases(config)
    ]
    return Table(
        f"Dead before training on {TITLES[config.data]}", ["nets", "bias", "dead units in %", "dead nets in %"], rows
    )


def figure(config: Config, runs: Runs) -> Figure:
    """Three panels: nets born dead by two rays, learning |x|, and dead units by bias."""
    picture, [[rays, line, bias]] = canvas(1, 3, 12.0, 4.0)
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(config.widths)))
    for shade, width in zip(shades, config.widths, strict=True):
        layers, dead, nets = zip(*counts(runs, width), strict=True)
        low, high = ([100 * bound(width, hidden) for hidden in layers] for bound in (lower, upper))
        rays.fill_between(layers, low, high, color=shade, alpha=0.15, linewidth=0)
        rays.plot(layers, 100 * np.divide(dead, nets), color=shade, label=f"{width}")
    rays.set(xlabel="hidden layers", ylabel="nets born dead in %", ylim=(-2, 102))
    rays.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), title="width")
    title(rays, "Two rays")
    _draw_learners(config, runs, line)
    for kind, activation in (("narrow", "tanh"), ("ordinary", "relu")):  # whose colours are used
        places = np.arange(len(_biases(config)))
        for what, mark in (("dead_units", "o-"), ("dead", "x:")):
            shares = [at_bias(runs, kind, value, what) for value in _biases(config)]
            label = f"{kind}, {'units' if what == 'dead_units' else 'nets'}"
            bias.plot(places, shares, mark, color=color(activation), label=label)
    bias.set_xticks(places, [f"{value:g}" for value in _biases(config)])
    bias.set(xlabel="initial bias", ylabel="dead in %", ylim=(-2, 102))
    bias.legend(fontsize=8)
    title(bias, f"Biases, on {TITLES[config.data]}")
    return picture


def _draw_learners(config: Config, runs: Runs, line: Axes) -> None:
    """Stacked bars, one per rate: nets born dead, died in training, and alive."""
    for place, rate in enumerate(config.rates):
        rows, bottom = learners(runs, rate), 0.0
        born = sum(row["born_dead"] and row["collapsed"] for row in rows)
        died = sum(row["collapsed"] and not row["born_dead"] for row in rows)
        parts = ((born, "born dead", "#444444"), (died, "died in training", "#B8860B"))
        for count, label, shade in (*parts, (len(rows) - born - died, "alive", "#009E73")):
            height = 100 * count / len(rows)
            line.bar(place, height, bottom=bottom, width=0.6, color=shade, label=label if place == 0 else "")
            bottom += height
    line.axhline(COLLAPSE, color="#ffffff", linestyle="--", linewidth=1.2)
    line.set_xticks(range(len(config.rates)), [f"{rate:g}" for rate in config.rates])
    line.set(xlabel="learning rate of Adam", ylabel="nets in %", ylim=(0, 100))
    line.legend(fontsize=8, loc="lower center")
    title(line, "Learning |x|")
