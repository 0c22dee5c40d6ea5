"""The faulty nets are rebuilt as their facts say, and what the diagnosis says of them is judged by fixed tables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.command_line import main
from experiments.instruments.faulty_nets import cases, data, layers, losses, measure, optimisers, training, vocabulary
from experiments.instruments.faulty_nets.cases import Case, CaseError, Recipe
from experiments.instruments.faulty_nets.measure import Found, Look, Net, Refused, Result
from experiments.instruments.faulty_nets.report import about_case

pytestmark = pytest.mark.slow

CASES = {facts["id"]: facts for facts in cases.read(None)}
XOR: dict[str, Any] = {
    "id": "xor",
    "data": {"kind": "xor"},
    "model": [{"dense": 8, "act": "tanh"}, {"dense": 1, "act": "sigmoid"}],
    "loss": "bce",
    "optimiser": {"name": "adam", "lr": 0.03},
    "batch": 4,
    "steps": 300,
    "score": "bin",
    "fault": "none",
    "where": "output",
}


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses, and nets train in threads."""
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    yield
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def case(**changes: Any) -> Case:
    """A small case with some facts changed."""
    return cases.parse({**XOR, **changes})


@pytest.mark.parametrize("name", CASES)
def test_every_net_is_rebuilt_as_its_facts_say(name: str) -> None:
    parsed = cases.parse(CASES[name])
    assert not vocabulary.unknown_words(parsed)
    for recipe in (parsed.faulty, parsed.fixed):
        assert recipe is not None
        task = training.task(recipe)
        weighted = [task.built.net.layers[at] for at in task.built.weighted]
        widths = [facts.get("dense") or facts.get("conv") for facts in recipe.model]
        assert [layer.weight.shape[0] for layer in weighted] == [width for width in widths if width]
        assert len(task.built.activated) == sum(facts.get("act", "linear") != "linear" for facts in recipe.model)
        assert np.isfinite(task.train.x).all()
        assert len(task.train.x) >= min(recipe.batch, len(task.held.x))
        assert eqx.filter_eval_shape(task.loss, task.built.net, *task.batches[0]).shape == ()
    if isinstance(parsed.where, tuple):
        assert max(parsed.where) < len(training.task(parsed.faulty).built.weighted)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": {"kind": "clouds"}}, "kind of data is 'clouds', but one of ones_zeros"),
        ({"data": {"kind": "xor", "rows": 4}}, "an entry of data is 'rows', but one of kind, n"),
        ({"data": {"kind": "xor", "prep": ["white"]}}, "prep is 'white', but one of standard_x"),
        ({"data": {"kind": "xor", "prep": ["standard_y"]}}, "prep changes the scale of labels"),
        ({"data": {"kind": "square", "prep": ["labels_zero"]}}, "prep changes labels"),
        ({"model": [{"denser": 3}]}, "layer 0 is {'denser': 3}, but an object with one of dense"),
        ({"model": [{"dense": 3, "padding": 1}]}, "an entry of layer 0 is 'padding', but one of dense, act"),
        ({"model": [{"dense": 0}]}, "dense is 0, but a whole number of at least 1"),
        ({"model": [{"dense": 3, "act": "rely"}]}, "activation is 'rely', but one of linear"),
        ({"model": [{"dense": 3, "init": "he"}]}, "initial value is 'he', but one of he_normal"),
        ({"model": [{"dense": 3, "bias": "he_normal"}]}, "bias is 'he_normal', which needs a matrix"),
        ({"model": [{"conv": 3, "k": 3}, {"dense": 1}]}, "conv follows an output of shape \\(2,\\), but channels"),
        (
            {"data": {"kind": "cifar", "n": 9}, "model": [{"conv": 3, "k": 64}, {"flatten": 1}]},
            "layer 0 is .* not larger",
        ),
        ({"model": [{"dense": 3}, {"layernorm": 1, "act": 7}]}, "activation is 7, but one of linear"),
        ({"model": [{"dropout": 0.5}]}, "no layer of the model has weights"),
        ({"model": [{"dropout": 2}, {"dense": 1}]}, "dropout is 2, but a number from 0 to 1"),
        ({"loss": "entropy"}, "loss is 'entropy', but one of cce"),
        ({"optimiser": {"name": "lion", "lr": 1}}, "optimiser is 'lion', but one of sgd"),
        ({"optimiser": {"name": "adam", "lr": 1, "momentum": 0.9}}, "an entry of optimiser is 'momentum'"),
        ({"optimiser": {"name": "adam"}}, "optimiser has no 'lr'"),
        ({"score": "f1"}, "score is 'f1', but one of bin, cat, r2"),
        ({"where": "middle"}, "where is 'middle', but one of input, output, optimiser, or a list of layers"),
        ({"batch": 0.5}, "batch is 0.5, but a whole number"),
        ({"l2": 0.1}, "an entry of case is 'l2'"),
        ({"data": {"kind": "iris"}, "model": [{"dense": 2}]}, "the net has 2 outputs, but 3 are expected"),
        ({"data": {"kind": "square"}, "model": [{"dense": 2}]}, "the net has 2 outputs, but 1 are expected"),
    ],
)
def test_unknown_words_are_refused_in_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CaseError, match=sentence):
        training.task(case(**changes).faulty)


@pytest.mark.parametrize("kind", data.KINDS)
def test_every_kind_of_data_has_finite_rows_and_more_than_one_answer(kind: str) -> None:
    loaded = data.load({"kind": kind, "n": 60}, flat=True)
    assert loaded.x.shape[0] == loaded.y.shape[0] == 60
    assert loaded.x.ndim == 2
    assert np.isfinite(loaded.x).all()
    assert len(np.unique(loaded.y)) > 1
    assert loaded.classes == (len(np.unique(loaded.y)) if loaded.y.dtype.kind == "i" else 0) or kind in IMAGES


IMAGES = ("mnist", "digits", "fashion", "cifar", "cifar10", "images")
"""Of 60 of these a class may be absent."""


def test_preparations_change_what_they_name_and_keep_what_is_scored() -> None:
    raw = data.load({"kind": "fourth_power"}, flat=True)
    assert (raw.y.max(), raw.x.min()) == (1e8, -100)
    standard = data.load({"kind": "fourth_power", "prep": ["standard_x", "standard_y"]}, flat=True)
    for values in (standard.x, standard.y, standard.truth):
        np.testing.assert_allclose((values.mean(), values.std()), (0, 1), atol=1e-5)
    digits = data.load({"kind": "mnist", "n": 50, "flat": False, "prep": ["labels_zero", "x255"]}, flat=True)
    assert digits.x.shape == (50, 1, 28, 28)
    assert 200 < digits.x.max() <= 255
    assert not digits.y.any()
    assert len(np.unique(digits.truth)) > 5


@pytest.mark.parametrize(
    ("name", "deviation", "limit"),
    [
        ("glorot_uniform", 0.1, 0.1 * 3**0.5),
        ("he_normal", 0.2, 0.46),
        ("lecun_uniform", 0.02**0.5, 0.06**0.5),
        ("normal1", 1.0, None),
        ("normal", 0.05, None),
        ("uniform", 0.05 / 3**0.5, 0.05),
        ("random_uniform_0.5", 0.5 / 3**0.5, 0.5),
        ("orthogonal", 150**-0.5, None),
    ],
)
def test_initial_weights_have_the_deviation_of_their_name(name: str, deviation: float, limit: float | None) -> None:
    """Of 50 inputs and 150 outputs."""
    built = layers.build([{"dense": 150, "init": name, "bias": 0.25}], (50,))
    layer = built.net.layers[0]
    np.testing.assert_allclose(layer.weight.std(), deviation, rtol=0.05)
    if limit:
        np.testing.assert_allclose(jnp.abs(layer.weight).max(), limit, rtol=0.05)
    assert (layer.bias == 0.25).all()


def test_layers_count_from_the_first_with_weights_and_activations_follow_theirs() -> None:
    model = [
        {"conv": 4, "k": 3, "pad": "same", "act": "relu"},
        {"batchnorm": 1},
        {"pool": 2},
        {"conv": 6, "k": 3, "stride": 2},
        {"flatten": 1},
        {"dropout": 0.5},
        {"dense": 5, "act": "tanh"},
        {"dense": 3, "act": "softmax"},
    ]
    built = layers.build(model, (1, 12, 12))
    assert [type(built.net.layers[at]).__name__ for at in built.weighted] == ["Conv", "Conv", "Linear", "Linear"]
    assert built.activated == (0, 2, 3)
    assert built.net.layers[built.weighted[2]].weight.shape == (5, 6 * 2 * 2)
    assert (built.outputs, built.draws) == (3, True)
    x = jnp.ones((2, 1, 12, 12))
    first, again, other = (training.outputs(built.net, x, jax.random.key(seed)) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("word", ["lstm", "gru"])
def test_recurrent_layers_give_their_last_output(word: str) -> None:
    task = training.task(case(data={"kind": "series"}, model=[{word: 4}, {"dense": 1}], loss="mse", score="r2").faulty)
    net, (x, y) = task.built.net, task.batches[0]
    changed = x.at[:, -1].add(1.0)
    assert training.outputs(net, x, None).shape == y.shape
    assert (training.outputs(net, x, None) != training.outputs(net, changed, None)).all()


def test_batch_norm_gives_every_channel_mean_0_and_deviation_1_over_the_batch() -> None:
    built = layers.build([{"batchnorm": 1}, {"flatten": 1}, {"dense": 1}], (3, 4, 4))
    x = 5 + 2 * jax.random.normal(jax.random.key(0), (32, 3, 4, 4))
    y = jax.vmap(built.net.layers[0], axis_name=layers.BATCH_AXIS)(x)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("loss", "y", "z", "expected"),
    [
        ("cce", [[0.0, 1.0]], [[3.0, 1.0]], -np.log(0.25)),
        ("cce", [[0.0, 1.0]], [[1.0, 0.0]], -np.log(1e-7)),
        ("cce_logits", [[0.0, 1.0]], [[0.0, 0.0]], np.log(2)),
        ("bce", [[1.0], [0.0]], [[0.5], [0.25]], -np.log([0.5, 0.75]).mean()),
        ("bce", [[1.0]], [[-4.0]], -np.log(1e-7)),
        ("bce_logits", [[1.0]], [[0.0]], np.log(2)),
        ("mse", [[1.0, 2.0]], [[0.0, 4.0]], 2.5),
        ("mae", [[1.0, 2.0]], [[0.0, 4.0]], 1.5),
        ("mape", [[2.0]], [[1.0]], 50),
        ("hinge", [[1.0], [0.0]], [[0.5], [0.5]], 1.0),
        ("squared_hinge", [[0.0]], [[0.5]], 2.25),
        ("categorical_hinge", [[0.0, 1.0]], [[0.75, 0.5]], 1.25),
        ("huber", [[0.0, 0.0]], [[0.5, 3.0]], (0.125 + 2.5) / 2),
        ("poisson", [[2.0]], [[1.0]], 1.0),
    ],
)
def test_losses_are_those_of_keras(loss: str, y: list[list[float]], z: list[list[float]], expected: float) -> None:
    np.testing.assert_allclose(losses.LOSSES[loss](jnp.array(y), jnp.array(z)), expected, rtol=1e-5)


def test_sparse_labels_lose_as_much_as_one_hot_ones() -> None:
    y, p = np.array([2, 0]), jax.nn.softmax(jnp.array([[1.0, 2.0, 0.5], [0.0, 1.0, 2.0]]))
    names = ("sparse_cce", "cce")
    sparse, whole = (losses.LOSSES[name](jnp.asarray(losses.targets(y, 3, 3, name)), p) for name in names)
    np.testing.assert_allclose(sparse, whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "score", "best"), [([0, 0, 0, 1], "cat", 0.75), ([0, 1, 2, 3], "bin", 0.75), ([1, 1, 0, 0], "bin", 0.5)]
)
def test_the_best_constant_answer_is_the_most_frequent(y: list[int], score: str, best: float) -> None:
    labels = np.array(y)
    assert losses.best_constant(data.Data(labels[:, None], labels, labels, max(y) + 1), score) == best
    assert losses.best_constant(data.Data(labels[:, None], labels, labels, 0), "r2") == 0


@pytest.mark.parametrize("name", optimisers.OPTIMISERS)
def test_every_optimiser_takes_a_step_downhill_that_clipping_bounds(name: str) -> None:
    optimiser = optimisers.build({"name": name, "lr": 0.1, "clip": 1.0})
    w = jnp.array([30.0, 40.0])
    change, _ = optimiser.update(2 * w, optimiser.init(w), w)
    change = np.asarray(change)
    assert (change < 0).all()
    if name == "sgd":
        np.testing.assert_allclose(change, [-0.06, -0.08], rtol=1e-5)


def test_each_epoch_has_every_row_once() -> None:
    order = training._order(10, case(batch=4, steps=5).faulty, seed=0)
    assert order.shape == (5, 4)
    assert len(np.unique(order[:2])) == 8
    assert (order[:2] != order[2:4]).any()


def test_a_net_is_seen_early_and_at_the_end_and_learns() -> None:
    task = training.task(case().faulty)
    seen = list(training.moments(task, 2))
    assert [(moment.seed, moment.step, len(moment.losses)) for moment in seen] == [
        (0, 15, 15),
        (1, 15, 15),
        (0, 300, 300),
        (1, 300, 300),
    ]
    assert (seen[0].losses == seen[2].losses[:15]).all()
    assert (seen[0].losses != seen[1].losses).any()
    assert [moment.score for moment in seen[2:]] == [1.0, 1.0]
    np.testing.assert_allclose(task.loss(seen[2].model, *task.batches[0]), seen[2].losses[-1], rtol=0.1)


def test_batches_are_held_back_where_there_are_rows_enough() -> None:
    task = training.task(case(data={"kind": "average", "n": 1000}, loss="mse", score="r2").faulty)
    assert [len(part.x) for part in (task.train, task.held)] == [800, 200]
    first, second = (set(map(tuple, np.asarray(batch[0]).tolist())) for batch in task.batches)
    assert len(first) == len(second) == 64
    assert not first & second
    assert not (first | second) & set(map(tuple, task.train.x.tolist()))


def found(kind: str, where: str, layer: int | None = None, level: str = "fault") -> Found:
    """A finding."""
    return Found(kind, level, where, layer, 0, "evidence.", "remedy.")


def net(*by_seed: list[Found], layers: int = 3, baseline: float = 0.5) -> Net:
    """Nets with these findings at the end, and a score of 0.9."""
    looks = [Look(seed, step, 0.5, 0.9, list(findings) if step == 100 else [], 0.1) for step in (5, 100)
             for seed, findings in enumerate(by_seed)]  # fmt: skip
    return Net(case().faulty, layers, 5, baseline, looks)


@pytest.mark.parametrize(
    ("fault", "where", "finding", "localised"),
    [
        ("input_scale", "input", found("raw_inputs", "input"), True),
        ("input_scale", "input", found("raw_inputs", "input", level="hint"), False),
        ("input_scale", "input", found("dead_units", "layers[0]", 0), False),
        ("target_scale", "input", found("raw_targets", "target"), True),
        ("out_act", "output", found("unreachable_targets", "output"), True),
        ("out_act", "output", found("saturated", "layers[4]", 2), True),
        ("out_act", "output", found("saturated", "layers[2]", 1), False),
        ("no_act", [0, 1], found("no_activation", "layers[2]", 1), True),
        ("no_act", [0, 1], found("no_activation", "layers[4]", 2), False),
        ("lr_high", "optimiser", found("growing_loss", "loss"), True),
        ("lr_high", "optimiser", found("small_updates", "optimiser"), False),
    ],
)
def test_a_fault_is_localised_by_a_kind_and_a_place_that_agree(
    fault: str, where: Any, finding: Found, localised: bool
) -> None:
    result = Result(case(fault=fault, where=where), net([finding]), None)
    assert result.localised(0) is localised
    assert result.detected(0) is (finding.level != "hint")


def test_seeds_and_cases_are_counted_and_healthy_nets_apart() -> None:
    raw, dead = found("raw_inputs", "input"), found("dead_units", "layers[0]", 0)
    one = Result(case(fault="input_scale", where="input"), net([raw], [raw], []), net([raw], [], []))
    two = Result(case(fault="input_scale", where="input"), net([dead], [], []), one.fixed)
    healthy = Result(case(fault="none"), net([dead], [dead], [], baseline=0.85), None)
    count = {unit: [(each.yes, each.of) for each in row] for unit, row in measure.counts([one, two, healthy]).items()}
    assert count["nets"] == [(3, 6), (2, 6), (3, 6), (2, 6), (0, 3)]
    assert count["cases"] == [(1, 2), (1, 2), (1, 2), (1, 2), (0, 1)]


class Row:
    """A row of a diagnosis."""

    def __init__(self, site: str, layer: str) -> None:
        self.site, self.layer = site, layer


@pytest.mark.parametrize(
    ("place", "layer"),
    [("layers[0]", 0), ("layers[2]", 1), ("layers[1]", 0), ("relu[0]", 0), ("relu[1]", 1), ("log", 1), ("input", None)],
)
def test_a_place_belongs_to_the_layer_before_it(place: str, layer: int | None) -> None:
    built = layers.build([{"dense": 4, "act": "relu"}, {"dense": 3, "act": "relu"}], (2,))
    rows = [Row("relu[0]", "layers[0]"), Row("relu[1]", ""), Row("log", "")]
    assert vocabulary.layer_of(place, built, rows) == layer


def test_what_is_found_missed_and_raised_falsely_is_told() -> None:
    raw, dead = found("raw_inputs", "input"), found("dead_units", "layers[0]", 0)
    told = "\n".join(
        about_case(Result(case(fault="input_scale", where="input", fixed={}), net([dead], [raw]), net([raw], [dead])))
    )
    assert "seed 0 at the end (step 100, loss 0.5): **dead_units**, fault, at layers[0] (layer 0). evidence." in told
    assert "seed 1 at the end (step 100, loss 0.5): **raw_inputs**, fault, at input, localised." in told
    assert "**raw_inputs**, fault, at input, the case's own fault." in told
    assert "**dead_units**, fault, at layers[0] (layer 0), raised falsely." in told
    assert "Missed: expected raw_inputs in the place of the fault for seeds 0." in told


def test_the_command_reports_every_case_and_refuses_one_that_cannot_be_rebuilt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {**XOR, "id": "raw", "data": {"kind": "packets"}, "fault": "input_scale", "where": "input", "batch": 5}
    raw["fixed"] = {"data": {"kind": "packets", "prep": ["standard_x"]}}
    file = tmp_path / "nets.json"
    file.write_text(json.dumps({"cases": [raw, {**XOR, "id": "odd", "loss": "odd"}]}))
    options = ["--nets", str(file), "--seeds", "1", "--most-steps", "40", "--out", str(tmp_path)]
    assert main(["faulty_nets", *options]) == 1
    printed = capsys.readouterr().out
    assert "odd could not be rebuilt: loss is 'odd', but one of cce" in printed
    assert "At most 40 steps, fewer than their recipes say: raw." in printed
    assert "| raw | input_scale | input |" in (tmp_path / "faulty_nets.md").read_text()
    stored = json.loads((tmp_path / "faulty_nets.json").read_text())["cases"][0]
    assert [look["step"] for look in stored["faulty"]] == [2, 40]
    assert not [look["problem"] for look in stored["faulty"] if look["problem"]]
    assert "raw_inputs" in {each["kind"] for look in stored["faulty"] for each in look["findings"]}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--nets", "no.json"], "no.json cannot be read .*, but JSON with"),
        (["--cases", "so-1"], "case is 'so-1', but one of so-31880720"),
    ],
)
def test_a_file_or_a_case_that_there_is_not_is_refused(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faulty_nets", *options, "--out", str(tmp_path)]) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_equal_recipes_are_trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Recipe] = []

    def moments(task: training.Task, seeds: int) -> Iterator[training.Moment]:
        trained.append(task.recipe)
        yield training.Moment(0, 5, None, np.zeros(5), 1.0)

    monkeypatch.setattr(training, "moments", moments)
    monkeypatch.setattr(measure.probe, "diagnose", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(cases, "read", lambda _: [{**XOR, "fixed": {"steps": 5}}, {**XOR, "id": "2", "steps": 5}])
    measured = measure.run(measure.Config(), lambda share, doing: None)
    assert sorted(recipe.steps for recipe in trained) == [5, 300]
    assert measured.results[0].faulty.looks[0].problem == "ZeroDivisionError: division by zero"
    assert measured.refused == list[Refused]()
