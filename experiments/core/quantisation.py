"""Unsigned fixed point, Qm.f: m integer bits and f fractional bits."""

import jax.numpy as jnp
import numpy as np
from jax import Array

LEAST_INTEGER_BITS = -4  # the least m that is tried: numbers up to 1/16


def quantised(x: Array, m: Array, bits: Array) -> Array:
    """x rounded to the nearest number of unsigned Qm.f with m + f bits, to even when halfway; exact in float32."""
    step = jnp.ldexp(jnp.ones_like(x), m - bits)
    return jnp.minimum(jnp.round(x / step), jnp.ldexp(jnp.ones_like(x), bits) - 1) * step


def integer_bits(largest: np.ndarray) -> np.ndarray:
    """The smallest m with largest <= 2^m, but at least LEAST_INTEGER_BITS."""
    return np.ceil(np.log2(np.maximum(largest, 2.0**LEAST_INTEGER_BITS))).astype(np.int32)
