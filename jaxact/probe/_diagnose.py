"""diagnose: why a net does not learn."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import jax
import numpy as np

from .._checks import shown
from . import _data_findings, _gradient_findings, _training_findings, _unit_findings
from ._diagnosis import LEVELS, Diagnosis, Finding, Row
from ._measure import Measured, measure
from ._thresholds import Thresholds
from ._trace import is_array, is_float_array

CHECKS: tuple[Callable[[Measured, Thresholds], Iterator[Finding]], ...] = (
    _gradient_findings.not_finite,
    _data_findings.raw_inputs,
    _data_findings.targets,
    _data_findings.loss_and_output,
    _data_findings.broadcast_targets,
    _data_findings.no_activation,
    _data_findings.dropout,
    _unit_findings.dead_units,
    _unit_findings.saturated,
    _gradient_findings.layer_gains,
    _gradient_findings.vanishing_or_exploding,
    _gradient_findings.underflow,
    _gradient_findings.no_gradient,
    _training_findings.loss_curve,
    _training_findings.plateau,
    _training_findings.updates,
    _data_findings.constant_output,
    _unit_findings.attention_collapsed,
    _unit_findings.off_centre,
    _unit_findings.near_linear,
    _gradient_findings.one_sign,
    _data_findings.narrow_layers,
)


def diagnose(
    loss: Callable[..., Any],
    model: Any,
    *batches: Any,
    optimiser: Any = None,
    losses: Sequence[float] | np.ndarray | None = None,
    trial_steps: int = 30,
    **thresholds: float,
) -> Diagnosis:
    """diagnose(loss, model, batch, ...) = what keeps the model from learning, where, by which evidence, what to do

    Runs the loss and its gradient on each batch, and reads in the program what lies between the layers. Nothing is
    changed. Of a model with several outputs the last one is compared with the targets. Programs are compiled once for
    a loss and arguments of the same shapes, as by jax.jit, so that what the loss closes over must not change. Arrays
    may be split among devices; if several processes share them, all processes have to call diagnose.

    Args:
        loss: loss(model, *batch) is one float. The model may be of Equinox or Flax, or a pytree of plain arrays.
        model: a pytree with float arrays.
        batches: tuples of the arguments behind the model; anything else, such as an array, a dictionary or a named
            tuple, is the only argument. Some hundred examples in all.
        optimiser: an optax GradientTransformation. With it a copy of the model is trained for `trial_steps` steps, for
            the size of its steps.
        losses: the training loss of each step so far.
        trial_steps: how many steps a copy is trained for.
        thresholds: from where on something is said, by the names of `Thresholds`.

    Raises:
        TypeError: for a loss that cannot be traced or returns no single float, or for thresholds that there are not.
        ValueError: for no batch, or a model without float arrays.
    """
    names = [field.name for field in dataclasses.fields(Thresholds)]
    if unknown := [name for name in thresholds if name not in names]:
        raise TypeError(
            f"diagnose was called with {unknown[0]}={shown(thresholds[unknown[0]])}; expected one of "
            f"{', '.join(names)}."
        )
    if not batches:
        raise ValueError(
            "diagnose was called without a batch; expected one or more, each a tuple of the arguments of the loss "
            "behind the model."
        )
    _check_model(model)
    tuples = [batch if type(batch) is tuple else (batch,) for batch in batches]
    _check_arguments(loss, model, tuples, optimiser, losses, trial_steps, thresholds)
    limits = Thresholds(**cast(Any, thresholds))
    measured = measure(loss, model, tuples, losses, optimiser, limits.slope, trial_steps)
    findings = [finding for check in CHECKS for finding in check(measured, limits)]
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Diagnosis(
        tuple(_rows(measured)),
        tuple(findings),
        measured.loss,
        measured.examples,
        measured.sites.not_entered,
        dataclasses.asdict(limits),
        measured.baseline,
    )


def _check_call(loss: Any, model: Any, batch: tuple[Any, ...]) -> None:
    try:
        inspect.signature(loss).bind(model, *batch)
    except ValueError:
        return  # a function that has no signature
    except TypeError as error:
        takes = f"{getattr(loss, '__name__', type(loss).__name__)}{inspect.signature(loss)}" if callable(loss) else ""
        raise TypeError(
            f"diagnose was called with {takes or shown(loss)} and a batch of {len(batch)} "
            f"argument{'s' * (len(batch) != 1)} ({error}); expected diagnose(loss, model, batch, ...), each batch a "
            "tuple of the arguments behind the model, as in (x, y)."
        ) from error


def _check_arguments(
    loss: Any,
    model: Any,
    batches: list[tuple[Any, ...]],
    optimiser: Any,
    losses: Any,
    trial_steps: Any,
    thresholds: dict[str, Any],
) -> None:
    for batch in batches:
        _check_call(loss, model, batch)
        shapes = [leaf.shape for leaf in jax.tree.leaves(batch) if is_array(leaf) and leaf.shape]
        if shapes and max(shape[0] for shape in shapes) == 0:
            raise ValueError(
                f"diagnose was called with a batch of arrays of shape {shapes[0]}; expected some examples."
            )
    for name, value in thresholds.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"diagnose was called with {name}={shown(value)}; expected a number.")
    if optimiser is not None and not (hasattr(optimiser, "init") and hasattr(optimiser, "update")):
        raise TypeError(
            f"diagnose was called with optimiser={shown(optimiser)}; expected an optax GradientTransformation, with "
            "init and update."
        )
    if isinstance(trial_steps, bool) or not isinstance(trial_steps, int | np.integer) or trial_steps < 1:
        raise ValueError(f"diagnose was called with trial_steps={shown(trial_steps)}; expected an integer, at least 1.")
    try:
        shape = np.shape(np.asarray([] if losses is None else losses, float))
    except (TypeError, ValueError):
        shape = None
    if shape is None or len(shape) != 1:
        raise TypeError(
            f"diagnose was called with losses={shown(losses)}; expected the training losses so far, one number a step."
        )


def _check_model(model: Any) -> None:
    if not any(map(is_float_array, jax.tree.leaves(model))):
        raise ValueError(
            f"diagnose was called with a model of type {type(model).__name__}, which has no float arrays; expected a "
            "pytree of parameters, such as an Equinox module or a dictionary of arrays."
        )


def _rows(m: Measured) -> Iterator[Row]:
    for name, found in zip(m.traced.names, m.traced.found, strict=True):
        site = m.sites[name]
        layer = m.structure.layer_of.get(found)
        never = np.asarray(site.units.never_on).reshape(-1) if site.units is not None else np.zeros(0, bool)
        gradient = site.output_cotangent
        yield Row(
            name,
            layer.path if layer is not None else "",
            site.activation,
            site.shape,
            site.dtype,
            site.source,
            float(site.output.mean),
            float(site.output.rms),
            float(site.output.low),
            float(site.output.high),
            float(site.output.share_zero),
            float(site.share_saturated),
            never.size,
            tuple(int(i) for i in np.flatnonzero(never)) if site.kind == "elementwise" else (),
            int(site.output.nans + site.output.infs),
            float(gradient.rms) if gradient is not None else float("nan"),
            float(site.local_gain) if gradient is not None else float("nan"),
            float(site.rows.mean_entropy) if site.rows is not None else None,
        )
