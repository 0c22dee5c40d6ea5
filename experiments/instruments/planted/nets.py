"""Three small architectures in plain Equinox, with data that they learn in a few hundred steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

M = TypeVar("M")
Activation = Callable[[Array], Array]
GAINS: dict[str, float] = {"relu": sqrt(2), "leaky_relu": sqrt(2), "gelu": sqrt(2), "silu": sqrt(2), "elu": sqrt(2)}
"""Initial weights have deviation gain / sqrt(fan-in): He's for rectifiers and their kin, else LeCun's, of gain 1."""
CLASSES = 4
POSITIONS = np.float32(0.1)
"""The deviation of the numbers that tell a transformer's tokens apart."""


class Mlp(eqx.Module):
    """Linear layers with an activation after each but the last."""

    layers: list[eqx.nn.Linear]
    activations: tuple[Activation, ...]

    def __init__(self, sizes: Sequence[int], activations: Sequence[Activation], key: Array):
        keys = jax.random.split(key, len(sizes))
        shapes = zip(sizes[:-1], sizes[1:], keys[1:], strict=True)
        self.layers = [eqx.nn.Linear(ins, outs, key=key) for ins, outs, key in shapes]
        self.activations = tuple(activations)

    def __call__(self, x: Array) -> Array:
        for layer, activation in zip(self.layers, self.activations, strict=False):
            x = activation(layer(x))
        return self.layers[-1](x)


class Convnet(eqx.Module):
    """3 x 3 convolutions, the second of which halves the sides, with an activation after each; their mean; a layer."""

    convs: list[eqx.nn.Conv2d]
    head: eqx.nn.Linear
    activations: tuple[Activation, ...]

    def __init__(self, channels: Sequence[int], activations: Sequence[Activation], key: Array, outputs: int = CLASSES):
        keys = jax.random.split(key, len(channels))
        strides = [2 if at == 1 else 1 for at in range(len(channels) - 1)]
        shapes = zip(channels[:-1], channels[1:], strides, keys[1:], strict=True)
        self.convs = [eqx.nn.Conv2d(ins, outs, 3, stride, 1, key=key) for ins, outs, stride, key in shapes]
        self.head = eqx.nn.Linear(channels[-1], outputs, key=keys[0])
        self.activations = tuple(activations)

    def __call__(self, x: Array) -> Array:
        for conv, activation in zip(self.convs, self.activations, strict=True):
            x = activation(conv(x))
        return self.head(x.mean((1, 2)))


class Block(eqx.Module):
    """Attention and a layer with an activation, each after a LayerNorm and added to the residual stream."""

    first_norm: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    second_norm: eqx.nn.LayerNorm
    up: eqx.nn.Linear
    down: eqx.nn.Linear
    activation: Activation

    def __init__(self, width: int, activation: Activation, key: Array):
        keys = jax.random.split(key, 3)
        self.first_norm, self.second_norm = eqx.nn.LayerNorm(width), eqx.nn.LayerNorm(width)
        self.attention = eqx.nn.MultiheadAttention(2, width, key=keys[0])
        self.up = eqx.nn.Linear(width, 2 * width, key=keys[1])
        self.down = eqx.nn.Linear(2 * width, width, key=keys[2])
        self.activation = activation

    def __call__(self, x: Array) -> Array:
        normal = jax.vmap(self.first_norm)(x)
        x = x + self.attention(normal, normal, normal)
        return x + jax.vmap(lambda row: self.down(self.activation(self.up(self.second_norm(row)))))(x)


class Transformer(eqx.Module):
    """An embedding with positions, blocks, a LayerNorm, the mean over the tokens, and layers as in an MLP."""

    embedding: eqx.nn.Linear
    positions: Array
    blocks: list[Block]
    norm: eqx.nn.LayerNorm
    head: Mlp

    def __init__(
        self, features: int, tokens: int, width: int, activations: Sequence[Activation], key: Array, **head: Any
    ):
        keys = jax.random.split(key, len(activations) + 3)
        self.embedding = eqx.nn.Linear(features, width, key=keys[0])
        self.positions = POSITIONS * jax.random.normal(keys[1], (tokens, width))
        self.blocks = [Block(width, activation, key) for activation, key in zip(activations, keys[3:], strict=True)]
        self.norm = eqx.nn.LayerNorm(width)
        of_head: Sequence[Activation] = head.get("head", ())
        self.head = Mlp([width] * (len(of_head) + 1) + [head.get("outputs", CLASSES)], of_head, keys[2])

    def __call__(self, x: Array) -> Array:
        x = jax.vmap(self.embedding)(x) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(jax.vmap(self.norm)(x).mean(0))


def is_layer(node: Any) -> bool:
    """Whether it multiplies by a matrix."""
    return isinstance(node, eqx.nn.Linear | eqx.nn.Conv)


def initialised(make: Callable[[Array], M], gain: float, seed: int) -> M:
    """make(key) with normal weights of deviation gain / sqrt(fan-in); biases are 0 and the weights of norms 1.

    NumPy draws them, and `make` is not run: to compile jax.random for every shape takes longer than the rest.
    """
    rng = np.random.default_rng(seed)

    def draw(keys: Any, leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        name = getattr(keys[-1], "name", "")
        if name == "weight" and len(leaf.shape) > 1:
            values = rng.standard_normal(leaf.shape, np.float32) * np.float32(gain / sqrt(np.prod(leaf.shape[1:])))
        elif name == "positions":
            values = POSITIONS * rng.standard_normal(leaf.shape, np.float32)
        else:
            values = np.full(leaf.shape, float(name == "weight"), np.float32)
        return jnp.asarray(values)

    return jax.tree_util.tree_map_with_path(draw, eqx.filter_eval_shape(make, jax.random.key(0)))


def activation(name: str) -> Activation:
    """The function of jax.nn."""
    return getattr(jax.nn, name)


@dataclass(frozen=True)
class Dataset:
    """Standardised inputs, and labels or standardised numbers."""

    x: np.ndarray
    y: np.ndarray

    def batches(self, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Some batches, (batch, example, ...)."""
        rows = np.random.default_rng(seed).integers(0, len(self.x), (count, size))
        return self.x[rows], self.y[rows]


def taught(shape: tuple[int, ...], seed: int = 0, rows: int = 2048) -> Dataset:
    """Normal inputs; the label is the largest of four random smooth functions of them."""
    rng = np.random.default_rng([seed, 11])
    x = rng.standard_normal((rows, *shape), np.float32)
    if len(shape) > 1:  # whole images and sequences differ, else their means hold nothing to learn
        x += rng.standard_normal((rows, shape[0], *[1] * (len(shape) - 1)), np.float32)
        x /= np.sqrt(np.float32(2))
    flat = x.reshape(rows, -1)
    first = rng.standard_normal((flat.shape[1], 16), np.float32) / np.sqrt(np.float32(flat.shape[1]))
    y = np.tanh(2 * flat @ first) @ rng.standard_normal((16, CLASSES), np.float32)
    return Dataset(x, (y - y.mean(0)).argmax(1).astype(np.int32))


def cross_entropy(model: Any, x: Array, y: Array) -> Array:
    """The mean of -log softmax at the labels."""
    logs = jax.nn.log_softmax(jax.vmap(model)(x).astype(jnp.float32))
    return -jnp.mean(jnp.take_along_axis(logs, y[:, None], axis=1))


def squared_error(model: Any, x: Array, y: Array) -> Array:
    """The mean of (output - y)^2."""
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)
