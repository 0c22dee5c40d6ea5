"""Gates by the normal distribution function or by erf."""

from math import inf, pi, sqrt

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from ._activation import derivative
from ._facts import activation
from ._numerics import erf_slope, expm1, logistic, sech, softplus_value, times_exp


def _cdf(x: Array) -> Array:
    """The normal distribution function: by erfc, since 1 + erf(x) cancels for negative x."""
    return lax.erfc(-x / sqrt(2)) / 2


def _pdf(x: Array) -> Array:
    """Its density, exp(-x*x / 2) / sqrt(2*pi)."""
    return jnp.exp(-x * x / 2) / sqrt(2 * pi)


# x * cdf(x), with x clipped to +-100, where it is 0 or x in every float type


def gelu_exact_value(x: Array) -> Array:
    return jnp.maximum(x, -100) * _cdf(x)


def gelu_exact_curvature(x: Array) -> Array:
    """The curvature of gelu_exact: (2 - x*x) * pdf(x)."""
    x = jnp.clip(x, -100, 100)
    return times_exp((2 - x * x) / sqrt(2 * pi), -x * x / 2)


@derivative(x=gelu_exact_curvature)
def gelu_exact_slope(x: ArrayLike) -> Array:
    """The slope of gelu_exact: cdf(x) + x * pdf(x)."""
    x = jnp.clip(jnp.asarray(x), -100, 100)  # before the cdf: else XLA on CPU keeps the value's for the backward pass
    return _gelu_exact_slope(x)


def _gelu_exact_slope(x: Array) -> Array:
    cdf = _cdf(x)
    return jnp.where(cdf == 0, 0, cdf + x * _pdf(x))  # 0 where the cdf, a term of the sum, has underflowed


@activation(bounds=(-0.16997120747990369, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=gelu_exact_slope)
def gelu_exact(x: ArrayLike) -> Array:
    """gelu_exact(x) = x * (1 + erf(x / sqrt(2))) / 2

    Gaussian error linear unit as defined, x times the normal distribution function: the default gelu of PyTorch and
    Keras, and that of jax.nn with approximate=False.
    """
    return gelu_exact_value(jnp.asarray(x))


# x * erf(p), p = softplus(x), p' = s = sigmoid(x)


def _serf_parts(x: Array) -> tuple[Array, Array, Array]:
    """x without infinities, p, and s = 1 - exp(-p), which underflows where p does; XLA's logistic does so earlier."""
    x = jnp.clip(x, -1000, 1000)
    p = softplus_value(x)
    return x, p, -expm1(-p)


def _serf_curvature(x: Array) -> Array:
    """erf'(p) * (2*s + x * (s' - 2 * p * s**2)), where s' = s * sigmoid(-x)"""
    x, p, s = _serf_parts(x)
    return times_exp(2 / sqrt(pi) * s * (2 + x * (logistic(-x) - 2 * p * s)), -p * p)


@derivative(x=_serf_curvature)
def serf_slope(x: ArrayLike) -> Array:
    """The slope of serf: erf(p) + x * sigmoid(x) * erf'(p) with p = log(1 + exp(x))."""
    x, p, s = _serf_parts(jnp.asarray(x))
    return lax.erf(p) + x * s * erf_slope(p)


@activation(
    bounds=(-0.3484374587596063, inf),
    slopes_at_inf=(0, 1),
    ulps=(8, 10, 16),  # XLA's erf and the softplus are each rounded several times
    source="https://arxiv.org/abs/2108.09598",
)
@derivative(x=serf_slope)
def serf(x: ArrayLike) -> Array:
    """serf(x) = x * erf(log(1 + exp(x)))

    Log-softplus error activation function: like mish, with erf instead of tanh.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -1000) * lax.erf(softplus_value(x))


# x * tanh(g), g = gelu(x)


def _phish_curvature(x: Array) -> Array:
    """sech(g)**2 * (2*g' + x * (g'' - 2 * tanh(g) * g'**2)), with two factors sech(g), which underflow later."""
    x = jnp.clip(x, -100, 100)
    g, dg, ddg = gelu_exact_value(x), _gelu_exact_slope(x), gelu_exact_curvature(x)
    return (2 * dg + x * (ddg - 2 * jnp.tanh(g) * dg * dg)) * sech(g) * sech(g)


@derivative(x=_phish_curvature)
def phish_slope(x: ArrayLike) -> Array:
    """The slope of phish: tanh(g) + x * g' * (1 - tanh(g)**2) with g = gelu_exact(x)."""
    x = jnp.clip(jnp.asarray(x), -100, 100)
    g = gelu_exact_value(x)
    return jnp.tanh(g) + x * _gelu_exact_slope(x) * jnp.square(sech(g))


@activation(
    bounds=(0, inf),
    slopes_at_inf=(0, 1),
    accurate_for=12.9,
    ulps=(8, 40, 40),  # erfc has errors of 8 ulp, and its differences more
    source="https://doi.org/10.36227/techrxiv.17283824",
)
@derivative(x=phish_slope)
def phish(x: ArrayLike) -> Array:
    """phish(x) = x * tanh(x * (1 + erf(x / sqrt(2))) / 2)

    Phish: x * tanh(gelu_exact(x)), which is never negative. Below x = -13, the curvature of at most 2e-35 is 0 in
    float32.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -100) * jnp.tanh(gelu_exact_value(x))


def _laplace_input(x: Array) -> Array:
    return (jnp.clip(x, -100, 100) - sqrt(0.5)) * sqrt(2 * pi)


def _laplace_curvature(x: Array) -> Array:
    """-4 * sqrt(pi) * t * exp(-t*t)"""
    t = _laplace_input(x)
    return times_exp(-4 * sqrt(pi) * t, -t * t)


@derivative(x=_laplace_curvature)
def laplace_slope(x: ArrayLike) -> Array:
    """The slope of laplace: sqrt(2) * exp(-t*t) with t = (x - sqrt(1/2)) * sqrt(2*pi)."""
    t = _laplace_input(jnp.asarray(x))
    return sqrt(2) * jnp.exp(-t * t)


@activation(
    bounds=(0, 1),
    slopes_at_inf=(0, 0),
    ulps=(30, 30, 30),  # exp(-t*t) multiplies the rounding error of t by 2*t*t
    source="https://arxiv.org/abs/2209.10655",
)
@derivative(x=laplace_slope)
def laplace(x: ArrayLike) -> Array:
    """laplace(x) = (1 + erf((x - sqrt(1 / 2)) * sqrt(2 * pi))) / 2

    Mega's attention function: a bounded approximation of relu_squared, with the same value and slope at sqrt(1/2).
    """
    return lax.erfc(-_laplace_input(jnp.asarray(x))) / 2
