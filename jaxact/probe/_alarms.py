"""What a history of records shows to be wrong."""

from collections.abc import Iterator, Sequence
from math import isfinite, prod, sqrt
from statistics import median
from typing import TYPE_CHECKING

from ._diagnosis import LEVELS, Finding, Row
from ._text import counted, number, percent, scientific
from ._thresholds import Thresholds

if TYPE_CHECKING:
    from ._monitor import Record


def alarms(
    history: "Sequence[Record]",
    first_not_finite: int = -1,
    *,
    patience: int = 3,
    dead_share: float = Thresholds.dead_share,
    dead_fault: float = Thresholds.dead_fault,
    gradient_ratio: float = Thresholds.gradient_ratio,
    gradient_fault: float = Thresholds.gradient_fault,
    rise: float = 0.5,
) -> tuple[Finding, ...]:
    """The findings, the worst first. `Monitor.alarms` explains the thresholds."""
    if patience < 1:
        raise ValueError(f"Monitor.alarms was called with patience = {patience}; expected at least 1.")
    found = [*_not_finite(history, first_not_finite)]
    if not found and len(history) >= patience:
        found += _dead_units(history, patience, dead_share, dead_fault)
        found += _gradients(history[-patience:], gradient_ratio, gradient_fault)
        found += _growing_loss(history, patience, rise)
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


def _not_finite(history: "Sequence[Record]", first_step: int) -> Iterator[Finding]:
    """NaN or infinity in the loss, and the first site of the first record that has it."""
    remedy = "Lower the rate or clip the gradient; jax.config.update('jax_debug_nans', True) names the operation."
    for record in history:
        for row in record.rows:
            if row.not_finite or row.gradient_rms == float("inf"):
                what = counted(row.not_finite, "output") if row.not_finite else "the gradient"
                evidence = f"In step {record.step}, {what} {'was' if row.not_finite < 2 else 'were'} NaN or infinite."
                if first_step >= 0:
                    evidence += f" The loss was so first in step {first_step}."
                yield Finding(
                    "not_finite",
                    "fault",
                    row.site,
                    evidence,
                    "It is the first site in the order of the program that has them in the first record with any.",
                    remedy,
                    numbers={"step": record.step, "not_finite": row.not_finite, "first_step_of_loss": first_step},
                )
                return
    if first_step >= 0:
        yield Finding(
            "not_finite",
            "fault",
            "loss",
            f"The loss was NaN or infinite first in step {first_step}.",
            "Every site of the records that are kept is finite, so that it began between two records or in the loss.",
            remedy,
            numbers={"first_step_of_loss": first_step},
        )


def _dead_units(history: "Sequence[Record]", patience: int, share: float, fault: float) -> Iterator[Finding]:
    for position, row in enumerate(history[-1].rows):
        if not row.units or patience * prod(row.shape) / row.units < Thresholds.examples:
            continue
        over_time = [set(record.rows[position].never_on) for record in history]
        units = set.intersection(*over_time[-patience:])
        if not units or len(units) < share * row.units:
            continue
        start = next(n for n in range(len(history)) if len(units.intersection(*over_time[n:])) >= share * row.units)
        off = len(units & over_time[0])
        yield Finding(
            "dead_units",
            "fault" if len(units) >= fault * row.units else "warning",
            row.site,
            f"{len(units)} of {counted(row.units, 'unit')} were on for no example in the last "
            f"{counted(patience, 'record')}, and {percent(share)} or more since step {history[start].step}.",
            f"A unit whose slope is always 0 gets no gradient; in step {history[0].step}, {off} of them were off.",
            "If they went off in training, lower the rate; jaxact.probe.diagnose finds their layer, and its "
            "finding.apply(model, key) draws their weights anew.",
            units=tuple(sorted(units)),
            numbers={"dead": len(units), "of": row.units, "since_step": history[start].step, "off_at_first": off},
        )


def _norm(row: Row) -> float:
    """The norm of the gradient: the root mean square alone would depend on the size of the array."""
    return row.gradient_rms * sqrt(prod(row.shape))


def _gradients(recent: "Sequence[Record]", limit: float, fault: float) -> Iterator[Finding]:
    """The norm of the gradient at the first site, over that at the last one; a softmax does not count."""
    newest = recent[-1]
    deep = [
        n
        for n, row in enumerate(newest.rows)
        if row.entropy is None and all(isfinite(record.rows[n].gradient_rms) for record in recent)
    ]
    if len(deep) < 2 or not all(record.rows[deep[-1]].gradient_rms for record in recent):
        return
    first, last = newest.rows[deep[0]], newest.rows[deep[-1]]
    ratios = [_norm(record.rows[deep[0]]) / _norm(record.rows[deep[-1]]) for record in recent]
    ratio = median(ratios)
    evidence = (
        f"The norm of the gradient is {scientific(_norm(first))} at the first site and {scientific(_norm(last))} at "
        f"the last, {last.site}, in step {newest.step}."
    )
    factor = f"From site to site, it is multiplied by {number(ratio ** (1 / (len(deep) - 1)))} on the way back."
    numbers = {"ratio": ratio, "first": _norm(first), "last": _norm(last)}
    if max(ratios) < limit:
        kind, level = "vanishing_gradient", "fault" if ratio < fault else "warning"
        remedy = "jaxact.init.reinitialise fits the weights to the activations; residual connections help too."
    elif min(ratios) > 1 / limit:
        kind, level = "exploding_gradient", "fault" if ratio > 1 / fault else "warning"
        remedy = "jaxact.init.reinitialise fits the weights to the activations, or put a norm between the layers."
    else:
        return
    yield Finding(kind, level, first.site, evidence, factor, remedy, numbers=numbers)


def _growing_loss(history: "Sequence[Record]", patience: int, rise: float) -> Iterator[Finding]:
    """The loss rises by more than a share of what it had fallen, and by more than its second differences, the noise."""
    losses = [record.mean_loss for record in history]
    if len(losses) < 2 * patience:
        return
    smooth = [median(losses[n : n + patience]) for n in range(len(losses) - patience + 1)]
    best = min(range(len(smooth)), key=smooth.__getitem__)
    noise = median(abs(c - 2 * b + a) for a, b, c in zip(losses, losses[1:], losses[2:], strict=False))
    first, lowest, last = losses[0], smooth[best], smooth[-1]
    if last - lowest > rise * max(first - lowest, 0) and last - lowest > 2 * noise:
        yield Finding(
            "growing_loss",
            "fault" if last > first else "warning",
            "loss",
            f"The mean loss was {number(first)} at first, {number(lowest)} about step {history[best].step} and is "
            f"{number(last)} now (step {history[-1].step}).",
            "The steps are too large for where the training has come to, or the data have changed.",
            "Lower the rate or let it decay, and go back to the weights of the lowest loss.",
            numbers={"first": first, "lowest": lowest, "last": last},
        )
