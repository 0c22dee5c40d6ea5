"""Speed is judged by its rules, a net that has not arrived gives a bound, and published weights are as published."""

import dataclasses
import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from experiments.core.convolution import conv_stack
from experiments.core.result import Claim
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, censored_ratio_interval, ratio_interval
from experiments.core.training import Grid, Recipe, initial_state
from experiments.questions.convergence import measure, report, verdicts
from experiments.questions.convergence.measure import CONVNET, TUNED, Config, Setup

Runs = list[dict[str, Any]]
Steps = Callable[[Setup, str], float]
OWN = {"relu": (10, 0), "leaky_relu": (11, 0.3), "elu": (12, 0.5), "tanh": (23, 1), "sigmoid": (57, 1.5)}
USUAL = {"relu": 10.0, "leaky_relu": 10.0, "elu": 10.0, "tanh": 60.0, "sigmoid": 90.0}


def _runs(config: Config, steps: Steps, interior: bool = True) -> Runs:
    """Nets that take so many steps, a per cent more with every seed, and twice as many at other rates."""
    return [
        {"part": "race" if multiple == 1 else "sweep", "net": setup.net, "optimizer": setup.optimizer}
        | {"init": setup.init, "activation": name, "multiple": multiple, "rate": 0.1, "gain": 1.0, "seed": 1000 + seed}
        | {
            "steps": [_taken(setup, steps(setup, name) * (1 + seed / 100) * (1 + (multiple != 1)))]
            * len(config.thresholds)
        }
        | {"diverged": False, "interior": interior}
        for setup in config.setups()
        for name in setup.activations
        for multiple in (config.rates_around if setup.init == TUNED and setup.net != CONVNET else (1.0,))
        for seed in range(config.seeds)
    ]


def _taken(setup: Setup, steps: float) -> float:
    return steps if steps <= setup.max_steps else math.inf


def _claims(config: Config, steps: Steps) -> dict[str, Claim]:
    claims = verdicts.judge(config, _runs(config, steps))
    assert len({claim.text for claim in claims}) == len(claims)
    return {claim.text: claim for claim in claims}


FASTER = "ReLU converges faster than tanh when rate and gain are tuned for each"
SIX = "ReLU converges six times faster than tanh in a convolutional net"


@pytest.mark.parametrize(
    ("relu", "tanh", "six", "faster"),
    [
        (10.0, 60.0, SUPPORTED, SUPPORTED),
        (10.0, 20.0, REFUTED, SUPPORTED),
        (10.0, 10.0, REFUTED, REFUTED),
        (10.0, 5.0, REFUTED, REFUTED),
        (10.0, 40.0, INCONCLUSIVE, SUPPORTED),
        (10.0, math.inf, REFUTED, SUPPORTED),  # more than nine times, whatever it is
        (800.0, math.inf, INCONCLUSIVE, SUPPORTED),
        (math.inf, math.inf, INCONCLUSIVE, INCONCLUSIVE),
        (math.inf, 10.0, REFUTED, REFUTED),
    ],
)
def test_six_times_and_faster_are_judged_by_their_rules(relu: float, tanh: float, six: str, faster: str) -> None:
    taken = USUAL | {"relu": relu, "tanh": tanh}
    claims = _claims(Config(), lambda _, name: taken[name])
    assert claims[SIX].verdict == six
    assert claims[FASTER].verdict == faster


def test_the_headline_is_six_times_in_the_convolutional_net_with_published_weights() -> None:
    first, *_ = verdicts.judge(Config(), _runs(Config(), lambda _, name: USUAL[name]))
    assert first.text == SIX
    assert "Glorot's initial weights" in first.scope
    assert first.budget == "at most 3,000 steps of SGD, 8 seeds"


def test_one_net_in_which_tanh_is_faster_refutes_and_is_shown() -> None:
    def steps(setup: Setup, name: str) -> float:
        return 5.0 if (setup.net, name, setup.init) == ("mlp4", "tanh", TUNED) else USUAL[name]

    claim = _claims(Config(), steps)[FASTER]
    assert claim.verdict == REFUTED
    assert claim.interval.value == pytest.approx(0.5, abs=0.05)
    assert "decided with 4 hidden layers, one of 3 comparisons" in claim.measure


def test_no_two_verdicts_share_an_interval_and_no_claim_has_many() -> None:
    def steps(setup: Setup, name: str) -> float:
        taken, power = OWN[name]
        return taken * (1 + 0.1 * config.setups().index(setup)) ** power

    for config, most in ((Config(), 4), (measure.full(), 6)):
        claims = verdicts.judge(config, _runs(config, steps))
        assert len({claim.interval for claim in claims}) == len(claims)
        for id in {claim.id for claim in claims}:
            assert len([claim for claim in claims if claim.id == id]) <= most


def test_a_ratio_of_runs_that_were_stopped_is_a_bound() -> None:
    rng = np.random.default_rng(0)
    above, below = rng.uniform(50, 60, 9), rng.uniform(9, 11, 8)
    assert censored_ratio_interval(above, below, 1000, 0.99) == ratio_interval(above, below, 0.99)
    late = np.full(9, np.inf)
    bound = censored_ratio_interval(late, below, 64, 0.99)
    assert bound.value == pytest.approx(64 / np.median(below))
    assert 5.5 < bound.low <= bound.value
    assert bound.high == math.inf
    upper = censored_ratio_interval(below, late, 64, 0.99)
    assert (upper.low, upper.value) == (0, pytest.approx(np.median(below) / 64))
    assert upper.value <= upper.high < 0.2
    neither = censored_ratio_interval(late, late, 64, 0.99)
    assert math.isnan(neither.value)
    assert neither[1:] == (0, math.inf)


def test_a_bound_contains_the_ratio_that_more_steps_would_have_shown() -> None:
    rng = np.random.default_rng(1)
    above, below = rng.uniform(30, 90, 9), rng.uniform(9, 11, 9)
    whole = censored_ratio_interval(above, below, 1000, 0.99)
    for most in (40, 60, 80):
        stopped = censored_ratio_interval(np.where(above > most, np.inf, above), below, most, 0.99)
        assert stopped.low <= whole.low
        assert stopped.high >= whole.high
        assert stopped.value <= whole.value + 1e-9


GRID = Grid.of(range(20), [0.1], [float("nan")])


def _started(start: Any, windows: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    stack, sizes = conv_stack((40, 1), 25, (5, 3, 3)) if windows else ((), (64, 100, 100))
    state = start(Recipe((*sizes, 10), "relu", windows=stack), GRID)
    return [(np.asarray(layer.weight), np.asarray(layer.bias)) for layer in state.net]


@pytest.mark.parametrize("windows", [False, True])
def test_glorots_weights_are_uniform_up_to_his_limit(windows: bool) -> None:
    kernels = (5, 3, 3, 1) if windows else (1, 1, 1)
    for (weight, bias), kernel in zip(_started(measure.glorot, windows), kernels, strict=True):
        limit = math.sqrt(6 / (weight.shape[1] + kernel * weight.shape[2]))
        assert 0.98 * limit < np.abs(weight).max() <= limit * 1.0001
        assert weight.std() == pytest.approx(limit / math.sqrt(3), rel=0.05)
        assert not bias.any()


@pytest.mark.parametrize(("windows", "biased"), [(False, [1, 1, 0]), (True, [0, 1, 0, 0])])
def test_alexnets_weights_and_biases_are_those_published(windows: bool, biased: list[int]) -> None:
    for (weight, bias), constant in zip(_started(measure.alexnet, windows), biased, strict=True):
        assert weight.std() == pytest.approx(0.01, rel=0.05)
        assert (bias == constant).all()


def test_published_weights_share_their_draws_with_the_tuned() -> None:
    recipe = Recipe((64, 16, 10), "relu")
    tuned = np.asarray(initial_state(recipe, Grid.of([5], [0.1], [1.0])).net[0].weight)
    ours = np.asarray(measure.alexnet(recipe, Grid.of([5], [0.1])).net[0].weight)
    assert np.allclose(ours, 0.01 * 8 * tuned, rtol=1e-5)


def _sentences(config: Config, runs: Runs) -> list[str]:
    told = report.report(config, runs)
    assert len(told.findings) <= 5
    assert len(told.practice) <= 3
    assert len(told.advice.split()) <= 45
    claims = [text for claim in verdicts.judge(config, runs) for text in (claim.text, claim.measure, claim.rule)]
    return [*claims, *filter(None, [told.advice]), *told.findings, *told.practice, *told.compared]


BRANCHES = [
    (math.inf, math.inf, math.inf),
    (10, 60, 20),
    (10, 5, 5),
    (800, math.inf, 3000),
    (10, 40, math.inf),
    (10, 11, 11),
]


@pytest.mark.parametrize("relu_tanh_sigmoid", BRANCHES)
@pytest.mark.parametrize("several", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_branch_reads_as_english(relu_tanh_sigmoid: tuple[float, ...], several: bool) -> None:
    config = measure.full() if several else dataclasses.replace(Config(), nets=("mlp1", CONVNET))
    relu, tanh, sigmoid = relu_tanh_sigmoid
    taken = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid, "leaky_relu": 10.0, "elu": 10.0}
    sentences = _sentences(config, _runs(config, lambda _, name: taken[name], interior=not several))
    print(*sentences, "", sep="\n")
    for sentence in sentences:
        assert not re.search(r"\b(nan|inf|never|None)\b|  | ,| \.|\.\.|\[\]|\(\)", sentence), sentence
        assert not any(a == b for a, b in itertools.pairwise(sentence.split())), sentence
        assert sentence[0].isupper() or sentence.startswith(("supported if", "steps of")), sentence


def test_activations_that_did_not_run_are_not_told() -> None:
    config = dataclasses.replace(
        Config(), activations=("relu", "elu"), convnet_activations=("relu",), nets=("mlp2",), rates_around=(1.0,)
    )
    assert verdicts.judge(config, _runs(config, lambda _, name: USUAL[name])) == []
    sentences = _sentences(config, _runs(config, lambda _, name: USUAL[name]))
    print(*sentences, sep="\n")
    assert not any("tanh" in sentence or "sigmoid" in sentence for sentence in sentences)


@pytest.mark.parametrize("config", [Config(), measure.smallest(), dataclasses.replace(Config(), nets=("mlp2",))])
def test_the_figure_has_curves_over_steps_and_over_the_rate(config: Config) -> None:
    runs = _runs(config, lambda _, name: USUAL[name])
    axes = report.figure(config, runs).axes
    labels = [panel.get_xlabel() for panel in axes]
    assert {"steps", "learning rate", "hidden layers, or convolutional"} <= set(labels)
    assert all(panel.lines or panel.containers for panel in axes if panel.axison)


def test_full_is_more_than_the_default() -> None:
    full, usual = measure.full(), Config()
    assert full.seeds > usual.seeds
    assert set(full.nets) > set(usual.nets)
    assert set(full.optimizers) > set(usual.optimizers)
    assert set(full.inits) > set(usual.inits)
    assert set(full.convnet_activations) > set(usual.convnet_activations)
    assert full.convnet_steps > usual.convnet_steps
