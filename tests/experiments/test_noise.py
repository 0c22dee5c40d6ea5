"""Noise has the right deviation and is the same for all nets of a seed, and robustness is judged by its rule."""

from dataclasses import replace
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core.data import digits
from experiments.core.devices import spread_over
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval
from experiments.core.training import Grid, Recipe, State, forward, initial_state, score
from experiments.questions.noise import measure, report, verdicts
from experiments.questions.noise.measure import ELU, PLACES, Config, Leaky, score_noisy

Runs = list[dict[str, Any]]
LEVEL = jnp.float32(1.0)


def _nets(recipe: Recipe) -> State:
    return initial_state(recipe, Grid.of([0, 1], [0.1]))


def _keys(*seeds: int) -> jax.Array:
    return jax.vmap(jax.random.key)(np.array(seeds))


@pytest.mark.parametrize("place", PLACES)
def test_no_noise_changes_nothing_and_much_leaves_guessing(place: str) -> None:
    data, recipe = digits().test, Recipe((64, 30, 30, 10), "elu")
    state, x = _nets(recipe), jnp.asarray(data.x)
    y = forward(recipe, jax.tree.map(lambda leaf: leaf[0], state.net), x)[0].argmax(-1)
    error, _ = score(recipe, state, x, y)
    quiet, loud = (score_noisy((recipe, place), state, _keys(5, 6), jnp.float32(s), x, y) for s in (0.0, 1e3))
    assert quiet[0] == 1
    assert np.allclose(quiet, 1 - error, atol=1e-6)
    assert (np.asarray(loud) < 0.4).all()


@pytest.mark.parametrize("place", PLACES)
def test_noise_depends_on_the_key_and_not_on_the_net(place: str) -> None:
    """Two equal nets give the same answers with the same key, and others with another key."""
    data, recipe = digits().test, Recipe((64, 30, 10), "tanh")
    state = initial_state(recipe, Grid.of([0, 0], [0.1]))
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    same, other = (np.asarray(score_noisy((recipe, place), state, k, LEVEL, x, y)) for k in (_keys(5, 5), _keys(5, 6)))
    assert same[0] == same[1] == other[0]
    assert other[0] != other[1]


def test_input_noise_has_the_deviation_asked_for() -> None:
    """A linear net that answers with the sign of its only input is right as often as the normal distribution says."""
    recipe = Recipe((1, 1, 2), "identity")
    net = jax.tree.map(lambda leaf: leaf[:1], _nets(recipe).net)
    hidden = net[0]._replace(weight=jnp.ones((1, 1, 1)), bias=jnp.zeros((1, 1)))
    output = net[1]._replace(weight=jnp.array([[[-1.0, 1.0]]]), bias=jnp.zeros((1, 2)))
    state = _nets(recipe)._replace(net=(hidden, output))
    x, y = jnp.ones((40_000, 1)), jnp.ones(40_000, jnp.int32)
    for level, right in ((0.5, 0.97725), (2.0, 0.69146)):  # from a table: the normal distribution at 2 and at 1/2
        found = score_noisy((recipe, "input"), state, _keys(3), jnp.float32(level), x, y)
        assert float(found[0]) == pytest.approx(right, abs=0.01)


def test_hidden_noise_is_in_units_of_the_layers_deviation() -> None:
    """Weights a thousand times larger, and their pre-activations, change nothing under noise of their own size."""
    data, recipe = digits().test, Recipe((64, 30, 10), "relu")
    state = _nets(recipe)
    first, last = state.net
    large = state._replace(net=(first._replace(weight=1024 * first.weight), last))
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    small_and_large = [score_noisy((recipe, "hidden"), each, _keys(5, 6), LEVEL, x, y) for each in (state, large)]
    assert np.allclose(*small_and_large, atol=0.01)


def test_leaky_relus_of_the_same_slope_are_equal() -> None:
    assert hash(Leaky(0.1)) == hash(Leaky(0.1))
    assert Leaky(0.1) != Leaky(0.01)
    assert Leaky(0.5)(jnp.array([-2.0, 2.0])).tolist() == [-1.0, 2.0]


def _interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


EQUAL, BETTER = _interval(-0.2, 0.2), _interval(1.0, 2.0)


@pytest.mark.parametrize(
    ("under", "clean", "drop", "expected"),
    [
        (_interval(0.1, 3), EQUAL, _interval(-9, 9), SUPPORTED),
        (_interval(0.1, 0.3), EQUAL, _interval(-9, 9), SUPPORTED),
        (_interval(-3, -0.1), EQUAL, _interval(-9, 9), REFUTED),
        (_interval(-0.4, 0.4), EQUAL, _interval(-9, 9), REFUTED),
        (_interval(-0.4, 0.6), EQUAL, _interval(-9, 9), INCONCLUSIVE),
        (_interval(1, 3), BETTER, _interval(0.1, 2), SUPPORTED),
        (_interval(1, 3), BETTER, _interval(-0.1, 2), INCONCLUSIVE),
        (_interval(1, 3), BETTER, _interval(-2, -0.1), INCONCLUSIVE),
        (_interval(-3, -1), BETTER, _interval(-4, -2), REFUTED),
        (_interval(-0.4, 0.4), BETTER, _interval(-2, -1), REFUTED),
    ],
)
def test_robustness_is_judged_by_its_rule(under: Interval, clean: Interval, drop: Interval, expected: str) -> None:
    assert verdicts.outcome(under, clean, drop) == expected


def _runs(config: Config, under: float, clean: float, other: dict[float, tuple[float, float]] | None = None) -> Runs:
    """ELU nets so many points ahead, with noise and without; at some multiples of the tuned rate by other numbers."""
    runs: Runs = []
    for depth, name, multiple, seed in product(
        config.depths, (ELU, *config.rivals()), config.rates_around, range(config.seeds)
    ):
        noisily, cleanly = (0.01 * lead * (name == ELU) for lead in (other or {}).get(multiple, (under, clean)))
        levels = [[0.5 + 0.01 * seed + noisily] * 3] * len(config.levels)
        row = {"depth": depth, "activation": name, "multiple": multiple, "seed": seed, "accuracy": 0.9 + cleanly}
        runs.append(row | {"noisy": dict.fromkeys(PLACES, levels), "diverged": False, "interior": True, "rate": 0.002})
    return runs


@pytest.mark.parametrize(
    ("under", "clean", "expected"),
    [(2.0, 0.0, SUPPORTED), (2.0, 1.0, SUPPORTED), (2.0, 2.0, INCONCLUSIVE), (-2.0, 0.0, REFUTED), (0.0, 0.0, REFUTED)],
)
def test_runs_lead_to_verdicts(under: float, clean: float, expected: str) -> None:
    config = Config()
    claims = verdicts.judge(config, _runs(config, under, clean))
    assert len(claims) == len(PLACES)
    assert {claim.verdict for claim in claims} == {expected}
    assert claims[0].interval.value == pytest.approx(under)


@pytest.mark.parametrize("multiple", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("usual", "other"),
    [((2.0, 0.0), (-2.0, 0.0)), ((-2.0, 0.0), (2.0, 0.0)), ((2.0, 0.0), (2.0, 3.0)), ((0.0, 0.0), (1.0, 0.0))],
)
def test_a_verdict_that_another_rate_contradicts_is_inconclusive(
    multiple: float, usual: tuple[float, float], other: tuple[float, float]
) -> None:
    """A lead of the other sign, a better clean net that drops more, or a difference where there was none."""
    config = Config()
    runs = _runs(config, *usual, {multiple: other})
    claims = verdicts.judge(config, runs)
    assert {claim.verdict for claim in claims} == {INCONCLUSIVE}
    tuned = other if multiple == 1 else usual
    assert claims[0].interval == pytest.approx((tuned[0], min(usual[0], other[0]), max(usual[0], other[0])))
    assert f"without noise the difference is {tuned[1]:.1f} [{min(usual[1], other[1]):.1f}" in claims[0].measure
    alone = verdicts.judge(replace(config, rates_around=(1.0,)), runs)
    count = sum(claim.verdict != INCONCLUSIVE for claim in alone)
    changed = f"alone changes {count or 'none'} of the {len(claims)} verdicts"
    assert any(changed in sentence for sentence in report.report(config, runs).practice)


def test_the_first_depth_is_judged_by_itself_and_all_others_together() -> None:
    config = Config(depths=(3, 6, 10))
    runs = _runs(config, 2.0, 0.0)
    assert [claim.verdict for claim in verdicts.judge(config, runs)] == [SUPPORTED] * 4
    for run in runs:
        if run["depth"] == 10 and run["activation"] == "leaky_relu 0.1":
            run["noisy"] = dict.fromkeys(PLACES, [[0.9] * 3] * len(config.levels))
    claims = verdicts.judge(config, runs)
    assert [claim.verdict for claim in claims] == [SUPPORTED] * 2 + [INCONCLUSIVE] * 2
    assert claims[0].text == "ELU is more robust than leaky ReLU to noise at the input (3 hidden layers)"
    assert claims[3].text.endswith("in hidden layers (6 and 10 hidden layers)")


@pytest.mark.parametrize(
    ("input_lead", "hidden_lead", "advice"),
    [
        (2.0, 2.0, "Where inputs and hidden pre-activations are noisy, try ELU in place of leaky ReLU: +2.0 and +2.0"),
        (2.0, -2.0, "Where inputs are noisy, try ELU in place of leaky ReLU: +2.0 points"),
        (0.3, 2.0, "Where inputs and hidden pre-activations are noisy, try ELU in place of leaky ReLU: +0.3 and"),
        (-2.0, -2.0, "Do not choose ELU for robustness to noise: it gains nothing"),
        (-2.0, 0.0, "Do not choose ELU for robustness to noise: it gains nothing"),
        (None, None, ""),
        (None, 0.0, ""),
    ],
)
def test_sentences_read_well_whatever_came_out(
    input_lead: float | None, hidden_lead: float | None, advice: str
) -> None:
    """A lead of None is one that depends on the rate."""
    config = Config(depths=(3, 6))
    of_place = {
        place: _runs(config, lead or 0.0, 0.0, None if lead is not None else {2.0: (3.0, 0.0), 0.5: (-3.0, 0.0)})
        for place, lead in (("input", input_lead), ("hidden", hidden_lead))
    }
    runs = [
        one | {"noisy": {"input": one["noisy"]["input"], "hidden": other["noisy"]["hidden"]}}
        for one, other in zip(of_place["input"], of_place["hidden"], strict=True)
    ]
    made = report.report(config, runs)
    print(*made.findings, *made.practice, made.advice, "", sep="\n")
    words = {None: "undecided", 2.0: "more robust", 0.3: "more robust", 0.0: "not more robust", -2.0: "not more robust"}
    assert made.findings[0].startswith(
        f"With 3 hidden layers, ELU against leaky ReLU: to noise at the input {words[input_lead]} (a lead of "
    )
    assert f"to noise in hidden layers {words[hidden_lead]} (a lead of" in made.findings[1]
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)
    assert len(made.advice.split()) <= 45
    assert "none and" not in " ".join(made.practice)
    assert len(made.findings) <= 5
    assert len(made.practice) <= 3


def test_noise_is_the_same_on_three_devices() -> None:
    data, recipe = digits().test, Recipe((64, 12, 10), "elu")
    state, x, y = initial_state(recipe, Grid.of(range(4), [0.1])), jnp.asarray(data.x), jnp.asarray(data.y)
    for place in PLACES:
        alone = score_noisy((recipe, place), state, _keys(5, 6, 7, 8), LEVEL, x, y)
        with spread_over(3):
            shared = score_noisy((recipe, place), state, _keys(5, 6, 7, 8), LEVEL, x, y)
        assert np.allclose(alone, shared, atol=0.006)  # two of 360 answers, should sums round otherwise
        assert len(set(np.asarray(alone).tolist())) > 1


def test_full_is_more_than_the_default() -> None:
    full, usual = measure.full(), Config()
    assert full.seeds > usual.seeds
    assert full.draws > usual.draws
    assert set(full.depths) > set(usual.depths)
