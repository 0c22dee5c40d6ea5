"""Swish: learns the steepness of its gate."""

from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._gates import swish
from ._parametric import Count, Parametric


class Swish(Parametric):
    """Swish()(x) = x * sigmoid(beta * x), with beta learnt (`jaxact.swish`)

    beta can be any number, as in the paper: 0 gives x / 2, a large one approaches ReLU.

    Args:
        num_parameters: the shape of beta, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init: the initial beta, 1 as in the paper, which gives SiLU.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/1710.05941
    """

    beta: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: ArrayLike = 1.0,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.beta = self.full("init", init, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return swish(x, self.aligned(x, self.beta))
