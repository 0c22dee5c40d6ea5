"""The report of `sparsity`: sentences, a table and a figure, all computed from the runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, median_interval
from experiments.core.style import canvas, color, counted, listed, title
from experiments.core.tuning import rates_text

from .measure import EIGHT, RELU, WITH_ZEROS, Config, top_name
from .verdicts import (
    JACOB,
    LI,
    LIU,
    MARGIN,
    YOU,
    accuracy,
    budget,
    judge,
    layers,
    lead,
    lost,
    name_text,
    of_kind,
    pruning_loss,
    rounding_loss,
    share_of_zeros,
    without_zeros,
    zeros,
)

TITLE = "How many activations are zero, and what do pruning and 8 bits cost?"

COLORS = {
    RELU: color("relu"),
    "relu_squared": color("leaky_relu"),
    "gelu": color("tanh"),
    "silu": color("sigmoid"),
    "elu": color("elu"),
}
TOP_COLORS = (color("maxout"), color("prelu"), color("layer_norm"))
MARKERS = "osD^vPX*"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, table and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, data) for data in config.data],
        advice(config, runs),
    )


def headline(config: Config, runs: Runs, data: str) -> str:
    """How many outputs are 0 after training, and what it takes to make more of them 0."""
    shares = {kind: share_of_zeros(config, runs, data, kind).value for kind in config.kinds()}
    own = listed([f"{shares[kind]:.0f} % of {name_text(kind)}'s" for kind in WITH_ZEROS if kind in shares])
    rest = max(shares[kind] for kind in without_zeros(config)) if without_zeros(config) else None
    others = f" and {_none(rest)} of {listed([name_text(kind) for kind in without_zeros(config)])}'s" if rest else ""
    others = others or (f" and none of {listed(without_zeros(config))}'s" if without_zeros(config) else "")
    return f"On {TITLES[data]} {own} outputs{others} are 0 after {counted(config.epochs, 'epoch')}."


def rate_sentence(config: Config, runs: Runs) -> str:
    """How the share of zeros changes with the learning rate."""
    multiples = sorted(config.rates_around)
    shares = [
        f"{listed([f'{zeros(of_kind(runs, data, kind, multiple)).mean():.0f}' for multiple in multiples])} % "
        f"({name_text(kind)}, {TITLES[data]})"
        for data in config.data
        for kind in WITH_ZEROS
        if kind in config.kinds()
    ]
    return f"{rates_text(multiples).capitalize()} the share of zeros is {listed(shares)}."


def _none(percent: float) -> str:
    return "none" if percent == 0 else f"at most {max(percent, 0.1):.1f} %"


def outcomes(claims: Sequence[Claim], names: Sequence[str], yes: str, no: str, unknown: str) -> str:
    """What was found of each name, as the end of a sentence: "gelu lost less and of silu nothing can be said".

    The three phrases have a gap for the names; they are in the past tense, so that one name or several fit.
    """
    clauses = []
    for which, phrase in ((SUPPORTED, yes), (REFUTED, no), (INCONCLUSIVE, unknown)):
        found = [name for name, claim in zip(names, claims, strict=True) if claim.verdict == which]
        clauses += [phrase.format(listed(found))] if found else []
    return "; ".join(clauses)


def _named(claims: Sequence[Claim], config: Config, per_data: Sequence[str]) -> tuple[list[Claim], list[str]]:
    """The claims, and names of their activations with their data where there are several data sets."""
    several = len(config.data) > 1
    names = [f"{name} on {TITLES[data]}" if several else name for data in config.data for name in per_data]
    return list(claims), names


def _of(config: Config, runs: Runs, claim_id: str) -> list[Claim]:
    return [claim for claim in judge(config, runs) if claim.id == claim_id]


def pruning_sentence(config: Config, runs: Runs) -> str:
    """Whether activations without zeros can be pruned to as many as ReLU has."""
    names = [name_text(name) for name in without_zeros(config)]
    found = outcomes(
        *_named(_of(config, runs, "S2"), config, names),
        f"{{}} lost less than {MARGIN:g} point",
        f"{{}} lost more than {MARGIN:g} point",
        f"of {{}} it cannot be said whether {MARGIN:g} point was lost",
    )
    return f"Pruned after training to as many zeros as ReLU has: {found}."


def top_sentence(config: Config, runs: Runs) -> str:
    """Whether training with top-k costs accuracy."""
    names = [name_text(top_name(share)) for share in config.kept]
    found = outcomes(
        *_named(_of(config, runs, "S3"), config, names),
        f"{{}} was at most {MARGIN:g} point less accurate",
        f"{{}} was more than {MARGIN:g} point less accurate",
        f"of {{}} it cannot be said whether {MARGIN:g} point was lost",
    )
    return f"Trained with a part of the units only, beside ReLU: {found}."


def rounding_sentence(config: Config, runs: Runs) -> str:
    """Whether 8 bits cost accuracy."""
    losses = {
        (data, kind): rounding_loss(config, runs, data, kind).value for data in config.data for kind in config.kinds()
    }
    data, kind = max(losses, key=lambda cell: losses[cell])
    found = outcomes(
        _of(config, runs, "S4"),
        [TITLES[data] for data in config.data],
        f"on {{}} no activation lost {MARGIN:g} point",
        f"on {{}} an activation lost more than {MARGIN:g} point",
        f"on {{}} it cannot be said whether {MARGIN:g} point was lost",
    )
    return (
        f"With {EIGHT} bits for weights and outputs: {found}. The most in the mean, "
        f"{losses[data, kind]:.1f} points, was lost by {name_text(kind)} on {TITLES[data]}."
    )


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [" ".join(headline(config, runs, data) for data in config.data), rate_sentence(config, runs)]
    sentences += [pruning_sentence(config, runs)] if without_zeros(config) else []
    sentences += [top_sentence(config, runs), rounding_sentence(config, runs)]
    diverged = sum(run["diverged"] for run in runs)
    sentences.append(
        f"{len(judge(config, runs))} claims are judged here, each at {config.confidence:.0%}. {diverged} of "
        f"{len(runs)} nets diverged; their accuracies are included."
    )
    outside = {(run["kind"], run["data"]) for run in runs if not run["interior"]}
    if outside:
        where = listed([f"{name_text(kind)} ({TITLES[data]})" for kind, data in sorted(outside)])
        sentences.append(f"Tuning ended at the border of its window for {where}: better settings may exist there.")
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    ours = [
        f"{share_of_zeros(config, runs, data, kind).value:.0f} % ({name_text(kind)}, {TITLES[data]})"
        for data in config.data
        for kind in WITH_ZEROS
        if kind in config.kinds()
    ]
    return [
        f"{LI}. {LIU}. {YOU}. {JACOB}.",
        f"What differs: theirs are large transformers and convolutional nets; ours, with {layers(config)} of "
        f"{config.width}, leave {listed(ours)} of the outputs at 0. Jacob et al. train with the rounding, which "
        "saves accuracy; ours are rounded afterwards.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for data in config.data:
        free = {kind: _free(config, runs, data, kind) for kind in config.kinds()}
        shares = [f"{100 * share:g} % with {name_text(kind)}" for kind, share in free.items() if share]
        none = [name_text(kind) for kind, share in free.items() if not share]
        found = f"{listed(shares)}" if shares else "none of those tried with any activation"
        rest = f"; with {listed(none)} not even {100 * min(config.pruned):g} %" if none and shares else ""
        sentences.append(
            f"Largest share of outputs on {TITLES[data]} that can be set to 0 at a mean loss below {MARGIN:g} point, "
            f"of those tried: {found}{rest}."
        )
        few = {kind: _fewest(config, runs, data, kind) for kind in config.kinds()}
        bits = [f"{number} with {name_text(kind)}" for kind, number in few.items() if number]
        more = [name_text(kind) for kind, number in few.items() if not number]
        found = listed(bits) if bits else "none of those tried with any activation"
        rest = f"; with {listed(more)} more than {max(config.bits)}" if more and bits else ""
        sentences.append(
            f"Fewest bits on {TITLES[data]} that lose below {MARGIN:g} point in the mean, of those tried: "
            f"{found}{rest}."
        )
    return sentences


def _free(config: Config, runs: Runs, data: str, kind: str) -> float:
    """The largest share below which all of those tried lose less than the margin in the mean; 0 for none."""
    losses = dict(zip(config.pruned, lost(of_kind(runs, data, kind), "pruned").mean(0), strict=True))
    best = 0.0
    for share in sorted(losses):
        if losses[share] >= MARGIN:
            break
        best = share
    return best


def _fewest(config: Config, runs: Runs, data: str, kind: str) -> int:
    """The fewest bits above which all of those tried lose less than the margin in the mean; 0 for none."""
    losses = dict(zip(config.bits, lost(of_kind(runs, data, kind), "rounded").mean(0), strict=True))
    best = 0
    for bits in sorted(losses, reverse=True):
        if losses[bits] >= MARGIN:
            break
        best = bits
    return best


def advice(config: Config, runs: Runs) -> str:
    """What to do in one's own net."""
    claims = _of(config, runs, "S2")
    if not claims:
        return ""
    where = f"{layers(config)}, {listed([TITLES[data] for data in config.data])}, {budget(config)}"
    names = listed([name_text(name) for name in without_zeros(config)])
    most = max(claim.interval.high for claim in claims)
    verdicts = {claim.verdict for claim in claims}
    if verdicts == {SUPPORTED}:
        return (
            f"Choose the activation by accuracy: {names} can be pruned to as many zeros as ReLU has for at most "
            f"{most:.1f} points ({where})."
        )
    if verdicts == {REFUTED}:
        least = min(claim.interval.low for claim in claims)
        return (
            f"If outputs have to be 0, train with ReLU: {names} pruned to as many zeros lost at least {least:.1f} "
            f"points ({where})."
        )
    return (
        f"Measure before you prune {names} to as many zeros as ReLU has: it may cost up to {most:.1f} points ({where})."
    )


def _caption(config: Config) -> str:
    return (
        f"A column per data set; medians over {config.seeds} fresh seeds with {config.confidence:.0%} intervals. From "
        "above: share of outputs that are 0 while nets learn; the same after training, and test accuracy, by learning "
        f"rate ({rates_text(config.rates_around)}); points of accuracy lost if the smallest outputs are set to 0, up "
        "to the share on the axis; and points lost with few bits for weights and outputs. In the shaded band losses do "
        "not count. Where the rate is not on the axis, it is the tuned one."
    )


def _table(config: Config, runs: Runs, data: str) -> Table:
    rows = []
    for kind in config.kinds():
        nets = of_kind(runs, data, kind)
        by_layer = np.mean([run["zeros"][-1] for run in nets], axis=0)
        ahead = _text(lead(config, runs, data, kind), "+") if kind != RELU else "-"
        when_pruned = _text(pruning_loss(config, runs, data, kind)) if kind in without_zeros(config) else "-"
        zero = [_text(share_of_zeros(config, runs, data, kind)), " / ".join(f"{100 * each:.0f}" for each in by_layer)]
        tuned = [f"{nets[0]['rate']:.3g}, {nets[0]['gain']:.3g}", str(sum(run["diverged"] for run in nets))]
        when_rounded = _text(rounding_loss(config, runs, data, kind))
        rows.append([name_text(kind), f"{accuracy(nets).mean():.1f}", ahead, *zero, when_pruned, when_rounded, *tuned])
    header = ["activation", "accuracy in %", "points ahead of ReLU", "zeros in %", "by layer"]
    header += ["lost with ReLU's zeros", f"lost in {EIGHT} bits", "tuned rate, gain", "diverged"]
    where = f"{layers(config)} of {config.width}, {budget(config)}"
    return Table(f"{TITLES[data]}, {where}; intervals hold {rates_text(config.rates_around)}", header, rows)


def _text(interval: Interval, sign: str = "") -> str:
    return "{:{s}.1f} [{:{s}.1f}, {:{s}.1f}]".format(*interval, s=sign)


def _colors(config: Config) -> dict[str, str]:
    tops = map(top_name, config.kept)
    return {name: COLORS.get(name, color("identity")) for name in (RELU, *config.activations)} | {
        name: TOP_COLORS[index % len(TOP_COLORS)] for index, name in enumerate(tops)
    }


def figure(config: Config, runs: Runs) -> Figure:
    """Zeros by epoch and by rate, accuracy by rate, and what pruning and rounding lose: a column per data set."""
    columns = len(config.data)
    picture, axes = canvas(5, columns, 4.9 * max(2, columns), 16)
    for data, panels in zip(config.data, zip(*axes, strict=True), strict=True):
        for (kind, shade), marker in zip(_colors(config).items(), MARKERS * len(config.kinds()), strict=False):
            style = {"color": shade, "marker": marker, "label": name_text(kind)}
            nets, epochs = of_kind(runs, data, kind), range(config.epochs + 1)
            by_rate = [of_kind(runs, data, kind, multiple) for multiple in sorted(config.rates_around)]
            rates = [nets[0]["rate"] * multiple for multiple in sorted(config.rates_around)]
            _curve(config, panels[0], epochs, [zeros(nets, epoch) for epoch in epochs], style)
            _curve(config, panels[1], rates, [zeros(each) for each in by_rate], style)
            _curve(config, panels[2], rates, [accuracy(each) for each in by_rate], style)
            _curve(config, panels[3], [100 * share for share in config.pruned], [*lost(nets, "pruned").T], style)
            _curve(config, panels[4], config.bits, [*lost(nets, "rounded").T], style)
        shown = sorted({run["rate"] * run["multiple"] for run in runs if run["data"] == data})
        for panel in panels[1:3]:
            panel.set_xscale("log")
            panel.set_xticks(shown, [f"{rate:.2g}" for rate in shown])
            panel.xaxis.set_minor_formatter(lambda number, _: "")
        for panel in panels[3:]:
            panel.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
            panel.set_yscale("symlog", linthresh=MARGIN)
            panel.yaxis.set_major_formatter(lambda number, _: f"{number:g}")
        panels[4].invert_xaxis()
        title(panels[0], TITLES[data])
        for panel, name in zip(
            panels, ("epoch", *["learning rate"] * 2, "outputs set to 0, in %", "bits"), strict=True
        ):
            panel.set_xlabel(name)
    names = "zeros in %", "zeros in %", "test accuracy in %", "points lost when pruned", "points lost in few bits"
    for panel, name in zip((row[0] for row in axes), names, strict=True):
        panel.set_ylabel(name)
    lines = axes[0][0].get_legend_handles_labels()
    picture.legend(*lines, loc="outside upper center", ncols=len(config.kinds()), frameon=False)  # 5 rows are tall
    return picture


def _curve(
    config: Config, panel: Axes, places: Sequence[float], values: Sequence[np.ndarray], style: dict[str, Any]
) -> None:
    """Medians over seeds, and a band between the ends of their intervals."""
    intervals = [median_interval(each, config.confidence) for each in values]
    middle, low, high = np.array(intervals).T
    panel.plot(places, middle, markersize=4, linewidth=1.4, **style)
    panel.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)
