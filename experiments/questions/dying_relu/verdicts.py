"""The verdicts of `dying_relu` on the claims of the notes; the docstring of `measure.py` has the rules."""

from dataclasses import replace

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
    negligible,
    percent,
    verdict,
    wilson_interval,
)
from experiments.core.style import listed, named
from experiments.core.training import FRESH

from .measure import OPTIMIZERS, Config, tuned_rate

MANY, FEW = 0.20, 0.05  # shares of dead units: above MANY is "a large fraction", below FEW is hardly any
GAIN = 0.02  # of the units: a smaller difference makes none
ENOUGH_DEAD = 30  # with fewer dead units, no revival is no evidence
HIGH, NEGATIVE = "after a high rate", "after a negative bias"
PUBLISHED = 'CS231n: "as much as 40 % of your network can be dead" (no experiment given)'

CURES = {
    "leaky_relu": ("B20", "Leaky ReLU units will not die", "S2 S4"),
    "prelu": ("B20", "PReLU units will not die", "S2"),
    "maxout": ("B21", "Maxout fixes the dying ReLU problem", "S2"),
    "elu": ("B22", "ELU nets learn at rates at which ReLU nets guess", "S2"),
}
"""Number, text and source of the claim on each cure."""
NEVER_CUT_OFF = ("B20", "B21")  # the claims that no unit loses its gradient; ELU's can, far below 0


def judge(config: Config, runs: Runs) -> list[Claim]:
    """A verdict for each claim, over both optimisers."""
    cures = [cure for cure in CURES if cure in config.cures]
    return [
        _many_die(config, runs),
        _stays_dead(config, runs),
        _first_layer_stays_dead(config, runs),
        _positive_bias(config, runs),
        *(_will_not_die(config, runs, cure) for cure in cures),
    ]


def by_depth(config: Config, runs: Runs) -> list[tuple[Config, Runs]]:
    """For every depth, settings with this depth only, and the runs of its nets."""
    return [
        (
            replace(config, widths=config.widths[:1] * depth, depths=()),
            [run | {"phase": "sweep"} for run in runs if run["phase"] == "depth" and len(run["dead"]) == depth],
        )
        for depth in config.depths
    ]


def fresh_nets(runs: Runs, optimizer: str, activation: str, bias: float, rate: float | None = None) -> Runs:
    """The nets of a variant from fresh seeds, at one rate or at all."""
    return [
        run
        for run in runs
        if run["phase"] == "sweep"
        and run["seed"] >= FRESH
        and (run["optimizer"], run["activation"], run["bias"]) == (optimizer, activation, bias)
        and rate in (None, run["rate"])
    ]


def share(config: Config, rows: Runs, kind: str) -> np.ndarray:
    """The fraction of all hidden units that are dead (or stuck, or cut off) in each net that did not diverge."""
    return np.array([sum(row[kind]) for row in rows if not row["diverged"]]) / sum(config.widths)


def guessing_rate(config: Config, runs: Runs, optimizer: str, name: str = "relu") -> float | None:
    """The lowest rate at which the interval of the accuracy lies below `at_chance`; None if there is none."""
    for rate in config.rates(optimizer):
        rows = fresh_nets(runs, optimizer, name, 0.0, rate)
        if mean_interval([row["accuracy"] for row in rows], config.confidence).high < config.at_chance:
            return rate
    return None


def dead_at(config: Config, runs: Runs, optimizer: str, rate: float, comparisons: int = 1) -> Interval:
    """The mean dead fraction of ReLU nets at a rate."""
    shares = share(config, fresh_nets(runs, optimizer, "relu", 0.0, rate), "dead")
    return mean_interval(shares, 1 - (1 - config.confidence) / comparisons)


def worst_rate(config: Config, runs: Runs, optimizer: str) -> float:
    """The rate at which the dead fraction certainly is highest."""
    rates = config.rates(optimizer)
    return max(rates, key=lambda rate: dead_at(config, runs, optimizer, rate, len(rates)).low)


def revival(config: Config, runs: Runs, optimizer: str, phase: str) -> tuple[int, int, Interval]:
    """Dead units, those that came back, and the interval of their share; of the first layer after a negative bias."""
    rows = [run for run in runs if run["phase"] == phase and run["optimizer"] == optimizer and not run["diverged"]]
    layers = slice(None) if phase == HIGH else slice(1)
    dead, revived = (sum(sum(row[kind][layers]) for row in rows) for kind in ("dead", "revived"))
    return dead, revived, wilson_interval(revived, dead, config.confidence)


def revival_text(config: Config, runs: Runs) -> str:
    """How many of the units that a high rate killed came back, with each optimiser."""
    parts = []
    for optimizer, label in OPTIMIZERS.items():
        dead, revived, _ = revival(config, runs, optimizer, HIGH)
        parts.append(f"{100 * revived / dead:.1f} % ({label})" if dead else f"0 of 0 ({label})")
    return f"{listed(parts)} came back in {config.steps:,} more steps"


def bias_gain(config: Config, runs: Runs, optimizer: str) -> Interval:
    """The dead fraction with positive minus zero bias, over the rates above the tuned one, paired by seed."""
    tuned = tuned_rate(runs, optimizer)
    rates = [rate for rate in config.rates(optimizer) if rate > tuned]
    differences = []
    for seed in range(FRESH, FRESH + config.seeds):
        zero, positive = (
            [row for row in fresh_nets(runs, optimizer, "relu", bias) if row["seed"] == seed and row["rate"] in rates]
            for bias in (0.0, config.positive_bias)
        )
        pairs = [pair for pair in zip(zero, positive, strict=True) if not (pair[0]["diverged"] or pair[1]["diverged"])]
        if pairs:
            without, with_bias = (share(config, list(nets), "dead") for nets in zip(*pairs, strict=True))
            differences.append(float(np.mean(with_bias - without)))
    return mean_interval(differences, config.confidence)


def cure_accuracy(config: Config, runs: Runs, optimizer: str, cure: str) -> Interval:
    """The test accuracy at the lowest rate where ReLU nets guess; unknown if they guess at none."""
    rate = guessing_rate(config, runs, optimizer)
    at_rate = [net["accuracy"] for net in fresh_nets(runs, optimizer, cure, 0.0, rate)] if rate else []
    return mean_interval(at_rate, config.confidence)


def _scope(config: Config) -> str:
    layers = ", ".join(map(str, config.widths))
    return f"{TITLES[config.data]}, hidden layers of {layers}, He init, {listed(list(OPTIMIZERS.values()))}"


def _budget(config: Config, more: str = "") -> str:
    return f"{config.steps:,} steps{more}, {config.seeds} seeds"


def _joined(verdicts: list[str]) -> str:
    """The verdict that both optimisers give."""
    return verdicts[0] if len(set(verdicts)) == 1 else INCONCLUSIVE


def _many_die(config: Config, runs: Runs) -> Claim:
    worst, verdicts, parts = [], [], []
    for optimizer, label in OPTIMIZERS.items():
        rates, tuned = config.rates(optimizer), tuned_rate(runs, optimizer)
        dead = [dead_at(config, runs, optimizer, rate, len(rates)) for rate in rates]
        rate, at_tuned = worst_rate(config, runs, optimizer), dead_at(config, runs, optimizer, tuned)
        worst.append(dead[rates.index(rate)])
        if worst[-1].low > MANY and at_tuned.high < FEW:
            verdicts.append(SUPPORTED)
        else:
            verdicts.append(REFUTED if all(interval.high < MANY for interval in dead) else INCONCLUSIVE)
        parts.append(
            f"{label} {100 * worst[-1].value:.1f} % at rate {rate:g} and {100 * at_tuned.value:.1f} % at the tuned "
            f"{tuned:g}"
        )
    return Claim(
        id="B15",
        text="A large fraction of ReLU units can die if the learning rate is set too high",
        source="S4 (S0 S1)",
        scope=_scope(config),
        measure=f"mean share of dead units at the worst rate: {'; '.join(parts)}",
        rule=f"supported if with both optimisers at some rate the interval, widened for their number, lies above "
        f"{MANY:.0%} and at the tuned rate below {FEW:.0%}; refuted if with both it lies below {MANY:.0%} at every "
        "rate",
        unit="%",
        interval=percent(hull(worst)),
        verdict=_joined(verdicts),
        published=PUBLISHED,
        budget=_budget(config),
    )


def _stays_dead(config: Config, runs: Runs) -> Claim:
    found = {optimizer: revival(config, runs, optimizer, HIGH) for optimizer in OPTIMIZERS}
    verdicts = [
        REFUTED if interval.low > 0 else SUPPORTED if revived == 0 and dead >= ENOUGH_DEAD else INCONCLUSIVE
        for dead, revived, interval in found.values()
    ]
    return Claim(
        id="B16",
        text="A unit that a high learning rate killed stays dead forever",
        source="S4 S0",
        scope=_scope(config),
        measure=f"of dead units, {revival_text(config, runs)} at the tuned rate; the number is the mean of both "
        "optimisers, and the interval spans both",
        rule=f"supported if with both optimisers none of at least {ENOUGH_DEAD} dead units comes back, refuted if "
        "with both the Wilson interval lies above 0",
        unit="%",
        interval=percent(hull([interval for _, _, interval in found.values()])),
        verdict=_joined(verdicts),
        budget=_budget(config, " more at the tuned rate"),
    )


def _first_layer_stays_dead(config: Config, runs: Runs) -> Claim:
    found = [revival(config, runs, optimizer, NEGATIVE) for optimizer in OPTIMIZERS]
    dead, revived = sum(dead for dead, _, _ in found), sum(revived for _, revived, _ in found)
    return Claim(
        id="B16",
        text="A unit of the first layer that starts dead stays dead forever",
        source="S4 S0",
        scope=_scope(config),
        measure=f"share of {dead:,} units killed by an initial bias of {config.negative_bias:g} that came back "
        f"({revived:,})",
        rule="holds by algebra without weight decay: the unit's inputs do not change, so that no gradient reaches it",
        unit="%",
        interval=percent(wilson_interval(revived, dead, config.confidence)),
        verdict=SUPPORTED if revived == 0 else REFUTED,
        budget=_budget(config),
        kind="algebra",
    )


def _positive_bias(config: Config, runs: Runs) -> Claim:
    found = {optimizer: bias_gain(config, runs, optimizer) for optimizer in OPTIMIZERS}
    interval = hull(list(found.values()))
    shown = listed([f"{OPTIMIZERS[o]} {100 * each.value:+.1f}" for o, each in found.items()])
    return Claim(
        id="B19",
        text="A positive initial bias keeps ReLU units alive",
        source="S4",
        scope=_scope(config),
        measure=f"share of dead units with bias {config.positive_bias:g} minus with 0, averaged over the rates above "
        f"the tuned one ({shown})" + ("; it makes no difference" if negligible(interval, GAIN) else ""),
        rule=f"supported if the interval lies below {-100 * GAIN:g} points, refuted if above; within {100 * GAIN:g} "
        "points of 0 the bias makes no difference",
        unit="points",
        interval=percent(interval),
        verdict=verdict(interval, high=-GAIN),
        published='CS231n: "not clear if this provides a consistent improvement"',
        budget=_budget(config),
    )


def _will_not_die(config: Config, runs: Runs, cure: str) -> Claim:
    claim_id, text, source = CURES[cure]
    nets = [net for o in OPTIMIZERS for net in fresh_nets(runs, o, cure, 0.0) if not net["diverged"]]
    cut_off, stuck = (sum(sum(net[kind]) for net in nets) for kind in ("cut_off", "stuck"))
    found = {optimizer: cure_accuracy(config, runs, optimizer, cure) for optimizer in OPTIMIZERS}
    rates = {optimizer: guessing_rate(config, runs, optimizer) for optimizer in OPTIMIZERS}
    shown = [
        f"{OPTIMIZERS[o]} {100 * found[o].value:.1f} % at rate {rate:g}"
        if rate
        else f"no rate where ReLU nets guess with {OPTIMIZERS[o]}"
        for o, rate in rates.items()
    ]
    interval = hull(list(found.values()))
    refuting = cut_off and claim_id in NEVER_CUT_OFF
    return Claim(
        id=claim_id,
        text=text,
        source=source,
        scope=_scope(config),
        measure=f"{_units(cut_off, cure)} no gradient at any rate, and {stuck:,} {'is' if stuck == 1 else 'are'} never "
        f"positive; the number is the test accuracy at the lowest rate where ReLU nets guess ({'; '.join(shown)})",
        rule=f"supported if the accuracy lies above {config.at_chance:.0%} with both optimisers, refuted if below"
        + (", or if at any rate a unit gets no gradient" if claim_id in NEVER_CUT_OFF else ""),
        unit="%",
        interval=percent(interval),
        verdict=REFUTED if refuting else verdict(interval, low=config.at_chance),
        published='CS231n on leaky ReLU: "results are not always consistent"' if cure == "leaky_relu" else "",
        budget=_budget(config),
    )


def _units(count: int, cure: str) -> str:
    """So many units of a cure get: the beginning of a sentence on what they get."""
    return f"{count:,} {named(cure)} {'unit gets' if count == 1 else 'units get'}"
