"""Gates by tanh, and by a logarithm of the sigmoid.

x is clipped to 1e30, so that inf * 0 gives 0 and not NaN. Curvatures multiply by sech twice, since the square of sech
would underflow earlier than the product.
"""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._facts import activation
from ._numerics import LARGE, logistic, sech
from ._numerics import tanh as tanh_value

# x * tanh(softplus(x)): with w = exp(x) and n = w * (w + 2), tanh(softplus(x)) = n / (n + 2)


def _w_and_n(x: Array) -> tuple[Array, Array]:
    w = jnp.exp(jnp.minimum(x, 20))  # the gate is 1 in every float type for x >= 20
    return w, w * (w + 2)


def _mish_curvature(x: Array) -> Array:
    """sech(p)**2 * (2*s + x * (s' - 2 * s**2 * tanh(p))) with p = softplus(x) and s = p' = sigmoid(x)."""
    x = jnp.clip(x, -LARGE, LARGE)
    s, h = logistic(x), logistic(-x)  # s' = s * h
    _, n = _w_and_n(x)
    tanh_p, sech_p = n / (n + 2), 2 * h / (1 + h * h)  # h = exp(-p)
    return s * (2 + x * (h - 2 * s * tanh_p)) * sech_p * sech_p


@derivative(x=_mish_curvature)
def mish_slope(x: ArrayLike) -> Array:
    """The slope of mish: (n + 4 * x * w * (w + 1) / (n + 2)) / (n + 2) with w = exp(x), n = w * (w + 2)."""
    x = jnp.clip(jnp.asarray(x), -LARGE, 20)
    w, n = _w_and_n(x)
    return (n + 4 * x * w * (w + 1) / (n + 2)) / (n + 2)


@activation(
    bounds=(-0.30884341301725043, inf),
    slopes_at_inf=(0, 1),
    ulps=(8, 9, 16),  # the slope is a sum of two quotients
    source="https://arxiv.org/abs/1908.08681",
)
@derivative(x=mish_slope)
def mish(x: ArrayLike) -> Array:
    """mish(x) = x * tanh(log(1 + exp(x)))

    Mish, x * tanh(softplus(x)), computed with a single exponential: the gate is a quotient of polynomials in exp(x).
    """
    x = jnp.asarray(x)
    _, n = _w_and_n(x)
    return jnp.maximum(x, -LARGE) * (n / (n + 2))


# x * tanh(e), e = exp(x)


def _telu_parts(x: Array) -> tuple[Array, Array]:
    """x without infinities; and e, up to x = 8, where sech(e) is 0 in every float type."""
    return jnp.clip(x, -LARGE, LARGE), jnp.exp(jnp.minimum(x, 8))


def _telu_curvature(x: Array) -> Array:
    """e * sech(e)**2 * (2 + x * (1 - 2*e*tanh(e)))"""
    x, e = _telu_parts(x)
    return e * (2 + x * (1 - 2 * e * jnp.tanh(e))) * sech(e) * sech(e)


@derivative(x=_telu_curvature)
def telu_slope(x: ArrayLike) -> Array:
    """The slope of telu: tanh(e) + x * e * (1 - tanh(e)**2) with e = exp(x)."""
    x, e = _telu_parts(jnp.asarray(x))
    return jnp.tanh(e) + x * e * sech(e) * sech(e)


@activation(bounds=(-0.35328577784821064, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/2412.20269")
@derivative(x=telu_slope, recompute=True)
def telu(x: ArrayLike) -> Array:
    """telu(x) = x * tanh(exp(x))

    Hyperbolic tangent exponential linear unit, within 1 % of the identity for x >= 1.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -LARGE) * jnp.tanh(jnp.exp(x))


# x * log(1 + s), s = sigmoid(x)


def _logish_parts(x: Array) -> tuple[Array, Array, Array]:
    """x without infinities, s, and r = s' / (1 + s), the slope of log(1 + s)."""
    s = logistic(x)  # in s' as well, so that on a GPU, whose exp underflows later, all terms of a sum vanish together
    return jnp.clip(x, -LARGE, LARGE), s, s * logistic(-x) / (1 + s)


def _logish_curvature(x: Array) -> Array:
    x, _, r = _logish_parts(x)
    return r * (2 - x * (tanh_value(x / 2) + r))


@derivative(x=_logish_curvature)
def logish_slope(x: ArrayLike) -> Array:
    """The slope of logish: log(1 + s) + x * s * (1 - s) / (1 + s) with s = sigmoid(x)."""
    x, s, r = _logish_parts(jnp.asarray(x))
    return jnp.log1p(s) + x * r


@activation(
    bounds=(-0.2527688167878708, inf),
    slopes_at_inf=(0, 0.6931471805599453),
    source="https://doi.org/10.1016/j.neucom.2021.06.067",
)
@derivative(x=logish_slope, recompute=True)
def logish(x: ArrayLike) -> Array:
    """logish(x) = x * log(1 + 1 / (1 + exp(-x)))

    Logish, x * log(1 + sigmoid(x)), whose slope for large x is log(2).
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -LARGE) * jnp.log1p(logistic(x))


def _lisht_curvature(x: Array) -> Array:
    x = jnp.clip(x, -LARGE, LARGE)
    return 2 * (1 - x * tanh_value(x)) * sech(x) * sech(x)


@derivative(x=_lisht_curvature)
def lisht_slope(x: ArrayLike) -> Array:
    """The slope of lisht: tanh(x) + x * (1 - tanh(x)**2)."""
    x = jnp.clip(jnp.asarray(x), -LARGE, LARGE)
    return tanh_value(x) + x * jnp.square(sech(x))


@activation(bounds=(0, inf), slopes_at_inf=(-1, 1), source="https://arxiv.org/abs/1901.05894")
@derivative(x=lisht_slope)
def lisht(x: ArrayLike) -> Array:
    """lisht(x) = x * tanh(x)

    Linearly scaled hyperbolic tangent, which is even and never negative.
    """
    x = jnp.asarray(x)
    return x * jnp.tanh(x)
