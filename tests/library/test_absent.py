"""Masked elements: by masks and by logits of -inf, empty rows, and labels of 0."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import FLOATS

from jaxact import (
    binary_cross_entropy_from_logits,
    cross_entropy_from_logits,
    entmax15,
    entropy_from_logits,
    kl_from_logits,
    log_softmax,
    logmeanexp,
    logsumexp,
    softmax,
    softmax1,
    softmin,
    sparsemax,
)

pytestmark = pytest.mark.optimised

INF, NAN = jnp.inf, jnp.nan
MASKED: dict[Callable[..., jax.Array], float] = {
    softmax: 0.0,
    log_softmax: -np.inf,
    softmin: 0.0,
    softmax1: 0.0,
    sparsemax: 0.0,
    entmax15: 0.0,
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
    np.testing.assert_array_equal(f(mixed)[1], f(mixed[1:])[0])


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
    assert jnp.isnan(pull(jnp.ones(4))[0]).all(-1).tolist() == [False, False, True, False]
    assert jnp.isfinite(gradient[jnp.asarray([0, 1, 3])]).all()
    assert jnp.isnan(cross_entropy_from_logits(jnp.zeros(3), -1))
