"""The activation after a layer: the chain of elementwise steps that a program applies to its output."""

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._gauss import value_and_slope
from ._program import Program, Step, values_of
from ._uses import Uses

POINTS = np.linspace(-3, 3, 99)  # on which functions are compared
BEFORE_ACTIVATION = (
    "reshape transpose squeeze expand_dims broadcast_in_dim concatenate reduce_window_max reduce_window_sum".split()  # noqa: SIM905
)
"""What may come between a product and its activation, apart from a bias: changes of shape, and pooling."""
AVERAGES = "div mul".split()  # noqa: SIM905
"""What makes average pooling of a sum over windows: a factor that is known."""
DRAWS = 200
"""Uniform numbers for the mean of a random activation: any dropout rate that is a multiple of 0.5 % is exact."""


def activation_after(program: Program, uses: Uses, product: int) -> tuple[str, Callable[[Array], Array] | None]:
    """The name and the function of what is applied, elementwise, to the product with its bias.

    The chain has the elementwise steps whose inputs are the start, outputs of the chain, known, or drawn. It is an
    activation if the rest of the program uses one value of it only, which is not the start.
    """
    start = _with_bias(program, uses.known, program.steps[product].outputs[0])
    outputs, shape = values_of(program.outputs), program.types[start].shape
    fixed = uses.known.keys() | uses.drawn
    chain_values, chain, used = {start}, [], {start} & outputs
    for step in program.steps:
        inputs = values_of(step.inputs)
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
    chain = _steps_to({end}, chain)
    function = _function(program, uses, chain, start, end)
    first_random = next((i for i, step in enumerate(chain) if values_of(step.inputs) & uses.drawn), None)
    if first_random is not None:  # the mean of dropout is what it is applied to, which has a name of its own
        mean = value_and_slope(function, POINTS)[0]
        for end in [*(step.outputs[0] for step in reversed(chain[:first_random])), start]:
            before = _steps_to({end}, chain)
            plain = _function(program, uses, before, start, end)
            if np.allclose(value_and_slope(plain, POINTS)[0], mean, 0.02, 0.02):
                chain, function = before, plain
                break
    return ", ".join(dict.fromkeys(step.name for step in chain)), function if chain else None


def _with_bias(program: Program, known: dict[int, Any], value: int) -> int:
    """The product after the addition of its bias, in the shape in which the activation gets it."""
    has_bias = is_sum = False
    while value not in program.outputs:
        users = [step for step in program.steps if value in step.inputs]
        if len(users) != 1:
            break
        (step,) = users
        name, others_are_known = step.primitive.name, values_of(step.inputs) - {value} <= known.keys()
        adds_bias = name == "add" and others_are_known and not has_bias
        averages = name in AVERAGES and others_are_known and is_sum
        if name not in BEFORE_ACTIVATION and not adds_bias and not averages:
            break
        has_bias, value = has_bias or adds_bias, step.outputs[0]
        is_sum = name == "reduce_window_sum" or (is_sum and not averages)
    return value


def _steps_to(ends: set[int], chain: list[Step]) -> list[Step]:
    """The steps of a chain that these values depend on."""
    needed, steps = set(ends), []
    for step in reversed(chain):
        if needed & set(step.outputs):
            needed |= values_of(step.inputs)
            steps.append(step)
    return steps[::-1]


def _function(program: Program, uses: Uses, chain: list[Step], start: int, end: int) -> Callable[[Array], Array]:
    """The chain as a function of an array of any shape, which is cut into pieces of the traced shape.

    Random numbers are averaged over: with dropout it is what the chain is at inference.
    """
    inputs = {value for step in chain for value in values_of(step.inputs)}
    random = [step for step in program.steps if uses.drawn.intersection(step.outputs)]
    random = _steps_to(inputs & uses.drawn, random)
    sources = [step.outputs[0] for step in random if step.primitive.name == "random_bits"]
    rest = [step for step in random if step.outputs[0] not in sources] + chain
    others = (uses.known if random else {}) | {v: _median(uses.known[v]) for v in inputs & uses.known.keys()}
    shape, dtype = program.types[start].shape, program.types[start].dtype

    def of_piece(x: Array, draw: Any = None) -> Array:
        values = others | {start: x}
        for number, source in enumerate(sources):
            values[source] = _bits(program.types[source], number, draw)
        for step in rest:
            step.evaluate(values)
        return values[end]

    def mean_of_piece(x: Array) -> Array:
        step = lambda total, draw: (total + of_piece(x, draw), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros_like(x), jnp.arange(DRAWS))[0] / DRAWS

    def function(x: Array) -> Array:
        pieces = jnp.pad(x.ravel(), (0, -x.size % prod(shape))).reshape(-1, *shape).astype(dtype)
        results = jax.vmap(mean_of_piece if random else of_piece)(pieces)
        return results.ravel()[: x.size].reshape(x.shape).astype(x.dtype)

    return function


def _bits(kind: Any, number: int, draw: Any) -> Array:
    """Bits of one of DRAWS evenly spaced uniform numbers, in another order for each source (a rank-1 lattice)."""
    stride = (1, 77, 33, 129, 51, 179)[number % 6]  # coprime with DRAWS
    width = jnp.iinfo(kind.dtype).bits
    table = [int((k * stride % DRAWS + 0.5) / DRAWS * 2**width) for k in range(DRAWS)]
    return jnp.full(kind.shape, jnp.asarray(np.asarray(table, kind.dtype))[draw])


def _median(parameter: Any) -> Any:
    """A parameter that differs between channels, with its median everywhere: the chain is then one function."""
    is_float_array = jnp.ndim(parameter) and jnp.issubdtype(jnp.result_type(parameter), jnp.floating)
    return jnp.full_like(parameter, jnp.median(parameter)) if is_float_array else parameter
