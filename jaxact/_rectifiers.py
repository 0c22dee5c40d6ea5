"""Piecewise-linear activations."""

from collections.abc import Callable
from math import inf

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._activation import derivative
from ._arguments import Finite, KeepsIntegers, Key
from ._facts import activation
from ._numerics import zero
from ._residuals import from_output, two_slopes


def above(x: Array, threshold: ArrayLike) -> Array:
    """1 where x > threshold, else 0; NaN for NaN."""
    return jnp.where(x > threshold, 1, zero(x))


def within(x: Array, low: ArrayLike, high: ArrayLike, slope: ArrayLike) -> Array:
    """`slope` where low < x < high, else 0; NaN for NaN."""
    return jnp.where((x > low) & (x < high), slope, zero(x))


def _at_least(low: float, y: Array) -> Array:
    return jnp.where(y <= low, low, y)


@activation(bounds=(-inf, inf), slopes_at_inf=(1, 1), source="https://en.wikipedia.org/wiki/Identity_function")
@derivative(x=lambda x: jnp.ones_like(x), residuals=(from_output(lambda y: jnp.ones_like(y)),))  # also of NaN
def identity(x: KeepsIntegers) -> Array:
    """identity(x) = x

    The linear unit, for the outputs of a regression net. After hidden layers it is useless, since a stack of linear
    layers is one linear layer. Its slope is 1 even for NaN.
    """
    return jnp.asarray(x)


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), kinks=(0,), source="https://doi.org/10.1007/BF02478259")
@derivative(
    x=lambda x, surrogate: surrogate(x),
    residuals=(from_output(lambda y, surrogate: zero(y), when=lambda surrogate: surrogate is zero),),
)
def step(x: ArrayLike, surrogate: Callable[[Array], Array] = zero) -> Array:
    """step(x) = 1 if x > 0 else 0

    The binary unit of McCulloch and Pitts. step(0) = 0.

    Args:
        surrogate: a function of x to use as the slope. The default is the true slope, 0, through which nothing learns.
            Binary and spiking nets are trained with `jaxact.slope(jaxact.sigmoid)`, or with `jnp.ones_like`, the
            straight-through estimator (https://arxiv.org/abs/1308.3432).
    """
    return above(jnp.asarray(x), 0)


@activation(
    bounds=(0, inf), slopes_at_inf=(0, 1), kinks=(0,), source="https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf"
)
@derivative(x=step, residuals=(from_output(lambda y: jnp.where(y > 0, 1, y)),), as_residual=lambda y: _at_least(0, y))
def relu(x: KeepsIntegers) -> Array:
    """relu(x) = x if x > 0 else 0

    Rectified linear unit. Its slope is step(x), so relu'(0) = 0, as in jax.nn. The choice affects training:
    https://arxiv.org/abs/2106.12915.
    """
    return jnp.maximum(x, 0)


@activation(
    bounds=(0, 6),
    slopes_at_inf=(0, 0),
    kinks=(0, 6),
    source="https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf",
)
@derivative(
    x=lambda x: within(x, 0, 6, 1),
    residuals=(from_output(lambda y: within(y, 0, 6, 1)),),
    as_residual=lambda y: _at_least(0, y),
)
def relu6(x: KeepsIntegers) -> Array:
    """relu6(x) = min(6, max(0, x))

    Rectified linear unit capped at 6. The slope is 1 strictly between 0 and 6 and 0 elsewhere, as in jax.nn. Integers
    keep their type; jax.nn makes them floats.
    """
    return jnp.clip(jnp.asarray(x), 0, 6)


def _leaky(x: Array, negative_slope: ArrayLike) -> Array:
    return jnp.where(x > 0, x, negative_slope * x)


def _leaky_slope(x: Array, negative_slope: ArrayLike) -> Array:
    return jnp.where(x > 0, 1, negative_slope + zero(x))


@activation(
    bounds=(-inf, inf),
    slopes_at_inf=(0.01, 1),
    kinks=(0,),
    source="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
)
@derivative(
    x=lambda x, negative_slope: _leaky_slope(x, negative_slope),
    negative_slope=lambda x, negative_slope: jnp.where(x > 0, 0, x),
    residuals=(
        from_output(
            lambda y, negative_slope: _leaky_slope(y, negative_slope), when=lambda negative_slope: negative_slope >= 0
        ),
        two_slopes("negative_slope", 1),
    ),
)
def leaky_relu(x: ArrayLike, negative_slope: Finite = 0.01) -> Array:
    """leaky_relu(x, negative_slope) = x if x > 0 else negative_slope * x

    Rectified linear unit with a small slope on the negative side, so that every unit has a gradient.

    Args:
        negative_slope: the slope for x < 0, and at 0 (as in PyTorch; jax.nn has 1 at 0).
    """
    return _leaky(jnp.asarray(x), negative_slope)


@activation(bounds=(-inf, inf), kinks=(0,), source="https://arxiv.org/abs/1502.01852")
@derivative(
    x=lambda x, alpha: _leaky_slope(x, alpha),
    alpha=lambda x, alpha: jnp.where(x > 0, 0, x),
    residuals=(two_slopes("alpha", 1),),
)
def prelu(x: ArrayLike, alpha: Finite) -> Array:
    """prelu(x, alpha) = x if x > 0 else alpha * x

    Parametric rectified linear unit: a leaky_relu whose slope is learnt; `jaxact.nn.PReLU` holds the parameter. It
    equals max(x, alpha * x) only for alpha <= 1.

    Args:
        alpha: the slope for x < 0, and at 0.
    """
    return _leaky(jnp.asarray(x), alpha)


@activation(
    bounds=(-1, 1),
    slopes_at_inf=(0, 0),
    kinks=(-1, 1),
    source="https://ronan.collobert.com/pub/2004_phdthesis_lip6.pdf",
)
@derivative(
    x=lambda x: within(x, -1, 1, 1),
    residuals=(from_output(lambda y: within(y, -1, 1, 1)),),
    as_residual=lambda y: _at_least(-1, y),
)
def hard_tanh(x: KeepsIntegers) -> Array:
    """hard_tanh(x) = max(-1, min(1, x))

    Piecewise-linear tanh. The slope at -1 and 1 is 0 (as in PyTorch; jax.nn has 1 there).
    """
    x = jnp.asarray(x)
    return jnp.clip(x, 0 if jnp.issubdtype(x.dtype, jnp.unsignedinteger) else -1, 1)  # -1 would wrap to 255


@activation(
    bounds=(0, 1),
    slopes_at_inf=(0, 0),
    kinks=(-3, 3),
    ulps=(1.5, 0.5, 0.5),  # two roundings, of the sum and of the quotient
    source="https://arxiv.org/abs/1905.02244",
)
@derivative(x=lambda x: within(x, -3, 3, 1 / 6), residuals=(two_slopes(0, 1 / 6),))  # y is 1 an ulp before 3
def hard_sigmoid(x: ArrayLike) -> Array:
    """hard_sigmoid(x) = max(0, min(1, (x + 3) / 6))

    Piecewise-linear sigmoid of MobileNetV3, as in jax.nn, PyTorch and Keras 3. In Keras 2 its slope is 0.2. The slope
    at -3 and 3 is 0.
    """
    return jnp.clip((jnp.asarray(x) + 3) / 6, 0, 1)


@activation(bounds=(0, 1), slopes_at_inf=(0, 0), kinks=(-1, 1), source="https://arxiv.org/abs/1602.02068")
@derivative(x=lambda x: within(x, -1, 1, 0.5), residuals=(two_slopes(0, 0.5),))
def sparse_sigmoid(x: ArrayLike) -> Array:
    """sparse_sigmoid(x) = max(0, min(1, (x + 1) / 2))

    Sparsemax of two classes, and the slope of sparse_plus. Its own slope is 0 at -1 and 1 (jax.nn has 1/4 there).
    """
    return jnp.clip((jnp.asarray(x) + 1) / 2, 0, 1)


@activation(
    bounds=(-inf, inf),
    kinks=lambda threshold: (threshold,),
    source="https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html",
)
@derivative(
    x=lambda x, threshold, value: above(x, threshold),
    threshold=lambda x, threshold, value: jnp.zeros_like(x),
    value=lambda x, threshold, value: jnp.where(x > threshold, 0, 1),
    residuals=(two_slopes(0, 1),),
)
def threshold(x: ArrayLike, threshold: ArrayLike, value: ArrayLike) -> Array:
    """threshold(x, threshold, value) = x if x > threshold else value

    PyTorch's threshold. It has a jump at the threshold unless value equals threshold; the slope there is 0.

    Args:
        threshold: x is passed on above it. The derivative by it is 0.
        value: replaces x elsewhere.
    """
    return jnp.where(jnp.asarray(x) <= threshold, value, x)


@activation(
    bounds=(0, inf), slopes_at_inf=(0, 1), kinks=lambda theta: (theta,), source="https://arxiv.org/abs/1402.3337"
)
@derivative(x=lambda x, theta: above(x, theta), theta=lambda x, theta: jnp.zeros_like(x), residuals=(two_slopes(0, 1),))
def trelu(x: ArrayLike, theta: ArrayLike = 1.0) -> Array:
    """trelu(x, theta) = x if x > theta else 0

    Thresholded rectified linear unit (Keras 2's ThresholdedReLU). It has a jump at theta, where the slope is 0.

    Args:
        theta: the threshold. The derivative by it is 0.
    """
    return jnp.where(jnp.asarray(x) <= theta, 0, x)


def _random_slope(x: Array, lower: ArrayLike, upper: ArrayLike, key: ArrayLike | None) -> tuple[ArrayLike, Array]:
    """The weight of `upper`, random or a half; and the negative slope, the weighted mean of lower and upper."""
    weight = 0.5 if key is None else jax.random.uniform(jnp.asarray(key), x.shape, x.dtype)
    return weight, jnp.asarray((1 - weight) * lower + weight * upper, x.dtype)


@activation(bounds=(-inf, inf), kinks=(0,), source="https://arxiv.org/abs/1505.00853")
@derivative(
    x=lambda x, lower, upper, key: _leaky_slope(x, _random_slope(x, lower, upper, key)[1]),
    lower=lambda x, lower, upper, key: jnp.where(x > 0, 0, x * (1 - _random_slope(x, lower, upper, key)[0])),
    upper=lambda x, lower, upper, key: jnp.where(x > 0, 0, x * _random_slope(x, lower, upper, key)[0]),
    residuals=(
        from_output(
            lambda y, lower, upper: _leaky_slope(y, (lower + upper) / 2), when=lambda lower, upper: lower + upper >= 0
        ),
    ),
)
def rrelu(x: ArrayLike, lower: Finite = 1 / 8, upper: Finite = 1 / 3, key: Key = None) -> Array:
    """rrelu(x, lower, upper) = x if x > 0 else (lower + upper) / 2 * x

    Randomised leaky relu: with a key, the negative slope is drawn for each element, uniformly from lower to upper;
    without a key, as at inference, it is their mean. The slope at 0 is the negative slope.

    Args:
        lower: the smallest negative slope.
        upper: the largest negative slope.
        key: a PRNG key, or None.
    """
    x = jnp.asarray(x)
    return _leaky(x, _random_slope(x, lower, upper, key)[1])
