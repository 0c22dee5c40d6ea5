"""Checks of what the notes say of single functions: ranges, slopes, saturation, special cases, the softmax."""

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
    certain,
    differing,
    extremes,
    grid,
    not_nan,
    notes,
    off,
    slope,
    truth,
)

ZERO = 1e-3
"""Of the largest slope: below that a slope is about zero."""
ALPHAS = (0.25, 1.0, 2.0)
"""Slopes of PReLU: where it starts, the identity, and one above 1."""


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _sigmoid_slope(x: arb) -> arb:
    return _sigmoid(x) * (1 - _sigmoid(x))


def _tanh_slope(x: arb) -> arb:
    return 1 - x.tanh() ** 2


def _ranges(dtype: str) -> list[Check]:
    x = np.concatenate([grid(dtype), extremes(dtype)])
    y, t = np.asarray(jaxact.sigmoid(x)), np.asarray(jaxact.tanh(x))
    whole = np.asarray(jaxact.sigmoid(np.arange(105, dtype=dtype)))
    inside = certain(lambda v: _sigmoid(-abs(v)), grid(dtype))  # the distance to the nearer end
    return [
        notes("sigmoid's values outside [0, 1]", np.sum(~((y >= 0) & (y <= 1))).item()),
        notes("tanh's values outside [-1, 1]", np.sum(~((t >= -1) & (t <= 1))).item()),
        notes(
            "of sigmoid(NaN) and tanh(NaN), how many are numbers",
            not_nan([f(np.nan) for f in (jaxact.sigmoid, jaxact.tanh)]),
        ),
        truth("the least distance of sigmoid from 0 and 1 in exact arithmetic", inside.min(), ABOVE, 1.0),
        truth("the first whole number at which the float sigmoid is 1", np.argmax(whole == 1).item(), 1, 104),
    ]


def _slopes(dtype: str) -> list[Check]:
    x = grid(dtype)
    smooth, steps = np.append(x, np.zeros(1, dtype)), np.where(x > 0, 1, 0)
    leaky = np.where(x > 0, 1, 0.01).astype(dtype)
    ends, nan = extremes(dtype), np.array([np.nan], dtype)
    named = (jaxact.sigmoid, jaxact.tanh)
    limits = np.concatenate([slope(f, ends) for f in (*named, jaxact.relu, jaxact.leaky_relu)])
    expected = np.concatenate([[0, 0, 0, 0, 0, 1], np.array([0.01, 1], dtype)])
    y = np.asarray(jaxact.sigmoid(x))
    return [
        notes(
            "sigmoid' against s (1 - s), units of rounding",
            off(slope(jaxact.sigmoid, smooth), certain(_sigmoid_slope, smooth)),
            0,
            ROUNDING,
        ),
        notes(
            "tanh' against 1 - t^2, units of rounding",
            off(slope(jaxact.tanh, smooth), certain(_tanh_slope, smooth)),
            0,
            ROUNDING,
        ),
        notes("share of points where relu' is not 0 or 1 as printed", differing(slope(jaxact.relu, x), steps)),
        notes(
            "share of points where leaky_relu' is not 0.01 or 1 as printed",
            differing(slope(jaxact.leaky_relu, x), leaky),
        ),
        notes("share of slopes at +-inf that are not their limits", differing(limits, expected)),
        notes("of sigmoid'(NaN) and tanh'(NaN), how many are numbers", not_nan([slope(f, nan) for f in named])),
        truth(
            "dsigmoid(y) = y (1 - y) of the output y = 1/2",
            0.5 * (1 - 0.5) - slope(jaxact.sigmoid, np.zeros(1, dtype)).item(),
        ),
        truth(
            "the largest relative error of y (1 - y) computed in floats",
            np.max(np.abs(y * (1 - y) / certain(_sigmoid_slope, x) - 1)),
            1.0,
            1.0,
        ),
    ]


def _tails(dtype: str) -> list[Check]:
    at = slope(jaxact.sigmoid, np.array([-10, 0, 10], dtype))
    x = grid(dtype)
    by_size = slope(jaxact.sigmoid, x[x > 0])
    return [
        notes("sigmoid'(-10) / sigmoid'(0)", at[0] / at[1], 0, ZERO),
        notes("sigmoid'(10) / sigmoid'(0)", at[2] / at[1], 0, ZERO),
        notes("sigmoid'(0), the largest of all", at[1], 0.25, 0.25),
        notes("times the slope rises as x grows from 0", np.sum(np.diff(by_size) > 0).item()),
    ]


def _saturated(dtype: str) -> list[Check]:
    x = grid(dtype)
    y, slopes = np.asarray(jaxact.sigmoid(x)), slope(jaxact.sigmoid, x)
    full = (y == 0) | (y == 1)
    return [
        notes("the largest sigmoid' where the float sigmoid is 0 or 1", slopes[full].max()),
        truth(
            "the smallest sigmoid' at +-104 and between, in exact arithmetic",
            certain(_sigmoid_slope, x).min(),
            ABOVE,
            1.0,
        ),
        truth("the largest y (1 - y) where the float y is 0 or 1", (y * (1 - y))[full].max()),
    ]


def _at_zero(dtype: str) -> list[Check]:
    zeros, near = np.array([0.0, -0.0], dtype), np.array([-1e-30, 1e-30], dtype)
    return [
        notes("relu's slope just above 0 less that just below", np.ptp(slope(jaxact.relu, near)), 1.0, 1.0),
        notes("the largest slope of jaxact.relu at +0 and -0", slope(jaxact.relu, zeros).max()),
        notes("the largest slope of jax.nn.relu at +0 and -0", slope(jax.nn.relu, zeros).max()),
        truth(
            "the slope of jnp.maximum(x, 0) at 0",
            slope(lambda x: jnp.maximum(x, jnp.zeros_like(x)), zeros).max(),
            0.5,
            0.5,
        ),
    ]


def _output_layers(dtype: str) -> list[Check]:
    rows = np.random.default_rng(0).normal(0, 3, (200, 7)).astype(dtype)
    x = grid(dtype)
    pairs = np.stack([x, np.zeros_like(x)], axis=-1)
    sums = np.asarray(jaxact.softmax(rows)).astype(float).sum(-1)
    eps = float(np.finfo(dtype).eps)
    identity, sigmoid = CATALOGUE["identity"].bounds, CATALOGUE["sigmoid"].bounds
    return [
        notes("softmax: largest |sum - 1|, units of rounding", np.abs(sums - 1).max() / eps, 0, ROUNDING),
        notes(
            "sigmoid(x) against softmax(x, 0), units of rounding",
            off(jaxact.softmax(pairs)[:, 0], certain(_sigmoid, x)),
            0,
            ROUNDING,
        ),
        notes(
            "sigmoid(x) against its formula, units of rounding",
            off(jaxact.sigmoid(x), certain(_sigmoid, x)),
            0,
            ROUNDING,
        ),
        truth("ends of identity's range that are finite", sum(map(np.isfinite, identity or (0, 0)))),
        truth("ends of sigmoid's range that are finite", sum(map(np.isfinite, sigmoid or ())), 2, 2),
    ]


def _softmax_derivative(dtype: str) -> list[Check]:
    rows = jnp.asarray(np.random.default_rng(0).normal(0, 2, (200, 5)).astype(dtype))
    truths = np.eye(5, dtype=dtype)[np.arange(200) % 5]
    p = np.asarray(jaxact.softmax(rows))

    def gradient(function: Callable[[jax.Array], jax.Array]) -> np.ndarray:
        picked = jax.grad(lambda row, y: jnp.sum(function(row) * y))
        return np.asarray(jax.jit(jax.vmap(picked))(rows, jnp.asarray(truths)))

    eps = float(np.finfo(dtype).eps)
    by_hand = np.sum(p * truths, -1, keepdims=True) * (truths - p)
    return [
        notes(
            "largest |dp_y / do_j - (y_j - p_j)|",
            np.abs(gradient(jaxact.softmax) - (truths - p)).max(),
            0,
            ROUNDING * eps,
        ),
        truth(
            "d log p_y / do_j against y_j - p_j, units of rounding",
            np.abs(gradient(jaxact.log_softmax) - (truths - p)).max() / eps,
            0,
            ROUNDING,
        ),
        truth(
            "dp_y / do_j against p_y (y_j - p_j), units of rounding",
            np.abs(gradient(jaxact.softmax) - by_hand).max() / eps,
            0,
            ROUNDING,
        ),
    ]


def _prelu(dtype: str) -> list[Check]:
    x = np.concatenate([grid(dtype), np.zeros(1, dtype), extremes(dtype)])

    def wrong(alpha: float) -> float:
        slope = np.asarray(alpha, dtype)
        return differing(jaxact.prelu(x, slope), np.maximum(slope * x, x))

    made = [
        notes(f"share of points where PReLU is not max(alpha x, x), alpha {alpha:g}", wrong(alpha)) for alpha in ALPHAS
    ]
    two = np.asarray(2, dtype)
    return [
        *made,
        truth(
            "share where PReLU with alpha 2 is not min(alpha x, x)",
            differing(jaxact.prelu(x, two), np.minimum(two * x, x)),
        ),
    ]


def _leaky_slopes(dtype: str) -> list[Check]:
    x = grid(dtype)
    tenth, hundredth = (np.maximum(np.asarray(a, dtype) * x, x) for a in (0.1, 0.01))
    return [
        notes(
            "share of negative points where max(0.1 x, x) and max(0.01 x, x) differ",
            differing(tenth[x < 0], hundredth[x < 0]),
        ),
        truth("share of points where leaky_relu(x, 0.1) is not S2's", differing(jaxact.leaky_relu(x, 0.1), tenth)),
        truth("share of points where leaky_relu(x) is not S4's", differing(jaxact.leaky_relu(x), hundredth)),
    ]


def _saturation(dtype: str) -> list[Check]:
    x = np.concatenate([grid(dtype), extremes(dtype)])
    return [
        notes(
            "the smallest slope of leaky_relu, less 0.01", slope(jaxact.leaky_relu, x).min() - np.asarray(0.01, dtype)
        ),
        notes("the smallest slope of relu at positive points", slope(jaxact.relu, x[x > 0]).min(), 1.0, 1.0),
        truth(
            "the largest of sigmoid' and tanh' at 104 in exact arithmetic",
            max(certain(f, np.array([104.0])).item() for f in (_sigmoid_slope, _tanh_slope)),
            ABOVE,
            1e-40,
        ),
    ]


def _gradient_mean(dtype: str) -> list[Check]:
    assert dtype == "float64", "the quadrature knows no other type"
    outputs = {f: jaxact.init.mean(f) for f in (jaxact.sigmoid, jaxact.tanh)}
    slopes = {f: jaxact.init.mean(jaxact.slope(f)) for f in outputs}
    return [
        notes("mean of sigmoid' at N(0, 1) inputs", slopes[jaxact.sigmoid], ABOVE, 1.0),
        notes("mean of tanh', of which the notes say zero-centred", slopes[jaxact.tanh], -1e-6, 1e-6),
        truth("mean of sigmoid's output", outputs[jaxact.sigmoid], 0.5 - 1e-6, 0.5 + 1e-6),
        truth("mean of tanh's output", outputs[jaxact.tanh], -1e-6, 1e-6),
    ]


def _elu(dtype: str) -> list[Check]:
    x = np.concatenate([grid(dtype), extremes(dtype)])
    return [
        notes(
            "share of positive points where elu's slope is not relu's",
            differing(slope(jaxact.elu, x[x > 0]), slope(jaxact.relu, x[x > 0])),
        ),
        truth(
            "elu's slope at -17, of which relu's is 0", slope(jaxact.elu, np.array([-17], dtype)).item(), ABOVE, 1e-6
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
"""The checks of every claim, and the float types that they are made in."""
