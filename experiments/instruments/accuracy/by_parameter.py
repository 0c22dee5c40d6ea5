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
from .ulps import Results, beside, counted, domain, moved, relief, sample


def slope_by(facts: Facts, name: str, given: Parameters, points: int) -> Tally:
    """The worst of f's slope by one of its parameters, at a sample of float32 numbers."""
    x = sample("float32", points, facts, np.random.default_rng(0), given)
    normal = (x == 0) | (np.abs(x) >= np.finfo("float32").tiny)
    x = np.unique(x[normal & (np.abs(x) < LARGEST) & counted(x, domain(facts, given))])
    got = by_reverse_mode(facts, name, given, x)
    wide, certain = x.astype("float64"), [exact(facts, one, given, wrt=name)[1] for one in x.tolist()]
    truth, no_subnormals = nearest(certain), np.full(2, np.nan)
    difference, moves = differences(got, certain), np.zeros_like(truth)
    results = Results(wide, got.astype("float64"), truth, difference, no_subnormals, moves)
    where = relief(wide, truth, facts, 1)
    suspect = _above_one(results)
    moves[suspect] = _moved(facts, name, given, x[suspect], truth[suspect])
    return tally(results, "float32", where, domain(facts, given))


def by_reverse_mode(facts: Facts, name: str, given: Parameters, x: np.ndarray) -> np.ndarray:
    """At each x the slope by the parameter there, as jax.grad gives it."""

    @jax.jit
    def slope(x: Array, values: dict[str, Array]) -> Array:
        y, pull = jax.vjp(lambda value: facts.function(x, **values | {name: value}), values[name])
        return pull(jnp.ones_like(y))[0]

    values = {each: jnp.full(x.shape if each == name else (), value, "float32") for each, value in given.items()}
    return np.asarray(slope(jnp.asarray(x), values))


def _above_one(results: Results) -> np.ndarray:
    """Where the error is more than 1 ulp: only there the neighbours are asked, which takes long."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.abs(results.difference) > np.spacing(np.abs(results.truth).astype("float32")))


def _moved(facts: Facts, name: str, given: Parameters, x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How far the slope moves to a neighbour of x."""
    near = [
        (one.astype("float64"), nearest([exact(facts, point, given, wrt=name)[1] for point in one.tolist()]))
        for one in beside(x)
    ]
    return moved(np, x.astype("float64"), truth, near, facts.kinks_at(**given))
