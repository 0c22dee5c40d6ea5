"""Top-k keeps k units, pruning prunes what it says, few bits are integers, and verdicts follow their rules."""

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxact
from experiments.core.data import digits
from experiments.core.devices import spread_over
from experiments.core.quantisation import products
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Activation, Grid, Recipe, State, initial_state
from experiments.questions.sparsity import report, verdicts
from experiments.questions.sparsity.measure import (
    RELU,
    WITH_ZEROS,
    Config,
    TopK,
    check,
    score_pruned,
    score_rounded,
    top_name,
)

Runs = list[dict[str, Any]]
X, Y = (part[:200] for part in digits().test)
EXAMPLES = digits().train.x[:50]


def _nets(activation: Activation, count: int = 2) -> tuple[Recipe, State]:
    """Nets before the first step, with two hidden layers of 12."""
    recipe = Recipe((64, 12, 12, 10), activation)
    return recipe, initial_state(recipe, Grid.of(range(count), [0.1], [2.0]))


def _layers(state: State, net: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(layer.weight[net]), np.asarray(layer.bias[net])) for layer in state.net]


@pytest.mark.parametrize(("share", "kept"), [(0.25, 2), (0.5, 4), (0.01, 1)])
def test_top_k_keeps_the_k_largest_and_their_gradients(share: float, kept: int) -> None:
    z = jnp.asarray(np.random.default_rng(0).permutation(40).reshape(5, 8).astype(np.float32) + 1)
    output, slope = jax.jit(lambda z: jax.vjp(TopK(share), z))(z)[0], jax.grad(lambda z: jnp.sum(TopK(share)(z)))(z)
    largest = np.sort(z, axis=-1)[:, -kept:]
    assert (np.sort(output, axis=-1)[:, -kept:] == largest).all()
    assert ((output > 0).sum(-1) == kept).all()
    assert np.array_equal(slope, output > 0)


def test_top_k_is_relu_where_few_units_are_positive() -> None:
    z = jnp.array([[-1.0, 2.0, -3.0, 0.0], [3.0, 2.0, 1.0, -1.0]])
    assert TopK(0.5)(z).tolist() == [[0, 2, 0, 0], [3, 2, 0, 0]]
    assert hash(TopK(0.5)) == hash(TopK(0.5))


def test_zeros_are_counted_layer_by_layer() -> None:
    recipe, state = _nets("relu")
    found = check(recipe, state, X, Y)
    for net in range(2):
        hidden = X
        for index, (weight, bias) in enumerate(_layers(state, net)[:-1]):
            hidden = np.maximum(hidden @ weight + bias, 0)
            assert found.zeros[net, index] == pytest.approx(np.mean(hidden == 0), abs=1e-3)
    assert np.isfinite(found.loss).all()


def _pruned_by_hand(layers: list[tuple[np.ndarray, np.ndarray]], shares: np.ndarray) -> tuple[float, list[float]]:
    """The accuracy of a gelu net and the share of each layer's outputs that is 0 on the examples."""
    both, pruned = np.concatenate([EXAMPLES, X]), []
    for (weight, bias), share in zip(layers[:-1], shares, strict=True):
        both = np.asarray(jaxact.gelu(both @ weight + bias))
        size = np.abs(both)
        both = np.where(size <= np.quantile(size[: len(EXAMPLES)], share), 0, both)
        pruned.append(float(np.mean(both[: len(EXAMPLES)] == 0)))
    weight, bias = layers[-1]
    return float(np.mean((both[len(EXAMPLES) :] @ weight + bias).argmax(-1) == Y)), pruned


def test_the_smallest_outputs_are_pruned_and_layers_know_of_those_before() -> None:
    recipe, state = _nets("gelu")
    shares = np.array([[[0.5, 0.9], [0.0, 0.25]]] * 2, np.float32)
    found = score_pruned(recipe, state, shares, EXAMPLES, X, Y)
    for net, pruning in product(range(2), range(2)):
        accuracy, pruned = _pruned_by_hand(_layers(state, net), shares[net, pruning])
        assert found[net, pruning] == pytest.approx(accuracy, abs=0.01)
        assert pruned == pytest.approx(shares[net, pruning], abs=0.005)


def test_pruning_zeros_changes_nothing() -> None:
    recipe, state = _nets("relu")
    shares = np.full((2, 1, 2), 0.2, np.float32)
    unpruned = check(recipe, state, X, Y)
    assert (np.asarray(unpruned.zeros) > 0.2).all()
    assert np.allclose(score_pruned(recipe, state, shares, EXAMPLES, X, Y)[:, 0], unpruned.accuracy, atol=1e-6)


@pytest.mark.parametrize(("bits", "low"), [(2, -5.0), (4, 0.0), (8, -0.3)])
def test_products_are_those_of_integers(bits: int, low: float) -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.uniform(low, 3, (6, 64)).astype("float32"), rng.normal(size=(64, 5)).astype("float32")
    found = products(*map(jnp.asarray, (x, weight, np.float32(low), np.float32(3), bits)))
    step = (3 - low) / (2**bits - 1)
    zero = round(-low / step)
    of_x = np.clip(np.round(x / step) + zero, 0, 2**bits - 1).astype(np.int32)
    column = np.abs(weight).max(0) / (2 ** (bits - 1) - 1)
    of_weight = np.round(weight / column).astype(np.int32)
    assert of_x.max() < 2**bits
    assert np.abs(of_weight).max() < 2 ** (bits - 1)
    assert np.allclose(found, (of_x - zero) @ of_weight * (step * column), rtol=1e-5, atol=1e-5)


def test_products_of_many_bits_are_almost_right_and_beyond_the_range_inputs_are_clipped() -> None:
    x, weight = jnp.array([[0.0, 0.5, 2.0, 9.0]]), jnp.array([[1.0, 0.0], [2.0, 0.0], [0.5, 0.0], [0.25, 0.0]])
    found = products(x, weight, jnp.float32(0), jnp.float32(4), jnp.asarray(14))
    assert np.allclose(found, [[3.0, 0.0]], atol=1e-3)


def test_many_bits_lose_nothing_and_two_almost_all() -> None:
    recipe, state = _nets("silu")
    hidden, (*layers, (weight, bias)) = X, _layers(state, 0)
    for each, shift in layers:
        hidden = np.asarray(jaxact.silu(hidden @ each + shift))
    answers = (hidden @ weight + bias).argmax(-1)
    accuracies = score_rounded(recipe, state, np.array([12, 2], np.int32), EXAMPLES, X, answers)
    assert accuracies[0, 0] > 0.98
    assert accuracies[0, 1] < 0.7


@pytest.mark.slow
def test_measures_are_the_same_on_three_devices() -> None:
    recipe, state = _nets("silu", 4)
    shares = np.full((4, 1, 2), 0.5, np.float32)

    def measured() -> list[Any]:
        bits = np.array([8, 3], np.int32)
        found = [
            score_pruned(recipe, state, shares, EXAMPLES, X, Y),
            score_rounded(recipe, state, bits, EXAMPLES, X, Y),
        ]
        return [*found, *check(recipe, state, X, Y)]

    alone = measured()
    with spread_over(3):
        shared = measured()
    assert all(np.allclose(*pair, atol=0.011) for pair in zip(alone, shared, strict=True))


FEW = Config(("relu_squared", "gelu", "silu"), (0.25,), (0.5, 0.9), (8, 2), epochs=2, seeds=6, data=("digits",))


def _runs(
    config: Config, zeros: float = 0.6, lost: float = 0.0, top: float = 0.0, rounded: float = 0.0, spread: float = 0.0
) -> Runs:
    """Nets with so many zeros and losses of so many points, give or take the spread from seed to seed."""
    runs: Runs = []
    for data, kind, multiple, seed in product(config.data, config.kinds(), config.rates_around, range(config.seeds)):
        moved = spread * (-1) ** seed / 100
        accuracy = 0.9 + (top / 100 + moved) * (kind not in (RELU, *config.activations))
        share = zeros + moved if kind in WITH_ZEROS else 0.75 if kind.startswith("top") else 0.0
        runs.append(
            {"data": data, "kind": kind, "multiple": multiple, "seed": 1000 + seed, "diverged": False}
            | {"rate": 0.004, "gain": 1.0, "interior": True, "accuracies": [0.1, 0.8, accuracy]}
            | {"zeros": [[0.5 * (share > 0), 0.5], [share, share], [share, share]]}
            | {"as_relu": accuracy - lost / 100 - moved, "pruned": [accuracy - 0.001, accuracy - 0.2]}
            | {"rounded": [accuracy - (rounded / 100 + moved) * (kind == "silu"), accuracy - 0.4]}
        )
    return runs


@pytest.mark.parametrize(
    ("id", "measured", "expected"),
    [
        ("S1", {"zeros": 0.6}, SUPPORTED),
        ("S1", {"zeros": 0.4}, REFUTED),
        ("S1", {"zeros": 0.501, "spread": 2.0}, INCONCLUSIVE),
        ("S2", {"lost": 0.5}, SUPPORTED),
        ("S2", {"lost": -3.0}, SUPPORTED),
        ("S2", {"lost": 1.5}, REFUTED),
        ("S2", {"lost": 0.5, "spread": 2.0}, INCONCLUSIVE),
        ("S3", {"top": -0.5}, SUPPORTED),
        ("S3", {"top": 3.0}, SUPPORTED),
        ("S3", {"top": -1.5}, REFUTED),
        ("S3", {"top": -1.5, "spread": 2.0}, INCONCLUSIVE),
        ("S4", {"rounded": 0.5}, SUPPORTED),
        ("S4", {"rounded": 1.5}, REFUTED),
        ("S4", {"rounded": 0.5, "spread": 2.0}, INCONCLUSIVE),
    ],
)
def test_claims_are_judged_by_their_rules(id: str, measured: dict[str, float], expected: str) -> None:
    claims = verdicts.judge(FEW, _runs(FEW, **measured))
    assert {claim.verdict for claim in claims if claim.id == id} == {expected}
    assert [claim.id for claim in claims] == ["S1", "S1", "S2", "S2", "S3", "S4"]
    (value,) = {round(claim.interval.value, 6) for claim in claims if claim.id == id and "rounded" not in measured} or {
        0
    }
    if id in ("S2", "S3"):
        assert value == pytest.approx(next(iter(measured.values())))


def test_a_verdict_that_another_rate_contradicts_is_inconclusive() -> None:
    runs = _runs(FEW, lost=0.0)
    for run in runs:
        if run["multiple"] == 2.0:
            run["as_relu"] -= 0.05
    assert {claim.verdict for claim in verdicts.judge(FEW, runs) if claim.id == "S2"} == {INCONCLUSIVE}


def test_the_quick_run_has_a_dozen_verdicts() -> None:
    assert len(verdicts.judge(Config(), _runs(Config()))) == 12


@pytest.mark.parametrize(
    ("measured", "sentences"),
    [
        (
            {"zeros": 0.6, "lost": 0.5, "top": 0.0, "rounded": 0.25},
            [
                "On digits 60 % of ReLU's and 60 % of ReLU^2's outputs and none of gelu and silu's are 0 after 2 "
                "epochs.",
                "At 0.5, 1 and 2 times the tuned rates the share of zeros is 60, 60 and 60 % (ReLU, digits) and 60, 60 "
                "and 60 % (ReLU^2, digits).",
                "Pruned after training to as many zeros as ReLU has: gelu and silu lost less than 1 point.",
                "Trained with a part of the units only, beside ReLU: top-k at 25 % was at most 1 point less accurate.",
                "With 8 bits for weights and outputs: on digits no activation lost 1 point. The most in the mean, 0.2 "
                "points, was lost by silu on digits.",
            ],
        ),
        (
            {"zeros": 0.4, "lost": 5.0, "top": -3.0, "rounded": 2.0},
            [
                "Pruned after training to as many zeros as ReLU has: gelu and silu lost more than 1 point.",
                "Trained with a part of the units only, beside ReLU: top-k at 25 % was more than 1 point less "
                "accurate.",
                "With 8 bits for weights and outputs: on digits an activation lost more than 1 point. The most in the "
                "mean, 2.0 points, was lost by silu on digits.",
            ],
        ),
        (
            {"lost": 0.5, "spread": 2.0},
            [
                "Pruned after training to as many zeros as ReLU has: of gelu and silu it cannot be said whether 1 "
                "point was lost.",
                "Trained with a part of the units only, beside ReLU: of top-k at 25 % it cannot be said whether 1 "
                "point was lost.",
            ],
        ),
    ],
)
def test_findings_read_well_whatever_came_out(measured: dict[str, float], sentences: list[str]) -> None:
    made = report.report(FEW, _runs(FEW, **measured))
    for sentence in (*made.findings, *made.compared, *made.practice, made.caption, made.advice):
        print(sentence)
    assert [sentence for sentence in sentences if sentence not in made.findings] == []
    assert len(made.advice.split()) <= 45
    assert made.advice.startswith(
        "Choose the activation by accuracy"
        if measured["lost"] == 0.5 and "spread" not in measured
        else "If outputs have to be 0, train with ReLU"
        if measured["lost"] == 5.0
        else "Measure before you prune"
    )


def test_several_data_sets_are_told_apart() -> None:
    config = Config(("gelu",), (0.5, 0.25), (0.5, 0.9), (8, 2), epochs=1, seeds=4)
    runs = _runs(config, lost=0.5)
    for run in runs:
        if run["data"] == "mnist1d" and run["kind"] == "gelu":
            run["as_relu"] -= 0.05
    made = report.report(config, runs)
    assert made.findings[2] == (
        "Pruned after training to as many zeros as ReLU has: gelu on digits lost less than 1 point; gelu on MNIST-1D "
        "lost more than 1 point."
    )
    assert "top-k at 50 % on digits, top-k at 25 % on digits, top-k at 50 % on MNIST-1D" in made.findings[3]
    assert len(report.figure(config, runs).axes) == 10
    assert [len(table.rows) for table in made.tables] == [4, 4]
    assert {len(row) for table in made.tables for row in table.rows} == {len(made.tables[0].header)}


@pytest.mark.parametrize("fine", [0, 1, 2])
def test_what_can_be_pruned_and_rounded_is_said_of_all_some_and_none(fine: int) -> None:
    config = Config(("gelu",), (0.25,), (0.5, 0.9), (8, 2), seeds=3, epochs=2, data=("digits",))
    runs = _runs(config)
    for run in runs:
        bad = fine == 0 or (fine == 1 and run["kind"] == "gelu")
        run["pruned"] = [run["accuracies"][-1] - 0.05 * bad, 0.2]
        run["rounded"] = [run["accuracies"][-1] - 0.05 * bad, 0.2]
    pruned, bits = report.report(config, runs).practice
    print(pruned, bits)
    assert (
        pruned.split(": ")[1]
        == [
            "none of those tried with any activation.",
            "50 % with ReLU and 50 % with top-k at 25 %; with gelu not even 50 %.",
            "50 % with ReLU, 50 % with gelu and 50 % with top-k at 25 %.",
        ][fine]
    )
    assert (
        bits.split(": ")[1]
        == [
            "none of those tried with any activation.",
            "8 with ReLU and 8 with top-k at 25 %; with gelu more than 8.",
            "8 with ReLU, 8 with gelu and 8 with top-k at 25 %.",
        ][fine]
    )


def test_names_in_the_runs() -> None:
    assert list(Config(kept=(0.125,)).kinds()) == ["relu", "relu_squared", "gelu", "silu", top_name(0.125)]
    assert verdicts.name_text(top_name(0.125)) == "top-k at 12.5 %"
