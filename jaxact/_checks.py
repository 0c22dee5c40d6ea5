"""What a call may be given: each kind of argument as JAX takes it, or an error that is a sentence."""

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._complex import FORMULAS

_ARRAYS = (jax.Array, np.ndarray, np.generic)


def as_flag(function: str, name: str, value: Any) -> bool:
    """A bool of Python or NumPy. Any other value, such as the string "no", would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{function} was called with {name} = {shown(value)}; expected True or False.")
    return bool(value)


def as_int(function: str, name: str, value: Any) -> int:
    """An int of Python or NumPy; a bool is none."""
    if not isinstance(value, bool | np.bool_):
        try:
            return operator.index(value)
        except TypeError:  # also for a tracer
            pass
    raise TypeError(f"{function} was called with {name} = {shown(value)}; expected an int.")


def as_number(function: str, name: str, value: Any) -> float:
    """A number of Python or NumPy as a float; a bool is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{function} was called with {name} = {shown(value)}; expected an int or a float, a constant.")
    return float(as_floats(function, name, value))


def as_constant(function: str, name: str, value: Any) -> Any:
    """A static argument of jit. NumPy integers become Python's, also in tuples."""
    if isinstance(value, tuple):
        return tuple(as_constant(function, name, item) for item in value)
    if isinstance(value, np.integer):
        return operator.index(value)
    if type(value).__hash__ is None:
        raise TypeError(f"{function} was called with {name} = {shown(value)}; expected a hashable constant.")
    return value


def check_array(function: str, name: str, value: Any) -> None:
    """Refuse anything but an array of real numbers or a real number."""
    as_array(function, name, value)


def as_array(function: str, name: str, value: Any) -> Any:
    """An array or number as JAX takes it, or an error. Only the x of a few functions may be complex."""
    if not isinstance(value, jax.Array) and hasattr(value, "__jax_array__"):
        value = value.__jax_array__()
    number = isinstance(value, bool | int | float | complex)
    if not number and (not isinstance(value, _ARRAYS) or np.ma.isMaskedArray(value)):
        hint = " (its method filled() gives one)" if np.ma.isMaskedArray(value) else ""
        hint = " (numpy.asarray converts it)" if hasattr(value, "__array__") and not hint else hint
        raise TypeError(
            f"{function} was called with {name} = {shown(value)} of type {type(value).__name__}; "
            f"expected an array or a number{hint}."
        )
    if number and not isinstance(value, complex):
        return value
    dtype = value.dtype if isinstance(value, _ARRAYS) else np.dtype("complex64")
    if not _is_real(dtype) and not (_is_complex(dtype) and name == "x" and function in FORMULAS):
        why = f" (complex ones have no order; only {', '.join(FORMULAS)} take them)" if _is_complex(dtype) else ""
        raise TypeError(f"{function} was called with {name} of type {dtype}; expected real numbers{why}.")
    if dtype.itemsize > 8 and dtype.itemsize > (
        16 if _is_complex(dtype) else 8
    ):  # numpy.longdouble, whose digits JAX has not
        raise TypeError(f"{function} was called with {name} of type {dtype}; expected real numbers of at most 64 bits.")
    if isinstance(value, np.ndarray) and not dtype.isnative:
        return value.astype(dtype.newbyteorder("="))
    return value


def as_optional_array(function: str, name: str, value: Any) -> Any:
    """An argument that may be None, such as a mask, a key or a gate, and that may be a list."""
    if isinstance(value, list | tuple):
        traced = any(isinstance(v, jax.Array) for v in jax.tree.leaves(value))
        try:
            value = jnp.asarray(value) if traced else np.array(value)
        except (TypeError, ValueError):  # rows of different lengths
            raise TypeError(f"{function} was called with {name} = {shown(value)}; expected an array.") from None
    if value is None or (isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)):
        return value
    value = as_array(function, name, value)
    return value if _fits_default_integers(value) else as_floats(function, name, value)


def as_floats(function: str, name: str, value: Any) -> Any:
    """Integers outside JAX as floats: JAX would cut NumPy's 64 bits to 32, where 2**32 is 0, and fail for 2**40."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(
                f"{function} was called with {name} = an int of {value.bit_length()} bits; expected a number that a "
                f"float can hold."
            ) from None
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iu" and value.dtype.itemsize == 8:
        return value.astype(jnp.result_type(float))
    return value


def as_integers(function: str, name: str, value: Any) -> Any:
    """An argument whose integers are kept, or an error if JAX's integers cannot hold them."""
    if not _fits_default_integers(value):
        raise ValueError(
            f"{function} was called with {name} = {shown(value)}; expected numbers that "
            f"{jnp.result_type(int)} can hold, or floats."
        )
    return value


def as_classes(function: str, name: str, value: Any) -> Any:
    """Labels, of which an integer too large for JAX becomes the largest, which is no class either."""
    if _fits_default_integers(value):
        return value
    low, high = _range_of_integers(value)
    return min(max(value, low), high) if isinstance(value, int) else np.clip(value, low, high)


def _range_of_integers(value: Any) -> tuple[int, int]:
    info = jnp.iinfo(jax.dtypes.canonicalize_dtype(getattr(value, "dtype", jnp.result_type(int))))
    return int(info.min), int(info.max)


def _fits_default_integers(value: Any) -> bool:
    """Whether JAX keeps these integers as they are; True for anything else."""
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "iu" or value.dtype.itemsize < 8 or not value.size:
            return True
    elif not isinstance(value, int):
        return True
    low, high = _range_of_integers(value)
    return bool(low <= np.min(value) and np.max(value) <= high)


def check_key(function: str, name: str, key: Any) -> None:
    """Refuse anything but a single PRNG key, of the new kind or as raw integers."""
    dtype = getattr(key, "dtype", None)
    new = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not ((new and key.ndim == 0) or (dtype == np.uint32 and key.ndim == 1)):
        what = f"an array of type {dtype} and shape {key.shape}" if hasattr(key, "shape") else shown(key)
        raise TypeError(f"{function} was called with {name} = {what}; expected a key from jax.random.key.")


def check_positive(function: str, name: str, number: float, dtype: Any) -> None:
    """Refuse a number that is not positive in the type of the computation."""
    what = f"{function} was called with {name} = {number!r}"
    if not number > 0:
        raise ValueError(f"{what}; expected a number greater than 0.")
    if number < float(jnp.finfo(dtype).tiny):
        raise ValueError(f"{what}, which counts as 0 in {jnp.dtype(dtype)}; expected a number greater than 0.")


def check_finite(function: str, name: str, number: float, dtype: Any) -> None:
    """Refuse a number that is infinite in the type of the computation."""
    if abs(number) > float(jnp.finfo(dtype).max):
        raise ValueError(
            f"{function} was called with {name} = {number!r}, which is {'-' if number < 0 else ''}inf in "
            f"{jnp.dtype(dtype)}; expected a finite number."
        )


def check_broadcast(function: str, x: Any, name: str, value: Any) -> None:
    """Refuse a parameter of an elementwise function whose shape does not fit that of x."""
    try:
        jnp.broadcast_shapes(x.shape, value.shape)
    except ValueError:
        raise ValueError(
            f"{function} was called with {name} of shape {value.shape} for x of shape {x.shape}; "
            f"expected shapes that broadcast."
        ) from None


def _is_real(dtype: Any) -> bool:
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))


def _is_complex(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.complexfloating)


def shown(value: Any) -> str:
    """The value in one line of at most 60 characters."""
    return f"{' '.join(repr(value).split()):.60}"
