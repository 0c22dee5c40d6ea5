"""Activation sites: where a program applies an activation, by its name, its values or its form."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .._facts import CATALOGUE
from ._elementwise import POINTS, Chains, is_elementwise_or_shape, is_linear, name_of, number_of, values_on
from ._graph import Call, Graph, Place, Value, bodies
from ._layers import PRODUCTS, Layers

ROWS = frozenset(
    "softmax log_softmax softmin softmax1 gumbel_softmax sparsemax entmax15 entmax".split()  # noqa: SIM905
)
"""Functions whose rows are probabilities, or their logarithms."""
_ALIASES = {"hard_swish": "hard_silu", "swish": "silu", "gelu_tanh": "gelu"}
_SEEDS = frozenset("tanh logistic erf erfc max select_n exp sin cos".split())  # noqa: SIM905
_ALONE = {"tanh": "tanh", "logistic": "sigmoid", "erf": "erf", "erfc": "erfc"}
"""Operations that are activations whatever they are part of."""
_PASSED_THROUGH = frozenset("broadcast_in_dim reshape convert_element_type stop_gradient squeeze expand_dims".split())  # noqa: SIM905


@dataclass(eq=False)
class Found:
    """An activation in a program: from its input to its output."""

    start: Value
    end: Value
    activation: str
    kind: str
    """"elementwise", "rows", "other" (a gate, maxout: no slope), or "tag"."""
    axes: tuple[int, ...] = ()
    """The axes of a row."""
    inside: list[Place] = field(default_factory=list)
    """The places of what belongs to it."""
    call: Call | None = None
    """The call that it is, if it is one."""


def recognise(graph: Graph, layers: Layers) -> list[Found]:
    """All activation sites in the order of the program."""
    found: list[Found] = []
    for search in (_tags, _named, _written_softmaxes, _written):
        for site in search(graph, layers, found):
            found.append(site)
    return sorted(found, key=lambda site: site.end.place)


def _claimed(place: Place, found: list[Found]) -> bool:
    """Whether a place is inside a site."""
    return any(place[: len(inside)] == inside for site in found for inside in site.inside)


def _tags(graph: Graph, layers: Layers, found: list[Found]) -> Iterator[Found]:
    for value in graph.values:
        if value.operation == "name" and value.is_float:
            yield Found(value.inputs[0], value, value.params["name"], "tag")


def _named(graph: Graph, layers: Layers, found: list[Found]) -> Iterator[Found]:
    """Calls of functions that have the name and the form of an activation."""
    for call in sorted(graph.calls, key=lambda call: (len(call.place), call.place)):
        name = call.name
        if name not in CATALOGUE or name in ("identity", "step", "logsumexp", "logmeanexp") or "loss" in name:
            continue
        if _claimed(call.place, found) or "transpose(" in _stack(call) or _has_product(call.eqn):
            continue
        if (site := _site_of_call(call, name)) is not None:
            site.inside.append(call.place)
            site.call = call
            yield site


def _site_of_call(call: Call, name: str) -> Found | None:
    end = call.outputs[0]
    arrays = [v for v in call.inputs if v.is_float and number_of(v) is None]
    if not end.is_float or not arrays:
        return None
    same = [v for v in arrays if v.shape == end.shape]
    if CATALOGUE[name].elementwise:
        return Found(same[0], end, _ALIASES.get(name, name), "elementwise") if len(same) == 1 else None
    if name in ROWS:
        return Found(same[0], end, name, "rows", _row_axes(call.eqn)) if len(same) == 1 else None
    return Found(arrays[0], end, name, "other") if name in ("glu", "reglu", "geglu", "swiglu", "bilinear", "maxout", "crelu") else None


def _stack(call: Call) -> str:
    return str(call.eqn.source_info.name_stack) + call.outputs[0].stack


def _has_product(eqn: Any) -> bool:
    return eqn.primitive.name in PRODUCTS or any(
        _has_product(inner) for body in bodies(eqn) for inner in body.jaxpr.eqns
    )


def _row_axes(eqn: Any) -> tuple[int, ...]:
    """The axes of the first reduction in a call."""
    for body in bodies(eqn):
        for inner in body.jaxpr.eqns:
            if inner.primitive.name.startswith("reduce_"):
                return tuple(inner.params["axes"])
            if axes := _row_axes(inner):
                return axes
            if inner.primitive.name in ("sort", "top_k", "approx_top_k"):
                return (inner.params.get("dimension", inner.params.get("axis", -1)),)
    return ()


def _written_softmaxes(graph: Graph, layers: Layers, found: list[Found]) -> Iterator[Found]:
    """exp(x - max(x)) / sum(exp(x - max(x)))"""
    for value in graph.values:
        if value.operation not in ("div", "mul") or _claimed(value.place, found) or "transpose(" in value.stack:
            continue
        power, total = value.inputs[0], _through(value.inputs[1])
        power = _through(power) if power.operation == "convert_element_type" else power
        if value.operation == "mul" and total.operation in ("div", "integer_pow"):
            total = _through(total.inputs[-1])
        if power.operation != "exp" or total.operation != "reduce_sum" or _through(total.inputs[0]) is not power:
            continue
        start = power.inputs[0]
        if start.operation == "sub" and _through(start.inputs[1]).operation == "reduce_max":
            start = start.inputs[0]
        inside = [value.place, power.place, power.inputs[0].place, total.place]
        yield Found(start, value, "softmax", "rows", tuple(total.params["axes"]), inside)


def _through(value: Value) -> Value:
    """The value before changes of shape and type, and limits from below."""
    while True:
        operands = [v for v in value.inputs if number_of(v) is None]
        if not operands or value.operation not in _PASSED_THROUGH | {"max", "add"} or len(operands) > 1:
            return value
        (value,) = operands


def _written(graph: Graph, layers: Layers, found: list[Found]) -> Iterator[Found]:
    """Chains of elementwise operations whose values are those of an activation; else single operations that bend."""
    found = list(found)
    containing = {site.end.place[:i] for site in found for i in range(1, len(site.end.place))}
    free = [v for v in graph.values if v.operation in ("input", "constant") or not _claimed(v.place, found)]
    chains = Chains([v for v in free if v.body is None or v.place not in containing])
    for root, members in sorted(chains.members.items(), key=lambda item: (len(item[0].scope), item[0].place)):
        if not any(v.operation in _SEEDS or v.body is not None or v.operation in ("abs", "div", "exp") for v in members):
            continue
        for site in _of_chain(chains, root, members, layers):
            if not _claimed(site.end.place, found):
                found.append(site)
                yield site


def _of_chain(chains: Chains, root: Value, members: list[Value], layers: Layers) -> Iterator[Found]:
    taken: set[Value] = set()
    sites = []
    for end in reversed(members):
        if end in taken or not end.is_float or "transpose(" in end.stack:
            continue
        for start in [] if _is_statistic(end) else chains.dominators(end):
            if start.is_float and (name := name_of(values_on(POINTS, start, end), end.type.dtype.itemsize)):
                inside = _between(start, end)
                taken |= set(inside)
                sites.append(Found(start, end, _ALIASES.get(name, name), "elementwise", (), [v.place for v in inside]))
                break
    for value in members:
        if value in taken or "transpose(" in value.stack or not value.is_float or _is_statistic(value):
            continue
        operands = [v for v in value.inputs if number_of(v) is None]
        name = _ALONE.get(value.operation, "")
        if value.operation == "max" and 0 in [number_of(v) for v in value.inputs]:
            name = "relu"
        start = operands[0]
        if not name and value.operation in _SEEDS - {"max"} and layers.is_hidden(root):
            values = values_on(POINTS, root, value)
            if values is not None and not is_linear(values) and root in layers.data:
                name, start = value.operation if value.operation != "exp" else "exponential", root
        if name and start.is_float:
            taken.add(value)
            sites.append(Found(start, value, name, "elementwise", (), [value.place]))
    yield from sites


def _is_statistic(value: Value, depth: int = 0) -> bool:
    """Whether a value is computed from sums alone, as the variance in a norm is."""
    if value.operation.startswith("reduce_") and value.operation != "reduce_precision":
        return True
    operands = [v for v in value.inputs if number_of(v) is None]
    return bool(operands) and depth < 30 and is_elementwise_or_shape(value) and all(_is_statistic(v, depth + 1) for v in operands)


def _between(start: Value, end: Value) -> list[Value]:
    order: list[Value] = []

    def visit(value: Value) -> None:
        if value is not start and value not in order and number_of(value) is None:
            for operand in value.inputs:
                visit(operand)
            order.append(value)

    visit(end)
    return order

