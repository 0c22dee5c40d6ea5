"""The program of a function as a graph of values, through all calls, loops and branches."""

import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from .._jaxprs import CALLS, FUNCTIONS, bodies

Place = tuple[int, ...]
"""Where an equation is: its index, after those of the equations (and branches) that contain it."""

SCOPES = FUNCTIONS | {"scan", "cond", "shard_map"}
"""Equations whose bodies are read as programs of their own."""
_COMBINING = ("scatter", "reduce", "select_and", "argm")
"""Operations whose bodies combine two numbers."""
_PACKAGES = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})
_HERE = str(Path(__file__).parents[1])


@dataclass(eq=False)
class Value:
    """What an equation computes, or what a program is given."""

    type: Any
    operation: str
    """The primitive that computes it; else "input", "constant", or "argument" of a loop, a branch or another scope."""
    inputs: tuple["Value", ...] = ()
    place: Place = ()
    eqn: Any = None
    constant: Any = None
    """The value of a constant."""
    number: int = 0
    """Which of the outputs of the equation it is, or which of the inputs of the program."""
    stack: str = ""
    """The name stack, as `jax.named_scope` and libraries of layers leave it."""
    scope: Place = ()
    """The place of the innermost scope that contains it."""
    bodies: list["Body"] = field(default_factory=list)
    """The programs of a scope; several if it is a cond."""
    callers: tuple[Any, ...] = ()
    """The equations that contain it, the innermost first."""

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.type, "shape", ())

    @property
    def body(self) -> "Body | None":
        """The program of a scope that has one."""
        return self.bodies[0] if len(self.bodies) == 1 else None

    @property
    def is_float(self) -> bool:
        dtype = getattr(self.type, "dtype", None)
        return dtype is not None and jnp.issubdtype(dtype, np.floating)

    @property
    def params(self) -> dict[str, Any]:
        return self.eqn.params if self.eqn is not None else {}


@dataclass(eq=False)
class Body:
    """The program of a scope: a loop, a branch, a function with a derivative of its own."""

    inputs: list[Value]
    outputs: list[Value]


@dataclass(eq=False)
class Call:
    """A call of a function that has a name."""

    name: str
    place: Place
    inputs: list[Value]
    outputs: list[Value]
    eqn: Any


@dataclass
class Graph:
    """A program as values in the order in which they are computed."""

    values: list[Value] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    not_entered: list[Value] = field(default_factory=list)
    """Results of equations whose bodies are not read: while loops, kernels."""

    def users(self) -> dict[Value, list[Value]]:
        """The values that are computed from each value. The results of a body do not use its outputs."""
        users: dict[Value, list[Value]] = {}
        for value in self.values:
            for operand in dict.fromkeys(value.inputs):
                users.setdefault(operand, []).append(value)
        return users


def read(closed: ClosedJaxpr) -> Graph:
    """The graph of a traced function. Calls are inlined; loops and branches have their bodies once."""
    graph = Graph()
    graph.inputs = [Value(v.aval, "input", number=i) for i, v in enumerate(closed.jaxpr.invars)]
    constants = [_constant(v.aval, c) for v, c in zip(closed.jaxpr.constvars, closed.consts, strict=True)]
    graph.values += [*graph.inputs, *constants]
    graph.outputs = _read_body(graph, closed.jaxpr, constants, graph.inputs, (), "", (), ())
    return graph


def source_of(value: Value) -> str:
    """The line of the user's program that computes a value, else the one of a library."""
    jax_files = str(Path(jax.__file__).parent)
    of_library = ""
    for eqn in (value.eqn, *value.callers) if value.eqn is not None else ():
        for frame in eqn.source_info.traceback.frames if eqn.source_info.traceback else ():
            if not frame.file_name.startswith((jax_files, _HERE, "<")):
                line = f"{Path(frame.file_name).name}:{frame.line_num}"
                if not frame.file_name.startswith(_PACKAGES):
                    return line
                of_library = of_library or line
    return of_library


def _constant(aval: Any, constant: Any) -> Value:
    return Value(aval, "constant", constant=constant)


def _read_body(
    graph: Graph,
    jaxpr: Jaxpr,
    constants: Sequence[Value],
    inputs: Sequence[Value],
    place: Place,
    stack: str,
    scope: Place,
    callers: tuple[Any, ...],
) -> list[Value]:
    """Add the values of a jaxpr to the graph, and return its outputs."""
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, constants, strict=True))
    known |= zip(jaxpr.invars, inputs, strict=True)

    def look_up(variables: Sequence[Any]) -> list[Value]:
        return [_constant(v.aval, v.val) if isinstance(v, Literal) else known[v] for v in variables]

    for index, eqn in enumerate(jaxpr.eqns):
        here, operands, name = (*place, index), look_up(eqn.invars), eqn.primitive.name
        inner_stack = "/".join(filter(None, (stack, str(eqn.source_info.name_stack))))
        body = next(bodies(eqn), None)
        if name in CALLS and body is not None:
            consts = [_constant(v.aval, c) for v, c in zip(body.jaxpr.constvars, body.consts, strict=True)]
            graph.values += consts
            results = _read_body(graph, body.jaxpr, consts, operands, here, inner_stack, scope, (eqn, *callers))
        else:
            results = [
                Value(v.aval, name, tuple(operands), here, eqn, None, i, inner_stack, scope, callers=callers)
                for i, v in enumerate(eqn.outvars)
            ]
            if name in SCOPES:
                _read_scope(graph, eqn, operands, results, here, inner_stack, (eqn, *callers))
            elif body is not None and not name.startswith(_COMBINING):
                graph.not_entered += results[:1]
            graph.values += results
        if called := called_name(eqn):
            graph.calls.append(Call(called, here, operands, results, eqn))
        known |= zip(eqn.outvars, results, strict=True)
    return look_up(jaxpr.outvars)


def _read_scope(
    graph: Graph,
    eqn: Any,
    operands: list[Value],
    results: list[Value],
    place: Place,
    stack: str,
    callers: tuple[Any, ...],
) -> None:
    for number, body in enumerate(bodies(eqn)):
        here = (*place, number) if eqn.primitive.name == "cond" else place
        outer = operands[1:] if eqn.primitive.name == "cond" else operands
        arguments = [
            Value(v.aval, "argument", (operand,), here, eqn, number=i, stack=stack, scope=here, callers=callers)
            for i, (v, operand) in enumerate(zip(body.jaxpr.invars, outer, strict=False))
        ]
        consts = [_constant(v.aval, c) for v, c in zip(body.jaxpr.constvars, body.consts, strict=True)]
        graph.values += [*arguments, *consts]
        outputs = _read_body(graph, body.jaxpr, consts, arguments, here, stack, here, callers)
        for result in results:
            result.bodies.append(Body(arguments, outputs))
        if eqn.primitive.name != "cond":
            break  # the other jaxprs of an equation are its derivatives


def called_name(eqn: Any) -> str:
    """The name of the function that an equation calls, if it has one."""
    name = eqn.params.get("name", "") if eqn.primitive.name in CALLS | SCOPES else ""
    call = eqn.params.get("call_jaxpr") if eqn.primitive.name.startswith("custom_") else None
    if not name and call is not None:
        jaxpr = call.jaxpr if isinstance(call, ClosedJaxpr) else call
        name = getattr(getattr(jaxpr, "debug_info", None), "func_name", "")
    return str(name or "")


def function_file(eqn: Any) -> str:
    """The file that defines the function that an equation calls; empty if it is not known."""
    jaxpr = next((body.jaxpr for body in bodies(eqn)), None)
    return str(getattr(getattr(jaxpr, "debug_info", None), "func_filename", None) or "")


def scope_names(stack: str) -> str:
    """The name stack without the transformations: "vmap(MLP)/jvp(Linear)" is "MLP/Linear"."""
    parts = []
    for part in stack.split("/"):
        while match := re.fullmatch(
            r"(?:vmap|jvp|transpose|pmap|jit|checkpoint|rematted_computation|remat\d?)\((.*)\)?", part.rstrip(")")
        ):
            part = match[1]
        parts.append(part.rstrip(")"))
    return "/".join(part for part in parts if part and part not in ("checkpoint", "rematted_computation"))
