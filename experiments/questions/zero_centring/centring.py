"""How far from zero the outputs of units lie, and whether the gradients of their weights all have one sign."""

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


def gaussian(name: str) -> Moments:
    """Of the activation of that name."""
    function = getattr(jaxact, name)
    mean = jaxact.init.mean(function)
    return Moments(mean, math.sqrt(jaxact.init.second_moment(function) - mean**2))


def off_centre(outputs: np.ndarray) -> tuple[float, float]:
    """|mean| / deviation of outputs (example, unit): of all of them, and the median over units of each one's own.

    Units that always give the same count as infinitely far off, unless they always give 0.
    """

    def ratio(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return np.divide(np.abs(mean), deviation, out=np.where(mean == 0, 0.0, np.inf), where=deviation > 0)

    exact = outputs.astype(np.float64)
    units = ratio(exact.mean(0), exact.std(0))
    return float(ratio(exact.mean(keepdims=True), exact.std(keepdims=True)).item()), float(np.median(units))


def same_sign(inputs: np.ndarray, arriving: np.ndarray, picks: np.ndarray) -> float:
    """Fraction of units whose weights' gradient has no two entries of opposite sign.

    The gradient of weight (input, unit) on a minibatch is the sum over its examples of inputs (example, input) times
    the gradient arriving at the unit (example, unit); `picks` has one minibatch of examples per row. An entry that is
    0 has no sign, and a unit with fewer than two others cannot have two signs: it is not counted. NaN if none is left
    to count, or the net blew up.
    """
    gradient = np.stack([inputs[pick].astype(float).T @ arriving[pick].astype(float) for pick in picks])
    positive, negative = (gradient > 0).sum(1), (gradient < 0).sum(1)
    signed = positive + negative >= 2
    if not signed.any() or not np.isfinite(gradient).all():
        return float("nan")
    return float(np.mean(((positive == 0) | (negative == 0))[signed]))


@each_net()
def inside(recipe: Recipe, state: State, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
    """Outputs of every hidden layer, and the gradient of each example's loss that arrives at its units."""

    def one(net: Net) -> tuple[list[Array], list[Array]]:
        _, before = forward(recipe, net, x)
        outputs = [activate(recipe.activation, z, layer.slope) for z, layer in zip(before, net, strict=False)]
        probes = [jnp.zeros_like(z) for z in before]
        return outputs, jax.grad(lambda probes: jnp.sum(losses(recipe, net, x, y, probes)))(probes)

    return jax.lax.map(one, state.net)
