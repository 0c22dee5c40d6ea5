"""The verdicts of `zero_centring` on the claims of the notes; the docstring of `measure.py` has the rules."""

import math
from typing import NamedTuple

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.result import Kind as DecidedBy
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    mean_interval,
    percent,
    ratio_interval,
    verdict,
)
from experiments.core.style import listed, named

from .measure import OPTIMIZERS, Config, Kind, on_pixels, shifted_kinds

SAME, CENTRED, CLOSER, SLOWER = 0.95, 0.1, 0.9, 1.1  # the limits in the rules
LECUN = 'LeCun et al. 1998: "Symmetric sigmoids such as hyperbolic tangent often converge faster" (no number)'

CS231N = (
    'CS231n: "once these gradients are added up across a batch of data the final update for the weights can have '
    'variable signs, somewhat mitigating this issue" (no experiment)'
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on signs, speed, zig-zag and means."""
    claims = [_one_example(config, runs)]
    if "sigmoid" in config.shifted:
        claims.append(_minibatch(config, runs))
    claims += [_slower(config, runs, each) for each in comparisons(config)]
    return claims + _means(config, runs)


class Comparison(NamedTuple):
    """Off-centre nets against centred ones, and the sentence that they judge."""

    id: str
    text: str
    pairs: list[tuple[Kind, Kind]]
    """Off-centre and centred."""
    what: str = "steps"
    """steps or path_ratio."""


def comparisons(config: Config) -> list[Comparison]:
    """All comparisons of off-centre with centred nets: sigmoid by SGD comes first."""
    names = [name for name in config.shifted if name != "sigmoid"]
    found = []
    if "sigmoid" in config.shifted:
        found.append(_sigmoid("sgd"))
    if names:
        centred, off = (listed([kind_text(shifted_kinds(name)[index]) for name in names]) for index in (0, 1))
        takes = "takes" if len(names) == 1 else "take"
        pairs = [pair for name in names for pair in _both_starts(name, "sgd")]
        found.append(Comparison("B7", _sentence(f"{off} {takes} more steps than {centred}", "sgd"), pairs))
    zigzag = "Updates behind outputs that are not zero-centred zig-zag more"
    ends = [shifted_kinds(name) for name in config.shifted]
    found.append(
        Comparison("B7", zigzag, [(same_function, centred) for centred, _, same_function in ends], "path_ratio")
    )
    if "sigmoid" in config.shifted:
        found += [_sigmoid(optimizer) for optimizer in config.other_optimizers]
    for optimizer in config.optimizers():
        text = "nets take more steps on pixels from 0 to 1 than on the same pixels minus their mean"
        pairs = [(off, centred) for centred, off in (on_pixels(name, optimizer) for name in config.pixel_nets)]
        found.append(Comparison("B8", _sentence(text, optimizer), pairs))
    return found


def _sigmoid(optimizer: str) -> Comparison:
    text = _sentence("sigmoid takes more steps than sigmoid - 1/2", optimizer)
    return Comparison("B7", text, _both_starts("sigmoid", optimizer))


def _sentence(text: str, optimizer: str) -> str:
    """The text as a sentence; an optimiser other than SGD is named."""
    return f"{text[0].upper()}{text[1:]}" if optimizer == "sgd" else f"By {OPTIMIZERS[optimizer]} {text}"


def _both_starts(name: str, optimizer: str) -> list[tuple[Kind, Kind]]:
    centred, same_weights, same_function = shifted_kinds(name, optimizer)
    return [(same_weights, centred), (same_function, centred)]


def measuring_times(config: Config) -> tuple[str, str]:
    """The times at which signs and means are measured."""
    return "at the start", f"after {config.later_step} steps"


def runs_of(runs: Runs, kind: Kind, time: str | None = None) -> Runs:
    """The runs of a kind of net: those of its training, or those of its signs and means at a time."""
    parts = {"part": "inside" if time else "training"} | ({"time": time} if time else {}) | kind._asdict()
    return [run for run in runs if parts.items() <= run.items()]


def kind_text(kind: Kind) -> str:
    """A kind of net as text."""
    text = named(kind.activation) + (f" {'+' if kind.shift > 0 else '-'} {abs(kind.shift):.2g}" if kind.shift else "")
    text += "" if kind.pixels == "standardised" else f" on {kind.pixels} pixels"
    text += " (starting as the same function)" if kind.compensated else ""
    return text + ("" if kind.optimizer == "sgd" else f" by {OPTIMIZERS[kind.optimizer]}")


def one_sign_shares(config: Config, runs: Runs, kind: Kind, layer: int, batch: int, time: str) -> list[float]:
    """The fractions of units whose weight gradients have one sign, one entry per seed."""
    return [run["one_sign"][layer][config.batches.index(batch)] for run in runs_of(runs, kind, time)]


def _one_example(config: Config, runs: Runs) -> Claim:
    """Behind sigmoids, and in the first layer on pixels from 0 to 1."""
    cells = [(Kind(name, pixels="unit"), 0) for name in config.pixel_nets]
    cells += [(Kind("sigmoid"), 1)] if "sigmoid" in config.shifted else []
    shares = np.array(
        [one_sign_shares(config, runs, *cell, 1, time) for cell in cells for time in measuring_times(config)]
    )
    return _signs(
        config,
        "On one example all weight gradients of a unit have the same sign, if no input is negative",
        "units of which this is true, behind sigmoids and on pixels from 0 to 1",
        "supported if true of every unit, else refuted",
        hull([mean_interval(cell, config.confidence) for cell in shares]),
        SUPPORTED if (shares == 1).all() else REFUTED if (shares < 1).any() else INCONCLUSIVE,
        "algebra",
    )


def _minibatch(config: Config, runs: Runs) -> Claim:
    """Behind sigmoids, on minibatches of the size on which nets are trained."""
    shares = {
        time: one_sign_shares(config, runs, Kind("sigmoid"), 1, config.batch, time) for time in measuring_times(config)
    }
    interval = hull([mean_interval(share, config.confidence) for share in shares.values()])
    by_time = listed([f"{100 * np.mean(share):.1f} % {time}" for time, share in shares.items()])
    return _signs(
        config,
        f"On a minibatch of {config.batch} all weight gradients of a unit behind sigmoids have the same sign",
        f"units of the second hidden layer of which this is true: {by_time}",
        f"supported if the {config.confidence:.0%} intervals of both times lie above {SAME:.0%}, refuted if both lie "
        "below",
        interval,
        verdict(interval, low=SAME),
        "experiment",
    )


def _signs(
    config: Config, text: str, measure: str, rule: str, interval: Interval, outcome: str, decided_by: DecidedBy
) -> Claim:
    return Claim(
        id="B6",
        text=text,
        source="S0 S3 S4",
        scope=_scope(config, Kind("sigmoid")),
        measure=measure,
        rule=rule,
        unit="%",
        interval=percent(interval),
        verdict=outcome,
        published=CS231N,
        budget=_inside_budget(config),
        kind=decided_by,
    )


def _inside_budget(config: Config) -> str:
    return f"at the start and after {config.later_step} steps of SGD, {config.seeds} seeds"


def ratio(config: Config, runs: Runs, off: Kind, centred: Kind, what: str) -> Interval:
    """The median of `what`, steps or path_ratio, of one kind of net over that of another."""
    above, below = ([run[what] for run in runs_of(runs, kind)] for kind in (off, centred))
    return ratio_interval(above, below, config.confidence)


def compared(config: Config, runs: Runs, comparison: Comparison) -> Interval:
    """The hull of the ratios of all pairs."""
    return hull([ratio(config, runs, *pair, comparison.what) for pair in comparison.pairs])


def _slower(config: Config, runs: Runs, comparison: Comparison) -> Claim:
    claim_id, text, pairs, what = comparison
    interval = compared(config, runs, comparison)
    quantity = "steps" if what == "steps" else "length of the weights' path over its distance"
    each = [f"{_times(ratio(config, runs, *pair, what).value)} for {kind_text(pair[0])}" for pair in pairs]
    optimizer = OPTIMIZERS[pairs[0][0].optimizer]
    return Claim(
        id=claim_id,
        text=text,
        source="S0 S3",
        scope=_scope(config, pairs[0][0]),
        measure=f"{quantity}, off-centre over centred: {listed(each)}",
        rule=f"supported if the {config.confidence:.0%} interval of every ratio lies above {SLOWER:g}, refuted if "
        "every one lies below",
        unit="x",
        interval=interval,
        verdict=verdict(interval, low=SLOWER),
        published=LECUN if claim_id == "B7" else "",
        budget=f"to {config.threshold:.0%} training error, at most {config.steps} steps of {optimizer}, {config.seeds} "
        "seeds",
    )


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if math.isfinite(ratio) else "unknown" if math.isnan(ratio) else "infinite"


def _off_centre_by_layer(config: Config, runs: Runs, name: str) -> list[np.ndarray]:
    """|mean| / deviation of every layer at every time, one entry per seed."""
    by_time = [np.array([run["layers"] for run in runs_of(runs, Kind(name), time)]) for time in measuring_times(config)]
    return [seeds for layers in by_time for seeds in layers.T]


def _means(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on the means of four activations, as far as these ran."""
    activations = (*config.shifted, *config.unshifted)
    claims = []
    for claim_id, name, text, source, bounds in (
        ("B9", "tanh", "The outputs of tanh are zero-centred", "S0 S1 S2 S3 S4", {"high": CENTRED}),
        ("B10", "relu", "The outputs of ReLU are not zero-centred", "S0 S2 S3 S4", {"low": CENTRED}),
        ("B12", "leaky_relu", "The outputs of leaky ReLU are close to zero-centred", "S4", {"high": CENTRED}),
    ):
        if name in activations:
            interval = hull(
                [mean_interval(cell, config.confidence) for cell in _off_centre_by_layer(config, runs, name)]
            )
            claims.append(_mean(config, runs, claim_id, name, text, source, interval, bounds))
    if {"elu", "relu"} <= set(activations):
        pairs = zip(_off_centre_by_layer(config, runs, "elu"), _off_centre_by_layer(config, runs, "relu"), strict=True)
        interval = hull([ratio_interval(*pair, config.confidence) for pair in pairs])
        text = "The outputs of ELU are closer to zero mean than those of ReLU"
        claims.append(_mean(config, runs, "B11", "elu", text, "S2", interval, {"high": CLOSER}, relative=True))
    return claims


def _mean(
    config: Config,
    runs: Runs,
    claim_id: str,
    name: str,
    text: str,
    source: str,
    interval: Interval,
    bounds: dict[str, float],
    relative: bool = False,
) -> Claim:
    (normal,) = (run for run in runs if (run["part"], run["activation"]) == ("normal", name))
    side, border = next(iter(bounds.items()))
    quantity = "|mean| / deviation of a layer's outputs" + (" over that of ReLU" if relative else "")
    return Claim(
        id=claim_id,
        text=text,
        source=source,
        scope=_scope(config, Kind(name)),
        measure=f"{quantity}, all layers and times (for normal z: mean {normal['mean']:.3f}, |mean| / deviation "
        f"{abs(normal['mean']) / normal['deviation']:.3f})",
        rule=f"supported if the {config.confidence:.0%} intervals of every layer at both times lie "
        f"{'below' if side == 'high' else 'above'} {border:g}, refuted if all lie on the other side",
        unit="x" if relative else "",
        interval=interval,
        verdict=verdict(interval, **bounds),
        published="Clevert et al. 2015: negative values push mean activations closer to zero" if relative else "",
        budget=_inside_budget(config),
        kind="algebra" if name == "relu" else "experiment",
    )


def _scope(config: Config, kind: Kind) -> str:
    pixels = "digits, pixels not divided by their deviation"
    data = TITLES[config.data] if kind.pixels == "standardised" else pixels
    optimizer = OPTIMIZERS[kind.optimizer]
    return f"{data}, {config.depth} hidden layers of {config.width}, {optimizer}, rate and gain tuned for each"
