"""XIELU: learns the curvature on both sides."""

import equinox as eqx
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._arguments import check_array
from .._exponentials import xielu
from ._parametric import Count, Parametric
from ._positive import inverse_softplus, positive


class XIELU(Parametric):
    """XIELU()(x) = alpha_p*x*x + beta*x if x > 0 else alpha_n*(exp(x) - 1 - x) + beta*x, with both alphas learnt

    `jaxact.xielu` with alpha_p = softplus(raw_alpha_p) and alpha_n = beta + softplus(raw_alpha_n), as in the paper: the
    slope is positive for x > 0 and changes sign at some x < 0. beta is not learnt.

    Args:
        num_parameters: the shape of alpha_p and alpha_n, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init_alpha_p: the initial alpha_p, greater than 0; 0.8 as in the paper.
        init_alpha_n: the initial alpha_n, greater than beta; 0.8 as in the paper.
        beta: the slope at 0, greater than 0; 0.5 as in the paper.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/2411.13010
    """

    raw_alpha_p: Array
    raw_alpha_n: Array
    beta: float = eqx.field(static=True)

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init_alpha_p: ArrayLike = 0.8,
        init_alpha_n: ArrayLike = 0.8,
        beta: float = 0.5,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        if not isinstance(beta, int | float) or not beta > 0:
            raise ValueError(f"XIELU was called with beta = {beta!r:.60}; expected a number greater than 0.")
        self.raw_alpha_p = self.full("init_alpha_p", inverse_softplus(self, "init_alpha_p", init_alpha_p), dtype)
        check_array("XIELU", "init_alpha_n", init_alpha_n)
        above_beta = inverse_softplus(self, "init_alpha_n - beta", init_alpha_n - beta)
        self.raw_alpha_n = self.full("init_alpha_n", above_beta, dtype)
        self.beta = beta

    @property
    def alpha_p(self) -> Array:
        """The softplus of raw_alpha_p."""
        return positive(self.raw_alpha_p)

    @property
    def alpha_n(self) -> Array:
        """beta plus the softplus of raw_alpha_n."""
        return self.beta + positive(self.raw_alpha_n)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return xielu(x, self.aligned(x, self.alpha_p), self.aligned(x, self.alpha_n), self.beta)
