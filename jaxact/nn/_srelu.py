"""SReLU: two kinks and the slopes beyond them are learnt."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._activation import autodiff
from ._parametric import Count, Parametric


@autodiff
def _srelu(x: ArrayLike, t_left: ArrayLike, a_left: ArrayLike, t_right: ArrayLike, a_right: ArrayLike) -> Array:
    """Identity between the two kinks, lines beyond them."""
    x, t_left, t_right = jnp.asarray(x), jnp.asarray(t_left), jnp.asarray(t_right)
    above, below = x >= t_right, x <= t_left
    # The distance to the kink, nothing on its other side: there 0 * inf would make the slope's gradient NaN.
    right = t_right + a_right * jnp.where(above, x - t_right, 0)
    left = t_left + a_left * jnp.where(below, x - t_left, 0)
    return jnp.where(above, right, jnp.where(below, left, x))


class SReLU(Parametric):
    """SReLU()(x) = t_r + a_r * (x - t_r) if x >= t_r else t_l + a_l * (x - t_l) if x <= t_l else x

    S-shaped rectified linear unit, convex or not, with all four learnt: t_right, a_right, t_left and a_left. Where the
    kinks have crossed, the right one goes first.

    Args:
        num_parameters: how many of each: None for one that all share, an int for one for each channel, a shape for one
            for each unit.
        channel_axis: the axis of the channels in what the module is called with, or the first of those of a shape.
        init_t_left: the initial left kink. As in the paper it all starts as a leaky ReLU: 0 here, and a_right = 1.
        init_a_left: the initial slope beyond the left kink; that of `jaxact.leaky_relu`.
        init_t_right: the initial right kink. The paper moves it, after some epochs, to the k-th largest input there
            is; while a_right is 1 it has no effect.
        init_a_right: the initial slope beyond the right kink.
        dtype: the type of all four; JAX's default float if None. It never changes the type of x.

    Raises:
        ValueError: for num_parameters below 1, or called with an array that has another size there.

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
        init_t_left: float = 0.0,
        init_a_left: float = 0.01,
        init_t_right: float = 1.0,
        init_a_right: float = 1.0,
        dtype: jnp.dtype | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.t_left = self.full(init_t_left, dtype)
        self.a_left = self.full(init_a_left, dtype)
        self.t_right = self.full(init_t_right, dtype)
        self.a_right = self.full(init_a_right, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        parameters = (self.t_left, self.a_left, self.t_right, self.a_right)
        return _srelu(x, *(self.along(x, parameter) for parameter in parameters))
