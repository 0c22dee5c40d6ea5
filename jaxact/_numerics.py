"""What the activations share where XLA's own function, or JAX's derivative of it, loses digits. Single floats only.

Functions with a derivative of their own keep their digits in derivatives of any order.
"""

from math import pi, sqrt

import jax
import jax.numpy as jnp
from jax import Array, lax

LARGE = 1e30
"""Stands for infinity in products with what is 0 there: inf * 0 would be NaN."""


def largest(x: Array) -> float:
    """The largest number of the type of x."""
    return float(jnp.finfo(x.dtype).max)


def finite(x: Array) -> Array:
    """x, but the largest numbers of its type for infinities."""
    return jnp.clip(x, -largest(x), largest(x))


@jax.custom_jvp
def zero(x: Array) -> Array:
    """0 for a number, NaN for NaN: the slope of what is constant."""
    return jnp.minimum(jnp.abs(x), 0)


zero.defjvps(lambda dx, y, x: y * dx)


@jax.custom_jvp
def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), without JAX's derivative y * (1 - y), which is 0 from x = 17 on."""
    return lax.logistic(x)


@jax.custom_jvp
def logistic_slope(x: Array) -> Array:
    """e / (1 + e)**2 with e = exp(-abs(x)): even, and right in both tails."""
    e = jnp.exp(-jnp.abs(x))
    return e / jnp.square(1 + e)


logistic.defjvps(lambda dx, y, x: logistic_slope(x) * dx)
logistic_slope.defjvps(lambda dx, y, x: -y * tanh(x / 2) * dx)


@jax.custom_jvp
def tanh(x: Array) -> Array:
    """jnp.tanh, without JAX's derivative 1 - y * y, which is 0 from x = 9 on."""
    return jnp.tanh(x)


@jax.custom_jvp
def sech(x: Array) -> Array:
    """1 / cosh(x). tanh'(x) is its square: taken as factors one by one, a product does not underflow too early."""
    e = jnp.exp(-jnp.abs(x))
    return 2 * e / (1 + e * e)


tanh.defjvps(lambda dx, y, x: jnp.square(sech(x)) * dx)
sech.defjvps(lambda dx, y, x: -y * tanh(x) * dx)


def erf_slope(x: Array) -> Array:
    """erf'(x), without the limits that a product with it needs where x is infinite."""
    return 2 / sqrt(pi) * jnp.exp(-x * x)


@jax.custom_jvp
def softplus_value(x: Array) -> Array:
    """log(1 + exp(x)), which neither overflows nor cancels."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@jax.custom_jvp
def expm1(x: Array) -> Array:
    """exp(x) - 1, without the derivative y + 1 that it has in JAX 0.10, which is 0 from x = -17 on."""
    return jnp.expm1(x)


softplus_value.defjvps(lambda dx, y, x: logistic(x) * dx)
expm1.defjvps(lambda dx, y, x: jnp.exp(x) * dx)


# Of the left side only, 0 on the right: at 0, where jnp.minimum has a slope of a half, these have the left one.


@jax.custom_jvp
def exp_left(x: Array) -> Array:
    """exp(x) for x <= 0, 0 for x > 0."""
    return jnp.where(x > 0, 0, jnp.exp(jnp.minimum(x, 0)))


@jax.custom_jvp
def expm1_left(x: Array) -> Array:
    """exp(x) - 1 for x <= 0, 0 for x > 0."""
    return jnp.expm1(jnp.minimum(x, 0))


def bend_left(x: Array) -> Array:
    """(exp(x) - 1 - x) / x for x <= 0, 0 for x > 0: by its series near 0, where the difference would cancel."""
    near, far = jnp.maximum(jnp.where(x > 0, 0, x), -1), jnp.where(x > -1, -1, x)
    series = jnp.zeros_like(x)
    for n in range(18, 1, -1):  # 1 / 18! is below an ulp of float64
        series = (1 + series) * near / n
    return jnp.where(x > -1, series, jnp.expm1(far) / far - 1)


@jax.custom_jvp
def expm1_minus_left(x: Array) -> Array:
    """exp(x) - 1 - x for x <= 0, 0 for x > 0."""
    return jnp.minimum(x, 0) * bend_left(x)


exp_left.defjvps(lambda dx, y, x: y * dx)
expm1_left.defjvps(lambda dx, y, x: exp_left(x) * dx)
expm1_minus_left.defjvps(lambda dx, y, x: expm1_left(x) * dx)


@jax.custom_jvp
def minus_tanh(x: Array) -> Array:
    """x - tanh(x), near 0 by Lambert's continued fraction of tanh, all of whose terms are positive."""
    square, rest = jnp.square(jnp.clip(x, -1.5, 1.5)), jnp.zeros_like(x)
    for n in range(21, 1, -2):
        rest = square / (n + rest)
    return jnp.where(jnp.abs(x) < 1.5, x * rest / (1 + rest), x - jnp.tanh(x))


minus_tanh.defjvps(lambda dx, y, x: jnp.square(tanh(x)) * dx)
