"""Mean field theory: how the gradient of a wide net changes from layer to layer before training.

With weights of deviation scale / sqrt(fan-in) and no biases, the mean square q of the pre-activations changes from
layer to layer by the variance map q -> scale^2 E f(sqrt(q) z)^2, z standard normal, and the norm of the gradient on the
way back by the factor sqrt(scale^2 E f'(sqrt(q) z)^2): Poole et al. 2016, arXiv:1606.05340, and Schoenholz et al. 2017,
arXiv:1611.01232. (jaxact.init has both for any function, but searches for kinks, which takes too long for a hundred
layers; the kinks of the activations here are at 0.)
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact

MANY_LAYERS = 100  # after so many, q is at its limit; with 0.1 times LeCun's weights ReLU's is 1e-230 by then
# Each half line has its own nodes: with a node on the kink at 0, ReLU's factor at He's weights is 0.956 instead of 1.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)
Z = np.concatenate([6 * (_NODES - 1), 6 * (_NODES + 1)])
DENSITY = np.tile(6 * _WEIGHTS, 2) * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)


@partial(jax.jit, static_argnums=0)
def moments(activation: str, q: Array) -> tuple[Array, Array]:
    """E f(sqrt(q) z)^2 and E f'(sqrt(q) z)^2 for standard normal z."""
    f, x = getattr(jaxact, activation), jnp.sqrt(q) * Z
    return jnp.sum(DENSITY * f(x) ** 2), jnp.sum(DENSITY * jaxact.slope(f)(x) ** 2)


def decades(activation: str, first: float, scale: float, layers: int) -> np.ndarray:
    """The log10 of the factor by which the gradient's norm changes on its way back through each layer.

    The layers are in order from the input; the pre-activations of the first have mean square `first`. Computed in
    float64, as weights of deviation 0.01 give numbers too small for float32.
    """
    squared_factors, q = [], jnp.asarray(first)
    for _ in range(layers):
        size, slope = moments(activation, q)
        squared_factors.append(float(scale**2 * slope))
        q = scale**2 * size
    with np.errstate(divide="ignore"):  # -inf where the gradient is 0
        return 0.5 * np.log10(squared_factors)


def at_fixed_point(activation: str, first: float, scale: float) -> float:
    """The same in the limit of many layers, where the variance map is at its fixed point, if it has one."""
    return float(decades(activation, first, scale, MANY_LAYERS)[-1])
