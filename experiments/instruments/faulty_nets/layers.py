"""The layers of the faulty nets, from Equinox, initialised as Keras does where the facts say nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod, sqrt
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .cases import CaseError, chosen, needed, only, positive

BATCH_AXIS = "batch"
"""The name of the axis over which `BatchNorm` averages: the net is vmapped under this name."""

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "mish": jax.nn.mish,
    "sigmoid": jax.nn.sigmoid,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "tanh": jnp.tanh,
    "hard_tanh": jax.nn.hard_tanh,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "exponential": jnp.exp,
    "softmax": partial(jax.nn.softmax, axis=0),
    "log_softmax": partial(jax.nn.log_softmax, axis=0),
}
"""Axis 0 of one example is that of the units and of the channels."""

TRUNCATED = 0.87962566103423978
"""The deviation of a standard normal variable that is drawn again beyond 2."""
FANS: dict[str, tuple[float, str]] = {"he": (2.0, "in"), "glorot": (1.0, "average"), "lecun": (1.0, "in")}
"""By author: the variance of initial weights is this number over this fan."""
UNSCALED: dict[str, float] = {
    "normal": 0.05,
    "uniform": 0.05,
    "truncated_normal": 0.05,
    "constant": 0.0,
    "zeros": 0.0,
    "ones": 1.0,
}
"""Others, with Keras's deviation, limit or value. A number may follow the name: "normal1"."""
INITIAL = (*(f"{author}_{how}" for author in FANS for how in ("normal", "uniform")), "orthogonal", *UNSCALED)


class BatchNorm(eqx.Module):
    """(x - mean) / deviation over the batch, times a weight, plus a bias; axis 0 has the channels."""

    weight: Array
    bias: Array
    epsilon: float = eqx.field(static=True, default=1e-3)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        def mean(values: Array) -> Array:
            return lax.pmean(values.mean(tuple(range(1, x.ndim)), keepdims=True), BATCH_AXIS)

        centred = x - mean(x)
        weight, bias = (each.reshape(-1, *[1] * (x.ndim - 1)) for each in (self.weight, self.bias))
        return centred * lax.rsqrt(mean(centred**2) + self.epsilon) * weight + bias


class Recurrent(eqx.Module):
    """The last output of a cell over the steps of a series (step, number)."""

    cell: Any

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        start = jnp.zeros(self.cell.hidden_size)
        lstm = isinstance(self.cell, eqx.nn.LSTMCell)
        last, _ = lax.scan(lambda state, row: (self.cell(row, state), None), (start, start) if lstm else start, x)
        return last[0] if lstm else last


class Built(NamedTuple):
    """A net and where its layers are."""

    net: eqx.nn.Sequential
    weighted: tuple[int, ...]
    """The places of the layers with weights among the layers of the net."""
    activated: tuple[int, ...]
    """By activation that is not linear, in the net's order: the number of the layer with weights before it."""
    outputs: int
    draws: bool
    """Whether the net draws random numbers (dropout)."""


def build(model: Sequence[Mapping[str, Any]], shape: tuple[int, ...], seed: int = 0) -> Built:
    """The net for examples of this shape.

    Raises:
        CaseError: a word is unknown, or a layer does not fit the one before.
    """
    layers: list[Any] = []
    weighted: list[int] = []
    activated: list[int] = []
    for at, facts in enumerate(model):
        word = next((word for word in LAYERS if word in facts), None)
        if word is None:
            raise CaseError(f"layer {at} is {facts}, but an object with one of {', '.join(LAYERS)} is expected.")
        make, entries = LAYERS[word]
        only(f"layer {at}", facts, (word, *entries))
        try:
            new = make(facts, shape, np.random.default_rng([seed, at]))
            weighted += [len(layers)] * (word in WEIGHTED)
            name = facts.get("act") or "linear"
            activation = chosen("activation", name, ACTIVATIONS)
            if name != "linear":
                new = [*new, eqx.nn.Lambda(activation)]
                activated.append(max(len(weighted) - 1, 0))
            layers += new
            before, shape = shape, _shape_after(eqx.nn.Sequential(new), shape)
            if 0 in shape:
                raise CaseError(
                    f"layer {at} is {facts}, but one that is not larger than its input {before} is expected."
                )
        except CaseError:
            raise
        except (TypeError, ValueError, IndexError) as problem:
            reason = str(problem).partition("\n")[0]
            raise CaseError(
                f"layer {at} is {facts} after an output of shape {shape}, which does not fit ({reason}), "
                "but a layer that takes this shape is expected."
            ) from problem
    if len(shape) != 1:
        raise CaseError(f"the output of the last layer has shape {shape}, but a row of numbers is expected.")
    if not weighted:
        raise CaseError("no layer of the model has weights, but at least one is expected.")
    draws = any(isinstance(layer, eqx.nn.Dropout) for layer in layers)
    return Built(eqx.nn.Sequential(layers), tuple(weighted), tuple(activated), shape[0], draws)


def _shape_after(layers: eqx.nn.Sequential, shape: tuple[int, ...]) -> tuple[int, ...]:
    def batched(x: Array) -> Array:
        return jax.vmap(lambda x: layers(x, key=jax.random.key(0)), axis_name=BATCH_AXIS)(x)

    return jax.eval_shape(batched, jax.ShapeDtypeStruct((2, *shape), jnp.float32)).shape[1:]


def _initial(name: Any, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Initial weights (out, in, ...) or biases by their name, which a number may follow, or a number itself.

    NumPy draws them: to compile jax.random for every shape takes longer than to train some of the nets.
    """
    if isinstance(name, int | float) and not isinstance(name, bool):
        return np.full(shape, name, np.float32)
    parts = re.fullmatch(r"(?:random_)?([a-z_]+?)_?(\d[\d.e-]*)?", str(name))
    word, number = parts.groups() if parts else (str(name), None)
    chosen("initial value", word, dict.fromkeys(INITIAL))
    if word in UNSCALED:
        return _drawn(word, float(number) if number else UNSCALED[word], shape, rng)
    if len(shape) < 2:
        raise CaseError(f"bias is {name!r}, which needs a matrix, but one of {', '.join(UNSCALED)} is expected.")
    if word == "orthogonal":
        rows = rng.standard_normal((max(shape[0], prod(shape[1:])), min(shape[0], prod(shape[1:]))))
        square, upper = np.linalg.qr(rows)
        square = square * np.sign(np.diag(upper))
        return (square if shape[0] > prod(shape[1:]) else square.T).reshape(shape).astype(np.float32)
    author, how = word.split("_")
    numerator, fan = FANS[author]
    fans = {"in": prod(shape[1:]), "average": (prod(shape[1:]) + shape[0] * prod(shape[2:])) / 2}
    deviation = sqrt(numerator / fans[fan])
    return (
        _drawn("truncated_normal", deviation / TRUNCATED, shape, rng)
        if how == "normal"
        else _drawn(how, sqrt(3) * deviation, shape, rng)
    )


def _drawn(how: str, size: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers of this deviation (before truncation), within this limit, or of this value."""
    if how == "uniform":
        return rng.uniform(-size, size, shape).astype(np.float32)
    if how not in ("normal", "truncated_normal"):
        return np.full(shape, size, np.float32)
    draws = rng.standard_normal(shape)
    while how == "truncated_normal" and (far := np.abs(draws) > 2).any():
        draws[far] = rng.standard_normal(far.sum())
    return (size * draws).astype(np.float32)


def _weights(make: Callable[..., Any], facts: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """A layer with the initial weights and biases that the facts name."""
    layer = eqx.filter_eval_shape(make, key=jax.random.key(0))
    weight = _initial(facts.get("init", "glorot_uniform"), layer.weight.shape, rng)
    bias = _initial(facts.get("bias", "zeros"), layer.bias.shape[:1], rng).reshape(layer.bias.shape)
    return eqx.tree_at(lambda layer: (layer.weight, layer.bias), layer, (jnp.asarray(weight), jnp.asarray(bias)))


def _dense(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    if len(shape) != 1:
        raise CaseError(
            f"a dense layer follows an output of shape {shape}, but {{'flatten': 1}} is expected before it."
        )
    make = partial(eqx.nn.Linear, shape[0], positive("dense", facts["dense"]))
    return [_weights(make, facts, rng)]


def _conv(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    if not 1 < len(shape) < 5:
        raise CaseError(f"conv follows an output of shape {shape}, but channels and a series or an image are expected.")
    spatial, pad, size = len(shape) - 1, facts.get("pad", 0), positive("k", needed("conv", facts, "k"))
    padding = {"same": "SAME", "valid": 0}.get(pad, pad) if isinstance(pad, str) else pad
    stride = positive("stride", facts.get("stride", 1))
    make = partial(eqx.nn.Conv, spatial, shape[0], positive("conv", facts["conv"]), size, stride, padding)
    return [_weights(make, facts, rng)]


def _pool(
    word: str, *kinds: type[Any]
) -> Callable[[Mapping[str, Any], tuple[int, ...], np.random.Generator], list[Any]]:
    def make(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
        if not 0 < len(shape) - 1 <= len(kinds):
            raise CaseError(f"{word} follows an output of shape {shape}, but a series or an image is expected.")
        size = positive(word, facts[word])
        return [kinds[len(shape) - 2](size, positive("stride", facts.get("stride", size)), facts.get("pad", 0))]

    return make


def _dropout(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    if not 0 <= facts["dropout"] <= 1:
        raise CaseError(f"dropout is {facts['dropout']}, but a number from 0 to 1 is expected.")
    return [eqx.nn.Dropout(facts["dropout"])]


def _batch_norm(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    return [BatchNorm(jnp.ones(shape[0]), jnp.zeros(shape[0]))]


def _recurrent(
    word: str, cell: type[Any]
) -> Callable[[Mapping[str, Any], tuple[int, ...], np.random.Generator], list[Any]]:
    def make(facts: Mapping[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
        if len(shape) != 2:
            raise CaseError(f"{word} follows an output of shape {shape}, but steps and numbers are expected.")
        key = jax.random.key(rng.integers(2**31))
        return [Recurrent(cell(shape[1], positive(word, facts[word]), key=key))]

    return make


Make = Callable[[Mapping[str, Any], tuple[int, ...], np.random.Generator], list[Any]]
LAYERS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "dense": (_dense, ("act", "init", "bias")),
    "conv": (_conv, ("k", "act", "init", "bias", "pad", "stride")),
    "lstm": (_recurrent("lstm", eqx.nn.LSTMCell), ()),
    "gru": (_recurrent("gru", eqx.nn.GRUCell), ()),
    "pool": (_pool("pool", eqx.nn.MaxPool1d, eqx.nn.MaxPool2d), ("stride", "pad")),
    "avgpool": (_pool("avgpool", eqx.nn.AvgPool1d, eqx.nn.AvgPool2d), ("stride", "pad")),
    "dropout": (_dropout, ()),
    "flatten": (lambda facts, shape, rng: [eqx.nn.Lambda(jnp.ravel)], ()),
    "batchnorm": (_batch_norm, ("act",)),
    "layernorm": (lambda facts, shape, rng: [eqx.nn.LayerNorm(shape)], ("act",)),
    "act": (lambda facts, shape, rng: [], ()),
}
"""By the word that names a layer: the function that makes it, and the other entries that it may have."""
WEIGHTED = ("dense", "conv", "lstm", "gru")
"""The layers that `where` counts."""
