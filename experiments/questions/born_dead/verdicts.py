"""The verdicts of `born_dead` on the claims of the notes; the docstring of `measure.py` has the rules."""

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
    percent,
    verdict,
    wilson_interval,
)
from experiments.core.style import listed
from experiments.core.training import FRESH

from .measure import OFF_CENTRE, Config

SOME = 5.0  # per cent of the nets or units, or points of them, above which a claim of some dead ones holds
FAR = -3.0  # a bias of at most this is far below 0: pre-activations have a deviation of 1.4
COLLAPSE = 90.0  # per cent of the nets, as Lu et al. report
LU = "Lu et al. 2019"
PUBLISHED = f"{LU}: more than 90 % of 1,000 nets collapse to a constant"


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on ordinary and narrow nets, on biases, and the checks."""
    claims = [_ordinary(config, runs, "ordinary"), _ordinary(config, runs, OFF_CENTRE), _narrow(config, runs)]
    far, slight = ([b for b in config.biases if b < 0 and (b <= FAR) == wanted] for wanted in (True, False))
    claims += [_negative(config, runs, biases) for biases in (far, slight) if biases]
    claims += [_positive(config, runs)] if max(config.biases, default=0) > 0 else []
    return [*claims, _bounds(config, runs), _collapses(config, runs)]


def narrow_width(config: Config) -> int:
    """The width at which narrow nets are judged."""
    return config.narrow if config.narrow in config.widths else min(config.widths)


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
    confidence = 1 - (1 - config.confidence) / len(config.rates)
    return percent(wilson_interval(sum(row["collapsed"] for row in rows), len(rows), confidence))


def against_zero(config: Config, runs: Runs, kind: str, bias: float, what: str, comparisons: int = 1) -> Interval:
    """The share of dead units, or of dead nets, with a bias minus that without, in points, paired by seed."""
    at = {(run["bias"], run["seed"]): run[what] for run in runs if run["part"] == "biases" and run["kind"] == kind}
    seeds = range(FRESH, FRESH + config.seeds)
    differences = [100.0 * (float(at[bias, seed]) - float(at[0.0, seed])) for seed in seeds]
    return mean_interval(differences, 1 - (1 - config.confidence) / comparisons)


def dead_units(config: Config, runs: Runs, kind: str) -> Interval:
    """The percentage of dead units with zero bias."""
    rows = [run for run in runs if run["part"] == "biases" and (run["kind"], run["bias"]) == (kind, 0.0)]
    return percent(mean_interval([row["dead_units"] for row in rows], config.confidence))


def at_bias(runs: Runs, kind: str, bias: float, what: str) -> float:
    """The percentage of dead units or of dead nets."""
    rows = [run for run in runs if run["part"] == "biases" and (run["kind"], run["bias"]) == (kind, bias)]
    return 100 * float(np.mean([row[what] for row in rows]))


def layers_text(widths: tuple[int, ...]) -> str:
    """Hidden layers of these widths, as text."""
    shown = list(map(str, widths))
    if len(set(shown)) > 1:
        return f"hidden layers of {listed(shown)}"
    return f"{len(shown)} hidden layer{'s' if len(shown) > 1 else ''} of {shown[0]}"


def _scope(config: Config, kind: str) -> str:
    widths = {**config.kinds(), OFF_CENTRE: config.ordinary}[kind]
    inputs = ", every input shifted to start at 0" if kind == OFF_CENTRE else ""
    return f"{TITLES[config.data]}{inputs}, before training: {layers_text(widths)}, He init"


def _ordinary(config: Config, runs: Runs, kind: str) -> Claim:
    interval = dead_units(config, runs, kind)
    return Claim(
        id="B17",
        text="A bad initialisation makes dead ReLU units in ordinary nets"
        + (" whose inputs are not centred" if kind == OFF_CENTRE else ""),
        source="S0",
        scope=_scope(config, kind),
        measure="share of units that are off on every training example, with zero bias",
        rule=f"supported if the {config.confidence:.0%} interval lies above {SOME:g} %, refuted if below",
        unit="%",
        interval=interval,
        verdict=verdict(interval, low=SOME),
        budget=f"{config.seeds:,} nets",
    )


def _narrow(config: Config, runs: Runs) -> Claim:
    width = narrow_width(config)
    interval = percent(share(config, runs, width, config.hidden))
    return Claim(
        id="B17",
        text="A bad initialisation makes narrow ReLU nets dead before training",
        source="S0",
        scope=f"one input, no biases, {config.hidden} hidden layers of {width}, weights of any symmetric distribution",
        measure="share of nets that are a constant",
        rule=f"supported if the Wilson interval lies above {SOME:g} %, refuted if below",
        unit="%",
        interval=interval,
        verdict=verdict(interval, low=SOME),
        budget=f"{config.nets:,} random nets",
    )


def _bounds(config: Config, runs: Runs) -> Claim:
    cells = [
        (width, hidden, side) for width in config.widths for hidden, _, _ in counts(runs, width) for side in (1, -1)
    ]
    gaps, margins = {}, {}
    for width, hidden, side in cells:
        bound = lower(width, hidden) if side > 0 else upper(width, hidden)
        found = share(config, runs, width, hidden, comparisons=len(cells))
        gaps[width, hidden, side] = Interval(*(end - bound for end in found))
        margins[width, hidden, side] = (found.high - bound) if side > 0 else (bound - found.low)
    width, hidden, side = min(cells, key=lambda cell: margins[cell])
    agreeing = sum(margin >= 0 for margin in margins.values())
    layers = f"{hidden} hidden layer{'s' if hidden > 1 else ''}"
    return Claim(
        id="B17",
        text="The share of narrow nets born dead agrees with the published bounds",
        source=LU,
        scope=f"one input, no biases, widths {', '.join(map(str, config.widths))}, up to {config.most_hidden} hidden "
        "layers",
        measure=f"share of dead nets minus the {'lower' if side > 0 else 'upper'} bound at width {width} with "
        f"{layers}, where the interval reaches least far to the right side; {agreeing} of {len(cells)} agree",
        rule="agrees if at no width and depth the whole Wilson interval lies on the wrong side of the lower or the "
        "upper bound, does not if at one it does",
        unit="",
        interval=gaps[width, hidden, side],
        verdict=SUPPORTED if agreeing == len(cells) else REFUTED,
        budget=f"{config.nets:,} random nets of each width",
        kind="check",
    )


def _collapses(config: Config, runs: Runs) -> Claim:
    found = {rate: collapsed(config, runs, rate) for rate in config.rates}
    interval = hull(list(found.values()))
    shares = listed([f"{found[rate].value:.1f} % at rate {rate:g}" for rate in config.rates])
    rows = learners(runs, config.rates[0])
    diverged = sum(row["diverged"] for rate in config.rates for row in learners(runs, rate))
    return Claim(
        id="B17",
        text="Nets that are to learn |x| collapse to a constant as often as published",
        source=LU,
        scope=f"{config.hidden} hidden layers of 2, He init",
        measure=f"share of nets with a constant output after training: {shares}; "
        f"{sum(row['born_dead'] for row in rows):,} of {len(rows):,} had it from the start, {diverged} blew up",
        rule=f"agrees if the Wilson interval lies above {COLLAPSE:g} % at every rate, does not if below at every rate",
        unit="%",
        interval=interval,
        verdict=verdict(interval, low=COLLAPSE),
        published=PUBLISHED,
        budget=f"{config.steps:,} steps of Adam, {config.learners:,} seeds",
        kind="check",
    )


def _negative(config: Config, runs: Runs, biases: list[float]) -> Claim:
    """Biases of which the mildest decides, as it kills fewest."""
    gains = {bias: against_zero(config, runs, "ordinary", bias, "dead_units", len(biases)) for bias in biases}
    mildest = min(biases, key=lambda bias: gains[bias].low)
    shares = listed(
        [
            f"{at_bias(runs, 'ordinary', bias, 'dead_units'):.1f} % at {bias:g} "
            f"({at_bias(runs, 'ordinary', bias, 'dead_first'):.1f} % of the first layer)"
            for bias in sorted(biases, reverse=True)
        ]
    )
    return Claim(
        id="B18",
        text=f"A bias {'far' if max(biases) <= FAR else 'slightly'} below 0 makes dead ReLU units",
        source="S4",
        scope=_scope(config, "ordinary"),
        measure=f"share of units that are off on every training example, with bias {mildest:g} minus with 0; {shares}",
        rule=f"supported if the interval lies above {SOME:g} points {_at_every(biases)}",
        unit="points",
        interval=gains[mildest],
        verdict=_all_of([verdict(gain, low=SOME) for gain in gains.values()]),
        budget=f"{config.seeds:,} nets for each bias",
    )


def positive_gains(config: Config, runs: Runs) -> dict[float, Interval]:
    """The share of dead narrow nets with each positive bias minus that without."""
    biases = [bias for bias in config.biases if bias > 0]
    return {bias: against_zero(config, runs, "narrow", bias, "dead", len(biases)) for bias in biases}


def _positive(config: Config, runs: Runs) -> Claim:
    gains = positive_gains(config, runs)
    least = max(gains, key=lambda bias: gains[bias].high)
    several = ", which helps least," if len(gains) > 1 else ""
    return Claim(
        id="B19",
        text="A positive initial bias keeps narrow ReLU nets from being born dead",
        source="S4",
        scope=_scope(config, "narrow"),
        measure=f"share of nets with a dead layer, with bias {least:g}{several} minus with 0",
        rule=f"supported if the interval lies below {-SOME:g} points {_at_every(list(gains), 'above')}",
        unit="points",
        interval=gains[least],
        verdict=_all_of([verdict(gain, high=-SOME) for gain in gains.values()]),
        budget=f"{config.seeds:,} nets for each bias",
    )


def _at_every(biases: list[float], otherwise: str = "below") -> str:
    """The end of a rule that holds at every bias."""
    shown = listed([f"{bias:g}" for bias in biases])
    if len(biases) == 1:
        return f"at a bias of {shown}, refuted if it lies {otherwise}"
    return f"at each bias of {shown}, refuted if at one it lies {otherwise}"


def _all_of(verdicts: list[str]) -> str:
    """The verdict on a claim that has to hold in every case."""
    return REFUTED if REFUTED in verdicts else SUPPORTED if set(verdicts) == {SUPPORTED} else INCONCLUSIVE
