"""Collapse is judged by its rules, in which every margin can be met or missed, and its sentences read well."""

import math
from typing import Any

import pytest

from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.questions.collapse import report, verdicts
from experiments.questions.collapse.measure import Config, full

Runs = list[dict[str, Any]]


def _runs(config: Config, one: float, deep: dict[int, float], relu: dict[int, float], solved: bool = True) -> Runs:
    """Classifiers of these accuracies on every data set; all ReLU nets solve XOR or none."""
    nets = {("identity", 1): one}
    nets |= {("identity", d): deep.get(d, deep[0]) for d in config.depths}
    nets |= {("relu", d): relu.get(d, relu[0]) for d in config.depths}
    shared = {"part": "classes", "diverged": False, "interior": True, "rate": 0.1}
    runs: Runs = [
        shared
        | {"data": data, "activation": name, "depth": depth, "accuracy": (end := accuracy + 0.0001 * seed)}
        | {"curve": [end / 2, end]}
        for data in config.data
        for (name, depth), accuracy in nets.items()
        for seed in range(config.seeds)
    ]
    runs += [{"part": "exact", "difference": 1e-15, "depth": 2, "seed": 0}]
    ends = (("identity", 0.25), ("relu", 1e-6 if solved else 0.2))
    return runs + [{"part": "xor", "activation": name, "mse": mse} for name, mse in ends] * 20


@pytest.mark.parametrize(
    ("one", "deep", "relu", "as_well", "gains"),
    [
        (0.90, 0.90, 0.97, SUPPORTED, SUPPORTED),
        (0.90, 0.90, 0.905, SUPPORTED, REFUTED),
        (0.96, 0.96, 0.97, SUPPORTED, SUPPORTED),  # on data as easy as digits the rule can be met ...
        (0.96, 0.96, 0.962, SUPPORTED, REFUTED),  # ... and missed
        (0.32, 0.32, 0.37, SUPPORTED, REFUTED),
        (0.90, 0.80, 0.97, REFUTED, SUPPORTED),
        (0.90, 0.95, 0.95, REFUTED, REFUTED),
    ],
)
def test_collapse_is_judged_by_its_rule(one: float, deep: float, relu: float, as_well: str, gains: str) -> None:
    config = Config()
    exact, xor, *trained = verdicts.judge(config, _runs(config, one, {0: deep}, {0: relu}))
    assert (exact.verdict, xor.verdict) == (SUPPORTED, SUPPORTED)
    assert [(exact.id, exact.kind), (xor.id, xor.kind)] == [("A1", "algebra"), ("A2", "algebra")]
    assert [(claim.id, claim.verdict) for claim in trained] == [("A1", as_well)] * 2 + [("A2", gains)] * 2
    assert {(claim.kind, claim.budget) for claim in trained} == {("experiment", "20 epochs of SGD, 10 seeds")}


def test_depths_that_disagree_decide_nothing() -> None:
    config = full()
    judged = verdicts.judge(config, _runs(config, 0.9, {0: 0.9, 8: 0.85}, {0: 0.97, 8: 0.85}))
    assert [claim.verdict for claim in judged[2:]] == [INCONCLUSIVE] * 4


def test_a_linear_net_below_a_quarter_on_xor_or_a_product_that_differs_refutes() -> None:
    config = Config()
    runs = _runs(config, 0.9, {0: 0.9}, {0: 0.97})
    runs += [{"part": "xor", "activation": "identity", "mse": 0.2}, {"part": "exact", "difference": 1e-9}]
    exact, xor, *_ = verdicts.judge(config, runs)
    assert (exact.verdict, xor.verdict, xor.interval.value) == (REFUTED, REFUTED, 0.2)


@pytest.mark.parametrize(
    ("deep", "relu", "solved", "answer", "effect"),
    [
        ({0: 0.9}, {0: 0.97}, True, "Yes: 3 and 4 layers of a trained linear net do as well as one (", "helps"),
        ({0: 0.8}, {0: 0.7}, True, "Not in training: 3 and 4 layers of a linear net do not do as well", "hurts"),
        ({0: 0.9, 4: 0.8}, {0: 0.91, 4: 0.79}, False, "In algebra; in training it is not clear", "makes no difference"),
    ],
)
def test_sentences_read_well_whatever_came_out(
    deep: dict[int, float], relu: dict[int, float], solved: bool, answer: str, effect: str
) -> None:
    config = Config(depths=(3, 4))
    runs = _runs(config, 0.9, deep, relu, solved)
    made = report.report(config, runs)
    print(*made.findings, *made.practice, made.advice, "", sep="\n")
    assert made.findings[0].startswith(answer)
    assert made.practice[0].startswith(f"On digits ReLU {effect}")
    assert len(made.practice) == 2 + solved
    assert made.advice.startswith("Fit a linear layer first: ")
    assert len(made.advice.split()) <= 45
    assert not math.isnan(len(report.figure(config, runs).axes))
