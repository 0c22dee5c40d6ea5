"""APL: learns a sum of hinges."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._activation import autodiff
from .._rectifiers import relu
from ._parametric import Count, Parametric, float_type, is_size


@autodiff
def _apl(x: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """relu(x) + sum(a[s] * relu(b[s] - x) for s in range(hinges))"""
    x, y = jnp.asarray(x), relu(x)
    for weight, kink in zip(jnp.asarray(a), jnp.asarray(b), strict=True):
        y = y + weight * relu(kink - x)
    return y


class APL(Parametric):
    """APL(key=key)(x) = max(0, x) + sum(a[s] * max(0, b[s] - x) for s in range(hinges)), with a and b learnt

    Adaptive piecewise linear unit: any continuous piecewise-linear function that equals x for large x. The paper has
    parameters for each unit, with a small penalty on a and b, which `jaxact.nn.decay_mask` leaves out.

    Args:
        num_parameters: the shape of each a[s] and b[s], as for all modules that learn (`help(jaxact.nn)`).
        hinges: the number of kinks besides the one at 0.
        channel_axis: as for all modules that learn.
        dtype: as for all modules that learn.
        key: a PRNG key for the initial values, which are those of the authors' code
            (forestagostinelli/Learned-Activation-Functions-Source): a uniform from -0.2 to 0.2, b normal with standard
            deviation 0.5.

    Reference: https://arxiv.org/abs/1412.6830
    """

    a: Array
    b: Array
    hinges: int = eqx.field(static=True)

    def __init__(
        self,
        num_parameters: Count = None,
        hinges: int = 5,
        *,
        channel_axis: int = 0,
        dtype: DTypeLike | None = None,
        key: Array,
    ):
        super().__init__(num_parameters, channel_axis)
        if not is_size(hinges):
            raise ValueError(f"APL was called with hinges = {hinges!r}; expected an int >= 1.")
        a_key, b_key = jax.random.split(key)
        shape, dtype = (hinges, *self.shape), float_type(self, dtype)
        self.a = jax.random.uniform(a_key, shape, dtype, -0.2, 0.2)
        self.b = 0.5 * jax.random.normal(b_key, shape, dtype)
        self.hinges = hinges

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _apl(x, self.aligned(x, self.a), self.aligned(x, self.b))
