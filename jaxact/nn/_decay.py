"""A mask that keeps weight decay off activations."""

from typing import Any

import equinox as eqx
import jax

from ._parametric import Parametric


def _is_activation(node: Any) -> bool:
    return isinstance(node, Parametric | eqx.nn.PReLU)


def decay_mask(model: Any) -> Any:
    """False for each array of an activation, True for each other array: optax's mask for weight decay.

    He et al. 2015 use no weight decay on the slopes of PReLU, since it pushes them towards 0, which is ReLU. The mask
    does the same for every parameter of an activation, also of eqx.nn.PReLU. Weights and biases of layers, also of
    Maxout and the gated blocks, decay as without a mask.

    Args:
        model: a pytree of modules, or the part of it that is given to optax. optax also takes the function itself:
            `optax.adamw(1e-3, mask=jaxact.nn.decay_mask)`.

    Returns:
        A pytree of bools in the structure of `eqx.filter(model, eqx.is_array)`.

    Reference: https://arxiv.org/abs/1502.01852
    """

    def mask(node: Any) -> Any:
        return jax.tree.map(lambda _: not _is_activation(node), node)

    return jax.tree.map(mask, eqx.filter(model, eqx.is_array), is_leaf=_is_activation)
