"""DynamicTanh: learns the scales of a tanh, which replaces a normalisation layer."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._activation import autodiff
from .._arguments import check_array
from .._numerics import LARGE
from .._sigmoids import tanh
from ._parametric import Count, Parametric, float_type


@autodiff
def _dynamic_tanh(x: ArrayLike, alpha: ArrayLike, gamma: ArrayLike, beta: ArrayLike) -> Array:
    """gamma * tanh(alpha * x) + beta"""
    # x is clipped, so that the slope by alpha is 0 and not NaN where x is infinite.
    return jnp.asarray(gamma) * tanh(alpha * jnp.clip(jnp.asarray(x), -LARGE, LARGE)) + beta


class DynamicTanh(Parametric):
    """DynamicTanh(n)(x) = gamma * tanh(alpha * x) + beta, with alpha, gamma and beta learnt

    DyT replaces the LayerNorm of a transformer, without statistics of x. alpha is always a single number. gamma starts
    at 1 and beta at 0.

    Args:
        num_parameters: the shape of gamma and beta, as for all modules that learn (`help(jaxact.nn)`); the paper has
            one per channel.
        channel_axis: as for all modules that learn.
        init: the initial alpha. The paper has 0.5, and less for wide language models.
        dtype: as for all modules that learn.

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
        init: ArrayLike = 0.5,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        check_array("DynamicTanh", "init", init)
        self.alpha = jnp.full((), init, float_type(self, dtype))
        self.gamma = self.full("gamma", 1, dtype)
        self.beta = self.full("beta", 0, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _dynamic_tanh(x, self.alpha, self.aligned(x, self.gamma), self.aligned(x, self.beta))
