"""The program of a model: its jaxpr as a list of steps, without calls and control flow."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import Jaxpr, Literal

from ._inline import callee, unrolled

ELEMENTWISE = frozenset(
    """abs acos acosh add and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp convert_element_type copy
    copy_p cos cosh div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p logistic lt
    max min mul ne neg nextafter not optimization_barrier or pow reduce_precision rem round rsqrt select_n shift_left
    shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor""".split()  # noqa: SIM905
)

RENAMINGS = ("optimization_barrier", "name")
"""What returns its inputs: a barrier, also between the weights and the input of a vmapped cond, and checkpoint_name."""


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
            if not eqn.outvars:  # a print
                continue
            if eqn.primitive.name in RENAMINGS:
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


def values_of(numbers_and_literals: Sequence[Any]) -> set[int]:
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
