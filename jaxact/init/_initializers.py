"""The gain of any activation, and initial weights that have it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import prod
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from .._public import part_of
from ._gauss import ActivationLike, Quadrature, function_of, name_of, quadrature

Mode = Literal["forward", "backward", "compromise"]
FANS: dict[str, Mode] = {"fan_in": "forward", "fan_out": "backward", "fan_avg": "compromise"}
DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")

Initializer = Callable[..., Array]
"""A function of a key, a shape and a dtype, like those of jax.nn.initializers."""


def gain(fn: ActivationLike, mode: Mode = "forward") -> float:
    """gain(fn) = 1 / sqrt(E fn(z)^2), or 1 / sqrt(E fn'(z)^2) backward, z standard normal

    With weights of standard deviation gain / sqrt(fan-in), a layer preserves the second moment of standard normal
    pre-activations ("forward"); with gain / sqrt(fan-out), that of their gradients ("backward"). "compromise" is the
    gain whose inverse square is the mean of both, as in Glorot's initialisation. All three are sqrt(2) for relu and 1
    for the identity. For most other functions only `edge_of_chaos`, with random biases, preserves both.

    Args:
        fn: the activation, an elementwise function of one array, of jaxact, of jax.nn or your own; bind its parameters
            with functools.partial. Or its name, as for `jaxact.get`.
        mode: "forward", "backward" or "compromise".

    Raises:
        ValueError: for another mode or name; for a function that is not elementwise or not finite; and for one whose
            values (forward), slopes (backward) or both (compromise) are 0 everywhere or have no finite mean square.
        TypeError: for anything but a function or a name.

    References: https://proceedings.mlr.press/v9/glorot10a.html, https://arxiv.org/abs/1502.01852
    """
    if mode not in FANS.values():
        raise ValueError(f"gain was called with mode = {mode!r}; expected {', '.join(map(repr, FANS.values()))}.")
    fn = function_of("gain", fn)
    return gain_from(quadrature(fn), name_of(fn), mode)


def gain_from(nodes: Quadrature, name: str, mode: Mode) -> float:
    """The gain of a function from its values at the nodes of a quadrature rule."""
    squares = {"forward": [nodes.value], "backward": [nodes.slope], "compromise": [nodes.value, nodes.slope]}[mode]
    moment = sum(nodes.mean(of**2) for of in squares) / len(squares)
    if moment < 1e-30:
        zero = {"forward": "values", "backward": "slopes", "compromise": "values and slopes"}[mode]
        raise ValueError(
            f"gain was called with {name}, whose {zero} are 0 everywhere; expected others (mode {mode!r})."
        )
    return moment**-0.5


def initializer(
    fn: ActivationLike,
    distribution: str = "truncated_normal",
    mode: str = "fan_in",
    *,
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """initializer(fn)(key, shape, dtype) = random weights of standard deviation gain(fn) / sqrt(fan-in)

    It is called like the initialisers of jax.nn.initializers, whose variance_scaling draws the numbers.

    Args:
        fn: the activation after the layer, as for `gain`.
        distribution: "truncated_normal", "normal" or "uniform".
        mode: "fan_in" with the forward gain, "fan_out" with the backward gain, or "fan_avg" with their compromise.
        in_axis: the axis or axes of the inputs. Weights of Equinox's layers are (out, in): in_axis=1, out_axis=0.
        out_axis: the axis or axes of the outputs.
        batch_axis: other axes, such as that of a stack of layers.
        dtype: the default type of the weights; None for JAX's default float.

    Raises:
        ValueError: for another distribution or mode, and as for `gain`.
    """
    check_mode_and_distribution("initializer", mode, FANS, distribution)
    options = (gain(fn, FANS[mode]) ** 2, mode, distribution, in_axis, out_axis, batch_axis)
    return partial(_draw_scaled, options, dtype)


@part_of(initializer, "draw")
def _draw_scaled(options: tuple[Any, ...], default: Any, key: Array, shape: Sequence[int], dtype: Any = None) -> Array:
    """An initialiser of jax.nn.initializers; a `functools.partial` of a function with a name can be pickled."""
    return jax.nn.initializers.variance_scaling(*options)(key, shape, default if dtype is None else dtype)


def check_mode_and_distribution(function: str, mode: str, modes: Iterable[str], distribution: str) -> None:
    if mode not in (known := list(modes)) or distribution not in DISTRIBUTIONS:
        raise ValueError(
            f"{function} was called with mode = {mode!r} and distribution = {distribution!r}; expected "
            f"{', '.join(map(repr, known))} and {', '.join(map(repr, DISTRIBUTIONS))}."
        )


def orthogonal(fn: ActivationLike, *, out_axis: int = -1, dtype: Any = None) -> Initializer:
    """orthogonal(fn)(key, shape, dtype) = gain(fn) * a random orthogonal matrix, rescaled if it is not square

    All axes but `out_axis` are inputs. A matrix with more outputs than inputs is multiplied by sqrt(outputs / inputs),
    since its rows cannot be orthonormal; every output then has the second moment that `initializer` gives it.

    Args:
        fn: the activation after the layer, as for `gain`.
        out_axis: the axis of the outputs; 0 for Equinox's layers.
        dtype: the default type of the weights; None for JAX's default float.

    Raises:
        ValueError: for a shape with fewer than two axes, and as for `gain`.

    Reference: https://arxiv.org/abs/1312.6120
    """
    return orthogonal_with_gain(gain(fn), out_axis, dtype)


def orthogonal_with_gain(gain: float, out_axis: int, dtype: Any = None) -> Initializer:
    """`orthogonal` for a known gain."""
    return partial(_draw_orthogonal, gain, out_axis, dtype)


@part_of(orthogonal, "draw")
def _draw_orthogonal(
    gain: float, out_axis: int, default: Any, key: Array, shape: Sequence[int], dtype: Any = None
) -> Array:
    if len(shape) < 2:
        raise ValueError(f"orthogonal was called with shape = {tuple(shape)}; expected at least two axes.")
    outputs = shape[out_axis]
    scale = gain * max(1.0, outputs**2 / prod(shape)) ** 0.5
    dtype = jnp.zeros((), default if dtype is None else dtype).dtype
    at_least_float32 = jnp.float32 if dtype.itemsize < 4 else dtype  # QR decomposition has no 16-bit version
    return jax.nn.initializers.orthogonal(scale, out_axis)(key, shape, at_least_float32).astype(dtype)
