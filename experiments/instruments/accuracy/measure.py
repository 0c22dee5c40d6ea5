"""How exact are the activations? The error of every function of jaxact, in units in the last place.

float16 and bfloat16 are measured at all 65,536 inputs, float32 at a million, and at a quarter of that for parameters
other than the default ones: even over bit patterns, dense around 0, at kinks and roots, and where functions saturate,
over- and underflow. `--exhaustive` takes all 4,294,967,296. The truth is the same function in float64, which itself is
first checked against arbitrary precision, which also judges slopes by parameters, at some thousand float32 numbers, and
components of functions over an axis, at rows of 64 and 4096. See `experiments/ulps.py` and `experiments/rows.py` for
the measure and the bounds.

The exit code is 1 if a function of jaxact misses its bound.
"""

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro

from experiments.core import checks
from experiments.core.progress import Progress, part
from jaxact import CATALOGUE, Facts

from .implementations import Implementation, Parameters, held, in_float64, missing, ours, peer, program
from .sweep import Tally, at_zeros, host_results, moves_of, strided, strided_on_host, swept, tally, tiled
from .ulps import (
    ORDERS,
    TRUSTED,
    Relief,
    bound,
    counted,
    domain,
    patterns,
    piecewise_linear,
    relief,
    sample,
    settings,
)

SAMPLE = 2**20
WINDOWS, WINDOW = 64, 2048


@dataclass(frozen=True)
class Config:
    """How exact are the activations?"""

    functions: tuple[str, ...] = ()
    """Names of functions to measure; all if none is given."""
    dtypes: tuple[Literal["float16", "bfloat16", "float32"], ...] = ("bfloat16", "float16", "float32")
    """Float types to measure."""
    orders: tuple[Literal[0, 1, 2], ...] = ()
    """0 for the value, 1 for the slope, 2 for the slope's slope; all, but with a stride 0 and 1, if none is given."""
    peer: Annotated[tuple[Literal["jax.nn", "torch"], ...], tyro.conf.UseAppendAction] = ()
    """Another library to measure at the same inputs; may be given twice."""
    stride: int = 0
    """Every stride-th float32 number instead of a sample, at default parameters; an odd one meets all fractions."""
    exhaustive: bool = False
    """All float32 numbers, the same as a stride of 1: minutes per function on two cores."""
    float64: bool = False
    """Also float64, at some thousand inputs, against arbitrary precision."""
    float64_points: int = 4000
    """Inputs for float64."""
    reference_points: int = 1000
    """Inputs at which the float64 reference is checked, with default parameters; a quarter with others."""
    parameter_points: int = 2000
    """Inputs at which slopes by parameters are measured, with default parameters; a quarter with others."""
    only_defaults: bool = False
    """Leave out parameters other than the default ones."""
    out: Path = Path("results")
    """Folder for accuracy.md, accuracy.json, the figures and the state of an interrupted sweep."""
    fresh: bool = False
    """Sweep again what was swept before."""

    def __post_init__(self) -> None:
        """Say in one sentence what cannot be measured."""
        for name in self.functions:
            checks.one_of(CATALOGUE, functions=name)
        checks.not_empty(dtypes=self.dtypes)
        checks.at_least(0, stride=self.stride, reference_points=self.reference_points)
        checks.at_least(0, parameter_points=self.parameter_points)
        checks.at_least(100, float64_points=self.float64_points)

    @property
    def step(self) -> int:
        """The stride of the sweep; 0 for a sample."""
        return 1 if self.exhaustive else self.stride

    @property
    def wanted(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.orders))) or ((0, 1) if self.step else (0, 1, 2))


@dataclass(frozen=True)
class Row:
    """The error of one function, at one set of parameters, in one type, of one order."""

    library: str
    function: str
    parameters: Parameters
    dtype: str
    order: int
    inputs: int
    worst: float
    """Largest error in ulp among finite results."""
    x: float
    got: float
    exact: float
    raw: float
    """The same when no change of the input is excused."""
    above: int
    """Inputs with an error of more than 1 ulp."""
    bad: int
    """Results that are not finite where the truth is, or the other way around."""
    profile: list[float]
    bound: float | None
    """The largest error allowed; nothing is asked of peers."""
    within: bool
    reference: str
    """Of the float64 reference: "checked", "not checked", "failed", or "" where there is none."""
    by: str = ""
    """The parameter by which this is the slope; x if none."""

    @property
    def label(self) -> str:
        """What of the function was measured."""
        return f"by {self.by}" if self.by else ORDERS[self.order]


@dataclass(frozen=True)
class Reference:
    """How far the float64 results are from arbitrary precision, for one function and its parameters."""

    function: str
    parameters: Parameters
    points: int
    relative: list[float]
    """The largest relative error of value, f' and f''."""
    x: list[float]
    problem: str = ""

    def standing(self, order: int) -> str:
        if not self.points or self.problem:
            return "not checked"
        return "checked" if self.relative[order] <= TRUSTED else "failed"


@dataclass(frozen=True)
class Measured:
    """Everything that was found."""

    rows: list[Row]
    references: list[Reference]
    remarks: list[str]
    """What could not be measured, in sentences."""

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if not row.within]


@dataclass(frozen=True)
class Case:
    """A function at certain parameters, and what its truth looks like on a float32 sample."""

    facts: Facts
    setting: Parameters
    parameters: Parameters
    x: np.ndarray
    truth: list[np.ndarray]
    moves: list[np.ndarray]
    """How far the truth moves to a neighbour of each number."""
    reliefs: list[Relief]
    reference: Reference

    @property
    def linear(self) -> bool:
        """Whether it consists of straight pieces, so far as f'' was asked for."""
        return self.truth[2] is not None and piecewise_linear(self.truth[2])


def run(config: Config, progress: Progress) -> Measured:
    """Measure everything that was asked for: functions side by side, or, in a sweep, one after the other."""
    remarks = [sentence for library in config.peer if (sentence := missing(library))]
    libraries = [library for library in dict.fromkeys(config.peer) if not missing(library)]
    if not _arbitrary_precision():
        remarks.append(
            "python-flint is not installed, so that the float64 reference was not checked"
            f"{' and float64 was not measured' if config.float64 else ''} (pip install python-flint)."
        )
    todo = [facts for facts in CATALOGUE.values() if not config.functions or facts.name in config.functions]

    def measure(facts: Facts, progress: Progress) -> tuple[list[Row], list[Reference]]:
        if facts.elementwise:
            return _function(config, libraries, remarks, facts, progress)
        return (_axis_rows(facts, config) if "float32" in config.dtypes and _arbitrary_precision() else []), []

    found = []
    if config.step and "float32" in config.dtypes:
        found = [measure(facts, part(progress, i, len(todo))) for i, facts in enumerate(todo)]
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                for i, one in enumerate(pool.map(lambda facts: measure(facts, lambda *_: None), todo)):
                    found.append(one)
                    progress((i + 1) / len(todo), f"{todo[i].name} measured")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    rows = [row for one, _ in found for row in one]
    return Measured(rows, [reference for _, one in found for reference in one], remarks)


def _function(
    config: Config, libraries: Sequence[str], remarks: list[str], facts: Facts, progress: Progress
) -> tuple[list[Row], list[Reference]]:
    """One function at all its parameters, in all types, beside its peers."""
    truth = in_float64(facts)
    cases = [_case(facts, setting, truth, config) for setting in settings(facts)[: 1 if config.only_defaults else None]]
    peers = [peer(library, facts, config.wanted) for library in libraries]
    implementations = [ours(facts, config.wanted), *(implementation for implementation in peers if implementation)]
    sweeps = [_sweep(facts, implementation, truth, config) for implementation in implementations] if config.step else []
    rows = []
    for i, case in enumerate(cases):
        for j, implementation in enumerate(implementations):
            here = part(part(progress, i, len(cases)), j, len(implementations))
            for dtype in config.dtypes:
                if dtype == "float32" and config.step and case is cases[0]:
                    tallies = _swept(case, implementation, truth, sweeps[j], config, here)
                else:
                    tallies = _tallies(case, implementation, truth, dtype, config.wanted)
                for order, found in zip(config.wanted, tallies, strict=True):
                    if found is None:
                        remark = f"{implementation.library} cannot compute {ORDERS[order]} of {facts.name} in {dtype}."
                        remarks.extend([remark] if remark not in remarks else [])
                    else:
                        standing = case.reference.standing(order)
                        most = bound(facts, dtype, order, case.linear)
                        rows.append(
                            _row(facts, case.setting, implementation.library, dtype, order, found, most, standing)
                        )
        if config.float64 and _arbitrary_precision():
            rows += _float64_rows(case, implementations, config)
        if config.parameter_points and "float32" in config.dtypes and _arbitrary_precision():
            rows += _parameter_rows(case, config, remarks)
    return rows, [case.reference for case in cases]


def _axis_rows(facts: Facts, config: Config) -> list[Row]:
    """The worst components of a function over an axis."""
    from .rows import ROWS, components, measurable

    found = [one for row in ROWS if measurable(facts, row) for one in components(facts, row)]
    rows = []
    for order in config.wanted:
        numbers = [one for one in found if one.order == order]
        finite = [one for one in numbers if np.isfinite(one.error)]
        worst = max(finite, key=lambda one: one.error)
        above, bad = sum(one.error > 1 for one in finite), len(numbers) - len(finite)
        raw = max(one.raw for one in finite)
        measured = Tally(worst.error, worst.x, worst.got, worst.exact, raw, above, bad, len(numbers))
        rows.append(_row(facts, {}, "jaxact", "float32", order, measured, bound(facts, "float32", order)))
    return rows


def _parameter_rows(case: Case, config: Config, remarks: list[str]) -> list[Row]:
    """The slopes by each parameter."""
    from .by_parameter import slope_by

    facts, rows = case.facts, []
    for name in facts.parameters:
        try:
            found = slope_by(facts, name, case.parameters, config.parameter_points // (4 if case.setting else 1))
        except (ArithmeticError, NameError, TypeError, ValueError) as problem:
            called = f"{facts.name}{case.setting or ''}"
            remarks.append(f"The slope of {called} by {name} was not measured ({type(problem).__name__}: {problem}).")
        else:
            most = bound(facts, "float32", 1)
            rows.append(_row(facts, case.setting, "jaxact", "float32", 1, found, most, by=name))
    return rows


def _case(facts: Facts, setting: Parameters, truth: Implementation, config: Config) -> Case:
    parameters = held(facts, setting)
    share = 4 if setting else 1
    x = sample("float32", SAMPLE // share - WINDOWS * WINDOW, facts, np.random.default_rng(0), setting)
    x = np.sort(x[counted(x, domain(facts, parameters))])
    y = tiled(truth, x.astype("float64"), parameters)
    more = np.concatenate([_windows(x, y), np.array([-0.0, 0.0, np.inf, -np.inf, np.nan], "float32")])
    more_y = tiled(truth, more.astype("float64"), parameters)
    x, y = np.concatenate([x, more]), [np.concatenate(both) for both in zip(y, more_y, strict=True)]
    order = np.argsort(x, kind="stable")
    x, y = x[order], [part[order] for part in y]
    moves = moves_of(truth, facts, x, y, parameters) if "float32" in config.dtypes else []
    reliefs = [relief(x, result, facts, order) for order, result in enumerate(y)]
    reference = _reference(facts, setting, parameters, x, y, reliefs, config.reference_points // share)
    return Case(facts, setting, parameters, x, y, moves, reliefs, reference)


def _windows(x: np.ndarray, truth: Sequence[np.ndarray]) -> np.ndarray:
    """More inputs where value, f' or f'' have a root, saturate, overflow or underflow between two inputs."""
    info, places = np.finfo("float32"), set()
    for i, y in enumerate(truth):
        with np.errstate(over="ignore"):
            rounded = y.astype("float32")
        marks = [np.sign(y), np.abs(y) < info.tiny, np.abs(y) < 256 * info.tiny, np.abs(y) > info.max]
        marks += [rounded == rounded[0], rounded == rounded[-1], *([rounded == x] if i == 0 else [])]
        for mark in marks:
            changes = np.flatnonzero(mark[1:] != mark[:-1])
            places.update(changes[:: max(1, len(changes) // 8)].tolist())
    chosen = sorted(places)[:: max(1, -(-len(places) // WINDOWS))]
    windows = [np.linspace(x[max(at - 1, 0)], x[min(at + 2, len(x) - 1)], WINDOW) for at in chosen]
    return np.concatenate([np.zeros(0), *windows]).astype("float32")


def _reference(
    facts: Facts,
    setting: Parameters,
    parameters: Parameters,
    x: np.ndarray,
    truth: list[np.ndarray],
    reliefs: list[Relief],
    points: int,
) -> Reference:
    """The check of the float64 results that judge all others, against the formula in the docstring."""
    if not (points and _arbitrary_precision()):
        return Reference(facts.name, setting, 0, [], [])
    from .reference import LARGEST, check

    usable = np.flatnonzero(
        (np.abs(x) < LARGEST) & (np.abs(x) >= np.finfo("float32").tiny) & counted(x, domain(facts, parameters))
    )
    chosen = usable[np.linspace(0, len(usable) - 1, points).astype(int)]
    try:
        found = check(facts, parameters, x[chosen].astype("float64"), [y[chosen] for y in truth], reliefs)
    except (ArithmeticError, NameError, TypeError, ValueError) as problem:
        return Reference(facts.name, setting, points, [], [], f"{type(problem).__name__}: {problem}")
    return Reference(facts.name, setting, points, [one.relative for one in found], [one.x for one in found])


def _tallies(
    case: Case, implementation: Implementation, truth: Implementation, dtype: str, wanted: Sequence[int]
) -> list[Tally | None]:
    """At the sample, or at all numbers of a narrow type."""
    x, y, moves = case.x, case.truth, case.moves
    if dtype != "float32":
        x, moves = patterns(dtype, infinite=True), [0.0] * len(y)
        y = tiled(truth, x.astype("float64"), case.parameters)
    got = tiled(implementation, x, case.parameters)
    found = []
    for order in wanted:
        if got[order] is None:
            found.append(None)
        else:
            at_zero = got[order][x == 0][[0, -1]].astype("float64")
            results = host_results(x, got[order], y[order], at_zero, moves[order])
            found.append(tally(results, dtype, case.reliefs[order], domain(case.facts, case.parameters)))
    return found


def _sweep(facts: Facts, implementation: Implementation, truth: Implementation, config: Config) -> Any:
    if implementation.function is None:
        return strided_on_host(facts, implementation, truth, config.wanted, config.step)
    return strided(facts, implementation, truth, config.wanted, config.step)


def _swept(
    case: Case, implementation: Implementation, truth: Implementation, sweep: Any, config: Config, progress: Progress
) -> list[Tally | None]:
    """At every stride-th float32 number, going on from where an earlier run was interrupted."""
    facts, wanted = case.facts, config.wanted
    if any(one is None for one in [at_zeros(implementation, case.parameters)[order] for order in wanted]):
        return [None for _ in wanted]
    label = "-".join([facts.name, *(f"{k}={v:g}" for k, v in case.setting.items()), implementation.library])
    state = config.out / "accuracy" / f"{label}.json"
    if config.fresh:
        state.unlink(missing_ok=True)
    mark = _mark(case, implementation, truth, config)
    block = sweep(case.parameters, [case.reliefs[order] for order in wanted])
    found = swept(block, len(wanted), state, mark, lambda done, doing: progress(done, f"{label}, {doing}"))
    for order, one in zip(wanted, found, strict=True):
        at = np.array([one.x], "float32")
        one.got = float(tiled(implementation, at, case.parameters)[order][0])
        one.exact = float(tiled(truth, at.astype("float64"), case.parameters)[order][0])
    return list(found)


def _mark(case: Case, implementation: Implementation, truth: Implementation, config: Config) -> str:
    """Changes with whatever could change the errors that a sweep finds, and with nothing else: sweeps take hours."""
    programs = [
        program(one, dtype, len(case.parameters), config.wanted)
        for one, dtype in ((implementation, "float32"), (truth, "float64"))
    ]
    sources = [(Path(__file__).parent / f"{name}.py").read_text("utf-8") for name in ("ulps", "sweep")]
    reliefs = [[part.tolist() for part in relief] for relief in case.reliefs]
    kinks = case.facts.kinks_at(**case.parameters)
    facts = [case.parameters, reliefs, kinks, config.step, config.wanted, jax.__version__, jax.default_backend()]
    return hashlib.sha256(json.dumps([facts, programs, sources]).encode()).hexdigest()


def _row(
    facts: Facts,
    setting: Parameters,
    library: str,
    dtype: str,
    order: int,
    found: Tally,
    most: float,
    reference: str = "",
    by: str = "",
) -> Row:
    within = library != "jaxact" or (found.bad == 0 and found.worst <= most)
    asked = most if library == "jaxact" else None
    parts = asdict(found) | {"bound": asked, "within": within, "reference": reference, "by": by}
    return Row(library, facts.name, setting, dtype, order, **parts)


def _float64_rows(case: Case, implementations: Sequence[Implementation], config: Config) -> list[Row]:
    from .reference import LARGEST, truths, worst_of_order

    facts = case.facts
    x = sample("float64", config.float64_points, facts, np.random.default_rng(0), case.setting)
    tiny = np.finfo("float64").tiny
    parameters = {name: float(value) for name, value in (facts.parameters | case.setting).items()}
    x = x[counted(x, domain(facts, parameters)) & (np.abs(x) < LARGEST) & ((x == 0) | (np.abs(x) >= tiny))]
    certain = truths(facts, parameters, x)
    rows = []
    for implementation in implementations:
        got = tiled(implementation, x, parameters)
        measured = [(order, got[order]) for order in config.wanted if got[order] is not None]
        for order, results in measured:
            error = worst_of_order(facts, parameters, x, results, certain, order)
            found = Tally(error.ulps, error.x, error.got, error.exact, error.raw, error.above, error.bad, len(x))
            most = bound(facts, "float64", order, case.linear)
            rows.append(_row(facts, case.setting, implementation.library, "float64", order, found, most))
    return rows


@functools.cache
def _arbitrary_precision() -> bool:
    try:
        import flint  # noqa: F401
    except ImportError:
        return False
    return True
