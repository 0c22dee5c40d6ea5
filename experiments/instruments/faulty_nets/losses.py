"""Losses as Keras writes them, and how well a net does.

A loss is a function of targets and outputs of a batch, rows of numbers both; cce and bce take probabilities, which are
clipped at 1e-7.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .cases import CaseError
from .data import Data

EPSILON = 1e-7
"""keras.config.epsilon()"""
Loss = Callable[[Array, Array], Array]


def _probabilities(p: Array) -> Array:
    return jnp.clip(p, EPSILON, 1 - EPSILON)


def _cce(y: Array, p: Array) -> Array:
    p = p / jnp.sum(p, axis=-1, keepdims=True)
    return -jnp.mean(jnp.sum(y * jnp.log(_probabilities(p)), axis=-1))


def _bce(y: Array, p: Array) -> Array:
    p = _probabilities(p)
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def _sparse_cce(y: Array, p: Array) -> Array:
    return _cce(jax.nn.one_hot(y, p.shape[-1]), p)


def _kld(y: Array, p: Array) -> Array:
    y, p = jnp.clip(y, EPSILON, 1), jnp.clip(p, EPSILON, 1)
    return jnp.mean(jnp.sum(y * jnp.log(y / p), axis=-1))


def _signed(y: Array) -> Array:
    """Labels 0 and 1 as -1 and 1, as hinge losses take them."""
    return 2 * y - 1


def _hinge(y: Array, z: Array) -> Array:
    return jnp.mean(jnp.maximum(1 - _signed(y) * z, 0))


def _categorical_hinge(y: Array, z: Array) -> Array:
    right, wrong = jnp.sum(y * z, axis=-1), jnp.max((1 - y) * z, axis=-1)
    return jnp.mean(jnp.maximum(wrong - right + 1, 0))


def _huber(y: Array, z: Array) -> Array:
    error = jnp.abs(y - z)
    return jnp.mean(jnp.where(error <= 1, error**2 / 2, error - 0.5))


LOSSES: dict[str, Loss] = {
    "cce": _cce,
    "sparse_cce": _sparse_cce,
    "bce": _bce,
    "mse": lambda y, z: jnp.mean((y - z) ** 2),
    "mae": lambda y, z: jnp.mean(jnp.abs(y - z)),
    "mape": lambda y, z: 100 * jnp.mean(jnp.abs(y - z) / jnp.maximum(jnp.abs(y), EPSILON)),
    "msle": lambda y, z: jnp.mean((jnp.log1p(jnp.maximum(y, EPSILON)) - jnp.log1p(jnp.maximum(z, EPSILON))) ** 2),
    "huber": _huber,
    "logcosh": lambda y, z: jnp.mean(jnp.logaddexp(z - y, y - z) - jnp.log(2.0)),
    "hinge": _hinge,
    "squared_hinge": lambda y, z: jnp.mean(jnp.maximum(1 - _signed(y) * z, 0) ** 2),
    "categorical_hinge": _categorical_hinge,
    "kld": _kld,
    "poisson": lambda y, z: jnp.mean(z - y * jnp.log(z + EPSILON)),
    "cce_logits": lambda y, z: -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), axis=-1)),
    "bce_logits": lambda y, z: jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))),
}


def targets(y: np.ndarray, classes: int, outputs: int, loss: str) -> np.ndarray:
    """What the loss takes: numbers as they are, labels as they are for one output, else one-hot."""
    if not classes:
        if y.shape[1] != outputs:
            raise CaseError(f"the net has {outputs} outputs, but {y.shape[1]} are expected, as many as targets.")
        return y
    if loss == "sparse_cce":
        return y
    if outputs == 1:
        return y[:, None].astype(np.float32)
    if outputs < classes:
        raise CaseError(f"the net has {outputs} outputs, but {classes} are expected, as many as classes.")
    return np.eye(outputs, dtype=np.float32)[y]


def _binary(data: Data, outputs: Array) -> Array:
    right = data.truth[:, None] if outputs.shape[1] == 1 else np.eye(outputs.shape[1], dtype=int)[data.truth]
    return jnp.mean((outputs > 0.5) == (right > 0.5))


def _categorical(data: Data, outputs: Array) -> Array:
    return jnp.mean(jnp.argmax(outputs, axis=-1) == data.truth)


def _explained(data: Data, outputs: Array) -> Array:
    deviation = data.truth.std(0, dtype=np.float64).astype(np.float32)
    return 1 - jnp.mean(((outputs - data.truth) / deviation) ** 2)


SCORES: dict[str, Callable[[Data, Array], Array]] = {"bin": _binary, "cat": _categorical, "r2": _explained}
"""Share of outputs on the right side of 0.5, share of right answers, share of the variance explained."""


def best_constant(data: Data, score: str) -> float:
    """The score of the best answer that does not depend on the input."""
    if score == "r2":
        return 0.0
    most = float(np.bincount(data.truth).max() / len(data.truth))
    return max(most, 1 - 1 / data.classes) if score == "bin" and data.classes > 2 else most
