"""Two functions that compute the same, ours and the one that its users have today, and what they are given."""

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
"""What takes turns, by library, ours first and the one that it is judged by second."""
Rows = Callable[[Array, Array], Array]
"""A function of rows of logits and of their labels."""

ROWS: dict[str, dict[str, Rows]] = {
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
"""Functions over the last axis, by our names."""
MEASURED = (*(name for name, facts in CATALOGUE.items() if facts.elementwise), *ROWS)
"""All functions that `speed` measures."""


def pair(name: str) -> dict[str, Elementwise]:
    """An elementwise function of both libraries, or ours alone where jax.nn has none, at the defaults."""
    facts, theirs = CATALOGUE[name], JAX_NN.get(name)
    ours = {"jaxact": at_defaults(facts)}
    return ours | {"jax.nn": at_defaults(facts, theirs)} if theirs else ours


def normal(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> Array:
    """Random numbers of the size that activations meet."""
    return 2 * jax.random.normal(jax.random.key(seed), shape, dtype)


def inputs(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """The same within the function's domain: beyond it a program would be timed on NaN."""
    x = normal(shape, dtype)
    return abs(x) if CATALOGUE[name].domain[0] >= 0 else x
