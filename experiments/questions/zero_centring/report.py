"""The report of `zero_centring`: sentences, tables and a figure, all computed from the runs."""

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
from .verdicts import (
    CENTRED,
    CS231N,
    LECUN,
    SLOWER,
    Comparison,
    compared,
    comparisons,
    judge,
    kind_text,
    measuring_times,
    one_sign_shares,
    ratio,
    runs_of,
)

TITLE = "Does it matter that outputs are not zero-centred?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_trainings_table(config, runs), _means_table(config, runs)],
        _advice(config, runs),
    )


def _signed(config: Config) -> list[tuple[Kind, int, str]]:
    """The gradients that are shown: a kind of net, the layer, and the inputs of that layer."""
    hidden = [(Kind(name), 1, f"behind {named(name)}") for name in (*config.shifted, *config.unshifted)]
    return [*hidden, (Kind(config.pixel_nets[0], pixels="unit"), 0, "on pixels from 0 to 1")]


def _steps(runs: Runs, kind: Kind) -> str:
    median = np.median([run["steps"] for run in runs_of(runs, kind)])
    return f"{median:g}" if np.isfinite(median) else "never"


def _findings(config: Config, runs: Runs) -> list[str]:
    steps = [each for each in comparisons(config) if each.what == "steps"]
    outcomes = {_short(each): verdict(compared(config, runs, each), low=SLOWER) for each in steps}
    ratios = [f"{_short(each)} {_times(compared(config, runs, each))}" for each in steps]
    zigzag = next(each for each in comparisons(config) if each.what == "path_ratio")
    trainings = [run for run in runs if run["part"] == "training"]
    never, diverged, border = (
        sum(map(bool, each))
        for each in (
            (np.isinf(run["steps"]) for run in trainings),
            (run["diverged"] for run in trainings),
            (not run["interior"] for run in trainings),
        )
    )
    return [
        f"{_answer(outcomes)}. Steps to {config.threshold:.0%} training error, off-centre over centred: "
        f"{listed(ratios)}.",
        f"Units whose weight gradients have one sign, mean of both times: {_signs_text(config, runs)}.",
        "The weights' path to that error, relative to its distance, is longer if outputs are off-centre: "
        f"{_times(compared(config, runs, zigzag))}."
        if compared(config, runs, zigzag).low > 1
        else "It is not clear that the weights' path to that error, relative to its distance, is longer if outputs are "
        f"off-centre: {_times(compared(config, runs, zigzag))}.",
        (
            f"{never} of {len(trainings)} tuned runs never reached that error, which counts as infinitely many steps;"
            if never
            else f"All {len(trainings)} tuned runs reached that error;"
        )
        + f" {diverged or 'none'} diverged, and the settings of {border or 'none'} lie at the border of a window.",
    ]


def _answer(outcomes: dict[str, str]) -> str:
    """Whether it costs steps: one answer for all that is off-centre, or one for each that came out otherwise."""
    whole = {SUPPORTED: "Yes, it costs steps", REFUTED: "No, it costs hardly any steps", INCONCLUSIVE: "Undecided"}
    if len(found := set(outcomes.values())) == 1:
        return whole[found.pop()]
    words = {SUPPORTED: "yes", REFUTED: "no", INCONCLUSIVE: "undecided"}
    parts = [
        f"{word} {listed([f'for {what}' for what, each in outcomes.items() if each == outcome])}"
        for outcome, word in words.items()
        if outcome in found
    ]
    return "; ".join([parts[0][0].upper() + parts[0][1:], *parts[1:]])


def _short(comparison: Comparison) -> str:
    """What is compared, before its number."""
    kind = comparison.pairs[0][0]
    by = "" if kind.optimizer == "sgd" else f" by {OPTIMIZERS[kind.optimizer]}"
    if kind.pixels == "unit":
        return f"pixels from 0 to 1{by}"
    return listed([kind_text(off) for off, _ in comparison.pairs if not off.compensated])


def _signs_text(config: Config, runs: Runs) -> str:
    """The shares for all sizes of minibatches, behind sigmoids if there are any, and on pixels from 0 to 1."""
    shown = [each for each in _signed(config) if each[0].activation == "sigmoid" or each[0].pixels == "unit"]
    texts = []
    for kind, layer, where in shown:
        shares = [
            100 * np.mean([one_sign_shares(config, runs, kind, layer, batch, time) for time in measuring_times(config)])
            for batch in config.batches
        ]
        texts.append(f"{where} {listed([f'{share:.0f} %' for share in shares])}")
    examples = f"on {listed([str(batch) for batch in config.batches])} examples"
    return f"{'; '.join(texts)}, {examples}"


def _times(interval: Interval) -> str:
    value, low, high = interval
    if np.isnan(value) or np.isnan(low):
        return "an unknown number of times"
    if np.isinf(value):
        return f"at least {low:.2f} times" if np.isfinite(low) else "infinitely many times"
    return f"{value:.2f} times [{low:.2f}, {f'{high:.2f}' if np.isfinite(high) else 'no limit'}]"


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
        INCONCLUSIVE: "may or may not cost steps",
    }
    sentences = []
    for each in comparisons(config):
        interval = compared(config, runs, each)
        effect, optimizer = words[verdict(interval, low=SLOWER)], OPTIMIZERS[each.pairs[0][0].optimizer]
        if each.id == "B8":
            sentences.append(
                f"By {optimizer}, not subtracting the mean of the data {effect}: {_times(interval)} those on centred "
                "data."
            )
    first = comparisons(config)[0]
    interval = compared(config, runs, first)
    sentences.append(
        f"The mean of {_short(first)} {words[verdict(interval, low=SLOWER)]}: nets take {_times(interval)} the steps "
        "that they take without it."
    )
    return sentences[:3]


def _advice(config: Config, runs: Runs) -> str:
    claim = next(claim for claim in judge(config, runs) if claim.id == "B8")
    nets = f"{config.depth} hidden layers, SGD at tuned rates, {config.seeds} seeds"
    if claim.verdict == SUPPORTED:
        more = (
            f"take {_times(claim.interval)} the steps of centred ones"
            if np.isfinite(claim.interval.low)
            else "do not get, as centred ones do,"
        )
        return (
            f"Subtract the mean of the data: pixels from 0 to 1 {more} to {config.threshold:.0%} training error "
            f"(digits, {nets})."
        )
    if claim.verdict == REFUTED:
        return (
            f"There is no need to subtract the mean of pixels from 0 to 1: they take {_times(claim.interval)} the "
            f"steps of centred ones to {config.threshold:.0%} training error (digits, {nets})."
        )
    return ""


def _caption(config: Config) -> str:
    return (
        "First: share of units whose weight gradients all have one sign, by the number of examples over which they are "
        f"summed; solid at the start, dashed after {config.later_step} steps. Second: steps to {config.threshold:.0%} "
        f"training error, one dot per fresh seed, with medians and their {config.confidence:.0%} intervals. Third: "
        f"|mean| / deviation of the outputs of the hidden layers, for normal inputs and in nets; below the dotted "
        f"line, {CENTRED:g}, counts as zero-centred."
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
    tall = 0.28 * sum(len(group) + 0.6 for group in config.groups()) + 0.8
    picture, ((signs,), (steps,), (means,)) = canvas(3, 1, 9.0, 7.0 + tall, height_ratios=[3.5, tall, 3.5])
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
