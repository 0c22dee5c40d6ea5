"""Numbers of few bits: unsigned fixed point, Qm.f, with m integer bits and f fractional ones; integers with a scale."""

import jax.numpy as jnp
import numpy as np
from jax import Array

LEAST_INTEGER_BITS = -4  # the least m that is tried: numbers up to 1/16
TINY = float(np.finfo(np.float32).tiny)  # in place of 0, by which nothing can be divided


def quantised(x: Array, m: Array, bits: Array) -> Array:
    """x rounded to the nearest number of unsigned Qm.f with m + f bits, to even when halfway; exact in float32."""
    step = jnp.ldexp(jnp.ones_like(x), m - bits)
    return jnp.minimum(jnp.round(x / step), jnp.ldexp(jnp.ones_like(x), bits) - 1) * step


def integer_bits(largest: np.ndarray) -> np.ndarray:
    """The smallest m with largest <= 2^m, but at least LEAST_INTEGER_BITS."""
    return np.ceil(np.log2(np.maximum(largest, 2.0**LEAST_INTEGER_BITS))).astype(np.int32)


def products(x: Array, weight: Array, low: Array, high: Array, bits: Array) -> Array:
    """x @ weight with both factors in so many bits, as integer hardware computes it.

    As in Jacob et al. 2018, https://arxiv.org/abs/1712.05877: numbers from `low` to `high` stand for x, in equal steps
    of which one is at 0, and numbers that are symmetric around 0 for each column of `weight`. The sums of products of
    integers are exact in float32 up to 2^24, in 8 bits those of 500 products and more.
    """
    low, high = jnp.minimum(low, 0), jnp.maximum(high, 0)
    levels = jnp.ldexp(jnp.ones_like(low), bits) - 1
    step = jnp.maximum((high - low) / levels, TINY)
    zero = jnp.round(-low / step)
    of_x = jnp.clip(jnp.round(x / step) + zero, 0, levels) - zero
    column = jnp.maximum(jnp.max(jnp.abs(weight), axis=0) / (jnp.ldexp(jnp.ones_like(low), bits - 1) - 1), TINY)
    return (of_x @ jnp.round(weight / column[None])) * (step * column)[None]
