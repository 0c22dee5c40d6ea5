"""The nets are those of MNIST-1D's authors, and the verdict on their accuracies follows its rule."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import FRESH, Grid, Layer, Net
from experiments.questions.soundness import measure, report, verdicts
from experiments.questions.soundness.measure import GAIN, NETS, RATE, gru, residual

GRID = Grid.of([FRESH], [RATE], [GAIN])


def _net(name: str) -> Net:
    return jax.tree.map(lambda leaf: leaf[0], NETS[name].start(NETS[name].recipe, GRID).net)


@pytest.mark.parametrize(("name", "count"), [("linear", 410), ("mlp", 78858), ("cnn", 5210), ("gru", 5134)])
def test_the_nets_have_as_many_parameters_as_theirs(name: str, count: int) -> None:
    """As https://github.com/greydanus/mnist1d prints them; the MLP's follow from its width."""
    assert sum(leaf.size for leaf in jax.tree.leaves(_net(name))) == count


def _cell(input_layer: Layer, state_layer: Layer, direction: int) -> eqx.nn.GRUCell:
    """Equinox's cell has one bias for the gates where PyTorch's has two that are added."""
    units = state_layer.weight.shape[1]
    gates = input_layer.bias[direction] + state_layer.bias[direction].at[2 * units :].set(0)
    parts = (
        input_layer.weight[direction].T,
        state_layer.weight[direction].T,
        gates,
        state_layer.bias[direction, 2 * units :],
    )
    blank = eqx.nn.GRUCell(1, units, key=jax.random.key(0))
    return eqx.tree_at(lambda cell: (cell.weight_ih, cell.weight_hh, cell.bias, cell.bias_n), blank, parts)


def test_the_gru_equals_equinoxs_in_both_directions() -> None:
    input_layer, state_layer, last = _net("gru")
    signal = jnp.asarray(np.random.default_rng(0).standard_normal(40, np.float32))
    states = []
    for direction, numbers in enumerate((signal, signal[::-1])):
        state = jnp.zeros(state_layer.weight.shape[1])
        for number in numbers:
            state = _cell(input_layer, state_layer, direction)(number[None], state)
            states.append(state)
    outputs = jnp.stack(states).reshape(2, 40, -1).swapaxes(0, 1).ravel() @ last.weight + last.bias
    assert np.allclose(gru((input_layer, state_layer, last), signal[None])[0], outputs, atol=1e-5)


def test_the_second_layer_of_the_mlp_adds_to_the_first() -> None:
    first, second, last = _net("mlp")
    x = np.random.default_rng(0).standard_normal((3, 40)).astype(np.float32)
    hidden = np.maximum(x @ np.asarray(first.weight), 0)
    expected = (hidden + np.maximum(hidden @ np.asarray(second.weight), 0)) @ np.asarray(last.weight)
    assert np.allclose(residual((first, second, last), jnp.asarray(x)), expected, atol=1e-4)


@pytest.mark.parametrize(("reached", "expected"), [(67.0, SUPPORTED), (64.9, INCONCLUSIVE), (60.0, REFUTED)])
def test_soundness_is_judged_by_its_rule(reached: float, expected: str) -> None:
    config = measure.Config(("mlp",))
    runs: list[dict[str, Any]] = [{"net": "mlp", "accuracy": reached + 0.1 * seed} for seed in range(config.seeds)]
    (claim,) = verdicts.judge(config, runs)
    assert claim.verdict == expected
    assert claim.kind == "check"
    assert "agrees with the published 68 %" in claim.text
    assert claim.budget == f"{config.steps} steps of Adam at 0.01, 8 seeds"


@pytest.mark.parametrize(
    ("nets", "reached", "answer"),
    [
        (("linear",), {"linear": 32.0}, "Yes: 1 of 1 published accuracies were reached within 3 points"),
        (("linear", "mlp"), {"linear": 32.0, "mlp": 68.0}, "Yes: 2 of 2 published accuracies were reached within"),
        (("linear", "mlp"), {"linear": 32.0, "mlp": 20.0}, "Not shown for two dense layers of 256: an accuracy as"),
        (
            ("linear", "mlp"),
            {"linear": np.nan, "mlp": 60.0},
            "Not shown for a linear layer and two dense layers of 256",
        ),
    ],
)
def test_the_answer_reads_well_whatever_came_out(nets: tuple[str, ...], reached: dict[str, float], answer: str) -> None:
    config = measure.Config(nets)
    runs: list[dict[str, Any]] = [
        {"net": net, "accuracy": reached[net] + 0.1 * seed, "loss": reached[net]}
        for net in nets
        for seed in range(config.seeds)
    ]
    made = report.report(config, runs)
    print(*made.findings, *made.practice, sep="\n")
    assert made.findings[0].startswith(answer)
    assert made.findings[1].startswith("8 of" if np.isnan(reached["linear"]) else "None of")
    assert made.advice == ""
