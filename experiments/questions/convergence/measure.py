"""Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?

The notes say that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)" (B1), that leaky variants
"converge much faster than sigmoid/tanh" too and that ELU has "all benefits of ReLU" (B2), and that tanh is "better
than logistic" (B9). The six goes back to Krizhevsky, Sutskever & Hinton 2012, figure 1.

That figure was drawn from a convolutional net of four layers, three convolutions and a linear one, on CIFAR-10, and
ends at 25 % training error. Here fully connected nets are trained to the threshold of the settings, and a convolutional
net of four layers, whose convolutions are those of MNIST-1D's authors, to 25 %.

A net is trained until it errs on at most a given share of its training examples. For every activation, net and
optimiser, learning rate and initial gain are first tuned, on seeds that are not reported, to reach the verdict's
threshold in the fewest steps. What is reported is a ratio of median steps over fresh seeds with a bootstrap
interval; a run that never gets there counts as infinitely many steps.

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
from experiments.core.training import Grid, Recipe
from experiments.core.tuning import Setting

SATURATING = ("tanh", "sigmoid")
FRESH = 1000  # reported seeds start here, out of reach of the tuning seeds
CONVNET_LOOK, CONVNET_TUNING_LOOK = 16, 32  # steps between looks: a look costs as much as 20 steps
CONVNET, KERNELS = "convnet", (5, 3, 3)
USUAL = "usual"
STARTS = {"sgd": 1.0, "momentum": 1 / 8, "adam": 1 / 64}  # a momentum of 0.9 makes a step ten times as long
OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}
"""As sentences name them."""


@dataclass(frozen=True)
class Config:
    """Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?"""

    activations: tuple[str, ...] = ("relu", "leaky_relu", "elu", "tanh", "sigmoid")
    """Names of jaxact functions to compare; claims are judged for the pairs that are there."""
    nets: tuple[str, ...] = ("mlp2", "mlp4", CONVNET)
    """mlp2 has two hidden layers and so on, convnet three convolutions and a linear layer; each gets verdicts."""
    optimizers: tuple[str, ...] = ("sgd",)
    """sgd, momentum or adam; each gets verdicts of its own."""
    width: int = 64
    """Units per hidden layer."""
    thresholds: tuple[float, ...] = (0.25, 0.10, 0.05, 0.01)
    """Training errors whose first time is recorded."""
    threshold: float = 0.05
    """The training error that verdicts and tuning go by; must be one of the thresholds."""
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
    """Of each convolution."""
    convnet_activations: tuple[str, ...] = ("relu", "tanh")
    """The activations to compare in the convolutional net; the published figure has these two."""
    convnet_threshold: float = 0.25
    """The convolutional net's threshold for verdicts and tuning; the published one."""
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
        checks.at_least(CONVNET_TUNING_LOOK, convnet_steps=self.convnet_steps)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, convnet_tuning_seeds=self.convnet_tuning_seeds)
        checks.at_least(1, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, thresholds=self.thresholds, confidence=self.confidence)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain)
        checks.one_of(self.thresholds, threshold=self.threshold)
        checks.one_of(self.thresholds, convnet_threshold=self.convnet_threshold)

    def contests(self) -> "list[Contest]":
        """Every net with every optimiser."""
        return [self._contest(*one) for one in product(self.nets, self.optimizers)]

    def names(self) -> list[str]:
        """Every activation that runs in any contest."""
        return list(dict.fromkeys(name for contest in self.contests() for name in contest.activations))

    def _contest(self, net: str, optimizer: str) -> "Contest":
        if net == CONVNET:
            data = "mnist1d" if self.data == USUAL else self.data
            rest = (self.convnet_activations, self.convnet_threshold, self.convnet_steps)
            looks = (CONVNET_LOOK, CONVNET_TUNING_LOOK, self.convnet_tuning_seeds)
            return Contest(net, optimizer, data, *rest, *looks)
        data = "digits" if self.data == USUAL else self.data
        return Contest(
            net, optimizer, data, self.activations, self.threshold, self.steps, 1, TUNING_CHECK_EVERY, self.tuning_seeds
        )


class Contest(NamedTuple):
    """A net, its data and its optimiser, in which all activations race each other."""

    net: str
    optimizer: str
    data: str
    activations: tuple[str, ...]
    threshold: float
    """The training error that verdicts and tuning go by."""
    steps: int
    """Most steps."""
    look: int
    """Steps between looks at the training error."""
    tuning_look: int
    """The same while tuning."""
    tuning_seeds: int

    @property
    def short(self) -> str:
        """The net, and the optimiser unless it is plain SGD."""
        count = 0 if self.net == CONVNET else layers(self.net)
        net = f"{count} hidden layer{'s' * (count > 1)}" if count else "convolutional net"
        return net if self.optimizer == "sgd" else f"{net}, {OPTIMIZERS[self.optimizer]}"

    @property
    def within(self) -> str:
        """The same as it stands in a sentence."""
        return f"a {self.short}" if self.net == CONVNET else self.short


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
    """Whether it depends on depth and optimiser: four depths and the convolutional net, Adam as well, more seeds."""
    return Config(nets=("mlp1", "mlp2", "mlp4", "mlp8", CONVNET), optimizers=("sgd", "adam"), seeds=12)


def layers(net: str) -> int:
    """Hidden layers of an mlp."""
    return int(net.removeprefix("mlp"))


def run(config: Config, progress: Progress) -> Runs:
    """Tune, then train on fresh seeds, every activation in every contest."""
    todo = [(contest, name) for contest in config.contests() for name in contest.activations]
    data = {name: load(name, config.folder).train for name in {contest.data for contest, _ in todo}}
    settings: dict[tuple[Contest, str], Setting] = {}
    runs: Runs = []
    for index, (contest, name) in enumerate(todo):
        progress(index / len(todo), f"{name}, {contest.short}")
        task = Task(_recipe(config, contest, name), data[contest.data], contest.steps, config.thresholds)
        settings[contest, name] = _tuned(config, contest, task)
        runs += _reported(config, contest, task, settings[contest, name], "its own")
        if name in SATURATING and (contest, "relu") in settings:
            runs += _reported(config, contest, task, settings[contest, "relu"], "ReLU's")
    progress(1.0, "done")
    return runs


def _recipe(config: Config, contest: Contest, name: str) -> Recipe:
    if contest.net == CONVNET:
        windows, sizes = conv_stack(SHAPES[contest.data], config.channels, KERNELS)
        return Recipe((*sizes, 10), name, contest.optimizer, config.batch, windows=windows)
    sizes = (prod(SHAPES[contest.data]), *[config.width] * layers(contest.net), 10)
    return Recipe(sizes, name, contest.optimizer, config.batch)


def _tuned(config: Config, contest: Contest, task: Task) -> Setting:
    seeds, rate = range(contest.tuning_seeds), config.rate * STARTS[contest.optimizer]
    window = (rate, config.gain, config.rates, config.gains, config.windows)
    return tune_steps(task, contest.threshold, seeds, *window, check_every=contest.tuning_look)


def _reported(config: Config, contest: Contest, task: Task, setting: Setting, label: str) -> Runs:
    """One row per fresh seed."""
    grid = Grid.of(range(FRESH, FRESH + config.seeds), [setting.rate], [setting.gain])
    end = steps_to_error(task, grid, contest.look, all_reached)
    shared = {"net": contest.net, "optimizer": contest.optimizer, "activation": task.recipe.activation}
    shared |= {"setting": label} | setting._asdict()
    return [
        shared
        | {"seed": int(grid.seed[i]), "steps": end.steps[i].tolist(), "error": float(end.error[i])}
        | {"diverged": not np.isfinite(end.loss[i])}
        for i in range(config.seeds)
    ]
