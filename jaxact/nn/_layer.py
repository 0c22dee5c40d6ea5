"""What layers with an activation inside share: checks of sizes, and the type in which they compute."""

from typing import Any

import equinox as eqx
import jax
from jax import Array

from .._arguments import cast, promote
from ._parametric import is_size


def check_sizes(module: object, **sizes: Any) -> None:
    for name, size in sizes.items():
        if not is_size(size):
            raise ValueError(f"{type(module).__name__} was called with {name} = {size!r}; expected an int >= 1.")


def as_example(module: object, x: Array, features: int | str) -> Array:
    """x as floats, or an error if it is not a single vector of this size."""
    x, _ = promote(type(module).__name__, "x", x)
    if x.shape != (features,):
        raise ValueError(
            f"{type(module).__name__} was called with an array of shape {x.shape}; expected ({features},), "
            f"one example (use jax.vmap for a batch)."
        )
    return x


def cast_parameters(parameters: Any, dtype: Any) -> Any:
    """A pytree with its float arrays in this type."""
    return jax.tree.map(lambda leaf: cast(leaf, dtype) if eqx.is_inexact_array(leaf) else leaf, parameters)
