"""Logarithms of a sum or difference of exponentials, and the square root that stands in for one."""

from collections.abc import Callable
from math import inf

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._elementary import LN2, Exp, Logistic, bounded, exp, log, log1p, logistic, magnitude, tiny
from ._facts import activation
from ._kept import Kept, from_output
from ._numerics import expm1_nonpositive
from ._pairs import Pair, pair, select, sqrt
from ._sigmoids import tanh


def _of_scaled(x: ArrayLike, beta: ArrayLike) -> Logistic:
    return logistic(pair(bounded(jnp.asarray(x))) * jnp.asarray(beta))


def _open(g: Logistic) -> Array:
    """sigmoid(z)"""
    return g.times_scale(g.sigmoid.value)


def _bell(g: Logistic) -> Array:
    """sigmoid'(z)"""
    return g.exp.times((g.w / (g.d * g.d)).value)


def _of_softplus(scaled: Callable[..., Array]) -> Kept:
    """1 - exp(-y) of the output y, scaled: from 16 bits it would be off by an ulp, and so is kept itself there."""
    return from_output(lambda y, **beta: -expm1_nonpositive(-scaled(y, **beta)), bits=32, smooth=True)


@derivative(
    x=lambda x, beta: beta * _bell(_of_scaled(x, beta)),
    beta=lambda x, beta: bounded(x) * _bell(_of_scaled(x, beta)),
)
def softplus_slope(x: ArrayLike, beta: ArrayLike = 1.0) -> Array:
    """The slope of softplus by x: sigmoid(beta * x)"""
    return _open(_of_scaled(x, beta))


def _softplus_by_beta(x: Array, beta: Array) -> Array:
    """-(log(1 + e) + |z| * e / (1 + e)) / beta^2: all terms of one sign."""
    g = _of_scaled(x, beta)
    entropy = log1p(g.w, g.s) + g.a * (g.w / g.d)
    return -g.exp.times((entropy / beta / beta).value)


def _softplus(x: Array, beta: Array, sign: int = 1) -> Array:
    """The value, or minus it: negated here and not after, where XLA would keep the array before and the one after."""
    g = _of_scaled(x, beta)
    tail = log1p(g.w, g.s).scaled(sign) / beta
    right = (pair(bounded(x)).scaled(sign) + tail.scaled(g.s)).value
    return jnp.where(x > 2.0**100, sign * x, jnp.where(g.right, right, g.exp.times(tail.value)))


@activation(bounds=(0, inf), tails=(0, 1), source="https://arxiv.org/abs/1511.07289", positive=("beta",))
@derivative(x=softplus_slope, beta=_softplus_by_beta, keep=(_of_softplus(lambda y, beta: beta * y),))
def softplus(x: ArrayLike, beta: ArrayLike = 1.0) -> Array:
    """softplus(x, beta) = log(1 + exp(beta*x)) / beta

    Smooth relu, and the larger beta the closer to it. Its slope is sigmoid(beta * x).

    Range at the defaults: 0 to inf.
    Source: https://arxiv.org/abs/1511.07289
    Error bounds in ulp of value, slope and slope's slope: 0.8, 1.9, 1.5 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        beta: positive; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    return _softplus(jnp.asarray(x), jnp.asarray(beta))


@derivative(x=lambda x: -_bell(logistic(pair(bounded(x)))))
def log_sigmoid_slope(x: ArrayLike) -> Array:
    """log_sigmoid'(x) = 1 / (1 + exp(x))"""
    return _open(logistic(pair(-bounded(jnp.asarray(x)))))


@activation(bounds=(-inf, 0), tails=(1, 0), source="https://en.wikipedia.org/wiki/Logistic_function")
@derivative(x=log_sigmoid_slope, keep=(_of_softplus(lambda y: -y),))
def log_sigmoid(x: ArrayLike) -> Array:
    """log_sigmoid(x) = -log(1 + exp(-x))

    Logarithm of the sigmoid, -softplus(-x): what binary cross-entropy is made of.

    Range: -inf to 0.
    Source: https://en.wikipedia.org/wiki/Logistic_function
    Error bounds in ulp of value, slope and slope's slope: 0.8, 1.6, 0.8 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    return _softplus(-x, jnp.ones_like(x), sign=-1)


def _hypotenuse(x: Array, b: Array) -> tuple[Array, Pair, Pair, Array]:
    """Whether x >= 0, |x| and sqrt(x^2 + b), both times h, and h: a power of two that keeps squares finite."""
    exponent = jnp.finfo(x.dtype).maxexp
    big = jnp.abs(x) > 2.0 ** (exponent // 4)
    h = jnp.where(big, 2.0 ** -(5 * exponent // 8), jnp.ones_like(x))
    right, a = magnitude(pair(jnp.where(jnp.abs(x) < jnp.inf, x, jnp.sign(x) * jnp.finfo(x.dtype).max) * h))
    return right, a, sqrt(a * a + jnp.where(big, 0, b)), h


def _inverse_hypotenuse(x: Array, b: Array) -> Pair:
    """1 / sqrt(x^2 + b)"""
    _, _, root, h = _hypotenuse(x, b)
    return (1 / root).scaled(h)


def _squareplus_curvature(x: Array, b: Array) -> Array:
    """b / 2 * w^3 for w = 1 / sqrt(x^2 + b)"""
    w = _inverse_hypotenuse(x, b)
    return 0.5 * b * (w * w).value * w.value


def _squareplus_slope_by_b(x: Array, b: Array) -> Array:
    """-x / 4 * w^3"""
    w = _inverse_hypotenuse(x, b).value
    return -0.25 * (bounded(x) * w) * w**2


@derivative(x=_squareplus_curvature, b=_squareplus_slope_by_b)
def squareplus_slope(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """The slope of squareplus by x: (1 + x / sqrt(x^2 + b)) / 2"""
    b = jnp.asarray(b)
    right, a, root, h = _hypotenuse(jnp.asarray(x), b)
    left = (pair(b) / (2 * root * (root + a))).value * h * h
    return jnp.where(right, 1 - left, left)


def _squareplus_slope_of(y: Array, b: Array) -> Array:
    """y / sqrt(x^2 + b), where the root is y + b / (4 y); 2.6 ulp, and 3.5 without pairs."""
    near = (y > 2.0**-60) & (y < 2.0**60)
    v = pair(jnp.where(near, y, 1))
    far = jnp.where(y < jnp.inf, y / (y + 0.25 * b / y), jnp.where(y > 0, 1, y))
    return jnp.where(near, (v / (v + pair(0.25 * b) / v)).value, far)


@activation(bounds=(0, inf), tails=(0, 1), source="https://arxiv.org/abs/2112.11687", positive=("b",))
@derivative(
    x=squareplus_slope,
    b=lambda x, b: 0.25 * _inverse_hypotenuse(x, b).value,
    keep=(from_output(_squareplus_slope_of, bits=32, smooth=True),),
)
def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """squareplus(x, b) = (x + sqrt(x*x + b)) / 2

    Softplus-like, of algebraic operations only. On the left it is b / (2 * (sqrt(x^2 + b) - x)), which does not cancel.

    Range: 0 to inf.
    Source: https://arxiv.org/abs/2112.11687
    Error bounds in ulp of value, slope and slope's slope: 0.6, 2.8, 2.8 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.
        b: positive, the width of the bend; broadcasts against x and never changes its type.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x, b = jnp.asarray(x), jnp.asarray(b)
    right, a, root, h = _hypotenuse(x, b)
    left = pair(b) / (2 * (root + a))
    return jnp.where(right, jnp.where(h < 1, x, (a + left).value), left.value * h)


@activation(bounds=(0, inf), tails=(-1, 1), source="https://en.wikipedia.org/wiki/Log-cosh")
@derivative(x=tanh)
def logcosh(x: ArrayLike) -> Array:
    """logcosh(x) = log((exp(x) + exp(-x)) / 2)

    Logarithm of the hyperbolic cosine: x^2 / 2 near 0, |x| - log(2) far out; a smooth absolute value.

    Range: 0 to inf.
    Source: https://en.wikipedia.org/wiki/Log-cosh
    Error bounds in ulp of value, slope and slope's slope: 0.7, 2, 2.5 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    b = bounded(x)
    a = magnitude(pair(b))[1]
    e, q = exp(-a), exp(a.scaled(-2))
    n = -e.minus_one
    near = log1p(n * n / (2 * e.w.scaled(e.s)))
    far = a + (log1p(q.w, q.s).scaled(q.s) - LN2)
    y = select(a.head < 1, near, far).value
    return jnp.where(tiny(x), 0.5 * x * x, jnp.where(jnp.abs(x) > 2.0**99, jnp.abs(x), y))


def _decay(x: Array) -> tuple[Exp, Pair]:
    """e = exp(-x) and 1 - e, for x >= 0."""
    e = exp(-pair(bounded(x)))
    return e, -e.minus_one


def _log1mexp_curvature(x: Array) -> Array:
    """-e / (1 - e)^2"""
    e, n = _decay(x)
    inverse = 1 / x  # not 1 / x / x, of which XLA makes 1 / (x * x)
    y = jnp.where(tiny(x), -inverse * inverse, -e.times((e.w / (n * n)).value))
    return jnp.where(x < 0, jnp.nan, y)


@derivative(x=_log1mexp_curvature)
def log1mexp_slope(x: ArrayLike) -> Array:
    """log1mexp'(x) = 1 / (exp(x) - 1)"""
    x = jnp.asarray(x)
    e, n = _decay(x)
    return jnp.where(x < 0, jnp.nan, jnp.where(tiny(x), 1 / x, e.times((e.w / n).value)))


@activation(
    bounds=(-inf, 0),
    tails=None,
    domain=(0, inf),
    source="https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf",
)
@derivative(x=log1mexp_slope)
def log1mexp(x: ArrayLike) -> Array:
    """log1mexp(x) = log(1 - exp(-x))

    Logarithm of a probability's complement, of minus its logarithm: NaN for x < 0, -inf at 0.

    Range: -inf to 0.
    Source: https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf
    Error bounds in ulp of value, slope and slope's slope: 0.8, 1.1, 2 in float32, 3, 4, 6 in float64, 0.51 in 16-bit
    types.

    Args:
        x: any shape; floats keep their type, integers and bools become JAX's default float.

    Raises:
        TypeError: for complex or non-numeric input.
    """
    x = jnp.asarray(x)
    e, n = _decay(x)
    far = e.times(log1p(-e.w, e.s).value)
    near = log(n.replaced(tiny(x), x)).value
    y = jnp.where(x > float(LN2), far, near)
    return jnp.where(x > 0, y, jnp.where(x == 0, -jnp.inf, jnp.nan * x))
