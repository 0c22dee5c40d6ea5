"""Is it safe to start with small weights, and do very large ones fail because units saturate?

The notes say that neurons "saturate due to very large weights" and that one should therefore "initialize the weights
with small values" (B5). They do not say how small.

Nets start from weights of deviation s / sqrt(fan-in), with s from far too small to far too large: 1 is LeCun's rule,
1.41 is He's. For every kind of net and activation all scales are trained by plain SGD at learning rates that span seven
orders of magnitude, on a seed that is not reported; every scale keeps the rate at which it first comes to the training
error, and the scale that is there first is the best. On fresh seeds every scale then gets three times the steps that
the best one took: enough for the best to arrive, and enough to tell who needs more than twice as many. What is judged
is the median of the steps divided by that of the best scale. Where nets are not there in time, the ratio is only known
to lie above a lower bound.

A unit counts as saturated on an example if its slope is below 5 % of the activation's largest. That very large weights
saturate units is algebra: where inputs have deviation 1, the pre-activations of the first layer have the deviation s.
With LayerNorm before every activation they have deviation 1 at every s. What is not algebra is what that does to
training.

Rules, fixed before the run; anything else is INCONCLUSIVE. Intervals are widened for the number of activations.
- "Small is safe", for nets of the judged depth, for nets of one hidden layer, and with LayerNorm, is SUPPORTED if at a
tenth of LeCun's scale the interval of the ratio lies below 2 for every activation, REFUTED if for some activation it
lies above.
- "Very large weights make nets train badly because units saturate", for nets of the judged depth at ten times LeCun's
scale, is SUPPORTED if the interval lies above 2 for sigmoid and tanh and below 2 for ReLU and ELU, which do not
saturate for x > 0; REFUTED if it lies below 2 for sigmoid or tanh, or above 2 for ReLU or ELU.
- "Very large weights saturate units" is decided by algebra; the measured share is an illustration.

Changed after a first run: 60 rows, one per net, activation and sentence, became these five. A fixed budget of 300 steps
became a multiple of what the best scale takes, since 300 steps were too few for some of the best scales. "Never
arrives", judged at every scale, became "takes more than twice the steps", judged at a tenth and at ten times LeCun's
scale. "Saturate", judged before as if it could have come out otherwise, is now called algebra; whether saturation is
the cause is new, and so is He's scale. These rules were first run with three hidden layers in place of four, and gave
the same verdicts.
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
from experiments.core.log import LOG
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.steps_to_error import Task, steps_to_error
from experiments.core.training import FRESH, Grid, Recipe, State, forward, initial_state
from experiments.core.units import saturated

LECUN, HE = 1.0, 1.41
SMALL, LARGE = 0.1, 10.0  # the scales that are judged
TUNING_SEED = 0  # never reported; on it the learning rate of each scale and the best scale are chosen
PATIENCE = 3  # times the steps of the best scale are the budget of every scale
CHECK_EVERY = 10  # steps between checks of the training error: a check costs more than a step


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
    """Is it safe to start with small weights, and do very large ones fail because units saturate?"""

    activations: tuple[str, ...] = ("sigmoid", "tanh", "relu")
    """Names of jaxact functions."""
    scales: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 1.41, 3.0, 10.0)
    """Initial weights have deviation scale / sqrt(fan-in); in rising order, and 0.1, 1 and 10 must be among them."""
    depths: tuple[int, ...] = (1, 4)
    """Numbers of hidden layers, in rising order."""
    normalised_depths: tuple[int, ...] = (4,)
    """Numbers of hidden layers of nets with LayerNorm before every activation."""
    judged_depth: int = 4
    """The number of hidden layers that is judged; one of the depths."""
    width: int = 32
    """Units per hidden layer."""
    threshold: float = 0.05
    """The training error to reach."""
    seeds: int = 12
    """Fresh seeds reported per activation and scale."""
    steps: int = 1000
    """Maximum of steps, should three times those of the best scale be more."""
    batch: int = 32
    """Examples per step."""
    rate: float = 2.0**-4
    """Learning rate in the middle of those tried, the same for every scale."""
    rates: int = 12
    """Learning rates tried at every scale; with as many as seeds, tuning and reporting share their compilations."""
    factor: float = 4.0
    """Between neighbouring learning rates."""
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
        if {SMALL, LECUN, LARGE} - set(self.scales):
            raise ValueError(f"scales is {list(self.scales)}, but 0.1, LeCun's scale 1 and 10 are expected among them.")
        checks.at_least(1, checks.MOST_LAYERS, depths=self.depths, normalised_depths=self.normalised_depths)
        checks.not_empty(normalised_depths=(0, *self.normalised_depths))
        checks.one_of(self.depths, judged_depth=self.judged_depth)
        checks.at_least(1, width=self.width, batch=self.batch)
        checks.at_least(CHECK_EVERY, steps=self.steps)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(1, np.inf, factor=self.factor)
        checks.strictly_between(0, 1, threshold=self.threshold, confidence=self.confidence)

    def kinds(self) -> list[Kind]:
        """The kinds of nets."""
        return [Kind(depth) for depth in self.depths] + [Kind(depth, True) for depth in self.normalised_depths]


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("tanh", "relu"), (0.1, 1.0, 10.0), (1, 2), (2,), 2, 16, 0.25, seeds=3, steps=40, rates=3)


def full() -> Config:
    """More seeds, scales and rates, one more activation, and nets of two and of eight hidden layers."""
    return Config(
        ("sigmoid", "tanh", "relu", "elu"),
        (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 1.41, 3.0, 10.0, 30.0),
        depths=(1, 2, 4, 8),
        normalised_depths=(4, 8),
        seeds=16,
        steps=1500,
        rates=16,
        factor=3.0,
    )


def run(config: Config, progress: Progress) -> Runs:
    """Tune the rate of every scale for every kind of net and activation, then train on fresh seeds."""
    data = load(config.data, config.folder).train
    cells = list(product(config.kinds(), config.activations))
    runs: Runs = []
    for index, (kind, name) in enumerate(cells):
        progress(index / len(cells), doing := f"{name}, {kind.text}")
        sizes = (data.x.shape[1], *[config.width] * kind.depth, 10)
        recipe = Recipe(sizes, name, "sgd", config.batch, normalised=kind.normalised)
        task = Task(recipe, data, config.steps, (config.threshold,))
        runs += [kind._asdict() | {"activation": name} | row for row in kept(doing, _trained, config, task)]
    progress(1.0, "done")
    return runs


def _trained(config: Config, task: Task) -> Runs:
    return _reported(config, task, _tuned(config, task))


class Tuned(NamedTuple):
    """What the tuning seed says about the scales, in the order of the settings."""

    rates: list[float]
    """The rate of each scale that was the first to reach the training error."""
    interior: list[bool]
    """Whether it is neither the lowest nor the highest rate tried."""
    best: int
    """The scale that got there first."""
    budget: int
    """The steps that every scale gets."""


def _tuned(config: Config, task: Task) -> Tuned:
    """All scales at all rates, side by side, until the best scale has had PATIENCE times the steps that it needed."""
    rates = config.rate * config.factor ** (np.arange(config.rates) - config.rates // 2)
    grid = Grid.of([TUNING_SEED], rates, config.scales)
    end = steps_to_error(task, grid, CHECK_EVERY, _Patience())
    steps, error = (values.reshape(len(rates), len(config.scales)) for values in (end.steps[:, 0], end.error))
    cost = np.minimum(steps, end.last + 1) + error  # the error orders those that are not there
    chosen = cost.argmin(0)
    interior = (chosen > 0) & (chosen < len(rates) - 1)
    best = int(cost.min(0).argmin())
    LOG.info("tuned: rates %s, best scale %g, %d steps", rates[chosen], config.scales[best], end.last)
    return Tuned(rates[chosen].tolist(), interior.tolist(), best, end.last)


class _Patience:
    """Whether PATIENCE times the steps have passed that the fastest net took."""

    def __init__(self) -> None:
        self.step = 0

    def __call__(self, steps: np.ndarray) -> bool:
        self.step += CHECK_EVERY
        return bool(PATIENCE * steps.min() <= self.step)


def _reported(config: Config, task: Task, tuned: Tuned) -> Runs:
    """One row per scale and fresh seed."""
    pairs = zip(config.scales, tuned.rates, strict=True)
    grids = [Grid.of(range(FRESH, FRESH + config.seeds), [rate], [scale]) for scale, rate in pairs]
    grid = Grid(*(np.concatenate(part) for part in zip(*grids, strict=True)))
    end = steps_to_error(task._replace(max_steps=tuned.budget), grid, CHECK_EVERY, lambda steps: False)
    recipe, x = task.recipe, task.data.x
    before, after = (np.asarray(_saturated(recipe, state, x)) for state in (initial_state(recipe, grid), end.state))
    places = np.repeat(np.arange(len(config.scales)), config.seeds)
    return [
        {"scale": config.scales[place], "rate": tuned.rates[place], "interior": tuned.interior[place]}
        | {"best": bool(place == tuned.best), "budget": tuned.budget, "seed": int(grid.seed[i])}
        | {"steps": float(end.steps[i, 0]), "error": float(end.error[i]), "diverged": not np.isfinite(end.loss[i])}
        | {"saturated_before": float(before[i]), "saturated_after": float(after[i])}
        for i, place in enumerate(places)
    ]


@each_net()
def _saturated(recipe: Recipe, state: State, x: Array) -> Array:
    """The share of saturated units and examples, one entry per net."""
    return jax.lax.map(lambda net: saturated(recipe.activation, forward(recipe, net, x)[1]), state.net)
