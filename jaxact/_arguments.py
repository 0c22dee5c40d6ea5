"""Arguments of a call: which ones are arrays, how their types are promoted, and the errors for wrong ones."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

KeepsIntegers = Annotated[ArrayLike, "integers stay integers"]
"""An array whose integers are not converted to floats: integer labels are classes, float labels are probabilities."""
Positive = Annotated[ArrayLike, "greater than 0"]
"""An array of positive numbers. Only a Python number is checked, since an array has no values under jit."""


@dataclass(frozen=True)
class Parameters:
    """The names of a function's parameters, sorted by their annotations."""

    arrays: tuple[str, ...]
    """`ArrayLike`, `Positive` or `KeepsIntegers`: differentiated, and computed in the precision of the first one."""
    keep_integers: tuple[str, ...]
    positive: tuple[str, ...]
    optional: tuple[str, ...]
    """`ArrayLike | None`, such as a mask, a key or a gate: traced, but not converted."""
    static: tuple[str, ...]
    """Any other annotation: a static argument of jit."""

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

        arrays, optional = annotated(ArrayLike, Positive, KeepsIntegers), annotated(ArrayLike | None)
        static = tuple(name for name in names if name not in arrays + optional)
        return Parameters(arrays, annotated(KeepsIntegers), annotated(Positive), optional, static)


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
            _check_hashable(name, parameter, value)
            constants.append((parameter, value))
        elif parameter in parameters.optional:
            operands[parameter] = value
        else:
            check_array(name, parameter, value)
            number = isinstance(value, bool | int | float)
            if number and parameter in parameters.positive and not value > 0:
                raise ValueError(f"{name} was called with {parameter} = {value!r}; expected a number greater than 0.")
            if number and parameter != parameters.x and (traced or parameter not in given):
                constants.append((parameter, value if parameter in parameters.keep_integers else float(value)))
            elif (
                isinstance(value, np.ndarray) and value.dtype.kind in "iu" and parameter not in parameters.keep_integers
            ):
                operands[parameter] = value.astype(jnp.result_type(float))  # JAX would cut int64 to 32 bits first
            else:
                operands[parameter] = value
    differentiable = tuple(parameter for parameter, value in operands.items() if _is_float_tracer(value))
    return Call(operands, tuple(constants), differentiable)


def _is_float_tracer(value: Any) -> bool:
    return isinstance(value, Tracer) and jnp.issubdtype(value.dtype, jnp.floating)


def check_array(function: str, name: str, value: Any) -> None:
    """Refuse anything but an array of real numbers or a real number."""
    number = isinstance(value, bool | int | float | complex)
    dtype = jnp.result_type(value) if number else getattr(value, "dtype", None)
    if dtype is None:
        raise TypeError(
            f"{function} was called with {name} = {value!r:.60} of type {type(value).__name__}; "
            f"expected an array or a number."
        )
    if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)):
        raise TypeError(f"{function} was called with {name} of type {dtype}; expected real numbers.")


def _check_hashable(function: str, name: str, value: Any) -> None:
    if type(value).__hash__ is None:
        raise TypeError(f"{function} was called with {name} = {value!r:.60}; expected a hashable constant.")


def as_arrays(*values: ArrayLike) -> tuple[Array, ...]:
    """The same values, for the type checker: a body gets arrays and floats, though its signature says ArrayLike."""
    return typing.cast(tuple[Array, ...], values)


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
    check_array(function, name, value)
    value = jnp.asarray(value)
    inexact = jnp.issubdtype(value.dtype, jnp.floating)
    return value if inexact else value.astype(jnp.result_type(float)), jax.typeof(value).weak_type


def as_operand(function: str, name: str, value: Any, parameters: Parameters, dtype: Any) -> Any:
    """A parameter other than x, as the body gets it when x is of type `dtype`."""
    if name in parameters.optional:
        return value
    if name in parameters.keep_integers and jnp.issubdtype(jnp.asarray(value).dtype, jnp.integer):
        return jnp.asarray(value)
    return cast(promote(function, name, value)[0], computation_dtype(dtype))
