"""TemperatureSoftmax: learns the temperature of a softmax."""

import equinox as eqx
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._softmaxes import softmax
from ._parametric import Count, Parametric
from ._positive import inverse_softplus, positive


class TemperatureSoftmax(Parametric):
    """TemperatureSoftmax()(x) = softmax(x / temperature), with temperature > 0 learnt

    A single temperature calibrates a trained classifier, as in the paper; attention can learn one for each head. The
    temperature is the softplus of `raw_temperature`.

    Args:
        num_parameters: the shape of the temperature, as for all modules that learn (`help(jaxact.nn)`).
        channel_axis: the axis of the temperatures, such as that of the heads, which is not `axis`.
        init: the initial temperature, greater than 0; with 1 it starts as softmax.
        axis: the axis to sum over.
        dtype: as for all modules that learn.

    Reference: https://arxiv.org/abs/1706.04599
    """

    raw_temperature: Array
    axis: int = eqx.field(static=True)

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        init: ArrayLike = 1.0,
        axis: int = -1,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        self.raw_temperature = self.full("init", inverse_softplus(self, "init", init), dtype)
        self.axis = axis

    @property
    def temperature(self) -> Array:
        """The softplus of raw_temperature."""
        return positive(self.raw_temperature)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return softmax(x, self.axis, temperature=self.aligned(x, self.temperature))
