"""The functions that take complex numbers, by formulas that JAX differentiates.

The bodies for real numbers use maxima and absolute values of x, and their derivatives do, too.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ._numerics import LARGE


def _softmax(x: Array, axis: Any, where: Any, temperature: Any) -> Array:
    """Shifted by the largest real part: JAX 0.12 has no maximum of complex numbers."""
    mask = jnp.broadcast_to(True if where is None else where, x.shape)
    z = jnp.where(mask, x / temperature, -LARGE)
    maximum = lax.stop_gradient(jnp.max(z.real, axis, keepdims=True))
    e = jnp.where(mask, jnp.exp(z - maximum.astype(z.dtype)), 0)
    total = jnp.sum(e, axis, keepdims=True)
    return e / jnp.where(total == 0, 1, total)


FORMULAS: dict[str, Callable[..., Array]] = {
    "sigmoid": lambda x: lax.logistic(x),
    "tanh": lambda x: jnp.tanh(x),
    "softplus": lambda x, beta: jnp.logaddexp(beta * x, 0) / beta,
    "silu": lambda x: x * lax.logistic(x),
    "log_sigmoid": lambda x: -jnp.logaddexp(-x, 0),
    "softmax": _softmax,
}
