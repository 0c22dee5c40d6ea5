"""Nets split among devices equal the nets of one device, for any numbers of nets and devices."""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core import devices
from experiments.core.data import digits
from experiments.core.devices import each_net, spread_over
from experiments.core.steps_to_error import Task, all_reached, steps_to_error
from experiments.core.training import Grid, Recipe, forward, initial_state, score, train
from experiments.core.units import unit_state
from experiments.questions.fixed_point import measure as fixed_point
from experiments.questions.vanishing import measure as vanishing


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.slow
@pytest.mark.parametrize(("count", "nets"), [(2, 4), (3, 7), (8, 5), ("all", 9)])
def test_training_on_several_devices_gives_the_nets_of_one(count: devices.Devices, nets: int) -> None:
    data, recipe = digits(), Recipe((64, 12, 10), "tanh")
    grid = Grid.of(range(nets), [0.1])
    (*_, (_, alone)) = train(recipe, grid, data.train, 40, 20)
    with spread_over(count):
        (*_, (_, shared)) = train(recipe, grid, data.train, 40, 20)
        errors, losses = score(recipe, shared, *data.test)
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(shared), strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=1e-4, atol=1e-6)
    assert np.allclose(errors, score(recipe, alone, *data.test)[0], atol=1 / 360 + 1e-6)
    assert np.allclose(losses, score(recipe, alone, *data.test)[1], rtol=1e-4)


def test_every_device_computes_its_share_only() -> None:
    shapes: list[tuple[int, int]] = []

    @each_net()
    def doubled(recipe: str, nets: jax.Array, shared: jax.Array) -> jax.Array:
        jax.debug.callback(lambda net: shapes.append(net.shape), nets)
        return nets * shared

    with spread_over(4):
        assert devices.device_count() == 4
        out = doubled("", jnp.arange(12.0).reshape(6, 2), jnp.array(2.0))
        jax.effects_barrier()
    assert devices.device_count() == 1
    assert np.array_equal(out, 2 * np.arange(12.0).reshape(6, 2))
    assert shapes == [(2, 2)] * 4


def test_steps_to_error_unit_states_and_rounding_are_the_same_on_three_devices() -> None:
    data, recipe = digits(), Recipe((64, 12, 10), "relu", "adam")
    grid = Grid.of(range(4), [0.01])

    def results() -> list[np.ndarray]:
        end = steps_to_error(Task(recipe, data.train, 40, (0.25,)), grid, 10, all_reached)
        m = jnp.full((4, 1), 3)
        rounded = fixed_point.score_rounded(recipe, end.state, m, jnp.asarray(8), *data.test)[1]
        return [end.steps, *map(np.asarray, unit_state(recipe, end.state, data.train.x).dead), np.asarray(rounded)]

    alone = results()
    with spread_over(3):
        shared = results()
    for one, other in zip(alone, shared, strict=True):
        assert np.allclose(one, other, rtol=1e-3)


def test_gradients_in_float64_are_the_same_on_three_devices() -> None:
    config = vanishing.Config(layers=3, width=8, seeds=4, examples=16)
    slopes = partial(vanishing.gradients, config, digits(), "tanh", "lecun")
    alone = [row["decades_per_layer"] for row in slopes()]
    with spread_over(3):
        assert np.allclose([row["decades_per_layer"] for row in slopes()], alone, rtol=1e-12)


def test_outside_of_the_context_one_device_computes() -> None:
    recipe = Recipe((64, 12, 10), "relu")
    state = initial_state(recipe, Grid.of(range(4), [0.1]))
    outputs = each_net()(lambda recipe, nets, x: jax.vmap(lambda net: forward(recipe, net, x)[0])(nets))
    assert len(outputs(recipe, state.net, digits().test.x).devices()) == 1
