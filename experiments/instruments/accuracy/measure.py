"""How exact are the activations? The error of every function of jaxact, in units in the last place.

float16 and bfloat16 are measured at all 65,536 inputs, float32 at a million, and at a quarter of that for parameters
other than the defaults: evenly over bit patterns, densely around 0, at kinks and roots, and where functions saturate,
overflow and underflow. `--exhaustive` takes all 4,294,967,296. The truth is the same function in float64, which is
first checked against arbitrary precision. Slopes by parameters, at some thousand float32 numbers, and components of
functions over an axis, for rows of 64 and 4096, are compared with arbitrary precision directly. `ulps.py` and `rows.py`
in `experiments/instruments/accuracy` define the errors and the bounds.

The exit code is 1 if a function of jaxact misses its bound.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro

from experiments.core import checks
from experiments.core.progress import Progress, part
from experiments.core.threads import on_all_cores
from jaxact import CATALOGUE, Facts

from .implementations import (
    Implementation,
    Parameters,
    float32_parameters,
    in_float64,
    ours,
    peer,
    program_text,
    why_unavailable,
)
from .sweep import Tally, at_zeros, host_results, moves_of, run_sweep, sweep_on_device, sweep_on_host, tally, tiled
from .ulps import (
    ORDERS,
    TRUSTED,
    FloorSpans,
    bound,
    domain,
    floor_spans,
    in_domain,
    patterns,
    piecewise_linear,
    sample,
    settings,
)

SAMPLE = 2**20
"""Inputs in float32 at default parameters."""
WINDOWS, WINDOW = 64, 2048
"""Windows around roots and limits, and the inputs in each; they are part of the sample."""


@dataclass(frozen=True)
class Config:
    """How exact are the activations?"""

    functions: tuple[str, ...] = ()
    """Names of functions to measure; all if none is given."""
    dtypes: tuple[Literal["float16", "bfloat16", "float32"], ...] = ("bfloat16", "float16", "float32")
    """Float types to measure."""
    orders: tuple[Literal[0, 1, 2], ...] = ()
    """0 for the value, 1 for f', 2 for f''; if none is given all, but 0 and 1 with a stride."""
    peer: Annotated[tuple[Literal["jax.nn", "torch"], ...], tyro.conf.UseAppendAction] = ()
    """Another library to measure at the same inputs; may be given twice."""
    stride: int = 0
    """Every stride-th float32 number, not a sample, at default parameters; an odd stride meets all fractions."""
    exhaustive: bool = False
    """All float32 numbers, a stride of 1: minutes per function on two cores."""
    float64: bool = False
    """Also float64, at some thousand inputs, against arbitrary precision."""
    float64_points: int = 4000
    """Inputs for float64."""
    reference_points: int = 1000
    """Inputs at which the float64 reference is checked, with default parameters; a quarter with others."""
    parameter_points: int = 2000
    """Inputs at which slopes by parameters are measured, with default parameters; a quarter with others."""
    only_defaults: bool = False
    """Measure at default parameters only."""
    out: Path = Path("results")
    """Folder for accuracy.md, accuracy.json, the figures and the state of an interrupted sweep."""
    fresh: bool = False
    """Restart sweeps that were finished or interrupted."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.functions:
            checks.one_of(CATALOGUE, functions=name)
        checks.not_empty(dtypes=self.dtypes)
        checks.at_least(0, 2**32, stride=self.stride)
        checks.at_least(0, reference_points=self.reference_points)
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
class Measurement:
    """The error of one function, at one set of parameters, in one type, of one order."""

    library: str
    function: str
    parameters: Parameters
    dtype: str
    order: int
    inputs: int
    worst: float
    """The largest error in ulp among finite results."""
    x: float
    got: float
    exact: float
    raw: float
    """The same without the allowance for the input."""
    above: int
    """Inputs with an error of more than 1 ulp."""
    bad: int
    """Results that are not finite where the truth is, or the other way around."""
    profile: list[float]
    bound: float | None
    """The largest allowed error; peers have none."""
    within: bool
    reference: str
    """The status of the float64 reference: "checked", "not checked", "failed", or "" where there is none."""
    by: str = ""
    """The parameter of a slope by a parameter; empty for derivatives by x."""

    @property
    def label(self) -> str:
        """What was measured: f, f', f'' or the slope by a parameter."""
        return f"by {self.by}" if self.by else ORDERS[self.order]


@dataclass(frozen=True)
class Reference:
    """The error of the float64 reference against arbitrary precision, for one function and its parameters."""

    function: str
    parameters: Parameters
    points: int
    relative: list[float]
    """The largest relative error of value, f' and f''."""
    x: list[float]
    problem: str = ""

    def status(self, order: int) -> str:
        if not self.points or self.problem:
            return "not checked"
        return "checked" if self.relative[order] <= TRUSTED else "failed"


@dataclass(frozen=True)
class Measured:
    """All measurements."""

    measurements: list[Measurement]
    references: list[Reference]
    remarks: list[str]
    """What could not be measured, in sentences."""

    @property
    def missed(self) -> list[Measurement]:
        return [row for row in self.measurements if not row.within]


@dataclass(frozen=True)
class Case:
    """A function with its parameters, a float32 sample, and the truth there."""

    facts: Facts
    setting: Parameters
    """Parameters that are not the defaults."""
    parameters: Parameters
    """All parameters, in float32."""
    x: np.ndarray
    truth: list[np.ndarray]
    moves: list[np.ndarray]
    """How far the truth moves to a neighbour of each number."""
    spans_by_order: list[FloorSpans]
    reference: Reference

    @property
    def linear(self) -> bool:
        """Whether the function is piecewise linear."""
        return self.truth[2] is not None and piecewise_linear(self.truth[2])


def run(config: Config, progress: Progress) -> Measured:
    """Measure the functions of the settings: in parallel, or, in a sweep, one after the other."""
    remarks = [sentence for library in config.peer if (sentence := why_unavailable(library))]
    libraries = [library for library in dict.fromkeys(config.peer) if not why_unavailable(library)]
    if not _has_flint():
        remarks.append(
            "python-flint is not installed, so that the float64 reference was not checked"
            f"{' and float64 was not measured' if config.float64 else ''} (pip install python-flint)."
        )
    todo = [facts for facts in CATALOGUE.values() if not config.functions or facts.name in config.functions]

    def measure(facts: Facts, progress: Progress) -> tuple[list[Measurement], list[Reference]]:
        if facts.elementwise:
            return _function(config, libraries, remarks, facts, progress)
        return (_axis_measurements(facts, config) if "float32" in config.dtypes and _has_flint() else []), []

    results = []
    if config.step and "float32" in config.dtypes:
        results = [measure(facts, part(progress, i, len(todo))) for i, facts in enumerate(todo)]
    else:
        for i, result in enumerate(on_all_cores(lambda facts: measure(facts, lambda *_: None), todo)):
            results.append(result)
            progress((i + 1) / len(todo), f"{todo[i].name} measured")
    measurements = [measurement for of_function, _ in results for measurement in of_function]
    return Measured(measurements, [reference for _, references in results for reference in references], remarks)


def _function(
    config: Config, libraries: Sequence[str], remarks: list[str], facts: Facts, progress: Progress
) -> tuple[list[Measurement], list[Reference]]:
    """Measure one function at all its parameters, in all types, and its peers."""
    truth = in_float64(facts)
    cases = [_case(facts, setting, truth, config) for setting in settings(facts)[: 1 if config.only_defaults else None]]
    peers = [peer(library, facts, config.wanted) for library in libraries]
    implementations = [ours(facts, config.wanted), *(implementation for implementation in peers if implementation)]
    sweeps = [_sweep(facts, implementation, truth, config) for implementation in implementations] if config.step else []
    measurements = []
    for i, case in enumerate(cases):
        for j, implementation in enumerate(implementations):
            progress_here = part(part(progress, i, len(cases)), j, len(implementations))
            for dtype in config.dtypes:
                if dtype == "float32" and config.step and case is cases[0]:
                    tallies = _swept(case, implementation, truth, sweeps[j], config, progress_here)
                else:
                    tallies = _tallies(case, implementation, truth, dtype, config.wanted)
                for order, tally_of_order in zip(config.wanted, tallies, strict=True):
                    if tally_of_order is None:
                        remark = f"{implementation.library} cannot compute {ORDERS[order]} of {facts.name} in {dtype}."
                        remarks.extend([remark] if remark not in remarks else [])
                    else:
                        status = case.reference.status(order)
                        limit = bound(facts, dtype, order, case.linear)
                        measurements.append(
                            _measurement(
                                facts, case.setting, implementation.library, dtype, order, tally_of_order, limit, status
                            )
                        )
        if config.float64 and _has_flint():
            measurements += _float64_measurements(case, implementations, config)
        if config.parameter_points and "float32" in config.dtypes and _has_flint():
            measurements += _parameter_measurements(case, config, remarks)
    return measurements, [case.reference for case in cases]


def _axis_measurements(facts: Facts, config: Config) -> list[Measurement]:
    """Measure a function over an axis: its worst components."""
    from .rows import ROWS, components, measurable

    every_component = [each for row in ROWS if measurable(facts, row) for each in components(facts, row)]
    measurements = []
    for order in config.wanted:
        of_order = [each for each in every_component if each.order == order]
        finite = [each for each in of_order if np.isfinite(each.error)]
        worst = max(finite, key=lambda each: each.error)
        above, bad = sum(each.error > 1 for each in finite), len(of_order) - len(finite)
        raw = max(each.raw for each in finite)
        measured = Tally(worst.error, worst.x, worst.got, worst.exact, raw, above, bad, len(of_order))
        measurements.append(
            _measurement(facts, {}, "jaxact", "float32", order, measured, bound(facts, "float32", order))
        )
    return measurements


def _parameter_measurements(case: Case, config: Config, remarks: list[str]) -> list[Measurement]:
    """Measure the slopes by each parameter."""
    from .by_parameter import slope_by

    facts, measurements = case.facts, []
    for name in facts.parameters:
        try:
            tally_of_slope = slope_by(
                facts, name, case.parameters, config.parameter_points // (4 if case.setting else 1)
            )
        except (ArithmeticError, NameError, TypeError, ValueError) as problem:
            call = f"{facts.name}{case.setting or ''}"
            remarks.append(f"The slope of {call} by {name} was not measured ({type(problem).__name__}: {problem}).")
        else:
            limit = bound(facts, "float32", 1)
            measurements.append(
                _measurement(facts, case.setting, "jaxact", "float32", 1, tally_of_slope, limit, by=name)
            )
    return measurements


def _case(facts: Facts, setting: Parameters, truth: Implementation, config: Config) -> Case:
    parameters = float32_parameters(facts, setting)
    share = 4 if setting else 1
    x = sample("float32", SAMPLE // share - WINDOWS * WINDOW, facts, np.random.default_rng(0), setting)
    x = np.sort(x[in_domain(x, domain(facts, parameters))])
    y = tiled(truth, x.astype("float64"), parameters)
    more = np.concatenate([_windows(x, y), np.array([-0.0, 0.0, np.inf, -np.inf, np.nan], "float32")])
    more_y = tiled(truth, more.astype("float64"), parameters)
    x, y = np.concatenate([x, more]), [np.concatenate(both) for both in zip(y, more_y, strict=True)]
    order = np.argsort(x, kind="stable")
    x, y = x[order], [part[order] for part in y]
    moves = moves_of(truth, facts, x, y, parameters) if "float32" in config.dtypes else []
    spans_by_order = [floor_spans(x, result, facts, order) for order, result in enumerate(y)]
    reference = _reference(facts, setting, parameters, x, y, spans_by_order, config.reference_points // share)
    return Case(facts, setting, parameters, x, y, moves, spans_by_order, reference)


def _windows(x: np.ndarray, truth: Sequence[np.ndarray]) -> np.ndarray:
    """Further inputs where value, f' or f'' have a root, saturate, overflow or underflow between two inputs."""
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
    spans_by_order: list[FloorSpans],
    points: int,
) -> Reference:
    """Check the float64 reference against the formula in the docstring."""
    if not (points and _has_flint()):
        return Reference(facts.name, setting, 0, [], [])
    from .reference import LARGEST, check

    usable = np.flatnonzero(
        (np.abs(x) < LARGEST) & (np.abs(x) >= np.finfo("float32").tiny) & in_domain(x, domain(facts, parameters))
    )
    chosen = usable[np.linspace(0, len(usable) - 1, points).astype(int)]
    try:
        checked = check(facts, parameters, x[chosen].astype("float64"), [y[chosen] for y in truth], spans_by_order)
    except (ArithmeticError, NameError, TypeError, ValueError) as problem:
        return Reference(facts.name, setting, points, [], [], f"{type(problem).__name__}: {problem}")
    return Reference(facts.name, setting, points, [each.relative for each in checked], [each.x for each in checked])


def _tallies(
    case: Case, implementation: Implementation, truth: Implementation, dtype: str, wanted: Sequence[int]
) -> list[Tally | None]:
    """The tallies on the sample, or on all numbers of a narrow type; None where the library cannot compute an order."""
    x, y, moves = case.x, case.truth, case.moves
    if dtype != "float32":
        x, moves = patterns(dtype, infinite=True), [0.0] * len(y)
        y = tiled(truth, x.astype("float64"), case.parameters)
    got = tiled(implementation, x, case.parameters)
    tallies = []
    for order in wanted:
        if got[order] is None:
            tallies.append(None)
        else:
            at_zero = got[order][x == 0][[0, -1]].astype("float64")
            results = host_results(x, got[order], y[order], at_zero, moves[order])
            tallies.append(tally(results, dtype, case.spans_by_order[order], domain(case.facts, case.parameters)))
    return tallies


def _sweep(facts: Facts, implementation: Implementation, truth: Implementation, config: Config) -> Any:
    if implementation.function is None:
        return sweep_on_host(facts, implementation, truth, config.wanted, config.step)
    return sweep_on_device(facts, implementation, truth, config.wanted, config.step)


def _swept(
    case: Case, implementation: Implementation, truth: Implementation, sweep: Any, config: Config, progress: Progress
) -> list[Tally | None]:
    """The tallies at every stride-th float32 number; an interrupted sweep is resumed."""
    facts, wanted = case.facts, config.wanted
    if any(at_zeros(implementation, case.parameters)[order] is None for order in wanted):
        return [None for _ in wanted]
    label = "-".join([facts.name, *(f"{k}={v:g}" for k, v in case.setting.items()), implementation.library])
    state = config.out / "accuracy" / f"{label}.json"
    if config.fresh:
        state.unlink(missing_ok=True)
    fingerprint = _fingerprint(case, implementation, truth, config)
    block = sweep(case.parameters, [case.spans_by_order[order] for order in wanted])
    tallies = run_sweep(block, len(wanted), state, fingerprint, lambda done, doing: progress(done, f"{label}, {doing}"))
    for order, each in zip(wanted, tallies, strict=True):
        at = np.array([each.x], "float32")
        each.got = float(tiled(implementation, at, case.parameters)[order][0])
        each.exact = float(tiled(truth, at.astype("float64"), case.parameters)[order][0])
    return list(tallies)


def _fingerprint(case: Case, implementation: Implementation, truth: Implementation, config: Config) -> str:
    """A hash of what determines the errors of a sweep and of nothing else, as sweeps take hours."""
    programs = [
        program_text(each, dtype, len(case.parameters), config.wanted)
        for each, dtype in ((implementation, "float32"), (truth, "float64"))
    ]
    sources = [(Path(__file__).parent / f"{name}.py").read_text("utf-8") for name in ("ulps", "sweep")]
    spans_by_order = [[part.tolist() for part in relief] for relief in case.spans_by_order]
    kinks = case.facts.kinks_at(**case.parameters)
    facts = [case.parameters, spans_by_order, kinks, config.step, config.wanted, jax.__version__, jax.default_backend()]
    return hashlib.sha256(json.dumps([facts, programs, sources]).encode()).hexdigest()


def _measurement(
    facts: Facts,
    setting: Parameters,
    library: str,
    dtype: str,
    order: int,
    tally: Tally,
    limit: float,
    reference: str = "",
    by: str = "",
) -> Measurement:
    within = library != "jaxact" or (tally.bad == 0 and tally.worst <= limit)
    own_bound = limit if library == "jaxact" else None
    parts = asdict(tally) | {"bound": own_bound, "within": within, "reference": reference, "by": by}
    return Measurement(library, facts.name, setting, dtype, order, **parts)


def _float64_measurements(case: Case, implementations: Sequence[Implementation], config: Config) -> list[Measurement]:
    from .reference import LARGEST, truths, worst_of_order

    facts = case.facts
    x = sample("float64", config.float64_points, facts, np.random.default_rng(0), case.setting)
    tiny = np.finfo("float64").tiny
    parameters = {name: float(value) for name, value in (facts.parameters | case.setting).items()}
    x = x[in_domain(x, domain(facts, parameters)) & (np.abs(x) < LARGEST) & ((x == 0) | (np.abs(x) >= tiny))]
    exact_values = truths(facts, parameters, x)
    measurements = []
    for implementation in implementations:
        got = tiled(implementation, x, parameters)
        measured = [(order, got[order]) for order in config.wanted if got[order] is not None]
        for order, results in measured:
            error = worst_of_order(facts, parameters, x, results, exact_values, order)
            tally_of_order = Tally(
                error.ulps, error.x, error.got, error.exact, error.raw, error.above, error.bad, len(x)
            )
            limit = bound(facts, "float64", order, case.linear)
            measurements.append(
                _measurement(facts, case.setting, implementation.library, "float64", order, tally_of_order, limit)
            )
    return measurements


@functools.cache
def _has_flint() -> bool:
    try:
        import flint  # noqa: F401
    except ImportError:
        return False
    return True
