"""Chains of elementwise operations of one value, evaluated by NumPy to see which function they are."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from scipy import special

from .._facts import CATALOGUE
from .._jaxprs import bind
from ._graph import Value, read

POINTS = np.linspace(-10, 10, 161)
"""On which functions are compared."""
_FAR = np.array([-1e4, -300, -100, -30, -15, 15, 30, 100, 300, 1e4])
"""On which they have to agree where both are finite: relu clipped at 20 is not relu, log(1 + exp(x)) is softplus."""
_CLOSE = 1e-4  # gelu and gelu_exact differ by 4.7e-4

_NUMPY: dict[str, Any] = {
    "abs": np.abs, "add": np.add, "and": np.logical_and, "asinh": np.arcsinh, "atan": np.arctan, "atan2": np.arctan2,
    "cbrt": np.cbrt, "ceil": np.ceil, "copy": np.array, "copy_p": np.array, "cos": np.cos, "cosh": np.cosh,
    "div": np.divide, "eq": np.equal, "erf": special.erf, "erfc": special.erfc, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "floor": np.floor, "ge": np.greater_equal, "gt": np.greater, "is_finite": np.isfinite,
    "le": np.less_equal, "log": np.log, "log1p": np.log1p, "logistic": special.expit, "lt": np.less,
    "max": np.maximum, "min": np.minimum, "mul": np.multiply, "ne": np.not_equal, "neg": np.negative,
    "not": np.logical_not, "optimization_barrier": np.array, "or": np.logical_or, "pcast": np.array, "pow": np.power,
    "pvary": np.array, "reduce_precision": np.array, "rsqrt": lambda x: 1 / np.sqrt(x), "sign": np.sign,
    "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square, "stop_gradient": np.array,
    "sub": np.subtract, "tan": np.tan,
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
        return np.asarray(value.constant).item() if _is_number(value.constant) else None
    if value.operation in _OF_NUMBERS | {"convert_element_type", "stop_gradient"} and value.inputs:
        return number_of(value.inputs[0])
    if value.operation in _NUMPY and value.inputs and value.shape == ():
        numbers = [number_of(operand) for operand in value.inputs]
        return None if None in numbers else _NUMPY[value.operation](*numbers).item()
    return None


def _is_number(constant: Any) -> bool:
    """Whether a constant is one number: no key, and not traced by a transformation around the probe."""
    if isinstance(constant, Tracer) or np.size(constant) != 1:
        return False
    is_key = isinstance(constant, jax.Array) and jnp.issubdtype(constant.dtype, jax.dtypes.extended)
    return isinstance(constant, jax.Array | np.ndarray | np.generic | bool | int | float) and not is_key


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
        if not operands or not _is_elementwise(value):
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
            elif value.operation == "argument":
                known[value] = visit(value.inputs[0])
            else:
                known[value] = bind(value.eqn, [visit(operand) for operand in value.inputs])[value.number]
        return known[value]

    return visit(end)


@functools.cache
def known_values(far: bool = False) -> dict[str, np.ndarray]:
    """The values of all elementwise activations on the points, at their default parameters."""
    known, points = {}, _FAR if far else POINTS
    for name, facts in CATALOGUE.items():
        if facts.elementwise and name not in NOT_MATCHED and inspect.Parameter.empty not in facts.parameters.values():
            values = values_of(facts.function, points)
            if values is not None:
                known[name] = values
    return known


def values_of(function: Callable[..., Any], points: np.ndarray) -> np.ndarray | None:
    """The values of an elementwise JAX function on these points, in float64 by NumPy; None if NumPy cannot tell."""
    graph = read(jax.make_jaxpr(function)(np.zeros(3, np.float32)))
    values = values_on(points, graph.inputs[0], graph.outputs[0])
    return values if values is not None and np.shape(values) == points.shape else None


def activation_between(start: Value, end: Value) -> str:
    """The activation that leads from one value to another, by its values; empty if none does."""
    tolerance = max(_CLOSE, float(jnp.finfo(end.type.dtype).eps))  # the numbers of a program have its type
    name = name_of(values_on(POINTS, start, end), tolerance)
    return name if name and agree_far(name, start, end, tolerance) else ""


def agree_far(name: str, start: Value, end: Value, tolerance: float = _CLOSE) -> bool:
    """Whether the function from one value to another is this activation far from 0 too, where both are finite."""
    values = values_on(_FAR, start, end)
    if values is None or np.shape(values) != _FAR.shape:
        return False
    known = known_values(far=True)[name]
    if name in ("leaky_relu", "elu"):  # at any parameter: continued from what it is on the left
        known = np.where(_FAR > 0, _FAR, values)
    return close(values, known, both_finite=True, tolerance=tolerance)


def is_function(function: Callable[..., Any], start: Value, end: Value) -> bool:
    """Whether what leads from one value to another is this elementwise function."""
    for points in (POINTS, _FAR):
        values, known = values_on(points, start, end), values_of(function, points)
        if values is None or known is None or np.shape(values) != points.shape:
            return False
        if not close(values, known, both_finite=points is _FAR):
            return False
    return True


def close(values: np.ndarray, known: np.ndarray, both_finite: bool = False, tolerance: float = _CLOSE) -> bool:
    """Whether values are those of a function, and 0 where that is 0: maximum(x, 1e-6) is not relu."""
    finite = np.isfinite(values) & np.isfinite(known) if both_finite else np.True_
    near = np.isclose(values, known, tolerance, tolerance) & ((known != 0) | (values == 0))
    return bool(np.all(near | ~finite))


def name_of(values: np.ndarray | None, tolerance: float = _CLOSE) -> str:
    """The activation whose values on the points are nearest to these, within the tolerance; empty if none are."""
    if values is None or np.shape(values) != POINTS.shape or not np.isfinite(values).all() or is_linear(values):
        return ""
    near = {name: known for name, known in known_values().items() if close(values, known, tolerance=tolerance)}
    if near:
        return min(near, key=lambda name: float(np.abs(values - near[name]).max()))
    positive, negative = POINTS > 0, POINTS < 0
    if np.allclose(values[positive], POINTS[positive], _CLOSE, _CLOSE):
        slope, alpha, left, below = leaky_relu_slope(values), elu_alpha(values), POINTS[negative], values[negative]
        if 0 < slope < 1 and np.allclose(below, slope * left, _CLOSE, _CLOSE):
            return "leaky_relu"
        if alpha > 1e-3 and np.allclose(below, alpha * np.expm1(left), _CLOSE, _CLOSE):
            return "elu"
    return ""


def leaky_relu_slope(values: np.ndarray) -> float:
    """The negative slope, by the values on the points."""
    return float(values[0] / POINTS[0])


def elu_alpha(values: np.ndarray) -> float:
    """The alpha of an elu, by its values on the points."""
    return float(values[0] / np.expm1(POINTS[0]))


def is_linear(values: np.ndarray) -> bool:
    """Whether the values on the points lie on a line."""
    line = np.polyval(np.polyfit(POINTS, values, 1), POINTS)
    return bool(np.allclose(values, line, 1e-4, 1e-4 * (1 + np.abs(values).max())))
