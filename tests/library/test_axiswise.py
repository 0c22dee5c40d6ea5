"""Functions over an axis: digits, axes, wide rows, and inputs with which other libraries fail."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import AXISWISE, ON_CPU, axiswise, call, common, ulp

from experiments.instruments.accuracy.exact import exact_row
from experiments.instruments.accuracy.rows import (
    AXIS_BOUNDS,
    ROWS,
    components,
    directional,
    first,
    measurable,
    of_formula,
    operands,
)
from jaxact import Facts, log_softmax, softmax

pytestmark = pytest.mark.optimised

normalisers = pytest.mark.parametrize("function", [softmax, log_softmax], ids=lambda f: f.__name__)


@pytest.mark.parametrize("row", ROWS)
@axiswise
def test_value_and_derivatives_against_arbitrary_precision(facts: Facts, row: str) -> None:
    if not measurable(facts, row):
        pytest.skip("the truth takes minutes")
    assert not [one for one in components(facts, row) if not one.error <= AXIS_BOUNDS[one.order]]


@axiswise
def test_derivatives_by_the_other_operands(facts: Facts) -> None:
    """By labels, temperatures, sinks and second logits, in ulps of the largest component, since their terms cancel."""
    x = ROWS["normal64"][:10]
    given = operands(facts, x.size)
    for wrt in facts.parameters:
        direction = np.eye(x.size, dtype="float32")[3] if np.ndim(given[wrt]) else np.float32(1)
        point = {first(facts): x} | given | {wrt: jnp.asarray(given[wrt], "float32")}
        results = [np.asarray(d) for d in directional(facts, wrt)(jnp.asarray(direction), **point)]
        for index in range(results[0].size):
            truth = exact_row(facts, x.tolist(), direction.tolist(), index, wrt, **of_formula(given, x.size))
            for order, bound in enumerate(AXIS_BOUNDS):
                want, got = float(truth[order].mid()), float(results[order].ravel()[index])
                error = abs(got - want) / ulp(np.array(max(np.abs(results[order]).max(), 1e-30)), "float32")
                assert error <= bound, (facts.name, wrt, order, index, got, want, error)


@functools.cache
def jacobians(function: Callable[..., jax.Array]) -> Callable[..., list[jax.Array]]:
    return jax.jit(lambda x: [jax.jacfwd(function)(x), jax.jacrev(function)(x)])


@pytest.mark.parametrize("row", ROWS)
@normalisers
def test_reverse_mode_is_the_transpose(function: Callable[..., jax.Array], row: str) -> None:
    x = jnp.asarray(np.resize(ROWS[row], 12))
    forward, reverse = jacobians(function)(x)
    bound = AXIS_BOUNDS[1] * float(jnp.finfo("float32").eps)  # of a probability of 1, for a GPU's 1 - p
    np.testing.assert_allclose(forward, reverse, rtol=1e-6, atol=1e-36 if ON_CPU else bound)


@pytest.mark.parametrize(("dtype", "most"), [("bfloat16", 38), ("float32", 38), ("float64", 307)])
@common(AXISWISE)
def test_finite_numbers_of_any_size_and_digits_never_give_nan(facts: Facts, dtype: str, most: int) -> None:
    """At 1e13 a rounding error is a million."""
    rng = np.random.default_rng(0)
    with jax.enable_x64(dtype == "float64"):
        x = jnp.asarray(rng.normal(size=(most, 12)) * 10.0 ** np.arange(most)[:, None], dtype)
        along = jnp.asarray(rng.normal(size=12), dtype)

        def both(row: jax.Array) -> list[jax.Array]:
            y, pull = jax.vjp(call(facts), row)
            return [y, *pull(jnp.resize(along, y.shape))]

        for found in jax.jit(jax.vmap(both))(x):
            rows = np.isnan(np.asarray(found, "float64")).reshape(most, -1).any(-1)
            assert not rows.any(), np.flatnonzero(rows)


def test_a_confident_row_is_finite_and_keeps_its_tail() -> None:
    x = jnp.asarray([20.0, 0.0])
    tail, bound = 2.0611536e-09, 8 * 2.0**-24  # 8 ulp of the largest
    np.testing.assert_allclose(softmax(x), [1, tail], rtol=1e-6)
    np.testing.assert_allclose(log_softmax(x), [-tail, -20], rtol=1e-6, atol=bound)
    np.testing.assert_allclose(jax.jacrev(log_softmax)(x), [[tail, -tail], [-1, 1]], rtol=1e-6, atol=bound)
    np.testing.assert_allclose(jax.jacrev(softmax)(x), [[tail, -tail], [-tail, tail]], rtol=1e-6, atol=bound)


def test_large_finite_logits_are_not_infinite() -> None:
    for top in (1e38, 3e38):
        np.testing.assert_array_equal(log_softmax(jnp.asarray([top, 0.0])), np.asarray([0, -top], "float32"))
    np.testing.assert_array_equal(log_softmax(jnp.asarray([jnp.inf, 0.0]), temperature=2.0), [0, -jnp.inf])


def test_infinity_has_probability_1_and_nan_makes_its_row_nan() -> None:
    inf, nan = jnp.inf, jnp.nan
    np.testing.assert_array_equal(softmax(jnp.asarray([inf, 0.0])), [1, 0])
    np.testing.assert_array_equal(softmax(jnp.asarray([inf, 0.0, inf, -inf])), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(log_softmax(jnp.asarray([inf, 0.0])), [0, -inf])
    assert jnp.isnan(softmax(jnp.asarray([[nan, 0.0], [0.0, 0.0]]))).tolist() == [[True, True], [False, False]]


def test_jit_agrees_with_eager_for_huge_scaled_logits() -> None:
    """XLA fuses the division into the shift; jax.nn.softmax then gives NaN for most of these rows."""
    x = jax.random.normal(jax.random.key(0), (100, 64)) * 1e10
    for temperature in (0.3, 0.7, 1.7):  # constants under jit: a traced one would not be fused
        f = lambda x: softmax(x / temperature)  # noqa: B023, E731
        for y in (f(x), jax.jit(f)(x)):
            np.testing.assert_array_equal(y.sum(-1), 1)
        assert jnp.isfinite(jax.jit(jax.grad(lambda x: jnp.sum(f(x) ** 2)))(x)).all()  # noqa: B023


@normalisers
def test_wide_rows_of_16_bit_numbers_are_summed_in_float32(function: Callable[..., jax.Array]) -> None:
    for dtype in ("float16", "bfloat16"):
        y = function(jnp.zeros(131_072, dtype))
        want = jnp.asarray(2.0**-17 if function is softmax else -np.log(131_072), dtype)
        assert y.dtype == dtype
        assert (y == want).all()


def test_8_bit_floats_without_an_infinity() -> None:
    for dtype in ("float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2fnuz"):
        y = softmax(jnp.asarray([-2, 0.5], dtype))
        np.testing.assert_array_equal(y, softmax(jnp.asarray([-2, 0.5])).astype(dtype))


@normalisers
def test_axes(function: Callable[..., jax.Array]) -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"))
    peer = getattr(jax.nn, function.__name__)
    for axis in (-1, 0, (0, 2), (-1, 1), None):
        f, g = (jax.jit(jax.value_and_grad(lambda x: jnp.sum(jnp.sin(h(x, axis))))) for h in (function, peer))  # noqa: B023
        for ours, theirs in zip(f(x), g(x), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@normalisers
def test_wrong_arguments_are_refused_with_a_sentence(function: Callable[..., jax.Array]) -> None:
    name, x = function.__name__, jnp.ones((2, 3))
    for axis, message in {2: "distinct axes from -2 to 1", (0, 0): "distinct axes", (0, -2): "distinct axes"}.items():
        with pytest.raises(ValueError, match=rf"{name} was called with axis = .*shape \(2, 3\); expected {message}"):
            function(x, axis)
    for axis in ("a", 1.5, (0, "a")):
        with pytest.raises(
            TypeError, match=f"{name} was called with axis = .*expected an int, a tuple of ints or None"
        ):
            function(x, axis)
    with pytest.raises(TypeError, match=f"{name} was called with axis = .*expected a hashable constant"):
        function(x, [0])
    with pytest.raises(ValueError, match=rf"{name} was called with axis = False"):
        function(x, False)
    with pytest.raises(ValueError, match=rf"{name} was called with where of shape \(2,\); expected .* \(2, 3\)"):
        function(x, where=jnp.ones(2, bool))
    with pytest.raises(TypeError, match=f"{name} was called with where of type float32; expected an array of bools"):
        function(x, where=jnp.ones((2, 3)))


def test_where_broadcasts_and_is_batched() -> None:
    x = jnp.arange(6.0).reshape(2, 3)
    where = jnp.asarray([[True, False, True]])
    each = jax.vmap(lambda row, mask: softmax(row, where=mask))(x, jnp.broadcast_to(where, x.shape))
    np.testing.assert_array_equal(softmax(x, where=where), each)
    np.testing.assert_array_equal(jax.jit(softmax)(x, where=where), each)
