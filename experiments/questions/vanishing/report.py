"""The report of `vanishing`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval
from experiments.core.style import canvas, color, legend, listed, named, title

from .initials import INITS, SATURATING, possessive
from .measure import NORMALISED, PLAIN, Config
from .verdicts import (
    HALF,
    SIGMOIDAL,
    VANISHES,
    decades_per_layer,
    gap,
    judge,
    judged_inits,
    mean_field,
    mean_share_off,
    nets,
    predicted_decades,
)

TITLE = "Do saturating units make gradients vanish?"

PHASES = ("before", "after")
SHALLOW = 4  # layers, for comparison with deep nets
COLUMNS = 3  # of panels that are readable on a page


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_slopes_table(config, runs), _halves_table(config, runs)],
        _advice(config, runs),
    )


def _saturated(runs: Runs, name: str, init: str) -> float:
    """Mean share of saturated units in per cent."""
    return 100 * float(np.mean([run["saturated"] for run in nets(runs, name, init)]))


def _change(config: Config, runs: Runs, name: str, init: str, kind: str = PLAIN) -> float:
    return decades_per_layer(config, runs, name, init, kind=kind).value


def _decades(change: float) -> str:
    return "not measurable" if np.isnan(change) else f"{change:+.3f}"


def keeping(config: Config, runs: Runs, name: str) -> list[str]:
    """The judged initialisations at which the mean change per layer is below the limit: He's."""
    return [possessive(init) for init in judged_inits(config) if abs(_change(config, runs, name, init)) < -VANISHES]


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [*_on_saturation(config, runs), *_on_activations(config, runs)]
    halves = [f"{_percent(mean_share_off(config, runs, phase))} {phase} training" for phase in PHASES]
    sentences.append(f"ReLU's slope is 0 at this share of units and examples: {listed(halves)}.")
    if config.normalised:
        spans = listed([f"{named(name)} {_span(config, runs, name)}" for name in config.activations])
        sentences.append(
            "LayerNorm makes gradients before training independent of the scale of the weights (training is not, see "
            "small initial weights). Decades per layer, from the lowest to the highest over all initialisations: "
            f"{spans}."
        )
    untrained = [run for run in runs if run["part"] in config.kinds()]
    trained = [run for run in runs if run["part"] == "half"]
    lost, diverged = (sum(run["diverged"] for run in rows) for rows in (untrained, trained))
    sentences.append(
        f"Without a gradient, or with one that is not finite, in some layer: {lost or 'none'} of {len(untrained)} "
        f"untrained nets. {diverged or 'None'} of {len(trained) // 2} trained nets diverged."
    )
    return sentences


def _on_saturation(config: Config, runs: Runs) -> list[str]:
    """The answer to the title's question."""
    names = [name for name in SIGMOIDAL if name in config.activations]
    if not names or SATURATING not in config.inits:
        return []
    claim = next(claim for claim in judge(config, runs) if claim.text.startswith("Saturated"))
    answer = {
        SUPPORTED: "Yes",
        REFUTED: "Not by saturating",
        INCONCLUSIVE: "Undecided",
    }[claim.verdict]
    found = listed(
        [
            f"{_decades(_change(config, runs, name, SATURATING))} in {named(name)} nets "
            f"({_saturated(runs, name, SATURATING):.0f} % of the units are saturated)"
            for name in names
        ]
    )
    return [f"{answer}: with {INITS[SATURATING].text}'s weights, decades of gradient per layer are {found}."]


def _on_activations(config: Config, runs: Runs) -> list[str]:
    inits = judged_inits(config)
    if not inits:
        return []
    parts = []
    for name in config.activations:
        change = {init: _change(config, runs, name, init) for init in inits}
        best = min(inits, key=lambda init, c=change: np.nan_to_num(abs(c[init]), nan=np.inf))
        parts.append(f"{named(name)} {_decades(change[best])} ({INITS[best].text})")
    return [
        f"Decades of gradient per layer in nets of {config.layers} layers, by the published rule at which it changes "
        f"least: {listed(parts)}."
    ]


def _span(config: Config, runs: Runs, name: str) -> str:
    """The smallest and the largest change per layer with LayerNorm, over all initialisations."""
    changes = [_change(config, runs, name, init, NORMALISED) for init in config.inits]
    return f"{min(changes):+.3f} to {max(changes):+.3f}"


def _compared(config: Config, runs: Runs) -> list[str]:
    gaps = {
        (name, init): abs(gap(config, runs, name, init).value) for name in config.activations for init in config.inits
    }
    known = {cell: value for cell, value in gaps.items() if np.isfinite(value)}
    sentences = []
    if known:
        name, init = max(known, key=lambda cell: known[cell])
        sentences.append(
            f"Mean field theory, followed layer by layer, is off by at most {known[name, init]:.3f} decades per layer "
            f"({named(name)} with {INITS[init].text}), in the median by {np.median(list(known.values())):.4f}."
        )
    return [
        *sentences,
        "At the fixed point of its variance map it is off by more where that needs more layers than these nets have: "
        "near the edge of chaos it converges slowly, and where there is none the signal grows without limit.",
        "The notes give no number. Glorot & Bengio 2010 show that gradients shrink towards the input of tanh nets with "
        "U(\N{PLUS-MINUS SIGN}1/\N{SQUARE ROOT}n) and hardly with their own rule.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    if not judged_inits(config):
        return []
    kept = {name: keeping(config, runs, name) for name in config.activations}
    good = "; ".join(f"{named(name)} by {_either(rules)}" for name, rules in kept.items() if rules)
    bad = listed([named(name) for name, rules in kept.items() if not rules])
    sentences = [f"Published rules that keep the gradients of deep nets: {good}."] if good else []
    sentences += [f"None of the rules keeps the gradients of {bad} nets."] if bad else []
    if {"relu"} <= set(config.activations) and "lecun" in config.inits:
        change = _change(config, runs, "relu", "lecun")
        if change < VANISHES:
            left = [f"{10 ** (change * (layers - 1)):.2g} over {layers}" for layers in (SHALLOW, config.layers)]
            sentences.append(
                f"By LeCun's rule the part of ReLU's gradient that is left is {left[0]} layers and {left[1]}: the "
                "deeper the net, the more it matters to choose He's."
            )
    return sentences


def _advice(config: Config, runs: Runs) -> str:
    kept = {name: keeping(config, runs, name) for name in config.activations if name in ("relu", "tanh")}
    rules = listed([f"{named(name)} nets by {_either(kept[name])}" for name in ("relu", "tanh") if kept.get(name)])
    if not rules:
        return ""
    found = [abs(_change(config, runs, name, init)) for name in kept for init in judged_inits(config)]
    most = max(change for change in found if change < -VANISHES)
    return (
        f"Initialise deep {rules} rule: gradients then change by at most {100 * (10**most - 1):.1f} % per layer, a "
        f"factor of {10 ** (most * (config.layers - 1)):.1f} over {config.layers} layers ({TITLES[config.data]}, "
        f"{config.layers} layers of {config.width}, before training, {config.seeds} nets)."
    )


def _caption(config: Config) -> str:
    return (
        f"Norm of the gradient at each layer's pre-activations, relative to the last hidden layer: means of log10 over "
        f"{config.seeds} nets before training (lines), and mean field theory layer by layer (dots). A line that falls "
        "to the left is a gradient that vanishes on its way back. The scales of the panels differ. "
        + (f"{_with_norm(config)}: LayerNorm before every activation. " if config.normalised else "")
        + "Then the change per layer of sigmoid and tanh nets against the share of their units that is saturated, a "
        "point per initialisation: were saturation the cause, it would fall to the right. The last panel has the "
        f"share of units and examples where ReLU's slope is 0, before and after training, with {config.confidence:.0%} "
        "intervals; the shaded band is 'half'."
    )


def _with_norm(config: Config) -> str:
    """The title of the panel of nets with LayerNorm; one initialisation is enough, as the weights' scale cancels."""
    return f"{INITS[config.inits[0]].text}, LayerNorm"


def _slopes_table(config: Config, runs: Runs) -> Table:
    rows = []
    for name in config.activations:
        for init in config.inits:
            value, low, high = decades_per_layer(config, runs, name, init)
            numbers = [f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"]
            numbers += [f"{predicted_decades(config, name, init, at_limit):+.4f}" for at_limit in (False, True)]
            numbers.append(f"{_saturated(runs, name, init):.1f}")
            if config.normalised:
                numbers.append(f"{decades_per_layer(config, runs, name, init, kind=NORMALISED).value:+.4f}")
                numbers.append(f"{predicted_decades(config, name, init, False, NORMALISED):+.4f}")
            rows.append([named(name), INITS[init].text, *numbers])
    header = ["activation", "weights", "measured", "mean field, layer by layer", "at its fixed point", "saturated in %"]
    header += ["with LayerNorm", "mean field, with LayerNorm"] if config.normalised else []
    return Table("Decades of gradient per layer on the way back", header, rows)


def _layers(config: Config, runs: Runs, phase: str) -> list[Interval]:
    """Share of zero slopes in per cent, layer by layer."""
    rows = [run["off"] for run in runs if run["part"] == "half" and run["phase"] == phase and not run["diverged"]]
    return [
        mean_interval([100 * row[index] for row in rows], config.confidence) for index in range(config.trained_layers)
    ]


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1f} % [{interval.low:.1f}, {interval.high:.1f}]"


def _halves_table(config: Config, runs: Runs) -> Table:
    rows = [[phase, *[_percent(interval) for interval in _layers(config, runs, phase)]] for phase in PHASES]
    header = ["training", *[f"layer {index + 1}" for index in range(config.trained_layers)]]
    return Table("Units and examples at which ReLU's slope is 0", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """A panel per initialisation, one of saturation, and one of ReLU's half."""
    shown = [(init, PLAIN) for init in config.inits] + [(config.inits[0], NORMALISED)] * config.normalised
    rows = -(-(len(shown) + 2) // COLUMNS)
    picture, grid = canvas(rows, COLUMNS, 8.0, 2.6 * rows)
    panels = [axes for row in grid for axes in row]
    for panel, (init, kind) in zip(panels, shown, strict=False):
        _profiles(config, runs, panel, init, kind)
    for row in grid:
        row[0].set_ylabel("log10 of gradient norm")
    _draw_saturation(config, runs, panels[len(shown)])
    _halves(config, runs, panels[len(shown) + 1])
    for empty in panels[len(shown) + 2 :]:
        empty.set_axis_off()
    legend(picture, panels[0], min(4, len(config.activations)))
    return picture


def _draw_saturation(config: Config, runs: Runs, panel: Axes) -> None:
    for name in (name for name in config.activations if name in SIGMOIDAL):
        points = sorted((_saturated(runs, name, init), _change(config, runs, name, init)) for init in config.inits)
        panel.plot(*zip(*points, strict=True), "o-", color=color(name))
    panel.axhline(0, color="#444444", linestyle="--", linewidth=1)
    panel.set(xlabel="saturated units in %", ylabel="decades per layer", xlim=(-4, 104))
    title(panel, "Saturation")


def _profiles(config: Config, runs: Runs, panel: Axes, init: str, kind: str) -> None:
    """The gradient's norm in every layer, one line per activation."""
    layers = np.arange(config.layers, 0, -1)
    widths = np.linspace(5.0, 1.5, len(config.activations))  # lines that coincide stay visible
    for width, name in zip(widths, config.activations, strict=True):
        profile = np.mean([run["decades"] for run in nets(runs, name, init, kind)], axis=0)
        panel.plot(layers, profile - profile[0], linewidth=width, color=color(name), label=named(name))
        expected = np.cumsum([0.0, *mean_field(config, name, init, kind)[1]])
        panel.plot(layers, expected, ".", markersize=4, color="#222222")
    panel.set(xlabel="hidden layer", xlim=(0.5, config.layers + 0.5))
    title(panel, _with_norm(config) if kind == NORMALISED else INITS[init].text)


def _halves(config: Config, runs: Runs, panel: Axes) -> None:
    places = np.arange(config.trained_layers)
    for shift, phase, fill in ((-0.1, "before", "white"), (0.1, "after", color("relu"))):
        shares = _layers(config, runs, phase)
        ends = [[share.value - share.low for share in shares], [share.high - share.value for share in shares]]
        panel.errorbar(
            places + shift,
            [share.value for share in shares],
            ends,
            fmt="o",
            capsize=2.5,
            color=color("relu"),
            markerfacecolor=fill,
            label=f"{phase} training",
        )
    panel.axhspan(*HALF, color="#f3e3c3", zorder=0)
    panel.set(xlabel="hidden layer", ylabel="zero slopes in %", xlim=(-0.5, config.trained_layers - 0.5))
    panel.set_xticks(places, [str(place + 1) for place in places])
    panel.legend(fontsize=8, loc="best")
    title(panel, "ReLU's half")
