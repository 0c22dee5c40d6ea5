"""Errors of very many results, reduced to a few numbers: of given inputs, or of float32 patterns made on the device.

Every float32 number takes 2**32 evaluations of the function, and three times as many of its float64 reference, which is
also asked for the neighbours. What makes that a matter of minutes: patterns are counted up where they are used, value
and slope with their errors are one compiled program, and it goes through them in rows that fit in a core's nearest
caches, each core through blocks of its own.
"""

import dataclasses
import functools
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from experiments.core.progress import Progress
from experiments.core.result import write
from jaxact import Facts

from .implementations import Implementation, Parameters, together
from .ulps import (
    BINS,
    EDGES,
    FINEST,
    MOST_SPANS,
    NO_RELIEF,
    WAVE_SPANS,
    Relief,
    Results,
    beside,
    counted,
    domain,
    errors,
    floors,
    moved,
)

BLOCKS = 512
"""Parts of a sweep: the numbers of one sign and exponent."""
BLOCK = 2**32 // BLOCKS
ROW = 4096
TILE = 2**16
TOGETHER = 16
"""Blocks after which the state is looked at."""
SAVE_SECONDS = 5.0


@dataclass
class Tally:
    """What is kept of the errors of one order."""

    worst: float = 0.0
    x: float = 0.0
    got: float = 0.0
    exact: float = 0.0
    raw: float = 0.0
    """The largest error when no change of the input is excused."""
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


def bins(x: np.ndarray) -> np.ndarray:
    """The bin of a profile that each number falls in."""
    with np.errstate(invalid="ignore"):  # of the NaNs among all patterns
        outward = np.searchsorted(EDGES, np.abs(x).astype("float64"), "right") - 1
    return np.where(np.signbit(x), len(EDGES) - 1 - outward, len(EDGES) + outward)


def tally(results: Results, dtype: str, where: Relief, domain: tuple[float, float]) -> Tally:
    """Of results at given inputs."""
    with jax.enable_x64(True):
        excused, raw = (np.asarray(e) for e in _judged(results, _padded(where), dtype, domain))
    x, bad = results.x, np.isinf(excused)
    finite = np.where(bad, 0, excused)
    at = int(np.argmax(finite))
    profile = np.full(BINS, -1.0)
    numbers = counted(x, domain)
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
def _judged(results: Results, where: Relief, dtype: str, domain: tuple[float, float]) -> tuple[Array, Array]:
    floor = floors(jnp, results.x, where)
    return errors(jnp, results, dtype, floor, domain), errors(jnp, results, dtype, floor, domain, excused=False)


def _padded(where: Relief) -> Relief:
    """As many spans as one compilation for all functions has room for."""
    room = np.full((MOST_SPANS if len(where.low) <= MOST_SPANS else WAVE_SPANS) - len(where.low), np.nan)
    return Relief(*(np.concatenate([part, room]) for part in where))


Block = Callable[[int], list[Tally]]
"""Measures one block of the float32 patterns, order by order."""


def strided(
    facts: Facts, implementation: Implementation, reference: Implementation, wanted: Sequence[int], stride: int
) -> Callable[[Parameters, Sequence[Relief]], Block]:
    """Every stride-th float32 number of a block, for any parameters, with the reliefs of the orders."""
    function, true_function = implementation.function, reference.function
    assert function
    assert true_function
    count = -(-BLOCK // stride)
    row = min(ROW, 2 ** max(0, (BLOCK // FINEST // stride).bit_length() - 1))
    rows = -(-count // row)

    @functools.partial(jax.jit, compiler_options=_ONE_THREAD if jax.default_backend() == "cpu" else None)
    def judged(
        first: Array,
        mine: list[Array],
        true: list[Array],
        at_zero: list[Array],
        where: list[Relief],
        kinks: list[Array],
    ) -> Any:
        def of_row(start: Array) -> Any:
            steps = start * np.uint32(row) + lax.iota("uint32", row)
            bits = first + steps * np.uint32(stride)
            around = [lax.bitcast_convert_type(bits + np.uint32(step), "float32") for step in (2**32 - 1, 0, 1)]
            before, x64, after = map(widened, around)
            inside = (steps < count) & counted(x64, facts.domain)
            every_got = together(lambda v: function(v, *mine), wanted)(around[1])
            true_orders = together(lambda v: true_function(v, *true), wanted)
            every_truth = zip(*(true_orders(one) for one in (before, x64, after)), strict=True)
            found = []
            for got, truths, zero, spans in zip(every_got, every_truth, at_zero, where, strict=True):
                got, (truth_before, truth, truth_after) = widened(got), truths
                moves = moved(jnp, x64, truth, [(before, truth_before), (after, truth_after)], kinks)
                results, floor = Results(x64, got, truth, got - truth, zero, moves), floors(jnp, x64, spans)
                every = [
                    errors(jnp, results, "float32", floor, domain(facts, {}), excused) for excused in (True, False)
                ]
                found.append([jnp.where(steps < count, error, 0).astype("float32") for error in every])
            return inside.astype("float32"), found

        def one_row(before: Any, start: Array) -> tuple[Any, Any]:
            """Reduce the row before and compute this one: else each reduction would compute its row again."""
            return of_row(start), reduced(before)

        def reduced(found: Any) -> Any:
            return jnp.sum(found[0]), [_reduced(each[0], each[-1]) for each in found[1]]

        last, others = lax.scan(one_row, of_row(jnp.uint32(0)), lax.iota("uint32", rows))
        return jax.tree.map(lambda many, one: jnp.append(many[1:], one), others, reduced(last))

    def with_parameters(given: Parameters, where: Sequence[Relief]) -> Block:
        mine, true = ([np.asarray(value, dtype) for value in given.values()] for dtype in ("float32", "float64"))
        at_zero = [zeros[order] for zeros in [at_zeros(implementation, given)] for order in wanted]
        spans = [_padded(relief) if len(relief.low) else NO_RELIEF for relief in where]
        kinks = [np.asarray(kink, "float64") for kink in facts.kinks_at(**given)]

        def block(number: int) -> list[Tally]:
            first = number * BLOCK
            with jax.enable_x64(True):
                inputs, found = jax.tree.map(np.asarray, judged(jnp.uint32(first), mine, true, at_zero, spans, kinks))
            middle = np.minimum(np.arange(rows) * row + row // 2, count - 1)
            in_bin = bins(_numbers(first + middle * stride))
            tallies = []
            for worst, place, above, bad, raw in found:
                profile = np.full(BINS, -1.0)
                np.maximum.at(profile, in_bin[inputs > 0], np.where(bad > 0, inf, worst)[inputs > 0])
                at = int(np.argmax(worst))
                x = float(_numbers(first + (at * row + int(place[at])) * stride)) if worst[at] > 0 else 0.0
                counts = int(above.sum()), int(bad.sum()), int(inputs.sum())
                tallies.append(Tally(float(worst[at]), x, 0.0, 0.0, float(raw.max()), *counts, profile.tolist()))
            return tallies

        return block

    return with_parameters


def strided_on_host(
    facts: Facts, implementation: Implementation, reference: Implementation, wanted: Sequence[int], stride: int
) -> Callable[[Parameters, Sequence[Relief]], Block]:
    """The same for a library that JAX cannot compile: slower, by way of memory."""

    def with_parameters(given: Parameters, where: Sequence[Relief]) -> Block:
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
                    tallies[i].add(tally(results, "float32", where[i], domain(facts, given)))
            return tallies

        return block

    return with_parameters


def tiled(implementation: Implementation, x: np.ndarray, given: Parameters) -> list[Any]:
    """Value, f' and f'' at any number of inputs, by one compilation; None for what the library cannot do."""
    padded = np.concatenate([x, np.zeros(-len(x) % TILE, x.dtype)])
    tiles = [implementation.orders(padded[i : i + TILE], given) for i in range(0, len(padded), TILE)]
    return [None if part[0] is None else np.concatenate(part)[: len(x)] for part in zip(*tiles, strict=True)]


def at_zeros(implementation: Implementation, given: Parameters) -> list[Any]:
    """Value, f' and f'' at -0.0 and 0.0."""
    found = tiled(implementation, np.array([-0.0, 0.0], "float32"), given)
    return [None if part is None else part.astype("float64") for part in found]


def host_results(x: np.ndarray, got: np.ndarray, truth: np.ndarray, at_zero: np.ndarray, moves: Any = 0.0) -> Results:
    """Results widened to float64, subnormal numbers included."""
    with np.errstate(invalid="ignore"):
        wide, got = x.astype("float64"), got.astype("float64")
        return Results(wide, got, truth, got - truth, at_zero, moves)


def moves_of(reference: Implementation, facts: Facts, x: np.ndarray, truth: list[Any], given: Parameters) -> list[Any]:
    """How far the truth moves to a neighbour of each float32 number: of value, f' and f'', as far as they are known."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = [(wide, tiled(reference, wide, given)) for wide in (one.astype("float64") for one in beside(x))]
        x, kinks = x.astype("float64"), facts.kinks_at(**given)
        return [
            None if here is None else moved(np, x, here, [(wide, there[order]) for wide, there in near], kinks)
            for order, here in enumerate(truth)
        ]


def _numbers(bits: Any) -> Any:
    return np.asarray(bits).astype("uint32").view("float32")


_ONE_THREAD: Any = {"xla_cpu_multi_thread_eigen": False}
"""Rows are too small to share: every core has blocks of its own."""


def widened(x: Array) -> Array:
    """float32 as float64, subnormal numbers included, which XLA's own conversion flushes to zero."""
    bits = lax.bitcast_convert_type(x, "int32")
    fraction = (bits & 0x007FFFFF).astype("float64") * 2.0**-149
    subnormal = jnp.where(bits < 0, -fraction, fraction)
    return jnp.where((bits & 0x7F800000) == 0, subnormal, x.astype("float64"))


def _reduced(excused: Array, raw: Array) -> tuple[Array, ...]:
    """In float32 throughout, exact for so few numbers: XLA reduces integers one by one."""
    bad = jnp.isinf(excused)
    finite = jnp.where(bad, 0, excused)
    worst = finite.max()
    first = jnp.min(jnp.where(finite == worst, lax.iota("float32", finite.size), finite.size))
    above, count = (jnp.sum(mask.astype("float32")) for mask in (finite > 1, bad))
    return worst, first, above, count, jnp.where(bad, 0, raw).max()


def swept(block: Block, orders: int, state: Path, mark: str, progress: Progress, blocks: int = BLOCKS) -> list[Tally]:
    """All blocks, on all cores. Whoever interrupts it loses seconds: the next call goes on from the state."""
    done, tallies = _kept(state, mark, orders)
    saved = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            while done < blocks:
                batch = range(done, min(done + TOGETHER, blocks))
                for found in pool.map(block, batch):
                    for total, part in zip(tallies, found, strict=True):
                        total.add(part)
                done = batch.stop
                progress(done / blocks, f"{done / blocks * 2**32:.2e} inputs of 4.29e9")
                if done == blocks or time.monotonic() - saved > SAVE_SECONDS:
                    _keep(state, mark, done, tallies)
                    saved = time.monotonic()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return tallies


def _kept(state: Path, mark: str, orders: int) -> tuple[int, list[Tally]]:
    """What an earlier run of the same code has done; a damaged or another state is nothing."""
    try:
        stored = json.loads(state.read_text("utf-8"))
        if stored["mark"] == mark:
            return stored["done"], [Tally(**entry) for entry in stored["tallies"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, [Tally() for _ in range(orders)]


def _keep(state: Path, mark: str, done: int, tallies: list[Tally]) -> None:
    # Python's own Infinity in JSON is fine here: no one else reads this file.
    write(state, json.dumps({"mark": mark, "done": done, "tallies": [dataclasses.asdict(t) for t in tallies]}))
