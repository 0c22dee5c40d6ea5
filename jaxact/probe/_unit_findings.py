"""Findings about units and activations: dead, saturated, off centre, used as if linear, rows that are one-hot."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._facts import CATALOGUE
from ._diagnosis import Finding
from ._elementwise import values_on
from ._measure import Measured, root_mean_square
from ._recognise import Found
from ._repair import redraw_units, rescale_layer
from ._structure import Layer, used_by
from ._thresholds import Thresholds

_REVIVAL = (
    "finding.apply(model, key) draws the incoming weights of these units anew and sets their biases to 0. If they "
    "died in training, lower the learning rate first: of units that a high rate killed, 1 to 4 % came back by "
    "themselves."
)


def dead_units(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Units of a one-sided activation that are on for no example: they get no gradient."""
    for site, found in _sites(m):
        units = site.units
        if found.kind != "elementwise" or units is None or units.examples.max() < t.examples or not _one_sided(found):
            continue
        never = np.asarray(units.never_on).reshape(-1)
        if not never.any() or float(site.output.nans + site.output.infs) > 0:
            continue
        layer = m.structure.layer_of.get(found)
        for dead, level, cause, numbers in _groups_of_dead(m, t, layer, never):
            chosen = tuple(int(i) for i in np.flatnonzero(dead))
            silent = layer is not None and float(m.moments[layer.data].squares) == 0
            yield Finding(
                "dead_units",
                "hint" if m.has_learned or silent else level,
                layer.path if layer is not None else site.name,
                f"{len(chosen)} of {never.size} units of {site.name} are on for none of {int(units.examples.max())} "
                "examples, so that they get no gradient.",
                "What the layer gets is 0 for all examples." if silent else cause,
                "Repair the sites before it first." if silent else _REVIVAL,
                chosen,
                {"share": float(never.mean()), "examples": float(units.examples.max()), **numbers},
                redraw_units(m, layer, chosen, found.activation) if layer is not None and not silent else None,
            )


def _groups_of_dead(
    m: Measured, t: Thresholds, layer: Layer | None, dead: np.ndarray
) -> Iterator[tuple[np.ndarray, str, str, dict[str, float]]]:
    """The dead units with the level, the cause and its numbers: those that a bias killed apart from the others."""
    share, many = dead.mean(), dead.mean() >= t.dead_share and dead.sum() > 2
    level = "fault" if share >= t.dead_fault else "warning" if many else "hint"
    pushed, cause, numbers = _pushed_by_bias(m, layer, dead)
    if pushed.sum() > 0.9 * dead.sum():
        pushed = dead
    if pushed.any():
        yield pushed, "warning" if level == "hint" else level, cause, numbers
    if (rest := dead & ~pushed).any():
        yield rest, "hint" if pushed.any() else level, _cause_of_death(m, layer, rest), {}


def _pushed_by_bias(m: Measured, layer: Layer | None, dead: np.ndarray) -> tuple[np.ndarray, str, dict[str, float]]:
    """The dead units whose bias is far below what their weights can reach."""
    none = np.zeros_like(dead)
    norms = _norms(m, layer, dead.size)
    if layer is None or norms is None or layer.bias is None or np.size(m.parameters[layer.bias]) != dead.size:
        return none, "", {}
    bias = np.asarray(m.parameters[layer.bias], np.float64).reshape(-1)
    reach = norms * float(m.moments[layer.data].rms)
    pushed = dead & (bias < -5 * reach)
    if not pushed.any():
        return none, "", {}
    numbers = {"bias": float(np.median(bias[pushed])), "reach of the weights": float(np.median(reach[pushed]))}
    return (
        pushed,
        f"Their biases (median {numbers['bias']:.3g}) are far below what the weights reach "
        f"({numbers['reach of the weights']:.3g}).",
        numbers,
    )


def _norms(m: Measured, layer: Layer | None, units: int) -> np.ndarray | None:
    """The norm of the incoming weights of each unit."""
    if layer is None or layer.unit_axis is None or layer.width != units:
        return None
    weight = np.asarray(m.parameters[layer.weight], np.float64)
    return np.sqrt(np.sum(np.moveaxis(weight, layer.unit_axis, 0).reshape(units, -1) ** 2, 1))


def _cause_of_death(m: Measured, layer: Layer | None, dead: np.ndarray) -> str:
    """What the weights of the dead units say, beside those of the others."""
    norms = _norms(m, layer, dead.size)
    if norms is None:
        return "No layer with weights was found before them."
    usual = max(float(np.median(norms[~dead])) if (~dead).any() else 0.0, np.sqrt(2.0))
    if float(np.median(norms[dead])) > 3 * usual:
        return (
            f"Their weights have norm {np.median(norms[dead]):.3g}, several times the usual {usual:.3g}: a step too "
            "large moved them off the data."
        )
    if len(m.losses) > 10:
        return "They died in training, or were dead from the start: a diagnosis before training tells."
    return "Their initial weights and biases lie off the data."


def saturated(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Sites whose elements lie where the activation is flat."""
    for site, found in _sites(m):
        if found.kind != "elementwise" or _one_sided(found) or float(site.output.nans + site.output.infs) > 0:
            continue
        share = float(site.share_saturated)
        is_output = found is m.structure.output_site or m.structure.layer_of.get(found) in (None, m.structure.last)
        if share < t.saturated_share or (is_output and m.has_learned):
            continue
        layer = m.structure.layer_of.get(found)
        size = float(site.input.rms)
        level = "hint" if m.has_learned else "fault" if share >= t.saturated_fault else "warning"
        if is_output:
            level = (
                "hint" if share < t.saturated_fault or not np.isfinite(m.explained) or m.explained > -1 else "warning"
            )
        never_on = np.flatnonzero(np.asarray(site.units.never_on).reshape(-1)) if site.units is not None else []
        yield Finding(
            "saturated",
            level,
            layer.path if layer is not None else site.name,
            f"{share:.0%} of the outputs of {site.name} lie where the slope is below {t.slope:g}; its inputs have a "
            f"root mean square of {size:.3g}.",
            _cause_of_size(m, layer),
            "finding.apply(model, key) scales the weights to the size that fits the activation; or draw the model "
            "anew by jaxact.init.reinitialise.",
            tuple(int(i) for i in never_on),
            {"share": share, "input rms": size},
            rescale_layer(m, layer) if layer is not None else None,
        )


def _cause_of_size(m: Measured, layer: Layer | None) -> str:
    if layer is None:
        return "What it gets is too large."
    signal, size = float(m.moments[layer.data].rms), root_mean_square(m.parameters[layer.weight])
    fit = 1 / np.sqrt(layer.fan_in)
    if size > 3 * fit and signal < 10:
        return f"The weights have a root mean square of {size:.3g}; 1/sqrt(fan-in) is {fit:.3g}."
    if signal >= 3:
        return f"The layer gets inputs with a root mean square of {signal:.3g}."
    return f"Weights (root mean square {size:.3g}) and biases add up to large sums."


def off_centre(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Hidden outputs that are far from zero mean."""
    ratios = {}
    for site, _ in _hidden(m):
        mean, std = float(site.output.mean), float(site.output.std)
        if std > 0 and abs(mean) > t.off_centre * std:
            ratios[site.name] = abs(mean) / std
    if ratios:
        worst = max(ratios, key=lambda name: ratios[name])
        yield Finding(
            "off_centre",
            "hint",
            worst,
            f"The mean of the outputs of {worst} is {ratios[worst]:.1f} times their deviation{_and_others(ratios)}.",
            f"{m.sites[worst].activation} gives outputs of one sign."
            if _has_one_sign(m.sites[worst].activation)
            else f"What it gets has mean {float(m.sites[worst].input.mean):.3g}: biases or inputs are off centre.",
            "A zero-centred activation (jaxact.probe.swap), or a norm behind the layer: sigmoid took twice the steps "
            "of sigmoid - 1/2 in the experiments, less with Adam.",
            (),
            ratios,
        )


def near_linear(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Activations whose inputs stay where they are a line."""
    bends = {}
    for site, found in _hidden(m):
        mean, std = float(site.input.mean), float(site.input.std)
        if std > 0 and np.isfinite(std) and (bend := _bend(found, mean, std)) is not None and bend < t.linearity:
            bends[site.name] = bend
    if bends:
        least = min(bends, key=lambda name: bends[name])
        site = m.sites[least]
        small = abs(float(site.input.mean)) < 1 and float(site.input.std) < 1
        yield Finding(
            "near_linear",
            "hint",
            least,
            f"The inputs of {least} lie between {float(site.input.low):.3g} and {float(site.input.high):.3g}, where "
            f"all but {bends[least]:.1g} of the variance of {site.activation} is linear{_and_others(bends)}.",
            "The layer before it has small outputs."
            if small
            else f"They have mean {float(site.input.mean):.3g} and stay on one side of the bend.",
            "Larger weights (jaxact.init.reinitialise) use the bend; a net of nearly linear layers is nearly linear."
            if small
            else "Biases nearer to 0, or a norm before the activation, use the bend.",
            (),
            bends,
        )


def _has_one_sign(activation: str) -> bool:
    facts = CATALOGUE.get(activation)
    return facts is not None and (facts.bounds[0] > -0.5 or facts.bounds[1] <= 0)


def _hidden(m: Measured) -> Iterator[tuple[Any, Found]]:
    """The elementwise activations of hidden layers."""
    for site, found in _sites(m):
        if found.kind == "elementwise" and m.structure.layer_of.get(found) not in (None, m.structure.last):
            yield site, found


def _and_others(names: dict[str, float]) -> str:
    others = len(names) - 1
    return f"; {others} other site{'s are' if others > 1 else ' is'} like it" if others else ""


def _bend(found: Found, mean: float, std: float) -> float | None:
    """The share of the variance that is not linear, for normal inputs."""
    points, weights = np.polynomial.hermite_e.hermegauss(31)
    weights = weights / weights.sum()
    x = mean + std * points
    y = values_on(x, found.start, found.end)
    if y is None and (facts := CATALOGUE.get(found.activation)) is not None and facts.elementwise:
        if found.activation in ("prelu", "rrelu"):
            return None
        y = np.asarray(facts.function(np.asarray(x, np.float32)), float)  # type: ignore[arg-type]
    if y is None or not np.isfinite(y).all():
        return None
    mean_y = weights @ y
    variance = weights @ (y - mean_y) ** 2
    slope = weights @ (y * points)
    return float(1 - slope**2 / variance) if variance > 1e-30 else None


def attention_collapsed(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Rows of an inner softmax that attend to one element each; rows of the output that are certain and wrong."""
    for site, found in _sites(m):
        if found.kind != "rows" or site.rows is None or float(site.rows.count) == 0:
            continue
        entropy, one_hot = float(site.rows.mean_entropy), float(site.rows.share_one_hot)
        size = int(np.prod([found.end.shape[axis] for axis in found.axes])) if found.axes else 0
        inner = found is not m.structure.output_site and found.activation != "log_softmax" and _is_inner(m, found)
        if inner and size > 1 and entropy < t.attention_entropy and one_hot > t.one_hot:
            yield Finding(
                "attention_collapsed",
                "warning",
                site.name,
                f"{one_hot:.0%} of the rows of {site.name} have one weight of 1; their mean entropy is {entropy:.2g} "
                "of the largest.",
                f"Its inputs have a root mean square of {float(site.input.rms):.3g}.",
                "Norms of queries and keys, or jaxact.softcap on the scores, keep them small; so do smaller initial "
                "weights.",
                (),
                {"entropy": entropy, "one-hot rows": one_hot},
            )
        elif not inner and size > 1 and one_hot > t.one_hot and m.explained < -1:
            yield Finding(
                "one_hot_rows",
                "warning",
                site.name,
                f"{one_hot:.0%} of the rows of {site.name} are one-hot, and the loss {m.loss:.3g} is above "
                f"{m.baseline:.3g}, that of the best constant output.",
                f"Its inputs have a root mean square of {float(site.input.rms):.3g}: the net is certain, and wrong.",
                "Draw the last layer with smaller weights, or lower the rate.",
                (),
                {"one-hot rows": one_hot, "loss": m.loss, "loss of a constant": m.baseline},
            )


def _is_inner(m: Measured, found: Found) -> bool:
    """Whether a layer follows it."""
    return found.end in used_by([layer.data for layer in m.structure.layers])


def _sites(m: Measured) -> Iterator[tuple[Any, Found]]:
    for name, found in zip(m.traced.names, m.traced.found, strict=True):
        yield m.sites[name], found


def _one_sided(found: Found) -> bool:
    """Whether the activation is flat on one side only."""
    facts = CATALOGUE.get(found.activation)
    slopes = facts.slopes_at_inf if facts is not None and facts.elementwise else None
    return slopes is not None and (slopes[0] == 0) != (slopes[1] == 0)
