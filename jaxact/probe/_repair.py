"""Repairs of a model: weights of single units drawn anew, a layer rescaled, other activations."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._facts import CATALOGUE
from ..init import gain
from ._measure import Measured, root_mean_square
from ._structure import Layer
from ._trace import is_array

Repair = Callable[[Any, jax.Array], Any]


def redraw_units(m: Measured, layer: Layer, units: tuple[int, ...], activation: str) -> Repair | None:
    """Draw the incoming weights of these units anew, by the gain of the activation, and set their biases to 0."""
    axis = layer.unit_axis
    if axis is None or max(units, default=0) >= layer.weight.shape[axis]:
        return None

    def repair(model: Any, key: jax.Array) -> Any:
        deviation = _gain(activation) / np.sqrt(layer.fan_in)

        def drawn(weight: Any) -> Any:
            chosen = jnp.zeros(layer.width, bool).at[jnp.asarray(units)].set(True)
            chosen = chosen.reshape([-1 if a == axis else 1 for a in range(weight.ndim)])
            return jnp.where(chosen, _draw(deviation, key, weight), weight)

        def zero(bias: Any) -> Any:
            flat = bias.reshape(-1)
            return flat.at[jnp.asarray(units)].set(0).reshape(bias.shape) if flat.size == layer.width else bias

        changes: dict[int, Callable[[Any], Any]] = {layer.weight.number: drawn}
        if layer.bias is not None:
            changes[layer.bias.number] = zero
        return _with_leaves(model, changes)

    return repair


def redraw_layers(m: Measured, layers: Sequence[Layer], activation: str = "") -> Repair:
    """Draw the weights of these layers anew, and set their biases to 0: by the gain of this activation behind all, or
    by that of each.
    """
    behind = {layer: found.activation for found, layer in m.structure.layer_of.items()}

    def repair(model: Any, key: jax.Array) -> Any:
        changes = {}
        for layer, own in zip(layers, jax.random.split(key, len(layers)), strict=True):
            deviation = _gain(activation or behind.get(layer, "")) / np.sqrt(layer.fan_in)
            changes[layer.weight.number] = functools.partial(_draw, deviation, own)
            if layer.bias is not None:
                changes[layer.bias.number] = jnp.zeros_like
        return _with_leaves(model, changes)

    return repair


def replace_activation(m: Measured, old: Sequence[str], new: Callable[..., Any], layers: Sequence[Layer]) -> Repair:
    """Replace the activation functions that the model has as leaves, and draw the layers anew for the new one."""
    functions = {f for f in _functions() if getattr(f, "__name__", "") in old}
    redraw = redraw_layers(m, layers, new.__name__)

    def repair(model: Any, key: jax.Array) -> Any:
        return redraw(jax.tree.map(lambda leaf: new if callable(leaf) and leaf in functions else leaf, model), key)

    return repair


def _functions() -> list[Any]:
    """The activations of jaxact, jax.nn and jax.numpy."""
    return [getattr(of, name) for of in (jax.nn, jnp, jax.lax) for name in dir(of) if name in CATALOGUE] + [
        facts.function for facts in CATALOGUE.values()
    ]


def _draw(deviation: float, key: jax.Array, weight: Any) -> Any:
    return (deviation * jax.random.normal(key, weight.shape, jnp.float32)).astype(weight.dtype)


def _gain(activation: str) -> float:
    """The gain of an activation; 1 for none."""
    facts = CATALOGUE.get(activation)
    return float(gain(facts.function)) if facts is not None and facts.elementwise else 1.0


def rescale_layer(m: Measured, layer: Layer) -> Repair:
    """Scale the weights and biases of a layer: the weights to the size that fits its activation and its fan-in.

    The first layer also makes up for large inputs. The factor depends on this layer alone, so that repairs of several
    layers can follow one another.
    """
    activation = next((found.activation for found, of in m.structure.layer_of.items() if of is layer), "")
    size = root_mean_square(m.parameters[layer.weight])
    signal = max(1.0, float(m.moments[layer.data].rms)) if layer in m.structure.first else 1.0
    factor = _gain(activation) / np.sqrt(layer.fan_in) / max(size, 1e-30) / signal

    def repair(model: Any, key: jax.Array) -> Any:
        def scale(leaf: Any) -> Any:
            return (leaf * factor).astype(leaf.dtype)

        numbers = [value.number for value in (layer.weight, layer.bias) if value is not None]
        return _with_leaves(model, dict.fromkeys(numbers, scale))

    return repair


def _with_leaves(model: Any, changes: dict[int, Callable[[Any], Any]]) -> Any:
    """The model with some of its arrays changed, counted in the order of its leaves."""
    leaves, structure = jax.tree.flatten(model)
    numbers = iter(range(len(leaves)))
    new = [changes.get(next(numbers), lambda leaf: leaf)(leaf) if is_array(leaf) else leaf for leaf in leaves]
    return jax.tree.unflatten(structure, new)
