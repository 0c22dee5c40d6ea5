"""Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?

The notes say that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)" (B1), that leaky variants
"converge much faster than sigmoid/tanh" too (B2, which is judged for leaky ReLU and ELU), and that tanh is "better than
logistic" (B9). The six goes back to Krizhevsky, Sutskever & Hinton 2012, figure 1.

That figure shows a convolutional net of four layers, three convolutions and a linear one, on CIFAR-10, down to 25 %
training error, by ReLU and by tanh: each with a learning rate of its own, both with the same initial weights. Here such
a net, whose convolutions are those of MNIST-1D's authors but narrower, is trained to 25 %, and fully connected nets to
the threshold of the settings. There are two kinds of nets:

- published initial weights, the same for every activation: Glorot's, uniform up to sqrt(6 / (fan-in + fan-out)), or
  AlexNet's, of deviation 0.01 with biases of 1 in hidden dense layers and the second, fourth and fifth convolution.
  Only the learning rate is tuned, as in the figure. "Six times" is judged here.
- tuned: rate and initial gain are tuned for each activation. "Faster" is judged here: no activation is slow because its
  weights were drawn for another.

Tuning takes seeds that are not reported and looks for the fewest steps to the training error. Reported is a ratio of
median steps over fresh seeds with a bootstrap interval. A net that has not arrived when its steps run out needs more
than that number, so that a ratio of which it decides is a lower bound, and its interval is open above.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- "Six times" is SUPPORTED if the whole interval lies between 4 and 9, REFUTED if none of it does. The net is the
convolutional one with Glorot's weights, or else the last of the settings.
- "Faster" is SUPPORTED if in every tuned net the interval lies above 1.1, REFUTED if in one of them it lies below: a
tenth of the steps is no difference. Intervals are widened for their number.
- "Much faster" likewise with 1.5.

Changed after a first run: up to the first edition a net had 300 steps (1,500 if convolutional), one that needed more
counted as infinitely slow, "six times" was judged where the gain was tuned too, on the interval of "faster", in every
net by itself, and "faster" meant a ratio above 1. The numbers of steps come from a pilot on tuning seeds, in which
sigmoid took up to 2,000, and 4,000 or more in the convolutional net. As a check of the training error costs as much as
20 steps, convolutions have 16 channels, not 25.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import nan, prod
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from experiments.core import checks
from experiments.core.convolution import conv_stack
from experiments.core.data import SHAPES, TITLES, Name, load
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.steps_to_error import TUNING_CHECK_EVERY, Task, steps_to_error, tune_steps
from experiments.core.training import FRESH, Grid, Layer, Recipe, State, initial_state
from experiments.core.tuning import Setting

SATURATING = ("tanh", "sigmoid")
CONVNET_CHECK_EVERY, CONVNET_TUNING_CHECK_EVERY = 32, 64  # steps between checks: a check costs as much as 20 steps
CONVNET, KERNELS = "convnet", (5, 3, 3)
USUAL = "usual"
TUNED = "tuned"
INITS = {"glorot": "Glorot's initial weights", "alexnet": "AlexNet's initial weights and biases"}
"""The published initialisations, in sentences."""
ALEXNET_DEVIATION, ALEXNET_BIASED = 0.01, (1, 3, 4)  # and the indices of the convolutions whose biases start at 1
RATE_FACTORS = {"sgd": 1.0, "momentum": 1 / 8, "adam": 1 / 64}
"""Of the learning rate, by optimiser: a momentum of 0.9 makes a step ten times as long."""
OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}
"""The names of the optimisers in sentences."""
LONGEST_SWEEP = 4  # times the median steps at the tuned rate: a net at another rate that needs more is not drawn


@dataclass(frozen=True)
class Config:
    """Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?"""

    activations: tuple[str, ...] = ("relu", "leaky_relu", "elu", "tanh", "sigmoid")
    """Names of jaxact functions to compare; claims are judged for the pairs that are among them."""
    nets: tuple[str, ...] = ("mlp2", "mlp4", CONVNET)
    """mlp2 has two hidden layers and so on, convnet three convolutions and a linear layer."""
    optimizers: tuple[str, ...] = ("sgd",)
    """sgd, momentum or adam for tuned nets, each with verdicts of its own; the first of them for the others."""
    inits: tuple[str, ...] = ()
    """Published initial weights of the fully connected nets, glorot or alexnet; only the rate is tuned then."""
    width: int = 64
    """Units per hidden layer."""
    thresholds: tuple[float, ...] = (0.8, 0.65, 0.5, 0.35, 0.25, 0.15, 0.10, 0.05)
    """Training errors; the first step at each of them is recorded."""
    threshold: float = 0.05
    """The training error for verdicts and tuning; must be one of the thresholds."""
    seeds: int = 8
    """Fresh seeds reported per activation and net."""
    tuning_seeds: int = 3
    """Seeds, never reported, on which learning rate and initial gain are chosen."""
    steps: int = 2000
    """Maximum of steps; of a net that needs more only that is known."""
    rates_around: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    """Multiples of the tuned rate at which tuned, fully connected nets are shown; verdicts are taken at 1."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.25
    """Learning rate in the middle of SGD's first tuning window; momentum's is an eighth of it, Adam's a 64th."""
    gain: float = 2.0**0.5
    """Initial gain in the middle of the first tuning window, the same for every activation (sqrt 2 is He's)."""
    rates: int = 5
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 6
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    channels: int = 16
    """Channels of each convolution."""
    convnet_activations: tuple[str, ...] = ("relu", "tanh")
    """The activations to compare in the tuned convolutional net; the published figure has these two."""
    convnet_inits: tuple[str, ...] = ("glorot",)
    """Published initial weights of the convolutional net, in which ReLU, tanh and sigmoid are compared."""
    convnet_threshold: float = 0.25
    """The convolutional net's training error for verdicts and tuning; the published one."""
    convnet_steps: int = 3000
    """Maximum of steps of the convolutional net."""
    convnet_tuning_seeds: int = 2
    """Seeds on which learning rate and initial gain are chosen for the convolutional net."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: Name | Literal["usual"] = USUAL
    """What the nets learn: digits, mnist1d, mnist, fashion or cifar10; usual is mnist1d for convnet, else digits."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of((*TITLES, USUAL), data=self.data)
        checks.not_empty(nets=self.nets, optimizers=self.optimizers, thresholds=self.thresholds)
        for names in (self.activations, self.convnet_activations):
            checks.activations(names)
            checks.not_empty(activations=names)
        for net in self.nets:
            if not re.fullmatch(rf"mlp[1-9]\d?|{CONVNET}", net):
                raise ValueError(
                    f"net {net!r} is unknown, but mlp1, mlp2, ... for hidden layers or {CONVNET} is expected."
                )
        for optimizer in self.optimizers:
            checks.one_of(OPTIMIZERS, optimizer=optimizer)
        for inits in (self.inits, self.convnet_inits):
            if inits:
                checks.not_empty(inits=inits)
            for init in inits:
                checks.one_of(INITS, init=init)
        checks.not_empty(rates_around=self.rates_around)
        checks.includes(1.0, rates_around=self.rates_around)
        checks.at_least(1, width=self.width, batch=self.batch, channels=self.channels)
        checks.at_least(TUNING_CHECK_EVERY, steps=self.steps)
        checks.at_least(CONVNET_TUNING_CHECK_EVERY, convnet_steps=self.convnet_steps)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, convnet_tuning_seeds=self.convnet_tuning_seeds)
        checks.at_least(1, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, thresholds=self.thresholds, confidence=self.confidence)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain, rates_around=self.rates_around)
        checks.one_of(self.thresholds, threshold=self.threshold)
        checks.one_of(self.thresholds, convnet_threshold=self.convnet_threshold)

    def setups(self) -> "list[Setup]":
        """Every net, tuned with every optimiser, and with published initial weights with the first."""
        tuned = [(net, optimizer, TUNED) for optimizer, net in product(self.optimizers, self.nets)]
        published = [
            (net, self.optimizers[0], init)
            for net in self.nets
            for init in (self.convnet_inits if net == CONVNET else self.inits)
        ]
        return [self._setup(*each) for each in (*tuned, *published)]

    def tuned(self, optimizer: str) -> "list[Setup]":
        """The tuned nets of an optimiser."""
        return [setup for setup in self.setups() if (setup.init, setup.optimizer) == (TUNED, optimizer)]

    def published(self) -> "list[Setup]":
        """The nets with published initial weights; first that of "six times": the convolutional, else the last."""
        published = [setup for setup in self.setups() if setup.init != TUNED]
        first = [setup for setup in published if setup.net == CONVNET][:1] or published[-1:]
        return [*first, *(setup for setup in published if setup not in first)]

    def names(self) -> list[str]:
        """All activations, in whichever setups they run."""
        return list(dict.fromkeys(name for setup in self.setups() for name in setup.activations))

    def _setup(self, net: str, optimizer: str, init: str) -> "Setup":
        few = tuple(name for name in ("relu", *SATURATING) if name in self.activations)
        if net == CONVNET:
            return Setup(
                net,
                optimizer,
                init,
                data="mnist1d" if self.data == USUAL else self.data,
                activations=self.convnet_activations if init == TUNED else few or self.convnet_activations,
                threshold=self.convnet_threshold,
                max_steps=self.convnet_steps,
                check_every=CONVNET_CHECK_EVERY,
                tuning_check_every=CONVNET_TUNING_CHECK_EVERY,
                tuning_seeds=self.convnet_tuning_seeds,
            )
        return Setup(
            net,
            optimizer,
            init,
            data="digits" if self.data == USUAL else self.data,
            activations=self.activations if init == TUNED else few or self.activations,
            threshold=self.threshold,
            max_steps=self.steps,
            check_every=1,
            tuning_check_every=TUNING_CHECK_EVERY,
            tuning_seeds=self.tuning_seeds,
        )


class Setup(NamedTuple):
    """A net, its optimiser, its initial weights and its data, with which activations are compared."""

    net: str
    optimizer: str
    init: str
    """Tuned, or a key of INITS."""
    data: str
    activations: tuple[str, ...]
    threshold: float
    """The training error for verdicts and tuning."""
    max_steps: int
    check_every: int
    """Steps between checks of the training error."""
    tuning_check_every: int
    """The same while tuning."""
    tuning_seeds: int

    @property
    def text(self) -> str:
        """The net: a convolutional net, or its hidden layers."""
        if self.net == CONVNET:
            return "a convolutional net"
        return f"{layers(self.net)} hidden layer{'s' * (layers(self.net) > 1)}"

    @property
    def with_init(self) -> str:
        """The same with its initial weights, if these are not tuned, and its optimiser, if that is not SGD."""
        parts = [self.text, *([INITS[self.init]] if self.init != TUNED else [])]
        return ", ".join(parts + [OPTIMIZERS[self.optimizer]] * (self.optimizer != "sgd"))


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(
        ("relu", "tanh"),
        ("mlp1", CONVNET),
        width=16,
        thresholds=(0.5, 0.25),
        threshold=0.25,
        seeds=3,
        tuning_seeds=1,
        steps=60,
        rates_around=(1.0, 2.0),
        rates=3,
        gains=1,
        windows=2,
        channels=4,
        convnet_threshold=0.5,
        convnet_steps=64,
        convnet_tuning_seeds=1,
    )


def full() -> Config:
    """Eight layers, published weights in all nets, tuned sigmoid in the convolutional, Adam, more seeds and steps."""
    return Config(
        nets=("mlp2", "mlp4", "mlp8", CONVNET),
        optimizers=("sgd", "adam"),
        inits=tuple(INITS),
        convnet_activations=("relu", *SATURATING),
        seeds=12,
        convnet_steps=8000,
    )


def layers(net: str) -> int:
    """Hidden layers of an mlp."""
    return int(net.removeprefix("mlp"))


def run(config: Config, progress: Progress) -> Runs:
    """Tune every activation in every setup, then train it on fresh seeds."""
    todo = [(setup, name) for setup in config.setups() for name in setup.activations]
    data = {name: load(name, config.folder).train for name in {setup.data for setup, _ in todo}}
    runs: Runs = []
    for index, (setup, name) in enumerate(todo):
        progress(index / len(todo), doing := f"{name}, {setup.with_init}")
        start = PUBLISHED_STARTS.get(setup.init, initial_state)
        task = Task(_recipe(config, setup, name), data[setup.data], setup.max_steps, config.thresholds, start)
        runs += kept(doing, _trained, config, setup, task)
    progress(1.0, "done")
    return runs


def _trained(config: Config, setup: Setup, task: Task) -> Runs:
    """The race from fresh seeds at the tuned setting; of dense nets also at other rates."""
    setting = _tuned(config, setup, task)
    race = _reported(config, setup, task, setting, [1.0], setup.check_every)
    swept = _swept(config, setup, task, setting, race) if setup.init == TUNED and setup.net != CONVNET else []
    return [{"part": "race"} | row for row in race] + [{"part": "sweep"} | row for row in swept]


def glorot(recipe: Recipe, grid: Grid) -> State:
    """Nets with Glorot & Bengio's weights, uniform up to sqrt(6 / (fan-in + fan-out)); the grid's gain is not used.

    The fans of a convolution are those of one window, as in PyTorch and Keras.
    """

    def layer(index: int, normal: Layer) -> Layer:
        _, fan_in, fan_out = normal.weight.shape
        if index < len(recipe.windows):
            window = recipe.windows[index]
            fan_out *= window.kernel ** len(window.output_shape)
        uniform = 2 * jnp.asarray(ndtr(normal.weight), jnp.float32) - 1
        return normal._replace(weight=uniform * (6 / (fan_in + fan_out)) ** 0.5)

    return _started(recipe, grid, layer)


def alexnet(recipe: Recipe, grid: Grid) -> State:
    """Nets with the weights and biases of Krizhevsky, Sutskever & Hinton 2012; the grid's gain is not used."""
    hidden = len(recipe.sizes) - 2

    def layer(index: int, normal: Layer) -> Layer:
        dense = len(recipe.windows) <= index < hidden
        biased = dense or (index < len(recipe.windows) and index in ALEXNET_BIASED)
        return normal._replace(
            weight=ALEXNET_DEVIATION * normal.weight, bias=jnp.full_like(normal.bias, 1.0 if biased else 0.0)
        )

    return _started(recipe, grid, layer)


PUBLISHED_STARTS: dict[str, Callable[[Recipe, Grid], State]] = {"glorot": glorot, "alexnet": alexnet}
"""By the keys of INITS."""


def _started(recipe: Recipe, grid: Grid, layer: Callable[[int, Layer], Layer]) -> State:
    """The nets of `initial_state`, each layer replaced by what `layer` makes of it with weights of deviation 1."""
    state = initial_state(recipe, grid._replace(gain=np.ones_like(grid.gain)))
    normal = [each._replace(weight=each.weight * np.float32(each.weight.shape[1] ** 0.5)) for each in state.net]
    return state._replace(net=tuple(layer(index, each) for index, each in enumerate(normal)))


def _recipe(config: Config, setup: Setup, name: str) -> Recipe:
    if setup.net == CONVNET:
        windows, sizes = conv_stack(SHAPES[setup.data], config.channels, KERNELS)
        return Recipe((*sizes, 10), name, setup.optimizer, config.batch, windows=windows)
    sizes = (prod(SHAPES[setup.data]), *[config.width] * layers(setup.net), 10)
    return Recipe(sizes, name, setup.optimizer, config.batch)


def _tuned(config: Config, setup: Setup, task: Task) -> Setting:
    seeds, rate = range(setup.tuning_seeds), config.rate * RATE_FACTORS[setup.optimizer]
    gain, gains = (config.gain, config.gains) if setup.init == TUNED else (1.0, 1)
    window = (rate, gain, config.rates, gains, config.windows)
    found = tune_steps(task, setup.threshold, seeds, *window, check_every=setup.tuning_check_every)
    return found if setup.init == TUNED else found._replace(gain=nan)


def _reported(
    config: Config, setup: Setup, task: Task, setting: Setting, multiples: list[float], check_every: int
) -> Runs:
    """One row per multiple of the tuned rate and fresh seed."""
    column = config.thresholds.index(setup.threshold)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(multiples), [setting.gain])
    end = steps_to_error(task, grid, check_every, lambda steps: bool(np.isfinite(steps[:, column]).all()))
    shared = {"net": setup.net, "optimizer": setup.optimizer, "init": setup.init, "activation": task.recipe.activation}
    shared |= setting._asdict()
    return [
        shared
        | {"multiple": multiple, "seed": seed, "steps": end.steps[i].tolist(), "error": float(end.error[i])}
        | {"diverged": not np.isfinite(end.loss[i])}
        for i, (multiple, seed) in enumerate(product(multiples, seeds))
    ]


def _swept(config: Config, setup: Setup, task: Task, setting: Setting, race: Runs) -> Runs:
    """The same at the other multiples of the tuned rate, for a few times the steps that the tuned rate takes."""
    others = [multiple for multiple in config.rates_around if multiple != 1]
    if not others:
        return []
    median = np.median([run["steps"][config.thresholds.index(setup.threshold)] for run in race])
    longest = min(setup.max_steps, LONGEST_SWEEP * median)
    task = task._replace(max_steps=int(max(longest, TUNING_CHECK_EVERY)))
    return _reported(config, setup, task, setting, others, TUNING_CHECK_EVERY)
