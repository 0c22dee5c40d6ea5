"""Taylor mode: derivatives of functions and of nets along a curve are right, up to the third order and above."""

from functools import partial
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ELEMENTWISE, common, required
from jax.experimental.jet import jet as jax_jet

import jaxact
from experiments.instruments.accuracy.exact import exact
from jaxact import CATALOGUE, Facts, jet

pytestmark = pytest.mark.optimised

WEIGHTS = [jax.random.normal(key, (8, 8)) / 3 for key in jax.random.split(jax.random.key(0))]
X, V, W = (jax.random.normal(key, (8,)) for key in jax.random.split(jax.random.key(1), 3))


def net(activation: Any, x: jax.Array) -> jax.Array:
    for weights in WEIGHTS:
        x = activation(x @ weights)
    return x


def along_a_line(f: Any, x: Any, order: int) -> Any:
    """Value and derivatives of a function of one number."""
    return jet(f, (x,), ((1.0,) + (0.0,) * (order - 1),))


@common(ELEMENTWISE)
def test_three_orders_are_right_under_jit_and_vmap(facts: Facts) -> None:
    """To 1e-6 of the largest at these points."""
    given = {name: float(value) for name, value in required(facts).items() if name in facts.parameters}
    held = {name: float(np.float32(value)) for name, value in (facts.parameters | given).items()}
    low, high = np.clip(facts.domain, -6, 6)
    x = np.linspace(low, high, 14, dtype="float32")[1:-1]
    y, terms = jax.jit(jax.vmap(lambda x: along_a_line(lambda x: facts.function(x, **given), x, 3)))(x)
    truth = np.array([[float(order.mid()) for order in exact(facts, float(v), held)] for v in x]).T
    for got, true in zip([y, *terms], truth, strict=True):
        np.testing.assert_allclose(got, true, rtol=0, atol=1e-6 * np.abs(true).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu", "softplus", "elu"])
def test_two_more_orders_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.instruments.accuracy.exact.ORDERS", 6)
    monkeypatch.setattr(flint.ctx, "cap", 6)  # the number of terms of a series
    x = np.linspace(-6, 6, 14, dtype="float32")[1:-1]
    y, terms = jax.jit(jax.vmap(lambda x: along_a_line(CATALOGUE[name].function, x, 5)))(x)
    parameters = CATALOGUE[name].parameters
    truth = np.array([[float(order.mid()) for order in exact(CATALOGUE[name], float(v), parameters)] for v in x]).T
    for got, true in zip([y, *terms], truth, strict=True):
        np.testing.assert_allclose(got, true, rtol=0, atol=2e-5 * np.abs(true).max())


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("scaled", [True, False])
def test_it_agrees_with_jax_s_jet_where_that_works(order: int, scaled: bool) -> None:
    primals = (X, 1.5)
    series = (tuple(jax.random.normal(jax.random.key(2), (order, 8))), tuple(float(n) for n in range(order)))

    def f(x: jax.Array, y: jax.Array) -> dict[str, jax.Array]:
        return {"a": jnp.sin(x) * y, "b": jnp.exp(x).sum()}

    ours, theirs = jet(f, primals, series, scaled), jax_jet(f, primals, series, scaled)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), ours, theirs)


def test_derivatives_of_a_net_are_those_of_plain_operations() -> None:
    primals, series = (X,), ((V, W, V, W),)
    ours = jax.jit(lambda: jet(partial(net, jaxact.tanh), primals, series))()
    theirs = jax_jet(partial(net, jnp.tanh), primals, series)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5), ours, theirs)


@pytest.mark.parametrize("name", ["relu", "silu", "gelu", "softplus", "mish", "log_sigmoid", "elu"])
def test_it_agrees_with_functions_of_jax_nn(name: str) -> None:
    primals, series = (X,), ((V, W, V),)
    ours, theirs = (
        jax.jit(lambda library=library: jet(partial(net, getattr(library, name)), primals, series))()
        for library in (jaxact, jax.nn)
    )
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-4), ours, theirs)


def test_jvp_rules_are_used_at_kinks() -> None:
    for relu in (jaxact.relu, jax.nn.relu):
        assert along_a_line(relu, 0.0, 3) == (0, [0, 0, 0])
        assert along_a_line(relu, 2.0, 3) == (2, [1, 0, 0])


def test_parameters_can_be_differentiated_too() -> None:
    """elu(-2, 1 + t + t^2 / 2) = (1 + t + t^2 / 2) * (exp(-2) - 1)"""
    y, terms = jet(jaxact.elu, (-2.0, 1.0), ((0.0, 0.0, 0.0), (1.0, 1.0, 0.0)))
    np.testing.assert_allclose([y, *terms], np.expm1(-2) * np.array([1, 1, 1, 0]), rtol=1e-6)


def test_it_differentiates_loops_and_checkpoints() -> None:
    def loop(x: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda y, _: (jax.checkpoint(jaxact.sigmoid)(y), None), x, length=3)[0]

    def written_out(x: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(jax.nn.sigmoid(jax.nn.sigmoid(x)))

    ours, theirs = along_a_line(loop, 0.5, 3), jax_jet(written_out, (0.5,), ((1.0, 0.0, 0.0),))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), ours, theirs)


def test_trees_with_integers_and_constants_keep_their_structure() -> None:
    y, terms = along_a_line(lambda x: {"square": x**2, "sign": x > 0, "constant": 3.0, "nothing": None}, 2.0, 2)
    assert y == {"square": 4, "sign": True, "constant": 3, "nothing": None}
    assert terms == {"square": [4, 2], "sign": [False, False], "constant": [0, 0], "nothing": None}
    assert jet(jnp.sin, (0.0,), ((),)) == (0, [])


def test_it_can_be_differentiated_and_mapped() -> None:
    def second(x: jax.Array) -> jax.Array:
        return along_a_line(jaxact.tanh, x, 2)[1][1]

    t = np.tanh(np.asarray(X))
    np.testing.assert_allclose(jax.vmap(jax.grad(second))(X), (6 * t**2 - 2) * (1 - t**2), rtol=1e-4, atol=1e-5)


def test_compiled_code_has_each_matrix_product_once() -> None:
    """For order n, n + 1 of them in each layer, although n nested jvps write them down 2^n times."""
    compiled = jax.jit(lambda x, *terms: jet(partial(net, jaxact.tanh), (x,), (terms,))).lower(X, V, W, V).compile()
    assert (compiled.as_text() or "").count(" dot(") <= 4 * len(WEIGHTS)


@pytest.mark.parametrize(
    ("primals", "series", "error", "said"),
    [
        ((1.0,), (), ValueError, "jet was called with 1 primals and 0 series"),
        ((1.0, 2.0), ((1.0,), (1.0, 2.0)), ValueError, "2 primals and 2 series of 1 or 2 terms; expected a series for"),
        ((1.0,), ((np.ones(2),),), ValueError, r"term 0 of shape \(2,\) for primal 0; expected shape \(\)"),
        ((1,), ((1.0,),), TypeError, "jet was called with primal 0 = 1; expected a floating-point array or number"),
        (("x",), ((1.0,),), TypeError, "jet was called with primal 0 = 'x'; expected a floating-point array or number"),
        (([1.0],), ((1.0,),), TypeError, r"primal 0 = \[1.0\]; expected a floating-point array or number"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(primals: Any, series: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        jet(jnp.add, primals, series)
