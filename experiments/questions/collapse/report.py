"""The report of `collapse`: sentences, tables and a figure, all computed from the runs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import canvas, color, listed, title

from .measure import Config
from .verdicts import (
    CLOSE,
    SAME,
    XOR_FLOOR,
    XOR_SOLVED,
    accuracy,
    budget_text,
    deep_minus_one,
    errors,
    layers_text,
    left,
    relu_minus_linear,
)

TITLE = "Does a deep linear net collapse?"

NETS = {"identity": "linear", "relu": "ReLU"}
LINES = ("-", "--", ":", "-.")  # of depths


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, data) for data in config.data],
        _advice(config, runs),
    )


def _nets(config: Config) -> list[tuple[str, int]]:
    return [("identity", 1), *((name, depth) for name in NETS for depth in config.depths)]


def _findings(config: Config, runs: Runs) -> list[str]:
    linear, relu = errors(runs, "identity"), errors(runs, "relu")
    worst = max(run["difference"] for run in runs if run["part"] == "exact")
    differences = {data: deep_minus_one(config, runs, data) for data in config.data}
    outcomes = {verdict(interval, -CLOSE, CLOSE) for interval in differences.values()}
    answer = {
        SUPPORTED: f"Yes: {layers_text(config)} of a trained linear net do as well as one",
        REFUTED: f"Not in training: {layers_text(config)} of a linear net do not do as well as one",
        INCONCLUSIVE: f"In algebra; in training it is not clear that {layers_text(config)} of a linear net do as well "
        "as one",
    }[outcomes.pop() if len(outcomes) == 1 else INCONCLUSIVE]
    gains = [
        f"{_points(relu_minus_linear(config, runs, data))} of the {left(runs, data):.1f} points that a linear layer "
        f"leaves on {TITLES[data]}"
        for data in config.data
    ]
    nets = [run for run in runs if run["part"] == "classes"]
    diverged, border = sum(bool(run["diverged"]) for run in nets), sum(not run["interior"] for run in nets)
    return [
        f"{answer} ({_by_data(differences)} points of accuracy).",
        f"ReLU in place of the identity is worth {listed(gains)}.",
        f"Stacks of linear layers agree with the product of their matrices to {worst:.1e} of the largest output.",
        f"On XOR, linear nets end between {linear.min():.4f} and {linear.max():.4f} mean squared error; "
        f"{int((relu < XOR_SOLVED).sum()) or 'none'} of {len(relu)} ReLU nets end below {XOR_SOLVED:g}.",
        f"{diverged or 'None'} of {len(nets)} classifiers diverged; the learning rate of {border or 'none'} was tuned "
        "to the border of its window.",
    ]


def _points(interval: Interval) -> str:
    """Points with their sign and their interval."""
    return f"{interval.value:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"


def _by_data(intervals: dict[str, Interval]) -> str:
    return listed([f"{TITLES[data]} {_points(interval)}" for data, interval in intervals.items()])


def _compared(config: Config, runs: Runs) -> list[str]:
    return [
        "There is no published number: the collapse is a theorem about what a linear net can represent. A trained deep "
        "linear net need not be as good as one trained layer, so that this was measured as well.",
        "The notes do not say how much a non-linearity gains.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = [_effect(data, relu_minus_linear(config, runs, data)) for data in config.data[:2]]
    linear, relu = (errors(runs, name) for name in NETS)
    if (relu < XOR_SOLVED).any() and not (linear < XOR_SOLVED).any():
        sentences.append(
            "How much a non-linearity gains depends on the data: XOR cannot be learnt without it, and what a linear "
            "model gets right needs none."
        )
    return sentences


def _effect(data: str, gain: Interval) -> str:
    word = "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "makes no difference that holds at every depth"
    return f"On {TITLES[data]} ReLU {word}: {_points(gain)} points."


def _advice(config: Config, runs: Runs) -> str:
    cases = [
        f"{TITLES[data]} {100 - left(runs, data):.1f} %, ReLU {relu_minus_linear(config, runs, data).value:+.1f} points"
        for data in config.data[:2]
    ]
    return (
        "Fit a linear layer first: what it gets wrong is all that an activation can gain: "
        f"{'; '.join(cases)} ({layers_text(config)}, {budget_text(config)})."
    )


def _caption(config: Config) -> str:
    return (
        f"First: relative difference between linear stacks and the product of their matrices, {config.stacks} stacks "
        f"per depth; the dashed line is the limit of the rule. Second: final error of {config.xor_seeds} nets of each "
        f"kind on XOR, drawn at 1e-16 if below; the dashed line is the best a linear function can do. Below: test "
        f"accuracy by epoch on {listed([TITLES[data] for data in config.data])}, the mean over {config.seeds} seeds "
        f"with its {config.confidence:.0%} interval."
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
    """The theorem and XOR above, learning curves on each data set below."""
    columns = max(2, len(config.data))
    picture, [[exact, xor, *unused], curves] = canvas(2, columns, 4.5 * columns, 7.2)
    for axes in (*unused, *curves[len(config.data) :]):
        axes.set_axis_off()
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
    for axes, data in zip(curves, config.data, strict=False):
        _draw_curves(axes, config, runs, data)
    return picture


def _draw_curves(axes: Axes, config: Config, runs: Runs, data: str) -> None:
    """Test accuracy by epoch: a line for every kind of net."""
    for name, depth in _nets(config):
        keys = (data, name, depth)
        nets = (run for run in runs if run["part"] == "classes")
        curves = 100 * np.array([r["curve"] for r in nets if (r["data"], r["activation"], r["depth"]) == keys])
        means = [mean_interval(by_seed, config.confidence) for by_seed in curves.T]
        _band(axes, means, name, depth, config)
    axes.set(ylabel="test accuracy in %", xlabel="epoch")
    axes.legend(fontsize=8)
    title(axes, TITLES[data])


def _band(axes: Axes, means: Sequence[Interval], name: str, depth: int, config: Config) -> None:
    epochs = np.arange(1, len(means) + 1)
    shade = "#222222" if depth == 1 else color(name)
    line = "-" if depth == 1 else LINES[config.depths.index(depth) % len(LINES)]
    axes.plot(epochs, [mean.value for mean in means], line, color=shade, label=f"{NETS[name]}, {depth}", linewidth=1.5)
    axes.fill_between(
        epochs, [mean.low for mean in means], [mean.high for mean in means], color=shade, alpha=0.15, linewidth=0
    )


def _jitter(index: int, place: float) -> float:
    """The place of a dot, spread so that dots do not cover each other."""
    return place + 0.5 * ((index * 0.618) % 1 - 0.5)
