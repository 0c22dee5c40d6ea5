"""A larger net is trained on many devices, and a run that was stopped goes on, on another number of devices."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.command_line import main
from experiments.core.storage import StorageError
from experiments.instruments.pretrain import Config, Curve, train

SMALL = Config(width=16, layers=2, heads=2, hidden=24, length=16, batch=8, steps=12, every=4, rate=0.01)
SIZES = "--width 16 --layers 1 --heads 2 --hidden 24 --length 16 --batch 8 --steps 4 --every 2".split()  # noqa: SIM905
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
    for other in (replace(SMALL, seed=1), replace(SMALL, width=32)):
        with pytest.raises(StorageError, match=r"(seed is 1|width is 32), but the checkpoints in .* were made with"):
            _train(other, 2, tmp_path / "parts")


@pytest.mark.slow
def test_the_command_writes_the_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", *SIZES, "--devices", "4", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "pretrain.json").read_text())
    assert written["devices"] == 4
    assert [step for step, _ in written["curve"]] == [1, 2, 3, 4]
    assert f"{written['parameters']:,} parameters on 4 devices" in capsys.readouterr().out


def _job_with_a_free_port() -> int:
    """The number of a SLURM job, from which JAX computes the port of process 0."""
    for job in range(4096):
        with contextlib.suppress(OSError), socket.socket() as server:
            server.bind(("localhost", 61_440 + job))
            return job
    raise AssertionError("no port is free")


@pytest.mark.slow
def test_two_processes_of_a_slurm_job_train_as_one(tmp_path: Path) -> None:
    job = {"SLURM_JOB_ID": str(_job_with_a_free_port()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    command = [sys.executable, "-m", "experiments", "pretrain", *SIZES, "--devices", "all", "--cluster"]
    both = [
        subprocess.Popen(
            [*command, "--out", str(tmp_path / "both")],
            cwd=Path(__file__).parents[2],
            env=os.environ | flags | job | {"SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in (0, 1)
    ]
    try:
        printed = [process.communicate(timeout=100)[0] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], printed
    assert "parameters on 8 devices" in printed[0]
    assert "parameters" not in printed[1]
    written = json.loads((tmp_path / "both" / "pretrain.json").read_text())
    alone = _train(replace(SMALL, layers=1, steps=4, every=2, rate=0.002), 1, tmp_path / "alone")
    np.testing.assert_allclose(*(np.array(curve) for curve in (written["curve"], alone)), rtol=TOLERANCE)


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch is 8, but a multiple of the number of devices, 3, is expected"):
        _train(SMALL, 3, tmp_path)
    with pytest.raises(ValueError, match="width is 16, but a multiple of heads, which is 3"):
        replace(SMALL, heads=3)
