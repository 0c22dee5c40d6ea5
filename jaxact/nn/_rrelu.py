"""RReLU: draws the slopes for negative inputs."""

import equinox as eqx
from jax import Array

from .._rectifiers import rrelu
from ._module import Module


class RReLU(Module):
    """RReLU()(x, key=key) = x if x > 0 else slope * x, each slope drawn uniformly from lower to upper (`jaxact.rrelu`)

    At inference the slope is (lower + upper) / 2 and no key is needed: `eqx.nn.inference_mode(model)`.
    `eqx.nn.Sequential` passes its key on; `eqx.nn.MLP` calls activations without a key.

    Args:
        lower: the smallest slope, 1/8 as in the paper, which divides by a number from 3 to 8.
        upper: the largest slope, 1/3 as in the paper.
        inference: whether to use the mean of the slopes.

    Raises:
        ValueError: for lower above upper, and for a call without a key when not at inference.

    Reference: https://arxiv.org/abs/1505.00853
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    inference: bool

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, *, inference: bool = False):
        if not lower <= upper:
            raise ValueError(f"RReLU was called with lower = {lower!r} and upper = {upper!r}; expected lower <= upper.")
        self.lower = lower
        self.upper = upper
        self.inference = inference

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        if key is None and not self.inference:
            raise ValueError(
                "RReLU was called without a key; expected key=..., or inference set by eqx.nn.inference_mode(model)."
            )
        return rrelu(x, self.lower, self.upper, None if self.inference else key)
