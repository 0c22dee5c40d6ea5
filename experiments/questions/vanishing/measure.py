"""Do gradients vanish with depth because units saturate, or because of the initial weights?

The notes say that saturated neurons "kill" the gradients and that sigmoid and tanh therefore make them vanish, while
ReLU "does not saturate" (B3), and that ReLU is "killing the gradient in half of the regime" (B4).

For B3, nets of many layers are measured before training: the norm of the loss's gradient with respect to the
pre-activations of each layer, in float64, as its square can underflow in float32. The slope of a line through log10 of
the norm is the change in decades per layer on the way back: at -1 each layer leaves a tenth of the gradient. It is
measured at five published initialisations and at ten times LeCun's weights, as none of the published ones saturates
units: a unit counts as saturated if its slope is below 5 % of the activation's largest. The published N(0, 0.01^2) was
made for layers a hundred times as wide; in layers of 100 it is a tenth of LeCun's rule and loses the gradient of any of
these activations, so that it is measured and not judged. At equal widths Glorot's rule has LeCun's variance; it is
measured all the same. With `normalised` the same nets are also measured with LayerNorm before every activation, which
keeps pre-activations at deviation 1 whatever the weights.

The experiment is checked against the mean field theory of wide nets, followed layer by layer.

For B4, the share of units and training examples at which ReLU's slope is 0 is measured, before training and after
training at a rate tuned by validation loss.

Rules, fixed before the run; anything else is INCONCLUSIVE. Intervals are widened for the number of comparisons.
- "Saturated units make gradients vanish" is SUPPORTED if at ten times LeCun's weights the intervals of the slope lie
below -0.05 for sigmoid and for tanh, REFUTED if they lie above for both; either only if more than half of the units are
saturated.
- "Sigmoid units make gradients vanish" is SUPPORTED if at LeCun's, Glorot's, He's and the uniform rule the interval
lies below -0.05, REFUTED if at one of them it lies within 0.05 of 0; the same for tanh.
- "ReLU and its kin keep gradients" is SUPPORTED if each of ReLU, leaky ReLU and ELU has one of these rules at which the
interval lies within 0.05 of 0, REFUTED if one of them has none because at all of them the interval lies below.
- "Half" after training is SUPPORTED if the interval lies between 45 and 55 %, REFUTED if outside. Before training it is
algebra: random weights have no preferred sign, so that a half is expected whatever the layer.
- Mean field theory agrees if for every activation and initialisation the interval of measured minus predicted slope
lies within 0.01 of 0, and does not if for one it lies outside.

Changed after a first run: N(0, 0.01^2) is no longer judged, since no activation could have survived it at this width.
"ReLU keeps gradients" asked for all initialisations, which the uniform rule alone decided, and now asks for one, as
"sigmoid and tanh make them vanish" did from the start. Sigmoid and tanh share the verdict on saturation, ReLU and its
kin that on keeping gradients. Mean field theory at its fixed point, which 20 layers do not reach, lost its verdict and
kept its column. Nets with LayerNorm, which the notes do not know, have none.
"""

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, load
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Net, Recipe, State, forward, initial_state, losses, score
from experiments.core.tuning import train_epochs, tune_rate
from experiments.core.units import saturated

from .initials import INITS, draw_nets

HE = 2.0**0.5
PLAIN, NORMALISED = "untrained", "untrained, with LayerNorm"


@dataclass(frozen=True)
class Config:
    """Do gradients vanish with depth because units saturate, or because of the initial weights?"""

    activations: tuple[str, ...] = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu")
    """Names of jaxact functions; claims are judged for those in the notes."""
    inits: tuple[str, ...] = tuple(INITS)
    """Rules for the initial weights: lecun, glorot, he, uniform, small or large."""
    normalised: bool = False
    """Whether nets with LayerNorm before every activation are measured as well."""
    layers: int = 20
    """Hidden layers of the nets whose gradients are measured."""
    width: int = 100
    """Units per hidden layer."""
    examples: int = 256
    """Training examples over which the loss is averaged."""
    seeds: int = 50
    """Nets per activation and initialisation."""
    trained: int = 8
    """Nets that are trained to measure the share of zero slopes."""
    trained_layers: int = 3
    """Hidden layers of the trained nets."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which the learning rate is chosen by validation loss."""
    epochs: int = 20
    """Passes over the training part."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.125
    """Learning rate in the middle of the first tuning window."""
    rates: int = 5
    """Learning rates per tuning window, a factor 2 apart."""
    windows: int = 4
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as several claims are judged at once."""
    data: Name = "digits"
    """What the nets learn: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of(TITLES, data=self.data)
        checks.activations(self.activations, allow_prelu=False)
        checks.not_empty(activations=self.activations, inits=self.inits)
        for init in self.inits:
            checks.one_of(INITS, init=init)
        checks.at_least(2, checks.MOST_LAYERS, layers=self.layers)
        checks.at_least(1, checks.MOST_LAYERS, trained_layers=self.trained_layers)
        checks.at_least(2, seeds=self.seeds, trained=self.trained)
        checks.at_least(1, width=self.width, examples=self.examples)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, epochs=self.epochs, batch=self.batch, windows=self.windows)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, np.inf, rate=self.rate)
        checks.strictly_between(0, 1, confidence=self.confidence)

    def kinds(self) -> tuple[str, ...]:
        """The kinds of untrained nets."""
        return (PLAIN, NORMALISED) if self.normalised else (PLAIN,)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(
        ("tanh", "relu"), ("lecun", "he"), True, 4, 8, 16, 3, trained=2, tuning_seeds=1, epochs=1, rates=3, windows=1
    )


def full() -> Config:
    """More nets, more than twice as deep, also with LayerNorm."""
    return Config(normalised=True, layers=50, seeds=80, trained=16, tuning_seeds=4)


def run(config: Config, progress: Progress) -> Runs:
    """Measure gradients before training, then ReLU's zero slopes before and after training."""
    data = load(config.data, config.folder)
    runs: Runs = []
    cells = list(product(config.kinds(), config.activations, config.inits))
    for index, (kind, name, init) in enumerate(cells):
        progress(0.7 * index / len(cells), doing := f"{name}, {INITS[init].text}, {kind}")
        runs += kept(doing, gradients, config, data, name, init, kind)
    progress(0.7, "training ReLU nets")
    runs += _measure_shares_off(config, data)
    progress(1.0, "done")
    return runs


def gradients(config: Config, data: Data, name: str, init: str, kind: str = PLAIN) -> Runs:
    """One row per net; the change per layer is NaN where the gradient is 0 or not finite in some layer."""
    sizes = (data.train.x.shape[1], *[config.width] * config.layers, 10)
    recipe = Recipe(sizes, name, normalised=kind == NORMALISED)
    seeds = range(FRESH, FRESH + config.seeds)
    with jax.enable_x64(True):
        x, y = jnp.asarray(data.train.x[: config.examples], "float64"), jnp.asarray(data.train.y[: config.examples])
        norms, share = (
            np.asarray(value) for value in gradient_norms(recipe, draw_nets(recipe.sizes, INITS[init], seeds), x, y)
        )
    with np.errstate(divide="ignore"):
        decades = np.log10(norms[:, ::-1])  # from the output back to the input
    return [
        {"part": kind, "activation": name, "init": init, "seed": seed, "decades_per_layer": fitted_slope(decades[i])}
        | {"decades": decades[i].round(6).tolist(), "saturated": float(share[i])}
        | {"diverged": not np.isfinite(decades[i]).all()}
        for i, seed in enumerate(seeds)
    ]


def fitted_slope(values: np.ndarray) -> float:
    """The slope of the least-squares line through equally spaced values; NaN if one of them is not finite."""
    if not np.isfinite(values).all():
        return np.nan
    place = np.arange(len(values)) - (len(values) - 1) / 2
    return float(np.sum(place * values) / np.sum(place**2))


@each_net()
def gradient_norms(recipe: Recipe, nets: Net, x: Array, y: Array) -> tuple[Array, Array]:
    """The norm of the mean loss's gradient with respect to each layer's pre-activations, and the saturated share."""

    def of_net(net: Net) -> tuple[Array, Array]:
        _, before = forward(recipe, net, x)
        probes = [jnp.zeros_like(z) for z in before]
        gradients = jax.grad(lambda probes: jnp.mean(losses(recipe, net, x, y, probes)))(probes)
        return jnp.stack([jnp.linalg.norm(g) for g in gradients]), saturated(recipe.activation, before)

    return jax.lax.map(of_net, nets)


def _measure_shares_off(config: Config, data: Data) -> Runs:
    """The share of zero slopes in each layer of ReLU nets, before training and after."""
    recipe = Recipe((data.train.x.shape[1], *[config.width] * config.trained_layers, 10), "relu", "sgd", config.batch)
    seeds = range(config.tuning_seeds)
    setting = tune_rate(recipe, data, config.epochs, seeds, config.rate, HE, config.rates, config.windows)
    grid = Grid.of(range(FRESH, FRESH + config.trained), [setting.rate], [setting.gain])
    end = train_epochs(recipe, grid, data, config.epochs)
    rows = []
    for phase, state in (("before", initial_state(recipe, grid)), ("after", end)):
        _, loss = score(recipe, state, *data.train)
        for seed, shares, value in zip(
            grid.seed, share_off(recipe, state, data.train.x), np.asarray(loss), strict=True
        ):
            row = {"part": "half", "phase": phase, "seed": int(seed), "off": shares.tolist()}
            rows.append(row | {"diverged": not np.isfinite(value)} | setting._asdict())
    return rows


@each_net()
def _shares_off(recipe: Recipe, net: Net, x: Array) -> Array:
    return jax.lax.map(lambda net: jnp.stack([jnp.mean(z <= 0) for z in forward(recipe, net, x)[1]]), net)


def share_off(recipe: Recipe, state: State, x: np.ndarray) -> np.ndarray:
    """The share of units and examples in each layer (column) of each net (row) at which ReLU's slope is 0."""
    return np.asarray(_shares_off(recipe, state.net, jnp.asarray(x)), float)
