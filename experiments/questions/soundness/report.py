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
    blown = sum(not np.isfinite(run["loss"]) for run in runs)
    rows = [
        [NETS[name].title, f"{NETS[name].accuracy:g}", f"{one.value:.1f} [{one.low:.1f}, {one.high:.1f}]"]
        for name, one in means.items()
    ]
    pairs = [f"{NETS[name].title} {NETS[name].accuracy:g} % and {one.value:.1f} %" for name, one in means.items()]
    sound = len(near) == len(means)
    return Report(
        findings=[
            f"{len(near)} of {len(means)} published accuracies were reached within {CLOSE:g} points after "
            f"{config.steps} steps; {blown} of {len(runs)} nets blew up."
        ],
        compared=[
            f"Theirs and ours: {listed(pairs)}.",
            "What differs: here every place of the signals is standardised, the examples are shuffled in every epoch, "
            "and biases start at 0 but for the GRU's.",
        ],
        practice=[
            "The training loop under all other questions ends where PyTorch's did, on the nets that ran."
            if sound
            else "Not every net ended where its authors' did: more steps, or a look at the training loop, are needed."
        ],
        caption=f"Test accuracy on MNIST-1D, one dot per seed, with the mean and its {config.confidence:.0%} interval; "
        f"the bars are the published accuracies, {CLOSE:g} points up and down.",
        tables=[Table("Test accuracy in %", ["net", "published", "ours"], rows)],
    )


def figure(config: Config, runs: Runs) -> Figure:
    """Published and reached accuracies side by side."""
    picture, [[axes]] = canvas(1, 1, 7.5, 4.2)
    for place, name in enumerate(config.nets):
        found, published = accuracy(runs, name), NETS[name].accuracy
        mean = mean_interval(found, config.confidence)
        axes.fill_between([place - 0.4, place + 0.4], published - CLOSE, published + CLOSE, color="#f3e3c3", zorder=0)
        axes.scatter(place + 0.5 * ((np.arange(len(found)) * 0.618) % 1 - 0.5), found, s=14, color=color("relu"))
        reach = [[mean.value - mean.low], [mean.high - mean.value]]
        axes.errorbar(place, mean.value, reach, fmt="_", color="#222222", capsize=4)
    axes.set_xticks(range(len(config.nets)), [NETS[name].title for name in config.nets], fontsize=8)
    axes.set(ylabel="test accuracy in %", ylim=(0, 100), xlim=(-0.6, len(config.nets) - 0.4))
    title(axes, "MNIST-1D")
    return picture


def _near(name: str, mean: Interval) -> str:
    return verdict(mean, NETS[name].accuracy - CLOSE, NETS[name].accuracy + CLOSE)
