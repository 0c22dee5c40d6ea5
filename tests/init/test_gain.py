"""Gains, moments and maps, against closed forms to 1e-10 or against random numbers."""

import pickle
from collections.abc import Callable
from functools import partial
from math import asin, erf, exp, inf, pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ELEMENTWISE, required

import jaxact
from jaxact import Facts, init
from jaxact.init._gauss import FEW, value_and_slope

KEY = jax.random.key(0)
SQUARES: dict[str, tuple[Callable[..., Any], float, float]] = {  # E f(z)^2 and E f'(z)^2 for z standard normal
    "identity": (jaxact.identity, 1, 1),
    "relu": (jaxact.relu, 1 / 2, 1 / 2),
    "jax.nn.relu": (jax.nn.relu, 1 / 2, 1 / 2),
    "leaky": (partial(jaxact.leaky_relu, negative_slope=0.2), 1.04 / 2, 1.04 / 2),
    "relu_squared": (jaxact.relu_squared, 3 / 2, 2),
    "erf": (jaxact.erf, 2 / pi * asin(2 / 3), 4 / pi / sqrt(5)),
    "exponential": (jaxact.exponential, exp(2), exp(2)),
    "sine": (jnp.sin, (1 - exp(-2)) / 2, (1 + exp(-2)) / 2),
    "a cube": (lambda x: x * x * x, 15, 27),
}
JUMP = 0.3
SQUARES["jump"] = (
    lambda x: jnp.where(x > JUMP, 2.0 * x, 0.0),
    4 * ((1 - erf(JUMP / sqrt(2))) / 2 + JUMP * exp(-JUMP * JUMP / 2) / sqrt(2 * pi)),
    2 * (1 - erf(JUMP / sqrt(2))),
)


@pytest.mark.parametrize(("fn", "forward", "backward"), SQUARES.values(), ids=SQUARES)
def test_closed_forms(fn: Callable[..., Any], forward: float, backward: float) -> None:
    np.testing.assert_allclose(init.gain(fn), forward**-0.5, rtol=1e-10)
    np.testing.assert_allclose(init.gain(fn, "backward"), backward**-0.5, rtol=1e-10)
    np.testing.assert_allclose(init.gain(fn, "compromise"), ((forward + backward) / 2) ** -0.5, rtol=1e-10)
    np.testing.assert_allclose(init.second_moment(fn), forward, rtol=1e-10)
    np.testing.assert_allclose(init.chi(fn, 1.0, 1.5), 2.25 * backward, rtol=1e-10)


@pytest.mark.parametrize("at", [-2.3, -1 / 3, 0.0, 0.0123, 1.0, 3.21])
def test_a_kink_is_found_wherever_it_is(at: float) -> None:
    above, height = (1 - erf(at / sqrt(2))) / 2, exp(-at * at / 2) / sqrt(2 * pi)
    hinge = lambda x: jnp.maximum(x - at, 0)  # noqa: E731
    np.testing.assert_allclose(init.second_moment(hinge), (1 + at * at) * above - at * height, rtol=1e-10)
    np.testing.assert_allclose(init.mean(hinge), height - at * above, rtol=1e-10)
    np.testing.assert_allclose(init.chi(hinge), above, rtol=1e-10)


def test_selu_keeps_mean_0_and_second_moment_1() -> None:
    np.testing.assert_allclose([init.mean(jaxact.selu), init.second_moment(jaxact.selu)], [0, 1], atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("facts", ELEMENTWISE, ids=lambda facts: facts.name)
def test_every_activation_against_random_numbers(facts: Facts) -> None:
    f = partial(facts.function, **required(facts))
    if facts.domain != (-inf, inf):
        with pytest.raises(ValueError, match=f"{facts.name} is not finite near .*; expected a finite value"):
            init.gain(f)
        return
    z = np.random.default_rng(0).standard_normal(FEW)  # the size for which the quadrature has compiled the function
    value, slope = value_and_slope(f, z)
    for sample, computed in [(value**2, init.second_moment(f)), (slope**2, init.chi(f))]:
        assert abs(sample.mean() - computed) <= 5 * sample.std() / sqrt(z.size) + 1e-12


@pytest.mark.parametrize("correlation", [-1.0, -0.9, -0.2, 0.0, 0.5, 0.99, 0.9999, 1.0])
def test_correlation_maps_with_closed_forms(correlation: float) -> None:
    cos = min(1.0, correlation)
    relu = (sqrt(1 - cos * cos) + (pi - np.arccos(cos)) * cos) / pi
    got = init.correlation_map(jaxact.relu, correlation, 1.7, sqrt(2))
    np.testing.assert_allclose(got, relu, rtol=1e-9, atol=1e-12)
    covariance, variance = (2 / pi * asin(2 * 0.6 * cos / 2.2) for cos in (correlation, 1.0))
    got = init.correlation_map(jaxact.erf, correlation, 0.6, 1.3, 0.2)
    np.testing.assert_allclose(got, (1.69 * covariance + 0.04) / (1.69 * variance + 0.04), rtol=1e-9)


def test_the_variance_goes_to_a_fixed_point_or_to_0_or_infinity() -> None:
    np.testing.assert_allclose(init.variance_map(jaxact.relu, 3.0, 1.2, 0.5), 1.44 * 1.5 + 0.25, rtol=1e-12)
    np.testing.assert_allclose(init.variance_map(jaxact.sigmoid, 0.0, 2.0), 1.0, rtol=1e-12)
    for fn, sigma_w, sigma_b in [(jaxact.tanh, 2.0, 0.3), (jaxact.relu, 1.0, 0.5), (jaxact.sigmoid, 4.0, 1.0)]:
        variance = init.variance_fixed_point(fn, sigma_w, sigma_b)
        np.testing.assert_allclose(init.variance_map(fn, variance, sigma_w, sigma_b), variance, rtol=1e-10)
    limits = [init.variance_fixed_point(jaxact.relu, sigma_w) for sigma_w in (1.4, sqrt(2), 1.5)]
    assert limits == [0.0, 1.0, inf]


def test_correlations_go_to_1_in_the_ordered_phase_only() -> None:
    assert init.correlation_fixed_point(jaxact.tanh, 1.0, 0.5) == 1.0
    chaotic = init.correlation_fixed_point(jaxact.tanh, 2.5, 0.3)
    variance = init.variance_fixed_point(jaxact.tanh, 2.5, 0.3)
    assert 0 < chaotic < 0.9
    np.testing.assert_allclose(init.correlation_map(jaxact.tanh, chaotic, variance, 2.5, 0.3), chaotic, rtol=1e-9)


@pytest.mark.parametrize("fn", [jaxact.tanh, jaxact.gelu, jaxact.silu, jaxact.selu, jaxact.relu, jaxact.elu])
@pytest.mark.parametrize("variance", [0.5, 2.0])
def test_on_the_edge_of_chaos_signals_and_gradients_keep_their_size(fn: Callable[..., Any], variance: float) -> None:
    if fn is jaxact.elu and variance == 2.0:
        pytest.skip("elu has no critical point there")
    point = init.edge_of_chaos(fn, variance)
    np.testing.assert_allclose(init.chi(fn, variance, point.sigma_w), 1, rtol=1e-10)
    np.testing.assert_allclose(init.variance_map(fn, variance, point.sigma_w, point.sigma_b), variance, rtol=1e-6)
    near = [init.variance_map(fn, variance + h, point.sigma_w, point.sigma_b) for h in (-1e-4, 1e-4)]
    np.testing.assert_allclose(point.stability, (near[1] - near[0]) / 2e-4, rtol=1e-6)


def test_only_larger_variances_are_stable_for_gelu_and_silu() -> None:
    for fn, variance in ((jaxact.gelu, 3.6), (jaxact.silu, 14.4)):
        below, above = (init.edge_of_chaos(fn, factor * variance).stability for factor in (0.9, 1.0))
        assert below > 1 > above


def test_sigmoid_has_an_edge_of_chaos_from_variance_46_on() -> None:
    assert init.edge_of_chaos(jaxact.sigmoid, 46.0).sigma_w > 10


MOMENTS: list[Callable[..., Any]] = [
    *(init.gain, init.mean, init.second_moment, init.chi, init.variance_fixed_point, init.edge_of_chaos),
    lambda fn: init.correlation_fixed_point(fn, 2.0),
    *(lambda fn: init.variance_map(fn, 2.0), lambda fn: init.correlation_map(fn, 0.5)),
    *(lambda fn: init.initializer(fn)(KEY, (3, 4)).tolist(), lambda fn: init.orthogonal(fn)(KEY, (3, 4)).tolist()),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_functions_are_known_by_their_names(moment: Callable[..., Any]) -> None:
    assert moment("Tanh") == moment(jaxact.tanh)
    with pytest.raises(ValueError, match=r"'tahn'; expected the name of an activation .* tanh"):
        moment("tahn")
    with pytest.raises(TypeError, match="was called with 3 of type int; expected an elementwise function, or"):
        moment(3)


@pytest.mark.parametrize("power", [0.25, 0.2499, 0.5, 1.0])
def test_a_function_without_a_second_moment_is_refused(power: float) -> None:
    """E exp(power * z^2)^2 is infinite from power 1/4 on, and just below it depends on very large z."""
    fast = lambda x: jnp.exp(power * x * x)  # noqa: E731
    for mode in ("forward", "backward", "compromise"):
        with pytest.raises(ValueError, match="<lambda> grows too fast for normal inputs of variance 1: a mean is"):
            init.gain(fast, mode)
    with pytest.raises(ValueError, match="grows too fast"):
        init.variance_map(fast, 1.0)


def test_only_the_moment_that_is_needed_has_to_exist() -> None:
    half = lambda x: jnp.exp(0.25 * x * x)  # noqa: E731
    np.testing.assert_allclose(init.mean(half), 2**0.5, rtol=1e-10)  # 1 / sqrt(1 - 2 * 0.25), while E f^2 is infinite
    below = lambda x: jnp.exp(0.125 * x * x)  # noqa: E731
    np.testing.assert_allclose(init.second_moment(below), 2**0.5, rtol=1e-10)
    np.testing.assert_allclose(init.chi(below), 2**0.5 / 16 * 2, rtol=1e-10)  # E (z / 4)^2 exp(z^2 / 4)
    np.testing.assert_allclose(init.second_moment(jaxact.exponential, 9.0), exp(18), rtol=1e-10)
    with pytest.raises(ValueError, match="exponential grows too fast for normal inputs of variance 64"):
        init.second_moment(jaxact.exponential, 64.0)  # half of its mean is beyond 16 standard deviations


def test_gain_works_under_jit_and_in_both_precisions() -> None:
    plain = init.gain(jaxact.tanh)
    assert jax.jit(lambda x: x * init.gain(jaxact.tanh))(1.0) == np.float32(plain)
    with jax.enable_x64(True):
        assert init.gain(jaxact.tanh) == plain


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: init.gain(jaxact.softmax),
            "softmax returned different values .*; expected an elementwise function",
        ),
        (
            lambda: init.gain(lambda x: jnp.exp(1.5 * x * x)),
            "<lambda> is too large to be squared near .*; expected",
        ),
        (lambda: init.gain(lambda x: jnp.inf * x), "<lambda> is not finite near .*; expected a finite value"),
        (lambda: init.gain(jnp.log), "log is not finite near .*; expected a finite value"),
        (lambda: init.gain(jaxact.glu), "glu returned .* for 8192 floats; expected 8192 floats"),
        (lambda: init.gain(lambda x: 1 / x), "<lambda> is not square integrable near .*; expected a function whose"),
        (
            lambda: init.gain(jaxact.step, "backward"),
            "gain was called with step, whose slopes are 0 everywhere; expected",
        ),
        (lambda: init.gain(jaxact.relu, "sideways"), "gain was called with mode = 'sideways'; expected 'forward', "),  # pyright: ignore[reportArgumentType]
        (
            lambda: init.mean(jaxact.relu, -1.0),
            "variance = -1.0 was given for relu; expected a finite number above 0",
        ),
        (lambda: init.correlation_map(jaxact.relu, 1.5), "correlation_map was called with correlation = 1.5; expected"),
        (
            lambda: init.edge_of_chaos(jaxact.sigmoid),
            "edge_of_chaos was called with sigmoid and variance = 1, .* 6.54335",
        ),
        (lambda: init.edge_of_chaos(jaxact.sigmoid, 45.0), "expected at most 45: try another variance"),
        (lambda: init.edge_of_chaos(jaxact.step), "edge_of_chaos was called with step, whose slope is 0; expected"),
        (
            lambda: init.correlation_fixed_point(jaxact.relu, 1.0),
            "fixed_point .* variance goes to 0.0; expected a finite",
        ),
        (
            lambda: init.initializer(jaxact.relu, mode="fan"),
            "initializer was called with mode = 'fan' .*; expected 'fan_i",
        ),
        (lambda: init.orthogonal(jaxact.relu)(jax.random.key(0), (3,)), r"orthogonal was called with shape = \(3,\)"),
    ],
)
def test_errors_are_sentences(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (init.initializer(jaxact.relu), jax.nn.initializers.he_normal()),
        (init.initializer(jaxact.relu, "uniform"), jax.nn.initializers.he_uniform()),
        (init.initializer(jaxact.identity, in_axis=1, out_axis=0), jax.nn.initializers.lecun_normal(1, 0)),
        (init.initializer(jaxact.identity, "uniform", "fan_avg"), jax.nn.initializers.glorot_uniform()),
        (init.orthogonal(jaxact.relu), jax.nn.initializers.orthogonal(sqrt(2))),
    ],
)
def test_initialisers_with_a_name_are_those_of_jax(ours: Any, theirs: Any) -> None:
    got, want = (make(jax.random.key(1), (3, 4, 30, 20)) for make in (ours, theirs))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    half = ours(jax.random.key(1), (3, 4, 30, 20), jnp.bfloat16)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(jnp.std(half.astype(jnp.float32)), jnp.std(want), rtol=0.05)


@pytest.mark.parametrize("make", [init.initializer, init.orthogonal])
def test_initialisers_can_be_pickled(make: Any) -> None:
    ours = make(lambda x: 2 * x, dtype=jnp.bfloat16)
    again = pickle.loads(pickle.dumps(ours))(KEY, (3, 4))
    assert again.dtype == jnp.bfloat16
    np.testing.assert_array_equal(again, ours(KEY, (3, 4)))
    assert ours(KEY, (3, 4), jnp.float32).dtype == jnp.float32


def test_orthogonal_weights_have_their_second_moment_also_with_more_outputs_than_inputs() -> None:
    wide, narrow = (init.orthogonal(jaxact.relu)(jax.random.key(0), shape) for shape in ((10, 40), (40, 10)))
    np.testing.assert_allclose(narrow.T @ narrow, 2 * np.eye(10), atol=1e-5)
    np.testing.assert_allclose(wide @ wide.T, 8 * np.eye(10), atol=1e-5)
    for weight, inputs in ((wide, 10), (narrow, 40)):
        np.testing.assert_allclose(jnp.mean(weight**2), 2 / inputs, rtol=1e-5)
