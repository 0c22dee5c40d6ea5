"""What a model does with the output of each of its linear layers, read from its jaxpr."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import Jaxpr, Literal

from ._gauss import value_and_slope
from ._inline import PRODUCTS, callee, unrolled

POINTS = np.linspace(-3, 3, 99)  # on which functions are compared
RESHAPES = frozenset(("reshape", "transpose", "squeeze", "expand_dims", "broadcast_in_dim", "concatenate"))
BEFORE_ACTIVATION = RESHAPES | {"reduce_window_max"}
"""What may come between a product and its activation, apart from a bias: changes of shape, and max pooling."""
SELECTIONS = RESHAPES | {"slice", "dynamic_slice", "gather", "rev"}
"""What selects elements of a weight, such as one member of an ensemble."""
DRAWS = 200
"""Uniform numbers for the mean of a random activation: any dropout rate that is a multiple of 0.5 % is exact."""
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
        body = callee(self)
        inner = [str(eqn.params["name"]) for eqn in body.jaxpr.eqns if "name" in eqn.params] if body else []
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


Members = int | np.ndarray
"""The member of an ensemble that each element of an array belongs to; 0 for a layer that is no ensemble."""


class LayerUse(NamedTuple):
    """A product with the weight of a layer."""

    layer: int
    step: int
    """The index of the product among the steps of the program."""
    operand: int
    """The position of the weight among the inputs of the step."""
    members: Members
    """The member of each element of this operand."""


class Uses(NamedTuple):
    """The uses of layers in a program, and the values that do not depend on its input."""

    layers: list[LayerUse]
    known: dict[int, Any]
    """Values computed from parameters and constants alone."""
    drawn: set[int]
    """Values computed from random numbers too."""


def program_of(function: Callable[..., Any], *examples: Any, exactly: bool) -> Program:
    """The program of function(*examples), with loops unrolled `exactly` or far enough to see what follows a product."""
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
            if eqn.primitive.name == "optimization_barrier":  # also between the weights and the input of a vmapped cond
                number |= zip(eqn.outvars, numbered(eqn.invars), strict=True)
                continue
            elementwise = _is_elementwise(eqn)
            body = None if elementwise else callee(eqn) or unrolled(eqn, exactly)
            if body is None:
                number |= {variable: next(numbers) for variable in eqn.outvars}
                step = Step(eqn.primitive, eqn.params, numbered(eqn.invars), numbered(eqn.outvars), elementwise)
                program.steps.append(step)
                program.types.update(zip(step.outputs, (variable.aval for variable in eqn.outvars), strict=True))
            else:
                number |= zip(eqn.outvars, inline(body.jaxpr, body.consts, numbered(eqn.invars)), strict=True)
        return numbered(jaxpr.outvars)

    program.outputs.extend(inline(closed.jaxpr, closed.consts, None))
    return program


def layer_uses(program: Program, weights: dict[int, tuple[int, Members]], parameters: dict[int, Any]) -> Uses:
    """The uses of layers in the order of the program.

    `weights` has the layer and the members of each weight, `parameters` the value of every input that is a parameter of
    the model. A value computed from the weight of one layer is a weight of the layer.
    """
    uses, weight_of = Uses([], program.constants | parameters, set()), dict(weights)
    same: dict[int, int] = {}  # the known value that another one is a copy of
    for index, step in enumerate(program.steps):
        inputs = _values(step.inputs)
        original = _copied(step, same)
        if original in uses.known:
            same[step.outputs[0]] = original
            uses.known[step.outputs[0]] = uses.known[original]
            weight_of |= {step.outputs[0]: weight_of[original]} if original in weight_of else {}
            continue
        layers = {weight_of[value][0] for value in inputs & weight_of.keys()}
        if step.primitive.name == "random_bits":
            uses.drawn.update(step.outputs)
        elif inputs <= uses.known.keys() | uses.drawn:
            if inputs & uses.drawn:
                uses.drawn.update(step.outputs)
            else:
                step.evaluate(uses.known)
            if len(layers) == 1:
                members = _members_after(step, {v: weight_of[v][1] for v in inputs & weight_of.keys()}, program, uses)
                weight_of |= {} if members is None else dict.fromkeys(step.outputs, (layers.pop(), members))
        elif step.primitive.name in PRODUCTS:
            for operand, value in enumerate(step.inputs):
                if not isinstance(value, Literal) and value in weight_of:
                    layer, members = weight_of[value]
                    uses.layers.append(LayerUse(layer, index, operand, members))
    return uses


def _copied(step: Step, same: dict[int, int]) -> int | None:
    """The value that a step copies: a vmapped `cond` selects between a weight and its stop_gradient."""
    cases = {"stop_gradient": step.inputs, "select_n": step.inputs[1:]}.get(step.primitive.name, [])
    values = {None if isinstance(case, Literal) else same.get(case, case) for case in cases}
    return values.pop() if len(values) == 1 else None


def _members_after(step: Step, members: dict[int, Members], program: Program, uses: Uses) -> Members | None:
    """The members of the outputs of a step whose inputs have these; None if they are mixed."""
    shape = program.types[step.outputs[0]].shape
    if len(found := {int(m) for of_input in members.values() for m in np.unique(of_input)}) == 1:
        return found.pop() if all(isinstance(m, int) for m in members.values()) else np.full(shape, found.pop())
    if step.elementwise:
        return np.maximum.reduce([np.broadcast_to(m, shape) for m in members.values()])
    if step.primitive.name.startswith("reduce_") and "axes" in step.params:
        (of_input,) = members.values()
        highest, lowest = (of(of_input, axis=tuple(step.params["axes"])) for of in (np.max, np.min))
        return highest if np.array_equal(highest, lowest) else None
    if step.primitive.name in SELECTIONS and members.keys() | uses.known.keys() >= _values(step.inputs):
        with jax.ensure_compile_time_eval():
            values = uses.known | {value: jnp.asarray(of_input) for value, of_input in members.items()}
            step.evaluate(values)
            return np.asarray(values[step.outputs[0]])
    return None


def members_of_product(program: Program, use: LayerUse, values: dict[int, Any]) -> Members:
    """The member that each element of the product belongs to: the mean of the members in its sum."""
    if isinstance(use.members, int):
        return use.members
    step = program.steps[use.step]
    ones = [jnp.ones(values[value].shape) for value in step.inputs if isinstance(value, int)]
    weighted = [*ones]
    weighted[use.operand] = jnp.asarray(use.members, jnp.float32)
    params = step.params | {"preferred_element_type": jnp.dtype("float32"), "precision": jax.lax.Precision.HIGHEST}
    bind = step.primitive.bind
    return np.rint(np.asarray(bind(*weighted, **params) / jnp.maximum(bind(*ones, **params), 1))).astype(int)


def activation_after(program: Program, uses: Uses, product: int) -> tuple[str, Callable[[Array], Array] | None]:
    """The name and the function of what is applied, elementwise, to the product with its bias.

    The chain has the elementwise steps whose inputs are the start, outputs of the chain, known, or drawn. It is an
    activation if the rest of the program uses one value of it only, which is not the start.
    """
    start = _with_bias(program, uses.known, program.steps[product].outputs[0])
    outputs, shape = _values(program.outputs), program.types[start].shape
    fixed = uses.known.keys() | uses.drawn
    chain_values, chain, used = {start}, [], {start} & outputs
    for step in program.steps:
        inputs = _values(step.inputs)
        shapes = {program.types[value].shape for value in (inputs & chain_values) | set(step.outputs)}
        if step.elementwise and shapes == {shape} and inputs & chain_values and inputs - chain_values <= fixed:
            chain_values |= set(step.outputs)
            chain.append(step)
        else:
            used |= inputs & chain_values
    used |= chain_values & outputs
    if len(used) != 1 or used == {start}:
        return "", None  # a norm, a residual sum, another layer or the result of the model uses the product itself
    (end,) = used
    chain = _steps_to(end, chain)
    function = _function(program, uses, chain, start, end)
    first_random = next((i for i, step in enumerate(chain) if _values(step.inputs) & uses.drawn), len(chain))
    if first_random < len(chain):  # dropout: its mean is what it is applied to
        for i in range(first_random, -1, -1):
            before = chain[i - 1].outputs[0] if i else start
            steps = _steps_to(before, chain[:i])
            plain = _function(program, uses, steps, start, before)
            if np.allclose(value_and_slope(plain, POINTS)[0], value_and_slope(function, POINTS)[0], 0.02, 0.02):
                chain, function = steps, plain
                break
    return ", ".join(dict.fromkeys(step.name for step in chain)), function if chain else None


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


def _function(program: Program, uses: Uses, chain: list[Step], start: int, end: int) -> Callable[[Array], Array]:
    """The chain as a function of an array of any shape, which is cut into pieces of the traced shape.

    Random numbers are averaged over: with dropout it is what the chain is at inference.
    """
    inputs = {value for step in chain for value in _values(step.inputs)}
    random = [step for step in program.steps if uses.drawn.intersection(step.outputs)]
    random = [step for value in inputs & uses.drawn for step in _steps_to(value, random)]
    sources = [step for step in program.steps if step.primitive.name == "random_bits" and step in random]
    rest = [step for step in program.steps if step in random and step not in sources] + chain
    others = {value: _median(uses.known[value]) for step in chain for value in _values(step.inputs) & uses.known.keys()}
    others = uses.known | others if random else others
    shape, dtype = program.types[start].shape, program.types[start].dtype

    def of_piece(x: Array, draw: Any = None) -> Array:
        values = others | {start: x}
        for source, step in enumerate(sources):
            values[step.outputs[0]] = _bits(program.types[step.outputs[0]], source, draw)
        for step in rest:
            step.evaluate(values)
        return values[end]

    def mean_of_piece(x: Array) -> Array:
        step = lambda total, draw: (total + of_piece(x, draw), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros_like(x), jnp.arange(DRAWS))[0] / DRAWS

    def function(x: Array) -> Array:
        pieces = jnp.pad(x.ravel(), (0, -x.size % prod(shape))).reshape(-1, *shape).astype(dtype)
        return (
            jax.vmap(mean_of_piece if random else of_piece)(pieces).ravel()[: x.size].reshape(x.shape).astype(x.dtype)
        )

    return function


def _bits(kind: Any, source: int, draw: Any) -> Array:
    """Bits of one of DRAWS evenly spaced uniform numbers, in another order for each source (a rank-1 lattice)."""
    stride = (1, 77, 33, 129, 51, 179)[source % 6]  # coprime with DRAWS
    width = jnp.iinfo(kind.dtype).bits
    table = [int((k * stride % DRAWS + 0.5) / DRAWS * 2**width) for k in range(DRAWS)]
    return jnp.full(kind.shape, jnp.asarray(np.asarray(table, kind.dtype))[draw])


def _median(parameter: Any) -> Any:
    """A parameter that differs between channels, with its median everywhere: the chain is then one function."""
    is_float_array = jnp.ndim(parameter) and jnp.issubdtype(jnp.result_type(parameter), jnp.floating)
    return jnp.full_like(parameter, jnp.median(parameter)) if is_float_array else parameter


def _values(numbers_and_literals: Sequence[Any]) -> set[int]:
    return {value for value in numbers_and_literals if not isinstance(value, Literal)}


def _is_elementwise(eqn: Any) -> bool:
    """Whether each element of the result depends only on the elements at its place, or on ones broadcast to it."""
    shapes = [variable.aval.shape for variable in (*eqn.invars, *eqn.outvars)]
    if any(shape and not _broadcasts(shape, shapes[-1]) for shape in shapes):
        return False
    if (body := callee(eqn)) is not None:
        return all(_is_elementwise(inner) or _is_broadcast(inner) for inner in body.jaxpr.eqns)
    return eqn.primitive.name in ELEMENTWISE


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) == len(to) and all(size in (1, full) for size, full in zip(shape, to, strict=True))


def _is_broadcast(eqn: Any) -> bool:
    """Whether an equation only broadcasts a number, or a value for each channel."""
    shape, to = eqn.invars[0].aval.shape if eqn.invars else (), eqn.outvars[0].aval.shape
    return eqn.primitive.name in ("broadcast_in_dim", "reshape") and (not shape or _broadcasts(shape, to))
