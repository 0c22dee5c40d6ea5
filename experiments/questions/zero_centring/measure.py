"""Does it matter that the outputs of an activation, or the data, are not zero-centred?

The notes say that sigmoid outputs are never negative, so that "all weight gradients of a neuron have the same sign"
(B6), that learning then zig-zags in "very inefficient gradient updates" (B7), and that "we want zero mean data" (B8).
They call tanh zero-centred (B9), ReLU not (B10), ELU "closer to zero mean outputs" (B11) and leaky ReLU "close to
zero-centered" (B12). LeCun et al. 1998 gave the reason: a logistic output "must have a mean that is positive".

Sigmoid and tanh differ in more than their mean. Therefore each activation is compared with itself shifted by a
constant, whose slope is the same: sigmoid with sigmoid - 1/2, tanh + 1 with tanh, ReLU with ReLU minus its mean for
normal z; and pixels from 0 to 1 with pixels minus their mean. For each, learning rate and initial gain are tuned on
seeds that are not reported. A net with a shifted activation starts from the same weights, which changes the function at
the start as well as the gradients; and a second time with initial biases that compensate for the shift, so that only
the gradients differ. All nets are trained by SGD, and with `--full` by Adam as well.

Signs: the gradient of a unit's incoming weights, on minibatches, at the start and after `later_step` steps. Entries
that are 0 have no sign; units with fewer than two other entries are not counted. Means: |mean| / deviation of a layer's
outputs over units and examples. Zig-zag: the length of the path of the weights until the threshold is reached, over the
distance from its start to its end.

Rules, fixed before the run; anything else is INCONCLUSIVE. Where a claim covers several layers, times, starts or nets,
its interval reaches from the lowest to the highest end of theirs.
- "Same sign" on one example is algebra: inputs are not negative, so that the gradients of a unit's weights have the
sign of the gradient that reaches the unit. It is SUPPORTED if true of every unit, else REFUTED. On a minibatch as large
as those of training it is SUPPORTED if the interval of the fraction of units lies above 95 %, REFUTED if below.
- "Inefficient" (sigmoid from both starts; then the other activations from both starts), "zig-zag" (all activations) and
"zero mean data" (all nets on pixels) are SUPPORTED if the ratio's interval lies above 1.1, REFUTED if below.
- "Zero-centred" is SUPPORTED if the interval of |mean| / deviation lies below 0.1, REFUTED if above. That ReLU is not
is algebra, as no output of it is negative.
- "Closer" is SUPPORTED if the interval of the ratio to that of ReLU lies below 0.9, REFUTED if above.

Changed after a first run: of the sizes of minibatches only one example and training's own are judged; starts, layers
and activations share verdicts, which can only make a verdict undecided that was not. The limits never changed. The
quick setting has 32 and 128 in place of 16 and 64 examples, and fewer seeds for tuning.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jax import Array

import jaxact
from experiments.core import checks
from experiments.core.data import TITLES, Name, Split, digits, load
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.steps_to_error import TUNING_CHECK_EVERY, Task, all_reached, steps_to_error, tune_steps
from experiments.core.training import FRESH, Grid, Recipe, State, initial_state, resume

from .centring import normal_moments, off_centre, outputs_and_gradients, same_sign
from .path_ratio import PathRatio

NORMAL_MEAN = 1 / math.sqrt(2 * math.pi)  # of relu(z), z normal
SHIFTS = {"sigmoid": (-0.5, 0.0), "tanh": (0.0, 1.0), "relu": (-NORMAL_MEAN, 0.0)}
"""What is added to each activation to make it zero-centred, and off-centre."""
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}


@dataclass(frozen=True)
class Shifted:
    """An activation plus a constant, which changes the mean and not the slope."""

    name: str
    shift: float

    def __call__(self, z: Array) -> Array:
        """The value at z."""
        return getattr(jaxact, self.name)(z) + self.shift


class Kind(NamedTuple):
    """A kind of net that is tuned and trained."""

    activation: str
    shift: float = 0.0
    """The constant that is added to the activation."""
    pixels: str = "standardised"
    compensated: float = 0.0
    """The shift for which the initial biases compensate."""
    optimizer: str = "sgd"


def shifted_kinds(name: str, optimizer: str = "sgd") -> tuple[Kind, Kind, Kind]:
    """An activation centred, off-centre from the same weights, and off-centre from the same function at the start."""
    centred, off = (Kind(name, shift, optimizer=optimizer) for shift in SHIFTS[name])
    return centred, off, off._replace(compensated=off.shift - centred.shift)


def on_pixels(name: str, optimizer: str = "sgd") -> tuple[Kind, Kind]:
    """An activation on pixels minus their mean, and on pixels from 0 to 1."""
    return Kind(name, pixels="centred", optimizer=optimizer), Kind(name, pixels="unit", optimizer=optimizer)


@dataclass(frozen=True)
class Config:
    """Does it matter that the outputs of an activation, or the data, are not zero-centred?"""

    shifted: tuple[str, ...] = ("sigmoid", "tanh", "relu")
    """Activations compared with themselves shifted by a constant: sigmoid, tanh or relu."""
    pixel_nets: tuple[str, ...] = ("tanh", "relu")
    """Names of jaxact functions whose nets are compared on off-centre and on centred pixels."""
    unshifted: tuple[str, ...] = ("leaky_relu", "elu")
    """Names of further jaxact functions whose signs and means are measured."""
    other_optimizers: tuple[str, ...] = ()
    """Optimisers other than SGD by which centred and off-centre nets are compared: adam."""
    depth: int = 2
    """Hidden layers; signs are measured in the first and the second."""
    width: int = 64
    """Units per hidden layer."""
    batches: tuple[int, ...] = (1, 4, 32, 128)
    """Sizes of minibatches whose gradients' signs are counted; 1 and the size of training's must be among them."""
    minibatches: int = 16
    """Minibatches of each size per net."""
    later_step: int = 200
    """Training steps after which signs and means are measured again."""
    threshold: float = 0.05
    """The training error to reach."""
    seeds: int = 8
    """Fresh seeds reported per kind of net."""
    tuning_seeds: int = 3
    """Seeds, never reported, on which learning rate and initial gain are chosen."""
    steps: int = 300
    """Maximum of steps; a net that needs more counts as never reaching the training error."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.25
    """Learning rate of SGD in the middle of the first tuning window, the same for every net."""
    adam_rate: float = 2.0**-7
    """Learning rate of Adam in the middle of the first tuning window, the same for every net."""
    gain: float = 2.0**0.5
    """Initial gain in the middle of the first tuning window, the same for every net (sqrt 2 is He's)."""
    rates: int = 5
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 6
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: Name = "digits"
    """What nets learn from standardised pixels: digits, mnist1d, mnist, fashion or cifar10; others are of digits."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of(TITLES, data=self.data)
        checks.activations([*self.pixel_nets, *self.unshifted], allow_prelu=False)
        for name in self.shifted:
            checks.one_of(SHIFTS, shifted=name)
        for name in self.other_optimizers:
            checks.one_of(["adam"], other_optimizers=name)
        checks.not_empty(shifted=self.shifted, pixel_nets=self.pixel_nets, batches=self.batches)
        checks.not_empty(unshifted=(*self.shifted, *self.unshifted))
        checks.at_least(2, checks.MOST_LAYERS, depth=self.depth)
        checks.at_least(2, seeds=self.seeds)
        checks.not_empty(other_optimizers=("sgd", *self.other_optimizers))
        checks.at_least(1, width=self.width, batch=self.batch, batches=self.batches, minibatches=self.minibatches)
        checks.at_least(TUNING_CHECK_EVERY, steps=self.steps)
        checks.at_least(
            1, later_step=self.later_step, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains
        )
        checks.includes(1, batches=self.batches)
        checks.includes(self.batch, batches=self.batches)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, threshold=self.threshold, confidence=self.confidence)
        checks.strictly_between(0, np.inf, rate=self.rate, adam_rate=self.adam_rate, gain=self.gain)

    def nets(self) -> list[Kind]:
        """All kinds of nets."""
        return [kind for group in self.groups() for kind in group] + [Kind(name) for name in self.unshifted]

    def groups(self) -> list[tuple[Kind, ...]]:
        """Groups of kinds of nets that differ only in what is centred."""
        return [
            group
            for optimizer in self.optimizers()
            for group in (
                *(shifted_kinds(name, optimizer) for name in self.shifted),
                *(on_pixels(name, optimizer) for name in self.pixel_nets),
            )
        ]

    def optimizers(self) -> tuple[str, ...]:
        """SGD and the others."""
        return "sgd", *self.other_optimizers


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("relu",), ("relu",), ("elu",), (), 2, 8, (1, 32), 2, 4, 0.5, 2, 1, 20, rates=3, gains=1, windows=1)


def full() -> Config:
    """More seeds and sizes of minibatch, and Adam beside SGD."""
    return Config(other_optimizers=("adam",), batches=(1, 2, 4, 8, 16, 32, 64, 128), seeds=20, tuning_seeds=7)


def run(config: Config, progress: Progress) -> Runs:
    """Compute means for normal inputs; then tune and train every kind of net."""
    names = (*config.shifted, *config.unshifted)
    runs: Runs = [{"part": "normal", "activation": name} | normal_moments(name)._asdict() for name in names]
    data = {pixels: digits(pixels) for pixels in ("centred", "unit")}
    data |= {"standardised": load(config.data, config.folder)}
    for index, kind in enumerate(nets := config.nets()):
        doing = f"{kind.activation}{kind.shift:+.1f}, {kind.pixels} pixels, {OPTIMIZERS[kind.optimizer]}"
        doing += ", starting as the same function" if kind.compensated else ""
        progress(index / len(nets), doing)
        runs += kept(doing, _reported, config, kind, data[kind.pixels].train)
    progress(1.0, "done")
    return runs


def _reported(config: Config, kind: Kind, data: Split) -> Runs:
    """Tune, then train on fresh seeds: one row per seed for the training, and one for signs and means at each time."""
    sizes = (data.x.shape[1], *[config.width] * config.depth, 10)
    recipe = Recipe(sizes, Shifted(kind.activation, kind.shift), kind.optimizer, config.batch)
    make_start = start_of(kind)
    task = Task(recipe, data, config.steps, (config.threshold,), make_start)
    rate = {"sgd": config.rate, "adam": config.adam_rate}[kind.optimizer]
    window = (rate, config.gain, config.rates, config.gains, config.windows)
    setting = tune_steps(task, config.threshold, range(config.tuning_seeds), *window)

    grid = Grid.of(range(FRESH, FRESH + config.seeds), [setting.rate], [setting.gain])
    start = make_start(recipe, grid)
    path = PathRatio(start)
    end = steps_to_error(task, grid, 1, all_reached, path.add)
    shared = kind._asdict() | setting._asdict()
    runs: Runs = []
    for i, seed in enumerate(grid.seed):
        path_ratio = float(path.ratios[int(min(end.steps[i, 0], end.last)) - 1][i])
        row = {"part": "training", "seed": int(seed), "steps": float(end.steps[i, 0]), "path_ratio": path_ratio}
        runs.append(row | {"diverged": not np.isfinite(end.loss[i])} | shared)
    *_, (_, later) = resume(recipe, start, grid.seed, data, config.later_step, config.later_step)
    for time, state in (("at the start", start), (f"after {config.later_step} steps", later)):
        runs += [{"part": "inside", "time": time} | shared | row for row in _inside(config, recipe, grid, state, data)]
    return runs


def start_of(kind: Kind) -> Callable[[Recipe, Grid], State]:
    """The function that makes new nets, whose biases compensate for the shift of the outputs of the layer before."""

    def start(recipe: Recipe, grid: Grid) -> State:
        state = initial_state(recipe, grid)
        first, *rest = state.net
        compensated = (layer._replace(bias=layer.bias - kind.compensated * layer.weight.sum(1)) for layer in rest)
        return state._replace(net=(first, *compensated))

    return start


def _inside(config: Config, recipe: Recipe, grid: Grid, state: State, data: Split) -> Runs:
    """Per net: the fraction of units of one sign, by layer and batch, and how far off-centre each layer is."""
    outputs, gradients = (
        [np.asarray(layer) for layer in layers] for layers in outputs_and_gradients(recipe, state, *data)
    )
    rng = np.random.default_rng(0)
    minibatches = [
        np.stack([rng.choice(len(data.x), min(size, len(data.x)), replace=False) for _ in range(config.minibatches)])
        for size in config.batches
    ]
    rows: Runs = []
    for i, seed in enumerate(grid.seed):
        inputs = [data.x, outputs[0][i]]
        signs = [[same_sign(x, gradients[k][i], batches) for batches in minibatches] for k, x in enumerate(inputs)]
        layers, units = zip(*(off_centre(layer[i]) for layer in outputs), strict=True)
        rows.append({"seed": int(seed), "one_sign": signs, "layers": list(layers), "units": list(units)})
    return rows
