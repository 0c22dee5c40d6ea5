"""S-shaped activations that approach their limits as a power of x, without an exponential; and isrlu."""

from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Operand, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import LARGE


def _soft_sign_curvature(x: Array) -> Array:
    q = 1 / (1 + jnp.abs(x))
    return -2 * jnp.where(x >= 0, q, -q) * q * q


@derivative(x=_soft_sign_curvature)
def soft_sign_slope(x: ArrayLike) -> Array:
    """The slope of soft_sign: 1 / (1 + abs(x))**2."""
    return jnp.square(1 / (1 + jnp.abs(x)))


@activation(
    bounds=(-1, 1),
    slopes_at_inf=(0, 0),
    source="https://www.iro.umontreal.ca/~lisa/publications2/index.php/attachments/single/205",
)
@derivative(x=soft_sign_slope)
def soft_sign(x: ArrayLike) -> Array:
    """soft_sign(x) = x / (1 + abs(x))

    Like tanh, but it approaches its limits as 1 / x. The curvature jumps from 2 to -2 at 0, where it is -2.
    """
    x = jnp.clip(jnp.asarray(x), -LARGE, LARGE)
    return x / (1 + jnp.abs(x))


def _arctan_curvature(x: Array) -> Array:
    w = 1 / (1 + x * x)
    return -2 * (jnp.clip(x, -LARGE, LARGE) * w) * w


@derivative(x=_arctan_curvature)
def arctan_slope(x: ArrayLike) -> Array:
    """The slope of arctan: 1 / (1 + x*x)."""
    x = jnp.asarray(x)
    return 1 / (1 + x * x)


@activation(
    bounds=(-1.5707963267948966, 1.5707963267948966),
    slopes_at_inf=(0, 0),
    source="https://en.wikipedia.org/wiki/Arctangent",
)
@derivative(x=arctan_slope)
def arctan(x: ArrayLike) -> Array:
    """arctan(x) = atan(x)

    Inverse tangent: S-shaped, from -pi / 2 to pi / 2, it approaches its limits as 1 / x.
    """
    return jnp.arctan(x)


@jax.custom_jvp
def _ratio_and_root(x: Array, alpha: Operand) -> tuple[Array, Array]:
    """x * w and w = 1 / sqrt(1 + alpha*x*x), computed with x / max(|x|, 1), so that no square overflows."""
    x = jnp.clip(x, -LARGE, LARGE)
    m = jnp.maximum(jnp.abs(x), 1)
    root = lax.rsqrt(jnp.square(1 / m) + alpha * jnp.square(x / m))
    return x / m * root, root / m


@_ratio_and_root.defjvp
def _(primals: Any, tangents: Any) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (x, alpha), (dx, dalpha) = primals, tangents
    y, w = _ratio_and_root(x, alpha)
    return (y, w), (w * w * w * dx - y * y * y / 2 * dalpha, -y * w * (alpha * w * dx + y / 2 * dalpha))


def _isru_slope(x: Array, alpha: Operand) -> Array:
    """(1 + alpha*x*x)**(-3/2)"""
    _, w = _ratio_and_root(x, alpha)
    return w * w * w


def _isru_by_alpha(x: Array, alpha: Operand) -> Array:
    y, _ = _ratio_and_root(x, alpha)
    return -0.5 * y * y * y


@activation(bounds=(-1, 1), slopes_at_inf=(0, 0), source="https://arxiv.org/abs/1710.09967")
@derivative(x=_isru_slope, alpha=_isru_by_alpha)
def isru(x: ArrayLike, alpha: PositiveFinite = 1.0) -> Array:
    """isru(x, alpha) = x / sqrt(1 + alpha*x*x)

    Inverse square root unit: S-shaped, between -1 / sqrt(alpha) and 1 / sqrt(alpha).

    Args:
        alpha: positive.
    """
    return _ratio_and_root(*as_arrays(x, alpha))[0]


@activation(bounds=(-1, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1710.09967")
@derivative(
    x=lambda x, alpha: _isru_slope(jnp.where(x > 0, 0, x), alpha),  # jnp.minimum has slope 1/2 at 0
    alpha=lambda x, alpha: _isru_by_alpha(jnp.where(x > 0, 0, x), alpha),
)
def isrlu(x: ArrayLike, alpha: PositiveFinite = 1.0) -> Array:
    """isrlu(x, alpha) = x if x > 0 else x / sqrt(1 + alpha*x*x)

    Inverse square root linear unit: like elu, without an exponential. It saturates at -1 / sqrt(alpha), and its first
    two derivatives are continuous.

    Args:
        alpha: positive.
    """
    return jnp.maximum(x, 0) + _ratio_and_root(*as_arrays(jnp.minimum(x, 0), alpha))[0]
