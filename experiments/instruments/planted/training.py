"""Short training of nets of one structure, side by side."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from .nets import Dataset

BATCH = 64
OPTIMISER = optax.adam(1e-3)


def train(
    loss: Callable[..., Array], models: list[Any], dataset: Dataset, steps: int, seed: int = 0
) -> tuple[list[Any], np.ndarray]:
    """The models after training on the same batches, and the loss of each model at each step."""
    parts = [eqx.partition(model, eqx.is_inexact_array) for model in models]
    static = parts[0][1]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(parameters for parameters, _ in parts))
    batches = jax.tree.map(jnp.asarray, dataset.batches(steps, BATCH, seed))

    def step(state: Any, batch: Any) -> Any:
        parameters, memory = state
        value, gradient = jax.value_and_grad(lambda p: loss(eqx.combine(p, static), *batch))(parameters)
        change, memory = OPTIMISER.update(gradient, memory, parameters)
        return (optax.apply_updates(parameters, change), memory), value

    @jax.jit
    def of_all(stacked: Any, batches: Any) -> Any:
        def of_one(parameters: Any) -> Any:
            (parameters, _), losses = jax.lax.scan(step, (parameters, OPTIMISER.init(parameters)), batches)
            return parameters, losses

        return jax.lax.map(of_one, stacked)

    trained, losses = of_all(stacked, batches)
    after = [eqx.combine(jax.tree.map(lambda leaf, at=at: leaf[at], trained), static) for at in range(len(models))]
    return after, np.asarray(losses, np.float32)
