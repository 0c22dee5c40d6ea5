"""probe: what happens at the activations of any function."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from .._checks import shown
from ._evaluate import varying, varying_axes
from ._graph import Value, source_of
from ._sites import Site, Sites
from ._statistics import Cotangent
from ._sums import cotangent, statistics
from ._trace import Traced, is_array, is_float_array, trace

T = TypeVar("T")
TOLERANCE = 1e-3
"""Slopes smaller than this count as 0: a thousandth of that of the identity. sigmoid's is smaller beyond |x| = 6.9."""


def tag(x: T, name: str) -> T:
    """x, which `probe` reports as a site of this name. The same as `jax.ad_checkpoint.checkpoint_name`."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"tag was called with name={shown(name)}; expected a string that is not empty.")
    return checkpoint_name(x, name)


def probe(
    fun: Callable[..., Any], *, grad: bool = False, arrays: bool = False, tolerance: float = TOLERANCE
) -> Callable[..., tuple[Any, Sites]]:
    """probe(fun)(*args) = fun(*args), sites

    The statistics of every activation in `fun`, which needs to know nothing of it: a pure function that traces `fun`
    and evaluates its program again, under jit, grad, vmap and shard_map too. Activations are found by their names
    (jaxact's and jax.nn's), by their values (gelu written out), or by `tag`. They are found inside jit, checkpoint,
    scan, cond and shard_map, and in functions with a derivative of their own; while loops and kernels are named in
    `sites.not_entered`. What is part of a loss, a norm or an optimiser's update is no site.

    Args:
        fun: any function that jax.jit accepts. Arguments that are no arrays are constants.
        grad: whether to record the gradients at each site too; then `fun` returns one float, the loss. To get the
            gradients of the parameters in the same pass, use `value_and_grad`. They are not recorded within functions
            that have a derivative of their own.
        arrays: whether to keep the input and the output of each site.
        tolerance: an element is saturated, and its unit off, where the slope is smaller than this.
    """

    @functools.wraps(fun)
    def probed(*args: Any, **kwargs: Any) -> tuple[Any, Sites]:
        traced = trace("probe", fun, args, kwargs)
        if not grad:
            outputs, sites = _run(traced, traced.inputs, {}, arrays, tolerance)
            return traced.restore(outputs), sites
        check_loss("probe", fun, traced)

        def loss(accumulators: Any) -> tuple[Any, Any]:
            outputs, sites = _run(traced, traced.inputs, accumulators, arrays, tolerance)
            return outputs[0], sites

        (value, sites), cotangents = jax.value_and_grad(loss, has_aux=True)(empty_cotangents(traced))
        return traced.restore([value]), with_cotangents(sites, traced, cotangents)

    return probed


def value_and_grad(
    fun: Callable[..., Any], *, has_aux: bool = False, arrays: bool = False, tolerance: float = TOLERANCE
) -> Callable[..., tuple[tuple[Any, Any], Sites]]:
    """value_and_grad(loss)(model, *args) = (loss(model, *args), gradient by the model), sites

    As `equinox.filter_value_and_grad`, in the same single pass with the statistics of `probe(loss, grad=True)`.

    Args:
        fun: a loss: a function of a model (a pytree; its float arrays are differentiated) and further arguments.
        has_aux: whether the function returns (loss, anything), which then is the value.
        arrays, tolerance: as in `probe`.
    """

    @functools.wraps(fun)
    def probed(model: Any, *args: Any, **kwargs: Any) -> tuple[tuple[Any, Any], Sites]:
        traced = trace("value_and_grad", fun, (model, *args), kwargs)
        check_loss("value_and_grad", fun, traced, has_aux)
        leaves, structure = jax.tree.flatten(eqx.filter(model, is_array))
        is_float = [is_float_array(leaf) for leaf in leaves]
        parameters = [leaf for leaf, yes in zip(leaves, is_float, strict=True) if yes]

        def loss(parameters: Any, accumulators: Any) -> tuple[Any, Any]:
            remaining = iter(parameters)
            own = [next(remaining) if yes else leaf for leaf, yes in zip(leaves, is_float, strict=True)]
            outputs, sites = _run(traced, [*own, *traced.inputs[len(leaves) :]], accumulators, arrays, tolerance)
            return outputs[0], (outputs, sites)

        differentiated = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (_, (outputs, sites)), (gradients, cotangents) = differentiated(parameters, empty_cotangents(traced))
        remaining = iter(gradients)
        gradient = jax.tree.unflatten(structure, [next(remaining) if yes else None for yes in is_float])
        return (traced.restore(outputs), gradient), with_cotangents(sites, traced, cotangents)

    return probed


def _run(
    traced: Traced, inputs: list[Any], accumulators: Any, arrays: bool, tolerance: float
) -> tuple[list[Any], Sites]:
    """The outputs and the sites of a program."""
    record = recorder(traced, arrays, tolerance)
    evaluation = traced.evaluation(record=record, watch=watcher(traced) if accumulators else None)
    outputs, records = evaluation.run(traced.closed, inputs, accumulators)
    return outputs, sites_of(traced, records)


def recorder(traced: Traced, arrays: bool, tolerance: float) -> Callable[..., Site]:
    """What is recorded at a site, for `Evaluation`."""

    def record(number: int, x: Any, y: Any, operands: Any) -> Site:
        found = traced.found[number]
        x, y = jnp.asarray(x), jnp.asarray(y)  # a number in the program is no array
        axes = traced.layers.unit_axes(found.end)
        x_and_y = jax.lax.stop_gradient((x, y))
        fields = statistics(traced.recipe(number, operands, x_and_y[1], tolerance), *x_and_y)
        return Site(
            **fields,
            input_cotangent=None,
            output_cotangent=None,
            arrays=(x, y) if arrays else None,
            name=traced.names[number],
            activation=found.activation,
            kind=found.kind,
            shape=y.shape,
            dtype=y.dtype.name,
            source=source_of(found.end),
            unit_axes=axes,
        )

    return record


def watcher(traced: Traced) -> Callable[..., Any]:
    """What is computed on with, so that the gradients of the accumulators are statistics, for `Evaluation`."""

    def watch(number: int, which: int, value: Any, both: tuple[Cotangent, Cotangent]) -> Any:
        found = traced.found[number]
        return _watched(traced.layers.unit_axes(found.end if which else found.start), value, both[which])

    return watch


def sites_of(traced: Traced, records: dict[int, Site]) -> Sites:
    names = traced.names
    return Sites(
        {names[number]: records[number] for number in sorted(records) if number < len(names)},
        tuple(map(str, traced.not_entered)),
    )


def check_loss(caller: str, fun: Callable[..., Any], traced: Traced, has_aux: bool = False) -> None:
    types = traced.closed.out_avals
    if (
        not types
        or types[0].shape != ()
        or not jnp.issubdtype(types[0].dtype, jnp.floating)
        or (len(types) > 1 and not has_aux)
    ):
        what = ", ".join(f"{aval.dtype.name}{list(aval.shape)}" for aval in types[:4]) or "no array"
        raise TypeError(
            f"{caller} was called with {getattr(fun, '__name__', type(fun).__name__)}, which returns {what}; "
            "expected a function that returns its loss, one float."
        )


def empty_cotangents(traced: Traced) -> dict[int, Any]:
    """Empty statistics of gradients for the input and the output of each site, stacked as the records are."""
    sites = jax.eval_shape(lambda inputs: _run(traced, inputs, {}, False, TOLERANCE)[1], traced.inputs)

    def empty(number: int, which: Value) -> Cotangent:
        record = sites[traced.names[number]].moments_and_units
        leading, axes = record.shape[:-1], varying_axes(record)
        one = jax.eval_shape(
            functools.partial(cotangent, axes=traced.layers.unit_axes(which)),
            jax.ShapeDtypeStruct(which.shape, jnp.float32),
        )
        return jax.tree.map(lambda leaf: varying(jnp.zeros((*leading, *leaf.shape), leaf.dtype), axes), one)

    return {n: (empty(n, site.start), empty(n, site.end)) for n, site in enumerate(traced.found)}


def with_cotangents(sites: Sites, traced: Traced, cotangents: dict[int, Any]) -> Sites:
    names = {name: number for number, name in enumerate(traced.names)}
    return Sites(
        {
            name: dataclasses.replace(
                site, input_cotangent=cotangents[names[name]][0], output_cotangent=cotangents[names[name]][1]
            )
            for name, site in sites.items()
        },
        sites.not_entered,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _watched(axes: tuple[int, ...], x: Any, accumulator: Cotangent) -> Any:
    """x; the gradient by the accumulator is the statistics of the gradient by x."""
    return x


def _watched_forward(axes: tuple[int, ...], x: Any, accumulator: Cotangent) -> tuple[Any, Cotangent]:
    return x, accumulator


def _watched_backward(axes: tuple[int, ...], accumulator: Cotangent, g: Any) -> tuple[Any, Cotangent]:
    return g, jax.tree.map(jnp.add, accumulator, cotangent(g, axes))  # within shard_map the sum varies as it has to


_watched.defvjp(_watched_forward, _watched_backward)
