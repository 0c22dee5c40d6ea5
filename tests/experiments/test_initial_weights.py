"""Questions about initial weights: measurements agree with theory and exact counts, verdicts follow their rules."""

import math
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import jaxact
from experiments.core.data import digits
from experiments.core.questions import QUESTIONS
from experiments.core.result import Report
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, verdict, wilson_interval
from experiments.core.steps_to_error import Task, all_reached, steps_to_error, tune_steps
from experiments.core.training import Grid, Recipe, forward, initial_state, layer_norm
from experiments.core.units import saturated
from experiments.questions.born_dead import verdicts as born_dead_verdicts
from experiments.questions.born_dead.measure import OFF_CENTRE, biased, born_dead, learning
from experiments.questions.born_dead.verdicts import lower, upper
from experiments.questions.init_scale import verdicts as init_scale_verdicts
from experiments.questions.init_scale.measure import CHECK_EVERY, PATIENCE, Kind, _tuned
from experiments.questions.vanishing import verdicts as vanishing_verdicts
from experiments.questions.vanishing.initials import INITS, Init, draw_nets
from experiments.questions.vanishing.meanfield import at_fixed_point, decades, moments
from experiments.questions.vanishing.measure import NORMALISED, fitted_slope, gradient_norms, gradients, share_off


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.parametrize("scale", [0.01, 0.5, 1.0, 3.0])
def test_the_gradient_of_a_linear_net_has_the_slope_of_its_weights(scale: float) -> None:
    recipe = Recipe((10, *[10] * 12, 10), "identity")
    with jax.enable_x64(True):
        (net,) = (draw_nets(recipe.sizes, INITS["lecun"], range(2)),)
        net = tuple(layer._replace(weight=jnp.stack([scale * jnp.eye(10)] * 2)) for layer in net)
        x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 10)))
        norms, _ = gradient_norms(recipe, net, x, jnp.arange(16) % 10)
        assert norms.dtype == jnp.float64
        assert decades("identity", 1.0, scale, 5) == pytest.approx([math.log10(scale)] * 5, abs=1e-6)
    for of_net in np.asarray(norms):
        assert fitted_slope(np.log10(of_net[::-1])) == pytest.approx(math.log10(scale), abs=1e-9)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "elu", "selu"])
@pytest.mark.parametrize("q", [1e-12, 0.3, 60.0])
def test_moments_equal_those_of_adaptive_quadrature(name: str, q: float) -> None:
    f = getattr(jaxact, name)
    with jax.enable_x64(True):
        found = [float(moment) for moment in moments(name, jnp.asarray(q))]
        for value, function in zip(found, (f, jaxact.slope(f)), strict=True):
            parts = [
                integrate.quad(lambda z, g=function: float(g(math.sqrt(q) * z)) ** 2 * stats.norm.pdf(z), *ends)[0]
                for ends in ((-12, 0), (0, 12))
            ]
            assert value == pytest.approx(sum(parts), rel=1e-7)


def test_relu_is_critical_at_hes_weights_and_selu_keeps_its_variance() -> None:
    with jax.enable_x64(True):
        assert abs(at_fixed_point("relu", 1.0, 2**0.5)) < 1e-8
        assert float(moments("selu", jnp.asarray(1.0))[0]) == pytest.approx(1.0, abs=1e-8)


def test_the_fitted_slope_is_exact_on_a_line_and_nan_with_an_infinite_point() -> None:
    assert fitted_slope(np.array([3.0, 1.0, -1.0, -3.0])) == pytest.approx(-2.0)
    assert math.isnan(fitted_slope(np.array([0.0, -math.inf, -2.0, -3.0])))


def test_layer_norm_equals_equinoxs_and_keeps_preactivations_at_deviation_one() -> None:
    z = jnp.asarray(np.random.default_rng(0).normal(3, 20, (5, 40)), "float32")
    np.testing.assert_allclose(
        layer_norm(z), jax.vmap(eqx.nn.LayerNorm(40, use_weight=False, use_bias=False))(z), rtol=1e-5
    )
    x = jnp.asarray(digits().train.x[:20])
    for gain in (0.01, 1.0, 100.0):
        recipe = Recipe((64, 40, 30, 10), "sigmoid", normalised=True)
        state = initial_state(recipe, Grid.of([0], [0.1], [gain], bias=0.5))
        for before in forward(recipe, jax.tree.map(lambda leaf: leaf[0], state.net), x)[1]:
            np.testing.assert_allclose(jnp.mean(before, -1), 0.5, atol=1e-4)
            np.testing.assert_allclose(jnp.std(before, -1), 1, rtol=0.2 if gain < 1 else 1e-3)


def test_mean_field_with_layer_norm_holds_for_wide_nets() -> None:
    config = QUESTIONS["vanishing"].config(
        ("sigmoid",), ("he", "large"), True, layers=6, width=400, examples=4, seeds=4
    )
    for init in config.inits:
        runs = gradients(config, digits(), "sigmoid", init, NORMALISED)
        found = np.mean([run["decades_per_layer"] for run in runs])
        assert found == pytest.approx(
            vanishing_verdicts.predicted_decades(config, "sigmoid", init, False, NORMALISED), abs=0.02
        )


@pytest.mark.parametrize("init", [name for name in INITS if name != "glorot"])
def test_drawn_weights_have_the_deviation_of_their_rule(init: str) -> None:
    first, *_ = draw_nets((64, 200, 10), INITS[init], range(3))
    expected = {"lecun": 1 / 8, "he": 2**0.5 / 8, "uniform": 3**-0.5 / 8, "small": 0.01, "large": 10 / 8}[init]
    assert float(jnp.std(first.weight)) == pytest.approx(expected, rel=0.02)
    assert bool(jnp.max(jnp.abs(first.weight)) <= 1 / 8) == (init in ("uniform", "small"))


def test_a_net_without_gradient_is_counted_as_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INITS, "he", Init("nothing", lambda fan_in, fan_out: 0.0))
    config = QUESTIONS["vanishing"].config(("tanh",), ("lecun", "he"), layers=3, width=5, examples=8, seeds=2)
    runs = [run for init in config.inits for run in gradients(config, digits(), "tanh", init)]
    assert [run["diverged"] for run in runs] == [False, False, True, True]
    (claim,) = [
        claim for claim in vanishing_verdicts.judge(config, runs + _halves(0.5)) if claim.text.startswith("Tanh units")
    ]
    assert claim.verdict != SUPPORTED
    findings = " ".join(QUESTIONS["vanishing"].report(config, runs + _halves(0.5)).findings)
    assert "2 of 4 untrained nets" in findings


def test_saturated_counts_units_by_their_slope() -> None:
    z = [jnp.asarray([[0.0, 1.0], [3.0, -3.0]]), jnp.asarray([[5.0, -5.0], [5.0, 0.1]])]
    assert float(saturated("tanh", z)) == (2 + 3) / 8
    assert float(saturated("sigmoid", z)) == 3 / 8
    assert float(saturated("relu", z)) == 3 / 8
    assert float(saturated("identity", z)) == 0


def test_zero_slopes_are_counted_unit_by_unit() -> None:
    recipe, x = Recipe((64, 8, 8, 10), "relu"), digits().train.x
    state = initial_state(recipe, Grid.of(range(2), [0.1]))
    first, second, last = state.net
    first = first._replace(bias=first.bias.at[0, :2].set(-500.0).at[0, 2:].set(500.0))
    second = second._replace(weight=0 * second.weight, bias=second.bias.at[1, :].set(1.0))
    found = share_off(recipe, state._replace(net=(first, second, last)), x)
    assert found[0].tolist() == [0.25, 1.0]
    assert 0.2 < found[1, 0] < 0.8
    assert found[1, 1] == 0


def _halves(share: float) -> list[dict[str, Any]]:
    return [
        {"part": "half", "phase": phase, "seed": seed, "off": [share + 0.001 * seed] * 3, "diverged": False}
        for phase in ("before", "after")
        for seed in range(8)
    ]


def _slopes(config: Any, slopes: dict[tuple[str, str], float], share: float) -> list[dict[str, Any]]:
    """Nets with these slopes, a hair apart; where none is given, with mean field's."""
    runs: list[dict[str, Any]] = []
    for name in config.activations:
        for init in config.inits:
            slope = slopes.get((name, init), vanishing_verdicts.predicted_decades(config, name, init, at_limit=False))
            runs += [
                {
                    "part": "untrained",
                    "activation": name,
                    "init": init,
                    "seed": seed,
                    "decades_per_layer": slope + 1e-4 * (seed % 2),
                }
                | {"saturated": share, "diverged": False}
                for seed in range(config.seeds)
            ]
    return runs


@pytest.mark.parametrize(
    ("slopes", "share", "half", "expected"),
    [
        ({}, 0.9, 0.5, [REFUTED, REFUTED, SUPPORTED, SUPPORTED, SUPPORTED, SUPPORTED]),
        ({("tanh", "large"): -0.2}, 0.9, 0.6, [SUPPORTED, REFUTED, SUPPORTED, REFUTED, SUPPORTED, REFUTED]),
        ({("tanh", "large"): -0.2}, 0.3, 0.5, [INCONCLUSIVE, REFUTED, *[SUPPORTED] * 3, REFUTED]),
        (
            {("tanh", "lecun"): -0.06, ("tanh", "he"): -0.06, ("relu", "lecun"): -0.2, ("relu", "he"): -0.06},
            0.9,
            0.448,
            [REFUTED, SUPPORTED, REFUTED, INCONCLUSIVE, SUPPORTED, REFUTED],
        ),
        ({("relu", "he"): -0.0501}, 0.9, 0.5, [REFUTED, REFUTED, INCONCLUSIVE, SUPPORTED, SUPPORTED, REFUTED]),
    ],
)
def test_vanishing_is_judged_by_its_rule(
    slopes: dict[tuple[str, str], float], share: float, half: float, expected: list[str]
) -> None:
    config = QUESTIONS["vanishing"].config(("tanh", "relu"), ("lecun", "he", "small", "large"), seeds=10)
    claims = vanishing_verdicts.judge(config, _slopes(config, slopes, share) + _halves(half))
    assert [claim.verdict for claim in claims] == expected
    assert [claim.kind for claim in claims] == [*["experiment"] * 4, "algebra", "check"]


def test_weights_that_lose_any_gradient_at_this_width_are_not_judged() -> None:
    config = QUESTIONS["vanishing"].config()
    assert vanishing_verdicts.judged_inits(config) == ["lecun", "glorot", "he", "uniform"]
    best = {name: vanishing_verdicts.predicted_decades(config, name, "small", False) for name in config.activations}
    assert max(best.values()) < 10 * vanishing_verdicts.VANISHES


@pytest.mark.parametrize(
    ("slopes", "share", "normalised", "answer", "advice"),
    [
        (
            {},
            0.9,
            False,
            "Not by saturating: with 10 times LeCun's weights, decades of gradient per",
            "Initialise deep ReLU nets",
        ),
        ({("sigmoid", "large"): -0.3, ("tanh", "large"): -0.2}, 0.9, True, "Yes: with", "Initialise deep ReLU nets"),
        ({("sigmoid", "large"): math.nan}, 0.9, False, "Undecided: with", "Initialise deep ReLU nets"),
        (dict.fromkeys(product(("relu", "tanh"), INITS), -0.5), 0.3, False, "Undecided: with", ""),
        (
            dict.fromkeys(product(("tanh",), INITS), math.nan),
            0.3,
            False,
            "Undecided: with",
            "Initialise deep ReLU nets",
        ),
    ],
)
def test_sentences_on_vanishing_read_well_whatever_came_out(
    slopes: dict[tuple[str, str], float], share: float, normalised: bool, answer: str, advice: str
) -> None:
    config = QUESTIONS["vanishing"].config(normalised=normalised, seeds=10)
    runs = _slopes(config, slopes, share) + _halves(0.5)
    runs += [run | {"part": NORMALISED} for run in runs if run["part"] == "untrained"] * normalised
    made = _checked_sentences("vanishing", config, runs)
    assert made.findings[0].startswith(answer)
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)


def _checked_sentences(name: str, config: Any, runs: list[dict[str, Any]]) -> Report:
    """The report, all of whose sentences are whole, and printed to be read."""
    made, claims = QUESTIONS[name].report(config, runs), QUESTIONS[name].judge(config, runs)
    sentences = [*made.findings, *made.compared, *made.practice, *([made.advice] if made.advice else [])]
    print(*sentences, *(f"{claim.text}. {claim.measure}; {claim.rule}" for claim in claims), "", sep="\n")
    for sentence in sentences:
        assert sentence[0].isupper()
        assert sentence[-1] == "."
        assert not re.search(r"\bnan\b|\binf\b|None of 0|  |\(\)| ,|: \.|\.\.|\band and\b|of of", sentence), sentence
    assert all(claim.text[0].isupper() and not re.search(r"\bnan\b|  ", claim.rule + claim.measure) for claim in claims)
    assert len(made.findings) <= 5
    assert len(made.practice) <= 3
    assert len(made.advice.split()) <= 45
    return made


def test_no_net_is_born_dead_in_one_layer_and_in_two_as_counting_says() -> None:
    for width in (1, 2, 3, 4):
        first, second, *_ = dead = born_dead(width, 4, 100_000)
        exact = (3 - 2.0 ** (1 - width)) / 4**width
        assert first == 0
        assert wilson_interval(second, 100_000, 0.999).low < exact < wilson_interval(second, 100_000, 0.999).high
        assert dead == sorted(dead)


@pytest.mark.parametrize("width", range(2, 12))
def test_the_lower_bound_is_exact_where_counting_is_easy_and_below_the_upper_one(width: int) -> None:
    assert lower(width, 1) == pytest.approx(0, abs=1e-15)
    assert lower(width, 2) == pytest.approx((3 - 2.0 ** (1 - width)) / 4**width, rel=1e-12)
    assert all(lower(width, hidden) < upper(width, hidden) for hidden in range(1, 40))


def test_two_rays_agree_with_a_grid_of_inputs() -> None:
    nets, hidden = 4000, 4
    x = jnp.asarray([[-2.0], [-0.3], [0.0], [0.7], [3.0]])
    net = draw_nets((1, *[2] * hidden, 1), INITS["he"], range(nets))
    recipe = Recipe((1, *[2] * hidden, 1), "relu")
    outputs = np.asarray(jax.lax.map(lambda net: forward(recipe, net, x)[0], net))
    constant = int((np.ptp(outputs, axis=1) == 0).sum())
    exact = born_dead(2, hidden, 400_000)[-1] / 400_000
    interval = wilson_interval(constant, nets, 0.999)
    assert interval.low < exact < interval.high


def test_nets_that_are_born_dead_stay_dead() -> None:
    config = QUESTIONS["born_dead"].config(hidden=4, most_hidden=4, learners=200, steps=50)
    runs = learning(config, 0.01)
    assert 0 < sum(run["born_dead"] for run in runs) < 200
    assert all(run["collapsed"] for run in runs if run["born_dead"])
    assert len({run["loss"] for run in runs if not run["collapsed"]}) > 10


def test_a_bias_far_below_kills_every_unit_and_one_far_above_none() -> None:
    config, x = QUESTIONS["born_dead"].config(hidden=3, most_hidden=3, seeds=3, ordinary=(6,)), digits().train.x
    for kind in ("narrow", "ordinary"):
        assert [(run["dead_units"], run["dead"]) for run in biased(config, x, kind, -1000.0)] == [(1.0, True)] * 3
    assert [(run["dead_units"], run["dead"]) for run in biased(config, x, "ordinary", 1000.0)] == [(0.0, False)] * 3


def _room(width: int, hidden: int) -> float:
    return upper(width, hidden) - lower(width, hidden)


def _dead_runs(
    config: Any, excess: float = 0.3, collapsed: int = 96, points: float = 20.0, born: float = 0.1, saved: int = 2
) -> list[dict[str, Any]]:
    """Dead shares that exceed the lower bound by a part of its gap to the upper one, the percentage of learners that
    collapsed, points of dead units that a negative bias adds, the percentage of units dead at zero bias, and how many
    of ten narrow nets a positive bias saves.
    """
    runs: list[dict[str, Any]] = [
        {"part": "rays", "width": width, "hidden": hidden, "nets": 10**6}
        | {"dead": int(1e6 * np.clip(lower(width, hidden) + (hidden > 2) * excess * _room(width, hidden), 0, 1))}
        for width in config.widths
        for hidden in range(1, config.most_hidden + 1)
    ]
    runs += [
        {"part": "abs", "rate": rate, "seed": seed, "born_dead": False, "collapsed": seed % 100 < collapsed}
        | {"loss": math.nan if seed == 99 else 0.1, "diverged": seed == 99}
        for rate in config.rates
        for seed in range(config.learners)
    ]
    kinds = [(kind, bias) for kind in config.kinds() for bias in (0.0, *config.biases)] + [(OFF_CENTRE, 0.0)]
    runs += [
        {"part": "biases", "kind": kind, "bias": bias, "seed": 1000 + seed}
        | {"dead": seed % 10 < (8 if bias < 0 else 6 - saved * (bias > 0))}
        | dict.fromkeys(
            ("dead_units", "dead_first"),
            born / 100 * (0.9 + 0.2 * (seed % 2)) * (1 + (kind == OFF_CENTRE))
            + (min(points * abs(bias) ** 0.1, 90) / 100 * (0.9 + 0.2 * (seed % 2)) if bias < 0 else 0),
        )
        for kind, bias in kinds
        for seed in range(config.seeds)
    ]
    return runs


@pytest.mark.parametrize(
    ("excess", "collapsed", "points", "born", "saved", "expected"),
    [
        (0.3, 96, 20.0, 0.1, 2, [REFUTED, REFUTED, SUPPORTED, *[SUPPORTED] * 2, SUPPORTED, SUPPORTED, SUPPORTED]),
        (-0.3, 80, 2.0, 4.0, 0, [REFUTED, SUPPORTED, SUPPORTED, *[REFUTED] * 2, REFUTED, REFUTED, REFUTED]),
        (1.3, 90, 5.0, 5.0, 1, [INCONCLUSIVE, *[SUPPORTED] * 3, *[INCONCLUSIVE] * 2, REFUTED, INCONCLUSIVE]),
    ],
)
def test_born_dead_is_judged_by_its_rules(
    excess: float, collapsed: int, points: float, born: float, saved: int, expected: list[str]
) -> None:
    config = QUESTIONS["born_dead"].config(
        (3, 10), 20, biases=(-6.0, -3.0, -1.0, 0.1, 1.0), rates=(0.01,), learners=1000, seeds=100, ordinary=(20,)
    )
    claims = born_dead_verdicts.judge(config, _dead_runs(config, excess, collapsed, points, born, saved))
    assert [claim.id for claim in claims] == [*["B17"] * 3, "B18", "B18", "B19", "B17", "B17"]
    assert [claim.kind for claim in claims] == [*["experiment"] * 6, "check", "check"]
    assert [claim.verdict for claim in claims] == expected
    (learners,) = [claim for claim in claims if "|x|" in claim.text]
    assert "1 blew up" in learners.measure
    assert learners.interval.value == pytest.approx(collapsed)


def test_narrow_nets_that_are_not_born_dead_refute_the_claim() -> None:
    config = QUESTIONS["born_dead"].config((10, 20), 20, seeds=100)
    claims = born_dead_verdicts.judge(config, _dead_runs(config))
    assert [claim.verdict for claim in claims if "narrow" in claim.text] == [REFUTED, SUPPORTED, SUPPORTED]
    assert "9 hidden layers of 10" in claims[2].scope


@pytest.mark.parametrize(
    ("widths", "points", "born", "saved", "answer", "advice"),
    [
        ((2, 3, 10), 20.0, 0.1, 2, "Not ordinary ones: before training 0.1 %", "Make deep ReLU nets at least 10 units"),
        ((2, 3), 2.0, 8.0, 0, "Yes, even ordinary ones: before training 8.0 %", ""),
        ((10,), 5.0, 5.0, 1, "Undecided: before training 5.0 %", "Make deep ReLU nets at least 10 units wide: with 9"),
    ],
)
def test_sentences_on_nets_born_dead_read_well_whatever_came_out(
    widths: tuple[int, ...], points: float, born: float, saved: int, answer: str, advice: str
) -> None:
    config = QUESTIONS["born_dead"].config(widths, seeds=20, learners=100)
    made = _checked_sentences("born_dead", config, _dead_runs(config, points=points, born=born, saved=saved))
    assert made.findings[0].startswith(answer)
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)
    few = QUESTIONS["born_dead"].config(widths, seeds=20, learners=100, biases=())
    assert len(_checked_sentences("born_dead", few, _dead_runs(few)).findings) == 3


def _scale_runs(
    config: Any, steps: dict[tuple[str, float], float], share: float = 0.9, kind: Kind | None = None
) -> list[dict[str, Any]]:
    """Nets that take 50 steps where nothing else is said; LeCun's scale is the best, and 150 steps the budget."""
    return [
        each._asdict()
        | {"activation": name, "scale": scale, "rate": 0.1, "interior": True, "best": scale == 1.0, "budget": 150}
        | {"seed": seed, "error": 0.1, "steps": steps.get((name, scale), 50.0) + seed % 3}
        | {"diverged": scale == 10.0 and seed == 0}
        | {f"saturated_{when}": (share if scale == 10.0 else 0.01) + 0.001 * seed for when in ("before", "after")}
        for each in config.kinds()
        if kind in (None, each)
        for name in config.activations
        for scale in config.scales
        for seed in range(config.seeds)
    ]


NEVER = math.inf
SMALL_FAILS = {("tanh", 0.1): NEVER}
LARGE_FAILS = {("sigmoid", 10.0): NEVER, ("tanh", 10.0): 140.0}


@pytest.mark.parametrize(
    ("steps", "small", "large"),
    [
        (SMALL_FAILS | LARGE_FAILS, REFUTED, SUPPORTED),
        (LARGE_FAILS | {("relu", 10.0): NEVER}, SUPPORTED, REFUTED),
        ({("tanh", 10.0): NEVER}, SUPPORTED, REFUTED),
        ({("relu", 0.1): 101.0, ("relu", 10.0): 101.0} | LARGE_FAILS, INCONCLUSIVE, INCONCLUSIVE),
        ({(name, 1.0): NEVER for name in ("sigmoid", "tanh", "relu")}, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_small_and_large_scales_are_judged_by_their_rule(
    steps: dict[tuple[str, float], float], small: str, large: str
) -> None:
    config = QUESTIONS["init_scale"].config(depths=(4,), normalised_depths=())
    claims = init_scale_verdicts.judge(config, _scale_runs(config, steps))
    assert [claim.verdict for claim in claims] == [small, large, SUPPORTED]
    assert [claim.kind for claim in claims] == ["experiment", "experiment", "algebra"]
    assert all("150 (sigmoid), 150 (tanh) and 150 (ReLU) steps" in claim.budget for claim in claims[:2])


def test_nets_that_are_not_there_in_time_give_a_lower_bound() -> None:
    config = QUESTIONS["init_scale"].config(depths=(4,), normalised_depths=())
    never, half, best = (
        init_scale_verdicts.ratio(config, _scale_runs(config, steps), "tanh", scale)
        for steps, scale in ((SMALL_FAILS, 0.1), ({}, 0.3), ({}, 1.0))
    )
    assert never.low == pytest.approx(150 / 52, abs=0.1)
    assert never.value == never.high == math.inf
    assert half.low <= 1 <= half.high < 1.1
    assert best.value == 1
    assert verdict(Interval(NEVER, 1.9, NEVER), high=2.0) == INCONCLUSIVE


def test_a_scale_at_which_half_of_the_nets_learn_is_inconclusive() -> None:
    config = QUESTIONS["init_scale"].config(("tanh", "relu"), depths=(4,), normalised_depths=())
    runs = _scale_runs(config, {})
    for run in runs:
        if run["scale"] in (0.1, 10.0) and run["seed"] % 2:
            run["steps"] = math.inf
    found = [claim.verdict for claim in init_scale_verdicts.judge(config, runs)]
    assert found == [INCONCLUSIVE, INCONCLUSIVE, SUPPORTED]


def test_every_scale_gets_a_multiple_of_the_steps_of_the_best() -> None:
    config = QUESTIONS["init_scale"].config(("tanh",), (0.1, 1.0, 10.0), width=16, threshold=0.5, steps=300, rates=5)
    task = Task(Recipe((64, 16, 10), "tanh"), digits().train, config.steps, (config.threshold,))
    tuned = _tuned(config, task)
    assert tuned.best in (0, 1)
    assert tuned.budget % (CHECK_EVERY * PATIENCE) == 0
    assert CHECK_EVERY * PATIENCE <= tuned.budget < config.steps
    assert len(tuned.rates) == len(tuned.interior) == 3
    impossible = _tuned(config, task._replace(max_steps=20, thresholds=(0.0,)))
    assert impossible.budget == 20


def test_the_first_step_counts_and_nets_that_stand_still_or_diverge_count_as_never() -> None:
    task = Task(Recipe((64, 16, 10), "relu"), digits().train, 60, (0.5, 0.1))
    end = steps_to_error(task, Grid.of([1000], [0.0, 0.2, 1e30]), 5, all_reached)
    assert np.isinf(end.steps[[0, 2]]).all()
    assert not np.isfinite(end.loss[2])
    assert end.steps[1, 0] < end.steps[1, 1] <= end.last == 60
    again = steps_to_error(task._replace(max_steps=int(end.steps[1, 0])), Grid.of([1000], [0.2]), 5, all_reached)
    assert again.error[0] <= 0.5


def test_the_tuned_rate_is_neither_the_smallest_nor_the_largest() -> None:
    task = Task(Recipe((64, 16, 10), "relu"), digits().train, 60, (0.1,))
    found = tune_steps(task, 0.1, range(2), 2.0**-4, 1.0, 19, 1, 1, check_every=10)
    assert found.interior
    assert 2.0**-5 < found.rate < 8


def test_small_weights_are_judged_for_three_kinds_of_nets_and_others_are_shown() -> None:
    config = QUESTIONS["init_scale"].config(("tanh",), depths=(1, 2, 4), normalised_depths=(4, 8))
    hard = Kind(4)
    runs = [
        run for kind in config.kinds() for run in _scale_runs(config, SMALL_FAILS if kind == hard else {}, 0.9, kind)
    ]
    claims = init_scale_verdicts.judge(config, runs)
    assert [claim.verdict for claim in claims] == [REFUTED, SUPPORTED, SUPPORTED, SUPPORTED]
    kinds = ["4 hidden layers", "1 hidden layer", "4 hidden layers with LayerNorm"]
    assert [claim.text for claim in claims[:3]] == [
        f"Small initial weights take less than twice the steps of the best in nets of {kind}" for kind in kinds
    ]
    assert len(QUESTIONS["init_scale"].figure(config, runs).axes) >= 3 * len(config.kinds())


@pytest.mark.parametrize(
    ("steps", "answer", "advice"),
    [
        (
            {},
            "Yes, in nets of 4 hidden layers: a tenth of LeCun's scale takes 1.0 times",
            "Do not tune the initial scale",
        ),
        (
            SMALL_FAILS,
            "No, in nets of 4 hidden layers: a tenth of LeCun's scale takes 1.0 times (sigmoid), at least",
            "Start",
        ),
        ({("relu", 0.1): 101.5}, "Undecided, in nets of 4 hidden layers", "Start from weights of 0.3 to 10 times"),
        (
            {(name, scale): NEVER for name in ("tanh",) for scale in (0.03, 0.1, 0.3, 1.0, 1.41, 3.0, 10.0)},
            "Undecided, in nets of 4 hidden layers: a tenth of LeCun's scale takes 1.0 times (sigmoid) and 1.0 times",
            "Multiply LeCun's standard deviation (1/sqrt(fan-in)) by",
        ),
        (
            {(name, scale): NEVER for name in ("sigmoid", "tanh", "relu") for scale in (0.1, 1.0)},
            "Undecided, in nets",
            "",
        ),
        (
            {
                (name, scale): NEVER
                for name in ("sigmoid", "tanh", "relu")
                for scale in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
            },
            "Undecided, in nets of 4 hidden layers: a tenth of LeCun's scale takes a number of steps that cannot be",
            "",
        ),
        (
            {(name, scale): NEVER for name in ("sigmoid", "relu") for scale in (0.03, 0.1, 0.3, 3.0, 10.0)},
            "No, in nets of 4 hidden layers",
            "Start from weights of 1 to 1.41 (He's) times LeCun's deviation",
        ),
    ],
)
def test_sentences_on_scales_read_well_whatever_came_out(
    steps: dict[tuple[str, float], float], answer: str, advice: str
) -> None:
    more = QUESTIONS["init_scale"].full()
    _checked_sentences("init_scale", more, _scale_runs(more, steps))
    config = QUESTIONS["init_scale"].config()
    made = _checked_sentences("init_scale", config, _scale_runs(config, steps))
    assert made.findings[0].startswith(answer)
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)
    late = sum(np.isinf(run["steps"]) for run in _scale_runs(config, steps))
    assert made.findings[-1].endswith(f": {late or 'none'} of 756 nets; 9 of them diverged.")
