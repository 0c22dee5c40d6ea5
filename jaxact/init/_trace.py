"""What a model does with the output of each of its linear layers, read from its jaxpr."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

PRODUCTS = ("dot_general", "conv_general_dilated")
CALLS = ("jit", "pjit", "closed_call", "remat", "checkpoint", "custom_jvp_call", "custom_vjp_call")
BEFORE_ACTIVATION = ("reshape", "transpose", "squeeze", "expand_dims", "broadcast_in_dim", "reduce_window_max")
"""What may come between a product and its activation, apart from a bias: changes of shape, and max pooling."""
ELEMENTWISE = frozenset(
    """abs acos acosh add and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp convert_element_type copy
    copy_p cos cosh div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p logistic lt
    max min mul ne neg nextafter not optimization_barrier or pow reduce_precision rem round rsqrt select_n shift_left
    shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor""".split()  # noqa: SIM905
)


class Step(NamedTuple):
    """An operation of a program, or a call that is elementwise. Its inputs and outputs are numbered values."""

    primitive: Any
    params: dict[str, Any]
    inputs: list[int | Literal]
    outputs: list[int]
    elementwise: bool

    @property
    def name(self) -> str:
        """The name of the function that is called, else of the operation."""
        body = next((value.jaxpr for value in self.params.values() if isinstance(value, ClosedJaxpr)), None)
        inner = [str(eqn.params["name"]) for eqn in body.eqns if "name" in eqn.params] if body else []
        return str(self.params.get("name") or (inner[0] if len(inner) == 1 else self.primitive.name))

    def evaluate(self, values: dict[int, Any]) -> None:
        """Add the outputs to the values, which contain the inputs."""
        params = self.primitive.get_bind_params(self.params)
        inputs = [value.val if isinstance(value, Literal) else values[value] for value in self.inputs]
        outputs = self.primitive.bind(*inputs, **params)
        values.update(zip(self.outputs, outputs if self.primitive.multiple_results else [outputs], strict=True))


class Program(NamedTuple):
    """A traced function as a list of steps. All calls are inlined, except for those that are elementwise."""

    steps: list[Step]
    constants: dict[int, Any]
    types: dict[int, Any]
    """Shape and dtype of the outputs of each step."""
    inputs: list[int]
    outputs: list[int]


class LayerUse(NamedTuple):
    """A product with the weight of a layer, and the activation of its result."""

    layer: int
    step: int
    """The index of the product among the steps of the program."""
    name: str
    """The name of the activation; empty if there is none."""
    activation: Callable[[Array], Array] | None


def program_of(function: Callable[..., Any], *examples: Any) -> Program:
    """The program of function(*examples)."""
    closed = jax.make_jaxpr(function)(*examples)
    program = Program([], {}, {}, [], [])
    numbers = iter(range(2**62))

    def inline(jaxpr: Jaxpr, constants: Sequence[Any], inputs: Sequence[Any] | None) -> list[Any]:
        """Append the steps of the jaxpr, and return its outputs. Without inputs it is the whole program."""
        number = {variable: next(numbers) for variable in jaxpr.constvars}
        program.constants.update(zip(number.values(), constants, strict=True))
        number |= zip(jaxpr.invars, inputs or [next(numbers) for _ in jaxpr.invars], strict=True)
        if inputs is None:
            program.inputs.extend(number[variable] for variable in jaxpr.invars)

        def numbered(variables: Sequence[Any]) -> list[Any]:
            return [variable if isinstance(variable, Literal) else number[variable] for variable in variables]

        for eqn in jaxpr.eqns:
            callee, elementwise = _callee(eqn), _is_elementwise(eqn)
            if callee is None or elementwise:
                number |= {variable: next(numbers) for variable in eqn.outvars}
                step = Step(eqn.primitive, eqn.params, numbered(eqn.invars), numbered(eqn.outvars), elementwise)
                program.steps.append(step)
                program.types.update(zip(step.outputs, (variable.aval for variable in eqn.outvars), strict=True))
            else:
                body, constants = (callee.jaxpr, callee.consts) if isinstance(callee, ClosedJaxpr) else (callee, ())
                number |= zip(eqn.outvars, inline(body, constants, numbered(eqn.invars)), strict=True)
        return numbered(jaxpr.outvars)

    program.outputs.extend(inline(closed.jaxpr, closed.consts, None))
    return program


def layer_uses(program: Program, weights: dict[int, int], parameters: dict[int, Any]) -> list[LayerUse]:
    """The uses of layers in the order of the program.

    `weights` has the layer of each weight, `parameters` the value of every input that is a parameter of the model.
    Values computed from parameters alone are known; one computed from the weight of one layer is a weight of the layer.
    """
    known, layer_of = program.constants | parameters, dict(weights)
    products: list[tuple[int, int]] = []
    for index, step in enumerate(program.steps):
        layers = {layer_of.get(value) for value in _values(step.inputs)}
        if known.keys() >= _values(step.inputs):
            step.evaluate(known)
            if len(layers) == 1:
                layer_of |= {output: layer for output in step.outputs for layer in layers if layer is not None}
        elif step.primitive.name in PRODUCTS:
            products += [(layer, index) for layer in layers if layer is not None]
    return [LayerUse(layer, index, *_activation_after(program, known, index)) for layer, index in products]


def _activation_after(
    program: Program, known: dict[int, Any], product: int
) -> tuple[str, Callable[[Array], Array] | None]:
    """The name and the function of what is applied, elementwise, to the product with its bias.

    The chain has the elementwise steps whose inputs are the start, outputs of the chain, or known. It is an activation
    if the rest of the program uses one value of it only, which is not the start.
    """
    start = _with_bias(program, known, program.steps[product].outputs[0])
    outputs, shape = _values(program.outputs), program.types[start].shape
    chain_values, chain, used = {start}, [], {start} & outputs
    for step in program.steps:
        inputs = _values(step.inputs)
        shapes = {program.types[value].shape for value in (inputs & chain_values) | set(step.outputs)}
        if step.elementwise and shapes == {shape} and inputs & chain_values and inputs - chain_values <= known.keys():
            chain_values |= set(step.outputs)
            chain.append(step)
        else:
            used |= inputs & chain_values
    used |= chain_values & outputs
    if len(used) != 1 or used == {start}:
        return "", None  # a norm, a residual sum, another layer or the result of the model uses the product itself
    (end,) = used
    chain = _steps_to(end, chain)
    return ", ".join(dict.fromkeys(step.name for step in chain)), _function(program, chain, known, start, end)


def _with_bias(program: Program, known: dict[int, Any], value: int) -> int:
    """The product after the addition of its bias, in the shape in which the activation gets it."""
    has_bias = False
    while value not in program.outputs:
        users = [step for step in program.steps if value in step.inputs]
        if len(users) != 1:
            break
        (step,) = users
        adds_bias = step.primitive.name == "add" and _values(step.inputs) - {value} <= known.keys()
        if step.primitive.name not in BEFORE_ACTIVATION and (has_bias or not adds_bias):
            break
        has_bias, value = has_bias or adds_bias, step.outputs[0]
    return value


def _steps_to(end: int, chain: list[Step]) -> list[Step]:
    """The steps of a chain that `end` depends on."""
    needed, steps = {end}, []
    for step in reversed(chain):
        if needed & set(step.outputs):
            needed |= _values(step.inputs)
            steps.append(step)
    return steps[::-1]


def _function(
    program: Program, chain: list[Step], known: dict[int, Any], start: int, end: int
) -> Callable[[Array], Array]:
    """The chain as a function of an array of any shape, which is cut into pieces of the traced shape."""
    others = {value: _median(known[value]) for step in chain for value in _values(step.inputs) if value in known}
    shape, dtype = program.types[start].shape, program.types[start].dtype

    def of_piece(x: Array) -> Array:
        values = others | {start: x}
        for step in chain:
            step.evaluate(values)
        return values[end]

    def function(x: Array) -> Array:
        pieces = jnp.pad(x.ravel(), (0, -x.size % prod(shape))).reshape(-1, *shape).astype(dtype)
        return jax.vmap(of_piece)(pieces).ravel()[: x.size].reshape(x.shape).astype(x.dtype)

    return function


def _median(parameter: Any) -> Any:
    """A parameter that differs between channels, with its median everywhere: the chain is then one function."""
    is_float_array = jnp.ndim(parameter) and jnp.issubdtype(jnp.result_type(parameter), jnp.floating)
    return jnp.full_like(parameter, jnp.median(parameter)) if is_float_array else parameter


def _values(numbers_and_literals: Sequence[Any]) -> set[int]:
    return {value for value in numbers_and_literals if not isinstance(value, Literal)}


def _callee(eqn: Any) -> Any:
    """The jaxpr that an equation calls, if it does nothing else."""
    bodies = [value for value in eqn.params.values() if isinstance(value, Jaxpr | ClosedJaxpr)]
    return bodies[0] if eqn.primitive.name in CALLS and bodies else None


def _is_elementwise(eqn: Any) -> bool:
    """Whether each element of the result depends only on the elements at its place, or on ones broadcast to it."""
    shapes = [variable.aval.shape for variable in (*eqn.invars, *eqn.outvars)]
    if any(shape and not _broadcasts(shape, shapes[-1]) for shape in shapes):
        return False
    if (callee := _callee(eqn)) is not None:
        jaxpr = callee.jaxpr if isinstance(callee, ClosedJaxpr) else callee
        return all(_is_elementwise(inner) or _is_broadcast(inner) for inner in jaxpr.eqns)
    return eqn.primitive.name in ELEMENTWISE


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) == len(to) and all(size in (1, full) for size, full in zip(shape, to, strict=True))


def _is_broadcast(eqn: Any) -> bool:
    """Whether an equation only broadcasts a number, or a value for each channel."""
    shape, to = eqn.invars[0].aval.shape if eqn.invars else (), eqn.outvars[0].aval.shape
    return eqn.primitive.name in ("broadcast_in_dim", "reshape") and (not shape or _broadcasts(shape, to))
