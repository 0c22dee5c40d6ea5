"""How a plain function of `jax.numpy` becomes an activation with a derivative of its own.

`derivative` (functions of one element), `jvp` (functions over an axis) or `autodiff` (functions composed of such
functions) states how it is differentiated. The result is a plain Python function around `jax.jit(jax.custom_jvp(...))`:
it pickles, compares and prints like the function that was written, an eager call is one dispatch, and every jaxpr shows
its name. The annotation of a parameter decides how it is treated (`_arguments.py`).
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from typing import cast as cast_type

import jax
import jax.numpy as jnp
from jax import Array, lax

from ._arguments import Parameters, as_operand, cast, check_broadcasts, sort_arguments, widen
from ._complex import FORMULAS
from ._context import JVPContext, Rule, nonzero_tangents, recomputed_tangent, tangent_by_autodiff
from ._residuals import Residual, tangent_from_residual

F = TypeVar("F", bound=Callable[..., Any])
Core = Callable[[dict[str, Any], dict[str, Any], tuple[str, ...]], Array]
"""The differentiable function, of operands, constants and the names of the operands that are tracers of floats."""


@dataclass(frozen=True)
class Rules:
    """How a function is called and differentiated: its attribute `__rules__`."""

    parameters: Parameters
    core: Core
    slopes: dict[str, Callable[..., Array]] | None
    """By parameter; None for a function over an axis, which has a Jacobian and no slope."""


def derivative(
    *,
    residuals: tuple[Residual, ...] = (),
    recompute: bool = False,
    as_residual: Callable[[Array], Array] = lambda y: y,
    **slopes: Callable[..., Any],
) -> Callable[[F], F]:
    """Give an elementwise function a slope for each array parameter, as functions of the same parameters.

    The tangent is the sum of slope(x, ...) * tangent. A slope may itself carry `derivative`, which makes second
    derivatives as accurate as first ones. The residual is one array: the first usable one of `residuals`, else the
    slope, or x if a parameter has a tangent too or `recompute` is set. `as_residual` is applied to the output while
    differentiating and changes no number: XLA stores a `where`, but computes a `maximum` again from x.
    """

    def decorate(body: F) -> F:
        arrays = Parameters.of(body).arrays
        if tuple(slopes) != arrays:
            raise TypeError(
                f"derivative was called for {body.__name__} with slopes for ({', '.join(slopes)}); "
                f"expected one for each array parameter of its signature: ({', '.join(arrays)})."
            )
        functions = {n: s if hasattr(s, "__rules__") else _slope_function(body, n, s) for n, s in slopes.items()}
        cores = {name: cast_type(Any, function).__rules__.core for name, function in functions.items()}

        def slope(by: str, c: JVPContext) -> Array:
            return cores[by](c.operands, c.constants, c.differentiable)

        def total(c: JVPContext) -> Array:
            return functools.reduce(jnp.add, [c.product(slope(name, c), t) for name, t in c.tangents.items()])

        def rule(c: JVPContext) -> Array:
            x = arrays[0]
            if recompute or tuple(c.tangents) != (x,):
                return recomputed_tangent(total, c, barrier=True)
            others = {name: value for name, value in c.operands.items() if name != x and value is not None}
            usable = (residual for residual in residuals if residual.is_usable(c.y.dtype, others, c.constants))
            if residual := next(usable, None):
                return tangent_from_residual(residual, lambda: slope(x, c), c, others)
            return total(c)

        return cast_type(F, _wrap(body, rule, body, functions, as_residual=as_residual))

    return decorate


def jvp(*, widened: bool = True, **rules: Callable[..., Array]) -> Callable[[F], F]:
    """Give a function over an axis a jvp rule for each array parameter: a linear map `rule(tangent, y, x, ...)`.

    The tangent of the result y is the sum of the maps. Every array parameter needs a rule; one that may be absent
    (`OptionalArray`) is differentiated if it has a rule. If not `widened`, a 16-bit x is passed as it is, for a body
    that widens only what it sums: XLA on CPU writes a widened x to memory where two results are computed from it.
    """

    def decorate(body: F) -> F:
        parameters, names = Parameters.of(body), list(inspect.signature(body).parameters)
        if not {*parameters.arrays} <= {*rules} <= {*parameters.arrays, *parameters.optional}:
            raise TypeError(
                f"jvp was called for {body.__name__} with rules for ({', '.join(rules)}); "
                f"expected one for each array parameter of its signature: ({', '.join(parameters.arrays)})."
            )

        def total(c: JVPContext) -> Array:
            dtype = c.operands[parameters.x].dtype
            values = _widened(c.operands, parameters.x, widened) | c.constants
            arguments = [values[name] for name in names]
            # A 16-bit y has lost the digits that the derivative needs, which is then computed from x again.
            y = c.y if jnp.finfo(dtype).bits >= 32 else function(*arguments)
            terms = [rules[name](widen(t, dtype), y, *arguments) for name, t in c.tangents.items() if name in rules]
            return cast(functools.reduce(jnp.add, terms), c.y.dtype) if terms else jnp.zeros_like(c.y)

        function = _wrap(body, lambda c: recomputed_tangent(total, c), body, None, widened=widened)
        return cast_type(F, function)

    return decorate


def autodiff(body: F) -> F:
    """Differentiate a function over an axis by JAX's rules, for a body whose parts have accurate derivatives."""
    rounded = _rounded(body, Parameters.of(body).x)

    def rule(c: JVPContext) -> Array:
        return recomputed_tangent(lambda c: tangent_by_autodiff(rounded, c), c)

    return cast_type(F, _wrap(body, rule, body, None))


def _slope_function(body: Callable[..., Any], wrt: str, slope: Callable[..., Any]) -> Any:
    """A slope without a declared derivative, with the signature of the function it belongs to."""
    name = f"{body.__name__}_slope" + (f"_by_{wrt}" if wrt != "x" else "")
    rounded = _rounded(slope, Parameters.of(body).x)
    function = _wrap(slope, lambda c: tangent_by_autodiff(rounded, c), body, {}, name, keep_integers=False)
    function.__doc__ = f"The derivative of {body.__name__} by {wrt}."
    return function


def _widened(operands: dict[str, Any], x: str, also_x: bool = True) -> dict[str, Any]:
    """The operands in the precision of the computation; x only on request."""
    return {n: widen(v, operands[x].dtype) if also_x or n != x else v for n, v in operands.items()}


def _rounded(body: Callable[..., Any], x: str, widened: bool = True) -> Callable[..., Array]:
    """The body in the precision of the computation, rounded once to the type of x."""

    def rounded(operands: dict[str, Any], constants: dict[str, Any]) -> Array:
        return cast(jnp.asarray(body(**_widened(operands, x, widened), **constants)), operands[x].dtype)

    return rounded


def _wrap(
    body: Callable[..., Any],
    rule: Rule,
    template: Callable[..., Any],
    slopes: Any,
    name: str = "",
    widened: bool = True,
    as_residual: Callable[[Array], Array] = lambda y: y,
    keep_integers: bool = True,
) -> Any:
    """A plain function around jit(custom_jvp(body)), with the name, signature and docstring of the template."""
    signature, parameters, name = inspect.signature(template), Parameters.of(template), name or template.__name__
    parameters = parameters if keep_integers else replace(parameters, keep_integers=())
    rounded = _rounded(body, parameters.x, widened)

    def core(operands: dict[str, Any], constants: dict[str, Any], differentiable: tuple[str, ...]) -> Array:
        if jnp.issubdtype(operands[parameters.x].dtype, jnp.complexfloating):
            return FORMULAS[name](**operands, **constants)
        if not differentiable:
            return rounded(operands, constants)

        def primal(operands: dict[str, Any]) -> Array:
            return rounded(operands, constants)

        primal.__name__ = name
        call = jax.custom_jvp(primal)

        def jvp_rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
            (operands,), (tangents,) = primals, tangents
            y, nonzero = as_residual(call(operands)), nonzero_tangents(tangents, differentiable)
            dy = rule(JVPContext(y, operands, constants, differentiable, nonzero)) if nonzero else jnp.zeros_like(y)
            return y, jnp.broadcast_to(dy, y.shape)

        # Of several operands one may have no tangent but an infinite slope, and inf * 0 is NaN; a symbolic zero says
        # so. A single operand always has a tangent, and Pallas accepts only functions without symbolic zeros.
        call.defjvp(jvp_rule, symbolic_zeros=len(differentiable) > 1)
        return call(operands)

    def traced(operands: dict[str, Any], constants: tuple[tuple[str, Any], ...], names: tuple[str, ...]) -> Array:
        x = as_operand(name, parameters.x, operands[parameters.x], parameters)
        weak = jax.typeof(operands[parameters.x]).weak_type
        wide = {n: x if n == parameters.x else as_operand(name, n, v, parameters, x.dtype) for n, v in operands.items()}
        if slopes is not None:
            check_broadcasts(name, parameters, wide)
        y = core(wide, dict(constants), names)
        # Weakly typed like its argument, the result of a Python number takes the type of the next operand.
        return lax.convert_element_type_p.bind(y, new_dtype=y.dtype, weak_type=True, sharding=None) if weak else y

    traced.__name__ = name
    compiled = jax.jit(traced, static_argnums=(1, 2))

    @functools.wraps(template)
    def function(*args: Any, **kwargs: Any) -> Array:
        call = sort_arguments(name, signature, parameters, args, kwargs)
        return compiled(call.operands, call.constants, call.differentiable)

    function.__name__ = function.__qualname__ = name
    cast_type(Any, function).__rules__ = Rules(parameters, core, slopes)
    return function
