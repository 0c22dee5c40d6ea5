"""What the explorer shows of each elementwise activation: curves, facts and errors, all computed by jaxact.

The curves are f, f' and f'' in float32, at every position of the parameters' sliders, rounded to what a screen shows.
The errors are those of single inputs against arbitrary precision, by the measure of `experiments/ulps.py`.
"""

import inspect
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.core.markdown import records
from experiments.core.progress import Progress
from experiments.core.provenance import MEASURED
from experiments.instruments.accuracy.implementations import Parameters, held, ours, peer
from experiments.instruments.accuracy.reference import differences, moves_nearly, nearest, truths
from experiments.instruments.accuracy.ulps import Results, domain, errors, floors, relief
from jaxact import CATALOGUE, Facts

GRID = np.linspace(-8, 8, 257, dtype="float32")
"""Where curves are drawn: sixteenths, among which most kinks are."""
CELLS = (np.arange(-2048, 2048, dtype="float32") + 0.5) / 256
"""Midpoints for the normal distribution: kinks and jumps at multiples of 1/256 lie between cells and cost nothing."""
WEIGHTS = np.exp(-(CELLS.astype("float64") ** 2) / 2) / math.sqrt(2 * math.pi) / 256
FAR = np.array([side * float(x) for side in (-1, 1) for x in (*np.geomspace(8, 1e4, 64), math.inf)], "float32")
STEPS = {1: 13, 2: 7, 3: 5}
"""Positions of each slider, by the number of parameters: at most 125 together."""
_EDGES = np.linspace(-20, 20, 161)
SPREAD = {
    dtype: np.random.default_rng(0).uniform(_EDGES[:-1], _EDGES[1:]).astype(jnp.dtype(dtype))
    for dtype in ("float32", "bfloat16")
}
"""Where errors are measured: an input in each quarter."""
ALL = np.concatenate([GRID, CELLS, FAR, SPREAD["float32"]])
PARTS = np.cumsum([len(GRID), len(CELLS), len(FAR)])
"""All inputs in float32 at once, so that each function compiles once, and where their parts begin."""
TOP = 1e9
"""The error of a result that is not finite though the truth is, and of anything worse."""
CENTRED = 0.1
"""The largest |mean| / deviation of what is called zero-centred."""

Curves = Sequence[np.ndarray]
"""f, f' and f''."""


def explored(progress: Progress, names: Sequence[str] = ()) -> dict[str, Any]:
    """All of it, for all elementwise activations if none is named, ready for JSON."""
    chosen = [facts for facts in CATALOGUE.values() if facts.elementwise and (not names or facts.name in names)]
    costs = _costs((MEASURED / "speed.md").read_text("utf-8"))
    functions = {}
    for done, facts in enumerate(chosen):
        progress(done / len(chosen), facts.name)
        functions[facts.name] = function(facts) | {"cost": costs.get(facts.name, "")}
        jax.clear_caches()
    return {"x": GRID.tolist(), "functions": functions}


def function(facts: Facts) -> dict[str, Any]:
    """What is known of one activation."""
    sliders = {name: positions(facts, name) for name in facts.parameters}
    start = {name: _start(facts, name) for name in facts.parameters}
    own, theirs = ours(facts), peer("jax.nn", facts, (0, 1, 2))
    variants, narrow, at = [], held(facts, start), SPREAD["bfloat16"]
    found: dict[str, dict[str, Any]] = {"float32": {}, "bfloat16": {"jaxact": own.orders(at, narrow)}}
    for values in itertools.product(*sliders.values()):
        given = dict(zip(sliders, values, strict=True))
        grid, cells, far, spread = zip(*(np.split(r, PARTS) for r in own.orders(ALL, held(facts, given))), strict=True)  # pyright: ignore
        variants.append({"curves": [_short(curve) for curve in grid]} | told(facts, given, grid, cells, far))
        if given == start:
            found["float32"]["jaxact"] = spread
    if theirs:
        for dtype, results in found.items():
            results["jax.nn"] = theirs.orders(SPREAD[dtype], narrow)
    return {
        "family": family(facts),
        "formula": facts.formula,
        "paper": facts.source,
        "sliders": [{"name": n, "values": v, "start": v.index(start[n])} for n, v in sliders.items()],
        "variants": variants,
        "errors": {dtype: judged(facts, narrow, SPREAD[dtype], results) for dtype, results in found.items()},
    }


def family(facts: Facts) -> str:
    """Named like the file in which it is defined."""
    return Path(inspect.getsourcefile(inspect.unwrap(facts.function)) or "").stem.strip("_").replace("_", " ")


def positions(facts: Facts, name: str) -> list[float]:
    """Where a slider can stand: powers of 2 times the default, or -1 to 2, with the default in place of its neighbour.

    A parameter without a default starts at 1/4, or at 1 if it has to be positive.
    """
    start, count = _start(facts, name), STEPS[len(facts.parameters)]
    if name in facts.positive:
        return [start * 2.0**power for power in np.linspace(-2, 2, count)]
    values = np.linspace(-1, 2, count).tolist()
    return sorted([start, *sorted(values, key=lambda value: abs(value - start))[1:]])


def told(facts: Facts, given: Parameters, grid: Curves, cells: Curves, far: Curves) -> dict[str, str]:
    """Facts at these parameters, as far as they can be computed, in words."""
    mean, square = (float(WEIGHTS @ cells[0].astype("float64") ** power) for power in (1, 2))
    deviation = math.sqrt(max(square - mean**2, 0))
    centred = "yes" if abs(mean) < CENTRED * deviation else "no"
    low, high = span(np.concatenate([grid[0], cells[0], far[0]]))
    flat = [side for side, at in (("left", len(FAR) // 2 - 1), ("right", -1)) if _flat(far, at)]
    return {
        "range": f"{_number(low)} to {_number(high)}",
        "centred": "undefined: x has to be positive" if math.isnan(mean) else f"{centred}, mean {_number(mean)}",
        "saturates": " and ".join(flat) or "no",
        "dead": dead(grid[1]),
        "kinks": ", ".join(_number(kink) for kink in facts.kinks_at(**given)) or "none",
        "gain": _number(gain(square)),
    }


def gain(square: float) -> float:
    """1 / sqrt(E f(z)**2) for z ~ N(0, 1), from that mean square: what keeps the scale from layer to layer."""
    return 1 / math.sqrt(square) if square > 0 else math.nan


def span(f: np.ndarray) -> tuple[float, float]:
    """The least and the largest value, limits included."""
    return float(np.nanmin(f)), float(np.nanmax(f))


def dead(slope: np.ndarray) -> str:
    """Where the slope is zero in float32, on at least two neighbouring points of the grid."""
    zero = np.concatenate([[False], slope == 0, [False]])
    edges = np.flatnonzero(np.diff(zero)).reshape(-1, 2)
    zones = []
    for first, last in ((first, last - 1) for first, last in edges if last - first > 1):
        low, high = _number(float(GRID[first])), _number(float(GRID[last]))
        whole = first == 0, last == len(GRID) - 1
        words = {(True, True): "everywhere", (True, False): f"x \u2264 {high}", (False, True): f"x \u2265 {low}"}
        zones.append(words.get(whole, f"{low} to {high}"))
    return ", ".join(zones) or "none"


def judged(facts: Facts, given: Parameters, x: np.ndarray, results: dict[str, Curves]) -> dict[str, Any]:
    """Errors in ulp of value, f' and f'', library by library."""
    wide, certain = x.astype("float64"), truths(facts, given, x)
    found: dict[str, Any] = {"x": _short(wide)}
    for library, orders in results.items():
        found[library] = []
        for order, got in enumerate(orders):
            truth, got = nearest(certain[order]), got.astype("float64")
            floor = floors(np, wide, relief(wide, truth, facts, order))
            moves = moves_nearly(certain, order, wide, str(x.dtype))
            with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
                difference = differences(got, certain[order])
                measured = Results(wide, got, truth, difference, (np.nan, np.nan), moves)
                ulps = errors(np, measured, str(x.dtype), floor, domain(facts, given))
            found[library].append(_short(np.minimum(ulps, TOP)))
    return found


def _start(facts: Facts, name: str) -> float:
    default = facts.parameters[name]
    if default is inspect.Parameter.empty:
        return 1.0 if name in facts.positive else 0.25
    return float(default)


def _flat(far: Curves, at: int) -> bool:
    """Whether the function approaches a number at an infinity."""
    return bool(np.isfinite(far[0][at]) and far[1][at] == 0)


def _costs(report: str) -> dict[str, str]:
    """By function, from what `python -m experiments speed` wrote."""
    counted = [record for record in records(report) if record.get("bytes kept")]

    def both(cell: str) -> str:
        mine, _, theirs = cell.removesuffix(" *").partition(" / ")
        return mine + (f" (jax.nn {theirs})" if theirs else "")

    costs = {}
    for row in counted:
        kept, operations = both(row["bytes kept"]), both(row["operations"])
        costs[row["function"]] = f"keeps {kept} bytes for the backward pass, {operations} operations"
    return costs


def _short(values: np.ndarray) -> list[float | None]:
    """To four digits, or to a hundred-thousandth; None where there is no number."""
    numbers: Sequence[float] = np.asarray(values, "float64").tolist()
    return [None if not math.isfinite(v) else 0 if abs(v) < 1e-5 else float(f"{v:.4g}") for v in numbers]


def _number(value: float) -> str:
    """To four digits, as people write it."""
    if math.isnan(value):
        return "none"
    text = f"{float(f'{value:.4g}'):g}".replace("inf", "\u221e")
    return text.replace("-", "\u2212") if text != "-0" else "0"
