"""Where a program uses the weights of which layer, and of which member of an ensemble of layers."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from .._jaxprs import PRODUCTS
from ._program import Program, Step, values_of

SELECTIONS = frozenset(
    "reshape transpose squeeze expand_dims broadcast_in_dim concatenate slice dynamic_slice gather rev".split()  # noqa: SIM905
)
"""What selects elements of a weight, such as one member of an ensemble."""
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


def layer_uses(program: Program, weights: dict[int, tuple[int, Members]], parameters: dict[int, Any]) -> Uses:
    """The uses of layers in the order of the program.

    `weights` has the layer and the members of each weight, `parameters` the value of every input that is a parameter of
    the model. A value computed from the weight of one layer is a weight of the layer.
    """
    uses, weight_of = Uses([], program.constants | parameters, set()), dict(weights)
    same: dict[int, int] = {}  # the known value that another one is a copy of
    for index, step in enumerate(program.steps):
        inputs = values_of(step.inputs)
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
    if step.primitive.name in SELECTIONS and members.keys() | uses.known.keys() >= values_of(step.inputs):
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
