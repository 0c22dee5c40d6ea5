"""Waves and bumps. XLA's sine and cosine are within 0.56 ulp for every float32 number, however large."""

from collections.abc import Callable
from functools import reduce
from math import factorial, inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Operand, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import LARGE, finite, times_exp


@derivative(x=lambda x: -jnp.sin(x))
def sine_slope(x: ArrayLike) -> Array:
    """The slope of sine: cos(x)."""
    return jnp.cos(x)


@activation(bounds=(-1, 1), source="https://arxiv.org/abs/2006.09661")
@derivative(x=sine_slope)
def sine(x: ArrayLike) -> Array:
    """sine(x) = sin(x)

    Periodic activation of SIREN, which scales its argument by 30 in the first layer. NaN at infinity, without a limit.
    """
    return jnp.sin(x)


def _gaussian_curvature(x: Array) -> Array:
    """(4*x*x - 2) * exp(-x*x)"""
    x = jnp.clip(x, -100, 100)
    return times_exp(4 * x * x - 2, -x * x)


@derivative(x=_gaussian_curvature)
def gaussian_slope(x: ArrayLike) -> Array:
    """The slope of gaussian: -2*x * exp(-x*x)."""
    x = jnp.clip(jnp.asarray(x), -LARGE, LARGE)
    return times_exp(-2 * x, -x * x)


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), source="https://arxiv.org/abs/2204.05735")
@derivative(x=gaussian_slope)
def gaussian(x: ArrayLike) -> Array:
    """gaussian(x) = exp(-x*x)

    Bell curve: a local unit, where a sigmoid divides the space in two.
    """
    x = jnp.asarray(x)
    return jnp.exp(-x * x)


def _sinc_series(x: Array, weight: Callable[[int], int]) -> Array:
    """The sum of (-1)**n * weight(n) * x**(2*n - 2) / (2*n + 1)! for n = 1, 2, ..., if abs(x) <= 1."""
    square = jnp.square(jnp.clip(x, -1, 1))
    coefficients = [(-1) ** n * weight(n) / factorial(2 * n + 1) for n in range(10, 0, -1)]  # 1 / 23! is 4e-23
    return reduce(lambda total, coefficient: total * square + coefficient, coefficients, jnp.zeros_like(square))


def _away_from_zero(x: Array) -> tuple[Array, Array]:
    """x, but 1 where the series is used, and finite; and one over it, which is 0 where x is infinite."""
    v = jnp.where(jnp.abs(x) < 1, 1, x)
    return finite(v), 1 / v


def _sinc_curvature(x: Array) -> Array:
    """-(sin(x) + 2*f') / x"""
    v, inverse = _away_from_zero(x)
    far = -(jnp.sin(v) + 2 * (jnp.cos(v) - jnp.sin(v) * inverse) * inverse) * inverse
    return jnp.where(jnp.abs(x) < 1, _sinc_series(x, lambda n: 2 * n * (2 * n - 1)), far)


@derivative(x=_sinc_curvature)
def sinc_slope(x: ArrayLike) -> Array:
    """The slope of sinc: (cos(x) - sin(x) / x) / x."""
    x = jnp.asarray(x)
    v, inverse = _away_from_zero(x)
    far = (jnp.cos(v) - jnp.sin(v) * inverse) / jnp.where(jnp.abs(x) < 1, 1, x)
    return jnp.where(jnp.abs(x) < 1, x * _sinc_series(x, lambda n: 2 * n), far)


@activation(
    bounds=(-0.21723362821122166, 1), slopes_at_inf=(0, 0), source="https://en.wikipedia.org/wiki/Sinc_function"
)
@derivative(x=sinc_slope)
def sinc(x: ArrayLike) -> Array:
    """sinc(x) = sin(x) / x if abs(x) > 0 else 1 - x*x/6

    Cardinal sine, without the factor pi of jnp.sinc.
    """
    x = jnp.asarray(x)
    return jnp.where(x == 0, 1, jnp.sin(finite(x)) / jnp.where(x == 0, 1, x))


def _phase(x: Array, alpha: Operand) -> Array:
    return finite(alpha * x) + 0 * x  # NaN at infinity, where a wave has no limit


def _snake_slope_by_phase(x: Array, alpha: Operand) -> Array:
    return 2 * jnp.cos(_phase(x, 2 * alpha))


@derivative(
    x=lambda x, alpha: alpha * _snake_slope_by_phase(x, alpha),
    alpha=lambda x, alpha: x * _snake_slope_by_phase(x, alpha),
)
def snake_slope(x: ArrayLike, alpha: PositiveFinite = 1.0) -> Array:
    """The slope of snake by x: 1 + sin(2*alpha*x), computed as (sin(alpha*x) + cos(alpha*x))**2."""
    phase = _phase(*as_arrays(x, alpha))
    return jnp.square(jnp.sin(phase) + jnp.cos(phase))


def _snake_by_alpha(x: Array, alpha: Operand) -> Array:
    """(x * sin(2*alpha*x) - sin(alpha*x)**2 / alpha) / alpha"""
    s, c = jnp.sin(_phase(x, alpha)), jnp.cos(_phase(x, alpha))
    return s * (2 * x * c - s / alpha) / alpha


@activation(bounds=(-inf, inf), accurate_for=1e4, source="https://arxiv.org/abs/2006.08195")
@derivative(x=snake_slope, alpha=_snake_by_alpha)
def snake(x: ArrayLike, alpha: PositiveFinite = 1.0) -> Array:
    """snake(x, alpha) = x + sin(alpha*x)**2 / alpha

    Snake: the identity with a ripple, for extrapolating periodic data. Its slope has no limit at infinity. For
    abs(x) > 1e4 the rounding error of alpha * x is a visible part of the ripple's period.

    Args:
        alpha: positive, the frequency of the ripple.
    """
    x, alpha = as_arrays(x, alpha)
    return x + jnp.square(jnp.sin(finite(alpha * x))) / alpha
