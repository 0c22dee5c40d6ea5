"""Value, f' and f'' of every elementwise activation against its formula, in ulp, in every float type."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from measure import BOUNDS, CASE_IDS, CASES, in_float64, orders, patterns, sample, worst, worst_exactly

from jaxact import Facts

ORDERS = [0, 1, 2]
cases = pytest.mark.parametrize(("facts", "given"), CASES, ids=CASE_IDS)
each_order = pytest.mark.parametrize("order", ORDERS, ids=["value", "slope", "curvature"])


@each_order
@cases
def test_float64_against_arbitrary_precision(facts: Facts, given: dict[str, float], order: int) -> None:
    x = sample("float64", 4000, facts, np.random.default_rng(0))
    x = x[np.abs(x) < 1e30]
    with jax.enable_x64(True):
        got = np.asarray(orders(facts, given)[order](jnp.asarray(x)))
    error = worst_exactly(facts, given, x, got, order)
    assert error.within(BOUNDS["float64"][order]), error


@each_order
@cases
def test_float32_against_arbitrary_precision(facts: Facts, given: dict[str, float], order: int) -> None:
    x = sample("float32", 1000, facts, np.random.default_rng(1))
    x = x[np.abs(x) < 1e30]
    error = worst_exactly(facts, given, x, np.asarray(orders(facts, given)[order](jnp.asarray(x))), order)
    assert error.within(BOUNDS["float32"][order]), error


@each_order
@cases
def test_float32_against_float64(facts: Facts, given: dict[str, float], order: int) -> None:
    x = sample("float32", 1_000_000, facts, np.random.default_rng(2))
    f = orders(facts, given)[order]
    error = worst(x, np.asarray(f(jnp.asarray(x))), in_float64(f, x), "float32")
    assert error.within(BOUNDS["float32"][order]), error


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@each_order
@cases
def test_every_16_bit_number(facts: Facts, given: dict[str, float], order: int, dtype: str) -> None:
    x = patterns(dtype)
    f = orders(facts, given)[order]
    error = worst(x, np.asarray(f(jnp.asarray(x))), in_float64(f, x), dtype)
    assert error.within(BOUNDS[dtype][order]), error
