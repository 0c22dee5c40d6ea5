"""A study in several processes has the numbers of one, one process writes, and what a killed one finished is kept."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core.data import digits
from experiments.core.devices import collectives, each_net, spread_over
from experiments.core.parts import SUFFIX, kept, parts_of
from experiments.core.result import load
from experiments.core.training import Grid, Recipe, advance, initial_state

ROOT = Path(__file__).parents[2]
SMALLEST = ["collapse", "--smallest"]


def _environment(count: int) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={count}"
    return os.environ | {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONUNBUFFERED": "1"}


def _start(arguments: list[str], out: Path, count: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "experiments", *arguments, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, env=_environment(count), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _connected(index: int) -> list[str]:
    return [
        "--devices",
        "all",
        "--coordinator",
        f"localhost:{_PORT}",
        "--num-processes",
        "2",
        "--process-id",
        str(index),
    ]


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


_PORT = _free_port()


def _runs(out: Path) -> list[dict[str, Any]]:
    stored = load("collapse", out)
    assert stored is not None
    return stored[0].runs


@pytest.mark.slow
def test_two_processes_of_four_devices_have_the_numbers_of_one(tmp_path: Path) -> None:
    both = [_start([*SMALLEST, *_connected(index)], tmp_path / str(index), 4) for index in (0, 1)]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert "finished in" in printed[0]
    assert "finished in" not in printed[1]
    assert not (tmp_path / "1").exists()
    alone = _start(SMALLEST, tmp_path / "alone")
    alone.communicate(timeout=300)
    for together, one in zip(_runs(tmp_path / "0"), _runs(tmp_path / "alone"), strict=True):
        assert together.keys() == one.keys()
        for name, value in one.items():
            if isinstance(value, float):
                assert together[name] == pytest.approx(value, rel=1e-3, abs=3 / 360), name  # three test examples
            else:
                assert together[name] == value


@pytest.mark.slow
def test_other_settings_in_one_process_are_refused(tmp_path: Path) -> None:
    settings = [["--seeds", "2"], ["--seeds", "3"]]
    both = [_start([*SMALLEST, *settings[index], *_connected(index)], tmp_path / str(index), 4) for index in (0, 1)]
    try:
        for process in both:
            printed, _ = process.communicate(timeout=100)
            assert "the code, settings or data of process 1 differ from those of process 0" in printed
            assert process.returncode == 2
    finally:
        for process in both:
            process.kill()
            process.communicate()


def test_a_part_is_computed_once_until_code_or_settings_change(tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    calls: list[str] = []

    def rows(name: str) -> list[dict[str, Any]]:
        calls.append(name)
        return [{"name": name, "loss": float("inf"), "steps": [1.0, float("nan")]}]

    assert kept("a", rows, "a")[0]["name"] == "a"
    for _ in range(2):
        with parts_of(path, "one"):
            assert repr(kept("a", rows, "a")) == repr([{"name": "a", "loss": np.inf, "steps": [1.0, np.nan]}])
    assert calls == ["a", "a"]
    with path.open("a") as file:
        file.write('["b", 0.1, [{"na')  # a process was killed here
    with parts_of(path, "one"):
        kept("b", rows, "b")
        kept("a", rows, "a")
    assert calls == ["a", "a", "b"]
    with parts_of(path, "one"):
        kept("b", rows, "b")
    assert calls == ["a", "a", "b"]
    with parts_of(path, "two"):
        kept("a", rows, "a")
        with pytest.raises(ValueError, match="two parts of a question are named 'a'"):
            kept("a", rows, "a")
    assert calls == ["a", "a", "b", "a"]


def test_the_seconds_of_a_part_are_kept_with_it(tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    for name, earlier in (("a", 0.0), ("b", 0.05)):
        with parts_of(path, "one") as parts:
            for part in {"a", name}:
                kept(part, lambda: [{"slept": time.sleep(0.05)}])
            assert earlier <= parts.seconds_of_earlier_runs <= 10 * earlier


def test_a_link_in_the_place_of_the_parts_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    path = tmp_path / f"x{SUFFIX}"
    path.symlink_to(precious)
    with parts_of(path, "one"):
        kept("a", lambda: [{"n": 1}])
    assert precious.read_text() == "precious"
    assert path.read_text().splitlines() == ['"one"', '["a", 0.0, [{"n": 1}]]']


def test_damaged_parts_are_computed_again(tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_text('"one"\n' + "[" * 200_000 + '\n["a", 1]\n["b", 1.5, [{"n": 2}]]\n')
    with parts_of(path, "one"):
        assert kept("a", lambda: [{"n": 3}]) == [{"n": 3}]
        assert kept("b", lambda: [{"n": 3}]) == [{"n": 2}]


def _wait_for_parts(process: subprocess.Popen[str], file: Path) -> list[str]:
    """The names of the parts that the process has finished, once there is one."""
    while process.poll() is None and not (file.exists() and file.read_text().count("\n") >= 2):
        time.sleep(0.02)
    _, *parts = file.read_text().splitlines()
    return [json.loads(part)[0] for part in parts]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_after_kill_9_finished_parts_are_readable_and_the_command_goes_on(count: int, tmp_path: Path) -> None:
    arguments = ["init_scale", "--smallest"]
    file = tmp_path / f"init_scale{SUFFIX}"
    running = [
        _start([*arguments, *(_connected(index) if count > 1 else [])], tmp_path, 4 if count > 1 else 1)
        for index in range(count)
    ]
    names = _wait_for_parts(running[0], file)
    running[-1].send_signal(signal.SIGKILL)
    ended = [process.communicate(timeout=100)[0] for process in running]
    assert running[-1].returncode == -signal.SIGKILL
    if count > 1:  # by an error of the collective, or by JAX's own watch over the other processes
        assert "another process is gone" in ended[0] or running[0].returncode == -signal.SIGABRT
    assert names
    again = _start(arguments, tmp_path)
    printed, _ = again.communicate(timeout=300)
    assert "finished in" in printed
    log = (tmp_path / "log.txt").read_text()
    assert not file.exists()
    stored = load("init_scale", tmp_path)
    assert stored is not None
    earlier = re.search(r"finished in (\d+) s \((\d+) s of them in earlier runs\)", printed)
    assert earlier is not None
    assert round(stored[0].provenance["seconds"]) == int(earlier[1]) > int(earlier[2])
    assert all(f"{name}: kept from an earlier run" in log for name in names)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "interrupted"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_after_a_signal_to_one_process_both_end_in_four_seconds_with_a_sentence(
    number: int, interrupted: int, tmp_path: Path
) -> None:
    arguments = ["init_scale", "--smallest", "--seeds", "40"]
    both = [_start([*arguments, *_connected(index)], tmp_path, 4) for index in (0, 1)]
    try:
        _wait_for_parts(both[0], tmp_path / f"init_scale{SUFFIX}")
        both[interrupted].send_signal(number)
        start = time.monotonic()
        printed = [process.communicate(timeout=60)[0] for process in both]
        assert time.monotonic() - start < 4 + 2  # two seconds for a busy machine
    finally:
        for process in both:
            process.kill()
    assert both[interrupted].returncode == 128 + number
    assert "Interrupted." in printed[interrupted]
    assert both[1 - interrupted].returncode == 2
    ends = f"process {interrupted} has ended, and the others with it|another process is gone"
    assert re.search(f"experiments: ({ends})", printed[1 - interrupted])


@pytest.mark.slow
def test_without_a_cluster_a_sentence_says_so(tmp_path: Path) -> None:
    alone = _start([*SMALLEST, "--devices", "all", "--cluster"], tmp_path)
    printed, _ = alone.communicate(timeout=100)
    assert (alone.returncode, printed.count("\n")) == (2, 1)
    assert printed.startswith("experiments: JAX finds no cluster whose process this is")


def test_the_training_loop_communicates_nothing() -> None:
    recipe, grid = Recipe((64, 8, 10), "relu"), Grid.of(range(12), [0.1])
    state, batches, data = initial_state(recipe, grid), np.zeros((12, 5, 4), np.int32), digits().train
    with spread_over(8):  # 12 nets: results are cut from 16, which is communicated
        counts = collectives(advance, recipe, state, batches, data.x, data.y)
    assert counts["in loops"] == 0
    assert counts["beside them"] > 0

    @each_net()
    def summed_in_a_loop(recipe: str, nets: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, 3, lambda _, nets: jax.lax.psum(nets, "nets"), nets)

    with spread_over(8):
        assert collectives(summed_in_a_loop, "", jnp.ones((8, 2)))["in loops"] == 1


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_branch_communicates_in_a_loop_only_if_it_is_in_one(in_loop: bool) -> None:
    @each_net()
    def summed(recipe: str, nets: jax.Array, chosen: jax.Array) -> jax.Array:
        branch = lambda nets: jax.lax.cond(chosen, lambda x: jax.lax.psum(x, "nets"), lambda x: 2 * x, nets)  # noqa: E731
        return jax.lax.fori_loop(0, 3, lambda _, nets: branch(nets), nets) if in_loop else branch(nets)

    with spread_over(8):
        counts = collectives(summed, "", jnp.ones((8, 2)), jnp.array(True))
    assert counts == {"in loops": int(in_loop), "beside them": int(not in_loop)}
