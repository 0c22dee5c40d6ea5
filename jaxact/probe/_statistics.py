"""The record of an activation site: sums and extremes, which merge over batches, steps and devices."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

T = TypeVar("T")
STATIC: Any = {"static": True}
_MOMENTS = 8
"""How many numbers the record of an array has; the last two are the lowest and the highest."""


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record_class(cls: type[T]) -> type[T]:
    """A frozen dataclass that is a pytree; fields whose metadata says so are static."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    static = [field.name for field in fields if field.metadata.get("static")]
    data = [field.name for field in fields if field.name not in static]
    return jax.tree_util.register_dataclass(cls, data_fields=data, meta_fields=static)


def _column(number: int, field: str = "sums") -> Any:
    """One of the sums that a record keeps in one array: a small net's step returns one array faster than eight."""
    return property(lambda self: getattr(self, field)[..., number])


@record_class
class Moments:
    """Sums and extremes of an array. NaN and infinity are counted, and left out of the sums."""

    sums_and_extremes: Array
    """All of them along the last axis."""

    count, nans, infs, total, squares, _nonzero, low, high = (
        _column(number, "sums_and_extremes") for number in range(_MOMENTS)
    )

    @classmethod
    def of(cls, *sums: Any) -> "Moments":
        """From the numbers in this order, alone or several in an array."""
        return cls(flat(*sums))

    @property
    def zeros(self) -> Array:
        return self.count - self._nonzero

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
    """The number of examples for which the unit is on: its slope is not about 0."""
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

    sums: Array

    count, entropy, one_hot = map(_column, range(3))
    """`entropy` is divided by that of a uniform row; `one_hot` has the rows in which one probability is 1."""

    @classmethod
    def of(cls, *sums: Any) -> "Rows":
        """From the numbers in this order."""
        return cls(jnp.stack(sums, axis=-1))

    @property
    def mean_entropy(self) -> Array:
        return self.entropy / jnp.maximum(self.count, 1)

    @property
    def share_one_hot(self) -> Array:
        return self.one_hot / jnp.maximum(self.count, 1)


@record_class
class Cotangent:
    """Sums of the gradient of the loss by an array. NaN and infinity are counted, and left out of the sums."""

    sums: Array
    units: Array
    """The sum of squares for each unit."""

    count, total, squares, zeros, not_finite = map(_column, range(5))

    @classmethod
    def of(cls, units: Array, *sums: Any) -> "Cotangent":
        """From the numbers in this order."""
        return cls(jnp.stack([jnp.asarray(number, jnp.float32) for number in sums], axis=-1), units)

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

    moments_and_units: Array
    """Along the last axis `input`, `output` and `units`: a step returns one array for all of them."""
    rows: Rows | None
    input_cotangent: Cotangent | None
    output_cotangent: Cotangent | None
    arrays: tuple[Array, Array] | None
    """The input and the output themselves, if asked for."""
    kind: str = dataclasses.field(metadata=STATIC)
    """"elementwise"; "rows", such as softmax; "other", such as a gate; or "tag"."""
    shape: tuple[int, ...] = dataclasses.field(metadata=STATIC)
    unit_axes: tuple[int, ...] = dataclasses.field(metadata=STATIC)
    """The axes along which it has units; all others have examples."""

    @property
    def input(self) -> Moments:
        return Moments(self.moments_and_units[..., :_MOMENTS])

    @property
    def output(self) -> Moments:
        return Moments(self.moments_and_units[..., _MOMENTS : 2 * _MOMENTS])

    @property
    def units(self) -> Units | None:
        """None for rows."""
        if self.kind == "rows":
            return None
        shape = tuple(self.shape[axis] for axis in sorted(self.unit_axes))
        numbers = self.moments_and_units[..., 2 * _MOMENTS :]
        steps = numbers.shape[:-1]  # those of a scan around the site
        sums = numbers[..., 1:].reshape(*steps, 3, *shape)
        on, total, squares = (sums[(*(slice(None) for _ in steps), number)] for number in range(3))
        return Units(numbers[..., 0].reshape(*steps, *(1 for _ in shape)) + 0 * on, on, total, squares)

    @property
    def saturated(self) -> Array:
        """The number of elements whose slope is smaller than the tolerance; 0 for what has no slope."""
        if self.kind != "elementwise" or self.units is None:
            return 0 * self.output.count
        off = self.units.examples - self.units.on
        return off.sum(axis=tuple(range(off.ndim - len(self.unit_axes), off.ndim)))

    @property
    def share_saturated(self) -> Array:
        return self.saturated / jnp.maximum(self.output.count, 1)

    @property
    def local_gain(self) -> Array:
        """The norm of the gradient before the activation, over that behind it."""
        if self.input_cotangent is None or self.output_cotangent is None:
            raise ValueError("local_gain was asked of statistics without gradients; expected probe(..., grad=True).")
        return self.input_cotangent.norm / jnp.maximum(self.output_cotangent.norm, jnp.finfo(jnp.float32).tiny)


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

    def join(path: Any, x: Any, y: Any) -> Any:
        if _is_array(path):
            return jnp.concatenate([jnp.atleast_1d(x), jnp.atleast_1d(y)])
        return _with_extremes(path, x + y, jnp.minimum(x, y), jnp.maximum(x, y)) if _has_extremes(path) else x + y

    return jax.tree.unflatten(structure, [join(path, x, y) for (path, x), y in zip(paths, others, strict=True)])


def merge_axis(statistics: T, axis: int = 0) -> T:
    """The statistics along one axis together: those of the steps of a scan, or of the members of a vmap."""

    def join(path: Any, x: Any) -> Any:
        if _is_array(path):
            return x
        if np.ndim(x) == (1 if _has_extremes(path) else 0):
            raise ValueError(
                "merge_axis was called with statistics that have no axis of steps; expected those of a lax.scan or "
                "a jax.vmap."
            )
        sums = jnp.sum(x, axis=axis)
        if not _has_extremes(path):
            return sums
        low, high = jnp.min(x, axis=axis, initial=jnp.inf), jnp.max(x, axis=axis, initial=-jnp.inf)
        return _with_extremes(path, sums, low, high)

    return jax.tree_util.tree_map_with_path(join, statistics)


def nothing(shapes: T) -> T:
    """The statistics of no examples, of these shapes."""

    def empty(path: Any, leaf: Any) -> Any:
        zeros = jnp.zeros(leaf.shape, leaf.dtype)
        return _with_extremes(path, zeros, jnp.inf, -jnp.inf) if _has_extremes(path) else zeros

    return jax.tree_util.tree_map_with_path(empty, shapes)


def all_reduce(statistics: T, axis_name: Any) -> T:
    """The statistics of all devices together, within `jax.shard_map` or `jax.vmap` with a name for its axis.

    It takes two collectives, whose size does not depend on the number of devices: one for sums, one for extremes. Each
    device records the gradients of its own loss: where that is the mean over its share of a batch, the gradient by an
    example is as many times larger than that of the mean over the batch as there are devices. Arrays are stacked.
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(statistics)
    reduced = [jax.lax.all_gather(x, axis_name) if _is_array(path) else x for path, x in paths]
    sums = [number for number, (path, _) in enumerate(paths) if not _is_array(path)]
    ends = [number for number in sums if _has_extremes(paths[number][0])]
    for number, total in zip(sums, _at_once(jax.lax.psum, [reduced[n] for n in sums], axis_name), strict=True):
        reduced[number] = total
    columns = [_columns_of_extremes(paths[number][0]) for number in ends]
    own = [_mirrored(paths[number][1][..., column]) for number, column in zip(ends, columns, strict=True)]
    for number, column, high in zip(ends, columns, _at_once(jax.lax.pmax, own, axis_name), strict=True):
        reduced[number] = reduced[number].at[..., column].set(_mirrored(high))
    return jax.tree.unflatten(structure, reduced)


def _mirrored(extremes: Array) -> Array:
    """Lowest and highest numbers with the lowest negated, so that a maximum is taken of both; and back again."""
    return jnp.stack([-extremes[..., 0], extremes[..., 1]], axis=-1)


def _at_once(collective: Callable[..., Array], arrays: list[Array], axis_name: Any) -> list[Array]:
    """The arrays, reduced by one collective."""
    ends = list(itertools.accumulate(array.size for array in arrays))
    parts = jnp.split(collective(flat(*arrays), axis_name), ends[:-1]) if arrays else []
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def flat(*parts: Any) -> Array:
    """All numbers in one array."""
    return jnp.concatenate([jnp.ravel(jnp.asarray(part, jnp.float32)) for part in parts])


def _has_extremes(path: Any) -> bool:
    return _field(path) in ("sums_and_extremes", "moments_and_units")


def _columns_of_extremes(path: Any) -> np.ndarray:
    """The columns of the lowest and the highest number of each array, one row for each."""
    arrays = 2 if _field(path) == "moments_and_units" else 1
    return _MOMENTS * np.arange(arrays)[:, None] + [_MOMENTS - 2, _MOMENTS - 1]


def _with_extremes(path: Any, sums: Array, low: Any, high: Any) -> Array:
    """The sums, with the lowest and the highest number in their columns of the moments."""
    columns, (lows, highs) = np.arange(sums.shape[-1]), _columns_of_extremes(path).T
    return jnp.where(np.isin(columns, lows), low, jnp.where(np.isin(columns, highs), high, sums))


def _field(path: Any) -> str:
    return getattr(path[-1], "name", "") if path else ""


def _is_array(path: Any) -> bool:
    return any(getattr(key, "name", "") == "arrays" for key in path)
