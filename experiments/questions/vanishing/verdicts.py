"""The verdicts of `vanishing` on the claims of the notes; the docstring of `measure.py` has the rules."""

from functools import cache

import jax
import numpy as np

from experiments.core.data import TITLES, load
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, hull, mean_interval, verdict
from experiments.core.style import listed, named

from .initials import ABSOLUTE, INITS, SATURATING, possessive
from .meanfield import at_fixed_point, decades, moments
from .measure import NORMALISED, PLAIN, Config, fitted_slope

VANISHES = -0.05  # decades per layer: over 20 layers a tenth of the gradient is left
CLOSE = 0.01  # decades per layer up to which theory agrees
HALF = (45.0, 55.0)  # per cent
MOSTLY = 0.5  # share of units from which on a net counts as saturated

SIGMOIDAL = ("sigmoid", "tanh")
RECTIFIERS = ("relu", "leaky_relu", "elu")
"""The activations that the notes speak of; SELU runs for comparison."""


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on saturation, on activations, and on ReLU's half; then mean field theory."""
    claims = []
    if SATURATING in config.inits and set(SIGMOIDAL) & set(config.activations):
        claims.append(_by_saturation(config, runs))
    if judged_inits(config):
        claims += [_vanishes(config, runs, name) for name in config.activations if name in SIGMOIDAL]
        claims += [_kept(config, runs)] if set(RECTIFIERS) & set(config.activations) else []
    return [*claims, _half(config, runs), _half_by_symmetry(config, runs), _theory(config, runs)]


def published_inits(config: Config) -> list[str]:
    """The initialisations that are published: all but the saturating one."""
    return [init for init in config.inits if init != SATURATING]


def judged_inits(config: Config) -> list[str]:
    """Those of them that go by the size of the layer."""
    return [init for init in published_inits(config) if init != ABSOLUTE]


def nets(runs: Runs, name: str, init: str, kind: str = PLAIN) -> Runs:
    """The runs of an activation and an initialisation."""
    return [run for run in runs if run["part"] == kind and (run["activation"], run["init"]) == (name, init)]


def decades_per_layer(
    config: Config, runs: Runs, name: str, init: str, comparisons: int = 1, kind: str = PLAIN
) -> Interval:
    """The mean change of log10 of the gradient's norm per layer on the way back, widened for `comparisons`."""
    confidence = 1 - (1 - config.confidence) / comparisons
    return mean_interval([run["decades_per_layer"] for run in nets(runs, name, init, kind)], confidence)


@cache
def mean_field(config: Config, name: str, init: str, kind: str = PLAIN) -> tuple[float, np.ndarray]:
    """Mean field's change per layer: at the fixed point of the variance map, and in each layer on the way back.

    The variance map starts from the mean square of the examples. A layer's factor has its own slopes and the weights
    of the following layer, whose width is the same. With LayerNorm pre-activations have deviation 1, and the scale of
    the weights cancels.
    """
    if kind == NORMALISED:
        with jax.enable_x64(True):
            size, slope_square = moments(name, np.float64(1.0))
        change = float(0.5 * np.log10(slope_square / size))
        return change, np.full(config.layers - 1, change)
    deviation, (inputs, square) = INITS[init].deviation, _examples(config)
    scale = deviation(config.width, config.width) * config.width**0.5
    first = square * deviation(inputs, config.width) ** 2
    with jax.enable_x64(True):
        back = decades(name, first, scale, config.layers - 1)[::-1]
        return at_fixed_point(name, first, scale), back


@cache
def _examples(config: Config) -> tuple[int, float]:
    """The size of an example, and the mean over examples of the sum of squares."""
    x = load(config.data, config.folder).train.x[: config.examples]
    return x.shape[1], float(np.mean(np.sum(np.square(x, dtype=float), axis=1)))


def predicted_decades(config: Config, name: str, init: str, at_limit: bool, kind: str = PLAIN) -> float:
    """The change per layer that mean field predicts; layer by layer it is the slope of a line through the norms."""
    limit, back = mean_field(config, name, init, kind)
    return limit if at_limit else fitted_slope(np.concatenate([[0.0], np.cumsum(back)]))


def mean_share_off(config: Config, runs: Runs, phase: str) -> Interval:
    """The mean share of zero slopes in per cent, over the layers of nets that did not diverge."""
    rows = [run for run in runs if run["part"] == "half" and run["phase"] == phase and not run["diverged"]]
    return mean_interval([100 * np.mean(row["off"]) for row in rows], config.confidence)


def _scope(config: Config) -> str:
    nets = f"{config.layers} hidden layers of {config.width} before training, {config.seeds} nets each"
    return f"{TITLES[config.data]}, {nets}"


def changes(config: Config, runs: Runs, name: str) -> dict[str, Interval]:
    """The change per layer at every initialisation that is judged, widened for their number."""
    inits = judged_inits(config)
    return {init: decades_per_layer(config, runs, name, init, len(inits)) for init in inits}


def least_change(changes: dict[str, Interval]) -> str:
    """The initialisation at which the gradient changes least."""
    return min(changes, key=lambda init: np.nan_to_num(abs(changes[init].value), nan=np.inf))


def _by_saturation(config: Config, runs: Runs) -> Claim:
    names = [name for name in SIGMOIDAL if name in config.activations]
    intervals = {name: decades_per_layer(config, runs, name, SATURATING, len(names)) for name in names}
    shares = {name: np.mean([run["saturated"] for run in nets(runs, name, SATURATING)]) for name in names}
    found = ", ".join(f"{named(name)} {_change_text(intervals[name])} with {shares[name]:.0%}" for name in names)
    interval = hull(list(intervals.values()))
    return Claim(
        id="B3",
        text="Saturated sigmoid and tanh units make gradients vanish with depth",
        source="S0 S1 S3 S4",
        scope=f"{_scope(config)}, {INITS[SATURATING].text}",
        measure=f"decades of gradient per layer, and the share of units that is saturated: {found}"
        + ("; the interval spans both" if len(names) > 1 else ""),
        rule=f"supported if the hull lies below {VANISHES:g}, refuted if above; either only if of each more than "
        f"{MOSTLY:.0%} of the units are saturated",
        unit="",
        interval=interval,
        verdict=verdict(interval, high=VANISHES) if min(shares.values()) > MOSTLY else INCONCLUSIVE,
    )


def _change_text(change: Interval) -> str:
    return "not measurable" if np.isnan(change.value) else f"{change.value:+.3f}"


def _vanishes(config: Config, runs: Runs, name: str) -> Claim:
    found = changes(config, runs, name)
    shown = least_change(found)
    losing = [init for init, change in found.items() if change.high < VANISHES]
    keeps = any(_constant(change) for change in found.values())
    return Claim(
        id="B3",
        text=f"{named(name).capitalize()} units make gradients vanish with depth",
        source="S0 S1 S2 S3 S4",
        scope=_scope(config),
        measure=f"decades of gradient per layer by {possessive(shown)} rule, at which it changes least; the gradient "
        f"vanishes at {len(losing)} of {len(found)} initialisations",
        rule=f"supported if at {_rules(config)} the interval lies below {VANISHES:g}, refuted if at one of them it "
        f"lies within {-VANISHES:g} of 0",
        unit="",
        interval=found[shown],
        verdict=SUPPORTED if len(losing) == len(found) else REFUTED if keeps else INCONCLUSIVE,
    )


def _kept(config: Config, runs: Runs) -> Claim:
    names = [name for name in RECTIFIERS if name in config.activations]
    found = {name: changes(config, runs, name) for name in names}
    best = {name: least_change(found[name]) for name in names}
    lost = [name for name in names if all(change.high < VANISHES for change in found[name].values())]
    kept = [name for name in names if any(_constant(change) for change in found[name].values())]
    far = {name: np.nan_to_num(abs(found[name][best[name]].value), nan=np.inf) for name in names}
    shown = max(lost or names, key=lambda name: far[name])
    by = listed([f"{named(name)} by {possessive(best[name])}" for name in names])
    return Claim(
        id="B3",
        text=f"{listed([named(name) for name in names])} units keep gradients from vanishing with depth",
        source="S2 S4",
        scope=_scope(config),
        measure=f"decades of gradient per layer by the rule at which it changes least: {by}; shown for {named(shown)}, "
        "which changes most",
        rule=f"supported if for each at one of {_rules(config)} the interval lies within {-VANISHES:g} of 0, refuted "
        f"if for one it lies below {VANISHES:g} at all of them",
        unit="",
        interval=found[shown][best[shown]],
        verdict=SUPPORTED if len(kept) == len(names) else REFUTED if lost else INCONCLUSIVE,
    )


def _constant(change: Interval) -> bool:
    return verdict(change, VANISHES, -VANISHES) == SUPPORTED


def _rules(config: Config) -> str:
    return "the rules " + listed([possessive(init) for init in judged_inits(config)])


def gap(config: Config, runs: Runs, name: str, init: str, kind: str = PLAIN, comparisons: int = 1) -> Interval:
    """Measured minus predicted change per layer."""
    measured = decades_per_layer(config, runs, name, init, comparisons, kind)
    expected = predicted_decades(config, name, init, False, kind)
    return Interval(*(end - expected for end in measured))


def _theory(config: Config, runs: Runs) -> Claim:
    cells = [(name, init, kind) for name in config.activations for init in config.inits for kind in config.kinds()]
    gaps = {cell: gap(config, runs, *cell, comparisons=len(cells)) for cell in cells}
    verdicts = [verdict(each, -CLOSE, CLOSE) for each in gaps.values()]
    shown = max(cells, key=lambda cell: np.nan_to_num(abs(gaps[cell].value), nan=np.inf))
    name, init, kind = shown
    behind = " and LayerNorm" if kind == NORMALISED else ""
    return Claim(
        id="B3",
        text="Gradients before training agree with mean field theory",
        source="Poole et al. 2016, Schoenholz et al. 2017",
        scope=_scope(config) + (", without LayerNorm and with it" if config.normalised else ""),
        measure=f"measured minus predicted decades per layer, {named(name)} with {INITS[init].text}{behind}, the "
        f"farthest off; {verdicts.count(SUPPORTED)} of {len(cells)} agree within {CLOSE:g}",
        rule=f"agrees if for every activation and initialisation the interval lies within {CLOSE:g} of 0, does not if "
        "for one it lies outside",
        unit="",
        interval=gaps[shown],
        verdict=SUPPORTED if set(verdicts) == {SUPPORTED} else REFUTED if REFUTED in verdicts else INCONCLUSIVE,
        kind="check",
    )


def _trained_scope(config: Config) -> str:
    layers = ", ".join([str(config.width)] * config.trained_layers)
    return f"{TITLES[config.data]}, hidden layers of {layers}, He init"


def _half(config: Config, runs: Runs) -> Claim:
    interval = mean_share_off(config, runs, "after")
    return Claim(
        id="B4",
        text="ReLU kills the gradient in half of the regime",
        source="S0 S3",
        scope=_trained_scope(config),
        measure="share of units and training examples at which the slope is 0, after training",
        rule=f"supported if the {config.confidence:.0%} interval lies between {HALF[0]:g} and {HALF[1]:g} %, "
        "refuted if outside",
        unit="%",
        interval=interval,
        verdict=verdict(interval, *HALF),
        budget=f"{config.epochs} epochs of SGD at its tuned rate, {config.trained} seeds",
    )


def _half_by_symmetry(config: Config, runs: Runs) -> Claim:
    return Claim(
        id="B4",
        text="Before training ReLU kills the gradient in half of the regime",
        source="S0 S3",
        scope=_trained_scope(config),
        measure="share of units and training examples at which the slope is 0, before training",
        rule="holds by algebra: random weights have no preferred sign, so that a half is expected in every layer",
        unit="%",
        interval=mean_share_off(config, runs, "before"),
        verdict=SUPPORTED,
        budget=f"{config.trained} nets",
        kind="algebra",
    )
