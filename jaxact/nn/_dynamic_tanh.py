"""DynamicTanh: a tanh whose scales are learnt, in place of a normalisation layer."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._activation import autodiff
from .._numerics import LARGE
from .._sigmoids import tanh
from ._parametric import Count, Parametric, float_type


@autodiff
def _dynamic_tanh(x: ArrayLike, alpha: ArrayLike, gamma: ArrayLike, beta: ArrayLike) -> Array:
    """x is clipped, so that alpha has the slope 0 and not NaN where x is infinite."""
    return jnp.asarray(gamma) * tanh(alpha * jnp.clip(jnp.asarray(x), -LARGE, LARGE)) + beta


class DynamicTanh(Parametric):
    """DynamicTanh(n)(x) = gamma * tanh(alpha * x) + beta, with all three learnt.

    DyT stands where a transformer has LayerNorm, and takes no statistics of x. As in the paper alpha is one number for
    all; gamma and beta are one for each channel.

    Args:
        num_parameters: how many gammas and betas: None for one that all share, an int for one for each channel (the
            paper's way), a shape for one for each unit.
        channel_axis: the axis of the channels in what the module is called with, or the first of those of a shape.
        init: the initial alpha. 0.5 is the paper's, which finds smaller ones better in wide language models. gamma
            starts at 1 and beta at 0.
        dtype: the type of all three; JAX's default float if None. It never changes the type of x.

    Raises:
        ValueError: for num_parameters below 1, or called with an array that has another size there.

    Reference: https://arxiv.org/abs/2503.10622
    """

    alpha: Array
    gamma: Array
    beta: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: float = 0.5,
        dtype: jnp.dtype | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.alpha = jnp.full((), init, float_type(dtype))
        self.gamma = self.full(1, dtype)
        self.beta = self.full(0, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _dynamic_tanh(x, self.alpha, self.along(x, self.gamma), self.along(x, self.beta))
