"""Initial weights fitted to data: orthogonal, and scaled layer by layer to outputs of variance 1."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._initializers import orthogonal_with_gain
from ._layers import (
    LayerReport,
    M,
    Report,
    call_model,
    ensemble_axes,
    linear_layers,
    replace_layers,
    report_layer,
    report_model,
    trace_model,
    with_parameters,
)
from ._uses import Members, members_of_product


def lsuv(model: M, key: Array, batch: Any, *, apply: Callable[..., Any] = call_model) -> tuple[M, Report]:
    """lsuv(model, key, batch) = the model with orthogonal weights, each layer scaled to outputs of variance 1

    Layer-sequential unit variance: layers are scaled in the order in which the model uses them, each by the variance of
    its outputs on the batch, for any mix of activations, norms and residual connections. Biases become 0. One pass over
    the batch is enough, since the outputs of a layer are proportional to its weights. Members of an ensemble, and
    layers stacked for jax.lax.scan, are scaled one by one; a layer inside jax.lax.while_loop is unchanged.

    Args:
        model: any Equinox model.
        key: a PRNG key for the orthogonal weights.
        batch: examples along the first axis, or a tuple of all arguments of the model, each with that axis.
        apply: a function that calls the model with one example; model(*example) by default.

    Returns:
        The new model, and a `Report` as of `reinitialise`.

    Raises:
        ValueError: for a layer whose outputs are all equal, or not finite; for a batch with which the model fails.

    Reference: https://arxiv.org/abs/1511.06422
    """
    layers = linear_layers(model)
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(batch)):
        raise ValueError("lsuv was called with a jax.ShapeDtypeStruct; expected arrays, whose outputs it measures.")

    def over_batch(model: M, *batch: Any) -> Any:
        return jax.vmap(lambda *example: apply(model, *example))(*batch)

    trace = partial(trace_model, "lsuv", layers=layers, example=batch, apply=over_batch, exactly=True)
    paths = list(layers)
    used = {paths[use.layer] for use in trace(model)[2].layers}
    keys = jax.random.split(key, max(1, len(layers)))
    new = {path: _orthogonal(layers[path], k) for path, k in zip(paths, keys, strict=False) if path in used}
    program, values, uses = trace(replace_layers(model, new))
    uses_at = {use.step: use for use in uses.layers}
    scales: dict[str, dict[int, Array]] = {path: {} for path in used}  # one for each member of an ensemble
    for index, step in enumerate(program.steps):
        step.evaluate(values)
        if index in uses_at:
            use, (output,) = uses_at[index], step.outputs
            members = members_of_product(program, use, values)
            values[output] = _to_unit_variance(values[output], members, scales[paths[use.layer]], paths[use.layer])
    reports: list[LayerReport] = []
    for path in dict.fromkeys(paths[use.layer] for use in uses.layers):
        new[path] = _scaled(new[path], scales[path])
        reports.append(report_layer(path, new[path], "", _root_mean_square(new[path].weight), "0"))
    return replace_layers(model, new), report_model(model, layers, reports)


def _to_unit_variance(output: Array, members: Members, scales: dict[int, Array], path: str) -> Array:
    """The output with each member of the layer at its scale, which its first output determines."""
    for member in np.unique(members).tolist():
        here = members == member
        if member not in scales:
            scales[member] = 1 / _deviation(output if here is True else output[here], path)
        scaled = output * scales[member].astype(output.dtype)
        output = scaled if here is True else jnp.where(here, scaled, output)
    return output


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
    members, shape = layer.weight.shape[: ensemble_axes(layer)], layer.weight.shape[ensemble_axes(layer) :]
    draw = orthogonal_with_gain(1.0, 0)
    if members:
        keys = jax.random.split(key, prod(members))
        weight = jax.vmap(lambda k: draw(k, shape, layer.weight.dtype))(keys).reshape(layer.weight.shape)
    else:
        weight = draw(key, shape, layer.weight.dtype)
    return with_parameters(layer, weight, None if layer.bias is None else jnp.zeros_like(layer.bias))


def _scaled(layer: Any, scales: dict[int, Array]) -> Any:
    axes, shape = ensemble_axes(layer), layer.weight.shape
    scale = jnp.stack([scales.get(member, jnp.ones(())) for member in range(prod(shape[:axes]))])
    scale = scale.reshape(*shape[:axes], *(1,) * (len(shape) - axes))
    return with_parameters(layer, layer.weight * scale.astype(layer.weight.dtype), layer.bias)
