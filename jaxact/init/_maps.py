"""What random wide layers do to a signal: moments, the maps of variance and correlation, and their fixed points.

A layer with weights of variance sigma_w^2 / fan-in and biases of variance sigma_b^2 turns pre-activations of variance q
into pre-activations of variance sigma_w^2 * E f(sqrt(q) z)^2 + sigma_b^2, with z standard normal. Poole et al. 2016
(https://arxiv.org/abs/1606.05340) and Schoenholz et al. 2017 (https://arxiv.org/abs/1611.01232) derive from these maps
how deep a net can be trained.
"""

from collections.abc import Callable
from math import inf, isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np

from .._public import ByPublicName
from ._gauss import (
    ActivationLike,
    Quadrature,
    density,
    function_of,
    legendre_rule,
    name_of,
    quadrature,
    value_and_slope,
)

Elementwise = Callable[..., Any]
LARGEST_VARIANCE = 2.0**40  # a variance above it counts as infinite, and one below its inverse as 0


def mean(fn: ActivationLike, variance: float = 1.0) -> float:
    """mean(fn, variance) = E fn(sqrt(variance) * z), z standard normal

    0 for an activation whose outputs are zero-centred. Kinks and jumps are found and cost no accuracy, which is about
    1e-13 for functions that compute in float64 when they are given float64.

    Args:
        fn: the activation, as for `gain`.
        variance: the variance of the pre-activations.

    Raises:
        ValueError: for a function that is not elementwise, not finite, or without this mean; and for a variance that is
            not above 0.
    """
    fn = function_of("mean", fn)
    nodes = _quadrature(fn, variance)
    return nodes.mean(nodes.value)


def second_moment(fn: ActivationLike, variance: float = 1.0) -> float:
    """second_moment(fn, variance) = E fn(sqrt(variance) * z)^2, z standard normal

    Parameters and errors are those of `mean`.
    """
    fn = function_of("second_moment", fn)
    nodes = _quadrature(fn, variance)
    return nodes.mean(nodes.value**2)


def chi(fn: ActivationLike, variance: float = 1.0, sigma_w: float = 1.0) -> float:
    """chi(fn, variance, sigma_w) = sigma_w^2 * E fn'(sqrt(variance) * z)^2, z standard normal

    The factor by which a layer multiplies the squared norm of a gradient, and the squared distance of two similar
    signals: below 1 gradients vanish with depth, above 1 they explode. Parameters and errors are those of
    `variance_map`.

    Reference: https://arxiv.org/abs/1611.01232
    """
    fn = function_of("chi", fn)
    nodes = _quadrature(fn, variance)
    return sigma_w**2 * nodes.mean(nodes.slope**2)


def variance_map(fn: ActivationLike, variance: float, sigma_w: float = 1.0, sigma_b: float = 0.0) -> float:
    """variance_map(fn, variance, sigma_w, sigma_b) = sigma_w^2 * E fn(sqrt(variance) * z)^2 + sigma_b^2

    The variance of the pre-activations of the next layer.

    Args:
        fn: the activation, as for `mean`.
        variance: the variance of the pre-activations of a layer, which may be 0.
        sigma_w: sqrt(fan-in) times the standard deviation of the weights.
        sigma_b: the standard deviation of the biases.

    Raises:
        ValueError: as for `mean`.

    Reference: https://arxiv.org/abs/1606.05340
    """
    fn = function_of("variance_map", fn)
    if variance == 0:
        value = value_and_slope(fn, np.zeros(1))[0][0]
        return float(sigma_w**2 * value**2 + sigma_b**2)
    return sigma_w**2 * second_moment(fn, variance) + sigma_b**2


def correlation_map(
    fn: ActivationLike, correlation: float, variance: float = 1.0, sigma_w: float = 1.0, sigma_b: float = 0.0
) -> float:
    """correlation_map(fn, c, q, sigma_w, sigma_b) = (sigma_w^2 * E fn(u) fn(v) + sigma_b^2) / variance_map(fn, q, ...)

    u and v, the pre-activations of two inputs, are normal with variance q and correlation c. The result is the
    correlation of the pre-activations of the next layer.

    Args:
        fn: the activation, as for `mean`.
        correlation: c, from -1 to 1.
        variance: q.
        sigma_w: as for `variance_map`.
        sigma_b: as for `variance_map`.

    Raises:
        ValueError: as for `mean`, and for a correlation that is not from -1 to 1.

    Reference: https://arxiv.org/abs/1606.05340
    """
    fn = function_of("correlation_map", fn)
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation_map was called with correlation = {correlation!r}; expected -1 to 1.")
    return _next_correlation(fn, _quadrature(fn, variance), sqrt(variance), correlation, sigma_w, sigma_b)


def _next_correlation(
    fn: Elementwise, nodes: Quadrature, deviation: float, correlation: float, sigma_w: float, sigma_b: float
) -> float:
    covariance = sigma_w**2 * _mean_of_product(fn, nodes, deviation, correlation) + sigma_b**2
    return covariance / (sigma_w**2 * nodes.mean(nodes.value**2) + sigma_b**2)


def _mean_of_product(fn: Elementwise, nodes: Quadrature, deviation: float, correlation: float) -> float:
    """E fn(u) * fn(v). v given u is normal too, and its integral is split at the kinks of fn."""
    if abs(correlation) == 1:
        return nodes.mean(nodes.value * value_and_slope(fn, correlation * deviation * nodes.z)[0])
    conditional_deviation = sqrt(1 - correlation**2)
    edges = np.broadcast_to(np.linspace(-10, 10, 33), (nodes.z.size, 33))
    kinks = (np.asarray(nodes.kinks) - correlation * nodes.z[:, None]) / conditional_deviation
    z, weight = legendre_rule(np.sort(np.concatenate([edges, np.clip(kinks, -10, 10)], 1)))
    v = deviation * (correlation * nodes.z[:, None] + conditional_deviation * z)
    given_u = (value_and_slope(fn, v)[0] * weight * density(z)).sum(1)
    return nodes.mean(nodes.value * given_u)


def variance_fixed_point(fn: ActivationLike, sigma_w: float = 1.0, sigma_b: float = 0.0) -> float:
    """variance_fixed_point(fn, sigma_w, sigma_b) = the q that is variance_map(fn, q, sigma_w, sigma_b)

    The limit of the variance in a deep net that starts at 1: 0.0 if signals vanish with depth, inf if they grow without
    bound. Parameters and errors are those of `variance_map`.

    Reference: https://arxiv.org/abs/1606.05340
    """
    fn = function_of("variance_fixed_point", fn)

    def growth(variance: float) -> float:
        return variance_map(fn, variance, sigma_w, sigma_b) / variance - 1

    if abs(start := growth(1.0)) < 1e-12:
        return 1.0
    factor = 2.0 if start > 0 else 0.5
    near, far = 1.0, factor
    while growth(far) * start > 0:
        near, far = far, far * factor
        if not 1 / LARGEST_VARIANCE < far < LARGEST_VARIANCE:
            return inf if factor > 1 else 0.0
    return _root(lambda variance: growth(variance) * start, near, far)


def correlation_fixed_point(fn: ActivationLike, sigma_w: float = 1.0, sigma_b: float = 0.0) -> float:
    """correlation_fixed_point(fn, sigma_w, sigma_b) = the limit of the correlation of two inputs after many layers

    1.0 in the ordered phase, where chi at the fixed point of the variance is at most 1: a deep net maps all inputs to
    the same output. Less than 1 in the chaotic phase. Parameters are those of `variance_map`.

    Raises:
        ValueError: as for `variance_map`, and if the fixed point of the variance is 0 or infinite.

    Reference: https://arxiv.org/abs/1606.05340
    """
    fn = function_of("correlation_fixed_point", fn)
    variance = variance_fixed_point(fn, sigma_w, sigma_b)
    if not 0 < variance < inf:
        raise ValueError(
            f"correlation_fixed_point was called with {name_of(fn)}, sigma_w = {sigma_w} and sigma_b = {sigma_b}, for "
            f"which the variance goes to {variance}; expected a finite limit above 0."
        )
    nodes = _quadrature(fn, variance)
    if sigma_w**2 * nodes.mean(nodes.slope**2) <= 1 + 1e-9:
        return 1.0

    def change(correlation: float) -> float:
        return _next_correlation(fn, nodes, sqrt(variance), correlation, sigma_w, sigma_b) - correlation

    return _root(change, 0.0, 1 - 1e-6) if change(0.0) > 0 else 0.0


class _CriticalPoint(NamedTuple):
    """The fields of `CriticalPoint`: a named tuple has no metaclass of its own."""

    sigma_w: float
    """sqrt(fan-in) times the standard deviation of the weights."""
    sigma_b: float
    """The standard deviation of the biases."""
    variance: float
    """The variance of the pre-activations, the same in every layer."""
    stability: float
    """The factor by which each layer multiplies a small deviation from this variance; above 1 it grows with depth."""


class CriticalPoint(_CriticalPoint, metaclass=ByPublicName):
    """A point on the edge of chaos: the variance is a fixed point, at which chi is 1."""


def edge_of_chaos(fn: ActivationLike, variance: float = 1.0) -> CriticalPoint:
    """edge_of_chaos(fn, q) = sigma_w = 1 / sqrt(E fn'^2), sigma_b = sqrt(q - sigma_w^2 * E fn^2), both at variance q

    The weights and biases with which neither signals nor gradients vanish or explode: every layer preserves the
    variance q, and chi is 1. relu has sigma_w = sqrt(2) and sigma_b = 0 for each q. If the `stability` of the result is
    above 1, the variance of a finite net drifts away from q with depth. It is below 1 for tanh at any variance, for
    gelu above 3.6, and for silu above 14.4.

    Args:
        fn: the activation, as for `mean`.
        variance: the variance of the pre-activations.

    Raises:
        ValueError: as for `mean`, and if no biases make this variance a fixed point with chi 1 (sigmoid below 46); the
            message says by how much the variance is missed.

    Reference: https://arxiv.org/abs/1611.01232
    """
    fn = function_of("edge_of_chaos", fn)
    return critical_point_from(_quadrature(fn, variance), name_of(fn), variance)


def critical_point_from(nodes: Quadrature, name: str, variance: float) -> CriticalPoint:
    """The critical point of a function from its values at the nodes of a quadrature rule for this variance."""
    square, slope_square = nodes.mean(nodes.value**2), nodes.mean(nodes.slope**2)
    if slope_square == 0:
        raise ValueError(f"edge_of_chaos was called with {name}, whose slope is 0; expected a slope that is not.")
    bias_variance = variance - square / slope_square
    if bias_variance < -1e-6 * variance:
        raise ValueError(
            f"edge_of_chaos was called with {name} and variance = {variance:g}, which chi 1 turns into "
            f"{square / slope_square:.6g} even without biases; expected at most {variance:g}: try another variance."
        )
    stability = nodes.mean(nodes.value * nodes.slope * nodes.z) / sqrt(variance) / slope_square
    sigma_b = sqrt(bias_variance) if bias_variance > 1e-6 * variance else 0.0
    return CriticalPoint(slope_square**-0.5, sigma_b, float(variance), stability)


def _quadrature(fn: Elementwise, variance: float) -> Quadrature:
    if not (variance > 0 and isfinite(variance)):
        raise ValueError(f"variance = {variance!r} was given for {name_of(fn)}; expected a finite number above 0.")
    return quadrature(fn, sqrt(variance))


def _root(function: Callable[[float], float], positive: float, negative: float) -> float:
    """A root of the function by bisection, from a point where it is positive and one where it is negative."""
    while abs(negative - positive) > 1e-12 * max(abs(positive), abs(negative)):
        middle = (positive + negative) / 2
        if middle in (positive, negative):
            break
        positive, negative = (middle, negative) if function(middle) > 0 else (positive, middle)
    return (positive + negative) / 2
