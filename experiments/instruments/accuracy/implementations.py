"""The implementations that are measured: value, f' and f'' of jaxact's functions and of other libraries'."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.instruments.peers import JAX_NN, TORCH
from jaxact import Facts

Parameters = dict[str, float]
Elementwise = Callable[[Array], Array]


def reverse(f: Elementwise) -> Elementwise:
    """f' of an elementwise function, as jax.grad gives it."""

    def slope(x: Array) -> Array:
        y, pull = jax.vjp(f, x)
        return pull(jnp.ones_like(y))[0]

    return slope


def forward(f: Elementwise) -> Elementwise:
    """f' of an elementwise function, as jax.jvp gives it."""
    return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]


def derivatives(f: Elementwise) -> list[Elementwise]:
    """f, f' by reverse mode, f'' by forward over reverse, as users get them."""
    return [f, reverse(f), forward(reverse(f))]


def derivatives_at_once(f: Elementwise, wanted: Sequence[int]) -> Callable[[Array], list[Array]]:
    """The wanted orders in one function: jax.jvp of f' gives f' and f'' together."""

    def orders(x: Array) -> list[Array]:
        by_order = {0: f(x)} if 0 in wanted else {}
        if 2 in wanted:
            by_order[1], by_order[2] = jax.jvp(reverse(f), (x,), (jnp.ones_like(x),))
        elif 1 in wanted:
            by_order[1] = reverse(f)(x)
        return [by_order[order] for order in wanted]

    return orders


def float32_parameters(facts: Facts, given: Parameters) -> Parameters:
    """All parameters, defaults included, rounded to float32: 0.01 is not a float32."""
    return {name: float(np.float32(value)) for name, value in (facts.parameters | given).items()}


@dataclass(frozen=True)
class Implementation:
    """A library's implementation of a function."""

    library: str
    orders: Callable[[np.ndarray, Parameters], list[np.ndarray | None]]
    """Value, f' and f'' at the inputs; None for what the library cannot do."""
    function: Callable[..., Any] | None = None
    """The function of x and our parameters by position, where JAX can trace it."""


def jax_implementation(
    library: str, function: Callable[..., Any], wanted: Sequence[int], parameters_like_x: bool
) -> Implementation:
    """A JAX function, compiled once for each float type; parameters have x's type, or float32 where x is narrower."""

    @jax.jit
    def compiled(x: Array, parameters: list[Array]) -> list[Array]:
        return derivatives_at_once(lambda x: function(x, *parameters), wanted)(x)

    def orders(x: np.ndarray, parameters: Parameters) -> list[np.ndarray | None]:
        with jax.enable_x64(x.dtype == np.float64):
            dtype = x.dtype if parameters_like_x or x.dtype == np.float64 else "float32"
            computed = compiled(jnp.asarray(x), [jnp.asarray(value, dtype) for value in parameters.values()])
        by_order = {order: np.asarray(results) for order, results in zip(wanted, computed, strict=True)}
        return [by_order.get(order) for order in range(3)]

    return Implementation(library, orders, function)


def ours(facts: Facts, wanted: Sequence[int] = (0, 1, 2)) -> Implementation:
    """jaxact's function."""
    return jax_implementation("jaxact", _by_position(facts), wanted, parameters_like_x=False)


def in_float64(facts: Facts, wanted: Sequence[int] = (0, 1, 2)) -> Implementation:
    """The truth for narrower types: jaxact's function in float64, which is checked against arbitrary precision."""
    return jax_implementation("float64 reference", _by_position(facts), wanted, parameters_like_x=False)


def program_text(implementation: Implementation, dtype: str, parameters: int, wanted: Sequence[int]) -> str:
    """The lowered program as text, for fingerprints; the library's version where JAX cannot trace."""
    if implementation.function is None:
        return str(importlib.import_module(implementation.library).__version__)
    function = implementation.function
    with jax.enable_x64(True):
        x, *values = [jax.ShapeDtypeStruct((), dtype)] * (1 + parameters)
        orders = lambda x, *values: derivatives_at_once(lambda x: function(x, *values), wanted)(x)  # noqa: E731
        return jax.jit(orders).lower(x, *values).as_text()


def peer(library: str, facts: Facts, wanted: Sequence[int]) -> Implementation | None:
    """Another library's implementation of the function, if it has one."""
    if library == "jax.nn" and facts.name in JAX_NN:
        return jax_implementation(library, JAX_NN[facts.name], wanted, parameters_like_x=True)
    if library == "torch" and facts.name in TORCH:
        return Implementation(library, lambda x, parameters: _torch_orders(facts.name, x, parameters))
    return None


def why_unavailable(library: str) -> str:
    """Why a library cannot be measured, as a sentence; empty if it can."""
    if library != "torch":
        return ""
    try:
        importlib.import_module("torch")
    except ImportError:
        return "PyTorch is not installed, so torch is not measured (pip install torch)."
    return ""


def _by_position(facts: Facts) -> Callable[..., Array]:
    names = list(facts.parameters)
    return lambda x, *values: facts.function(x, **dict(zip(names, values, strict=True)))


def _torch_orders(name: str, x: np.ndarray, parameters: Parameters) -> list[np.ndarray | None]:
    """Value, f' and f'' by torch.autograd; None for what PyTorch does not implement for the type."""
    torch: Any = importlib.import_module("torch")
    torch_name, keywords = TORCH[name]
    point = _tensor(torch, x).requires_grad_()
    by_order: list[np.ndarray | None] = [None, None, None]
    try:
        y = getattr(torch.nn.functional, torch_name)(point, *parameters.values(), **keywords)
        for order in range(3):
            by_order[order] = y.detach().to(torch.float64).numpy()
            if order < 2:
                y = (
                    torch.autograd.grad(y, point, torch.ones_like(y), create_graph=True)[0]
                    if y.requires_grad
                    else torch.zeros_like(y)
                )
    except (RuntimeError, NotImplementedError):
        pass
    return by_order


def _tensor(torch: Any, x: np.ndarray) -> Any:
    if x.dtype == jnp.bfloat16:
        return torch.from_numpy(x.view("int16").copy()).view(torch.bfloat16)
    return torch.from_numpy(x.copy())
