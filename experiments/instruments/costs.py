"""Costs of a function that are counted, not timed: residuals, memory of a train step, transcendentals, equations.

They are the same on every run and every machine with the same JAX, so that a bound on them can be checked anywhere.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxact import Facts

Elementwise = Callable[[Array], Array]
LAYERS, BATCH, WIDTH = 16, 1024, 256
"""The sizes of the net whose train step is compiled."""


def at_defaults(facts: Facts, function: Callable[..., Array] | None = None) -> Elementwise:
    """Our function, or a peer's, with its parameters at their defaults, or at 1/4 where there is none."""
    values = [0.25 if value is inspect.Parameter.empty else value for value in facts.parameters.values()]
    return lambda x: (function or facts.function)(x, *values)


def forward_and_backward(f: Elementwise) -> Callable[[Array, Array], tuple[Array, Array]]:
    """The output and the gradient of a function, by one forward and one backward pass."""

    def passes(x: Array, tangent: Array) -> tuple[Array, Array]:
        y, pull = jax.vjp(f, x)
        return y, pull(tangent)[0]

    return passes


def residual_bytes(f: Elementwise, dtype: str = "float32") -> float:
    """Size of the residuals of jax.vjp in bytes per element, without the output."""
    x = jnp.linspace(-3, 3, 1024).astype(dtype)
    y, pull = jax.vjp(f, x)
    arrays = {array.unsafe_buffer_pointer(): array.nbytes for array in jax.tree.leaves(pull) if array.size}
    arrays.pop(y.unsafe_buffer_pointer(), None)
    return sum(size for size in arrays.values() if size >= x.size) / x.size


def arrays_per_layer(f: Elementwise) -> float:
    """Temporary memory of a compiled train step of a 16-layer MLP, in activation arrays per layer."""
    return lowered_train_step(f).compile().memory_analysis().temp_size_in_bytes / (LAYERS * BATCH * WIDTH * 4)


def lowered_train_step(f: Elementwise) -> Any:
    """The train step of that MLP, lowered."""

    def loss(weights: list[Array], x: Array) -> Array:
        for weight in weights:
            x = f(x @ weight)
        return jnp.sum(x * x)

    @jax.jit
    def step(weights: list[Array], x: Array) -> list[Array]:
        return [w - 0.1 * g for w, g in zip(weights, jax.grad(loss)(weights, x), strict=True)]

    weights = [jax.ShapeDtypeStruct((WIDTH, WIDTH), "float32")] * LAYERS
    return step.lower(weights, jax.ShapeDtypeStruct((BATCH, WIDTH), "float32"))


def piecewise_linear(f: Elementwise) -> bool:
    """Whether the second derivative is 0 everywhere."""
    return not jnp.any(jax.vmap(jax.grad(jax.grad(f)))(jnp.linspace(-8.01, 8.02, 257)))


def operations(f: Elementwise) -> dict[str, float]:
    """Transcendental functions and flops per element of the compiled forward and backward pass."""
    shape = jax.ShapeDtypeStruct((2**16,), "float32")
    cost = jax.jit(forward_and_backward(f)).lower(shape, shape).compile().cost_analysis() or {}
    return {name: cost.get(name, 0.0) / 2**16 for name in ("transcendentals", "flops")}


def equations(f: Elementwise) -> list[int]:
    """The numbers of equations in the jaxprs of f, f' and f'', without calls."""
    orders = [f, jax.grad(lambda x: f(x)), jax.grad(jax.grad(lambda x: f(x)))]
    return [sum(1 for _ in _leaves(jax.make_jaxpr(order)(1.0).jaxpr)) for order in orders]


def _leaves(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        called = list(_called(equation.params))
        if called:
            for jaxpr_called in called:
                yield from _leaves(jaxpr_called)
        else:
            yield equation


def _called(params: dict[str, Any]) -> Iterator[Any]:
    """The jaxprs that an equation calls, without the rules of their derivatives."""
    for value in params.values():
        for each in value if isinstance(value, tuple | list) else [value]:
            if hasattr(each, "eqns"):
                yield each
            elif hasattr(each, "jaxpr") and hasattr(each.jaxpr, "eqns"):
                yield each.jaxpr
