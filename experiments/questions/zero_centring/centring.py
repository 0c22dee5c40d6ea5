"""Measures of centring: how far from zero outputs are, and whether a unit's weight gradients all have one sign."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from experiments.core.devices import each_net
from experiments.core.training import Net, Recipe, State, activate, forward, losses


class Moments(NamedTuple):
    """Mean and deviation of an activation whose input is standard normal."""

    mean: float
    deviation: float


def normal_moments(name: str) -> Moments:
    """Mean and deviation of the activation with this name."""
    function = getattr(jaxact, name)
    mean = jaxact.init.mean(function)
    return Moments(mean, math.sqrt(jaxact.init.second_moment(function) - mean**2))


def off_centre(outputs: np.ndarray) -> tuple[float, float]:
    """|mean| / deviation of outputs (example, unit): over all of them, and the median over units.

    It is infinite for a unit whose output is constant, but 0 if the output is always 0.
    """

    def ratio(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return np.divide(np.abs(mean), deviation, out=np.where(mean == 0, 0.0, np.inf), where=deviation > 0)

    wide = outputs.astype(np.float64)
    units = ratio(wide.mean(0), wide.std(0))
    return float(ratio(wide.mean(keepdims=True), wide.std(keepdims=True)).item()), float(np.median(units))


def same_sign(inputs: np.ndarray, gradients: np.ndarray, minibatches: np.ndarray) -> float:
    """Fraction of units whose weights' gradient has no two entries of opposite sign.

    The gradient of weight (input, unit) on a minibatch is the sum over its examples of inputs (example, input) times
    the gradient that reaches the unit (example, unit); `minibatches` has the indices of one minibatch per row. An entry
    that is 0 has no sign, and a unit with fewer than two other entries is not counted. NaN if no unit is counted or the
    net diverged.
    """
    weight_gradient = np.stack(
        [inputs[minibatch].astype(float).T @ gradients[minibatch].astype(float) for minibatch in minibatches]
    )
    positive, negative = (weight_gradient > 0).sum(1), (weight_gradient < 0).sum(1)
    signed = positive + negative >= 2
    if not signed.any() or not np.isfinite(weight_gradient).all():
        return float("nan")
    return float(np.mean(((positive == 0) | (negative == 0))[signed]))


@each_net()
def outputs_and_gradients(recipe: Recipe, state: State, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
    """Outputs of every hidden layer, and the gradient of each example's loss that reaches its units."""

    def of_net(net: Net) -> tuple[list[Array], list[Array]]:
        _, before = forward(recipe, net, x)
        outputs = [activate(recipe.activation, z, layer.slope) for z, layer in zip(before, net, strict=False)]
        probes = [jnp.zeros_like(z) for z in before]
        return outputs, jax.grad(lambda probes: jnp.sum(losses(recipe, net, x, y, probes)))(probes)

    return jax.lax.map(of_net, state.net)
