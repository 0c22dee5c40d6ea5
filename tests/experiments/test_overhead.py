"""The command `overhead` measures each net, and its verdict follows from the times."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from experiments.command_line import main
from experiments.core.statistics import Interval
from experiments.instruments import overhead
from experiments.instruments.overhead import BOUND, GRADIENTS, PLAIN, STATISTICS, Cost

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def promotion_of_users() -> Iterator[None]:
    with jax.numpy_dtype_promotion("standard"):  # Adam relies on it
        yield


def cost(step: str, value: float) -> Cost:
    return Cost("MLP", step, Interval(value, value, value), 1.0, 1.0)


def test_only_statistics_are_bounded() -> None:
    assert overhead.missed([cost(STATISTICS, BOUND), cost(GRADIENTS, 2 * BOUND)]) == []
    over = [cost(STATISTICS, BOUND + 0.1)]
    assert overhead.missed(over) == over
    assert overhead.verdict(over).endswith(f"takes: MLP {BOUND + 0.1:.2f}.")


def test_the_command_reports_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "NETS", {"MLP": overhead.mlp})
    code = main(["overhead", "--rounds", "3", "--processes", "2", "--out", str(tmp_path)])
    stored = json.loads((tmp_path / "overhead.json").read_text())
    assert [row["step"] for row in stored["costs"]] == [STATISTICS, GRADIENTS]
    assert all(row["flops"] > 1 for row in stored["costs"])
    assert code == int(stored["costs"][0]["time"][0] > BOUND)
    assert "| MLP" in (tmp_path / "overhead.md").read_text()


def test_all_steps_have_the_same_loss() -> None:
    programs = overhead.compiled(*overhead.mlp())
    losses = [float(run()[2]) for run, _ in programs.values()]
    assert list(programs) == [PLAIN, STATISTICS, GRADIENTS]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)
