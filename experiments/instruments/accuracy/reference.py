"""Judged by arbitrary precision: float64 results, and the float64 reference that judges all narrower types."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from jaxact import Facts

from .exact import ORDERS, exact
from .ulps import EXCUSED, Error, Relief, counted, domain, floors, relief, ulp, worst_of

LARGEST = 1e30
"""Inputs beyond this take arbitrary precision too long: exp(1e38) has too many digits before the point."""

LEAST = 1e-60
"""Of results below this it does not matter how many digits are right: no narrower type tells them from zero."""


@dataclass(frozen=True)
class Check:
    """The largest relative error of the float64 reference."""

    relative: float
    x: float


def truths(facts: Facts, given: dict[str, float], x: np.ndarray) -> list[list[arb]]:
    """Value, f', f'' and f''' at each point: four lists."""
    inside = counted(x, facts.domain)
    points = [
        exact(facts, point, facts.parameters | given) if defined else [arb("nan")] * ORDERS
        for point, defined in zip(x.astype("float64").tolist(), inside, strict=True)
    ]
    return [list(column) for column in zip(*points, strict=True)]


def worst_exactly(facts: Facts, given: dict[str, float], x: np.ndarray, got: list[np.ndarray]) -> list[Error]:
    """The worst point of value, f' and f'' against arbitrary precision: the only way to judge float64."""
    certain = truths(facts, given, x)
    return [worst_of_order(facts, given, x, results, certain, order) for order, results in enumerate(got)]


def worst_of_order(
    facts: Facts, given: dict[str, float], x: np.ndarray, got: np.ndarray, certain: list[list[arb]], order: int
) -> Error:
    """The worst point of one of them, given the truths."""
    wide, truth, dtype = x.astype("float64"), nearest(certain[order]), str(got.dtype)
    where, moves = relief(wide, truth, facts, order), moves_nearly(certain, order, wide, dtype)
    difference = differences(got, certain[order])
    return worst_of(wide, got.astype("float64"), truth, difference, dtype, where, domain(facts, given), moves)


def moves_nearly(certain: list[list[arb]], order: int, x: np.ndarray, dtype: str) -> np.ndarray:
    """How far the truth moves to the next number of the type, by its own slope at x: float64 has no wider type."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.nan_to_num(np.abs(nearest(certain[order + 1])) * ulp(x, dtype), posinf=0.0)


def check(
    facts: Facts, given: dict[str, float], x: np.ndarray, reference: list[np.ndarray], reliefs: Sequence[Relief] = ()
) -> list[Check]:
    """How far the float64 reference is from the formula, relative to the truth, less what 2 ulp of x make.

    Near a sign change it is relative to the magnitude that counts there.
    """
    found, certain = [], truths(facts, given, x)
    for order, results in enumerate(reference):
        truth = nearest(certain[order])
        where = reliefs[order] if reliefs else relief(x, truth, facts, order)
        size = np.maximum(np.maximum(np.abs(truth), floors(np, x, where)), LEAST)
        excuse = EXCUSED * moves_nearly(certain, order, x, "float64")
        difference = np.maximum(np.abs(differences(results, certain[order])) - excuse, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(difference == 0, 0, difference / size)
        relative[np.isnan(relative)] = np.inf
        relative[results == truth] = 0  # infinity for what no float64 can hold
        at = int(np.argmax(relative))
        found.append(Check(float(relative[at]), float(x[at])))
    return found


def nearest(certain: list[arb]) -> np.ndarray:
    """Arbitrary precision rounded to float64."""
    return np.array([float(value.mid()) for value in certain])


def differences(results: np.ndarray, certain: list[arb]) -> np.ndarray:
    """Computed minus exact, rounded only then."""
    pairs = zip(results.astype("float64").tolist(), certain, strict=True)
    return np.array([float((arb(result) - value).mid()) if np.isfinite(result) else np.nan for result, value in pairs])
