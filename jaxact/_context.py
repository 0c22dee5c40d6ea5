"""Where a function is differentiated, and two ways to its tangent there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.custom_derivatives import SymbolicZero

from ._arguments import cast


class JVPContext(NamedTuple):
    """Where a function is differentiated, and along what."""

    y: Array
    operands: dict[str, Any]
    constants: dict[str, Any]
    moving: tuple[str, ...]
    """Every operand that is a float tracer: more than `tangents`, since an outer derivative may move the rest."""
    tangents: dict[str, Array]

    def term(self, slope: Array, tangent: Array) -> Array:
        """Slope times tangent in the tangent's type: a float32 parameter of a 16-bit x sums its gradient in float32."""
        return cast(cast(cast(slope, self.y.dtype), tangent.dtype) * tangent, self.y.dtype)


Rule = Callable[[JVPContext], Array]
"""A derivative: the tangent of the result."""


def moved(tangents: dict[str, Any], moving: tuple[str, ...]) -> dict[str, Array]:
    """The tangents of the operands that do move."""
    return {name: tangents[name] for name in moving if not isinstance(tangents[name], SymbolicZero)}


def through(function: Callable[..., Array], at: JVPContext) -> Array:
    """The tangent of the function that JAX finds by itself."""

    def of_moving(moving: dict[str, Array]) -> Array:
        return function(at.operands | moving, at.constants)

    return jax.jvp(of_moving, ({name: at.operands[name] for name in at.tangents},), (at.tangents,))[1]


def recomputed(rule: Rule, at: JVPContext, barrier: bool = False) -> Array:
    """The tangent by a rule that is followed anew in the backward pass, for which only what came in is kept.

    Without a barrier XLA may keep what both passes compute; with one it computes that again.
    """

    def anew(operands: dict[str, Any], tangents: dict[str, Array]) -> Array:
        return rule(at._replace(operands=operands, tangents=tangents))

    return jax.checkpoint(anew, prevent_cse=barrier)(at.operands, at.tangents)
