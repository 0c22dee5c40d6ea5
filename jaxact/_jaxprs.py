"""The reading of traced programs that `init` and `probe` share."""

from collections.abc import Iterator, Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr

PRODUCTS = ("dot_general", "conv_general_dilated")
CALLS = frozenset("jit pjit closed_call core_call".split())  # noqa: SIM905
"""Calls that compute what their body computes, and do nothing else."""
FUNCTIONS = frozenset("checkpoint remat remat2 custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr".split())  # noqa: SIM905
"""Calls that compute what their body computes, and are differentiated in a way of their own."""


def has_product(eqn: Any) -> bool:
    return eqn.primitive.name in PRODUCTS or any(
        has_product(inner) for body in bodies(eqn) for inner in body.jaxpr.eqns
    )


def bodies(eqn: Any) -> Iterator[ClosedJaxpr]:
    """All jaxprs among the parameters of an equation."""
    for value in eqn.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr):
                yield part
            elif isinstance(part, Jaxpr):
                yield ClosedJaxpr(part, ())


def bind(eqn: Any, operands: Sequence[Any]) -> list[Any]:
    """The results of an equation."""
    with eqn.ctx.manager:
        results = eqn.primitive.bind(*operands, **eqn.primitive.get_bind_params(eqn.params))
    return list(results) if eqn.primitive.multiple_results else [results]


def scan_parts(eqn: Any, body: ClosedJaxpr) -> tuple[int, int, int]:
    """How many constants, carried values and slices the body of a scan has. Slices are those that lose an axis."""
    xs = sum(len(v.aval.shape) != len(x.shape) for v, x in zip(eqn.invars, body.in_avals, strict=True))
    ys = sum(len(v.aval.shape) != len(y.shape) for v, y in zip(eqn.outvars, body.out_avals, strict=True))
    carried = len(eqn.outvars) - ys
    return len(eqn.invars) - carried - xs, carried, xs
