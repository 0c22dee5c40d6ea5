"""Masked elements: by masks and by logits of -inf, empty rows, and labels of 0."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import FLOATS, assert_same

from jaxact import (
    binary_cross_entropy_from_logits,
    cross_entropy_from_logits,
    entmax,
    entmax15,
    entropy_from_logits,
    gumbel_softmax,
    kl_from_logits,
    log_softmax,
    logmeanexp,
    logsumexp,
    softmax,
    softmax1,
    softmin,
    sparsemax,
)

INF, NAN = jnp.inf, jnp.nan
MASKED: dict[Callable[..., jax.Array], float] = {
    softmax: 0.0,
    log_softmax: -np.inf,
    softmin: 0.0,
    softmax1: 0.0,
    sparsemax: 0.0,
    entmax15: 0.0,
    entmax: 0.0,
}
"""What a masked element becomes."""

SUMS: dict[Callable[..., jax.Array], float] = {
    logsumexp: -np.inf,
    logmeanexp: -np.inf,
    entropy_from_logits: 0.0,
    cross_entropy_from_logits: 0.0,
    kl_from_logits: 0.0,
}
"""What an empty row becomes."""

probabilities = pytest.mark.parametrize("function", MASKED, ids=lambda f: f.__name__)
sums = pytest.mark.parametrize("function", SUMS, ids=lambda f: f.__name__)


def of_rows(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The function of each row: with the last axis, and the second of three classes as the label."""
    if function is cross_entropy_from_logits:
        return lambda x, where=None: function(x, jnp.ones(x.shape[:-1], int), where=where)
    if function is kl_from_logits:
        return lambda x, where=None: function(x, jnp.zeros_like(x), where=where)
    return lambda x, where=None: function(x, axis=-1, where=where)


def derivatives(f: Callable[[jax.Array], jax.Array], x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The Jacobian in both modes."""
    return jax.jit(lambda x: (jax.jacfwd(f)(x), jax.jacrev(f)(x)))(x)


@pytest.mark.parametrize("dtype", FLOATS)
@probabilities
def test_masked_elements_have_no_influence_on_the_others(function: Callable[..., jax.Array], dtype: str) -> None:
    x = jnp.asarray([[1.0, 1.0, 100.0], [jnp.nan, 2.0, 1.0], [jnp.inf, 0.0, 0.0]], dtype)
    where = jnp.asarray([[True, True, False], [False, True, True], [False, True, False]])
    y, pull = jax.vjp(lambda x: jnp.where(where, function(x, where=where), 0), x)
    expected = [function(row[mask]) for row, mask in zip(x, where, strict=True)]
    for row, mask, want in zip(function(x, where=where), where, expected, strict=True):
        np.testing.assert_array_equal(row[mask], want)
        assert (row[~mask] == MASKED[function]).all()
    gradient = pull(jnp.ones_like(y))[0]
    assert jnp.isfinite(gradient).all()
    assert (gradient[~where] == 0).all()
    tangent = jax.jvp(lambda x: function(x, where=where), (x,), (jnp.ones_like(x),))[1]
    assert jnp.isfinite(tangent).all()
    lowest = INF if function is softmin else -INF
    np.testing.assert_array_equal(function(jnp.where(where, x, lowest)), function(x, where=where))


@sums
def test_masked_elements_have_no_influence_on_sums(function: Callable[..., jax.Array]) -> None:
    f = of_rows(function)
    x = jnp.asarray([[1.0, 1.0, 100.0], [NAN, 2.0, 1.0], [INF, 0.0, 0.0], [NAN, INF, 3e38]])
    where = jnp.asarray([[True, True, False], [False, True, True], [False, True, False], [False, False, False]])
    plain = jnp.where(where, x, 0)
    np.testing.assert_array_equal(f(x, where), f(plain, where))
    assert float(f(x, where)[3]) == SUMS[function]
    for got, want in zip(*(derivatives(lambda x: f(x, where), v) for v in (x, plain)), strict=True):
        np.testing.assert_array_equal(got, want)
        assert jnp.isfinite(got).all()
        assert not got[:, ~where].any()
    if function is not cross_entropy_from_logits:  # whose label needs its class
        for row, mask in zip(x, where, strict=True):
            np.testing.assert_allclose(f(row, mask), f(row[mask]), rtol=3e-7)


@pytest.mark.parametrize("function", [*MASKED, *SUMS], ids=lambda f: f.__name__)
def test_an_empty_row_has_its_value_and_no_gradient(function: Callable[..., jax.Array]) -> None:
    """No NaN, neither forward nor backward; the other rows do not change."""
    f = of_rows(function)
    empty = (MASKED | SUMS)[function]
    lowest = INF if function is softmin else -INF
    for x, where in ((jnp.full((2, 3), lowest), None), (jnp.ones((2, 3)), jnp.zeros((2, 3), bool))):
        y = f(x, where)
        np.testing.assert_array_equal(y, np.full(y.shape, empty))
        total = lambda x: jnp.sum(jnp.nan_to_num(f(x, where)))  # noqa: B023, E731
        np.testing.assert_array_equal(jax.jit(jax.grad(total))(x), np.zeros(x.shape))
        for jacobian in derivatives(lambda x: f(x, where), x):  # noqa: B023
            assert not jnp.isnan(jacobian).any()
    mixed = jnp.asarray([[lowest] * 3, [0.5, 1.0, -1.0]])
    assert_same(f(mixed)[1], f(mixed[1:])[0])


def test_functions_of_an_empty_axis() -> None:
    for function in MASKED:
        assert function(jnp.zeros((2, 0))).shape == (2, 0)
    for function, empty in SUMS.items():
        if function is not cross_entropy_from_logits:
            np.testing.assert_array_equal(of_rows(function)(jnp.zeros((2, 0))), [empty] * 2)
    assert jax.grad(logsumexp)(jnp.zeros(0)).shape == (0,)


def test_the_gradient_of_an_empty_sum_is_zero() -> None:
    """In jax.nn it is NaN, which spreads to all gradients of sums in log space (CTC, semirings)."""
    np.testing.assert_array_equal(jax.grad(logsumexp)(jnp.asarray([-INF, -INF])), [0, 0])
    np.testing.assert_array_equal(
        jax.grad(lambda a: logsumexp(a, where=jnp.asarray([True, False])))(jnp.asarray([0.0, 100.0])), [1, 0]
    )


def test_a_label_of_zero_costs_nothing_where_the_logit_is_minus_infinity() -> None:
    logits, labels = jnp.asarray([-INF, 0.0, 0.0]), jnp.asarray([0.0, 1.0, 0.0])
    f = lambda logits: cross_entropy_from_logits(logits, labels)  # noqa: E731
    np.testing.assert_allclose(f(logits), np.log(2), rtol=1e-7)
    for gradient in derivatives(f, logits):
        np.testing.assert_allclose(gradient, [0, -0.5, 0.5], atol=1e-7)
    by_class = lambda logits: cross_entropy_from_logits(logits, 1)  # noqa: E731
    np.testing.assert_array_equal(by_class(logits), f(logits))
    for gradient in derivatives(by_class, logits):
        np.testing.assert_allclose(gradient, [0, -0.5, 0.5], atol=1e-7)
    by_labels = jax.grad(cross_entropy_from_logits, 1)(jnp.zeros(3), labels)  # also where the label is 0
    np.testing.assert_allclose(by_labels, np.full(3, np.log(3)), rtol=1e-6)


def test_a_label_of_an_impossible_class_costs_infinity() -> None:
    logits = jnp.asarray([-INF, 0.0, 1.0])
    for labels in (0, jnp.asarray([0.5, 0.5, 0.0])):
        value, gradient = jax.value_and_grad(cross_entropy_from_logits)(logits, labels)
        assert value == INF
        assert jnp.isfinite(gradient).all()
    assert cross_entropy_from_logits(jnp.ones(3), 0, where=jnp.asarray([False, True, True])) == INF
    assert kl_from_logits(jnp.zeros(3), logits) == INF


def test_entropy_and_divergence_of_a_masked_policy() -> None:
    logits = jnp.asarray([0.0, 1.0, -INF])
    p = np.exp([0, 1]) / np.exp([0, 1]).sum()
    entropy = -(p * np.log(p)).sum()
    np.testing.assert_allclose(entropy_from_logits(logits), entropy, rtol=3e-7)
    for gradient in derivatives(entropy_from_logits, logits):
        np.testing.assert_allclose(gradient, [*(-p * (np.log(p) + entropy)), 0], atol=1e-7)
    q_logits = jnp.asarray([1.0, 0.0, -INF])
    divergence = (p * np.log(p / p[::-1])).sum()
    np.testing.assert_allclose(kl_from_logits(logits, q_logits), divergence, rtol=3e-7)
    for gradient in derivatives(lambda q: kl_from_logits(logits, q), q_logits):
        np.testing.assert_allclose(gradient, [*(p[::-1] - p), 0], atol=1e-7)
    for gradient in derivatives(lambda p: kl_from_logits(p, q_logits), logits):
        np.testing.assert_allclose(gradient, [*(p * (np.log(p / p[::-1]) - divergence)), 0], atol=1e-7)
    wider = kl_from_logits(logits, jnp.zeros(3))  # q may be positive where p is 0
    np.testing.assert_allclose(wider, np.log(3) - entropy, rtol=1e-6)


def test_a_right_prediction_with_infinite_logits_costs_nothing() -> None:
    logits, labels = jnp.asarray([INF, -INF, INF, -INF]), jnp.asarray([1.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(binary_cross_entropy_from_logits(logits, labels), [0, 0, INF, INF])
    gradient = jax.grad(lambda x: jnp.sum(binary_cross_entropy_from_logits(x, labels)))(logits)
    np.testing.assert_array_equal(gradient, [0, 0, 1, -1])
    certain = jnp.asarray([INF, 0.0])
    assert (
        cross_entropy_from_logits(certain, 0) == entropy_from_logits(certain) == kl_from_logits(certain, certain) == 0
    )
    assert cross_entropy_from_logits(certain, 1) == kl_from_logits(jnp.zeros(2), certain) == INF


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32"])
def test_only_a_label_that_is_not_a_class_gives_nan(dtype: str) -> None:
    labels: Any = np.asarray([0, 100, 127, 2]).astype(dtype)
    x = jnp.zeros((4, 120))
    f = jax.jit(jax.value_and_grad(lambda x: jnp.sum(cross_entropy_from_logits(x, labels)[jnp.asarray([0, 1, 3])])))
    value, gradient = f(x)
    np.testing.assert_allclose(value, 3 * np.log(120), rtol=1e-6)
    losses, pull = jax.vjp(lambda x: cross_entropy_from_logits(x, labels), x)
    assert jnp.isnan(losses).tolist() == [False, False, True, False]
    assert pull(jnp.ones(4))[0].any(-1).tolist() == [True, True, False, True]
    assert jnp.isfinite(gradient[jnp.asarray([0, 1, 3])]).all()
    assert jnp.isnan(cross_entropy_from_logits(jnp.zeros(3), -1))


PADDED = np.asarray([1, -100, 5, 2])
"""A class, the default of ignore_index, a label that is not a class, and another class."""
OPTIONS: list[dict[str, Any]] = [{}, {"label_smoothing": 0.1}, {"weight": jnp.asarray([1.0, 2.0, 3.0])}]


@pytest.mark.parametrize("given", OPTIONS, ids=lambda given: next(iter(given), "plain"))
def test_labels_of_padding_have_loss_and_gradient_0_even_where_logits_are_nan(given: dict[str, Any]) -> None:
    x = jnp.asarray([[1.0, 2.0, 3.0], [NAN, 0.0, INF], [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]])
    loss = lambda x: cross_entropy_from_logits(x, PADDED, **given)  # noqa: E731
    np.testing.assert_array_equal(loss(x)[1], 0)
    assert jnp.isnan(loss(x)).tolist() == [False, False, True, False]
    want = cross_entropy_from_logits(x[::3], PADDED[::3], **given)
    np.testing.assert_allclose(loss(x)[::3], want, rtol=1e-6)
    for jacobian in derivatives(loss, x):
        assert jnp.isfinite(jacobian).all()
        assert not jacobian[1:3].any()
    masked = jax.grad(lambda x: jnp.where(PADDED >= 0, loss(x), 0)[jnp.asarray([0, 1, 3])].sum())(x)
    np.testing.assert_array_equal(masked, jax.grad(lambda x: loss(x)[jnp.asarray([0, 1, 3])].sum())(x))
    np.testing.assert_array_equal(cross_entropy_from_logits(x[:1], jnp.asarray([0]), **given, ignore_index=0), [0])
    if "weight" in given:
        by_weight = jax.grad(lambda w: cross_entropy_from_logits(x, PADDED, weight=w)[jnp.asarray([0, 1, 3])].sum())
        assert jnp.isfinite(by_weight(given["weight"])).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int32"])
def test_an_ignored_label_of_any_type(dtype: str) -> None:
    labels = np.asarray([0, 255]).astype(dtype)
    np.testing.assert_allclose(cross_entropy_from_logits(jnp.zeros((2, 3)), labels, ignore_index=255), [np.log(3), 0])
    assert jnp.isnan(cross_entropy_from_logits(jnp.zeros((2, 3)), labels)).tolist() == [False, True]


def test_rows_that_are_masked_after_the_call_have_gradient_0() -> None:
    """0 * NaN would be NaN: labels of NaN, losses of inf, divergences from a row of NaN."""
    y = jnp.asarray([1.0, NAN, 0.0])
    known = ~jnp.isnan(y)
    binary = jax.grad(lambda x: jnp.where(known, binary_cross_entropy_from_logits(x, y), 0).sum())(jnp.ones(3))
    np.testing.assert_allclose(binary, [-1 / (1 + np.e), 0, np.e / (1 + np.e)], rtol=1e-6)
    assert jnp.isnan(binary_cross_entropy_from_logits(jnp.ones(3), y)).tolist() == [False, True, False]

    rows, first = jnp.asarray([[1.0, 0.0], [NAN, NAN], [0.0, INF]]), jnp.asarray([True, False, False])
    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [-INF, -INF]])
    for f in (
        lambda x: cross_entropy_from_logits(x, rows),
        lambda x: kl_from_logits(rows, x),
        lambda x: cross_entropy_from_logits(x, rows, label_smoothing=0.1),
    ):
        gradient = jax.grad(lambda x: jnp.where(first, f(x), 0).sum())(x)  # noqa: B023
        np.testing.assert_allclose(gradient[0], jax.grad(lambda x: f(x)[0])(x)[0], rtol=1e-6)  # noqa: B023
        assert not gradient[1:].any()
    for f in (entropy_from_logits, lambda x: kl_from_logits(x, jnp.zeros_like(x))):
        assert not jax.grad(lambda x: jnp.where(first, f(x), 0).sum())(x)[1:].any()  # noqa: B023


def test_masked_elements_of_binary_cross_entropy_have_no_influence() -> None:
    x, y = jnp.asarray([1.0, NAN, 2.0, INF]), jnp.asarray([1.0, 0.0, NAN, 0.0])
    where = jnp.asarray([True, False, False, False])
    f = lambda x, y, w: binary_cross_entropy_from_logits(x, y, where, w)  # noqa: E731
    np.testing.assert_allclose(f(x, y, 2.0), [2 * np.log1p(np.exp(-1)), 0, 0, 0], rtol=1e-6)
    slopes = jax.grad(lambda *args: f(*args).sum(), (0, 1, 2))(x, y, jnp.full(4, 2.0))
    for slope in slopes:
        assert jnp.isfinite(slope).all()
        assert not slope[1:].any()


def test_masked_categories_are_never_drawn() -> None:
    x, where = (
        jnp.asarray([[NAN, 1.0, 2.0], [INF, NAN, 0.0]]),
        jnp.asarray([[False, True, True], [False, False, False]]),
    )
    for key in jax.random.split(jax.random.key(0), 20):
        for hard in (False, True):
            f = lambda x: gumbel_softmax(key, x, 0.5, hard, where=where)  # noqa: B023, E731
            np.testing.assert_array_equal(f(x), f(jnp.where(where, x, -INF)))
            np.testing.assert_allclose(f(x).sum(-1), [1, 0], rtol=1e-6)
    for jacobian in derivatives(lambda x: gumbel_softmax(jax.random.key(0), x, where=where), x):
        assert jnp.isfinite(jacobian).all()
        assert not jacobian[..., ~where].any()
