"""New weights for all linear layers of an Equinox model, each for the activation after it."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._chain import POINTS, activation_after
from ._gauss import ActivationLike, function_of, name_of, quadrature, value_and_slope
from ._initializers import FANS, check_mode_and_distribution, gain_from
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
from ._maps import Elementwise, critical_point_from

FLOAT32_TOLERANCE = 1e-7  # a traced activation computes in the model's type, which is mostly float32
Activations = dict[str, tuple[str, Elementwise | None]]
"""By path of a layer: the name and the function of the activation after it, None if there is none."""


def reinitialise(
    model: M,
    key: Array,
    activation: ActivationLike | Mapping[str, ActivationLike] | None = None,
    *,
    example: Any = None,
    apply: Callable[..., Any] = call_model,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    bias: float = 0.0,
) -> tuple[M, Report]:
    """reinitialise(model, key, fn) = the model with weights of standard deviation gain(fn) / sqrt(fan-in), and a report

    Every eqx.nn.Linear, eqx.nn.Conv and eqx.nn.ConvTranspose gets new weights and biases for the activation after it;
    everything else is unchanged. Activations can be given, or found by tracing the model on `example`: the activation
    of a layer is all that is applied elementwise to its output, whether it is a function or written out. Parameters
    that differ between channels are replaced by their median; random numbers (dropout) are averaged over. A layer
    without an activation (before a norm, a residual sum, an attention score, the result) has gain 1. Further leading
    axes of weights are the members of an ensemble made by eqx.filter_vmap, or of a stack for jax.lax.scan. A layer
    inside jax.shard_map is not found, and reported as untouched.

    Args:
        model: any Equinox model; its layers may be nested.
        key: a PRNG key for the weights.
        activation: a function or a name, as for `gain`, for every layer; or such by path ("layers[0]", as in the
            report), in which other layers have no activation; None to find all of them by tracing.
        example: an input of the model, or a tuple of all its arguments, without a batch axis: arrays or
            jax.ShapeDtypeStruct. Activations that are given take precedence over those that are traced.
        apply: a function that calls the model; model(*example) by default.
        mode: "fan_in", "fan_out", "fan_avg", or "critical" for `edge_of_chaos`, with random biases.
        distribution: as for `initializer`.
        bias: the initial bias of layers with an activation; that of others is 0. A small positive one, such as 0.01,
            makes more ReLUs active at the start.

    Returns:
        The new model, and a `Report` of what each layer got and of what is unchanged.

    Raises:
        ValueError: if neither activation nor example is given; for an example with which the model fails; for a path
            without a layer; for another mode or distribution; and as for `gain`.
    """
    check_mode_and_distribution("reinitialise", mode, (*FANS, "critical"), distribution)
    if activation is None and example is None:
        raise ValueError("reinitialise was called without activation and without example; expected one of them.")
    layers = linear_layers(model)
    activations = _given(activation, layers, others_are_traced=example is not None)
    if example is not None:
        both = _traced(model, layers, example, apply) | activations
        activations = {path: both[path] for path in layers if path in both}
    sigmas = {function: _sigmas(function, mode) for _, function in activations.values() if function is not None}
    keys = jax.random.split(key, max(1, len(activations)))
    new: dict[str, Any] = {}
    reports: list[LayerReport] = []
    for (path, (name, function)), layer_key in zip(activations.items(), keys, strict=False):
        sigma_w, sigma_b = (1.0, 0.0) if function is None else sigmas[function]
        bias_mean = 0.0 if function is None else bias
        deviation = sigma_w / _fan(layers[path], mode) ** 0.5
        new[path] = _draw(layers[path], layer_key, distribution, deviation, bias_mean, sigma_b)
        biases = f"{bias_mean:g}" + (f" +- {sigma_b:.4g}" if sigma_b else "")
        reports.append(report_layer(path, new[path], name, deviation, biases))
    return replace_layers(model, new), report_model(model, layers, reports)


def _given(
    activation: ActivationLike | Mapping[str, ActivationLike] | None, layers: dict[str, Any], others_are_traced: bool
) -> Activations:
    if activation is None:
        return {}
    if not isinstance(activation, Mapping):
        function = function_of("reinitialise", activation)
        return dict.fromkeys(layers, (name_of(function), function))
    if unknown := [path for path in activation if path not in layers]:
        raise ValueError(
            f"reinitialise was called with activation for {', '.join(map(repr, unknown))}; expected paths of layers: "
            f"{', '.join(map(repr, layers))}."
        )
    functions = {path: function_of("reinitialise", fn) for path, fn in activation.items()}
    given: Activations = {path: (name_of(fn), fn) for path, fn in functions.items()}
    return given if others_are_traced else dict.fromkeys(layers, ("", None)) | given


def _traced(model: Any, layers: dict[str, Any], example: Any, apply: Callable[..., Any]) -> Activations:
    """The activation after the first use of each layer. A linear function is not an activation."""
    traced: Activations = {}
    functions: dict[Any, Elementwise | None] = {}  # one for each jaxpr, so that one quadrature serves many layers
    program, _, uses = trace_model("reinitialise", model, layers, example, apply, exactly=False)
    paths = list(layers)
    for use in uses.layers:
        if paths[use.layer] in traced:
            continue
        name, activation = activation_after(program, uses, use.step)
        jaxpr = None if activation is None else _jaxpr_of(activation)
        if jaxpr not in functions:
            functions[jaxpr] = activation if activation and not _is_linear(activation) else None
        traced[paths[use.layer]] = name if functions[jaxpr] else "", functions[jaxpr]
    return traced


def _is_linear(function: Elementwise) -> bool:
    return bool(np.ptp(value_and_slope(function, POINTS)[1]) == 0)


def _jaxpr_of(function: Elementwise) -> tuple[str, tuple[bytes, ...]]:
    """The jaxpr and its constants, which are equal for functions that compute the same."""
    closed = jax.make_jaxpr(function)(jnp.zeros(1))
    return str(closed.jaxpr), tuple(np.asarray(const).tobytes() for const in closed.consts)


def _sigmas(function: Elementwise, mode: str) -> tuple[float, float]:
    """The standard deviations of the weights, times the square root of the fan, and of the biases."""
    nodes = quadrature(function, tolerance=FLOAT32_TOLERANCE)
    if mode == "critical":
        point = critical_point_from(nodes, name_of(function), 1.0)
        return point.sigma_w, point.sigma_b
    return gain_from(nodes, name_of(function), FANS[mode]), 0.0


def _fan(layer: Any, mode: str) -> float:
    """The number of terms of an output (fan-in) or of the gradient of an input (fan-out), away from the borders."""
    outputs, inputs, *kernel = layer.weight.shape[ensemble_axes(layer) :]  # the inputs of one group
    strides = prod(getattr(layer, "stride", ()))  # skip outputs; in a transposed convolution, elements of the kernel
    fan_in, fan_out = prod(kernel) * inputs, prod(kernel) * outputs / getattr(layer, "groups", 1)
    if isinstance(layer, eqx.nn.ConvTranspose):
        fan_in /= strides
    else:
        fan_out /= strides
    return {"fan_in": fan_in, "critical": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]


def _draw(layer: Any, key: Array, distribution: str, deviation: float, bias_mean: float, sigma_b: float) -> Any:
    weight_key, bias_key = jax.random.split(key)
    scaling: Any = jax.nn.initializers.variance_scaling  # with every axis a batch axis, its fan is 1
    draw = scaling(deviation**2, "fan_in", distribution, (), (), tuple(range(layer.weight.ndim)))
    weight = draw(weight_key, layer.weight.shape).astype(layer.weight.dtype)
    if layer.bias is None:
        return with_parameters(layer, weight, None)
    noise = sigma_b * jax.random.normal(bias_key, layer.bias.shape)
    return with_parameters(layer, weight, (bias_mean + noise).astype(layer.bias.dtype))
