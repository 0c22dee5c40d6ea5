"""Chains of elementwise operations of one value, evaluated by NumPy to see which function they are."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from .._facts import CATALOGUE
from ._graph import Value, bind, read

POINTS = np.linspace(-10, 10, 161)
"""On which functions are compared."""
_CLOSE = {4: (1e-4, 1e-9), 2: (1e-2, 1e-3)}
"""Relative and absolute tolerance by the bytes of the type, to which the constants of a program are rounded."""

_NUMPY: dict[str, Any] = {
    "abs": np.abs, "add": np.add, "and": np.logical_and, "asinh": np.arcsinh, "atan": np.arctan, "atan2": np.arctan2,
    "cbrt": np.cbrt, "ceil": np.ceil, "copy": np.array, "copy_p": np.array, "cos": np.cos, "cosh": np.cosh,
    "div": np.divide, "eq": np.equal, "erf": special.erf, "erfc": special.erfc, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "floor": np.floor, "ge": np.greater_equal, "gt": np.greater, "is_finite": np.isfinite,
    "le": np.less_equal, "log": np.log, "log1p": np.log1p, "logistic": special.expit, "lt": np.less,
    "max": np.maximum, "min": np.minimum, "mul": np.multiply, "ne": np.not_equal, "neg": np.negative,
    "not": np.logical_not, "optimization_barrier": np.array, "or": np.logical_or, "pcast": np.array, "pow": np.power, "pvary": np.array,
    "reduce_precision": np.array, "rsqrt": lambda x: 1 / np.sqrt(x), "sign": np.sign, "sin": np.sin, "sinh": np.sinh,
    "sqrt": np.sqrt, "square": np.square, "stop_gradient": np.array, "sub": np.subtract, "tan": np.tan,
    "tanh": np.tanh, "xor": np.logical_xor, "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
}  # fmt: skip
_OF_NUMBERS = frozenset("broadcast_in_dim reshape squeeze expand_dims pvary pcast".split())  # noqa: SIM905
_WITH_PARAMETERS = frozenset("convert_element_type integer_pow select_n".split())  # noqa: SIM905
_FUNCTIONS = frozenset("custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr".split())  # noqa: SIM905
NOT_MATCHED = frozenset("identity step threshold exponential gaussian log1mexp rrelu prelu logcosh".split())  # noqa: SIM905
"""Activations that are not recognised by their values: others have them too, or arithmetic does."""


def number_of(value: Value) -> Any:
    """The number that a value is, if the program gives it; else None."""
    if value.operation == "constant":
        return np.asarray(value.constant).item() if np.size(value.constant) == 1 and value.constant is not None else None
    if value.operation in _OF_NUMBERS | {"convert_element_type", "stop_gradient"} and value.inputs:
        return number_of(value.inputs[0])
    if value.operation in _NUMPY and value.inputs and value.shape == ():
        numbers = [number_of(operand) for operand in value.inputs]
        return None if None in numbers else _NUMPY[value.operation](*numbers).item()
    return None


class Chains:
    """For each value of a graph, the one value that it is an elementwise function of."""

    def __init__(self, values: list[Value]):
        self.root: dict[Value, Value] = {}
        self.members: dict[Value, list[Value]] = {}
        """By root, the values that are functions of it, in the order of the program."""
        for value in values:
            root = self._find_root(value)
            self.root[value] = root
            if root is not value:
                self.members.setdefault(root, []).append(value)

    def _find_root(self, value: Value) -> Value:
        operands = [operand for operand in value.inputs if number_of(operand) is None]
        if not operands or value.shape == () or not _is_elementwise(value):
            return value
        if any(operand.shape != value.shape or operand.scope != value.scope for operand in operands):
            return value
        roots = {self.root.get(operand, operand) for operand in operands}
        return roots.pop() if len(roots) == 1 and number_of(value) is None else value

    def dominators(self, end: Value) -> list[Value]:
        """The values of its chain that `end` is a function of, the root first."""
        root = self.root[end]
        ancestors = _ancestors(end, root)
        chain = [root, *(value for value in self.members[root] if value in ancestors)]
        return [start for start in chain if start is root or root not in _ancestors(end, start)]


def _ancestors(end: Value, stop: Value) -> set[Value]:
    """What a value is computed from, without what `stop` is computed from."""
    found, waiting = set(), [end]
    while waiting:
        value = waiting.pop()
        for operand in value.inputs:
            if operand is not stop and operand not in found and number_of(operand) is None:
                found.add(operand)
                waiting.append(operand)
    return found


def _is_elementwise(value: Value) -> bool:
    return (
        value.operation in _NUMPY
        or value.operation in _WITH_PARAMETERS
        or (value.operation in _FUNCTIONS and value.body is not None and len(value.body.outputs) == 1)
    )


def is_elementwise_or_shape(value: Value) -> bool:
    return _is_elementwise(value) or value.operation in _OF_NUMBERS


def values_on(points: np.ndarray, start: Value, end: Value) -> np.ndarray | None:
    """The function from one value to another, on these points; None if it is not elementwise."""
    with np.errstate(all="ignore"):
        try:
            return _evaluate(end, {start: points})
        except (KeyError, TypeError, ValueError, RecursionError):
            return None


def _evaluate(value: Value, known: dict[Value, Any]) -> Any:
    if value in known:
        return known[value]
    if (number := number_of(value)) is not None:
        return number
    if value.operation in ("input", "constant", "argument"):
        raise KeyError(value.operation)
    operands = [_evaluate(operand, known) for operand in value.inputs]
    known[value] = _apply(value, operands)
    return known[value]


def _apply(value: Value, operands: list[Any]) -> Any:
    if value.operation == "convert_element_type":
        kind = np.dtype(value.params["new_dtype"]).kind if not value.is_float else "f"
        return np.asarray(operands[0]).astype({"f": float, "b": bool}.get(kind, int))
    if value.operation == "integer_pow":
        return np.asarray(operands[0], float) ** value.params["y"]
    if value.operation == "select_n":
        which, *cases = np.broadcast_arrays(*operands)
        return np.choose(which.astype(int), cases)
    if value.operation in _FUNCTIONS:
        body: Any = value.body
        return _evaluate(body.outputs[value.number], dict(zip(body.inputs, operands, strict=True)))
    if value.operation in _OF_NUMBERS and np.ndim(operands[0]):
        return operands[0]
    return _NUMPY[value.operation](*operands)


def jax_values(x: Any, start: Value, end: Value) -> Any:
    """The function from one value to another, of a JAX array."""
    known = {start: x}

    def visit(value: Value) -> Any:
        if value not in known:
            if (number := number_of(value)) is not None:
                known[value] = jnp.full(value.shape, number, value.type.dtype)
            else:
                known[value] = bind(value.eqn, [visit(operand) for operand in value.inputs])[value.number]
        return known[value]

    return visit(end)


@functools.cache
def known_values() -> dict[str, np.ndarray]:
    """The values of all elementwise activations on the points, at their default parameters."""
    known = {}
    for name, facts in CATALOGUE.items():
        if facts.elementwise and name not in NOT_MATCHED and inspect.Parameter.empty not in facts.parameters.values():
            graph = read(jax.make_jaxpr(facts.function)(np.zeros(3, np.float32)))
            values = values_on(POINTS, graph.inputs[0], graph.outputs[0])
            if values is not None and np.shape(values) == POINTS.shape:
                known[name] = values
    return known


def name_of(values: np.ndarray | None, itemsize: int = 4) -> str:
    """The activation that has these values on the points; empty if none has."""
    if values is None or np.shape(values) != POINTS.shape or not np.isfinite(values).all() or is_linear(values):
        return ""
    relative, absolute = _CLOSE[2 if itemsize < 4 else 4]

    def error(known: np.ndarray, points: Any = slice(None)) -> float:
        return float(np.max(np.abs(values - known)[points] / (absolute + relative * np.abs(known[points]))))

    errors = {name: error(known) for name, known in known_values().items()}
    nearest = min(errors, key=lambda name: errors[name])  # gelu and gelu_exact differ by 4.7e-4
    if errors[nearest] <= 1:
        return nearest
    positive, first = POINTS > 0, float(values[0])
    if error(POINTS, positive) <= 1:
        slope = first / POINTS[0]
        if 0 < slope < 1 and error(slope * POINTS, ~positive) <= 1:
            return "leaky_relu"
        if error(first / np.expm1(POINTS[0]) * np.expm1(np.minimum(POINTS, 0)), ~positive) <= 1:
            return "elu"
    return ""


def is_linear(values: np.ndarray) -> bool:
    """Whether the values on the points lie on a line."""
    line = np.polyval(np.polyfit(POINTS, values, 1), POINTS)
    return bool(np.allclose(values, line, 1e-4, 1e-4 * (1 + np.abs(values).max())))

