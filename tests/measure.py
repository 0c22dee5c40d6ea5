"""What is measured in the tests, and with what; how far a result is from the truth is in experiments/ulps.py."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.instruments.accuracy.implementations import derivatives, held, ours
from experiments.instruments.accuracy.implementations import forward as forward
from experiments.instruments.accuracy.implementations import reverse as reverse
from experiments.instruments.accuracy.reference import worst_exactly as worst_exactly
from experiments.instruments.accuracy.sweep import moves_of, tiled
from experiments.instruments.accuracy.ulps import BOUNDS as BOUNDS
from experiments.instruments.accuracy.ulps import EXACT as EXACT
from experiments.instruments.accuracy.ulps import Error as Error
from experiments.instruments.accuracy.ulps import bound as bound
from experiments.instruments.accuracy.ulps import domain, relief, settings
from experiments.instruments.accuracy.ulps import patterns as patterns
from experiments.instruments.accuracy.ulps import piecewise_linear as piecewise_linear
from experiments.instruments.accuracy.ulps import sample as sample
from experiments.instruments.accuracy.ulps import ulp as ulp
from experiments.instruments.accuracy.ulps import worst as worst
from jaxact import CATALOGUE, Facts

ELEMENTWISE = [facts for facts in CATALOGUE.values() if facts.elementwise]
AXISWISE = [facts for facts in CATALOGUE.values() if not facts.elementwise]
CASES = [(facts, held(facts, given)) for facts in ELEMENTWISE for given in settings(facts)]
CASE_IDS = ["-".join([facts.name, *(f"{k}={v}" for k, v in given.items())]) for facts, given in CASES]


def value_of(function: Callable[..., jax.Array], given: Mapping[str, Any]) -> Callable[[jax.Array], jax.Array]:
    return lambda x: function(x, **given)


def value(facts: Facts, given: dict[str, float]) -> Callable[[jax.Array], jax.Array]:
    return value_of(facts.function, given)


_subject = functools.cache(ours)


def orders(facts: Facts, given: dict[str, float], x: np.ndarray) -> list[np.ndarray]:
    """Value, f' by reverse mode and f'' by forward over reverse, by one compilation for all parameters."""
    return tiled(_subject(facts), x, given)


def together(facts: Facts, given: dict[str, float]) -> Callable[[jax.Array], list[jax.Array]]:
    """f, f' by reverse mode, f'' by forward over reverse, as users get them, in one compilation."""
    return _together(facts, tuple(given.items()))


@functools.cache
def _together(facts: Facts, given: tuple[tuple[str, float], ...]) -> Callable[[jax.Array], list[jax.Array]]:
    return jax.jit(lambda x: [f(x) for f in derivatives(value(facts, dict(given)))])


def in_float64(f: Callable[[jax.Array], Any], x: np.ndarray) -> Any:
    """The function at the same points in float64, which test_accuracy.py holds within a few ulp of the truth."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, f(jnp.asarray(x.astype("float64"))))


def worst_by_order(
    facts: Facts, given: dict[str, float], x: np.ndarray, got: list[np.ndarray], truth: list[np.ndarray]
) -> list[Error]:
    """The worst points of value, f' and f'' against float64."""
    excusable = x.dtype == np.float32
    moves = moves_of(_subject(facts), facts, x, truth, given) if excusable else [np.zeros(1)] * len(truth)
    return [
        worst(x, results, exact, str(results.dtype), relief(x, exact, facts, order), domain(facts, given), moves[order])
        for order, (results, exact) in enumerate(zip(got, truth, strict=True))
    ]


def bounds(facts: Facts, dtype: str, truth: list[np.ndarray]) -> tuple[float, ...]:
    """Those of value, f' and f''; of a piecewise-linear function, by its true f'', tighter ones."""
    return tuple(bound(facts, dtype, order, piecewise_linear(truth[2])) for order in range(3))
