"""Residuals: what the backward pass reads instead of an array of slopes.

A slope that can be computed from the output costs no memory, since the next layer stores the output anyway. Where the
output does not determine the slope, one byte per element can say on which side of a kink x was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ._arguments import Operand, cast, computation_dtype, widen
from ._context import JVPContext


@dataclass(frozen=True)
class Residual:
    """An array that is stored for the backward pass, and the slope by x as a function of it."""

    array: Callable[[Array, Callable[[], Array]], Array]
    """The residual, from the output and a function that computes the slope."""
    slope: Callable[..., Array]
    """The slope, from the residual and the parameters other than x, by name."""
    min_bits: int = 8
    """The narrowest output from which the slope has all its digits."""
    when: Callable[..., bool] | None = None
    """For which parameters the slope is right; these have to be constants. None for all parameters."""

    def is_usable(self, dtype: Any, others: dict[str, Any], constants: dict[str, Any]) -> bool:
        wide_enough = self.min_bits <= jnp.finfo(dtype).bits
        return wide_enough and (self.when is None or (not others and self.when(**constants)))


def from_output(slope: Callable[..., Array], min_bits: int = 8, when: Callable[..., bool] | None = None) -> Residual:
    """The output as residual: `slope` is a function of the output and of the parameters other than x."""
    return Residual(lambda y, slope_by_x: y, slope, min_bits, when)


def two_slopes(low: int | float | str, high: int | float) -> Residual:
    """A byte as residual: 0 for slope `low`, 1 for `high`, -1 for NaN. `low` may be the name of a parameter."""

    def code(y: Array, slope_by_x: Callable[[], Array]) -> Array:
        slope = slope_by_x()
        return jnp.where(slope == high, 1, jnp.where(jnp.isnan(slope), -1, 0)).astype(jnp.int8)

    def slope(code: Array, **parameters: Operand) -> Array:
        zero_or_nan = jnp.minimum(jnp.sqrt(code), 0)  # a constant NaN would set off jax.debug_nans
        return jnp.where(code > 0, high, (parameters[low] if isinstance(low, str) else low) + zero_or_nan)

    return Residual(code, slope)


def tangent_from_residual(
    residual: Residual, slope_by_x: Callable[[], Array], context: JVPContext, others: dict[str, Array]
) -> Array:
    """The tangent along x, with the slope computed from the residual and the other operands."""
    dtype = context.y.dtype

    def tangent_of_y(dx: Array, array: Array, others: dict[str, Array]) -> Array:
        parameters = {name: widen(value, dtype) for name, value in others.items()} | context.constants
        slope = jnp.asarray(residual.slope(cast(array, computation_dtype(dtype)), **parameters))
        return context.product(slope, dx)

    (dx,) = context.tangents.values()
    return jax.checkpoint(tangent_of_y, prevent_cse=False)(dx, residual.array(context.y, slope_by_x), others)
