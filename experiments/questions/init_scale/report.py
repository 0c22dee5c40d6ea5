"""The report of `init_scale`: sentences, a table and a figure, all computed from the runs."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.style import canvas, color, legend, listed, named, plain_log, title, whiskers

from .measure import LECUN, Config, Kind
from .verdicts import SIGMOIDAL, of_kind, of_scale, saturated, steps

TITLE = "Are small initial weights safe?"

MOST_COLUMNS = 4  # of panels that are readable on a page


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and table."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
    )


def _scales_that_learn(config: Config, runs: Runs, name: str) -> list[float]:
    """The scales at which the median net reaches the threshold."""
    return [scale for scale in sorted(config.scales) if np.isfinite(steps(config, runs, name, scale).value)]


def _percent(config: Config, runs: Runs, name: str, scale: float, when: str) -> float:
    return 100 * saturated(config, runs, name, scale, when).value


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [
        f"{kind.text}, {finding}"
        for kind in config.kinds()
        for finding in _findings_of_kind(config, of_kind(runs, kind))
    ]
    never, diverged = sum(np.isinf(run["steps"]) for run in runs), sum(run["diverged"] for run in runs)
    border = {
        (Kind(run["depth"], run["normalised"]), run["activation"], run["scale"]) for run in runs if not run["interior"]
    }
    sentences.append(
        f"Of {len(runs)} tuned runs {never} never reached that error, {diverged} diverged; both count as "
        "infinitely many steps."
    )
    learning = sum(scale in _scales_that_learn(config, of_kind(runs, kind), name) for kind, name, scale in border)
    sentences.append(
        f"For {len(border)} pairs of activation and scale the best rate was the lowest or highest tried; in {learning} "
        "of them the median net reached the error."
    )
    return sentences


def _findings_of_kind(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for name in config.activations:
        scales = _scales_that_learn(config, runs, name)
        if not scales:
            sentences.append(
                f"{named(name)}: the median net reaches {config.threshold:.0%} training error at no scale."
            )
            continue
        best = min(scales, key=lambda scale, n=name: steps(config, runs, n, scale).value)
        low = [scale for scale in config.scales if scale < min(scales)]
        high = [scale for scale in config.scales if scale > max(scales)]
        ends = [f"at {max(low):g} and below" if low else "", f"at {min(high):g} and above" if high else ""]
        fails = listed([end for end in ends if end])
        where = f"from scale {min(scales):g} to {max(scales):g}" if len(scales) > 1 else f"at scale {best:g} only"
        sentences.append(
            f"{named(name)}: the median net reaches {config.threshold:.0%} training error {where}, "
            f"fastest at {best:g} with {steps(config, runs, name, best).value:g} steps; "
            + (f"it fails {fails}." if fails else "it fails at no scale.")
        )
    for name in (name for name in config.activations if name in SIGMOIDAL):
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
    for kind, name in product(config.kinds(), [name for name in config.activations if name in SIGMOIDAL]):
        nets_of_kind = of_kind(runs, kind)
        scales = _scales_that_learn(config, nets_of_kind, name)
        if scales:
            before = _percent(config, nets_of_kind, name, max(scales), "before")
            sentences.append(
                f"Saturated nets can be trained: the {named(name)} nets of scale {max(scales):g} with {kind.text} "
                f"start with {before:.0f} % of their units saturated and reach the error."
            )
    return [
        "The notes give no number and no lower limit: they do not say that weights can be too small.",
        *sentences,
        "Glorot & Bengio 2010 found that saturated units can move out of saturation by themselves, slowly, and that "
        "sigmoid is unsuited to deep nets with the initial weights of their time.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    small = [scale for scale in config.scales if scale < LECUN]
    for kind in config.kinds():
        nets_of_kind = of_kind(runs, kind)
        for name in config.activations:
            scales = _scales_that_learn(config, nets_of_kind, name)
            if scales:
                best = min(scales, key=lambda scale, n=name, r=nets_of_kind: steps(config, r, n, scale).value)
                usual = "LeCun's weights" if best == LECUN else f"{best:g} times LeCun's weights"
                sentences.append(f"{named(name)} with {kind.text}: start from {usual}.")
        stuck = [
            scale
            for scale in small
            if all(scale not in _scales_that_learn(config, nets_of_kind, name) for name in config.activations)
        ]
        if stuck:
            sentences.append(
                f"Small is not safe: at {max(stuck):g} times LeCun's weights and below none of these nets with "
                f"{kind.text} reaches {config.threshold:.0%} training error in {config.steps} steps at any rate. "
                "Choose the scale that keeps the size of the signal from layer to layer."
            )
    return sentences


def _caption(config: Config) -> str:
    text = (
        f"Top: median steps to {config.threshold:.0%} training error, each scale at its own learning rate, with "
        f"{config.confidence:.0%} intervals over {config.seeds} fresh seeds; open triangles above the dashed line "
        f"are infinite medians: the error is not reached in {config.steps} steps. Bottom: share of units and training "
        "examples whose slope is below 5 % of the largest, before training (lines) and after (dots); "
        "for ReLU this is the share of zero slopes. The vertical line is LeCun's rule."
    )
    return text + (
        " Last panel: the scales at which the median net reached the error." if len(config.kinds()) > 1 else ""
    )


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for kind, name, scale in product(config.kinds(), config.activations, config.scales):
        nets_of_kind = of_kind(runs, kind)
        nets = of_scale(nets_of_kind, name, scale)
        shares = [f"{_percent(config, nets_of_kind, name, scale, when):.1f}" for when in ("before", "after")]
        median = steps(config, nets_of_kind, name, scale).value
        reached = sum(np.isfinite(net["steps"]) for net in nets)
        counts = [f"{reached} of {len(nets)}", str(sum(net["diverged"] for net in nets))]
        row = [
            kind.text,
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
        "reached the error",
        "diverged",
        "training error after the last step",
    ]
    return Table("Every scale", [*header, "saturated before in %", "saturated after in %"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Steps and saturated units against the initial scale for every kind of net; if several, the scales that learn."""
    several = len(config.kinds()) > 1
    columns = min(MOST_COLUMNS, len(config.kinds()) + several)
    blocks = -(-(len(config.kinds()) + several) // columns)
    picture, axes = canvas(2 * blocks, columns, 3.7 * columns if several else 7.5, 6.4 * blocks)
    pairs = [pair for row in range(0, 2 * blocks, 2) for pair in zip(axes[row], axes[row + 1], strict=True)]
    for place, (kind, (top, bottom)) in enumerate(zip(config.kinds(), pairs, strict=False)):
        _draw_kind(config, of_kind(runs, kind), top, bottom)
        title(top, kind.text)
        if place % columns == 0:
            top.set_ylabel(f"steps to {config.threshold:.0%} error")
            bottom.set_ylabel("saturated units in %")
    empty = [panel for pair in pairs[len(config.kinds()) :] for panel in pair]
    if several:
        _draw_scales_that_learn(config, runs, empty.pop(0))
    for panel in empty:
        panel.set_axis_off()
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
    for panel in (top, bottom):
        panel.axvline(LECUN, color="#999999", linewidth=1)
        panel.set_xscale("log")
    bottom.set(xlabel="initial scale, 1 being LeCun's", ylim=(-4, 104))


def _draw_scales_that_learn(config: Config, runs: Runs, axes: Axes) -> None:
    """The scales at which the median net reaches the error, for every kind of net."""
    for index, name in enumerate(config.activations):
        for place, kind in enumerate(config.kinds()):
            scales = _scales_that_learn(config, of_kind(runs, kind), name)
            beside = place + 0.2 * (index - (len(config.activations) - 1) / 2)
            axes.plot([beside] * len(scales), scales, "o-", color=color(name))
    axes.axhline(LECUN, color="#999999", linewidth=1)
    axes.set(yscale="log", xlabel="hidden layers (LN: with LayerNorm)", ylabel="initial scale")
    axes.set_ylim(config.scales[0] / 2, 2 * config.scales[-1])
    ticks = [f"{kind.depth}{' LN' if kind.normalised else ''}" for kind in config.kinds()]
    axes.set_xticks(range(len(ticks)), ticks)
    title(axes, "Scales that learn")


def _draw_steps(config: Config, runs: Runs, top: Axes, name: str, height: float) -> None:
    """Draw medians with their intervals, and infinite medians at this height."""
    medians = [steps(config, runs, name, scale) for scale in config.scales]
    whiskers(top, config.scales, medians, name)
    never = [scale for scale, median in zip(config.scales, medians, strict=True) if np.isinf(median.value)]
    top.plot(never, np.full(len(never), height), "^", color=color(name), markerfacecolor="white")
