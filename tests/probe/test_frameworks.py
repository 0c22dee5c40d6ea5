"""Models of other libraries, as they are: what probe sees in them, and that swap changes it."""

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import eight_devices
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import jaxact
from jaxact.probe import Sites, probe, swap, value_and_grad

os.environ.setdefault("KERAS_BACKEND", "jax")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.normal(0, 1, (8, 6)).astype("float32"))
IMAGES = jnp.asarray(RANDOM.normal(0, 1, (2, 3, 16, 16)).astype("float32"))


@pytest.fixture(autouse=True)
def promotion_of_users() -> Iterator[None]:
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def library(name: str) -> Any:
    pytest.importorskip(name)
    return importlib.import_module(name)


def check(fun: Callable[..., Any], *args: Any, activation: str) -> Sites:
    """The sites of a model whose results stay the same, and change if the activation is swapped."""

    def everything(*args: Any) -> Any:
        return fun(*args), probe(fun)(*args), swap(fun, {activation: jnp.zeros_like})(*args)

    out, (probed, sites), swapped = eqx.filter_jit(everything)(*args)
    for a, b in zip(jax.tree.leaves(out), jax.tree.leaves(probed), strict=True):
        np.testing.assert_allclose(np.asarray(b), np.asarray(a), rtol=1e-4, atol=1e-5)
    assert not np.allclose(jax.tree.leaves(out)[0], jax.tree.leaves(swapped)[0])
    return sites


def listed(sites: Sites) -> list[tuple[str, tuple[int, ...]]]:
    return [(site.activation, site.shape) for site in sites.values()]


def forward(model: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(model)(x)


def test_equinox_mlp_and_convnet() -> None:
    mlp = eqx.nn.MLP(6, 3, 16, 2, final_activation=jnp.tanh, key=KEY)
    assert listed(check(forward, mlp, X, activation="relu")) == [("relu", (8, 16)), ("relu", (8, 16)), ("tanh", (8, 3))]
    keys = jax.random.split(KEY, 3)
    convnet = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(3, 4, 3, key=keys[0]),
            eqx.nn.Lambda(jax.nn.silu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.GroupNorm(2, 4),
            eqx.nn.Conv2d(4, 5, 3, key=keys[1]),
            eqx.nn.Lambda(jax.nn.gelu),
            eqx.nn.Lambda(lambda x: x.mean((1, 2))),
            eqx.nn.Linear(5, 3, key=keys[2]),
        ]
    )
    sites = check(forward, convnet, IMAGES, activation="silu")
    assert listed(sites) == [("silu", (2, 4, 14, 14)), ("gelu", (2, 5, 5, 5))]
    assert [site.unit_axes for site in sites.values()] == [(1,), (1,)]


def test_equimo_vision_transformer() -> None:
    library("equimo")
    vit = importlib.import_module("equimo.vision.models.vit")
    model = vit.VisionTransformer(
        img_size=16, in_channels=3, dim=12, patch_size=8, num_heads=2, depths=[2], num_classes=4, key=KEY
    )
    sites = check(lambda model, x: jax.vmap(lambda v: model(v, key=KEY))(x), model, IMAGES, activation="softmax")
    kinds = [site.activation for site in sites.values()]
    assert kinds == ["softmax", "gelu_exact"] * 2 or kinds == ["softmax", "gelu"] * 2


def test_flax_linen() -> None:
    linen = library("flax.linen")

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            x = linen.relu(linen.BatchNorm(use_running_average=True)(linen.Conv(4, (3, 3))(x)))
            x = linen.max_pool(x, (2, 2), (2, 2))
            return linen.Dense(3)(linen.gelu(linen.Dense(8)(x.reshape(x.shape[0], -1))))

    model, images = Net(), jnp.moveaxis(IMAGES, 1, -1)
    sites = check(model.apply, model.init(KEY, images), images, activation="gelu")
    assert list(sites) == ["Net/relu", "Net/gelu"]
    assert listed(sites) == [("relu", (2, 16, 16, 4)), ("gelu", (2, 8))]
    assert [site.unit_axes for site in sites.values()] == [(3,), (1,)]


def test_flax_nnx() -> None:
    nnx = library("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs: Any):
            self.first, self.second = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            return nnx.softmax(self.second(self.attention(nnx.silu(self.first(x)))))

    graph, state = nnx.split(Net(nnx.Rngs(0)))
    sites = check(lambda state, x: nnx.merge(graph, state)(x), state, X[None], activation="silu")
    assert [site.activation for site in sites.values()] == ["silu", "softmax", "softmax"]


def test_haiku() -> None:
    hk = library("haiku")
    net = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([8, 8, 3], activation=jax.nn.elu)(x)))
    sites = check(net.apply, net.init(KEY, X), X, activation="elu")
    assert list(sites) == ["mlp/elu[0]", "mlp/elu[1]"]
    assert listed(sites) == [("elu", (8, 8))] * 2


def test_keras_on_jax() -> None:
    keras = library("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on another backend")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.Dense(8, activation="gelu"),
            layers.LayerNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    weights = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    sites = check(lambda w, x: model.stateless_call(w, others, x)[0], weights, X, activation="relu")
    assert listed(sites) == [("relu", (8, 8)), ("gelu_exact", (8, 8)), ("softmax", (8, 3))]
    assert all(name.split("/")[-2].startswith("dense") for name in sites)


def test_lstm_by_a_scan() -> None:
    def last(cell: Any, xs: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda state, x: (cell(x, state), None), (jnp.zeros(5), jnp.zeros(5)), xs)[0][0]

    sites = check(last, eqx.nn.LSTMCell(6, 5, key=KEY), X, activation="tanh")
    assert sorted(site.activation for site in sites.values()) == ["sigmoid"] * 3 + ["tanh"] * 2
    assert all(site.saturated.shape == (8,) for site in sites.values())


def test_neural_ode_reports_its_loop() -> None:
    diffrax = library("diffrax")
    field = eqx.nn.MLP(3, 3, 8, 1, activation=jnp.tanh, key=KEY)

    def end(field: Any, y: jax.Array) -> Any:
        term = diffrax.ODETerm(lambda t, y, args: field(y))
        return jax.nn.relu(diffrax.diffeqsolve(term, diffrax.Tsit5(), 0.0, 1.0, 0.1, y).ys)

    sites = check(end, field, jnp.ones(3), activation="relu")
    assert list(sites) == ["relu"]
    assert sites.not_entered[0].startswith("while with tanh")
    (loss, gradient), _ = eqx.filter_jit(value_and_grad(lambda field, y: end(field, y).sum()))(field, jnp.ones(3))
    expected = eqx.filter_jit(eqx.filter_grad(lambda field, y: end(field, y).sum()))(field, jnp.ones(3))
    assert np.isfinite(loss)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(eqx.filter(expected, eqx.is_array)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="also in while with tanh"):
        swap(end, {"tanh": jaxact.gelu})(field, jnp.ones(3))


class Block(eqx.Module):
    attention: eqx.nn.MultiheadAttention
    norms: list[eqx.nn.LayerNorm]
    mlp: eqx.nn.MLP

    def __init__(self, key: Any):
        keys = jax.random.split(key)
        self.attention = eqx.nn.MultiheadAttention(2, 6, key=keys[0])
        self.norms = [eqx.nn.LayerNorm(6), eqx.nn.LayerNorm(6)]
        self.mlp = eqx.nn.MLP(6, 6, 24, 1, activation=jax.nn.gelu, key=keys[1])

    def __call__(self, x: jax.Array) -> jax.Array:
        y = jax.vmap(self.norms[0])(x)
        x = x + self.attention(y, y, y, mask=jnp.tril(jnp.ones((len(x), len(x)), bool)))
        return x + jax.vmap(self.mlp)(jax.vmap(self.norms[1])(x))


def test_rematted_transformer_block() -> None:
    blocks = [Block(key) for key in jax.random.split(KEY)]

    def loss(blocks: Any, x: jax.Array) -> jax.Array:
        for block in blocks:
            x = eqx.filter_checkpoint(block)(x)
        return jnp.mean(jnp.square(x))

    sites = check(loss, blocks, X, activation="gelu")
    assert listed(sites) == [("softmax", (2, 8, 8)), ("gelu", (8, 24))] * 2
    (_, gradient), with_gradients = eqx.filter_jit(value_and_grad(loss))(blocks, X)
    expected = eqx.filter_jit(eqx.filter_grad(loss))(blocks, X)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(eqx.filter(expected, eqx.is_array)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert all(site.output_cotangent is not None for site in with_gradients.values())


@eight_devices
def test_step_sharded_over_eight_devices() -> None:
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    model = eqx.nn.MLP(6, 3, 16, 1, key=KEY)
    loss = lambda model, x: jnp.mean(jnp.square(forward(model, x)))  # noqa: E731
    x = jax.device_put(jnp.concatenate([X, -X]), NamedSharding(mesh, P("batch")))

    @eqx.filter_jit
    def step(model: Any, x: jax.Array) -> Any:
        (value, gradient), sites = value_and_grad(loss)(model, x)
        return eqx.apply_updates(model, jax.tree.map(lambda g: -0.1 * g, gradient)), value, sites

    _, value, sites = step(model, x)
    _, alone, same_sites = step(model, jax.device_put(x, jax.devices()[0]))
    np.testing.assert_allclose(value, alone, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(sites), jax.tree.leaves(same_sites), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-6)
