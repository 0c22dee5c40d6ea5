"""The report of `soundness`: sentences, a table and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import canvas, color, listed, title

from .measure import NETS, Config
from .verdicts import CLOSE, accuracy

TITLE = "Is our training sound?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and table."""
    means = {name: mean_interval(accuracy(runs, name), config.confidence) for name in config.nets}
    near = [name for name in config.nets if _near(name, means[name]) == SUPPORTED]
    diverged = sum(not np.isfinite(run["loss"]) for run in runs)
    rows = [
        [NETS[name].title, f"{NETS[name].accuracy:g}", f"{mean.value:.1f} [{mean.low:.1f}, {mean.high:.1f}]"]
        for name, mean in means.items()
    ]
    reached = [f"{NETS[name].title} {mean.value:.1f} % ({NETS[name].accuracy:g})" for name, mean in means.items()]
    far = [NETS[name].title for name in config.nets if name not in near]
    within = f"within {CLOSE:g} points after {config.steps} steps"
    answer = (
        f"Not shown for {listed(far)}: an accuracy as published, {within}."
        if far
        else f"Yes: {len(means)} of {len(means)} published accuracies were reached {within}."
    )
    return Report(
        findings=[
            f"{answer} Reached (and published): {listed(reached)}.",
            f"{diverged or 'None'} of {len(runs)} nets diverged.",
        ],
        compared=[
            "The published accuracies, after 6000 steps, are in brackets in the findings.",
            "What differs: here the signals are standardised, the examples are shuffled in every epoch, and all biases "
            "but the GRU's start at 0.",
        ],
        practice=[
            "Before other verdicts are believed, these nets need more steps or seeds, or the training loop is wrong."
            if far
            else "On these nets, the training loop of all other questions reaches the accuracies that PyTorch reached."
        ],
        caption=f"Test accuracy on MNIST-1D, one dot per seed, with the mean and its {config.confidence:.0%} interval; "
        f"the bars are the published accuracies, {CLOSE:g} points up and down.",
        tables=[Table("Test accuracy in %", ["net", "published", "ours"], rows)],
    )


def figure(config: Config, runs: Runs) -> Figure:
    """The accuracies of every seed and the published ones."""
    picture, [[axes]] = canvas(1, 1, 7.5, 4.2)
    for place, name in enumerate(config.nets):
        accuracies, published = accuracy(runs, name), NETS[name].accuracy
        mean = mean_interval(accuracies, config.confidence)
        axes.fill_between([place - 0.4, place + 0.4], published - CLOSE, published + CLOSE, color="#f3e3c3", zorder=0)
        spread = 0.5 * ((np.arange(len(accuracies)) * 0.618) % 1 - 0.5)
        axes.scatter(place + spread, accuracies, s=14, color=color("relu"))
        ends = [[mean.value - mean.low], [mean.high - mean.value]]
        axes.errorbar(place, mean.value, ends, fmt="_", color="#222222", capsize=4)
    axes.set_xticks(range(len(config.nets)), [NETS[name].title for name in config.nets], fontsize=8)
    axes.set(ylabel="test accuracy in %", ylim=(0, 100), xlim=(-0.6, len(config.nets) - 0.4))
    title(axes, "MNIST-1D")
    return picture


def _near(name: str, mean: Interval) -> str:
    return verdict(mean, NETS[name].accuracy - CLOSE, NETS[name].accuracy + CLOSE)
