"""Functions that the activations share, where XLA's own function or JAX's derivative of it loses digits.

Those with a jvp rule keep their digits in derivatives of any order.
"""

from math import pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

LARGE = 1e30
"""Replaces infinity in a product whose other factor is 0 there, since inf * 0 is NaN."""


def largest(x: Array) -> float:
    """The largest finite number of the type of x."""
    return float(jnp.finfo(x.dtype).max)


def largest_factor(dtype: Any) -> float:
    """The largest power of 2 whose reciprocal is no subnormal number: XLA divides by a product with the reciprocal."""
    return 1 / float(jnp.finfo(dtype).tiny)


def finite(x: Array) -> Array:
    """x, clipped to the finite numbers of its type."""
    return jnp.clip(x, -largest(x), largest(x))


@jax.custom_jvp
def zero(x: Array) -> Array:
    """0, but NaN for NaN: the slope of a constant piece."""
    return jnp.minimum(jnp.abs(x), 0)


zero.defjvps(lambda dx, y, x: y * dx)


@jax.custom_jvp
def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), without JAX's derivative y * (1 - y), which is 0 from x = 17 on."""
    return lax.logistic(x)


@jax.custom_jvp
def logistic_slope(x: Array) -> Array:
    """e / (1 + e)**2 with e = exp(-abs(x)), which keeps its digits in both tails."""
    e = jnp.exp(-jnp.abs(x))
    return e / jnp.square(1 + e)


logistic.defjvps(lambda dx, y, x: logistic_slope(x) * dx)
logistic_slope.defjvps(lambda dx, y, x: -y * tanh(x / 2) * dx)


@jax.custom_jvp
def tanh(x: Array) -> Array:
    """jnp.tanh, without JAX's derivative 1 - y * y, which is 0 from x = 8 on."""
    return jnp.tanh(x)


@jax.custom_jvp
def sech(x: Array) -> Array:
    """1 / cosh(x). The slope of tanh is its square; a product with two factors sech(x) underflows later."""
    e = jnp.exp(-jnp.abs(x))
    return 2 * e / (1 + e * e)


tanh.defjvps(lambda dx, y, x: jnp.square(sech(x)) * dx)
sech.defjvps(lambda dx, y, x: -y * tanh(x) * dx)


def erf_slope(x: Array) -> Array:
    """2 / sqrt(pi) * exp(-x*x), by JAX's rules: a product with it needs a clipped x where x is infinite."""
    return 2 / sqrt(pi) * jnp.exp(-x * x)


def times_exp(factor: Array, exponent: Array) -> Array:
    """factor * exp(exponent), by two factors exp(exponent / 2), which underflow later."""
    root = jnp.exp(exponent / 2)
    return factor * root * root


@jax.custom_jvp
def softplus_value(x: Array) -> Array:
    """log(1 + exp(x)), without overflow or cancellation."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@jax.custom_jvp
def expm1(x: Array) -> Array:
    """exp(x) - 1, without the derivative y + 1 of JAX 0.10, which is 0 below x = -17."""
    return jnp.expm1(x)


softplus_value.defjvps(lambda dx, y, x: logistic(x) * dx)
expm1.defjvps(lambda dx, y, x: jnp.exp(x) * dx)


# Functions of the left side, 0 on the right. Their derivative at 0 is the left one; jnp.minimum has the mean of both.


@jax.custom_jvp
def exp_left(x: Array) -> Array:
    """exp(x) for x <= 0, 0 for x > 0."""
    return jnp.where(x > 0, 0, jnp.exp(jnp.minimum(x, 0)))


@jax.custom_jvp
def expm1_left(x: Array) -> Array:
    """exp(x) - 1 for x <= 0, 0 for x > 0."""
    return jnp.expm1(jnp.minimum(x, 0))


def expm1_minus_x_over_x_left(x: Array) -> Array:
    """(exp(x) - 1 - x) / x for x <= 0, 0 for x > 0: near 0 by its series, where the difference would cancel."""
    near, far = jnp.maximum(jnp.where(x > 0, 0, x), -1), jnp.where(x > -1, -1, x)
    series = jnp.zeros_like(x)
    for n in range(18, 1, -1):  # 1 / 18! is below an ulp of float64
        series = (1 + series) * near / n
    return jnp.where(x > -1, series, jnp.expm1(far) / far - 1)


@jax.custom_jvp
def expm1_minus_x_left(x: Array) -> Array:
    """exp(x) - 1 - x for x <= 0, 0 for x > 0."""
    return jnp.minimum(x, 0) * expm1_minus_x_over_x_left(x)


exp_left.defjvps(lambda dx, y, x: y * dx)
expm1_left.defjvps(lambda dx, y, x: exp_left(x) * dx)
expm1_minus_x_left.defjvps(lambda dx, y, x: expm1_left(x) * dx)


@jax.custom_jvp
def x_minus_tanh(x: Array) -> Array:
    """x - tanh(x), near 0 by Lambert's continued fraction of tanh, all of whose terms are positive."""
    square, fraction = jnp.square(jnp.clip(x, -1.5, 1.5)), jnp.zeros_like(x)
    for n in range(21, 1, -2):
        fraction = square / (n + fraction)
    return jnp.where(jnp.abs(x) < 1.5, x * fraction / (1 + fraction), x - jnp.tanh(x))


x_minus_tanh.defjvps(lambda dx, y, x: jnp.square(tanh(x)) * dx)
