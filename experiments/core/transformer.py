"""A causal transformer: what its nets share is `Transformer`, its parameters are a tree, and it is a pure function.

A call maps the parameters of one net and windows of symbols to logits, so that it may be vmapped over nets, or jitted
with the windows split among devices. Every leaf of `Blocks` has one entry per layer, over which `lax.scan` runs.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from jaxact import init, nn

from . import checks
from .text import PART, SYMBOLS
from .training import OPTIMIZERS, Grid, Recipe, State, layer_norm

GATES = {"glu": "sigmoid", "reglu": "relu", "geglu": "gelu_exact", "swiglu": "silu", "bilinear": "identity"}
"""The gated activations, and the function of the gate."""
EMBEDDING = 0.5**0.5  # deviation of initial embeddings: the sum of two has a deviation of 1

Attention = Literal["softmax", "softcap", "qk_norm"]
Norm = Literal["layer_norm", "dynamic_tanh"]


class LayerNorm(NamedTuple):
    """The learnt part of LayerNorm."""

    gain: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """The normalised x, scaled and shifted per channel."""
        gain, bias = (leaf.reshape((1,) * (x.ndim - 1) + (-1,)) for leaf in self)
        return layer_norm(x) * gain + bias


class Blocks(NamedTuple):
    """Parameters of all layers; `query_gain` and `key_gain` only where queries and keys are normalised."""

    before_attention: Any
    queries_keys_values: Array
    query_gain: Array | None
    key_gain: Array | None
    out: Array
    before_mlp: Any
    up: Array
    """With a gated activation the first half of the columns are features, the second the gates."""
    down: Array


class Parameters(NamedTuple):
    """All parameters of a net."""

    symbols: Array
    """Embeddings of the symbols."""
    places: Array
    """Embeddings of the places in the window."""
    blocks: Blocks
    last: Any
    """The norm before the logits."""
    logits: Array


@dataclass(frozen=True)
class Transformer:
    """What all nets share: sizes, activation, attention and norm. It can be hashed, for `Recipe.custom_forward`."""

    symbols: int
    length: int
    """Symbols of a window."""
    width: int = 32
    layers: int = 2
    heads: int = 2
    hidden: int = 96
    """Units of the MLPs; with a gated activation two thirds of them, which takes as many parameters."""
    activation: str = "relu"
    """Name of an elementwise or a gated function of jaxact."""
    attention: Attention = "softmax"
    """What is done to attention's scores: nothing, a soft cap, or queries and keys are normalised before."""
    cap: float = 50.0
    """The largest score under a soft cap."""
    norm: Norm = "layer_norm"
    """What stands before attention, MLP and logits."""

    def __call__(self, parameters: Parameters, x: Array) -> Array:
        """The logits of the symbol after each one of x: (window, place, symbol)."""
        return self.forward(parameters, x)[0]

    def forward(self, parameters: Parameters, x: Array) -> tuple[Array, Array]:
        """The same, and the scores of attention: (layer, window, head, place, place that is attended to)."""
        stream = parameters.symbols[x] + parameters.places[None, : x.shape[1]]

        def layer(stream: Array, block: Blocks) -> tuple[Array, Array]:
            mixed, scores = self._attend(block, block.before_attention(stream))
            stream = stream + mixed
            units = getattr(jaxact, self.activation)(block.before_mlp(stream) @ block.up)
            return stream + units @ block.down, scores

        stream, scores = jax.lax.scan(layer, stream, parameters.blocks)
        return parameters.last(stream) @ parameters.logits, scores

    def initial(self, seed: int) -> Parameters:
        """The net of a seed; nets of a seed share all weights of the same shape, whatever the activation is.

        Weights have LeCun's deviation, 1 / sqrt(fan-in). Those that write to the residual stream are divided by the
        root of their number, as in GPT-2, and those behind the activation are multiplied by its gain, so that the
        MLPs of all activations start with outputs of the same size.
        """
        width, layers, columns = self.width, self.layers, self.units * (2 if self.gated else 1)
        rngs = iter([np.random.default_rng([seed, part]) for part in range(7)])

        def drawn(*shape: int, size: float = 1.0) -> Any:
            return next(rngs).standard_normal(shape, np.float32) * np.float32(size * shape[-2] ** -0.5)

        residual = (2 * layers) ** -0.5
        function = getattr(jaxact, GATES.get(self.activation, self.activation))
        gains: Any = np.ones((layers, 1, 1, 1, width // self.heads), np.float32)
        gains = gains if self.attention == "qk_norm" else None
        return Parameters(
            drawn(self.symbols, width, size=EMBEDDING * self.symbols**0.5),
            drawn(self.length, width, size=EMBEDDING * self.length**0.5),
            Blocks(
                self._norms(layers),
                drawn(layers, width, 3 * width),
                gains,
                gains,
                drawn(layers, width, width, size=residual),
                self._norms(layers),
                drawn(layers, width, columns),
                drawn(layers, self.units, width, size=residual * init.gain(function)),
            ),
            self._norms(),
            drawn(width, self.symbols),
        )

    @property
    def gated(self) -> bool:
        """Whether the activation is a gated linear unit."""
        return self.activation in GATES

    @property
    def units(self) -> int:
        """Units of the MLPs behind the activation."""
        return 2 * self.hidden // 3 if self.gated else self.hidden

    def _norms(self, *layers: int) -> Any:
        """The initial norms of so many layers, or one norm."""
        shape = (*layers, self.width)
        if self.norm == "layer_norm":
            gain, bias = (jnp.full(shape, number, jnp.float32) for number in (1, 0))
            return LayerNorm(gain, bias)
        one = nn.DynamicTanh(self.width, channel_axis=-1, dtype="float32")
        return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (*layers, *leaf.shape)), one)

    def _attend(self, block: Blocks, x: Array) -> tuple[Array, Array]:
        """The outputs of all heads together, and the scores."""
        size = self.width // self.heads
        joined = (x @ block.queries_keys_values).reshape(*x.shape[:-1], 3, self.heads, size)
        queries, keys, values = (joined[..., part, :, :].swapaxes(-2, -3) for part in range(3))
        if block.query_gain is not None and block.key_gain is not None:
            queries, keys = layer_norm(queries) * block.query_gain, layer_norm(keys) * block.key_gain
        scores = queries @ keys.swapaxes(-1, -2) * size**-0.5
        scores = jaxact.softcap(scores, self.cap) if self.attention == "softcap" else scores
        mixed = jaxact.softmax(scores, where=causal(x.shape[-2])) @ values
        return mixed.swapaxes(-2, -3).reshape(x.shape) @ block.out, scores


def causal(length: int) -> Array:
    """Which place (row) may attend to which (column): to itself and to all before."""
    return jnp.tri(length, dtype=bool)


def attention_entropy(scores: Array) -> Array:
    """The mean entropy of attention over that of uniform attention: 1 attends to all alike, 0 to one place each.

    The first place, which can attend to itself only, does not count.
    """
    length = scores.shape[-1]
    entropy = jaxact.entropy_from_logits(scores, where=causal(length))[..., 1:]
    return jnp.mean(entropy / jnp.log(jnp.arange(2.0, length + 1)).reshape((1,) * (entropy.ndim - 1) + (-1,)))


def initial_state(recipe: Recipe, grid: Grid) -> State:
    """Transformers before the first step, one for each entry of the grid, whose gains and biases are not used."""
    model = recipe.custom_forward
    assert isinstance(model, Transformer)
    unique, which = np.unique(grid.seed, return_inverse=True)
    drawn = [model.initial(int(seed)) for seed in unique]
    nets = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)[which]), *drawn)
    return State(nets, jax.vmap(OPTIMIZERS[recipe.optimizer].init)(nets), jnp.asarray(grid.rate))


def known(losses: Any, guess: float) -> np.ndarray:
    """The losses, in which those that are not finite, or larger than that of guessing, count as guessing."""
    return np.minimum(np.nan_to_num(np.asarray(losses, float), nan=np.inf), guess)


def check_sizes(config: Any, *activations: str) -> None:
    """Raise a ValueError if a size, a number of seeds or an activation in a question's settings is wrong."""
    checks.activations([name for name in activations if name not in GATES], allow_prelu=False)
    checks.strictly_between(0, 1, confidence=config.confidence)
    checks.at_least(2, seeds=config.seeds)
    checks.at_least(1, checks.MOST_LAYERS, layers=config.layers)
    checks.at_least(2, PART // 2, length=config.length)
    checks.at_least(1, width=config.width, heads=config.heads, hidden=config.hidden, batch=config.batch)
    checks.at_least(1, steps=config.steps, held_out=config.held_out, tuning_seeds=config.tuning_seeds)
    for name, divisor in (("width", config.heads), ("hidden", 3)):
        if getattr(config, name) % divisor:
            raise ValueError(f"{name} is {getattr(config, name)}, but a multiple of {divisor} is expected.")


def recipe_of(config: Any, activation: str, **others: Any) -> Recipe:
    """The nets of a question's settings, for `training`; `others` are further fields of the Transformer."""
    sizes = {name: getattr(config, name) for name in ("length", "width", "layers", "heads", "hidden")}
    model = Transformer(SYMBOLS, **sizes, activation=activation, **others)
    return Recipe((), activation, "adam", config.batch, custom_forward=model)


def net_text(config: Any, parameters: int) -> str:
    """The nets of a question's settings."""
    return (
        f"causal transformers of {parameters:,} parameters ({config.layers} layers of width {config.width}, windows of "
        f"{config.length} characters)"
    )


def budget_text(config: Any) -> str:
    """What the nets of a question's settings were allowed."""
    return f"{config.steps} steps of Adam on {config.batch * config.length} characters each, {config.seeds} seeds"


def count(parameters: Parameters) -> int:
    """The number of parameters of one net."""
    return sum(prod(leaf.shape) for leaf in jax.tree.leaves(parameters))
