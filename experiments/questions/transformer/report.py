"""The report of `transformer`: sentences, tables and a figure, all computed from the runs."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, SUPPORTED, Interval, mean_interval, median_interval
from experiments.core.style import at_ticks, canvas, color, legend, listed, named, title
from experiments.core.text import GUESS, row_of
from experiments.core.transformer import known

from .measure import RELU, Config
from .verdicts import MARGIN, PRIMER, SHAZEER, budget_text, curves, judge, lead, scope_text, seconds, time_ratio

TITLE = "Which activation learns best in a small transformer?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
        _advice(config, runs),
    )


def _names(config: Config) -> tuple[str, ...]:
    return (RELU, *config.activations)


def _findings(config: Config, runs: Runs) -> list[str]:
    claims = judge(config, runs)
    by_steps, by_time = ([claim for claim in claims if claim.id == id] for id in ("T1", "T2"))
    losses = {name: curves(runs, name)[:, -1] for name in _names(config)}
    order = sorted(losses, key=lambda name: losses[name].mean())
    guessing = sum(int((each >= GUESS).sum()) for each in losses.values())
    unigram = row_of(runs)["unigram_loss"]
    sentences = [
        f"After {config.steps} steps {sorted_out(config, by_steps)}",
        f"After as much time {sorted_out(config, by_time)}",
        f"Test losses in nats per character, best first: "
        f"{listed([f'{named(name)} {losses[name].mean():.3f}' for name in order])}; knowing only how frequent "
        f"characters are gives {unigram:.3f}. {guessing or 'None'} of {sum(map(len, losses.values()))} nets ended no "
        "better than guessing.",
        f"A step takes, as a multiple of ReLU's: {_times(config, runs)}.",
        f"Text and nets: {scope_text(config, runs)}. Their budget: {budget_text(config)}. {len(claims)} claims are "
        f"judged here, each at {config.confidence:.0%}.",
    ]
    outside = [name for name in _names(config) if not _setting(runs, name)["interior"]]
    if outside:
        sentences.append(
            f"Tuning ended at the border of its window for {listed([named(name) for name in outside])}: a better rate "
            "may exist there."
        )
    return sentences


def sorted_out(config: Config, claims: list[Claim]) -> str:
    """Which activations learnt better than ReLU, and which did not, as the end of a sentence."""
    groups: dict[str, list[str]] = {"better": [], "worse": [], "alike": [], "open": []}
    for name, claim in zip(config.activations, claims, strict=True):
        group = "better" if claim.verdict == SUPPORTED else "worse" if claim.interval.high < 0 else "alike"
        groups["open" if claim.verdict == INCONCLUSIVE else group].append(named(name))
    clauses = [f"{listed(groups['better']) if groups['better'] else 'none'} learnt better than {named(RELU)}"]
    if groups["worse"]:
        clauses.append(f"{listed(groups['worse'])} learnt worse")
    if groups["alike"]:
        clauses.append(f"{listed(groups['alike'])} learnt as well, within {MARGIN:g} nats")
    if groups["open"]:
        clauses.append(f"of {listed(groups['open'])} nothing can be said")
    return "; ".join(clauses) + "."


def _times(config: Config, runs: Runs) -> str:
    shown = []
    for name in config.activations:
        ratio = time_ratio(config, runs, name)
        shown.append(f"{named(name)} {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]")
    return listed(shown)


def _compared(config: Config) -> list[str]:
    return [
        f"{SHAZEER}. {PRIMER}.",
        "What differs: their transformers have a hundred to a hundred thousand times our parameters and read words, "
        f"not characters; ours take {config.steps * config.batch * config.length:,} characters in one pass or a few, "
        "so that little but spelling is learnt. A difference that needs scale cannot be seen here.",
    ]


def _ahead_in_both(config: Config, runs: Runs) -> dict[str, Interval]:
    """The activations that learnt better than ReLU by steps and by time, and their leads by time."""
    claims, count = judge(config, runs), len(config.activations)
    pairs = zip(config.activations, claims[:count], claims[count:], strict=True)
    return {
        name: by_time.interval for name, by_steps, by_time in pairs if by_steps.verdict == by_time.verdict == SUPPORTED
    }


def _practice(config: Config, runs: Runs) -> list[str]:
    both, leads = _ahead_in_both(config, runs), [lead(config, runs, name, "steps").value for name in config.activations]
    tuned, lost = [_setting(runs, name)["rate"] for name in _names(config)], _lost_by_factor_two(config, runs)
    tuned_text = f"between {min(tuned):g} and {max(tuned):g}" if len(set(tuned)) > 1 else f"at {tuned[0]:g}"
    spread = max(leads) - min(leads)
    return [
        f"In small transformers {listed([named(name) for name in both])} learnt better than {named(RELU)} by steps and "
        "by time."
        if both
        else f"In small transformers no activation learnt better than {named(RELU)} both by steps and by time.",
        f"From the worst to the best of the others lie {spread:.3f} nats. The tuned rates lie {tuned_text}; half or "
        f"twice the best one costs up to {lost:.3f} nats" + (": tune the rate first." if lost > spread else "."),
        "Times are those of a train step of several nets of this width side by side, on the device named below; where "
        "products of large matrices take most of the time, an activation costs less of it.",
    ]


def _advice(config: Config, runs: Runs) -> str:
    both, lost = _ahead_in_both(config, runs), _lost_by_factor_two(config, runs)
    if both:
        best = max(both, key=lambda name: both[name].value)
        return (
            f"In the MLPs of a transformer try {named(best)}: in as much time as with {named(RELU)}, at equal "
            f"parameters, its loss was {both[best].value:.3f} nats per character lower "
            f"[{both[best].low:.3f}, {both[best].high:.3f}] (small nets, {config.steps} steps, {config.seeds} seeds)."
        )
    leads = {name: lead(config, runs, name, "steps") for name in config.activations}
    best = max(leads, key=lambda name: leads[name].value)
    gain = leads[best].value
    if lost <= gain:
        return ""
    most = (
        f"the largest mean lead over {named(RELU)} was {gain:.3f} ({named(best)}); {_surely_ahead(leads)}"
        if gain > 0
        else f"no activation was ahead of {named(RELU)}"
    )
    return (
        "In a small transformer tune the rate before the activation: half or twice the best rate cost up to "
        f"{lost:.3f} nats per character; {most} ({config.steps} steps, {config.seeds} seeds)."
    )


def _surely_ahead(leads: dict[str, Interval]) -> str:
    """Which intervals lie above 0: the activation, or the number of them and the one of the highest lower end."""
    sure = [name for name in leads if leads[name].low > 0]
    if not sure:
        return "none was surely ahead"
    first = max(sure, key=lambda name: leads[name].low)
    ends = f"[{leads[first].low:.3f}, {leads[first].high:.3f}]"
    if len(sure) == 1:
        return f"only {named(first)} was surely ahead {ends}"
    return f"{len(sure)} of {len(leads)} were surely ahead ({named(first)} {ends})"


def _tried(runs: Runs, activation: str) -> dict[float, float]:
    """The median loss of the tuning seeds by learning rate, in rising order."""
    rows = [run for run in runs if run.get("part") == "tuning" and run["activation"] == activation]
    rates = sorted({run["rate"] for run in rows})
    return {
        rate: float(np.median(known([run["loss"] for run in rows if run["rate"] == rate], GUESS))) for rate in rates
    }


def _lost_by_factor_two(config: Config, runs: Runs) -> float:
    """The most that a neighbour of the best rate loses, on the tuning seeds."""
    worst = 0.0
    for name in _names(config):
        losses = list(_tried(runs, name).values())
        best = int(np.argmin(losses))
        neighbours = losses[max(0, best - 1) : best] + losses[best + 1 : best + 2]
        worst = max([worst, *(loss - losses[best] for loss in neighbours)])
    return worst


def _setting(runs: Runs, activation: str) -> dict[str, float]:
    return next(run for run in runs if "part" not in run and run["activation"] == activation)


def _caption(config: Config) -> str:
    return (
        f"Left: median test loss against steps, and against the time that so many steps take, over {config.seeds} "
        "fresh seeds. Below left: median validation loss against the learning rate, on the tuning seeds. Below right: "
        f"how much lower than ReLU's the loss is, with {config.confidence:.0%} intervals over paired seeds, after as "
        f"many steps (filled) and after as much time (hollow); in the shaded band, {MARGIN:g} nats wide on either "
        "side, differences do not count."
    )


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for name in _names(config):
        loss = mean_interval(curves(runs, name)[:, -1], config.confidence)
        leads = ["-", "-"] if name == RELU else [_signed(lead(config, runs, name, by)) for by in ("steps", "time")]
        parameters = next(run for run in runs if run.get("part") == "time" and run["activation"] == name)["parameters"]
        milliseconds, rate = 1e3 * float(np.median(seconds(runs, name))), _setting(runs, name)["rate"]
        mean = f"{loss.value:.3f} [{loss.low:.3f}, {loss.high:.3f}]"
        rows.append([named(name), mean, *leads, f"{milliseconds:.2f}", f"{rate:g}", f"{parameters:,}"])
    header = ["activation", "test loss", "ahead of ReLU by steps", "ahead by time", "ms per step of all seeds"]
    return Table("Test loss in nats per character", [*header, "tuned rate", "parameters"], rows)


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def figure(config: Config, runs: Runs) -> Figure:
    """Learning curves by steps and time, the response to the learning rate, and leads."""
    picture, [[by_steps, by_time], [response, leads]] = canvas(2, 2, 10, 8)
    for name in _names(config):
        losses = curves(runs, name)
        medians = [median_interval(column, config.confidence) for column in losses.T]
        values, lows, highs = np.array(medians).T
        style: dict[str, Any] = {
            "color": color(name),
            "linestyle": "-" if name == RELU else "--" if "glu" in name else "-.",
        }
        per_step = float(np.median(seconds(runs, name)))
        for axes, x in ((by_steps, np.array(config.checked)), (by_time, per_step * np.array(config.checked))):
            axes.plot(x, values, label=named(name), **style)
            if name == RELU:
                axes.fill_between(x, lows, highs, color=color(name), alpha=0.15, linewidth=0)
        tried = _tried(runs, name)
        response.plot(list(tried), list(tried.values()), marker="o", markersize=3.5, label=named(name), **style)
    leads.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
    leads.axhline(0, color=color(RELU), linestyle="--", linewidth=1)
    for by, hollow, shift in (("steps", False, -0.12), ("time", True, 0.12)):
        for place, name in enumerate(config.activations):
            value, low, high = lead(config, runs, name, by)
            fill = "white" if hollow else color(name)
            leads.errorbar(
                place + shift, value, [[max(value - low, 0)], [max(high - value, 0)]], fmt="o", capsize=2.5,
                color=color(name), markerfacecolor=fill, elinewidth=1.2,
            )  # fmt: skip
    leads.set_xticks(range(len(config.activations)), [named(name) for name in config.activations], rotation=30)
    at_ticks(response, sorted({run["rate"] for run in runs if run.get("part") == "tuning"}))
    response.set_ylim(top=min(response.get_ylim()[1], GUESS))
    for axes, what, x, y in (
        (by_steps, "by steps", "steps", "test loss in nats per character"),
        (by_time, "by time", "seconds of all seeds side by side", ""),
        (response, "learning rate", "learning rate", "validation loss"),
        (leads, "lead over ReLU", "", "nats ahead of ReLU"),
    ):
        title(axes, what)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
    legend(picture, by_steps, 7)
    return picture
