"""Arguments of a call: which ones are arrays, and how their types are promoted. `_checks.py` has the errors."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from . import _checks
from ._checks import check_array as check_array
from ._numerics import largest_factor

KeepsIntegers = Annotated[ArrayLike, "integers stay integers"]
"""An array whose integers are not converted to floats: x of relu, or labels, which are classes if they are integers."""
Factor = Annotated[ArrayLike, "finite"]
"""An array of factors. An infinite number counts as a large one (`largest_factor`), since inf * 0 is NaN."""
Finite = Annotated[Factor, "no limit at inf"]
"""A factor for which the function has no useful limit at infinity: an infinite number is an error."""
Positive = Annotated[Factor, "greater than 0"]
"""An array of positive factors. Only a number is checked, since an array has no values under jit."""
PositiveFinite = Annotated[Positive, "no limit at inf"]
"""A positive factor that is finite."""
Key = Annotated[ArrayLike | None, "PRNG key"]
OptionalArray = ArrayLike | list[Any] | tuple[Any, ...] | None
"""An array that may be absent, such as a gate or factors, and that may be written as a list."""
Mask = OptionalArray
"""An array of bools."""
Operand = Array | float
"""A parameter as a body gets it: a float if it is a constant of the program."""
Approximate = bool | Literal["none", "tanh"]
"""A flag of gelu, for which PyTorch has strings."""
_APPROXIMATE = {"none": False, "tanh": True}


@dataclass(frozen=True)
class Parameters:
    """The names of a function's parameters, sorted by their annotations."""

    arrays: tuple[str, ...]
    """`ArrayLike` or one of the annotations of arrays: differentiated, and computed in the precision of the first."""
    keep_integers: tuple[str, ...]
    factors: tuple[str, ...]
    positive: tuple[str, ...]
    """Factors that have to be greater than 0."""
    finite: tuple[str, ...]
    """Factors that have to be finite."""
    optional: tuple[str, ...]
    """`OptionalArray`, such as a mask or a gate, or `Key`: traced, but not converted."""
    keys: tuple[str, ...]
    static: tuple[str, ...]
    """Any other annotation: a static argument of jit."""
    flags: tuple[str, ...]
    """Static arguments that are bools."""
    integers: tuple[str, ...]
    """Static arguments that are ints."""
    numbers: tuple[str, ...]
    """Static arguments that are ints or floats."""

    @property
    def x(self) -> str:
        """The first array, whose type is that of the result. A PRNG key may come before it."""
        return self.arrays[0]

    @staticmethod
    @functools.cache
    def of(function: Callable[..., Any]) -> "Parameters":
        hints = typing.get_type_hints(function, include_extras=True)
        names = tuple(inspect.signature(function).parameters)

        def annotated(*kinds: Any) -> tuple[str, ...]:
            return tuple(name for name in names if hints[name] in kinds)

        finite, keep_integers, keys = annotated(Finite, PositiveFinite), annotated(KeepsIntegers), annotated(Key)
        positive = annotated(Positive, PositiveFinite)
        factors = annotated(Factor, Finite, Positive, PositiveFinite)
        arrays = annotated(ArrayLike, KeepsIntegers, Factor, Finite, Positive, PositiveFinite)
        optional = annotated(ArrayLike | None, OptionalArray, Key)
        static = tuple(name for name in names if name not in arrays + optional)
        flags, integers, numbers = annotated(bool, Approximate), annotated(int), annotated(float)
        return Parameters(
            arrays, keep_integers, factors, positive, finite, optional, keys, static, flags, integers, numbers
        )


@dataclass(frozen=True)
class Call:
    """The arguments of one call, sorted by how they are traced."""

    operands: dict[str, Any]
    constants: tuple[tuple[str, Any], ...]
    """Static arguments of jit: static parameters, and Python numbers for array parameters."""
    differentiable: tuple[str, ...]
    """The operands that JAX may be differentiating: tracers of floats."""


def sort_arguments(
    name: str, signature: inspect.Signature, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call:
    """Sort and check the arguments of a call.

    A default is a constant, and so is a Python number under a transformation, which compiles the whole program anyway.
    In an eager call a Python number is an operand, so that another number needs no compilation.
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        plain = (parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values())
        usage = ", ".join(map(str, plain))
        raise TypeError(f"{name} was called with other arguments than {name}({usage}): {error}.") from None
    given = bound.arguments
    traced = any(isinstance(value, Tracer) for value in given.values())
    operands: dict[str, Any] = {}
    constants: list[tuple[str, Any]] = []
    for parameter, declared in signature.parameters.items():
        value = given.get(parameter, declared.default)
        if parameter in parameters.static:
            constants.append((parameter, _static(name, parameter, value, parameters)))
        elif parameter in parameters.optional:
            operands[parameter] = _checks.as_optional_array(name, parameter, value)
            if parameter in parameters.keys and value is not None:
                _checks.check_key(name, parameter, operands[parameter])
        else:
            if parameter in parameters.factors and parameter in given and isinstance(value, int | float):
                value = _factor(name, parameter, value, parameters, operands[parameters.x])
            value = _array(name, parameter, value, parameters)
            constant = parameter != parameters.x and (traced or parameter not in given)
            if constant and isinstance(value, int | float):
                constants.append((parameter, value if parameter in parameters.keep_integers else float(value)))
            else:
                operands[parameter] = value
    differentiable = tuple(parameter for parameter, value in operands.items() if _is_float_tracer(value))
    return Call(operands, tuple(constants), differentiable)


def _static(function: str, name: str, value: Any, parameters: Parameters) -> Any:
    if name in parameters.integers:
        return _checks.as_int(function, name, value)
    if name in parameters.numbers:
        return _checks.as_number(function, name, value)
    if name not in parameters.flags:
        return _checks.as_constant(function, name, value)
    translated = _APPROXIMATE.get(value, value) if name == "approximate" and isinstance(value, str) else value
    return _checks.as_flag(function, name, translated)


def _factor(function: str, name: str, value: float, parameters: Parameters, x: Any) -> float:
    """The number; but the largest one that is safe in quotients for inf, which has a limit, and numbers near it."""
    _checks.as_floats(function, name, value)  # which refuses 10**400
    dtype = computation_dtype(_float_type(x))
    if name in parameters.positive:
        _checks.check_positive(function, name, value, dtype)
    if name in parameters.finite:
        _checks.check_finite(function, name, value, dtype)
        if name not in parameters.positive:
            return value
    largest = largest_factor(dtype)
    return min(max(value, -largest), largest)


def _array(function: str, name: str, value: Any, parameters: Parameters) -> Any:
    value = _checks.as_array(function, name, value)
    if name not in parameters.keep_integers:
        return _checks.as_floats(function, name, value)
    return (_checks.as_integers if name == parameters.x else _checks.as_classes)(function, name, value)


def _float_type(x: Any) -> Any:
    """The type of the result for this x: its own, or JAX's default float for integers and bools."""
    dtype = jnp.result_type(x)
    return dtype if jnp.issubdtype(dtype, jnp.inexact) else jnp.result_type(float)


def _is_float_tracer(value: Any) -> bool:
    return isinstance(value, Tracer) and jnp.issubdtype(value.dtype, jnp.floating)


def as_arrays(x: ArrayLike, *parameters: ArrayLike) -> tuple[Array, *tuple[Operand, ...]]:
    """The same values, for the type checker: a body gets arrays and floats, though its signature says ArrayLike."""
    return typing.cast(Any, (x, *parameters))


def cast(value: Array, dtype: Any) -> Array:
    return value if value.dtype == dtype else value.astype(dtype)


def computation_dtype(dtype: Any) -> Any:
    """float32 for narrower types: computed there and rounded once, 16-bit results are within 0.51 ulp."""
    return jnp.dtype("float32") if jnp.finfo(dtype).bits < 32 else dtype


def widen(operand: Any, dtype: Any) -> Any:
    """A float operand in the precision in which results of `dtype` are computed; other operands unchanged."""
    if operand is None or not jnp.issubdtype(operand.dtype, jnp.floating):
        return operand
    return cast(operand, computation_dtype(dtype))


def promote(function: str, name: str, value: Any) -> tuple[Array, bool]:
    """The value as an array of floats (JAX's default float for integers and bools), and whether it is weakly typed."""
    value = jnp.asarray(_checks.as_floats(function, name, _checks.as_array(function, name, value)))
    return cast(value, _float_type(value)), jax.typeof(value).weak_type


def as_operand(function: str, name: str, value: Any, parameters: Parameters, dtype: Any = None) -> Any:
    """An operand as the body gets it: parameters other than x in the type of the computation for x of type `dtype`."""
    if name in parameters.optional:
        return value
    if name in parameters.keep_integers and jnp.issubdtype(jnp.asarray(value).dtype, jnp.integer):
        return jnp.asarray(value)
    value, _ = promote(function, name, value)
    return value if dtype is None else cast(value, computation_dtype(dtype))


def check_broadcasts(function: str, parameters: Parameters, operands: dict[str, Any]) -> None:
    """Refuse parameters of an elementwise function that do not broadcast with x."""
    for name in parameters.arrays[1:]:
        if name in operands:
            _checks.check_broadcast(function, operands[parameters.x], name, operands[name])
