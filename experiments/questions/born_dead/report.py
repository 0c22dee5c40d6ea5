"""The report of `born_dead`: sentences, tables and a figure, all computed from the runs."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, percent, wilson_interval
from experiments.core.style import canvas, listed, title

from .measure import OFF_CENTRE, Config
from .verdicts import (
    COLLAPSE,
    LU,
    PUBLISHED,
    SOME,
    at_bias,
    collapsed,
    counts,
    judge,
    layers_text,
    learners,
    lower,
    narrow_width,
    positive_gains,
    share,
    upper,
)

TITLE = "Are ReLU nets dead before training?"

LU_AT_TEN = {3: "about 60 %", 5: "more than 10 %", 10: "less than 1 %"}
"""The dead share that Lu et al. report for 10 layers, by width."""
RARE = 0.01  # of the nets
SOLVED = 0.01  # mean squared error below which a net has learnt |x|, whose variance is 0.25


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_rays_table(config, runs), _biases_table(config, runs)],
        _advice(config, runs),
    )


def _text(interval: Interval) -> str:
    return f"{interval.value:.1f} % [{interval.low:.1f}, {interval.high:.1f}]"


def _biases(config: Config) -> list[float]:
    return sorted((0.0, *config.biases))


def _findings(config: Config, runs: Runs) -> list[str]:
    ordinary, off_centre, narrow, *_ = judge(config, runs)
    answer = {SUPPORTED: "Yes, even ordinary ones", REFUTED: "Not ordinary ones", INCONCLUSIVE: "Undecided"}
    width = narrow_width(config)
    shares = listed(
        [f"{100 * share(config, runs, each, config.hidden).value:.3g} % at width {each}" for each in config.widths]
    )
    return [
        f"{answer[ordinary.verdict]}: before training {_text(ordinary.interval)} of the units of nets with "
        f"{layers_text(config.ordinary)} are dead if inputs are centred, and {_text(off_centre.interval)} if not; of "
        f"nets with {config.hidden} hidden layers of {width}, {_text(narrow.interval)} are a constant.",
        f"Share of nets born dead, with {config.hidden} hidden layers, one input and no biases: {shares}.",
        _on_learners(config, runs),
        *_on_biases(config, runs),
    ]


def _on_learners(config: Config, runs: Runs) -> str:
    parts = []
    for rate in config.rates:
        rows = learners(runs, rate)
        revived = sum(row["born_dead"] and not row["collapsed"] for row in rows)
        killed = sum(row["collapsed"] and not row["born_dead"] for row in rows)
        learnt, diverged = sum(row["loss"] < SOLVED for row in rows), sum(row["diverged"] for row in rows)
        parts.append(
            f"at rate {rate:g} {revived:,} of them revived, {killed:,} more died, {learnt:,} learnt |x| and "
            f"{diverged:,} diverged"
        )
    rows = learners(runs, config.rates[0])
    return (
        f"Of {len(rows):,} nets of width 2 that are to learn |x|, {sum(row['born_dead'] for row in rows):,} were born "
        f"dead; in training by Adam {'; '.join(parts)}."
    )


def _on_biases(config: Config, runs: Runs) -> list[str]:
    negative, positive = ([b for b in _biases(config) if b * sign > 0] for sign in (-1, 1))
    sentences = []
    if negative:
        dead, first = (
            listed([f"{at_bias(runs, 'ordinary', b, what):.1f} % at {b:g}" for b in (0.0, *reversed(negative))])
            for what in ("dead_units", "dead_first")
        )
        sentences.append(f"Dead units of ordinary nets by initial bias: {dead}; in the first layer alone {first}.")
    if positive:
        dead = [f"{at_bias(runs, 'narrow', b, 'dead'):.1f} % at {b:g}" for b in (0.0, *positive)]
        sentences.append(
            f"Nets with {config.hidden} hidden layers of {config.narrow} that are born dead on {TITLES[config.data]}, "
            f"by initial bias: {listed(dead)}."
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


def safe_width(config: Config, runs: Runs) -> int | None:
    """The smallest width from which on less than RARE of the nets are born dead."""
    safe = None
    for width in sorted(config.widths, reverse=True):
        if share(config, runs, width, config.hidden).high >= RARE:
            break
        safe = width
    return safe


def _practice(config: Config, runs: Runs) -> list[str]:
    dead = at_bias(runs, "ordinary", 0.0, "dead_units")
    sentences = [
        f"With centred inputs, nets with {layers_text(config.ordinary)} start with {dead:.1f} % dead units at zero bias"
        + (", so that there is little to prevent." if dead < SOME else ".")
    ]
    gains = {bias: gain for bias, gain in positive_gains(config, runs).items() if gain.high < -SOME}
    if gains:
        best = min(gains, key=lambda bias: gains[bias].value)
        sentences.append(
            f"In nets with {config.hidden} hidden layers of {config.narrow}, a bias of {best:g} saves "
            f"{-gains[best].value:.0f} of 100 from being born dead; a net that is not dead does not necessarily learn."
        )
    return sentences


def _advice(config: Config, runs: Runs) -> str:
    width = safe_width(config, runs)
    if width is None:
        return ""
    narrowest = min(config.widths)
    contrast = (
        f", of width {narrowest} {100 * share(config, runs, narrowest, config.hidden).value:.0f} %"
        if narrowest < width
        else ""
    )
    return (
        f"Make deep ReLU nets at least {width} units wide: with {config.hidden} hidden layers less than {RARE:.0%} of "
        f"them are born dead{contrast} (one input, no biases, {config.nets:,} random nets of each width)."
    )


def _caption(config: Config) -> str:
    return (
        f"Two rays: share of nets born dead by number of hidden layers, {config.nets:,} nets per width, with "
        f"{config.confidence:.0%} intervals narrower than the lines; the shaded bands lie between the bounds of {LU}. "
        "Learning |x|: nets of width 2 that were born dead, died in training, or are alive; the dashed line is the "
        f"published 90 %. Below: dead units and nets with a dead layer on {TITLES[config.data]} before training, by "
        "initial bias, in narrow and in ordinary nets."
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
    shown = {"dead_units": "dead units in %", "dead_first": "in the first layer", "dead": "dead nets in %"}
    cells = [*((kind, bias) for kind in config.kinds() for bias in _biases(config)), (OFF_CENTRE, 0.0)]
    rows = [[kind, f"{bias:g}", *[f"{at_bias(runs, kind, bias, what):.1f}" for what in shown]] for kind, bias in cells]
    return Table(f"Dead before training on {TITLES[config.data]}", ["nets", "bias", *shown.values()], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Four panels: nets born dead by two rays, learning |x|, and dead units by bias of narrow and of ordinary nets."""
    picture, [[rays, line], biases] = canvas(2, 2, 8.0, 6.4)
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(config.widths)))
    for shade, width in zip(shades, config.widths, strict=True):
        layers, dead, nets = zip(*counts(runs, width), strict=True)
        low, high = ([100 * bound(width, hidden) for hidden in layers] for bound in (lower, upper))
        rays.fill_between(layers, low, high, color=shade, alpha=0.15, linewidth=0)
        rays.plot(layers, 100 * np.divide(dead, nets), color=shade, label=f"{width}")
    rays.set(xlabel="hidden layers", ylabel="nets born dead in %", ylim=(-2, 102))
    rays.legend(fontsize=8, loc="upper left", title="width")
    title(rays, "Two rays")
    _draw_learners(config, runs, line)
    for panel, (kind, widths) in zip(biases, config.kinds().items(), strict=True):
        _draw_biases(config, runs, panel, kind)
        title(panel, f"{kind.capitalize()}: {layers_text(widths)}")
    biases[0].legend(fontsize=8)
    return picture


def _draw_biases(config: Config, runs: Runs, panel: Axes, kind: str) -> None:
    places = np.arange(len(_biases(config)))
    for what, label, mark in (
        ("dead_units", "units", "o-"),
        ("dead_first", "first layer", "^--"),
        ("dead", "nets", "x:"),
    ):
        panel.plot(places, [at_bias(runs, kind, bias, what) for bias in _biases(config)], mark, label=label)
    panel.set_xticks(places, [f"{value:g}" for value in _biases(config)])
    panel.set(xlabel="initial bias", ylabel="dead in %", ylim=(-2, 102))


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
