"""The reference and the definition of errors: they agree with other sources and detect known errors."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from helpers import bound, forward, in_float64, patterns, reverse, sample, ulp, worst, worst_exactly

from experiments.instruments.accuracy.exact import exact, exact_row
from experiments.instruments.accuracy.reference import check
from experiments.instruments.accuracy.ulps import AXIS_BOUNDS, BOUNDS, LINEAR_BOUND, largest_move, neighbours
from jaxact import CATALOGUE, sigmoid, tanh

pytestmark = pytest.mark.optimised


def test_exact_derivatives_are_those_of_mpmath() -> None:
    mpmath.mp.dps = 60
    for order in range(4):
        want = mpmath.diff(lambda x: 1 / (1 + mpmath.exp(-x)), mpmath.mpf("0.75"), order)
        got = exact(CATALOGUE["sigmoid"], 0.75)[order]
        assert abs(mpmath.mpf(got.mid().str(40, radius=False)) - want) < mpmath.mpf(10) ** -30


def test_exact_derivative_by_a_parameter() -> None:
    value, by_alpha, *_ = exact(CATALOGUE["elu"], -1.0, {"alpha": 0.5}, "alpha")
    assert float(value.mid()) == pytest.approx(0.5 * np.expm1(-1.0), rel=1e-15)
    assert float(by_alpha.mid()) == pytest.approx(np.expm1(-1.0), rel=1e-15)


def test_exact_row_is_certain_where_float64_cancels() -> None:
    value, *_ = exact_row(CATALOGUE["log_softmax"], [100.0, 0.0], [0.0, 0.0], 0)
    assert float(value.mid()) == pytest.approx(-np.exp(-100), rel=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_ulp_is_the_distance_to_the_next_number(dtype: str) -> None:
    for number in (1.0, 1.5, 3.0, 2.0**-10, float(jnp.finfo(dtype).tiny)):
        x = np.array([number]).astype(jnp.dtype(dtype))
        after = (x.view(f"int{x.itemsize * 8}") + 1).view(x.dtype)
        assert ulp(np.array(number), dtype) == float(after[0]) - number


def test_worst_detects_the_lost_digits_of_a_slope_taken_from_the_output() -> None:
    def from_output(x: jax.Array) -> jax.Array:
        y = jax.nn.sigmoid(x)
        return y * (1 - y)

    x = patterns("bfloat16")
    truth = in_float64(reverse(sigmoid), x)
    assert worst(x, np.asarray(from_output(jnp.asarray(x))), truth, "bfloat16").ulps > 100
    assert worst(x, np.asarray(reverse(sigmoid)(jnp.asarray(x))), truth, "bfloat16").ulps <= 0.51


def off_by(ulps: int, y: np.ndarray) -> np.ndarray:
    """The numbers that many float32 numbers farther from 0."""
    return (y.astype("float32").view("int32") + ulps).view("float32")


def move_to_neighbour(function: Any, x: np.ndarray, kinks: tuple[float, ...] = ()) -> np.ndarray:
    """How far a function of float64 moves to a neighbour of each x."""
    wide = [(side.astype("float64"), function(side.astype("float64"))) for side in neighbours(x)]
    return largest_move(np, x.astype("float64"), function(x.astype("float64")), wide, kinks)


def test_an_error_in_a_flat_place_counts_in_full() -> None:
    x = np.full(3, 0.75, "float32")
    truth = np.ones(3)
    found = worst(x, off_by(3, truth), truth, "float32", moves=move_to_neighbour(np.ones_like, x))
    assert (found.ulps, found.raw, found.above) == (3, 3, 3)


def test_the_effect_of_two_ulp_of_the_input_is_allowed_for() -> None:
    """From an error of exp at -80, where the next float32 number is 64 ulp of the result away."""
    x = np.array([-80.0], "float32")
    truth = np.exp(x.astype("float64"))
    step = move_to_neighbour(np.exp, x) / ulp(truth, "float32")
    assert 50 < step[0] < 130
    for ulps, left in ((100, 0), (1000, 1000 - 2 * step[0])):
        found = worst(x, off_by(ulps, truth), truth, "float32", moves=move_to_neighbour(np.exp, x))
        assert found.ulps == pytest.approx(left, abs=1)
        assert found.raw == pytest.approx(ulps, abs=1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_types_have_no_allowance(dtype: str) -> None:
    x, truth = np.array([1.0]), np.array([1.0])
    got = truth + 3 * ulp(truth, dtype)
    assert worst(x, got, truth, dtype, moves=np.array([100.0])).ulps == 3


@pytest.mark.parametrize("kink", [0.0, 1.0])
def test_a_neighbour_across_a_kink_does_not_count(kink: float) -> None:
    x = np.array([kink], "float32")
    x = np.concatenate([x, *neighbours(x), -x]) if kink else np.array([0.0, -0.0, 1e-45, -1e-45], "float32")
    step = lambda x: np.where(x > kink, 1.0, 0.0)  # noqa: E731
    np.testing.assert_array_equal(move_to_neighbour(step, x, (kink,)), 0)
    if kink:
        assert move_to_neighbour(step, x).max() == 1
    line = lambda x: 3 * x  # noqa: E731
    assert move_to_neighbour(line, np.array([2.0], "float32"), (kink,))[0] == 3 * 2.0**-22


def test_a_neighbour_that_is_not_finite_does_not_count() -> None:
    x = np.array([np.finfo("float32").max, np.inf, np.nan, 1.0], "float32")
    with np.errstate(invalid="ignore"):
        assert move_to_neighbour(lambda x: x, x).tolist() == [2.0**104, 0, 0, 2.0**-23]


def test_bounds_are_those_of_all_functions_unless_a_function_has_its_own() -> None:
    relu, softmax = CATALOGUE["relu"], CATALOGUE["softmax"]
    assert [bound(relu, dtype, 2) for dtype in BOUNDS] == [0.51, 0.51, 16, 32]
    assert bound(relu, "float32", 0, linear=True) == LINEAR_BOUND
    assert [bound(softmax, "float32", order) for order in range(3)] == list(AXIS_BOUNDS)
    special = SimpleNamespace(elementwise=True, ulps=(3, 4, 20))
    assert [bound(special, dtype, 2) for dtype in BOUNDS] == [0.51, 0.51, 20, 40]  # pyright: ignore[reportArgumentType]


def test_worst_exactly_detects_an_error_of_a_few_ulp() -> None:
    x = sample("float32", 4000, CATALOGUE["tanh"], np.random.default_rng(0))
    x = x[np.abs(x) < 20]
    facts = CATALOGUE["tanh"]
    right = np.asarray(tanh(jnp.asarray(x)))
    assert worst_exactly(facts, {}, x, [right])[0].raw <= 8
    wrong = worst_exactly(facts, {}, x, [off_by(20, right)])[0]
    assert wrong.ulps > 19.5
    assert wrong.raw >= wrong.ulps


def test_not_finite_where_the_truth_is_counts_as_bad() -> None:
    x = np.array([1.0, 2.0], "float32")
    assert worst(x, np.array([np.nan, 2.0], "float32"), x, "float32").bad == 1
    assert worst_exactly(CATALOGUE["identity"], {}, x, [np.array([1.0, np.inf], "float32")])[0].bad == 1


def test_forward_and_reverse_are_derivatives() -> None:
    x = jnp.linspace(-2, 2, 9)
    for derivative in (forward, reverse):
        np.testing.assert_allclose(derivative(jnp.sin)(x), jnp.cos(x), rtol=1e-6)


def test_digits_of_the_reference_do_not_matter_where_narrower_types_are_zero() -> None:
    x = np.array([-1.0, -100.0, -700.0])
    right = 1 / (1 + np.exp(-x))
    for factor, most in (([1, 1, 0], 1e-15), ([1, 1 + 1e-12, 1], 1e-10)):
        (found,) = check(CATALOGUE["sigmoid"], {}, x, [right * factor])
        assert most / 1000 < found.relative + 1e-16 < most
