"""The verdicts of `vanishing` on the claims of the notes; the docstring of `measure.py` has the rules."""

from functools import cache

import jax
import numpy as np

from experiments.core.data import TITLES, load
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import named

from .initials import INITS, SATURATING
from .meanfield import at_fixed_point, decades, moments
from .measure import NORMALISED, PLAIN, Config, fitted_slope

VANISHES = -0.05  # decades per layer: over 20 layers a tenth of the gradient is left
CLOSE = 0.01  # decades per layer up to which theory agrees
HALF = (45.0, 55.0)  # per cent
MOSTLY = 0.5  # share of units from which on a net counts as saturated

STATEMENTS = {
    "sigmoid": ("sigmoid units make gradients vanish with depth", "S0 S1 S2 S3 S4"),
    "tanh": ("tanh units make gradients vanish with depth", "S0 S1 S2 S3 S4"),
    "relu": ("ReLU units keep gradients from vanishing with depth", "S0 S2 S4"),
    "leaky_relu": ("leaky ReLU units keep gradients from vanishing with depth", "S2 S4"),
    "elu": ("ELU units keep gradients from vanishing with depth", "S2"),
}
"""Text and source of the claim on each activation; there is none on SELU, which runs for comparison."""

SIGMOIDAL = ("sigmoid", "tanh")


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on activations, on saturation, on mean field theory, and on ReLU's half."""
    judged = [name for name in config.activations if name in STATEMENTS and published_inits(config)]
    claims = [_by_activation(config, runs, name, kind) for kind in config.kinds() for name in judged]
    if SATURATING in config.inits:
        claims += [_by_saturation(config, runs, name) for name in config.activations if name in SIGMOIDAL]
    claims += [_theory(config, runs, at_limit) for at_limit in (True, False)]
    claims += [_theory(config, runs, False, NORMALISED)] if config.normalised else []
    return claims + [_half(config, runs, phase) for phase in ("before", "after")]


def published_inits(config: Config) -> list[str]:
    """The initialisations that are published: all but the saturating one."""
    return [init for init in config.inits if init != SATURATING]


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


def _scope(config: Config, kind: str = PLAIN) -> str:
    nets = f"{config.layers} hidden layers of {config.width} before training, {config.seeds} nets each"
    return f"{TITLES[config.data]}, {nets}" + (", LayerNorm before every activation" if kind == NORMALISED else "")


def _by_activation(config: Config, runs: Runs, name: str, kind: str) -> Claim:
    text, source = STATEMENTS[name]
    inits = published_inits(config)
    changes = {init: decades_per_layer(config, runs, name, init, len(inits), kind) for init in inits}
    vanishing = [INITS[init].text for init in inits if changes[init].high < VANISHES]
    if name in SIGMOIDAL:
        shown = min(inits, key=lambda init: abs(changes[init].value))
        constant = any(change.low > VANISHES and change.high < -VANISHES for change in changes.values())
        outcome = SUPPORTED if len(vanishing) == len(inits) else REFUTED if constant else INCONCLUSIVE
        rule = f"supported if at every published initialisation the interval lies below {VANISHES:g}, "
        rule += f"refuted if at some it lies within {-VANISHES:g} of 0"
    else:
        shown = min(inits, key=lambda init: changes[init].value)
        none_vanishes = all(change.low > VANISHES for change in changes.values())
        outcome = SUPPORTED if none_vanishes else REFUTED if vanishing else INCONCLUSIVE
        rule = f"supported if at every published initialisation the interval lies above {VANISHES:g}, "
        rule += "refuted if at some it lies below"
    return Claim(
        id="B3",
        text=text,
        source=source,
        scope=_scope(config, kind),
        measure=f"decades of gradient per layer, {INITS[shown].text}, the {'best' if name in SIGMOIDAL else 'worst'} "
        f"of {len(inits)} initialisations; at {len(vanishing)} of them gradients vanish",
        rule=rule,
        unit="",
        interval=changes[shown],
        verdict=outcome,
    )


def _by_saturation(config: Config, runs: Runs, name: str) -> Claim:
    interval = decades_per_layer(config, runs, name, SATURATING)
    share = np.mean([run["saturated"] for run in nets(runs, name, SATURATING)])
    return Claim(
        id="B3",
        text=f"saturated {named(name)} units make gradients vanish with depth",
        source="S0 S1 S3 S4",
        scope=f"{_scope(config)}, {INITS[SATURATING].text}",
        measure=f"decades of gradient per layer, {share:.0%} of the units being saturated",
        rule=f"supported if the interval lies below {VANISHES:g}, refuted if above; either only if more than "
        f"{MOSTLY:.0%} of the units are saturated",
        unit="",
        interval=interval,
        verdict=verdict(interval, high=VANISHES) if share > MOSTLY else INCONCLUSIVE,
    )


def _theory(config: Config, runs: Runs, at_limit: bool, kind: str = PLAIN) -> Claim:
    cells = [(name, init) for name in config.activations for init in config.inits]
    gaps = {}
    for name, init in cells:
        measured = decades_per_layer(config, runs, name, init, len(cells), kind)
        expected = predicted_decades(config, name, init, at_limit, kind)
        gaps[name, init] = Interval(*(end - expected for end in measured))
    verdicts = [verdict(gap, -CLOSE, CLOSE) for gap in gaps.values()]
    name, init = max(cells, key=lambda cell: np.nan_to_num(abs(gaps[cell].value), nan=np.inf))
    outcome = SUPPORTED if set(verdicts) == {SUPPORTED} else REFUTED if REFUTED in verdicts else INCONCLUSIVE
    return Claim(
        id="B3",
        text="mean field theory predicts the slope "
        + ("at the fixed point of its length map" if at_limit else "when followed layer by layer"),
        source="Poole et al. 2016, Schoenholz et al. 2017",
        scope=_scope(config, kind),
        measure=f"measured minus predicted decades per layer, {named(name)} with {INITS[init].text}, the farthest "
        f"off; {verdicts.count(SUPPORTED)} of {len(cells)} agree",
        rule=f"supported if for every activation and initialisation the interval lies within {CLOSE:g} of 0, "
        "refuted if for some it lies outside",
        unit="",
        interval=gaps[name, init],
        verdict=outcome,
    )


def _half(config: Config, runs: Runs, phase: str) -> Claim:
    interval = mean_share_off(config, runs, phase)
    layers = ", ".join([str(config.width)] * config.trained_layers)
    return Claim(
        id="B4",
        text=f"ReLU kills the gradient in half of the regime, {phase} training",
        source="S0 S3",
        scope=f"{TITLES[config.data]}, hidden layers of {layers}, He init, SGD at its tuned rate",
        measure="share of units and training examples at which the slope is 0",
        rule=f"supported if the {config.confidence:.0%} interval lies between {HALF[0]:g} and {HALF[1]:g} %, "
        "refuted if outside",
        unit="%",
        interval=interval,
        verdict=verdict(interval, *HALF),
    )
