"""The verdicts of `vanishing` on the claims of the notes; the docstring of `measure.py` has the rules."""

from functools import cache

import jax
import numpy as np

from experiments.core.data import TITLES, load
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import named

from .initials import INITS, SATURATING
from .meanfield import decades, moments, settled
from .measure import NORMALISED, PLAIN, Config, line

VANISHES = -0.05  # decades per layer: over 20 layers a tenth of the gradient is left
CLOSE = 0.01  # decades per layer
HALF = (45.0, 55.0)
MOSTLY = 0.5

SAID = {
    "sigmoid": ("sigmoid units make gradients vanish with depth", "S0 S1 S2 S3 S4"),
    "tanh": ("tanh units make gradients vanish with depth", "S0 S1 S2 S3 S4"),
    "relu": ("ReLU units keep gradients from vanishing with depth", "S0 S2 S4"),
    "leaky_relu": ("leaky ReLU units keep gradients from vanishing with depth", "S2 S4"),
    "elu": ("ELU units keep gradients from vanishing with depth", "S2"),
}
"""What the notes say of an activation; nothing of SELU, it runs for comparison."""

SATURATE = ("sigmoid", "tanh")


def judge(config: Config, runs: Runs) -> list[Claim]:
    """What the notes say of activations and of saturation, what theory says of all of them, and ReLU's half."""
    told = [name for name in config.activations if name in SAID and published(config)]
    claims = [_by_activation(config, runs, name, kind) for kind in config.kinds() for name in told]
    if SATURATING in config.inits:
        claims += [_by_saturation(config, runs, name) for name in config.activations if name in SATURATE]
    claims += [_theory(config, runs, at_limit) for at_limit in (True, False)]
    claims += [_theory(config, runs, False, NORMALISED)] if config.normalised else []
    return claims + [_half(config, runs, phase) for phase in ("before", "after")]


def published(config: Config) -> list[str]:
    """The initialisations that somebody uses."""
    return [init for init in config.inits if init != SATURATING]


def nets(runs: Runs, name: str, init: str, kind: str = PLAIN) -> Runs:
    """The nets of an activation and an initialisation."""
    return [run for run in runs if run["part"] == kind and (run["activation"], run["init"]) == (name, init)]


def slope(config: Config, runs: Runs, name: str, init: str, comparisons: int = 1, kind: str = PLAIN) -> Interval:
    """The mean change of log10 of the gradient's norm per layer on the way back, one of several comparisons."""
    confidence = 1 - (1 - config.confidence) / comparisons
    return mean_interval([run["slope"] for run in nets(runs, name, init, kind)], confidence)


@cache
def predicted(config: Config, name: str, init: str, kind: str = PLAIN) -> tuple[float, np.ndarray]:
    """Mean field's change per layer at the fixed point of the length map, and in each layer on the way back.

    The length map starts from the mean square of the examples that the nets saw. Where the gradient goes back through
    a layer, the slope is the layer's own and the weights are those behind it, all of one width. With LayerNorm
    pre-activations have deviation 1, and the scale of the weights cancels.
    """
    if kind == NORMALISED:
        with jax.enable_x64(True):
            size, slope_square = moments(name, np.float64(1.0))
        each = float(0.5 * np.log10(slope_square / size))
        return each, np.full(config.layers - 1, each)
    deviation, (inputs, square) = INITS[init].deviation, _examples(config)
    scale = deviation(config.width, config.width) * config.width**0.5
    first = square * deviation(inputs, config.width) ** 2
    with jax.enable_x64(True):
        back = decades(name, first, scale, config.layers - 1)[::-1]
        return settled(name, first, scale), back


@cache
def _examples(config: Config) -> tuple[int, float]:
    """How many numbers an example has, and the mean over examples of the sum of their squares."""
    x = load(config.data, config.folder).train.x[: config.examples]
    return x.shape[1], float(np.mean(np.sum(np.square(x, dtype=float), axis=1)))


def theory(config: Config, name: str, init: str, at_limit: bool, kind: str = PLAIN) -> float:
    """The slope that mean field predicts; layer by layer it is that of the line through the predicted norms."""
    limit, back = predicted(config, name, init, kind)
    return limit if at_limit else line(np.concatenate([[0.0], np.cumsum(back)]))


def off(config: Config, runs: Runs, phase: str) -> Interval:
    """The mean share of zero slopes in per cent, over the layers of nets that did not blow up."""
    rows = [run for run in runs if run["part"] == "half" and run["phase"] == phase and not run["diverged"]]
    return mean_interval([100 * np.mean(row["off"]) for row in rows], config.confidence)


def _scope(config: Config, kind: str = PLAIN) -> str:
    nets = f"{config.layers} hidden layers of {config.width} before training, {config.seeds} nets each"
    return f"{TITLES[config.data]}, {nets}" + (", LayerNorm before every activation" if kind == NORMALISED else "")


def _by_activation(config: Config, runs: Runs, name: str, kind: str) -> Claim:
    text, source = SAID[name]
    inits = published(config)
    slopes = {init: slope(config, runs, name, init, len(inits), kind) for init in inits}
    vanishing = [INITS[init].written for init in inits if slopes[init].high < VANISHES]
    if name in SATURATE:
        shown = min(inits, key=lambda init: abs(slopes[init].value))
        kept = any(one.low > VANISHES and one.high < -VANISHES for one in slopes.values())
        outcome = SUPPORTED if len(vanishing) == len(inits) else REFUTED if kept else INCONCLUSIVE
        rule = f"supported if at every published initialisation the interval lies below {VANISHES:g}, "
        rule += f"refuted if at some it lies within {-VANISHES:g} of 0"
    else:
        shown = min(inits, key=lambda init: slopes[init].value)
        kept = all(one.low > VANISHES for one in slopes.values())
        outcome = SUPPORTED if kept else REFUTED if vanishing else INCONCLUSIVE
        rule = f"supported if at every published initialisation the interval lies above {VANISHES:g}, "
        rule += "refuted if at some it lies below"
    return Claim(
        id="B3",
        text=text,
        source=source,
        scope=_scope(config, kind),
        measure=f"decades of gradient per layer, {INITS[shown].written}, the {'best' if name in SATURATE else 'worst'} "
        f"of {len(inits)} initialisations; at {len(vanishing)} of them gradients vanish",
        rule=rule,
        unit="",
        interval=slopes[shown],
        verdict=outcome,
    )


def _by_saturation(config: Config, runs: Runs, name: str) -> Claim:
    interval = slope(config, runs, name, SATURATING)
    share = np.mean([run["saturated"] for run in nets(runs, name, SATURATING)])
    return Claim(
        id="B3",
        text=f"saturated {named(name)} units make gradients vanish with depth",
        source="S0 S1 S3 S4",
        scope=f"{_scope(config)}, {INITS[SATURATING].written}",
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
        measured = slope(config, runs, name, init, len(cells), kind)
        expected = theory(config, name, init, at_limit, kind)
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
        measure=f"measured minus predicted decades per layer, {named(name)} with {INITS[init].written}, the farthest "
        f"off; {verdicts.count(SUPPORTED)} of {len(cells)} agree",
        rule=f"supported if for every activation and initialisation the interval lies within {CLOSE:g} of 0, "
        "refuted if for some it lies outside",
        unit="",
        interval=gaps[name, init],
        verdict=outcome,
    )


def _half(config: Config, runs: Runs, phase: str) -> Claim:
    interval = off(config, runs, phase)
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
