"""The report of `fixed_point`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.quantisation import integer_bits
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval
from experiments.core.style import canvas, legend, listed, title

from .measure import EIGHT, FORMATS, RAW, SIX, Config
from .verdicts import (
    JUDGED,
    KRISHNAMOORTHI,
    KRIZHEVSKY,
    MARGIN,
    accuracy,
    advantage,
    budget_text,
    drop,
    inputs_text,
    judge,
    leads_of_six,
    nets,
    points,
    readiness,
)

TITLE = "Is ReLU6 ready for fixed point?"

SHADES = {np.inf: "#0072B2", SIX: "#D55E00"}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_drops_table(config, runs), _nets_table(config, runs)],
        _advice(config, runs),
    )


def capped(cap: float) -> str:
    """The name of an activation with this cap in a sentence."""
    return {np.inf: "ReLU", SIX: "ReLU6"}.get(cap, f"ReLU capped at {cap:g}")


def _in_float32(runs: Runs, inputs: str, cap: float) -> float:
    return 100 * float(np.mean([run["accuracy"] for run in nets(runs, inputs, cap)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    tops = {inputs: [max(run["largest"]) for run in nets(runs, inputs, np.inf)] for inputs in config.inputs()}
    held = [
        f"{min(top):.1f} to {max(top):.1f} on {inputs_text(inputs)} (m = "
        f"{listed([str(m) for m in np.unique(integer_bits(np.array([min(top), max(top)])))])})"
        for inputs, top in tops.items()
    ]
    diverged, border = sum(run["diverged"] for run in runs), sum(not run["interior"] for run in runs)
    return [
        f"In {EIGHT} bits, in the format that holds all outputs, {_answer(config, runs, EIGHT)}.",
        f"In {config.few} bits {_answer(config, runs, config.few)}.",
        f"The largest output of a hidden ReLU unit on the training part is {listed(held)}.",
        _closest_caps(config, runs),
        f"{diverged or 'None'} of {len(runs)} nets diverged, and a verdict that includes one of them is inconclusive; "
        f"{border or 'none'} were tuned to the border of a window.",
    ]


def _answer(config: Config, runs: Runs, bits: int) -> str:
    """On which inputs ReLU6 saves points."""
    saved = {inputs: advantage(config, runs, inputs, JUDGED, bits) for inputs in config.inputs()}
    verdicts = {f"{inputs_text(inputs)} ({_with_interval(each)})": readiness(each) for inputs, each in saved.items()}
    return f"ReLU6 {_by_verdict(verdicts, 'on', '')}"


def _by_verdict(verdicts: dict[str, str], place: str, noun: str) -> str:
    """Where ReLU6 saves points: the end of "ReLU6 ..."; nothing is said of verdicts that there are none of."""
    words = {
        SUPPORTED: ("saves", ""),
        REFUTED: ("does not save", "does not"),
        INCONCLUSIVE: ("may or may not save", "may or may not"),
    }
    parts: list[str] = []
    for outcome, (verb, short) in words.items():
        if names := [name for name, each in verdicts.items() if each == outcome]:
            what = short if parts else f"{verb} more than {MARGIN:g} points of accuracy over ReLU"
            parts.append(f"{what} {place} {listed(names)}{noun}")
    return listed(parts)


def _with_interval(saved: Interval) -> str:
    return f"{points(saved.value)} points [{points(saved.low)}, {points(saved.high)}]"


def _closest_caps(config: Config, runs: Runs) -> str:
    """The closest rival of 6 for each kind of inputs."""
    closest = []
    for inputs in config.inputs():
        (_, cap), lead = min(leads_of_six(config, runs, [inputs]).items(), key=lambda pair: pair[1].high)
        closest.append(f"{cap:g} on {inputs_text(inputs)}, by {_with_interval(lead)}")
    return f"Accuracy in {EIGHT} bits with a cap of 6 less that with its closest rival: {'; '.join(closest)}."


def _advice(config: Config, runs: Runs) -> str:
    claims = dict(zip(config.inputs(), judge(config, runs), strict=False))  # in 8 bits
    conditions = f"{config.depth} hidden layers, {budget_text(config)}"
    better = [inputs for inputs, claim in claims.items() if claim.verdict == SUPPORTED]
    if better:
        saved = listed([f"{claims[inputs].interval.value:.1f} points on {inputs_text(inputs)}" for inputs in better])
        return f"Cap ReLU at 6 before its outputs are rounded to {EIGHT} bits: it saves {saved} ({conditions})."
    if all(claim.verdict == REFUTED for claim in claims.values()):
        most = max(claim.interval.high for claim in claims.values())
        return (
            f"Keep ReLU, without a cap, for {EIGHT}-bit activations: where the format holds its largest output, ReLU6 "
            f"saves at most {points(max(most, 0))} points ({listed([inputs_text(i) for i in claims])}; {conditions})."
        )
    return ""


def _compared(config: Config, runs: Runs) -> list[str]:
    in_float32, rounded = [], []
    for inputs in config.inputs():
        relu, relu6 = (float(accuracy(config, runs, inputs, cap, JUDGED, EIGHT).mean()) for cap in (np.inf, SIX))
        where = f"on {inputs_text(inputs)}"
        in_float32.append(f"{points(_in_float32(runs, inputs, np.inf) - _in_float32(runs, inputs, SIX))} {where}")
        rounded.append(f"{points(relu - relu6)} {where}")
    return [
        f"{KRISHNAMOORTHI} (figure 16, MobileNet-v1). Ours, accuracy of ReLU minus that of ReLU6, in points: "
        f"{listed(in_float32)} in float32; {listed(rounded)} in {EIGHT} bits.",
        f"{KRIZHEVSKY}.",
        "What differs: theirs are convolutional nets on photographs with weights rounded as well, and their formats "
        "have any scale and not only powers of 2; ours round the outputs of hidden layers only.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    return [_at_bits(config, runs, inputs) for inputs in (*config.data[:2], RAW)]


def _at_bits(config: Config, runs: Runs, inputs: str) -> str:
    """At which numbers of bits ReLU6 saves points."""
    verdicts = {str(bits): readiness(advantage(config, runs, inputs, JUDGED, bits)) for bits in config.bits}
    where = f"On {inputs_text(inputs)}, in the format that holds all outputs"
    return f"{where}, ReLU6 {_by_verdict(verdicts, 'at', ' bits')}."


def _caption(config: Config) -> str:
    return (
        "Mean drop in test accuracy, in points, by the number of bits to which outputs of hidden layers are rounded, "
        f"with {config.confidence:.0%} intervals over {config.seeds} fresh seeds for ReLU and ReLU6: a row for each "
        f"way to find the format, of which the first ({JUDGED}) is judged, and a column for each kind of inputs."
    )


def _drops_table(config: Config, runs: Runs) -> Table:
    rows = []
    for inputs in config.inputs():
        for how in FORMATS:
            cells = []
            for bits in config.bits:
                interval = advantage(config, runs, inputs, how, bits)
                value, low, high = interval
                cells.append(f"{value:.1f} [{low:.1f}, {high:.1f}] {readiness(interval).lower()}")
            rows.append([inputs_text(inputs), how, *cells])
    header = ["inputs", "format", *(f"{bits} bits" for bits in config.bits)]
    return Table("Drop of ReLU minus that of ReLU6, in points", header, rows)


def _nets_table(config: Config, runs: Runs) -> Table:
    rows = []
    for inputs in config.inputs():
        for cap in config.kinds():
            of_cap = nets(runs, inputs, cap)
            top = np.median([max(run["largest"]) for run in of_cap])
            cells = [f"{np.mean(accuracy(config, runs, inputs, cap, JUDGED, bits)):.1f}" for bits in config.bits]
            settings = [
                f"{of_cap[0]['rate']:.4g}",
                f"{of_cap[0]['gain']:.3g}",
                f"{top:.1f}",
                f"{_in_float32(runs, inputs, cap):.1f}",
            ]
            rows.append(
                [inputs_text(inputs), capped(cap), *settings, *cells, str(sum(run["diverged"] for run in of_cap))]
            )
    header = ["inputs", "activation", "rate", "gain", "largest output", "float32", *(f"{b} bits" for b in config.bits)]
    return Table(f"Test accuracy in %, format: {JUDGED}", [*header, "diverged"], rows)


def figure(config: Config, runs: Runs) -> Figure:
    """The drop against the bits: a row for each format, a column for each kind of inputs."""
    picture, axes = canvas(len(FORMATS), len(config.inputs()), 9.0, 10.0, sharex=True, sharey=True)
    others = dict(zip(sorted(config.caps), ("#009E73", "#CC79A7", "#777777", "#B8860B"), strict=False))
    for panels, how in zip(axes, FORMATS, strict=True):
        for panel, inputs in zip(panels, config.inputs(), strict=True):
            for cap in config.kinds():
                line_color = SHADES.get(cap, others.get(cap, "#444444"))
                drops = [
                    mean_interval(drop(config, runs, inputs, cap, how, bits), config.confidence) for bits in config.bits
                ]
                bold = cap in SHADES
                panel.plot(
                    config.bits,
                    [each.value for each in drops],
                    "o-" if bold else ".-",
                    color=line_color,
                    label=capped(cap),
                    linewidth=1.8 if bold else 1.0,
                )
                if bold:
                    low, high = [each.low for each in drops], [each.high for each in drops]
                    panel.fill_between(config.bits, low, high, color=line_color, alpha=0.2, linewidth=0)
            title(panel, f"{inputs_text(inputs)}, {how}")
            panel.set_xticks(config.bits)
    for panel in axes[-1]:
        panel.set_xlabel("bits")
    for panels in axes:
        panels[0].set_ylabel("points lost")
    legend(picture, axes[0][0], len(config.kinds()))
    return picture
