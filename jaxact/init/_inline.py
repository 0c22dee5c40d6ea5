"""Calls and loops of a jaxpr as straight-line jaxprs, so that the layers inside them are found."""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from .._jaxprs import CALLS, FUNCTIONS, bodies, has_product, scan_parts


def callee(eqn: Any) -> ClosedJaxpr | None:
    """The jaxpr that an equation calls, if it does nothing else."""
    return next(bodies(eqn), None) if eqn.primitive.name in CALLS | FUNCTIONS | {"custom_vmap_call"} else None


def unrolled(eqn: Any, exactly: bool) -> ClosedJaxpr | None:
    """The loop or branch of an equation without control flow, if it contains a product; else None.

    A branch computes all its cases. A loop has all its iterations if `exactly`; else only the first two, which show
    what follows the product of an iteration. A `while` loop has no exact form.
    """
    if not has_product(eqn):
        return None
    name, run = eqn.primitive.name, None
    if name == "scan" and eqn.params["length"]:
        run = _scan(eqn, eqn.params["length"] if exactly else min(2, eqn.params["length"]))
    elif name == "while" and not exactly:
        run = _while(eqn)
    elif name == "cond":
        run = _cond(eqn)
    return None if run is None else jax.make_jaxpr(run)(*(variable.aval for variable in eqn.invars))


def _scan(eqn: Any, iterations: int) -> Callable[..., list[Any]]:
    """The first iterations; the outputs of others are those of the last."""
    body, length = next(bodies(eqn)), eqn.params["length"]
    first_carry, carried, _ = scan_parts(eqn, body)
    first_slice, ys = first_carry + carried, len(eqn.outvars) - carried
    order = range(length)[:: -1 if eqn.params["reverse"] else 1]

    def run(*args: Any) -> list[Any]:
        constants, carry, slices = args[:first_carry], args[first_carry:first_slice], args[first_slice:]
        outputs: dict[int, list[Any]] = {}
        last: list[Any] = []
        for number, i in enumerate(order):
            if number < iterations:
                now = [lax.index_in_dim(x, i, keepdims=False) for x in slices]
                results = jaxpr_as_fun(body)(*constants, *carry, *now)
                carry, last = results[:carried], [lax.expand_dims(y, (0,)) for y in results[carried:]]
            outputs[i] = last
        return [*carry, *(lax.concatenate([outputs[i][y] for i in range(length)], 0) for y in range(ys))]

    return run


def _while(eqn: Any) -> Callable[..., list[Any]]:
    params = eqn.params
    first = params["cond_nconsts"]
    end = first + params["body_nconsts"]

    def run(*args: Any) -> list[Any]:
        carry = list(args[end:])
        for _ in range(2):
            carry = jaxpr_as_fun(params["body_jaxpr"])(*args[first:end], *carry)
        return carry

    return run


def _cond(eqn: Any) -> Callable[..., list[Any]]:
    def run(case: Any, *args: Any) -> list[Any]:
        results = [jaxpr_as_fun(branch)(*args) for branch in eqn.params["branches"]]
        case = case != 0 if len(results) == 2 else case
        return [lax.select_n(case, *values) for values in zip(*results, strict=True)]

    return run
