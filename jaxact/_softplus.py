"""Logarithms of sums and differences of exponentials, and squareplus, which resembles one."""

from math import inf

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Operand, Positive, PositiveFinite, as_arrays
from ._facts import activation
from ._numerics import LARGE, expm1, logistic, logistic_slope
from ._residuals import from_output
from ._sigmoids import tanh


@derivative(
    x=lambda x, beta: beta * logistic_slope(beta * x),
    beta=lambda x, beta: jnp.clip(x, -LARGE, LARGE) * logistic_slope(beta * x),
)
def softplus_slope(x: ArrayLike, beta: Positive = 1.0) -> Array:
    """The slope of softplus by x: 1 / (1 + exp(-beta*x))."""
    return logistic(beta * jnp.asarray(x))


def _softplus_by_beta(x: Array, beta: ArrayLike) -> Array:
    """-(log(1 + e) + z * e / (1 + e)) / beta**2 with z = abs(beta * x) and e = exp(-z): terms of one sign."""
    z = jnp.minimum(jnp.abs(beta * x), LARGE)
    e = jnp.exp(-z)
    return -(jnp.log1p(e) + z * e / (1 + e)) / beta / beta


@activation(bounds=(0, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/1511.07289")
@derivative(
    x=softplus_slope,
    beta=_softplus_by_beta,
    residuals=(from_output(lambda y, beta: -expm1(-beta * y), min_bits=32),),
)
def softplus(x: ArrayLike, beta: Positive = 1.0) -> Array:
    """softplus(x, beta) = log(1 + exp(beta*x)) / beta

    Smooth relu, the closer to relu the larger beta is. Its slope is sigmoid(beta * x).

    Args:
        beta: positive.
    """
    x = jnp.asarray(x)
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(beta * x))) / beta


@derivative(x=lambda x: -logistic_slope(x))
def log_sigmoid_slope(x: ArrayLike) -> Array:
    """The slope of log_sigmoid: 1 / (1 + exp(x))."""
    return logistic(-jnp.asarray(x))


@activation(bounds=(-inf, 0), slopes_at_inf=(1, 0), source="https://en.wikipedia.org/wiki/Logistic_function")
@derivative(x=log_sigmoid_slope, residuals=(from_output(lambda y: -expm1(y), min_bits=32),))
def log_sigmoid(x: ArrayLike) -> Array:
    """log_sigmoid(x) = -log(1 + exp(-x))

    Logarithm of the sigmoid, -softplus(-x): the term of a binary cross entropy.
    """
    x = jnp.asarray(x)
    return jnp.minimum(x, 0) - jnp.log1p(jnp.exp(-jnp.abs(x)))


def _hypotenuse(x: Array, b: Operand) -> Array:
    """sqrt(x*x + b), or abs(x) where the square would overflow."""
    return jnp.maximum(jnp.abs(x), jnp.sqrt(jnp.minimum(x * x, 1e37) + b))


def _squareplus(x: Array, b: Operand) -> Array:
    return jnp.maximum(x, 0) + b / (2 * (jnp.abs(x) + _hypotenuse(x, b)))


def _squareplus_curvature(x: Array, b: Operand) -> Array:
    w = 1 / _hypotenuse(x, b)
    return b / 2 * w * w * w


def _squareplus_slope_by_b(x: Array, b: Operand) -> Array:
    w = 1 / _hypotenuse(x, b)
    return -0.25 * (jnp.clip(x, -LARGE, LARGE) * w) * w * w


@derivative(x=_squareplus_curvature, b=_squareplus_slope_by_b)
def squareplus_slope(x: ArrayLike, b: PositiveFinite = 4) -> Array:
    """The slope of squareplus by x: squareplus(x) / sqrt(x*x + b)."""
    x, b = as_arrays(jnp.clip(jnp.asarray(x), -LARGE, LARGE), b)
    return _squareplus(x, b) / _hypotenuse(x, b)


@jax.custom_jvp
def _squareplus_slope_from_output(y: Array, b: Operand) -> Array:
    """y / sqrt(x*x + b), where the square root is y + b / (4*y)."""
    return 1 / (1 + b / (4 * y) / y)


@_squareplus_slope_from_output.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (y, b), (dy, db) = primals, tangents
    slope, complement = _squareplus_slope_from_output(y, b), 1 / (1 + 4 / b * y * y)  # 1 - slope
    return slope, (2 / (y + b / (4 * y)) * dy - slope / b * db) * complement


@activation(bounds=(0, inf), slopes_at_inf=(0, 1), source="https://arxiv.org/abs/2112.11687")
@derivative(
    x=squareplus_slope,
    b=lambda x, b: 0.25 / _hypotenuse(x, b),
    residuals=(from_output(_squareplus_slope_from_output, min_bits=32),),
)
def squareplus(x: ArrayLike, b: PositiveFinite = 4) -> Array:
    """squareplus(x, b) = (x + sqrt(x*x + b)) / 2

    Like softplus, with algebraic operations only. For negative x it is computed as b / (2 * (abs(x) + sqrt(x*x + b))),
    which does not cancel.

    Args:
        b: positive, the larger the smoother.
    """
    return _squareplus(*as_arrays(x, b))


@activation(bounds=(0, inf), slopes_at_inf=(-1, 1), source="https://en.wikipedia.org/wiki/Log-cosh")
@derivative(x=tanh)
def logcosh(x: ArrayLike) -> Array:
    """logcosh(x) = log((exp(x) + exp(-x)) / 2)

    Logarithm of the hyperbolic cosine, a smooth absolute value: x**2 / 2 near 0, abs(x) - log(2) for large x. It is
    computed from cosh(x) - 1 = (1 - e)**2 / (2 * e) with e = exp(-abs(x)).
    """
    a = jnp.minimum(jnp.abs(x), 20)
    return jnp.log1p(jnp.square(jnp.expm1(-a)) / (2 * jnp.exp(-a))) + jnp.maximum(jnp.abs(x) - 20, 0)


def _nan_if_negative(x: Array, y: Array) -> Array:
    """y where x >= 0, else NaN: by a square root, since Pallas takes no constant NaN."""
    return jnp.where(x < 0, jnp.sqrt(x), y)


def _log1mexp_curvature(x: Array) -> Array:
    r = 1 / jnp.expm1(-x)
    return _nan_if_negative(x, -jnp.exp(-x) * r * r)


@derivative(x=_log1mexp_curvature)
def log1mexp_slope(x: ArrayLike) -> Array:
    """The slope of log1mexp: 1 / (exp(x) - 1)."""
    x = jnp.asarray(x)
    return _nan_if_negative(x, 1 / jnp.expm1(x))


@activation(
    bounds=(-inf, 0),
    domain=(0, inf),
    source="https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf",
)
@derivative(x=log1mexp_slope)
def log1mexp(x: ArrayLike) -> Array:
    """log1mexp(x) = log(1 - exp(-x))

    The logarithm of 1 - p as a function of x = -log(p): -inf at 0, NaN for x < 0.
    """
    x = jnp.asarray(x)
    # 1.2 and not log(2): between -0.5 and -0.3 = -exp(-1.2), log1p of JAX 0.10 has errors of 127 ulp in float64.
    return jnp.where(x < 1.2, jnp.log(-jnp.expm1(-x)), jnp.log1p(-jnp.exp(-x)))
