"""Errors of very many results, reduced to tallies: at given inputs, or at float32 patterns made on the device.

A sweep over every float32 number takes 2**32 evaluations of the function, and three times as many of its float64
reference, which is also evaluated at the neighbours. It takes minutes because the patterns are generated on the device,
one compiled program computes value and slope with their errors, and it does so in rows that fit in a core's nearest
caches, with separate blocks for each core.
"""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from experiments.core.progress import Progress
from experiments.core.storage import write
from experiments.core.threads import on_all_cores
from experiments.core.typed import typed
from jaxact import Facts

from .implementations import Implementation, Parameters, derivatives_at_once
from .ulps import (
    BINS,
    EDGES,
    FINEST,
    MOST_SPANS,
    NO_SPANS,
    WAVE_SPANS,
    FloorSpans,
    Results,
    domain,
    errors,
    floors,
    in_domain,
    largest_move,
    neighbours,
)

BLOCKS = 512
"""Parts of a sweep: each has the numbers of one sign and exponent."""
BLOCK = 2**32 // BLOCKS
"""Numbers in a block."""
ROW = 4096
"""Numbers in a row, which fit in a core's nearest caches."""
TILE = 2**16
"""Inputs of a program outside of sweeps; larger arrays are split into tiles."""
BLOCKS_PER_CHECK = 16
"""Blocks between checks whether it is time to save the state."""
SAVE_SECONDS = 5.0
"""Time between saves of the state."""


@dataclass
class Tally:
    """The errors of one order, reduced: the worst one with its input, counts, and a profile along x."""

    worst: float = 0.0
    x: float = 0.0
    got: float = 0.0
    exact: float = 0.0
    raw: float = 0.0
    """The largest error without the allowance for the input."""
    above: int = 0
    """Errors of more than 1 ulp."""
    bad: int = 0
    inputs: int = 0
    profile: list[float] = field(default_factory=lambda: [-1.0] * BINS)
    """The worst error in each bin of x, -1 where nothing was measured."""

    def add(self, other: "Tally") -> None:
        if other.worst > self.worst:
            self.worst, self.x, self.got, self.exact = other.worst, other.x, other.got, other.exact
        self.raw = max(self.raw, other.raw)
        self.above, self.bad, self.inputs = self.above + other.above, self.bad + other.bad, self.inputs + other.inputs
        self.profile = [max(pair) for pair in zip(self.profile, other.profile, strict=True)]


class State(TypedDict):
    """A sweep that goes on after an interruption."""

    fingerprint: str
    done: int
    tallies: list[Tally]


def bins(x: np.ndarray) -> np.ndarray:
    """The bin of a profile that each number falls in."""
    with np.errstate(invalid="ignore"):  # some patterns are NaN
        outward = np.searchsorted(EDGES, np.abs(x).astype("float64"), "right") - 1
    return np.where(np.signbit(x), len(EDGES) - 1 - outward, len(EDGES) + outward)


def tally(results: Results, dtype: str, spans: FloorSpans, domain: tuple[float, float]) -> Tally:
    """The tally of results at given inputs."""
    with jax.enable_x64(True):
        excused, raw = (np.asarray(e) for e in _judged(results, _padded(spans), dtype, domain))
    x, bad = results.x, np.isinf(excused)
    finite = np.where(bad, 0, excused)
    at = int(np.argmax(finite))
    profile = np.full(BINS, -1.0)
    numbers = in_domain(x, domain)
    np.maximum.at(profile, bins(x[numbers]), excused[numbers])
    here, got, exact = (float(part[at]) for part in results[:3])
    return Tally(
        float(finite[at]),
        here,
        got,
        exact,
        float(np.max(raw, where=~bad, initial=0)),
        int((finite > 1).sum()),
        int(bad.sum()),
        int(numbers.sum()),
        profile.tolist(),
    )


@functools.partial(jax.jit, static_argnums=(2, 3))
def _judged(results: Results, spans: FloorSpans, dtype: str, domain: tuple[float, float]) -> tuple[Array, Array]:
    floor = floors(jnp, results.x, spans)
    return errors(jnp, results, dtype, floor, domain), errors(jnp, results, dtype, floor, domain, excused=False)


def _padded(spans: FloorSpans) -> FloorSpans:
    """The spans, padded to one of two numbers, so that one compilation serves all functions."""
    padding = np.full((MOST_SPANS if len(spans.low) <= MOST_SPANS else WAVE_SPANS) - len(spans.low), np.nan)
    return FloorSpans(*(np.concatenate([part, padding]) for part in spans))


Block = Callable[[int], list[Tally]]
"""Measures one block of the float32 patterns; returns a tally for each order."""


def sweep_on_device(
    facts: Facts, implementation: Implementation, reference: Implementation, wanted: Sequence[int], stride: int
) -> Callable[[Parameters, Sequence[FloorSpans]], Block]:
    """From parameters and spans for each order, the function that measures every stride-th number of a block."""
    function, true_function = implementation.function, reference.function
    assert function
    assert true_function
    count = -(-BLOCK // stride)
    row = min(ROW, 2 ** max(0, (BLOCK // FINEST // stride).bit_length() - 1))
    rows = -(-count // row)

    @functools.partial(jax.jit, compiler_options=_ONE_THREAD if jax.default_backend() == "cpu" else None)
    def errors_of_block(
        first: Array,
        parameters: list[Array],
        true_parameters: list[Array],
        at_zero: list[Array],
        spans_by_order: list[FloorSpans],
        kinks: list[Array],
    ) -> Any:
        def of_row(start: Array) -> Any:
            steps = start * np.uint32(row) + lax.iota("uint32", row)
            bits = first + steps * np.uint32(stride)
            around = [lax.bitcast_convert_type(bits + np.uint32(step), "float32") for step in (2**32 - 1, 0, 1)]
            before, x64, after = map(widened, around)
            inside = (steps < count) & in_domain(x64, facts.domain)
            got_by_order = derivatives_at_once(lambda v: function(v, *parameters), wanted)(around[1])
            true_orders = derivatives_at_once(lambda v: true_function(v, *true_parameters), wanted)
            truths_by_order = zip(*(true_orders(point) for point in (before, x64, after)), strict=True)
            errors_by_order = []
            for got, truths, zero, spans in zip(got_by_order, truths_by_order, at_zero, spans_by_order, strict=True):
                got, (truth_before, truth, truth_after) = widened(got), truths
                moves = largest_move(jnp, x64, truth, [(before, truth_before), (after, truth_after)], kinks)
                results, floor = Results(x64, got, truth, got - truth, zero, moves), floors(jnp, x64, spans)
                excused_and_raw = [
                    errors(jnp, results, "float32", floor, domain(facts, {}), excused) for excused in (True, False)
                ]
                errors_by_order.append(
                    [jnp.where(steps < count, error, 0).astype("float32") for error in excused_and_raw]
                )
            return inside.astype("float32"), errors_by_order

        def next_row(previous: Any, start: Array) -> tuple[Any, Any]:
            """Compute this row and reduce the previous one; XLA would compute a row again for each reduction."""
            return of_row(start), reduced(previous)

        def reduced(row: Any) -> Any:
            inside, errors_by_order = row
            return jnp.sum(inside), [_reduced(pair[0], pair[-1]) for pair in errors_by_order]

        last, others = lax.scan(next_row, of_row(jnp.uint32(0)), lax.iota("uint32", rows))
        return jax.tree.map(lambda many, one: jnp.append(many[1:], one), others, reduced(last))

    def with_parameters(given: Parameters, spans_by_order: Sequence[FloorSpans]) -> Block:
        parameters, true_parameters = (
            [np.asarray(value, dtype) for value in given.values()] for dtype in ("float32", "float64")
        )
        at_zero = [zeros[order] for zeros in [at_zeros(implementation, given)] for order in wanted]
        padded = [_padded(spans) if len(spans.low) else NO_SPANS for spans in spans_by_order]
        kinks = [np.asarray(kink, "float64") for kink in facts.kinks_at(**given)]

        def block(number: int) -> list[Tally]:
            first = number * BLOCK
            with jax.enable_x64(True):
                reduced_rows = errors_of_block(jnp.uint32(first), parameters, true_parameters, at_zero, padded, kinks)
                inputs, by_order = jax.tree.map(np.asarray, reduced_rows)
            middle = np.minimum(np.arange(rows) * row + row // 2, count - 1)
            in_bin = bins(_numbers(first + middle * stride))
            tallies = []
            for worst, place, above, bad, raw in by_order:
                profile = np.full(BINS, -1.0)
                np.maximum.at(profile, in_bin[inputs > 0], np.where(bad > 0, inf, worst)[inputs > 0])
                at = int(np.argmax(worst))
                x = float(_numbers(first + (at * row + int(place[at])) * stride)) if worst[at] > 0 else 0.0
                counts = int(above.sum()), int(bad.sum()), int(inputs.sum())
                tallies.append(Tally(float(worst[at]), x, 0.0, 0.0, float(raw.max()), *counts, profile.tolist()))
            return tallies

        return block

    return with_parameters


def sweep_on_host(
    facts: Facts, implementation: Implementation, reference: Implementation, wanted: Sequence[int], stride: int
) -> Callable[[Parameters, Sequence[FloorSpans]], Block]:
    """The same for a library that JAX cannot compile: slower, with all results in memory."""

    def with_parameters(given: Parameters, spans_by_order: Sequence[FloorSpans]) -> Block:
        zeros = at_zeros(implementation, given)

        def block(number: int) -> list[Tally]:
            tallies = [Tally() for _ in wanted]
            for start in range(0, BLOCK, TILE * stride):
                steps = np.arange(start, min(start + TILE * stride, BLOCK), stride)
                x = _numbers(number * BLOCK + steps)
                with np.errstate(invalid="ignore"):
                    wide = x.astype("float64")
                got, truth = tiled(implementation, x, given), tiled(reference, wide, given)
                moves = moves_of(reference, facts, x, truth, given)
                for i, order in enumerate(wanted):
                    results = host_results(x, got[order], truth[order], zeros[order], moves[order])
                    tallies[i].add(tally(results, "float32", spans_by_order[i], domain(facts, given)))
            return tallies

        return block

    return with_parameters


def tiled(implementation: Implementation, x: np.ndarray, given: Parameters) -> list[Any]:
    """Value, f' and f'' at any number of inputs, with one compilation; None for what the library cannot compute."""
    padded = np.concatenate([x, np.zeros(-len(x) % TILE, x.dtype)])
    tiles = [implementation.orders(padded[i : i + TILE], given) for i in range(0, len(padded), TILE)]
    return [None if part[0] is None else np.concatenate(part)[: len(x)] for part in zip(*tiles, strict=True)]


def at_zeros(implementation: Implementation, given: Parameters) -> list[Any]:
    """Value, f' and f'' at -0.0 and 0.0."""
    results = tiled(implementation, np.array([-0.0, 0.0], "float32"), given)
    return [None if part is None else part.astype("float64") for part in results]


def host_results(x: np.ndarray, got: np.ndarray, truth: np.ndarray, at_zero: np.ndarray, moves: Any = 0.0) -> Results:
    """Results converted to float64, subnormal numbers included."""
    with np.errstate(invalid="ignore"):
        wide, got = x.astype("float64"), got.astype("float64")
        return Results(wide, got, truth, got - truth, at_zero, moves)


def moves_of(reference: Implementation, facts: Facts, x: np.ndarray, truth: list[Any], given: Parameters) -> list[Any]:
    """The largest move of value, f' and f'' to a neighbour of each float32 number; None for unknown orders."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = [(wide, tiled(reference, wide, given)) for wide in (side.astype("float64") for side in neighbours(x))]
        x, kinks = x.astype("float64"), facts.kinks_at(**given)
        return [
            None if here is None else largest_move(np, x, here, [(wide, there[order]) for wide, there in near], kinks)
            for order, here in enumerate(truth)
        ]


def _numbers(bits: Any) -> Any:
    return np.asarray(bits).astype("uint32").view("float32")


_ONE_THREAD: Any = {"xla_cpu_multi_thread_eigen": False}
"""One program uses one thread, as rows are small; every core has blocks of its own."""


def widened(x: Array) -> Array:
    """float32 as float64, subnormal numbers included, which XLA's own conversion flushes to zero."""
    bits = lax.bitcast_convert_type(x, "int32")
    fraction = (bits & 0x007FFFFF).astype("float64") * 2.0**-149
    subnormal = jnp.where(bits < 0, -fraction, fraction)
    return jnp.where((bits & 0x7F800000) == 0, subnormal, x.astype("float64"))


def _reduced(excused: Array, raw: Array) -> tuple[Array, ...]:
    """The worst error, its index, counts and the worst raw error, in float32, as XLA does not vectorise integers."""
    bad = jnp.isinf(excused)
    finite = jnp.where(bad, 0, excused)
    worst = finite.max()
    first = jnp.min(jnp.where(finite == worst, lax.iota("float32", finite.size), finite.size))
    above, count = (jnp.sum(mask.astype("float32")) for mask in (finite > 1, bad))
    return worst, first, above, count, jnp.where(bad, 0, raw).max()


def run_sweep(
    block: Block, orders: int, state: Path, fingerprint: str, progress: Progress, blocks: int = BLOCKS
) -> list[Tally]:
    """The tallies of all blocks, computed on all cores; after an interruption the next call goes on from the state."""
    done, tallies = _load_state(state, fingerprint, orders)
    saved = time.monotonic()
    while done < blocks:
        batch = range(done, min(done + BLOCKS_PER_CHECK, blocks))
        for of_block in on_all_cores(block, batch):
            for total, part in zip(tallies, of_block, strict=True):
                total.add(part)
        done = batch.stop
        progress(done / blocks, f"{done / blocks * 2**32:.2e} inputs of 4.29e9")
        if done == blocks or time.monotonic() - saved > SAVE_SECONDS:
            _save_state(state, fingerprint, done, tallies)
            saved = time.monotonic()
    return tallies


def _load_state(state: Path, fingerprint: str, orders: int) -> tuple[int, list[Tally]]:
    """The blocks done by an earlier run with this fingerprint, and their tallies; none if the state is damaged."""
    try:
        stored = typed(json.loads(state.read_text("utf-8")), State)
        whole = len(stored["tallies"]) == orders and all(len(each.profile) == BINS for each in stored["tallies"])
        if stored["fingerprint"] == fingerprint and whole:
            return stored["done"], stored["tallies"]
    except (OSError, ValueError, RecursionError):
        pass
    return 0, [Tally() for _ in range(orders)]


def _save_state(state: Path, fingerprint: str, done: int, tallies: list[Tally]) -> None:
    # This file may have Infinity, which Python writes to JSON, as only this module reads it.
    write(
        state,
        json.dumps({"fingerprint": fingerprint, "done": done, "tallies": [dataclasses.asdict(t) for t in tallies]}),
    )
