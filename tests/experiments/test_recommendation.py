"""Advice is judged by its rules, once training has converged, and settings are tuned on the validation part alone."""

import itertools
import re
from typing import Any

import numpy as np
import pytest

from experiments.core.data import digits
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Grid, Recipe, State
from experiments.core.tuning import by_error, by_loss, tune_rate
from experiments.questions.recommendation import measure, report, verdicts
from experiments.questions.recommendation.measure import QUARTER, RELU, WHOLE, Config

Runs = list[dict[str, Any]]


def _runs(config: Config, ahead: dict[str, float], spread: float = 0.1, wrong: float = 0.0) -> Runs:
    """Nets that are so many points ahead of ReLU after all epochs, give or take the spread, and not after a quarter."""
    return [
        {"data": data, "depth": depth, "activation": name, "multiple": multiple, "seed": 1000 + seed, "share": share}
        | {"diverged": False, "interior": True, "rate": 0.004, "gain": 1.0, "steps": int(100 * config.epochs * share)}
        | {"training_error": [0.9, wrong]}
        | {"accuracy": _curve(config, share, seed, ahead.get(name, 0) + spread * (-1) ** seed * (name != RELU))}
        for data in config.data
        for depth in config.depths
        for name in (RELU, *config.activations)
        for share in (QUARTER, WHOLE)
        for multiple in config.rates_around
        for seed in range(config.seeds)
    ]


def _curve(config: Config, share: float, seed: int, points: float) -> list[float]:
    curve = [0.9 + 0.001 * seed] * len(measure.looks(measure.epochs_of(config, share)))
    return curve if share == QUARTER else [*curve[:-1], curve[-1] + points / 100]


STARTS = {"use": "Use ReLU", "try": "Try ", "tanh": "Don't expect much of tanh", "sigmoid": "Don't use sigmoid"}
STARTS |= {"benefits": "ELU has all benefits"}
NOTHING = {"use": SUPPORTED, "try": REFUTED, "tanh": REFUTED, "sigmoid": REFUTED, "benefits": SUPPORTED}
OPEN = dict.fromkeys(NOTHING, INCONCLUSIVE)


def _verdicts(config: Config, runs: Runs) -> dict[str, str]:
    claims = verdicts.judge(config, runs)
    assert len(claims) == len(STARTS)
    return {short: next(c.verdict for c in claims if c.text.startswith(text)) for short, text in STARTS.items()}


@pytest.mark.parametrize(
    ("ahead", "spread", "expected"),
    [
        ({}, 0.1, NOTHING),
        ({"elu": 0.3}, 0.05, NOTHING),
        ({"elu": 2.0}, 0.1, NOTHING | {"try": SUPPORTED}),
        ({"silu": 2.0}, 0.1, NOTHING | {"use": REFUTED}),
        ({"elu": -2.0}, 0.1, NOTHING | {"benefits": REFUTED}),
        ({"tanh": -2.0, "sigmoid": -9.0}, 0.1, NOTHING | {"tanh": SUPPORTED, "sigmoid": SUPPORTED}),
        (dict.fromkeys(("silu", "elu"), 0.5) | dict.fromkeys(("tanh", "sigmoid"), -0.5), 2.0, OPEN),
    ],
)
def test_advice_is_judged_by_its_rule(ahead: dict[str, float], spread: float, expected: dict[str, str]) -> None:
    config = Config(depths=(2, 4), seeds=16)
    assert _verdicts(config, _runs(config, ahead, spread)) == expected


def test_a_difference_on_one_data_set_is_enough_to_try_or_to_avoid_but_not_for_all_benefits() -> None:
    config = Config()
    runs = _runs(config, {})
    for run in runs:
        if run["data"] == "mnist1d":
            points = {"maxout": 3, "silu": 3, "elu": -3, "tanh": -3}.get(run["activation"], 0)
            run["accuracy"] = [accuracy + points / 100 for accuracy in run["accuracy"]]
    found = _verdicts(config, runs)
    assert found == NOTHING | {"use": REFUTED, "try": SUPPORTED, "tanh": SUPPORTED, "benefits": INCONCLUSIVE}
    assert all("MNIST-1D" in claim.measure for claim in verdicts.judge(config, runs)[:3])


def test_nothing_is_decided_where_training_has_not_converged() -> None:
    config = Config()
    strong = {"silu": 3.0, "maxout": 3.0, "elu": -3.0, "tanh": -3.0, "sigmoid": -9.0}
    assert _verdicts(config, _runs(config, strong, wrong=0.03)) == OPEN
    assert _verdicts(config, _runs(config, strong, wrong=0.01)) != OPEN
    runs = [run | {"training_error": [0.2 * (run["data"] == "digits")]} for run in _runs(config, strong)]
    assert all("on MNIST-1D" in c.measure for c in verdicts.judge(config, runs) if c.verdict != INCONCLUSIVE)


def test_the_first_row_is_the_use_of_relu_and_no_two_share_an_interval() -> None:
    for config in (Config(), measure.full()):
        points = {name: 0.1 * index for index, name in enumerate(config.activations)}
        claims = verdicts.judge(config, _runs(config, points))
        assert [claim.id for claim in claims] == ["B26"] * 4 + ["B22"]
        assert claims[0].text.startswith("Use ReLU")
        assert len({claim.interval for claim in claims}) == len(claims)
        assert all(f"{config.epochs} epochs" in claim.budget for claim in claims)


@pytest.mark.slow
@pytest.mark.parametrize("multiple", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("usual", "other"), [(2.0, -2.0), (-2.0, 2.0)])
def test_a_verdict_that_another_rate_contradicts_is_inconclusive(multiple: float, usual: float, other: float) -> None:
    config = Config()
    runs, flipped = (_runs(config, dict.fromkeys(config.activations, points), 0.0) for points in (usual, other))
    runs = [run if run["multiple"] != multiple else two for run, two in zip(runs, flipped, strict=True)]
    assert _verdicts(config, runs) == OPEN
    tuned = other if multiple == 1 else usual
    lead = verdicts.ahead(config, verdicts.trained(runs, WHOLE), "digits", "elu", RELU, 0.99)
    assert lead == pytest.approx((tuned, -2, 2))
    assert any(
        "At the tuned rates alone 5 of 5 verdicts" in sentence for sentence in report.report(config, runs).practice
    )


def test_the_rival_that_decides_is_shown_not_one_whose_lead_depends_on_the_rate() -> None:
    config = Config(activations=("gelu", "silu"))
    runs, flipped = _runs(config, {"gelu": 2.0, "silu": 5.0}), _runs(config, {"gelu": 2.0, "silu": -5.0})
    use, *_ = verdicts.judge(
        config, [run if run["multiple"] != 2 else two for run, two in zip(runs, flipped, strict=True)]
    )
    assert use.verdict == REFUTED
    assert "of gelu minus" in use.measure
    assert use.interval.low > 0.5


def test_differences_are_paired_by_seed() -> None:
    """Nets that differ much from seed to seed, and not at all from activation to activation."""
    config = Config()
    runs = verdicts.trained(_runs(config, {}, 0.0), WHOLE)
    assert verdicts.ahead(config, runs, "digits", "elu", RELU, 0.99) == pytest.approx((0, 0, 0), abs=1e-9)
    spread = verdicts.accuracy(config, runs, "digits", "elu")
    assert spread.high - spread.low > 0.3


def test_the_report_ranks_activations_and_tells_what_the_budget_changed() -> None:
    config = Config()
    told = report.report(config, _runs(config, {"silu": 2.0, "sigmoid": -3.0}))
    _, first, _, budget, _ = told.findings
    assert first.index("silu") < first.index("ReLU") < first.index("sigmoid")
    assert "On digits silu, the most accurate, gets 0.0% of the training examples wrong" in budget
    assert budget.endswith("After that quarter 2 of 5 verdicts would be different.")
    assert told.advice.startswith("Try silu in place of ReLU: on digits it is 2.0 points")


def test_the_rate_falls_to_0_and_every_epoch_has_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data, grid = digits(), Grid.of([5, 6], [0.01, 0.1])
    recipe, resumed = Recipe((64, 8, 10), "relu", "sgd"), []
    real = measure.resume

    def resume(recipe: Recipe, state: State, seed: np.ndarray, *rest: Any) -> Any:
        resumed.append((np.asarray(state.rate), seed))
        return real(recipe, state, seed, *rest)

    monkeypatch.setattr(measure, "resume", resume)
    epochs = [epoch for epoch, _ in measure.falling_rate(recipe, grid, data, 4, 33)]
    assert epochs == [1, 2, 3, 4]
    assert [rate / grid.rate for rate, _ in resumed] == [pytest.approx(share) for share in (1, 0.75, 0.5, 0.25)]
    seeds = [tuple(seed) for _, seed in resumed]
    assert seeds[0] == (5, 6, 5, 6)
    assert len({seed for each in seeds for seed in each}) == 8


def test_nets_are_looked_at_more_often_at_first() -> None:
    assert measure.looks(32) == [1, 2, 4, 8, 12, 16, 24, 32]
    assert measure.looks(1) == [1]
    assert measure.looks(3)[-1] == 3


BRANCHES: list[tuple[dict[str, float], float, float]] = [
    ({}, 0.1, 0.0),
    ({"silu": 2.0, "sigmoid": -3.0}, 0.1, 0.01),
    ({"silu": 2.0, "maxout": 1.5, "tanh": -2.0, "sigmoid": -3.0}, 0.1, 0.0),
    ({"tanh": -2.0}, 0.1, 0.0),
    ({"elu": 0.5}, 2.0, 0.0),
    ({"elu": 2.0}, 0.1, 0.3),
]


@pytest.mark.parametrize(("ahead", "spread", "wrong"), BRANCHES)
@pytest.mark.parametrize(
    "config",
    [
        Config(seeds=4),
        pytest.param(measure.full(), marks=pytest.mark.slow),
        measure.smallest(),
        Config(activations=("silu",), data=("mnist1d",)),
    ],
)
def test_every_branch_reads_as_english(config: Config, ahead: dict[str, float], spread: float, wrong: float) -> None:
    runs = _runs(config, ahead, spread, wrong)
    if wrong == 0.3:
        runs = [run | {"interior": False, "diverged": True} for run in runs]
    told, claims = report.report(config, runs), verdicts.judge(config, runs)
    assert len(told.findings) <= 5
    assert len(told.practice) <= 3
    assert 0 < len(told.advice.split()) <= 45
    sentences = [text for claim in claims for text in (claim.text, claim.measure, claim.scope)]
    sentences += [told.advice, *told.findings, *told.practice, *told.compared]
    print(*sentences, "", sep="\n")
    for sentence in sentences:
        assert not re.search(r"\b(nan|inf|None)\b|  | ,| \.|\.\.|\[\]|\(\)|1 hidden layers", sentence), sentence
        assert not any(a == b for a, b in itertools.pairwise(sentence.split())), sentence


def test_the_figure_has_curves_over_the_budget_and_over_the_rate() -> None:
    for config in (Config(seeds=4), measure.smallest()):
        axes = report.figure(config, _runs(config, {"silu": 2.0})).axes
        labels = [panel.get_xlabel() for panel in axes]
        assert labels.count("steps") == labels.count("learning rate") == len(config.data)
        assert all(len(panel.lines) >= len(config.activations) for panel in axes)


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
    assert full.epochs > usual.epochs
