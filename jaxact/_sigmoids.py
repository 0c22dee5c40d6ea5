"""S-shaped activations, with slopes that keep every digit in the tails.

The usual y * (1 - y) and 1 - y * y lose them all: in bfloat16 they say 0 from x = 5.6 on, where the truth is 0.0038.
Here the slope comes from x, through e = exp(-|x|) and d = 1 + e, each with its rounding error (`logistic_parts`).
"""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import activation, derivative
from ._numerics import expm1_nonpositive, logistic_parts, tanh_nonnegative


def _magnitude(x: Array) -> Array:
    return jnp.where(x >= 0, x, -x)  # not jnp.abs, whose slope at 0 is 0: third derivatives would see it


def _logistic(x: Array) -> Array:
    e, d, d_low = logistic_parts(_magnitude(x))
    right = x >= 0
    n, n_low = jnp.where(right, 1, e.w), jnp.where(right, 0, e.w_low)
    q = 1 / d
    y = n * q
    return jnp.where(right, 1, e.s) * (y + (n_low - y * d_low) * q)  # 1.8 ulp; plain n / d gives 2.3


def _logistic_slope(x: Array) -> Array:
    """E / d**2"""
    e, d, d_low = logistic_parts(_magnitude(x))
    q = 1 / (d * d)
    y = e.w * q
    return e.s * (y + (e.w_low - 2 * y * d_low * d) * q)  # 2.4 ulp; plain e / d**2 gives 3.9


def _logistic_curvature(x: Array) -> Array:
    """-sign(x) * e * (1 - e) / d**3"""
    a = _magnitude(x)
    e, d, d_low = logistic_parts(a)
    one_minus_e = -expm1_nonpositive(-a)
    cube = d * d * d
    y = e.w * one_minus_e / cube
    y = y + (e.w_low * one_minus_e - 3 * y * d_low * d * d) / cube  # 3.5 ulp; without this line 5.7
    return jnp.where(x >= 0, -e.s, e.s) * y


@derivative(x=_logistic_curvature)
def sigmoid_slope(x: ArrayLike) -> Array:
    """sigmoid'(x) = exp(-x) / (1 + exp(-x))**2"""
    return _logistic_slope(jnp.asarray(x))


@activation(bounds=(0, 1), tails=(0, 0), source="https://en.wikipedia.org/wiki/Logistic_function")
@derivative(x=sigmoid_slope)
def sigmoid(x: ArrayLike) -> Array:
    """sigmoid(x) = 1 / (1 + exp(-x))

    Logistic function. Its slope is sigmoid(x) * sigmoid(-x), which stays right where sigmoid(x) * (1 - sigmoid(x))
    has become 0.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _logistic(jnp.asarray(x))


@derivative(x=lambda x: 8 * _logistic_curvature(2 * x))
def tanh_slope(x: ArrayLike) -> Array:
    """tanh'(x) = 4 * exp(-2*x) / (1 + exp(-2*x))**2"""
    return 4 * _logistic_slope(2 * jnp.asarray(x))


@activation(bounds=(-1, 1), tails=(0, 0), source="https://en.wikipedia.org/wiki/Hyperbolic_functions")
@derivative(x=tanh_slope)
def tanh(x: ArrayLike) -> Array:
    """tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))

    Hyperbolic tangent. Its slope is 4 * sigmoid(2x) * sigmoid(-2x), which stays right where 1 - tanh(x)**2 has
    become 0.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.copysign(tanh_nonnegative(_magnitude(x)), x)
