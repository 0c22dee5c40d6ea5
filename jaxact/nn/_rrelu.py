"""RReLU: draws the slopes for negative inputs."""

import functools
from typing import Any

import equinox as eqx
import jax
from jax import Array

from .._rectifiers import rrelu
from ._module import Module
from ._parametric import check_flags


@jax.tree_util.register_pytree_node_class
class _Flag:
    """A bool that is no leaf of the model, which jax.grad would refuse."""

    def __init__(self, value: Any):
        self.value = bool(value)

    def tree_flatten(self) -> tuple[tuple[()], bool]:
        return (), self.value

    @classmethod
    def tree_unflatten(cls, value: bool, _: Any) -> "_Flag":
        return cls(value)  # a new one, since eqx.tree_at tells nodes apart by `is`

    def __bool__(self) -> bool:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Flag | bool) and bool(other) == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return str(self.value)


@jax.tree_util.register_pytree_node_class
class _Holder:
    """Makes a flag of the bool by which eqx.nn.inference_mode replaces one."""

    def __init__(self, flag: Any):
        self.flag = _Flag(flag) if isinstance(flag, bool) else flag

    def tree_flatten(self) -> tuple[tuple[Any], None]:
        return (self.flag,), None

    @classmethod
    def tree_unflatten(cls, _: None, children: tuple[Any]) -> "_Holder":
        return cls(*children)

    def __repr__(self) -> str:
        return repr(self.flag)


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
    _holder: _Holder

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, *, inference: bool = False):
        check_flags(self, inference=inference)
        if not lower <= upper:
            raise ValueError(f"RReLU was called with lower = {lower!r} and upper = {upper!r}; expected lower <= upper.")
        self.lower = lower
        self.upper = upper
        self._holder = _Holder(bool(inference))

    @property
    def inference(self) -> Any:
        """Whether the slope is the mean. eqx.nn.inference_mode sets it; it is no leaf of the model."""
        return self._holder.flag

    def __reduce__(self) -> Any:
        return functools.partial(RReLU, self.lower, self.upper, inference=bool(self.inference)), ()

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        if key is None and not self.inference:
            raise ValueError(
                "RReLU was called without a key; expected key=..., or inference set by eqx.nn.inference_mode(model)."
            )
        return rrelu(x, self.lower, self.upper, None if self.inference else key)
