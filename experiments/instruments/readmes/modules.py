"""The parameters and initial values of all modules, read off instances: a table of the README."""

import re
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import Array

from jaxact import relu
from jaxact.nn import (
    APL,
    GEGLU,
    PELU,
    XIELU,
    Activation,
    Bilinear,
    ConvMaxout,
    DynamicTanh,
    Maxout,
    PReLU,
    Rational,
    ReGLU,
    RReLU,
    Snake,
    Softplus,
    SReLU,
    SwiGLU,
    Swish,
    TemperatureSoftmax,
)

Made = tuple[dict[str, Any], Any]
"""A module in one or two forms, and the layer that it replaces, None if it follows one."""

WIDTHS = (3, 6, 9)  # three determine a count of degree two; multiples of 3 are cut by the 2/3 rule without a rest


def modules() -> str:
    """What each module learns, how many parameters that adds to a layer, where they start, and the paper."""
    sizes = [eqx.filter_eval_shape(_modules, width, jax.random.key(0)) for width in WIDTHS]
    made, again = (eqx.filter_jit(_modules)(WIDTHS[0], jax.random.key(seed)) for seed in range(2))
    head = ["| module | learns | parameters added at width d | initial values | paper |", "| --- |" + " --- |" * 4]
    return "\n".join([*head, *map(_row, made, again, zip(*sizes, strict=True))])


def _modules(d: int, key: Array) -> list[Made]:
    return list(_each_module(d, key))


def _each_module(d: int, key: Array) -> Iterator[Made]:
    for kind in (PReLU, Swish, Softplus, PELU, XIELU, SReLU, Snake, DynamicTanh, TemperatureSoftmax, Rational):
        yield {"": kind(), " per channel": kind(d)}, None
    yield {"": APL(key=key), " per channel": APL(d, key=key)}, None
    yield {"": RReLU()}, None
    yield {"": Activation(relu)}, None
    yield {"": Maxout(d, d, key=key)}, eqx.nn.Linear(d, d, key=key)
    yield {"": ConvMaxout(2, d, d, 3, key=key)}, eqx.nn.Conv2d(d, d, 3, key=key)
    plain = eqx.nn.MLP(d, d, 4 * d, 1, use_bias=False, use_final_bias=False, key=key)
    for kind in (SwiGLU, GEGLU, ReGLU, Bilinear):
        forms = {"": kind(d, 4 * d, key=key), " with two_thirds": kind(d, 4 * d, two_thirds=True, key=key)}
        yield forms, plain


def _row(made: Made, again: Made, at_widths: tuple[Made, ...]) -> str:
    """Of one module, the same with another key, and what either has for shapes at several widths."""
    added = [
        f"{_polynomial([_size(forms[form]) - _size(replaced) for forms, replaced in at_widths])}{form}"
        for form in made[0]
    ]
    model, model_again = made[0][""], again[0][""]
    starts = {name: _start(value, _value(model_again, name)) for name, value in _learnt(model)}
    learns = ", ".join(f"`{name}`" for name in starts) or "nothing"
    values = ", ".join(starts.values() if len({*starts.values()}) > 1 else {*starts.values()})
    source = re.search(r"Reference: (\S+)", type(model).__doc__ or "")
    paper = f"[{source[1].split('/')[2]}]({source[1]})" if source else ""
    return f"| `{type(model).__name__}` | {learns} | {', or '.join(added)} | {values} | {paper} |"


def _learnt(model: Any) -> list[tuple[str, Array]]:
    """What users call each parameter, and its value: of raw_alpha, that of alpha."""
    paths, _ = jax.tree.flatten_with_path(eqx.filter(model, eqx.is_array))
    names = [jax.tree_util.keystr(path, simple=True, separator=".").removeprefix("raw_") for path, _ in paths]
    return [(name, _value(model, name)) for name in names]


def _value(model: Any, name: str) -> Array:
    for part in name.split("."):
        model = getattr(model, part)
    return model


def _start(value: Array, again: Array) -> str:
    if not np.array_equal(value, again):
        return "random"
    return f"{np.ravel(value)[0]:.6g}" if np.unique(value).size == 1 else "fitted"


def _size(model: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(model) if isinstance(leaf, jax.ShapeDtypeStruct))


def _polynomial(counts: list[int]) -> str:
    """The count as a formula of the width."""
    of_power = np.rint(np.linalg.solve(np.vander(WIDTHS), counts)).astype(int)
    terms = [f"{'' if n == 1 and unit else n}{unit}" for n, unit in zip(of_power, ("d^2", "d", ""), strict=True) if n]
    return " + ".join(terms) or "0"
