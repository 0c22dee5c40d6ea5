"""The report of `noise`: sentences, a table and a figure, all computed from the runs."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import Interval
from experiments.core.style import canvas, color, legend, listed, title
from experiments.core.tuning import rates_text

from .measure import ELU, PLACES, Config, leaky_name
from .verdicts import MARGIN, NOISE, PUBLISHED, clean, equally_good, judge, lead, name_text, noisy, paired_interval

TITLE = "Does ELU's saturation make it robust to noise?"

STYLES = ("-", "--", ":", "-.")  # of leaky ReLUs, which share a colour


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, place) for place in PLACES],
    )


def _activations(config: Config) -> list[str]:
    return [ELU, *config.rivals()]


def _mean(runs: Runs, depth: int, name: str, place: str) -> float:
    return float(noisy(runs, depth, name, place).mean())


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for depth in config.depths:
        for place in PLACES:
            order = sorted(_activations(config), key=lambda name, d=depth, p=place: -_mean(runs, d, name, p))
            means = listed([f"{name_text(name)} {_mean(runs, depth, name, place):.1f} %" for name in order])
            sentences.append(
                f"Mean accuracy under noise {NOISE[place]} with {depth} hidden layers, at the tuned rates, most robust "
                f"first: {means}."
            )
    unequal = [
        f"{name_text(rival)} ({depth} layers)"
        for depth in config.depths
        for rival in config.rivals()
        if not equally_good(lead(config, runs, depth, "input", rival)[1])
    ]
    if unequal:
        sentences.append(
            f"Without noise, ELU's accuracy was not shown to be within {MARGIN:g} points of that of "
            f"{listed(unequal)}; there the verdict depends on accuracy and drop."
        )
    diverged, border = sum(run["diverged"] for run in runs), sum(not run["interior"] for run in runs)
    sentences.append(
        f"{len(judge(config, runs))} claims are judged here, each at {config.confidence:.0%}. {diverged} of "
        f"{len(runs)} nets diverged; the learning rate of {border} was tuned to the border of its window."
    )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    return [
        f"{PUBLISHED}. They give no accuracy under noise to compare with ours.",
        "What differs: theirs is an argument about the outputs of units, for deep convolutional nets on photographs; "
        f"ours measures accuracy under noise, for fully connected nets on {TITLES[config.data]}.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    claims, at_tuned = judge(config, runs), judge(replace(config, rates_around=(1.0,)), runs)
    changed = sum(all_rates.verdict != tuned.verdict for all_rates, tuned in zip(claims, at_tuned, strict=True))
    for depth in config.depths:
        for place in PLACES:
            leads = {rival: lead(config, runs, depth, place, rival)[0] for rival in config.rivals()}
            gained, lost = (
                [name_text(rival) for rival, interval in leads.items() if significant(interval)]
                for significant in (lambda interval: interval.low > 0, lambda interval: interval.high < 0)
            )
            sentences.append(
                f"With noise {NOISE[place]} and {depth} hidden layers ELU was, at all rates, more accurate than "
                f"{listed(gained) if gained else 'none'} and less than {listed(lost) if lost else 'none'}."
            )
    return [
        *sentences,
        f"Judged at the tuned rates alone {changed} of {len(claims)} claims would have another verdict: the rate "
        "changes the size of the weights, and with it the effect of noise.",
    ]


def _caption(config: Config) -> str:
    return (
        "Points of test accuracy by which other activations are ahead of ELU, against the deviation of the noise, at "
        f"the tuned rates. Intervals are hulls of those {rates_text(config.rates_around)}, each at "
        f"{config.confidence:.0%} over {config.seeds} seeds, averaged over {config.draws} draws; at 0 there is no "
        f"noise. Below the line ELU is better; the shaded band is {MARGIN:g} points wide on either side."
    )


def _table(config: Config, runs: Runs, place: str) -> Table:
    rows = []
    for depth in config.depths:
        for name in _activations(config):
            first = next(run for run in runs if (run["depth"], run["activation"]) == (depth, name))
            means = [clean(runs, depth, name).mean(), *noisy(runs, depth, name, place).mean(0)]
            rows.append([str(depth), name_text(name), f"{first['rate']:.3g}", *[f"{mean:.1f}" for mean in means]])
    header = ["hidden layers", "activation", "tuned rate", "no noise", *[f"{level:g}" for level in config.levels]]
    return Table(f"Test accuracy in % by deviation of the noise {NOISE[place]}", header, rows)


def _ahead(config: Config, runs: Runs, depth: int, place: str, rival: str, index: int) -> Interval:
    """Points by which a rival is ahead of ELU: at index 0 without noise, then at each level."""

    def accuracy(name: str, multiple: float) -> np.ndarray:
        if index == 0:
            return clean(runs, depth, name, multiple)
        return noisy(runs, depth, name, place, multiple)[:, index - 1]

    return paired_interval(config, lambda multiple: accuracy(rival, multiple) - accuracy(ELU, multiple))


def figure(config: Config, runs: Runs) -> Figure:
    """The lead of the others over ELU against the noise: a row per place, a column per depth."""
    width = 4.7 * max(2, len(config.depths))
    picture, axes = canvas(len(PLACES), len(config.depths), width, 6.8, sharex=True, sharey="row")
    levels = np.array([0.0, *config.levels])
    rivals = list(config.rivals())
    for row, place in enumerate(PLACES):
        for panel, depth in zip(axes[row], config.depths, strict=True):
            panel.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
            panel.axhline(0, color=color(ELU), linewidth=1)
            for number, rival in enumerate(rivals):
                leads = [_ahead(config, runs, depth, place, rival, index) for index in range(len(levels))]
                style: dict[str, Any] = {"color": color(rival.split()[0]), "label": name_text(rival)}
                style["linestyle"] = STYLES[number % len(STYLES)] if rival in map(leaky_name, config.slopes) else "-"
                values, lows, highs = np.array(leads).T
                panel.errorbar(
                    levels + 0.02 * (number - (len(rivals) - 1) / 2),
                    values,
                    [values - lows, highs - values],
                    fmt="o",
                    capsize=2.5,
                    elinewidth=1,
                    **style,
                )
            title(panel, f"noise {NOISE[place]}, {depth} hidden layers".replace("its ", ""))
    for panel in axes[-1]:
        panel.set_xlabel("deviation of the noise")
    for panels in axes:
        panels[0].set_ylabel("points ahead of ELU")
    legend(picture, axes[0][0], len(rivals))
    return picture
