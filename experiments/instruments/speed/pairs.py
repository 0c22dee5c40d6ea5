"""Pairs of functions that compute the same, ours and another library's, and their inputs."""

from collections.abc import Callable
from typing import Any

import jax
import optax
from jax import Array

import jaxact
from experiments.instruments.costs import Elementwise, at_defaults
from experiments.instruments.peers import JAX_NN
from jaxact import CATALOGUE

Programs = dict[str, Callable[[], Any]]
"""Programs to time by library: ours first, then the one on which the verdict depends."""
RowFunction = Callable[[Array, Array], Array]
"""A function of rows of logits and of their labels."""

ROW_FUNCTIONS: dict[str, dict[str, RowFunction]] = {
    "softmax": {"jaxact": lambda x, _: jaxact.softmax(x), "jax.nn": lambda x, _: jax.nn.softmax(x)},
    "log_softmax": {"jaxact": lambda x, _: jaxact.log_softmax(x), "jax.nn": lambda x, _: jax.nn.log_softmax(x)},
    "logsumexp": {
        "jaxact": lambda x, _: jaxact.logsumexp(x, axis=-1),
        "jax.nn": lambda x, _: jax.nn.logsumexp(x, axis=-1),
    },
    "cross_entropy_from_logits": {
        "jaxact": lambda x, labels: jaxact.cross_entropy_from_logits(x, labels),
        "optax": lambda x, labels: optax.softmax_cross_entropy_with_integer_labels(x, labels),
    },
}
"""The functions over the last axis, by our names and by library."""
MEASURED = (*(name for name, facts in CATALOGUE.items() if facts.elementwise), *ROW_FUNCTIONS)
"""All functions that `speed` measures."""


def pair(name: str) -> dict[str, Elementwise]:
    """An elementwise function of both libraries, or ours alone where jax.nn has none, at the defaults."""
    facts, theirs = CATALOGUE[name], JAX_NN.get(name)
    ours = {"jaxact": at_defaults(facts)}
    return ours | {"jax.nn": at_defaults(facts, theirs)} if theirs else ours


def normal(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> Array:
    """Normal random numbers of deviation 2, the size of pre-activations."""
    return 2 * jax.random.normal(jax.random.key(seed), shape, dtype)


def inputs(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """The same within the function's domain, so that no program is timed on NaN."""
    x = normal(shape, dtype)
    return abs(x) if CATALOGUE[name].domain[0] >= 0 else x
