"""Activation sites: where a program applies an activation, by its name, its values or its form."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._facts import CATALOGUE
from .._jaxprs import bodies, has_product
from ._elementwise import POINTS, Chains, activation_between, is_linear, number_of, values_on
from ._graph import Call, Graph, Place, Value
from ._layers import Layers
from ._no_activations import NoActivations, is_backward, is_statistic

ROWS = frozenset(
    "softmax log_softmax softmin softmax1 gumbel_softmax sparsemax entmax15 entmax".split()  # noqa: SIM905
)
"""Functions whose rows are probabilities, or their logarithms."""
_GATES = ("glu", "reglu", "geglu", "swiglu", "bilinear", "maxout", "crelu")
ALIASES = {"hard_swish": "hard_silu", "swish": "silu", "gelu_tanh": "gelu"}
_BENDS = frozenset(("select_n", "exp", "sin", "cos"))
"""Operations that are reported by their own name behind a layer."""
_SEEDS = _BENDS | frozenset("tanh logistic erf erfc max atan abs div gt ge lt le".split())  # noqa: SIM905
"""Operations without which a chain is no activation."""
_ALONE = {"tanh": "tanh", "logistic": "sigmoid", "erf": "erf", "erfc": "erfc"}
"""Operations that are activations whatever they are part of."""
_NO_NETS = ("identity", "step", "logsumexp", "logmeanexp")
"""Of the CATALOGUE, what is used for other things than activations."""
_GUARDS = {"add": 1e-4, "max": 1}
"""At most what is added to a sum of exponentials, or its least value, so that it is not 0. After x - max(x) it is 1."""
_PASSED_THROUGH = frozenset(
    ["abs", "broadcast_in_dim", "reshape", "convert_element_type", "stop_gradient", "squeeze", "expand_dims"]
)


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
    no_activations = NoActivations(graph, layers)
    found: list[Found] = []
    claimed = _Claimed(no_activations.places)
    for search in (_tags, _named, _written_softmaxes, _written_log_softmaxes, _written_prelus, _written):
        for site in search(graph, layers, claimed):
            claimed.places.update(site.inside)
            found.append(site)
    sites = [f for f in found if f.kind == "tag" or not no_activations.has(f.start, f.end, f.activation, f.call)]
    return sorted(sites, key=lambda site: site.end.place)


class _Claimed:
    """The places that belong to sites, or to what has none."""

    def __init__(self, places: list[Place]):
        self.places = set(places)

    def __contains__(self, place: Place) -> bool:
        return any(place[:length] in self.places for length in range(1, len(place) + 1))

    def contain_part_of(self, place: Place) -> bool:
        """Whether something at a place below this one is claimed."""
        return any(inside[: len(place)] == place for inside in self.places)


def _tags(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    for value in graph.values:
        if value.operation == "name" and value.is_float:
            yield Found(value.inputs[0], value, value.params["name"], "tag")


def _named(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    """Calls of functions that have the name and the form of an activation."""
    for call in sorted(graph.calls, key=lambda call: (len(call.place), call.place)):
        if call.name not in CATALOGUE or call.name in _NO_NETS or call.place in claimed:
            continue
        if "transpose(" in str(call.eqn.source_info.name_stack) or has_product(call.eqn):
            continue
        if (site := _site_of_call(call, call.name)) is not None:
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
        return Found(same[0], end, ALIASES.get(name, name), "elementwise") if len(same) == 1 else None
    if name in ROWS:
        return Found(same[0], end, name, "rows", _row_axes(call.eqn)) if len(same) == 1 else None
    return Found(arrays[0], end, name, "other") if name in _GATES else None


def _row_axes(eqn: Any) -> tuple[int, ...]:
    """The axes of the first reduction in a call."""
    for body in bodies(eqn):
        for inner in body.jaxpr.eqns:
            if inner.primitive.name.startswith("reduce_"):
                return tuple(map(int, inner.params["axes"]))
            if axes := _row_axes(inner):
                return axes
            if inner.primitive.name in ("sort", "top_k", "approx_top_k"):
                return (inner.params.get("dimension", inner.params.get("axis", -1)),)
    return ()


def _written_softmaxes(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    """exp(x - max(x)) / sum(exp(x - max(x)))"""
    for value in graph.values:
        if value.operation not in ("div", "mul") or value.place in claimed:
            continue
        power, total = _uncast(value.inputs[0]), _through(value.inputs[1])
        if value.operation == "mul" and total.operation in ("div", "integer_pow"):
            total = _through(total.inputs[-1])
        if _is_sum_of(total, power):
            inside = [value.place, power.place, power.inputs[0].place, total.place]
            yield Found(_before_shift(power.inputs[0]), value, "softmax", "rows", _axes(total), inside)


def _written_log_softmaxes(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    """s - log(sum(exp(s))) for s = x - max(x), or x - logsumexp(x)"""
    for value in graph.values:
        if value.operation != "sub" or value.place in claimed:
            continue
        start, logarithm = _uncast(value.inputs[0]), _through(value.inputs[1])
        if logarithm.operation == "add":  # log(sum(exp(x - max(x)))) + max(x)
            logarithm = next((v for v in map(_through, logarithm.inputs) if v.operation == "log"), logarithm)
        if logarithm.operation != "log":
            continue
        total = _through(logarithm.inputs[0])
        if total.operation != "reduce_sum" or (power := _through(total.inputs[0])).operation != "exp":
            continue
        if _same(power.inputs[0], start) or _same(_before_shift(power.inputs[0]), start):
            inside = [value.place, power.place, power.inputs[0].place, total.place, logarithm.place]
            yield Found(_before_shift(start), value, "log_softmax", "rows", _axes(total), inside)


def _same(a: Value, b: Value, depth: int = 4) -> bool:
    """Whether two values are the same, or computed in the same way."""
    if a is b or depth == 0:
        return a is b
    numbers = number_of(a), number_of(b)
    if numbers != (None, None):
        return numbers[0] == numbers[1]
    is_alike = a.operation == b.operation and a.inputs and len(a.inputs) == len(b.inputs) and a.shape == b.shape
    return bool(is_alike) and all(_same(v, w, depth - 1) for v, w in zip(a.inputs, b.inputs, strict=True))


def _is_sum_of(total: Value, power: Value) -> bool:
    """Whether one value is the sum of another, which is an exponential; both may have the same mask."""
    if power.operation != "exp" or total.operation != "reduce_sum":
        return False
    summed = _through(total.inputs[0])
    if summed.operation == "select_n" and _has_mask(_before_shift(power.inputs[0]), summed.inputs[0]):
        summed = next((case for case in summed.inputs[1:] if number_of(case) is None), summed)
    return _same(summed, power)


def _has_mask(scores: Value, mask: Value) -> bool:
    """Whether scores are so low where they are masked that their exponentials are 0."""
    numbers = [number for v in scores.inputs[1:] if (number := number_of(v)) is not None]
    return scores.operation == "select_n" and _same(scores.inputs[0], mask) and any(n < -1e4 for n in numbers)


def _axes(total: Value) -> tuple[int, ...]:
    return tuple(map(int, total.params["axes"]))


def _before_shift(value: Value) -> Value:
    """x for x - max(x), or any other x - c with one c for each row"""
    return value.inputs[0] if value.operation == "sub" and is_statistic(value.inputs[1]) else value


def _uncast(value: Value) -> Value:
    """The value before a change of type, if that is an exponential or a difference of one."""
    return _through(value) if value.operation == "convert_element_type" else value


def _through(value: Value) -> Value:
    """The value before changes of shape and type, and small numbers that keep it from being 0."""
    while True:
        operands = [v for v in value.inputs if number_of(v) is None]
        numbers = [number_of(v) for v in value.inputs if v not in operands]
        is_guard = value.operation in _GUARDS and all(number <= _GUARDS[value.operation] for number in numbers)
        if len(operands) != 1 or not (value.operation in _PASSED_THROUGH or is_guard):
            return value
        (value,) = operands


def _written_prelus(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    """x where x > 0, else alpha * x, with an alpha that is no number"""
    for value in graph.values:
        if value.operation != "select_n" or value.place in claimed or not value.is_float:
            continue
        condition, below, above = value.inputs[0], *value.inputs[1:3]
        product, start = (below, above) if below.operation == "mul" else (above, below)
        if condition.operation not in ("gt", "ge", "lt", "le") or product.operation != "mul" or is_backward(value):
            continue
        alphas = [v for v in product.inputs if v is not start]
        if start in condition.inputs and len(alphas) == 1 and number_of(alphas[0]) is None:
            yield Found(start, value, "prelu", "elementwise", (), [value.place, condition.place, product.place])


def _written(graph: Graph, layers: Layers, claimed: _Claimed) -> Iterator[Found]:
    """Chains of elementwise operations whose values are those of an activation; else single operations that bend."""
    free = [v for v in graph.values if v.operation in ("input", "constant") or v.place not in claimed]
    chains = Chains([v for v in free if not v.bodies or not claimed.contain_part_of(v.place)])
    for root, members in sorted(chains.members.items(), key=lambda item: (len(item[0].scope), item[0].place)):
        if not any(v.operation in _SEEDS or v.bodies for v in members):
            continue
        taken: set[Value] = set()
        for site in (*_by_values(chains, root, members, layers, taken), *_by_operation(root, members, layers, taken)):
            if site.end.place not in claimed:
                yield site


def _by_values(chains: Chains, root: Value, members: list[Value], layers: Layers, taken: set[Value]) -> Iterator[Found]:
    """The longest parts of a chain that are activations, from its end."""
    for end in reversed(members):
        if end in taken or not _may_end(root, end, layers):
            continue
        for start in chains.dominators(end):
            name = activation_between(start, end) if start.is_float else ""
            if name and not (name == "sine" and _is_encoding(root, members, layers)):
                inside = _between(start, end)
                taken.update(inside)
                yield Found(start, end, ALIASES.get(name, name), "elementwise", (), [v.place for v in inside])
                break


def _by_operation(root: Value, members: list[Value], layers: Layers, taken: set[Value]) -> Iterator[Found]:
    """What bends in the rest of a chain: tanh wherever it stands, exp and select behind a layer."""
    behind_layer = root in layers.data and layers.product_before(root) is not None
    for value in members:
        if value in taken or not _may_end(root, value, layers):
            continue
        start = next(v for v in value.inputs if number_of(v) is None)
        name = _ALONE.get(value.operation, "")
        if value.operation == "max" and 0 in [number_of(v) for v in value.inputs]:
            name = "relu"
        elif not name and value.operation in _BENDS and behind_layer and not _is_summed(value, layers):
            values = values_on(POINTS, root, value)
            bends = values is not None and len(np.unique(values)) > 3 and not is_linear(values)  # a mask has 2
            if bends and not _is_encoding(root, members, layers):
                name, start = {"exp": "exponential"}.get(value.operation, value.operation), root
        if name and start.is_float:
            taken.add(value)
            yield Found(start, value, name, "elementwise", (), [value.place])


def _may_end(root: Value, value: Value, layers: Layers) -> bool:
    """Whether a value may be the output of an activation."""
    return value.is_float and not (is_backward(value) or _is_clip(root, value, layers))


def _is_clip(root: Value, value: Value, layers: Layers) -> bool:
    """Whether values that come from no layer are limited from below and next from above."""
    users = layers.users.get(value, [])
    is_limited = bool(users) and all(user.operation == "min" for user in users)
    return value.operation == "max" and is_limited and layers.product_before(root) is None


def _is_summed(value: Value, layers: Layers) -> bool:
    """Whether an exponential goes into a sum, as in logsumexp."""
    return value.operation == "exp" and any(user.operation == "reduce_sum" for user in layers.users.get(value, []))


def _is_encoding(root: Value, members: list[Value], layers: Layers) -> bool:
    """Whether sines are those of positions or frequencies: not of a layer, or beside cosines."""
    operations = {v.operation for v in members}
    return layers.product_before(root) is None or {"sin", "cos"} <= operations


def _between(start: Value, end: Value) -> list[Value]:
    """What a value is computed from, from another value on."""
    order: dict[Value, None] = {}

    def visit(value: Value) -> None:
        if value is not start and value not in order and number_of(value) is None:
            for operand in value.inputs:
                visit(operand)
            order[value] = None

    visit(end)
    return list(order)
