"""The report of `softcap`: sentences, a table and a figure, all computed from the runs."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, median_interval
from experiments.core.style import at_ticks, canvas, color, counted, legend, listed, title
from experiments.core.text import GUESS, row_of
from experiments.core.transformer import budget_text

from .measure import PLAIN, Config
from .verdicts import (
    DYT,
    GEMMA,
    KEPT,
    MARGIN,
    NAMES,
    RARE,
    WORTSMAN,
    failed,
    failed_at_high_rates,
    failures,
    high_rates,
    judge,
    of_cure,
    rates_text,
    scope_text,
    tuned_lead,
    tuned_rate,
    values,
)

TITLE = "Do a soft cap, QK norm or DyT keep transformers from failing?"

WORSE, NONE = "worse", "none"

COLORS = {
    PLAIN: color("layer_norm"),
    "softcap": color("tanh"),
    "qk_norm": color("relu"),
    "dynamic_tanh": color("elu"),
}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs)],
        _advice(config, runs),
    )


def _cures(config: Config) -> tuple[str, ...]:
    return (PLAIN, *config.cures)


SENTENCES = {
    "C1": {
        SUPPORTED: "with {} fewer nets failed than with no cure",
        WORSE: "with {} more nets failed than with no cure",
        NONE: "none was saved by {}",
        REFUTED: f"less than {RARE:g} % of the nets were saved by {{}}",
        INCONCLUSIVE: "whether fewer nets failed with {} cannot be told",
    },
    "C2": {
        SUPPORTED: "nets learnt better than plain ones with {}",
        WORSE: "nets learnt worse than plain ones with {}",
        REFUTED: f"nets learnt as well as plain ones, within {MARGIN:g} nats, with {{}}",
        INCONCLUSIVE: "whether nets learnt better with {} cannot be told",
    },
    "C3": {
        SUPPORTED: "nets learnt at least as well as plain ones with {}",
        REFUTED: f"nets lost more than {MARGIN:g} nats by {{}}",
        INCONCLUSIVE: f"whether nets lost more than {MARGIN:g} nats by {{}} cannot be told",
    },
    "C4": {
        SUPPORTED: f"attention kept more entropy, by more than {KEPT:g} points, with {{}}",
        REFUTED: f"attention kept no more entropy, or less than {KEPT:g} points, with {{}}",
        INCONCLUSIVE: "whether attention kept more entropy with {} cannot be told",
    },
}
"""What is said of the cures with each verdict on each claim; WORSE is a refuted one whose interval lies below 0, NONE a
refuted one by which no net was saved."""


def outcomes(
    config: Config,
    claims: list[Claim],
    words: dict[str, str],
    names: dict[str, str] = NAMES,
    saved: dict[str, int] | None = None,
) -> str:
    """With which cures, so named, it came out how, in a sentence; `saved` is the number of nets that each saved."""
    groups: dict[str, list[str]] = {}
    for cure, claim in zip(config.cures, claims, strict=True):
        worse = claim.verdict == REFUTED and claim.interval.high < 0 and WORSE in words
        none = claim.verdict == REFUTED and saved is not None and saved[cure] == 0
        groups.setdefault(WORSE if worse else NONE if none else claim.verdict, []).append(names[cure])
    return "; ".join(words[group].format(listed(groups[group])) for group in words if group in groups) + "."


def _sentence(config: Config, runs: Runs, id: str) -> str:
    """What came out on a claim."""
    claims = [claim for claim in judge(config, runs) if claim.id == id]
    if id == "C1":
        pairs = {cure: failures(config, runs, cure) for cure in config.cures}
        lost = {
            cure: f"{NAMES[cure]} ({counted(only, 'net')} failed with it that did not without, and {saved or 'none'} "
            "the other way)"
            for cure, (_, saved, only) in pairs.items()
        }
        names = {
            cure: lost[cure] if claim.verdict == REFUTED else NAMES[cure]
            for cure, claim in zip(config.cures, claims, strict=True)
        }
        return outcomes(config, claims, SENTENCES[id], names, {cure: saved for cure, (_, saved, _) in pairs.items()})
    if id == "C4":
        failed_of = {cure: failed_at_high_rates(config, runs, cure) for cure in config.cures}
        names = {
            cure: f"{NAMES[cure]} ({count} of {nets} nets failed)" if count else NAMES[cure]
            for cure, (count, nets) in failed_of.items()
        }
        return outcomes(config, claims, SENTENCES[id], names)
    return outcomes(config, claims, SENTENCES[id])


def _findings(config: Config, runs: Runs) -> list[str]:
    high = rates_text(high_rates(config, runs))
    counts = []
    for cure in _cures(config):
        count, nets = failed_at_high_rates(config, runs, cure)
        counts.append(f"{NAMES[cure]} {count} of {nets}")
    infinite = sum(not np.isfinite(float(run["loss"])) for run in runs if "cure" in run)
    tuned = listed([f"{tuned_rate(runs, cure):g} with {NAMES[cure]}" for cure in _cures(config)])
    sentences = [
        f"At {high}, above the tuned rate, nets failed as follows: {listed(counts)}. That is, "
        f"{_sentence(config, runs, 'C1')}",
        f"At the same rates {_sentence(config, runs, 'C2')}",
        f"There {_sentence(config, runs, 'C4')}",
        f"At tuned rates ({tuned}{_grid_text(config)}) {_sentence(config, runs, 'C3')}",
        f"A loss that was not finite ended {infinite or 'none'} of the {sum('cure' in run for run in runs)} runs; the "
        f"others that failed learnt no more than how frequent characters are, a loss of "
        f"{row_of(runs)['unigram_loss']:.2f}.",
        f"Text and nets: {scope_text(config, runs)}. Their budget: {budget_text(config)}, at rates of "
        f"{listed([f'{rate:g}' for rate in config.rates])}. {len(judge(config, runs))} claims are judged here, each at "
        f"{config.confidence:.0%}.",
    ]
    border = [NAMES[cure] for cure in _cures(config) if tuned_rate(runs, cure) in (config.rates[0], config.rates[-1])]
    if border:
        sentences.append(f"The tuned rate lies at the border of the rates tried with {listed(border)}.")
    return sentences


def _grid_text(config: Config) -> str:
    """How exactly the rate is tuned, as the end of a list of tuned rates."""
    if len(config.rates) < 2:
        return ""
    apart = (config.rates[-1] / config.rates[0]) ** (1 / (len(config.rates) - 1))
    return f"; rates about {apart:.2g} times apart were tried; {config.steps} steps"


def _compared() -> list[str]:
    return [
        f"{WORTSMAN}. {GEMMA}. {DYT}.",
        "What differs: their nets are far larger, train for a hundred times our steps and more, with warm-up, clipping "
        "and weight decay, each of which keeps nets from failing too. Ours have none of these.",
    ]


def _by_cure(config: Config, runs: Runs) -> dict[str, dict[str, Claim]]:
    """The claims on every cure, by number."""
    claims = judge(config, runs)
    return {cure: {of.id: of for of in claims[index :: len(config.cures)]} for index, cure in enumerate(config.cures)}


def _helps(of: dict[str, Claim]) -> bool:
    """Whether fewer nets fail, or nets learn better, at high rates."""
    return SUPPORTED in (of["C1"].verdict, of["C2"].verdict)


def _practice(config: Config, runs: Runs) -> list[str]:
    by_cure = _by_cure(config, runs)
    worth = [NAMES[cure] for cure, of in by_cure.items() if of["C3"].verdict == SUPPORTED and _helps(of)]
    kept = [NAMES[cure] for cure, of in by_cure.items() if of["C4"].verdict == SUPPORTED and not _helps(of)]
    sentences = [
        f"Insurance against a rate that is too high, at no cost where it is right: {listed(worth)}."
        if worth
        else "None of these was shown to insure against a rate that is too high at no cost where it is right."
    ]
    if kept:
        sentences.append(
            f"With {listed(kept)} attention did not collapse, and yet nets were not shown to learn better: attention "
            "was not all that failed."
        )
    lost = []
    for cure in _cures(config):
        medians = _medians(config, runs, cure, "loss")
        lost.append(f"{NAMES[cure]} {medians[-1] - min(medians):.2f}")
    sentences.append(
        f"Lower the rate first: at {config.rates[-1]:g} the median test loss is above the lowest by, in nats per "
        f"character, {listed(lost)}."
    )
    return sentences


def _advice(config: Config, runs: Runs) -> str:
    worth = {
        cure: of["C2"].interval
        for cure, of in _by_cure(config, runs).items()
        if SUPPORTED == of["C3"].verdict == of["C2"].verdict
    }
    if not worth:
        return ""
    best = max(worth, key=lambda cure: worth[cure].value)
    value, low, high = worth[best]
    most = -tuned_lead(config, runs, best).low
    cost = f"no more than {most:.3f} worse" if most > 0 else "no worse"
    return (
        f"Lower a transformer's rate first; as insurance add {NAMES[best]}: at {rates_text(high_rates(config, runs))} "
        f"{value:.2f} nats per character lower loss [{low:.2f}, {high:.2f}]; each at its own tuned rate, {cost} "
        f"(small nets, {config.steps} steps, {config.seeds} seeds)."
    )


def _medians(config: Config, runs: Runs, cure: str, measure: str) -> list[float]:
    nets = of_cure(runs, cure)
    return [float(np.median(values(measure, [run for run in nets if run["rate"] == rate]))) for rate in config.rates]


def _caption(config: Config) -> str:
    return (
        f"Against the learning rate: median test loss and entropy of attention over {config.seeds} fresh seeds, with "
        f"{config.confidence:.0%} intervals, and the share of nets that failed. Dashed: the loss of knowing only how "
        "frequent characters are, from which on a net has failed. Hollow: the tuned rate."
    )


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for cure in _cures(config):
        for rate in config.rates:
            nets = [run for run in of_cure(runs, cure) if run["rate"] == rate]
            medians = [np.median(values(measure, nets)) for measure in ("loss", "entropy")]
            tuned = "tuned" if rate == tuned_rate(runs, cure) else ""
            infinite = sum(not np.isfinite(float(run["loss"])) for run in nets)
            bad = f"{sum(failed(runs, run) for run in nets)} of {len(nets)}"
            rows.append([NAMES[cure], f"{rate:g}", tuned, f"{medians[0]:.3f}", f"{medians[1]:.0f}", bad, str(infinite)])
    header = ["cure", "rate", "", "test loss", "entropy in %", "failed", "not finite"]
    return Table("Medians at every learning rate", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Responses to the learning rate: loss, failures and entropy."""
    picture, [[loss, share, entropy]] = canvas(1, 3, 12, 4.6)
    for cure in _cures(config):
        nets = {rate: [run for run in of_cure(runs, cure) if run["rate"] == rate] for rate in config.rates}
        style: dict[str, Any] = {"color": COLORS[cure], "label": NAMES[cure], "marker": "o"}
        for axes, measure in ((loss, "loss"), (entropy, "entropy")):
            found = [median_interval(values(measure, each), config.confidence) for each in nets.values()]
            middle, low, high = np.array(found).T
            axes.plot(config.rates, middle, **style)
            axes.fill_between(config.rates, low, high, color=COLORS[cure], alpha=0.12, linewidth=0)
            at = config.rates.index(tuned_rate(runs, cure))
            axes.plot(config.rates[at], middle[at], "o", color=COLORS[cure], markerfacecolor="white", zorder=5)
        shares = [100 * np.mean([failed(runs, run) for run in each]) for each in nets.values()]
        share.plot(config.rates, shares, **style)
    loss.axhline(row_of(runs)["unigram_loss"], color="#777777", linestyle="--", linewidth=1)
    loss.set_ylim(top=min(loss.get_ylim()[1], 1.05 * GUESS))
    for axes, what, y in (
        (loss, "test loss", "nats per character"),
        (share, "nets that failed", "per cent"),
        (entropy, "entropy of attention", "per cent of the largest"),
    ):
        title(axes, what)
        at_ticks(axes, config.rates)
        axes.set_xlabel("learning rate")
        axes.set_ylabel(y)
    legend(picture, loss, 4)
    return picture
