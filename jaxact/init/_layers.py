"""The linear layers of an Equinox model: where they are, how the model uses them, and a report of new weights."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax import Array
from jax.tree_util import GetAttrKey

from .._public import ByPublicName
from ._program import Program, program_of
from ._uses import Members, Uses, layer_uses

M = TypeVar("M")
EXPECTED = {
    "reinitialise": "an example, or a tuple of all arguments of the model, without a batch axis",
    "lsuv": "a batch of examples along the first axis, or a tuple of such",
}
LAYERS = (eqx.nn.Linear, eqx.nn.Conv, eqx.nn.ConvTranspose)


@dataclass(frozen=True)
class LayerReport(metaclass=ByPublicName):
    """The new weights of one layer."""

    path: str
    kind: str
    shape: tuple[int, ...]
    """The shape of the weight, which starts with the members of an ensemble."""
    activation: str = ""
    """The activation after the layer; empty if there is none."""
    weight: str = ""
    """The standard deviation of the weights."""
    bias: str = ""
    """The mean of the biases, and their standard deviation if it is not 0; empty if there are no biases."""


@dataclass(frozen=True)
class Report(metaclass=ByPublicName):
    """The new weights of a model, layer by layer; `print` shows it as a table."""

    layers: list[LayerReport]
    untouched: dict[str, str]
    """Path and type of everything else that has parameters."""

    def __str__(self) -> str:
        head = ["layer", "kind", "shape", "activation", "weight", "bias"]
        table = [head, *([str(cell) for cell in vars(layer).values()] for layer in self.layers)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        return "\n".join([*lines, *(f"untouched: {path} ({kind})" for path, kind in self.untouched.items())])


def call_model(model: Any, *example: Any) -> Any:
    """model(*example)"""
    return model(*example)


def linear_layers(model: Any) -> dict[str, Any]:
    """Every linear layer by its path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_layer)
    return {_path(keys): leaf for keys, leaf in leaves if _is_layer(leaf)}


def _is_layer(node: Any) -> bool:
    return isinstance(node, LAYERS)


def _path(keys: Any) -> str:
    return jax.tree_util.keystr(keys).removeprefix(".")


def trace_model(
    caller: str, model: Any, layers: dict[str, Any], example: Any, apply: Callable[..., Any], *, exactly: bool
) -> tuple[Program, dict[int, Any], Uses]:
    """The program of apply(model, *example), the values of its constants and inputs, and where it uses the layers."""
    arrays, rest = eqx.partition(model, eqx.is_array)
    examples = example if isinstance(example, tuple) else (example,)

    def run(arrays: Any, *example: Any) -> Any:
        return apply(eqx.combine(arrays, rest), *example)

    try:
        program = program_of(run, arrays, *examples, exactly=exactly)
    except (TypeError, ValueError, IndexError) as error:
        given = ", ".join(str(getattr(leaf, "shape", repr(leaf))) for leaf in jax.tree.leaves(examples))
        raise ValueError(
            f"{caller} was called with arrays of shape {given}, for which the model failed "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]:.200}); expected {EXPECTED[caller]}."
        ) from error
    leaves, _ = jax.tree_util.tree_flatten_with_path(arrays)
    layer_of = {f"{path}.weight": index for index, path in enumerate(layers)}
    numbers = program.inputs[: len(leaves)]
    paths = {number: _path(keys) for number, (keys, _) in zip(numbers, leaves, strict=True)}
    each = list(layers.values())
    weights = {
        number: (layer_of[path], _members(each[layer_of[path]])) for number, path in paths.items() if path in layer_of
    }
    parameters = {number: leaf for number, (_, leaf) in zip(numbers, leaves, strict=True)}
    inputs = dict(zip(program.inputs[len(leaves) :], jax.tree.leaves(examples), strict=True))
    return program, program.constants | parameters | inputs, layer_uses(program, weights, parameters)


def _members(layer: Any) -> Members:
    """The member of an ensemble that each weight belongs to."""
    axes, shape = ensemble_axes(layer), layer.weight.shape
    if not axes:
        return 0
    members = np.arange(prod(shape[:axes])).reshape(*shape[:axes], *(1,) * (len(shape) - axes))
    return np.broadcast_to(members, shape)


def ensemble_axes(layer: Any) -> int:
    """The number of leading axes that a layer made by eqx.filter_vmap has, one member of the ensemble per index."""
    return layer.weight.ndim - 2 - getattr(layer, "num_spatial_dims", 0)


def replace_layers(model: M, new: dict[str, Any]) -> M:
    """The model with other layers at these paths."""
    return jax.tree_util.tree_map_with_path(lambda keys, leaf: new.get(_path(keys), leaf), model, is_leaf=_is_layer)


def with_parameters(layer: Any, weight: Array, bias: Array | None) -> Any:
    layer = eqx.tree_at(lambda layer: layer.weight, layer, weight)
    return layer if bias is None else eqx.tree_at(lambda layer: layer.bias, layer, bias)


def report_layer(path: str, layer: Any, activation: str, deviation: float, bias: str) -> LayerReport:
    bias = bias if layer.bias is not None else ""
    members = [str(size) for size in layer.weight.shape[: ensemble_axes(layer)]]
    kind = " x ".join([*members, type(layer).__name__])
    return LayerReport(path, kind, layer.weight.shape, activation, f"{deviation:.4g}", bias)


def report_model(model: Any, layers: dict[str, Any], reports: list[LayerReport]) -> Report:
    done = {report.path for report in reports}
    untouched = {
        path: f"{type(layer).__name__}, not found in the program" for path, layer in layers.items() if path not in done
    }
    for keys, leaf in jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_layer)[0]:
        if eqx.is_array(leaf):
            untouched.setdefault(_path(keys[:-1]) or "the model", type(_node_at(model, keys[:-1])).__name__)
    return Report(reports, untouched)


def _node_at(model: Any, keys: Any) -> Any:
    for key in keys:
        model = (
            getattr(model, key.name)
            if isinstance(key, GetAttrKey)
            else model[getattr(key, "idx", getattr(key, "key", 0))]
        )
    return model
