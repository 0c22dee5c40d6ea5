"""What became of the units of a net: which ones learning can no longer reach."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

import jaxact

from .devices import each_net
from .training import MAXOUT_PIECES, Activation, Net, Recipe, State, activate, forward

SATURATED = 0.05  # of the activation's largest slope: tanh is saturated beyond 2.2, sigmoid beyond 4.4


class UnitState(NamedTuple):
    """One array (net, unit) per hidden layer in every field, judged on all examples given."""

    dead: list[Array]
    """The unit's own slope is 0 on every example. For ReLU: the pre-activation is never positive."""
    stuck: list[Array]
    """The pre-activation is never positive, whatever the activation makes of that."""
    cut_off: list[Array]
    """No gradient arrives from the output on any example."""


@each_net()
def unit_state(recipe: Recipe, state: State, x: Array) -> UnitState:
    """What became of every unit of every net.

    The gradient sent back starts from random numbers at the output, not from the loss, whose own gradient
    can vanish when every example is fitted.
    """
    sent = jax.random.normal(jax.random.key(0), (len(x), recipe.sizes[-1]))

    def one(net: Net) -> UnitState:
        _, before = forward(recipe, net, x)
        probes = [jnp.zeros_like(z) for z in before]
        arriving = jax.grad(lambda probes: jnp.sum(sent * forward(recipe, net, x, probes)[0]))(probes)
        own = [_slope(recipe, z, layer.slope) for z, layer in zip(before, net, strict=False)]
        return UnitState(
            [~_ever(recipe, slope != 0) for slope in own],
            [~_ever(recipe, z > 0) for z in before],
            [~_ever(recipe, gradient != 0) for gradient in arriving],
        )

    return jax.lax.map(one, state.net)


def saturated(activation: Activation, preactivations: list[Array]) -> Array:
    """The share of units and examples, over all hidden layers, at which the slope is below SATURATED of its largest."""
    slope = jaxact.slope(getattr(jaxact, activation) if isinstance(activation, str) else activation)
    largest = jnp.max(jnp.abs(slope(jnp.linspace(-8.0, 8.0, 1601))))
    return jnp.mean(jnp.stack([jnp.mean(jnp.abs(slope(z)) < SATURATED * largest) for z in preactivations]))


def _slope(recipe: Recipe, z: Array, learnt: Array | None) -> Array:
    return jax.grad(lambda z: jnp.sum(activate(recipe.activation, z, learnt)))(z)


def _ever(recipe: Recipe, true: Array) -> Array:
    """Whether it is true of a unit on any example; of a maxout unit, in any of its pieces."""
    ever = true.any(0)
    return ever.reshape(-1, MAXOUT_PIECES).any(-1) if recipe.activation == "maxout" else ever
