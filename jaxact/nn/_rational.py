"""Rational: learns the coefficients of a quotient of polynomials."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from .._activation import autodiff
from .._names import get
from .._numerics import LARGE
from .._rectifiers import leaky_relu
from ._fit import POINTS, rational_fit
from ._parametric import Count, Parametric, is_size


def _polynomial(x: Array, coefficients: Any) -> Array:
    """By Horner's scheme, with the coefficient of the highest power first."""
    return functools.reduce(lambda total, coefficient: total * x + coefficient, coefficients, jnp.zeros_like(x))


def _absolute(x: Array) -> Array:
    return jnp.where(x >= 0, x, -x)  # jnp.abs has slope 0 at 0, where learning would stop


@autodiff
def _rational(x: ArrayLike, numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """P(x) / (1 + |Q(x)|); for |x| > 1, numerator and denominator are divided by a power of x: polynomials of 1 / x."""
    x = jnp.asarray(x)
    p: Any = list(jnp.asarray(numerator))
    q: Any = [*jnp.zeros_like(jnp.asarray(denominator)[:1]), *jnp.asarray(denominator)]
    m, n = len(p) - 1, len(q) - 1
    far = _absolute(x) > 1
    x_near, t = jnp.where(far, 0, x), 1 / jnp.where(far, jnp.where(jnp.abs(x) > LARGE, jnp.sign(x) * LARGE, x), 1)
    near = _polynomial(x_near, p[::-1]) / (1 + _absolute(_polynomial(x_near, q[::-1])))
    # |t|^n underflows, which would be 0 / 0 if Q is 0.
    below = jnp.maximum(_absolute(t) ** n + _absolute(_polynomial(t, q)), jnp.finfo(x.dtype).tiny)
    lead = jnp.where(far, x, 1) ** (m - n)
    sign = jnp.where(x < 0, -1, 1) if n % 2 else 1
    return jnp.where(far, sign * lead * (_polynomial(t, p) / below), near)


class Rational(Parametric):
    """Rational()(x) = sum(a[j] * x**j) / (1 + abs(sum(b[k] * x**k))), with a = numerator and b = denominator learnt

    Pade activation unit in its safe form, which has no poles; k starts at 1. For |x| > 1 it is computed with powers of
    1 / x, so that large inputs do not become inf / inf.

    Args:
        num_parameters: the shape of each coefficient, as for all modules that learn (`help(jaxact.nn)`); None, one
            function for each layer, is that of the paper.
        channel_axis: as for all modules that learn.
        degrees: of numerator and denominator, (5, 4) as in the paper; https://arxiv.org/abs/2004.01902 has (3, 2). If
            the first is larger by one, the function grows like x.
        init: the initial function, or its name as for `jaxact.get`, fitted by least squares on `interval`; leaky ReLU
            as in the paper.
        interval: of the fit; -3 to 3 as in the paper.
        dtype: as for all modules that learn.

    Raises:
        ValueError: for degrees below 1, for an interval that is not increasing and finite, and for init that is not
            finite on it.

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
        init: Callable[[Array], ArrayLike] | str = leaky_relu,
        interval: tuple[float, float] = (-3.0, 3.0),
        dtype: DTypeLike | None = None,
    ):
        super().__init__(num_parameters, channel_axis)
        if len(degrees) != 2 or not all(map(is_size, degrees)):
            raise ValueError(f"Rational was called with degrees = {degrees!r}; expected two ints >= 1.")
        if not -np.inf < interval[0] < interval[1] < np.inf:
            raise ValueError(f"Rational was called with interval = {interval!r}; expected two increasing numbers.")
        function = get(init) if isinstance(init, str) else init
        if not callable(function):
            raise TypeError(f"Rational was called with init = {init!r:.60}; expected a function or its name.")
        x = np.linspace(*interval, POINTS)
        with jax.ensure_compile_time_eval():  # also inside vmap, where an ensemble is made
            y = np.asarray(function(jnp.asarray(x, jnp.result_type(float))), np.float64)
        if y.shape != x.shape or not np.isfinite(y).all():
            raise ValueError(f"Rational was called with init = {init!r:.60}; expected finite values on {interval!r}.")
        numerator, denominator = rational_fit(x, y, degrees)
        self.numerator = jnp.stack([self.full("init", coefficient, dtype) for coefficient in numerator])
        self.denominator = jnp.stack([self.full("init", coefficient, dtype) for coefficient in denominator])

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        return _rational(x, self.aligned(x, self.numerator), self.aligned(x, self.denominator))
