"""Layers that learn a convex activation: each output is the maximum of several affine functions."""

from collections.abc import Sequence

import equinox as eqx
import jax
from jax import Array
from jax.typing import DTypeLike

from .._arguments import promote
from .._axiswise import maxout
from ._layer import as_example, cast_parameters, check_sizes
from ._module import Module
from ._parametric import check_flags, float_type


class Maxout(Module):
    """Maxout(...)(x)[i] = max(weight[k, i] @ x + bias[k, i] for k in range(pieces)): a layer with its activation

    Each output learns its own convex activation. With two pieces it is ReLU if weight[0] and bias[0] are 0, and leaky
    ReLU if weight[0] = 0.01 * weight[1] and bias[0] = 0.01 * bias[1]. One piece always has a gradient. It has `pieces`
    times the parameters of a linear layer.

    Args:
        in_features: the size of x.
        out_features: the size of the result.
        pieces: the number of affine functions for each output.
        use_bias: whether the pieces have biases.
        dtype: the type of weight and bias; None for JAX's default float.
        key: a PRNG key for the initial values, uniform in +-1/sqrt(in_features) as those of eqx.nn.Linear.

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
        dtype: DTypeLike | None = None,
        *,
        key: Array,
    ):
        check_sizes(self, in_features=in_features, out_features=out_features, pieces=pieces)
        check_flags(self, use_bias=use_bias)
        weight_key, bias_key = jax.random.split(key)
        limit = in_features**-0.5
        dtype = float_type(self, dtype)
        self.weight = jax.random.uniform(weight_key, (pieces, out_features, in_features), dtype, -limit, limit)
        self.bias = jax.random.uniform(bias_key, (pieces, out_features), dtype, -limit, limit) if use_bias else None
        self.in_features = in_features
        self.out_features = out_features
        self.pieces = pieces

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        x = as_example(self, x, self.in_features)
        weight, bias = cast_parameters((self.weight, self.bias), x.dtype)
        z = weight @ x
        return maxout(z if bias is None else z + bias, self.pieces, axis=0)[0]


class ConvMaxout(Module):
    """ConvMaxout(...)(x)[i] = max(conv(x)[pieces * i + k] for k in range(pieces)): a convolution, then `jaxact.maxout`

    The maximum of `pieces` affine feature maps at each position, as in the convolutional nets of the paper.

    Args:
        num_spatial_dims: 1 for sequences, 2 for images, 3 for volumes.
        in_channels: the number of channels of x, its first axis.
        out_channels: the number of channels of the result. The convolution has `pieces` times as many.
        kernel_size: as for eqx.nn.Conv.
        pieces: the number of feature maps for each channel of the result.
        stride: as for eqx.nn.Conv.
        padding: as for eqx.nn.Conv.
        dilation: as for eqx.nn.Conv.
        use_bias: whether the pieces have biases.
        dtype: the type of weight and bias; None for JAX's default float.
        key: a PRNG key for the initial values, which are those of eqx.nn.Conv.

    Reference: https://arxiv.org/abs/1302.4389
    """

    conv: eqx.nn.Conv
    pieces: int = eqx.field(static=True)

    def __init__(
        self,
        num_spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        pieces: int = 2,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] | Sequence[tuple[int, int]] = 0,
        dilation: int | Sequence[int] = 1,
        use_bias: bool = True,
        dtype: DTypeLike | None = None,
        *,
        key: Array,
    ):
        sizes = {"num_spatial_dims": num_spatial_dims, "in_channels": in_channels, "out_channels": out_channels}
        check_sizes(self, **sizes, pieces=pieces)
        check_flags(self, use_bias=use_bias)
        self.conv = eqx.nn.Conv(
            num_spatial_dims,
            in_channels,
            pieces * out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            use_bias=bool(use_bias),
            dtype=float_type(self, dtype),
            key=key,
        )
        self.pieces = pieces

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        x, _ = promote("ConvMaxout", "x", x)
        channels, dims = self.conv.in_channels, self.conv.num_spatial_dims
        if x.ndim != dims + 1 or x.shape[0] != channels:
            raise ValueError(
                f"ConvMaxout was called with an array of shape {x.shape}; expected {channels} channels and then "
                f"{dims} axes, one example (use jax.vmap for a batch)."
            )
        return maxout(cast_parameters(self.conv, x.dtype)(x), self.pieces, axis=0)
