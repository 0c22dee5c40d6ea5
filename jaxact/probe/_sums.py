"""How the sums at an activation site are computed: as few passes over its arrays as XLA on CPU needs."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ._statistics import Cotangent, Moments, Rows, flat
from ._switches import Switches

_TINY = 1e-37  # whose logarithm is finite
_LARGE = 3e38  # less than infinity
_SMALL = 2**13
"""Elements. XLA on CPU takes longer to start a sum over a smaller array than to add its numbers."""


def cotangent(g: Array, axes: tuple[int, ...]) -> Cotangent:
    """The record of a gradient."""
    others, wide = _others(g, axes), _wide(g)
    units = jnp.sum(wide * wide, axis=others)

    def all_finite() -> tuple[Array, ...]:
        total = jnp.sum(wide)
        return units, total, jnp.sum(units), _number(g.size) - jnp.sum(_is_nonzero(wide)), total - total

    def not_all_finite() -> tuple[Array, ...]:
        is_finite = jnp.isfinite(g)
        finite = jnp.where(is_finite, wide, 0)
        units = jnp.sum(finite * finite, axis=others)
        return units, jnp.sum(finite), jnp.sum(units), _count(g == 0), _number(g.size) - _count(is_finite)

    units, *sums = lax.cond(jnp.all(jnp.isfinite(units)), all_finite, not_all_finite)
    return Cotangent.of(units, _number(g.size) + 0 * sums[0], *sums)


@dataclass(frozen=True)
class Recipe:
    """How the statistics of a site are computed."""

    kind: str
    slope: Callable[[Array], Array] | None
    """The derivative of an elementwise activation."""
    switches: Switches | None
    """Where the slope is about 0, if there are only a few such intervals."""
    units: tuple[int, ...]
    """The axes of units."""
    row: tuple[int, ...]
    """The axes of a row."""
    rows_are: str
    """"softmax" of the input as it is, "log_softmax" with or without a mask, or other probabilities."""
    tolerance: float


def statistics(recipe: Recipe, x: Array, y: Array) -> dict[str, Any]:
    """The record of one evaluation of a site: the fields of Statistics, without cotangents and arrays.

    XLA on CPU makes a pass over the array for each sum. A `where` or a comparison in a sum takes 3 to 10 times as long
    as the sum. So what leaves out NaN and infinity is computed only if there are any.
    """
    others = tuple(range(y.ndim)) if recipe.kind == "rows" else _others(y, recipe.units)
    examples = prod(y.shape[axis] for axis in others)
    is_small = x.shape == y.shape and x.size <= _SMALL
    if not is_small:
        x = lax.optimization_barrier(x)  # else each sum transposes it again behind a layer: 6 % of a transformer's step
    wide_x, wide_y = _wide(x), _wide(y)

    if is_small:
        numbers = [wide_x, wide_x * wide_x, _is_nonzero(wide_x), wide_y, wide_y * wide_y, _is_nonzero(wide_y)]
        at_once = _sums_at_once([*numbers, *_is_on_if_finite(recipe, x, wide_x, y)], others)
        squares, is_finite = at_once[4], jnp.all(jnp.isfinite(at_once))

        def sums() -> tuple[Array, Array]:
            return _over_units(at_once[:3]), at_once[3:]

    else:
        squares_of_x, squares = jnp.sum(wide_x * wide_x), jnp.sum(wide_y * wide_y, axis=others)
        is_finite = jnp.isfinite(squares_of_x) & jnp.all(jnp.isfinite(squares))

        def sums() -> tuple[Array, Array]:
            more = [_is_nonzero(wide_y), *_is_on_if_finite(recipe, x, wide_x, y)]
            return (
                jnp.stack([jnp.sum(wide_x), squares_of_x, jnp.sum(_is_nonzero(wide_x))]),
                jnp.stack([jnp.sum(wide_y, axis=others), squares, *(_count(numbers, others) for numbers in more)]),
            )

    def packed(of_x: Moments, of_y: Moments, on: Array, totals: Array) -> Array:
        of_units = () if recipe.kind == "rows" else (examples, on, totals, squares)
        return flat(of_x.sums_and_extremes, of_y.sums_and_extremes, *of_units)

    def finite() -> Array:
        of_x, of_y = sums()
        return packed(_moments(wide_x, of_x), _moments(wide_y, _over_units(of_y[:3])), of_y[-1], of_y[0])

    def not_finite() -> Array:
        return packed(moments(x), moments(y), _count(_is_on(recipe, x, y), others), jnp.sum(wide_y, axis=others))

    return {
        "moments_and_units": lax.cond(is_finite, finite, not_finite),
        "rows": _rows(wide_x, wide_y, recipe) if recipe.kind == "rows" else None,
    }


def _wide(x: Array) -> Array:
    """x in float32. In one loop with what made a 16-bit x, XLA on GPU would not round it: inf would be finite."""
    return jnp.asarray(lax.optimization_barrier(x) if x.dtype.itemsize < 4 else x, jnp.float32)


def _sums_at_once(arrays: list[Array], axes: tuple[int, ...]) -> Array:
    """The sums of small arrays, by one matrix product."""
    units = [size for axis, size in enumerate(arrays[0].shape) if axis not in axes]
    tables = [jnp.moveaxis(x, axes, range(len(axes))).reshape(-1, prod(units)) for x in arrays]
    table = jnp.concatenate([table.astype(jnp.float32) for table in tables], axis=1)
    return jnp.dot(jnp.ones(len(table), jnp.float32), table, precision="highest").reshape(-1, *units)


def _over_units(sums: Array) -> Array:
    """The sum of each entry over all units: XLA makes it a pass of its own, unless they are stacked."""
    return jnp.sum(sums, axis=tuple(range(1, sums.ndim)))


def _is_on(recipe: Recipe, x: Array, y: Array) -> Array:
    """Where the activation is on."""
    return y != 0 if recipe.slope is None else jnp.abs(recipe.slope(x)) >= recipe.tolerance


def _is_on_if_finite(recipe: Recipe, x: Array, wide_x: Array, y: Array) -> list[Array]:
    """Where it is on, for finite numbers; nothing if that is where it is not 0."""
    if recipe.slope is None or (recipe.switches and recipe.switches.off_is_zero):
        return []
    return [recipe.switches.on(wide_x) if recipe.switches else _is_on(recipe, x, y)]


def moments(x: Array) -> Moments:
    """The moments of an array that may have NaN and infinity in it."""
    finite = jnp.isfinite(x)
    wide = jnp.where(finite, x, 0).astype(jnp.float32)
    low = jnp.min(jnp.where(finite, x, jnp.inf), initial=jnp.inf)
    high = jnp.max(jnp.where(finite, x, -jnp.inf), initial=-jnp.inf)
    sums = jnp.sum(wide), jnp.sum(wide * wide), _count(x != 0)
    return Moments.of(x.size, _count(jnp.isnan(x)), _count(jnp.isinf(x)), *sums, low, high)


def _moments(x: Array, sums: Array) -> Moments:
    """The moments of an array of finite numbers, of which the total, the squares and those that are not 0 are known."""
    return Moments.of([x.size, 0, 0], sums, jnp.min(x, initial=jnp.inf), jnp.max(x, initial=-jnp.inf))


def _rows(x: Array, y: Array, recipe: Recipe) -> Rows:
    axes, size = recipe.row, prod(y.shape[axis] for axis in recipe.row)
    if recipe.rows_are == "softmax":  # from the scores, as logarithms in sums take as long as the rest of a small net
        high, largest = jnp.max(x, axis=axes, keepdims=True), jnp.max(y, axis=axes)
        lower = jnp.minimum(jnp.maximum(high, -_LARGE) - x, 200)  # exp(-200) is 0
        entropy = jnp.sum(y * lower, axis=axes) - jnp.log(jnp.where(largest > 0, largest, 1))
    else:
        is_log = recipe.rows_are == "log_softmax"
        p, logarithms = (jnp.exp(y), jnp.maximum(y, -_LARGE)) if is_log else (y, jnp.log(jnp.maximum(y, _TINY)))
        entropy, largest = -jnp.sum(p * logarithms, axis=axes), jnp.max(p, axis=axes)
    scale = jnp.log(jnp.float32(size)) if size > 1 else 1.0
    return Rows.of(_number(entropy.size), jnp.sum(entropy / scale), _count(largest >= 1 - recipe.tolerance))


def _others(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis not in axes)


def _is_nonzero(x: Array) -> Array:
    """1 for a finite number that is not 0, and 0 for 0, by arithmetic, which takes half the time of a comparison."""
    return jnp.abs(jnp.sign(x))


def _number(value: int) -> Array:
    return jnp.asarray(value, jnp.float32)


def _count(mask: Array, axes: tuple[int, ...] | None = None) -> Array:
    return jnp.sum(mask, axis=axes, dtype=jnp.float32)
