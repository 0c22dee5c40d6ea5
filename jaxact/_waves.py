"""Waves and bumps. XLA's sine and cosine are within 0.56 ulp for every float32, however large."""

from collections.abc import Callable
from functools import reduce
from math import factorial, inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Positive, as_arrays
from ._facts import activation
from ._numerics import LARGE, finite


@derivative(x=lambda x: -jnp.sin(x))
def sine_slope(x: ArrayLike) -> Array:
    """The slope of sine: cos(x)."""
    return jnp.cos(x)


@activation(bounds=(-1, 1), source="https://arxiv.org/abs/2006.09661")
@derivative(x=sine_slope)
def sine(x: ArrayLike) -> Array:
    """sine(x) = sin(x)

    Periodic activation of SIREN, which scales its argument by 30 in the first layer. NaN at infinity, where it has no
    limit.
    """
    return jnp.sin(x)


def _gaussian_curvature(x: Array) -> Array:
    """(4*x*x - 2) * exp(-x*x), with the exponential in two factors, which underflow later."""
    x = jnp.clip(x, -100, 100)
    root = jnp.exp(-x * x / 2)
    return (4 * x * x - 2) * root * root


@derivative(x=_gaussian_curvature)
def gaussian_slope(x: ArrayLike) -> Array:
    """The slope of gaussian: -2*x * exp(-x*x)."""
    x = jnp.clip(jnp.asarray(x), -LARGE, LARGE)
    return -2 * x * jnp.exp(-x * x)


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), source="https://arxiv.org/abs/2204.05735")
@derivative(x=gaussian_slope)
def gaussian(x: ArrayLike) -> Array:
    """gaussian(x) = exp(-x*x)

    Bell curve: local where a sigmoid divides the space in two.
    """
    x = jnp.asarray(x)
    return jnp.exp(-x * x)


def _sinc_series(x: Array, weight: Callable[[int], int]) -> Array:
    """The sum of (-1)**n * weight(n) * x**(2*n - 2) / (2*n + 1)! from n = 1 on, for |x| <= 1."""
    square = jnp.square(jnp.clip(x, -1, 1))
    terms = [(-1) ** n * weight(n) / factorial(2 * n + 1) for n in range(10, 0, -1)]  # 1 / 23! is nothing in float64
    return reduce(lambda total, term: total * square + term, terms, jnp.zeros_like(square))


def _outside(x: Array) -> tuple[Array, Array]:
    """x where the closed formulas hold, some number where the series does; and 1 / x."""
    v = jnp.where(jnp.abs(x) < 1, 1, finite(x))
    return v, 1 / v


def _sinc_curvature(x: Array) -> Array:
    """-(sin(x) + 2*f') / x"""
    v, inverse = _outside(x)
    far = -(jnp.sin(v) + 2 * (jnp.cos(v) - jnp.sin(v) * inverse) * inverse) * inverse
    return jnp.where(jnp.abs(x) < 1, _sinc_series(x, lambda n: 2 * n * (2 * n - 1)), far)


@derivative(x=_sinc_curvature)
def sinc_slope(x: ArrayLike) -> Array:
    """The slope of sinc: (cos(x) - sin(x) / x) / x."""
    x = jnp.asarray(x)
    v, inverse = _outside(x)
    far = (jnp.cos(v) - jnp.sin(v) * inverse) / jnp.where(jnp.abs(x) < 1, 1, x)
    return jnp.where(jnp.abs(x) < 1, x * _sinc_series(x, lambda n: 2 * n), far)


@activation(
    bounds=(-0.21723362821122166, 1), slopes_at_inf=(0, 0), source="https://en.wikipedia.org/wiki/Sinc_function"
)
@derivative(x=sinc_slope)
def sinc(x: ArrayLike) -> Array:
    """sinc(x) = sin(x) / x if abs(x) > 0 else 1 - x*x/6

    Cardinal sine, without the factor pi that jnp.sinc has.
    """
    x = jnp.asarray(x)
    return jnp.where(x == 0, 1, jnp.sin(finite(x)) / jnp.where(x == 0, 1, x))


def _phase(x: Array, alpha: Array) -> Array:
    return finite(alpha * x) + 0 * x  # of infinity NaN, since a wave has no limit


def _snake_bend(x: Array, alpha: Array) -> Array:
    return 2 * jnp.cos(_phase(x, 2 * alpha))


@derivative(x=lambda x, alpha: alpha * _snake_bend(x, alpha), alpha=lambda x, alpha: x * _snake_bend(x, alpha))
def snake_slope(x: ArrayLike, alpha: Positive = 1.0) -> Array:
    """The slope of snake by x: 1 + sin(2*alpha*x), which cancels, as a square, which does not."""
    phase = _phase(*as_arrays(x, alpha))
    return jnp.square(jnp.sin(phase) + jnp.cos(phase))


def _snake_by_alpha(x: Array, alpha: Array) -> Array:
    """(x * sin(2*alpha*x) - sin(alpha*x)**2 / alpha) / alpha"""
    s, c = jnp.sin(_phase(x, alpha)), jnp.cos(_phase(x, alpha))
    return s * (2 * x * c - s / alpha) / alpha


@activation(bounds=(-inf, inf), accurate_for=1e4, source="https://arxiv.org/abs/2006.08195")
@derivative(x=snake_slope, alpha=_snake_by_alpha)
def snake(x: ArrayLike, alpha: Positive = 1.0) -> Array:
    """snake(x, alpha) = x + sin(alpha*x)**2 / alpha

    Snake: the identity with a ripple, for periodic data that has to be extrapolated. Its slope has no limit far out,
    and above |x| = 1e4 the rounding of alpha * x decides where on the ripple it is.

    Args:
        alpha: positive, the frequency of the ripple.
    """
    x, alpha = as_arrays(x, alpha)
    return x + jnp.square(jnp.sin(finite(alpha * x))) / alpha
