"""Gated linear units: one half of the features times an activation of the other half.

`glu(x, axis)` splits x along an axis, as jax.nn.glu does: the second half is the gate, and the axis becomes half as
long. `glu(x, gate=g)` takes the gate as another array and splits nothing, for an axis that is sharded over devices.
"""

from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import autodiff
from ._arguments import OptionalArray, check_array
from ._facts import activation
from ._gates import silu
from ._normal_gates import gelu_exact
from ._rectifiers import relu
from ._rows import axis_of
from ._sigmoids import sigmoid


def _halves(name: str, x: ArrayLike, axis: int, gate: OptionalArray) -> tuple[Array, Array]:
    """The features that are gated, and their gate."""
    x = jnp.asarray(x)
    if gate is None:
        axis = axis_of(name, x, axis)
        if x.shape[axis] % 2:
            raise ValueError(
                f"{name} was called with an array of shape {x.shape}; expected an even size of axis {axis} to split."
            )
        features, gate = jnp.split(x, 2, axis)
        return features, gate
    check_array(name, "gate", gate)
    gate = jnp.asarray(gate)
    if gate.shape != x.shape:
        raise ValueError(f"{name} was called with gate of shape {gate.shape}; expected that of x, {x.shape}.")
    return x, gate.astype(x.dtype)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/1612.08083")
@autodiff
def glu(x: ArrayLike, axis: int = -1, gate: OptionalArray = None) -> Array:
    """glu(x)[i] = x[i] / (1 + exp(-x[i + len(x) // 2]))

    Gated linear unit: the first half times the sigmoid of the second.

    Args:
        axis: the axis to split.
        gate: an array of the shape of x, which is then not split: glu(x, gate=g) = x * sigmoid(g).
    """
    features, gate = _halves("glu", x, axis, gate)
    return features * sigmoid(gate)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/2002.05202")
@autodiff
def reglu(x: ArrayLike, axis: int = -1, gate: OptionalArray = None) -> Array:
    """reglu(x)[i] = x[i] * max(0, x[i + len(x) // 2])

    Gated linear unit whose gate is relu: the first half times relu of the second.

    Args:
        axis: the axis to split.
        gate: an array of the shape of x, which is then not split: reglu(x, gate=g) = x * relu(g).
    """
    features, gate = _halves("reglu", x, axis, gate)
    return features * relu(gate)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/2002.05202")
@autodiff
def geglu(x: ArrayLike, axis: int = -1, gate: OptionalArray = None) -> Array:
    """geglu(x)[i] = x[i] * x[i + len(x) // 2] * (1 + erf(x[i + len(x) // 2] / sqrt(2))) / 2

    Gated linear unit whose gate is gelu_exact: the first half times gelu_exact of the second.

    Args:
        axis: the axis to split.
        gate: an array of the shape of x, which is then not split: geglu(x, gate=g) = x * gelu_exact(g).
    """
    features, gate = _halves("geglu", x, axis, gate)
    return features * gelu_exact(gate)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/2002.05202")
@autodiff
def swiglu(x: ArrayLike, axis: int = -1, gate: OptionalArray = None) -> Array:
    """swiglu(x)[i] = x[i] * x[i + len(x) // 2] / (1 + exp(-x[i + len(x) // 2]))

    Gated linear unit whose gate is silu: the first half times silu of the second. Where the gate is the first half
    (Llama's gate_proj, then up_proj), write swiglu(up, gate=gate).

    Args:
        axis: the axis to split.
        gate: an array of the shape of x, which is then not split: swiglu(x, gate=g) = x * silu(g).
    """
    features, gate = _halves("swiglu", x, axis, gate)
    return features * silu(gate)


@activation(bounds=(-inf, inf), source="https://arxiv.org/abs/2002.05202")
@autodiff
def bilinear(x: ArrayLike, axis: int = -1, gate: OptionalArray = None) -> Array:
    """bilinear(x)[i] = x[i] * x[i + len(x) // 2]

    Gated linear unit whose gate has no activation: the first half times the second.

    Args:
        axis: the axis to split.
        gate: an array of the shape of x, which is then not split: bilinear(x, gate=g) = x * g.
    """
    features, gate = _halves("bilinear", x, axis, gate)
    return features * gate
