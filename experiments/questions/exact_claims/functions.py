"""Checks of the claims about single functions: ranges, slopes, saturation, special cases, the softmax."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb

import jaxact
from jaxact import CATALOGUE

from .algebra import (
    ABOVE,
    FLOATS,
    ROUNDING,
    Check,
    autodiff_slope,
    count_not_nan,
    exact_values,
    finite_points,
    infinities,
    max_error,
    notes_check,
    share_unequal,
    truth_check,
)

ABOUT_ZERO = 1e-3
"""A slope below this times the largest slope is about zero."""
ALPHAS = (0.25, 1.0, 2.0)
"""Slopes of PReLU: its initial one, that of the identity, and one above 1."""


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _sigmoid_slope(x: arb) -> arb:
    return _sigmoid(x) * (1 - _sigmoid(x))


def _tanh_slope(x: arb) -> arb:
    return 1 - x.tanh() ** 2


def _ranges(dtype: str) -> list[Check]:
    x = np.concatenate([finite_points(dtype), infinities(dtype)])
    y, t = np.asarray(jaxact.sigmoid(x)), np.asarray(jaxact.tanh(x))
    whole = np.asarray(jaxact.sigmoid(np.arange(105, dtype=dtype)))
    inside = exact_values(lambda v: _sigmoid(-abs(v)), finite_points(dtype))  # the distance to the nearer end
    return [
        notes_check("sigmoid's values outside [0, 1]", np.sum(~((y >= 0) & (y <= 1))).item()),
        notes_check("tanh's values outside [-1, 1]", np.sum(~((t >= -1) & (t <= 1))).item()),
        notes_check(
            "of sigmoid(NaN) and tanh(NaN), how many are numbers",
            count_not_nan([f(np.nan) for f in (jaxact.sigmoid, jaxact.tanh)]),
        ),
        truth_check("the least distance of sigmoid from 0 and 1 in exact arithmetic", inside.min(), ABOVE, 1.0),
        truth_check("the first whole number at which the float sigmoid is 1", np.argmax(whole == 1).item(), 1, 104),
    ]


def _slopes(dtype: str) -> list[Check]:
    x = finite_points(dtype)
    with_zero, step = np.append(x, np.zeros(1, dtype)), np.where(x > 0, 1, 0)
    leaky = np.where(x > 0, 1, 0.01).astype(dtype)
    ends, nan = infinities(dtype), np.array([np.nan], dtype)
    smooth_functions = (jaxact.sigmoid, jaxact.tanh)
    limits = np.concatenate([autodiff_slope(f, ends) for f in (*smooth_functions, jaxact.relu, jaxact.leaky_relu)])
    expected = np.concatenate([[0, 0, 0, 0, 0, 1], np.array([0.01, 1], dtype)])
    y = np.asarray(jaxact.sigmoid(x))
    return [
        notes_check(
            "sigmoid' against s (1 - s), units of rounding",
            max_error(autodiff_slope(jaxact.sigmoid, with_zero), exact_values(_sigmoid_slope, with_zero)),
            0,
            ROUNDING,
        ),
        notes_check(
            "tanh' against 1 - t^2, units of rounding",
            max_error(autodiff_slope(jaxact.tanh, with_zero), exact_values(_tanh_slope, with_zero)),
            0,
            ROUNDING,
        ),
        notes_check(
            "share of points where relu' is not 0 or 1 as printed", share_unequal(autodiff_slope(jaxact.relu, x), step)
        ),
        notes_check(
            "share of points where leaky_relu' is not 0.01 or 1 as printed",
            share_unequal(autodiff_slope(jaxact.leaky_relu, x), leaky),
        ),
        notes_check("share of slopes at +-inf that are not their limits", share_unequal(limits, expected)),
        notes_check(
            "of sigmoid'(NaN) and tanh'(NaN), how many are numbers",
            count_not_nan([autodiff_slope(f, nan) for f in smooth_functions]),
        ),
        truth_check(
            "dsigmoid(y) = y (1 - y) of the output y = 1/2",
            0.5 * (1 - 0.5) - autodiff_slope(jaxact.sigmoid, np.zeros(1, dtype)).item(),
        ),
        truth_check(
            "the largest relative error of y (1 - y) computed in floats",
            np.max(np.abs(y * (1 - y) / exact_values(_sigmoid_slope, x) - 1)),
            1.0,
            1.0,
        ),
    ]


def _tails(dtype: str) -> list[Check]:
    slopes = autodiff_slope(jaxact.sigmoid, np.array([-10, 0, 10], dtype))
    x = finite_points(dtype)
    rising_x = autodiff_slope(jaxact.sigmoid, x[x > 0])
    return [
        notes_check("sigmoid'(-10) / sigmoid'(0)", slopes[0] / slopes[1], 0, ABOUT_ZERO),
        notes_check("sigmoid'(10) / sigmoid'(0)", slopes[2] / slopes[1], 0, ABOUT_ZERO),
        notes_check("sigmoid'(0), the largest of all", slopes[1], 0.25, 0.25),
        notes_check("times the slope rises as x grows from 0", np.sum(np.diff(rising_x) > 0).item()),
    ]


def _saturated(dtype: str) -> list[Check]:
    x = finite_points(dtype)
    y, slopes = np.asarray(jaxact.sigmoid(x)), autodiff_slope(jaxact.sigmoid, x)
    saturated = (y == 0) | (y == 1)
    return [
        notes_check("the largest sigmoid' where the float sigmoid is 0 or 1", slopes[saturated].max()),
        truth_check(
            "the smallest sigmoid' at +-104 and between, in exact arithmetic",
            exact_values(_sigmoid_slope, x).min(),
            ABOVE,
            1.0,
        ),
        truth_check("the largest y (1 - y) where the float y is 0 or 1", (y * (1 - y))[saturated].max()),
    ]


def _at_zero(dtype: str) -> list[Check]:
    zeros, near = np.array([0.0, -0.0], dtype), np.array([-1e-30, 1e-30], dtype)
    return [
        notes_check(
            "relu's slope just above 0 less that just below", np.ptp(autodiff_slope(jaxact.relu, near)), 1.0, 1.0
        ),
        notes_check("the largest slope of jaxact.relu at +0 and -0", autodiff_slope(jaxact.relu, zeros).max()),
        notes_check("the largest slope of jax.nn.relu at +0 and -0", autodiff_slope(jax.nn.relu, zeros).max()),
        truth_check(
            "the slope of jnp.maximum(x, 0) at 0",
            autodiff_slope(lambda x: jnp.maximum(x, jnp.zeros_like(x)), zeros).max(),
            0.5,
            0.5,
        ),
    ]


def _output_layers(dtype: str) -> list[Check]:
    rows = np.random.default_rng(0).normal(0, 3, (200, 7)).astype(dtype)
    x = finite_points(dtype)
    pairs = np.stack([x, np.zeros_like(x)], axis=-1)
    sums = np.asarray(jaxact.softmax(rows)).astype(float).sum(-1)
    eps = float(np.finfo(dtype).eps)
    identity, sigmoid = CATALOGUE["identity"].bounds, CATALOGUE["sigmoid"].bounds
    return [
        notes_check("softmax: largest |sum - 1|, units of rounding", np.abs(sums - 1).max() / eps, 0, ROUNDING),
        notes_check(
            "sigmoid(x) against softmax(x, 0), units of rounding",
            max_error(jaxact.softmax(pairs)[:, 0], exact_values(_sigmoid, x)),
            0,
            ROUNDING,
        ),
        notes_check(
            "sigmoid(x) against its formula, units of rounding",
            max_error(jaxact.sigmoid(x), exact_values(_sigmoid, x)),
            0,
            ROUNDING,
        ),
        truth_check("ends of identity's range that are finite", sum(map(np.isfinite, identity or (0, 0)))),
        truth_check("ends of sigmoid's range that are finite", sum(map(np.isfinite, sigmoid or ())), 2, 2),
    ]


def _softmax_derivative(dtype: str) -> list[Check]:
    rows = jnp.asarray(np.random.default_rng(0).normal(0, 2, (200, 5)).astype(dtype))
    labels = np.eye(5, dtype=dtype)[np.arange(200) % 5]
    p = np.asarray(jaxact.softmax(rows))

    def gradient(function: Callable[[jax.Array], jax.Array]) -> np.ndarray:
        of_row = jax.grad(lambda row, y: jnp.sum(function(row) * y))
        return np.asarray(jax.jit(jax.vmap(of_row))(rows, jnp.asarray(labels)))

    eps = float(np.finfo(dtype).eps)
    formula = np.sum(p * labels, -1, keepdims=True) * (labels - p)
    return [
        notes_check(
            "largest |dp_y / do_j - (y_j - p_j)|",
            np.abs(gradient(jaxact.softmax) - (labels - p)).max(),
            0,
            ROUNDING * eps,
        ),
        truth_check(
            "d log p_y / do_j against y_j - p_j, units of rounding",
            np.abs(gradient(jaxact.log_softmax) - (labels - p)).max() / eps,
            0,
            ROUNDING,
        ),
        truth_check(
            "dp_y / do_j against p_y (y_j - p_j), units of rounding",
            np.abs(gradient(jaxact.softmax) - formula).max() / eps,
            0,
            ROUNDING,
        ),
    ]


def _prelu(dtype: str) -> list[Check]:
    x = np.concatenate([finite_points(dtype), np.zeros(1, dtype), infinities(dtype)])

    def wrong(alpha: float) -> float:
        slope = np.asarray(alpha, dtype)
        return share_unequal(jaxact.prelu(x, slope), np.maximum(slope * x, x))

    claimed = [
        notes_check(f"share of points where PReLU is not max(alpha x, x), alpha {alpha:g}", wrong(alpha))
        for alpha in ALPHAS
    ]
    two = np.asarray(2, dtype)
    return [
        *claimed,
        truth_check(
            "share where PReLU with alpha 2 is not min(alpha x, x)",
            share_unequal(jaxact.prelu(x, two), np.minimum(two * x, x)),
        ),
    ]


def _leaky_slopes(dtype: str) -> list[Check]:
    x = finite_points(dtype)
    tenth, hundredth = (np.maximum(np.asarray(a, dtype) * x, x) for a in (0.1, 0.01))
    return [
        notes_check(
            "share of negative points where max(0.1 x, x) and max(0.01 x, x) differ",
            share_unequal(tenth[x < 0], hundredth[x < 0]),
        ),
        truth_check(
            "share of points where leaky_relu(x, 0.1) is not S2's", share_unequal(jaxact.leaky_relu(x, 0.1), tenth)
        ),
        truth_check("share of points where leaky_relu(x) is not S4's", share_unequal(jaxact.leaky_relu(x), hundredth)),
    ]


def _saturation(dtype: str) -> list[Check]:
    x = np.concatenate([finite_points(dtype), infinities(dtype)])
    return [
        notes_check(
            "the smallest slope of leaky_relu, less 0.01",
            autodiff_slope(jaxact.leaky_relu, x).min() - np.asarray(0.01, dtype),
        ),
        notes_check(
            "the smallest slope of relu at positive points", autodiff_slope(jaxact.relu, x[x > 0]).min(), 1.0, 1.0
        ),
        truth_check(
            "the largest of sigmoid' and tanh' at 104 in exact arithmetic",
            max(exact_values(f, np.array([104.0])).item() for f in (_sigmoid_slope, _tanh_slope)),
            ABOVE,
            1e-40,
        ),
    ]


def _gradient_mean(dtype: str) -> list[Check]:
    assert dtype == "float64", "the quadrature knows no other type"
    outputs = {f: jaxact.init.mean(f) for f in (jaxact.sigmoid, jaxact.tanh)}
    slopes = {f: jaxact.init.mean(jaxact.slope(f)) for f in outputs}
    return [
        notes_check("mean of sigmoid' at N(0, 1) inputs", slopes[jaxact.sigmoid], ABOVE, 1.0),
        notes_check("mean of tanh', of which the notes say zero-centred", slopes[jaxact.tanh], -1e-6, 1e-6),
        truth_check("mean of sigmoid's output", outputs[jaxact.sigmoid], 0.5 - 1e-6, 0.5 + 1e-6),
        truth_check("mean of tanh's output", outputs[jaxact.tanh], -1e-6, 1e-6),
    ]


def _elu(dtype: str) -> list[Check]:
    x = np.concatenate([finite_points(dtype), infinities(dtype)])
    return [
        notes_check(
            "share of positive points where elu's slope is not relu's",
            share_unequal(autodiff_slope(jaxact.elu, x[x > 0]), autodiff_slope(jaxact.relu, x[x > 0])),
        ),
        truth_check(
            "elu's slope at -17, of which relu's is 0",
            autodiff_slope(jaxact.elu, np.array([-17], dtype)).item(),
            ABOVE,
            1e-6,
        ),
    ]


FUNCTIONS: dict[str, tuple[Callable[[str], list[Check]], tuple[str, ...]]] = {
    "A3": (_ranges, FLOATS),
    "A4": (_slopes, FLOATS),
    "A5": (_tails, FLOATS),
    "A6": (_saturated, FLOATS),
    "A7": (_at_zero, FLOATS),
    "A10 layers": (_output_layers, FLOATS),
    "A10 derivative": (_softmax_derivative, FLOATS),
    "A11": (_prelu, FLOATS),
    "A12": (_leaky_slopes, FLOATS),
    "A15": (_saturation, FLOATS),
    "A16": (_gradient_mean, ("float64",)),
    "B22": (_elu, FLOATS),
}
"""The checks of every claim, and the float types in which they are made."""
