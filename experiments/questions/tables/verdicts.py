"""The verdicts of `tables`; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import counted, named

from .data import NUMBERS
from .measure import LINEAR, RELU, Config

MARGIN = 2.0  # points of accuracy or of explained variance, one row in fifty: smaller differences do not count
SOURCE = "nowhere; whoever puts a net on a table asks it"
GRINSZTAJN = (
    "Grinsztajn et al. 2022 (https://arxiv.org/abs/2207.08815): on tables of about 10,000 rows tree-based models are "
    "ahead of nets"
)


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Two verdicts on every table."""
    return [
        claim for table in config.tables for claim in (_no_difference(config, runs, table), _net(config, runs, table))
    ]


def of_kind(runs: Runs, table: str, kind: str) -> Runs:
    """The runs of an activation, or of the linear model, on a table."""
    return [run for run in runs if (run["table"], run["kind"]) == (table, kind)]


def by_row(runs: Runs, table: str, kind: str) -> np.ndarray:
    """The score of every row of a table in points, averaged over the divisions."""
    rows, scores = (np.concatenate([run[part] for run in of_kind(runs, table, kind)]) for part in ("rows", "scores"))
    return np.bincount(rows, scores) / np.bincount(rows)


def score(config: Config, runs: Runs, table: str, kind: str) -> Interval:
    """Accuracy or explained variance in per cent."""
    return mean_interval(by_row(runs, table, kind), config.confidence)


def lead(config: Config, runs: Runs, table: str, kind: str, other: str = RELU) -> Interval:
    """Points by which a kind of net is ahead of another, paired by row."""
    return mean_interval(by_row(runs, table, kind) - by_row(runs, table, other), config.confidence)


def widened_lead(config: Config, runs: Runs, table: str, kind: str) -> Interval:
    """The same over ReLU, of a confidence that gives all activations together that of the settings."""
    difference = by_row(runs, table, kind) - by_row(runs, table, RELU)
    return mean_interval(difference, 1 - (1 - config.confidence) / len(config.activations))


def decisive(config: Config, runs: Runs, table: str) -> tuple[str, str]:
    """The verdict on the activations of a table, and the one that decides it."""
    leads = {name: widened_lead(config, runs, table, name) for name in config.activations}
    outcomes = {name: verdict(lead, -MARGIN, MARGIN) for name, lead in leads.items()}
    outcome = next(each for each in (REFUTED, INCONCLUSIVE, SUPPORTED) if each in outcomes.values())
    among = [name for name in leads if outcomes[name] == outcome]
    return outcome, max(among, key=lambda name: max(leads[name].high, -leads[name].low))


def title_text(table: str) -> str:
    """The name of a table in a sentence."""
    return table.replace("_", " ")


def kind_text(kind: str) -> str:
    """The name of a kind of net in a sentence."""
    return "a linear model" if kind == LINEAR else named(kind)


def measure_text(table: str) -> str:
    """What the score of a table is."""
    return "explained variance" if table in NUMBERS else "accuracy"


def budget(config: Config) -> str:
    """What the nets were allowed."""
    return (
        f"at most {config.steps} steps of Adam, {config.seeds} divisions into {config.folds} folds, "
        f"{counted(len(config.rates) * len(config.gains), 'pair')} of rate and gain"
    )


def _no_difference(config: Config, runs: Runs, table: str) -> Claim:
    outcome, name = decisive(config, runs, table)
    return _claim(
        config,
        table,
        "D1",
        f"on {title_text(table)} the choice of the activation makes no difference",
        f"{measure_text(table)} with {named(name)}, which decides among {len(config.activations)}, minus that with "
        "ReLU, paired by row",
        f"supported if for all of them the interval lies between -{MARGIN:g} and {MARGIN:g} points, refuted if for one "
        f"wholly outside; widened so that together they are of {config.confidence:.0%}",
        widened_lead(config, runs, table, name),
        outcome,
    )


def _net(config: Config, runs: Runs, table: str) -> Claim:
    interval = lead(config, runs, table, RELU, LINEAR)
    return _claim(
        config,
        table,
        "D2",
        f"on {title_text(table)} a net is better than a linear model",
        f"{measure_text(table)} of ReLU's nets minus that of the linear model, paired by row",
        f"supported if the {config.confidence:.0%} interval lies above 0, else refuted if below {MARGIN:g} points",
        interval,
        SUPPORTED if interval.low > 0 else REFUTED if interval.high < MARGIN else INCONCLUSIVE,
    )


def _claim(
    config: Config, table: str, claim_id: str, text: str, measure: str, rule: str, interval: Interval, outcome: str
) -> Claim:
    among = f", one of {len(config.tables)} tables" if len(config.tables) > 1 else ""
    return Claim(
        id=claim_id,
        text=text,
        source=SOURCE,
        scope=f"{title_text(table)} of scikit-learn{among}, nets with {config.depth} x {config.width} hidden units; "
        "rate, gain and steps chosen for each split",
        measure=measure,
        rule=rule,
        unit="points",
        interval=interval,
        verdict=outcome,
        published=GRINSZTAJN if claim_id == "D2" else "",
        budget=budget(config),
    )
