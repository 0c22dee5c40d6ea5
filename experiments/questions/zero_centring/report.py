"""The report of `zero_centring`: sentences, tables and a figure, all computed from the runs."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    mean_interval,
    median_interval,
    verdict,
)
from experiments.core.style import canvas, color, listed, named, title

from .measure import OPTIMIZERS, Config, Kind, on_pixels, shifted_kinds
from .verdicts import CENTRED, CS231N, LECUN, SLOWER, kind_text, measuring_times, one_sign_shares, ratio, runs_of

TITLE = "Does it matter that outputs are not zero-centred?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_trainings_table(config, runs), _means_table(config, runs)],
    )


def _signed(config: Config) -> list[tuple[Kind, int, str]]:
    """The gradients that are shown: a kind of net, the layer, and the inputs of that layer."""
    hidden = [(Kind(name), 1, f"behind {named(name)}") for name in (*config.shifted, *config.unshifted)]
    return [*hidden, (Kind(config.pixel_nets[0], pixels="unit"), 0, "on pixels from 0 to 1")]


def _steps(runs: Runs, kind: Kind) -> str:
    median = np.median([run["steps"] for run in runs_of(runs, kind)])
    return f"{median:g}" if np.isfinite(median) else "never"


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences, sizes = [], listed([str(batch) for batch in config.batches])
    for kind, layer, where in _signed(config):
        shares = [
            np.mean([one_sign_shares(config, runs, kind, layer, batch, time) for time in measuring_times(config)])
            for batch in config.batches
        ]
        sentences.append(
            f"Units {where} whose weight gradients have one sign, mean of both times: "
            f"{listed([f'{100 * share:.1f} %' for share in shares])} on {sizes} examples."
        )
    for optimizer, name in product(config.optimizers(), config.shifted):
        centred, same_weights, same_function = shifted_kinds(name, optimizer)
        sentences.append(
            f"Median steps to {config.threshold:.0%} training error: {kind_text(centred)} {_steps(runs, centred)}; "
            f"{kind_text(same_weights)} {_steps(runs, same_weights)} from the same weights, "
            f"{_steps(runs, same_function)} from the same function."
        )
    for optimizer, name in product(config.optimizers(), config.pixel_nets):
        centred, off = on_pixels(name, optimizer)
        sentences.append(
            f"{named(name)} on pixels from 0 to 1 takes {_steps(runs, off)} steps of {OPTIMIZERS[optimizer]}, "
            f"on the same pixels minus their mean {_steps(runs, centred)}."
        )
    trainings = [run for run in runs if run["part"] == "training"]
    never = sum(np.isinf(run["steps"]) for run in trainings)
    diverged = sum(run["diverged"] for run in trainings)
    sentences.append(
        f"Of {len(trainings)} tuned runs {never} never reached that error, {diverged} diverged; both count as "
        "infinitely many steps."
    )
    if outside := sum(not run["interior"] for run in trainings):
        sentences.append(f"{outside} of them were tuned to the border of a window: faster settings may exist there.")
    return sentences


def _times(interval: Interval) -> str:
    return f"{interval.value:.2f} times [{interval.low:.2f}, {interval.high:.2f}]"


def _compared(config: Config, runs: Runs) -> list[str]:
    sentences = [f"{LECUN}. The advice to shift inputs so that their mean is 0 is theirs as well, without a number."]
    if {"sigmoid", "tanh"} <= set(config.shifted):
        sigmoid, shifted_sigmoid = (
            ratio(config, runs, kind, Kind("tanh"), "steps") for kind in (Kind("sigmoid"), shifted_kinds("sigmoid")[0])
        )
        sentences.append(
            f"Ours: sigmoid takes {_times(sigmoid)} the steps of tanh; sigmoid minus 1/2, which differs from tanh only "
            f"in scale, takes {_times(shifted_sigmoid)} of them."
        )
    name, most = config.pixel_nets[0], max(config.batches)
    centred, unit = on_pixels(name)
    share = 100 * np.mean([one_sign_shares(config, runs, unit, 0, most, time) for time in measuring_times(config)])
    pixels = ratio(config, runs, unit, centred, "steps")
    return [
        *sentences,
        f"{CS231N}. The notes, which follow CS231n, leave that sentence out.",
        f"Ours, on pixels from 0 to 1 with {named(name)}: {share:.1f} % of the units have one sign on minibatches of "
        f"{most}, and learning takes {_times(pixels)} the steps that it takes on centred pixels.",
        "LeCun, Kanter & Solla 1991 give a reason for slow learning other than a common sign: a mean makes one "
        "direction in weight space much steeper than the others, and limits the learning rate.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    words = {
        SUPPORTED: "costs steps",
        REFUTED: "costs hardly any steps",
        INCONCLUSIVE: "makes no difference that is significant with these seeds",
    }
    sentences = []
    for optimizer, name in product(config.optimizers(), config.pixel_nets):
        centred, off = on_pixels(name, optimizer)
        steps = ratio(config, runs, off, centred, "steps")
        sentences.append(
            f"Not subtracting the mean of the data {words[verdict(steps, low=SLOWER)]} with {named(name)} and "
            f"{OPTIMIZERS[optimizer]}: {steps.value:.2f} times as many."
        )
    for optimizer, name in product(config.optimizers(), config.shifted):
        centred, off, _ = shifted_kinds(name, optimizer)
        steps = ratio(config, runs, off, centred, "steps")
        sentences.append(
            f"Shifting {named(name)} away from zero mean {words[verdict(steps, low=SLOWER)]} with "
            f"{OPTIMIZERS[optimizer]}: {steps.value:.2f} times as many."
        )
    return sentences


def _caption(config: Config) -> str:
    return (
        "Left: share of units whose weight gradients all have one sign; solid at the start, dashed after "
        f"{config.later_step} steps. Middle: steps to {config.threshold:.0%} training error, one dot per fresh seed, "
        f"with medians and their {config.confidence:.0%} intervals. Right: |mean| / deviation of the outputs of the "
        f"hidden layers, for normal inputs and in nets; below the dotted line, {CENTRED:g}, counts as zero-centred."
    )


def _trainings_table(config: Config, runs: Runs) -> Table:
    rows = []
    for kind in dict.fromkeys(config.nets()):
        trainings = runs_of(runs, kind)
        median = median_interval([run["path_ratio"] for run in trainings], config.confidence)
        counts = [sum(np.isinf(run["steps"]) for run in trainings), sum(run["diverged"] for run in trainings)]
        settings = [f"{trainings[0]['rate']:.4g}", f"{trainings[0]['gain']:.3g}"]
        medians = [_steps(runs, kind), f"{median.value:.2f}"]
        rows.append([kind_text(kind), *settings, *medians, *map(str, counts)])
    header = ["net", "rate", "gain", "median steps", "path / distance", "never", "diverged"]
    return Table("Settings, steps and zig-zag of every kind of net", header, rows)


def _means_table(config: Config, runs: Runs) -> Table:
    layers = [f"layer {layer + 1} {time}" for time in measuring_times(config) for layer in range(config.depth)]
    rows = []
    for kind in dict.fromkeys(config.nets()):
        if kind.compensated:
            continue
        cells = [
            f"{np.mean([run['layers'][layer] for run in runs_of(runs, kind, time)]):.3f} "
            f"({np.mean([run['units'][layer] for run in runs_of(runs, kind, time)]):.3f})"
            for time in measuring_times(config)
            for layer in range(config.depth)
        ]
        rows.append([kind_text(kind), *cells])
    return Table(
        "|mean| / deviation of a layer's outputs, and in brackets the median over its units", ["net", *layers], rows
    )


def figure(config: Config, runs: Runs) -> Figure:
    """Signs against the minibatch, steps of every kind of net, means of every activation."""
    picture, ((signs, steps, means),) = canvas(
        1, 3, 14.0, 1.0 + 4.0 * len(config.optimizers()), width_ratios=[1, 1.25, 1]
    )
    _draw_signs(config, runs, signs)
    _draw_steps(config, runs, steps)
    _draw_means(config, runs, means)
    return picture


def _draw_signs(config: Config, runs: Runs, axes: Axes) -> None:
    for kind, layer, where in _signed(config):
        line_color = "#777777" if kind.pixels == "unit" else color(kind.activation)
        for time, line in zip(measuring_times(config), ("-", "--"), strict=True):
            shares = [
                100 * np.mean(one_sign_shares(config, runs, kind, layer, batch, time)) for batch in config.batches
            ]
            label = where if line == "-" else None
            axes.plot(config.batches, shares, line, marker="o", color=line_color, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(config.batches, [str(batch) for batch in config.batches])
    axes.set(xlabel="examples per gradient", ylabel="units with one sign in %", ylim=(-4, 104))
    axes.legend()
    title(axes, "Signs of a unit's gradient")


def _draw_steps(config: Config, runs: Runs, axes: Axes) -> None:
    place, places, labels = 0.0, [], []
    for group in config.groups():
        for kind in group:
            taken = np.array([run["steps"] for run in runs_of(runs, kind)])
            middle = median_interval(taken, config.confidence)
            style = {"color": color(kind.activation), "clip_on": False}
            axes.plot(taken, place + np.linspace(-0.2, 0.2, len(taken)), "o", alpha=0.35, markersize=4, **style)
            if np.isfinite(middle.value):
                axes.plot([middle.value] * 2, [place - 0.35, place + 0.35], linewidth=2.5, **style)
                axes.plot([middle.low, min(middle.high, config.steps)], [place, place], linewidth=1.2, **style)
            places.append(place)
            labels.append(kind_text(kind))
            place += 1
        place += 0.6
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"steps to {config.threshold:.0%} training error")
    title(axes, "Centred and off-centre")


def _draw_means(config: Config, runs: Runs, axes: Axes) -> None:
    names = (*config.shifted, *config.unshifted)
    markers = {"at the start": "o", f"after {config.later_step} steps": "s"}
    for place, name in enumerate(names):
        (normal,) = (run for run in runs if (run["part"], run["activation"]) == ("normal", name))
        axes.plot(place - 0.27, abs(normal["mean"]) / normal["deviation"], "D", color=color(name))
        for shift, (time, marker) in zip((-0.09, 0.18), markers.items(), strict=True):
            for layer in range(config.depth):
                ratios = [run["layers"][layer] for run in runs_of(runs, Kind(name), time)]
                mean = mean_interval(ratios, config.confidence)
                ends = [[mean.value - mean.low], [mean.high - mean.value]]
                where = place + shift + 0.09 * layer
                axes.errorbar(where, mean.value, yerr=ends, fmt=marker, color=color(name), capsize=2)
    for label, marker in {"normal inputs": "D", **markers}.items():
        axes.plot([], [], marker, color="#444444", label=label)
    axes.axhline(CENTRED, color="#444444", linestyle=":", linewidth=1.2)
    axes.set_xticks(range(len(names)), [named(name) for name in names], rotation=20)
    axes.set_ylabel("|mean| / deviation")
    axes.set_ylim(bottom=0)
    axes.legend()
    title(axes, "Means of outputs")
