"""The state of the hidden units of a net: which are dead, stuck, cut off from the gradient, or saturated."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

import jaxact

from .devices import each_net
from .training import MAXOUT_PIECES, Activation, Net, Recipe, State, activate, forward

SATURATED = 0.05  # of the activation's largest slope: tanh is saturated beyond 2.2, sigmoid beyond 4.4


class UnitState(NamedTuple):
    """Whether each unit is in a state on all given examples: in every field one array (net, unit) per hidden layer."""

    dead: list[Array]
    """The slope of the activation is 0. For ReLU: the pre-activation is not positive."""
    stuck: list[Array]
    """The pre-activation is not positive, whatever the activation."""
    cut_off: list[Array]
    """The gradient that reaches the unit from the output is 0."""


@each_net()
def unit_state(recipe: Recipe, state: State, x: Array) -> UnitState:
    """The state of every unit of every net.

    The cotangent of the output is random, not the gradient of the loss, which can vanish where every example is fitted.
    """
    cotangent = jax.random.normal(jax.random.key(0), (len(x), recipe.sizes[-1]))

    def of_net(net: Net) -> UnitState:
        _, preactivations = forward(recipe, net, x)
        probes = [jnp.zeros_like(z) for z in preactivations]
        gradients = jax.grad(lambda probes: jnp.sum(cotangent * forward(recipe, net, x, probes)[0]))(probes)
        slopes = [_slope(recipe, z, layer.slope) for z, layer in zip(preactivations, net, strict=False)]
        return UnitState(
            [~_on_any_example(recipe, slope != 0) for slope in slopes],
            [~_on_any_example(recipe, z > 0) for z in preactivations],
            [~_on_any_example(recipe, gradient != 0) for gradient in gradients],
        )

    return jax.lax.map(of_net, state.net)


def saturated(activation: Activation, preactivations: list[Array]) -> Array:
    """The share of units and examples, over all hidden layers, whose slope is below SATURATED times the largest."""
    slope = jaxact.slope(getattr(jaxact, activation) if isinstance(activation, str) else activation)
    largest = jnp.max(jnp.abs(slope(jnp.linspace(-8.0, 8.0, 1601))))
    return jnp.mean(jnp.stack([jnp.mean(jnp.abs(slope(z)) < SATURATED * largest) for z in preactivations]))


def _slope(recipe: Recipe, z: Array, learnt: Array | None) -> Array:
    return jax.grad(lambda z: jnp.sum(activate(recipe.activation, z, learnt)))(z)


def _on_any_example(recipe: Recipe, condition: Array) -> Array:
    """Whether a condition (example, unit) holds on any example; for a maxout unit, in any of its pieces."""
    holds = condition.any(0)
    return holds.reshape(-1, MAXOUT_PIECES).any(-1) if recipe.activation == "maxout" else holds
