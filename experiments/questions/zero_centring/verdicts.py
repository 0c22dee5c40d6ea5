"""The verdicts of `zero_centring` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Sequence

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    mean_interval,
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
    """The verdicts on signs, speed, and means."""
    claims = []
    if "sigmoid" in config.shifted:
        claims += _signs(config, runs, [Kind("sigmoid")], 1, "behind sigmoids, second hidden layer")
    pixels = [Kind(name, pixels="unit") for name in config.pixel_nets]
    claims += _signs(config, runs, pixels, 0, f"on pixels from 0 to 1, first layer ({_names(config.pixel_nets)})")
    for optimizer in config.optimizers():
        for name in config.shifted:
            centred, same_weights, same_function = shifted_kinds(name, optimizer)
            claim_id = "B9" if name == "tanh" else "B7"
            claims += [
                _slower(config, runs, claim_id, same_weights, centred, "steps"),
                _slower(config, runs, claim_id, same_function, centred, "steps"),
                _slower(config, runs, "B7", same_function, centred, "path_ratio"),
            ]
        for name in config.pixel_nets:
            centred, off = on_pixels(name, optimizer)
            claims.append(_slower(config, runs, "B8", off, centred, "steps"))
    return claims + _means(config, runs)


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


def _signs(config: Config, runs: Runs, nets: list[Kind], layer: int, where: str) -> list[Claim]:
    claims = []
    for batch in config.batches:
        cells = [
            one_sign_shares(config, runs, kind, layer, batch, time) for time in measuring_times(config) for kind in nets
        ]
        interval = hull([mean_interval(cell, config.confidence) for cell in cells])
        shares = np.array(cells)
        if batch > 1:
            outcome = verdict(interval, low=SAME)
        else:
            outcome = SUPPORTED if (shares == 1).all() else REFUTED if (shares < 1).any() else INCONCLUSIVE
        on = "a single example" if batch == 1 else f"a minibatch of {batch}"
        by_time = listed(
            [
                f"{100 * np.mean(half):.1f} % {time}"
                for half, time in zip(np.split(shares, 2), measuring_times(config), strict=True)
            ]
        )
        claims.append(
            Claim(
                id="B6",
                text=f"the weight gradients of a unit {where} all have the same sign, on {on}",
                source="S0 S3 S4",
                scope=_scope(config, nets[0]),
                measure=f"units of which this is true: {by_time}",
                rule="supported if true of every unit, else refuted"
                if batch == 1
                else f"supported if the {config.confidence:.0%} intervals of both times lie above {SAME:.0%}, refuted "
                "if both lie below",
                unit="%",
                interval=Interval(*(100 * end for end in interval)),
                verdict=outcome,
                published=CS231N,
            )
        )
    return claims


def ratio(config: Config, runs: Runs, off: Kind, centred: Kind, what: str) -> Interval:
    """The median of `what`, steps or path_ratio, of one kind of net over that of another."""
    above, below = ([run[what] for run in runs_of(runs, kind)] for kind in (off, centred))
    return ratio_interval(above, below, config.confidence)


def _slower(config: Config, runs: Runs, claim_id: str, off: Kind, centred: Kind, what: str) -> Claim:
    interval = ratio(config, runs, off, centred, what)
    verb = "takes more steps" if what == "steps" else "zig-zags more"
    quantity = "steps" if what == "steps" else "length of the way / distance"
    return Claim(
        id=claim_id,
        text=f"what is not zero-centred {verb}: {kind_text(off)} against {kind_text(centred)}",
        source="S0 S3",
        scope=_scope(config, off),
        measure=f"{quantity} of the former over that of the latter, to {config.threshold:.0%} training error",
        rule=f"supported if the {config.confidence:.0%} interval lies above {SLOWER:g}, refuted if below",
        unit="x",
        interval=interval,
        verdict=verdict(interval, low=SLOWER),
        published=LECUN if claim_id == "B9" else "",
    )


def _off_centre_by_layer(config: Config, runs: Runs, name: str) -> list[np.ndarray]:
    """|mean| / deviation of every layer at every time, one entry per seed."""
    by_time = [np.array([run["layers"] for run in runs_of(runs, Kind(name), time)]) for time in measuring_times(config)]
    return [seeds for layers in by_time for seeds in layers.T]


def _means(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on the means of four activations, as far as these ran."""
    activations = (*config.shifted, *config.unshifted)
    claims = []
    for claim_id, name, text, source, bounds in (
        ("B9", "tanh", "outputs of tanh are zero-centred", "S0 S1 S2 S3 S4", {"high": CENTRED}),
        ("B10", "relu", "outputs of ReLU are not zero-centred", "S0 S2 S3 S4", {"low": CENTRED}),
        ("B12", "leaky_relu", "outputs of leaky ReLU are close to zero-centred", "S4", {"high": CENTRED}),
    ):
        if name in activations:
            interval = hull(
                [mean_interval(cell, config.confidence) for cell in _off_centre_by_layer(config, runs, name)]
            )
            claims.append(_mean(config, runs, claim_id, name, text, source, interval, bounds))
    if {"elu", "relu"} <= set(activations):
        pairs = zip(_off_centre_by_layer(config, runs, "elu"), _off_centre_by_layer(config, runs, "relu"), strict=True)
        interval = hull([ratio_interval(*pair, config.confidence) for pair in pairs])
        text = "outputs of ELU are closer to zero mean than those of ReLU"
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
    )


def _names(names: Sequence[str]) -> str:
    return listed([named(name) for name in names])


def _scope(config: Config, kind: Kind) -> str:
    pixels = "digits, pixels not divided by their deviation"
    data = TITLES[config.data] if kind.pixels == "standardised" else pixels
    optimizer = OPTIMIZERS[kind.optimizer]
    return f"{data}, {config.depth} hidden layers of {config.width}, {optimizer}, rate and gain tuned for each"
