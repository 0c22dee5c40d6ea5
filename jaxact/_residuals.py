"""What the backward pass keeps where even one array of slopes is more than it needs.

The next layer keeps the output anyway, so that a slope made from the output costs no memory. Where the output does not
tell, a byte can say on which side of a kink x was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ._arguments import cast, computation_dtype, widen
from ._context import JVPContext


@dataclass(frozen=True)
class Residual:
    """One way to have the slope by x from something smaller than itself."""

    array: Callable[[Array, Callable[[], Array]], Array]
    """What is kept: of the output and what computes the slope."""
    slope: Callable[..., Array]
    """The slope from that and the parameters beside x, by name."""
    bits: int = 8
    """How wide a type has to be for it to say what x says."""
    when: Callable[..., bool] | None = None
    """For which parameters it serves, all of them constants."""

    def serves(self, dtype: Any, others: dict[str, Any], constants: dict[str, Any]) -> bool:
        wide_enough = self.bits <= jnp.finfo(dtype).bits
        return wide_enough and (self.when is None or (not others and self.when(**constants)))


def from_output(slope: Callable[..., Array], bits: int = 8, when: Callable[..., bool] | None = None) -> Residual:
    """Keep the output: the slope as a function of it and of the parameters beside x."""
    return Residual(lambda y, slope_by_x: y, slope, bits, when)


def one_of(low: float | str, high: float) -> Residual:
    """Keep a byte: 0 or 1 for one of two slopes, of which the first may be a parameter, and -1 for NaN."""

    def code(y: Array, slope_by_x: Callable[[], Array]) -> Array:
        slope = slope_by_x()
        return jnp.where(slope == high, 1, jnp.where(jnp.isnan(slope), -1, 0)).astype(jnp.int8)

    def slope(kept: Array, **given: Array) -> Array:
        zero_or_nan = jnp.minimum(jnp.sqrt(kept), 0)  # a constant NaN would alarm jax.debug_nans
        return jnp.where(kept > 0, high, (given[low] if isinstance(low, str) else low) + zero_or_nan)

    return Residual(code, slope)


def from_residual(
    residual: Residual, slope_by_x: Callable[[], Array], at: JVPContext, others: dict[str, Array]
) -> Array:
    """The tangent along x, with a slope made anew from what is kept and the other parameters."""

    def term(tangent: Array, kept: Array, others: dict[str, Array]) -> Array:
        wide = {name: widen(value, at.y.dtype) for name, value in others.items()}
        slope = jnp.asarray(residual.slope(cast(kept, computation_dtype(at.y.dtype)), **wide, **at.constants))
        return at.term(slope, tangent)

    (tangent,) = at.tangents.values()
    return jax.checkpoint(term, prevent_cse=False)(tangent, residual.array(at.y, slope_by_x), others)
