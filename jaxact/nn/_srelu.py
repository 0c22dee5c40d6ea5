"""SReLU: learns two kinks and the slopes outside of them."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._activation import autodiff
from ._parametric import Count, Parametric


@autodiff
def _srelu(x: ArrayLike, t_left: ArrayLike, a_left: ArrayLike, t_right: ArrayLike, a_right: ArrayLike) -> Array:
    """The identity from kink to kink, and a line on each side."""
    x, t_left, t_right = jnp.asarray(x), jnp.asarray(t_left), jnp.asarray(t_right)
    above, below = x >= t_right, x <= t_left
    # The distance to the kink is set to 0 on its other side, where 0 * inf would make the gradient of a slope NaN.
    right = t_right + a_right * jnp.where(above, x - t_right, 0)
    left = t_left + a_left * jnp.where(below, x - t_left, 0)
    return jnp.where(above, right, jnp.where(below, left, x))


class SReLU(Parametric):
    """SReLU()(x) = t_r + a_r * (x - t_r) if x >= t_r else t_l + a_l * (x - t_l) if x <= t_l else x

    S-shaped rectified linear unit, convex or not, with the kinks t_r (`t_right`) and t_l (`t_left`) and the slopes a_r
    (`a_right`) and a_l (`a_left`) learnt. As in the paper it starts as a leaky ReLU. Where t_l > t_r, the first case
    that holds applies.

    Args:
        num_parameters: the shape of each of the four, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init_t_left: the initial left kink.
        init_a_left: the initial slope on the left, that of `jaxact.leaky_relu`.
        init_t_right: the initial right kink, without effect while a_right is 1. The paper moves it, after some epochs,
            to the k-th largest input.
        init_a_right: the initial slope on the right.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/1512.07030
    """

    t_left: Array
    a_left: Array
    t_right: Array
    a_right: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init_t_left: ArrayLike = 0.0,
        init_a_left: ArrayLike = 0.01,
        init_t_right: ArrayLike = 1.0,
        init_a_right: ArrayLike = 1.0,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.t_left = self.full("init_t_left", init_t_left, dtype)
        self.a_left = self.full("init_a_left", init_a_left, dtype)
        self.t_right = self.full("init_t_right", init_t_right, dtype)
        self.a_right = self.full("init_a_right", init_a_right, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        parameters = (self.t_left, self.a_left, self.t_right, self.a_right)
        return _srelu(x, *(self.aligned(x, parameter) for parameter in parameters))
