"""How many activations are zero after training, and what do pruning and 8 bits cost?

A zero need not be multiplied. Large language models whose activation is ReLU turn out to be sparse, and it has been
proposed to go back from gelu and silu to ReLU for that reason; or to ReLU^2; or to keep the k largest outputs of a
layer only (top-k); or to set small outputs of any activation to 0 after training. The notes do not ask about any of
this; whoever wants a small or fast net does.

Nets with ReLU, ReLU^2, gelu, silu and top-k are trained by Adam, each with its own learning rate and initial gain,
tuned by validation error on seeds that are not reported. Top-k is ReLU of which each example keeps the largest quarter
of a layer's units. Nets of a seed share initial weights and the order of examples. Measured on the test part, for
fresh seeds:
- the share of outputs of hidden units that are exactly 0, before training and after every epoch;
- the accuracy that is lost if a share of the outputs of every hidden layer, those smallest in size, is set to 0. The
threshold of each layer is the one that prunes this share on training examples, with the layers before it pruned;
- the accuracy that is lost if weights, inputs and outputs of all layers have few bits: integers with one scale and zero
point for the inputs of a layer, from its least and largest on training examples, and one scale for the weights of each
unit. Sums of products are integers, biases are not rounded. The nets are not trained again.

Fresh seeds are trained at half, once and twice the tuned rate. Every interval is the hull of those at the three rates,
as which of two neighbouring rates is tuned may depend on one validation example; values are those at the tuned rates.

Rules, fixed before the run, for each data set by itself; anything else is INCONCLUSIVE. Less than 1 point of accuracy
does not count:
- "Mostly zero" (S1), for ReLU and ReLU^2, is SUPPORTED if the interval of the share of zeros after training lies above
50 %, where it starts; REFUTED if below.
- "Pruned like ReLU" (S2), for each activation without zeros, is SUPPORTED if setting as many of its outputs to 0, layer
by layer, as are 0 in the ReLU net of the same seed loses less than 1 point; REFUTED if more.
- "Top-k loses nothing" (S3) is SUPPORTED if the interval of its accuracy less ReLU's lies above -1 point; REFUTED if
below.
- "8 bits lose nothing" (S4) is SUPPORTED if for every activation the interval of the loss lies below 1 point; REFUTED
if for one of them above. These intervals are widened for their number.

Two runs on some of the same seeds preceded these settings. After them the numbers of seeds and of examples for
thresholds and ranges were changed to fit the time, and the figure got the zeros by learning rate. The rules stayed as
they were.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

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
from experiments.core.quantisation import products
from experiments.core.result import Runs
from experiments.core.training import (
    FRESH,
    Activation,
    Grid,
    Layer,
    Net,
    Recipe,
    State,
    activate,
    forward,
    initial_state,
    losses,
    resume,
)
from experiments.core.tuning import by_error, tune_rate

RELU = "relu"
WITH_ZEROS = (RELU, "relu_squared")
"""The activations that are 0 for half of all inputs."""
TOP = "top_k"
EIGHT = 8
EXAMPLES = 128  # training examples that give thresholds and ranges: 8,192 outputs of a layer of 64


@dataclass(frozen=True)
class TopK:
    """ReLU of the units that are among the largest of their layer, 0 for all others."""

    share: float
    """Of the units that are kept, rounded to whole units, but at least one."""

    def __call__(self, z: Array) -> Array:
        """The value at z, whose last axis is the layer's."""
        output = jaxact.relu(z)
        fixed = jax.lax.stop_gradient(output)
        larger = fixed[..., :, None] > fixed[..., None, :]
        rank = jnp.sum(larger, axis=-2, dtype=jnp.int16)  # a quarter of the time of sorting, a half of int32's
        return jnp.where(rank < max(1, round(self.share * z.shape[-1])), output, 0)


@dataclass(frozen=True)
class Config:
    """How many activations are zero after training, and what do pruning and 8 bits cost?"""

    activations: tuple[str, ...] = ("relu_squared", "gelu", "silu")
    """Names of jaxact functions compared with relu."""
    kept: tuple[float, ...] = (0.25,)
    """Shares of the units of a layer that top-k nets keep."""
    pruned: tuple[float, ...] = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    """Shares of the outputs that are set to 0 after training."""
    bits: tuple[int, ...] = (8, 6, 5, 4, 3, 2)
    """Numbers of bits of weights and outputs, of which 8 is judged."""
    depth: int = 2
    """Hidden layers."""
    width: int = 64
    """Units per hidden layer."""
    epochs: int = 12
    """Passes over the training part."""
    seeds: int = 8
    """Fresh seeds reported per activation and data set."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which learning rate and initial gain are chosen by validation error."""
    rates_around: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Multiples of the tuned learning rate at which fresh seeds are trained: verdicts must hold at all of them."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.004
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    gain: float = 2.0**0.5
    """Initial gain in the middle of the first tuning window, the same for every activation (sqrt 2 is He's)."""
    rates: int = 3
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 3
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: tuple[Name, ...] = ("digits", "mnist1d")
    """What the nets learn, each with verdicts of its own: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.data:
            checks.one_of(TITLES, data=name)
        checks.activations(self.activations, allow_prelu=False)
        checks.not_empty(activations=(RELU, *self.activations), data=self.data, rates_around=self.rates_around)
        checks.not_empty(kept=self.kept, pruned=self.pruned, bits=self.bits)
        checks.strictly_between(0, 1, kept=self.kept, pruned=self.pruned, confidence=self.confidence)
        checks.at_least(2, 16, bits=self.bits)
        checks.includes(EIGHT, bits=self.bits)
        checks.at_least(1, checks.MOST_LAYERS, depth=self.depth)
        checks.at_least(1, width=self.width, epochs=self.epochs, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.includes(1.0, rates_around=self.rates_around)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain, rates_around=self.rates_around)

    def kinds(self) -> dict[str, Activation]:
        """The activations by their names in the runs, ReLU first."""
        named: dict[str, Activation] = {name: name for name in (RELU, *self.activations)}
        return named | {top_name(share): TopK(share) for share in self.kept}


def top_name(share: float) -> str:
    """The name of a top-k activation in the runs."""
    return f"{TOP} {share}"


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("gelu",), (0.25,), (0.5, 0.9), (8, 2), 1, 8, 1, 3, 1, gains=1, windows=1, data=("digits",))


def full() -> Config:
    """More activations and shares, more seeds, and five times as many epochs: some ten minutes."""
    return Config(
        (*Config().activations, "elu"),
        (0.5, 0.25, 0.125),
        bits=(8, 7, 6, 5, 4, 3, 2),
        epochs=60,
        seeds=20,
    )


def run(config: Config, progress: Progress) -> Runs:
    """Train every activation on every data set, then prune and round."""
    cells = list(product(config.data, config.kinds().items()))
    parts = {name: load(name, config.folder) for name in config.data}
    runs: Runs = []
    zeros = np.zeros(0)
    for index, (data, (kind, activation)) in enumerate(cells):
        progress(index / len(cells), doing := f"{TITLES[data]}, {kind}")
        rows = kept(doing, _reported, config, parts[data], activation, None if kind == RELU else zeros)
        if kind == RELU:
            zeros = np.array([row["zeros"][-1] for row in rows])
        runs += [{"data": data, "kind": kind} | row for row in rows]
    progress(1.0, "done")
    return runs


class Checked(NamedTuple):
    """What is measured of every net while it is trained."""

    accuracy: Array
    loss: Array
    """Not finite for a net that diverged."""
    zeros: Array
    """Share of the outputs that are exactly 0 (net, layer)."""


@each_net()
def check(recipe: Recipe, state: State, x: Array, y: Array) -> Checked:
    """Accuracy, mean loss and zeros of every net."""

    def of_net(net: Net) -> Checked:
        output, preactivations = forward(recipe, net, x)
        zero = [jnp.mean(activate(recipe.activation, z, None) == 0) for z in preactivations]
        return Checked(jnp.mean(output.argmax(-1) == y), jnp.mean(losses(recipe, net, x, y)), jnp.stack(zero))

    return jax.lax.map(of_net, state.net)


@each_net(batched=2)
def score_pruned(recipe: Recipe, state: State, shares: Array, examples: Array, x: Array, y: Array) -> Array:
    """Accuracy (net, pruning) with these shares (net, pruning, layer) of all outputs set to 0."""

    def of_net(net: Net, shares: Array) -> Array:
        return jax.vmap(lambda share: jnp.mean(_pruned(recipe, net, share, examples, x).argmax(-1) == y))(shares)

    return jax.lax.map(lambda pair: of_net(*pair), (state.net, shares))


def _pruned(recipe: Recipe, net: Net, share: Array, examples: Array, x: Array) -> Array:
    """The output of a net for x, with thresholds that prune this share of each layer's outputs for the examples."""
    count = len(examples)
    hidden = jnp.concatenate([examples, x])
    for index, layer in enumerate(net[:-1]):
        hidden = activate(recipe.activation, hidden @ layer.weight + layer.bias[None], None)
        size = jnp.abs(hidden)
        hidden = jnp.where(size <= jnp.quantile(size[:count], share[index]), 0, hidden)
    return hidden[count:] @ net[-1].weight + net[-1].bias[None]


@each_net()
def score_rounded(recipe: Recipe, state: State, bits: Array, examples: Array, x: Array, y: Array) -> Array:
    """Accuracy (net, number of bits) with weights, inputs and outputs of so many bits."""

    def of_net(net: Net) -> Array:
        _, preactivations = forward(recipe, net, examples)
        inputs = [examples, *(activate(recipe.activation, z, None) for z in preactivations)]
        ranges = [(jnp.min(each), jnp.max(each)) for each in inputs]
        return jax.vmap(lambda bits: jnp.mean(_rounded(recipe, net, ranges, bits, x).argmax(-1) == y))(bits)

    return jax.lax.map(of_net, state.net)


def _rounded(recipe: Recipe, net: Net, ranges: list[tuple[Array, Array]], bits: Array, x: Array) -> Array:
    """The output of a net of integers; `ranges` are those of the inputs of each layer."""

    def dense(layer: Layer, bounds: tuple[Array, Array], x: Array) -> Array:
        return products(x, layer.weight, *bounds, bits) + layer.bias[None]

    for layer, bounds in zip(net[:-1], ranges[:-1], strict=True):
        x = activate(recipe.activation, dense(layer, bounds, x), None)
    return dense(net[-1], ranges[-1], x)


def _reported(config: Config, data: Data, activation: Activation, relu_zeros: np.ndarray | None) -> Runs:
    """One row per multiple of the tuned rate and fresh seed.

    `relu_zeros` are the shares of zeros (net, layer) of ReLU's nets; None for these nets themselves.
    """
    recipe = Recipe((data.train.x.shape[1], *[config.width] * config.depth, 10), activation, "adam", config.batch)
    window = (config.rate, config.gain, config.rates, config.windows, config.gains)
    setting = tune_rate(recipe, data, config.epochs, range(config.tuning_seeds), *window, objective=by_error)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(config.rates_around), [setting.gain])
    per_epoch = max(1, len(data.train.y) // config.batch)
    state = start = initial_state(recipe, grid)
    checked = [check(recipe, start, *data.test)]
    for _, state in resume(recipe, start, grid.seed, data.train, config.epochs * per_epoch, per_epoch):
        checked.append(check(recipe, state, *data.test))
    accuracy, loss, zeros = (np.stack(each, axis=1) for each in zip(*checked, strict=True))  # (net, epoch, ...)
    as_relu = zeros[:, -1] if relu_zeros is None else relu_zeros
    fixed = np.broadcast_to(np.array(config.pruned)[:, None], (len(as_relu), len(config.pruned), config.depth))
    shares = np.concatenate([as_relu[:, None], fixed], axis=1).astype(np.float32)
    examples = data.train.x[:EXAMPLES]  # the first ones, as `load` gives shuffled data
    pruned = np.asarray(score_pruned(recipe, state, shares, examples, *data.test))
    rounded = np.asarray(score_rounded(recipe, state, np.array(config.bits, np.int32), examples, *data.test))
    return [
        {"seed": seed, "multiple": multiple, "diverged": not np.isfinite(loss[i, -1])}
        | {"accuracies": accuracy[i].tolist(), "zeros": zeros[i].tolist()}
        | {"as_relu": float(pruned[i, 0]), "pruned": pruned[i, 1:].tolist(), "rounded": rounded[i].tolist()}
        | setting._asdict()
        for i, (multiple, seed) in enumerate(product(config.rates_around, seeds))
    ]
