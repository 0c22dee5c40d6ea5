"""Advice is judged by its rules for every data set, and settings are tuned on the validation part alone."""

from typing import Any

import numpy as np
import pytest

from experiments.core.data import digits
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Recipe
from experiments.core.tuning import by_error, by_loss, tune_rate
from experiments.questions.recommendation import measure, report, verdicts
from experiments.questions.recommendation.measure import RELU, Config

Runs = list[dict[str, Any]]


def _runs(config: Config, ahead: dict[str, float], spread: float = 0.1) -> Runs:
    """Nets that are so many points ahead of ReLU, give or take the spread."""
    return [
        {"data": data, "depth": depth, "activation": name, "multiple": multiple, "seed": 1000 + seed}
        | {"diverged": False, "interior": True}
        | {"accuracy": 0.9 + 0.001 * seed + (ahead.get(name, 0.0) + spread * (-1) ** seed * (name != RELU)) / 100}
        | {"rate": 0.004, "gain": 1.0}
        for data in config.data
        for depth in config.depths
        for name in (RELU, *config.activations)
        for multiple in config.rates_around
        for seed in range(config.seeds)
    ]


@pytest.mark.parametrize(
    ("ahead", "spread", "expected"),
    [
        ({}, 0.1, {"use": SUPPORTED, "elu": REFUTED, "tanh": REFUTED, "sigmoid": REFUTED, "benefits": SUPPORTED}),
        ({"elu": 0.4}, 0.05, {"use": SUPPORTED, "elu": SUPPORTED, "benefits": SUPPORTED}),
        ({"elu": 2.0}, 0.1, {"use": REFUTED, "elu": SUPPORTED, "benefits": SUPPORTED}),
        ({"gelu": 2.0}, 0.1, {"use": REFUTED, "elu": REFUTED}),
        ({"elu": -2.0}, 0.1, {"use": SUPPORTED, "elu": REFUTED, "benefits": REFUTED}),
        ({"tanh": -2.0, "sigmoid": -9.0}, 0.1, {"use": SUPPORTED, "tanh": SUPPORTED, "sigmoid": SUPPORTED}),
        ({"elu": 0.5, "tanh": -0.5}, 2.0, {"use": INCONCLUSIVE, "elu": INCONCLUSIVE, "tanh": INCONCLUSIVE}),
    ],
)
def test_advice_is_judged_by_its_rule(ahead: dict[str, float], spread: float, expected: dict[str, str]) -> None:
    config = Config(depths=(2, 4))
    names = {"use": "use ReLU", "elu": "try out ELU", "benefits": "ELU has all benefits"}
    names |= {"tanh": "don't expect much of tanh", "sigmoid": "don't use sigmoid"}
    claims = verdicts.judge(config, _runs(config, ahead, spread))
    assert len(claims) == len(config.data) * 7
    for short, outcome in expected.items():
        assert {claim.verdict for claim in claims if claim.text.startswith(names[short])} == {outcome}, short


def test_a_difference_on_one_data_set_says_nothing_about_the_other() -> None:
    config = Config()
    runs = _runs(config, {})
    for run in runs:
        if (run["data"], run["activation"]) == ("mnist1d", "maxout"):
            run["accuracy"] += 0.03
    found = {c.scope.split(",")[0]: c.verdict for c in verdicts.judge(config, runs) if "use" in c.text[:3]}
    assert found == {"digits": SUPPORTED, "MNIST-1D": REFUTED}


@pytest.mark.slow
@pytest.mark.parametrize("multiple", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("usual", "other"), [(2.0, -2.0), (-2.0, 2.0)])
def test_a_verdict_that_another_rate_contradicts_is_inconclusive(multiple: float, usual: float, other: float) -> None:
    config = Config()
    runs, flipped = (_runs(config, dict.fromkeys(config.activations, points), 0.0) for points in (usual, other))
    runs = [run if run["multiple"] != multiple else two for run, two in zip(runs, flipped, strict=True)]
    claims = verdicts.judge(config, runs)
    assert {claim.verdict for claim in claims} == {INCONCLUSIVE}
    tuned = other if multiple == 1 else usual
    lead = verdicts.ahead(config, runs, "digits", "elu", RELU, 0.99)
    assert lead == pytest.approx((tuned, -2, 2))
    changed = f"{len(claims)} of {len(claims)} claims would have another verdict"
    assert any(changed in sentence for sentence in report.report(config, runs).practice)


def test_the_rival_that_decides_is_shown_not_one_whose_lead_depends_on_the_rate() -> None:
    config = Config()
    runs, flipped = _runs(config, {"gelu": 2.0, "elu": 5.0}), _runs(config, {"gelu": 2.0, "elu": -5.0})
    use, *_ = verdicts.judge(
        config, [run if run["multiple"] != 2 else two for run, two in zip(runs, flipped, strict=True)]
    )
    assert use.verdict == REFUTED
    assert "minus that of gelu" in use.measure
    assert use.interval.high < -0.5


def test_differences_are_paired_by_seed() -> None:
    """Nets that differ much from seed to seed, and not at all from activation to activation."""
    config = Config()
    runs = _runs(config, {}, 0.0)
    assert verdicts.ahead(config, runs, "digits", "elu", RELU, 0.99) == pytest.approx((0, 0, 0), abs=1e-9)
    spread = verdicts.accuracy(config, runs, "digits", "elu")
    assert spread.high - spread.low > 0.5


def test_the_strongest_rival_is_named_and_the_report_ranks_activations() -> None:
    config = Config()
    runs = _runs(config, {"gelu": 1.0, "sigmoid": -3.0})
    use, *_ = verdicts.judge(config, runs)
    assert "minus that of gelu" in use.measure
    first, *_ = report.report(config, runs).findings
    assert first.index("gelu") < first.index("ReLU") < first.index("sigmoid")


def test_settings_are_tuned_by_validation_error_ties_by_loss_and_the_test_part_is_not_used() -> None:
    assert by_loss(np.array([0.1]), np.array([0.5])) == 0.5
    ordered = by_error(np.array([0.1, 0.1, 0.2]), np.array([0.5, 0.4, 0.0]))
    assert np.argsort(ordered).tolist() == [1, 0, 2]
    data, recipe = digits(), Recipe((64, 8, 10), "relu", "sgd")
    found = tune_rate(recipe, data, 2, range(2), 0.1, 1.0, 5, 3, objective=by_error)
    blind = data._replace(test=data.test._replace(y=np.zeros_like(data.test.y)))
    assert tune_rate(recipe, blind, 2, range(2), 0.1, 1.0, 5, 3, objective=by_error) == found
    assert found.rate > 0.02


def test_full_is_more_than_the_default() -> None:
    full, usual = measure.full(), Config()
    assert full.seeds > usual.seeds
    assert set(full.activations) > set(usual.activations)
    assert set(full.depths) > set(usual.depths)
