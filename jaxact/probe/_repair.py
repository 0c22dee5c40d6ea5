"""Repairs of a model: weights of single units drawn anew, a layer rescaled, other activations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._facts import CATALOGUE
from ._measure import Measured
from ._structure import Layer
from ._trace import is_array

Repair = Callable[[Any, jax.Array], Any]


def redraw_units(m: Measured, layer: Layer, units: tuple[int, ...], activation: str) -> Repair | None:
    """Draw the incoming weights of these units anew, by the gain of the activation, and set their biases to 0."""
    axis = layer.unit_axis
    if axis is None or max(units, default=0) >= layer.weight.shape[axis]:
        return None

    def repair(model: Any, key: jax.Array) -> Any:
        from ..init import gain

        facts = CATALOGUE.get(activation)
        factor = float(gain(facts.function)) if facts is not None and facts.elementwise else 2**0.5
        signal = max(float(m.moments[layer.data].rms), 1e-12)
        deviation = factor / np.sqrt(layer.fan_in) / max(1.0, signal)

        def drawn(weight: Any) -> Any:
            chosen = jnp.zeros(layer.width, bool).at[jnp.asarray(units)].set(True)
            chosen = chosen.reshape([-1 if a == axis else 1 for a in range(weight.ndim)])
            new = deviation * jax.random.normal(key, weight.shape, jnp.float32)
            return jnp.where(chosen, new.astype(weight.dtype), weight)

        def zero(bias: Any) -> Any:
            flat = bias.reshape(-1)
            return flat.at[jnp.asarray(units)].set(0).reshape(bias.shape) if flat.size == layer.width else bias

        return _with_leaves(model, {layer.weight.number: drawn, **({layer.bias.number: zero} if layer.bias else {})})

    return repair


def rescale_layer(m: Measured, layer: Layer, rms: float) -> Repair:
    """Scale the weights and biases of a layer so that its results have this root mean square on the batches."""

    def repair(model: Any, key: jax.Array) -> Any:
        factor = rms / max(float(m.moments[layer.result].rms), 1e-12)
        scaled = {layer.weight.number: lambda leaf: (leaf * factor).astype(leaf.dtype)}
        if layer.bias is not None:
            scaled[layer.bias.number] = scaled[layer.weight.number]
        return _with_leaves(model, scaled)

    return repair


def _with_leaves(model: Any, changes: dict[int, Callable[[Any], Any]]) -> Any:
    """The model with some of its arrays changed, counted in the order of its leaves."""
    leaves, structure = jax.tree.flatten(model)
    numbers = iter(range(len(leaves)))
    new = [changes.get(next(numbers), lambda leaf: leaf)(leaf) if is_array(leaf) else leaf for leaf in leaves]
    return jax.tree.unflatten(structure, new)
