"""What is said of costs follows from what was counted and timed."""

import json
from collections.abc import Callable
from math import inf
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.core import markdown, paired_timing
from experiments.core.statistics import Interval
from experiments.instruments import costs as figures
from experiments.instruments.readmes.measured import costs
from experiments.instruments.speed import contests, pairs, rows_contests
from experiments.instruments.speed import report as speed_report
from experiments.instruments.speed.contests import Contest
from experiments.instruments.speed.measure import Config
from experiments.instruments.speed.regimes import (
    ALONE_16,
    ALONE_32,
    BIAS,
    COMPILE,
    EQUATIONS,
    FORWARD,
    KEPT,
    LAYERS,
    LIMITS,
    MEMORY,
    REASONS,
    REDUCED,
    ROWS,
    STEPS,
    SUM,
    TIMES,
    TRANSCENDENTALS,
)
from experiments.instruments.speed.results import Figure, Measured, Time, mean
from experiments.instruments.speed.summary import misses, summary
from experiments.page.curves import _costs

pytestmark = pytest.mark.optimised


class Clock:
    """Time that passes only when a program says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def takes(self, *seconds: float) -> Callable[[], None]:
        turns = iter(seconds)

        def program() -> None:
            self.now += next(turns, seconds[-1])

        return program


def timed(regime: str, what: str, function: str, value: float, width: float = 0.0, dtype: str = "float32") -> Time:
    """A time with a ratio to jax.nn, under the regime's bound."""
    interval = Interval(value, value * (1 - width), value * (1 + width))
    bound = TIMES[regime].bound(what, function)
    return Time(regime, what, function, dtype, 1.0, {"jax.nn": interval}, None if bound == inf else bound)


def holds(measured: Measured) -> dict[str, str]:
    """By regime."""
    return {row[0]: row[-1] for row in summary(measured)}


def test_ratios_are_of_medians_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(paired_timing.time, "perf_counter", lambda: clock.now)
    runs = paired_timing.paired_times(
        {"ours": clock.takes(1.0), "theirs": clock.takes(4.0), "brief": clock.takes(1e-4)}, 9
    )
    assert paired_timing.ratio(runs, "ours", "theirs") == (0.25, 0.25, 0.25)
    assert runs["brief"] == pytest.approx([1e-4] * 9)
    assert paired_timing.geometric_mean([0.5, 2.0, 4.0]) == pytest.approx(4 ** (1 / 3))
    noisy = paired_timing.paired_times({"ours": clock.takes(*[1.0] * 2, 9.0, 1.0, 2.0), "theirs": clock.takes(1.0)}, 9)
    value, low, high = paired_timing.ratio(noisy, "ours", "theirs")
    assert low <= value == 2.0 <= high


def test_what_happens_before_each_turn_is_beside_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(paired_timing.time, "perf_counter", lambda: clock.now)
    runs = paired_timing.paired_times(
        {"ours": clock.takes(1e-4), "theirs": clock.takes(2.0)}, 3, before=clock.takes(50.0)
    )
    assert runs == {"ours": pytest.approx([1e-4] * 3), "theirs": pytest.approx([2.0] * 3)}
    assert clock.now == pytest.approx(6 * 50 + 3 * 2.0001)


def test_limits_beside_what_jax_nn_takes() -> None:
    assert LIMITS[KEPT].bound(12.0) == 4
    assert LIMITS[KEPT].bound(0.0) == 0
    assert LIMITS[KEPT].bound(None, 1.0) == 1
    assert LIMITS[TRANSCENDENTALS].bound(1.0) == 2
    assert LIMITS[TRANSCENDENTALS].bound(None) == inf
    assert LIMITS[MEMORY].bound(0.0) == 2**16
    assert LIMITS[MEMORY].bound(2.0**20) == pytest.approx(1.1 * 2**20 + 2**16)
    assert LIMITS[EQUATIONS].bound(3.0) == 100


def test_bounds_of_times_and_their_exceptions() -> None:
    assert TIMES[ALONE_32].bound(FORWARD, "relu") == 1.25
    assert TIMES[ALONE_32].bound(FORWARD, "tanh") == 1.4
    assert TIMES[ALONE_16].bound(FORWARD, "relu") == inf
    assert TIMES[REDUCED].bound(BIAS, "silu") == 2
    assert TIMES[REDUCED].bound(SUM, "silu") == 1.3
    assert TIMES[ALONE_32].text == "mean 1 / 0.9, each 1.25 (sigmoid, tanh 1.4)"
    assert TIMES[REDUCED].text.endswith("(bias gradient of sigmoid, tanh, silu, swish 2)")
    assert TIMES[COMPILE].text == "mean 1.2"


def test_a_figure_above_its_bound_needs_a_reason() -> None:
    assert Figure(KEPT, "relu", 1.0, 5.0, 1.0).within
    assert not Figure(KEPT, "relu", 1.1, 5.0, 1.0).within
    assert Figure(TRANSCENDENTALS, "sine", 7.0, None, None).within
    known, unknown = (Figure(LAYERS, name, 2.0, 1.06, 1.06) for name in ("sigmoid", "relu"))
    assert [bool(miss.reason) for miss in misses(Measured([known, unknown]))] == [True, False]
    assert holds(Measured([known])) == {LAYERS: "but for sigmoid"}
    assert holds(Measured([known, unknown])) == {LAYERS: "NO"}


def test_every_reason_is_of_a_function_and_a_figure_or_regime() -> None:
    for what, name in REASONS:
        assert what in LIMITS | TIMES
        assert name.partition(" (")[0] in pairs.MEASURED  # a shape may follow


def test_a_time_is_judged_by_the_interval_of_its_first_ratio() -> None:
    ratios = {"jax.nn": Interval(1.0, 0.9, 1.1), "torch": Interval(9.0, 8.0, 10.0)}
    verdicts = {
        bound: Time(ALONE_32, FORWARD, "relu", "float32", 1.0, ratios, bound).verdict
        for bound in (0.8, 1.05, 1.1, None)
    }
    assert verdicts == {0.8: "NO", 1.05: "undecided", 1.1: "yes", None: "yes"}


def test_a_function_that_jax_nn_has_not_is_judged_by_seconds() -> None:
    slow = Time(COMPILE, "Hessian", "serf", "float32", 6000.0, {}, 5.0)
    beside = timed(COMPILE, "Hessian", "relu", 1.0)
    assert slow.verdict == "NO"
    assert [miss.found for miss in misses(Measured(times=[beside, slow]))] == ["Hessian of serf: 6.0 s (bound 5)"]
    (row,) = summary(Measured(times=[beside, slow]))
    assert "serf: 6.0 s" in row[2]
    assert row[-1] == "NO"


def test_a_mean_of_ratios_is_surer_than_each_of_them() -> None:
    value, low, high = mean([timed(REDUCED, SUM, name, ratio, 0.2) for name in "abcdefgh" for ratio in (0.5, 2.0)])
    assert value == pytest.approx(1)
    assert 0.9 < low < 0.96
    assert 1.04 < high < 1.1


def test_a_regime_holds_only_if_its_mean_and_each_function_do() -> None:
    good = [timed(STEPS, "MLP", name, 1.0) for name in ("relu", "silu", "gelu")]
    assert holds(Measured(times=good)) == {STEPS: "yes"}
    assert holds(Measured(times=[*good, timed(STEPS, "GRU", "tanh", 1.09)])) == {STEPS: "NO"}
    assert holds(Measured(times=[*good, timed(STEPS, "GRU", "tanh", 1.06, 0.05)])) == {STEPS: "undecided"}
    slower = Measured(times=[timed(STEPS, "MLP", name, 1.05) for name in ("relu", "silu")])
    assert holds(slower) == {STEPS: "NO"}
    assert [miss.found for miss in misses(slower)] == ["the geometric mean is 1.05 [1.05, 1.05] (bound 1.03)"]


def test_each_pass_alone_has_a_mean_of_its_own() -> None:
    fine = [timed(ALONE_32, FORWARD, "relu", 0.99), timed(ALONE_32, "forward and backward", "relu", 0.95)]
    (miss,) = misses(Measured(times=fine))
    assert miss.found.startswith("the geometric mean of forward and backward is 0.95")


def test_the_worst_is_told_by_its_share_of_its_bound() -> None:
    times = [timed(REDUCED, BIAS, "tanh", 1.9), timed(REDUCED, SUM, "relu", 1.5)]
    (row,) = summary(Measured(times=times))
    assert row[2].startswith("sum of relu: 1.50")


def test_command_writes_tables_and_fails_where_a_bound_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(figures, "kept", lambda f: 0.5)
    monkeypatch.setattr(figures, "layers", lambda f: 1.0)
    arguments = ["speed", "--functions", "relu", "--out", str(tmp_path)]
    assert main(arguments) == 0
    report = (tmp_path / "speed.md").read_text()
    assert "| `relu` | 0.5 / 0.5 | 1 / 1 |" in costs(report)
    assert "| bytes kept | 1.00 |" in costs(report)
    assert _costs(report)["relu"].startswith("keeps 0.5 (jax.nn 0.5) bytes for the backward pass, ")
    assert json.loads((tmp_path / "speed.json").read_text())["figures"][0]["theirs"] == 0.5
    monkeypatch.setattr(figures, "kept", lambda f: 3.0)
    assert main(arguments) == 1
    assert "bytes kept: relu: 3 (bound 1, theirs 3): NO REASON KNOWN." in capsys.readouterr().out
    with pytest.raises(ValueError, match="functions is 'glu', but one of"):
        Config(functions=("glu",))


@pytest.mark.slow
def test_command_tells_times_of_every_regime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_contests, "SHAPES", ((16, 64),))
    monkeypatch.setattr(figures, "layers", lambda f: 1.0)
    settings = ["--timed", "--size", "1024", "--rounds", "2", "--largest", "1024"]
    arguments = ["speed", *settings, "--functions", "relu", "logsumexp"]
    regimes = ["--regimes", "alone", "reduction", "rows", "compile", "call", "growth"]
    main([*arguments, *regimes, "--out", str(tmp_path)])
    report = (tmp_path / "speed.md").read_text()
    records = list(markdown.records(report))
    assert {record["regime"] for record in records if "regime" in record} == (set(LIMITS) | set(TIMES)) - {
        STEPS,
        TRANSCENDENTALS,
    }
    by_function = [record for record in records if record.get("function") == "relu"]
    assert {"forward, bfloat16", "sum", "bias gradient", "eager call"} <= set(by_function[0])
    assert "compiling Hessian" in by_function[1]
    assert "speed.svg" in {path.name for path in tmp_path.iterdir()}


def test_the_summary_and_the_report_stay_short() -> None:
    names = [name for name in pairs.MEASURED if name not in pairs.ROWS]
    given = [(c.regime, c.what, c.function, c.dtype) for c in contests.every(pairs.MEASURED, contests.FULL_SIZE, 1024)]
    ratios = {"jax.nn": Interval(9.0, 8.0, 10.0)}
    measured = Measured(
        [Figure(what, name, 9.0, 9.0, 1.0) for what in LIMITS for name in names],
        times=[Time(*one, 1.0, ratios, 1.0) for one in given if one[0] != contests.GROWTH],
    )
    assert len(summary(measured)) == 10
    facts = {"command": "", "date": "", "seconds": 1.0, "device": "", "versions": {}}
    assert len(speed_report.markdown(measured, facts).splitlines()) < 250


def test_temporary_memory_is_that_of_the_compiled_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pairs.ROWS["softmax"], "jaxact", lambda x, _: jnp.sort(x) @ jnp.sort(x).T @ jnp.sort(x))
    ours, theirs = rows_contests.temporary("softmax", FORWARD, (64, 1024), "float32")
    assert ours >= 64 * 1024 * 4
    assert theirs < 2**16


def chosen() -> list[Contest]:
    """One of each train step, and of the rest those of a few functions."""
    few = ("relu", "tanh", "log1mexp", *pairs.ROWS)
    every = contests.every(few, 1024, 1024, (), ("alone", "reduction", "rows", "call"))
    steps = {contest.what: contest for contest in contests.every(pairs.MEASURED, 1024, 1024, (), ["steps"])}
    of_one_shape = [contest for contest in every if contest.regime != ROWS or contest.function.endswith(" 64)")]
    return [*of_one_shape, *steps.values()]


@pytest.mark.slow
@pytest.mark.parametrize("contest", chosen(), ids=lambda c: f"{c.regime}-{c.what}-{c.function}-{c.dtype}")
def test_both_programs_of_a_contest_compute_the_same(contest: Contest) -> None:
    """To the digits of the type, and those that jax.nn has."""
    ours, theirs = (jax.tree.leaves(program()) for program in contest.programs().values())
    close = 0.2 if contest.dtype == "bfloat16" else 1e-3
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = np.asarray(mine, "float32"), np.asarray(other, "float32")
        assert np.isfinite(mine).all()
        np.testing.assert_allclose(mine, other, rtol=close, atol=close)


def test_contests_cover_all_regimes() -> None:
    everything = list(contests.every(pairs.MEASURED, contests.FULL_SIZE, 4096, ()))
    assert {contest.regime for contest in everything} == {*TIMES, contests.CALL, contests.GROWTH, contests.IMPORT}
    assert {one.what for one in everything if one.regime == STEPS} == {
        "MLP",
        "convnet",
        "LSTM",
        "GRU",
        "transformer block",
    }
    assert sum(one.regime == ROWS for one in everything) == 4 * 4 * 2 * 2
    assert [one.regime for one in contests.every(("relu",), 1024, 1024, (), ["call"])] == [contests.CALL]


@pytest.mark.parametrize("name", ["relu", "arctan", "cross_entropy_from_logits"])
def test_compilation_compiles(name: str) -> None:
    for contest in contests.every((name,), 1024, 1024, (), ["compile"]):
        assert contest.compiles
        assert len(contest.programs()) == (1 if name == "arctan" else 2)
        for program in contest.programs().values():
            program()
