"""Positive parameters: the softplus of an array of any numbers, which is what is learnt."""

from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from .._arguments import cast, computation_dtype, promote
from .._softplus import log1mexp, softplus


def positive(raw: Array) -> Array:
    """softplus(raw), in float32 if raw is narrower: rounded to bfloat16, it would not follow small steps of raw."""
    return softplus(cast(raw, computation_dtype(raw.dtype)))


def inverse_softplus(module: object, name: str, value: ArrayLike) -> ArrayLike:
    """The number whose softplus is this initial value of a parameter. A traced value is not checked."""
    value, _ = promote(type(module).__name__, name, value)
    if not isinstance(value, Tracer) and not (value > 0).all():
        raise ValueError(
            f"{type(module).__name__} was called with {name} = {value!s}; expected a number greater than 0."
        )
    return value + log1mexp(value)
