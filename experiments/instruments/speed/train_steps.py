"""One step of gradient descent of small nets, with our activations and with jax.nn's."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .pairs import ROW_FUNCTIONS, Programs, normal, pair
from .reductions import layer_norm

Model = Callable[..., tuple[Callable[[Any], Array], Any]]
"""From activations to the loss, a function of the weights, and to the initial weights."""


class Step(NamedTuple):
    """A net, and the activations in it."""

    what: str
    functions: tuple[str, ...]
    model: Model


def steps(names: Sequence[str]) -> list[Step]:
    """All nets whose activations are among the names."""
    all_steps = [
        *(Step(what, (name,), model) for name in ("relu", "silu", "gelu") for what, model in FEEDFORWARD.items()),
        Step("LSTM", ("sigmoid", "tanh"), lstm),
        Step("GRU", ("sigmoid", "tanh"), gru),
        Step("transformer block", ("softmax", "gelu"), transformer),
    ]
    return [step for step in all_steps if set(step.functions) <= set(names)]


def timed(step: Step) -> Callable[[], Programs]:
    """The step with the activations of both libraries."""

    def programs() -> Programs:
        libraries = {name: _over_last_axis(name) if name in ROW_FUNCTIONS else pair(name) for name in step.functions}
        return {
            library: _training(*step.model(*(libraries[name][library] for name in step.functions)))
            for library in ("jaxact", "jax.nn")
        }

    return programs


def mlp(f: Callable[[Array], Array]) -> tuple[Callable[[Any], Array], Any]:
    """4 layers of width 1024, batches of 256."""
    weights = [normal((1024, 1024), seed=i) / 64 for i in range(4)]
    x = normal((256, 1024), seed=9)

    def loss(weights: Any) -> Array:
        y = x
        for weight in weights:
            y = f(y @ weight)
        return jnp.mean(y * y)

    return loss, weights


def convnet(f: Callable[[Array], Array]) -> tuple[Callable[[Any], Array], Any]:
    """Two 3 x 3 convolutions of 16 and 32 channels on 32 images of 28 x 28."""
    weights = [normal((16, 1, 3, 3)) / 3, normal((32, 16, 3, 3)) / 12]
    x = normal((32, 1, 28, 28), seed=9)

    def loss(weights: Any) -> Array:
        y = x
        for weight in weights:
            y = f(jax.lax.conv(y, weight, (1, 1), "SAME"))
        return jnp.mean(y * y)

    return loss, weights


FEEDFORWARD: dict[str, Model] = {"MLP": mlp, "convnet": convnet}


def lstm(sigmoid: Callable[[Array], Array], tanh: Callable[[Array], Array]) -> tuple[Callable[[Any], Array], Any]:
    """32 sequences of 64 steps, 256 units."""
    x = normal((64, 32, 256), seed=9)

    def loss(weights: Any) -> Array:
        def cell(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], None]:
            h, c = carry
            i, o, forget, g = jnp.split(jnp.concatenate([x, h], -1) @ weights, 4, -1)
            c = sigmoid(forget) * c + sigmoid(i) * tanh(g)
            return (sigmoid(o) * tanh(c), c), None

        zeros = jnp.zeros((32, 256))
        (h, _), _ = jax.lax.scan(cell, (zeros, zeros), x)
        return jnp.mean(h * h)

    return loss, normal((512, 1024)) / 48


def gru(sigmoid: Callable[[Array], Array], tanh: Callable[[Array], Array]) -> tuple[Callable[[Any], Array], Any]:
    """32 sequences of 64 steps, 256 units."""
    x = normal((64, 32, 256), seed=9)

    def loss(weights: Any) -> Array:
        by_x, by_h = weights

        def cell(h: Array, x: Array) -> tuple[Array, None]:
            reset_x, update_x, new_x = jnp.split(x @ by_x, 3, -1)
            reset_h, update_h, new_h = jnp.split(h @ by_h, 3, -1)
            update = sigmoid(update_x + update_h)
            new = tanh(new_x + sigmoid(reset_x + reset_h) * new_h)
            return update * h + (1 - update) * new, None

        h, _ = jax.lax.scan(cell, jnp.zeros((32, 256)), x)
        return jnp.mean(h * h)

    return loss, (normal((256, 768)) / 32, normal((256, 768), seed=1) / 32)


def transformer(
    softmax: Callable[[Array], Array], gelu: Callable[[Array], Array]
) -> tuple[Callable[[Any], Array], Any]:
    """A pre-LayerNorm block of width 128 with 4 heads on 8 sequences of 128 tokens."""
    x = normal((8, 128, 128), seed=9)
    shapes = ((128, 384), (128, 128), (128, 512), (512, 128))

    def loss(weights: Any) -> Array:
        into_heads, out_of_heads, up, down = weights
        heads = (layer_norm(x) @ into_heads).reshape(8, 128, 3, 4, 32)
        query, key, value = (heads[:, :, i] for i in range(3))
        attention = softmax(jnp.einsum("bqhd,bkhd->bhqk", query, key) / 32**0.5)
        y = x + jnp.einsum("bhqk,bkhd->bqhd", attention, value).reshape(8, 128, 128) @ out_of_heads
        y = y + gelu(layer_norm(y) @ up) @ down
        return jnp.mean(y * y)

    return loss, [normal(shape, seed=i) / (2 * shape[0] ** 0.5) for i, shape in enumerate(shapes)]


def _over_last_axis(name: str) -> dict[str, Callable[[Array], Array]]:
    return {library: lambda x, f=f: f(x, x) for library, f in ROW_FUNCTIONS[name].items()}


def _training(loss: Callable[[Any], Array], weights: Any) -> Callable[[], Any]:
    optimiser = optax.sgd(0.01)
    state = optimiser.init(weights)

    @jax.jit
    def step(weights: Any) -> Any:
        updates, _ = optimiser.update(jax.grad(loss)(weights), state)
        return optax.apply_updates(weights, updates)

    return lambda: step(weights)
