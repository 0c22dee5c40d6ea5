"""Activation: a function as a module without leaves."""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import Array

from .._names import get
from ._module import Module


def _check_call(fn: Callable[..., Array], name: str, params: dict[str, Any]) -> None:
    """Refuse parameters with which fn is not a function of x."""
    try:
        signature = inspect.signature(fn)
    except ValueError:  # some callables written in C have none
        return
    try:
        signature.bind(None, **params)
    except TypeError as error:
        plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
        given = ", ".join(f"{key}={value!r}" for key, value in params.items()) or "no parameters"
        raise TypeError(
            f"Activation was called with {given} for {name}({', '.join(map(str, plain))}): {error}; "
            f"expected parameters that leave it a function of x."
        ) from None


def _check_constant(name: str, value: Any) -> None:
    if isinstance(value, jax.Array | np.ndarray) or not isinstance(value, Hashable):
        kind = f"an array of shape {value.shape}" if isinstance(value, jax.Array | np.ndarray) else repr(value)
        raise TypeError(
            f"Activation was called with {name} = {kind}; expected a hashable constant such as a number. A learnt "
            f"parameter belongs in a module that holds it, such as jaxact.nn.PReLU."
        )


class Activation(Module):
    """Activation(fn, **params)(x) = fn(x, **params): a function and its parameters, all static.

    A bare function is a leaf of the model, which `jax.jit`, `jax.grad` and `jax.lax.scan` refuse. An Activation has no
    leaves; two with the same function and parameters are equal and have the same hash.

    Args:
        fn: any function of an array, of jaxact, of jax.nn or your own; a `functools.partial` of one; or its name, as
            for `jaxact.get`.
        **params: its parameters other than x: numbers, strings or tuples.

    Raises:
        TypeError: for a parameter that fn does not have, for a missing one, for an array, and for fn that is not
            callable or holds arrays.
        ValueError: for a name that `jaxact.get` does not know.
    """

    fn: Callable[..., Array] = eqx.field(static=True)
    params: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    def __init__(self, fn: Callable[..., Array] | str, **params: Any):
        fn = get(fn) if isinstance(fn, str) else fn
        if isinstance(fn, functools.partial) and not fn.args:
            fn, params = fn.func, fn.keywords | params
        if not callable(fn) or any(eqx.is_array_like(leaf) for leaf in jax.tree.leaves(fn)):
            raise TypeError(f"Activation was called with fn = {fn!r:.60}; expected a function without arrays.")
        for name, value in params.items():
            _check_constant(name, value)
        _check_call(fn, getattr(fn, "__name__", repr(fn)), params)
        self.fn = fn
        self.params = tuple(sorted(params.items()))

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return self.fn(x, **dict(self.params))

    def __hash__(self) -> int:
        return hash((self.fn, self.params))  # that of eqx.Module hashes the leaves, of which there are none

    def __deepcopy__(self, memo: dict[int, Any]) -> "Activation":
        return self  # a deep copy of jax.nn.relu is not equal to jax.nn.relu
