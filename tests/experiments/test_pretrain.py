"""A larger net is trained on many devices, and a run that was stopped goes on, on another number of devices."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.command_line import main
from experiments.instruments.pretrain import Config, Curve, train

SMALL = Config(width=16, layers=2, heads=2, hidden=24, length=16, batch=8, steps=12, every=4, rate=0.01)
TOLERANCE = 1e-4
"""Relative: other numbers of devices add the gradients of the windows in another order."""


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def _train(config: Config, devices: int, folder: Path) -> Curve:
    return train(config, jax.devices()[:devices], folder, lambda fraction, doing: None)


@pytest.mark.slow
def test_a_restart_on_fewer_devices_continues_the_curve(tmp_path: Path) -> None:
    whole = _train(SMALL, 8, tmp_path / "whole")
    assert [step for step, _ in whole] == list(range(1, 13))
    assert whole[-1][1] < whole[0][1] - 0.5
    _train(replace(SMALL, steps=8), 8, tmp_path / "parts")
    continued = _train(SMALL, 4, tmp_path / "parts")
    assert [step for step, _ in continued] == list(range(1, 13))
    np.testing.assert_allclose(*(np.array(curve)[:, 1] for curve in (continued, whole)), rtol=TOLERANCE)
    assert _train(SMALL, 2, tmp_path / "parts") == continued, "a finished run does nothing"


@pytest.mark.slow
def test_the_command_writes_the_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [
        "--width",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--hidden",
        "24",
        "--length",
        "16",
        "--batch",
        "8",
        "--steps",
        "4",
        "--every",
        "2",
    ]
    assert main(["pretrain", *sizes, "--devices", "4", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "pretrain.json").read_text())
    assert written["devices"] == 4
    assert [step for step, _ in written["curve"]] == [1, 2, 3, 4]
    assert f"{written['parameters']:,} parameters on 4 devices" in capsys.readouterr().out


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch is 8, but a multiple of the number of devices, 3, is expected"):
        _train(SMALL, 3, tmp_path)
    with pytest.raises(ValueError, match="width is 16, but a multiple of heads, which is 3"):
        replace(SMALL, heads=3)
