"""PReLU: learns the slope for negative inputs."""

from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._rectifiers import prelu
from ._parametric import Count, Parametric


class PReLU(Parametric):
    """PReLU()(x) = x if x > 0 else alpha * x, with alpha learnt (`jaxact.prelu`)

    `eqx.nn.MLP` makes a copy of its activation for each neuron and calls it with one number: use num_parameters=None
    there. As in the paper, use no weight decay on alpha, which would push it towards ReLU (`jaxact.nn.decay_mask`).

    Args:
        num_parameters: the shape of alpha, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init: the initial alpha, 0.25 as in the paper.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/1502.01852
    """

    alpha: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: ArrayLike = 0.25,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.alpha = self.full("init", init, dtype)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return prelu(x, self.aligned(x, self.alpha))
