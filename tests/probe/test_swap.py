"""swap and stabilise: other activations, with their values and their gradients."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec as P

import jaxact
from jaxact import CATALOGUE
from jaxact.probe import probe, stabilise, swap, tag

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.normal(0, 2, (8, 6)).astype("float32"))
W = jnp.asarray(RANDOM.normal(0, 0.4, (6, 6)).astype("float32"))
MASK = jnp.arange(6) < 4
MLP = eqx.nn.MLP(6, 3, 16, 2, key=KEY)
GELU_MLP = eqx.nn.MLP(6, 3, 16, 2, activation=jaxact.gelu, key=KEY)
Activation = Callable[[jax.Array], jax.Array]


def forward(model: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(model)(x)


def same(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


def scanned(f: Activation, w: jax.Array, x: jax.Array) -> jax.Array:
    return lax.scan(lambda h, row: (f(h @ w + row), h), jnp.zeros(6), x)[1]


def conditional(f: Activation, w: jax.Array, x: jax.Array) -> jax.Array:
    return lax.cond(x[0, 0] < 9, lambda v: f(v @ w), jnp.sin, x)


def with_rule_of_jvp(f: Activation, w: jax.Array, x: jax.Array) -> jax.Array:
    @jax.custom_jvp
    def layer(w: jax.Array, x: jax.Array) -> jax.Array:
        return f(x @ w).sum(-1)

    slope = jax.vmap(jax.vmap(jax.grad(f)))

    @layer.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (w, x), (dw, dx) = primals, tangents
        return layer(w, x), (slope(x @ w) * (dx @ w + x @ dw)).sum(-1)

    return layer(w, x)


def with_rule_of_vjp(f: Activation, w: jax.Array, x: jax.Array) -> jax.Array:
    @jax.custom_vjp
    def layer(w: jax.Array, x: jax.Array) -> jax.Array:
        return f(x @ w).sum(-1)

    slope = jax.vmap(jax.vmap(jax.grad(f)))

    def backward(saved: Any, g: jax.Array) -> Any:
        w, x = saved
        dz = slope(x @ w) * g[:, None]
        return x.T @ dz, dz @ w.T

    layer.defvjp(lambda w, x: (layer(w, x), (w, x)), backward)
    return layer(w, x)


def on_devices(f: Activation, w: jax.Array, x: jax.Array) -> jax.Array:
    mesh = jax.make_mesh((jax.device_count(),), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    return jax.shard_map(lambda v: f(v @ w), mesh=mesh, in_specs=P("devices"), out_specs=P("devices"))(x)


PROGRAMS: dict[str, Callable[[Activation, jax.Array, jax.Array], jax.Array]] = {
    "jit": lambda f, w, x: jax.jit(lambda w, x: f(x @ w) @ w)(w, x),
    "vmap": lambda f, w, x: jax.vmap(lambda row: f(row @ w) @ w)(x),
    "remat": lambda f, w, x: jax.checkpoint(lambda w, x: f(x @ w) @ w)(w, x),
    "scan": scanned,
    "cond": conditional,
    "custom_jvp": with_rule_of_jvp,
    "custom_vjp": with_rule_of_vjp,
    "shard_map": on_devices,
    "nested": lambda f, w, x: jax.jit(jax.checkpoint(lambda w, x: scanned(lambda h: f(f(h)), w, x)))(w, x),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_values_and_gradients_are_those_of_the_new_function(program: Any) -> None:
    def both(fun: Callable[..., Any]) -> Callable[..., Any]:
        return jax.value_and_grad(lambda w, x: jnp.sum(jnp.sin(fun(w, x))), argnums=(0, 1))

    old = lambda w, x: program(jax.nn.relu, w, x)  # noqa: E731
    swapped = swap(old, {"relu": jaxact.gelu})

    @jax.jit
    def compiled(w: jax.Array, x: jax.Array) -> Any:
        return both(swapped)(w, x), both(lambda w, x: program(jaxact.gelu, w, x))(w, x), both(old)(w, x)

    got, expected, before = compiled(W, X)
    same(got, expected, 2e-5)
    assert np.abs(np.asarray(got[1][0]) - np.asarray(before[1][0])).max() > 1e-3


def test_the_old_function_takes_no_part_in_the_gradient() -> None:
    sick = lambda x: jnp.log(1 + jnp.exp(x))  # noqa: E731, whose gradient is NaN beyond 88
    x = jnp.float32([-200, 0, 200])
    assert np.isnan(jax.vmap(jax.grad(sick))(x)).any()
    swapped = swap(sick, {"softplus": jaxact.softplus})
    same(jax.vmap(jax.grad(swapped))(x), jnp.float32([0, 0.5, 1]))
    same(jax.grad(lambda x: swapped(x).sum())(x), jnp.float32([0, 0.5, 1]))
    text = jax.jit(swapped).lower(x).compile().as_text() or ""
    assert "exponential" in text  # softplus has one of its own
    gone = jax.jit(swap(sick, {"softplus": lambda x: 2 * x})).lower(x).compile().as_text() or ""
    assert "exponential" not in gone


def test_a_module_stays_a_module_with_its_parameters() -> None:
    swapped: Any = swap(MLP, {"relu": jaxact.gelu})
    same(forward(swapped, X), forward(GELU_MLP, X))
    loss = lambda model, x: jnp.mean(jnp.square(forward(model, x)))  # noqa: E731
    gradient = eqx.filter_jit(eqx.filter_grad(loss))(swapped, X)
    expected = eqx.filter_jit(eqx.filter_grad(loss))(GELU_MLP, X)
    same(eqx.filter(gradient, eqx.is_array), eqx.filter(expected, eqx.is_array))
    assert [site.activation for site in probe(forward)(swapped, X)[1].values()] == ["gelu", "gelu"]
    back: Any = swap(swapped, {"gelu": jaxact.relu})
    same(forward(back, X), forward(MLP, X))


def test_a_new_activation_may_have_parameters_that_learn() -> None:
    swapped: Any = swap(MLP, {"relu": jaxact.nn.PReLU()})
    gradient = eqx.filter_grad(lambda model: jnp.mean(jnp.square(forward(model, X))))(swapped)
    (alpha,) = jax.tree.leaves(eqx.filter(gradient.replacements, eqx.is_array))
    assert np.abs(alpha).max() > 0


def test_keys_are_names_of_activations_in_any_spelling_tags_or_single_sites() -> None:
    fun = lambda x: jax.nn.silu(x) + tag(jax.nn.hard_swish(x) + jnp.tanh(x), "total")  # noqa: E731
    zero = jnp.zeros_like
    for key in ("silu", "SiLU", "swish"):
        same(swap(fun, {key: zero})(X), jax.nn.hard_silu(X) + jnp.tanh(X))
    for key in ("hard_silu", "hardswish", "hard_swish"):
        same(swap(fun, {key: zero})(X), jax.nn.silu(X) + jnp.tanh(X))
    same(swap(fun, {"total": zero})(X), jax.nn.silu(X))
    single = swap(forward, {"relu": jaxact.gelu, "eqx.nn.MLP/relu[1]": jnp.tanh})(MLP, X)
    first, second, third = MLP.layers
    hidden = jnp.tanh(jax.vmap(second)(jaxact.gelu(jax.vmap(first)(X))))
    same(single, jax.vmap(third)(hidden))


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_rows_are_replaced_along_their_axis(axis: Any) -> None:
    for softmax in (jax.nn.softmax, jaxact.softmax):
        swapped = swap(lambda x: softmax(x, axis=axis), {"softmax": jaxact.softmin})  # noqa: B023
        same(swapped(X), jaxact.softmin(X, axis=axis))
        same(jax.vmap(swapped)(X[None])[0], jaxact.softmin(X, axis=axis))
    same(swap(lambda x: jax.nn.log_softmax(x, axis=axis), {"log_softmax": jnp.tanh})(X), jnp.tanh(X))


def test_masks_go_to_the_new_function() -> None:
    fun = lambda x: jaxact.softmax(x, where=MASK[None])  # noqa: E731
    same(swap(fun, {"softmax": jaxact.sparsemax})(X), jaxact.sparsemax(X, where=MASK[None]))
    same(jax.vmap(swap(fun, {"softmax": jaxact.sparsemax}))(X[None])[0], jaxact.sparsemax(X, where=MASK[None]))
    masked = lambda x: jax.nn.softmax(x, where=MASK[None])  # noqa: E731
    same(swap(masked, {"softmax": jaxact.sparsemax})(X), jaxact.sparsemax(X, where=MASK[None]))
    with pytest.raises(ValueError, match=r"has a mask; expected a function that takes it as where\.$"):
        swap(fun, {"softmax": jnp.tanh})(X)


def test_a_function_of_16_bits_stays_one() -> None:
    swapped = swap(jax.nn.relu, {"relu": lambda x: jaxact.gelu(x.astype("float32"))})
    assert swapped(X.astype("bfloat16")).dtype == "bfloat16"


def test_arguments_and_results_are_those_of_the_function() -> None:
    def fun(x: jax.Array, how: str, *, scale: float) -> Any:
        """Its docstring."""
        return {"y": jax.nn.relu(x) * scale, "how": how}

    swapped = swap(fun, {"relu": jnp.tanh})
    out = swapped(X, "some", scale=2.0)
    same(out["y"], jnp.tanh(X) * 2)
    assert (out["how"], swapped.__name__, swapped.__doc__) == ("some", "fun", "Its docstring.")


def in_loop(x: jax.Array) -> jax.Array:
    return jax.nn.relu(lax.while_loop(lambda c: c.sum() < 9, lambda c: jax.nn.relu(c) + 1, x))


@pytest.mark.parametrize(
    ("fun", "replacements", "error", "message"),
    [
        (jax.nn.relu, {"selu": jnp.tanh}, ValueError, r"'selu', which no site of relu has; expected one of relu\.$"),
        (jnp.sum, {"relu": jnp.tanh}, ValueError, r"no site of sum has; expected one of none: it has no activations\."),
        (jax.nn.relu, {"relu": 3}, TypeError, r"'relu': 3; expected the name of an activation and a function\.$"),
        (jax.nn.relu, {3: jnp.tanh}, TypeError, r"3: .*; expected the name of an activation and a function\.$"),
        (jax.nn.relu, {}, TypeError, r"swap was called with \{\}; expected functions by the name"),
        (jax.nn.relu, jnp.tanh, TypeError, r"expected functions by the name of what they replace"),
        (3, {"relu": jnp.tanh}, TypeError, r"swap was called with 3; expected a function of arrays\.$"),
        (
            jax.nn.relu,
            {"relu": jnp.sum},
            TypeError,
            r"makes \[\] of \[8, 6\] at relu; expected one that returns \[8, 6\]",
        ),
        (jax.nn.glu, {"glu": jnp.tanh}, ValueError, r"glu is a gate over an axis; expected an elementwise activation"),
        (in_loop, {"relu": jnp.tanh}, ValueError, r"also in while with relu, test_swap.py:\d+, where it cannot be"),
    ],
)
def test_errors_say_what_was_called_with_what(fun: Any, replacements: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        swap(fun, replacements)(X)


def test_stabilised_functions_have_the_same_values_by_jaxact() -> None:
    names = "relu relu6 silu gelu elu celu selu softplus log_sigmoid sigmoid tanh mish soft_sign squareplus leaky_relu"
    for name in f"{names} hard_tanh hard_sigmoid hard_silu softmax log_softmax".split():
        stable = stabilise(getattr(jax.nn, name))
        calls = {eqn.params.get("name") for eqn in jax.make_jaxpr(stable)(X).eqns}
        assert name in calls, calls
        same(jax.jit(stable)(X), jax.jit(getattr(jax.nn, name))(X), 2e-5)


@pytest.mark.parametrize(
    ("fun", "expected"),
    [
        (lambda x: jax.nn.leaky_relu(x, 0.3), lambda x: jaxact.leaky_relu(x, 0.3)),
        (lambda x: jnp.where(x > 0, x, 0.3 * x), lambda x: jaxact.leaky_relu(x, 0.3)),
        (lambda x: jax.nn.elu(x, 0.5), lambda x: jaxact.elu(x, 0.5)),
        (lambda x: jnp.where(x > 0, x, 0.5 * jnp.expm1(x)), lambda x: jaxact.elu(x, 0.5)),
        (lambda x: jax.nn.celu(x, 2.0), lambda x: jaxact.celu(x, 2.0)),
        (lambda x: jax.nn.elu(x, x[0, 0]), lambda x: jaxact.elu(x, x[0, 0])),
        (lambda x: jax.nn.gelu(x, approximate=False), jaxact.gelu_exact),
        (lambda x: jnp.log(1 + jnp.exp(x)), jaxact.softplus),
        (lambda x: 1 / (1 + jnp.exp(-x)), jaxact.sigmoid),
        (lambda x: jax.nn.softmax(x, axis=0), lambda x: jaxact.softmax(x, axis=0)),
        (lambda x: jax.nn.softmax(x, where=MASK[None]), lambda x: jaxact.softmax(x, where=MASK[None])),
        (lambda x: jnp.exp(x) / jnp.exp(x).sum(1, keepdims=True), jaxact.softmax),
    ],
)
def test_parameters_axes_and_masks_are_kept(fun: Activation, expected: Activation) -> None:
    @jax.jit
    def all_of(x: jax.Array) -> Any:
        def value_and_gradient(fun: Activation) -> tuple[jax.Array, jax.Array]:
            return fun(x), jax.grad(lambda x: jnp.sum(jnp.sin(fun(x))))(x)

        return *value_and_gradient(stabilise(fun)), *value_and_gradient(expected)

    calls = {eqn.params.get("name") for eqn in jax.make_jaxpr(stabilise(fun))(X).eqns}
    assert calls & set(CATALOGUE)
    value, gradient, expected_value, expected_gradient = all_of(40 * X)
    same(value, expected_value)
    same(gradient, expected_gradient)
    assert np.isfinite(gradient).all()


def test_only_what_has_the_same_values_is_replaced() -> None:
    @jax.jit
    def silu(x: jax.Array) -> jax.Array:  # has the name and not the values
        return x * jnp.clip(x, 0, 1)

    for fun in (silu, lambda x: jnp.clip(x @ W, 0, 20), jnp.cumsum, jax.nn.glu):
        same(stabilise(fun)(9 * X), fun(9 * X), 0)


def test_stabilise_takes_modules_and_loops() -> None:
    same(forward(stabilise(MLP), X), forward(MLP, X))
    same(stabilise(in_loop)(X), in_loop(X))
    with pytest.raises(TypeError, match=r"stabilise was called with 'relu'; expected a function of arrays\.$"):
        stabilise("relu")  # type: ignore[type-var]
