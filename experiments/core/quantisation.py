"""Unsigned fixed point, Qm.f: m bits before the point and f behind it."""

import jax.numpy as jnp
import numpy as np
from jax import Array

SMALLEST = -4  # the least m


def quantised(x: Array, m: Array, bits: Array) -> Array:
    """x rounded to the nearest number of unsigned Qm.f with m + f bits, to even when halfway; exact in float32."""
    step = jnp.ldexp(jnp.ones_like(x), m - bits)
    return jnp.minimum(jnp.round(x / step), jnp.ldexp(jnp.ones_like(x), bits) - 1) * step


def holding(highest: np.ndarray) -> np.ndarray:
    """The smallest m with highest <= 2 to the m; of outputs that are all 0, SMALLEST."""
    return np.ceil(np.log2(np.maximum(highest, 2.0**SMALLEST))).astype(np.int32)
