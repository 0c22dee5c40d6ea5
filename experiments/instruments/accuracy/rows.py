"""The error of functions over an axis: components of value and derivatives, against arbitrary precision.

It is measured in float32, in units in the last place of

- the largest component of the same result, for probabilities and their derivatives;
- 1, or the result if that is larger, for logarithms of probabilities (log-probabilities, logsumexp, entropies, losses),
except for derivatives of logsumexp and logmeanexp, which are probabilities;
- the result itself for gated linear units, with an allowance for a change of every input by 2 ulp, as for elementwise
functions.
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
from .ulps import EXCUSED, neighbours, ulp

LONGEST_WITH_ROOT = 64
"""Where the formula contains a root, longer rows take minutes in arbitrary precision."""


def _make_rows() -> dict[str, np.ndarray]:
    """The rows that are measured, by name; they have two lengths only, so that each function compiles twice."""
    rng = np.random.default_rng(0)
    rows = {f"normal{n}": rng.normal(0, 3, n) for n in (64, 4096)}
    rows |= {"spread": rng.uniform(-60, 60, 64), "far": rng.permutation(np.linspace(-60, 25, 64))}
    rows |= {"confident": np.array([20.0] + [0.0] * 63), "certain": np.array([-90.0] * 63 + [10.0])}
    rows |= {"tie": np.full(64, 1.5), "flat": np.full(64, 0.3), "shifted": rng.normal(0, 1, 64) + 1000}
    rows |= {"tiny": rng.normal(0, 1e-6, 64), "unit": rng.normal(0, 0.3, 64)}
    return {name: row.astype("float32") for name, row in rows.items()}


ROWS = _make_rows()


class Component(NamedTuple):
    """The error of one component of a result, or of a derivative along one axis."""

    order: int
    place: int
    x: float
    """The input at the axis along which the derivative is taken."""
    got: float
    exact: float
    error: float
    """Error in ulp."""
    raw: float
    """The same without the allowance for the input."""


def first(facts: Facts) -> str:
    """The first array parameter, whose type is that of the result."""
    return facts.rules.parameters.arrays[0]


def operands(facts: Facts, size: int) -> dict[str, Any]:
    """Arguments of a call beside x: those without a default, and parameters other than the defaults."""
    rng = np.random.default_rng(1)
    one_hot, q_logits = np.eye(size, dtype="float32")[size // 3], rng.normal(0, 3, size).astype("float32")
    known: dict[str, Any] = {"labels": one_hot, "q_logits": q_logits, "temperature": 0.75, "tau": 0.75, "sink": 0.5}
    known |= {"key": jax.random.PRNGKey(3), "pieces": 2, "alpha": 1.25}
    return {name: known[name] for name in inspect.signature(facts.function).parameters if name in known}


def of_formula(given: dict[str, Any], size: int) -> dict[str, Any]:
    """The same arguments for the formula: lists of numbers, and the noise that a key draws."""
    key = given.get("key")
    noise = {} if key is None else {"noise": np.asarray(jax.random.gumbel(key, (size,), "float32")).tolist()}
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in given.items() if name != "key"} | noise


@functools.cache
def directional(facts: Facts, wrt: str) -> Callable[..., list[jax.Array]]:
    """Value, first and second derivative along a direction of one operand, compiled."""
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
    """Components of the Jacobian columns of the largest and of the first element, and of their derivatives."""
    x = ROWS[row]
    given = operands(facts, x.size)
    point = {first(facts): x} | given
    directions = {column: np.eye(x.size, dtype="float32")[column] for column in sorted({int(np.argmax(x)), 0})}
    columns = {
        column: [np.asarray(d) for d in directional(facts, first(facts))(jnp.asarray(direction), **point)]
        for column, direction in directions.items()
    }
    largest = [max(float(np.abs(results[order]).max()) for results in columns.values()) for order in range(3)]
    for column, results in columns.items():
        size = results[0].size
        for index in sorted({0, size // 2, min(column * size // x.size, size - 1), size - 1}):

            def truth(x: np.ndarray, column: int = column, index: int = index) -> list[float]:
                exact = exact_row(facts, x.tolist(), directions[column].tolist(), index, **of_formula(given, x.size))
                return [float(t.mid()) for t in exact[:3]]

            here = truth(x)
            moves = _moves(x, here, truth) if _of_single_elements(facts) else [0.0] * 3
            for order in range(3):
                got, exact = float(results[order].ravel()[index]), here[order]
                scales = [largest[n] if size == 1 else float(np.abs(results[n]).max()) for n in range(3)]
                # In a product of two elements, one may be flushed to zero: the error can be as large as the other.
                factor = max(1.0, float(np.abs(x).max())) if _of_single_elements(facts) else 1.0
                raw, error = (
                    _error(got, exact, _scale(facts, order, exact, scales), allowance, factor)
                    for allowance in (0.0, EXCUSED * moves[order])
                )
                yield Component(order, index, float(x[column]), got, exact, error, raw)


def measurable(facts: Facts, row: str) -> bool:
    """Whether the truth takes seconds, not minutes."""
    return "root(" not in facts.formula or ROWS[row].size <= LONGEST_WITH_ROOT


def _of_single_elements(facts: Facts) -> bool:
    """Whether a component depends on one or two elements only, as in gated linear units."""
    return facts.bounds != (0, 1) and "log" not in facts.formula


def _scale(facts: Facts, order: int, exact: float, largest: list[float]) -> float:
    """The number whose ulp is the unit of the error.

    `largest` has the largest component of each order's result, or of the gradient of a reduction. The unit for
    derivatives of probabilities is the ulp of the largest probability: in a confident row they are differences of
    probabilities, p * (1 - p).
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
    moved = [truth(side) for side in neighbours(x)]
    return [max(abs(there[order] - here[order]) for there in moved) for order in range(3)]


def _error(got: float, exact: float, scale: float, allowance: float, factor: float) -> float:
    """Error in ulp of `scale`; 0 where result and truth may have been flushed to zero."""
    flushed = factor * 256 * float(np.finfo("float32").tiny)
    if abs(exact) < flushed and abs(got - exact) < flushed:
        return 0.0
    return float(np.maximum(abs(got - exact) - allowance, 0) / ulp(np.array(scale), "float32"))
