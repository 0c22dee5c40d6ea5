"""Gates by the logistic function: x * sigmoid(u), where u is a function of x.

The slope is computed as sigmoid(u) * (1 + x * u' * sigmoid(-u)), which loses no digits in the tails. x is clipped, to
1e30 or where the gate is 0 or 1 in every float type, so that inf * 0 gives 0 and not NaN.
"""

from math import inf, pi, sqrt

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Approximate, Factor, as_arrays
from ._facts import activation
from ._normal_gates import gelu_exact_curvature, gelu_exact_slope, gelu_exact_value
from ._numerics import LARGE, exp_left, finite, largest, sech


def _gate_slope(u: Array, factor: Array) -> Array:
    """sigmoid(u) * (1 + factor * sigmoid(-u)) with e = exp(-u), sigmoid(u) = 1 / (1 + e), sigmoid(-u) = e / (1 + e)."""
    e = jnp.exp(-u)
    closed = jnp.minimum(e, largest(u)) / (1 + e)  # not inf / inf
    return (1 + factor * closed) / (1 + e)


def _swish_slope(x: Array) -> Array:
    """The slope of x * sigmoid(x)."""
    x = jnp.clip(x, -LARGE, LARGE)  # also keeps XLA from storing exp(-x) in the forward pass
    return _gate_slope(x, x)


def _swish_curvature(x: Array) -> Array:
    """sigmoid'(x) * (2 - x * tanh(x / 2)), with two factors sqrt(sigmoid'(x)), which underflow later."""
    x, root = jnp.clip(x, -LARGE, LARGE), sech(x / 2) / 2
    return (2 - x * jnp.tanh(x / 2)) * root * root


@derivative(x=_swish_curvature)
def silu_slope(x: ArrayLike) -> Array:
    """The slope of silu: s + x * s * (1 - s) with s = sigmoid(x)."""
    return _swish_slope(jnp.asarray(x))


@activation(bounds=(-0.2784645427610738, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=silu_slope)
def silu(x: ArrayLike) -> Array:
    """silu(x) = x / (1 + exp(-x))

    Sigmoid-weighted linear unit, x * sigmoid(x), also known as swish.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -LARGE) / (1 + jnp.exp(-x))


@derivative(
    x=lambda x, beta: beta * _swish_curvature(beta * finite(x)),
    beta=lambda x, beta: jnp.clip(x, -LARGE, LARGE) * _swish_curvature(beta * finite(x)),
)
def swish_slope(x: ArrayLike, beta: Factor = 1.0) -> Array:
    """The slope of swish by x: s + beta * x * s * (1 - s) with s = sigmoid(beta*x)."""
    x, beta = as_arrays(x, beta)
    return _swish_slope(beta * finite(x))


def _swish_by_beta(x: Array, beta: ArrayLike) -> Array:
    """x**2 * sigmoid'(beta*x), as the square of x * sqrt(sigmoid'(beta*x)), which underflows later."""
    x = jnp.clip(x, -LARGE, LARGE)
    return jnp.square(x * sech(beta * x / 2) / 2)


@activation(bounds=(-0.2784645427610738, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1710.05941")
@derivative(x=swish_slope, beta=_swish_by_beta)
def swish(x: ArrayLike, beta: Factor = 1.0) -> Array:
    """swish(x, beta) = x / (1 + exp(-beta*x))

    Swish: silu for beta = 1, quick_gelu for 1.702, close to relu for large beta, and x / 2 for 0.

    Args:
        beta: the steepness of the gate.
    """
    x, beta = as_arrays(x, beta)
    gate = 1 + jnp.exp(-beta * finite(x))
    clipped = jnp.where(beta > 0, jnp.maximum(x, -LARGE), jnp.where(beta < 0, jnp.minimum(x, LARGE), x))
    return clipped / gate  # -inf / inf would be NaN


@derivative(x=lambda x: 1.702 * _swish_curvature(1.702 * x))
def quick_gelu_slope(x: ArrayLike) -> Array:
    """The slope of quick_gelu: that of swish at beta = 1.702."""
    return _swish_slope(1.702 * jnp.asarray(x))


@activation(bounds=(-0.16361018963299698, inf), slopes_at_inf=(0, 1), source="https://github.com/openai/CLIP")
@derivative(x=quick_gelu_slope)
def quick_gelu(x: ArrayLike) -> Array:
    """quick_gelu(x) = x / (1 + exp(-1.702*x))

    The sigmoid approximation of gelu that CLIP was trained with. It differs from gelu by up to 0.02.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, -LARGE) / (1 + jnp.exp(-1.702 * x))


# gelu_tanh is x * sigmoid(u), u = _C*x + _CUBIC*x**3

_C = 2 * sqrt(2 / pi)
_CUBIC = 0.044715 * _C


def _gelu_tanh_curvature(x: Array) -> Array:
    """sigmoid'(u) * (2*u' + x*u'' - x*u'**2 * tanh(u / 2)), with two factors sqrt(sigmoid'(u))."""
    x = jnp.clip(x, -100, 100)
    u, du, ddu = x * (_C + _CUBIC * x * x), _C + 3 * _CUBIC * x * x, 6 * _CUBIC * x
    root = sech(u / 2) / 2
    return (2 * du + x * (ddu - du * du * jnp.tanh(u / 2))) * root * root


@derivative(x=_gelu_tanh_curvature)
def gelu_tanh_slope(x: ArrayLike) -> Array:
    """The slope of gelu_tanh: s + x * u' * s * (1 - s) with s = sigmoid(u), u = 2*sqrt(2/pi) * (x + 0.044715*x**3)."""
    x = jnp.asarray(x)
    near = jnp.clip(x, -100, 100)
    return _gate_slope(x * (_C + _CUBIC * x * x), near * (_C + 3 * _CUBIC * near * near))


def _gelu_tanh(x: Array) -> Array:
    return jnp.maximum(x, -100) / (1 + jnp.exp(-x * (_C + _CUBIC * x * x)))


@activation(bounds=(-0.17004075057081885, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=gelu_tanh_slope)
def gelu_tanh(x: ArrayLike) -> Array:
    """gelu_tanh(x) = x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    The tanh approximation of gelu, which differs from it by up to 0.0005: the default of jax.nn.gelu, with which GPT-2
    was trained. It is computed as x * sigmoid(u), since 1 + tanh(u / 2) cancels for negative x.
    """
    return _gelu_tanh(jnp.asarray(x))


@derivative(x=lambda x, approximate: _gelu_tanh_curvature(x) if approximate else gelu_exact_curvature(x))
def gelu_slope(x: ArrayLike, approximate: Approximate = True) -> Array:
    """The slope of gelu_tanh or gelu_exact."""
    return gelu_tanh_slope(x) if approximate else gelu_exact_slope(x)


@activation(bounds=(-0.17004075057081885, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1606.08415")
@derivative(x=gelu_slope)
def gelu(x: ArrayLike, approximate: Approximate = True) -> Array:
    """gelu(x) = x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    Gaussian error linear unit, with the default of jax.nn: gelu_tanh, or gelu_exact if `approximate` is False, which is
    the default of PyTorch and Keras.

    Args:
        approximate: whether to use the tanh approximation; a constant under jit.
    """
    return _gelu_tanh(jnp.asarray(x)) if approximate else gelu_exact_value(jnp.asarray(x))


def _elish_left_slope(x: Array) -> Array:
    """e * (e**2 + 2*e - 1) / (1 + e)**2, the slope of (exp(x) - 1) * sigmoid(x)."""
    e = exp_left(x)
    return e * (e * (e + 2) - 1) / jnp.square(1 + e)


def _elish_left_curvature(x: Array) -> Array:
    e = exp_left(x)
    return e * (e * (e * (e + 3) + 5) - 1) / ((1 + e) * jnp.square(1 + e))


@derivative(x=lambda x: jnp.where(x > 0, _swish_curvature(x), _elish_left_curvature(x)))
def elish_slope(x: ArrayLike) -> Array:
    """The slope of elish: that of silu if x > 0, else e * (e**2 + 2*e - 1) / (1 + e)**2 with e = exp(x)."""
    x = jnp.asarray(x)
    return jnp.where(x > 0, _swish_slope(x), _elish_left_slope(x))


@activation(bounds=(-0.17157287525381, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1808.00783")
@derivative(x=elish_slope, recompute=True)
def elish(x: ArrayLike) -> Array:
    """elish(x) = x / (1 + exp(-x)) if x > 0 else (exp(x) - 1) / (1 + exp(-x))

    Exponential linear squashing: silu for x > 0, elu times sigmoid for x <= 0.
    """
    x = jnp.asarray(x)
    return (jnp.maximum(x, 0) + jnp.expm1(jnp.minimum(x, 0))) / (1 + jnp.exp(-x))
