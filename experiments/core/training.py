"""The training loop of all questions: many small nets are trained side by side, each with its own seed and settings."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import ArrayLike

import jaxact

from .convolution import Window, patches
from .data import Split
from .devices import each_net

OPTIMIZERS: dict[str, Any] = {
    "sgd": optax.identity(),
    "clipped_sgd": optax.clip_by_global_norm(1.0),
    "momentum": optax.trace(0.9),
    "adam": optax.scale_by_adam(),
}
"""The transformation of the gradient by each optimiser, before the learning rate scales it."""

Activation = str | Callable[[Array], Array]
MAXOUT_PIECES = 2
FRESH = 1000  # reported seeds start here, out of reach of the tuning seeds
NORM_EPSILON = 1e-5  # of torch.nn.LayerNorm and eqx.nn.LayerNorm
PRELU_START = 0.25  # where He et al. 2015, who introduced PReLU, start the learnt slope


class Recipe(NamedTuple):
    """What all nets trained side by side share. It is hashable, so that jit compiles once per recipe."""

    sizes: tuple[int, ...]
    """Width of every layer, input and output included."""
    activation: Activation
    """Name of a jaxact function, or any function that can be hashed, applied between layers."""
    optimizer: str = "sgd"
    """A key of OPTIMIZERS."""
    batch: int = 32
    """Examples per step; all of them where there are fewer."""
    loss: str = "cross_entropy"
    """cross_entropy for labels, squared_error for numbers."""
    windows: tuple[Window, ...] = ()
    """The windows of the first layers, if these are convolutions."""
    custom_forward: Callable[[Any, Array], Array] | None = None
    """The output of a net for examples, if its layers are not in sequence."""
    normalised: bool = False
    """Whether `layer_norm` is applied to the pre-activations of the hidden layers, before the bias is added."""


class Grid(NamedTuple):
    """What differs between the nets of a grid: arrays with one entry per net, so that all share one compilation."""

    seed: np.ndarray
    """Determines the initial weights and the order of the examples."""
    rate: np.ndarray
    """Learning rate."""
    gain: np.ndarray
    """Initial weights have deviation gain / sqrt(fan-in): 1 is LeCun's rule, sqrt(2) is He's."""
    bias: np.ndarray
    """Initial bias of the hidden layers."""

    @classmethod
    def of(cls, seeds: ArrayLike, rates: ArrayLike, gains: ArrayLike = (1.0,), bias: float = 0.0) -> "Grid":
        """One net for every combination; the seed varies fastest."""
        rate, gain, seed = (axis.ravel() for axis in np.meshgrid(rates, gains, seeds, indexing="ij"))
        rest = (axis.astype(np.float32) for axis in (rate, gain, np.full(rate.shape, bias)))
        return cls(seed.astype(np.int32), *rest)


class Layer(NamedTuple):
    """Parameters of one layer; `slope` only where the activation learns one (PReLU)."""

    weight: Array
    bias: Array
    slope: Array | None


Net = tuple[Layer, ...]


class State(NamedTuple):
    """Everything that changes in training; the leading axis is the net."""

    net: Any
    """A Net, or the parameters that the recipe's `custom_forward` takes."""
    optimizer_state: Any
    rate: Array


def forward(recipe: Recipe, net: Net, x: Array, probes: list[Array] | None = None) -> tuple[Array, list[Array]]:
    """The output of one net and the pre-activations of its hidden layers.

    `probes` are added to the pre-activations: pass zeros, and their gradient is the gradient that reaches each unit.
    Those of a convolution have one row per window. A net with a `custom_forward` gives no pre-activations.
    """
    if recipe.custom_forward:
        return recipe.custom_forward(net, x), []
    preactivations = []
    for index, layer in enumerate(net[:-1]):
        inputs = patches(recipe.windows[index], x) if index < len(recipe.windows) else _flat(layer, x)
        z = inputs @ layer.weight
        z = (layer_norm(z) if recipe.normalised else z) + layer.bias[None]
        z = z if probes is None else z + probes[index]
        preactivations.append(z)
        x = activate(recipe.activation, z, layer.slope)
    return _flat(net[-1], x) @ net[-1].weight + net[-1].bias[None], preactivations


def layer_norm(z: Array) -> Array:
    """(z - mean) / deviation over the units of a layer, without a learnt scale: https://arxiv.org/abs/1607.06450."""
    centred = z - jnp.mean(z, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(jnp.square(centred), -1, keepdims=True) + NORM_EPSILON)


def losses(recipe: Recipe, net: Net, x: Array, y: Array, probes: list[Array] | None = None) -> Array:
    """The loss of each example, or of each symbol of each example."""
    output, _ = forward(recipe, net, x, probes)
    if recipe.loss == "squared_error":
        return jnp.mean((output - y) ** 2, axis=-1)
    return -jnp.take_along_axis(jaxact.log_softmax(output), y[..., None], axis=-1)[..., 0]


def train(recipe: Recipe, grid: Grid, data: Split, steps: int, check_every: int) -> Iterator[tuple[int, State]]:
    """Train, and yield the step and the nets every `check_every` steps; the caller measures, stops or goes on."""
    yield from resume(recipe, initial_state(recipe, grid), grid.seed, data, steps, check_every)


def resume(
    recipe: Recipe,
    state: State,
    seed: np.ndarray,
    data: Split,
    steps: int,
    check_every: int,
    rows: Mapping[int, np.ndarray] | None = None,
) -> Iterator[tuple[int, State]]:
    """As `train`, from nets that are given; `rows` has the examples that the nets of each seed see, by default all."""
    unique, which = np.unique(seed, return_inverse=True)
    rows = rows or dict.fromkeys(map(int, unique), np.arange(len(data.x)))
    orders = [_batches(int(each), rows[int(each)], recipe.batch) for each in unique]
    for step in range(check_every, steps + 1, check_every):
        batches = np.stack([[next(order) for _ in range(check_every)] for order in orders])
        state = advance(recipe, state, batches[which], data.x, data.y)
        yield step, state


def restart(recipe: Recipe, state: State, rate: float) -> State:
    """The same nets at another learning rate, with a fresh optimiser state."""
    optimizer_state = jax.vmap(OPTIMIZERS[recipe.optimizer].init)(state.net)
    return State(state.net, optimizer_state, jnp.full_like(state.rate, rate))


@each_net()
def score(recipe: Recipe, state: State, x: Array, y: Array) -> tuple[Array, Array]:
    """Fraction of wrong answers and mean loss of every net; the loss of a net that diverged is not finite."""

    def of_net(net: Net) -> tuple[Array, Array]:
        output, _ = forward(recipe, net, x)
        regression = recipe.loss == "squared_error"
        wrong = jnp.abs(output - y) > 0.5 if regression else output.argmax(-1) != y
        return jnp.mean(wrong), jnp.mean(losses(recipe, net, x, y))

    return jax.lax.map(of_net, state.net)  # one net at a time stays in cache: twice as fast as vmap on a CPU


def activate(activation: Activation, z: Array, slope: Array | None) -> Array:
    """The activation, given by name or as a function, at z; `slope` is the one that PReLU has learnt, else None."""
    if slope is not None:
        return jaxact.prelu(z, slope[None])
    if activation == "maxout":
        return jaxact.maxout(z, pieces=MAXOUT_PIECES)
    return getattr(jaxact, activation)(z) if isinstance(activation, str) else activation(z)


def initial_state(recipe: Recipe, grid: Grid) -> State:
    """Nets before the first step: the same seed gives the same weights, up to the gain, for every activation.

    NumPy draws them: compiling jax.random for every shape takes longer than the training that follows.
    """
    unique, which = np.unique(grid.seed, return_inverse=True)
    rngs = [np.random.default_rng([0, int(seed)]) for seed in unique]
    net = tuple(_layer(recipe, rngs, which, grid, index) for index in range(len(recipe.sizes) - 1))
    return State(net, jax.vmap(OPTIMIZERS[recipe.optimizer].init)(net), jnp.asarray(grid.rate))


def _flat(layer: Layer, x: Array) -> Array:
    """The inputs of a dense layer: one row per example, also after convolutions."""
    return x.reshape(-1, layer.weight.shape[0])


def _layer(recipe: Recipe, rngs: list[np.random.Generator], which: np.ndarray, grid: Grid, index: int) -> Layer:
    """One layer of every net; a maxout unit has weights for each piece, and the output layer's bias starts at 0."""
    fan_in, width = recipe.sizes[index : index + 2]
    if index < len(recipe.windows):
        window = recipe.windows[index]
        fan_in, width = window.fan_in, width // prod(window.output_shape)
    hidden = index < len(recipe.sizes) - 2
    rows = width * MAXOUT_PIECES if hidden and recipe.activation == "maxout" else width
    draws = np.stack([rng.standard_normal((fan_in, rows), np.float32) for rng in rngs])[which]
    weight = draws * grid.gain[:, None, None] / np.float32(fan_in**0.5)
    bias = np.repeat(grid.bias[:, None] if hidden else np.zeros_like(grid.bias)[:, None], rows, axis=1)
    slope = jnp.full(bias.shape, PRELU_START) if hidden and recipe.activation == "prelu" else None
    return Layer(jnp.asarray(weight), jnp.asarray(bias), slope)


@each_net(batched=2)
def advance(recipe: Recipe, state: State, batches: Array, x: Array, y: Array) -> State:
    """One step for every batch in `batches` (net, step, example)."""

    def step(state: State, batch: Array) -> tuple[State, None]:
        def loss(net: Net) -> Array:
            return jnp.mean(losses(recipe, net, x[batch], y[batch]))

        gradient = jax.grad(loss)(state.net)
        direction, optimizer_state = OPTIMIZERS[recipe.optimizer].update(gradient, state.optimizer_state, state.net)
        net = jax.tree.map(lambda parameter, move: parameter - state.rate * move, state.net, direction)
        return State(net, optimizer_state, state.rate), None

    return jax.vmap(lambda state, batches: jax.lax.scan(step, state, batches)[0])(state, batches)


def _batches(seed: int, examples: np.ndarray, batch: int) -> Iterator[np.ndarray]:
    """Minibatches without end, reshuffled every epoch; the seed alone decides, so that activations share them."""
    batch = min(batch, len(examples))
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(examples).astype(np.int32)
        yield from order[: len(order) // batch * batch].reshape(-1, batch)
