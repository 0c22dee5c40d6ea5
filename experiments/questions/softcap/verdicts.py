"""The verdicts of `softcap` on cures for high learning rates; the docstring of `measure.py` has the rules."""

from typing import Any

import numpy as np

from experiments.core import text, transformer
from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    discordant_interval,
    lead_verdict,
    mean_interval,
    verdict,
)

from .measure import PLAIN, Config

MARGIN = 0.02  # nats per character, 2 % of the perplexity: smaller differences do not count
RARE = 10.0  # points, per cent of the pairs: fewer nets that fail do not count
KEPT = 5.0  # points, per cent of the largest entropy: smaller differences do not count
NAMES = {PLAIN: "no cure", "softcap": "a soft cap", "qk_norm": "QK norm", "dynamic_tanh": "DyT"}
"""The names in sentences."""
SOURCE = "nowhere; papers on large transformers do"
WORTSMAN = (
    "Wortsman et al. 2023 (https://arxiv.org/abs/2309.14322) found that small transformers too fail at high learning "
    "rates because scores of attention grow, and that QK norm, as in large ones, prevents it"
)
DYT = (
    "Zhu et al. 2025 (https://arxiv.org/abs/2503.10622) found that transformers with DyT match or exceed those with "
    "normalisation layers, mostly without tuning"
)
GEMMA = "Gemma 2 (https://arxiv.org/abs/2408.00118) caps scores of attention at 50"
PUBLISHED = {"softcap": GEMMA, "qk_norm": WORTSMAN, "dynamic_tanh": DYT}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Four verdicts for every cure."""
    return [of(config, runs, cure) for of in (_fails_less, _better, _free, _kept) for cure in config.cures]


def of_cure(runs: Runs, cure: str) -> Runs:
    """The nets with a cure."""
    return [run for run in runs if run.get("cure") == cure]


def tuned_rate(runs: Runs, cure: str) -> float:
    """The learning rate that was tuned for it."""
    return next(run["rate"] for run in of_cure(runs, cure) if run["tuned"])


def high_rates(config: Config, runs: Runs) -> list[float]:
    """Those above the tuned rate of plain nets; the highest if there is none."""
    return [rate for rate in config.rates if rate > tuned_rate(runs, PLAIN)] or [config.rates[-1]]


def failed(runs: Runs, run: dict[str, float]) -> bool:
    """Whether the net learnt no more than how frequent characters are."""
    return not float(run["loss"]) < text.row_of(runs)["unigram_loss"]


def failures(config: Config, runs: Runs, cure: str) -> tuple[int, int, int]:
    """Pairs at high rates, those in which only the plain net failed, and those in which only the cured one did."""
    high = high_rates(config, runs)
    plain, cured = (
        {(run["rate"], run["seed"]): failed(runs, run) for run in of_cure(runs, each) if run["rate"] in high}
        for each in (PLAIN, cure)
    )
    pairs = [(plain[key], cured[key]) for key in plain]
    return len(pairs), pairs.count((True, False)), pairs.count((False, True))


def failed_at_high_rates(config: Config, runs: Runs, cure: str) -> tuple[int, int]:
    """The number of nets with a cure that failed at high rates, and of all with it."""
    nets = [run for run in of_cure(runs, cure) if run["rate"] in high_rates(config, runs)]
    return sum(failed(runs, run) for run in nets), len(nets)


def by_seed(runs: Runs, cure: str, measure: str, rates: list[float]) -> np.ndarray:
    """The mean over rates of a net's loss, or of its entropy in per cent, one entry per seed."""
    nets = [run for run in of_cure(runs, cure) if run["rate"] in rates]
    seeds = sorted({run["seed"] for run in nets})
    return np.array([values(measure, [run for run in nets if run["seed"] == seed]).mean() for seed in seeds])


def values(measure: str, nets: Runs) -> np.ndarray:
    """The losses, in which failures count as guessing, or the entropies in per cent, in which they count as 0."""
    numbers = [float(run[measure]) for run in nets]
    return transformer.known(numbers, text.GUESS) if measure == "loss" else 100 * np.nan_to_num(numbers, nan=0.0)


def high_rate_lead(config: Config, runs: Runs, cure: str, measure: str) -> Interval:
    """The plain nets' loss less the cured nets', or the cured nets' entropy less the plain nets', at high rates."""
    high = high_rates(config, runs)
    plain, cured = (by_seed(runs, each, measure, high) for each in (PLAIN, cure))
    return mean_interval(plain - cured if measure == "loss" else cured - plain, config.confidence)


def tuned_lead(config: Config, runs: Runs, cure: str) -> Interval:
    """The plain nets' loss less the cured nets', each at its own tuned rate."""
    plain, cured = (by_seed(runs, each, "loss", [tuned_rate(runs, each)]) for each in (PLAIN, cure))
    return mean_interval(plain - cured, config.confidence)


def fails_less(difference: Interval) -> str:
    """The verdict on the difference between the shares of nets that failed."""
    if difference.low > 0:
        return SUPPORTED
    return REFUTED if difference.high < RARE else INCONCLUSIVE


def scope_text(config: Config, runs: Runs) -> str:
    """What learnt what."""
    return f"{text.title(runs)}, {transformer.net_text(config, of_cure(runs, PLAIN)[0]['parameters'])}"


def rates_text(rates: list[float]) -> str:
    """The rates in a sentence: rates of 0.03 to 0.3."""
    return f"rates of {rates[0]:g} to {rates[-1]:g}" if len(rates) > 1 else f"a rate of {rates[0]:g}"


def _shared(config: Config, runs: Runs, published: str = "") -> dict[str, Any]:
    """What all claims say alike."""
    budget = transformer.budget_text(config)
    return {"source": SOURCE, "scope": scope_text(config, runs), "published": published, "budget": budget}


def _fails_less(config: Config, runs: Runs, cure: str) -> Claim:
    pairs, plain, cured = failures(config, runs, cure)
    interval = discordant_interval(plain, cured, pairs, config.confidence)
    return Claim(
        id="C1",
        text=f"with {NAMES[cure]} fewer transformers fail at high rates",
        measure=f"of {pairs} pairs of nets at {rates_text(high_rates(config, runs))}, those in which only the plain "
        f"one failed ({plain}) less those in which only the other did ({cured})",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, else refuted if below {RARE:g} points",
        unit="points",
        interval=interval,
        verdict=fails_less(interval),
        **_shared(config, runs, f"{PUBLISHED[cure]}."),
    )


def _better(config: Config, runs: Runs, cure: str) -> Claim:
    interval = high_rate_lead(config, runs, cure, "loss")
    return Claim(
        id="C2",
        text=f"with {NAMES[cure]} transformers learn better at high rates",
        measure="test loss of plain nets minus that of the others, in nats per character, averaged over "
        f"{rates_text(high_rates(config, runs))}, paired by seed",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, refuted if below 0 or within {MARGIN:g} "
        "of it",
        unit="",
        interval=interval,
        verdict=lead_verdict(interval, MARGIN),
        **_shared(config, runs),
    )


def _free(config: Config, runs: Runs, cure: str) -> Claim:
    interval, (plain, cured) = tuned_lead(config, runs, cure), [tuned_rate(runs, each) for each in (PLAIN, cure)]
    return Claim(
        id="C3",
        text=f"at tuned rates transformers with {NAMES[cure]} learn as well as plain ones",
        measure=f"test loss of plain nets (rate {plain:g}) minus that of the others (rate {cured:g}), in nats per "
        "character, paired by seed",
        rule=f"supported if the {config.confidence:.0%} interval lies above -{MARGIN:g}, refuted if below",
        unit="",
        interval=interval,
        verdict=verdict(interval, low=-MARGIN),
        **_shared(config, runs, f"{PUBLISHED[cure]}."),
    )


def _kept(config: Config, runs: Runs, cure: str) -> Claim:
    interval = high_rate_lead(config, runs, cure, "entropy")
    count, nets = failed_at_high_rates(config, runs, cure)
    return Claim(
        id="C4",
        text=f"{NAMES[cure]} keeps attention from collapsing at high rates",
        measure="entropy of attention, in per cent of that of uniform attention, less that of plain nets, averaged "
        f"over {rates_text(high_rates(config, runs))}, paired by seed; {count or 'none'} of the {nets} nets with "
        f"{NAMES[cure]} failed",
        rule=f"supported if the {config.confidence:.0%} interval lies above {KEPT:g} points, refuted if below",
        unit="points",
        interval=interval,
        verdict=verdict(interval, low=KEPT),
        **_shared(config, runs),
    )
