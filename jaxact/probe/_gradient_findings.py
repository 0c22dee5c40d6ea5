"""Findings about the size of signals and gradients: vanishing, exploding, not finite, lost in 16 bits."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import stats

from .._rectifiers import relu
from ._diagnosis import Finding
from ._graph import source_of
from ._measure import Measured, root_mean_square
from ._repair import redraw_layers, replace_activation, rescale_layer
from ._structure import path_of, used_by
from ._thresholds import Thresholds


def vanishing_or_exploding(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """The gradient at the first layers against that at the last, over the depth."""
    layers = [layer for layer in m.structure.layers if layer.weight in m.gradients]
    if len(layers) < 3:
        return
    sizes = np.array([_relative_gradient(m, layer.weight) for layer in layers])
    if not np.isfinite(sizes).all() or not (sizes > 0).any():
        return
    positive = sizes > 0
    logs = np.log10(np.maximum(sizes, sizes[positive].min() * 1e-3))
    start = _where_it_changes(logs)  # the layers before it have a gradient of about the same size
    fit: Any = stats.linregress(np.arange(start, len(layers)), logs[start:])
    half = float(fit.stderr * stats.t.ppf(0.975, len(layers) - start - 2))
    slope, low, high = float(fit.slope), float(fit.slope) - half, float(fit.slope) + half
    change = 10 ** (slope * (len(layers) - 1 - start))  # from there to the last layer
    first, numbers = (
        layers[start],
        {
            "per layer": 10**-slope,
            "low": 10**-high,
            "high": 10**-low,
            "first": float(sizes[start]),
            "last": float(sizes[-1]),
        },
    )
    text = (
        f"Backwards the gradient of the weights, beside the weights, changes by {10**-slope:.3g} a layer (95 % "
        f"interval {10**-high:.3g} to {10**-low:.3g}): {sizes[start]:.2g} in {first.path}, {sizes[-1]:.2g} in "
        f"{layers[-1].path}."
    )
    has_sigmoid = any(
        found.activation == "sigmoid" for found, layer in m.structure.layer_of.items() if layer in layers[start:]
    )
    if low > 0 and change > 1 / t.gradient_ratio:
        cause = (
            "Sigmoid's slope is 1/4 at most, so that each layer takes most of the gradient."
            if has_sigmoid
            else "Each layer makes the gradient smaller: its weights are too small for its activation."
        )
        yield Finding(
            "vanishing_gradient",
            "fault" if change > 1 / t.gradient_fault else "warning",
            first.path,
            text,
            cause,
            "finding.apply(model, key) puts ReLU in place of sigmoid and draws the weights anew: in the experiments "
            "sigmoid lost the gradient at all published initialisations, under LayerNorm too."
            if has_sigmoid
            else "finding.apply(model, key) draws the weights anew by the gain of the activations, as "
            "jaxact.init.reinitialise does.",
            (),
            numbers,
            replace_activation(m, ["sigmoid"], relu, layers) if has_sigmoid else redraw_layers(m, layers),
        )
    elif high < 0 and change < t.gradient_ratio:
        yield Finding(
            "exploding_gradient",
            "fault" if change < t.gradient_fault else "warning",
            first.path,
            text,
            "Each layer makes the gradient larger: its weights are too large.",
            "finding.apply(model, key) draws the weights anew by the gain of the activations, as "
            "jaxact.init.reinitialise does; or put a norm between the layers. Clipping hides it.",
            (),
            numbers,
            redraw_layers(m, layers),
        )


def _where_it_changes(logs: np.ndarray) -> int:
    """The start of the line to the end that, with a constant before it, fits best."""

    def misfit(start: int) -> float:
        x, rest = np.arange(start, len(logs)), logs[start:]
        line = np.polyval(np.polyfit(x, rest, 1), x)
        return float(np.sum((rest - line) ** 2) + np.sum((logs[:start] - logs[:start].mean()) ** 2 if start else 0))

    best = min(range(max(1, len(logs) - 2)), key=misfit)
    before = logs[:best]
    is_flat = len(before) < 3 or abs(np.polyfit(np.arange(best), before, 1)[0]) * best < 1  # a factor of 10
    return best if is_flat and misfit(best) < misfit(0) / 4 else 0


def _relative_gradient(m: Measured, weight: object) -> float:
    gradient, value = m.gradients[weight], m.parameters[weight]  # type: ignore[index]
    size = root_mean_square(value)
    return root_mean_square(gradient) / size if size > 0 else 0.0


def layer_gains(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Layers whose weights are much too large or too small for what they get."""
    bad_start = np.isfinite(m.explained) and 1 - m.explained > t.initial_loss
    for layer in m.structure.layers:
        before, after = float(m.moments[layer.data].rms), float(m.moments[layer.result].rms)
        size = root_mean_square(m.parameters[layer.weight])
        if not (before > 0 and np.isfinite(before) and np.isfinite(after)) or m.starts_at_zero(layer):
            continue
        gain, ratio = after / before, size / np.sqrt(2 / layer.fan_in)
        is_output = layer is m.structure.last
        if ratio < 1 / t.layer_gain and gain < 1 / t.layer_gain and not is_output:
            kind, what = "small_weights", "small"
        elif (gain > t.layer_gain and ratio > t.weight_ratio and not is_output) or (
            ratio > t.weight_ratio and bad_start
        ):
            kind, what = "large_weights", "large"
        else:
            continue
        yield Finding(
            kind,
            "hint" if m.has_learned else "warning",
            layer.path,
            f"The results of {layer.path} have a root mean square of {after:.3g}, its inputs of {before:.3g}"
            + (f"; the loss is {m.loss:.3g}, that of the best constant output {m.baseline:.3g}." if bad_start else "."),
            f"Its weights are {what}: their root mean square is {size:.3g}; He's is {np.sqrt(2 / layer.fan_in):.3g}.",
            "finding.apply(model, key) scales the weights to the size that fits the activation; "
            "jaxact.init.reinitialise does it for all layers.",
            (),
            {"gain": gain, "weights over He's": ratio},
            rescale_layer(m, layer),
        )


def not_finite(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """The first NaN or infinity in parameters, in the batches, at a site, in the loss, or in a gradient."""
    for value, array in m.parameters.items():
        if value.is_float and not np.isfinite(np.asarray(array, np.float64)).all():
            bad = int((~np.isfinite(np.asarray(array, np.float64))).sum())
            yield _not_finite(
                m,
                _path(m, value),
                f"{bad} of {array.size} numbers of this parameter are NaN or infinite.",
                "Training went wrong before.",
            )
            return
    for i, array in enumerate(m.inputs):
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            yield _not_finite(
                m,
                "input",
                f"{bad} of {array.size} numbers that {m.structure.first[i].path} gets are NaN or infinite.",
                "The data has them, or what is done to it.",
            )
            return
    for array in m.targets:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield _not_finite(
                m, "target", f"{int((~np.isfinite(array)).sum())} targets are NaN or infinite.", "The data has them."
            )
            return
    previous = "the input"
    for name in m.traced.names:
        site = m.sites[name]
        masks = site.kind == "rows"  # its inputs are -inf where a mask is
        if (bad := float(site.input.nans + (0 if masks else site.input.infs))) > 0:
            yield _not_finite(
                m,
                name,
                f"{bad:.0f} of {float(site.input.count):.0f} inputs of {name} are NaN or infinite.",
                f"They arise between {previous} and {name}, {site.source}.",
            )
            return
        if (bad := float(site.output.nans + site.output.infs)) > 0 and site.activation not in (
            "log_softmax",
            "log_sigmoid",
        ):
            yield _not_finite(
                m,
                name,
                f"{bad:.0f} of {float(site.output.count):.0f} outputs of {name} are NaN or infinite.",
                f"{site.activation} makes them of rows that are -inf throughout, as if all was masked, or have +inf."
                if float(site.input.infs) > 0
                else f"{site.activation} makes them of finite inputs up to {float(site.input.high):.3g}.",
            )
            return
        previous = name
    if not np.isfinite(m.loss):
        yield _not_finite(
            m,
            _layer_of_origin(m),
            f"The loss is {m.loss}.",
            _origin(m, f"It arises behind {previous}: in the loss itself."),
        )
        return
    for value, gradient in m.gradients.items():
        if not np.isfinite(gradient).all():
            yield _not_finite(
                m,
                _path(m, value),
                f"{int((~np.isfinite(gradient)).sum())} of {gradient.size} of its gradients are NaN or infinite.",
                "All values of the forward pass are finite: a derivative is not, as that of sqrt at 0 is.",
            )
            return


def _origin(m: Measured, otherwise: str) -> str:
    """The first operation that makes NaN or infinity of finite numbers."""
    value = m.first_not_finite
    if value is None:
        return otherwise
    source = source_of(value) or "source unknown"
    return f"The first operation that makes them of finite numbers is {value.operation}, {source}."


def _layer_of_origin(m: Measured) -> str:
    """The layer before the first operation that makes NaN or infinity; "loss" if it belongs to the loss."""
    value, output = m.first_not_finite, m.structure.output
    if value is None or output is None or value not in used_by([output]):
        return "loss"
    before = [layer.path for layer in m.structure.layers if layer.product in used_by([value])]
    return before[-1] if before else "input"


def _path(m: Measured, value: object) -> str:
    return path_of(m.traced, value, whole=True)  # type: ignore[arg-type]


def _not_finite(m: Measured, where: str, evidence: str, cause: str) -> Finding:
    remedy = (
        "jax.config.update('jax_debug_nans', True) stops at the operation; jaxact.probe.stabilise replaces "
        "activations whose gradients overflow."
    )
    return Finding("not_finite", "fault", where, evidence, cause, remedy)


def one_sign(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Units whose weight gradients all have the same sign."""
    shares = {}
    for layer in m.structure.layers:
        gradient = m.gradients.get(layer.weight)
        if gradient is None or layer.unit_axis is None or layer.fan_in < 10:
            continue
        signs = np.sign(np.moveaxis(gradient, layer.unit_axis, 0).reshape(layer.width, -1))
        counted = np.abs(signs).sum(1)
        if (counted > 0).any():
            same = (1 + np.abs(signs.sum(1)) / np.maximum(counted, 1)) / 2
            if (share := float(np.median(same[counted > 0]))) > t.one_sign:
                shares[layer.path] = share
    if shares:
        path = max(shares, key=lambda path: shares[path])
        layer = next(layer for layer in m.structure.layers if layer.path == path)
        by_chance = 0.5 + 0.4 / np.sqrt(layer.fan_in)
        count = len(shares) - 1
        others = f"; so {'have' if count > 1 else 'has'} {count} other layer{'s' if count > 1 else ''}" if count else ""
        yield Finding(
            "one_sign_gradient",
            "hint",
            path,
            f"In the median unit of {path} {shares[path]:.0%} of the weight gradients have the same sign; by chance "
            f"{by_chance:.0%}{others}.",
            f"What the layer gets has mean {float(m.moments[layer.data].mean):.3g} and deviation "
            f"{float(m.moments[layer.data].std):.3g}.",
            "Centre the data, or use a zero-centred activation before: centred pixels took a third of the steps in "
            "the experiments.",
            (),
            {**shares, "by chance": by_chance},
        )


def no_gradient(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Weights whose gradient is exactly 0: all of them, or those of some layers."""
    gradients = {layer.path: m.gradients[layer.weight] for layer in m.structure.layers if layer.weight in m.gradients}
    without = [path for path, gradient in gradients.items() if not np.any(gradient)]
    if not without or not np.isfinite(m.loss):
        return
    everywhere = len(without) == len(gradients)
    yield Finding(
        "no_gradient",
        "fault" if everywhere and not m.has_learned else "hint",
        without[0],
        f"The gradient of the loss by the weights of {'all' if everywhere else len(without)} of {len(gradients)} "
        f"layers is exactly 0{'' if everywhere else ': ' + ', '.join(without[:4])}.",
        "The signal stops on the way back: dead units, an activation without a slope, argmax, stop_gradient, or a "
        "product with 0.",
        "If no layer is frozen on purpose: the site after the last row of the table whose gradient is 0 stops it.",
        (),
        {"layers": float(len(without))},
    )


def underflow(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Gradients that are 0 in a 16-bit type and not in float32, and products smaller than a type can hold."""
    remedy = (
        "Scale the loss, keep the parameters in float32, or jaxact.probe.stabilise(model), whose slopes are right in "
        "the tails."
    )
    for path, share, dtype in m.lost_in_16_bit:
        if share > t.underflow:
            yield Finding(
                "underflow",
                "fault" if share > 0.5 else "warning",
                path,
                f"{share:.0%} of the gradients of {path} are 0 in {dtype} and not in float32.",
                f"They are smaller than {dtype} can hold, or a slope in it rounds to 0.",
                remedy,
                (),
                {"share": share},
            )
    for layer in m.structure.layers:
        data = m.moments[layer.data]
        signal = max(float(data.rms), abs(float(data.low)) / 3, abs(float(data.high)) / 3)  # squares are 0 below 1e-19
        size = root_mean_square(m.parameters[layer.weight]) * signal * np.sqrt(layer.fan_in)
        limits = jnp.finfo(layer.product.type.dtype)
        least = float(limits.smallest_subnormal if limits.bits == 16 and limits.maxexp < 100 else limits.tiny)
        if 0 < size < least:
            yield Finding(
                "underflow",
                "fault",
                layer.path,
                f"The products of {layer.path} are about {size:.1g}; {limits.dtype.name} holds no numbers below "
                f"{least:.1g}.",
                "Weights and inputs are so small that their products are 0.",
                "Larger weights (jaxact.init.reinitialise), or a norm before the layer.",
                (),
                {"size": size},
            )
