"""Models with new weights: the activation after each layer is found, nothing else changes, and the models train."""

from collections.abc import Callable
from functools import partial
from math import prod, sqrt
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxact
from jaxact import init

KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (64, 1, 12, 12))


class Mixed(eqx.Module):
    """Convolutions, also grouped, a norm, attention with a residual sum, and four different activations."""

    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d
    slopes: jaxact.nn.PReLU
    pool: eqx.nn.MaxPool2d
    norm: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    up: eqx.nn.Linear
    down: eqx.nn.Linear
    head: eqx.nn.MLP

    def __init__(self, key: jax.Array):
        keys = jax.random.split(key, 6)
        self.first = eqx.nn.Conv2d(1, 8, 3, key=keys[0])
        self.second = eqx.nn.Conv2d(8, 16, 3, groups=4, key=keys[1])
        self.slopes = jaxact.nn.PReLU(16)
        self.pool = eqx.nn.MaxPool2d(2, 2)
        self.norm = eqx.nn.LayerNorm(16)
        self.attention = eqx.nn.MultiheadAttention(4, 16, key=keys[2])
        self.up = eqx.nn.Linear(16, 48, key=keys[3])
        self.down = eqx.nn.Linear(48, 16, use_bias=False, key=keys[4])
        self.head = eqx.nn.MLP(16, 4, 32, 2, activation=jaxact.mish, key=keys[5])

    def __call__(self, x: jax.Array) -> jax.Array:
        x = jax.nn.relu(self.pool(self.first(x)))
        x = self.slopes(self.second(x))
        tokens = x.reshape(16, -1).T
        normed = jax.vmap(self.norm)(tokens)
        tokens = tokens + self.attention(normed, normed, normed)
        wide = jax.vmap(self.up)(tokens)
        tokens = tokens + jax.vmap(self.down)(wide * jax.nn.sigmoid(wide))  # silu, written out
        return self.head(jnp.mean(tokens, 0))


ACTIVATIONS = {
    "first": ("relu", jaxact.relu),
    "second": ("prelu", partial(jaxact.leaky_relu, negative_slope=0.25)),
    "attention.query_proj": ("", jaxact.identity),
    "attention.key_proj": ("", jaxact.identity),
    "attention.value_proj": ("", jaxact.identity),
    "attention.output_proj": ("", jaxact.identity),
    "up": ("logistic, mul", jaxact.silu),
    "down": ("", jaxact.identity),
    "head.layers[0]": ("mish", jaxact.mish),
    "head.layers[1]": ("mish", jaxact.mish),
    "head.layers[2]": ("", jaxact.identity),
}


def layer_at(model: Any, path: str) -> Any:
    for part in path.replace("[", ".").replace("]", "").split("."):
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model


def test_the_activation_after_each_layer_is_found() -> None:
    model = Mixed(KEY)
    draw = partial(init.reinitialise, model, example=IMAGES[0], distribution="uniform", bias=0.01)
    drawn = [draw(jax.random.key(seed)) for seed in range(5)]
    new, report = drawn[0]
    assert {layer.path: layer.activation for layer in report.layers} == {
        path: name for path, (name, _) in ACTIVATIONS.items()
    }
    for path, (name, fn) in ACTIVATIONS.items():
        layer = layer_at(new, path)
        limit = sqrt(3 / prod(layer.weight.shape[1:])) * init.gain(fn)
        largest = max(float(jnp.abs(layer_at(one, path).weight).max()) for one, _ in drawn)
        assert 0.97 * limit < largest <= limit * (1 + 1e-6), path
        if layer.bias is not None:
            np.testing.assert_array_equal(layer.bias, np.float32(0.01 if name else 0))
    assert report.untouched == {"norm": "LayerNorm", "slopes": "PReLU"}
    assert "untouched: norm (LayerNorm)" in str(report)


def test_everything_else_and_the_types_are_unchanged() -> None:
    model = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16) if eqx.is_array(leaf) else leaf, Mixed(KEY))
    for new, _ in (
        init.reinitialise(model, KEY, example=IMAGES[0].astype(jnp.bfloat16)),
        init.lsuv(model, KEY, IMAGES.astype(jnp.bfloat16)),
    ):
        assert jax.tree.structure(new) == jax.tree.structure(model)
        assert all(
            a.dtype == b.dtype
            for a, b in zip(jax.tree.leaves(new), jax.tree.leaves(model), strict=True)
            if eqx.is_array(a)
        )
        for path in ACTIVATIONS:
            assert not eqx.tree_equal(layer_at(new, path).weight, layer_at(model, path).weight)
            new = eqx.tree_at(partial(layer_at, path=path), new, layer_at(model, path))
        assert eqx.tree_equal(new, model)


def test_a_mixed_model_trains_from_new_weights() -> None:
    labels = jnp.argmax(
        jnp.stack([IMAGES[:, 0, :6, :6], IMAGES[:, 0, 6:, :6], IMAGES[:, 0, :6, 6:], IMAGES[:, 0, 6:, 6:]]).std((2, 3)),
        0,
    )
    optimizer = optax.adam(3e-3)

    @eqx.filter_jit
    def step(model: Any, state: Any) -> Any:
        loss = lambda model: jnp.mean(jaxact.cross_entropy_from_logits(jax.vmap(model)(IMAGES), labels))  # noqa: E731
        value, gradient = eqx.filter_value_and_grad(loss)(model)
        updates, state = optimizer.update(gradient, state)
        return eqx.apply_updates(model, updates), state, value

    for model, _ in (init.reinitialise(Mixed(KEY), KEY, example=IMAGES[0]), init.lsuv(Mixed(KEY), KEY, IMAGES)):
        state, losses = optimizer.init(eqx.filter(model, eqx.is_array)), []
        with jax.numpy_dtype_promotion("standard"):  # Adam raises a float to an integer power
            for _ in range(150):
                model, state, value = step(model, state)
                losses.append(float(value))
        assert losses[-1] < 0.1 * losses[0]


def test_lsuv_gives_every_layer_outputs_of_variance_1() -> None:
    """Measured layer by layer, without tracing."""
    widths = [20, 50, 10, 30]
    keys = jax.random.split(KEY, 3)
    model = eqx.nn.Sequential(
        [
            part
            for n_in, n_out, k in zip(widths, widths[1:], keys, strict=False)
            for part in (eqx.nn.Linear(n_in, n_out, key=k), eqx.nn.Lambda(jaxact.sigmoid))
        ]
    )
    x = 7 * jax.random.normal(KEY, (256, 20))
    new, report = init.lsuv(model, KEY, x)
    for part in new.layers:
        x = jax.vmap(part)(x)
        if isinstance(part, eqx.nn.Linear):
            np.testing.assert_allclose(jnp.var(x), 1, rtol=1e-4)
            rows = part.weight if part.weight.shape[0] <= part.weight.shape[1] else part.weight.T
            gram = rows @ rows.T
            np.testing.assert_allclose(gram, gram[0, 0] * np.eye(len(gram)), atol=1e-5 * float(gram[0, 0]))
    assert [layer.bias for layer in report.layers] == ["0", "0", "0"]


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("kind", ["conv", "transposed"])
def test_convolutions_keep_the_second_moment(kind: str, groups: int) -> None:
    make: Any = {"conv": eqx.nn.Conv1d, "transposed": partial(eqx.nn.ConvTranspose1d, stride=2)}[kind]
    layer = make(64, 64, 4, groups=groups, key=KEY)
    new, _ = init.reinitialise(layer, KEY, jaxact.relu)
    y = new(jax.random.normal(KEY, (64, 4096)))[:, 8:-8]
    np.testing.assert_allclose(jnp.mean(y**2), 2, rtol=0.1)


@pytest.mark.slow
def test_signals_and_gradients_survive_50_layers_at_the_edge_of_chaos() -> None:
    model = eqx.nn.MLP(300, 300, 300, 50, activation=jaxact.tanh, key=KEY)
    new, report = init.reinitialise(model, KEY, jaxact.tanh, mode="critical")
    point = init.edge_of_chaos(jaxact.tanh)
    assert report.layers[3].bias == f"0 +- {point.sigma_b:.4g}"
    np.testing.assert_allclose(jnp.std(layer_at(new, "layers[20]").bias), point.sigma_b, rtol=0.15)

    def norms(model: Any) -> tuple[Any, Any]:
        x = jax.random.normal(KEY, (300,))
        y, pull = jax.vjp(jax.jit(lambda x: model(x)), x)
        return jnp.mean(y**2), jnp.mean(pull(jax.random.normal(jax.random.key(5), y.shape))[0] ** 2)

    assert all(0.3 < float(norm) < 3 for norm in norms(new))
    assert float(norms(model)[1]) < 1e-20  # Equinox's own weights have variance 1 / (3 * fan-in)


def test_an_ensemble_by_vmap_of_a_model_with_several_arguments() -> None:
    class Noisy(eqx.Module):
        layer: eqx.nn.Linear
        dropout: eqx.nn.Dropout

        def __call__(self, x: jax.Array, scale: jax.Array, *, key: jax.Array) -> jax.Array:
            return jaxact.relu(self.dropout(self.layer(x) * scale, key=key))

    model = Noisy(eqx.nn.Linear(40, 50, key=KEY), eqx.nn.Dropout(0.5))
    example = (jnp.ones(40), jnp.ones(()))
    apply = lambda model, x, scale: model(x, scale, key=KEY)  # noqa: E731

    def one(key: jax.Array) -> Any:
        return init.reinitialise(model, key, jaxact.relu, example=example, apply=apply)[0]

    ensemble = eqx.filter_vmap(one)(jax.random.split(KEY, 30))
    assert ensemble.layer.weight.shape == (30, 50, 40)
    np.testing.assert_allclose(jnp.std(ensemble.layer.weight), sqrt(2 / 40), rtol=0.02)


def test_activations_by_path_and_layers_that_the_trace_does_not_find() -> None:
    class Stacked(eqx.Module):
        layers: eqx.nn.Linear
        last: eqx.nn.Linear

        def __call__(self, x: jax.Array) -> jax.Array:
            arrays, rest = eqx.partition(self.layers, eqx.is_array)
            step = lambda x, layer: (jaxact.relu(eqx.combine(layer, rest)(x)), None)  # noqa: E731
            return self.last(jax.lax.scan(step, x, arrays)[0])

    layers = eqx.filter_vmap(lambda key: eqx.nn.Linear(8, 8, key=key))(jax.random.split(KEY, 3))
    model = Stacked(layers, eqx.nn.Linear(8, 8, key=KEY))
    new, report = init.reinitialise(model, KEY, example=jnp.ones(8))
    assert report.untouched == {"layers": "Linear, not found in the program"}
    assert eqx.tree_equal(new.layers, model.layers)
    mlp = eqx.nn.MLP(4, 4, 4, 2, activation=jaxact.tanh, key=KEY)
    _, report = init.reinitialise(mlp, KEY, {"layers[0]": jaxact.relu})
    assert [layer.activation for layer in report.layers] == ["relu", "", ""]
    _, report = init.reinitialise(mlp, KEY, {"layers[0]": jaxact.relu}, example=jnp.ones(4))
    assert [layer.activation for layer in report.layers] == ["relu", "tanh", ""]


MLP = eqx.nn.MLP(4, 4, 4, 1, key=KEY)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: init.reinitialise(MLP, KEY), "without activation and without example; expected one of them"),
        (
            lambda: init.reinitialise(MLP, KEY, {"layer": jaxact.relu}),
            r"with activation for 'layer'; .*'layers\[0\]', 'laye",
        ),
        (
            lambda: init.reinitialise(MLP, KEY, jaxact.relu, mode="in"),
            "mode = 'in' and .*; expected 'fan_in', .*'critical'",
        ),
        (lambda: init.reinitialise(MLP, KEY, jaxact.step, mode="fan_out"), "step, whose slopes are 0 everywhere"),
        (
            lambda: init.lsuv(MLP, KEY, jnp.zeros((3, 4))),
            r"all outputs of layers\[0\] are equal or not finite; expected finite examples",
        ),
    ],
)
def test_errors_are_sentences(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
