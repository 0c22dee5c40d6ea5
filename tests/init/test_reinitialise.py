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
from jax.ad_checkpoint import checkpoint_name

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


@pytest.mark.slow
def test_the_activation_after_each_layer_is_found() -> None:
    model = Mixed(KEY)
    draw = partial(init.reinitialise, model, example=IMAGES[0], distribution="uniform", bias=0.01)
    drawn = [draw(jax.random.key(seed)) for seed in range(2)]
    new, report = drawn[0]
    assert {layer.path: layer.activation for layer in report.layers} == {
        path: name for path, (name, _) in ACTIVATIONS.items()
    }
    for path, (name, fn) in ACTIVATIONS.items():
        layer = layer_at(new, path)
        limit = sqrt(3 / prod(layer.weight.shape[1:])) * init.gain(fn)
        largest = max(float(jnp.abs(layer_at(one, path).weight).max()) for one, _ in drawn)
        assert 0.95 * limit < largest <= limit * (1 + 1e-6), path
        if layer.bias is not None:
            np.testing.assert_array_equal(layer.bias, np.float32(0.01 if name else 0))
    assert report.untouched == {"norm": "LayerNorm", "slopes": "PReLU"}
    assert "untouched: norm (LayerNorm)" in str(report)


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def stack(make: Callable[[jax.Array], Any], members: int) -> Any:
    return eqx.filter_vmap(make)(jax.random.split(KEY, members))


def each(model: Any, x: jax.Array) -> jax.Array:
    """Every member of an ensemble, on the same example."""
    return eqx.filter_vmap(lambda member, x: member(x), in_axes=(eqx.if_array(0), None))(model, x)


class Small(eqx.Module):
    """A convolution, an activation and a linear layer; `run` puts a function of x into control flow."""

    conv: eqx.nn.Conv1d
    last: eqx.nn.Linear
    run: Callable[..., Any] = eqx.field(static=True)

    def __init__(self, key: jax.Array, run: Callable[..., Any] = lambda f, x: f(x)):
        self.conv = eqx.nn.Conv1d(16, 32, 3, groups=2, padding=1, key=key)
        self.last = eqx.nn.Linear(32, 32, key=key)
        self.run = run

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(jaxact.mish(self.run(lambda x: self.conv(x), x)).mean(1))


SIGNALS = jax.random.normal(KEY, (40, 16, 8))


def test_members_of_an_ensemble_have_the_fan_of_their_own_layer() -> None:
    alone, _ = init.reinitialise(Small(KEY), KEY, jaxact.relu, distribution="uniform")
    for mode in ("fan_in", "fan_out", "fan_avg"):
        one, many = (
            init.reinitialise(model, KEY, example=SIGNALS[0], apply=apply, mode=mode)[1].layers
            for model, apply in ((Small(KEY), lambda m, x: m(x)), (stack(Small, 5), each))
        )
        assert [(layer.weight, layer.activation) for layer in one] == [(m.weight, m.activation) for m in many]
        assert [layer.activation for layer in many] == ["mish", ""]
        assert [layer.kind for layer in many] == ["5 x Conv1d", "5 x Linear"]
    twice = eqx.filter_vmap(lambda _: stack(Small, 3))(jnp.zeros(2))
    new, report = init.reinitialise(twice, KEY, jaxact.relu, distribution="uniform")
    assert report.layers[0].kind == "2 x 3 x Conv1d"
    assert jnp.abs(new.conv.weight).max() <= jnp.abs(alone.conv.weight).max() * 1.01
    np.testing.assert_allclose(jnp.std(new.last.weight), sqrt(2 / 32), rtol=0.02)
    assert jnp.unique(new.last.weight).size > 6000  # a few of 6144 floats are equal by chance


def test_lsuv_scales_each_member_of_an_ensemble() -> None:
    new, _ = init.lsuv(stack(Small, 3), KEY, SIGNALS, apply=each)
    np.testing.assert_allclose(jax.vmap(lambda x: each(new, x))(SIGNALS).var((0, 2)), 1, rtol=1e-4)
    convs = jax.vmap(lambda x: each(new.conv, x))(SIGNALS)
    np.testing.assert_allclose(convs.var((0, 2, 3)), 1, rtol=1e-4)
    gram = jnp.einsum("mij,mkj->mik", new.last.weight, new.last.weight)
    np.testing.assert_allclose(gram, gram[:, :1, :1] * np.eye(32)[None], atol=1e-5 * float(gram.max()))


class Stacked(eqx.Module):
    """A scan over layers, with the activation before or after each of them."""

    layers: eqx.nn.Linear
    last: eqx.nn.Linear
    before: bool = eqx.field(static=True)

    def __init__(self, before: bool):
        self.layers = stack(lambda key: eqx.nn.Linear(32, 32, key=key), 4)
        self.last = eqx.nn.Linear(32, 32, key=KEY)
        self.before = before

    def __call__(self, x: jax.Array) -> jax.Array:
        arrays, rest = eqx.partition(self.layers, eqx.is_array)

        def step(x: jax.Array, layer: Any) -> tuple[jax.Array, None]:
            layer = eqx.combine(layer, rest)
            return (layer(jaxact.tanh(x)) if self.before else jaxact.tanh(layer(x))), None

        return self.last(jax.lax.scan(jax.checkpoint(step), x, arrays)[0])


@pytest.mark.parametrize("before", [False, True])
def test_layers_of_a_scan(before: bool) -> None:
    x = jax.random.normal(KEY, (64, 32))
    _, report = init.reinitialise(Stacked(before), KEY, example=x[0])
    deviation = init.gain(jaxact.tanh) / sqrt(32)
    assert [(layer.kind, layer.activation) for layer in report.layers] == [("4 x Linear", "tanh"), ("Linear", "")]
    np.testing.assert_allclose(float(report.layers[0].weight), deviation, rtol=1e-3)
    new, _ = init.lsuv(Stacked(before), KEY, x)
    for weight in (*new.layers.weight, new.last.weight):
        x = (jaxact.tanh(x) if before and weight is not new.last.weight else x) @ weight.T
        np.testing.assert_allclose(x.var(), 1, rtol=1e-4)
        x = x if before else jaxact.tanh(x)


def while_loop(f: Callable[..., Any], x: jax.Array) -> jax.Array:
    pad = lambda y: jnp.concatenate([y, y], -2)[..., :16, :]  # noqa: E731
    return jax.lax.while_loop(lambda c: c[0] < x[0, 0], lambda c: (c[0] + 1, pad(jnp.tanh(f(c[1])))), (0.0, x))[1]


def custom_jvp(f: Callable[..., Any]) -> Callable[..., Any]:
    g = jax.custom_jvp(f)
    g.defjvp(lambda primals, tangents: jax.jvp(f, primals, tangents))
    return g


CONTROL = {
    "checkpoint": jax.checkpoint,
    "custom_jvp": custom_jvp,
    "jit": jax.jit,
    "map": lambda f: lambda x: jax.lax.map(f, jnp.stack([x, x]))[0],
    "cond": lambda f: lambda x: jax.lax.cond(x[0, 0] > 0, f, lambda x: jnp.concatenate([x, x]), x),
    "switch": lambda f: lambda x: jax.lax.switch(x.astype("int32")[0, 0], [lambda x: 0 * f(x), f, f], x),
    "fori_loop": lambda f: lambda x: jax.lax.fori_loop(0, 3, lambda i, y: f(x) + 0 * y, f(x)),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrap", CONTROL.values(), ids=CONTROL)
def test_layers_inside_control_flow_are_found(wrap: Any) -> None:
    model = Small(KEY, lambda f, x: wrap(f)(x))
    _, report = init.reinitialise(model, KEY, example=SIGNALS[0])
    assert [layer.path for layer in report.layers] == ["conv", "last"]
    new, report = init.lsuv(model, KEY, SIGNALS)
    assert [layer.path for layer in report.layers] == ["conv", "last"]
    np.testing.assert_allclose(jax.vmap(new)(SIGNALS).var(), 1, rtol=1e-4)


def test_layers_inside_a_while_loop_are_found_by_tracing_and_left_alone_by_lsuv() -> None:
    model = Small(KEY, lambda f, x: jnp.concatenate([while_loop(f, x)] * 2))
    _, report = init.reinitialise(model, KEY, example=SIGNALS[0])
    assert [layer.activation for layer in report.layers] == ["tanh", ""]
    new, report = init.lsuv(model, KEY, SIGNALS)
    assert report.untouched == {"conv": "Conv1d, not found in the program"}
    assert eqx.tree_equal(new.conv, model.conv)
    np.testing.assert_allclose(jax.vmap(new)(SIGNALS).var(), 1, rtol=1e-4)


class Random(eqx.Module):
    """A random function between two layers."""

    first: eqx.nn.Linear
    last: eqx.nn.Linear
    between: Callable[..., Any]

    def __init__(self, between: Callable[..., Any]):
        self.first, self.last = (eqx.nn.Linear(32, 32, key=KEY) for _ in range(2))
        self.between = between

    def __call__(self, x: jax.Array, key: jax.Array) -> jax.Array:
        return self.last(self.between(self.first(x), key))


def dropout(rate: float) -> Callable[..., Any]:
    layer = eqx.nn.Dropout(rate)
    return lambda x, key: layer(x, key=key)


def by_mask(x: jax.Array, key: jax.Array) -> jax.Array:
    return x * jax.random.bernoulli(key, 0.8, x.shape).astype(x.dtype) / 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("between", "name", "function"),
    [
        (lambda x, key: dropout(0.5)(jaxact.relu(x), key), "relu", jaxact.relu),
        (lambda x, key: dropout(0.1)(dropout(0.3)(jaxact.silu(x), key), key), "silu", jaxact.silu),
        (lambda x, key: by_mask(jaxact.tanh(x), key), "tanh", jaxact.tanh),
        (lambda x, key: jaxact.relu(dropout(0.5)(x, key)), "div, _where, relu", jaxact.relu),
        (dropout(0.5), "", jaxact.identity),
        (lambda x, key: jaxact.rrelu(x, key=key), None, jaxact.rrelu),
        (lambda x, key: jaxact.relu(x + jax.random.normal(key, x.shape)), None, None),
    ],
)
@pytest.mark.parametrize("key_is_given", [True, False])
def test_random_numbers_are_averaged_over(between: Any, name: str | None, function: Any, key_is_given: bool) -> None:
    model = Random(between)
    example = (jnp.ones(32), KEY) if key_is_given else jnp.ones(32)
    apply = lambda model, x, key=KEY: model(x, key)  # noqa: E731
    first, last = init.reinitialise(model, KEY, example=example, apply=apply)[1].layers
    assert name is None or first.activation == name
    assert last.activation == ""
    if function is None:  # E relu(x + z) = x cdf(x) + pdf(x)
        function = lambda x: x * jax.scipy.stats.norm.cdf(x) + jax.scipy.stats.norm.pdf(x)  # noqa: E731
    np.testing.assert_allclose(float(first.weight), init.gain(function) / sqrt(32), rtol=5e-3)


def test_random_weights_are_those_of_their_layer() -> None:
    class DropConnect(Random):
        __init__ = Random.__init__

        def __call__(self, x: jax.Array, key: jax.Array) -> jax.Array:
            return self.last(jaxact.relu(by_mask(self.first.weight, key) @ x))

    _, report = init.reinitialise(DropConnect(by_mask), KEY, example=(jnp.ones(32), KEY))
    assert [layer.activation for layer in report.layers] == ["relu", ""]


def test_an_activation_under_vmap_has_its_name() -> None:
    mlp = eqx.nn.MLP(4, 4, 4, 1, activation=jaxact.mish, key=KEY)
    batched = init.reinitialise(mlp, KEY, example=jnp.ones((3, 4)), apply=lambda m, x: jax.vmap(m)(x))[1]
    reports = [batched]
    jax.vmap(lambda x: (reports.append(init.reinitialise(mlp, KEY, example=x)[1]), x)[1])(jnp.ones((3, 4)))
    assert [report.layers[0].activation for report in reports] == ["mish", "mish"]


def test_activations_by_path() -> None:
    mlp = eqx.nn.MLP(4, 4, 4, 2, activation=jaxact.tanh, key=KEY)
    for by_name, by_function in (("relu", jaxact.relu), ({"layers[1]": "hardswish"}, {"layers[1]": jaxact.hard_silu})):
        (named, _), (same, _) = (init.reinitialise(mlp, KEY, activation) for activation in (by_name, by_function))
        assert eqx.tree_equal(named, same)
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
        (
            lambda: init.reinitialise(MLP, KEY, example=jnp.ones(9)),
            r"reinitialise was called with arrays of shape \(9,\), for which the model failed .*; expected an exam",
        ),
        (
            lambda: init.reinitialise(MLP, KEY, example=(jnp.ones(4), jnp.ones(2), 3)),
            r"with arrays of shape \(4,\), \(2,\), 3, for which the model failed \(TypeError: .*without a batch axis",
        ),
        (
            lambda: init.lsuv(MLP, KEY, jnp.ones((3, 9))),
            r"lsuv was called with arrays of shape \(3, 9\), for .* failed .*; expected a batch of examples",
        ),
        (
            lambda: init.lsuv(MLP, KEY, jnp.ones(4)),
            r"lsuv was called with arrays of shape \(4,\), .*; expected a b",
        ),
        (
            lambda: init.lsuv(MLP, KEY, jax.ShapeDtypeStruct((3, 4), jnp.float32)),
            r"lsuv was called with a jax.ShapeDtypeStruct; expected arrays",
        ),
        (lambda: init.lsuv(MLP, KEY, 1.0), r"lsuv was called with arrays of shape 1.0, .*; expected a batch"),
        (lambda: init.reinitialise(MLP, KEY, "rleu"), "'rleu'; expected the name of an activation .* relu"),
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


class Wrapped(eqx.Module):
    """A convolution, something before its activation, and a linear layer."""

    first: eqx.nn.Conv2d
    before: Callable[[jax.Array], jax.Array]
    last: eqx.nn.Linear

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(jaxact.relu(self.before(self.first(x))).ravel())


def _printed(x: jax.Array) -> jax.Array:
    jax.debug.callback(lambda x: None, x)
    return x


@pytest.mark.parametrize(
    ("before", "size"),
    [
        (eqx.nn.AvgPool2d(2, 2), 48),
        (eqx.nn.MaxPool2d(2, 2), 48),
        (eqx.nn.AvgPool2d(3, 2, padding=1), 48),
        (partial(checkpoint_name, name="before"), 192),
        (_printed, 192),
    ],
    ids=["average pool", "max pool", "padded average pool", "checkpoint_name", "debug callback"],
)
def test_what_comes_before_an_activation_does_not_hide_it(before: Any, size: int) -> None:
    model = Wrapped(eqx.nn.Conv2d(1, 3, 3, padding=1, key=KEY), before, eqx.nn.Linear(size, 2, key=KEY))
    for example in (IMAGES[0, :, :8, :8], jax.ShapeDtypeStruct((1, 8, 8), "float32")):
        _, report = init.reinitialise(model, KEY, example=example)
        assert [(layer.activation, layer.weight) for layer in report.layers] == [
            ("relu", f"{(2 / 9) ** 0.5:.4g}"),
            ("", f"{size**-0.5:.4g}"),
        ]
