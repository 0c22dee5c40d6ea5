"""What looks like an activation and is none: parts of norms, losses, random numbers and updates by an optimiser."""

from pathlib import PurePath
from typing import Any

from ._elementwise import is_elementwise_or_shape, number_of
from ._graph import Graph, Place, Value, function_file
from ._layers import PRODUCTS, SHAPE_CHANGES, Layers, next_argument

_LOSSES = ("cross_entropy_from_logits", "binary_cross_entropy_from_logits", "entropy_from_logits", "kl_from_logits")
_LIMITS = ("relu", "leaky_relu", "hard_tanh", "relu6", "select_n", "exponential")
"""What norms do to statistics."""
_IN_LOSSES = ("relu", "softplus", "log_sigmoid", "leaky_relu", "smelu", "hard_tanh")
"""What losses do to a difference or a product of prediction and target."""
_LOGARITHMS = ("log_sigmoid", "log_softmax")
_SUMS = ("psum", "pmean", "psum_invariant", "all_gather")


class NoActivations:
    """What of a program cannot be an activation of a net."""

    def __init__(self, graph: Graph, layers: Layers):
        self.layers = layers
        self.places: list[Place] = [call.place for call in graph.calls if _is_loss_or_random(call.name, call.eqn)]
        self.updates = _updates(graph)
        carried = {argument: output for argument, output in _carried(graph).items() if output not in self.updates}
        self._inputs = _inputs(graph, carried)
        self._has_inputs = bool(graph.inputs)
        self._before_layers = self._find_before_layers(graph, carried)
        self._raw_inputs = sum(1 << v.number for v in graph.inputs if v in layers.data)
        self._after_products = _after_products(graph, carried)

    def has(self, start: Value, end: Value, activation: str, call: Any) -> bool:
        """Whether what leads from one value to another is no activation."""
        return (
            end in self.updates
            or (self._has_inputs and not self._inputs.get(start))
            or (call is None and activation in _LIMITS and is_statistic(end))
            or (activation == "softplus" and _is_minus_abs(start))
            or self._is_in_loss(start, end, activation)
        )

    def _is_in_loss(self, start: Value, end: Value, activation: str) -> bool:
        """Whether a target is compared with a prediction just before or just behind, and no layer follows."""
        if end in self._before_layers:
            return False
        return (
            (activation in _IN_LOSSES and self._compares(start))
            or (activation in _LOGARITHMS and self._meets_other_inputs(start, end))
            or (activation == "relu" and self._is_part_of_cross_entropy(start, end))
        )

    def _compares(self, value: Value, depth: int = 0) -> bool:
        """1 - y * t, or y - t: a prediction and a target that no layer has touched."""
        if depth > 12 or not (value.operation == "argument" or is_elementwise_or_shape(value)):
            return False
        operands = [v for v in value.inputs if number_of(v) is None]
        is_comparison = value.operation in ("mul", "sub") and len(operands) == 2
        if is_comparison and (self._is_target(*operands) or self._is_target(*operands[::-1])):
            return True
        return any(self._compares(operand, depth + 1) for operand in operands)

    def _is_target(self, value: Value, prediction: Value) -> bool:
        """Whether a value comes from inputs that are no parameters, without layers, and the prediction from others."""
        own, others = self._inputs.get(value, 0), self._inputs.get(prediction, 0)
        is_raw = not own & ~self._raw_inputs and value not in self._after_products
        return is_raw and bool(own) and bool(others) and not own & others

    def _meets_other_inputs(self, start: Value, end: Value) -> bool:
        """Whether it is next combined with inputs that it does not depend on, as labels are."""
        own, waiting, seen = self._inputs.get(start, 0), [end], set[Value]()
        while waiting:
            value = waiting.pop()
            for user in self.layers.users.get(value, []):
                if user in seen or user in self.updates:
                    continue
                seen.add(user)
                others = [v for v in user.inputs if v is not value and number_of(v) is None]
                if any(self._inputs.get(v, 0) & self._raw_inputs & ~own for v in others):
                    return True
                if is_elementwise_or_shape(user) or user.operation in SHAPE_CHANGES:
                    waiting.append(user)
        return False

    def _is_part_of_cross_entropy(self, start: Value, end: Value) -> bool:
        """max(z, 0) - z * t"""
        for user in self.layers.users.get(end, []):
            for other in user.inputs if user.operation in ("add", "sub") else ():
                if other.operation == "mul" and start in other.inputs and self._compares(other):
                    return True
        return False

    def _find_before_layers(self, graph: Graph, carried: dict[Value, Value]) -> set[Value]:
        """The values from which a layer computes something, in the forward pass."""
        goes_on: dict[Value, list[Value]] = {}
        """What the outputs of bodies are outside, and in the next step of a loop."""
        for result in graph.values:
            for body in result.bodies:
                goes_on.setdefault(body.outputs[result.number], []).append(result)
        for argument, output in carried.items():
            goes_on[output].append(argument)
        found: set[Value] = set()
        for _ in range(2):  # twice for what a loop carries
            for value in reversed(graph.values):
                followers = (*self.layers.users.get(value, []), *goes_on.get(value, []))
                if any(self._is_layer(v) or v in found for v in followers if v not in self.updates):
                    found.add(value)
        return found

    def _is_layer(self, value: Value) -> bool:
        return value.operation in PRODUCTS and self.layers.weight(value) is not None


def is_statistic(value: Value, depth: int = 0) -> bool:
    """Whether a value is computed from sums alone, as the variance in a norm is."""
    if value.operation in _SUMS or (value.operation.startswith("reduce_") and value.operation != "reduce_precision"):
        return True
    operands = [v for v in value.inputs if number_of(v) is None]
    return (
        bool(operands)
        and depth < 30
        and is_elementwise_or_shape(value)
        and all(is_statistic(v, depth + 1) for v in operands)
    )


def _is_minus_abs(value: Value) -> bool:
    """Whether softplus is the part of one, log1p(exp(-abs(x))), which stands beside max(x, 0)."""
    return value.operation == "neg" and value.inputs[0].operation == "abs"


def is_backward(value: Value) -> bool:
    """Whether a value belongs to a backward pass, by the name stack."""
    return "transpose(" in value.stack


def _is_loss_or_random(name: str, eqn: Any) -> bool:
    file = PurePath(function_file(eqn))
    return name in _LOSSES or (file.parts[-3:-1] == ("_src", "random") or file.parts[-2:] == ("_src", "random.py"))


def _updates(graph: Graph) -> set[Value]:
    """Gradients, and what an optimiser computes from them and its state; not what a layer computes with new weights."""
    updates, forward = set[Value](), set[Value]()
    for value in graph.values:
        if is_backward(value):
            updates.add(value)
        elif value.operation in PRODUCTS or any(v in forward for v in value.inputs):
            forward.add(value)
        elif any(v in updates for v in value.inputs):
            updates.add(value)
    return updates


def _carried(graph: Graph) -> dict[Value, Value]:
    """What the arguments of scans are in later steps."""
    carried = {}
    for result in graph.values:
        if result.operation == "scan" and result.body and (argument := next_argument(result)) is not None:
            carried[argument] = result.body.outputs[result.number]
    return carried


def _inputs(graph: Graph, carried: dict[Value, Value]) -> dict[Value, int]:
    """On which inputs of the program each value depends, as bits."""
    inputs = {value: 1 << value.number for value in graph.inputs}
    for _ in range(2):  # twice for what a loop carries
        for value in graph.values:
            for operand in (*value.inputs, carried.get(value, value)):
                inputs[value] = inputs.get(value, 0) | inputs.get(operand, 0)
    return inputs


def _after_products(graph: Graph, carried: dict[Value, Value]) -> set[Value]:
    found: set[Value] = set()
    for _ in range(2):
        for value in graph.values:
            operands = (*value.inputs, carried.get(value, value))
            if value.operation in PRODUCTS or any(v in found for v in operands):
                found.add(value)
    return found
