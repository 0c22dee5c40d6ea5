"""The report of `recommendation`: sentences, a table and a figure, all computed from the runs."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.style import canvas, color, listed, named, title
from experiments.core.tuning import rates_text

from .measure import RELU, Config
from .verdicts import MARGIN, PUBLISHED, accuracies, accuracy, ahead, judge, widened

TITLE = "Is ReLU the one to use?"

MNIST1D = {"logistic": 32, "MLP": 68, "CNN": 94}  # per cent; Greydanus, https://arxiv.org/abs/2011.14439


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, data) for data in config.data],
    )


def _activations(config: Config) -> tuple[str, ...]:
    return (RELU, *config.activations)


def _ranked(config: Config, runs: Runs, data: str) -> list[str]:
    return sorted(_activations(config), key=lambda name: -accuracy(config, runs, data, name).value)


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for data in config.data:
        order = _ranked(config, runs, data)
        shown = listed([f"{named(name)} {accuracy(config, runs, data, name).value:.1f} %" for name in order])
        sentences.append(f"Test accuracy on {TITLES[data]}, best first: {shown}.")
    claims, diverged = judge(config, runs), sum(run["diverged"] for run in runs)
    sentences.append(
        f"{len(claims)} claims are judged here, each at {config.confidence:.0%}; {diverged} of {len(runs)} nets "
        "diverged; their accuracies are included."
    )
    outside = {(run["activation"], run["data"], run["depth"]) for run in runs if not run["interior"]}
    if outside:
        where = listed([f"{named(name)} ({TITLES[data]}, {depth} layers)" for name, data, depth in sorted(outside)])
        sentences.append(f"Tuning ended at the border of its window for {where}: better settings may exist there.")
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    sentences = [f"{PUBLISHED['leaky_relu']}. {PUBLISHED['elu']}. Neither gives a number for nets like ours."]
    if "mnist1d" in config.data:
        values = listed([f"{kind} {value} %" for kind, value in MNIST1D.items()])
        ours = accuracy(config, runs, "mnist1d", RELU).value
        sentences.append(
            f"Greydanus, test accuracy on MNIST-1D: {values}. Ours with ReLU: {ours:.1f} %. What differs: "
            f"theirs train for thousands of steps of 100 examples, ours for {config.steps} of {config.batch}, with a "
            "fifth of the training part kept for validation."
        )
    return sentences


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    claims, at_tuned = judge(config, runs), judge(replace(config, rates_around=(1.0,)), runs)
    changed = sum(all_rates.verdict != tuned.verdict for all_rates, tuned in zip(claims, at_tuned, strict=True))
    for data in config.data:
        leads = {name: ahead(config, runs, data, name, RELU, widened(config)) for name in config.activations}
        better = [named(name) for name, lead in leads.items() if lead.low > 0]
        worse = [named(name) for name, lead in leads.items() if lead.high < 0]
        sentences.append(
            f"On {TITLES[data]} {listed(better) if better else 'none'} did better than ReLU and "
            f"{listed(worse) if worse else 'none'} worse, by more than seeds and a factor of two in the rate explain."
        )
        spread = [lead.value for lead in leads.values()]
        sentences.append(
            f"Between the worst and the best of the others lie {max(spread) - min(spread):.1f} points on "
            f"{TITLES[data]}, with rate and gain tuned for each."
        )
    return [
        *sentences,
        f"Judged at the tuned rates alone {changed} of {len(claims)} claims would have another verdict: on small data "
        "the choice between two neighbouring rates can matter as much as the activation. The intervals do not "
        "include that another validation part may give another gain.",
    ]


def _caption(config: Config) -> str:
    return (
        "The lead of each activation over ReLU in points of test accuracy, one dot per seed, with the interquartile "
        f"mean, all at the tuned rates. Its interval is the hull of those {rates_text(config.rates_around)}, each at "
        f"{widened(config):.2%} ({config.confidence:.0%} for all of a panel together). In the shaded band, {MARGIN:g} "
        "points wide on either side, differences do not count."
    )


def _table(config: Config, runs: Runs, data: str) -> Table:
    rows = []
    for name in _ranked(config, runs, data):
        mean = accuracy(config, runs, data, name)
        lead = ahead(config, runs, data, name, RELU, config.confidence)
        nets = [run for run in runs if (run["data"], run["activation"]) == (data, name)]
        settings = [next(run for run in nets if run["depth"] == depth) for depth in config.depths]
        rows.append(
            [named(name), f"{mean.value:.1f} [{mean.low:.1f}, {mean.high:.1f}]"]
            + [f"{lead.value:+.1f} [{lead.low:+.1f}, {lead.high:+.1f}]" if name != RELU else "-"]
            + [listed([f"{setting[kind]:.3g}" for setting in settings]) for kind in ("rate", "gain")]
            + [str(sum(run["diverged"] for run in nets))]
        )
    depths = listed([str(depth) for depth in config.depths])
    header = ["activation", "accuracy in %", "points ahead of ReLU", "tuned rate", "tuned gain", "diverged"]
    return Table(f"Test accuracy on {TITLES[data]}, {depths} hidden layers", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """The lead of every activation over ReLU, one panel per data set."""
    picture, [panels] = canvas(1, len(config.data), 4.9 * max(2, len(config.data)), 4.2)
    names = [named(name) for name in config.activations]
    for panel, data in zip(panels, config.data, strict=True):
        panel.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
        panel.axhline(0, color=color(RELU), linestyle="--", linewidth=1)
        for place, name in enumerate(config.activations):
            pairs = [[accuracies(runs, data, depth, each) for each in (name, RELU)] for depth in config.depths]
            dots = np.concatenate([other - relu for other, relu in pairs])
            lead = ahead(config, runs, data, name, RELU, widened(config))
            beside = place + 0.3 * ((0.618 * np.arange(len(dots))) % 1 - 0.5)
            panel.scatter(beside, dots, s=9, color=color(name), alpha=0.5, linewidths=0)
            ends = [[lead.value - lead.low], [lead.high - lead.value]]
            panel.errorbar(place, lead.value, ends, fmt="_", color="#222222", capsize=4)
        panel.set_xticks(range(len(names)), names, rotation=30)
        title(panel, TITLES[data])
    panels[0].set_ylabel("points of test accuracy ahead of ReLU")
    return picture
