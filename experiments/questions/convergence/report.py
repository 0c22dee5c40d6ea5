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

from .measure import CONVNET, OPTIMIZERS, SATURATING, Config, Setup
from .verdicts import FASTER, PUBLISHED, SIX, ratio, steps_to

TITLE = "Does ReLU learn six times faster?"

MOST_COLUMNS = 3  # setups that fit side by side on a page


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
    """For few setups steps by training error, for many steps by net, at the verdict's training error."""
    return _by_threshold(config, runs) if len(config.setups()) <= MOST_COLUMNS else _by_net(config, runs)


def _by_threshold(config: Config, runs: Runs) -> Figure:
    """Steps, and steps relative to ReLU, against the training error to be reached."""
    setups = config.setups()
    picture, axes = canvas(2, len(setups), 4.2 * max(2, len(setups)), 6.8, sharey="row")
    places = np.arange(len(config.thresholds))
    for column, setup in enumerate(setups):
        top, bottom = axes[0][column], axes[1][column]
        for shift, name in _shifts(config.names()):
            for setting in ("its own", "ReLU's"):
                _draw(config, runs, setup, name, setting, top, bottom, places + shift)
        title(top, f"{TITLES[setup.data]}, {setup.text}")
        for panel in (top, bottom):
            panel.set_xticks(places, [f"{threshold:.0%}" for threshold in config.thresholds])
            panel.set_xlim(-0.5, places[-1] + 0.5)
        _draw_reference(bottom)
        bottom.set_xlabel("training error reached")
    # The bar of an interval that is infinite has no upper end.
    axes[0][0].set_ylim(1, 2 * max(setup.max_steps for setup in setups))
    plain_log(axes[0][0], [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000])
    axes[0][0].set_ylabel("steps")
    axes[1][0].set_ylabel("steps / ReLU's steps")
    legend(picture, axes[0][0], 4)
    return picture


def _by_net(config: Config, runs: Runs) -> Figure:
    """Steps relative to ReLU at the verdict's training error, net by net, one panel per optimiser."""
    picture, [axes] = canvas(1, len(config.optimizers), 4.7 * max(2, len(config.optimizers)), 4.6, sharey="row")
    labels = [net if net == CONVNET else net.removeprefix("mlp") for net in config.nets]
    for panel, optimizer in zip(axes, config.optimizers, strict=True):
        setups = [setup for setup in config.setups() if setup.optimizer == optimizer]
        for shift, name in _shifts(config.names()):
            ran = [place for place, setup in enumerate(setups) if {name, "relu"} <= set(setup.activations)]
            for convolutional in (False, True):  # no line joins different kinds of nets
                places = [place for place in ran if (setups[place].net == CONVNET) == convolutional]
                if name != "relu" and places:
                    ratios = [ratio(config, runs, setups[i], name, "relu", setups[i].threshold) for i in places]
                    whiskers(panel, np.array(places) + shift, ratios, name, "_" * convolutional)
        panel.set_xticks(range(len(labels)), labels)
        panel.set_xlabel("hidden layers, or kind of net")
        title(panel, OPTIMIZERS[optimizer])
        _draw_reference(panel)
    axes[0].set_ylabel("steps / ReLU's steps")
    legend(picture, axes[0], 4)
    return picture


def _shifts(names: Sequence[str]) -> list[tuple[float, str]]:
    """The distance from the tick at which each activation is drawn, so that none hides another."""
    return [(0.12 * (index - (len(names) - 1) / 2), name) for index, name in enumerate(names)]


def _draw_reference(axes: Axes) -> None:
    """The range that the notes give, and the line of equal speed."""
    axes.axhspan(*SIX, color="#f3e3c3", zorder=0)
    axes.axhline(1, color="#444444", linestyle="--", linewidth=1)
    axes.set_ylim(0.2, 40)
    plain_log(axes, [0.1, 0.2, 0.5, 1, 2, 4, 6, 9, 20, 50])


def _draw(
    config: Config, runs: Runs, setup: Setup, name: str, setting: str, top: Axes, bottom: Axes, places: np.ndarray
) -> None:
    """Draw one activation with one kind of setting in both panels, if it ran."""
    steps = [steps_to(config, runs, setup, name, threshold, setting) for threshold in config.thresholds]
    if not steps[0]:
        return
    at_relu_setting = setting != "its own"
    label = f"{named(name)} at ReLU's rate and gain" if at_relu_setting else ""
    if not at_relu_setting:
        whiskers(top, places, [median_interval(each, config.confidence) for each in steps], name, label)
    else:
        top.plot([], [], "o:", color=color(name), markerfacecolor="white", label=label)
    if "relu" in setup.activations and name != "relu":
        relu = [steps_to(config, runs, setup, "relu", threshold) for threshold in config.thresholds]
        ratios = [ratio_interval(each, base, config.confidence) for each, base in zip(steps, relu, strict=True)]
        whiskers(bottom, places, ratios, name, label, hollow=at_relu_setting)


def _findings(config: Config, runs: Runs) -> list[str]:
    """Median steps of every activation, and the runs that never reached the training error."""
    sentences = []
    for setup in config.setups():
        goal = setup.threshold
        medians = {name: np.median(steps_to(config, runs, setup, name, goal)) for name in setup.activations}
        order = listed(
            [f"{named(name)} {_count(medians[name])}" for name in sorted(medians, key=lambda name: medians[name])]
        )
        where = f"{TITLES[setup.data]} with {setup.with_article}"
        sentences.append(f"Median steps to {goal:.0%} training error on {where}, fastest first: {order}.")
    tuned = [run for run in runs if run["setting"] == "its own"]
    goals = {(setup.net, setup.optimizer): setup.threshold for setup in config.setups()}
    columns = [config.thresholds.index(goals[run["net"], run["optimizer"]]) for run in tuned]
    never = sum(np.isinf(run["steps"][column]) for run, column in zip(tuned, columns, strict=True))
    diverged = sum(run["diverged"] for run in tuned)
    sentences.append(
        f"Of {len(tuned)} tuned runs {never} never reached that error, {diverged} diverged; both count as "
        "infinitely many steps."
    )
    outside = {(run["net"], run["optimizer"], run["activation"]) for run in tuned if not run["interior"]}
    where = [
        f"{named(name)} with {setup.with_article}"
        for setup in config.setups()
        for name in setup.activations
        if (setup.net, setup.optimizer, name) in outside
    ]
    if where:
        sentences.append(
            f"Tuning ended at the border of its window for {listed(where)}: faster settings may exist there."
        )
    return sentences


def _compared(config: Config, runs: Runs) -> list[str]:
    """The published factor and ours."""
    goal = max(config.thresholds)
    both = [setup for setup in config.setups() if {"relu", "tanh"} <= set(setup.activations)]
    if not both:
        return []
    values = listed([f"{ratio(config, runs, setup, 'tanh', 'relu', goal).value:.2f} ({setup.text})" for setup in both])
    kinds = list(dict.fromkeys(f"{_kind(setup)} on {TITLES[setup.data]}" for setup in both))
    return [
        PUBLISHED,
        f"Ours, tanh against ReLU to {goal:.0%} training error: {values}.",
        "What differs: theirs is a convolutional net on colour photographs, of one size and initialisation; ours are "
        f"{listed(kinds)}, and each activation gets its best initial gain as well as its best learning rate. Their "
        "caption says that the size of the effect varies with the architecture. The notes claim the same of sigmoid, "
        "which is not in their figure.",
    ]


def _kind(setup: Setup) -> str:
    return "four-layer convolutional nets with strides" if setup.net == CONVNET else "fully connected nets"


def _practice(config: Config, runs: Runs) -> list[str]:
    """Advice that the intervals support."""
    sentences = []
    for slow, setup in product(SATURATING, config.setups()):
        if not {slow, "relu"} <= set(setup.activations):
            continue
        tuned = ratio(config, runs, setup, slow, "relu", setup.threshold)
        words = {
            SUPPORTED: "is slower than ReLU",
            REFUTED: "is faster than ReLU",
            INCONCLUSIVE: "is not significantly faster or slower than ReLU",
        }[verdict(tuned, *FASTER)]
        relu = steps_to(config, runs, setup, "relu", setup.threshold)
        steps = steps_to(config, runs, setup, slow, setup.threshold, "ReLU's")
        at_relu_setting = ratio_interval(steps, relu, config.confidence)
        sentences.append(
            f"With {setup.with_article} a tuned {named(slow)} {words}: it takes {_times(tuned)} the steps. "
            f"At the rate and gain tuned for ReLU it takes {_times(at_relu_setting)} the steps of ReLU."
        )
    if sentences:
        sentences.append(
            "To compare activations, tune the rate and gain of each: with the settings of one of them, a comparison is "
            "one of settings as much as of activations."
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
    goals = listed(list(dict.fromkeys(f"{setup.threshold:.0%} ({_kind(setup)})" for setup in config.setups())))
    error = f"Verdicts are taken at {goals}; the error is measured on at most {ERROR_EXAMPLES:,} training examples."
    if len(config.setups()) > MOST_COLUMNS:
        return (
            f"Median steps divided by ReLU's, at the training error of the verdicts; {shared} Where a point is "
            f"missing, most runs never reached that error. {error}"
        )
    return (
        f"Top: median steps until a net reaches a training error. Bottom: the same divided by ReLU's "
        f"steps; {shared} Hollow dots: not tuned, but trained at the rate and gain that were tuned for ReLU. Where a "
        f"line ends early, most runs never reached the lower errors. {error}"
    )


def _ratios(config: Config, runs: Runs) -> Table:
    """The steps of every activation relative to ReLU, by setup."""
    names = [name for name in config.names() if name != "relu"]
    rows = []
    for setup in config.setups():
        ratios = [
            _interval(ratio(config, runs, setup, name, "relu", setup.threshold))
            if {name, "relu"} <= set(setup.activations)
            else ""
            for name in names
        ]
        rows.append([TITLES[setup.data], setup.text, f"{setup.threshold:.0%}", *ratios])
    header = ["data", "net", "training error", *(f"{named(name)} / ReLU" for name in names)]
    return Table("Median steps divided by ReLU's", header, rows)


def _interval(interval: Interval) -> str:
    value, low, high = ("never" if np.isinf(number) else f"{number:.2f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _table(config: Config, runs: Runs) -> Table:
    """Settings and steps of every activation in every setup, at its own settings and at ReLU's."""
    header = ["net", "activation", "rate and gain", "rate", "gain"]
    header += [f"steps to {threshold:.0%}" for threshold in config.thresholds] + ["diverged"]
    rows = []
    for setup, name, setting in product(config.setups(), config.names(), ("its own", "ReLU's")):
        group = (setup.net, setup.optimizer, name, setting)
        nets = [run for run in runs if (run["net"], run["optimizer"], run["activation"], run["setting"]) == group]
        if not nets:
            continue
        medians = [
            _count(median_interval(steps_to(config, runs, setup, name, threshold, setting), config.confidence).value)
            for threshold in config.thresholds
        ]
        rate_and_gain = [f"{nets[0]['rate']:.4g}", f"{nets[0]['gain']:.3g}"]
        rows.append(
            [setup.text, named(name), setting, *rate_and_gain, *medians, str(sum(run["diverged"] for run in nets))]
        )
    return Table("Median steps at every threshold", header, rows)
