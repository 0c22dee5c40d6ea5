"""Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?

The notes say that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)" (B1), that leaky variants
"converge much faster than sigmoid/tanh" too and that ELU has "all benefits of ReLU" (B2), and that tanh is "better
than logistic" (B9). The six goes back to Krizhevsky, Sutskever & Hinton 2012, figure 1.

That figure shows a convolutional net of four layers, three convolutions and a linear one, on CIFAR-10, down to 25 %
training error. Here fully connected nets are trained to the threshold of the settings, and a convolutional
net of four layers, whose convolutions are those of MNIST-1D's authors, to 25 %.

A net is trained until its training error is at most a given threshold. For every activation, net and optimiser,
learning rate and initial gain are first tuned, on seeds that are not reported, to reach the verdict's threshold in the
fewest steps. Reported is a ratio of median steps over fresh seeds with a bootstrap interval; a run that never reaches
the threshold counts as infinitely many steps.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- "Six times" is SUPPORTED if the whole interval lies between 4 and 9, REFUTED if none of it does.
- "Faster" is SUPPORTED if the whole interval lies above 1, REFUTED if none of it does.
- "Much faster" likewise with 1.5.
"""

import re
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from experiments.core import checks
from experiments.core.convolution import conv_stack
from experiments.core.data import SHAPES, TITLES, Name, load
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.steps_to_error import TUNING_CHECK_EVERY, Task, all_reached, steps_to_error, tune_steps
from experiments.core.training import FRESH, Grid, Recipe
from experiments.core.tuning import Setting

SATURATING = ("tanh", "sigmoid")
CONVNET_CHECK_EVERY, CONVNET_TUNING_CHECK_EVERY = 16, 32  # steps between checks: a check costs as much as 20 steps
CONVNET, KERNELS = "convnet", (5, 3, 3)
USUAL = "usual"
RATE_FACTORS = {"sgd": 1.0, "momentum": 1 / 8, "adam": 1 / 64}
"""Of the learning rate, by optimiser: a momentum of 0.9 makes a step ten times as long."""
OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}
"""The names of the optimisers in sentences."""


@dataclass(frozen=True)
class Config:
    """Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?"""

    activations: tuple[str, ...] = ("relu", "leaky_relu", "elu", "tanh", "sigmoid")
    """Names of jaxact functions to compare; claims are judged for the pairs that are among them."""
    nets: tuple[str, ...] = ("mlp2", "mlp4", CONVNET)
    """mlp2 has two hidden layers and so on, convnet three convolutions and a linear layer; each gets verdicts."""
    optimizers: tuple[str, ...] = ("sgd",)
    """sgd, momentum or adam; each gets verdicts of its own."""
    width: int = 64
    """Units per hidden layer."""
    thresholds: tuple[float, ...] = (0.25, 0.10, 0.05, 0.01)
    """Training errors; the first step at each of them is recorded."""
    threshold: float = 0.05
    """The training error for verdicts and tuning; must be one of the thresholds."""
    seeds: int = 8
    """Fresh seeds reported per activation and net."""
    tuning_seeds: int = 5
    """Seeds, never reported, on which learning rate and initial gain are chosen."""
    steps: int = 300
    """Maximum of steps; a net that needs more counts as never reaching the training error."""
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
    channels: int = 25
    """Channels of each convolution."""
    convnet_activations: tuple[str, ...] = ("relu", "tanh")
    """The activations to compare in the convolutional net; the published figure has these two."""
    convnet_threshold: float = 0.25
    """The convolutional net's training error for verdicts and tuning; the published one."""
    convnet_steps: int = 1500
    """Maximum of steps of the convolutional net."""
    convnet_tuning_seeds: int = 3
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
        checks.at_least(1, width=self.width, batch=self.batch, channels=self.channels)
        checks.at_least(TUNING_CHECK_EVERY, steps=self.steps)
        checks.at_least(CONVNET_TUNING_CHECK_EVERY, convnet_steps=self.convnet_steps)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, convnet_tuning_seeds=self.convnet_tuning_seeds)
        checks.at_least(1, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, thresholds=self.thresholds, confidence=self.confidence)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain)
        checks.one_of(self.thresholds, threshold=self.threshold)
        checks.one_of(self.thresholds, convnet_threshold=self.convnet_threshold)

    def setups(self) -> "list[Setup]":
        """Every net with every optimiser."""
        return [self._setup(*pair) for pair in product(self.nets, self.optimizers)]

    def names(self) -> list[str]:
        """All activations, in whichever setups they run."""
        return list(dict.fromkeys(name for setup in self.setups() for name in setup.activations))

    def _setup(self, net: str, optimizer: str) -> "Setup":
        if net == CONVNET:
            data = "mnist1d" if self.data == USUAL else self.data
            rest = (self.convnet_activations, self.convnet_threshold, self.convnet_steps)
            checks_every = (CONVNET_CHECK_EVERY, CONVNET_TUNING_CHECK_EVERY, self.convnet_tuning_seeds)
            return Setup(net, optimizer, data, *rest, *checks_every)
        data = "digits" if self.data == USUAL else self.data
        return Setup(
            net, optimizer, data, self.activations, self.threshold, self.steps, 1, TUNING_CHECK_EVERY, self.tuning_seeds
        )


class Setup(NamedTuple):
    """A net, its data and its optimiser, with which all activations are compared."""

    net: str
    optimizer: str
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
        """The net, and the optimiser unless it is plain SGD."""
        count = 0 if self.net == CONVNET else layers(self.net)
        net = f"{count} hidden layer{'s' * (count > 1)}" if count else "convolutional net"
        return net if self.optimizer == "sgd" else f"{net}, {OPTIMIZERS[self.optimizer]}"

    @property
    def with_article(self) -> str:
        """The same with its article."""
        return f"a {self.text}" if self.net == CONVNET else self.text


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(
        ("relu", "tanh"),
        ("mlp1", CONVNET),
        ("sgd",),
        16,
        (0.5, 0.25),
        0.25,
        3,
        1,
        60,
        rates=3,
        gains=1,
        windows=2,
        channels=4,
        convnet_threshold=0.5,
        convnet_steps=64,
        convnet_tuning_seeds=1,
    )


def full() -> Config:
    """Four depths and the convolutional net, Adam as well, and more seeds."""
    return Config(nets=("mlp1", "mlp2", "mlp4", "mlp8", CONVNET), optimizers=("sgd", "adam"), seeds=12)


def layers(net: str) -> int:
    """Hidden layers of an mlp."""
    return int(net.removeprefix("mlp"))


def run(config: Config, progress: Progress) -> Runs:
    """Tune every activation in every setup, then train it on fresh seeds."""
    todo = [(setup, name) for setup in config.setups() for name in setup.activations]
    data = {name: load(name, config.folder).train for name in {setup.data for setup, _ in todo}}
    settings: dict[tuple[Setup, str], Setting] = {}
    runs: Runs = []
    for index, (setup, name) in enumerate(todo):
        progress(index / len(todo), f"{name}, {setup.text}")
        task = Task(_recipe(config, setup, name), data[setup.data], setup.max_steps, config.thresholds)
        settings[setup, name] = _tuned(config, setup, task)
        runs += _reported(config, setup, task, settings[setup, name], "its own")
        if name in SATURATING and (setup, "relu") in settings:
            runs += _reported(config, setup, task, settings[setup, "relu"], "ReLU's")
    progress(1.0, "done")
    return runs


def _recipe(config: Config, setup: Setup, name: str) -> Recipe:
    if setup.net == CONVNET:
        windows, sizes = conv_stack(SHAPES[setup.data], config.channels, KERNELS)
        return Recipe((*sizes, 10), name, setup.optimizer, config.batch, windows=windows)
    sizes = (prod(SHAPES[setup.data]), *[config.width] * layers(setup.net), 10)
    return Recipe(sizes, name, setup.optimizer, config.batch)


def _tuned(config: Config, setup: Setup, task: Task) -> Setting:
    seeds, rate = range(setup.tuning_seeds), config.rate * RATE_FACTORS[setup.optimizer]
    window = (rate, config.gain, config.rates, config.gains, config.windows)
    return tune_steps(task, setup.threshold, seeds, *window, check_every=setup.tuning_check_every)


def _reported(config: Config, setup: Setup, task: Task, setting: Setting, label: str) -> Runs:
    """One row per fresh seed."""
    grid = Grid.of(range(FRESH, FRESH + config.seeds), [setting.rate], [setting.gain])
    end = steps_to_error(task, grid, setup.check_every, all_reached)
    shared = {"net": setup.net, "optimizer": setup.optimizer, "activation": task.recipe.activation}
    shared |= {"setting": label} | setting._asdict()
    return [
        shared
        | {"seed": int(grid.seed[i]), "steps": end.steps[i].tolist(), "error": float(end.error[i])}
        | {"diverged": not np.isfinite(end.loss[i])}
        for i in range(config.seeds)
    ]
