"""Errors against arbitrary precision: of float64 results, and of the float64 reference for narrower types."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from jaxact import Facts

from .exact import ORDERS, exact
from .ulps import EXCUSED, Error, FloorSpans, domain, floor_spans, floors, in_domain, ulp, worst_of

LARGEST = 1e30
"""Larger inputs take arbitrary precision too long: exp(1e38) has too many digits before the point."""

LEAST = 1e-60
"""The digits of results below this do not matter: they are 0 in narrower types."""


@dataclass(frozen=True)
class ReferenceCheck:
    """The largest relative error of the float64 reference."""

    relative: float
    x: float


def truths(facts: Facts, given: dict[str, float], x: np.ndarray) -> list[list[arb]]:
    """The exact value, f', f'' and f''' at each point: four lists."""
    inside = in_domain(x, facts.domain)
    points = [
        exact(facts, point, facts.parameters | given) if defined else [arb("nan")] * ORDERS
        for point, defined in zip(x.astype("float64").tolist(), inside, strict=True)
    ]
    return [list(column) for column in zip(*points, strict=True)]


def worst_exactly(facts: Facts, given: dict[str, float], x: np.ndarray, got: list[np.ndarray]) -> list[Error]:
    """The worst points of value, f' and f'' against arbitrary precision, as float64 needs."""
    exact_values = truths(facts, given, x)
    return [worst_of_order(facts, given, x, results, exact_values, order) for order, results in enumerate(got)]


def worst_of_order(
    facts: Facts, given: dict[str, float], x: np.ndarray, got: np.ndarray, exact_values: list[list[arb]], order: int
) -> Error:
    """The worst point of one order, given the exact values."""
    wide, truth, dtype = x.astype("float64"), nearest(exact_values[order]), str(got.dtype)
    spans, moves = floor_spans(wide, truth, facts, order), approximate_moves(exact_values, order, wide, dtype)
    difference = differences(got, exact_values[order])
    return worst_of(wide, got.astype("float64"), truth, difference, dtype, spans, domain(facts, given), moves)


def approximate_moves(exact_values: list[list[arb]], order: int, x: np.ndarray, dtype: str) -> np.ndarray:
    """The move of the truth to the next number of the type, by its slope at x, as float64 has no wider type."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.nan_to_num(np.abs(nearest(exact_values[order + 1])) * ulp(x, dtype), posinf=0.0)


def check(
    facts: Facts,
    given: dict[str, float],
    x: np.ndarray,
    reference: list[np.ndarray],
    spans_by_order: Sequence[FloorSpans] = (),
) -> list[ReferenceCheck]:
    """The relative error of the float64 reference, minus the effect of 2 ulp of x.

    Near a sign change it is relative to the floor there.
    """
    checks, exact_values = [], truths(facts, given, x)
    for order, results in enumerate(reference):
        truth = nearest(exact_values[order])
        spans = spans_by_order[order] if spans_by_order else floor_spans(x, truth, facts, order)
        size = np.maximum(np.maximum(np.abs(truth), floors(np, x, spans)), LEAST)
        allowance = EXCUSED * approximate_moves(exact_values, order, x, "float64")
        difference = np.maximum(np.abs(differences(results, exact_values[order])) - allowance, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(difference == 0, 0, difference / size)
        relative[np.isnan(relative)] = np.inf
        relative[results == truth] = 0  # infinity for numbers beyond float64
        at = int(np.argmax(relative))
        checks.append(ReferenceCheck(float(relative[at]), float(x[at])))
    return checks


def nearest(exact_values: list[arb]) -> np.ndarray:
    """Exact values rounded to float64."""
    return np.array([float(value.mid()) for value in exact_values])


def differences(results: np.ndarray, exact_values: list[arb]) -> np.ndarray:
    """Computed minus exact, subtracted before rounding."""
    pairs = zip(results.astype("float64").tolist(), exact_values, strict=True)
    return np.array([float((arb(result) - value).mid()) if np.isfinite(result) else np.nan for result, value in pairs])
