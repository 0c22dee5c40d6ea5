"""The evaluation of a program that records something at its activation sites, through calls, loops and branches."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from jax.sharding import PartitionSpec

from .._jaxprs import CALLS, bind, bodies, scan_parts
from ._graph import Place, Value
from ._statistics import nothing

Records = dict[int, Any]
"""What was recorded, by the number of the site."""
Key = tuple[str, Place, int]


class Watched(NamedTuple):
    """A site as the evaluation sees it."""

    start: Value
    end: Value
    call: Place | None
    """The place of the call that is the site, if it is one."""


class Evaluation:
    """One evaluation of a program.

    Args:
        sites: where something is done, by number.
        record: record(number, x, y, operands) is what is kept of a site, of its input x, its output y and the operands
            of the call that it is.
        replace: replace(number, x, y, operands) is the value to compute on with, in place of the output y.
        watch: watch(number, which, value, accumulator) is the value to compute on with in place of the input
            (which = 0) or the output (1) of a site, for those with an accumulator.
    """

    def __init__(
        self,
        sites: Mapping[int, Watched],
        record: Callable[[int, Any, Any, Any], Any] | None = None,
        replace: Callable[[int, Any, Any, Any], Any] | None = None,
        watch: Callable[[int, int, Any, Any], Any] | None = None,
    ):
        self.sites, self.record, self.replace, self.watch = sites, record, replace, watch
        self.starts: dict[Key, list[int]] = {}
        self.ends: dict[Key, list[int]] = {}
        self.calls = {site.call for site in sites.values() if site.call is not None}
        self.inside: set[Place] = set()
        for number, site in sites.items():
            self.starts.setdefault(_key(site.start), []).append(number)
            self.ends.setdefault(_key(site.end), []).append(number)
            for value in (site.start, site.end):
                self.inside |= {value.place[:i] for i in range(1, len(value.place))}
                self.inside |= {value.scope[:i] for i in range(1, len(value.scope) + 1)}

    def run(self, closed: ClosedJaxpr, inputs: Sequence[Any], accumulators: Records) -> tuple[list[Any], Records]:
        """The outputs of the program and the records of its sites."""
        return self._run_scope(closed, inputs, (), "input", accumulators)

    def _run_scope(
        self, closed: ClosedJaxpr, inputs: Sequence[Any], place: Place, kind: str, accumulators: Records
    ) -> tuple[list[Any], Records]:
        frame = _Frame({}, {}, {}, accumulators)
        arrived = [self._arrive((kind, place, i), x, frame) for i, x in enumerate(inputs)]
        outputs = self._run_body(closed.jaxpr, closed.consts, arrived, place, frame)
        return outputs, frame.records

    def _run_body(
        self, jaxpr: Jaxpr, constants: Sequence[Any], inputs: Sequence[Any], place: Place, frame: "_Frame"
    ) -> list[Any]:
        known: dict[Any, Any] = dict(zip(jaxpr.constvars, constants, strict=True))
        known |= zip(jaxpr.invars, inputs, strict=True)

        def look_up(variables: Sequence[Any]) -> list[Any]:
            return [v.val if isinstance(v, Literal) else known[v] for v in variables]

        for index, eqn in enumerate(jaxpr.eqns):
            here, operands = (*place, index), look_up(eqn.invars)
            if here in self.calls:
                frame.operands[here] = operands
            if here not in self.inside:
                results = bind(eqn, operands)
            elif eqn.primitive.name in CALLS:
                body = next(bodies(eqn))
                results = self._run_body(body.jaxpr, body.consts, operands, here, frame)
            else:
                results = self._run_inner(eqn, operands, here, frame)
            results = [self._arrive(("result", here, i), value, frame) for i, value in enumerate(results)]
            known |= zip(eqn.outvars, results, strict=True)
        return look_up(jaxpr.outvars)

    def _arrive(self, key: Key, value: Any, frame: "_Frame") -> Any:
        """Record what is to be recorded of a value, and return the value to compute on with."""
        for number in self.ends.get(key, ()):
            site = self.sites[number]
            x = value if site.start is site.end else frame.inputs[_key(site.start)]
            operands = frame.operands.get(site.call or ())
            if self.record is not None:
                frame.records[number] = self.record(number, x, value, operands)
            if self.replace is not None:
                value = self.replace(number, x, value, operands)
            if self.watch is not None and number in frame.accumulators:
                value = self.watch(number, 1, value, frame.accumulators[number])
        if key in self.starts:
            for number in self.starts[key] if self.watch is not None else ():
                if number in frame.accumulators and self.watch is not None:
                    value = self.watch(number, 0, value, frame.accumulators[number])
            frame.inputs[key] = value
        return value

    def _run_inner(self, eqn: Any, operands: list[Any], place: Place, frame: "_Frame") -> list[Any]:
        """The results of an equation with sites inside; what they record is added to the records."""
        run = _INNER.get(eqn.primitive.name)
        if run is None:
            return bind(eqn, operands)
        numbers = [n for n, site in self.sites.items() if site.end.scope[: len(place)] == place]
        accumulators = {n: frame.accumulators[n] for n in numbers if n in frame.accumulators}
        results, records = run(self, eqn, operands, place, accumulators)
        frame.records.update(records)
        return list(results)


class _Frame(NamedTuple):
    """What is known while the body of a program or of a scope runs."""

    inputs: dict[Key, Any]
    operands: dict[Place, Any]
    records: Records
    accumulators: Records


def _key(value: Value) -> Key:
    if value.operation == "input":
        return ("input", (), value.number)
    return ("argument" if value.operation == "argument" else "result", value.place, value.number)


Inner = tuple[Sequence[Any], Records]


def _checkpoint(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    body = next(bodies(eqn))

    def run(operands: list[Any], accumulators: Records) -> Inner:
        return e._run_scope(body, operands, place, "argument", accumulators)

    params = {name: eqn.params[name] for name in ("policy", "prevent_cse") if name in eqn.params}
    return jax.checkpoint(run, **params)(operands, accumulators)


def _custom_jvp(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    """The derivative stays that of the function; what is recorded inside has none.

    With other activations inside, the rule would be that of the old ones: the body is differentiated.
    """
    body = next(bodies(eqn))
    if e.replace is not None:
        return e._run_scope(body, operands, place, "argument", accumulators)

    @jax.custom_jvp
    def run(*operands: Any) -> Inner:
        return e._run_scope(body, operands, place, "argument", {})

    @run.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        results, records = run(*primals)
        _, changes = jax.jvp(lambda *operands: bind(eqn, operands), primals, tangents)
        return (results, records), (changes, jax.tree.map(jnp.zeros_like, records))

    return run(*operands)


def _custom_vjp(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    body = next(bodies(eqn))
    if e.replace is not None:
        return e._run_scope(body, operands, place, "argument", accumulators)

    @jax.custom_vjp
    def run(*operands: Any) -> Inner:
        return e._run_scope(body, operands, place, "argument", {})

    def forward(*operands: Any) -> Any:
        results, pullback = jax.vjp(lambda *operands: bind(eqn, operands), *operands)
        return (results, run(*operands)[1]), pullback

    run.defvjp(forward, lambda pullback, cotangents: pullback(list(cotangents[0])))
    return run(*operands)


def _scan(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    """The records are stacked over the steps."""
    body = next(bodies(eqn))
    constants, carried, _ = scan_parts(eqn, body)
    first, last = constants, constants + carried

    def step(carry: list[Any], slices: Any) -> Any:
        slices, accumulators = slices
        results, records = e._run_scope(body, [*operands[:first], *carry, *slices], place, "argument", accumulators)
        return results[:carried], (results[carried:], records)

    params = {
        name: eqn.params[name] for name in ("length", "reverse", "unroll", "_split_transpose") if name in eqn.params
    }
    carry, (stacked, records) = lax.scan(step, operands[first:last], (operands[last:], accumulators), **params)
    return [*carry, *stacked], records


def _cond(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    """The sites of the branches that are not taken record nothing: their counts are 0."""
    index, *rest = operands

    def branch(number: int, body: ClosedJaxpr) -> Callable[..., Inner]:
        return lambda *rest: e._run_scope(body, rest, (*place, number), "argument", accumulators)

    branches = [branch(number, body) for number, body in enumerate(bodies(eqn))]
    shapes: Records = {}
    for run in branches:
        shapes |= jax.eval_shape(run, *rest)[1]

    def complete(run: Callable[..., Inner]) -> Callable[..., Inner]:
        def all_records(*rest: Any) -> Inner:
            results, records = run(*rest)
            return results, {n: records.get(n, nothing(shape)) for n, shape in shapes.items()}

        return all_records

    return lax.switch(index, [complete(run) for run in branches], *rest)


def _shard_map(e: Evaluation, eqn: Any, operands: list[Any], place: Place, accumulators: Records) -> Inner:
    """Each device records its own part: the records are stacked over the devices."""
    body, params = next(bodies(eqn)), eqn.params
    mesh = params["mesh"]
    axes = tuple(axis for axis in mesh.axis_names if axis in params.get("manual_axes", mesh.axis_names))
    stacked = PartitionSpec(axes)

    def run(operands: Sequence[Any], accumulators: Records) -> Inner:
        own = jax.tree.map(lambda leaf: leaf[0], accumulators)
        results, records = e._run_scope(body, operands, place, "argument", own)
        return tuple(results), jax.tree.map(lambda leaf: varying(leaf, axes)[None], records)

    mapped = jax.shard_map(
        run,
        mesh=mesh,
        in_specs=(tuple(params["in_specs"]), stacked),
        out_specs=(tuple(params["out_specs"]), stacked),
        axis_names=set(axes),
        check_vma=params.get("check_vma", False),
    )
    return mapped(tuple(operands), accumulators)


def varying(leaf: Any, axes: Iterable[str]) -> Any:
    """The array marked, within shard_map, as one that differs between devices along these axes of the mesh."""
    missing = tuple(axis for axis in axes if axis not in varying_axes(jax.typeof(leaf)))
    return lax.pcast(leaf, missing, to="varying") if missing else leaf


def varying_axes(shape: Any) -> frozenset[str]:
    """The axes of a mesh along which an array of this type, or shape, differs between devices."""
    manual = getattr(shape, "manual_axis_type", None)
    return getattr(shape, "vma", None) or getattr(manual, "varying", frozenset())


_INNER: dict[str, Callable[..., Inner]] = {
    **dict.fromkeys(("checkpoint", "remat", "remat2"), _checkpoint),
    "custom_jvp_call": _custom_jvp,
    "custom_vjp_call": _custom_vjp,
    "custom_vjp_call_jaxpr": _custom_vjp,
    "scan": _scan,
    "cond": _cond,
    "shard_map": _shard_map,
}
