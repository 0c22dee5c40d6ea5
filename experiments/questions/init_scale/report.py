"""The report of `init_scale`: sentences, a table and a figure, all computed from the runs."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import REFUTED, SUPPORTED, Interval
from experiments.core.style import canvas, color, legend, listed, named, plain_log, title, whiskers

from .measure import HE, LARGE, LECUN, PATIENCE, SMALL, Config, Kind
from .verdicts import SLOW, best_scale, budget, judge, judged_kinds, of_kind, of_scale, ratio, saturated, steps, times

TITLE = "Do small initial weights take less than twice the steps of the best?"

MOST_COLUMNS = 4  # of panels that are readable on a page


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, table and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
        _advice(config, runs),
    )


def _reached(interval: Interval) -> bool:
    """Whether the median net, or that of the best scale, is known to have reached the error."""
    return bool(np.isfinite(interval.value))


def good_scales(config: Config, runs: Runs, name: str) -> list[float]:
    """The scales around the best at which the median net takes at most SLOW times its steps, from one kind of net."""
    good = [ratio(config, runs, name, scale).value <= SLOW for scale in config.scales]
    first = last = config.scales.index(best_scale(runs, name))
    if not good[first]:
        return []
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(good) - 1 and good[last + 1]:
        last += 1
    return list(config.scales[first : last + 1])


def _costs(config: Config, runs: Runs, scale: float) -> str:
    """How many times the steps of the best scale every activation takes at a scale, from one kind of net."""
    costs = {name: ratio(config, runs, name, scale) for name in config.activations}
    known = [f"{times(cost)} times ({named(name)})" for name, cost in costs.items() if not np.isnan(cost.value)]
    unknown = [named(name) for name, cost in costs.items() if np.isnan(cost.value)]
    parts = [f"{listed(known)} the steps of the best scale"] if known else []
    parts += [f"a number of steps that cannot be compared ({listed(unknown)})"] if unknown else []
    return " and ".join(parts)


def _range(scales: list[float]) -> str:
    """Scales as text: 0.3 to 3; He's is marked."""
    shown = [f"{scale:g}" + (" (He's)" if scale == HE else "") for scale in (min(scales), max(scales))]
    return " to ".join(dict.fromkeys(shown))


def _ends(scales: list[float]) -> str:
    """Scales as text: 0.3 to 3."""
    return " to ".join(dict.fromkeys(f"{scale:g}" for scale in (min(scales), max(scales))))


def _findings(config: Config, runs: Runs) -> list[str]:
    claims = dict(zip(judged_kinds(config), judge(config, runs), strict=False))
    judged = Kind(config.judged_depth)
    answer = {SUPPORTED: "Yes", REFUTED: "No"}.get(claims[judged].verdict, "Undecided")
    sentences = [
        f"{answer}, in nets of {judged.text}: a tenth of LeCun's scale takes "
        f"{_costs(config, of_kind(runs, judged), SMALL)}, to {config.threshold:.0%} training error."
    ]
    for kind in list(claims)[1:]:
        sentences.append(f"In nets of {kind.text} it takes {_costs(config, of_kind(runs, kind), SMALL)}.")
    sentences.append(
        f"At ten times LeCun's scale nets of {judged.text} take {_costs(config, of_kind(runs, judged), LARGE)}."
    )
    late, diverged = sum(np.isinf(run["steps"]) for run in runs), sum(run["diverged"] for run in runs)
    sentences.append(
        f"Not there in {PATIENCE} times the steps of the best scale, at most {config.steps:,}: {late or 'none'} of "
        f"{len(runs):,} nets; {diverged or 'none'} of them diverged."
    )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    largest = max(config.scales)
    arrived = [
        (kind, name)
        for kind, name in product(config.kinds(), config.activations)
        if not kind.normalised
        and np.isfinite(steps(config, of_kind(runs, kind), name, largest).value)
        and saturated(config, of_kind(runs, kind), name, largest, "before").value > 0.5
        and name != "relu"
    ]
    shown = [f"{named(name)} nets of {kind.text}" for kind, name in arrived]
    return [
        "The notes give no number and no lower limit: they do not say that weights can be too small.",
        *(
            [f"Saturated nets can be trained: at {largest:g} times LeCun's scale {listed(shown)} get there."]
            if shown
            else []
        ),
        "Glorot & Bengio 2010 found that saturated units can move out of saturation by themselves, slowly, and that "
        "sigmoid is unsuited to deep nets with the initial weights of their time.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    judged = Kind(config.judged_depth)
    nets = of_kind(runs, judged)
    good = {name: good_scales(config, nets, name) for name in config.activations}
    ranges = listed([f"{named(name)} {_range(scales)}" for name, scales in good.items() if scales])
    sentences = []
    if ranges:
        sentences.append(
            f"Scales that cost at most twice the steps of the best one, in nets of {judged.text}, 1 being "
            f"LeCun's: {ranges}."
        )
    if "relu" in config.activations and HE in config.scales:
        he, lecun = (times(ratio(config, nets, "relu", scale)) for scale in (HE, LECUN))
        if "not measurable" not in (he, lecun):
            sentences.append(
                f"He's scale, {HE:g} times LeCun's, takes ReLU nets of {judged.text} {he} times the steps of the best "
                f"scale tried, and LeCun's {lecun} times; what the two do to gradients in much deeper nets is measured "
                "under vanishing gradients."
            )
    behind = Kind(config.judged_depth, True)
    if behind in config.kinds():
        spans = {name: good_scales(config, of_kind(runs, behind), name) for name in config.activations}
        found = listed([f"{named(name)} {_range(scales)}" for name, scales in spans.items() if scales])
        sentences.append(
            "LayerNorm makes activations and gradients before training independent of the scale, but not training: a "
            "step changes large weights less. "
            + (
                f"Scales that cost at most twice the steps of the best one, with it: {found}."
                if found
                else "With it no scale could be compared with the best one in the steps allowed."
            )
        )
    return sentences


def _advice(config: Config, runs: Runs) -> str:
    judged = Kind(config.judged_depth)
    nets = of_kind(runs, judged)
    scales = {name: good_scales(config, nets, name) for name in config.activations}
    common = sorted(set.intersection(*map(set, scales.values())))
    allowed = max(budget(nets, name) for name in config.activations)
    condition = f"({TITLES[config.data]}, {judged.text}, SGD, up to {allowed:,} steps, {config.seeds} seeds)"
    names = listed([named(name) for name in config.activations])
    if len(common) == len(config.scales):
        return (
            f"Do not tune the initial scale: from {_range(common)} times LeCun's, {names} took at most twice the steps "
            f"of their best scale {condition}."
        )
    if common:
        start = "LeCun's weights" if common == [LECUN] else f"weights of {_range(common)} times LeCun's deviation"
        return f"Start from {start}: with them {names} took at most twice the steps of their best scale {condition}."
    ranges = [f"{_ends(found)} for {named(name)}" for name, found in scales.items() if found]
    if not ranges:
        return ""
    return (
        f"Multiply LeCun's standard deviation (1/sqrt(fan-in)) by {listed(ranges)}: these took at most twice the steps "
        f"of the best scale {condition}."
    )


def _caption(config: Config) -> str:
    return (
        f"Against the initial scale, 1 being LeCun's. Top: median steps to {config.threshold:.0%} training error, each "
        f"scale at its own learning rate, with {config.confidence:.0%} intervals over {config.seeds} fresh seeds; open "
        f"triangles at the top have an infinite median: they are not there in {PATIENCE} times the steps of the best "
        f"scale, or in {config.steps:,}. Middle: mean training error at the end of that budget. Bottom: share of units "
        "and training examples whose slope is below 5 % of the largest, before training (lines) and after (dots); for "
        "ReLU this is the share of zero slopes."
    )


def _percent(config: Config, runs: Runs, name: str, scale: float, when: str) -> float:
    return 100 * saturated(config, runs, name, scale, when).value


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for kind, name, scale in product(config.kinds(), config.activations, config.scales):
        nets_of_kind = of_kind(runs, kind)
        nets = of_scale(nets_of_kind, name, scale)
        shares = [f"{_percent(config, nets_of_kind, name, scale, when):.1f}" for when in ("before", "after")]
        median, cost = steps(config, nets_of_kind, name, scale).value, ratio(config, nets_of_kind, name, scale)
        reached = sum(np.isfinite(net["steps"]) for net in nets)
        rate = f"{nets[0]['rate']:.3g}" + ("" if nets[0]["interior"] else ", at the end of those tried")
        row = [kind.text, named(name), f"{scale:g}" + (" (best)" if nets[0]["best"] else ""), rate]
        row += [f"{nets[0]['budget']:,}", f"{median:g}" if np.isfinite(median) else "never", times(cost)]
        row += [f"{reached} of {len(nets)}", str(sum(net["diverged"] for net in nets))]
        rows.append([*row, f"{np.mean([net['error'] for net in nets]):.0%}", *shares])
    header = ["net", "activation", "scale", "tuned rate", "steps allowed", "median steps", "times the best"]
    header += ["reached the error", "diverged", "training error at the end"]
    return Table("Every scale", [*header, "saturated before in %", "saturated after in %"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Steps, training error and saturated units against the initial scale, a column for each kind of net."""
    columns = min(MOST_COLUMNS, len(config.kinds()))
    blocks = -(-len(config.kinds()) // columns)
    picture, axes = canvas(3 * blocks, columns, max(2.7 * columns, 7.0), 8.0 * blocks)
    panels = [rows for block in range(0, 3 * blocks, 3) for rows in zip(*axes[block : block + 3], strict=True)]
    for place, (kind, (top, middle, bottom)) in enumerate(zip(config.kinds(), panels, strict=False)):
        _draw_kind(config, of_kind(runs, kind), top, middle, bottom)
        title(top, f"{kind.depth} layers, LayerNorm" if kind.normalised else kind.text)
        if place % columns == 0:
            top.set_ylabel(f"steps to {config.threshold:.0%} error")
            middle.set_ylabel("training error in %")
            bottom.set_ylabel("saturated units in %")
    for empty in (panel for rows in panels[len(config.kinds()) :] for panel in rows):
        empty.set_axis_off()
    legend(picture, panels[0][2], len(config.activations))
    return picture


def _draw_kind(config: Config, runs: Runs, top: Axes, middle: Axes, bottom: Axes) -> None:
    for index, name in enumerate(config.activations):
        _draw_steps(config, runs, top, name, 1.5 * config.steps * 1.25**index)
        errors = [100 * np.mean([run["error"] for run in of_scale(runs, name, scale)]) for scale in config.scales]
        middle.plot(config.scales, errors, "o-", color=color(name))
        for when, style in (("before", "-"), ("after", "o:")):
            shares = [_percent(config, runs, name, scale, when) for scale in config.scales]
            label = named(name) if when == "before" else ""
            bottom.plot(config.scales, shares, style, color=color(name), label=label)
    top.axhline(config.steps, color="#444444", linestyle="--", linewidth=1)
    above = 1.5 * config.steps * 1.25 ** len(config.activations)  # the triangles, which would hide the words
    top.text(config.scales[0], above, "not in time", fontsize=9, color="#444444")
    top.set_ylim(5, 1.8 * above)
    plain_log(top, [steps for steps in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if steps <= config.steps])
    for panel in (top, middle, bottom):
        panel.axvline(LECUN, color="#999999", linewidth=1)
        panel.set_xscale("log")
    for panel in (middle, bottom):
        panel.set_ylim(-4, 104)
    bottom.set_xlabel("initial scale, 1 being LeCun's")


def _draw_steps(config: Config, runs: Runs, top: Axes, name: str, height: float) -> None:
    """Draw medians with their intervals, and infinite medians at this height."""
    medians = [steps(config, runs, name, scale) for scale in config.scales]
    whiskers(top, config.scales, medians, name)
    never = [scale for scale, median in zip(config.scales, medians, strict=True) if np.isinf(median.value)]
    top.plot(never, np.full(len(never), height), "^", color=color(name), markerfacecolor="white")
