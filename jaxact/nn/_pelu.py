"""PELU: the scale of an exponential linear unit on both sides is learnt."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._activation import derivative
from .._numerics import LARGE, exp_left, expm1_left
from ._parametric import Count, Parametric
from ._positive import before_softplus, positive


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
    """PELU()(x) = a / b * x if x > 0 else a * (exp(x / b) - 1), with a > 0 and b > 0 learnt.

    Parametric exponential linear unit, a / b * celu(x, b): its slope has no jump, whatever a and b. The paper keeps
    both positive by a bound of 0.1, at which gradients stop; here they are the softplus of what is learnt.

    Args:
        num_parameters: how many of each: None for one that all share, an int for one for each channel, a shape for one
            for each unit.
        channel_axis: the axis of the channels in what the module is called with, or the first of those of a shape.
        init_a: the initial a, greater than 0. With both at 1, Keras's `keras_contrib` choice, it starts as ELU.
        init_b: the initial b, greater than 0.
        dtype: the type of `raw_a` and `raw_b`, whose softplus a and b are; JAX's default float if None. It never
            changes the type of x.

    Raises:
        ValueError: for num_parameters below 1, init_a or init_b of at most 0, or called with an array that has another
            size there.

    Reference: https://arxiv.org/abs/1605.09332
    """

    raw_a: Array
    raw_b: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init_a: float = 1.0,
        init_b: float = 1.0,
        dtype: jnp.dtype | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.raw_a = self.full(before_softplus(self, "init_a", init_a), dtype)
        self.raw_b = self.full(before_softplus(self, "init_b", init_b), dtype)

    @property
    def a(self) -> Array:
        """Greater than 0: minus the value at -inf."""
        return positive(self.raw_a)

    @property
    def b(self) -> Array:
        """Greater than 0: how slowly the exponential decays."""
        return positive(self.raw_b)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _pelu(x, self.along(x, self.a), self.along(x, self.b))
