"""The report of `recommendation`: sentences, tables and a figure, all computed from the runs."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import Interval, interquartile_interval
from experiments.core.style import COLORS, canvas, color, listed, named, title
from experiments.core.tuning import rates_text

from .measure import QUARTER, RELU, WHOLE, Config, looks
from .verdicts import (
    LEARNT,
    MARGIN,
    PUBLISHED,
    Lead,
    accuracies,
    accuracy,
    ahead,
    converged,
    judge,
    leader,
    leads,
    trained,
    training_error,
)

TITLE = "Is ReLU the one to use?"

MNIST1D = {"logistic": 32, "MLP": 68, "CNN": 94}  # per cent; Greydanus, https://arxiv.org/abs/2011.14439
STYLES = ("-", "--", ":", "-.")  # of activations that share a colour


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    everything, runs = runs, trained(runs, WHOLE)
    found = leads(config, runs, config.activations)
    return Report(
        findings=_findings(config, everything, runs, found),
        compared=_compared(config, runs),
        practice=_practice(config, runs, found),
        caption=_caption(config),
        tables=[_table(config, everything, data) for data in config.data],
        advice=_advice(config, runs, found),
    )


def _activations(config: Config) -> tuple[str, ...]:
    return (RELU, *config.activations)


def _ranked(config: Config, runs: Runs, data: str) -> list[str]:
    return sorted(_activations(config), key=lambda name: -accuracy(config, runs, data, name).value)


def _findings(config: Config, everything: Runs, runs: Runs, found: list[Lead]) -> list[str]:
    answer = "; ".join(_answer(config, runs, found, data) for data in config.data)
    sentences = [f"{answer[0].upper()}{answer[1:]}."]
    for data in config.data:
        order = _ranked(config, runs, data)
        shown = listed([f"{named(name)} {accuracy(config, runs, data, name).value:.1f} %" for name in order])
        sentences.append(f"Test accuracy on {TITLES[data]} after {_steps(runs, data):,} steps, best first: {shown}.")
    return [*sentences, _budget(config, everything), _left_out(everything)]


def _answer(config: Config, runs: Runs, found: list[Lead], data: str) -> str:
    """Whether ReLU is the one to use on a data set."""
    where = f"on {TITLES[data]}"
    if not converged(config, runs, data):
        return f"{where} it cannot be told, as training has not converged"
    better, _, open_ones = _sorted_out(found, data)
    if better:
        told = [f"{named(lead.name)} is {_points(lead.interval)} ahead of ReLU" for lead in better]
        return f"{where} no: {listed(told)} after {_steps(runs, data):,} steps"
    if open_ones:
        every = len(open_ones) == len(config.activations) > 1
        names = f"any of the {len(open_ones)}" if every else listed([named(lead.name) for lead in open_ones])
        return f"{where} nothing is certainly ahead of ReLU by {MARGIN:g} points, but {names} may be"
    return f"{where} yes: nothing is ahead of ReLU by {MARGIN:g} points"


def _sorted_out(found: list[Lead], data: str) -> tuple[list[Lead], list[Lead], list[Lead]]:
    """The leads on a data set that lie above the margin, below it, and neither: best first."""
    here = sorted((lead for lead in found if lead.data == data), key=lambda lead: -lead.interval.value)
    better = [lead for lead in here if lead.interval.low > MARGIN]
    below = [lead for lead in here if lead.interval.high < MARGIN]
    return better, below, [lead for lead in here if lead not in better and lead not in below]


def _points(lead: Interval) -> str:
    return f"{lead.value:.1f} points [{lead.low:.1f}, {lead.high:.1f}]"


def _steps(runs: Runs, data: str) -> int:
    return next(run["steps"] for run in runs if run["data"] == data)


def _budget(config: Config, everything: Runs) -> str:
    """What three quarters of the epochs added, and whether training has converged."""
    quarter, whole = (trained(everything, share) for share in (QUARTER, WHOLE))
    told = []
    for data in config.data:
        best = leader(config, whole, data)
        least, most = (accuracy(config, runs, data, best).value for runs in (quarter, whole))
        wrong = training_error(config, whole, data, best)
        told.append(
            f"on {TITLES[data]} {named(best)}, the most accurate, gets {wrong:.1%} of the training examples wrong at "
            f"the end and {most:.1f} % of the test part right, after a quarter of the epochs {least:.1f} %"
        )
    claims, before = judge(config, everything), judge(config, everything, QUARTER)
    changed = sum(now.verdict != then.verdict for now, then in zip(claims, before, strict=True))
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}. After that quarter {changed} of {len(claims)} verdicts would be different."


def _left_out(runs: Runs) -> str:
    """The nets that diverged, and where tuning ended at a border."""
    sentence = f"{sum(run['diverged'] for run in runs)} of {len(runs)} nets diverged; their accuracies are included."
    outside = {(run["activation"], run["data"], run["depth"]) for run in runs if not run["interior"]}
    if outside:
        where = listed([f"{named(name)} ({TITLES[data]}, {depth} layers)" for name, data, depth in sorted(outside)])
        sentence += f" Tuning ended at the border of its window for {where}: better settings may exist there."
    return sentence


def _compared(config: Config, runs: Runs) -> list[str]:
    sentences = [f"{PUBLISHED['leaky_relu']}. {PUBLISHED['elu']}. Neither gives a number for nets like ours."]
    if "mnist1d" in config.data:
        values = listed([f"{kind} {value} %" for kind, value in MNIST1D.items()])
        ours = accuracy(config, runs, "mnist1d", RELU).value
        sentences.append(
            f"Greydanus, test accuracy on MNIST-1D: {values}. Ours with ReLU: {ours:.1f} %. What differs: "
            f"theirs has more units and trains for 6,000 steps of 100 examples, ours for {_steps(runs, 'mnist1d'):,} "
            f"of {config.batch}, with a fifth of the training part kept for validation."
        )
    return sentences


def _practice(config: Config, runs: Runs, found: list[Lead]) -> list[str]:
    sentences = []
    for data in config.data:
        here = [lead for lead in found if lead.data == data]
        sentences.append(f"On {TITLES[data]} {_apart(here)}.")
    claims, at_tuned = judge(config, runs), judge(replace(config, rates_around=(1.0,)), runs)
    changed = sum(all_rates.verdict != tuned.verdict for all_rates, tuned in zip(claims, at_tuned, strict=True))
    return [
        *sentences[:2],
        f"At the tuned rates alone {changed} of {len(claims)} verdicts would be different: on small data the choice "
        "between two neighbouring rates can matter as much as the activation.",
    ]


def _apart(found: list[Lead]) -> str:
    """Which activations did better or worse than ReLU, and by how much, as the end of a sentence."""
    groups: dict[tuple[str, str], list[str]] = {}
    for sign, word in ((1, "better"), (-1, "worse")):
        for lead in found:
            low, high = sorted((sign * lead.interval.low, sign * lead.interval.high))
            if low > 0:
                size = "by more than" if low > MARGIN else ", but by less than" if high < MARGIN else ""
                groups.setdefault((word, size or ", but perhaps by less than"), []).append(named(lead.name))
    if not groups:
        return "nothing differed from ReLU by more than seeds and a factor of two in the rate explain"
    clauses = []
    for (word, size), names in groups.items():
        than = "" if clauses else " than ReLU"
        clauses.append(f"{listed(names)} did {word}{than}{size if size[0] == ',' else f' {size}'} {MARGIN:g} points")
    return "; ".join(clauses)


def _advice(config: Config, runs: Runs, found: list[Lead]) -> str:
    """The activation to use, or that none is certainly better."""
    done = [data for data in config.data if converged(config, runs, data)]
    everywhere = listed([TITLES[data] for data in done])
    better = [lead for data in done for lead in _sorted_out(found, data)[0]]
    if not done:
        data = config.data[-1]
        wrong = training_error(config, runs, data, leader(config, runs, data))
        return (
            f"Train longer before you choose an activation: after {config.epochs} epochs of Adam on {TITLES[data]} the "
            f"most accurate one still gets {wrong:.0%} of its training examples wrong."
        )
    if better:
        best = max(better, key=lambda lead: lead.interval.value)
        return (
            f"Try {named(best.name)} in place of ReLU: on {TITLES[best.data]} it is {_points(best.interval)} more "
            f"accurate after {_steps(runs, best.data):,} steps of Adam, with rate and gain tuned for each "
            f"({config.seeds} seeds)."
        )
    if undecided := [lead for data in done for lead in _sorted_out(found, data)[2]]:
        most, count = max(undecided, key=lambda lead: lead.interval.high), len(config.activations)
        high, name = most.interval.high, named(most.name)
        size = f"leads of up to {high:.1f} points ({name})" if np.isfinite(high) else f"leads of any size ({name})"
        unless = "" if count > 1 else "not "
        shown = f"none of {count} others" if count > 1 else name
        return (
            f"Start with ReLU and tune its rate and gain: after {config.epochs} epochs on {everywhere} {shown} "
            f"could {unless}be shown to be {MARGIN:g} points better, but "
            f"on {TITLES[most.data]} {size} are not excluded "
            f"({config.seeds} seeds)."
        )
    return (
        f"Stay with ReLU: after {config.epochs} epochs of Adam no other of {len(config.activations)} activations is "
        f"{MARGIN:g} points more accurate on {everywhere}, with rate and gain tuned for each ({config.seeds} seeds)."
    )


def _caption(config: Config) -> str:
    return (
        "From the top: the lead of each activation over ReLU in points of test accuracy, one dot per seed at the tuned "
        f"rates, with the interquartile mean; its interval is the hull of those {rates_text(config.rates_around)}, and "
        f"holds together with the others at {config.confidence:.0%}. In the shaded band, {MARGIN:g} points wide on "
        "either side, differences do not count. Below: test accuracy against steps, with circles where nets end that "
        "were trained on a quarter of the epochs, and at the end against the first learning rate, which falls to 0. "
        f"Bands are {config.confidence:.0%} intervals over {config.seeds} fresh seeds. Verdicts need a training error "
        f"of at most {LEARNT:.0%} of the best activation."
    )


def _table(config: Config, everything: Runs, data: str) -> Table:
    quarter, runs = (trained(everything, share) for share in (QUARTER, WHOLE))
    rows = []
    for name in _ranked(config, runs, data):
        mean, least = (accuracy(config, each, data, name) for each in (runs, quarter))
        lead = ahead(config, runs, data, name, RELU, config.confidence)
        nets = [run for run in runs if (run["data"], run["activation"]) == (data, name)]
        settings = [next(run for run in nets if run["depth"] == depth) for depth in config.depths]
        rows.append(
            [named(name), f"{mean.value:.1f} [{mean.low:.1f}, {mean.high:.1f}]", f"{least.value:.1f}"]
            + [f"{lead.value:+.1f} [{lead.low:+.1f}, {lead.high:+.1f}]" if name != RELU else "-"]
            + [f"{training_error(config, runs, data, name):.1%}"]
            + [listed([f"{setting[kind]:.3g}" for setting in settings]) for kind in ("rate", "gain")]
            + [str(sum(run["diverged"] for run in nets))]
        )
    depths = listed([str(depth) for depth in config.depths])
    header = ["activation", "accuracy in %", "after a quarter", "points ahead of ReLU", "training error"]
    header += ["tuned rate", "tuned gain", "diverged"]
    return Table(f"Test accuracy on {TITLES[data]}, {depths} hidden layers, {config.epochs} epochs", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Leads over ReLU, accuracy over the budget and over the learning rate: a column for each data set."""
    quarter, runs = (trained(runs, share) for share in (QUARTER, WHOLE))
    drawn = (_draw_leads, partial(_draw_budget, quarter), _draw_rates)
    picture, axes = canvas(3, len(config.data), 4.2 * max(2, len(config.data)), 10.5)
    for row, draw in zip(axes, drawn, strict=True):
        for panel, data in zip(row, config.data, strict=True):
            draw(config, runs, data, panel)
    axes[0][0].set_ylabel("points ahead of ReLU")
    axes[1][0].set_ylabel("test accuracy in %")
    axes[2][0].set_ylabel("test accuracy in %")
    handles = []
    for name in _activations(config):
        handles.append(Line2D([], [], color=color(name), label=named(name)))
        handles[-1].set_linestyle(_style(config, name))
    picture.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return picture


def _style(config: Config, name: str) -> str:
    """Dashes tell activations apart that have no colour of their own."""
    others = [each for each in config.activations if each not in COLORS]
    return STYLES[others.index(name) % len(STYLES)] if name in others else "-"


def _draw_leads(config: Config, runs: Runs, data: str, panel: Axes) -> None:
    """The lead of every activation over ReLU."""
    panel.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
    panel.axhline(0, color=color(RELU), linestyle="--", linewidth=1)
    for place, (_, name, lead) in enumerate(
        each for each in leads(config, runs, config.activations) if each.data == data
    ):
        pairs = [[accuracies(runs, data, depth, each) for each in (name, RELU)] for depth in config.depths]
        dots = np.concatenate([other - relu for other, relu in pairs])
        beside = place + 0.3 * ((0.618 * np.arange(len(dots))) % 1 - 0.5)
        panel.scatter(beside, dots, s=9, color=color(name), alpha=0.5, linewidths=0)
        ends = np.maximum([[lead.value - lead.low], [lead.high - lead.value]], 0)
        panel.errorbar(place, lead.value, ends.tolist(), fmt="_", color="#222222", capsize=4)
    names = [named(name) for name in config.activations]
    panel.set_xticks(range(len(names)), names, rotation=45, ha="right")
    title(panel, TITLES[data])


def _draw_budget(quarter: Runs, config: Config, runs: Runs, data: str, panel: Axes) -> None:
    """Test accuracy against the steps of training, and at the end of a training on a quarter of the epochs."""
    shares = np.array(looks(config.epochs)) / config.epochs
    for name in _activations(config):
        found = [accuracy(config, runs, data, name, look=look) for look in range(len(shares))]
        _draw_line(config, panel, shares * _steps(runs, data), found, name)
        end = accuracy(config, quarter, data, name).value
        panel.plot(_steps(quarter, data), end, "o", color=color(name), markerfacecolor="none")
    panel.set_xscale("log")
    panel.set_xlabel("steps")
    title(panel, f"{TITLES[data]}, over the budget")


def _draw_rates(config: Config, runs: Runs, data: str, panel: Axes) -> None:
    """Test accuracy at the end against the learning rate."""
    depth, multiples = config.depths[0], sorted(config.rates_around)
    for name in _activations(config):
        group = (data, depth, name)
        rate = next(run["rate"] for run in runs if (run["data"], run["depth"], run["activation"]) == group)
        nets = [accuracies(runs, data, depth, name, multiple) for multiple in multiples]
        found = [interquartile_interval([each], config.confidence) for each in nets]
        _draw_line(config, panel, rate * np.array(multiples), found, name)
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter(lambda rate, _: f"{rate:.2g}")
    panel.set_xlabel("learning rate")
    title(panel, f"{TITLES[data]}, {depth} hidden layer{'s' * (depth > 1)}")


def _draw_line(config: Config, panel: Axes, places: np.ndarray, found: Sequence[Interval], name: str) -> None:
    """Values with a band of their intervals."""
    values, low, high = np.array(found).T
    panel.fill_between(places, low, high, color=color(name), alpha=0.12, linewidth=0)
    panel.plot(places, values, marker=".", color=color(name), linestyle=_style(config, name))
