"""Infinities, NaN, signed zeros, kinks, and numbers too small to be normal."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import CASE_IDS, CASES, FLOATS, ON_CPU, elementwise, first, functions, orders, required, reverse, value

import jaxact
from experiments.instruments.accuracy.exact import exact
from jaxact import Facts

pytestmark = pytest.mark.optimised

USUAL = [-1e4, -1.0, -0.0, 0.0, 1.0, 6.0, 1e4]
TINY = [[1e-40, 0.0, 1e-37], [-1e-40, -0.0, -1e-37]]


class Case(NamedTuple):
    """An activation at parameters, and its results at all special inputs, from one program for all tests."""

    facts: Facts
    given: dict[str, float]
    points: list[float]
    results: dict[str, list[np.ndarray]]

    def at(self, x: list[float], dtype: str, order: int) -> np.ndarray:
        """Results of a type at some of the points; strings tell 0.0 from -0.0, and find NaN."""
        strings = list(map(str, self.points))
        return self.results[dtype][order].astype("float64")[[strings.index(str(point)) for point in x]]


@pytest.fixture(scope="module", params=CASES, ids=CASE_IDS)
def case(request: pytest.FixtureRequest) -> Case:
    facts, given = request.param
    points = [-np.inf, np.inf, np.nan, *USUAL, *facts.kinks_at(**given), *TINY[0], *TINY[1]]
    results = {dtype: orders(facts, given, np.asarray(points).astype(jnp.dtype(dtype))) for dtype in FLOATS}
    return Case(facts, given, points, results)


def limit(near: float, far: float) -> float:
    """The limit of a result, from its values at two large inputs, the second ten times the first; NaN for no limit."""
    if abs(far) < 1e-20 > abs(near):
        return 0.0
    if abs(far) > 5 * abs(near) and abs(far) > 1e20:
        return np.copysign(np.inf, far)
    return far if far == pytest.approx(near, rel=1e-9) else np.nan


def ends(facts: Facts) -> list[float]:
    """-inf and inf, as far as they belong to the domain."""
    return [end for end in (-np.inf, np.inf) if end in facts.domain]


def test_infinities_go_to_the_limits(case: Case) -> None:
    for end in ends(case.facts):
        near, far = (exact(case.facts, np.sign(end) * 10.0**power, case.given)[:3] for power in (29, 30))
        limits = [limit(float(a.mid()), float(b.mid())) for a, b in zip(near, far, strict=True)]
        for dtype in FLOATS:
            got = [case.at([end], dtype, order)[0] for order in range(3)]
            np.testing.assert_allclose(got, np.asarray(limits).astype(jnp.dtype(dtype)).astype("float64"), rtol=2e-7)


@elementwise
def test_declared_slopes_at_inf_are_the_slopes_at_1e30(facts: Facts) -> None:
    if facts.slopes_at_inf is None:
        pytest.skip("they depend on a parameter without a default, or do not exist")
    for x, declared in zip((-1e30, 1e30), facts.slopes_at_inf, strict=True):
        slope = float(exact(facts, x, facts.parameters)[1].mid())
        assert (abs(slope) > 1e20) if np.isinf(declared) else slope == pytest.approx(declared, rel=1e-15, abs=1e-15)


@elementwise
def test_declared_bounds_hold_and_are_approached(facts: Facts) -> None:
    low, high = facts.domain
    x = jnp.concatenate([jnp.linspace(max(low, -30), min(high, 30), 200_001), jnp.asarray(ends(facts))])
    y = facts.function(x, **required(facts))
    y = y[~jnp.isnan(y)]  # of a wave at infinity
    if all(isinstance(default, int | float) for default in facts.parameters.values()):
        assert (float(y.min()), float(y.max())) == pytest.approx(facts.bounds, abs=1e-6)
    else:
        assert facts.bounds == (-np.inf, np.inf)  # they depend on a parameter


def test_nan_in_nan_out_for_value_and_slope_and_nowhere_else(case: Case) -> None:
    low, high = case.facts.domain
    inside = [x for x in USUAL if low < x < high or not x]
    outside = [x for x in USUAL if x < low and x]
    for dtype in FLOATS:
        for order in (0, 1):
            linear = case.facts.name == "identity" and order == 1  # its slope is 1 also for NaN
            assert linear or np.isnan(case.at([np.nan, *outside], dtype, order)).all()
            assert not np.isnan(case.at(inside, dtype, order)).any()


def test_zeros_give_the_value_at_zero(case: Case) -> None:
    if case.facts.domain[0] == 0:
        pytest.skip("0 is the end of the domain")
    for order, want in enumerate(exact(case.facts, 0.0, case.given)[:3]):
        np.testing.assert_allclose(case.at([0.0, -0.0], "float32", order), float(want.mid()), rtol=1e-6, atol=1e-30)


def test_a_kink_has_the_slope_of_the_side_that_the_formula_says(case: Case) -> None:
    for kink in case.facts.kinks_at(**case.given):
        below, stated, above = (float(exact(case.facts, kink + d, case.given)[1].mid()) for d in (-1e-12, 0.0, 1e-12))
        assert np.isclose(np.float32(stated), [below, above], rtol=1e-6).any()
        for dtype in FLOATS:
            assert case.at([kink], dtype, 1) == np.float32(stated).astype(jnp.dtype(dtype)).astype("float64")


def test_subnormal_inputs_count_as_themselves_or_as_zero(case: Case) -> None:
    for points in TINY[: 1 if case.facts.domain[0] == 0 else 2]:
        for order in range(3):
            tiny, zero, normal = case.at(points, "float32", order)
            itself = [] if ON_CPU else [float(exact(case.facts, points[0], case.given)[order].mid())]
            assert np.isclose(tiny, [zero, normal, *itself], rtol=1e-6, atol=1e-36).any()


@pytest.mark.slow
@elementwise
def test_slopes_jump_or_bend_only_at_declared_kinks(facts: Facts) -> None:
    """Away from a kink, float64 slopes at points 2e-9 apart differ by at most 1e-6."""
    given = facts.parameters | {name: v for name, v in required(facts).items() if name in facts.parameters}
    with jax.enable_x64(True):
        x = np.concatenate([np.random.default_rng(0).uniform(-8, 8, 100_000), np.arange(-8, 9, 0.25)])
        points = x[x > facts.domain[0]]
        below, above = (np.asarray(reverse(value(facts, given))(jnp.asarray(points + d))) for d in (-1e-9, 1e-9))
    tolerance = 1e-6 * np.maximum(1, np.abs(below)) * np.maximum(1, 1 / (points - facts.domain[0]) ** 2)
    jumps = points[np.abs(below - above) > tolerance]
    assert set(jumps.tolist()) <= set(facts.kinks_at(**given))


def test_ties_of_minimum_do_not_show_in_derivatives() -> None:
    """jnp.minimum of equal arguments has half the slope, here in celu's second derivative by alpha and x at -alpha."""
    for inner, outer in ((0, 1), (1, 0)):
        mixed = jax.grad(jax.grad(jaxact.celu, inner), outer)(-1.0, 1.0)
        assert mixed == pytest.approx(np.exp(-1), rel=1e-6)


def test_a_gate_with_beta_0_is_a_half() -> None:
    x = jnp.asarray([-1e35, -3.0, 2.0, 1e35])
    np.testing.assert_array_equal(jaxact.swish(x, 0.0), x / 2)
    np.testing.assert_array_equal(jax.vmap(jax.grad(lambda x: jaxact.swish(x, 0.0)))(x), 0.5 * jnp.ones(4))


SPECIAL = [-np.inf, -1e4, -2.0, -1e-3, 0.0, 1e-3, 2.0, 1e4, np.inf]
RELU = np.maximum(SPECIAL, 0)
NAN_AT = {("leaky_relu", "negative_slope"): -np.inf, ("prelu", "alpha"): -np.inf, ("star_relu", "scale"): np.inf}
"""Where a factor of 0 meets an infinite x, as in the formula."""
NO_LIMIT = {"isru": ["alpha"], "isrlu": ["alpha"], "celu": ["alpha"], "smelu": ["beta"], "squareplus": ["b"]}
NO_LIMIT |= {"snake": ["alpha"], "gompertz": ["b", "c"], "xielu": ["alpha_p", "alpha_n", "beta"]}
"""Positive parameters that may not be infinite: the result would be constant, infinite, or another function's."""
LIMITS: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {
    ("softcap", "cap"): (np.asarray(SPECIAL), np.ones(9)),
    ("softplus", "beta"): (RELU, np.asarray([0.0] * 5 + [1] * 4)),
    ("swish", "beta"): (RELU, np.asarray([0] * 4 + [0.5] + [1] * 4)),
    ("hard_shrink", "lambd"): (np.asarray([-np.inf] + [0] * 7 + [np.inf]), np.asarray([1] + [0] * 7 + [1])),
    ("soft_shrink", "lambd"): (np.asarray([-np.inf] + [0] * 7 + [np.inf]), np.asarray([1] + [0] * 7 + [1])),
}
"""Values and slopes for infinite parameters."""


def _value_and_slope(facts: Facts, name: str, number: float) -> tuple[np.ndarray, np.ndarray]:
    given = required(facts) | {name: number}
    f = value(facts, {n: v for n, v in given.items() if n in facts.parameters})
    x = jnp.asarray(SPECIAL)
    return np.asarray(f(x)), np.asarray(jax.vmap(jax.grad(f))(x))


@elementwise
def test_factors_of_zero_and_infinity(facts: Facts) -> None:
    """An error, the limit, or no NaN but where an infinite x meets a 0."""
    finite = set(facts.rules.parameters.finite) - set(facts.positive)
    for name in facts.rules.parameters.factors:
        for number in (0.0, np.inf, -np.inf):
            of_positive = name in facts.positive and (number <= 0 or name in NO_LIMIT.get(facts.name, []))
            if of_positive or (name in finite and np.isinf(number)):
                with pytest.raises(ValueError, match=f"{facts.name} was called with {name} = {number}"):
                    facts.function(jnp.ones(2), **required(facts) | {name: number})
                continue
            y, dy = _value_and_slope(facts, name, number)
            if number == np.inf and (facts.name, name) in LIMITS:
                np.testing.assert_allclose(
                    y, LIMITS[facts.name, name][0].astype("float32"), rtol=0, atol=0 if ON_CPU else 1e-36
                )
                np.testing.assert_array_equal(dy, LIMITS[facts.name, name][1])
            allowed = np.asarray(SPECIAL) == NAN_AT.get((facts.name, name)) if number == 0 else np.zeros(9, bool)
            assert not (np.isnan(y) | np.isnan(dy))[~allowed].any()


def test_every_positive_parameter_has_a_decision() -> None:
    for facts in (facts for facts in jaxact.CATALOGUE.values() if facts.elementwise):
        for name in facts.positive:
            assert (name in NO_LIMIT.get(facts.name, [])) != ((facts.name, name) in LIMITS)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin", "softmax1"])
def test_an_infinite_temperature_makes_all_probabilities_equal(name: str) -> None:
    f, x = getattr(jaxact, name), jnp.asarray([1.0, -1e30, jnp.inf if name == "softmin" else -jnp.inf, 3.0])
    want = f(jnp.where(jnp.isinf(x), x, 0.0))
    for temperature in (np.inf, 1e39, 1e38):
        np.testing.assert_array_equal(f(x, temperature=temperature), want)
        np.testing.assert_array_equal(jax.jit(lambda x: f(x, temperature=np.inf))(x), want)
    assert jnp.abs(jax.grad(lambda x: f(x, temperature=np.inf)[0])(x)).max() < 1e-37


@functions
def test_a_positive_number_that_is_0_in_the_type_of_the_computation_is_refused(facts: Facts) -> None:
    """softmax(x, temperature=1e-46) was NaN: as a float32 the number is 0."""
    for name in facts.positive:
        given = {first(facts): jnp.ones(4, "bfloat16")} | required(facts)
        for number in (1e-46, 1e-39):
            sentence = rf"{facts.name} was called with {name} = {number}, which counts as 0 in float32; expected a num"
            for transform in (lambda f: f, jax.jit):
                with pytest.raises(ValueError, match=sentence):
                    transform(lambda x: facts.function(**given | {first(facts): x, name: number}))(given[first(facts)])  # noqa: B023
        with jax.enable_x64(True):
            given = {first(facts): jnp.ones(4)} | required(facts)
            assert not jnp.isnan(facts.function(**given | {name: 1e-46})).any()


def test_a_gate_with_beta_0_is_a_half_at_infinity() -> None:
    x = jnp.asarray([-jnp.inf, jnp.inf])
    np.testing.assert_array_equal(jaxact.swish(x, jnp.zeros(2)), x)
    np.testing.assert_array_equal(jax.vmap(jax.grad(jaxact.swish))(x, jnp.zeros(2)), [0.5, 0.5])


def test_xielu_has_a_limit_where_its_two_slopes_cancel() -> None:
    for alpha in (0.25, 0.5):
        assert jaxact.xielu(-jnp.inf, 0.8, alpha, alpha) == -alpha
        assert jax.grad(jaxact.xielu)(-jnp.inf, 0.8, alpha, alpha) == 0
    np.testing.assert_array_equal(
        jaxact.xielu(-jnp.inf, 0.8, jnp.asarray([0.8, 0.5, 0.2]), 0.5), [jnp.inf, -0.5, -jnp.inf]
    )
