"""The report of `noise`: sentences, a table and a figure, all computed from the runs."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval
from experiments.core.style import canvas, color, legend, listed, title
from experiments.core.tuning import rates_text

from .measure import ELU, PLACES, Config, leaky_name
from .verdicts import (
    MARGIN,
    NOISE,
    PUBLISHED,
    clean,
    depth_groups,
    judge,
    layers_text,
    lead,
    name_text,
    noisy,
    paired_interval,
    training_text,
)

TITLE = "Does ELU's saturation make it robust to noise?"

STYLES = ("-", "--", ":", "-.")  # of leaky ReLUs, which share a colour


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, place) for place in PLACES],
        _advice(config, runs),
    )


def _activations(config: Config) -> list[str]:
    return [ELU, *config.rivals()]


def _mean(runs: Runs, depth: int, name: str, place: str) -> float:
    return float(noisy(runs, depth, name, place).mean())


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [
        f"With {layers_text(depths)}, ELU against leaky ReLU: {_answers(config, runs, depths)}."
        for depths in depth_groups(config)
    ]
    depth = config.depths[0]
    for place in PLACES:
        order = sorted(_activations(config), key=lambda name, p=place: -_mean(runs, depth, name, p))
        means = listed([f"{name_text(name)} {_mean(runs, depth, name, place):.1f} %" for name in order])
        sentences.append(
            f"Mean accuracy under noise {NOISE[place]} with {layers_text((depth,))}, at the tuned rates, most robust "
            f"first: {means}."
        )
    diverged, border = sum(run["diverged"] for run in runs), sum(not run["interior"] for run in runs)
    sentences.append(
        f"{diverged or 'None'} of {len(runs)} nets diverged; the learning rate of {border or 'none'} was tuned to the "
        "border of its window."
    )
    return sentences


def _answers(config: Config, runs: Runs, depths: tuple[int, ...]) -> str:
    """Whether ELU is more robust, for noise in each place."""
    words = {SUPPORTED: "more robust", REFUTED: "not more robust", INCONCLUSIVE: "undecided"}
    return "; ".join(
        f"to noise {NOISE[place]} {words[claim.verdict]} (a lead of {claim.value_text})"
        for place in PLACES
        for claim in [_judged(config, runs)[depths, place]]
    )


def _judged(config: Config, runs: Runs) -> dict[tuple[tuple[int, ...], str], Claim]:
    return dict(zip(product(depth_groups(config), PLACES), judge(config, runs), strict=True))


def _advice(config: Config, runs: Runs) -> str:
    depths = config.depths[:1]
    claims = {place: _judged(config, runs)[depths, place] for place in PLACES}
    conditions = f"{layers_text(depths)}, {TITLES[config.data]}, {training_text(config)}"
    better = [place for place in PLACES if claims[place].verdict == SUPPORTED]
    if better:
        nouns = {"input": "inputs", "hidden": "hidden pre-activations"}
        leads = listed([f"{claims[place].interval.value:+.1f}" for place in better])
        return (
            f"Where {listed([nouns[place] for place in better])} are noisy, try ELU in place of leaky ReLU: {leads} "
            f"points of test accuracy ({conditions})."
        )
    if all(claim.verdict == REFUTED for claim in claims.values()):
        most = max(claim.interval.high for claim in claims.values())
        gain = f"at most {most:.1f} points" if most >= 0.05 else "nothing"
        return f"Do not choose ELU for robustness to noise: it gains {gain} ({conditions})."
    return ""


def _compared(config: Config, runs: Runs) -> list[str]:
    return [
        f"{PUBLISHED}. They give no accuracy under noise to compare with ours.",
        "What differs: theirs is an argument about the outputs of units, for deep convolutional nets on photographs; "
        f"ours measures accuracy under noise, for fully connected nets on {TITLES[config.data]}.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    claims, at_tuned = judge(config, runs), judge(replace(config, rates_around=(1.0,)), runs)
    changed = sum(all_rates.verdict != tuned.verdict for all_rates, tuned in zip(claims, at_tuned, strict=True))
    depth = config.depths[0]
    return [
        *(
            f"Under noise {NOISE[place]}, with {layers_text((depth,))} and at all rates, ELU "
            f"{_standing(config, runs, depth, place)}."
            for place in PLACES
        ),
        f"Judging at the tuned rates alone changes {changed or 'none'} of the {len(claims)} verdicts.",
    ]


def _standing(config: Config, runs: Runs, depth: int, place: str) -> str:
    """Which activations ELU was ahead of or behind: the end of "ELU ..."."""
    leads = {name_text(rival): lead(config, runs, depth, place, rival)[0] for rival in config.rivals()}
    ahead = [name for name, interval in leads.items() if interval.low > 0]
    behind = [name for name, interval in leads.items() if interval.high < 0]
    rest = [name for name in leads if name not in (*ahead, *behind)]
    words = {"was ahead of": ahead, "was behind": behind, "could not be distinguished from": rest}
    return listed([f"{word} {listed(names)}" for word, names in words.items() if names])


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
    """The lead of the others over ELU against the noise: a row per depth, a column per place."""
    picture, axes = canvas(len(config.depths), len(PLACES), 9.0, 1.0 + 3.6 * len(config.depths), sharex=True)
    levels = np.array([0.0, *config.levels])
    rivals = list(config.rivals())
    for panels, depth in zip(axes, config.depths, strict=True):
        for panel, place in zip(panels, PLACES, strict=True):
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
            title(panel, f"noise {NOISE[place]}, {layers_text((depth,))}".replace("hidden layers, ", "", 1))
    for panel in axes[-1]:
        panel.set_xlabel("deviation of the noise")
    for panels in axes:
        panels[0].set_ylabel("points ahead of ELU")
    legend(picture, axes[0][0], len(rivals))
    return picture
