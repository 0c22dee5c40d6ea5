"""What is recorded at an activation site: sums and extremes, which merge over batches, steps and devices."""

import dataclasses
import functools
import itertools
from math import prod
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record_class(cls: type[T]) -> type[T]:
    """A frozen dataclass that is a pytree; fields whose metadata says so are static."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    static = [field.name for field in fields if field.metadata.get("static")]
    data = [field.name for field in fields if field.name not in static]
    return jax.tree_util.register_dataclass(cls, data_fields=data, meta_fields=static)


@record_class
class Moments:
    """Sums and extremes of an array. NaN and infinity are counted, and left out of the sums."""

    count: Array
    total: Array
    squares: Array
    low: Array
    high: Array
    zeros: Array
    nans: Array
    infs: Array

    @property
    def mean(self) -> Array:
        return self.total / self._finite

    @property
    def second_moment(self) -> Array:
        return self.squares / self._finite

    @property
    def std(self) -> Array:
        return jnp.sqrt(jnp.maximum(self.second_moment - self.mean**2, 0))

    @property
    def rms(self) -> Array:
        return jnp.sqrt(self.second_moment)

    @property
    def share_zero(self) -> Array:
        return self.zeros / jnp.maximum(self.count, 1)

    @property
    def _finite(self) -> Array:
        return jnp.maximum(self.count - self.nans - self.infs, 1)


@record_class
class Units:
    """Sums for each unit: over all other axes, the examples."""

    examples: Array
    on: Array
    """The examples for which the unit is on: its slope is not about 0."""
    total: Array
    squares: Array

    @property
    def share_on(self) -> Array:
        return self.on / jnp.maximum(self.examples, 1)

    @property
    def never_on(self) -> Array:
        """Whether a unit is on for no example."""
        return (self.on == 0) & (self.examples > 0)

    @property
    def mean(self) -> Array:
        return self.total / jnp.maximum(self.examples, 1)

    @property
    def std(self) -> Array:
        return jnp.sqrt(jnp.maximum(self.squares / jnp.maximum(self.examples, 1) - self.mean**2, 0))


@record_class
class Rows:
    """Sums over rows of probabilities."""

    count: Array
    entropy: Array
    """The sum of their entropies, each divided by that of a uniform row."""
    one_hot: Array
    """The rows in which one probability is 1, within the tolerance."""

    @property
    def mean_entropy(self) -> Array:
        return self.entropy / jnp.maximum(self.count, 1)

    @property
    def share_one_hot(self) -> Array:
        return self.one_hot / jnp.maximum(self.count, 1)


@record_class
class Cotangent:
    """Sums of the gradient of the loss by an array. NaN and infinity are counted, and left out of the sums."""

    count: Array
    total: Array
    squares: Array
    zeros: Array
    not_finite: Array
    units: Array
    """The sum of squares for each unit."""

    @property
    def norm(self) -> Array:
        return jnp.sqrt(self.squares)

    @property
    def rms(self) -> Array:
        return jnp.sqrt(self.squares / jnp.maximum(self.count, 1))

    @property
    def share_zero(self) -> Array:
        return self.zeros / jnp.maximum(self.count, 1)


@record_class
class Statistics:
    """What was recorded at a site. All are sums or extremes, so that records of different batches merge."""

    input: Moments
    output: Moments
    saturated: Array
    """The number of elements whose slope is smaller than the tolerance."""
    units: Units | None
    rows: Rows | None
    input_cotangent: Cotangent | None
    output_cotangent: Cotangent | None
    arrays: tuple[Array, Array] | None
    """The input and the output themselves, if asked for."""

    @property
    def share_saturated(self) -> Array:
        return self.saturated / jnp.maximum(self.output.count, 1)

    @property
    def local_gain(self) -> Array:
        """The norm of the gradient before the activation, over that behind it."""
        if self.input_cotangent is None or self.output_cotangent is None:
            raise ValueError("local_gain was asked of statistics without gradients; expected probe(..., grad=True).")
        return self.input_cotangent.norm / jnp.maximum(self.output_cotangent.norm, jnp.finfo(jnp.float32).tiny)


_EXTREMES = {"low": jnp.minimum, "high": jnp.maximum}
_REDUCED_EXTREMES = {
    "low": functools.partial(jnp.min, initial=jnp.inf),
    "high": functools.partial(jnp.max, initial=-jnp.inf),
}
"""Those of no steps are the ones of no elements."""


def merge(a: T, b: T) -> T:
    """The statistics of two sets of examples together. It is associative. Arrays are concatenated."""
    paths, structure = jax.tree_util.tree_flatten_with_path(a)
    others = jax.tree.leaves(b)
    pairs = zip(paths, others, strict=False)
    if len(others) != len(paths) or any(np.shape(x) != np.shape(y) for (path, x), y in pairs if not _is_array(path)):
        raise ValueError(
            f"merge was called with statistics of {len(paths)} and of {len(others)} arrays, or of other numbers of "
            "units; expected those of the same sites."
        )
    joined = [
        jnp.concatenate([jnp.atleast_1d(x), jnp.atleast_1d(y)])
        if _is_array(path)
        else _EXTREMES.get(_name(path), jnp.add)(x, y)
        for (path, x), y in zip(paths, others, strict=True)
    ]
    return jax.tree.unflatten(structure, joined)


def merge_axis(statistics: T, axis: int = 0) -> T:
    """The statistics along one axis together: those of the steps of a scan, or of the members of a vmap."""

    def join(path: Any, x: Any) -> Any:
        if _is_array(path):
            return x
        if np.ndim(x) == 0:
            raise ValueError(
                "merge_axis was called with statistics that have no axis of steps; expected those of a lax.scan or "
                "a jax.vmap."
            )
        return _REDUCED_EXTREMES.get(_name(path), jnp.sum)(x, axis=axis)

    return jax.tree_util.tree_map_with_path(join, statistics)


def all_reduce(statistics: T, axis_name: Any) -> T:
    """The statistics of all devices together, by one collective; within `jax.shard_map` or `vmap(axis_name=...)`."""
    leaves, structure = jax.tree.flatten(statistics)
    flat = jnp.concatenate([leaf.ravel().astype(jnp.float32) for leaf in leaves])
    gathered = jax.lax.all_gather(flat, axis_name).reshape(-1, flat.size)
    ends = list(itertools.accumulate(leaf.size for leaf in leaves))
    parts = jnp.split(gathered, ends[:-1], axis=1)
    stacked = [part.reshape(-1, *leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return merge_axis(jax.tree.unflatten(structure, stacked))


def _name(path: Any) -> str:
    return getattr(path[-1], "name", "")


def _is_array(path: Any) -> bool:
    return any(getattr(key, "name", "") == "arrays" for key in path)


def moments(x: Array) -> Moments:
    finite = jnp.isfinite(x)
    wide = jnp.where(finite, x, 0).astype(jnp.float32)
    return Moments(
        count=_number(x.size),
        total=jnp.sum(wide),
        squares=jnp.sum(wide * wide),
        low=jnp.min(jnp.where(finite, x, jnp.inf), initial=jnp.inf).astype(jnp.float32),
        high=jnp.max(jnp.where(finite, x, -jnp.inf), initial=-jnp.inf).astype(jnp.float32),
        zeros=_count(x == 0),
        nans=_count(jnp.isnan(x)),
        infs=_count(jnp.isinf(x)),
    )


def cotangent(g: Array, axes: tuple[int, ...]) -> Cotangent:
    finite = jnp.isfinite(g)
    wide = jnp.where(finite, g, 0).astype(jnp.float32)
    units = jnp.sum(wide * wide, axis=_others(g, axes))
    return Cotangent(
        count=_number(g.size),
        total=jnp.sum(wide),
        squares=jnp.sum(units),
        zeros=_count(g == 0),
        not_finite=_number(g.size) - _count(finite),
        units=units,
    )


def statistics(
    kind: str, slope: Any, x: Array, y: Array, axes: tuple[int, ...], row_axes: tuple[int, ...], tolerance: float
) -> dict[str, Any]:
    """The record of one evaluation of a site: the fields of Statistics, without cotangents and arrays."""
    units = rows = None
    saturated = _number(0)
    others = _others(y, axes)
    if kind in ("elementwise", "other", "tag"):
        on = jnp.abs(slope(x)) >= tolerance if kind == "elementwise" else y != 0
        on_units = jnp.sum(on, axis=others, dtype=jnp.float32)
        wide = y.astype(jnp.float32)
        examples = y.size // max(on_units.size, 1)
        units = Units(_number(examples), on_units, jnp.sum(wide, axis=others), jnp.sum(wide * wide, axis=others))
        saturated = _number(y.size) - jnp.sum(on_units) if kind == "elementwise" else saturated
    if kind == "rows":
        rows = _rows(y, row_axes, tolerance)
    return {"input": moments(x), "output": moments(y), "saturated": saturated, "units": units, "rows": rows}


def _rows(y: Array, axes: tuple[int, ...], tolerance: float) -> Rows:
    p = y.astype(jnp.float32)
    p = jnp.where(jnp.any(p < 0), jnp.exp(p), p)  # logarithms of probabilities
    size = prod(y.shape[axis] for axis in axes)
    entropy = -jnp.sum(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1)), 0), axis=axes)
    one_hot = jnp.max(p, axis=axes) >= 1 - tolerance
    scale = jnp.log(jnp.float32(size)) if size > 1 else 1.0
    return Rows(_number(entropy.size), jnp.sum(entropy / scale), _count(one_hot))


def _others(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis not in axes)


def _number(value: int) -> Array:
    return jnp.asarray(value, jnp.float32)


def _count(mask: Array) -> Array:
    return jnp.sum(mask, dtype=jnp.float32)
