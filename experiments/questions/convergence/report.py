"""The report of `convergence`: sentences, tables and a figure, all computed from the runs."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.core.data import TITLES
from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, median_interval
from experiments.core.steps_to_error import ERROR_EXAMPLES
from experiments.core.style import canvas, color, listed, named, plain_log, title, whiskers

from .measure import CONVNET, INITS, LONGEST_SWEEP, OPTIMIZERS, SATURATING, TUNED, Config, Setup, layers
from .verdicts import PUBLISHED, SIX, Ratio, budget, judge, missing, ratio, steps_to

TITLE = "Does ReLU learn six times faster?"

TICKS = [0.1, 0.2, 0.5, 1, 2, 4, 9, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison with the source, practice, caption, tables and advice."""
    claims = judge(config, runs)
    return Report(
        findings=_findings(config, runs, claims),
        compared=_compared(config, runs),
        practice=_practice(config, runs, claims),
        caption=_caption(config),
        tables=[_ratios(config, runs), _table(config, runs)],
        advice=_advice(config, runs, claims),
    )


def _findings(config: Config, runs: Runs, claims: list[Claim]) -> list[str]:
    """The answer, all ratios to ReLU's steps, and what was not reached."""
    sentences = [_answer(config, runs, claims)]
    for optimizer in config.optimizers:
        if told := _by_activation(config, runs, config.tuned(optimizer)):
            sentences.append(f"With rate and gain tuned for each, by {OPTIMIZERS[optimizer]}: {told}.")
    others = config.published()[1:]
    told = [
        f"with {INITS[init]} {_by_activation(config, runs, nets)}"
        for init in INITS
        if (nets := [setup for setup in others if setup.init == init and _rivals(setup)])
    ]
    if told:
        sentences.append(f"In other nets {'; '.join(told)}.")
    return [*sentences, _left_out(config, runs)]


def _answer(config: Config, runs: Runs, claims: list[Claim]) -> str:
    """Whether it is six times, in a word for each rival and with the numbers."""
    setup = next(iter(config.published()), None)
    rivals = _rivals(setup) if setup else []
    if setup is None or not rivals:
        return "Whether ReLU is six times faster was not asked: no net with published initial weights compares it."
    six = {name: next(claim for claim in claims if _is_six(claim, name)) for name in rivals}
    ratios = {name: ratio(config, runs, setup, name, "relu", setup.threshold) for name in rivals}
    answers = "; ".join(_against(claim, name, ratios[name]) for name, claim in six.items())
    told = [f"{named(name)} {found.text} times{_ends(found)}" for name, found in ratios.items()]
    told[0] = told[0].replace(" ", " takes ", 1) + " the steps of ReLU"
    return (
        f"{answers[0].upper()}{answers[1:]}. In {setup.text} with {INITS[setup.init]} and the rate tuned for each, "
        f"{listed(told)} to {setup.threshold:.0%} training error on {TITLES[setup.data]}."
    )


def _against(claim: Claim, name: str, found: Ratio) -> str:
    """Whether ReLU is six times faster than one rival, with the ratio if it is known."""
    if claim.verdict == INCONCLUSIVE:
        known = "undecided" if found.bound == "unknown" else f"{found.text}x, undecided"
        return f"against {named(name)} ReLU is {known}"
    more = claim.interval.low > SIX[1]
    how = "" if claim.verdict == SUPPORTED else "more than " if more else "not "
    size = "" if found.bound == "unknown" else f" ({found.text}x)"
    return f"ReLU is {how}six times faster than {named(name)}{size}"


def _is_six(claim: Claim, name: str) -> bool:
    return "six times" in claim.text and f"than {named(name)} " in claim.text


def _ends(found: Ratio) -> str:
    """The interval of a ratio, which is open above if it is a bound."""
    if found.bound:
        return ""
    high = f"{found.interval.high:.2f}" if math.isfinite(found.interval.high) else "open"
    return f" [{found.interval.low:.2f}, {high}]"


def _rivals(setup: Setup) -> list[str]:
    """The saturating activations that run beside ReLU."""
    return [name for name in SATURATING if {name, "relu"} <= set(setup.activations)]


def _by_activation(config: Config, runs: Runs, setups: Sequence[Setup]) -> str:
    """For each saturating activation its steps relative to ReLU's in every net: empty if none can be compared."""
    told = []
    for name in SATURATING:
        nets = [setup for setup in setups if name in _rivals(setup)]
        found = [(setup, ratio(config, runs, setup, name, "relu", setup.threshold)) for setup in nets]
        known = [(setup, each) for setup, each in found if each.bound != "unknown"]
        unknown = [setup for setup, each in found if each.bound == "unknown"]
        if known:
            places = _places([setup for setup, _ in known])
            numbers = [f"{each.text} {place}" for (_, each), place in zip(known, places, strict=True)]
            numbers[0] = f"{known[0][1].text} times the steps of ReLU {places[0]}"
            told.append(f"{named(name)} takes {listed(numbers)}")
        if unknown:
            told.append(
                f"of {named(name)} nothing is known {listed(_places(unknown))}, where neither it nor ReLU arrived"
            )
    return "; ".join(told)


def _places(setups: Sequence[Setup]) -> list[str]:
    """As in "with 2 hidden layers", "with 4", "in a convolutional net"."""
    first = next((setup for setup in setups if setup.net != CONVNET), None)
    return [
        f"in {setup.text}" if setup.net == CONVNET else f"with {setup.text if setup is first else layers(setup.net)}"
        for setup in setups
    ]


def _left_out(config: Config, runs: Runs) -> str:
    """The nets that never arrived, and where tuning ended at a border."""
    race = [run for run in runs if run["part"] == "race"]
    late = sum(missing(config, runs, setup, name) for setup in config.setups() for name in setup.activations)
    diverged = sum(run["diverged"] for run in race)
    sentence = f"Of {len(race)} nets {late} had not arrived when their steps ran out; {diverged} diverged."
    outside = {(run["net"], run["optimizer"], run["init"], run["activation"]) for run in race if not run["interior"]}
    where = [
        f"{named(name)} ({setup.with_init})"
        for setup in config.setups()
        for name in setup.activations
        if (setup.net, setup.optimizer, setup.init, name) in outside
    ]
    if where:
        sentence += f" Tuning ended at the border of its window for {listed(where)}: faster settings may exist there."
    return sentence


def _compared(config: Config, runs: Runs) -> list[str]:
    """The published factor and ours."""
    setup = next((each for each in config.published() if {"relu", "tanh"} <= set(each.activations)), None)
    if setup is None:
        return []
    ours = ratio(config, runs, setup, "tanh", "relu", setup.threshold)
    return [
        PUBLISHED,
        f"Ours, tanh against ReLU in {setup.text} with {INITS[setup.init]}, to {setup.threshold:.0%}: {ours.text} "
        "times.",
        f"What differs: they train on colour photographs, we on {TITLES[setup.data]}, and they do not say how their "
        "net was initialised. Their caption says that the size of the effect varies with the architecture. The notes "
        "claim the same of sigmoid, which is not in their figure.",
    ]


def _practice(config: Config, runs: Runs, claims: list[Claim]) -> list[str]:
    """What the verdicts on speed mean, and what a wrong rate costs."""
    sentences = []
    for name in SATURATING:
        if outcome := _faster(config, claims, name):
            sentences.append(
                {
                    SUPPORTED: f"In steps ReLU beats a tuned {named(name)} in every net tried.",
                    REFUTED: f"Speed alone is no reason to prefer ReLU to {named(name)}: tuned, it is not ahead in "
                    "every net.",
                    INCONCLUSIVE: f"Whether ReLU beats a tuned {named(name)} in every net could not be told.",
                }[outcome]
            )
    return sentences + _cost_of_a_rate(config, runs)


def _faster(config: Config, claims: list[Claim], name: str) -> str:
    """The verdict on "ReLU is faster" for the first optimiser; empty if it was not asked."""
    optimizer = config.optimizers[0]
    end = "" if optimizer == "sgd" else f" by {OPTIMIZERS[optimizer]}"
    text = f"ReLU converges faster than {named(name)}{end} when rate and gain are tuned for each"
    return next((claim.verdict for claim in claims if claim.text == text), "")


def _cost_of_a_rate(config: Config, runs: Runs) -> list[str]:
    """How many steps ReLU takes at the lowest and at the highest of the rates shown."""
    deepest = _dense(config)[-1:]
    others = sorted(multiple for multiple in config.rates_around if multiple != 1)
    if not deepest or not others or "relu" not in deepest[0].activations:
        return []
    setup = deepest[0]
    tuned = float(np.median(steps_to(config, runs, setup, "relu", setup.threshold)))
    told = []
    for multiple in dict.fromkeys((others[0], others[-1])):
        median = float(np.median(steps_to(config, runs, setup, "relu", setup.threshold, multiple)))
        known = math.isfinite(median) and math.isfinite(tuned)
        late = f"most had not arrived after {LONGEST_SWEEP} times the steps"
        slower = f"they take {median / tuned:.1f} times the steps" if known else late
        told.append(f"at {multiple:g} times the tuned rate {slower}")
    return [f"Tune the rate first. For ReLU nets with {setup.text}, {'; '.join(told)}."]


def _advice(config: Config, runs: Runs, claims: list[Claim]) -> str:
    """What to do about the speed of sigmoid and tanh, from the nets that were tuned by the first optimiser."""
    setups = config.tuned(config.optimizers[0])
    ranges = {name: _range(config, runs, setups, name) for name in reversed(SATURATING)}
    rivals = [name for name in ranges if ranges[name] and _faster(config, claims, name)]
    if not rivals:
        return ""
    first = rivals[0]
    todo = {
        SUPPORTED: f"Leave {named(first)} out of hidden layers",
        REFUTED: f"Do not choose ReLU over {named(first)} for its speed alone",
        INCONCLUSIVE: "Tune the learning rate and the initial gain with the activation",
    }[_faster(config, claims, first)]
    told = [f"{named(name)} takes {ranges[name]} times" for name in rivals]
    told[0] += " ReLU's steps"
    ran = [setup for setup in setups if set(rivals) & set(_rivals(setup))]
    return f"{todo}: when both are tuned, {listed(told)} ({budget(config, ran)})."


def _range(config: Config, runs: Runs, setups: Sequence[Setup], name: str) -> str:
    """From the least ratio to ReLU's steps to the greatest, over the nets where it is known; empty if in none."""
    ratios = [ratio(config, runs, s, name, "relu", s.threshold) for s in setups if name in _rivals(s)]
    known = sorted((found for found in ratios if found.bound != "unknown"), key=lambda found: found.interval.value)
    if not known:
        return ""
    least, greatest = known[0], known[-1]
    if all(found.bound == "at least" for found in known) or least.text == greatest.text:
        return least.text
    return f"{least.text.removeprefix('at least ')} to {greatest.text.removeprefix('at most ')}"


def _dense(config: Config) -> list[Setup]:
    """The fully connected nets tuned by the first optimiser, the shallowest first."""
    dense = [setup for setup in config.tuned(config.optimizers[0]) if setup.net != CONVNET]
    return sorted(dense, key=lambda setup: layers(setup.net))


def figure(config: Config, runs: Runs) -> Figure:
    """Learning curves, steps by learning rate, and steps relative to ReLU's by net."""
    panels = [*_curve_panels(config), *_rate_panels(config), *_ratio_panels(config)]
    picture, axes = canvas((len(panels) + 1) // 2, 2, 8.4, 3.3 * ((len(panels) + 1) // 2))
    places = [panel for row in axes for panel in row]
    for place, draw in zip(places, panels, strict=False):
        draw(config, runs, place)
    for unused in places[len(panels) :]:
        unused.set_axis_off()
    handles = [Line2D([], [], color=color(name), marker="o", label=named(name)) for name in config.names()]
    picture.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return picture


Draw = Callable[[Config, Runs, Axes], None]


def _curve_panels(config: Config) -> list[Draw]:
    """The net of "six times", and the same net when tuned or else another."""
    setups = config.setups()
    shown = config.published()[:1]
    like = [setup for setup in setups if setup.init == TUNED and setup.net == (shown or setups)[0].net]
    return [partial(_draw_curves, setup) for setup in (*shown, *like[:1])]


def _rate_panels(config: Config) -> list[Draw]:
    """The shallowest and the deepest of the fully connected nets, if other rates than the tuned were asked for."""
    dense = _dense(config) if len(config.rates_around) > 1 else []
    return [partial(_draw_rates, setup) for setup in dict.fromkeys((*dense[:1], *dense[-1:]))]


def _ratio_panels(config: Config) -> list[Draw]:
    """Tuned nets by optimiser, then the others by initial weights."""
    groups = {f"Tuned, {OPTIMIZERS[optimizer]}": config.tuned(optimizer) for optimizer in config.optimizers}
    for init in INITS:
        groups[INITS[init].split(" initial")[0] + " weights"] = [s for s in config.published() if s.init == init]
    return [
        partial(_draw_ratios, name, group)
        for name, group in groups.items()
        if any("relu" in setup.activations for setup in group)
    ]


def _draw_curves(setup: Setup, config: Config, runs: Runs, axes: Axes) -> None:
    """Training error against steps: the median step at each error, with its interval."""
    errors = [error for error in config.thresholds if error >= setup.threshold]
    for name in setup.activations:
        steps = [median_interval(steps_to(config, runs, setup, name, e), config.confidence) for e in errors]
        known = [(e, *interval) for e, interval in zip(errors, steps, strict=True) if np.isfinite(interval.value)]
        if known:
            height, middle, low, high = np.array(known).T
            axes.fill_betweenx(
                height, low, np.minimum(high, setup.max_steps), color=color(name), alpha=0.2, linewidth=0
            )
            axes.plot(middle, height, "o-", color=color(name), markersize=3)
    axes.set_xscale("log")
    axes.set_xlim(right=setup.max_steps)
    axes.axhline(setup.threshold, color="#444444", linestyle="--", linewidth=1)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda error, _: f"{error:.0%}")
    axes.set_xlabel("steps")
    axes.set_ylabel("training error")
    title(axes, _short(setup))


def _draw_rates(setup: Setup, config: Config, runs: Runs, axes: Axes) -> None:
    """Steps to the training error against the learning rate, at the tuned gain."""
    group = (setup.net, setup.optimizer, setup.init)
    tuned = {run["activation"]: run["rate"] for run in runs if (run["net"], run["optimizer"], run["init"]) == group}
    multiples = sorted(config.rates_around)
    for name in setup.activations:
        steps = [steps_to(config, runs, setup, name, setup.threshold, multiple) for multiple in multiples]
        intervals = [median_interval(each, config.confidence) for each in steps]
        whiskers(axes, tuned[name] * np.array(multiples), intervals, name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda rate, _: f"{rate:.2g}")
    axes.set_ylim(10, setup.max_steps)
    plain_log(axes, TICKS)
    axes.set_xlabel("learning rate")
    axes.set_ylabel(f"steps to {setup.threshold:.0%}")
    title(axes, _short(setup))


def _draw_ratios(name: str, setups: Sequence[Setup], config: Config, runs: Runs, axes: Axes) -> None:
    """Steps relative to ReLU's at the verdict's training error, net by net; triangles are lower bounds."""
    names = [each for each in config.names() if each != "relu"]
    for index, activation in enumerate(names):
        for convolutional in (False, True):  # no line joins different kinds of nets
            ran = [
                (place, ratio(config, runs, setup, activation, "relu", setup.threshold))
                for place, setup in enumerate(setups)
                if {activation, "relu"} <= set(setup.activations) and (setup.net == CONVNET) == convolutional
            ]
            shift = 0.12 * (index - (len(names) - 1) / 2)
            if ran:
                whiskers(axes, [place + shift for place, _ in ran], [found.interval for _, found in ran], activation)
            for place, found in ran:
                if found.bound == "at least":
                    axes.plot(place + shift, found.interval.value, "^", color=color(activation), markersize=9)
    axes.axhspan(*SIX, color="#f3e3c3", zorder=0)
    axes.axhline(1, color="#444444", linestyle="--", linewidth=1)
    axes.set_ylim(0.2, 40)
    plain_log(axes, TICKS)
    axes.set_xticks(range(len(setups)), ["conv" if s.net == CONVNET else str(layers(s.net)) for s in setups])
    axes.set_xlim(-0.5, len(setups) - 0.5)
    axes.set_xlabel("hidden layers, or convolutional")
    axes.set_ylabel("steps / ReLU's steps")
    title(axes, name)


def _short(setup: Setup) -> str:
    """The title of a panel."""
    net = "convolutional" if setup.net == CONVNET else setup.text
    return f"{net}, {'tuned' if setup.init == TUNED else INITS[setup.init].split(' initial')[0] + ' weights'}"


def _caption(config: Config) -> str:
    return (
        "From the top: the training error against steps, up to the error of the verdicts (dashed); the steps to that "
        "error against the learning rate, at the tuned gain; and steps divided by ReLU's. Values are medians, bands "
        f"and bars {config.confidence:.0%} intervals over {config.seeds} fresh seeds. In the shaded band ReLU is 'six "
        "times faster', above the dashed line faster. Triangles are lower bounds, as most nets had not arrived when "
        f"their steps ran out; where a line ends or a point is missing, most had not arrived either. The error is "
        f"measured on at most {ERROR_EXAMPLES:,} training examples."
    )


def _ratios(config: Config, runs: Runs) -> Table:
    """The steps of every activation relative to ReLU's, by setup."""
    names = [name for name in config.names() if name != "relu"]
    rows = []
    for setup in config.setups():
        cells = []
        for name in names:
            both = {name, "relu"} <= set(setup.activations)
            found = ratio(config, runs, setup, name, "relu", setup.threshold) if both else None
            cells.append(f"{found.text}{_ends(found)}".replace("an unknown number of", "unknown") if found else "")
        rows.append([TITLES[setup.data], setup.with_init, f"{setup.threshold:.0%}", *cells])
    header = ["data", "net", "training error", *(f"{named(name)} / ReLU" for name in names)]
    return Table("Median steps divided by ReLU's", header, rows)


def _table(config: Config, runs: Runs) -> Table:
    """Settings and steps of every activation in every setup."""
    header = [
        "net",
        "activation",
        "rate",
        "gain",
        *(f"steps to {error:.0%}" for error in config.thresholds),
        "diverged",
    ]
    rows = []
    for setup, name in product(config.setups(), config.names()):
        group = (setup.net, setup.optimizer, setup.init, name, 1.0)
        nets = [
            run
            for run in runs
            if (run["net"], run["optimizer"], run["init"], run["activation"], run["multiple"]) == group
        ]
        if not nets:
            continue
        medians = [
            _count(median_interval(steps_to(config, runs, setup, name, error), config.confidence).value, setup)
            if error >= setup.threshold
            else ""
            for error in config.thresholds
        ]
        gain = f"{nets[0]['gain']:.3g}" if setup.init == TUNED else "published"
        diverged = str(sum(run["diverged"] for run in nets))
        rows.append([setup.with_init, named(name), f"{nets[0]['rate']:.4g}", gain, *medians, diverged])
    return Table("Median steps at every training error", header, rows)


def _count(steps: float, setup: Setup) -> str:
    return f"more than {setup.max_steps}" if np.isinf(steps) else f"{steps:g}"
