"""The functions that take complex numbers, by the formulas of jax.nn, which JAX differentiates.

The bodies for real numbers use maxima and absolute values of x, and their derivatives do, too.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

FORMULAS: dict[str, Callable[..., Array]] = {
    "sigmoid": lambda x: lax.logistic(x),
    "tanh": lambda x: jnp.tanh(x),
    "softplus": lambda x, beta: jnp.logaddexp(beta * x, 0) / beta,
    "silu": lambda x: x * lax.logistic(x),
    "log_sigmoid": lambda x: -jnp.logaddexp(-x, 0),
    "softmax": lambda x, axis, where, temperature: jax.nn.softmax(x / temperature, axis, where),
}
