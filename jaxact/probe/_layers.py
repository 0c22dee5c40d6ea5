"""Products with weights: which layer computes a value, and which axes of it are units."""

from collections.abc import Callable
from typing import Any

from .._jaxprs import PRODUCTS, bodies, scan_parts
from ._elementwise import number_of
from ._graph import Graph, Value

SHAPE_CHANGES = frozenset(
    """broadcast_in_dim reshape squeeze expand_dims transpose slice dynamic_slice gather rev concatenate stack pad copy
    copy_p convert_element_type stop_gradient optimization_barrier reduce_precision pvary pcast sharding_constraint
    mesh_cast reshard""".split()  # noqa: SIM905
)
POOLS = frozenset("reduce_window_max reduce_window_sum reduce_window reduce_window_min".split())  # noqa: SIM905


class Layers:
    """The products of a graph that have a weight as one operand, and the other values that depend on data."""

    def __init__(self, graph: Graph, is_parameter: Callable[[Value], bool]):
        self.users = graph.users()
        self.data: set[Value] = set()
        self._axes: dict[Value, tuple[int, ...] | None] = {}
        for value in graph.values:
            is_start = value.operation in ("input", "constant") and not is_parameter(value)
            carried = value.operation == "argument" and _is_carried(value)
            if (is_start and number_of(value) is None) or carried or any(v in self.data for v in value.inputs):
                self.data.add(value)
        self.products = [v for v in graph.values if v.operation in PRODUCTS and self.weight(v) is not None]

    def weight(self, product: Value) -> Value | None:
        """The operand that is computed from parameters alone, if the other one is not."""
        weights = [operand for operand in product.inputs[:2] if operand not in self.data]
        return weights[0] if len(weights) == 1 else None

    def unit_axes(self, value: Value) -> tuple[int, ...]:
        """The axes along which a value has one element per unit; the others are examples."""
        axes = self._find_axes(value, 0)
        return axes if axes is not None else (len(value.shape) - 1,) if value.shape else ()

    def _find_axes(self, value: Value, depth: int) -> tuple[int, ...] | None:
        if value not in self._axes:
            self._axes[value] = None if depth > 200 else self._axes_of(value, depth + 1)
        return self._axes[value]

    def _axes_of(self, value: Value, depth: int) -> tuple[int, ...] | None:
        if value.operation in PRODUCTS:
            weight = self.weight(value)
            return None if weight is None else _free_axes(value, value.inputs.index(weight))
        if not value.inputs or value.operation == "argument":
            return None
        if value.operation in ("transpose", "broadcast_in_dim", "reshape", "squeeze", "expand_dims"):
            axes = self._find_axes(value.inputs[0], depth)
            return None if axes is None else _moved(value, axes)
        for operand in value.inputs:
            if len(operand.shape) == len(value.shape) and operand in self.data:
                axes = self._find_axes(operand, depth)
                if axes is not None and all(operand.shape[a] == value.shape[a] for a in axes):
                    return axes
        return None

    def product_before(self, value: Value) -> Value | None:
        """The product that a value is computed from, by a bias, norms and changes of shape only."""
        for _ in range(200):
            if value.operation in PRODUCTS:
                return value if self.weight(value) is not None else None
            operands = [v for v in value.inputs if v in self.data]
            if value.operation not in SHAPE_CHANGES | POOLS and len(operands) > 1:
                full = [v for v in operands if v.shape == value.shape and not _is_broadcast(v)]
                operands = list(dict.fromkeys(full))
            if len(operands) != 1 or value.operation in ("scan", "while", "cond"):
                return None
            (value,) = operands
        return None


def _is_carried(argument: Value) -> bool:
    """Whether an argument is what a scan carries from step to step."""
    if argument.eqn.primitive.name != "scan":
        return False
    constants, carried, _ = scan_parts(argument.eqn, next(bodies(argument.eqn)))
    return constants <= argument.number < constants + carried


def next_argument(result: Value) -> Value | None:
    """What a result of a scan is in the next step, if it is carried."""
    constants, carried, _ = scan_parts(result.eqn, next(bodies(result.eqn)))
    return result.body.inputs[constants + result.number] if result.body and result.number < carried else None


def _is_broadcast(value: Value) -> bool:
    """Whether a value is a smaller one that was broadcast, as the mean in a norm is."""
    while value.operation in ("convert_element_type", "stop_gradient") and value.inputs:
        value = value.inputs[0]
    return value.operation == "broadcast_in_dim"


def _free_axes(product: Value, operand: int) -> tuple[int, ...]:
    """The axes of a product that come from one of its operands."""
    numbers: Any = product.params["dimension_numbers"]
    if product.operation == "conv_general_dilated":
        return (numbers.out_spec[1],)
    (contracting, batch), shapes = numbers, [v.shape for v in product.inputs[:2]]
    free = [len(shape) - len(contracting[i]) - len(batch[i]) for i, shape in enumerate(shapes)]
    first = len(batch[0]) + (free[0] if operand else 0)
    return (*range(len(batch[0])), *range(first, first + free[operand]))


def _moved(value: Value, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Where axes of the operand are in the result of a change of shape."""
    before, after, params = value.inputs[0].shape, value.shape, value.params
    if value.operation == "transpose":
        return tuple(sorted(params["permutation"].index(axis) for axis in axes))
    if value.operation == "broadcast_in_dim":
        return tuple(params["broadcast_dimensions"][axis] for axis in axes)
    if value.operation == "squeeze":
        kept = [axis for axis in range(len(before)) if axis not in params["dimensions"]]
        return tuple(kept.index(axis) for axis in axes if axis in kept)
    starts = _starts(before), _starts(after)
    found = []
    for axis in axes:
        matches = [a for a in range(len(after)) if (after[a], starts[1][a]) == (before[axis], starts[0][axis])]
        if not matches:
            return None
        found.append(matches[-1])
    return tuple(found)


def _starts(shape: tuple[int, ...]) -> list[int]:
    """The number of elements in all axes before each axis."""
    starts = [1]
    for size in shape:
        starts.append(starts[-1] * size)
    return starts
