"""The report of `dying_relu`: sentences, tables and a figure, all computed from the runs."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    mean_interval,
    median_interval,
    negligible,
)
from experiments.core.style import canvas, color, legend, listed, named, title

from .measure import OPTIMIZERS, Config, tuned_rate
from .verdicts import (
    GAIN,
    HIGH,
    MANY,
    NEGATIVE,
    PUBLISHED,
    bias_gain,
    by_depth,
    fresh_nets,
    guessing_rate,
    judge,
    revival,
    revival_text,
    share,
    worst_rate,
)

TITLE = "Do ReLU units die?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_layers_table(config, runs, optimizer) for optimizer in OPTIMIZERS]
        + [_revival_table(config, runs), _cures_table(config, runs)],
        _advice(config, runs),
    )


def _dead(config: Config, runs: Runs, optimizer: str, rate: float, name: str = "relu", bias: float = 0.0) -> float:
    """Mean share of dead units in per cent."""
    shares = share(config, fresh_nets(runs, optimizer, name, bias, rate), "dead")
    return 100 * float(shares.mean()) if len(shares) else float("nan")


def _best_accuracy(config: Config, runs: Runs, optimizer: str, name: str) -> float:
    """Mean test accuracy in per cent at the rate with the best mean validation accuracy."""
    validation = {
        rate: np.mean([row["validation"] for row in fresh_nets(runs, optimizer, name, 0.0, rate)])
        for rate in config.rates(optimizer)
    }
    return _accuracy(runs, optimizer, max(validation, key=lambda rate: validation[rate]), name)


def _dead_interval(config: Config, runs: Runs, optimizer: str, rate: float, name: str) -> Interval:
    shares = share(config, fresh_nets(runs, optimizer, name, 0.0, rate), "dead")
    return mean_interval(100 * shares, config.confidence)


def _median_accuracy(config: Config, runs: Runs, optimizer: str, rate: float, name: str, bias: float) -> Interval:
    nets = fresh_nets(runs, optimizer, name, bias, rate)
    return median_interval([100 * net["accuracy"] for net in nets], config.confidence)


def _accuracy(runs: Runs, optimizer: str, rate: float, name: str = "relu", bias: float = 0.0) -> float:
    """Mean test accuracy in per cent, that of diverged nets included."""
    return 100 * float(np.mean([row["accuracy"] for row in fresh_nets(runs, optimizer, name, bias, rate)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    many = next(claim for claim in judge(config, runs) if claim.id == "B15")
    answer = {SUPPORTED: "Yes, at too high a rate", REFUTED: "Few do, at any rate", INCONCLUSIVE: "Undecided"}
    parts = {}
    for optimizer in OPTIMIZERS:
        worst, tuned = worst_rate(config, runs, optimizer), tuned_rate(runs, optimizer)
        parts[optimizer] = (
            f"{_percent_text(_dead(config, runs, optimizer, worst))} at rate {worst:g} and "
            f"{_percent_text(_dead(config, runs, optimizer, tuned))} at the tuned {tuned:g}"
        )
    sentences = [f"{answer[many.verdict]}. Dead ReLU units, the most at any rate and at the tuned one: {_with(parts)}."]
    sentences.append(_on_revival(config, runs))
    sentences.append(_on_bias(config, runs))
    sentences += _on_cures(config, runs)
    diverged = sum(run["diverged"] for run in runs)
    sentences.append(f"{diverged or 'None'} of {len(runs):,} nets diverged; they do not count as dead.")
    return sentences


def _with(parts: dict[str, str]) -> str:
    return "; ".join(f"with {OPTIMIZERS[optimizer]} {part}" for optimizer, part in parts.items())


def _percent_text(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.1f} %"


def _on_revival(config: Config, runs: Runs) -> str:
    return f"Of the units that a high rate had killed, {revival_text(config, runs)} at the tuned rate."


def _on_bias(config: Config, runs: Runs) -> str:
    gains = {optimizer: bias_gain(config, runs, optimizer) for optimizer in OPTIMIZERS}
    outcome = next(claim for claim in judge(config, runs) if claim.id == "B19")
    bias = f"an initial bias of {config.positive_bias:g} keeps units alive above the tuned rate"
    if any(np.isnan(gain.value) for gain in gains.values()):
        return f"Whether {bias} could not be measured."
    shown = listed([f"{100 * gain.value:+.1f} points of dead units with {OPTIMIZERS[o]}" for o, gain in gains.items()])
    layers = f"in nets with hidden layers of {listed([str(width) for width in dict.fromkeys(config.widths)])}"
    if negligible(hull(list(gains.values())), GAIN):
        return (
            f"An initial bias of {config.positive_bias:g} makes no difference to the share of dead units above the "
            f"tuned rate {layers}: {shown}, certainly within {100 * GAIN:g} points of 0."
        )
    answers = {
        SUPPORTED: f"That {bias} is true",
        REFUTED: f"That {bias} is not true",
        INCONCLUSIVE: f"Whether {bias} is undecided",
    }
    return f"{answers[outcome.verdict]} {layers}: {shown}."


def _on_cures(config: Config, runs: Runs) -> list[str]:
    parts = []
    for optimizer, label in OPTIMIZERS.items():
        rate = guessing_rate(config, runs, optimizer)
        if rate is None:
            parts.append(f"no such rate with {label}")
        elif config.cures:
            reached = [f"{named(cure)} {_accuracy(runs, optimizer, rate, cure):.0f} %" for cure in config.cures]
            parts.append(f"with {label} at {rate:g} {listed(reached)}")
    if not config.cures:
        return []
    return [f"Accuracy at the lowest rate where ReLU nets guess: {'; '.join(parts)}.{_on_elu(config, runs)}"]


def _on_elu(config: Config, runs: Runs) -> str:
    """Where ELU nets guess, with a space before it; empty if they are not run."""
    if "elu" not in config.cures:
        return ""
    rates = {label: guessing_rate(config, runs, optimizer, "elu") for optimizer, label in OPTIMIZERS.items()}
    found = [f"at no rate with {label}" if r is None else f"from {r:g} on with {label}" for label, r in rates.items()]
    return f" ELU nets guess {listed(found)}."


def _compared(config: Config, runs: Runs) -> list[str]:
    worst = []
    for optimizer, label in OPTIMIZERS.items():
        rate = worst_rate(config, runs, optimizer)
        worst.append(f"{_percent_text(_dead(config, runs, optimizer, rate))} ({label} at {rate:g})")
    return [
        f"{PUBLISHED}. Ours at the worst rate: {listed(worst)}.",
        "What differs: CS231n names no data, net, optimiser or rate, so theirs is an order of magnitude and not a "
        "value to reproduce. Ours counts a unit as dead only if it is off for every training example, over all layers.",
    ]


def first_deadly_rate(config: Config, runs: Runs, optimizer: str) -> float | None:
    """The lowest rate above the tuned one at which more than MANY of the units are dead."""
    tuned = tuned_rate(runs, optimizer)
    deadly = [rate for rate in config.rates(optimizer) if rate > tuned]
    return next((rate for rate in deadly if _dead(config, runs, optimizer, rate) > 100 * MANY), None)


def _practice(config: Config, runs: Runs) -> list[str]:
    deadly = {
        optimizer: f"from rate {rate:g} on, {rate / tuned_rate(runs, optimizer):.3g} times the tuned one"
        for optimizer in OPTIMIZERS
        if (rate := first_deadly_rate(config, runs, optimizer)) is not None
    }
    sentences = [f"More than a fifth of the units die {_with(deadly)}."] if deadly else []
    best = {}
    for optimizer in OPTIMIZERS:
        found = {name: _best_accuracy(config, runs, optimizer, name) for name in ("relu", *config.cures)}
        best[optimizer] = listed([f"{named(name)} {value:.1f}" for name, value in found.items()])
    sentences += [f"Mean test accuracy in %, each at the rate with the best validation: {_with(best)}."]
    return sentences


def _advice(config: Config, runs: Runs) -> str:
    deadly = {optimizer: first_deadly_rate(config, runs, optimizer) for optimizer in OPTIMIZERS}
    known = {optimizer: rate for optimizer, rate in deadly.items() if rate is not None}
    if not known:
        return ""
    times = listed([f"{rate / tuned_rate(runs, o):.3g} ({OPTIMIZERS[o]}, {rate:g})" for o, rate in known.items()])
    counts = [revival(config, runs, optimizer, HIGH) for optimizer in known]
    back = listed([f"{100 * revived / dead:.1f} %" for dead, revived, _ in counts if dead])
    return (
        f"Watch the share of ReLU units that are 0 on every example: it passes a fifth at {times} times the tuned rate"
        + (f"; {back} revive in {config.steps:,} more steps" if back else "")
        + f" ({TITLES[config.data]}, {len(config.widths)} hidden layers, {config.seeds} seeds)."
    )


def _caption(config: Config) -> str:
    text = (
        f"Against the learning rate, over {config.seeds} fresh seeds. Top: mean share of hidden units whose slope is 0 "
        f"on every training example; the dotted line is CS231n's 40 %. Second row: median test accuracy of the same "
        f"nets; the dashed line is guessing. Bands are {config.confidence:.0%} intervals for ReLU and ELU. Vertical "
        "lines mark the rate tuned for ReLU."
    )
    depths = f" Below: dead units of ReLU nets by depth, a line per rate; the dotted line is {MANY:.0%}."
    return text + (depths if config.depths else "")


def _layers_table(config: Config, runs: Runs, optimizer: str) -> Table:
    rows = []
    for rate in config.rates(optimizer):
        nets = fresh_nets(runs, optimizer, "relu", 0.0, rate)
        finite = [net for net in nets if not net["diverged"]]
        layers = [
            f"{100 * np.mean([net['dead'][index] for net in finite]) / width:.1f}" if finite else "-"
            for index, width in enumerate(config.widths)
        ]
        rows.append([f"{rate:g}", *layers, f"{_accuracy(runs, optimizer, rate):.1f}", str(len(nets) - len(finite))])
    header = ["rate", *[f"layer {index + 1}" for index in range(len(config.widths))], "accuracy", "diverged"]
    return Table(f"Dead ReLU units per layer in %, {OPTIMIZERS[optimizer]}, zero bias", header, rows)


def _revival_table(config: Config, runs: Runs) -> Table:
    rows = []
    for optimizer in OPTIMIZERS:
        for phase in (HIGH, NEGATIVE):
            nets = [r for r in runs if (r["phase"], r["optimizer"]) == (phase, optimizer) and not r["diverged"]]
            layers = [
                f"{sum(net['revived'][index] for net in nets):,} of {sum(net['dead'][index] for net in nets):,}"
                for index in range(len(config.widths))
            ]
            rows.append([OPTIMIZERS[optimizer], phase, *layers])
    header = ["optimiser", "killed", *[f"layer {index + 1}" for index in range(len(config.widths))]]
    return Table("Dead units that revived at the tuned rate", header, rows)


def _cures_table(config: Config, runs: Runs) -> Table:
    rows = []
    for optimizer in OPTIMIZERS:
        for name, bias in config.variants():
            nets = [net for net in fresh_nets(runs, optimizer, name, bias) if not net["diverged"]]
            diverged = len(fresh_nets(runs, optimizer, name, bias)) - len(nets)
            shares = [
                f"{100 * share(config, nets, kind).mean():.1f}" if nets else "-"
                for kind in ("stuck", "dead", "cut_off")
            ]
            rows.append([OPTIMIZERS[optimizer], named(name), f"{bias:g}", *shares, str(diverged)])
    header = ["optimiser", "activation", "bias", "stuck", "dead", "cut off", "diverged"]
    return Table("Units over all rates in %: never positive, without slope, without gradient", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Dead units and accuracy against the learning rate, one column per optimiser."""
    rows = 3 if config.depths else 2
    picture, axes = canvas(rows, len(OPTIMIZERS), 8.0, 3.2 * rows, sharey="row")
    for column, (optimizer, label) in enumerate(OPTIMIZERS.items()):
        rates, (top, bottom) = config.rates(optimizer), (axes[0][column], axes[1][column])
        for name, bias in config.variants():
            style: dict[str, Any] = {"color": color(name), "label": named(name) + (f", bias {bias:g}" if bias else "")}
            style |= {
                "linestyle": "--" if bias else "-",
                "marker": "o",
                "markerfacecolor": "white" if bias else color(name),
            }
            top.plot(rates, [_dead(config, runs, optimizer, rate, name, bias) for rate in rates], **style)
            accuracies = [_median_accuracy(config, runs, optimizer, rate, name, bias) for rate in rates]
            bottom.plot(rates, [each.value for each in accuracies], **style)
            if name in ("relu", "elu") and not bias:
                dead = [_dead_interval(config, runs, optimizer, rate, name) for rate in rates]
                for panel, intervals in ((top, dead), (bottom, accuracies)):
                    low, high = (np.clip([getattr(each, end) for each in intervals], 0, 100) for end in ("low", "high"))
                    panel.fill_between(rates, low, high, color=color(name), alpha=0.2, linewidth=0)
        top.axhline(40, color="#444444", linestyle=":", linewidth=1.2)
        top.text(rates[0], 41.5, "CS231n's 40 %", fontsize=9, color="#444444")
        bottom.axhline(10, color="#444444", linestyle="--", linewidth=1)
        bottom.text(rates[0], 11.5, "guessing", fontsize=9, color="#444444")
        for axes_of_column in (top, bottom):
            axes_of_column.axvline(tuned_rate(runs, optimizer), color="#999999", linewidth=1)
            axes_of_column.set(xscale="log", ylim=(-4, 104))
            axes_of_column.set_xticks(rates, [f"{rate:g}" for rate in rates], fontsize=8)
            axes_of_column.xaxis.set_minor_locator(NullLocator())
        top.sharex(bottom)
        top.tick_params(labelbottom=False)
        title(top, label)
        bottom.set_xlabel("learning rate")
        if config.depths:
            _draw_depths(config, runs, axes[2][column], optimizer)
    axes[0][0].set_ylabel("dead units in %")
    axes[1][0].set_ylabel("test accuracy in %")
    legend(picture, axes[0][0], len(config.variants()))
    return picture


def _draw_depths(config: Config, runs: Runs, axes: Axes, optimizer: str) -> None:
    """Dead ReLU units against depth, a line per rate."""
    depths = [str(depth) for depth in config.depths]
    rates = config.rates(optimizer)
    for shade, rate in zip(matplotlib.colormaps["viridis"](np.linspace(0.9, 0, len(rates))), rates, strict=True):
        dead = [_dead(deep, nets, optimizer, rate) for deep, nets in by_depth(config, runs)]
        axes.plot(depths, dead, "o-", color=shade, label=f"{rate:g}")
    axes.axhline(100 * MANY, color="#444444", linestyle=":", linewidth=1.2)
    axes.set(xlabel="hidden layers", ylabel="dead ReLU units in %", ylim=(-4, 104))
    axes.legend(title="rate", fontsize=8, ncols=2)
    title(axes, f"Depth, {OPTIMIZERS[optimizer]}")
