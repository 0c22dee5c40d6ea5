"""The report of `vanishing`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import Interval, mean_interval
from experiments.core.style import canvas, color, legend, listed, named, title

from .initials import INITS, SATURATING
from .measure import NORMALISED, PLAIN, Config
from .verdicts import (
    HALF,
    SIGMOIDAL,
    VANISHES,
    decades_per_layer,
    mean_field,
    mean_share_off,
    nets,
    predicted_decades,
    published_inits,
)

TITLE = "Do saturating units make gradients vanish?"

PHASES = ("before", "after")


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_slopes_table(config, runs), _halves_table(config, runs)],
    )


def _saturated(runs: Runs, name: str, init: str) -> float:
    """Mean share of saturated units in per cent."""
    return 100 * float(np.mean([run["saturated"] for run in nets(runs, name, init)]))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for name in config.activations:
        changes = {init: decades_per_layer(config, runs, name, init).value for init in config.inits}
        best = min(config.inits, key=lambda init, c=changes: abs(c[init]))
        vanishing = [INITS[init].text for init in config.inits if changes[init] < VANISHES]
        sentences.append(
            f"{named(name)}: the gradient changes least with {INITS[best].text}, by {changes[best]:+.3f} decades per "
            f"layer; it vanishes with {listed(vanishing) if vanishing else 'none of the initialisations'}."
        )
    for name in (name for name in config.activations if name in SIGMOIDAL):
        shares = listed(
            [
                f"{INITS[init].text} {_saturated(runs, name, init):.1f} % "
                f"({decades_per_layer(config, runs, name, init).value:+.2f})"
                for init in sorted(config.inits, key=lambda init, n=name: _saturated(runs, n, init))
            ]
        )
        sentences.append(f"Saturated {named(name)} units, and in brackets decades of gradient per layer: {shares}.")
    for phase in PHASES:
        sentences.append(
            f"ReLU's slope is 0 at {_percent(mean_share_off(config, runs, phase))} of the units {phase} training."
        )
    if config.normalised:
        spans = listed([f"{named(name)} {_span(config, runs, name)}" for name in config.activations])
        sentences.append(f"With LayerNorm, decades of gradient per layer, over all initialisations: {spans}.")
    for part, what in (
        (config.kinds(), "untrained nets have a gradient that is 0 or not finite"),
        (("half",), "trained nets diverged"),
    ):
        rows = [run for run in runs if run["part"] in part]
        sentences.append(f"{sum(run['diverged'] for run in rows)} of {len(rows)} {what}.")
    return sentences


def _span(config: Config, runs: Runs, name: str) -> str:
    """The smallest and the largest change per layer with LayerNorm, over all initialisations."""
    changes = [decades_per_layer(config, runs, name, init, kind=NORMALISED).value for init in config.inits]
    return f"{min(changes):+.3f} to {max(changes):+.3f}"


def _compared(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for at_limit, method in ((True, "at the fixed point"), (False, "layer by layer")):
        gaps = {
            (name, init): abs(
                decades_per_layer(config, runs, name, init).value - predicted_decades(config, name, init, at_limit)
            )
            for name in config.activations
            for init in config.inits
        }
        name, init = max(gaps, key=lambda cell, g=gaps: np.nan_to_num(g[cell], nan=np.inf))
        sentences.append(
            f"Mean field theory {method} is off by at most {gaps[name, init]:.3f} decades per layer "
            f"({named(name)} with {INITS[init].text}), in the median by {np.median(list(gaps.values())):.4f}."
        )
    return [
        *sentences,
        "Where the two differ the variance map needs more layers than these nets have: near the edge of chaos it "
        "converges slowly to its fixed point, and where there is none the signal grows without limit.",
        "The notes give no number. Glorot & Bengio 2010 show that gradients shrink towards the input of tanh nets with "
        "U(\N{PLUS-MINUS SIGN}1/\N{SQUARE ROOT}n) and hardly with their own rule.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for name in config.activations:
        changes = {init: decades_per_layer(config, runs, name, init).value for init in published_inits(config)}
        recommended = [INITS[init].text for init, change in changes.items() if abs(change) < -VANISHES]
        worst = min(changes.values(), default=float("nan"))
        sentences.append(
            f"{named(name)}: "
            + (
                f"initialise with {listed(recommended)}"
                if recommended
                else "none of the published initialisations keeps gradients"
            )
            + f"; with the worst of them {config.layers} layers leave 10^{worst * (config.layers - 1):.0f} "
            "of the gradient."
        )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"Norm of the gradient at each layer's pre-activations, relative to the last hidden layer: means of log10 over "
        f"{config.seeds} nets before training (lines), and mean field theory layer by layer (dots). A line that falls "
        "to the left is a gradient that vanishes on its way back. The scales of the panels differ. "
        + (f"{_with_norm(config)}: LayerNorm before every activation. " if config.normalised else "")
        + "The last panel has the "
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
    """A panel per initialisation, and one of ReLU's half."""
    shown = [(init, PLAIN) for init in config.inits] + [(config.inits[0], NORMALISED)] * config.normalised
    columns = min(4, len(shown) + 1)
    picture, grid = canvas(-(-(len(shown) + 1) // columns), columns, 2.9 * columns, 6.0)
    panels = [axes for row in grid for axes in row]
    for panel, (init, kind) in zip(panels, shown, strict=False):
        _profiles(config, runs, panel, init, kind)
    for row in grid:
        row[0].set_ylabel("log10 of gradient norm")
    _halves(config, runs, panels[len(shown)])
    for empty in panels[len(shown) + 1 :]:
        empty.set_axis_off()
    legend(picture, panels[0], len(config.activations))
    return picture


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
    text = INITS[init].text + (", saturating" if init == SATURATING else "")
    title(panel, _with_norm(config) if kind == NORMALISED else text)


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
    key = panel.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    key.set_in_layout(False)  # it covers the empty panel beside this one
    title(panel, "ReLU's half")
