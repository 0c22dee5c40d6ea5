"""What a diagnosis looks at: everything that is measured of a loss, a model and some batches."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from scipy import optimize

from ._elementwise import number_of
from ._evaluate import Evaluation, Watched
from ._graph import Value
from ._programs import Compiled, compiled, constant_shape, watched_values
from ._sites import Sites
from ._statistics import Moments, merge
from ._structure import Layer, Structure, path_of
from ._trace import Traced, is_array, is_float_array


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

    first_not_finite: Value | None = None
    """What the first operation makes that makes NaN or infinity of finite numbers."""

    @property
    def explained(self) -> float:
        """The share of the baseline's loss that the model avoids: 0 for a constant output, 1 for no loss."""
        return 1 - self.loss / self.baseline if np.isfinite(self.baseline) and self.baseline > 0 else np.nan

    def starts_at_zero(self, layer: Layer) -> bool:
        """Whether all weights of a layer are 0, as some are by intention, and get a gradient."""
        return not self.parameters[layer.weight].any() and bool(np.any(self.gradients.get(layer.weight, 0)))

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
    losses: Sequence[float] | np.ndarray | None,
    optimiser: Any,
    tolerance: float,
    trial_steps: int,
) -> Measured:
    """Measure all that the checks of a diagnosis look at."""
    programs = [compiled(loss, model, batch, tolerance) for batch in batches]
    arrays = [[leaf for leaf in jax.tree.leaves((model, batch)) if is_array(leaf)] for batch in batches]
    results = [_whole(program.run(inputs)) for program, inputs in zip(programs, arrays, strict=True)]
    traced, structure = programs[0].traced, programs[0].structure
    parameters = {v: np.asarray(_whole(arrays[0][v.number])) for v in traced.graph.inputs if _is_parameter(traced, v)}
    sites, sums, gradients = (
        functools.reduce(merge, (r[of] for r in results)) for of in ("sites", "moments", "gradients")
    )
    values = [float(result["loss"]) for result in results]
    kept = [result["kept"] for result in results]
    inputs = [np.concatenate([_rows(_floats(part[i])) for part in kept]) for i in range(len(structure.first))]
    output = None
    if structure.output is not None:
        axes = traced.layers.unit_axes(structure.output)
        output = np.concatenate([_examples(_floats(part[len(structure.first)]), axes) for part in kept])
    measured = Measured(
        traced=traced,
        structure=structure,
        loss=float(np.mean(values)),
        batch_losses=values,
        examples=sum(_batch_size(program.traced, inputs) for program, inputs in zip(programs, arrays, strict=True)),
        sites=sites.merged,
        moments=dict(zip(watched_values(structure), sums, strict=True)),
        parameters=parameters,
        gradients={
            v: np.asarray(g, np.float64) / len(results) for v, g in zip(traced.parameters, gradients, strict=True)
        },
        inputs=inputs,
        output=output,
        targets=[
            np.concatenate([np.atleast_1d(_wide(_whole(a[v.number]))) for a in arrays]) for v in structure.targets
        ],
        batches=batches,
        losses=np.asarray([] if losses is None else losses, float),
    )
    measured.baseline = _baseline(measured, programs[0], arrays)
    if not np.isfinite(measured.loss):
        bad = next(i for i, value in enumerate(values) if not np.isfinite(value))
        measured.first_not_finite = _first_not_finite(programs[bad].traced, arrays[bad], values[bad])
    measured.lost_in_16_bit = _lost_in_16_bit(loss, model, batches[0], measured)
    if optimiser is not None:
        measured.trial = _try_training(programs, arrays, optimiser, trial_steps)
    return measured


def _whole(tree: Any) -> Any:
    """The arrays; those that several processes share are gathered, so that all processes have to ask for them."""

    def whole(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.is_fully_addressable:
            return x
        return np.asarray(x) if x.is_fully_replicated else process_allgather(x, tiled=True)

    return jax.tree.map(whole, tree)


def _wide(x: Any) -> np.ndarray:
    """The array, in float32 if its type is a float that NumPy does not know."""
    return (
        np.asarray(x, np.float32)
        if jnp.issubdtype(jnp.result_type(x), jnp.floating) and np.dtype(x.dtype).kind == "V"
        else np.asarray(x)
    )


def _is_parameter(traced: Traced, value: Value) -> bool:
    """Whether an input of the program is an array of numbers of the model, and no key."""
    return value not in traced.layers.data and not jnp.issubdtype(value.type.dtype, jax.dtypes.extended)


def _floats(x: Any) -> np.ndarray:
    return np.asarray(x, np.float32)


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


def _baseline(measured: Measured, program: Compiled, arrays: list[list[Any]]) -> float:
    """The least loss of an output that is the same for all examples."""
    last = measured.structure.last
    if last is None or measured.output is None or last.result.scope:
        return float("nan")
    size = int(np.prod(constant_shape(measured.traced, last.result)))
    if size > 4096:
        return float("nan")
    shapes = [np.shape(x) for x in arrays[0]]
    same = [inputs for inputs in arrays if [np.shape(x) for x in inputs] == shapes]
    starts, scale = [np.zeros(size)], 1.0
    mean = float(measured.moments[last.result].mean)
    if np.isfinite(mean):
        starts.append(np.full(size, mean))
    for target in measured.targets:
        if target.dtype.kind == "f" and np.isfinite(target).all():
            rows = target.reshape(len(target), -1)
            scale = max(scale, float(np.abs(rows).max()))
            if rows.shape[1] == size:
                starts.append(rows.mean(0, dtype=float))

    def objective(c: np.ndarray) -> tuple[float, np.ndarray]:
        parts = [_whole(program.constant_loss(np.asarray(c * scale, np.float32), inputs)) for inputs in same]
        value = float(np.mean([float(part[0]) for part in parts]))
        slope = np.mean([np.asarray(part[1], float) for part in parts], 0) * scale
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else (1e30, np.zeros_like(slope))

    found = [optimize.minimize(objective, start / scale, jac=True, method="L-BFGS-B") for start in starts]
    return min((float(result.fun) for result in found if result.fun < 1e29), default=float("nan"))


def _first_not_finite(traced: Traced, arrays: list[Any], loss: float) -> Value | None:
    """The first value that is NaN and computed of none; if the loss is infinite, the first infinite one.

    Infinities that the program writes, as masks do, are not counted.
    """
    bad = jnp.isnan if np.isnan(loss) else jnp.isinf
    values = [
        v for v in traced.graph.values if v.is_float and v.operation not in ("argument", "constant") and not v.scope
    ]

    def record(number: int, x: Any, y: Any, operands: Any) -> Any:
        return bad(y).any()

    evaluation = Evaluation({n: Watched(v, v, None) for n, v in enumerate(values)}, record=record)
    flags = _whole(jax.jit(lambda arrays: evaluation.run(traced.closed, arrays, {})[1])(arrays))
    is_bad = {value: bool(flags.get(number, False)) for number, value in enumerate(values)}
    first = (
        v for v in values if is_bad[v] and v.inputs and not any(is_bad.get(x) or _is_infinite(x) for x in v.inputs)
    )
    return next(first, None)


def _is_infinite(value: Value) -> bool:
    number = number_of(value)
    return number is not None and not np.isfinite(number)


def _lost_in_16_bit(
    loss: Callable[..., Any], model: Any, batch: tuple[Any, ...], measured: Measured
) -> list[tuple[str, float, str]]:
    """Compare the gradients of 16-bit parameters with those of the same model and batch in float32."""
    narrow = [v for v in measured.traced.parameters if v.type.dtype.itemsize < 4]
    if not narrow:
        return []

    def widen(leaf: Any) -> Any:
        return jnp.asarray(leaf, jnp.float32) if is_float_array(leaf) and leaf.dtype.itemsize < 4 else leaf

    def gradients(model: Any, batch: Any) -> list[Any]:
        return jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(loss))(model, *batch))

    try:
        own, wide = gradients(model, batch), gradients(jax.tree.map(widen, model), jax.tree.map(widen, batch))
    except (TypeError, ValueError):
        return []  # a program that asks for its 16-bit type
    found = []
    for value, a, b in zip(measured.traced.parameters, own, wide, strict=True):
        if value in narrow:
            lost = float(jnp.mean((a == 0) & (b != 0)))
            found.append((path_of(measured.traced, value), lost, value.type.dtype.name))
    return found


def _try_training(programs: list[Compiled], arrays: list[list[Any]], optimiser: Any, steps: int) -> Trial:
    """Train a copy of the model for some steps on the batches, in turn."""
    floats = programs[0].traced.parameters
    parameters = [jnp.asarray(arrays[0][v.number]) for v in floats]
    state, values, ratios = optimiser.init(parameters), [], {}
    for number in range(steps):
        which = number % len(programs)
        before = parameters
        parameters, state, value, updates = programs[which].step(optimiser)(parameters, state, arrays[which])
        values.append(float(value))
        if number == 0:
            sizes = [
                (root_mean_square(p), root_mean_square(u)) for p, u in zip(_whole(before), _whole(updates), strict=True)
            ]
            ratios = {v: change / size for v, (size, change) in zip(floats, sizes, strict=True) if size > 0}
    return Trial(np.asarray(values), ratios)


def root_mean_square(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(x, np.float64)))))
