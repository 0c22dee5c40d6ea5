"""Tables are divided honestly, settings are chosen without the test part, and verdicts follow their rules."""

from dataclasses import replace
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from experiments.core.data import Split
from experiments.core.devices import spread_over
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, mean_interval
from experiments.core.training import FRESH, Grid, Recipe, forward, initial_state, resume
from experiments.questions.tables import data, measure, report, verdicts
from experiments.questions.tables.measure import LINEAR, RELU, Config, evaluate, recipe_of

Runs = list[dict[str, Any]]


@pytest.mark.parametrize("table", data.LOADERS)
def test_every_row_is_tested_once_per_division_and_nothing_leaks(table: str) -> None:
    splits, count = data.load(table, 2, 3), len(data.LOADERS[table]().target)
    for division in range(2):
        tested = np.concatenate(splits.test[3 * division : 3 * division + 3])
        assert sorted(tested) == list(range(count))
    assert not np.array_equal(splits.test[0], splits.test[3])
    for split, parts in enumerate(zip(splits.train, splits.validation, splits.test, strict=True)):
        assert sorted(np.concatenate(parts)) == list(range(count))
        assert len(parts[1]) == pytest.approx(count / 6, abs=1)
        columns = splits.x[split, parts[0]]
        assert np.allclose(columns.mean(0), 0, atol=1e-4)
        assert np.allclose(columns.std(0), 1, atol=1e-4)
    assert splits.outputs == {"breast_cancer": 2, "diabetes": 1, "wine": 3, "iris": 3}[table]


def test_explained_variance_is_scikit_learns() -> None:
    """Of nets without hidden layers, whose mean score over all rows is R^2."""
    splits = data.load("diabetes", 1, 3)
    recipe = Recipe((10, 1), "identity", loss="squared_error")
    state = initial_state(recipe, Grid.of(range(3), [0.1]))
    found = evaluate(recipe, state, np.arange(3), splits)
    _, numbers = data.LOADERS["diabetes"](return_X_y=True)
    for split in range(3):
        net = jax.tree.map(lambda leaf, index=split: leaf[index], state.net)
        answers = np.asarray(forward(recipe, net, splits.x[split])[0])[:, 0]
        learnt = numbers[splits.train[split]]
        assert np.mean(found.score[split]) == pytest.approx(
            r2_score(numbers, answers * learnt.std() + learnt.mean()), abs=1e-3
        )


def test_nets_see_only_their_own_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(2, size=60).astype(np.int32)
    own = {3: np.arange(0, 40), 4: np.arange(20, 60)}
    recipe, grid = Recipe((4, 3, 2), "tanh", "adam", 16), Grid.of([3, 4], [0.1])
    beginning = initial_state(recipe, grid)
    with jax.numpy_dtype_promotion("standard"):
        *_, (_, state) = resume(recipe, beginning, grid.seed, Split(x, y), 8, 4, own)
        alone = Split(x[own[4]], y[own[4]])
        *_, (_, same) = resume(recipe, beginning, grid.seed, alone, 8, 4)
    first, second = ([np.asarray(leaf) for leaf in jax.tree.leaves(each.net)] for each in (state, same))
    assert all(np.allclose(a[1], b[1], atol=1e-6) for a, b in zip(first, second, strict=True))
    assert not all(np.allclose(a[0], b[0], atol=1e-3) for a, b in zip(first, second, strict=True))


def _crafted(config: Config, splits: data.Splits) -> Any:
    """Losses for `evaluate`: those that choose prefer the second rate, gain and stop, other nets and rows the others.

    A fresh net's score is its place among the rates, gains and stops, and its split.
    """
    places = list(product(range(len(config.rates)), range(len(config.gains)), (False, True), range(len(splits.test))))
    calls = iter(range(config.stops))

    def evaluated(recipe: Any, state: Any, split: np.ndarray, splits: data.Splits) -> measure.Evaluated:
        stop, rows = next(calls), splits.x.shape[1]
        loss, score = np.zeros((2, len(places), rows))
        for net, (rate, gain, fresh, of) in enumerate(places):
            assert split[net] == of
            right = (rate, gain, stop) == (1, 1, 1)
            loss[net] = right if fresh else 1 - right
            loss[net, splits.test[of]] = right
            loss[net, splits.train[of]] = right
            score[net] = (1000 * rate + 100 * gain + 10 * stop + of) / 100 if fresh else np.nan
        return measure.Evaluated(jnp.asarray(loss), jnp.asarray(score))

    return evaluated


def test_settings_are_chosen_by_other_nets_on_the_validation_part(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(("wine",), ("tanh",), 1, 3, 6, 3, rates=(0.1, 0.2), gains=(0.5, 1.0, 2.0), folds=2, seeds=2)
    splits = data.load("wine", 2, 2)
    monkeypatch.setattr(measure, "evaluate", _crafted(config, splits))
    monkeypatch.setattr(measure, "resume", lambda *given: [(step, None) for step in (2, 4, 6)])
    runs = measure._reported(config, splits, "wine", "tanh")
    assert [(run["seed"], run["fold"]) for run in runs] == [(FRESH, 0), (FRESH, 1), (FRESH + 1, 0), (FRESH + 1, 1)]
    for split, run in enumerate(runs):
        assert (run["rate"], run["gain"], run["steps"]) == (0.2, 1.0, 4)
        assert run["rows"] == splits.test[split].tolist()
        assert np.allclose(run["scores"], 1110 + split)
        assert np.allclose(run["by_step"], [1100 + split, 1110 + split, 1120 + split])
        assert np.allclose(run["by_rate"], [110 + split, 1110 + split])


def test_the_linear_model_is_as_good_as_least_squares() -> None:
    """Its penalty is chosen on the validation part, which may cost a little, but not more."""
    splits = data.load("diabetes", 1, 5)
    found = measure._linear(Config(), splits, "diabetes")
    for split, run in enumerate(found):
        x, y, train = splits.x[split], splits.y[split, :, 0], splits.train[split]
        errors = (LinearRegression().fit(x[train], y[train]).predict(x) - y) ** 2
        plain = 100 * (1 - splits.explained[split] * errors[splits.test[split]].mean())
        assert np.mean(run["scores"]) == pytest.approx(plain, abs=4)
    wine = measure._linear(Config(), data.load("wine", 1, 3), "wine")
    assert np.mean(np.concatenate([run["scores"] for run in wine])) > 90


@pytest.mark.slow
def test_scores_are_the_same_on_three_devices() -> None:
    splits = data.load("wine", 1, 4)
    recipe = recipe_of(Config(), splits, "wine", "tanh")
    state = initial_state(recipe, Grid.of(range(4), [0.1]))
    alone = evaluate(recipe, state, np.arange(4), splits)
    with spread_over(3):
        shared = evaluate(recipe, state, np.arange(4), splits)
    assert np.allclose(alone.loss, shared.loss, atol=1e-5)


def _runs(config: Config, ahead: dict[str, float], spread: float = 0.0) -> Runs:
    """Kinds of nets that are so many points ahead of ReLU's, give or take the spread from row to row."""
    rows = np.arange(20)
    half = {0: rows[:10], 1: rows[10:]}
    runs: Runs = []
    for table, kind, seed, fold in product(config.tables, (*config.nets(), LINEAR), range(2), range(2)):
        scores = 80 + rows + ahead.get(kind, 0.0) + spread * (-1.0) ** rows * (kind != RELU) + 3 * seed
        runs.append(
            {"table": table, "kind": kind, "seed": 1000 + seed, "fold": fold, "rows": half[fold].tolist()}
            | {"scores": scores[half[fold]].tolist(), "rate": 0.004, "gain": 0.5, "steps": 50, "diverged": False}
            | {"by_step": [80.0 + seed] * config.stops, "by_rate": [80.0 + seed] * len(config.rates)}
        )
    return runs


FEW = Config(("wine", "diabetes"), ("tanh", "silu"), folds=2, seeds=2)


def test_a_difference_is_averaged_over_divisions_and_its_interval_is_over_rows() -> None:
    runs = _runs(FEW, {}, 1.0)
    for run in runs:
        if run["kind"] == "tanh" and run["seed"] == 1001:
            run["scores"] = [score + 4 for score in run["scores"]]
    assert np.allclose(verdicts.by_row(runs, "wine", RELU), 81.5 + np.arange(20))
    found = verdicts.lead(FEW, runs, "wine", "tanh")
    assert found == pytest.approx(mean_interval(2 + (-1.0) ** np.arange(20), 0.99))
    widened = verdicts.widened_lead(FEW, runs, "wine", "tanh")
    assert widened == pytest.approx(mean_interval(2 + (-1.0) ** np.arange(20), 0.995))


@pytest.mark.parametrize(
    ("ahead", "spread", "difference", "net"),
    [
        ({}, 0.1, SUPPORTED, REFUTED),
        ({"tanh": 1.5, "silu": -1.5, LINEAR: 1.0}, 0.1, SUPPORTED, REFUTED),
        ({"tanh": 3.0, LINEAR: -1.0}, 0.1, REFUTED, SUPPORTED),
        ({"silu": -3.0, LINEAR: -5.0}, 0.1, REFUTED, SUPPORTED),
        ({"tanh": 2.0, LINEAR: -1.0}, 3.0, INCONCLUSIVE, INCONCLUSIVE),
        ({"tanh": 20.0, LINEAR: 20.0}, 3.0, REFUTED, REFUTED),
    ],
)
def test_claims_are_judged_by_their_rules(ahead: dict[str, float], spread: float, difference: str, net: str) -> None:
    claims = verdicts.judge(FEW, _runs(FEW, ahead, spread))
    assert [(claim.id, claim.verdict) for claim in claims] == [("D1", difference), ("D2", net)] * 2
    assert claims[1].interval.value == pytest.approx(-ahead.get(LINEAR, 0.0))
    assert "tanh" in claims[0].measure or ahead.get("silu") == -3.0


def test_a_net_that_diverged_is_not_left_out() -> None:
    runs = _runs(FEW, {})
    runs[0]["scores"][0], runs[0]["diverged"] = np.nan, True
    assert verdicts.judge(FEW, runs)[0].verdict == INCONCLUSIVE
    assert report.report(FEW, runs).findings[-1].endswith("1 of 32 nets diverged; their scores are included.")


SENTENCES = {
    SUPPORTED: (
        "On wine and diabetes the choice between ReLU, tanh and silu made no difference of 2 points.",
        "A net of ReLU was better than a linear model on wine and diabetes.",
    ),
    REFUTED: (
        "On wine and diabetes an activation was more than 2 points better or worse than ReLU.",
        "A net of ReLU was not 2 points better than a linear model on wine and diabetes.",
    ),
    INCONCLUSIVE: (
        "On wine and diabetes differences of 2 points between activations cannot be excluded.",
        "It cannot be said whether a net of ReLU was better than a linear model on wine and diabetes.",
    ),
}


@pytest.mark.parametrize(
    ("ahead", "spread", "outcomes", "advice"),
    [
        (
            {},
            0.1,
            (SUPPORTED, REFUTED),
            "try a linear model first: nets were not 2 points better on 2 of 2. Keep ReLU: on",
        ),
        (
            {"tanh": 3, LINEAR: -3},
            0.1,
            (REFUTED, SUPPORTED),
            "compare with a linear model: nets were better on 2 of 2. Tune",
        ),
        (
            {"tanh": 2, LINEAR: -1},
            3.0,
            (INCONCLUSIVE,) * 2,
            "compare with a linear model: nets were better on 0 of 2. Keep",
        ),
    ],
)
def test_findings_read_well_whatever_came_out(
    ahead: dict[str, float], spread: float, outcomes: tuple[str, str], advice: str
) -> None:
    made = report.report(FEW, _runs(FEW, ahead, spread))
    for sentence in (*made.findings, *made.compared, *made.practice, made.caption, made.advice):
        print(sentence)
    assert tuple(made.findings[:2]) == tuple(SENTENCES[outcome][index] for index, outcome in enumerate(outcomes))
    assert advice in made.advice
    assert len(made.advice.split()) <= 45


def test_tables_that_differ_are_told_apart() -> None:
    runs = [run for run in _runs(FEW, {"tanh": 3.0, LINEAR: -3.0}, 0.1) if run["table"] == "wine"]
    runs += [run for run in _runs(FEW, {}, 0.1) if run["table"] == "diabetes"]
    made = report.report(FEW, runs)
    assert made.findings[0] == (
        "It depends on the table: on diabetes the choice between ReLU, tanh and silu made no difference of 2 points; "
        "on wine an activation was more than 2 points better or worse than ReLU."
    )
    assert made.practice[0].endswith("ReLU's nets were 3.0 points ahead of a linear model.")
    assert len(made.tables[0].rows) == 8
    assert {len(row) for row in made.tables[0].rows} == {len(made.tables[0].header)}
    assert len(report.figure(FEW, runs).axes) == 6


def test_full_asks_all_tables() -> None:
    assert set(measure.full().tables) == set(data.LOADERS)
    assert replace(Config(), seeds=40).seeds == 40
