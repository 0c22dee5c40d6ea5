"""The programs of a diagnosis: a pass over a batch with all records, the loss of a constant output, a train step."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from ._evaluate import Evaluation, Watched
from ._graph import Value
from ._probe import check_loss, empty_cotangents, recorder, sites_of, watcher, with_cotangents
from ._statistics import merge_axis
from ._structure import Structure, structure_of
from ._sums import moments
from ._trace import Traced, is_array, trace


class Compiled:
    """What is compiled for one loss and batches of one shape."""

    def __init__(self, loss: Callable[..., Any], model: Any, batch: tuple[Any, ...], tolerance: float):
        self.traced = trace("diagnose", loss, (model, *batch), {})
        check_loss("diagnose", loss, self.traced)
        self.structure = structure_of(self.traced)
        self.run = jax.jit(_pass(self.traced, self.structure, tolerance))
        self.constant_loss = jax.jit(jax.value_and_grad(_loss_of_constant(self.traced, self.structure)))
        self._steps: dict[int, tuple[Any, Any]] = {}

    def step(self, optimiser: Any) -> Callable[..., Any]:
        """One step of training: the parameters, the state, the loss and the updates behind it."""
        if id(optimiser) not in self._steps:

            @jax.jit
            def step(parameters: list[Any], state: Any, arrays: list[Any]) -> Any:
                value, gradient = jax.value_and_grad(lambda p: self._loss(p, arrays))(parameters)
                updates, state = optimiser.update(gradient, state, parameters)
                new = [(p + u).astype(p.dtype) for p, u in zip(parameters, updates, strict=True)]
                return new, state, value, updates

            self._steps[id(optimiser)] = (step, optimiser)
        return self._steps[id(optimiser)][0]

    def _loss(self, parameters: list[Any], arrays: list[Any]) -> Any:
        return jaxpr_as_fun(self.traced.closed)(*self.traced.with_parameters(arrays, parameters))[0]


_COMPILED: WeakKeyDictionary[Any, dict[Any, Compiled]] = WeakKeyDictionary()


def compiled(loss: Callable[..., Any], model: Any, batch: tuple[Any, ...], tolerance: float) -> Compiled:
    """The programs of a loss, which are compiled once for arguments of the same structure and shapes."""
    arrays, constant = eqx.partition((model, batch), is_array)
    leaves, structure = jax.tree.flatten(arrays)
    shapes = tuple((np.shape(leaf), str(leaf.dtype), getattr(leaf, "weak_type", False)) for leaf in leaves)
    try:
        known = _COMPILED.setdefault(loss, {})
        constants = tuple((type(leaf), leaf) for leaf in jax.tree.leaves(constant))  # True is not 1
        key = (structure, shapes, constants, jax.tree.structure(constant), tolerance)
        if key not in known:
            known[key] = Compiled(loss, model, batch, tolerance)
        return known[key]
    except TypeError as error:
        if "hash" not in str(error) and "weak reference" not in str(error):
            raise
        return Compiled(loss, model, batch, tolerance)


def watched_values(structure: Structure) -> list[Value]:
    """The operands and the results of layers, and masked values: those of which a diagnosis has the moments."""
    values = [v for layer in structure.layers for v in (layer.data, layer.result)]
    return list(dict.fromkeys([*values, *structure.masked]))


def _pass(traced: Traced, structure: Structure, tolerance: float) -> Callable[[list[Any]], dict[str, Any]]:
    """A function of the arrays of the model and a batch: the loss, its gradients and all records."""
    found = len(traced.found)
    sites = map(traced.watched, range(found))
    watched = watched_values(structure)
    kept = [*[layer.data for layer in structure.first], *([structure.output] if structure.output is not None else [])]
    extras = [Watched(value, value, None) for value in (*watched, *kept)]
    at_site = recorder(traced, False, tolerance)

    def record(number: int, x: Any, y: Any, operands: Any) -> Any:
        if number < found:
            return at_site(number, x, y, operands)
        y = y.astype(jnp.float32) if y.dtype == bool else jax.lax.stop_gradient(y)
        return moments(y) if number < found + len(watched) else y

    evaluation = Evaluation(dict(enumerate([*sites, *extras])), record=record, watch=watcher(traced))
    accumulators = empty_cotangents(traced)

    def run(arrays: list[Any]) -> dict[str, Any]:
        def loss(parameters: list[Any], accumulators: Any) -> tuple[Any, Any]:
            outputs, records = evaluation.run(traced.closed, traced.with_parameters(arrays, parameters), accumulators)
            return outputs[0], records

        parameters = [arrays[v.number] for v in traced.parameters]
        (value, records), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(parameters, accumulators)
        extra = [records[number] for number in range(found, found + len(extras))]
        for i in range(len(watched)):
            while np.ndim(extra[i].count):
                extra[i] = merge_axis(extra[i])
        return {
            "loss": value,
            "gradients": gradients[0],
            "sites": with_cotangents(sites_of(traced, records), traced, gradients[1]),
            "moments": extra[: len(watched)],
            "kept": extra[len(watched) :],
        }

    return run


def _loss_of_constant(traced: Traced, structure: Structure) -> Callable[[Any, list[Any]], Any]:
    """The loss if the last layer's result, before its activation, is the same for all examples."""

    def loss(constant: Any, inputs: list[Any]) -> Any:
        assert structure.last is not None
        value = structure.last.result
        filled = jnp.broadcast_to(constant.reshape(constant_shape(traced, value)), value.shape).astype(value.type.dtype)
        evaluation = Evaluation({0: Watched(value, value, None)}, replace=lambda number, x, y, operands: filled)
        return evaluation.run(traced.closed, inputs, {})[0][0].astype(jnp.float32)

    return loss


def constant_shape(traced: Traced, value: Value) -> list[int]:
    """The shape of an array of one number for each unit of a value."""
    axes = traced.layers.unit_axes(value)
    return [value.shape[axis] if axis in axes else 1 for axis in range(len(value.shape))]
