"""PELU: learns the scales of an exponential linear unit on both sides."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._activation import derivative
from .._numerics import LARGE, exp_left, expm1_left
from ._parametric import Count, Parametric
from ._positive import inverse_softplus, positive


def _slope(x: Array, a: Array, b: Array) -> Array:
    return a / b * jnp.where(x > 0, 1, exp_left(x / b))


@derivative(
    x=_slope,
    a=lambda x, a, b: jnp.maximum(x, 0) / b + expm1_left(x / b),
    b=lambda x, a, b: -(jnp.clip(x, -LARGE, LARGE) / b) * _slope(x, a, b),
)
def _pelu(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """a / b * x if x > 0 else a * (exp(x / b) - 1)"""
    return jnp.asarray(a) / b * jnp.maximum(x, 0) + a * jnp.expm1(jnp.minimum(x, 0) / b)


class PELU(Parametric):
    """PELU()(x) = a / b * x if x > 0 else a * (exp(x / b) - 1), with a > 0 and b > 0 learnt

    Parametric exponential linear unit, a / b * celu(x, b), whose slope is continuous for all a and b. The paper clips
    both to at least 0.1, where their gradients are 0; here they are the softplus of `raw_a` and `raw_b`.

    Args:
        num_parameters: the shape of a and b, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: as for all modules that learn.
        init_a: the initial a, greater than 0. If a and b are 1, as in `keras_contrib`, it starts as ELU.
        init_b: the initial b, greater than 0.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/1605.09332
    """

    raw_a: Array
    raw_b: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init_a: ArrayLike = 1.0,
        init_b: ArrayLike = 1.0,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.raw_a = self.full("init_a", inverse_softplus(self, "init_a", init_a), dtype)
        self.raw_b = self.full("init_b", inverse_softplus(self, "init_b", init_b), dtype)

    @property
    def a(self) -> Array:
        """The softplus of raw_a: minus the limit for x to -inf."""
        return positive(self.raw_a)

    @property
    def b(self) -> Array:
        """The softplus of raw_b: the scale of x in the exponential."""
        return positive(self.raw_b)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _pelu(x, self.aligned(x, self.a), self.aligned(x, self.b))
