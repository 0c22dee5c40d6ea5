"""The one mechanism: how a plain function becomes an activation with accurate slopes and known facts.

`derivative` (functions of one element) or `pushforward` (functions over an axis) gives a function its derivative;
`activation` gives it its facts and enters it in the CATALOGUE. What comes out is a plain Python function around
`jax.jit(jax.custom_jvp(...))`: it pickles, compares, hovers and prints as written, an eager call is one dispatch, and
every jaxpr names it.

The signature says how each parameter is treated. `ArrayLike`: an array, traced, differentiated, computed in the
precision of x. `ArrayLike | None`: a mask, traced, not differentiated. Anything else: static.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Facts:
    """What is known of an activation: declared where it cannot be computed, and then tested."""

    function: Callable[..., Array]
    bounds: tuple[float, float]
    """Infimum and supremum of the values, at the default parameters."""
    tails: tuple[float, float] | None
    """Slopes at -inf and +inf, at the default parameters; None for a function over an axis."""
    kinks: tuple[float, ...]
    """Where the slope jumps. The docstring's formula says which side the kink belongs to."""
    source: str
    """The paper, or the first known use."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def formula(self) -> str:
        """The first line of the docstring, which the tests evaluate in arbitrary precision."""
        return (self.function.__doc__ or "").strip().splitlines()[0]

    @property
    def elementwise(self) -> bool:
        return hasattr(self.function, "__slopes__")

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters beside x that are arrays, with their defaults (`inspect.Parameter.empty` for none)."""
        signature = inspect.signature(self.function)
        arrays = _Parameters.of(self.function).arrays[1:]
        return {name: signature.parameters[name].default for name in arrays}


CATALOGUE: dict[str, Facts] = {}
"""Every activation by name, in the order of definition."""


def activation(
    *,
    bounds: tuple[float, float],
    tails: tuple[float, float] | None = None,
    kinks: tuple[float, ...] = (),
    source: str,
) -> Callable[[F], F]:
    """Enter a function made by `derivative` or `pushforward` in the CATALOGUE, with its facts."""

    def register(function: F) -> F:
        function.__module__ = "jaxact"  # where users find it, so that pickles outlive a move between family files
        CATALOGUE[function.__name__] = Facts(function, bounds, tails, kinks, source)
        return function

    return register


def derivative(**slopes: Callable[..., Any]) -> Callable[[F], F]:
    """Give an elementwise function its slope for each array parameter, as functions of the same parameters.

    The tangent is the sum of slope(x, ...) * tangent, so that the backward pass keeps one array, the slope. A slope
    may itself carry `derivative`, which makes second derivatives as accurate as first ones. A parameter without a
    slope is a TypeError at import, and not a silent zero for whoever learns it.
    """

    def decorate(body: F) -> F:
        parameters = _Parameters.of(body)
        if tuple(slopes) != parameters.arrays:
            raise TypeError(
                f"derivative was called for {body.__name__} with slopes for ({', '.join(slopes)}); "
                f"expected one for each array parameter of its signature: ({', '.join(parameters.arrays)})."
            )
        public = {
            name: slope if hasattr(slope, "__core__") else _publish(slope, parameters, _autodiff(slope))
            for name, slope in slopes.items()
        }
        cores = [slope.__core__ for slope in public.values()]

        def pushforward(primals: tuple[Any, ...], tangents: dict[int, Array], static: dict[str, Any]) -> Array:
            # Multiplied in the tangent's own type: a float32 parameter of a bfloat16 x sums its gradient in float32.
            terms = [cores[i](*primals, **static).astype(t.dtype) * t for i, t in tangents.items()]
            dtype = primals[0].dtype
            return functools.reduce(jnp.add, [term.astype(dtype) for term in terms])

        function = _publish(body, parameters, pushforward)
        function.__slopes__ = public
        return typing.cast(F, function)

    return decorate


def pushforward(rule: Callable[..., Array]) -> Callable[[F], F]:
    """Give a function over an axis its derivative as a linear map, `rule(tangent, x, *rest)`, computed as wide as x."""

    def decorate(body: F) -> F:
        def push(primals: tuple[Any, ...], tangents: dict[int, Array], static: dict[str, Any]) -> Array:
            dtype = primals[0].dtype
            wide = [_widen(operand, dtype) for operand in (tangents[0], *primals)]
            return _cast(rule(*wide, **static), dtype)

        return typing.cast(F, _publish(body, _Parameters.of(body), push))

    return decorate


def slope(function: Callable[..., Array], wrt: str = "x") -> Callable[..., Array]:
    """slope(f)(x) = f'(x): the derivative of an elementwise function, as accurate as f itself and differentiable again.

    Takes the parameters that f takes: `slope(elu)(x, alpha=0.5)`. At a kink it is the one-sided slope that the
    docstring of f states.

    Args:
        function: an elementwise activation, a `functools.partial` of one, or any other elementwise JAX function (then
            the derivative is jax.jvp's).
        wrt: the array parameter to differentiate by, "x" or for example "alpha".

    Raises:
        TypeError: for a function over an axis (softmax, maxout), which has a Jacobian and no slope.
        ValueError: for a parameter that the function does not have.
    """
    if isinstance(function, functools.partial):
        return functools.partial(slope(function.func, wrt), *function.args, **function.keywords)
    name = getattr(function, "__name__", repr(function))
    if hasattr(function, "__core__") and not hasattr(function, "__slopes__"):
        raise TypeError(f"slope was called with {name}; expected an elementwise function (use jax.jacobian).")
    slopes = getattr(function, "__slopes__", {"x": functools.partial(_slope_by_jvp, function)})
    if wrt not in slopes:
        raise ValueError(f"slope was called with wrt={wrt!r} for {name}; expected one of {', '.join(slopes)}.")
    return slopes[wrt]


def _slope_by_jvp(function: Callable[..., Array], x: ArrayLike, *args: Any, **kwargs: Any) -> Array:
    x = jnp.asarray(x)
    return jax.jvp(lambda v: function(v, *args, **kwargs), (x,), (jnp.ones_like(x),))[1]


@dataclass(frozen=True)
class _Parameters:
    """The names of a function's parameters by treatment; see the module's docstring."""

    arrays: tuple[str, ...]
    masks: tuple[str, ...]
    static: tuple[str, ...]

    @staticmethod
    def of(function: Callable[..., Any]) -> "_Parameters":
        hints = typing.get_type_hints(function)
        names = tuple(inspect.signature(function).parameters)
        arrays = tuple(name for name in names if hints[name] == ArrayLike)
        masks = tuple(name for name in names if hints[name] == ArrayLike | None)
        return _Parameters(arrays, masks, tuple(name for name in names if name not in arrays + masks))


def _cast(value: Array, dtype: Any) -> Array:
    return value if value.dtype == dtype else value.astype(dtype)


def _computation_dtype(dtype: Any) -> Any:
    """float32 for anything narrower: computed there and rounded once, 16-bit results are within 0.51 ulp."""
    return jnp.dtype("float32") if jnp.finfo(dtype).bits < 32 else dtype


def _widen(operand: Array | None, dtype: Any) -> Array | None:
    inexact = operand is not None and jnp.issubdtype(operand.dtype, jnp.floating)
    return _cast(operand, _computation_dtype(dtype)) if inexact else operand


def _rounded(body: Callable[..., Any], *operands: Any, **static: Any) -> Array:
    """The body at the precision of the computation, rounded once to the type of x."""
    dtype = operands[0].dtype
    return _cast(body(*(_widen(operand, dtype) for operand in operands), **static), dtype)


def _autodiff(body: Callable[..., Any]) -> Callable[..., Array]:
    """The pushforward of a body that JAX differentiates as accurately as a rule of ours would."""

    def push(primals: tuple[Any, ...], tangents: dict[int, Array], static: dict[str, Any]) -> Array:
        def of_differentiated(*values: Array) -> Array:
            moved = dict(zip(tangents, values, strict=True))
            return _rounded(body, *(moved.get(i, primal) for i, primal in enumerate(primals)), **static)

        return jax.jvp(of_differentiated, [primals[i] for i in tangents], list(tangents.values()))[1]

    return push


def _publish(body: Callable[..., Any], parameters: _Parameters, push: Callable[..., Array]) -> Any:
    """A plain function around jit(custom_jvp(body)); `push(primals, tangents by position, static)` is its derivative."""
    signature = inspect.signature(body)
    operand_names = [name for name in signature.parameters if name not in parameters.static]
    static_defaults = {name: signature.parameters[name].default for name in parameters.static}

    def by_position(*operands: Any, **static: Any) -> Array:
        return body(**dict(zip(operand_names, operands, strict=True)), **static)

    def core(*operands: Any, **given_static: Any) -> Array:
        static = static_defaults | given_static

        def primal(*operands: Any) -> Array:
            return _rounded(by_position, *operands, **static)

        primal.__name__ = body.__name__

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
            y = call(*primals)
            given = {i: t for i, t in enumerate(tangents) if not (t is None or isinstance(t, SymbolicZero))}
            return y, jnp.broadcast_to(push(primals, given, static), y.shape) if given else jnp.zeros_like(y)

        rule.__name__ = f"{body.__name__}_jvp"
        call = jax.custom_jvp(primal)
        call.defjvp(rule, symbolic_zeros=True)
        return call(*operands)

    @functools.partial(jax.jit, static_argnames=parameters.static)
    @functools.wraps(body)
    def traced(*args: Any, **kwargs: Any) -> Array:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        x, weak = _promote(body.__name__, operand_names[0], values[operand_names[0]])
        rest = [
            values[name]
            if name in parameters.masks
            else _cast(_promote(body.__name__, name, values[name])[0], _computation_dtype(x.dtype))
            for name in operand_names[1:]
        ]
        y = core(x, *rest, **{name: values[name] for name in parameters.static})
        # What came as a Python number goes on as one: weakly typed, so that it takes the type of what it meets.
        return lax.convert_element_type_p.bind(y, new_dtype=y.dtype, weak_type=True, sharding=None) if weak else y

    @functools.wraps(body)
    def function(*args: Any, **kwargs: Any) -> Array:
        try:
            return traced(*args, **kwargs)
        except (TypeError, ValueError):
            _check_call(signature, body.__name__, parameters, args, kwargs)
            raise

    published: Any = function
    published.__core__ = core
    return published


def _promote(function: str, name: str, value: Any) -> tuple[Array, bool]:
    """The value as an array of floats, integers and bools becoming JAX's default float, and whether it is weakly typed."""
    _check_array(function, name, value)
    value = jnp.asarray(value)
    inexact = jnp.issubdtype(value.dtype, jnp.floating)
    return value if inexact else value.astype(jnp.result_type(value, float)), jax.typeof(value).weak_type


def _check_array(function: str, name: str, value: Any) -> None:
    number = isinstance(value, bool | int | float | complex)
    dtype = jnp.result_type(value) if number else getattr(value, "dtype", None)
    if dtype is None:
        raise TypeError(
            f"{function} was called with {name} = {value!r:.60} of type {type(value).__name__}; "
            f"expected an array or a number."
        )
    if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)):
        raise TypeError(f"{function} was called with {name} of type {dtype}; expected real numbers.")


def _check_call(
    signature: inspect.Signature, name: str, parameters: _Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Say in a sentence what is wrong with a call that JAX refused before it came to the checks above."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        usage = ", ".join(str(parameter.replace(annotation=inspect.Parameter.empty)) for parameter in signature.parameters.values())
        raise TypeError(f"{name} was called with other arguments than {name}({usage}): {error}.") from None
    for parameter, value in bound.arguments.items():
        if parameter in parameters.arrays:
            _check_array(name, parameter, value)
        elif parameter in parameters.static and type(value).__hash__ is None:
            raise TypeError(f"{name} was called with {parameter} = {value!r:.60}; expected a hashable constant.")
