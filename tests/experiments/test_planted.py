"""Planted faults are where they are said to be, and findings are judged by kind, place and units."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.command_line import main
from experiments.instruments.planted import faults, healthy, measure
from experiments.instruments.planted.faults import ARCHITECTURES, FAULTS, at_path
from experiments.instruments.planted.healthy import SHAPES
from experiments.instruments.planted.measure import Alarm, Config, Measured, Repair, Seen, is_right
from experiments.instruments.planted.nets import cross_entropy
from experiments.instruments.planted.report import repairs_table, sentences
from experiments.instruments.planted.training import train

pytestmark = pytest.mark.slow

MLP = ARCHITECTURES["MLP"]


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_fault_is_planted_in_the_layers_that_it_names(architecture: faults.Architecture) -> None:
    for fault in FAULTS.values():
        planted = fault(architecture, 0)
        assert planted.layers
        for path in planted.layers:
            assert at_path(path)(planted.model).weight.size
    healthy_weight = at_path(architecture.layers[1])(architecture.healthy(0)).weight
    for fault, factor in ((faults.tiny, 0.01), (faults.huge, 30.0)):
        planted = fault(architecture, 0)
        np.testing.assert_allclose(at_path(architecture.layers[1])(planted.model).weight, factor * healthy_weight)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_dead_units_are_off_and_the_others_are_not(architecture: faults.Architecture) -> None:
    planted = faults.dead(architecture, 3)
    layer = at_path(planted.layers[0])(planted.model)
    units = tuple(np.flatnonzero(layer.bias.ravel() < -99).tolist())
    assert planted.units == units
    assert len(units) == faults.DEAD
    mostly = faults.mostly_dead(architecture, 3)
    assert len(mostly.units or ()) == layer.bias.size - 2


@pytest.mark.parametrize(("name", "finite"), [("nan_maker", False), ("underflowing", True), ("huge", True)])
def test_the_loss_of_a_planted_net_is_what_the_fault_makes_of_it(name: str, finite: bool) -> None:
    planted = FAULTS[name](MLP, 0)
    dtype = planted.model.layers[0].weight.dtype
    x, y = MLP.dataset.x[:64], MLP.dataset.y[:64]
    loss = eqx.filter_jit(cross_entropy)(planted.model, jnp.asarray(x, dtype), jnp.asarray(y))
    assert bool(jnp.isfinite(loss)) is finite
    assert (dtype == jnp.bfloat16) is (name == "underflowing")
    if name == "underflowing":
        np.testing.assert_allclose(loss, np.log(4), rtol=1e-6)
    if name == "huge":
        assert loss > 1e3


@dataclasses.dataclass
class Said:
    """A finding."""

    kind: str
    where: str
    units: tuple[int, ...] = ()
    level: str = "fault"


def test_a_finding_is_right_by_kind_place_and_units() -> None:
    planted = faults.dead(MLP, 0)
    rows = [SimpleNamespace(site="relu[1]", layer="layers[1]"), SimpleNamespace(site="relu[2]", layer="layers[2]")]
    units = planted.units or ()
    assert is_right(Said("dead_units", "layers[1]", units), planted, rows)
    assert is_right(Said("dead_units", ".layers[1]", units), planted, rows)
    assert is_right(Said("dead_units", "relu[1]", units), planted, rows)
    assert not is_right(Said("dead_units", "relu[2]", units), planted, rows)
    assert not is_right(Said("dead_units", "layers[1]", units[:2]), planted, rows)
    assert not is_right(Said("saturated", "layers[1]", units), planted, rows)


def test_there_are_200_healthy_nets_of_shapes_that_differ_and_start_near_the_best_constant() -> None:
    assert len(set(SHAPES)) * Config().healthy == 200
    assert {shape.architecture for shape in SHAPES} == {"MLP", "convnet", "transformer"}
    assert len({shape.function for shape in SHAPES}) == 7
    for shape in SHAPES[::6]:
        dataset, model = healthy.load(shape.data), shape.model(0)
        loss = float(eqx.filter_jit(shape.loss)(model, jnp.asarray(dataset.x[:64]), jnp.asarray(dataset.y[:64])))
        classes = 1 if shape.data in healthy.NUMBERS else int(dataset.y.max()) + 1
        assert loss < 2.5 * (np.log(classes) if classes > 1 else 1), shape.text


def test_training_is_on_equal_batches_and_lowers_the_loss() -> None:
    net, other = MLP.healthy(0), MLP.healthy(1)
    (after, *_), losses = train(cross_entropy, [net, other, net], MLP.dataset, 150)
    assert losses.shape == (3, 150)
    assert (losses[0] == losses[2]).all()
    assert (losses[:2, -10:].mean(1) < 0.9 * losses[:2, :10].mean(1)).all()
    assert (after.layers[0].weight != net.layers[0].weight).any()


@pytest.mark.parametrize(
    ("before", "after", "helps"),
    [
        ([1.0, 1.0], [0.5, 0.9], True),
        ([1.0, 1.0], [0.5, 1.1], False),
        ([np.nan], [0.5], True),
        ([1.0], [np.nan], False),
    ],
)
def test_a_repair_helps_if_the_loss_is_lower_from_every_seed(
    before: list[float], after: list[float], helps: bool
) -> None:
    assert Repair("MLP", "dead units", "", before, after, after).helps is helps


def test_the_report_counts_nets_and_repairs() -> None:
    seen = [Seen("MLP", "dead units", seed, "dead_units", seed == 0, [], []) for seed in range(3)]
    alarms = [Alarm("MLP", 0, trained, "off_centre") for trained in (False, True)]
    repairs = [
        Repair("MLP", "dead units", "dead_units at layers[1]", [1.0], [0.5], [0.4]),
        Repair("MLP", "NaN maker", "", [], [], []),
    ]
    measured = Measured(seen, alarms, 400, repairs)
    found, raised, repaired = sentences(measured, Config())
    assert found == "Planted faults found: 1 of 3."
    assert raised.startswith("Healthy nets with an alarm: 1 of 200, before or after 60 steps (95 % interval: 0.1 ")
    assert repaired.startswith("Repairs by code: offered for 1 of 2 faults")
    assert repairs_table(measured)[2].endswith("| 1 | 0.5 | 0.4 | yes |")
    assert "no code can repair it" in repairs_table(measured)[3]


def test_the_command_finds_faults_and_leaves_healthy_nets_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--faults", "dead", "linear_stack", "--architectures", "MLP", "--seeds", "1", "--shapes", "1"]
    assert main(["planted", *options, "--healthy", "2", "--repair-steps", "60", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Planted faults found: 2 of 2." in printed
    assert "Healthy nets with an alarm: 0 of 2" in printed
    table = (tmp_path / "planted.md").read_text()
    assert "| dead units | MLP | 1/1 | dead_units at layers[1], units [" in table
    stored: dict[str, Any] = json.loads((tmp_path / "planted.json").read_text())
    assert [repair["fault"] for repair in stored["repairs"]] == ["dead units", "linear stack"]
    assert stored["repairs"][0]["after"][0] < stored["repairs"][0]["before"][0]


def test_a_diagnosis_that_fails_is_a_fault_that_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure.probe, "diagnose", lambda *_, **__: 1 / 0)
    options = ["--faults", "tiny", "--architectures", "MLP", "--seeds", "1", "--healthy", "0", "--repair-steps", "0"]
    assert main(["planted", *options, "--out", str(tmp_path)]) == 1
    assert "diagnose failed: ZeroDivisionError: division by zero" in capsys.readouterr().out
