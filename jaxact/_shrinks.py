"""Shrinkage: what is small becomes 0, or less."""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Positive, as_arrays
from ._facts import activation
from ._numerics import minus_tanh, tanh
from ._rectifiers import above
from ._residuals import one_of


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(1, 1),
    kinks=lambda lambd: (-lambd, lambd),
    source="https://doi.org/10.1093/biomet/81.3.425",
)
@derivative(
    x=lambda x, lambd: above(jnp.abs(x), lambd), lambd=lambda x, lambd: jnp.zeros_like(x), residuals=(one_of(0, 1),)
)
def hard_shrink(x: ArrayLike, lambd: Positive = 0.5) -> Array:
    """hard_shrink(x, lambd) = x if abs(x) > lambd else 0

    Hard thresholding: keeps what is large and drops the rest. It has a jump at -lambd and lambd; the slope there is 0.

    Args:
        lambd: positive, the threshold; its slope is 0.
    """
    return jnp.where(jnp.abs(x) <= lambd, 0, x)


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(1, 1),
    kinks=lambda lambd: (-lambd, lambd),
    source="https://doi.org/10.1093/biomet/81.3.425",
)
@derivative(
    x=lambda x, lambd: above(jnp.abs(x), lambd),
    lambd=lambda x, lambd: -jnp.sign(x) * above(jnp.abs(x), lambd),
    residuals=(one_of(0, 1),),
)
def soft_shrink(x: ArrayLike, lambd: Positive = 0.5) -> Array:
    """soft_shrink(x, lambd) = x - lambd if x > lambd else x + lambd if x < -lambd else 0

    Soft thresholding, the proximal operator of the L1 norm: moves everything towards 0 by lambd. The slope at -lambd
    and lambd is 0.

    Args:
        lambd: positive, the threshold.
    """
    x, lambd = as_arrays(x, lambd)
    return x - jnp.clip(x, -lambd, lambd)


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(1, 1),
    ulps=(8, 9, 16),  # the slope is the square of XLA's tanh, which is off by 4.2 ulp
    source="https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html",
)
@derivative(x=lambda x: jnp.square(tanh(x)))
def tanh_shrink(x: ArrayLike) -> Array:
    """tanh_shrink(x) = x - tanh(x)

    What tanh takes away: x^3 / 3 near 0.
    """
    return minus_tanh(jnp.asarray(x))
