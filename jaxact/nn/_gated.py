"""Gated blocks: the feed-forward part of a transformer, with a gated linear unit in the middle."""

import abc

import equinox as eqx
import jax
from jax import Array
from jax.typing import DTypeLike

from .._gated_linear import bilinear, geglu, reglu, swiglu
from ._layer import as_example, cast_parameters, check_sizes
from ._module import Module
from ._parametric import check_flags, float_type


class _Gated(Module):
    """down(gated(up(x), gate(x))), where gate, up and down are W, V and W2 of the paper."""

    gate: eqx.nn.Linear
    up: eqx.nn.Linear
    down: eqx.nn.Linear

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        out_features: int | None = None,
        *,
        two_thirds: bool = False,
        use_bias: bool = False,
        dtype: DTypeLike | None = None,
        key: Array,
    ):
        """A block with three linear layers.

        Args:
            in_features: the size of x.
            hidden_features: the size of the hidden layer.
            out_features: the size of the result; in_features if None.
            two_thirds: whether to reduce the hidden layer to two thirds of hidden_features, rounded down, as the paper
                does: the three matrices then have as many parameters as two with hidden_features.
            use_bias: whether the three layers have biases. Those of the paper have none.
            dtype: the type of the weights; None for JAX's default float.
            key: a PRNG key for the initial weights, which are those of eqx.nn.Linear.
        """
        out_features = in_features if out_features is None else out_features
        check_sizes(self, in_features=in_features, hidden_features=hidden_features, out_features=out_features)
        check_flags(self, two_thirds=two_thirds, use_bias=use_bias)
        dtype = float_type(self, dtype)
        hidden = 2 * hidden_features // 3 if two_thirds else hidden_features
        check_sizes(self, **{"2 * hidden_features // 3": hidden})
        gate_key, up_key, down_key = jax.random.split(key, 3)
        self.gate = eqx.nn.Linear(in_features, hidden, bool(use_bias), dtype, key=gate_key)
        self.up = eqx.nn.Linear(in_features, hidden, bool(use_bias), dtype, key=up_key)
        self.down = eqx.nn.Linear(hidden, out_features, bool(use_bias), dtype, key=down_key)

    @abc.abstractmethod
    def gated(self, features: Array, gate: Array) -> Array:
        """The features times an activation of the gate."""

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        x = as_example(self, x, self.gate.in_features)
        gate, up, down = cast_parameters((self.gate, self.up, self.down), x.dtype)
        return down(self.gated(up(x), gate(x)))


class SwiGLU(_Gated):
    """SwiGLU(...)(x) = down(up(x) * silu(gate(x))): a gated block with `jaxact.swiglu`

    The feed-forward block of Llama and similar transformers.

    Reference: https://arxiv.org/abs/2002.05202
    """

    __init__ = _Gated.__init__  # else type checkers expect the fields as arguments

    def gated(self, features: Array, gate: Array) -> Array:
        return swiglu(features, gate=gate)


class GEGLU(_Gated):
    """GEGLU(...)(x) = down(up(x) * gelu_exact(gate(x))): a gated block with `jaxact.geglu`

    The gate is gelu_exact, as in the paper.

    Reference: https://arxiv.org/abs/2002.05202
    """

    __init__ = _Gated.__init__  # else type checkers expect the fields as arguments

    def gated(self, features: Array, gate: Array) -> Array:
        return geglu(features, gate=gate)


class ReGLU(_Gated):
    """ReGLU(...)(x) = down(up(x) * relu(gate(x))): a gated block with `jaxact.reglu`

    The cheapest gate that can be 0.

    Reference: https://arxiv.org/abs/2002.05202
    """

    __init__ = _Gated.__init__  # else type checkers expect the fields as arguments

    def gated(self, features: Array, gate: Array) -> Array:
        return reglu(features, gate=gate)


class Bilinear(_Gated):
    """Bilinear(...)(x) = down(up(x) * gate(x)): a gated block with `jaxact.bilinear`

    A product of two linear layers, which is not linear although there is no activation.

    Reference: https://arxiv.org/abs/2002.05202
    """

    __init__ = _Gated.__init__  # else type checkers expect the fields as arguments

    def gated(self, features: Array, gate: Array) -> Array:
        return bilinear(features, gate=gate)
