"""The modules that learn: in all that Equinox does with a module, and on tasks that only a learnt parameter solves."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxact
from jaxact.nn import Maxout, PReLU

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(5,)).astype("float32"))
MODULES = {
    "PReLU shared": lambda: PReLU(),
    "PReLU per channel": lambda: PReLU(5),
    "Maxout": lambda: Maxout(5, 3, key=KEY),
    "Maxout of three without bias": lambda: Maxout(5, 3, 3, use_bias=False, key=KEY),
    "in a Sequential": lambda: eqx.nn.Sequential([eqx.nn.Linear(5, 4, key=KEY), PReLU(4), Maxout(4, 2, key=KEY)]),
    "in an MLP": lambda: eqx.nn.MLP(5, 2, 4, 2, activation=PReLU(), key=KEY),
}
modules = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


@modules
def test_jit_grad_vmap_and_ensembles(make: Callable[[], Any]) -> None:
    model = make()

    def loss(model: Any, x: jax.Array) -> jax.Array:
        return jnp.sum(model(x) ** 2)

    np.testing.assert_allclose(eqx.filter_jit(model)(X), model(X), rtol=1e-6)
    batch = jnp.stack([X, 2 * X, -X])
    np.testing.assert_allclose(jax.vmap(model)(batch)[1], model(2 * X), rtol=1e-6)
    gradient = eqx.filter_jit(eqx.filter_grad(loss))(model, X)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(eqx.filter(gradient, eqx.is_array)))
    arrays, rest = eqx.partition(model, eqx.is_array)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), arrays)
    ensemble = jax.vmap(lambda leaves: eqx.combine(leaves, rest)(X))(stacked)
    np.testing.assert_allclose(ensemble[1], model(X), rtol=1e-6)


@modules
def test_serialisation_and_copies(make: Callable[[], Any]) -> None:
    model = make()
    doubled = jax.tree.map(lambda leaf: 2 * leaf if eqx.is_array(leaf) else leaf, model)
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, doubled)
    file.seek(0)
    assert eqx.tree_equal(eqx.tree_deserialise_leaves(file, model), doubled)
    assert eqx.tree_equal(copy.deepcopy(model), model)


def test_modules_pickle() -> None:
    for model in (PReLU(3), Maxout(2, 2, key=KEY)):
        assert eqx.tree_equal(pickle.loads(pickle.dumps(model)), model)


def test_prelu_starts_at_a_quarter_and_learns_its_slope() -> None:
    model = PReLU()
    assert model.alpha == 0.25
    x = jnp.linspace(-2, 2, 64)
    target = jaxact.prelu(x, -0.7)  # a slope that no max(x, alpha * x) below 1 would lose
    optimiser = optax.sgd(0.5)
    state = optimiser.init(eqx.filter(model, eqx.is_array))

    @eqx.filter_jit
    def step(model: PReLU, state: optax.OptState) -> tuple[PReLU, optax.OptState]:
        gradient = eqx.filter_grad(lambda model: jnp.mean((model(x) - target) ** 2))(model)
        updates, state = optimiser.update(gradient, state)
        return eqx.apply_updates(model, updates), state

    for _ in range(100):
        model, state = step(model, state)
    assert model.alpha == pytest.approx(-0.7, abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_prelu_per_channel_on_any_axis(axis: int) -> None:
    x = -jnp.ones((3, 3, 3))
    model = eqx.tree_at(lambda m: m.alpha, PReLU(3, channel_axis=axis), jnp.asarray([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(jnp.moveaxis(model(x), axis, 0)[:, 0, 0], [-0.1, -0.2, -0.3], rtol=1e-6)
    gradient = eqx.filter_grad(lambda m: m(x).sum())(model)
    np.testing.assert_array_equal(gradient.alpha, [-9, -9, -9])


def test_prelu_keeps_the_type_of_x() -> None:
    for dtype in ("bfloat16", "float16", "float32"):
        assert PReLU()(jnp.ones(3, dtype)).dtype == dtype
        assert PReLU(3, dtype=jnp.bfloat16)(jnp.ones(3, dtype)).dtype == dtype


def test_prelu_refuses_what_makes_no_sense() -> None:
    number: Any
    for number in (0, -1, 2.5, "3"):
        with pytest.raises(
            ValueError, match=r"PReLU was called with num_parameters = .*; expected None or an int >= 1"
        ):
            PReLU(number)
    for shape in ((4,), (4, 3), ()):
        with pytest.raises(ValueError, match=r"PReLU with 3 slopes along axis 0 was called with an array of shape \("):
            PReLU(3)(jnp.ones(shape))


def test_maxout_is_the_largest_of_affine_functions() -> None:
    model = Maxout(5, 3, 4, key=KEY)
    weight, bias = np.asarray(model.weight), np.asarray(model.bias)
    want = np.max([weight[k] @ X + bias[k] for k in range(4)], axis=0)
    np.testing.assert_allclose(model(X), want, rtol=1e-6)
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == 4 * (5 * 3 + 3)


@pytest.mark.parametrize("leak", [0.0, 0.01])
def test_maxout_becomes_relu_and_leaky_relu(leak: float) -> None:
    """With weight[0] = leak * weight[1] and the biases likewise: values and gradients, on 10,000 points."""
    layer: Any = eqx.nn.Linear(5, 8, key=KEY)
    model = eqx.tree_at(
        lambda m: (m.weight, m.bias),
        Maxout(5, 8, key=KEY),
        (jnp.stack([leak * layer.weight, layer.weight]), jnp.stack([leak * layer.bias, layer.bias])),
    )
    x = jax.random.normal(KEY, (10_000, 5))

    def reference(x: jax.Array) -> jax.Array:
        return jaxact.leaky_relu(layer(x), leak)

    np.testing.assert_allclose(jax.vmap(model)(x), jax.vmap(reference)(x), rtol=1e-4, atol=1e-6)
    slopes = [jax.vmap(jax.grad(lambda x, f=f: f(x).sum()))(x) for f in (model, reference)]
    np.testing.assert_allclose(*slopes, rtol=1e-4, atol=1e-6)


def test_maxout_fits_the_absolute_value_exactly() -> None:
    model = eqx.tree_at(
        lambda m: (m.weight, m.bias), Maxout(1, 1, key=KEY), (jnp.asarray([[[1.0]], [[-1.0]]]), jnp.zeros((2, 1)))
    )
    x = jnp.linspace(-3, 3, 101)[:, None]
    np.testing.assert_array_equal(jax.vmap(model)(x), jnp.abs(x))


def test_maxout_refuses_what_makes_no_sense() -> None:
    sizes: Any
    for sizes in ((0, 1, 2), (1, 0, 2), (1, 1, 0), (1.5, 1, 2)):
        with pytest.raises(ValueError, match=r"Maxout was called with .* = .*; expected an int >= 1"):
            Maxout(*sizes, key=KEY)
    for shape in ((2, 5), (4,), ()):
        with pytest.raises(
            ValueError, match=r"Maxout was called with an array of shape \(.*; expected \(5,\), one example"
        ):
            Maxout(5, 3, key=KEY)(jnp.ones(shape))
