"""The verdicts of `born_dead` on the claims of the notes; the docstring of `measure.py` has the rules."""

from collections.abc import Callable

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import REFUTED, SUPPORTED, Interval, mean_interval, verdict, wilson_interval
from experiments.core.training import FRESH

from .measure import Config

SOME = 5.0  # per cent of the nets, or points of dead units, above which a claim of some dead ones holds
COLLAPSE = 90.0  # per cent of the nets, as Lu et al. report
LU = "Lu et al. 2019"
PUBLISHED = f"{LU}: more than 90 % of 1,000 nets collapse to a constant"


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on every width, the two bounds, |x|, and the biases."""
    claims = [_born_dead(config, runs, width) for width in config.widths]
    claims += [_bound(config, runs, "lower", lower), _bound(config, runs, "upper", upper)]
    claims += [_collapses(config, runs, rate) for rate in config.rates]
    claims += [_negative(config, runs, kind, bias) for kind in config.kinds() for bias in config.biases if bias < 0]
    return claims + [_positive(config, runs, bias) for bias in config.biases if bias > 0]


def lower(width: int, hidden: int) -> float:
    """The lower bound on the share of dead nets; for one and for two hidden layers it is the exact value."""
    one_ray = 1 - 2.0**-width
    two_rays = 1 - 2.0 ** (1 - width) - (width - 1) * 2.0 ** (1 - 2 * width)
    start = (1 - 2.0 ** (1 - width)) * one_ray / (1 + (width - 1) * 2.0 ** (1 - width))
    return 1 - one_ray ** (hidden - 1) + start * (two_rays ** (hidden - 1) - one_ray ** (hidden - 1))


def upper(width: int, hidden: int) -> float:
    """The upper bound on the share of dead nets: the probability that one ray alone is not passed on."""
    return 1 - (1 - 2.0**-width) ** hidden


def counts(runs: Runs, width: int) -> list[tuple[int, int, int]]:
    """Hidden layers, dead nets and all nets of one width."""
    rows = [run for run in runs if run["part"] == "rays" and run["width"] == width]
    return [(row["hidden"], row["dead"], row["nets"]) for row in rows]


def share(config: Config, runs: Runs, width: int, hidden: int, comparisons: int = 1) -> Interval:
    """The share of dead nets among those of one width and depth."""
    ((dead, nets),) = [(dead, nets) for layers, dead, nets in counts(runs, width) if layers == hidden]
    return wilson_interval(dead, nets, 1 - (1 - config.confidence) / comparisons)


def learners(runs: Runs, rate: float) -> Runs:
    """The nets that were to learn |x|."""
    return [run for run in runs if run["part"] == "abs" and run["rate"] == rate]


def collapsed(config: Config, runs: Runs, rate: float) -> Interval:
    """The percentage of nets whose output is constant; diverged nets count as not constant."""
    rows = learners(runs, rate)
    return percent(wilson_interval(sum(row["collapsed"] for row in rows), len(rows), config.confidence))


def against_zero(config: Config, runs: Runs, kind: str, bias: float, what: str) -> Interval:
    """The share of dead units, or of dead nets, with a bias minus that without, in points, paired by seed."""
    at = {(run["bias"], run["seed"]): run[what] for run in runs if run["part"] == "biases" and run["kind"] == kind}
    seeds = range(FRESH, FRESH + config.seeds)
    return mean_interval([100.0 * (float(at[bias, seed]) - float(at[0.0, seed])) for seed in seeds], config.confidence)


def at_bias(runs: Runs, kind: str, bias: float, what: str) -> float:
    """The percentage of dead units or of dead nets."""
    rows = [run for run in runs if run["part"] == "biases" and (run["kind"], run["bias"]) == (kind, bias)]
    return 100 * float(np.mean([row[what] for row in rows]))


def percent(interval: Interval) -> Interval:
    """The interval of a share in per cent."""
    return Interval(*(100 * end for end in interval))


def _scope(config: Config, kind: str) -> str:
    widths = config.kinds()[kind]
    layers = f"{len(widths)} hidden layers of {widths[0]}" if len(set(widths)) == 1 else f"hidden layers of {widths}"
    return f"{TITLES[config.data]}, {kind} nets before training: {layers}, He init"


def _born_dead(config: Config, runs: Runs, width: int) -> Claim:
    interval = percent(share(config, runs, width, config.hidden))
    return Claim(
        id="B17",
        text=f"a bad initialisation makes ReLU nets of width {width} dead before training",
        source="S0",
        scope=f"one input, no biases, {config.hidden} hidden layers, weights of any symmetric distribution",
        measure=f"share of {config.nets:,} random nets that are a constant",
        rule=f"supported if the Wilson interval lies above {SOME:g} %, refuted if below",
        unit="%",
        interval=interval,
        verdict=verdict(interval, low=SOME),
    )


def _bound(config: Config, runs: Runs, name: str, bound: Callable[[int, int], float]) -> Claim:
    cells = [(width, hidden) for width in config.widths for hidden, _, _ in counts(runs, width)]
    shares = {cell: share(config, runs, *cell, comparisons=len(cells)) for cell in cells}
    side = 1 if name == "lower" else -1
    gaps = {cell: Interval(*(end - bound(*cell) for end in shares[cell])) for cell in cells}
    margins = {cell: gap.high if side > 0 else -gap.low for cell, gap in gaps.items()}
    width, hidden = min(cells, key=lambda cell: margins[cell])
    return Claim(
        id="B17",
        text=f"the {name} bound on the share of nets born dead holds",
        source=LU,
        scope=f"one input, no biases, widths {', '.join(map(str, config.widths))}, up to {config.most_hidden} hidden "
        "layers",
        measure=f"share of dead nets minus the bound at width {width} with {hidden} hidden layers, where the interval "
        f"reaches least far to the right side; {sum(margin >= 0 for margin in margins.values())} of {len(cells)} agree",
        rule="supported if at no width and depth the whole Wilson interval lies on the wrong side of the bound, "
        "refuted if at one it does",
        unit="",
        interval=gaps[width, hidden],
        verdict=SUPPORTED if all(margin >= 0 for margin in margins.values()) else REFUTED,
    )


def _collapses(config: Config, runs: Runs, rate: float) -> Claim:
    rows, interval = learners(runs, rate), collapsed(config, runs, rate)
    return Claim(
        id="B17",
        text="more than 90 % of the nets that are to learn |x| collapse to a constant",
        source=LU,
        scope=f"{config.hidden} hidden layers of 2, He init, Adam at {rate:g}, {config.steps} steps",
        measure=f"share of {len(rows):,} trained nets with a constant output; {sum(r['born_dead'] for r in rows):,} "
        f"had it from the start, {sum(r['diverged'] for r in rows)} blew up",
        rule=f"supported if the Wilson interval lies above {COLLAPSE:g} %, refuted if below",
        unit="%",
        interval=interval,
        verdict=verdict(interval, low=COLLAPSE),
        published=PUBLISHED,
    )


def _negative(config: Config, runs: Runs, kind: str, bias: float) -> Claim:
    interval = against_zero(config, runs, kind, bias, "dead_units")
    return Claim(
        id="B18",
        text=f"an initial bias of {bias:g} makes dead units",
        source="S4",
        scope=_scope(config, kind),
        measure=f"share of units that are off on every training example, with bias {bias:g} minus with 0",
        rule=f"supported if the {config.confidence:.0%} interval lies above {SOME:g} points, refuted if below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=SOME),
    )


def _positive(config: Config, runs: Runs, bias: float) -> Claim:
    interval = against_zero(config, runs, "narrow", bias, "dead")
    return Claim(
        id="B19",
        text=f"an initial bias of {bias:g} keeps nets from being born dead",
        source="S4",
        scope=_scope(config, "narrow"),
        measure=f"share of nets with a dead layer, with bias {bias:g} minus with 0",
        rule=f"supported if the {config.confidence:.0%} interval lies below 0, refuted if above",
        unit="points",
        interval=interval,
        verdict=verdict(interval, high=0.0),
    )
