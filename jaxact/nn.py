"""Equinox modules for the activations that learn. The others are used as they are: functions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from ._axiswise import maxout
from ._rectifiers import prelu


class PReLU(eqx.Module):
    """PReLU()(x) = x if x > 0 else alpha * x, with alpha learnt: `jaxact.prelu` and its parameter.

    One slope shared by all, or one for each channel. `eqx.nn.MLP` makes a copy of its activation for each neuron and
    calls it with one number: give it the shared form. Leave weight decay off alpha, as the paper does: it biases a
    PReLU towards a ReLU.

    Args:
        num_parameters: the number of channels, one slope each; None for a single shared slope.
        channel_axis: the axis of the channels in what the module is called with. Equinox calls modules without a batch
            axis, so that an image of shape (channels, height, width) has channel_axis 0, the default.
        init: the initial slope. 0.25 is the paper's.
        dtype: the type of the slopes; JAX's default float if None. It never changes the type of x.

    Raises:
        ValueError: for num_parameters below 1, or called with an array whose channel axis has another size.

    Reference: https://arxiv.org/abs/1502.01852
    """

    alpha: Array
    num_parameters: int | None = eqx.field(static=True)
    channel_axis: int = eqx.field(static=True)

    def __init__(
        self,
        num_parameters: int | None = None,
        *,
        channel_axis: int = 0,
        init: float = 0.25,
        dtype: jnp.dtype | None = None,
    ):
        if num_parameters is not None and (not isinstance(num_parameters, int) or num_parameters < 1):
            raise ValueError(
                f"PReLU was called with num_parameters = {num_parameters!r}; expected None or an int >= 1."
            )
        self.alpha = jnp.full(() if num_parameters is None else (num_parameters,), init, dtype)
        self.num_parameters = num_parameters
        self.channel_axis = channel_axis

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        if self.num_parameters is None:
            return prelu(x, self.alpha)
        axis, ndim = self.channel_axis, jnp.ndim(x)
        if not -ndim <= axis < ndim or x.shape[axis] != self.num_parameters:
            raise ValueError(
                f"PReLU with {self.num_parameters} slopes along axis {axis} was called with an array of shape "
                f"{jnp.shape(x)}; expected size {self.num_parameters} there."
            )
        channels_only = [1] * ndim
        channels_only[axis] = self.num_parameters
        return prelu(x, self.alpha.reshape(channels_only))


class Maxout(eqx.Module):
    """Maxout(...)(x)[i] = max(weight[k, i] @ x + bias[k, i] for k in range(pieces)): a layer and its activation in one.

    Each output is the largest of `pieces` affine functions, so it learns its own convex activation: with weight[0] and
    bias[0] at zero and two pieces it is ReLU, with weight[0] = 0.01 * weight[1] (and the biases likewise) leaky ReLU.
    No input leaves every piece without a gradient. The price is `pieces` times the parameters of a linear layer.

    Args:
        in_features: size of the vector the module is called with.
        out_features: size of the vector it returns.
        pieces: affine functions for each output.
        use_bias: whether the pieces have biases.
        dtype: the type of weight and bias; JAX's default float if None.
        key: for the initial values, uniform in +-1/sqrt(in_features) like those of eqx.nn.Linear.

    Raises:
        ValueError: for sizes below 1, or called with anything but a vector of size in_features (use jax.vmap
            for a batch).

    Reference: https://arxiv.org/abs/1302.4389
    """

    weight: Array
    bias: Array | None
    in_features: int = eqx.field(static=True)
    out_features: int = eqx.field(static=True)
    pieces: int = eqx.field(static=True)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        use_bias: bool = True,
        dtype: jnp.dtype | None = None,
        *,
        key: Array,
    ):
        for name, size in {"in_features": in_features, "out_features": out_features, "pieces": pieces}.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"Maxout was called with {name} = {size!r}; expected an int >= 1.")
        weight_key, bias_key = jax.random.split(key)
        limit = in_features**-0.5
        dtype = jnp.zeros((), dtype).dtype
        self.weight = jax.random.uniform(weight_key, (pieces, out_features, in_features), dtype, -limit, limit)
        self.bias = jax.random.uniform(bias_key, (pieces, out_features), dtype, -limit, limit) if use_bias else None
        self.in_features = in_features
        self.out_features = out_features
        self.pieces = pieces

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        if jnp.shape(x) != (self.in_features,):
            raise ValueError(
                f"Maxout was called with an array of shape {jnp.shape(x)}; expected ({self.in_features},), "
                f"one example (use jax.vmap for a batch)."
            )
        z = self.weight @ x
        return maxout(z if self.bias is None else z + self.bias, self.pieces, axis=0)[0]
