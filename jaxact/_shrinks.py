"""Shrinkage: small inputs become 0 or smaller."""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Positive, as_arrays
from ._facts import activation
from ._numerics import sech, tanh, x_minus_tanh
from ._rectifiers import above
from ._residuals import two_slopes


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(1, 1),
    kinks=lambda lambd: (-lambd, lambd),
    source="https://doi.org/10.1093/biomet/81.3.425",
)
@derivative(
    x=lambda x, lambd: above(jnp.abs(x), lambd), lambd=lambda x, lambd: jnp.zeros_like(x), residuals=(two_slopes(0, 1),)
)
def hard_shrink(x: ArrayLike, lambd: Positive = 0.5) -> Array:
    """hard_shrink(x, lambd) = x if abs(x) > lambd else 0

    Hard thresholding: large inputs are unchanged, small ones become 0. It jumps at -lambd and lambd, where its slope is
    0.

    Args:
        lambd: positive, the threshold. The derivative by it is 0.
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
    residuals=(two_slopes(0, 1),),
)
def soft_shrink(x: ArrayLike, lambd: Positive = 0.5) -> Array:
    """soft_shrink(x, lambd) = x - lambd if x > lambd else x + lambd if x < -lambd else 0

    Soft thresholding, the proximal operator of the L1 norm: every input moves towards 0 by lambd. The slope at -lambd
    and lambd is 0.

    Args:
        lambd: positive, the threshold.
    """
    x, lambd = as_arrays(x, lambd)
    return x - jnp.clip(x, -lambd, lambd)


@derivative(x=lambda x: 2 * tanh(x) * jnp.square(sech(x)))
def tanh_shrink_slope(x: ArrayLike) -> Array:
    """The slope of tanh_shrink: tanh(x)**2, by expm1, as XLA's own tanh is off by 5 ulp and its square by 10."""
    m = jnp.expm1(-2 * jnp.abs(x))
    return jnp.square(m / (2 + m))


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(1, 1),
    source="https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html",
)
@derivative(x=tanh_shrink_slope)
def tanh_shrink(x: ArrayLike) -> Array:
    """tanh_shrink(x) = x - tanh(x)

    The difference from tanh: x**3 / 3 near 0.
    """
    return x_minus_tanh(jnp.asarray(x))
