"""Is it safe to start with small weights, and do large ones saturate?

The notes say that neurons "saturate due to very large weights" and that one should therefore "initialize the weights
with small values" (B5).

Nets of several hidden layers start from weights of deviation s / sqrt(fan-in), with s from far too small to far too
large (1 is LeCun's rule). At every s the learning rate of plain SGD is tuned, on seeds that are not reported, to reach
the training error in the fewest steps, among rates a factor 2 apart that span seven orders of magnitude, so that every
scale has a rate that suits it. Reported are median steps over fresh seeds, where a net that never reaches the error
counts as infinitely many, and the share of units and training examples at which the slope is below 5 % of the
activation's largest, before training and after. The same is measured for nets with LayerNorm before every activation.

Rules, fixed before the run, for every depth separately, with LayerNorm and without; anything else is INCONCLUSIVE:
- "Saturate due to very large weights" is SUPPORTED if before training the interval of the saturated share lies above
50 % at the largest scale and below 5 % at LeCun's, REFUTED if at the largest it lies below 50 %.
- "Small is safe" is SUPPORTED if at every scale below LeCun's the interval of the median steps is finite, REFUTED if at
some of them all of it is infinite.
- "Very large weights keep a net from that training error" is SUPPORTED if at the largest scale all of the interval of
the median steps is infinite, REFUTED if it is finite.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from experiments.core import checks
from experiments.core.data import TITLES, Name, load
from experiments.core.devices import each_net
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.steps_to_error import Task, all_reached, steps_to_error, tune_steps
from experiments.core.training import FRESH, Grid, Recipe, State, forward, initial_state
from experiments.core.tuning import Setting
from experiments.core.units import saturated

LECUN = 1.0
CHECK_EVERY, TUNING_CHECK_EVERY = 5, 10  # steps between checks of the training error: a check costs more than a step


class Kind(NamedTuple):
    """A kind of net."""

    depth: int
    normalised: bool = False

    @property
    def text(self) -> str:
        """The kind as text."""
        layers = f"{self.depth} hidden layer{'s' if self.depth > 1 else ''}"
        return layers + (" with LayerNorm" if self.normalised else "")


@dataclass(frozen=True)
class Config:
    """Is it safe to start with small weights, and do large ones saturate?"""

    activations: tuple[str, ...] = ("sigmoid", "tanh", "relu")
    """Names of jaxact functions; saturation is judged for sigmoid and tanh, the other claims for all."""
    scales: tuple[float, ...] = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    """Initial weights have deviation scale / sqrt(fan-in); in rising order, and 1 must be one of them."""
    depths: tuple[int, ...] = (4,)
    """Numbers of hidden layers, in rising order; every depth gets verdicts of its own."""
    normalised_depths: tuple[int, ...] = ()
    """Numbers of hidden layers of nets with LayerNorm before every activation."""
    width: int = 32
    """Units per hidden layer."""
    threshold: float = 0.05
    """The training error to reach."""
    seeds: int = 8
    """Fresh seeds reported per activation and scale."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which the learning rate is chosen."""
    steps: int = 300
    """Maximum of steps; a net that needs more counts as never reaching the training error."""
    batch: int = 32
    """Examples per step."""
    rate: float = 2.0**-6
    """Learning rate in the middle of the first tuning window, the same for every scale."""
    rates: int = 25
    """Learning rates per tuning window, a factor 2 apart."""
    windows: int = 1
    """Maximum of tuning windows; with more than one, a window moves until its best rate lies inside."""
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
        checks.not_empty(activations=self.activations, scales=self.scales, depths=self.depths)
        checks.strictly_between(0, np.inf, scales=self.scales, rate=self.rate)
        if LECUN not in self.scales:
            raise ValueError(f"scales is {list(self.scales)}, but LeCun's scale 1 is expected among them.")
        checks.at_least(1, checks.MOST_LAYERS, depths=self.depths, normalised_depths=self.normalised_depths)
        checks.not_empty(normalised_depths=(0, *self.normalised_depths))
        checks.at_least(1, width=self.width, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows)
        checks.at_least(TUNING_CHECK_EVERY, steps=self.steps)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, threshold=self.threshold, confidence=self.confidence)

    def kinds(self) -> list[Kind]:
        """The kinds of nets."""
        return [Kind(depth) for depth in self.depths] + [Kind(depth, True) for depth in self.normalised_depths]


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("tanh",), (0.01, 1.0, 30.0), (1,), (4,), 16, 0.25, 3, 1, steps=40, rates=3, windows=1)


def full() -> Config:
    """More seeds and one more activation, nets from one to eight hidden layers, and some with LayerNorm."""
    return Config(("sigmoid", "tanh", "relu", "elu"), depths=(1, 2, 4, 8), normalised_depths=(4, 8), seeds=16)


def run(config: Config, progress: Progress) -> Runs:
    """Tune the rate of every kind of net at every scale with every activation, then train on fresh seeds."""
    data = load(config.data, config.folder).train
    cells = list(product(config.kinds(), config.activations, config.scales))
    runs: Runs = []
    for index, (kind, name, scale) in enumerate(cells):
        progress(index / len(cells), f"{name}, {kind.text}, scale {scale:g}")
        sizes = (data.x.shape[1], *[config.width] * kind.depth, 10)
        recipe = Recipe(sizes, name, "sgd", config.batch, normalised=kind.normalised)
        task = Task(recipe, data, config.steps, (config.threshold,))
        runs += _reported(config, task, scale, _tuned(config, task, scale))
    progress(1.0, "done")
    return runs


def _tuned(config: Config, task: Task, scale: float) -> Setting:
    window = (config.rate, scale, config.rates, 1, config.windows)
    return tune_steps(task, config.threshold, range(config.tuning_seeds), *window, check_every=TUNING_CHECK_EVERY)


def _reported(config: Config, task: Task, scale: float, setting: Setting) -> Runs:
    """One row per fresh seed."""
    grid = Grid.of(range(FRESH, FRESH + config.seeds), [setting.rate], [scale])
    end = steps_to_error(task, grid, CHECK_EVERY, all_reached)
    recipe, x = task.recipe, task.data.x
    before, after = (np.asarray(_saturated(recipe, state, x)) for state in (initial_state(recipe, grid), end.state))
    depth = len(recipe.sizes) - 2
    shared = {
        "depth": depth,
        "normalised": recipe.normalised,
        "activation": recipe.activation,
        "scale": scale,
        "rate": setting.rate,
    }
    shared |= {"interior": setting.interior, "windows": setting.windows}
    return [
        shared
        | {"seed": int(grid.seed[i]), "steps": float(end.steps[i, 0]), "error": float(end.error[i])}
        | {"saturated_before": float(before[i]), "saturated_after": float(after[i])}
        | {"diverged": not np.isfinite(end.loss[i])}
        for i in range(config.seeds)
    ]


@each_net()
def _saturated(recipe: Recipe, state: State, x: Array) -> Array:
    """The share of saturated units and examples, one entry per net."""
    return jax.lax.map(lambda net: saturated(recipe.activation, forward(recipe, net, x)[1]), state.net)
