"""Which activation learns best in a small transformer, at equal parameters: by steps, and by time?

The notes end before transformers, whose MLPs today have GELU, SiLU, squared ReLU or a gated linear unit where ReLU
was. A small causal transformer (https://arxiv.org/abs/1706.03762) with LayerNorm before attention and MLP learns the
next character of a text, by Adam at a constant rate. Between the nets of a seed nothing differs but the activation of
the MLPs, and what follows from it: gated linear units (https://arxiv.org/abs/2002.05202) have three matrices in place
of two and two thirds of the units, so that all nets have equally many parameters. MLPs have no biases. The weights
behind the activation are drawn with the activation's gain, so that all MLPs start with outputs of one size; all other
weights are the same, as is the order of the windows of text. Larger nets, one at a time, each batch split among all
devices, are trained by `python -m experiments pretrain`.

The text is Python's language reference, the topics that `help()` shows, each paragraph once; of ten pieces of 2,048
characters eight are trained on, one gives the validation loss and one the test loss. It differs between versions of
Python: the report has its digest.

The learning rate is tuned for each activation by the validation loss, on seeds that are not reported. The nets of all
activations are trained in turns of a few steps, in an order drawn anew for each turn, and each turn is timed, so that a
busy machine is busy for all. The ratio to ReLU's time in the same turn has a median and a bootstrap interval; the first
turn does not count. A time is that of a step of all seeds side by side, on the device of the run: wider nets, or
another device, have others.

The lead of an activation over ReLU is ReLU's test loss less its own, in nats per character, seed by seed, at the last
step ("by steps"), or when the faster of both has made all of its steps and the slower as many as fit into that time,
where the loss is interpolated between the steps at which it was measured ("by time"). This interval is the hull of
three: with the ratio of times at its value and at both ends. A net whose loss is not finite, or larger than that of
guessing all symbols alike, counts as guessing.

Rules, fixed before the run, for each activation by itself; anything else is INCONCLUSIVE:
- "Learns better in as many steps" (T1) is SUPPORTED if the interval of the lead by steps lies above 0, REFUTED if it
lies below 0, or within 0.02 of it (2 % of the perplexity).
- "Learns better in as much time" (T2) is the same for the lead by time.

Runs on a busy machine preceded the first committed one. After them turns were made shorter, and times are compared turn
by turn, not median by median, as the intervals of the ratios reached from a half to two; nets, seeds, rates and rules
stayed as they were.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.core import checks, text
from experiments.core.data import Data
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Recipe, State, resume, score
from experiments.core.transformer import Transformer, check_sizes, count, initial_state, known, recipe_of
from experiments.core.tuning import Setting, tune

RELU = "relu"


@dataclass(frozen=True)
class Config:
    """Which activation learns best in a small transformer, at equal parameters: by steps, and by time?"""

    activations: tuple[str, ...] = ("gelu", "silu", "relu_squared", "glu", "geglu", "swiglu")
    """Elementwise or gated functions of jaxact that are compared with relu."""
    width: int = 24
    """Channels of the residual stream."""
    layers: int = 2
    """Blocks of attention and MLP."""
    heads: int = 2
    """Heads of attention, among which the channels are split."""
    hidden: int = 72
    """Units of the MLPs, a multiple of 3; two thirds of them where they are gated."""
    length: int = 32
    """Characters of a window."""
    batch: int = 8
    """Windows per step of Adam."""
    steps: int = 240
    """Steps of Adam."""
    turn: int = 6
    """Steps between which times are taken."""
    check_every: int = 30
    """Steps between which the loss is measured: a multiple of those of a turn."""
    held_out: int = 128
    """Windows that give the validation loss, and as many for the test loss."""
    seeds: int = 8
    """Fresh seeds reported per activation."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which the learning rate is chosen by validation loss."""
    rate: float = 0.016
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    rates: int = 3
    """Learning rates per tuning window, a factor 2 apart."""
    windows: int = 3
    """Maximum of tuning windows; a window moves until its best rate lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.not_empty(activations=(RELU, *self.activations))
        check_sizes(self, *self.activations)
        checks.at_least(1, turn=self.turn, windows=self.windows)
        checks.strictly_between(0, np.inf, rate=self.rate)
        checks.at_least(3, rates=self.rates)
        if self.check_every % self.turn or self.steps % self.check_every or self.steps < 3 * self.turn:
            raise ValueError(
                f"steps is {self.steps}, check-every {self.check_every} and turn {self.turn}, but multiples are "
                "expected, each of the next, and three turns at least."
            )

    @property
    def checked(self) -> list[int]:
        """The steps at which the loss is measured."""
        return list(range(self.check_every, self.steps + 1, self.check_every))


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    sizes = {"width": 8, "layers": 1, "hidden": 12, "length": 8, "batch": 4, "held_out": 8}
    steps = {"steps": 12, "turn": 2, "check_every": 4}
    return Config(("swiglu",), **sizes, **steps, seeds=3, tuning_seeds=1, rates=3, windows=1)


def full() -> Config:
    """Wider and deeper nets on longer windows, three times the steps, more seeds: about a quarter of an hour."""
    sizes: Any = {"width": 32, "layers": 3, "hidden": 96, "length": 48, "batch": 16, "held_out": 192}
    return Config(**sizes, steps=720, turn=24, check_every=72, seeds=12)


def run(config: Config, progress: Progress) -> Runs:
    """Tune every activation, then train the fresh seeds of all in turns."""
    data = text.windows(config.length, config.held_out)
    names = (RELU, *config.activations)
    runs: Runs = [text.row(data)]
    settings: dict[str, Setting] = {}
    for index, name in enumerate(names):
        progress(index / len(names) / 2, f"{name}, tuning")
        settings[name], tried = _tuned(config, recipe_of(config, name), data)
        runs += [{"part": "tuning", "activation": name} | row for row in tried]
    recipes = {name: recipe_of(config, name) for name in names}
    curves, seconds = _in_turns(config, recipes, settings, data, progress)
    for name, recipe in recipes.items():
        model = recipe.custom_forward
        assert isinstance(model, Transformer)
        parameters, setting = count(model.initial(FRESH)), settings[name]._asdict()
        runs.append({"part": "time", "activation": name, "seconds": seconds[name], "parameters": parameters})
        runs += [
            {"activation": name, "seed": FRESH + seed, "curve": curve} | setting
            for seed, curve in enumerate(np.transpose(curves[name]).tolist())
        ]
    progress(1.0, "done")
    return runs


class Turn(NamedTuple):
    """The nets after some steps, and how long these took."""

    step: int
    state: State
    seconds: float


def _turns(config: Config, recipe: Recipe, grid: Grid, data: Data) -> Iterator[Turn]:
    """Train, and time every turn."""
    start = time.perf_counter()
    for step, state in resume(recipe, initial_state(recipe, grid), grid.seed, data.train, config.steps, config.turn):
        jax.block_until_ready(state)
        yield Turn(step, state, time.perf_counter() - start)
        start = time.perf_counter()


def _tuned(config: Config, recipe: Recipe, data: Data) -> tuple[Setting, Runs]:
    """The tuned rate, and a row for every rate and seed that was tried."""
    tried: Runs = []

    def cost(grid: Grid) -> np.ndarray:
        *_, last = _turns(config, recipe, grid, data)
        losses = known(score(recipe, last.state, *data.validation)[1], text.GUESS)
        tried.extend(
            {"rate": float(f"{rate:.6g}"), "seed": int(seed), "loss": float(loss)}
            for rate, seed, loss in zip(grid.rate, grid.seed, losses, strict=True)
        )
        return losses

    setting = tune(cost, range(config.tuning_seeds), config.rate, 1.0, config.rates, 1, config.windows)
    return setting, tried


def _in_turns(
    config: Config, recipes: dict[str, Recipe], settings: dict[str, Setting], data: Data, progress: Progress
) -> tuple[dict[str, list[np.ndarray]], dict[str, list[float]]]:
    """The test losses at every check, and the seconds per step of every turn, by activation."""
    seeds = range(FRESH, FRESH + config.seeds)
    training = {
        name: _turns(config, recipe, Grid.of(seeds, [settings[name].rate]), data) for name, recipe in recipes.items()
    }
    curves: dict[str, list[np.ndarray]] = {name: [] for name in recipes}
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    order = np.random.default_rng(0)
    for index in range(config.steps // config.turn):
        progress(0.5 + 0.5 * index * config.turn / config.steps, f"step {index * config.turn}")
        for name in order.permutation(list(recipes)):
            step, state, taken = next(training[name])
            if index:  # the first turn may compile
                seconds[name].append(taken / config.turn)
            if step % config.check_every == 0:
                curves[name].append(np.asarray(score(recipes[name], state, *data.test)[1]))
    return curves, seconds
