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

SAME, CENTRED, CLOSER, SLOWER = 0.95, 0.1, 0.9, 1.1
LECUN = 'LeCun et al. 1998: "Symmetric sigmoids such as hyperbolic tangent often converge faster" (no number)'

CS231N = (
    'CS231n: "once these gradients are added up across a batch of data the final update for the weights can have '
    'variable signs, somewhat mitigating this issue" (no experiment)'
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Signs, speed, then means."""
    claims = []
    if "sigmoid" in config.moved:
        claims += _signs(config, runs, [Kind("sigmoid")], 1, "behind sigmoids, second hidden layer")
    pixels = [Kind(name, pixels="unit") for name in config.pixel_nets]
    claims += _signs(config, runs, pixels, 0, f"on pixels from 0 to 1, first layer ({_names(config.pixel_nets)})")
    for optimizer in config.optimizers():
        for name in config.moved:
            centred, same_weights, same_function = shifted_kinds(name, optimizer)
            row = "B9" if name == "tanh" else "B7"
            claims += [
                _slower(config, runs, row, same_weights, centred, "steps"),
                _slower(config, runs, row, same_function, centred, "steps"),
                _slower(config, runs, "B7", same_function, centred, "path_ratio"),
            ]
        for name in config.pixel_nets:
            centred, off = on_pixels(name, optimizer)
            claims.append(_slower(config, runs, "B8", off, centred, "steps"))
    return claims + _means(config, runs)


def times(config: Config) -> tuple[str, str]:
    """When signs and means are looked at."""
    return "at the start", f"after {config.probe} steps"


def of(runs: Runs, kind: Net, time: str | None = None) -> Runs:
    """The rows of a kind of net: the way it learnt, or what it was like inside at a time."""
    parts = {"part": "inside" if time else "way"} | ({"time": time} if time else {}) | net._asdict()
    return [run for run in runs if parts.items() <= run.items()]


def written(kind: Net) -> str:
    """A kind of net as written in a sentence."""
    text = named(net.activation) + (f" {'+' if net.shift > 0 else '-'} {abs(net.shift):.2g}" if net.shift else "")
    text += "" if net.pixels == "standardised" else f" on {net.pixels} pixels"
    text += " (starting as the same function)" if net.repaid else ""
    return text + ("" if net.optimizer == "sgd" else f" by {OPTIMIZERS[net.optimizer]}")


def one_sign(config: Config, runs: Runs, kind: Net, layer: int, batch: int, time: str) -> list[float]:
    """The fraction of units whose gradient has one sign, one entry per seed."""
    return [run["one_sign"][layer][config.batches.index(batch)] for run in of(runs, net, time)]


def _signs(config: Config, runs: Runs, nets: list[Net], layer: int, where: str) -> list[Claim]:
    claims = []
    for batch in config.batches:
        cells = [one_sign(config, runs, net, layer, batch, time) for time in times(config) for net in nets]
        interval = hull([mean_interval(cell, config.confidence) for cell in cells])
        everything = np.array(cells)
        if batch > 1:
            outcome = verdict(interval, low=SAME)
        else:
            outcome = SUPPORTED if (everything == 1).all() else REFUTED if (everything < 1).any() else INCONCLUSIVE
        on = "a single example" if batch == 1 else f"a minibatch of {batch}"
        by_time = listed(
            [
                f"{100 * np.mean(half):.1f} % {time}"
                for half, time in zip(np.split(everything, 2), times(config), strict=True)
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


def ratio(config: Config, runs: Runs, off: Net, centred: Net, what: str) -> Interval:
    """Median steps, or path_ratio, of one kind of net over that of another."""
    above, below = ([run[what] for run in of(runs, net)] for net in (off, centred))
    return ratio_interval(above, below, config.confidence)


def _slower(config: Config, runs: Runs, row: str, off: Net, centred: Net, what: str) -> Claim:
    interval = ratio(config, runs, off, centred, what)
    takes = "takes more steps" if what == "steps" else "zig-zags more"
    measured = "steps" if what == "steps" else "length of the way / distance"
    return Claim(
        id=row,
        text=f"what is not zero-centred {takes}: {written(off)} against {written(centred)}",
        source="S0 S3",
        scope=_scope(config, off),
        measure=f"{measured} of the former over that of the latter, to {config.threshold:.0%} training error",
        rule=f"supported if the {config.confidence:.0%} interval lies above {SLOWER:g}, refuted if below",
        unit="x",
        interval=interval,
        verdict=verdict(interval, low=SLOWER),
        published=LECUN if row == "B9" else "",
    )


def off_centre(config: Config, runs: Runs, name: str) -> list[np.ndarray]:
    """|mean| / deviation of every layer at every time, one entry per seed."""
    found = [np.array([run["layers"] for run in of(runs, Kind(name), time)]) for time in times(config)]
    return [seeds for at_time in found for seeds in at_time.T]


def _means(config: Config, runs: Runs) -> list[Claim]:
    """What the notes say of the means of four activations, as far as these ran."""
    ran = (*config.moved, *config.plain)
    claims = []
    for row, name, text, source, bounds in (
        ("B9", "tanh", "outputs of tanh are zero-centred", "S0 S1 S2 S3 S4", {"high": CENTRED}),
        ("B10", "relu", "outputs of ReLU are not zero-centred", "S0 S2 S3 S4", {"low": CENTRED}),
        ("B12", "leaky_relu", "outputs of leaky ReLU are close to zero-centred", "S4", {"high": CENTRED}),
    ):
        if name in ran:
            interval = hull([mean_interval(cell, config.confidence) for cell in off_centre(config, runs, name)])
            claims.append(_mean(config, runs, row, name, text, source, interval, bounds))
    if {"elu", "relu"} <= set(ran):
        pairs = zip(off_centre(config, runs, "elu"), off_centre(config, runs, "relu"), strict=True)
        interval = hull([ratio_interval(*pair, config.confidence) for pair in pairs])
        text = "outputs of ELU are closer to zero mean than those of ReLU"
        claims.append(_mean(config, runs, "B11", "elu", text, "S2", interval, {"high": CLOSER}, relative=True))
    return claims


def _mean(
    config: Config,
    runs: Runs,
    row: str,
    name: str,
    text: str,
    source: str,
    interval: Interval,
    bounds: dict[str, float],
    relative: bool = False,
) -> Claim:
    (normal,) = (run for run in runs if (run["part"], run["activation"]) == ("normal", name))
    side, border = next(iter(bounds.items()))
    of_what = "|mean| / deviation of a layer's outputs" + (" over that of ReLU" if relative else "")
    return Claim(
        id=row,
        text=text,
        source=source,
        scope=_scope(config, Kind(name)),
        measure=f"{of_what}, all layers and times (for normal z: mean {normal['mean']:.3f}, |mean| / deviation "
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


def _scope(config: Config, kind: Net) -> str:
    pixels = "digits, pixels not divided by their deviation"
    data = TITLES[config.data] if net.pixels == "standardised" else pixels
    optimizer = OPTIMIZERS[net.optimizer]
    return f"{data}, {config.depth} hidden layers of {config.width}, {optimizer}, rate and gain tuned for each"
