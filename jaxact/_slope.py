"""The derivative of any elementwise function, by its declared slope if it has one."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ._activation import Rules
from ._arguments import promote
from ._checks import shown


def slope(function: Callable[..., Array], wrt: str = "x") -> Callable[..., Array]:
    """slope(f)(x) = f'(x): the derivative of an elementwise function, as accurate as f itself and differentiable again.

    It takes the parameters that f takes: `slope(elu)(x, alpha=0.5)`.

    Args:
        function: an elementwise activation, a `functools.partial` of one, or any other elementwise JAX function (then
            the derivative is that of jax.jvp).
        wrt: the array parameter to differentiate by, "x" or for example "alpha".

    Raises:
        TypeError: for a function over an axis (softmax, maxout), which has a Jacobian and no slope; for no function.
        ValueError: for a parameter that the function does not have.
    """
    if not callable(function):
        raise TypeError(
            f"slope was called with {shown(function)}; expected an elementwise function, as in slope(f)(x)."
        )
    if isinstance(function, functools.partial) and function.func is not _slope_by_jvp:
        return functools.partial(slope(function.func, wrt), *function.args, **function.keywords)
    name = getattr(function, "__name__", repr(function))
    rules: Rules | None = getattr(function, "__rules__", None)
    if rules and rules.slopes is None:
        raise TypeError(f"slope was called with {name}; expected an elementwise function (use jax.jacobian).")
    arrays = rules.parameters.arrays if rules else ("x",)
    if wrt not in arrays:
        raise ValueError(f"slope was called with wrt={wrt!r} for {name}; expected one of {', '.join(arrays)}.")
    declared = rules.slopes.get(wrt) if rules and rules.slopes else None
    return declared or functools.partial(_slope_by_jvp, function, wrt)


def _slope_by_jvp(function: Callable[..., Array], wrt: str, x: Any, *args: Any, **kwargs: Any) -> Array:
    x, _ = promote("slope", "x", x)
    if wrt == "x":
        return jax.jvp(lambda v: function(v, *args, **kwargs), (x,), (jnp.ones_like(x),))[1]
    bound = inspect.signature(function).bind(x, *args, **kwargs)
    bound.apply_defaults()
    value, _ = promote("slope", wrt, bound.arguments[wrt])
    return jax.jvp(lambda v: function(**bound.arguments | {wrt: v}), (value,), (jnp.ones_like(value),))[1]
