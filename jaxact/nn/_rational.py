"""Rational: the coefficients of a quotient of polynomials are learnt."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .._activation import autodiff
from .._numerics import LARGE
from .._rectifiers import leaky_relu
from ._fit import POINTS, rational_fit
from ._parametric import Count, Parametric, is_size


def _polynomial(x: Array, coefficients: Any) -> Array:
    """The coefficients are for the powers from the highest down."""
    return functools.reduce(lambda total, coefficient: total * x + coefficient, coefficients, jnp.zeros_like(x))


def _absolute(x: Array) -> Array:
    return jnp.where(x >= 0, x, -x)  # jnp.abs has the slope 0 at 0, and stops learning there


@autodiff
def _rational(x: ArrayLike, numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """P(x) / (1 + |Q(x)|); beyond 1 both are divided by their highest power, as polynomials of 1 / x."""
    x = jnp.asarray(x)
    p: Any = list(jnp.asarray(numerator))
    q: Any = [*jnp.zeros_like(jnp.asarray(denominator)[:1]), *jnp.asarray(denominator)]
    m, n = len(p) - 1, len(q) - 1
    far = _absolute(x) > 1
    x_near, t = jnp.where(far, 0, x), 1 / jnp.where(far, jnp.where(jnp.abs(x) > LARGE, jnp.sign(x) * LARGE, x), 1)
    near = _polynomial(x_near, p[::-1]) / (1 + _absolute(_polynomial(x_near, q[::-1])))
    # |t|^n alone underflows, where Q is nothing.
    below = jnp.maximum(_absolute(t) ** n + _absolute(_polynomial(t, q)), jnp.finfo(x.dtype).tiny)
    lead = jnp.where(far, x, 1) ** (m - n)
    sign = jnp.where(x < 0, -1, 1) if n % 2 else 1
    return jnp.where(far, sign * lead * (_polynomial(t, p) / below), near)


class Rational(Parametric):
    """Rational()(x) = sum(a[j] * x**j) / (1 + abs(sum(b[k] * x**k))), with a = numerator and b = denominator learnt.

    Pade activation unit in its safe form, which has no poles; b[0] belongs to k = 1. It is computed with powers of 1/x
    where |x| > 1, so that large inputs do not become inf / inf.

    Args:
        num_parameters: how many of each coefficient: None for one that all share (the paper's way: one function for
            each layer), an int for one for each channel, a shape for one for each unit.
        channel_axis: the axis of the channels in what the module is called with, or the first of those of a shape.
        degrees: of numerator and denominator. The paper's are (5, 4); (3, 2) is that of
            https://arxiv.org/abs/2004.01902. With one more above, it grows like x.
        init: the function it starts as, by least squares on `interval`; the paper starts as leaky ReLU.
        interval: where it is fitted. The paper's is -3 to 3.
        dtype: the type of the coefficients; JAX's default float if None. It never changes the type of x.

    Raises:
        ValueError: for num_parameters or degrees below 1, an interval that is none, an init that is not finite on it,
            or called with an array that has another size there.

    Reference: https://arxiv.org/abs/1907.06732
    """

    numerator: Array
    denominator: Array

    def __init__(
        self,
        num_parameters: Count = None,
        *,
        channel_axis: int = 0,
        degrees: tuple[int, int] = (5, 4),
        init: Callable[[Array], ArrayLike] = leaky_relu,
        interval: tuple[float, float] = (-3.0, 3.0),
        dtype: jnp.dtype | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        if len(degrees) != 2 or not all(map(is_size, degrees)):
            raise ValueError(f"Rational was called with degrees = {degrees!r}; expected two ints >= 1.")
        if not -np.inf < interval[0] < interval[1] < np.inf:
            raise ValueError(f"Rational was called with interval = {interval!r}; expected two increasing numbers.")
        x = np.linspace(*interval, POINTS)
        with jax.ensure_compile_time_eval():  # an ensemble is made inside vmap, where init would trace
            y = np.asarray(init(jnp.asarray(x, jnp.result_type(float))), np.float64)
        if y.shape != x.shape or not np.isfinite(y).all():
            raise ValueError(f"Rational was called with init = {init!r:.60}; expected finite values on {interval!r}.")
        numerator, denominator = rational_fit(x, y, degrees)
        self.numerator = jnp.stack([self.full(coefficient, dtype) for coefficient in numerator])
        self.denominator = jnp.stack([self.full(coefficient, dtype) for coefficient in denominator])

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _rational(x, self.along(x, self.numerator), self.along(x, self.denominator))
