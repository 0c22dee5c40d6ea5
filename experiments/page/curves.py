"""The explorer's data on each elementwise activation: curves, facts and errors, all computed by jaxact.

The curves are f, f' and f'' in float32, at every position of the parameters' sliders, rounded to four digits. The
errors are those of single inputs against arbitrary precision, as `instruments/accuracy/ulps.py` defines them.
"""

import inspect
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.core.markdown import records
from experiments.core.progress import Progress
from experiments.core.provenance import MEASURED
from experiments.core.threads import on_all_cores
from experiments.instruments.accuracy.implementations import Parameters, float32_parameters, ours, peer
from experiments.instruments.accuracy.reference import approximate_moves, differences, nearest, truths
from experiments.instruments.accuracy.ulps import Results, domain, errors, floor_spans, floors
from jaxact import CATALOGUE, Facts

GRID = np.linspace(-8, 8, 257, dtype="float32")
"""The x of the curves: multiples of 1/16, as most kinks are."""
CELLS = (np.arange(-2048, 2048, dtype="float32") + 0.5) / 256
"""Midpoints of cells for means over z ~ N(0, 1): kinks and jumps at multiples of 1/256 lie between the cells."""
WEIGHTS = np.exp(-(CELLS.astype("float64") ** 2) / 2) / math.sqrt(2 * math.pi) / 256
"""The probability of each cell."""
FAR = np.array([side * float(x) for side in (-1, 1) for x in (*np.geomspace(8, 1e4, 64), math.inf)], "float32")
"""Where limits and the range are looked for: far out on both sides, and at infinity."""
STEPS = {1: 13, 2: 7, 3: 5}
"""Positions of each slider by the number of parameters: at most 125 combinations."""
_EDGES = np.linspace(-20, 20, 161)
SPREAD = {
    dtype: np.random.default_rng(0).uniform(_EDGES[:-1], _EDGES[1:]).astype(jnp.dtype(dtype))
    for dtype in ("float32", "bfloat16")
}
"""Where errors are measured: a random input in each interval of length 1/4."""
ALL = np.concatenate([GRID, CELLS, FAR, SPREAD["float32"]])
PARTS = np.cumsum([len(GRID), len(CELLS), len(FAR)])
"""All float32 inputs together, so that each function compiles once, and where GRID, CELLS and FAR end in them."""
MAX_ULPS = 1e9
"""Larger errors, and those of results that are not finite though the truth is, are shown as this."""
CENTRED = 0.1
"""|mean| / deviation below which an activation is called zero-centred."""

Curves = Sequence[np.ndarray]
"""f, f' and f''."""


def explorer_data(progress: Progress, names: Sequence[str] = ()) -> dict[str, Any]:
    """The data of these activations, or of all elementwise ones if none is named, ready for JSON."""
    chosen = [facts for facts in CATALOGUE.values() if facts.elementwise and (not names or facts.name in names)]
    costs = _costs((MEASURED / "speed.md").read_text("utf-8"))
    functions = {}
    for facts, data in zip(chosen, on_all_cores(function_data, chosen), strict=True):  # nearly all is compilation
        functions[facts.name] = data | {"cost": costs.get(facts.name, "")}
        progress(len(functions) / len(chosen), f"{facts.name} computed")
    return {"x": GRID.tolist(), "functions": functions}


def function_data(facts: Facts) -> dict[str, Any]:
    """The data of one activation."""
    sliders = {name: positions(facts, name) for name in facts.parameters}
    start = {name: _start(facts, name) for name in facts.parameters}
    jaxact_function, jax_nn_function = ours(facts), peer("jax.nn", facts, (0, 1, 2))
    variants, defaults, x_16 = [], float32_parameters(facts, start), SPREAD["bfloat16"]
    results: dict[str, dict[str, Any]] = {
        "float32": {},
        "bfloat16": {"jaxact": jaxact_function.orders(x_16, defaults)},
    }
    for values in itertools.product(*sliders.values()):
        given = dict(zip(sliders, values, strict=True))
        orders = jaxact_function.orders(ALL, float32_parameters(facts, given))
        grid, cells, far, spread = zip(*(np.split(order, PARTS) for order in orders), strict=True)  # pyright: ignore
        variants.append({"curves": [_rounded(curve) for curve in grid]} | fact_texts(facts, given, grid, cells, far))
        if given == start:
            results["float32"]["jaxact"] = spread
    if jax_nn_function:
        for dtype, by_library in results.items():
            by_library["jax.nn"] = jax_nn_function.orders(SPREAD[dtype], defaults)
    return {
        "family": family(facts),
        "formula": facts.formula,
        "paper": facts.source,
        "sliders": [{"name": n, "values": v, "start": v.index(start[n])} for n, v in sliders.items()],
        "variants": variants,
        "errors": {dtype: error_data(facts, defaults, SPREAD[dtype], each) for dtype, each in results.items()},
    }


def family(facts: Facts) -> str:
    """The family of an activation: the name of the file that defines it."""
    return Path(inspect.getsourcefile(inspect.unwrap(facts.function)) or "").stem.strip("_").replace("_", " ")


def positions(facts: Facts, name: str) -> list[float]:
    """The positions of a slider: powers of 2 times the default where the parameter is positive, else from -1 to 2.

    The default takes the place of the nearest position. Without a default a slider starts at 1/4, or at 1 if the
    parameter is positive.
    """
    start, count = _start(facts, name), STEPS[len(facts.parameters)]
    if name in facts.positive:
        return [start * 2.0**power for power in np.linspace(-2, 2, count)]
    values = np.linspace(-1, 2, count).tolist()
    return sorted([start, *sorted(values, key=lambda value: abs(value - start))[1:]])


def fact_texts(facts: Facts, given: Parameters, grid: Curves, cells: Curves, far: Curves) -> dict[str, str]:
    """The computed facts at these parameters, as text."""
    mean, square = (float(WEIGHTS @ cells[0].astype("float64") ** power) for power in (1, 2))
    deviation = math.sqrt(max(square - mean**2, 0))
    centred = "yes" if abs(mean) < CENTRED * deviation else "no"
    low, high = value_range(np.concatenate([grid[0], cells[0], far[0]]))
    saturates = [side for side, at in (("left", len(FAR) // 2 - 1), ("right", -1)) if _saturates(far, at)]
    return {
        "range": f"{_number(low)} to {_number(high)}",
        "centred": "undefined: x has to be positive" if math.isnan(mean) else f"{centred}, mean {_number(mean)}",
        "saturates": " and ".join(saturates) or "no",
        "dead": dead_zones(grid[1]),
        "kinks": ", ".join(_number(kink) for kink in facts.kinks_at(**given)) or "none",
        "gain": _number(gain(square)),
    }


def gain(square: float) -> float:
    """1 / sqrt(E f(z)**2) for z ~ N(0, 1), from the mean square: weights with this gain keep the signal's scale."""
    return 1 / math.sqrt(square) if square > 0 else math.nan


def value_range(f: np.ndarray) -> tuple[float, float]:
    """The least and the largest value, limits included."""
    return float(np.nanmin(f)), float(np.nanmax(f))


def dead_zones(slope: np.ndarray) -> str:
    """The intervals in which the slope is 0 in float32, at two neighbouring points of the grid at least, as text."""
    zero = np.concatenate([[False], slope == 0, [False]])
    edges = np.flatnonzero(np.diff(zero)).reshape(-1, 2)
    zones = []
    for first, last in ((first, last - 1) for first, last in edges if last - first > 1):
        low, high = _number(float(GRID[first])), _number(float(GRID[last]))
        whole = first == 0, last == len(GRID) - 1
        words = {(True, True): "everywhere", (True, False): f"x \u2264 {high}", (False, True): f"x \u2265 {low}"}
        zones.append(words.get(whole, f"{low} to {high}"))
    return ", ".join(zones) or "none"


def error_data(facts: Facts, given: Parameters, x: np.ndarray, results: dict[str, Curves]) -> dict[str, Any]:
    """Errors in ulp of value, f' and f'', by library."""
    wide, exact_values = x.astype("float64"), truths(facts, given, x)
    data: dict[str, Any] = {"x": _rounded(wide)}
    for library, orders in results.items():
        data[library] = []
        for order, got in enumerate(orders):
            truth, got = nearest(exact_values[order]), got.astype("float64")
            floor = floors(np, wide, floor_spans(wide, truth, facts, order))
            moves = approximate_moves(exact_values, order, wide, str(x.dtype))
            with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
                difference = differences(got, exact_values[order])
                measured = Results(wide, got, truth, difference, (np.nan, np.nan), moves)
                ulps = errors(np, measured, str(x.dtype), floor, domain(facts, given))
            data[library].append(_rounded(np.minimum(ulps, MAX_ULPS)))
    return data


def _start(facts: Facts, name: str) -> float:
    default = facts.parameters[name]
    if default is inspect.Parameter.empty:
        return 1.0 if name in facts.positive else 0.25
    return float(default)


def _saturates(far: Curves, at: int) -> bool:
    """Whether the function approaches a finite limit at an infinity, whose index in FAR is `at`."""
    return bool(np.isfinite(far[0][at]) and far[1][at] == 0)


def _costs(report: str) -> dict[str, str]:
    """The cost of each function as text, from the report that `python -m experiments speed` wrote."""
    rows = [record for record in records(report) if record.get("bytes kept")]

    def both(cell: str) -> str:
        mine, _, theirs = cell.removesuffix(" *").partition(" / ")
        return mine + (f" (jax.nn {theirs})" if theirs else "")

    costs = {}
    for row in rows:
        residuals, operations = both(row["bytes kept"]), both(row["operations"])
        costs[row["function"]] = f"keeps {residuals} bytes for the backward pass, {operations} operations"
    return costs


def _rounded(values: np.ndarray) -> list[float | None]:
    """The values to four digits, and 0 if below 1e-5; None where they are not finite."""
    numbers: Sequence[float] = np.asarray(values, "float64").tolist()
    return [None if not math.isfinite(v) else 0 if abs(v) < 1e-5 else float(f"{v:.4g}") for v in numbers]


def _number(value: float) -> str:
    """The value to four digits, with a minus sign and an infinity sign."""
    if math.isnan(value):
        return "none"
    text = f"{float(f'{value:.4g}'):g}".replace("inf", "\u221e")
    return text.replace("-", "\u2212") if text != "-0" else "0"
