"""Findings about what goes in and out: inputs, targets, the output, and the loss that compares them."""

from collections.abc import Iterator
from math import prod

import numpy as np

from .._facts import CATALOGUE
from ._diagnosis import Finding
from ._graph import Value
from ._layers import SHAPE_CHANGES
from ._measure import Measured, root_mean_square
from ._structure import IN_LOSSES, feeds_only_layers, layer_before, same_values, used_by
from ._thresholds import Thresholds


def raw_inputs(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Inputs of a scale for which the initial weights were not made."""
    for layer, x in zip(m.structure.first, m.inputs, strict=True):
        finite = x[np.isfinite(x).all(1)]
        if not len(finite):
            continue
        rms = root_mean_square(finite)
        deviations = finite.std(0, dtype=np.float64)
        positive = deviations[deviations > 0]
        ratio = float(positive.max() / positive.min()) if len(positive) > 1 else 1.0
        uneven = ratio > t.feature_ratio and float(deviations.max()) > 3
        if rms <= t.input_rms and not uneven:
            continue
        spread = (
            f", and the deviations of its features from {positive.min():.3g} to {positive.max():.3g}" if uneven else ""
        )
        yield Finding(
            "raw_inputs",
            "hint" if m.has_learned else "fault" if rms > t.input_rms else "warning",
            "input",
            f"What {layer.path} gets has a root mean square of {rms:.3g} and mean {float(finite.mean()):.3g}{spread}.",
            "Initial weights are made for inputs of mean 0 and deviation 1: with larger ones units saturate or die, "
            "and a rate that suits one feature does not suit another.",
            "Standardise the inputs: subtract the mean of each feature and divide by its deviation, both of the "
            "training data. Pixels from 0 to 1 took three times the steps of centred ones in the experiments.",
            (),
            {"rms": rms, "mean": float(finite.mean()), "ratio of deviations": ratio},
        )


def targets(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Targets that are constant, of raw scale, or out of the reach of the output."""
    candidates = [target for target in m.targets if target.dtype.kind in "fiub" and len(target) >= 8]
    one_varies = any(not _is_constant(target) for target in candidates)
    for target in candidates:
        rows = target.reshape(len(target), -1)
        if m.examples >= 8 and _is_constant(rows) and not _is_switch(rows):
            yield Finding(
                "constant_targets",
                "hint" if one_varies or (rows == 1).all() else "fault",  # it may be a mask, weights or lengths
                "target",
                f"All {len(rows)} targets are {np.array2string(rows[0], threshold=6).strip('[]')}.",
                "The labels were lost on the way, or the batch has one class only.",
                "Look at the labels before they enter the batches: a net can only learn a constant from them.",
            )
            continue
        if m.output is None:
            continue
        if target.dtype.kind in "iu" and target.ndim == 1 and m.output.shape[1] > 1 and _picks(m, target):
            low, high = int(target.min()), int(target.max())
            if high >= m.output.shape[1] or low < -100:
                yield Finding(
                    "unreachable_targets", "fault", "target",
                    f"Labels go from {low} to {high}; the output has {m.output.shape[1]} classes.",
                    "Labels count from 0, or the last layer is too narrow.",
                    "Let the labels count from 0, and give the last layer a unit for each class.",
                    (), {"low": low, "high": high},
                )  # fmt: skip
        if (target.dtype.kind == "f" and rows.shape[1] == m.output.shape[1]) or rows.size == m.output.size:
            yield from _regression(m, t, rows.astype(np.float64).reshape(-1, m.output.shape[1]))


def _is_constant(target: np.ndarray) -> bool:
    """Whether the targets of all examples are the same."""
    return bool((target == target[:1]).all())


def _is_switch(rows: np.ndarray) -> bool:
    """Whether it looks like a mask of ones or a number for all examples, and not like targets."""
    return rows.shape[1] == 0 or bool((rows == 1).all() and rows.dtype.kind == "b")


def _picks(m: Measured, target: np.ndarray) -> bool:
    return len(target) == len(m.output) if m.output is not None else False


def _regression(m: Measured, t: Thresholds, target: np.ndarray) -> Iterator[Finding]:
    compared = _is_subtracted(m)
    std, mean = float(target.std()), float(target.mean())
    site = m.structure.output_site
    facts = CATALOGUE.get(site.activation) if site is not None else None
    low, high = facts.bounds if facts is not None else (-np.inf, np.inf)
    outside = float(np.mean((target < low - 1e-6) | (target > high + 1e-6)))
    if compared and site is not None and outside > t.unreachable:
        yield Finding(
            "unreachable_targets",
            "fault",
            "output",
            f"{outside:.0%} of the targets, which go from {target.min():.3g} to {target.max():.3g}, are outside of "
            f"{low:.3g} to {high:.3g}, the range of {site.activation}.",
            f"The last layer ends with {site.activation}.",
            "Leave the last activation out: a linear output reaches any target. Or scale the targets into its range.",
            (),
            {"outside": outside, "low": float(target.min()), "high": float(target.max())},
        )
    if compared and max(std, abs(mean)) > t.target_rms and not m.has_learned:
        yield Finding(
            "raw_targets",
            "fault",
            "target",
            f"The targets have mean {mean:.3g} and deviation {std:.3g}; the outputs have deviation "
            f"{float(m.output.std()):.3g}."
            if m.output is not None else "",
            "The last layer has to grow to their size by steps of the learning rate, and the gradient of a squared "
            "error is as large as they are.",
            "Standardise the targets, and undo it on the predictions.",
            (),
            {"mean": mean, "std": std},
        )  # fmt: skip


def _is_subtracted(m: Measured) -> bool:
    """Whether the loss subtracts targets and output from one another."""
    output = m.structure.output
    if output is None:
        return False
    for value in m.traced.graph.values:
        if value.operation in ("sub", "add") and len(value.inputs) == 2 and value.is_float:
            for one, other in (value.inputs, value.inputs[::-1]):
                if same_values(one, output) and _of_targets(m, other):
                    return True
    return False


def _of_targets(m: Measured, value: Value) -> bool:
    sources = {v for v in used_by([value]) if v.operation == "input"}
    return bool(sources) and sources <= set(m.structure.targets)


def loss_and_output(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """A loss that takes the logarithm of what are no probabilities, or squashes probabilities again."""
    output, site = m.structure.output, m.structure.output_site
    if output is None or m.output is None:
        return
    rows = m.structure.output_site is not None and m.structure.output_site.kind == "rows"
    if rows and site is not None and site.axes and np.prod([site.end.shape[a] for a in site.axes]) == 1:
        yield Finding(
            "constant_output",
            "fault",
            "output",
            f"{site.activation} over an axis of one element is 1, whatever the net computes.",
            "The output has one unit.",
            "Use sigmoid for one unit, or softmax over two.",
        )
        return
    name = site.activation if site is not None else "a linear layer"
    outside = float(np.mean((m.output < -1e-6) | (m.output > 1 + 1e-6)))
    if _takes_logarithm(m, output) and (outside > t.outside or (site is not None and _unbounded(site.activation))):
        yield Finding(
            "logits_for_probabilities",
            "fault",
            "output",
            f"The loss takes the logarithm of the output, of which {outside:.0%} is outside of 0 to 1 (from "
            f"{m.output.min():.3g} to {m.output.max():.3g}).",
            f"The output is that of {name}, and no probability.",
            "End the net with softmax (several classes) or sigmoid (two), or take a loss that gets logits: "
            "jaxact.cross_entropy_from_logits.",
            (),
            {"outside": outside},
        )
    if site is not None and site.activation in ("softmax", "sigmoid", "log_softmax"):
        again = _squashed_again(m, site.end)
        if site.activation == "log_softmax":  # whose log_softmax is itself
            again = [name for name in again if name != "log_softmax"]
        if not again and _exponential_of(m, site.end):
            again = ["exp"]
        if again:
            yield Finding(
                "probabilities_for_logits",
                "fault",
                "output",
                f"The net ends with {site.activation}, and the loss applies {again[0]} to its output again.",
                "The loss expects logits and gets probabilities, which lie between 0 and 1: the gradient is small and "
                "the loss cannot get near 0.",
                f"Leave {site.activation} out of the net, or take a loss of probabilities.",
            )


_LOSSES_OF_LOGITS = ("cross_entropy_from_logits", "binary_cross_entropy_from_logits")
SQUASHING = ("softmax", "sigmoid", "logsumexp", *_LOSSES_OF_LOGITS, *IN_LOSSES)
"""Functions of logits in losses."""


def broadcast_targets(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """A loss that compares each output with the targets of all examples: (N, 1) - (N,) is (N, N)."""
    output = m.structure.output
    if output is None:
        return
    for value in m.traced.graph.values:
        if value.operation not in ("sub", "mul") or len(value.inputs) != 2:
            continue
        for one, other in (value.inputs, value.inputs[::-1]):
            if not (same_values(one, output) and _of_targets(m, other)):
                continue
            sources = used_by([other])
            targets = [target for target in m.structure.targets if target in sources]
            if prod(value.shape) > max(prod(v.shape) for v in (output, *targets)) > 1:
                yield Finding(
                    "broadcast_targets",
                    "fault",
                    "loss",
                    f"The loss compares outputs of shape {output.shape} with targets of shape {targets[0].shape}, and "
                    f"makes {value.shape} of them.",
                    "Every output is compared with the targets of all examples, whose mean is then the best answer.",
                    "Give both the same shape: targets[:, None], or outputs[:, 0].",
                )
                return


def _unbounded(activation: str) -> bool:
    facts = CATALOGUE.get(activation)
    return facts is not None and not (facts.bounds[0] >= 0 and facts.bounds[1] <= 1)


_OF_PROBABILITIES = SHAPE_CHANGES | frozenset("max min clamp add sub div neg argument select_n mul".split())  # noqa: SIM905
"""What a loss does to probabilities before it takes their logarithm: clipping, sums to 1, selection, 1 - p."""


def _takes_logarithm(m: Measured, output: Value) -> bool:
    """Whether the loss takes the logarithm of the output itself."""
    return any(user.operation == "log" for user in _users_through(m, output, _OF_PROBABILITIES))


def _users_through(m: Measured, output: Value, passes: frozenset[str]) -> Iterator[Value]:
    """What uses the output, also after some operations that have nothing to do with targets."""
    reached, waiting = {output}, [output]
    while waiting:
        for user in m.traced.layers.users.get(waiting.pop(), []):
            yield user
            if user.operation in passes and user not in reached and not _with_targets(m, user):
                reached.add(user)
                waiting.append(user)


def _with_targets(m: Measured, value: Value) -> bool:
    """Whether another operand depends on targets: then the value is an error, and no probability."""
    if value.operation in ("gather", "select_n"):
        return False
    targets = set(m.structure.targets)
    return any(targets & used_by([v]) for v in value.inputs)


def _squashed_again(m: Measured, output: Value) -> list[str]:
    """The functions of logits that the loss applies to the output, or to its negative."""
    sites = [(found.activation, found.start) for found in m.traced.found if found.end is not output]
    calls = [(call.name, operand) for call in m.traced.graph.calls for operand in call.inputs[:1]]
    found = []
    for name, start in [*sites, *calls]:
        source = start.inputs[0] if start.operation == "neg" else start
        if name in SQUASHING and source in m.traced.layers.data and same_values(source, output):
            found.append(name)
    return found


def _exponential_of(m: Measured, output: Value) -> bool:
    """Whether the loss has the sum of exp(output), as a softmax written out has."""
    users = m.traced.layers.users
    power = next((v for v in _users_through(m, output, SHAPE_CHANGES | {"sub"}) if v.operation == "exp"), None)
    return power is not None and any(user.operation == "reduce_sum" for user in users.get(power, []))


def constant_output(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Outputs that are the same for all examples, though the targets are not."""
    if m.output is None or len(m.output) < 8 or not np.isfinite(m.output).all() or _targets_constant(m):
        return
    if m.structure.output_site is not None and m.structure.output_site.kind == "rows" and m.output.shape[1] == 1:
        return
    std = m.output.std(0).max()
    size = float(np.abs(m.output).max())
    relative = float(std / size) if size > 0 else 0.0
    trained = len(m.losses) >= 20
    begins = m.structure.last is not None and m.starts_at_zero(m.structure.last)
    if relative < t.constant and not m.has_learned and not begins:
        yield Finding(
            "constant_output",
            "fault" if trained or relative < 1e-6 else "warning",
            "output",
            f"The output differs between {len(m.output)} examples by {relative:.1g} of its size.",
            "Little of the input arrives at the output.",
            "Look at the first site in the table whose units are dead or saturated, or whose signal is lost: it is "
            "repaired first.",
            (),
            {"relative deviation": relative},
        )


def _targets_constant(m: Measured) -> bool:
    return bool(m.targets) and all(map(_is_constant, m.targets))


def no_activation(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Layers that follow one another without an activation between them: their product is one layer."""
    pairs = []
    for layer in m.structure.layers:
        before = layer_before(layer, m.structure, m.traced)
        bends = before is None
        before = before or layer_before(layer, m.structure, m.traced, pooled=True)
        if before is not None and before is not layer and feeds_only_layers(before, m.structure, m.traced):
            pairs.append((before, layer, bends))
    for before, layer, bends in pairs:
        redundant = before.width >= min(before.fan_in, layer.width)
        all_linear = not m.structure.layer_of or all(found is m.structure.output_site for found in m.structure.layer_of)
        level = "fault" if all_linear and redundant else "warning" if redundant else "hint"
        level = "hint" if bends and not all_linear else level
        between = "only pooling" if bends else "no activation"
        yield Finding(
            "no_activation",
            level,
            before.path,
            f"Between {before.path} and {layer.path} there is {between}; {before.path} has {before.width} units for "
            f"{before.fan_in} inputs.",
            "Linear layers in a row are one linear layer, by algebra."
            if redundant
            else "A narrow linear layer limits the rank, which may be intended.",
            f"Apply an activation behind {before.path}, or leave the layer out: on MNIST-1D the bend was worth over 20 "
            "points.",
        )


def narrow_layers(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Hidden layers narrower than the output and the input; so narrow that being on and off cannot tell the classes."""
    if m.output is None:
        return
    for layer in m.structure.layers:
        if layer is not m.structure.last and layer.width < min(m.output.shape[1], layer.fan_in) and layer.width < 10:
            yield Finding(
                "narrow_layer",
                "warning" if 2**layer.width < m.output.shape[1] and not m.has_learned else "hint",
                layer.path,
                f"{layer.path} has {layer.width} units, fewer than its {layer.fan_in} inputs and the "
                f"{m.output.shape[1]} outputs.",
                "All that the output can use passes these units.",
                "Make the layer wider if accuracy matters more than size.",
                (),
                {"units": layer.width},
            )


def dropout(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Dropout that leaves little."""
    for mask, value, kept_where_true in m.structure.dropouts:
        nonzero = 1 - float(m.moments[mask].share_zero)
        kept = nonzero if kept_where_true else 1 - nonzero
        if kept < t.kept:
            before = [layer.path for layer in m.structure.layers if layer.result in used_by([value])]
            yield Finding(
                "dropout",
                "fault" if kept < t.kept / 2 else "warning",
                before[-1] if before else "input",
                f"Dropout keeps {kept:.0%} of the elements.",
                "Its rate may be meant as the share to keep.",
                "Keep half or more of hidden units.",
                (),
                {"kept": kept},
            )
