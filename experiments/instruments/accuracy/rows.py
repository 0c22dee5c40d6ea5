"""The error of functions over an axis: components of value and derivatives, against arbitrary precision.

In float32, in units in the last place of

- the largest component of the same result, for probabilities and their derivatives;
- 1, or the result if that is more, for whatever takes a logarithm of them (log-probabilities, logsumexp, entropies,
losses' cores), but for derivatives of logsumexp and logmeanexp, which are probabilities;
- the result itself for all others, gated linear units, with a change of every input by 2 ulp excused, as for functions
of one number.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxact import Facts, logmeanexp, logsumexp

from .exact import exact_row
from .ulps import AXIS_BOUNDS as AXIS_BOUNDS
from .ulps import EXCUSED, beside, ulp

LONGEST_WITH_ROOT = 64
"""Longer rows take arbitrary precision minutes where the formula has a root to find."""


def rows() -> dict[str, np.ndarray]:
    """Of two lengths only, so that each function compiles twice."""
    rng = np.random.default_rng(0)
    made = {f"normal{n}": rng.normal(0, 3, n) for n in (64, 4096)}
    made |= {"spread": rng.uniform(-60, 60, 64), "far": rng.permutation(np.linspace(-60, 25, 64))}
    made |= {"confident": np.array([20.0] + [0.0] * 63), "certain": np.array([-90.0] * 63 + [10.0])}
    made |= {"tie": np.full(64, 1.5), "flat": np.full(64, 0.3), "shifted": rng.normal(0, 1, 64) + 1000}
    made |= {"tiny": rng.normal(0, 1e-6, 64), "unit": rng.normal(0, 0.3, 64)}
    return {name: row.astype("float32") for name, row in made.items()}


ROWS = rows()


class Component(NamedTuple):
    """One number of a result or of a derivative along one axis."""

    order: int
    place: int
    x: float
    """The input at the axis along which the derivative is taken."""
    got: float
    exact: float
    error: float
    """In ulp."""
    raw: float
    """The same when no change of the input is excused."""


def first(facts: Facts) -> str:
    """The operand that decides the type of the result."""
    return facts.rules.parameters.arrays[0]


def operands(facts: Facts, size: int) -> dict[str, Any]:
    """What a call needs beside x, and parameters that are not their defaults, by the names of the parameters."""
    rng = np.random.default_rng(1)
    one_hot, q_logits = np.eye(size, dtype="float32")[size // 3], rng.normal(0, 3, size).astype("float32")
    known: dict[str, Any] = {"labels": one_hot, "q_logits": q_logits, "temperature": 0.75, "tau": 0.75, "sink": 0.5}
    known |= {"key": jax.random.PRNGKey(3), "pieces": 2}
    return {name: known[name] for name in inspect.signature(facts.function).parameters if name in known}


def of_formula(given: dict[str, Any], size: int) -> dict[str, Any]:
    """The same as the formula takes it: what a key draws, and numbers."""
    key = given.get("key")
    noise = {} if key is None else {"noise": np.asarray(jax.random.gumbel(key, (size,), "float32")).tolist()}
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in given.items() if name != "key"} | noise


@functools.cache
def directional(facts: Facts, wrt: str) -> Callable[..., list[jax.Array]]:
    """Value, first and second derivative at a point along a direction of one operand."""
    static = facts.rules.parameters.static

    @functools.partial(jax.jit, static_argnames=static)
    def derivatives(t: jax.Array, **point: Any) -> list[jax.Array]:
        def f(v: jax.Array) -> jax.Array:
            return facts.function(**point | {wrt: v})

        def slope(v: jax.Array) -> jax.Array:
            return jax.jvp(f, (v,), (t,))[1]

        return [f(point[wrt]), slope(point[wrt]), jax.jvp(slope, (point[wrt],), (t,))[1]]

    return derivatives


def components(facts: Facts, row: str) -> Iterator[Component]:
    """Along the axes of the largest and the first element: components of those Jacobian columns."""
    x = ROWS[row]
    given = operands(facts, x.size)
    point = {first(facts): x} | given
    along = {column: np.eye(x.size, dtype="float32")[column] for column in sorted({int(np.argmax(x)), 0})}
    columns = {
        column: [np.asarray(d) for d in directional(facts, first(facts))(jnp.asarray(direction), **point)]
        for column, direction in along.items()
    }
    largest = [max(float(np.abs(found[order]).max()) for found in columns.values()) for order in range(3)]
    for column, results in columns.items():
        size = results[0].size
        for index in sorted({0, size // 2, min(column * size // x.size, size - 1), size - 1}):

            def truth(x: np.ndarray, column: int = column, index: int = index) -> list[float]:
                exact = exact_row(facts, x.tolist(), along[column].tolist(), index, **of_formula(given, x.size))
                return [float(t.mid()) for t in exact[:3]]

            here = truth(x)
            moves = _moves(x, here, truth) if _of_single_elements(facts) else [0.0] * 3
            for order in range(3):
                got, exact = float(results[order].ravel()[index]), here[order]
                own = [largest[n] if size == 1 else float(np.abs(results[n]).max()) for n in range(3)]
                # Of a product of two elements, one may have been flushed to zero: an error as large as the other is.
                factor = max(1.0, float(np.abs(x).max())) if _of_single_elements(facts) else 1.0
                raw, error = (
                    _error(got, exact, _scale(facts, order, exact, own), excuse, factor)
                    for excuse in (0.0, EXCUSED * moves[order])
                )
                yield Component(order, index, float(x[column]), got, exact, error, raw)


def measurable(facts: Facts, row: str) -> bool:
    """Whether the truth can be had in seconds."""
    return "root(" not in facts.formula or ROWS[row].size <= LONGEST_WITH_ROOT


def _of_single_elements(facts: Facts) -> bool:
    """Whether a component depends on one or two elements: gated linear units, neither a softmax nor its logarithm."""
    return facts.bounds != (0, 1) and "log" not in facts.formula


def _scale(facts: Facts, order: int, exact: float, largest: list[float]) -> float:
    """The number whose ulp counts.

    `largest` has that of each order's result, or of the gradient that a reduction has. A derivative of probabilities
    counts in ulp of the largest probability: in a confident row it is a difference of such, p * (1 - p).
    """
    if _of_single_elements(facts):
        return abs(exact)
    if facts.bounds == (0, 1):
        return max(largest[: order + 1])
    if order and facts.function in (logsumexp, logmeanexp):  # the derivatives are probabilities
        return max(largest[1 : order + 1])
    return max(abs(exact), 1.0)


def _moves(x: np.ndarray, here: list[float], truth: Callable[[np.ndarray], list[float]]) -> list[float]:
    """How far the truth moves when every element becomes its neighbour."""
    there = [truth(neighbours) for neighbours in beside(x)]
    return [max(abs(one[order] - here[order]) for one in there) for order in range(3)]


def _error(got: float, exact: float, scale: float, excuse: float, factor: float) -> float:
    """In ulp of `scale`; of two numbers that may have been flushed to zero, none."""
    flushed = factor * 256 * float(np.finfo("float32").tiny)
    if abs(exact) < flushed and abs(got - exact) < flushed:
        return 0.0
    return float(np.maximum(abs(got - exact) - excuse, 0) / ulp(np.array(scale), "float32"))
