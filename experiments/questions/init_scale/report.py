"""The report of `init_scale`: sentences, a table and a figure, all computed from the runs."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.style import canvas, color, legend, listed, named, plain_log, title, whiskers

from .measure import LECUN, Config, Kind
from .verdicts import SATURATE, at, of_kind, saturated, steps

TITLE = "Are small initial weights safe?"

MOST_COLUMNS = 4  # of a figure that is to be read on a page


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and table."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
    )


def _arrives(config: Config, runs: Runs, name: str) -> list[float]:
    """The scales at which the median net reaches the threshold."""
    return [scale for scale in sorted(config.scales) if np.isfinite(steps(config, runs, name, scale).value)]


def _percent(config: Config, runs: Runs, name: str, scale: float, when: str) -> float:
    return 100 * saturated(config, runs, name, scale, when).value


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [
        f"{kind.written}, {found}" for kind in config.kinds() for found in _of_kind(config, of_kind(runs, kind))
    ]
    never, blown = sum(np.isinf(run["steps"]) for run in runs), sum(run["diverged"] for run in runs)
    border = {
        (Kind(run["depth"], run["normalised"]), run["activation"], run["scale"]) for run in runs if not run["interior"]
    }
    sentences.append(f"Of {len(runs)} tuned runs {never} never got there and {blown} blew up; both count as never.")
    arrived = sum(scale in _arrives(config, of_kind(runs, kind), name) for kind, name, scale in border)
    sentences.append(
        f"For {len(border)} pairs of activation and scale the best rate was the lowest or highest tried; in {arrived} "
        "of them the median net got there."
    )
    return sentences


def _of_kind(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for name in config.activations:
        good = _arrives(config, runs, name)
        if not good:
            sentences.append(f"{named(name)}: no scale gets the median net to {config.threshold:.0%} training error.")
            continue
        best = min(good, key=lambda scale, n=name: steps(config, runs, n, scale).value)
        low = [scale for scale in config.scales if scale < min(good)]
        high = [scale for scale in config.scales if scale > max(good)]
        ends = [f"at {max(low):g} and below" if low else "", f"at {min(high):g} and above" if high else ""]
        fails = listed([end for end in ends if end])
        reach = f"from scale {min(good):g} to {max(good):g}" if len(good) > 1 else f"at scale {best:g} only"
        sentences.append(
            f"{named(name)}: the median net gets to {config.threshold:.0%} training error {reach}, "
            f"fastest at {best:g} with {steps(config, runs, name, best).value:g} steps; "
            + (f"it fails {fails}." if fails else "it fails at no scale.")
        )
    for name in (name for name in config.activations if name in SATURATE):
        shares = listed(
            [f"{scale:g}: {_percent(config, runs, name, scale, 'before'):.1f} %" for scale in config.scales]
        )
        sentences.append(f"{named(name)}: saturated units before training, by scale: {shares}.")
        grown = max(config.scales, key=lambda scale, n=name: _growth(config, runs, n, scale))
        sentences.append(
            f"{named(name)}: training saturates units most at scale {grown:g}, from "
            f"{_percent(config, runs, name, grown, 'before'):.1f} to "
            f"{_percent(config, runs, name, grown, 'after'):.1f} %."
        )
    return sentences


def _growth(config: Config, runs: Runs, name: str, scale: float) -> float:
    before, after = (_percent(config, runs, name, scale, when) for when in ("before", "after"))
    return float(np.nan_to_num(after - before, nan=-np.inf))


def _compared(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for kind, name in product(config.kinds(), [name for name in config.activations if name in SATURATE]):
        deep = of_kind(runs, kind)
        good = _arrives(config, deep, name)
        if good:
            before = _percent(config, deep, name, max(good), "before")
            sentences.append(
                f"Saturated is not untrainable: the {named(name)} nets of scale {max(good):g} with {kind.written} "
                f"start with {before:.0f} % of their units saturated and still get there."
            )
    return [
        "The notes give no number, and no lower end: that weights can be too small they do not say.",
        *sentences,
        "Glorot & Bengio 2010 found that saturated units can move out of saturation by themselves, slowly, and that "
        "sigmoid is unsuited to deep nets with the initial weights of their time.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    small = [scale for scale in config.scales if scale < LECUN]
    for kind in config.kinds():
        deep = of_kind(runs, kind)
        for name in config.activations:
            good = _arrives(config, deep, name)
            if good:
                best = min(good, key=lambda scale, n=name, r=deep: steps(config, r, n, scale).value)
                usual = "LeCun's weights" if best == LECUN else f"{best:g} times LeCun's weights"
                sentences.append(f"{named(name)} with {kind.written}: start from {usual}.")
        stuck = [one for one in small if all(one not in _arrives(config, deep, name) for name in config.activations)]
        if stuck:
            sentences.append(
                f"Small is not safe: at {max(stuck):g} times LeCun's weights and below none of these nets with "
                f"{kind.written} gets to {config.threshold:.0%} training error in {config.steps} steps at any rate. "
                "Aim at the scale that keeps the signal's size."
            )
    return sentences


def _caption(config: Config) -> str:
    text = (
        f"Top: median steps to {config.threshold:.0%} training error, each scale at its own learning rate, with "
        f"{config.confidence:.0%} intervals over {config.seeds} fresh seeds; open triangles above the dashed line are "
        f"medians that never got there in {config.steps} steps. Bottom: share of units and training examples whose "
        "slope is below 5 % of the largest, before training (lines) and after (dots); of ReLU this is the share of "
        "zero slopes. The vertical line is LeCun's rule."
    )
    return text + (" Last panel: the scales at which the median net got there." if len(config.kinds()) > 1 else "")


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for kind, name, scale in product(config.kinds(), config.activations, config.scales):
        deep = of_kind(runs, kind)
        nets = at(deep, name, scale)
        shares = [f"{_percent(config, deep, name, scale, when):.1f}" for when in ("before", "after")]
        median = steps(config, deep, name, scale).value
        arrived = sum(np.isfinite(net["steps"]) for net in nets)
        counts = [f"{arrived} of {len(nets)}", str(sum(net["diverged"] for net in nets))]
        row = [
            kind.written,
            named(name),
            f"{scale:g}",
            f"{nets[0]['rate']:.3g}",
            f"{median:g}" if np.isfinite(median) else "never",
        ]
        rows.append([*row, *counts, f"{np.mean([net['error'] for net in nets]):.0%}", *shares])
    header = [
        "net",
        "activation",
        "scale",
        "tuned rate",
        "median steps",
        "arrived",
        "blew up",
        "training error in the end",
    ]
    return Table("Every scale", [*header, "saturated before in %", "saturated after in %"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Steps above saturated units against the initial scale, for every kind of net; of several, where they learn."""
    several = len(config.kinds()) > 1
    columns = min(MOST_COLUMNS, len(config.kinds()) + several)
    blocks = -(-(len(config.kinds()) + several) // columns)
    picture, axes = canvas(2 * blocks, columns, 3.7 * columns if several else 7.5, 6.4 * blocks)
    pairs = [pair for row in range(0, 2 * blocks, 2) for pair in zip(axes[row], axes[row + 1], strict=True)]
    for place, (kind, (top, bottom)) in enumerate(zip(config.kinds(), pairs, strict=False)):
        _draw_kind(config, of_kind(runs, kind), top, bottom)
        title(top, kind.written)
        if place % columns == 0:
            top.set_ylabel(f"steps to {config.threshold:.0%} error")
            bottom.set_ylabel("saturated units in %")
    spare = [one for pair in pairs[len(config.kinds()) :] for one in pair]
    if several:
        _draw_where(config, runs, spare.pop(0))
    for one in spare:
        one.set_axis_off()
    legend(picture, pairs[0][1], len(config.activations))
    return picture


def _draw_kind(config: Config, runs: Runs, top: Axes, bottom: Axes) -> None:
    for index, name in enumerate(config.activations):
        _draw_steps(config, runs, top, name, 1.5 * config.steps * 1.25**index)
        for when, style in (("before", "-"), ("after", "o:")):
            shares = [_percent(config, runs, name, scale, when) for scale in config.scales]
            label = named(name) if when == "before" else ""
            bottom.plot(config.scales, shares, style, color=color(name), label=label)
    top.axhline(config.steps, color="#444444", linestyle="--", linewidth=1)
    top.text(config.scales[0], 1.04 * config.steps, "never", fontsize=9, color="#444444")
    top.set_ylim(5, 2 * config.steps * 1.25 ** len(config.activations))
    plain_log(top, [steps for steps in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if steps <= config.steps])
    for one in (top, bottom):
        one.axvline(LECUN, color="#999999", linewidth=1)
        one.set_xscale("log")
    bottom.set(xlabel="initial scale, 1 being LeCun's", ylim=(-4, 104))


def _draw_where(config: Config, runs: Runs, axes: Axes) -> None:
    """The scales at which the median net arrives, kind by kind."""
    for index, name in enumerate(config.activations):
        for place, kind in enumerate(config.kinds()):
            good = _arrives(config, of_kind(runs, kind), name)
            beside = place + 0.2 * (index - (len(config.activations) - 1) / 2)
            axes.plot([beside] * len(good), good, "o-", color=color(name))
    axes.axhline(LECUN, color="#999999", linewidth=1)
    axes.set(yscale="log", xlabel="hidden layers (LN: with LayerNorm)", ylabel="initial scale")
    axes.set_ylim(config.scales[0] / 2, 2 * config.scales[-1])
    ticks = [f"{kind.depth}{' LN' if kind.normalised else ''}" for kind in config.kinds()]
    axes.set_xticks(range(len(ticks)), ticks)
    title(axes, "Scales that learn")


def _draw_steps(config: Config, runs: Runs, top: Axes, name: str, height: float) -> None:
    """Medians with their intervals, and at a height of its own what never got there."""
    medians = [steps(config, runs, name, scale) for scale in config.scales]
    whiskers(top, config.scales, medians, name)
    lost = [scale for scale, median in zip(config.scales, medians, strict=True) if np.isinf(median.value)]
    top.plot(lost, np.full(len(lost), height), "^", color=color(name), markerfacecolor="white")
