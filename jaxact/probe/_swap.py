"""swap and stabilise: the same function with other activations."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import eval_jaxpr
from jax.interpreters.partial_eval import dce_jaxpr

from .._checks import shown
from .._facts import CATALOGUE
from .._names import get
from ._elementwise import POINTS, elu_alpha, is_function, jax_values, leaky_relu_slope, number_of, values_on
from ._graph import function_file
from ._recognise import ALIASES, Found
from ._trace import Traced, trace

F = TypeVar("F", bound=Callable[..., Any])
Replacement = Callable[[Any, Any], Any]
"""The new value at a site, of its input and the operands of the call that it is."""


def swap(fun: F, replacements: Mapping[str, Callable[..., Any]]) -> F:
    """swap(fun, {"relu": jaxact.gelu})(*args) = fun(*args), with gelu in place of each relu

    No source is edited: `fun` is traced, and its program is evaluated with other functions at the sites that `probe`
    finds. Values and gradients are those of the new functions, under jit, grad, vmap and shard_map, in scan, cond and
    checkpoint. Of an Equinox module it makes a module with the same parameters.

    Where an activation is inside a function with a derivative of its own (`jax.custom_jvp`, `jax.custom_vjp`), that
    derivative belongs to the old activation: the function is then differentiated by JAX's rules, as if it had none.

    Args:
        fun: any function that jax.jit accepts.
        replacements: by the name of an activation ("relu"; "SiLU" and other spellings that `jaxact.get` knows), by the
            name of a `tag`, or by that of a single site ("MLP/relu[0]"), which goes before the others. A new function
            is elementwise. In place of softmax it may be one over an axis, if it takes the `axis` of the site, and its
            mask as `where` if the site has one.

    Raises:
        TypeError: if no mapping is given, or what it holds are no functions; when called, if a new function changes
            the shape.
        ValueError: when called, if no site has one of the names, or if it is in a loop or kernel that cannot be
            entered (a while loop, Pallas), or at a gate over an axis, such as glu.
    """
    if not isinstance(replacements, Mapping) or not replacements:
        raise TypeError(
            f"swap was called with {shown(replacements)}; expected functions by the name of what they replace, as in "
            '{"relu": jaxact.gelu}.'
        )
    for name, new in replacements.items():
        if not isinstance(name, str) or not callable(new):
            raise TypeError(
                f"swap was called with {shown(name)}: {shown(new)}; expected the name of an activation and a function."
            )
    return _wrapped("swap", fun, dict(replacements))


def stabilise(fun: F) -> F:
    """stabilise(fun)(*args) = fun(*args), with jaxact's activations in place of those of the same name

    The activations of jax.nn, and those written out by hand, become jaxact's of the same name and parameters, which are
    finite and have the right gradients where those overflow or cancel. Only those are replaced that have the same
    values; all others, and those in while loops and kernels, stay as they are. All else is as with `swap`.
    """
    return _wrapped("stabilise", fun, None)


def _wrapped(caller: str, fun: Any, replacements: dict[str, Any] | None) -> Any:
    if not callable(fun):
        raise TypeError(f"{caller} was called with {shown(fun)}; expected a function of arrays.")
    if isinstance(fun, eqx.Module):
        return _Swapped(fun, replacements)

    @functools.wraps(fun)
    def swapped(*args: Any, **kwargs: Any) -> Any:
        return _evaluate(caller, fun, replacements, args, kwargs)

    return swapped


class _Swapped(eqx.Module):
    """An Equinox module with other activations. Its parameters are those of the module, and of new activations."""

    module: Any
    replacements: dict[str, Any] | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return module(*args, **kwargs)

        call.__name__ = type(self.module).__name__
        caller = "stabilise" if self.replacements is None else "swap"
        return _evaluate(caller, call, self.replacements, (self.module, *args), kwargs)


def _evaluate(caller: str, fun: Any, replacements: dict[str, Any] | None, args: Any, kwargs: Any) -> Any:
    traced = trace(caller, fun, args, kwargs)
    new = _same_of_jaxact(traced) if replacements is None else _chosen(traced, fun, replacements)

    def replace(number: int, x: Any, y: Any, operands: Any) -> Any:
        return _as_before(traced.names[number], x, new[number](x, operands), y)

    evaluation = traced.evaluation(new, replace=replace)
    closed = jax.make_jaxpr(lambda *inputs: evaluation.run(traced.closed, inputs, {})[0])(*traced.inputs)
    # Without the old activations, which would be sites of a probe around it.
    jaxpr, _ = dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return traced.restore(eval_jaxpr(jaxpr, closed.consts, *traced.inputs))


def _as_before(name: str, x: Any, new: Any, old: Any) -> Any:
    """The new value in the type of the old one, which the rest of the program expects."""
    try:
        new = jnp.asarray(new)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"swap was called with a function that returns {shown(new)} at {name}; expected one that returns an array."
        ) from error
    if jnp.iscomplexobj(new) and not jnp.iscomplexobj(old):
        raise TypeError(
            f"swap was called with a function that makes {new.dtype.name} of {x.dtype.name} at {name}; expected one "
            "that returns real numbers."
        )
    if new.shape != old.shape:
        raise TypeError(
            f"swap was called with a function that makes {list(new.shape)} of {list(x.shape)} at {name}; expected one "
            f"that returns {list(old.shape)}."
        )
    return new.astype(old.dtype)


def _chosen(traced: Traced, fun: Any, replacements: dict[str, Any]) -> dict[int, Replacement]:
    """The new functions by the number of the site. The name of a site goes before that of its activation."""
    activations = {site.activation for site in traced.found}
    by_site = {key for key in replacements if key in traced.names and key not in activations}
    new: dict[int, Replacement] = {}
    for key in sorted(replacements, key=lambda key: key in by_site):
        numbers = [traced.names.index(key)] if key in by_site else _with_activation(traced, fun, key)
        for number in numbers:
            new[number] = _replacement(traced, number, key, replacements[key])
    return new


def _with_activation(traced: Traced, fun: Any, key: str) -> list[int]:
    names = {key, _canonical(key)}
    hidden = [str(what) for what in traced.not_entered if names & set(what.activations)]
    numbers = [number for number, site in enumerate(traced.found) if site.activation in names]
    if hidden:
        raise ValueError(
            f"swap was called with {key!r}, which is also in {'; '.join(hidden)}, where it cannot be replaced; "
            "expected an activation outside of while loops and kernels, or the name of one site."
        )
    if not numbers:
        what = getattr(fun, "__name__", type(fun).__name__)
        raise ValueError(
            f"swap was called with {key!r}, which no site of {what} has; expected one of {_listed(traced.names)}."
        )
    return numbers


def _canonical(key: str) -> str:
    """The name that sites report, for any spelling that `jaxact.get` knows."""
    try:
        function = get(key)
    except ValueError:
        return key
    name = getattr(function, "func", function).__name__
    return ALIASES.get(name, name)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more or "none: it has no activations"


def _replacement(traced: Traced, number: int, key: str, new: Callable[..., Any]) -> Replacement:
    site = traced.found[number]
    if site.kind == "other":
        raise ValueError(
            f"swap was called with {key!r}, but {traced.names[number]} is a gate over an axis; expected an elementwise "
            "activation or one of the softmax family."
        )
    if site.kind != "rows":
        return lambda x, operands: new(x)
    takes, mask = _keywords(new), _mask(traced, site)
    axis = {"axis": _axis(site)} if "axis" in takes else {}
    if mask is not None and "where" not in takes:
        raise ValueError(
            f"swap was called with {key!r}: {shown(new)}, but {traced.names[number]} has a mask; expected a function "
            "that takes it as where."
        )
    return lambda x, operands: new(x, **axis, **({"where": mask(operands)} if mask else {}))


def _keywords(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:  # of some built-in functions
        return set()


def _axis(site: Found) -> int | tuple[int, ...]:
    return site.axes[0] if len(site.axes) == 1 else site.axes


def _mask(traced: Traced, site: Found) -> Callable[[Any], Any] | None:
    """The mask of a softmax in the shape of its input, from the operands of the call; None if it has none."""
    call = site.call
    flags = [i for i, v in enumerate(call.inputs) if v.type.dtype == bool] if call is not None else []
    if call is None or not flags:
        return None
    for value in traced.graph.values:
        inside = value.place[: len(call.place)] == call.place
        if inside and value.operation == "select_n" and value.inputs[0].shape == site.start.shape:
            start, end = call.inputs[flags[0]], value.inputs[0]
            return lambda operands: jax_values(operands[flags[0]], start, end)
    return lambda operands: operands[flags[0]]


def _same_of_jaxact(traced: Traced) -> dict[int, Replacement]:
    """jaxact's functions for the sites that have the same values."""
    choices = {number: _stable(traced, site) for number, site in enumerate(traced.found)}
    return {number: new for number, new in choices.items() if new is not None}


def _stable(traced: Traced, site: Found) -> Replacement | None:
    file = PurePath(function_file(site.call.eqn)) if site.call is not None else None
    if file is not None and file.parts[-2:] == ("jaxact", "_activation.py"):
        return None
    is_jax_nn = file is not None and file.parts[-4:] == ("jax", "_src", "nn", "functions.py")
    if site.kind == "rows" and site.activation in ("softmax", "log_softmax") and (file is None or is_jax_nn):
        return _replacement(traced, traced.found.index(site), site.activation, CATALOGUE[site.activation].function)
    facts = CATALOGUE.get(site.activation)
    if site.kind != "elementwise" or facts is None or not facts.elementwise:
        return None
    if is_jax_nn and site.call is not None and len(others := _other_arrays(site)) == len(facts.parameters) == 1:
        (name,), (position,) = facts.parameters, others
        return lambda x, operands: facts.function(x, **{name: operands[position]})
    for parameters in _candidates(site, list(facts.parameters)):
        function = functools.partial(facts.function, **parameters)
        if is_function(function, site.start, site.end):
            return lambda x, operands: function(x)
    return None


def _other_arrays(site: Found) -> list[int]:
    """The positions of the learnt parameters among the operands of a call, if it is plain how they broadcast."""
    inputs: Any = site.call.inputs if site.call is not None else []
    others = [i for i, v in enumerate(inputs) if v is not site.start and v.is_float and number_of(v) is None]
    return others if all(len(inputs[i].shape) in (0, len(site.start.shape)) for i in others) else []


def _candidates(site: Found, names: list[str]) -> Iterator[dict[str, float]]:
    """The parameters that an activation may have: the defaults, those that its call is given, or as its values say."""
    yield {}
    given = [
        number for v in (site.call.inputs if site.call is not None else []) if (number := number_of(v)) is not None
    ]
    if given and len(given) <= len(names):
        yield dict(zip(names, given, strict=False))
    values = values_on(POINTS, site.start, site.end)
    if values is not None and site.activation == "leaky_relu":
        yield {"negative_slope": leaky_relu_slope(values)}
    if values is not None and site.activation == "elu":
        yield {"alpha": elu_alpha(values)}
