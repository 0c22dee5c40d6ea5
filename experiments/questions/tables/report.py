"""The report of `tables`: sentences, a table and a figure, all computed from the runs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, median_interval
from experiments.core.style import canvas, color, counted, listed, named, title

from .measure import LINEAR, RELU, Config
from .verdicts import (
    GRINSZTAJN,
    MARGIN,
    budget,
    judge,
    kind_text,
    lead,
    measure_text,
    of_kind,
    score,
    title_text,
    widened_lead,
)

TITLE = "Does the choice of the activation matter on small tables?"

COLORS = {
    "silu": color("maxout"),
    "gelu": color("prelu"),
    LINEAR: color("layer_norm"),
}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, table and advice."""
    return Report(
        _findings(config, runs),
        _compared(),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
        advice(config, runs),
    )


def _of(config: Config, runs: Runs, claim_id: str) -> list[Claim]:
    return [claim for claim in judge(config, runs) if claim.id == claim_id]


def outcomes(config: Config, claims: Sequence[Claim], phrases: Sequence[str]) -> str:
    """What was found on which tables; each phrase has a gap for those where the claim is supported, refuted or open."""
    clauses = []
    for which, phrase in zip((SUPPORTED, REFUTED, INCONCLUSIVE), phrases, strict=True):
        tables = [
            title_text(table) for table, claim in zip(config.tables, claims, strict=True) if claim.verdict == which
        ]
        clauses += [phrase.format(listed(tables))] if tables else []
    text = ("it depends on the table: " if len(clauses) > 1 else "") + "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def activation_sentence(config: Config, runs: Runs) -> str:
    """Whether the choice of the activation makes a difference."""
    names = listed([named(name) for name in config.nets()])
    phrases = (
        f"on {{}} the choice between {names} made no difference of {MARGIN:g} points",
        f"on {{}} an activation was more than {MARGIN:g} points better or worse than ReLU",
        f"on {{}} differences of {MARGIN:g} points between activations cannot be excluded",
    )
    return outcomes(config, _of(config, runs, "D1"), phrases)


def linear_sentence(config: Config, runs: Runs) -> str:
    """Whether nets are better than a linear model."""
    phrases = (
        "a net of ReLU was better than a linear model on {}",
        f"a net of ReLU was not {MARGIN:g} points better than a linear model on {{}}",
        "it cannot be said whether a net of ReLU was better than a linear model on {}",
    )
    return outcomes(config, _of(config, runs, "D2"), phrases)


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [activation_sentence(config, runs), linear_sentence(config, runs)]
    for table in config.tables:
        means = {kind: score(config, runs, table, kind).value for kind in (*config.nets(), LINEAR)}
        order = sorted(means, key=lambda kind: -means[kind])
        shown = listed([f"{kind_text(kind)} {means[kind]:.1f} %" for kind in order])
        sentences.append(f"{measure_text(table).capitalize()} on {title_text(table)}, best first: {shown}.")
    diverged = sum(run["diverged"] for run in runs)
    sentences.append(
        f"{len(judge(config, runs))} claims are judged here, each at {config.confidence:.0%}. {diverged} of "
        f"{len(runs)} nets diverged; their scores are included."
    )
    return sentences


def _compared() -> list[str]:
    return [
        f"{GRINSZTAJN}; they do not ask about activations.",
        "What differs: our tables have fewer than 600 rows, and nets are compared with a linear model.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for table in config.tables:
        means = {kind: score(config, runs, table, kind).value for kind in config.nets()}
        best, worst = (pick(means, key=lambda kind: means[kind]) for pick in (max, min))
        ahead = lead(config, runs, table, RELU, LINEAR).value
        sentences.append(
            f"On {title_text(table)} {means[best] - means[worst]:.1f} points lie between the best activation, "
            f"{named(best)}, and the worst, {named(worst)}; ReLU's nets were {abs(ahead):.1f} points "
            f"{'behind' if ahead < 0 else 'ahead of'} a linear model."
        )
    nets = [run for run in runs if run["kind"] != LINEAR]
    last, rate, gain = (
        100 * np.mean([run[part] in ends for run in nets])
        for part, ends in (
            ("steps", (config.steps // config.stops * config.stops,)),
            ("rate", (config.rates[0], config.rates[-1])),
            ("gain", (config.gains[0], config.gains[-1])),
        )
    )
    return [
        *sentences,
        f"{last:.0f} % of the nets were trained to the last step that was allowed, {rate:.0f} % at the lowest or "
        f"highest rate tried and {gain:.0f} % from the lowest or highest gain: beyond these better ones may exist.",
    ]


def advice(config: Config, runs: Runs) -> str:
    """What to do on one's own table."""
    same, linear = ([claim.verdict for claim in _of(config, runs, claim_id)] for claim_id in ("D1", "D2"))
    count = len(config.tables)
    if equal := linear.count(REFUTED):
        start = (
            f"On small tables try a linear model first: nets were not {MARGIN:g} points better on {equal} of {count}"
        )
    else:
        start = f"On small tables compare with a linear model: nets were better on {linear.count(SUPPORTED)} of {count}"
    if unequal := same.count(REFUTED):
        end = f"Tune the activation, too: it mattered on {unequal} of {count}"
    elif equal := same.count(SUPPORTED):
        rest = ", the rest is open" if equal < count else ""
        end = f"Keep ReLU: on {equal} of {count} no other activation was {MARGIN:g} points off{rest}"
    else:
        end = f"Keep ReLU, unless another activation is much better: {MARGIN:g} points cannot be told apart"
    splits = config.seeds * config.folds
    return f"{start}. {end} (at most {counted(config.steps, 'step')} of Adam, {splits} splits)."


def _caption(config: Config) -> str:
    return (
        f"A column per table. Above: points by which each kind of net is ahead of ReLU's, with {config.confidence:.0%} "
        "intervals over rows, those of activations widened for their number; in the shaded band differences do not "
        "count. Middle: accuracy or explained variance on the test part by training step. Below: the same by learning "
        f"rate. Medians over {config.seeds * config.folds} splits with {config.confidence:.0%} intervals, each at the "
        "setting that was chosen for the split but for what is on the axis; dotted, the mean of the linear model."
    )


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for table in config.tables:
        for kind in (*config.nets(), LINEAR):
            nets = of_kind(runs, table, kind)
            ahead = "-" if kind == RELU else _text(lead(config, runs, table, kind), "+")
            parts = () if kind == LINEAR else ("rate", "gain", "steps")
            middle = [f"{np.median([run[part] for run in nets]):g}" for part in parts] or ["-"] * 3
            diverged = str(sum(run["diverged"] for run in nets))
            rows.append(
                [title_text(table), kind_text(kind), _text(score(config, runs, table, kind)), ahead, *middle, diverged]
            )
    header = ["table", "net", "accuracy or R^2 in %", "points ahead of ReLU", "median rate", "median gain"]
    title = f"Scores by cross-validation, {budget(config)}; gains are multiples of the activation's own"
    return Table(title, [*header, "median steps", "diverged"], rows)


def _text(interval: Interval, sign: str = "") -> str:
    return "{:{s}.1f} [{:{s}.1f}, {:{s}.1f}]".format(*interval, s=sign)


def figure(config: Config, runs: Runs) -> Figure:
    """Leads over ReLU, learning curves and response curves: a column per table."""
    columns = len(config.tables)
    picture, axes = canvas(3, columns, 3.9 * max(2, columns), 10)
    steps = [config.steps // config.stops * (stop + 1) for stop in range(config.stops)]
    for (above, middle, below), table in zip(zip(*axes, strict=True), config.tables, strict=True):
        above.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
        above.axhline(0, color=color(RELU), linestyle="--", linewidth=1)
        others = (*config.activations, LINEAR)
        for place, kind in enumerate(others):
            interval = (lead if kind == LINEAR else widened_lead)(config, runs, table, kind)
            ends = [[interval.value - interval.low], [interval.high - interval.value]]
            above.errorbar(place, interval.value, ends, fmt="o", capsize=4, color=_shade(kind))
        above.set_xticks(range(len(others)), ["linear" if kind == LINEAR else named(kind) for kind in others])
        above.tick_params(axis="x", rotation=30)
        for kind in config.nets():
            nets = of_kind(runs, table, kind)
            for panel, places, part in ((middle, steps, "by_step"), (below, config.rates, "by_rate")):
                _curve(config, panel, places, np.array([run[part] for run in nets]), kind)
        for panel in (middle, below):
            panel.axhline(score(config, runs, table, LINEAR).value, color=_shade(LINEAR), linestyle=":", label="linear")
        below.set_xscale("log")
        below.set_xticks(config.rates, [f"{rate:g}" for rate in config.rates])
        below.xaxis.set_minor_formatter(lambda number, _: "")
        title(above, title_text(table))
        for panel in (middle, below):
            panel.set_ylabel(f"{measure_text(table)} in %")
        middle.set_xlabel("step")
        below.set_xlabel("learning rate")
    axes[0][0].set_ylabel("points ahead of ReLU")
    handles, labels = axes[1][0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False)  # first if cut off
    return picture


def _shade(kind: str) -> str:
    return COLORS.get(kind, color(kind))


def _curve(config: Config, panel: Axes, places: Sequence[float], scores: np.ndarray, kind: str) -> None:
    """Medians over splits, and a band between the ends of their intervals."""
    middle, low, high = np.array([median_interval(each, config.confidence) for each in scores.T]).T
    panel.plot(places, middle, "o-", markersize=4, linewidth=1.4, color=_shade(kind), label=named(kind))
    panel.fill_between(places, low, high, color=_shade(kind), alpha=0.12, linewidth=0)
