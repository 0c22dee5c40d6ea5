"""The point at which a function is differentiated, and two ways to compute its tangent there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.custom_derivatives import SymbolicZero

from ._arguments import cast


class JVPContext(NamedTuple):
    """What a jvp rule is given: the result, the arguments and their tangents."""

    y: Array
    operands: dict[str, Any]
    constants: dict[str, Any]
    differentiable: tuple[str, ...]
    """All operands that are tracers of floats. One without a tangent here may get one from an outer derivative."""
    tangents: dict[str, Array]

    def product(self, slope: Array, tangent: Array) -> Array:
        """slope * tangent in the tangent's type, so that a float32 parameter has its gradient summed in float32."""
        return cast(cast(cast(slope, self.y.dtype), tangent.dtype) * tangent, self.y.dtype)


Rule = Callable[[JVPContext], Array]
"""A jvp rule: the tangent of the result."""


def nonzero_tangents(tangents: dict[str, Any], differentiable: tuple[str, ...]) -> dict[str, Array]:
    """The tangents that are not symbolic zeros."""
    return {name: tangents[name] for name in differentiable if not isinstance(tangents[name], SymbolicZero)}


def tangent_by_autodiff(function: Callable[..., Array], context: JVPContext) -> Array:
    """The tangent of function(operands, constants), by JAX's own rules."""

    def of_differentiated(differentiated: dict[str, Array]) -> Array:
        return function(context.operands | differentiated, context.constants)

    primals = {name: context.operands[name] for name in context.tangents}
    return jax.jvp(of_differentiated, (primals,), (context.tangents,))[1]


def recomputed_tangent(rule: Rule, context: JVPContext, barrier: bool = False) -> Array:
    """The tangent by a rule that the backward pass computes again: its only residuals are the operands.

    Without a barrier XLA may still store what both passes compute; with one it computes that twice.
    """

    def again(operands: dict[str, Any], tangents: dict[str, Array]) -> Array:
        return rule(context._replace(operands=operands, tangents=tangents))

    return jax.checkpoint(again, prevent_cse=barrier)(context.operands, context.tangents)
