"""Does ELU's saturation for negative inputs make nets robust to noise?

The notes say that ELU has a "negative saturation regime compared with Leaky ReLU (adds some robustness to noise)"
(B23). The claim comes from Clevert et al. 2015, who say that leaky and parametric ReLUs "do not ensure a noise-robust
deactivation state"; ELU is best in their nets with more than 5 layers.

Nets are trained without noise by Adam, start at the gain that jaxact.init gives for their activation, and have their
learning rate tuned by validation error on seeds that are not reported. Then normal noise is added, either to the
standardised inputs ("input"), or to the pre-activations of every hidden layer ("hidden"), there in units of the
deviation of each layer's pre-activations. Noise is drawn several times for every seed; all nets of a seed get the same
noise. ELU is compared with leaky ReLU, as in the notes, and with ReLU and tanh, which saturate as well: for negative
inputs, and on both sides.

A seed's lead is the test accuracy of its ELU net under noise minus that of the other net, in points, averaged over
noise levels and draws; its clean lead is the same without noise. A net that errs more without noise can lose less, so
that the lead alone counts only between nets that are equally good; otherwise ELU's drop has to be smaller too.

Which of two neighbouring rates is tuned may depend on one validation example, and weights grow with the rate. Therefore
the fresh seeds of every activation are trained at half, once and twice its tuned rate, and compared at equal multiples.
The interval of a lead is the hull of the three: from their lowest end to their highest. A verdict is reached only where
a factor of two in the rate does not change it. Values are those at the tuned rates.

The claim is about leaky ReLU, of which two slopes are tried. There is one verdict for each place of the noise at the
first depth, and one for each at all larger depths; its interval is the hull over slopes and depths as well. ReLU and
tanh are in figure and tables.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- A lead is robust if its interval lies above 0; it is not if the interval lies below 0, or between -0.5 and 0.5.
- The claim is SUPPORTED if the lead under noise is robust, REFUTED if it is not, provided that the interval of the
clean lead lies between -0.5 and 0.5 points.
- Where it does not, both the lead under noise and the lead minus the clean lead, by which ELU drops less, must be
robust for SUPPORTED, and neither for REFUTED.

Changed after a first run: verdicts on every slope, on ReLU and on tanh were joined or left out, which can only make a
verdict undecided that was not. The margin never changed; the quick setting leaves tanh out.
"""

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, load
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Net, Recipe, State, forward, score
from experiments.core.tuning import by_error, train_epochs, tune_rate
from jaxact import init

ELU = "elu"
PLACES = ("input", "hidden")


@dataclass(frozen=True)
class Leaky:
    """Leaky ReLU of a given slope."""

    slope: float

    def __call__(self, z: Array) -> Array:
        """The value at z."""
        return jaxact.leaky_relu(z, self.slope)


@dataclass(frozen=True)
class Config:
    """Does ELU's saturation for negative inputs make nets robust to noise?"""

    slopes: tuple[float, ...] = (0.01, 0.1)
    """Slopes of the leaky ReLUs that ELU is compared with."""
    others: tuple[str, ...] = ("relu",)
    """Names of jaxact functions that ELU is compared with as well."""
    depths: tuple[int, ...] = (3,)
    """Numbers of hidden layers; the first is judged by itself, all others together."""
    width: int = 100
    """Units per hidden layer."""
    levels: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    """Deviations of the noise, relative to those of the standardised inputs, or of a layer's pre-activations."""
    draws: int = 2
    """How often noise is drawn for each seed and level."""
    epochs: int = 6
    """Passes over the training part."""
    seeds: int = 10
    """Fresh seeds reported per activation and depth."""
    tuning_seeds: int = 4
    """Seeds, never reported, on which the learning rate is chosen by validation error."""
    rates_around: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Multiples of the tuned learning rate at which fresh seeds are trained: verdicts must hold at all of them."""
    batch: int = 32
    """Examples per step of Adam."""
    rate: float = 0.002
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    rates: int = 3
    """Learning rates per tuning window, a factor 2 apart."""
    windows: int = 4
    """Maximum of tuning windows; a window moves until its best rate lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: Name = "digits"
    """What the nets learn: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of(TITLES, data=self.data)
        checks.activations(self.others, allow_prelu=False)
        checks.not_empty(others=(ELU, *self.others), depths=self.depths, levels=self.levels)
        checks.not_empty(slopes=self.slopes, rates_around=self.rates_around)
        checks.strictly_between(0, 1, slopes=self.slopes, confidence=self.confidence)
        checks.strictly_between(0, np.inf, levels=self.levels, rate=self.rate, rates_around=self.rates_around)
        checks.at_least(1, checks.MOST_LAYERS, depths=self.depths)
        checks.at_least(1, width=self.width, epochs=self.epochs, batch=self.batch)
        checks.at_least(1, draws=self.draws, tuning_seeds=self.tuning_seeds, windows=self.windows)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.includes(1.0, rates_around=self.rates_around)

    def rivals(self) -> dict[str, Leaky | str]:
        """The activations with which ELU is compared, by their names in the runs."""
        return {leaky_name(slope): Leaky(slope) for slope in self.slopes} | {name: name for name in self.others}


def leaky_name(slope: float) -> str:
    """The name of a leaky ReLU in the runs."""
    return f"leaky_relu {slope}"


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config((0.1,), ("tanh",), (1,), 12, (0.5, 2.0), 1, 1, 3, 1, windows=1)


def full() -> Config:
    """Three depths, more seeds, draws, epochs and noise levels: a few minutes."""
    return Config(
        others=("relu", "tanh"), depths=(3, 6, 10), levels=(0.25, 0.5, 1.0, 1.5, 2.0), draws=3, epochs=8, seeds=12
    )


def run(config: Config, progress: Progress) -> Runs:
    """Tune and train every activation at every depth, then add noise."""
    data = load(config.data, config.folder)
    cells = list(product(config.depths, ({ELU: ELU} | config.rivals()).items()))
    runs: Runs = []
    for index, (depth, (name, activation)) in enumerate(cells):
        progress(index / len(cells), doing := f"{name}, {depth} hidden layers")
        recipe = Recipe((data.train.x.shape[1], *[config.width] * depth, 10), activation, "adam", config.batch)
        runs += [{"depth": depth, "activation": name} | row for row in kept(doing, _reported, config, recipe, data)]
    progress(1.0, "done")
    return runs


@each_net(batched=2)
def score_noisy(noisy: tuple[Recipe, str], state: State, keys: Array, level: Array, x: Array, y: Array) -> Array:
    """The accuracy of every net under the noise of its key, at a place; `noisy` is the recipe and the place."""
    recipe, place = noisy

    def of_net(pair: tuple[Net, Array]) -> Array:
        net, key = pair
        if place == "input":
            output, _ = forward(recipe, net, x + level * jax.random.normal(key, x.shape, x.dtype))
        else:
            _, before = forward(recipe, net, x)
            drawn = [jax.random.normal(jax.random.fold_in(key, i), z.shape, z.dtype) for i, z in enumerate(before)]
            probes = [level * jnp.std(z) * noise for z, noise in zip(before, drawn, strict=True)]
            output, _ = forward(recipe, net, x, probes)
        return jnp.mean(output.argmax(-1) == y)

    return jax.lax.map(of_net, (state.net, keys))


def _reported(config: Config, recipe: Recipe, data: Data) -> Runs:
    """One row per multiple of the tuned rate and fresh seed, with an accuracy for every place, level and draw."""
    function = getattr(jaxact, recipe.activation) if isinstance(recipe.activation, str) else recipe.activation
    window = (config.rate, init.gain(function), config.rates, config.windows)
    setting = tune_rate(recipe, data, config.epochs, range(config.tuning_seeds), *window, objective=by_error)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(config.rates_around), [setting.gain])
    state = train_epochs(recipe, grid, data, config.epochs)
    error, loss = (np.asarray(value) for value in score(recipe, state, *data.test))
    keys = jax.vmap(jax.random.key)(grid.seed)
    draws = [jax.vmap(jax.random.fold_in, (0, None))(keys, draw) for draw in range(config.draws)]
    noisy = {
        place: np.array(
            [
                [score_noisy((recipe, place), state, drawn, jnp.float32(level), *data.test) for drawn in draws]
                for level in config.levels
            ]
        )
        for place in PLACES
    }
    return [
        {"seed": seed, "multiple": multiple, "accuracy": 1 - float(error[i]), "diverged": not np.isfinite(loss[i])}
        | {"noisy": {place: accuracies[:, :, i].tolist() for place, accuracies in noisy.items()}}
        | setting._asdict()
        for i, (multiple, seed) in enumerate(product(config.rates_around, seeds))
    ]
