"""Infinities, NaN, signed zeros, kinks, and numbers too small to be normal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import exact
from measure import CASE_IDS, CASES, ELEMENTWISE, forward, orders, reverse, value

from jaxact import Facts

cases = pytest.mark.parametrize(("facts", "given"), CASES, ids=CASE_IDS)
functions = pytest.mark.parametrize("facts", ELEMENTWISE, ids=lambda facts: facts.name)
FLOATS = ["bfloat16", "float16", "float32"]


@pytest.mark.parametrize("dtype", FLOATS)
@cases
def test_infinities_go_to_the_limits(facts: Facts, given: dict[str, float], dtype: str) -> None:
    parameters = {k: v for k, v in facts.parameters.items() if k not in given} | given
    for sign in (-1, 1):
        far, farther = (exact(facts, sign * 10.0**power, parameters) for power in (29, 30))
        grows = abs(float(farther[0].mid())) > 2 * abs(float(far[0].mid())) > 1
        limit = np.copysign(np.inf, float(far[0].mid())) if grows else float(far[0].mid())
        x = jnp.asarray(sign * jnp.inf, dtype)
        f, slope, curvature = orders(facts, given)
        assert f(x) == jnp.asarray(limit, dtype)
        assert slope(x) == jnp.asarray(float(far[1].mid()), dtype)
        assert curvature(x) == 0


@functions
def test_declared_tails_are_the_slopes_far_out(facts: Facts) -> None:
    if facts.tails is None:
        pytest.skip("a parameter without a default decides")
    slopes = [float(exact(facts, x, facts.parameters)[1].mid()) for x in (-1e30, 1e30)]
    assert tuple(slopes) == facts.tails


@functions
def test_declared_bounds_hold_and_are_approached(facts: Facts) -> None:
    x = jnp.concatenate([jnp.linspace(-30, 30, 200_001), jnp.asarray([-jnp.inf, jnp.inf])])
    for given in [{}] if all(isinstance(v, float) for v in facts.parameters.values()) else [{"alpha": 0.25}]:
        y = facts.function(x, **given)
        assert (float(y.min()), float(y.max())) == pytest.approx(facts.bounds, abs=1e-6)


@cases
def test_nan_in_nan_out_for_value_and_slope_and_nowhere_else(facts: Facts, given: dict[str, float]) -> None:
    for dtype in FLOATS:
        x = jnp.asarray([jnp.nan, -jnp.inf, -1e4, -1.0, -0.0, 0.0, 1.0, 6.0, 1e4, jnp.inf], dtype)
        for derivative in (value(facts, given), reverse(value(facts, given)), forward(value(facts, given))):
            assert np.isnan(derivative(x).astype("float32")).tolist() == [True] + [False] * 9


@cases
def test_zeros_give_the_value_at_zero(facts: Facts, given: dict[str, float]) -> None:
    parameters = {k: v for k, v in facts.parameters.items() if k not in given} | given
    at_zero = [float(c.mid()) for c in exact(facts, 0.0, parameters)]
    for zero in (0.0, -0.0):
        got = [float(f(jnp.float32(zero))) for f in orders(facts, given)]
        np.testing.assert_allclose(got, at_zero[:3], rtol=1e-6, atol=1e-30)


@cases
def test_a_kink_has_the_slope_of_the_side_that_the_formula_says(facts: Facts, given: dict[str, float]) -> None:
    parameters = {k: v for k, v in facts.parameters.items() if k not in given} | given
    for kink in facts.kinks:
        stated = np.float32(float(exact(facts, kink, parameters)[1].mid()))
        sides = [float(exact(facts, kink + d, parameters)[1].mid()) for d in (-1e-12, 1e-12)]
        for dtype in FLOATS:
            x = jnp.asarray(kink, dtype)
            slopes = {float(derivative(value(facts, given))(x)) for derivative in (forward, reverse)}
            assert slopes == {float(jnp.asarray(stated, dtype))}
        assert np.isclose(stated, sides, rtol=1e-6).any()


@functions
def test_slopes_jump_or_bend_only_at_declared_kinks(facts: Facts) -> None:
    """Two float64 slopes a billionth apart differ by a millionth at most, away from a kink."""
    given = {name: v if isinstance(v, float) else 0.25 for name, v in facts.parameters.items()}
    with jax.enable_x64(True):
        x = np.random.default_rng(0).uniform(-8, 8, 100_000)
        points = np.concatenate([x, np.arange(-8, 9)])
        below, above = (np.asarray(reverse(value(facts, given))(jnp.asarray(points + d))) for d in (-1e-9, 1e-9))
    jumps = points[np.abs(below - above) > 1e-6]
    assert set(jumps.tolist()) <= set(facts.kinks)


@functions
def test_subnormal_inputs_count_as_themselves_or_as_zero(facts: Facts) -> None:
    given = {name: v if isinstance(v, float) else 0.25 for name, v in facts.parameters.items()}
    for tiny in (1e-40, -1e-40):
        for f in orders(facts, given):
            candidates = [float(f(jnp.float32(x))) for x in (0.0, np.copysign(1e-37, tiny))]
            assert any(
                np.isclose(float(f(jnp.float32(tiny))), candidate, rtol=1e-6, atol=1e-36) for candidate in candidates
            )
