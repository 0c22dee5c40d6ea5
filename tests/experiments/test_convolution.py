"""Convolutional nets compute what Equinox's layers compute on the same weights, and learn."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxact
from experiments.core.convolution import conv_stack
from experiments.core.data import digits
from experiments.core.training import Grid, Net, Recipe, forward, initial_state, score, train

KERNELS = (5, 3, 3)


def _recipe(shape: tuple[int, ...], channels: int) -> Recipe:
    windows, sizes = conv_stack(shape, channels, KERNELS)
    return Recipe((*sizes, 10), "tanh", windows=windows)


def _equinox(net: Net, shape: tuple[int, ...], x: jax.Array) -> jax.Array:
    """The same net of Equinox's convolutions, on one example."""
    x = jnp.moveaxis(x.reshape(shape), -1, 0)
    axes = len(shape) - 1
    for layer, kernel in zip(net[:-1], KERNELS, strict=True):
        kind = (eqx.nn.Conv1d, eqx.nn.Conv2d)[axes - 1]
        blank = kind(x.shape[0], layer.weight.shape[1], kernel, 2, 1, key=jax.random.key(0))
        weight = jnp.moveaxis(layer.weight.reshape(*[kernel] * axes, x.shape[0], -1), (-1, -2), (0, 1))
        bias = layer.bias.reshape(-1, *[1] * axes)
        x = jaxact.tanh(eqx.tree_at(lambda conv: (conv.weight, conv.bias), blank, (weight, bias))(x))
    return jnp.moveaxis(x, 0, -1).ravel() @ net[-1].weight + net[-1].bias


@pytest.mark.parametrize("shape", [(40, 1), (9, 14, 3), pytest.param((32, 32, 3), marks=pytest.mark.slow)])
def test_a_convolutional_net_equals_equinoxs(shape: tuple[int, ...]) -> None:
    recipe, rng = _recipe(shape, 7), np.random.default_rng(0)
    net = jax.tree.map(lambda leaf: leaf[0], initial_state(recipe, Grid.of([3], [0.1], bias=0.3)).net)
    x = jnp.asarray(rng.standard_normal((5, recipe.sizes[0]), np.float32))
    ours, _ = forward(recipe, net, x)
    assert np.allclose(ours, jax.vmap(lambda example: _equinox(net, shape, example))(x), atol=1e-5)


def test_initial_weights_of_a_convolution_depend_on_the_size_of_its_window() -> None:
    state = initial_state(_recipe((32, 32, 3), 64), Grid.of(range(3), [0.1], [2.0]))
    for layer, numbers in zip(state.net, (75, 576, 576, 1024), strict=True):
        assert layer.weight.shape[1] == numbers
        assert abs(float(jnp.std(layer.weight)) * numbers**0.5 / 2 - 1) < 0.02


def test_a_convolutional_net_learns() -> None:
    recipe, data = _recipe((8, 8, 1), 16), digits().train
    *_, (_, state) = train(recipe, Grid.of(range(2), [0.1]), data, 200, 200)
    error, _ = score(recipe, state, *data)
    assert (np.asarray(error) < 0.1).all()
