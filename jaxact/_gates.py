"""Gates by the logistic function: x times a sigmoid that opens from 0 to 1.

With e = exp(-|x|) in factors, value and derivatives keep their digits in both tails; sums are taken in pairs of floats,
so that they keep them near the roots of the derivatives too.
"""

from decimal import Decimal
from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._elementary import (
    PI,
    Logistic,
    bounded,
    logistic,
    tiny,
)
from ._facts import activation
from ._normal_gates import gelu_exact_curvature, gelu_exact_slope, gelu_exact_value
from ._numerics import gate_slope, gate_value, wide_gate_value
from ._pairs import Pair, Tail, is_single, pair, plus, select

GELU = Decimal("0.044715")


_2_SQRT_2_OVER_PI = 2 * (2 / PI).sqrt()


def _logistic(x: ArrayLike) -> Logistic:
    return logistic(pair(bounded(jnp.asarray(x))))


# x * sigmoid(z)


def _opened(x: Array, g: Logistic) -> Array:
    """x * sigmoid(z)"""
    gate = g.sigmoid.value
    return jnp.where(g.right, x * gate, g.exp.times(bounded(x) * gate))


def _swish_slope(z: Array, z_low: Tail = 0.0) -> Array:
    """sigmoid(z) + z * sigmoid'(z)"""
    t = 1 + z
    return gate_slope(z, z_low, t, plus((1 - t) + z, z_low))


def _swish_curvature(g: Logistic) -> Array:
    """2 sigmoid'(z) + z * sigmoid''(z)"""
    return g.exp.times((g.w * (2 * g.d - g.a * (1 - g.e)) / (g.d * g.d * g.d)).value)


@derivative(x=lambda x: _swish_curvature(_logistic(x)))
def silu_slope(x: ArrayLike) -> Array:
    """silu'(x) = (1 + exp(-x) + x*exp(-x)) / (1 + exp(-x))**2"""
    return _swish_slope(bounded(jnp.asarray(x)))


@activation(bounds=(-0.2784645427610738, inf), tails=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=silu_slope)
def silu(x: ArrayLike) -> Array:
    """silu(x) = x / (1 + exp(-x))

    Sigmoid-weighted linear unit, x * sigmoid(x), also known as swish.

    Range: -0.278465 to inf.
    Source: https://arxiv.org/abs/1606.08415
    Error bounds in ulp of value, slope and slope's slope: 2, 2.8, 0.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return gate_value(x, x)


def _scaled_input(x: ArrayLike, beta: ArrayLike) -> Pair:
    return pair(bounded(jnp.asarray(x))) * jnp.asarray(beta)


def _scaled(x: ArrayLike, beta: ArrayLike) -> tuple[Array, Tail]:
    """beta * x and its rounding error."""
    z, z_low = _scaled_input(x, beta).rounded
    return z, 0.0 if is_single() else jnp.where(jnp.abs(z) < 2.0**20, z_low, 0)  # the error of inf is not finite


def _swish_bend(x: Array, beta: Array) -> Array:
    return _swish_curvature(logistic(_scaled_input(x, beta)))


@derivative(
    x=lambda x, beta: beta * _swish_bend(x, beta),
    beta=lambda x, beta: bounded(x) * _swish_bend(x, beta),
)
def swish_slope(x: ArrayLike, beta: ArrayLike = 1.0) -> Array:
    """The slope of swish by x: sigmoid(beta*x) + beta*x * sigmoid'(beta*x)"""
    return _swish_slope(*_scaled(x, beta))


def _swish_by_beta(x: Array, beta: Array) -> Array:
    g = logistic(_scaled_input(x, beta))
    b = bounded(x, 2.0**62)  # the square is finite
    return g.exp.times(((g.w / (g.d * g.d)).value * b) * b)


@activation(bounds=(-0.2784645427610738, inf), tails=(0, 1), source="https://arxiv.org/abs/1710.05941")
@derivative(x=swish_slope, beta=_swish_by_beta)
def swish(x: ArrayLike, beta: ArrayLike = 1.0) -> Array:
    """swish(x, beta) = x / (1 + exp(-beta*x))

    Swish: silu at beta = 1, quick_gelu at 1.702, nearly relu for large beta, x / 2 at 0.

    Range at the defaults: -0.278465 to inf.
    Source: https://arxiv.org/abs/1710.05941
    Error bounds in ulp of value, slope and slope's slope: 1.9, 2.8, 0.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        beta: broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return wide_gate_value(jnp.asarray(x), *_scaled(x, beta))


def _quick_input(x: ArrayLike) -> Pair:
    return pair(bounded(jnp.asarray(x), 2.0**16)) * Decimal("1.702")


@derivative(x=lambda x: 1.702 * _swish_curvature(logistic(_quick_input(x))))
def quick_gelu_slope(x: ArrayLike) -> Array:
    """The slope of quick_gelu."""
    return _swish_slope(*_quick_input(x).rounded)


@activation(bounds=(-0.16361018963299698, inf), tails=(0, 1), source="https://github.com/openai/CLIP")
@derivative(x=quick_gelu_slope)
def quick_gelu(x: ArrayLike) -> Array:
    """quick_gelu(x) = x / (1 + exp(-1.702*x))

    The sigmoid approximation of gelu that CLIP and GPT-2 derivatives were trained with; off by up to 0.02 from gelu.

    Range: -0.16361 to inf.
    Source: https://github.com/openai/CLIP
    Error bounds in ulp of value, slope and slope's slope: 1.9, 2.7, 1.8 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return gate_value(jnp.asarray(x), *_quick_input(x).rounded)


# gelu by tanh: x * sigmoid(z), z = 2 * sqrt(2 / pi) * (x + 0.044715 * x^3)


def _cubic(x: ArrayLike) -> tuple[Pair, Pair, Pair]:
    """X without what is far out, z and z' (z'' is 6 * 0.044715 * 2 * sqrt(2 / pi) * x)."""
    p = pair(bounded(jnp.asarray(x), 64))
    square = p * p * (GELU * _2_SQRT_2_OVER_PI)
    factor = _2_SQRT_2_OVER_PI + square
    return p, p * factor, factor + square.scaled(2)


def _gelu_tanh_curvature(x: Array) -> Array:
    """s' * (2 z' + x * (z'^2 * (1 - 2 s) + z''))"""
    p, z, z1 = _cubic(x)
    g = logistic(z)
    bend = g.sided(-g.d + 2 * g.e, g.d - 2 * g.e) / g.d
    inner = 2 * z1 + p * (z1 * z1 * bend + p * (6 * GELU * _2_SQRT_2_OVER_PI))
    return g.exp.times((g.w * inner / (g.d * g.d)).value)


@derivative(x=_gelu_tanh_curvature)
def gelu_tanh_slope(x: ArrayLike) -> Array:
    """s + x * z' * s'"""
    p, z, z1 = _cubic(x)
    return gate_slope(*z.rounded, *(1 + p * z1).rounded)


def _gelu_tanh(x: ArrayLike) -> Array:
    return gate_value(jnp.asarray(x), *_cubic(x)[1].rounded)


@activation(bounds=(-0.17004075057081885, inf), tails=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=gelu_tanh_slope)
def gelu_tanh(x: ArrayLike) -> Array:
    """gelu_tanh(x) = x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    The tanh approximation of gelu, off by up to 0.0005: jax.nn.gelu's default, and what BERT and GPT-2 were trained
    with. Written as x * sigmoid(2u) for the usual x * (1 + tanh(u)) / 2, whose negative tail cancels.

    Range: -0.170041 to inf.
    Source: https://arxiv.org/abs/1606.08415
    Error bounds in ulp of value, slope and slope's slope: 1.9, 2.6, 0.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _gelu_tanh(x)


@derivative(x=lambda x, approximate: _gelu_tanh_curvature(x) if approximate else gelu_exact_curvature(x))
def gelu_slope(x: ArrayLike, approximate: bool = True) -> Array:
    """The slope of gelu_tanh or gelu_exact."""
    return gelu_tanh_slope(x) if approximate else gelu_exact_slope(x)


@activation(bounds=(-0.17004075057081885, inf), tails=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=gelu_slope)
def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """gelu(x) = x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    Gaussian error linear unit with jax.nn's default: gelu_tanh, and gelu_exact if approximate is False. PyTorch's and
    Keras's default is gelu_exact.

    Range: -0.170041 to inf.
    Source: https://arxiv.org/abs/1606.08415
    Error bounds in ulp of value, slope and slope's slope: 2, 2.8, 0.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        approximate: a constant, whether the tanh approximation is meant.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _gelu_tanh(x) if approximate else gelu_exact_value(x)


# x * sigmoid(x) on the right, (exp(x) - 1) * sigmoid(x) on the left


def _elish_curvature(x: Array) -> Array:
    b = bounded(x)
    g = logistic(-pair(b))  # |x| is the same, and its slope at 0 is the left one, as the formula says
    e = g.e
    left = e * (e * (e + 3) + 5) - 1
    right = 2 * g.d - pair(b) * (1 - e)
    return g.exp.times((g.w * select(x > 0, right, left) / (g.d * g.d * g.d)).value)


@derivative(x=_elish_curvature)
def elish_slope(x: ArrayLike) -> Array:
    """On the left e * (e^2 + 2 e - 1) / (1 + e)^2"""
    p = pair(bounded(jnp.asarray(x)))
    g = logistic(p)
    numerator = g.sided(1 + g.e * (1 + p), g.w * (g.e * (g.e + 2) - 1))
    return g.times_scale((numerator / (g.d * g.d)).value)


@activation(bounds=(-0.17157287525381, inf), tails=(0, 1), source="https://arxiv.org/abs/1808.00783")
@derivative(x=elish_slope)
def elish(x: ArrayLike) -> Array:
    """elish(x) = x / (1 + exp(-x)) if x > 0 else (exp(x) - 1) / (1 + exp(-x))

    Exponential linear squashing: silu on the right, elu times sigmoid on the left.

    Range: -0.171573 to inf.
    Source: https://arxiv.org/abs/1808.00783
    Error bounds in ulp of value, slope and slope's slope: 1.6, 0.8, 0.9 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    g = _logistic(x)
    left = g.s * (g.exp.minus_one * g.w / g.d).value
    return jnp.where(x > 0, _opened(x, g), jnp.where(tiny(x), x * 0.5, left))
