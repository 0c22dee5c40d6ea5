"""The report of `collapse`: sentences, a table and a figure, all computed from the runs."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import mean_interval
from experiments.core.style import canvas, color, listed, title

from .measure import Config
from .verdicts import SAME, XOR_FLOOR, XOR_SOLVED, accuracy, errors

TITLE = "Does a deep linear net collapse?"

NETS = {"identity": "linear", "relu": "ReLU"}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and table."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, data) for data in config.data],
    )


def _nets(config: Config) -> list[tuple[str, int]]:
    return [("identity", 1), *((name, depth) for name in NETS for depth in config.depths)]


def _findings(config: Config, runs: Runs) -> list[str]:
    linear, relu = errors(runs, "identity"), errors(runs, "relu")
    worst = max(run["difference"] for run in runs if run["part"] == "exact")
    sentences = [
        f"Stacks of linear layers agree with the product of their matrices to {worst:.1e} of the largest output.",
        f"On XOR, linear nets end between {linear.min():.4f} and {linear.max():.4f} mean squared error; "
        f"{int((relu < XOR_SOLVED).sum())} of {len(relu)} ReLU nets end below {XOR_SOLVED:g}.",
    ]
    for data in config.data:
        linear_accuracy = accuracy(runs, data, "identity", 1).mean()
        nets = [run for run in runs if run["part"] == "classes" and run["data"] == data]
        sentences += [
            f"A single linear layer has a test accuracy of {linear_accuracy:.1f} % ({TITLES[data]}), so that a "
            f"non-linearity can gain at most {100 - linear_accuracy:.1f} points.",
            f"{sum(run['diverged'] for run in nets)} nets diverged on {TITLES[data]}.",
        ]
        if border := [run for run in nets if not run["interior"]]:
            sentences.append(
                f"The learning rate of {len(border)} nets was tuned to the border of its window ({TITLES[data]})."
            )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    return [
        "There is no published number: the collapse is a theorem about what a linear net can represent. A trained deep "
        "linear net need not be as good as one trained layer, so that this was measured as well.",
        "The notes do not say how much a non-linearity gains. The 10 points of the rule were fixed before the run. "
        + " ".join(_room(runs, data) for data in config.data),
    ]


def _room(runs: Runs, data: str) -> str:
    left = 100 - accuracy(runs, data, "identity", 1).mean()
    if left <= 10:
        return f"On {TITLES[data]} a net can gain only {left:.1f}, so that no net could meet the rule."
    return f"On {TITLES[data]} a net can gain {left:.1f}, so that the rule could be met."


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for data, depth in product(config.data, config.depths):
        difference = accuracy(runs, data, "relu", depth) - accuracy(runs, data, "identity", depth)
        gain = mean_interval(difference, config.confidence)
        effect = "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "makes no significant difference"
        sentences.append(
            f"With {depth} layers ReLU {effect} on {TITLES[data]}: "
            f"{gain.value:+.1f} points [{gain.low:+.1f}, {gain.high:+.1f}]."
        )
    solved = (errors(runs, "relu") < XOR_SOLVED).any() and not (errors(runs, "identity") < XOR_SOLVED).any()
    if solved:
        sentences.append(
            "How much a non-linearity gains depends on the data: XOR cannot be learnt without it. Fit a linear model "
            "first: activations can only improve on what it gets wrong."
        )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"First: relative difference between linear stacks and the product of their matrices, {config.stacks} stacks "
        f"per depth; the dashed line is the limit of the rule. Second: final error of {config.xor_seeds} nets of each "
        f"kind on XOR, drawn at 1e-16 if below; the dashed line is the best a linear function can do. Then: "
        f"test accuracy on {listed([TITLES[data] for data in config.data])}, one dot per seed, "
        f"with the mean and its {config.confidence:.0%} interval."
    )


def _table(config: Config, runs: Runs, data: str) -> Table:
    rows = []
    for name, depth in _nets(config):
        mean = mean_interval(accuracy(runs, data, name, depth), config.confidence)
        nets = (run for run in runs if run["part"] == "classes" and run["data"] == data)
        first = next(run for run in nets if (run["activation"], run["depth"]) == (name, depth))
        rows.append(
            [f"{depth}", NETS[name], f"{first['rate']:.4g}", f"{mean.value:.1f} [{mean.low:.1f}, {mean.high:.1f}]"]
        )
    return Table(f"Test accuracy on {TITLES[data]}", ["layers", "net", "tuned rate", "accuracy in %"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Panels of the theorem, XOR, and classifiers on each data set."""
    picture, [[exact, xor, *classes]] = canvas(1, 2 + len(config.data), 3.5 * (2 + len(config.data)), 3.8)
    rows = [run for run in runs if run["part"] == "exact"]
    exact.scatter(
        [_jitter(run["seed"], run["depth"]) for run in rows],
        [max(run["difference"], 1e-17) for run in rows],
        s=5,
        color=color("identity"),
    )
    exact.axhline(SAME, color="#444444", linestyle="--", linewidth=1)
    exact.set(yscale="log", xlabel="linear layers", ylabel="relative difference", ylim=(1e-17, 1e-11))
    title(exact, "One map, up to rounding")
    for place, name in enumerate(NETS):
        mse = errors(runs, name)
        xor.scatter([_jitter(i, place) for i in range(len(mse))], np.maximum(mse, 1e-16), s=12, color=color(name))
    xor.axhline(XOR_FLOOR, color="#444444", linestyle="--", linewidth=1)
    xor.set(yscale="log", ylabel="mean squared error", xlim=(-0.6, 1.6))
    xor.set_xticks(range(len(NETS)), list(NETS.values()))
    title(xor, "XOR")
    for axes, data in zip(classes, config.data, strict=True):
        _classes(axes, config, runs, data)
    return picture


def _classes(axes: Axes, config: Config, runs: Runs, data: str) -> None:
    """Test accuracy of every net on one kind of data."""
    labelled: set[str] = set()
    for place, (name, depth) in enumerate(_nets(config)):
        accuracies = accuracy(runs, data, name, depth)
        mean = mean_interval(accuracies, config.confidence)
        label = None if name in labelled else NETS[name]
        labelled.add(name)
        places = [_jitter(i, place) for i in range(len(accuracies))]
        axes.scatter(places, accuracies, 12, color(name), alpha=0.6, label=label)
        ends = [[mean.value - mean.low], [mean.high - mean.value]]
        axes.errorbar(place, mean.value, ends, fmt="_", color="#222222", capsize=4)
    axes.set_xticks(range(len(_nets(config))), [str(depth) for _, depth in _nets(config)])
    axes.set(ylabel="test accuracy in %", xlabel="layers")
    axes.legend()
    title(axes, TITLES[data])


def _jitter(index: int, place: float) -> float:
    """The place of a dot, spread so that dots do not cover each other."""
    return place + 0.5 * ((index * 0.618) % 1 - 0.5)
