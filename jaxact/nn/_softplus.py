"""Softplus: learns how sharply it bends."""

from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._softplus import softplus
from ._parametric import Count, Parametric
from ._positive import inverse_softplus, positive


class Softplus(Parametric):
    """Softplus()(x) = log(1 + exp(beta * x)) / beta, with beta > 0 learnt (`jaxact.softplus`)

    beta is the softplus of `raw_beta`. The paper has beta = 1.

    Args:
        num_parameters: the shape of beta, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init: the initial beta, greater than 0.
        dtype: as for all modules that learn.

    Reference: https://proceedings.mlr.press/v15/glorot11a.html
    """

    raw_beta: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: ArrayLike = 1.0,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.raw_beta = self.full("init", inverse_softplus(self, "init", init), dtype)

    @property
    def beta(self) -> Array:
        """The softplus of raw_beta."""
        return positive(self.raw_beta)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return softplus(x, self.aligned(x, self.beta))
