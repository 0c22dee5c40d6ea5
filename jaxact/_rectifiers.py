"""Piecewise-linear activations: as exact as one rounding allows, in every float type.

Comparisons are written so that NaN falls through to x: a NaN input gives a NaN value and a NaN slope, never a number.
"""

from collections.abc import Callable
from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import activation, derivative


def _zero(x: Array) -> Array:
    return jnp.where(jnp.isnan(x), x, 0)


@activation(bounds=(-inf, inf), tails=(1, 1), source="https://en.wikipedia.org/wiki/Identity_function")
@derivative(x=lambda x: jnp.where(jnp.isnan(x), x, 1))
def identity(x: ArrayLike) -> Array:
    """identity(x) = x

    The linear unit: what a regression net puts out. Between hidden layers it is no activation at all, since a stack
    of linear layers is one linear layer.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return jnp.asarray(x)


@activation(bounds=(0, 1), tails=(0, 0), kinks=(0,), source="https://doi.org/10.1007/BF02478259")
@derivative(x=lambda x, surrogate: surrogate(x))
def step(x: ArrayLike, surrogate: Callable[[Array], Array] = _zero) -> Array:
    """step(x) = 1 if x > 0 else 0

    The binary unit of McCulloch and Pitts: the neuron fires or it does not. step(0) = 0.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        surrogate: the function of x that stands for the slope. By default it is the true slope, zero, through which
            nothing learns. Binary and spiking nets train with a stand-in: `jaxact.slope(jaxact.sigmoid)`, or
            `jnp.ones_like`, the straight-through estimator (https://arxiv.org/abs/1308.3432).

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x > 0, 1, jnp.where(x <= 0, 0, x))


@activation(bounds=(0, inf), tails=(0, 1), kinks=(0,), source="https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf")
@derivative(x=step)
def relu(x: ArrayLike) -> Array:
    """relu(x) = x if x > 0 else 0

    Rectified linear unit. Its slope is step(x), so relu'(0) = 0, as in jax.nn (on why the choice is felt:
    https://arxiv.org/abs/2106.12915).

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x <= 0, 0, x)


@activation(
    bounds=(0, 6),
    tails=(0, 0),
    kinks=(0, 6),
    source="https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf",
)
@derivative(x=lambda x: jnp.where((x <= 0) | (x >= 6), 0, jnp.where(jnp.isnan(x), x, 1)))
def relu6(x: ArrayLike) -> Array:
    """relu6(x) = min(6, max(0, x))

    Rectified linear unit capped at 6. The slope is 1 strictly between 0 and 6 and 0 elsewhere, kinks included, as in
    jax.nn.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return jnp.where(x <= 0, 0, jnp.where(x >= 6, 6, x))


def _leak(x: ArrayLike, factor: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return jnp.where(x > 0, x, factor * x)


def _leak_slope(x: Array, factor: Array) -> Array:
    return jnp.where(x > 0, 1, jnp.where(x <= 0, factor, x))


def _negative_part(x: Array, factor: Array) -> Array:
    return jnp.where(x > 0, 0, x)


@activation(
    bounds=(-inf, inf),
    tails=(0.01, 1),
    kinks=(0,),
    source="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
)
@derivative(
    x=_leak_slope,
    negative_slope=_negative_part,
)
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01) -> Array:
    """leaky_relu(x, negative_slope) = x if x > 0 else negative_slope * x

    Rectified linear unit that lets a little through on the negative side, so that no unit is without a gradient.
    The slope at 0 is negative_slope (PyTorch's choice; jax.nn has 1 there).

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        negative_slope: broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _leak(x, negative_slope)


@activation(bounds=(-inf, inf), tails=None, kinks=(0,), source="https://arxiv.org/abs/1502.01852")
@derivative(x=_leak_slope, alpha=_negative_part)
def prelu(x: ArrayLike, alpha: ArrayLike) -> Array:
    """prelu(x, alpha) = x if x > 0 else alpha * x

    Parametric rectified linear unit: a leaky_relu whose slope is learnt; `jaxact.nn.PReLU` holds the parameter. It is
    max(x, alpha * x) only while alpha <= 1. The slope at 0 is alpha.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        alpha: broadcasts against x and never changes its type; its gradient is summed in alpha's own type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _leak(x, alpha)
