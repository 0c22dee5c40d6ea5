"""Signs, means and path ratios are measured correctly, and the verdicts follow their rules."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core.data import digits
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.steps_to_error import Task, all_reached, steps_to_error
from experiments.core.training import Grid, Net, Recipe, State, forward, initial_state, losses, resume
from experiments.questions.zero_centring import report, verdicts
from experiments.questions.zero_centring.centring import normal_moments, off_centre, outputs_and_gradients, same_sign
from experiments.questions.zero_centring.measure import Config, Kind, Shifted, shifted_kinds, start_of
from experiments.questions.zero_centring.path_ratio import PathRatio


def test_units_of_one_sign_are_those_counted_by_hand() -> None:
    inputs = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    gradients = np.array([[1.0, 0.0, -2.0], [-1.0, 0.0, 0.5], [1.0, 0.0, 1.0]])
    first, second, third = ([[row]] for row in range(3))
    assert same_sign(inputs, gradients, np.array(first)) == 1.0
    # The unit in the middle has no gradient, and no sign: of the other two, none has one sign on the third example.
    assert same_sign(inputs, gradients, np.array(third)) == 0.0
    # Gradients on examples 0 and 1 are (-2, 1, 0), 0 and (-0.5, -3.5, 0): one unit of two.
    assert same_sign(inputs, gradients, np.array([[0, 1]])) == 0.5
    assert same_sign(inputs, gradients, np.array([second[0] * 2, [0, 1]])) == 0.75
    assert math.isnan(same_sign(inputs, np.zeros((3, 3)), np.array([[0, 1]])))
    assert math.isnan(same_sign(inputs, np.full((3, 3), np.nan), np.array([[0, 1]])))


def test_one_entry_cannot_have_two_signs_and_is_not_counted() -> None:
    inputs, gradients = np.array([[0.0, 5.0, 0.0]]), np.array([[1.0, -1.0]])
    assert math.isnan(same_sign(inputs, gradients, np.array([[0]])))


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_behind_outputs_that_are_never_negative_every_example_has_one_sign(name: str) -> None:
    data, recipe = digits("unit").train, Recipe((64, 16, 16, 10), name)
    outputs, gradients = outputs_and_gradients(
        recipe, initial_state(recipe, Grid.of([3], [0.1])), *(jnp.asarray(part) for part in data)
    )
    examples = np.arange(len(data.y))[:, None]
    assert same_sign(data.x, np.asarray(gradients[0][0]), examples) == 1.0
    assert same_sign(np.asarray(outputs[0][0]), np.asarray(gradients[1][0]), examples) == 1.0
    together = np.arange(len(data.y))[None]
    assert same_sign(np.asarray(outputs[0][0]), np.asarray(gradients[1][0]), together) < 1.0


def test_the_gradient_that_reaches_a_unit_times_its_inputs_is_that_of_its_weights() -> None:
    data, recipe = digits().train, Recipe((64, 8, 6, 10), Shifted("tanh", 1.0))
    x, y = jnp.asarray(data.x[:40]), jnp.asarray(data.y[:40])
    state = initial_state(recipe, Grid.of([0], [0.1]))
    outputs, gradients = outputs_and_gradients(recipe, state, x, y)

    def loss(net: Net) -> jax.Array:
        return jnp.sum(losses(recipe, net, x, y))

    gradient = jax.grad(loss)(jax.tree.map(lambda leaf: leaf[0], state.net))
    assert np.allclose(outputs[0][0].T @ gradients[1][0], gradient[1].weight, atol=1e-4)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_a_shift_moves_the_mean_and_leaves_the_slope(name: str) -> None:
    z = jnp.linspace(-5, 5, 101)
    centred, off, _ = shifted_kinds(name)
    one, other = Shifted(name, centred.shift), Shifted(name, off.shift)
    slopes = [jax.vmap(jax.grad(function))(z) for function in (one, other)]
    assert np.array_equal(*slopes)
    assert np.allclose(other(z) - one(z), off.shift - centred.shift, atol=1e-6)
    assert abs(normal_moments(name).mean + centred.shift) < 1e-12
    assert normal_moments(name).mean + off.shift > 0.3


def test_compensated_biases_give_the_same_function_at_the_start_and_not_later() -> None:
    data, grid = digits().train, Grid.of([4, 5], [0.5], [2.0])
    x = jnp.asarray(data.x)

    def outputs(kind: Kind, steps: int) -> np.ndarray:
        recipe = Recipe((64, 12, 12, 10), Shifted(kind.activation, kind.shift))
        state = start_of(kind)(recipe, grid)
        if steps:
            ((_, state),) = resume(recipe, state, grid.seed, data, steps, steps)
        return np.asarray([forward(recipe, jax.tree.map(lambda leaf, i=i: leaf[i], state.net), x)[0] for i in range(2)])

    for name in ("sigmoid", "tanh", "relu"):
        centred, same_weights, same_function = shifted_kinds(name)
        assert np.allclose(outputs(centred, 0), outputs(same_function, 0), atol=1e-4)
        assert not np.allclose(outputs(centred, 0), outputs(same_weights, 0), atol=0.1)
        assert not np.allclose(outputs(centred, 3), outputs(same_function, 3), atol=0.1)


def test_means_of_normal_inputs_equal_their_formulas() -> None:
    below = math.exp(0.5) * math.erfc(1 / math.sqrt(2)) / 2 - 0.5
    assert normal_moments("elu").mean == pytest.approx(1 / math.sqrt(2 * math.pi) + below, abs=1e-13)
    assert normal_moments("relu").deviation == pytest.approx(math.sqrt(0.5 - 1 / (2 * math.pi)), abs=1e-13)
    assert normal_moments("identity") == pytest.approx((0.0, 1.0), abs=1e-13)
    assert normal_moments("selu") == pytest.approx((0.0, 1.0), abs=1e-6)


def test_off_centre_of_a_layer_and_of_its_units() -> None:
    # Two units far from zero on opposite sides: the layer is centred, its units are not.
    outputs = np.array([[3.0, -3.0], [5.0, -5.0]])
    assert off_centre(outputs) == (0.0, 4.0)
    assert off_centre(np.array([[1.0], [3.0]])) == (2.0, 2.0)
    assert off_centre(np.zeros((2, 3))) == (0.0, 0.0)
    assert off_centre(np.ones((2, 3))) == (math.inf, math.inf)


def _walk(places: list[float]) -> list[State]:
    """Nets of one weight that goes from place to place."""
    recipe, grid = Recipe((1, 1), "identity"), Grid(*np.array([[0], [1], [1], [0]], np.float32))
    state = initial_state(recipe, grid._replace(seed=np.array([0])))
    (layer,) = state.net
    return [state._replace(net=(layer._replace(weight=jnp.full((1, 1, 1), place)),)) for place in places]


def test_the_path_ratio_is_length_over_distance() -> None:
    start, *states = _walk([0.0, 1.0, 3.0, 2.0])
    path_ratio = PathRatio(start)
    for state in states:
        path_ratio.add(state)
    assert [float(ratio[0]) for ratio in path_ratio.ratios] == [1.0, 1.0, 2.0]


def test_the_first_step_at_an_error_counts_and_a_net_that_diverged_never_reaches_it() -> None:
    def start(recipe: Recipe, grid: Grid) -> State:
        state = initial_state(recipe, grid)
        output = state.net[-1]
        return state._replace(net=(*state.net[:-1], output._replace(weight=output.weight.at[1].set(jnp.nan))))

    task = Task(Recipe((64, 8, 10), "tanh"), digits().train, 9, (0.999, 1e-6), start)
    checked: list[State] = []
    end = steps_to_error(task, Grid.of([0, 1], [0.3]), 3, all_reached, checked.append)
    assert end.steps.tolist() == [[3.0, math.inf], [math.inf, math.inf]]
    assert end.last == 9
    assert len(checked) == 3


def _runs(config: Config, sign: float, slower: float, mean: float) -> list[dict[str, Any]]:
    """Off-centre nets take `slower` times the steps; ReLU-like means are `mean`, ELU's half, tanh's a hundredth."""
    runs: list[dict[str, Any]] = [
        {"part": "normal", "activation": name, "mean": 0.1, "deviation": 1.0}
        for name in (*config.shifted, *config.unshifted)
    ]
    means = {"tanh": 0.01 * mean, "elu": 0.5 * mean}
    for kind in dict.fromkeys(config.nets()):
        moved = kind.pixels == "standardised" and (kind.shift == 0) == (kind.activation != "tanh")
        taken = slower if moved or kind.pixels == "unit" else 1.0
        for seed in range(config.seeds):
            jitter, shared = 1 + (seed - (config.seeds - 1) / 2) / 1000, {"seed": 1000 + seed} | kind._asdict()
            runs.append({"part": "training", "steps": 20 * taken * jitter, "path_ratio": 3 * taken * jitter} | shared)
            signs = [[1.0] + [sign * jitter] * (len(config.batches) - 1)] * 2
            layers = [means.get(kind.activation, mean) * jitter] * config.depth
            for time in verdicts.measuring_times(config):
                runs.append({"part": "inside", "time": time, "one_sign": signs, "layers": layers} | shared)
    return runs


def _verdicts(config: Config, runs: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for claim in verdicts.judge(config, runs):
        found.setdefault((claim.id, claim.kind), set()).add(claim.verdict)
    return found


@pytest.mark.parametrize(
    ("sign", "slower", "mean", "signs", "causal", "leaky"),
    [
        (0.97, 2.0, 0.5, SUPPORTED, SUPPORTED, REFUTED),
        (0.50, 1.0, 0.05, REFUTED, REFUTED, SUPPORTED),
        (0.95, 1.1, 0.1, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_centring_is_judged_by_its_rules(
    sign: float, slower: float, mean: float, signs: str, causal: str, leaky: str
) -> None:
    config = Config()
    found = _verdicts(config, _runs(config, sign, slower, mean))
    opposite = {SUPPORTED: REFUTED, REFUTED: SUPPORTED, INCONCLUSIVE: INCONCLUSIVE}
    assert found == {
        ("B6", "algebra"): {SUPPORTED},
        ("B6", "experiment"): {signs},
        ("B7", "experiment"): {causal},
        ("B8", "experiment"): {causal},
        ("B9", "experiment"): {SUPPORTED},
        ("B10", "algebra"): {opposite[leaky]},
        ("B11", "experiment"): {SUPPORTED},
        ("B12", "experiment"): {leaky},
    }
    claims = verdicts.judge(config, _runs(config, sign, slower, mean))
    assert len(claims) == 10
    first = {claim.id: claim.text for claim in reversed(claims)}
    assert first["B7"] == "Sigmoid takes more steps than sigmoid - 1/2"
    assert first["B6"].startswith("On one example")
    assert all(claim.budget for claim in claims)


def test_one_unit_of_two_signs_or_a_net_that_diverged_changes_the_verdict() -> None:
    config = Config()
    runs = _runs(config, 0.5, 1.0, 0.5)
    first = next(run for run in runs if run["part"] == "inside" and run["activation"] == "sigmoid" and not run["shift"])
    first["one_sign"] = [[1.0] * 4, [0.999, 0.5, 0.5, 0.5]]
    assert _verdicts(config, runs)["B6", "algebra"] == {REFUTED}
    first["one_sign"] = [[1.0] * 4, [math.nan] * 4]
    found = _verdicts(config, runs)
    assert found["B6", "algebra"] == {INCONCLUSIVE}
    assert found["B6", "experiment"] == {INCONCLUSIVE}


def test_starts_and_activations_that_disagree_decide_nothing() -> None:
    config = Config()
    runs = _runs(config, 0.5, 2.0, 0.5)
    for run in runs:
        if run["part"] == "training" and run["activation"] == "relu" and run["compensated"]:
            run["steps"] = 20.0 + run["seed"] % 2 / 100
    sigmoid, others, zigzag, pixels = [claim for claim in verdicts.judge(config, runs) if "more" in claim.text]
    assert [claim.verdict for claim in (sigmoid, others, zigzag, pixels)] == [SUPPORTED, INCONCLUSIVE] + [SUPPORTED] * 2
    assert others.text == "Tanh + 1 and ReLU take more steps than tanh and ReLU - 0.4"


@pytest.mark.parametrize("slower", [2.0, 1.0, 1.1, math.inf, math.nan])
@pytest.mark.parametrize("optimizers", [(), ("adam",)])
def test_sentences_read_well_whatever_came_out(slower: float, optimizers: tuple[str, ...]) -> None:
    config = Config(other_optimizers=optimizers)
    runs = [
        run
        | {"diverged": False, "interior": True, "rate": 0.1, "gain": 1.0, "units": run.get("layers")}
        | ({"steps": math.inf} if math.isnan(slower) and run["part"] == "training" else {})
        for run in _runs(config, 0.3, 2.0 if math.isnan(slower) else slower, 0.3)
    ]
    made = report.report(config, runs)
    print(*made.findings, *made.practice, made.advice, "", sep="\n")
    beginning = {2.0: "Yes, it costs steps", 1.0: "No, it costs hardly any steps", math.inf: "Yes, it costs steps"}
    assert made.findings[0].startswith(beginning.get(slower, "Undecided"))
    advice = {2.0: "Subtract the mean", 1.0: "There is no need to subtract", math.inf: "Subtract the mean"}.get(
        slower, ""
    )
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)
    assert len(made.advice.split()) <= 45
    assert len(made.findings) <= 5
    assert len(made.practice) <= 3
    assert not any(word in " ".join([*made.findings, *made.practice, made.advice]) for word in ("inf ", "nan"))


def test_an_answer_that_differs_from_net_to_net_names_the_nets() -> None:
    config = Config()
    runs = [run | {"diverged": False, "interior": True, "rate": 0.1, "gain": 1.0} for run in _runs(config, 0.3, 2, 0.3)]
    for run in runs:
        run["units"] = run.get("layers")
        if run["part"] == "training" and run["activation"] == "relu" and run["compensated"]:
            run["steps"] = 20.0 + run["seed"] % 2 / 100
    found = report.report(config, runs).findings[0]
    assert found.startswith("Yes for sigmoid and for pixels from 0 to 1; undecided for tanh + 1 and ReLU. Steps to 5%")


def test_nets_that_never_reach_the_error_are_slower_and_not_left_out() -> None:
    config = Config()
    runs = _runs(config, 0.5, 1.0, 0.5)
    for run in runs:
        if run["part"] == "training" and run["pixels"] == "unit":
            run["steps"] = math.inf
    assert _verdicts(config, runs)["B8", "experiment"] == {SUPPORTED}


def test_another_optimiser_is_judged_by_itself() -> None:
    config = Config(other_optimizers=("adam",))
    runs = _runs(config, 0.5, 2.0, 0.5)
    for run in runs:
        if run.get("optimizer") == "adam" and run["part"] == "training":
            run["steps"], run["path_ratio"] = 20.0 + run["seed"] % 2 / 100, 3.0
    causal = [claim for claim in verdicts.judge(config, runs) if " more" in claim.text]
    assert {claim.verdict for claim in causal if ", SGD, " in claim.scope} == {SUPPORTED}
    assert {claim.verdict for claim in causal if ", Adam, " in claim.scope} == {REFUTED}
    assert [claim.id for claim in causal if "By Adam" in claim.text] == ["B7", "B8"]
    assert len(causal) == 6
    shown = report.figure(config, [run | {"diverged": False, "interior": True} for run in runs]).axes[1]
    assert sum("by Adam" in label.get_text() for label in shown.get_yticklabels()) == 13
