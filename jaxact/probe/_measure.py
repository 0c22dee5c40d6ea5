"""What a diagnosis looks at: everything that is measured of a loss, a model and some batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize

from ._evaluate import Evaluation, Watched
from ._graph import Value
from ._layers import Layers
from ._probe import check_loss, empty_cotangents, recorder, sites_of, watcher, with_cotangents
from ._sites import Sites
from ._statistics import Moments, merge, moments
from ._structure import Structure, path_of, structure_of
from ._trace import Traced, is_array, trace


@dataclass
class Measured:
    """What was measured, summed or concatenated over all batches."""

    traced: Traced
    structure: Structure
    loss: float
    batch_losses: list[float]
    examples: int
    sites: Sites
    moments: dict[Value, Moments]
    """Of the operands and the results of layers, and of masked values."""
    parameters: dict[Value, np.ndarray]
    gradients: dict[Value, np.ndarray]
    """The gradient of the loss by each parameter: the mean over the batches."""
    inputs: list[np.ndarray]
    """What each of the first layers gets, one row an example."""
    output: np.ndarray | None
    """What the model returns, one row an example and one column a unit."""
    targets: list[np.ndarray]
    batches: Sequence[tuple[Any, ...]]
    baseline: float = np.nan
    """The loss of the best constant output."""
    losses: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """The training losses so far, as given."""
    trial: "Trial | None" = None
    lost_in_16_bit: list[tuple[str, float, str]] = field(default_factory=list)
    """For each parameter of a 16-bit type its path, the share of gradients that are 0 only in it, and the type."""

    @property
    def explained(self) -> float:
        """The share of the baseline's loss that the model avoids: 0 for a constant output, 1 for no loss."""
        return 1 - self.loss / self.baseline if np.isfinite(self.baseline) and self.baseline > 0 else np.nan

    @property
    def has_learned(self) -> bool:
        """Whether its loss is less than half that of the best constant output."""
        return bool(self.explained > 0.5)


@dataclass
class Trial:
    """Some further training of a copy of the model."""

    losses: np.ndarray
    updates: dict[Value, float]
    """For each weight the root mean square of its first update, over that of the weight."""


def measure(
    loss: Callable[..., Any],
    model: Any,
    batches: Sequence[tuple[Any, ...]],
    losses: Sequence[float] | None,
    optimiser: Any,
    tolerance: float,
    trial_steps: int,
) -> Measured:
    programs: dict[Any, tuple[Traced, Structure, Any]] = {}
    results = []
    first: tuple[Traced, Structure, Any] | None = None
    for batch in batches:
        arrays = [leaf for leaf in jax.tree.leaves((model, batch)) if is_array(leaf)]
        signature = tuple((leaf.shape, str(leaf.dtype)) for leaf in arrays)
        if signature not in programs:
            traced = trace("diagnose", loss, (model, *batch), {})
            check_loss("diagnose", loss, traced)
            structure = structure_of(traced)
            programs[signature] = (traced, structure, jax.jit(_pass(traced, structure, tolerance)))
        first = first or programs[signature]
        results.append((programs[signature][2](arrays), arrays))
    assert first is not None
    traced, structure, _ = first
    parameters = {v: np.asarray(results[0][1][v.number]) for v in traced.graph.inputs if v not in traced.layers.data}
    values = [float(result["loss"]) for result, _ in results]
    merged = results[0][0]
    for result, _ in results[1:]:
        merged = {
            "sites": merge(merged["sites"], result["sites"]),
            "moments": merge(merged["moments"], result["moments"]),
            "gradients": [a + b for a, b in zip(merged["gradients"], result["gradients"], strict=True)],
        }
    floats = [v for v in parameters if v.is_float]
    kept = [result["kept"] for result, _ in results]
    count = len(structure.first)
    inputs = [np.concatenate([_rows(np.asarray(part[i], np.float32)) for part in kept]) for i in range(count)]
    output = None
    if structure.output is not None:
        axes = traced.layers.unit_axes(structure.output)
        output = np.concatenate([_examples(np.asarray(part[count], np.float32), axes) for part in kept])
    targets = [
        np.concatenate([np.atleast_1d(np.asarray(arrays[target.number])) for _, arrays in results])
        for target in structure.targets
    ]
    measured = Measured(
        traced=traced,
        structure=structure,
        loss=float(np.mean(values)),
        batch_losses=values,
        examples=sum(int(leading) for leading in [_batch_size(traced, arrays) for _, arrays in results]),
        sites=merged["sites"].merged,
        moments=dict(zip(_watched(structure), merged["moments"], strict=True)),
        parameters=parameters,
        gradients={
            v: np.asarray(g, np.float64) / len(results) for v, g in zip(floats, merged["gradients"], strict=True)
        },
        inputs=inputs,
        output=output,
        targets=targets,
        batches=batches,
        losses=np.asarray([] if losses is None else losses, float),
    )
    measured.baseline = _baseline(measured, [arrays for _, arrays in results])
    measured.lost_in_16_bit = _lost_in_16_bit(loss, model, batches[0], measured)
    if optimiser is not None:
        measured.trial = _try_training(loss, model, batches, optimiser, measured, trial_steps)
    return measured


def _watched(structure: Structure) -> list[Value]:
    values = [v for layer in structure.layers for v in (layer.data, layer.result)]
    return list(dict.fromkeys([*values, *structure.masked]))


def _pass(traced: Traced, structure: Structure, tolerance: float) -> Callable[[list[Any]], dict[str, Any]]:
    """A function of the arrays of the model and a batch: the loss, its gradients and all records."""
    found = len(traced.found)
    sites = [Watched(s.start, s.end, s.call.place if s.call else None) for s in traced.found]
    watched = _watched(structure)
    kept = [*[layer.data for layer in structure.first], *([structure.output] if structure.output is not None else [])]
    extras = [Watched(value, value, None) for value in (*watched, *kept)]
    at_site = recorder(traced, False, tolerance)

    def record(number: int, x: Any, y: Any, operands: Any) -> Any:
        if number < found:
            return at_site(number, x, y, operands)
        y = jax.lax.stop_gradient(y)
        return moments(y) if number < found + len(watched) else y

    evaluation = Evaluation([*sites, *extras], record=record, watch=watcher(traced))
    accumulators = empty_cotangents(traced)
    is_parameter = [v.is_float and v not in traced.layers.data for v in traced.graph.inputs]

    def run(arrays: list[Any]) -> dict[str, Any]:
        def loss(parameters: list[Any], accumulators: Any) -> tuple[Any, Any]:
            remaining = iter(parameters)
            inputs = [next(remaining) if yes else leaf for leaf, yes in zip(arrays, is_parameter, strict=True)]
            outputs, records = evaluation.run(traced.closed, inputs, accumulators)
            return outputs[0], records

        parameters = [leaf for leaf, yes in zip(arrays, is_parameter, strict=True) if yes]
        (value, records), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(parameters, accumulators)
        extra = [records[number] for number in range(found, found + len(extras))]
        for i in range(len(watched)):
            while np.ndim(extra[i].count):
                extra[i] = jax.tree_util.tree_map_with_path(_over_steps, extra[i])
        return {
            "loss": value,
            "gradients": gradients[0],
            "sites": with_cotangents(sites_of(traced, records), traced, gradients[1]),
            "moments": extra[: len(watched)],
            "kept": extra[len(watched) :],
        }

    return run


def _over_steps(path: Any, leaf: Any) -> Any:
    name = getattr(path[-1], "name", "")
    return {"low": jnp.min, "high": jnp.max}.get(name, jnp.sum)(leaf, axis=0)


def _rows(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x.reshape(-1, 1)


def _examples(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """One row an example, one column a unit."""
    others = [axis for axis in range(x.ndim) if axis not in axes]
    units = int(np.prod([x.shape[axis] for axis in axes]))
    return np.transpose(x, (*others, *axes)).reshape(-1, units)


def _batch_size(traced: Traced, arrays: list[Any]) -> int:
    sizes = [np.shape(arrays[v.number])[0] for v in traced.graph.inputs if v in traced.layers.data and v.shape]
    return max(sizes, default=1)


def _baseline(measured: Measured, arrays: list[list[Any]]) -> float:
    """The least loss of an output that is the same for all examples: of the last layer's result, before its activation."""
    last = measured.structure.last
    if last is None or measured.output is None or last.result.scope:
        return float("nan")
    value = last.result
    axes = Layers.unit_axes(measured.traced.layers, value)
    shape = [value.shape[axis] if axis in axes else 1 for axis in range(len(value.shape))]
    size = int(np.prod(shape))
    if size > 4096:
        return float("nan")

    def loss_of(constant: Any, inputs: list[Any]) -> Any:
        filled = jnp.broadcast_to(constant.reshape(shape), value.shape).astype(value.type.dtype)
        evaluation = Evaluation([Watched(value, value, None)], replace=lambda number, x, y, operands: filled)
        return evaluation.run(measured.traced.closed, inputs, {})[0][0].astype(jnp.float32)

    same = [a for a in arrays if [np.shape(x) for x in a] == [np.shape(x) for x in arrays[0]]]
    function = jax.jit(jax.value_and_grad(lambda c: sum((loss_of(c, a) for a in same), 0.0) / len(same)))
    moment = measured.moments[value]
    start = np.full(size, float(moment.mean) if np.isfinite(float(moment.mean)) else 0.0)
    scale = 1.0
    if measured.targets and measured.targets[0].dtype.kind == "f":
        target = measured.targets[0]
        scale = max(1.0, float(np.std(target)), float(np.abs(target).max()))
        if target.reshape(len(target), -1).shape[1] == size:
            start = target.reshape(len(target), -1).mean(0).astype(float)

    def objective(c: np.ndarray) -> tuple[float, np.ndarray]:
        point = jnp.asarray(c * scale, jnp.float32)
        value, slope = (np.asarray(part, float) for part in function(point))
        value, slope = float(value), slope * scale
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else (1e30, np.zeros_like(slope))

    found = [optimize.minimize(objective, c / scale, jac=True, method="L-BFGS-B") for c in (start, np.zeros(size))]
    values = [float(result.fun) for result in found if result.fun < 1e29]
    return min(values, default=float("nan"))


def _lost_in_16_bit(
    loss: Callable[..., Any], model: Any, batch: tuple[Any, ...], measured: Measured
) -> list[tuple[str, float, str]]:
    """Compare the gradients of 16-bit parameters with those of the same model and batch in float32."""
    narrow = [v for v in measured.traced.graph.inputs if v.is_float and v.type.dtype.itemsize < 4]
    narrow = [v for v in narrow if v not in measured.traced.layers.data]
    if not narrow:
        return []

    def widen(leaf: Any) -> Any:
        is_narrow = is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype.itemsize < 4
        return jnp.asarray(leaf, jnp.float32) if is_narrow else leaf

    def gradients(model: Any, batch: Any) -> list[Any]:
        return jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(loss))(model, *batch))

    try:
        own, wide = gradients(model, batch), gradients(jax.tree.map(widen, model), jax.tree.map(widen, batch))
    except (TypeError, ValueError):
        return []  # a program that asks for its 16-bit type
    floats = [v for v in measured.traced.graph.inputs if v.is_float and v not in measured.traced.layers.data]
    found = []
    for value, a, b in zip(floats, own, wide, strict=True):
        if value in narrow:
            lost = float(jnp.mean((a == 0) & (b != 0)))
            found.append((path_of(measured.traced, value), lost, value.type.dtype.name))
    return found


def _try_training(
    loss: Callable[..., Any],
    model: Any,
    batches: Sequence[tuple[Any, ...]],
    optimiser: Any,
    measured: Measured,
    steps: int,
) -> Trial:
    """Train a copy of the model for some steps on the batches, in turn."""
    dynamic, static = eqx.partition(
        model, lambda leaf: is_array(leaf) and jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
    )

    @jax.jit
    def step(dynamic: Any, state: Any, arrays: Any) -> Any:
        batch = eqx.combine(arrays, constants)
        value, gradient = jax.value_and_grad(lambda d: loss(eqx.combine(d, static), *batch))(dynamic)
        updates, state = optimiser.update(gradient, state, dynamic)
        new = jax.tree.map(lambda p, u: (p + u).astype(p.dtype), dynamic, updates)
        return new, state, value, updates

    state = optimiser.init(dynamic)
    values, ratios = [], {}
    floats = [v for v in measured.traced.graph.inputs if v.is_float and v not in measured.traced.layers.data]
    for number in range(steps):
        batch = batches[number % len(batches)]
        arrays, constants = eqx.partition(batch, is_array)
        before = dynamic
        dynamic, state, value, updates = step(dynamic, state, arrays)
        values.append(float(value))
        if number == 0:
            for v, p, u in zip(floats, jax.tree.leaves(before), jax.tree.leaves(updates), strict=True):
                size = float(jnp.sqrt(jnp.mean(jnp.square(p.astype(jnp.float32)))))
                change = float(jnp.sqrt(jnp.mean(jnp.square(u.astype(jnp.float32)))))
                ratios[v] = change / size if size > 0 else np.nan
    return Trial(np.asarray(values), ratios)
