"""What is said of costs follows from what was counted and timed."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import pytest

from experiments import contests, figures, race, speed, speed_report
from experiments.__main__ import main
from experiments.peers import JAX_NN
from experiments.published import costs
from experiments.speed import Config, Figure, Measured, Time


class Clock:
    """Time that passes only when a program says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def takes(self, *seconds: float) -> Callable[[], None]:
        turns = iter(seconds)

        def program() -> None:
            self.now += next(turns, seconds[-1])

        return program


def test_ratios_are_of_medians_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(race.time, "perf_counter", lambda: clock.now)
    runs = race.race({"ours": clock.takes(1.0), "theirs": clock.takes(4.0), "brief": clock.takes(1e-4)}, 9)
    assert race.ratio(runs, "ours", "theirs") == (0.25, 0.25, 0.25)
    assert runs["brief"] == pytest.approx([1e-4] * 9)
    assert race.geometric_mean([0.5, 2.0, 4.0]) == pytest.approx(4 ** (1 / 3))
    noisy = race.race({"ours": clock.takes(*[1.0] * 4, 9.0, 1.0, 2.0), "theirs": clock.takes(1.0)}, 9)
    value, low, high = race.ratio(noisy, "ours", "theirs")
    assert low <= value == 2.0 <= high


def test_a_bound_holds_for_jax_nn_s_figure_too_and_a_miss_needs_a_reason() -> None:
    assert Figure("kept", "relu", 1.0, 5.0, 1.0).within
    assert not Figure("kept", "relu", 1.1, 5.0, 1.0).within
    assert not Figure("layers", "relu", 1.06, 1.0, 1.1).within
    known, unknown = (Figure("layers", name, 2.0, 1.06, 2.05) for name in ("sigmoid", "relu"))
    measured = Measured([known, unknown])
    assert measured.missed == [unknown]
    lines = speed_report.sentences(measured)
    assert lines[0] == "0 of 2 figures are within their bounds."
    assert "lose" in lines[1] or "loses" in lines[1]
    assert "NO REASON KNOWN" in lines[2]


def test_every_reason_is_of_a_function_and_a_figure() -> None:
    for what, name in speed.REASONS:
        assert what in speed_report.COLUMNS
        assert name in speed.CATALOGUE


def test_a_time_is_judged_by_the_interval_of_its_first_ratio() -> None:
    ratios = {"jax.nn": (1.0, 0.9, 1.1), "copy": (9.0, 8.0, 10.0)}
    verdicts = {
        bound: Time("forward", "relu", "float32", 1.0, ratios, bound).verdict for bound in (0.8, 1.05, 1.1, None)
    }
    assert verdicts == {0.8: "NO", 1.05: "undecided", 1.1: "yes", None: "yes"}


def test_every_time_above_its_bound_is_told_with_a_reason() -> None:
    ratios = {"jax.nn": (2.0, 1.9, 2.1)}
    both, eager = "forward and backward", "eager call"
    times = [Time(both, "silu", "float32", 1.0, ratios, 1.05), Time(eager, "silu", "float32", 1.0, ratios, 1.5)]
    first, second = speed_report.slow(Measured(times=times))
    assert first.endswith("forward and backward of silu, float32: 2.00 (bound 1.05).")
    assert "in the backward pass" in first
    assert "Python" in second
    contests_of_all = contests.every(tuple(JAX_NN), 1024, 1024, ())
    assert all(Time(c.what, c.function, "", 1.0, ratios, c.bound).reason for c in contests_of_all if c.bound)


def test_command_writes_tables_and_fails_where_a_bound_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["speed", "--functions", "relu", "--out", str(tmp_path)]
    assert main(arguments) == 0
    report = (tmp_path / "speed.md").read_text()
    assert "- 3 of 3 figures are within their bounds." in report
    assert "| `relu` | 0 / 5 | 1.06 / 2 |" in costs(report)
    assert json.loads((tmp_path / "speed.json").read_text())["figures"][0]["theirs"] == 5
    monkeypatch.setattr(figures, "kept", lambda f: 3.0)
    assert main(arguments) == 1
    assert "bytes kept by jax.vjp of relu: 3 (bound 1, jax.nn 3): NO REASON KNOWN." in capsys.readouterr().out
    with pytest.raises(ValueError, match="functions is 'softmax', but one of"):
        Config(functions=("softmax",))


def test_every_contest_has_programs_that_run() -> None:
    names = ("relu", "sigmoid", "tanh")
    kinds = set()
    for contest in contests.every(names, 1024, 4096, ()):
        kinds.add(contest.what)
        if contest.what == "import" or (contest.function != "relu" and contest.what.startswith("forward")):
            continue
        for program in contest.programs().values():
            jax.block_until_ready(program())
    assert {"forward", "eager call", "train step, LSTM", "compilation of 16 layers", "growth", "import"} <= kinds
