"""Dying ReLU units are judged by their rules, in which every margin can be met or missed, and sentences read well."""

import re
from typing import Any

import pytest

from experiments.core.result import Claim
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.questions.dying_relu import report, verdicts
from experiments.questions.dying_relu.measure import LAYER_NORM, OPTIMIZERS, Config


def _runs(
    config: Config,
    dead: float,
    revived: int = 0,
    cut_off: int = 0,
    gain: float = 0.0,
    cure: float = 0.9,
    guesses: bool = True,
    spread: float = 0.0,
) -> list[dict[str, Any]]:
    """Nets with so many dead units at the highest rate, of which a positive bias saves a part, and none below.

    At that rate ReLU nets guess, and the cures have accuracy `cure`; `spread` apart from seed to seed.
    """
    runs: list[dict[str, Any]] = []
    for optimizer in OPTIMIZERS:
        for (name, bias), rate, seed in (
            (variant, rate, seed)
            for variant in config.variants()
            for rate in config.rates(optimizer)
            for seed in [0, 1, *range(1000, 1000 + config.seeds)]
        ):
            high = rate == config.rates(optimizer)[-1]
            moved = spread * (seed % 2 - 0.5)
            lost = (dead - gain * (bias > 0)) * high * (name == "relu") + moved * high * (bias > 0)
            accuracy = (0.1 if name == "relu" else cure + moved) if high and guesses else 0.9 - 0.1 * high
            units = [round(1000 * lost)] * 3
            runs.append(
                {"phase": "sweep", "optimizer": optimizer, "activation": name, "bias": bias, "rate": rate, "seed": seed}
                | {"diverged": False, "accuracy": accuracy, "validation": accuracy, "dead": units, "stuck": units}
                | {"cut_off": [cut_off, 0, 0]}
            )
        runs += [
            {"phase": phase, "optimizer": optimizer, "seed": 1000, "rate": 1.0, "diverged": False}
            | {"dead": [50 * (dead > 0)] * 3, "revived": [0, 0, revived]}
            for phase in (verdicts.HIGH, verdicts.NEGATIVE)
        ]
    return runs


CONFIG = Config(widths=(1000, 1000, 1000), cures=("leaky_relu", "prelu", "elu", "maxout"), adam_rates=(0.001, 0.1))
SHORT = Config(widths=(1000, 1000, 1000), adam_rates=(0.001, 0.1), sgd_rates=(0.1, 10.0))


def _first(claims: list[Claim]) -> dict[str, str]:
    """The first verdict on each claim, which stands for it."""
    return {claim.id: claim.verdict for claim in reversed(claims)}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (
            {"dead": 0.5, "gain": 0.1},
            {
                "B15": SUPPORTED,
                "B16": SUPPORTED,
                "B19": SUPPORTED,
                "B20": SUPPORTED,
                "B21": SUPPORTED,
                "B22": SUPPORTED,
            },
        ),
        (
            {"dead": 0.1, "revived": 20, "cut_off": 1, "gain": 0.01},
            {"B15": REFUTED, "B16": REFUTED, "B19": REFUTED, "B20": REFUTED, "B21": REFUTED, "B22": SUPPORTED},
        ),
        (
            {"dead": 0.0, "cure": 0.12},
            {"B15": REFUTED, "B16": INCONCLUSIVE, "B19": REFUTED, "B20": REFUTED, "B21": REFUTED, "B22": REFUTED},
        ),
        (
            {"dead": 0.2, "gain": 0.02, "guesses": False, "spread": 0.02},
            {"B15": INCONCLUSIVE, "B16": SUPPORTED, "B19": INCONCLUSIVE}
            | dict.fromkeys(("B20", "B21", "B22"), INCONCLUSIVE),
        ),
    ],
)
def test_dying_relu_is_judged_by_its_rules(runs: dict[str, Any], expected: dict[str, str]) -> None:
    config = Config(**{**CONFIG.__dict__, "sgd_rates": (0.1, 10.0)})
    claims = verdicts.judge(config, _runs(config, **runs))
    assert _first(claims) == expected
    assert [claim.id for claim in claims] == ["B15", "B16", "B16", "B19", "B20", "B20", "B21", "B22"]
    assert [claim.kind for claim in claims].count("algebra") == 1
    assert claims[2].kind == "algebra"
    assert all("200 steps" in claim.budget and "6 seeds" in claim.budget for claim in claims)


def test_a_verdict_that_only_one_optimiser_gives_is_inconclusive() -> None:
    runs = _runs(SHORT, 0.5)
    for run in runs:
        if run["optimizer"] == "adam":
            run["dead"] = [0, 0, 0]
    assert _first(verdicts.judge(SHORT, runs))["B15"] == INCONCLUSIVE


def test_a_bias_that_makes_no_difference_is_said_to_make_none() -> None:
    claims = verdicts.judge(SHORT, _runs(SHORT, 0.5, gain=0.005, spread=0.01))
    (bias,) = [claim for claim in claims if claim.id == "B19"]
    assert bias.verdict == REFUTED
    assert bias.measure.endswith("it makes no difference")
    harmful = [c for c in verdicts.judge(SHORT, _runs(SHORT, 0.5, gain=-0.1)) if c.id == "B19"]
    assert harmful[0].verdict == REFUTED
    assert "no difference" not in harmful[0].measure


def test_relu_behind_layer_norm_and_other_depths_are_shown_and_not_judged() -> None:
    config = Config(**{**SHORT.__dict__, "cures": ("leaky_relu", LAYER_NORM), "depths": (1, 8)})
    runs = _runs(config, 0.5)
    runs += [
        {"phase": "depth", "optimizer": optimizer, "activation": "relu", "bias": 0.0, "rate": rate, "seed": seed}
        | {"diverged": False, "accuracy": 0.9, "validation": 1 - rate / 100}
        | {kind: [400 if depth == 8 and rate > 0.9 else 0] * depth for kind in ("dead", "stuck", "cut_off")}
        for depth in config.depths
        for optimizer in OPTIMIZERS
        for rate in config.rates(optimizer)
        for seed in [0, 1, *range(1000, 1000 + config.seeds)]
    ]
    claims = verdicts.judge(config, runs)
    assert [claim.id for claim in claims] == ["B15", "B16", "B16", "B19", "B20"]
    assert report.figure(config, runs).axes[4].get_xlabel() == "hidden layers"
    rows = [row for table in report.report(config, runs).tables for row in table.rows]
    assert any("ReLU with LayerNorm" in row for row in rows)


@pytest.mark.parametrize(
    ("runs", "answer", "bias", "advice"),
    [
        (
            {"dead": 0.5, "gain": 0.1},
            "Yes, at too high a rate. Dead ReLU units, the most at any rate and at the tuned one: with Adam 50.0 % at",
            "That an initial bias of 0.1 keeps units alive above the tuned rate is true in nets with hidden layers of",
            "Watch the share of ReLU units that are 0 on every example: it passes a fifth at 100 (Adam, 0.1) and",
        ),
        ({"dead": 0.1, "gain": 0.01}, "Few do, at any rate.", "An initial bias of 0.1 makes no difference", ""),
        (
            {"dead": 0.0, "gain": -0.1},
            "Few do, at any rate.",
            "That an initial bias of 0.1 keeps units alive above",
            "",
        ),
        ({"dead": 0.2, "gain": 0.02, "spread": 0.02}, "Undecided.", "Whether an initial bias of 0.1 keeps units", ""),
        (
            {"dead": 0.3, "guesses": False},
            "Yes, at too high a rate.",
            "An initial bias of 0.1 makes no difference",
            "Watch",
        ),
    ],
)
def test_sentences_read_well_whatever_came_out(runs: dict[str, Any], answer: str, bias: str, advice: str) -> None:
    for config in (SHORT, Config(**{**SHORT.__dict__, "cures": ()})):
        made, claims = report.report(config, _runs(config, **runs)), verdicts.judge(config, _runs(config, **runs))
        sentences = [*made.findings, *made.compared, *made.practice, *([made.advice] if made.advice else [])]
        print(*sentences, *(f"{claim.text}. {claim.measure}; {claim.rule}" for claim in claims), "", sep="\n")
        for sentence in sentences:
            assert sentence[0].isupper() or sentence.startswith("CS231n")
            assert sentence[-1] == "."
            assert not re.search(r"\bnan\b|\binf\b|  |\(\)| ,|: \.|\band and\b", sentence), sentence
        assert not any(re.search(r"\bnan\b|\binf\b|  ", claim.measure + claim.rule) for claim in claims)
        assert made.findings[0].startswith(answer)
        assert made.findings[2].startswith(bias)
        assert made.advice.startswith(advice)
        assert bool(made.advice) == bool(advice)
        assert len(made.findings) <= 5
        assert len(made.practice) <= 3
        assert len(made.advice.split()) <= 45
