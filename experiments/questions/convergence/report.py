"""The report of `convergence`: sentences, a table and a figure, all computed from the runs."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    median_interval,
    ratio_interval,
    verdict,
)
from experiments.core.steps_to_error import ERROR_EXAMPLES
from experiments.core.style import canvas, color, legend, listed, named, plain_log, title, whiskers

from .measure import CONVNET, OPTIMIZERS, SATURATING, Config, Contest
from .verdicts import FASTER, PUBLISHED, SIX, ratio, steps_to

TITLE = "Does ReLU learn six times faster?"

READABLE = 3  # contests that fit beside each other


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison with the source, practice, caption and tables."""
    return Report(
        findings=_findings(config, runs),
        compared=_compared(config, runs),
        practice=_practice(config, runs),
        caption=_caption(config),
        tables=[_ratios(config, runs), _table(config, runs)],
    )


def figure(config: Config, runs: Runs) -> Figure:
    """Few contests: steps by training error. Many: steps at the verdict's training error by net."""
    return _by_threshold(config, runs) if len(config.contests()) <= READABLE else _by_net(config, runs)


def _by_threshold(config: Config, runs: Runs) -> Figure:
    """Steps, and steps relative to ReLU, against the training error to be reached."""
    contests = config.contests()
    picture, axes = canvas(2, len(contests), 4.2 * max(2, len(contests)), 6.8, sharey="row")
    places = np.arange(len(config.thresholds))
    for column, contest in enumerate(contests):
        top, bottom = axes[0][column], axes[1][column]
        for shift, name in _apart(config.names()):
            for setting in ("its own", "ReLU's"):
                _draw(config, runs, contest, name, setting, top, bottom, places + shift)
        title(top, f"{TITLES[contest.data]}, {contest.short}")
        for one in (top, bottom):
            one.set_xticks(places, [f"{threshold:.0%}" for threshold in config.thresholds])
            one.set_xlim(-0.5, places[-1] + 0.5)
        _compare(bottom)
        bottom.set_xlabel("training error reached")
    # The bar of a run that never arrives has no upper end.
    axes[0][0].set_ylim(1, 2 * max(contest.steps for contest in contests))
    plain_log(axes[0][0], [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000])
    axes[0][0].set_ylabel("steps")
    axes[1][0].set_ylabel("steps / ReLU's steps")
    legend(picture, axes[0][0], 4)
    return picture


def _by_net(config: Config, runs: Runs) -> Figure:
    """Steps relative to ReLU at the verdict's training error, net by net, one panel per optimiser."""
    picture, [axes] = canvas(1, len(config.optimizers), 4.7 * max(2, len(config.optimizers)), 4.6, sharey="row")
    labels = [net if net == CONVNET else net.removeprefix("mlp") for net in config.nets]
    for one, optimizer in zip(axes, config.optimizers, strict=True):
        contests = [contest for contest in config.contests() if contest.optimizer == optimizer]
        for shift, name in _apart(config.names()):
            there = [place for place, contest in enumerate(contests) if {name, "relu"} <= set(contest.activations)]
            for convolutional in (False, True):  # no line joins different kinds of nets
                places = [place for place in there if (contests[place].net == CONVNET) == convolutional]
                if name != "relu" and places:
                    found = [ratio(config, runs, contests[i], name, "relu", contests[i].threshold) for i in places]
                    whiskers(one, np.array(places) + shift, found, name, "_" * convolutional)
        one.set_xticks(range(len(labels)), labels)
        one.set_xlabel("hidden layers, or kind of net")
        title(one, OPTIMIZERS[optimizer])
        _compare(one)
    axes[0].set_ylabel("steps / ReLU's steps")
    legend(picture, axes[0], 4)
    return picture


def _apart(names: Sequence[str]) -> list[tuple[float, str]]:
    """How far from the tick every activation is drawn, so that none hides another."""
    return [(0.12 * (index - (len(names) - 1) / 2), name) for index, name in enumerate(names)]


def _compare(axes: Axes) -> None:
    """What the notes say, and where nobody is faster."""
    axes.axhspan(*SIX, color="#f3e3c3", zorder=0)
    axes.axhline(1, color="#444444", linestyle="--", linewidth=1)
    axes.set_ylim(0.2, 40)
    plain_log(axes, [0.1, 0.2, 0.5, 1, 2, 4, 6, 9, 20, 50])


def _draw(
    config: Config, runs: Runs, contest: Contest, name: str, setting: str, top: Axes, bottom: Axes, places: np.ndarray
) -> None:
    """One activation with one kind of setting in both panels; nothing where it did not run."""
    steps = [steps_to(config, runs, contest, name, threshold, setting) for threshold in config.thresholds]
    if not steps[0]:
        return
    borrowed = setting != "its own"
    label = f"{named(name)} at ReLU's rate and gain" if borrowed else ""
    if not borrowed:
        whiskers(top, places, [median_interval(one, config.confidence) for one in steps], name, label)
    else:
        top.plot([], [], "o:", color=color(name), markerfacecolor="white", label=label)
    if "relu" in contest.activations and name != "relu":
        relu = [steps_to(config, runs, contest, "relu", threshold) for threshold in config.thresholds]
        ratios = [ratio_interval(one, base, config.confidence) for one, base in zip(steps, relu, strict=True)]
        whiskers(bottom, places, ratios, name, label, borrowed)


def _findings(config: Config, runs: Runs) -> list[str]:
    """How many steps everybody took, and who never arrived."""
    sentences = []
    for contest in config.contests():
        goal = contest.threshold
        times = {name: np.median(steps_to(config, runs, contest, name, goal)) for name in contest.activations}
        order = listed([f"{named(name)} {_count(times[name])}" for name in sorted(times, key=lambda name: times[name])])
        where = f"{TITLES[contest.data]} with {contest.within}"
        sentences.append(f"Median steps to {goal:.0%} training error on {where}, fastest first: {order}.")
    own = [run for run in runs if run["setting"] == "its own"]
    goals = {(contest.net, contest.optimizer): contest.threshold for contest in config.contests()}
    columns = [config.thresholds.index(goals[run["net"], run["optimizer"]]) for run in own]
    never = sum(np.isinf(run["steps"][column]) for run, column in zip(own, columns, strict=True))
    blown = sum(run["diverged"] for run in own)
    sentences.append(f"Of {len(own)} tuned runs {never} never got there and {blown} blew up; both count as never.")
    outside = {(run["net"], run["optimizer"], run["activation"]) for run in own if not run["interior"]}
    where = [
        f"{named(name)} with {contest.within}"
        for contest in config.contests()
        for name in contest.activations
        if (contest.net, contest.optimizer, name) in outside
    ]
    if where:
        sentences.append(
            f"Tuning ended at the border of its window for {listed(where)}: faster settings may exist there."
        )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    """The published factor beside ours."""
    goal = max(config.thresholds)
    both = [contest for contest in config.contests() if {"relu", "tanh"} <= set(contest.activations)]
    if not both:
        return []
    values = listed([f"{ratio(config, runs, one, 'tanh', 'relu', goal).value:.2f} ({one.short})" for one in both])
    kinds = list(dict.fromkeys(f"{_kind(contest)} on {TITLES[contest.data]}" for contest in both))
    return [
        PUBLISHED,
        f"Ours, tanh against ReLU to {goal:.0%} training error: {values}.",
        "What differs: theirs is a convolutional net on colour photographs, of one size and initialisation; ours are "
        f"{listed(kinds)}, and each activation gets its best initial gain as well as its best learning rate. Their "
        "caption says itself that the size of the effect varies with the architecture. The notes say sigmoid as well "
        "as tanh; sigmoid is not in their figure.",
    ]


def _kind(contest: Contest) -> str:
    return "four-layer convolutional nets with strides" if contest.net == CONVNET else "fully connected nets"


def _practice(config: Config, runs: Runs) -> list[str]:
    """What to do, as far as the intervals say it."""
    sentences = []
    for slow, contest in product(SATURATING, config.contests()):
        if not {slow, "relu"} <= set(contest.activations):
            continue
        tuned = ratio(config, runs, contest, slow, "relu", contest.threshold)
        words = {
            SUPPORTED: "is slower than ReLU",
            REFUTED: "is faster than ReLU",
            INCONCLUSIVE: "cannot be told from ReLU in speed",
        }[verdict(tuned, *FASTER)]
        relu = steps_to(config, runs, contest, "relu", contest.threshold)
        steps = steps_to(config, runs, contest, slow, contest.threshold, "ReLU's")
        borrowed = ratio_interval(steps, relu, config.confidence)
        sentences.append(
            f"With {contest.within} a tuned {named(slow)} {words}: it takes {_times(tuned)} the steps. "
            f"At the rate and gain tuned for ReLU it takes {_times(borrowed)} the steps of ReLU."
        )
    if sentences:
        sentences.append(
            "Whoever swaps activations and keeps the rest compares settings as much as activations: tune each of them."
        )
    return sentences


def _times(interval: Interval) -> str:
    return "infinitely many times" if np.isinf(interval.value) else f"{interval.value:.2f} times"


def _count(steps: float) -> str:
    return "never" if np.isinf(steps) else f"{steps:g}"


def _caption(config: Config) -> str:
    shared = (
        f"bars are {config.confidence:.0%} intervals over {config.seeds} fresh seeds. The shaded band is where 'six "
        "times faster' would put a saturating activation; above the dashed line ReLU is faster."
    )
    goals = listed(list(dict.fromkeys(f"{one.threshold:.0%} ({_kind(one)})" for one in config.contests())))
    looked = f"Verdicts are taken at {goals}; the error is that of {ERROR_EXAMPLES:,} training examples where there are more."
    if len(config.contests()) > READABLE:
        return (
            f"Median steps divided by ReLU's, at the training error of the verdicts; {shared} Where a point is "
            f"missing, most runs never got there. {looked}"
        )
    return (
        f"Top: median steps until a net errs on so many of its training examples. Bottom: the same divided by ReLU's "
        f"steps; {shared} Hollow dots: not tuned, but trained at the rate and gain that were tuned for ReLU. Where a "
        f"line ends early, most runs never got further. {looked}"
    )


def _ratios(config: Config, runs: Runs) -> Table:
    """Where ReLU is faster, at a glance."""
    names = [name for name in config.names() if name != "relu"]
    rows = []
    for contest in config.contests():
        found = [
            _interval(ratio(config, runs, contest, name, "relu", contest.threshold))
            if {name, "relu"} <= set(contest.activations)
            else ""
            for name in names
        ]
        rows.append([TITLES[contest.data], contest.short, f"{contest.threshold:.0%}", *found])
    header = ["data", "net", "training error", *(f"{named(name)} / ReLU" for name in names)]
    return Table("Median steps divided by ReLU's", header, rows)


def _interval(one: Interval) -> str:
    value, low, high = ("never" if np.isinf(number) else f"{number:.2f}" for number in one)
    return f"{value} [{low}, {high}]"


def _table(config: Config, runs: Runs) -> Table:
    """Settings and steps of every group, those with borrowed settings included."""
    header = ["net", "activation", "rate and gain", "rate", "gain"]
    header += [f"steps to {threshold:.0%}" for threshold in config.thresholds] + ["blew up"]
    rows = []
    for contest, name, setting in product(config.contests(), config.names(), ("its own", "ReLU's")):
        group = (contest.net, contest.optimizer, name, setting)
        one = [run for run in runs if (run["net"], run["optimizer"], run["activation"], run["setting"]) == group]
        if not one:
            continue
        medians = [
            _count(median_interval(steps_to(config, runs, contest, name, threshold, setting), config.confidence).value)
            for threshold in config.thresholds
        ]
        chosen = [f"{one[0]['rate']:.4g}", f"{one[0]['gain']:.3g}"]
        rows.append([contest.short, named(name), setting, *chosen, *medians, str(sum(run["diverged"] for run in one))])
    return Table("Median steps at every threshold", header, rows)
