"""The report of `dying_relu`: sentences, tables and a figure, all computed from the runs."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import mean_interval
from experiments.core.style import canvas, color, legend, named, title

from .measure import OPTIMIZERS, Config, tuned_rate
from .verdicts import MANY, PUBLISHED, by_depth, fresh_nets, guessing_rate, share

TITLE = "Do ReLU units die?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_layers_table(config, runs, optimizer) for optimizer in OPTIMIZERS]
        + [_revival_table(config, runs), _cures_table(config, runs)],
    )


def _dead(config: Config, runs: Runs, optimizer: str, rate: float, name: str = "relu", bias: float = 0.0) -> float:
    """Mean share of dead units in per cent."""
    shares = share(config, fresh_nets(runs, optimizer, name, bias, rate), "dead")
    return 100 * float(shares.mean()) if len(shares) else float("nan")


def _accuracy(runs: Runs, optimizer: str, rate: float, name: str = "relu", bias: float = 0.0) -> float:
    """Mean test accuracy in per cent, that of diverged nets included."""
    return 100 * float(np.mean([row["accuracy"] for row in fresh_nets(runs, optimizer, name, bias, rate)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for optimizer, label in OPTIMIZERS.items():
        tuned = tuned_rate(runs, optimizer)
        top = config.rates(optimizer)[-1]
        sentences.append(
            f"{label}: at the tuned rate {tuned:g} ReLU nets have {_dead(config, runs, optimizer, tuned):.1f} % dead "
            f"units and {_accuracy(runs, optimizer, tuned):.1f} % test accuracy; at {top:g} they have "
            f"{_dead(config, runs, optimizer, top):.1f} % dead units and "
            f"{_accuracy(runs, optimizer, top):.1f} % accuracy."
        )
        rate = guessing_rate(config, runs, optimizer)
        if rate is not None and config.cures:
            cures = ", ".join(f"{named(cure)} {_accuracy(runs, optimizer, rate, cure):.1f} %" for cure in config.cures)
            sentences.append(f"{label}, rate {rate:g}, where ReLU nets guess, accuracies of the cures: {cures}.")
    diverged = sum(run["diverged"] for run in runs)
    sentences.append(f"{diverged} of {len(runs)} nets diverged; they do not count as dead.")
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    worst = []
    for optimizer, label in OPTIMIZERS.items():
        rates = config.rates(optimizer)
        rate = max(rates, key=lambda rate, o=optimizer: np.nan_to_num(_dead(config, runs, o, rate)))
        worst.append(f"{_dead(config, runs, optimizer, rate):.0f} % ({label} at {rate:g})")
    return [
        f"{PUBLISHED}. Ours at the worst rate: {' and '.join(worst)}.",
        "What differs: CS231n names no data, net, optimiser or rate, so theirs is an order of magnitude and not a "
        "value to reproduce. Ours counts a unit as dead only if it is off for every training example, over all layers.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for optimizer, label in OPTIMIZERS.items():
        tuned, rates = tuned_rate(runs, optimizer), config.rates(optimizer)
        many = [rate for rate in rates if _dead(config, runs, optimizer, rate) > 20]
        if many:
            sentences.append(
                f"{label}: more than a fifth of the units is dead from rate {min(many):g} on, "
                f"{min(many) / tuned:.3g} times the tuned rate. If many units are dead, lower the rate first."
            )
        revival = [run for run in runs if run["phase"] == "after a high rate" and run["optimizer"] == optimizer]
        dead, revived = (sum(sum(row[kind]) for row in revival) for kind in ("dead", "revived"))
        if dead:
            sentences.append(
                f"{label}: lowering the rate afterwards revives {revived:,} of {dead:,} dead units "
                f"({100 * revived / dead:.1f} %)."
            )
        for cure in config.cures:
            best = max(rates, key=lambda rate, o=optimizer, c=cure: _accuracy(runs, o, rate, c))
            sentences.append(
                f"{label} with {named(cure)}: best mean accuracy {_accuracy(runs, optimizer, best, cure):.1f} % "
                f"at rate {best:g}; ReLU at its tuned rate has {_accuracy(runs, optimizer, tuned):.1f} %."
            )
    return sentences


def _caption(config: Config) -> str:
    text = (
        f"Top: mean share of hidden units whose slope is 0 on every training example, over {config.seeds} fresh seeds, "
        f"with {config.confidence:.0%} intervals for ReLU; the dotted line is CS231n's 40 %. Bottom: mean test "
        "accuracy of the same nets; the dashed line is guessing. Vertical lines mark the rate tuned for ReLU."
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
        for phase in ("after a high rate", "after a negative bias"):
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
    picture, axes = canvas(rows, len(OPTIMIZERS), 9.5, 3.2 * rows, sharey="row")
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
            bottom.plot(rates, [_accuracy(runs, optimizer, rate, name, bias) for rate in rates], **style)
        intervals = [
            mean_interval(
                100 * share(config, fresh_nets(runs, optimizer, "relu", 0.0, rate), "dead"), config.confidence
            )
            for rate in rates
        ]
        low, high = (
            np.clip([interval.low for interval in intervals], 0, 100),
            np.clip([interval.high for interval in intervals], 0, 100),
        )
        top.fill_between(rates, low, high, color=color("relu"), alpha=0.2, linewidth=0)
        top.axhline(40, color="#444444", linestyle=":", linewidth=1.2)
        top.text(rates[0], 41.5, "CS231n's 40 %", fontsize=9, color="#444444")
        bottom.axhline(10, color="#444444", linestyle="--", linewidth=1)
        bottom.text(rates[0], 11.5, "guessing", fontsize=9, color="#444444")
        for axes_of_column in (top, bottom):
            axes_of_column.axvline(tuned_rate(runs, optimizer), color="#999999", linewidth=1)
            axes_of_column.set(xscale="log", ylim=(-4, 104))
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
