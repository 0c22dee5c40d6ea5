"""Snake: learns the frequency of its ripple."""

from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._waves import snake
from ._parametric import Count, Parametric
from ._positive import inverse_softplus, positive


class Snake(Parametric):
    """Snake()(x) = x + sin(alpha * x)**2 / alpha, with alpha > 0 learnt (`jaxact.snake`)

    For extrapolating periodic data. alpha is the softplus of `raw_alpha`, since the function is not defined for 0, and
    -alpha mirrors it.

    Args:
        num_parameters: the shape of alpha, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init: the initial alpha, greater than 0; 1 gives x + sin(x)**2, as in the paper's abstract. Start with a larger
            one for periodic data: the period of the ripple is pi / alpha, and gradients only find one close to it.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/2006.08195
    """

    raw_alpha: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: ArrayLike = 1.0,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.raw_alpha = self.full("init", inverse_softplus(self, "init", init), dtype)

    @property
    def alpha(self) -> Array:
        """The softplus of raw_alpha."""
        return positive(self.raw_alpha)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return snake(x, self.aligned(x, self.alpha))
