"""Taylor mode: the higher derivatives of any function that `jax.jvp` differentiates.

`jax.experimental.jet` fails on every function with a jvp rule, jax.nn.relu included. In JAX 0.10 to 0.12,
`Primitive.bind` (core.py) unsets the current trace, and `JetTrace.process_custom_jvp_call` (jet.py) then calls the
function without setting itself as the current trace (`core.set_current_trace`), which the traces of jvp and vmap do.
The first operation finds no trace, or one that does not own its operands (AttributeError, UnexpectedTracerError). If it
ran, it would differentiate the body and ignore the rule.

Nested jax.jvp has neither fault. Its known exponential cost does not survive compilation: the program contains the same
products many times, and XLA computes each of them once. A net of 8 layers of 256 tanh, order 4, takes 36 matrix
products and 40 ms; an interpreter that uses JAX's jet for all but the activations takes 67 products and 69 ms.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ._checks import as_array, as_flag, shown


def jet(
    fun: Callable[..., Any],
    primals: Sequence[ArrayLike],
    series: Sequence[Sequence[ArrayLike]],
    factorial_scaled: bool = True,
) -> tuple[Any, Any]:
    """jet(f, (x,), ((1, 0, 0),)) = f(x), [f'(x), f''(x), f'''(x)]

    The derivatives of `fun` along a curve, with the signature of `jax.experimental.jet.jet`, for everything that
    `jax.jvp` differentiates: activations of jaxact, jax.nn.relu, lax.scan. Jvp rules are used: relu has slope 0 at 0,
    first and second derivatives are as accurate as elsewhere, and third derivatives of jaxact's functions are within
    1e-6 of the largest in float32.

    Call it inside jax.jit: for order n, `fun` is traced 2^n times, and outside jit computed 2^n times, while compiled
    code computes n + 1 times the matrix products of `fun`. Each order doubles the compile time (a net of three gelu
    layers: 4 s for order 3, 12 s for order 5, on one core).

    Args:
        fun: a function of arrays that returns an array or a tree of arrays.
        primals: its arguments, floating-point arrays or numbers.
        series: for each argument, the derivatives of the curve: the first, the second, up to the wanted order.
        factorial_scaled: False for Taylor coefficients (derivatives over factorials) in `series` and in the result.

    Returns:
        `fun(*primals)`, and the same tree with the list of its derivatives along the curve for each array.

    Raises:
        TypeError: for primals or series that are not sequences, or an argument that is not a floating-point array or
            number; from JAX for a function with `jax.custom_vjp`, which has no forward derivative.
        ValueError: for series whose number, shapes or orders do not match the arguments.
    """
    as_flag("jet", "factorial_scaled", factorial_scaled)
    if not all(map(_is_sequence, (primals, series, *(series if _is_sequence(series) else ())))):
        raise TypeError(
            f"jet was called with primals = {shown(primals)} and series = {shown(series)}; expected a tuple of "
            f"arguments and, for each of them, a tuple of derivatives, as in jet(f, (x,), ((1.0, 0.0),))."
        )
    orders = sorted({len(terms) for terms in series})
    if len(series) != len(primals) or len(orders) != 1:
        lengths = " or ".join(map(str, orders or [0]))
        raise ValueError(
            f"jet was called with {len(primals)} primals and {len(series)} series of {lengths} terms; "
            f"expected a series for each primal, all of the same length."
        )
    factors = [1 if factorial_scaled else math.factorial(n) for n in range(1, orders[0] + 1)]
    x = [_argument(i, value) for i, value in enumerate(primals)]
    curve = [
        [_term(i, n, value, terms[n]) * factor for i, (value, terms) in enumerate(zip(x, series, strict=True))]
        for n, factor in enumerate(factors)
    ]
    result = fun(*x)

    def floats(arguments: Sequence[Array]) -> list[Array]:
        """The results that have derivatives: floats, and no integers or bools."""
        return [y for y in map(jnp.asarray, jax.tree.leaves(fun(*arguments))) if _is_float(y)]

    by_order = _with_derivatives(floats, len(factors))(x, *curve)[1:]
    by_result = zip(*by_order, strict=True)
    terms = [
        [derivative / factor for derivative, factor in zip(next(by_result), factors, strict=True)]
        if factors and _is_float(y)
        else [jnp.zeros_like(y) for _ in factors]
        for y in map(jnp.asarray, jax.tree.leaves(result))
    ]
    return result, jax.tree.structure(result).unflatten(terms)


def _with_derivatives(function: Callable[..., list[Array]], order: int) -> Callable[..., list[list[Array]]]:
    """The function from x, x', x'', ... to f, f', f'', ..., by differentiating the function of one order less."""
    if order == 0:
        return lambda x: [function(x)]
    lower = _with_derivatives(function, order - 1)

    def higher(*curve: Sequence[Array]) -> list[list[Array]]:
        orders, tangents = jax.jvp(lower, curve[:-1], curve[1:])
        return [*orders, tangents[-1]]

    return higher


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0


def _argument(position: int, x: ArrayLike) -> Array:
    if not isinstance(x, float) and not _is_float(x):
        raise TypeError(
            f"jet was called with primal {position} = {shown(x)}; expected a floating-point array or number."
        )
    return jnp.asarray(as_array("jet", f"primal {position}", x))


def _term(position: int, n: int, x: Array, term: ArrayLike) -> Array:
    term = as_array("jet", f"term {n} of primal {position}", term)
    if jnp.shape(term) != x.shape:
        raise ValueError(
            f"jet was called with term {n} of shape {jnp.shape(term)} for primal {position}; expected shape {x.shape}."
        )
    return jnp.asarray(term, x.dtype)


def _is_float(y: Any) -> bool:
    return isinstance(y, jax.Array | np.ndarray | np.generic) and jnp.issubdtype(y.dtype, jnp.floating)
