"""What the theory of wide nets says a gradient does from layer to layer, before any training.

With weights of deviation scale / sqrt(fan-in) and no biases, the mean square q of the pre-activations goes from layer
to layer by the length map q -> scale^2 E f(sqrt(q) z)^2, z standard normal, and the norm of the gradient on the way
back by sqrt(scale^2 E f'(sqrt(q) z)^2): Poole et al. 2016, arXiv:1606.05340, and Schoenholz et al. 2017,
arXiv:1611.01232. (jaxact.init has these for any function, by a search for kinks that takes too long for a hundred
layers; the kinks of the activations here are at 0.)
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact

SETTLED = 100  # layers after which q is taken at its limit; 0.1 times LeCun's weights take ReLU's to 1e-230 by then
# Each half line has its own nodes: a node on a kink at 0 gives ReLU 0.956 in place of 1 at He's weights.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)
Z = np.concatenate([6 * (_NODES - 1), 6 * (_NODES + 1)])
DENSITY = np.tile(6 * _WEIGHTS, 2) * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)


@partial(jax.jit, static_argnums=0)
def moments(activation: str, q: Array) -> tuple[Array, Array]:
    """E f(sqrt(q) z)^2 and E f'(sqrt(q) z)^2 for standard normal z."""
    f, x = getattr(jaxact, activation), jnp.sqrt(q) * Z
    return jnp.sum(DENSITY * f(x) ** 2), jnp.sum(DENSITY * jaxact.slope(f)(x) ** 2)


def decades(activation: str, first: float, scale: float, layers: int) -> np.ndarray:
    """The log10 of the factor by which the gradient's norm changes on its way back through each of these layers.

    Layer by layer from the input, whose first pre-activations have mean square `first`; in float64, as 0.01-weights
    make numbers too small for float32.
    """
    factors, q = [], jnp.asarray(first)
    for _ in range(layers):
        size, slope = moments(activation, q)
        factors.append(float(scale**2 * slope))
        q = scale**2 * size
    with np.errstate(divide="ignore"):  # -inf where nothing is left
        return 0.5 * np.log10(factors)


def settled(activation: str, first: float, scale: float) -> float:
    """The same in the limit of many layers, where the length map is at its fixed point or has none."""
    return float(decades(activation, first, scale, SETTLED)[-1])
