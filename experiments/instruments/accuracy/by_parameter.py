"""The error of slopes by a parameter, in float32, against arbitrary precision."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxact import Facts

from .exact import exact
from .implementations import Parameters
from .reference import LARGEST, differences, nearest
from .sweep import Tally, tally
from .ulps import Results, domain, floor_spans, in_domain, largest_move, neighbours, sample


def slope_by(facts: Facts, name: str, given: Parameters, points: int) -> Tally:
    """The worst of f's slope by one of its parameters, at a sample of float32 numbers."""
    x = sample("float32", points, facts, np.random.default_rng(0), given)
    normal = (x == 0) | (np.abs(x) >= np.finfo("float32").tiny)
    x = np.unique(x[normal & (np.abs(x) < LARGEST) & in_domain(x, domain(facts, given))])
    got = by_reverse_mode(facts, name, given, x)
    wide, exact_slopes = x.astype("float64"), [exact(facts, point, given, wrt=name)[1] for point in x.tolist()]
    truth, no_subnormals = nearest(exact_slopes), np.full(2, np.nan)
    difference, moves = differences(got, exact_slopes), np.zeros_like(truth)
    results = Results(wide, got.astype("float64"), truth, difference, no_subnormals, moves)
    spans = floor_spans(wide, truth, facts, 1)
    above_one = _above_one_ulp(results)
    moves[above_one] = _moves(facts, name, given, x[above_one], truth[above_one])
    return tally(results, "float32", spans, domain(facts, given))


def by_reverse_mode(facts: Facts, name: str, given: Parameters, x: np.ndarray) -> np.ndarray:
    """The slope by the parameter at each x, as jax.grad gives it."""

    @jax.jit
    def slope(x: Array, values: dict[str, Array]) -> Array:
        y, pull = jax.vjp(lambda value: facts.function(x, **values | {name: value}), values[name])
        return pull(jnp.ones_like(y))[0]

    values = {each: jnp.full(x.shape if each == name else (), value, "float32") for each, value in given.items()}
    return np.asarray(slope(jnp.asarray(x), values))


def _above_one_ulp(results: Results) -> np.ndarray:
    """The indices of errors above 1 ulp: only for these are neighbours evaluated, which takes long."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.abs(results.difference) > np.spacing(np.abs(results.truth).astype("float32")))


def _moves(facts: Facts, name: str, given: Parameters, x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How far the slope moves to a neighbour of x."""
    near = [
        (side.astype("float64"), nearest([exact(facts, point, given, wrt=name)[1] for point in side.tolist()]))
        for side in neighbours(x)
    ]
    return largest_move(np, x.astype("float64"), truth, near, facts.kinks_at(**given))
