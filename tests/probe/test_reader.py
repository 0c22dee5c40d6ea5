"""What the reader takes for an activation, and what it does not."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.experimental import pallas as pl

import jaxact
from jaxact import CATALOGUE
from jaxact.probe import Sites, probe, tag

X = helpers.X
KEY = jax.random.key(0)
W = jnp.asarray(np.random.default_rng(1).normal(0, 1, (6, 6)).astype("float32"))
MLP = eqx.nn.MLP(6, 3, 16, 2, key=KEY)
T = X[:, :3]
LABELS = jnp.arange(8) % 3
LOSSES = {name for name in CATALOGUE if "from_logits" in name}
OTHER = {"identity", "step", "logsumexp", "logmeanexp"}
"""Of the catalogue, what is used for other things than activations."""
SAME = {"swish": "silu", "gelu_tanh": "gelu", "hard_swish": "hard_silu"}
BY_NAME_ONLY = {"threshold", "rrelu", "prelu", "softcap", "exponential", "log1mexp", "logcosh", "gaussian"}
"""Elementwise functions whose values others have too, or that have parameters without a default."""


def sites(fun: Callable[..., Any], *args: Any) -> Sites:
    return eqx.filter_eval_shape(probe(fun), *args)[1]


def found(fun: Callable[..., Any], *args: Any) -> list[str]:
    return [site.activation for site in sites(fun, *args).values()]


def forward(model: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(model)(x)


def written_out(fun: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """The function without the calls that have its name."""

    def evaluate(jaxpr: Any, consts: Any, args: Any) -> list[Any]:
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

        def value(variable: Any) -> Any:
            return variable.val if hasattr(variable, "val") else known[variable]

        for eqn in jaxpr.eqns:
            operands = [value(v) for v in eqn.invars]
            inner = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
            if inner is not None:
                results = evaluate(inner.jaxpr, inner.consts, operands)
            else:
                results = eqn.primitive.bind(*operands, **eqn.primitive.get_bind_params(eqn.params))
            known |= zip(eqn.outvars, results if eqn.primitive.multiple_results or inner else [results], strict=True)
        return [value(v) for v in jaxpr.outvars]

    def run(x: jax.Array) -> jax.Array:
        closed = jax.make_jaxpr(fun)(x)
        return evaluate(closed.jaxpr, closed.consts, [x])[0]

    return run


@pytest.mark.slow
def test_all_of_the_catalogue_are_found_by_name() -> None:
    names = [name for name in CATALOGUE if name not in LOSSES | OTHER]
    got = {name: found(helpers.call(CATALOGUE[name]), helpers.inputs(CATALOGUE[name])) for name in names}
    assert got == {name: [SAME.get(name, name)] for name in names}


def test_all_of_jax_nn_are_found_as_they_are_called_and_written_out() -> None:
    names = [name for name in dir(jax.nn) if name in CATALOGUE and name not in OTHER | {"log1mexp"}]
    assert len(names) > 20
    called = {name: found(getattr(jax.nn, name), X) for name in names}
    assert called == {name: [SAME.get(name, name)] for name in names}
    by_value = {name: found(written_out(getattr(jax.nn, name)), X) for name in names}
    same = SAME | {"celu": "elu", "sparse_plus": "smelu", "glu": "sigmoid"}  # at their default parameters
    assert by_value == {name: [same.get(name, name)] for name in names}


def test_elementwise_functions_of_the_catalogue_are_found_by_their_values() -> None:
    names = [f.name for f in helpers.ELEMENTWISE if f.name not in LOSSES | OTHER | BY_NAME_ONLY]
    assert len(names) > 40
    functions = {name: CATALOGUE[name].function for name in names}
    got = {name: found(lambda x, f=f: written_out(f)(x @ W), X) for name, f in functions.items()}
    same = SAME | {"celu": "elu", "sparse_plus": "smelu"}
    assert got == {name: [same.get(name, name)] for name in names}


@pytest.mark.parametrize(
    ("name", "function"),
    {
        "relu": lambda x: x * (x > 0).astype(x.dtype),
        "leaky_relu": lambda x: jnp.maximum(0.2 * x, x),
        "elu": lambda x: jnp.where(x > 0, x, 0.7 * jnp.expm1(jnp.minimum(x, 0))),
        "gelu": lambda x: 0.5 * x * (1 + jnp.tanh(0.7978846 * (x + 0.044715 * x**3))),
        "gelu_exact": lambda x: x * jax.scipy.stats.norm.cdf(x),
        "softplus": lambda x: jnp.log(1 + jnp.exp(x)),
        "sigmoid": lambda x: 1 / (1 + jnp.exp(-x)),
        "silu": lambda x: x / (1 + jnp.exp(-x)),
        "tanh": lambda x: (jnp.exp(x) - jnp.exp(-x)) / (jnp.exp(x) + jnp.exp(-x)),
        "mish": lambda x: x * jnp.tanh(jnp.log1p(jnp.exp(x))),
        "softmax": lambda x: jnp.exp(x) / jnp.exp(x).sum(-1, keepdims=True),
        "log_softmax": lambda x: x - jax.scipy.special.logsumexp(x, axis=-1, keepdims=True),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_activations_are_found_as_people_write_them(name: str, function: Callable[..., Any]) -> None:
    assert found(lambda x: function(x @ W), X) == [name]


def test_a_learnt_slope_is_a_prelu() -> None:
    assert found(lambda layer, x: jax.vmap(layer)(x @ W), eqx.nn.PReLU(0.2), X) == ["prelu"]
    sites = jax.jit(probe(lambda alpha, x: jnp.where(x < 0, alpha * x, x)))(jnp.float32(1e-6), X)[1]
    assert float(sites["prelu"].saturated) == np.sum(np.asarray(X) < 0)


def test_rows_have_the_axis_of_the_sum() -> None:
    normalised = lambda x: jnp.exp(x - x.max(0)[None]) / jnp.exp(x - x.max(0)[None]).sum(0, keepdims=True)  # noqa: E731
    for fun in (lambda x: jax.nn.softmax(x, axis=0), normalised, lambda x: jaxact.softmax(x, axis=0)):
        rows = jax.jit(probe(fun))(X)[1]["softmax"].rows
        assert rows is not None
        assert rows.count == X.shape[1]


def attention(x: jax.Array) -> jax.Array:
    causal = jnp.tril(jnp.ones((8, 8), bool))
    return eqx.nn.MultiheadAttention(2, 6, key=KEY)(x, x, x, causal)


def norms(x: jax.Array) -> jax.Array:
    batch_norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(6, "batch", mode="batch")
    for norm in (eqx.nn.LayerNorm(6), eqx.nn.RMSNorm(6), eqx.nn.GroupNorm(2, 6)):
        x = jax.vmap(norm)(x)
    x = jax.vmap(batch_norm, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)[0]
    x = (x - x.mean(0)[None]) / jnp.sqrt(jnp.maximum(x.var(0), 0) + 1e-5)[None]
    return jax.nn.standardize(x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12))


def cross_entropy_by_hand(model: Any, x: jax.Array, t: jax.Array) -> jax.Array:
    z = forward(model, x)
    return jnp.mean(jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z))))


def random_numbers(x: jax.Array) -> jax.Array:
    y = jax.random.uniform(KEY, x.shape) + jax.random.normal(KEY, x.shape) + jax.random.gumbel(KEY, x.shape)
    return eqx.nn.Dropout(0.5)(x, key=KEY) + y + jax.random.truncated_normal(KEY, -2.0, 2.0, x.shape)


def encodings(x: jax.Array, t: jax.Array) -> jax.Array:
    angles = t[:, None] * (10.0 ** -jnp.arange(3.0))[None]
    x = x + jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], 1) + jnp.sin(jnp.arange(6.0))[None]
    return eqx.nn.RotaryPositionalEmbedding(6)(x)


NOTHING: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "norms": (norms, (X,)),
    "random numbers": (random_numbers, (X,)),
    "encodings of positions": (encodings, (X, jnp.arange(8.0))),
    "mask": (lambda x: jnp.where(jnp.tril(jnp.ones(x.shape, bool)), x, -1e9), (X,)),
    "safe division": (lambda a, b: jnp.where(b == 0, 0, a / jnp.where(b == 0, 1, b)), (X, X)),
    "division by a maximum": (lambda a, b: a / jnp.maximum(b, 1e-6), (X, X)),
    "clip": (lambda x: jnp.clip(x, 0, 1) + jnp.clip(x, 1e-7, 1 - 1e-7) + jnp.clip(x, 0, 255), (X,)),
    "pooling": (lambda x: eqx.nn.AvgPool1d(2)(eqx.nn.MaxPool1d(2)(x)), (X,)),
    "polynomials": (lambda x: x**2 + jnp.sqrt(jnp.abs(x)) + jnp.log1p(jnp.abs(x)) + jnp.maximum(x, x.T @ x), (W,)),
    "rounding": (lambda x: x + jax.lax.stop_gradient(jnp.round(x) - x) + jnp.sign(x) + jnp.nan_to_num(x) + x % 1, (X,)),
    "scatter and reduce": (lambda x: jax.lax.reduce(x.at[0].add(1.0), 0.0, jax.lax.add, (0,)), (X,)),
    "schedule": (lambda x, step: x * 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(step / 9.0, 1.0))), (X, jnp.float32(2))),
    "squared error": (lambda m, x, t: jnp.mean((eqx.filter_jit(lambda v: v @ W[:, :3])(x) - t) ** 2), (W, X, T)),
    "absolute error": (lambda x, t: jnp.mean(jnp.abs(x - t)), (X, X)),
    "likelihood of a normal": (lambda m, s: jnp.sum(s + 0.5 * (m / jnp.exp(s)) ** 2 - jnp.exp(s)), (X, X)),
    "hinge": (optax.hinge_loss, (X, jnp.sign(X))),
    "log cosh": (optax.log_cosh, (X, 1 - X)),
    "huber": (optax.huber_loss, (X, 1 - X)),
    "sigmoid cross-entropy": (optax.sigmoid_binary_cross_entropy, (X, jnp.abs(X))),
    "focal": (optax.sigmoid_focal_loss, (X, jnp.abs(X))),
    "softmax cross-entropy": (optax.softmax_cross_entropy_with_integer_labels, (X, jnp.arange(8) % 6)),
    "safe softmax cross-entropy": (optax.safe_softmax_cross_entropy, (X, jnp.abs(X))),
    "ours with labels": (jaxact.cross_entropy_from_logits, (X, jnp.arange(8) % 6)),
    "ours with targets": (jaxact.binary_cross_entropy_from_logits, (X, jnp.abs(X))),
    "divergence": (jaxact.kl_from_logits, (X, 1 - X)),
}


@pytest.mark.parametrize(("fun", "args"), NOTHING.values(), ids=NOTHING)
def test_other_programs_have_no_sites(fun: Callable[..., Any], args: Any) -> None:
    assert not sites(fun, *args)
    assert not sites(fun, *args).not_entered


LOSSES_OF_MODELS: dict[str, Callable[..., Any]] = {
    "hinge": lambda m, x, t: jnp.mean(jnp.maximum(0, 1 - t * forward(m, x))),
    "cross-entropy by hand": cross_entropy_by_hand,
    "labels": lambda m, x, t: optax.softmax_cross_entropy_with_integer_labels(forward(m, x), LABELS).mean(),
    "one-hot labels": lambda m, x, t: -jnp.mean(t * jax.nn.log_softmax(forward(m, x))),
    "indexed": lambda m, x, t: (
        -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(forward(m, x)), t[:, :1].astype(int), 1))
    ),
}


@pytest.mark.parametrize("loss", LOSSES_OF_MODELS.values(), ids=LOSSES_OF_MODELS)
def test_losses_add_no_sites_to_those_of_the_model(loss: Callable[..., Any]) -> None:
    assert found(loss, MLP, X, T) == ["relu", "relu"]


def test_the_activation_of_the_output_is_a_site_even_beside_a_target() -> None:
    assert found(lambda m, x, t: jnp.mean((jax.nn.sigmoid(forward(m, x)) - t) ** 2), MLP, X, T)[2:] == ["sigmoid"]
    nll = lambda m, x: -jnp.mean(jnp.log(jax.nn.softmax(forward(m, x)))[jnp.arange(8), LABELS])  # noqa: E731
    assert found(nll, MLP, X)[2:] == ["softmax"]


OPTIMISERS = {
    "adamw with a schedule": optax.adamw(optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)),
    "clipped": optax.chain(optax.clip_by_global_norm(1.0), optax.clip(1.0), optax.adaptive_grad_clip(0.1)),
    "lion": optax.lion(1e-3),
    "lamb": optax.lamb(1e-3),
    "adafactor": optax.adafactor(1e-3),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_train_step_has_the_sites_of_its_forward_pass(optimiser: Any) -> None:
    def step(model: Any, state: Any, x: jax.Array, t: jax.Array) -> Any:
        loss, gradient = eqx.filter_value_and_grad(cross_entropy_by_hand)(model, x, t)
        updates, state = optimiser.update(gradient, state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, updates), state, loss

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # optax relies on both
        got = sites(step, MLP, optimiser.init(eqx.filter(MLP, eqx.is_array)), X, T)
    assert list(got) == ["eqx.nn.MLP/relu[0]", "eqx.nn.MLP/relu[1]"]


def test_a_net_that_is_used_again_after_an_update_has_sites_again() -> None:
    def adapted(model: Any, x: jax.Array, t: jax.Array) -> jax.Array:
        gradient = eqx.filter_grad(cross_entropy_by_hand)(model, x, t)
        return forward(eqx.apply_updates(model, jax.tree.map(lambda g: -0.1 * g, gradient)), x)

    assert found(adapted, MLP, X, T) == ["relu"] * 4


def test_training_steps_in_a_scan_have_the_sites_of_the_model() -> None:
    parameters, rest = eqx.partition(MLP, eqx.is_array)

    def train(parameters: Any, x: jax.Array, t: jax.Array) -> Any:
        def step(p: Any, batch: Any) -> Any:
            loss, g = jax.value_and_grad(lambda p: cross_entropy_by_hand(eqx.combine(p, rest), *batch))(p)
            return jax.tree.map(lambda a, b: a - 0.1 * jnp.clip(b, -1, 1), p, g), loss

        return jax.lax.scan(step, parameters, (x[None], t[None]))

    assert found(train, parameters, X, T) == ["relu", "relu"]


def test_attention_has_its_softmax_alone() -> None:
    assert found(attention, X) == ["softmax"]
    assert found(lambda q: jax.nn.dot_product_attention(q, q, q, is_causal=True), jnp.ones((2, 8, 2, 4))) == ["softmax"]


def test_names_and_lines_are_the_same_in_every_trace() -> None:
    class Block(eqx.Module):
        inner: eqx.nn.Linear

        def __call__(self, x: jax.Array, key: Any = None) -> jax.Array:
            with jax.named_scope("block"):
                return jax.nn.gelu(self.inner(x))  # the line

    model = eqx.nn.Sequential([Block(eqx.nn.Linear(6, 6, key=KEY)), eqx.nn.Lambda(jnp.tanh)])
    start = inspect.getsourcelines(test_names_and_lines_are_the_same_in_every_trace)
    line = start[1] + next(i for i, text in enumerate(start[0]) if "# the line" in text)
    loss = lambda m, x: jnp.mean(forward(m, x))  # noqa: E731
    traces = [
        sites(forward, model, X),
        sites(forward, model, X[:1]),
        sites(eqx.filter_jit(forward), model, X),
        sites(eqx.filter_checkpoint(forward), model, X),
        sites(eqx.filter_value_and_grad(loss), model, X),
    ]
    for trace in traces:
        first, second = trace.values()
        assert first.name == "eqx.nn.Sequential/block/gelu"
        assert second.name.endswith("tanh")
        assert first.source == f"test_reader.py:{line}"


def test_tags_are_sites() -> None:
    assert found(lambda x: tag(x @ W, "logits") + tag(x, "residual"), X) == ["logits", "residual"]


def test_keys_and_traced_constants_are_no_numbers() -> None:
    def fun(scale: jax.Array, key: Any) -> Any:
        return probe(lambda x: jaxact.relu(x * scale) + jax.random.normal(key, x.shape))(X)[1]

    assert list(jax.eval_shape(fun, jnp.float32(2), KEY)) == ["relu"]
    assert found(lambda x: jaxact.relu(x) + jax.random.normal(KEY, x.shape), X) == ["relu"]


def test_loops_and_kernels_are_reported_with_what_is_in_them() -> None:
    def kernel(x_ref: Any, o_ref: Any) -> None:
        o_ref[...] = jax.nn.relu(x_ref[...])

    def fun(x: jax.Array) -> jax.Array:
        x = jax.lax.while_loop(lambda c: c.sum() < 9, lambda c: jnp.tanh(c) + 1, x)
        return pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype), interpret=True)(x)

    loop, call = sites(fun, X).not_entered
    assert loop.startswith("while with tanh, test_reader.py:")
    assert call.startswith("pallas_call with relu, test_reader.py:")


def test_a_mask_of_relu_in_a_gradient_is_no_activation() -> None:
    assert found(jax.grad(lambda w, x: jnp.abs(jnp.maximum(x @ w, 0)).sum()), W, X) == ["relu"]
