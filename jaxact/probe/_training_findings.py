"""Findings about training: a loss that grew or froze, steps that are too large or too small."""

from collections.abc import Iterator

import numpy as np

from ._diagnosis import Finding
from ._measure import Measured
from ._thresholds import Thresholds


def loss_curve(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """A loss that grew, or that stays where it was, over the steps so far, or over some of trial."""
    losses, of_trial = m.losses, False
    if len(losses) < 10 and m.trial is not None:
        losses, of_trial = m.trial.losses, True
    if len(losses) < 10:
        return
    tenth = max(1, len(losses) // 10)
    first, last = float(np.mean(losses[:tenth])), float(np.mean(losses[-tenth:]))
    numbers = {"steps": float(len(losses)), "first": first, "last": last}
    where = "on a copy of the model" if of_trial else "so far"
    course = f"Over {len(losses)} steps {where} the loss went from {first:.4g} to {last:.4g}"
    lower = "Lower the learning rate by ten."
    worse_than_constant = np.isfinite(m.explained) and m.explained < -0.5
    if not np.isfinite(losses).all():
        at = int(np.flatnonzero(~np.isfinite(losses))[0])
        cause = "The steps are too large, or a value is not finite from the start."
        evidence = f"The loss is {losses[at]} at step {at} of {len(losses)} {where}."
        yield Finding("growing_loss", "fault", "optimiser", evidence, cause, lower, (), {"step": float(at)})
    elif last > t.growth * first and first > 0:
        cause = "The steps are too large: each one overshoots."
        yield Finding("growing_loss", "fault", "optimiser", f"{course}.", cause, lower, (), numbers)
    elif worse_than_constant and len(losses) >= 50 and last > 0.9 * first:
        evidence = f"{course}, above {m.baseline:.4g}, the loss of the best constant output."
        cause = "The net does worse than a constant: the steps are too large, or inputs or weights are."
        yield Finding("growing_loss", "warning", "optimiser", evidence, cause, lower, (), numbers)
    elif len(losses) >= t.steps and not m.has_learned and abs(last - first) < t.frozen * abs(first):
        yield Finding(
            "frozen_loss",
            "fault",
            "loss",
            f"{course}; the best constant output has {m.baseline:.4g}.",
            "The net has not learned anything yet.",
            "If nothing else is found here, try learning rates from a hundred times smaller to a hundred times larger.",
            (),
            numbers,
        )


def plateau(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """A loss that has settled at that of a constant output."""
    if len(m.losses) < t.steps or not np.isfinite(m.explained) or m.has_learned:
        return
    late = m.losses[-len(m.losses) // 4 :]
    if m.explained < 0.02 and abs(float(late.mean()) - m.baseline) < 0.1 * abs(m.baseline):
        yield Finding(
            "constant_output",
            "fault",
            "output",
            f"After {len(m.losses)} steps the loss is {m.loss:.4g}, that of the best constant output {m.baseline:.4g}.",
            "The net has learned the mean of the targets and no more.",
            "The other findings say where the signal is lost.",
            (),
            {"explained": m.explained},
        )


def updates(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Steps that change the weights by much, or by nothing."""
    if m.trial is None:
        return
    weights = {layer.weight: layer.path for layer in m.structure.layers}
    ratios = {path: m.trial.updates[value] for value, path in weights.items() if value in m.trial.updates}
    ratios = {path: ratio for path, ratio in ratios.items() if np.isfinite(ratio)}
    if not ratios:
        return
    largest, smallest = max(ratios, key=lambda path: ratios[path]), min(ratios, key=lambda path: ratios[path])
    rising = len(m.trial.losses) > 4 and not float(np.min(m.trial.losses[1:])) < float(m.trial.losses[0])
    if ratios[largest] > t.large_update:
        yield Finding(
            "large_updates",
            ("fault" if ratios[largest] > 1 else "warning")
            if not m.has_learned and (rising or ratios[largest] > 1)
            else "hint",
            "optimiser",
            f"The first step changes the weights of {largest} by {ratios[largest]:.2g} of their size.",
            "The learning rate is high for these weights.",
            "Lower the rate: a thousandth a step is usual. Rates far above the tuned one killed two thirds of ReLU "
            "units in the experiments.",
            (),
            {path: ratio for path, ratio in ratios.items()},
        )
    if 0 < max(ratios.values()) < t.small_update * 100 and not m.has_learned:
        yield Finding(
            "small_updates",
            "warning" if max(ratios.values()) < t.small_update else "hint",
            "optimiser",
            f"The first step changes the weights by {ratios[smallest]:.2g} to {ratios[largest]:.2g} of their size.",
            "The learning rate is low, or the gradient is small.",
            "Raise the rate: a thousandth a step is usual.",
            (),
            {path: ratio for path, ratio in ratios.items()},
        )
