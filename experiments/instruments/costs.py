"""What a function costs by the book: bytes kept, memory of a train step, transcendentals, equations.

These are the same on every run and every machine with the same JAX, so that a bound on them can be checked anywhere.
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
"""Of the net whose train step is compiled."""


def at_defaults(facts: Facts, function: Callable[..., Array] | None = None) -> Elementwise:
    """Our function, or that of a peer, of x alone: at the defaults, or at 1/4 where there is none."""
    values = [0.25 if value is inspect.Parameter.empty else value for value in facts.parameters.values()]
    return lambda x: (function or facts.function)(x, *values)


def both(f: Elementwise) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Forward and backward pass."""

    def passes(x: Array, tangent: Array) -> tuple[Array, Array]:
        y, pull = jax.vjp(f, x)
        return y, pull(tangent)[0]

    return passes


def kept(f: Elementwise, dtype: str = "float32") -> float:
    """Bytes per element that jax.vjp keeps for the backward pass, beside the output itself."""
    x = jnp.linspace(-3, 3, 1024).astype(dtype)
    y, pull = jax.vjp(f, x)
    arrays = {array.unsafe_buffer_pointer(): array.nbytes for array in jax.tree.leaves(pull) if array.size}
    arrays.pop(y.unsafe_buffer_pointer(), None)
    return sum(size for size in arrays.values() if size >= x.size) / x.size


def layers(f: Elementwise) -> float:
    """Activations that a compiled train step of a 16-layer MLP holds at once, in arrays per layer."""
    return net(f).compile().memory_analysis().temp_size_in_bytes / (LAYERS * BATCH * WIDTH * 4)


def net(f: Elementwise) -> Any:
    """That train step, lowered."""

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
    """Whether the second derivative is zero all over."""
    return not jnp.any(jax.vmap(jax.grad(jax.grad(f)))(jnp.linspace(-8.01, 8.02, 257)))


def operations(f: Elementwise) -> dict[str, float]:
    """Transcendental functions and all arithmetic per element, compiled, of forward and backward pass."""
    shape = jax.ShapeDtypeStruct((2**16,), "float32")
    cost = jax.jit(both(f)).lower(shape, shape).compile().cost_analysis() or {}
    return {name: cost.get(name, 0.0) / 2**16 for name in ("transcendentals", "flops")}


def equations(f: Elementwise) -> list[int]:
    """Equations of f, f' and f'', without those that only call."""
    orders = [f, jax.grad(lambda x: f(x)), jax.grad(jax.grad(lambda x: f(x)))]
    return [sum(1 for _ in _leaves(jax.make_jaxpr(order)(1.0).jaxpr)) for order in orders]


def _leaves(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        inner = list(_inner(equation.params))
        if inner:
            for one in inner:
                yield from _leaves(one)
        else:
            yield equation


def _inner(params: dict[str, Any]) -> Iterator[Any]:
    """The programs in an equation: those that run, and not the rules of their derivatives."""
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else [value]:
            if hasattr(one, "eqns"):
                yield one
            elif hasattr(one, "jaxpr") and hasattr(one.jaxpr, "eqns"):
                yield one.jaxpr
