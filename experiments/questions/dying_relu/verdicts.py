"""The verdicts of `dying_relu` on the claims of the notes; the docstring of `measure.py` has the rules."""

import math
from dataclasses import replace

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    mean_interval,
    verdict,
    wilson_interval,
)
from experiments.core.training import FRESH

from .measure import LAYER_NORM, OPTIMIZERS, Config, tuned_rate

MANY, FEW = 0.20, 0.05  # shares of dead units: above MANY is "a large fraction", below FEW is hardly any
ENOUGH_DEAD = 30  # with fewer dead units, no revival is no evidence
PUBLISHED = 'CS231n: "as much as 40 % of your network can be dead" (no experiment given)'


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Every claim for every optimiser; B15 for every depth as well."""
    claims = []
    for optimizer in OPTIMIZERS:
        claims += [_many_die(*each, optimizer) for each in ((config, runs), *by_depth(config, runs))]
        claims += [_many_die(config, runs, optimizer, LAYER_NORM)] if LAYER_NORM in config.cures else []
        claims += [
            _stays_dead(config, runs, optimizer, phase) for phase in ("after a high rate", "after a negative bias")
        ]
        claims.append(_positive_bias(config, runs, optimizer))
        claims += [_will_not_die(config, runs, optimizer, cure) for cure in config.cures if cure in CURES]
    return claims


CURES = {
    "leaky_relu": ("B20", "leaky ReLU units will not die", "S2 S4"),
    "prelu": ("B20", "PReLU units will not die", "S2"),
    "maxout": ("B21", "Maxout fixes the dying ReLU problem", "S2"),
}
"""Number, text and source of the claim on each cure; there is none on ELU, which runs for comparison."""


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


def guessing_rate(config: Config, runs: Runs, optimizer: str) -> float | None:
    """The lowest rate at which the interval of ReLU's accuracy lies below `at_chance`; None if there is none."""
    for rate in config.rates(optimizer):
        rows = fresh_nets(runs, optimizer, "relu", 0.0, rate)
        if mean_interval([row["accuracy"] for row in rows], config.confidence).high < config.at_chance:
            return rate
    return None


def _scope(config: Config, optimizer: str) -> str:
    layers = ", ".join(map(str, config.widths))
    return f"{TITLES[config.data]}, hidden layers of {layers}, He init, {OPTIMIZERS[optimizer]}"


def _many_die(config: Config, runs: Runs, optimizer: str, name: str = "relu") -> Claim:
    rates = config.rates(optimizer)
    widened = 1 - (1 - config.confidence) / len(rates)
    dead = [
        mean_interval(share(config, fresh_nets(runs, optimizer, name, 0.0, rate), "dead"), widened) for rate in rates
    ]
    worst = max(range(len(rates)), key=lambda i: dead[i].low)
    tuned = tuned_rate(runs, optimizer)
    at_tuned = mean_interval(share(config, fresh_nets(runs, optimizer, name, 0.0, tuned), "dead"), config.confidence)
    if dead[worst].low > MANY and at_tuned.high < FEW:
        outcome = SUPPORTED
    else:
        outcome = REFUTED if all(interval.high < MANY for interval in dead) else INCONCLUSIVE
    return Claim(
        id="B15",
        text="a large fraction of ReLU units can die if the learning rate is too high",
        source="S4 (S0 S1)",
        scope=_scope(config, optimizer) + (", LayerNorm before every ReLU" if name == LAYER_NORM else ""),
        measure=f"mean share of dead units at rate {rates[worst]:g}; at the tuned rate {tuned:g} it is "
        f"{100 * at_tuned.value:.1f} % [{100 * at_tuned.low:.1f}, {100 * at_tuned.high:.1f}]",
        rule=f"supported if at some rate the interval (at {widened:.2%}, for {len(rates)} rates) lies above {MANY:.0%} "
        f"and at the tuned rate below {FEW:.0%}; refuted if at every rate it lies below {MANY:.0%}",
        unit="%",
        interval=_percent(dead[worst]),
        verdict=outcome,
        published=PUBLISHED,
    )


def _stays_dead(config: Config, runs: Runs, optimizer: str, phase: str) -> Claim:
    rows = [run for run in runs if run["phase"] == phase and run["optimizer"] == optimizer and not run["diverged"]]
    layers = slice(None) if phase == "after a high rate" else slice(1)
    dead, revived = (sum(sum(row[kind][layers]) for row in rows) for kind in ("dead", "revived"))
    interval = wilson_interval(revived, dead, config.confidence)
    proven = revived == 0 and dead >= ENOUGH_DEAD
    outcome = REFUTED if interval.low > 0 else SUPPORTED if proven else INCONCLUSIVE
    unit = "a unit killed by a high rate" if phase == "after a high rate" else "a first-layer unit killed by b << 0"
    return Claim(
        id="B16",
        text=f"{unit} stays dead forever",
        source="S4 S0",
        scope=_scope(config, optimizer),
        measure=f"share of {dead:,} dead units that came back in {config.steps} more steps ({revived:,})",
        rule=f"supported if none of at least {ENOUGH_DEAD} dead units revives, refuted if the Wilson interval lies "
        "above 0",
        unit="%",
        interval=_percent(interval),
        verdict=outcome,
    )


def _positive_bias(config: Config, runs: Runs, optimizer: str) -> Claim:
    differences = []
    for seed in range(FRESH, FRESH + config.seeds):
        zero, positive = (
            [row for row in fresh_nets(runs, optimizer, "relu", bias) if row["seed"] == seed]
            for bias in (0.0, config.positive_bias)
        )
        pairs = [pair for pair in zip(zero, positive, strict=True) if not (pair[0]["diverged"] or pair[1]["diverged"])]
        if pairs:
            without, with_bias = (share(config, list(nets), "dead") for nets in zip(*pairs, strict=True))
            differences.append(float(np.mean(with_bias - without)))
    interval = mean_interval(differences, config.confidence)
    return Claim(
        id="B19",
        text="a positive initial bias keeps ReLU units alive",
        source="S4",
        scope=_scope(config, optimizer),
        measure=f"share of dead units with bias {config.positive_bias:g} minus with 0, averaged over all rates",
        rule=f"supported if the {config.confidence:.0%} interval over seeds lies below 0, refuted if above",
        unit="points",
        interval=_percent(interval),
        verdict=verdict(interval, high=0.0),
        published='CS231n: "not clear if this provides a consistent improvement"',
    )


def _will_not_die(config: Config, runs: Runs, optimizer: str, cure: str) -> Claim:
    claim_id, text, source = CURES[cure]
    rate = guessing_rate(config, runs, optimizer)
    nets = [net for net in fresh_nets(runs, optimizer, cure, 0.0) if not net["diverged"]]
    cut_off, stuck = (sum(sum(net[kind]) for net in nets) for kind in ("cut_off", "stuck"))
    at_rate = [net["accuracy"] for net in fresh_nets(runs, optimizer, cure, 0.0, rate)] if rate else []
    interval = mean_interval(at_rate, config.confidence)
    outcome = verdict(interval, low=config.at_chance)
    if cut_off:
        outcome = REFUTED
    return Claim(
        id=claim_id,
        text=text,
        source=source,
        scope=_scope(config, optimizer),
        measure=(
            f"test accuracy at rate {rate:g}, the lowest where ReLU nets guess; "
            if rate
            else "no rate where ReLU nets guess; "
        )
        + f"over all rates {cut_off:,} units get no gradient ({stuck:,} are stuck)",
        rule="supported if every unit gets a gradient at every rate and the accuracy's interval lies above "
        f"{config.at_chance:.0%}; refuted if a unit gets none or the interval lies below",
        unit="%",
        interval=_percent(interval),
        verdict=outcome,
        published='CS231n on leaky ReLU: "results are not always consistent"' if cure == "leaky_relu" else "",
    )


def _percent(interval: Interval) -> Interval:
    return Interval(*(100 * end if not math.isnan(end) else end for end in interval))
