"""Axes, gates, temperatures, sinks, factors, labels and keys: their effects, and the errors for wrong ones."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxact import (
    bilinear,
    binary_cross_entropy_from_logits,
    crelu,
    cross_entropy_from_logits,
    entmax,
    entmax15,
    entropy_from_logits,
    geglu,
    gelu_exact,
    glu,
    gumbel_softmax,
    kl_from_logits,
    log_softmax,
    logmeanexp,
    logsumexp,
    maxout,
    reglu,
    relu,
    sigmoid,
    silu,
    softmax,
    softmax1,
    softmin,
    sparsemax,
    swiglu,
)

GATES: dict[Callable[..., jax.Array], Callable[[jax.Array], jax.Array]] = {
    glu: sigmoid,
    reglu: relu,
    geglu: gelu_exact,
    swiglu: silu,
    bilinear: lambda gate: gate,
}
"""The activation of each gate."""

gated = pytest.mark.parametrize("function", GATES, ids=lambda f: f.__name__)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"))


@gated
def test_halves_and_gate_are_the_same_function(function: Callable[..., jax.Array]) -> None:
    for axis in (0, 2, -1):
        passed, gate = jnp.split(X, 2, axis)
        np.testing.assert_array_equal(function(X, axis), passed * GATES[function](gate))
        np.testing.assert_array_equal(function(passed, gate=gate), function(X, axis))
    passed, gate = jnp.split(X, 2)
    split = jax.grad(lambda x: jnp.sum(jnp.sin(function(x, 0))))(X)
    apart = jax.grad(lambda x, g: jnp.sum(jnp.sin(function(x, gate=g))), (0, 1))(passed, gate)
    np.testing.assert_allclose(split, jnp.concatenate(apart), rtol=1e-6)
    forward = jax.jvp(lambda x, g: function(x, gate=g), (passed, gate), (gate, passed))[1]
    np.testing.assert_allclose(forward, jax.jvp(lambda x: function(x, 0), (X,), (X[::-1],))[1], rtol=1e-6)


@gated
def test_a_gate_never_changes_the_type_of_x(function: Callable[..., jax.Array]) -> None:
    x = jnp.asarray([1.0, -2.0], "bfloat16")
    for gate in (jnp.ones(2), np.ones(2, "int32"), jnp.ones(2, bool), jnp.ones(2, "float16")):
        y = function(x, gate=gate)
        assert y.dtype == "bfloat16"
        np.testing.assert_array_equal(y, function(x, gate=jnp.ones(2, "bfloat16")))
    gradient = jax.grad(lambda gate: function(x, gate=gate).astype("float32").sum())(jnp.ones(2))
    assert gradient.dtype == "float32"


@gated
def test_gates_that_do_not_fit_are_refused(function: Callable[..., jax.Array]) -> None:
    name = function.__name__
    with pytest.raises(
        ValueError, match=rf"{name} was called with an array of shape \(2, 3\); expected an even size of"
    ):
        function(jnp.ones((2, 3)))
    for axis in (2, -3):
        with pytest.raises(ValueError, match=f"{name} was called with axis = {axis} .*; expected distinct axes"):
            function(jnp.ones((2, 4)), axis)
    with pytest.raises(ValueError, match=rf"{name} was called with axis = -1 for an array of shape \(\); expected"):
        function(1.0)
    with pytest.raises(ValueError, match=rf"{name} was called with gate of shape \(3,\); expected that of x, \(2, 3\)"):
        function(jnp.ones((2, 3)), gate=jnp.ones(3))
    with pytest.raises(TypeError, match=f"{name} was called with gate of type complex64; expected real numbers"):
        function(jnp.ones(3), gate=jnp.ones(3, "complex64"))
    for axis in ((0, 1), False):
        with pytest.raises(TypeError, match=f"{name} was called with axis = .*; expected an int"):
            function(jnp.ones((2, 4)), axis)


def test_crelu_keeps_both_signs() -> None:
    np.testing.assert_array_equal(crelu(jnp.asarray([1.0, -2.0, 0.0])), [1, 0, 0, 0, 2, 0])
    np.testing.assert_array_equal(crelu(X, 1), jnp.concatenate([relu(X), relu(-X)], 1))
    assert jax.grad(lambda x: crelu(x).sum())(jnp.asarray([1.0, -2.0, 0.0])).tolist() == [1, -1, 0]


@pytest.mark.parametrize("function", [softmax, log_softmax, softmin, softmax1], ids=lambda f: f.__name__)
def test_a_temperature_divides(function: Callable[..., jax.Array]) -> None:
    np.testing.assert_allclose(function(X, temperature=0.5), function(2 * X), rtol=1e-6)
    each = jnp.asarray([0.5, 2.0]).reshape(2, 1, 1)
    rows = jnp.stack([function(x, temperature=t) for x, t in zip(X, (0.5, 2.0), strict=True)])
    np.testing.assert_allclose(function(X, temperature=each), rows, rtol=1e-6)
    np.testing.assert_array_equal(function(X.astype("bfloat16"), temperature=np.float32(2)).dtype, "bfloat16")
    assert jnp.isnan(function(X, temperature=jnp.zeros(()))).all()
    with pytest.raises(ValueError, match=r"called with temperature of shape \(4,\); expected a single number, or as"):
        function(X, temperature=jnp.ones(4))
    with pytest.raises(ValueError, match=r"called with temperature of shape \(1, 1, 4\); expected a single number"):
        function(X, temperature=jnp.ones((1, 1, 4)))
    gradients = jax.grad(lambda t: jnp.sum(jnp.sin(function(X, temperature=t))))
    step = 1e-2
    difference = (
        jnp.sum(jnp.sin(function(X, temperature=1.5 + step)) - jnp.sin(function(X, temperature=1.5 - step))) / 2 / step
    )
    np.testing.assert_allclose(gradients(1.5), difference, rtol=2e-2, atol=1e-4)


def test_gradients_by_temperature_are_finite_with_masked_elements() -> None:
    x, where = jnp.asarray([-jnp.inf, 0.0, 5.0, jnp.nan]), jnp.asarray([True, True, True, False])
    for function in (softmax, log_softmax, softmax1):
        f = lambda t: function(x, where=where, temperature=t)  # noqa: B023, E731
        for jacobian in (jax.jacfwd(f)(0.5), jax.jacrev(f)(0.5)):
            assert jnp.isfinite(jacobian).all()


def test_a_sink_is_one_more_logit() -> None:
    for sink in (0.0, -1.5, 30.0):
        longer = jnp.concatenate([X, jnp.full((2, 3, 1), sink)], -1)
        bound = 8 * 2.0**-24  # 8 ulp of the largest, which may be the sink
        np.testing.assert_allclose(softmax1(X, sink=sink), softmax(longer)[..., :-1], rtol=1e-6, atol=bound)
        ours, theirs = (
            jax.grad(lambda s: jnp.sum(jnp.sin(f(s))))(jnp.full((2, 3, 1), sink))  # noqa: B023
            for f in (
                lambda s: softmax1(X, sink=s),
                lambda s: softmax(jnp.concatenate([X, s], -1))[..., :-1],
            )
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(softmax1(X, sink=-jnp.inf), softmax(X), rtol=1e-6)
    assert softmax1(jnp.asarray([-1e4, -1e4])).tolist() == [0, 0]
    heads = jnp.asarray([0.5, -0.5]).reshape(2, 1, 1)
    np.testing.assert_allclose(softmax1(X, sink=heads)[1], softmax1(X[1], sink=-0.5), rtol=1e-6)
    with pytest.raises(ValueError, match=r"softmax1 was called with sink of shape \(2,\); expected a single number"):
        softmax1(X, sink=jnp.ones(2))


def test_softmin_is_softmax_of_the_negative() -> None:
    np.testing.assert_array_equal(softmin(X, 1), softmax(-X, 1))


@pytest.mark.parametrize("function", [sparsemax, entmax15, entmax], ids=lambda f: f.__name__)
def test_sparse_probabilities_add_up_to_one_with_exact_zeros_row_by_row(function: Callable[..., jax.Array]) -> None:
    for axis in (0, -1):
        y = function(3 * X, axis=axis)
        np.testing.assert_allclose(y.sum(axis), np.ones(y.sum(axis).shape), rtol=3e-7)
        np.testing.assert_allclose(y, jnp.moveaxis(function(jnp.moveaxis(3 * X, axis, -1)), -1, axis), atol=1e-7)
    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(function(x)[0], function(x)[1])
    wide = function(jnp.asarray(np.random.default_rng(1).normal(size=5000), "float32"))
    assert 0 < (wide > 0).sum() < 100
    np.testing.assert_allclose(wide.sum(), 1, rtol=1e-6)
    flat = function(jnp.zeros(131_072, "float16"))
    assert (flat == jnp.float16(2.0**-17)).all()
    np.testing.assert_array_equal(function(jnp.asarray([jnp.inf, 0.0])), [1, 0])
    assert jnp.isnan(function(jnp.asarray([[jnp.nan, 0.0], [0.0, 0.0]]))).tolist() == [[True, True], [False, False]]
    forward, reverse = jax.jacfwd(function)(X[0]), jax.jacrev(function)(X[0])
    np.testing.assert_allclose(forward, reverse, atol=1e-7)


@pytest.mark.parametrize("function", [sparsemax, entmax15, entmax], ids=lambda f: f.__name__)
def test_sparse_probabilities_over_several_axes(function: Callable[..., jax.Array]) -> None:
    along = jnp.asarray(np.random.default_rng(3).normal(size=X.shape).astype("float32"))
    for axis in ((0, 2), (-1, 1), (2, 0), None):
        axes = range(3) if axis is None else sorted(a % 3 for a in axis)
        rest = [a for a in range(3) if a not in axes]
        order = [*rest, *axes]
        back = [order.index(a) for a in range(3)]

        def flat(x: jax.Array, order: list[int] = order, rest: list[int] = rest) -> jax.Array:
            rows = jnp.transpose(x, order)
            return jnp.reshape(function(rows.reshape(*(x.shape[a] for a in rest), -1)), rows.shape)

        (y, dy), (want, dwant) = (jax.jvp(f, (X,), (along,)) for f in (lambda x: function(x, axis=axis), flat))  # noqa: B023
        np.testing.assert_allclose(y, jnp.transpose(want, back), atol=1e-7)
        np.testing.assert_allclose(dy, jnp.transpose(dwant, back), atol=1e-6)


def test_entmax_runs_from_softmax_to_sparsemax_and_beyond() -> None:
    x = 2 * X
    np.testing.assert_array_equal(entmax(x, 1), softmax(x))
    np.testing.assert_allclose(entmax(x, 1.0001), softmax(x), atol=1e-4)
    for alpha, peer in {1: softmax, 1.5: entmax15, 2: sparsemax}.items():
        f = lambda x: entmax(x, alpha)  # noqa: B023, E731
        np.testing.assert_allclose(f(x), peer(x), atol=3e-7)
        (_, got), (_, want) = (
            jax.jvp(lambda x: jax.jvp(g, (x,), (X[::-1],))[1], (x,), (X[:, ::-1],))  # noqa: B023
            for g in (f, peer)
        )
        np.testing.assert_allclose(got, want, atol=1e-5)
    zeros = [(entmax(x, alpha) == 0).sum() for alpha in (1.1, 1.5, 2.0, 3.0, 10.0)]
    assert zeros == sorted(zeros)
    for alpha in (1.05, 2.5, 4.0):
        y, gradient = jax.value_and_grad(lambda x: jnp.sum(jnp.sin(entmax(x, alpha))))(X[0])  # noqa: B023
        assert jnp.isfinite(y)
        np.testing.assert_allclose(gradient.sum(-1), np.zeros(3), atol=1e-6)  # a shift changes nothing
        np.testing.assert_allclose(entmax(X, alpha).sum(-1), np.ones((2, 3)), rtol=1e-6)
    for alpha in (0.99, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"entmax was called with alpha = .*; expected a number from 1 to 100"):
            entmax(x, alpha)


@pytest.mark.parametrize("alpha", [1.001, 1.3, 2.5, 5.0, 10.0])
def test_entmax_has_the_probabilities_that_its_scores_were_made_from(alpha: float) -> None:
    """Scores p**(alpha - 1) / (alpha - 1) have the probabilities p, as long as none is 0."""
    p = np.random.default_rng(0).dirichlet(np.full(6, 20.0), 50)
    largest = p.max(1, keepdims=True)
    x = ((p / largest) ** (alpha - 1) - 1) * largest ** (alpha - 1) / (alpha - 1)
    with jax.enable_x64(True):
        np.testing.assert_allclose(entmax(jnp.asarray(x), alpha), p, rtol=1e-4, atol=1e-12)
    weights = largest ** (2 - alpha) / p ** (2 - alpha)
    sensitivity = np.abs(x).max() * float(np.finfo("float32").eps) / weights.min() * largest.max() ** (2 - alpha)
    np.testing.assert_allclose(entmax(jnp.asarray(x.astype("float32")), alpha), p, atol=1e-6 + 10 * sensitivity)


def test_gradients_of_entmax_are_finite_for_a_large_alpha() -> None:
    jacobian = jax.jacobian(lambda x: entmax(x, 60.0))(jnp.asarray([0.0, -1e-12, -1e-3, -jnp.inf]))
    assert jnp.isfinite(jacobian).all()


def test_sparse_probabilities_of_examples_from_the_papers() -> None:
    np.testing.assert_array_equal(sparsemax(jnp.asarray([0.0, 0.5])), [0.25, 0.75])
    np.testing.assert_array_equal(sparsemax(jnp.asarray([1.0, 2.0])), [0, 1])
    np.testing.assert_array_equal(entmax15(jnp.asarray([0.0, 2.0])), [0, 1])


def test_sums_of_logarithms_agree_with_jax() -> None:
    b = jnp.asarray(np.random.default_rng(1).uniform(0, 2, X.shape).astype("float32"))
    where = X > -0.5

    def reference(a: jax.Array, b: jax.Array, axis: Any) -> jax.Array:
        return jnp.log(jnp.sum(jnp.where(where, b * jnp.exp(a), 0), axis))

    for axis in (None, (1, -1)):
        ours, theirs = (
            jax.jit(jax.value_and_grad(lambda x: jnp.sum(jnp.sin(f(x, axis, where=where, keepdims=True)))))(X)  # noqa: B023
            for f in (logmeanexp, jax.nn.logmeanexp)
        )
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-6)
        weighted, plain = (
            jax.jit(jax.grad(lambda a, b: jnp.sum(jnp.sin(f(a, b))), (0, 1)))(X, b)  # noqa: B023
            for f in (lambda a, b: logsumexp(a, axis, b, where=where), lambda a, b: reference(a, b, axis))  # noqa: B023
        )
        for got, want in zip(weighted, plain, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
    for keepdims in (False, True):
        assert logsumexp(X, (0, 2), keepdims=keepdims).shape == jax.nn.logsumexp(X, (0, 2), keepdims=keepdims).shape
    assert jnp.isnan(logsumexp(jnp.zeros(2), b=jnp.asarray([1.0, -2.0])))
    assert logsumexp(jnp.asarray([5.0, jnp.inf]), b=jnp.asarray([1.0, 0.0])) == 5
    assert logsumexp(jnp.asarray([5.0, 6.0]), b=0.0) == -jnp.inf


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (4,), (3, 1), (1, 3, 4), (5, 1, 1, 4)], ids=str)
def test_factors_broadcast_and_signs_are_returned_as_in_jax(shape: tuple[int, ...]) -> None:
    b = jnp.asarray(np.random.default_rng(1).normal(size=shape).astype("float32"))
    with jax.numpy_rank_promotion("allow"):
        for axis in (None, -1, (0, 2)):
            for keepdims in (False, True):
                ours, theirs = (f(X, axis, b, keepdims, True) for f in (logsumexp, jax.nn.logsumexp))
                assert isinstance(ours, tuple)
                for got, want in zip(ours, theirs, strict=True):
                    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
                values = logsumexp(X, axis, b, keepdims=keepdims)
                np.testing.assert_allclose(values, jnp.where(ours[1] < 0, jnp.nan, ours[0]), rtol=1e-6)
            got, want = (
                jax.grad(lambda a, b: jnp.sum(f(a, axis, b, return_sign=True)[0]), (0, 1))(X, b)  # noqa: B023
                for f in (logsumexp, jax.nn.logsumexp)
            )
            for ours, theirs in zip(got, want, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-4)


def test_signs_of_sums() -> None:
    a = jnp.asarray([[0.0, 1.0], [-jnp.inf, -jnp.inf], [jnp.nan, 0.0]])
    for b in (None, 2.0):
        assert np.array_equal(logsumexp(a, -1, b, return_sign=True)[1], [1, 0, jnp.nan], equal_nan=True)
    y, sign = jax.vmap(lambda a: logsumexp(a, b=-1.0, return_sign=True))(a[:1])
    assert (y.shape, sign.tolist()) == ((1,), [-1])
    y, sign = logsumexp(a.astype("bfloat16"), None, None, False, True)
    assert y.dtype == sign.dtype == "bfloat16"
    with pytest.raises(ValueError, match=r"logsumexp was called with b of shape \(3,\); expected .* a's, \(3, 2\)"):
        logsumexp(a, b=jnp.ones(3))


def test_sums_of_wide_16_bit_rows() -> None:
    zeros = jnp.zeros(131_072, "float16")
    assert logsumexp(zeros) == jnp.float16(np.log(131_072))
    assert logmeanexp(zeros) == 0
    assert cross_entropy_from_logits(zeros, 7) == jnp.float16(np.log(131_072))
    assert entropy_from_logits(zeros) == jnp.float16(np.log(131_072))
    assert kl_from_logits(zeros, zeros) == 0


def test_confident_rows_are_within_the_bounds() -> None:
    """8 ulp of 1, or of the result if it is larger; binary cross entropy, which has no sum, keeps all digits."""
    tail, x, bound = 2.0611536e-09, jnp.asarray([20.0, 0.0]), 8 * 2.0**-24
    np.testing.assert_allclose(cross_entropy_from_logits(x, jnp.asarray(0)), tail, atol=bound)
    np.testing.assert_allclose(cross_entropy_from_logits(x, jnp.asarray(1)), 20, atol=16 * bound)
    losses = cross_entropy_from_logits(jnp.asarray([[17.0, 0.0], [16.0, 0.0]]), np.zeros(2, int))
    assert losses[0] == 0 < losses[1]  # 4e-8 and 1e-7: the docstring says below 6e-8
    np.testing.assert_allclose(jax.grad(cross_entropy_from_logits)(x, 0), [-tail, tail], atol=bound)
    np.testing.assert_allclose(logsumexp(jnp.asarray([0.0, -20.0])), tail, atol=bound)
    np.testing.assert_allclose(entropy_from_logits(x), tail * 21, atol=bound)
    np.testing.assert_allclose(binary_cross_entropy_from_logits(20.0, 1), tail, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(binary_cross_entropy_from_logits)(20.0, 1), -tail, rtol=1e-6)
    close = jnp.asarray([1.0, 0.5, -2.0])
    np.testing.assert_allclose(kl_from_logits(close, close + jnp.asarray([2.0**-12, 0, 0])), 0, atol=bound)


def test_labels_are_classes_or_probabilities() -> None:
    logits, classes = X, np.asarray([[0, 3, 1], [2, 2, 0]])
    dense = jax.nn.one_hot(classes, 4)
    for labels in (classes, classes.astype("int8"), jnp.asarray(classes, "uint32")):
        np.testing.assert_array_equal(
            cross_entropy_from_logits(logits, labels), cross_entropy_from_logits(logits, dense)
        )
    np.testing.assert_array_equal(
        cross_entropy_from_logits(logits, dense > 0), cross_entropy_from_logits(logits, dense)
    )
    first = np.asarray([[0, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 0]])
    np.testing.assert_array_equal(
        cross_entropy_from_logits(logits, first, 0),
        cross_entropy_from_logits(jnp.moveaxis(logits, 0, -1), first),
    )
    each = jax.vmap(jax.vmap(cross_entropy_from_logits))(logits, jnp.asarray(classes))
    np.testing.assert_array_equal(each, cross_entropy_from_logits(logits, classes))
    gradient = jax.grad(lambda x: cross_entropy_from_logits(x, classes).sum())(logits)
    np.testing.assert_allclose(gradient, softmax(logits) - dense, atol=1e-6)
    with pytest.raises(
        ValueError, match=r"integer labels of shape \(2,\) for logits of shape \(2, 3, 4\); expected \(2, 3\)"
    ):
        cross_entropy_from_logits(logits, np.zeros(2, int))
    with pytest.raises(
        ValueError, match=r"called with labels of shape \(4,\); expected a single number, or as many axes"
    ):
        cross_entropy_from_logits(logits, jnp.ones(4))
    for function in (binary_cross_entropy_from_logits, kl_from_logits):
        with pytest.raises(
            ValueError, match=rf"{function.__name__} was called with .* of shape \(2,\); expected a single"
        ):
            function(logits, jnp.ones(2))


def test_gumbel_softmax_draws_from_the_softmax() -> None:
    logits = jnp.log(jnp.asarray([0.6, 0.3, 0.1]))
    keys = jax.random.split(jax.random.key(0), 20_000)
    draws = jax.vmap(lambda key: gumbel_softmax(key, logits, hard=True))(keys)
    np.testing.assert_allclose(draws.mean(0), [0.6, 0.3, 0.1], atol=0.015)
    np.testing.assert_array_equal(draws.sum(-1), 1)
    assert set(np.unique(draws)) == {0, 1}


def test_gumbel_softmax_is_straight_through() -> None:
    key = jax.random.key(1)

    @jax.jit
    def both(logits: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        tangents = (jnp.ones_like(logits).at[0].set(0.5), 1.0)
        return [jax.jvp(lambda x, tau: gumbel_softmax(key, x, tau, h), (logits, 0.7), tangents) for h in (False, True)]  # noqa: B023

    for dtype in ("float32", "bfloat16"):
        (soft, soft_tangent), (hard, hard_tangent) = both(X.astype(dtype))
        np.testing.assert_array_equal(soft_tangent, hard_tangent)
        np.testing.assert_array_equal(soft.argmax(-1), hard.argmax(-1))
        np.testing.assert_array_equal(jnp.sort(hard, -1), jnp.zeros_like(hard).at[..., -1].set(1))
        assert soft.dtype == hard.dtype == dtype
    each = gumbel_softmax(key, X, 0.5, axis=0)
    np.testing.assert_allclose(each.sum(0), np.ones((3, 4)), rtol=1e-6)
    np.testing.assert_array_equal(gumbel_softmax(jax.random.PRNGKey(0), jnp.asarray([-jnp.inf, 0.0])), [0, 1])


def test_gumbel_softmax_in_16_bits_is_finite_and_drawn_in_float32() -> None:
    logits = jnp.zeros((1000, 16), "float16")
    key = jax.random.key(2)
    wide = gumbel_softmax(key, logits.astype("float32"), 0.1)
    np.testing.assert_array_equal(gumbel_softmax(key, logits, 0.1), wide.astype("float16"))
    bad: Any
    for bad in (0, -1.0):
        with pytest.raises(
            ValueError, match=r"gumbel_softmax was called with tau = .*; expected a number greater than 0"
        ):
            gumbel_softmax(key, logits, bad, hard=True)
    assert jnp.isnan(gumbel_softmax(key, logits, jnp.zeros(()))).all()
    with pytest.raises(TypeError, match=r"gumbel_softmax was called with axis = .*; expected an int"):
        gumbel_softmax(key, logits, axis=(0, 1))  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"gumbel_softmax was called with key = 1.5; expected a key from jax.random"):
        gumbel_softmax(1.5, logits)


def test_maxout_takes_the_largest_of_neighbours_along_any_axis() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6, 12)).astype("float32"))
    for axis in range(-3, 3):
        for pieces in (1, 2):
            split = np.split(np.asarray(x), x.shape[axis] // pieces, axis)
            want = np.concatenate([part.max(axis, keepdims=True) for part in split], axis)
            np.testing.assert_array_equal(maxout(x, pieces, axis), want)


def test_maxout_gives_the_whole_slope_to_one_piece() -> None:
    x = jnp.asarray([1.0, 1.0, -2.0, 3.0, 0.0, 0.0])
    np.testing.assert_array_equal(jax.grad(lambda x: maxout(x).sum())(x), [1, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(jax.jacfwd(maxout)(x), jax.jacrev(maxout)(x))
    assert jnp.isnan(maxout(jnp.asarray([jnp.nan, 1.0, 2.0, 3.0]))).tolist() == [True, False]


def test_maxout_refuses_wrong_pieces_and_axes() -> None:
    x = jnp.ones((2, 6))
    pieces: Any
    for pieces in (1.5, "2", True):
        with pytest.raises(TypeError, match=r"maxout was called with pieces = .*; expected an int"):
            maxout(x, pieces)
    for pieces in (4, 0, -2):
        with pytest.raises(
            ValueError, match=r"maxout was called with pieces = .*\(2, 6\); expected a positive divisor of 6"
        ):
            maxout(x, pieces)
    with pytest.raises(ValueError, match="maxout was called with axis = 2"):
        maxout(x, 2, 2)
    with pytest.raises(TypeError, match=r"maxout was called with axis = .*expected an int"):
        maxout(x, 2, (0, 1))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("spread", [0.1, 3.0, 10.0])
def test_cross_entropy_of_classes_has_the_digits_of_float32(spread: float) -> None:
    """Value, gradient and curvature, in eps of 1 or of their largest terms."""
    rng = np.random.default_rng(0)
    x, v = (rng.normal(0, scale, (50, 64)).astype("float32") for scale in (spread, 1))
    labels = np.where(np.arange(50) % 2, x.argmax(-1), rng.integers(64, size=50))
    loss = jax.jit(lambda x: cross_entropy_from_logits(x, labels))
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(loss(x))))
    curvature = jax.jit(lambda x, v: jax.jvp(gradient, (x,), (v,))[1])
    x64 = x.astype("float64")
    chosen = np.eye(64, dtype=bool)[labels]
    p = np.exp(x64 - x64.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    eps = np.finfo("float32").eps
    losses, gradients, curvatures = (np.asarray(a, "float64") for a in (loss(x), gradient(x), curvature(x, v)))
    truth = -np.log(p[chosen])
    assert (np.abs(losses - truth) / np.maximum(truth, 1)).max() < 4 * eps
    assert np.abs(gradients - (p - chosen)).max() < 4 * eps
    mean = np.sum(p * v, -1, keepdims=True)
    terms = p * (np.abs(v) + np.sum(p * np.abs(v), -1, keepdims=True))
    assert (np.abs(curvatures - p * (v - mean)) / terms.max(-1, keepdims=True)).max() < 8 * eps


def in_numpy(
    x: np.ndarray, targets: np.ndarray, weight: np.ndarray | None = None, label_smoothing: float = 0.0
) -> np.ndarray:
    """The cross entropy of probabilities by its formula, in float64."""
    log_q = x - np.log(np.exp(x).sum(-1, keepdims=True))
    smoothed = (1 - label_smoothing) * targets + label_smoothing / x.shape[-1]
    return -np.sum((1 if weight is None else weight) * smoothed * log_q, -1)


LOGITS = np.random.default_rng(2).normal(0, 2, (6, 5)).astype("float32")
CLASSES = np.asarray([0, 4, 2, -100, 1, 2])
PROBABILITIES = np.asarray(softmax(jnp.asarray(LOGITS[::-1])))
WEIGHT = np.asarray([0.5, 2.0, 1.0, 0.0, 3.0], "float32")
options = pytest.mark.parametrize(
    "given",
    [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}, {"weight": WEIGHT, "label_smoothing": 0.3}],
    ids=lambda given: "-".join(given) or "plain",
)


@options
def test_smoothed_and_weighted_cross_entropy_is_its_formula(given: dict[str, Any]) -> None:
    one_hot = np.where(CLASSES < 0, 0, 1)[:, None] * np.eye(5)[CLASSES % 5]
    present = CLASSES >= 0
    want = np.where(present, in_numpy(LOGITS.astype("float64"), one_hot, **given), 0)
    np.testing.assert_allclose(cross_entropy_from_logits(LOGITS, CLASSES, **given), want, rtol=1e-5)
    by_axis_0 = cross_entropy_from_logits(LOGITS.T, CLASSES, 0, **given)
    np.testing.assert_allclose(by_axis_0, want, rtol=1e-5)
    want = in_numpy(LOGITS.astype("float64"), PROBABILITIES, **given)
    np.testing.assert_allclose(cross_entropy_from_logits(LOGITS, PROBABILITIES, **given), want, rtol=1e-5)

    arguments = {"logits": LOGITS, "labels": PROBABILITIES} | {k: v for k, v in given.items() if k == "weight"}
    constants = {k: v for k, v in given.items() if k != "weight"}

    def loss(arguments: dict[str, Any]) -> jax.Array:
        return jnp.sum(jnp.sin(cross_entropy_from_logits(**arguments, **constants)))

    def plain(arguments: dict[str, Any]) -> jax.Array:
        smoothing = given.get("label_smoothing", 0.0)
        smoothed = (1 - smoothing) * arguments["labels"] + smoothing / 5
        terms = arguments.get("weight", jnp.ones(5)) * smoothed * jax.nn.log_softmax(arguments["logits"])
        return jnp.sum(jnp.sin(-jnp.sum(terms, -1)))

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        got, want = jax.grad(loss)(arguments), jax.grad(plain)(arguments)
    for name in arguments:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-5, err_msg=name)


@options
def test_losses_are_those_of_torch(given: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    in_torch = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    for labels in (CLASSES, PROBABILITIES):
        logits, theirs = torch.tensor(LOGITS, requires_grad=True), torch.tensor(labels)
        want = torch.nn.functional.cross_entropy(logits, theirs, reduction="none", **in_torch)
        want.sum().backward()
        got = cross_entropy_from_logits(LOGITS, labels, **given)
        np.testing.assert_allclose(got, want.detach(), rtol=1e-5, atol=1e-6)
        gradient = jax.grad(lambda x: cross_entropy_from_logits(x, labels, **given).sum())(jnp.asarray(LOGITS))  # noqa: B023
        np.testing.assert_allclose(gradient, logits.grad, rtol=1e-4, atol=1e-6)
    mean = torch.nn.functional.cross_entropy(torch.tensor(LOGITS), torch.tensor(CLASSES), **in_torch)
    losses, weight = cross_entropy_from_logits(LOGITS, CLASSES, **given), jnp.asarray(given.get("weight", np.ones(5)))
    np.testing.assert_allclose(losses.sum() / jnp.where(CLASSES == -100, 0, weight[CLASSES]).sum(), mean, rtol=1e-5)


def test_binary_cross_entropy_with_a_weight_of_the_first_class() -> None:
    def f(*args: Any) -> jax.Array:
        x, y, w = args
        return binary_cross_entropy_from_logits(x, y, pos_weight=w)

    def total(*args: Any) -> jax.Array:
        return f(*args).sum()

    x, y = LOGITS, PROBABILITIES
    for w in (WEIGHT, WEIGHT[:1], np.full((6, 5), 3, "float32"), 2.0):
        want = w * y * np.log1p(np.exp(-x)) + (1 - y) * np.log1p(np.exp(x))
        np.testing.assert_allclose(f(x, y, w), want, rtol=1e-5)
        step, args = 1e-2, [jnp.asarray(v, "float32") for v in (x, y, w)]
        for n, gradient in enumerate(jax.grad(total, (0, 1, 2))(*args)):
            above, below = (total(*args[:n], args[n] + d, *args[n + 1 :]) for d in (step, -step))
            np.testing.assert_allclose(gradient.sum(), (above - below) / 2 / step, rtol=5e-3, atol=1e-2)
    np.testing.assert_array_equal(
        binary_cross_entropy_from_logits(jnp.asarray([jnp.inf, -jnp.inf]), jnp.asarray([1.0, 0.0]), pos_weight=5.0), 0
    )
    torch = pytest.importorskip("torch")
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(x), torch.tensor(y), pos_weight=torch.tensor(WEIGHT), reduction="none"
    )
    np.testing.assert_allclose(binary_cross_entropy_from_logits(x, y, pos_weight=WEIGHT), theirs, rtol=1e-5)


def test_smoothing_leaves_out_masked_classes() -> None:
    x, where = jnp.asarray([1.0, 2.0, 50.0, 0.0]), jnp.asarray([True, True, False, True])
    got = cross_entropy_from_logits(x, 1, where=where, label_smoothing=0.3)
    np.testing.assert_allclose(got, cross_entropy_from_logits(x[where], 1, label_smoothing=0.3), rtol=1e-6)


def test_the_label_of_a_masked_class_costs_infinity_and_weights_may_be_integers() -> None:
    x, where = jnp.ones((1, 3)), jnp.asarray([[False, True, True]])
    options: list[dict[str, Any]] = [{"label_smoothing": 0.1}, {"weight": np.ones(3, int)}]
    for given in options:
        assert cross_entropy_from_logits(x, np.zeros(1, int), where=where, **given) == jnp.inf
        gradient = jax.grad(lambda x: cross_entropy_from_logits(x, np.zeros(1, int), where=where, **given).sum())(x)  # noqa: B023
        assert jnp.isfinite(gradient).all()
    binary = binary_cross_entropy_from_logits(x, 1, pos_weight=np.asarray([1, 2, 3]))
    np.testing.assert_allclose(binary, np.log1p(np.exp(-1)) * np.asarray([[1, 2, 3]]), rtol=1e-6)


def test_wrong_options_of_losses_are_refused() -> None:
    x, labels = jnp.ones((2, 3)), jnp.zeros(2, int)
    with pytest.raises(ValueError, match=r"called with weight of shape \(2,\); expected \(3,\), one number for each"):
        cross_entropy_from_logits(x, labels, weight=jnp.ones(2))
    bad: Any
    for bad in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"called with label_smoothing = .*; expected one from 0 to 1"):
            cross_entropy_from_logits(x, labels, label_smoothing=bad)
    with pytest.raises(TypeError, match="was called with weight of type complex64; expected real numbers"):
        cross_entropy_from_logits(x, labels, weight=jnp.ones(3, "complex64"))
    with pytest.raises(TypeError, match="was called with pos_weight of type complex64; expected real numbers"):
        binary_cross_entropy_from_logits(x, x, pos_weight=jnp.ones(3, "complex64"))
    with pytest.raises(ValueError, match=r"pos_weight of shape \(2,\); expected one that broadcasts to x's, \(2, 3\)"):
        binary_cross_entropy_from_logits(x, x, pos_weight=jnp.ones(2))


def test_integer_labels_of_two_classes_are_0_and_1() -> None:
    """-1 for the second class, a habit of other losses, would give a negative loss."""
    x = jnp.asarray([1.0, -2.0, 0.5, 3.0])
    loss = lambda x, labels, **k: binary_cross_entropy_from_logits(x, labels, **k)  # noqa: E731
    classes = np.asarray([1, 0, 1, 0])
    for dtype in ("int32", "int64", "uint8", "bool", "float16"):
        np.testing.assert_array_equal(loss(x, classes.astype(dtype)), loss(x, classes.astype("float32")))
    for wrong in (np.asarray([1, -1, 2, 0]), jnp.asarray([1, -1, 2, 0]), np.asarray([1, -(2**40), 2**40, 0])):
        for given in ({}, {"pos_weight": 2.0}):
            bad = np.asarray([False, True, True, False])
            np.testing.assert_array_equal(jnp.isnan(loss(x, wrong, **given)), bad)
            np.testing.assert_array_equal(loss(x, wrong, **given)[~bad], loss(x, classes, **given)[~bad])
            gradient, right = (jax.grad(lambda x: loss(x, y, **given).sum())(x) for y in (wrong, classes))  # noqa: B023
            np.testing.assert_array_equal(gradient, jnp.where(bad, 0, right))
    np.testing.assert_array_equal(loss(x, 1), loss(x, 1.0))
    assert jnp.isnan(loss(x, 2)).all()
    assert loss(x[:1], jnp.asarray([1.5])) < 0  # floats are not checked
