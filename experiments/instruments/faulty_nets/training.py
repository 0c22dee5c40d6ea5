"""Training of one recipe from several seeds, which is stopped early, and at the end, for the diagnosis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from . import data, layers, losses, optimisers
from .cases import Recipe, chosen

EARLY_STEPS, EARLY_SHARE = 100, 0.05
"""The early look is after this many steps, or this share of all, whichever is less."""
HELD_SHARE, HELD_FROM = 0.2, 500
"""The share of the rows that is held back, if there are at least so many; else the net is judged on what it learns."""
LEAST_HELD = 64
"""Rows of a held batch, where the net learns from fewer at a time and there are so many."""

Batch = tuple[Array, ...]
"""Inputs, targets and, for nets that draw random numbers, a key."""


@dataclass(frozen=True)
class Moment:
    """One net at one moment of its training."""

    seed: int
    step: int
    model: Any
    losses: np.ndarray
    """The loss of each step so far."""
    score: float


@dataclass(frozen=True)
class Task:
    """What the nets of a recipe have in common."""

    recipe: Recipe
    built: layers.Built
    """The net of the first seed."""
    optimiser: optax.GradientTransformation
    loss: Callable[..., Array]
    """loss(model, x, y), or loss(model, x, y, key) for nets that draw random numbers."""
    train: data.Data
    held: data.Data
    y: np.ndarray
    """The training targets, as the loss takes them."""
    batches: tuple[Batch, Batch]
    """Two batches that are held back, where there are enough rows."""

    @property
    def early(self) -> int:
        """The step of the first look."""
        return max(1, min(EARLY_STEPS, int(EARLY_SHARE * self.recipe.steps)))


def task(recipe: Recipe) -> Task:
    """Check a recipe and prepare all that its nets share.

    Raises:
        CaseError: a word of the recipe is unknown.
    """
    of_loss = chosen("loss", recipe.loss, losses.LOSSES)
    chosen("score", recipe.score, losses.SCORES)
    optimiser = optimisers.build(recipe.optimiser)
    whole = data.load(recipe.data, flat=bool(recipe.model) and "dense" in recipe.model[0])
    built = layers.build(recipe.model, whole.x.shape[1:])
    y = losses.targets(whole.y, whole.classes, built.outputs, recipe.loss)
    order = np.random.default_rng(1).permutation(len(whole.x))
    held_back = int(HELD_SHARE * len(order)) if len(order) >= HELD_FROM else 0
    rows, held = order[held_back:], order[:held_back] if held_back else order
    first, second = (
        (jnp.asarray(whole.x[of_batch]), jnp.asarray(y[of_batch]), *([jax.random.key(at)] if built.draws else []))
        for at, of_batch in enumerate(_held_batches(held, recipe.batch))
    )
    loss = partial(_loss, of_loss, built.draws)
    return Task(recipe, built, optimiser, loss, _rows(whole, rows), _rows(whole, held), y[rows], (first, second))


def _rows(whole: data.Data, rows: np.ndarray) -> data.Data:
    return whole._replace(x=whole.x[rows], y=whole.y[rows], truth=whole.truth[rows])


def _held_batches(rows: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Two batches without a row in common, or both of all rows where each step takes more than half of them."""
    if len(rows) < 2 * min(batch, LEAST_HELD):
        return rows, rows[::-1]
    size = min(max(batch, LEAST_HELD), len(rows) // 2)
    return rows[:size], rows[size : 2 * size]


def outputs(model: Any, x: Array, key: Array | None) -> Array:
    """The outputs of a batch; without a key dropout does nothing."""
    if key is None:
        return jax.vmap(eqx.nn.inference_mode(model), axis_name=layers.BATCH_AXIS)(x)
    keys = jax.random.split(key, len(x))
    return jax.vmap(lambda x, key: model(x, key=key), axis_name=layers.BATCH_AXIS)(x, keys)


def _loss(of_loss: losses.Loss, draws: bool, model: Any, x: Array, y: Array, *key: Array) -> Array:
    return of_loss(y, outputs(model, x, key[0] if draws else None))


def moments(task: Task, seeds: int) -> Iterator[Moment]:
    """Every net early, then every net at the end."""
    recipe = task.recipe
    made = [
        eqx.partition(layers.build(recipe.model, task.train.x.shape[1:], seed).net, eqx.is_inexact_array)
        for seed in range(seeds)
    ]
    static = made[0][1]
    parameters = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(net for net, _ in made))
    order = jnp.asarray(np.stack([_order(len(task.train.x), recipe, seed) for seed in range(seeds)]))
    keys = jax.random.split(jax.random.key(2), seeds)
    x, y = jnp.asarray(task.train.x), jnp.asarray(task.y)
    convolves = any(isinstance(layer, eqx.nn.Conv) for layer in task.built.net.layers)

    @jax.jit
    def advance(state: Any, start: Array, stop: Array) -> Any:
        def of_net(parts: Any) -> Any:
            state, order, key = parts
            return lax.fori_loop(start, stop, partial(_step, task, static, x, y, order, key), state)

        # side by side, convolutions become grouped ones, which are ten times slower on a CPU
        return lax.map(of_net, (state, order, keys)) if convolves else jax.vmap(of_net)((state, order, keys))

    @jax.jit
    def score(parameters: Any) -> Array:
        def of_net(parameters: Any) -> Array:
            answers = outputs(eqx.combine(parameters, static), jnp.asarray(task.held.x), None)
            return losses.SCORES[recipe.score](task.held, answers)

        return lax.map(of_net, parameters)

    state = parameters, jax.vmap(task.optimiser.init)(parameters), jnp.zeros((seeds, recipe.steps), jnp.float32)
    before = 0
    for step in dict.fromkeys((task.early, recipe.steps)):
        state = advance(state, jnp.int32(before), jnp.int32(step))
        scores = np.asarray(score(state[0]))
        for seed in range(seeds):
            model = eqx.combine(jax.tree.map(lambda leaf, seed=seed: leaf[seed], state[0]), static)
            yield Moment(seed, step, model, np.asarray(state[2][seed, :step]), float(scores[seed]))
        before = step


def _step(
    task: Task, static: Any, x: Array, y: Array, order: Array, key: Array, step: Array, state: tuple[Any, Any, Array]
) -> tuple[Any, Any, Array]:
    parameters, memory, history = state
    rows = order[step]
    drawn = [jax.random.fold_in(key, step)] if task.built.draws else []

    def loss(parameters: Any) -> Array:
        return task.loss(eqx.combine(parameters, static), x[rows], y[rows], *drawn)

    value, gradient = jax.value_and_grad(loss)(parameters)
    change, memory = task.optimiser.update(gradient, memory, parameters)
    return optax.apply_updates(parameters, change), memory, history.at[step].set(value)


def _order(rows: int, recipe: Recipe, seed: int) -> np.ndarray:
    """The rows of each step: all rows in a new order in every epoch."""
    rng, batch = np.random.default_rng([seed, 3]), min(recipe.batch, rows)
    per_epoch = rows // batch
    epochs = -(-recipe.steps // per_epoch)
    orders = [rng.permutation(rows)[: per_epoch * batch].reshape(per_epoch, batch) for _ in range(epochs)]
    return np.concatenate(orders)[: recipe.steps].astype(np.int32)
