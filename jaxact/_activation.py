"""The one mechanism: how a plain function of `jax.numpy` becomes an activation with a derivative of its own.

`derivative` (functions of one element), `jvp` (functions over an axis) or `autodiff` (functions made of such functions)
says how it is differentiated. What comes out is a plain Python function around `jax.jit(jax.custom_jvp(...))`: it
pickles, compares, hovers and prints as written, an eager call is one dispatch, and every jaxpr names it. How each
parameter is treated, its annotation says (`_arguments.py`).
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from typing import cast as cast_type

import jax
import jax.numpy as jnp
from jax import Array, lax

from ._arguments import Parameters, as_operand, cast, promote, sort_arguments, widen
from ._context import JVPContext, Rule, moved, recomputed, through
from ._residuals import Residual, from_residual

F = TypeVar("F", bound=Callable[..., Any])
Core = Callable[[dict[str, Any], dict[str, Any], tuple[str, ...]], Array]
"""The differentiable function of operands, constants and the names of the operands that move."""


@dataclass(frozen=True)
class Rules:
    """What the mechanism knows of a function: its attribute `__rules__`."""

    parameters: Parameters
    core: Core
    slopes: dict[str, Callable[..., Array]] | None
    """By parameter; None for a function over an axis, which has a Jacobian and no slope."""


def derivative(
    *,
    residuals: tuple[Residual, ...] = (),
    recompute: bool = False,
    settle: Callable[[Array], Array] = lambda y: y,
    **slopes: Callable[..., Any],
) -> Callable[[F], F]:
    """Give an elementwise function its slope for each array parameter, as functions of the same parameters.

    The tangent is the sum of slope(x, ...) * tangent. A slope may itself carry `derivative`, which makes second
    derivatives as accurate as first ones. The backward pass keeps one array: the first of `residuals` that serves, else
    the slope, or x if a parameter is learnt or the slope is recomputed. `settle` changes no number of a kept output:
    XLA keeps the result of a choice, where it would make a maximum anew from x.
    """

    def decorate(body: F) -> F:
        arrays = Parameters.of(body).arrays
        if tuple(slopes) != arrays:
            raise TypeError(
                f"derivative was called for {body.__name__} with slopes for ({', '.join(slopes)}); "
                f"expected one for each array parameter of its signature: ({', '.join(arrays)})."
            )
        public = {n: slope if hasattr(slope, "__rules__") else _slope_of(body, n, slope) for n, slope in slopes.items()}
        cores = {name: cast_type(Any, slope).__rules__.core for name, slope in public.items()}

        def term(at: JVPContext, name: str) -> Array:
            return at.term(cores[name](at.operands, at.constants, at.moving), at.tangents[name])

        def rule(at: JVPContext) -> Array:
            x = arrays[0]
            if recompute or tuple(at.tangents) != (x,):
                return recomputed(lambda at: functools.reduce(jnp.add, [term(at, n) for n in at.tangents]), at, True)
            others = {name: value for name, value in at.operands.items() if name != x and value is not None}
            usable = (one for one in residuals if one.serves(at.y.dtype, others, at.constants))
            if residual := next(usable, None):
                return from_residual(residual, lambda: cores[x](at.operands, at.constants, at.moving), at, others)
            return term(at, x)

        return cast_type(F, _wrap(body, rule, body, public, settle=settle))

    return decorate


def jvp(*, widened: bool = True, **rules: Callable[..., Array]) -> Callable[[F], F]:
    """Give a function over an axis its derivative by each array parameter, as linear maps `rule(tangent, y, x, ...)`.

    The tangent of the result y is the sum of the maps, each computed as wide as x. Every array parameter needs a rule;
    one that may be absent (`ArrayLike | None`) is differentiated if it has one. Not `widened`, a 16-bit x comes as it
    is, for a body that widens only what it sums: XLA on CPU writes a widened x down where two things are made of it.
    """

    def decorate(body: F) -> F:
        parameters, names = Parameters.of(body), list(inspect.signature(body).parameters)
        if not {*parameters.arrays} <= {*rules} <= {*parameters.arrays, *parameters.optional}:
            raise TypeError(
                f"jvp was called for {body.__name__} with rules for ({', '.join(rules)}); "
                f"expected one for each array parameter of its signature: ({', '.join(parameters.arrays)})."
            )

        def total(at: JVPContext) -> Array:
            dtype = at.operands[parameters.x].dtype
            values = _widened(at.operands, parameters.x, widened) | at.constants
            arguments = [values[name] for name in names]
            # A 16-bit y has lost the digits of the derivative, which therefore begins with x again.
            y = at.y if jnp.finfo(dtype).bits >= 32 else function(*arguments)
            terms = [rules[name](widen(t, dtype), y, *arguments) for name, t in at.tangents.items() if name in rules]
            return cast(functools.reduce(jnp.add, terms), at.y.dtype) if terms else jnp.zeros_like(at.y)

        function = _wrap(body, lambda at: recomputed(total, at), body, None, widened=widened)
        return cast_type(F, function)

    return decorate


def autodiff(body: F) -> F:
    """Give a function over an axis the derivative of its body: for a body whose parts have accurate ones."""

    def rule(at: JVPContext) -> Array:
        return recomputed(lambda at: through(_rounded(body, Parameters.of(body).x), at), at)

    return cast_type(F, _wrap(body, rule, body, None))


def _slope_of(body: Callable[..., Any], wrt: str, slope: Callable[..., Any]) -> Any:
    """A slope that JAX differentiates by itself, with the parameters of the function it belongs to."""
    name = f"{body.__name__}_slope" + (f"_by_{wrt}" if wrt != "x" else "")

    def rule(at: JVPContext) -> Array:
        return through(_rounded(slope, Parameters.of(body).x), at)

    function = _wrap(slope, rule, body, {}, name)
    function.__doc__ = f"The derivative of {body.__name__} by {wrt}."
    return function


def _widened(operands: dict[str, Any], x: str, also_x: bool = True) -> dict[str, Any]:
    """The operands in the precision of the computation; x perhaps as it is."""
    return {n: widen(v, operands[x].dtype) if also_x or n != x else v for n, v in operands.items()}


def _rounded(body: Callable[..., Any], x: str, widened: bool = True) -> Callable[..., Array]:
    """The body at the precision of the computation, rounded once to the type of x."""

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
    settle: Callable[[Array], Array] = lambda y: y,
) -> Any:
    """A plain function around jit(custom_jvp(body)), with the name, signature and docstring of the template."""
    signature, parameters, name = inspect.signature(template), Parameters.of(template), name or template.__name__
    rounded = _rounded(body, parameters.x, widened)

    def core(operands: dict[str, Any], constants: dict[str, Any], moving: tuple[str, ...]) -> Array:
        if not moving:
            return rounded(operands, constants)

        def primal(operands: dict[str, Any]) -> Array:
            return rounded(operands, constants)

        primal.__name__ = name
        call = jax.custom_jvp(primal)

        def jvp_rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
            (operands,), (given,) = primals, tangents
            y = settle(call(operands))
            at = JVPContext(y, operands, constants, moving, moved(given, moving))
            return y, jnp.broadcast_to(rule(at), y.shape) if at.tangents else jnp.zeros_like(y)

        # Of several operands one may stand still, with a slope of inf, and inf * 0 would be NaN. For one operand JAX
        # need not say so, and Pallas takes a function only then.
        call.defjvp(jvp_rule, symbolic_zeros=len(moving) > 1)
        return call(operands)

    def traced(operands: dict[str, Any], constants: tuple[tuple[str, Any], ...], moving: tuple[str, ...]) -> Array:
        x, weak = promote(name, parameters.x, operands[parameters.x])
        wide = {n: x if n == parameters.x else as_operand(name, n, v, parameters, x.dtype) for n, v in operands.items()}
        y = core(wide, dict(constants), moving)
        # A Python number goes on as one: weakly typed, so that it takes the type of what it meets.
        return lax.convert_element_type_p.bind(y, new_dtype=y.dtype, weak_type=True, sharding=None) if weak else y

    traced.__name__ = name
    compiled = jax.jit(traced, static_argnums=(1, 2))

    @functools.wraps(template)
    def function(*args: Any, **kwargs: Any) -> Array:
        call = sort_arguments(name, signature, parameters, args, kwargs)
        return compiled(call.operands, call.constants, call.moving)

    function.__name__ = function.__qualname__ = name
    cast_type(Any, function).__rules__ = Rules(parameters, core, slopes)
    return function
