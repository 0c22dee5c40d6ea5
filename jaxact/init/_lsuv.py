"""Initial weights fitted to data: orthogonal, and scaled layer by layer to outputs of variance 1."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ._initializers import orthogonal_with_gain
from ._layers import (
    LayerReport,
    M,
    Report,
    call_model,
    linear_layers,
    replace_layers,
    report_layer,
    report_model,
    trace_model,
    with_parameters,
)


def lsuv(model: M, key: Array, batch: Any, *, apply: Callable[..., Any] = call_model) -> tuple[M, Report]:
    """lsuv(model, key, batch) = the model with orthogonal weights, each layer scaled to outputs of variance 1

    Layer-sequential unit variance: layers are scaled in the order in which the model uses them, each by the variance of
    its outputs on the batch, for any mix of activations, norms and residual connections. Biases become 0. One pass over
    the batch is enough, since the outputs of a layer are proportional to its weights.

    Args:
        model: any Equinox model.
        key: a PRNG key for the orthogonal weights.
        batch: examples along the first axis, or a tuple of all arguments of the model, each with that axis.
        apply: a function that calls the model with one example; model(*example) by default.

    Returns:
        The new model, and a `Report` as of `reinitialise`.

    Raises:
        ValueError: for a layer whose outputs are all equal, or not finite.

    Reference: https://arxiv.org/abs/1511.06422
    """
    layers = linear_layers(model)
    keys = jax.random.split(key, max(1, len(layers)))
    new = {path: _orthogonal(layer, k) for (path, layer), k in zip(layers.items(), keys, strict=False)}

    def over_batch(model: M, *batch: Any) -> Any:
        return jax.vmap(lambda *example: apply(model, *example))(*batch)

    (program, values), uses = trace_model(replace_layers(model, new), layers, batch, over_batch)
    paths = {use.step: list(layers)[use.layer] for use in uses}
    scales: dict[str, Array] = {}
    reports: list[LayerReport] = []
    for index, step in enumerate(program.steps):
        step.evaluate(values)
        if index not in paths:
            continue
        path, (output,) = paths[index], step.outputs
        if path not in scales:
            scales[path] = 1 / _deviation(values[output], path)
            new[path] = _scaled(new[path], scales[path])
            reports.append(report_layer(path, new[path], "", _root_mean_square(new[path].weight), "0"))
        values[output] = values[output] * scales[path].astype(values[output].dtype)
    return replace_layers(model, {path: new[path] for path in scales}), report_model(model, layers, reports)


def _deviation(output: Array, path: str) -> Array:
    deviation = jnp.std(output.astype(jnp.float32))
    if not deviation > 0:
        raise ValueError(
            f"lsuv was called with a batch for which all outputs of {path} are equal or not finite; expected finite "
            f"examples that are not all 0, and layers before it that pass them on."
        )
    return deviation


def _root_mean_square(weight: Array) -> float:
    return float(jnp.sqrt(jnp.mean(jnp.square(weight.astype(jnp.float32)))))


def _orthogonal(layer: Any, key: Array) -> Any:
    weight = orthogonal_with_gain(1.0, 0)(key, layer.weight.shape, layer.weight.dtype)
    return with_parameters(layer, weight, None if layer.bias is None else jnp.zeros_like(layer.bias))


def _scaled(layer: Any, scale: Array) -> Any:
    return with_parameters(layer, layer.weight * scale.astype(layer.weight.dtype), layer.bias)
