"""The reports and verdicts of `speed` follow from the counts and the times."""

import json
from collections.abc import Callable
from math import inf
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.command_line import main
from experiments.core import markdown, paired_timing
from experiments.core.statistics import Interval
from experiments.instruments.readmes.measured import costs
from experiments.instruments.speed import comparisons, pairs, softmax_family
from experiments.instruments.speed import report as speed_report
from experiments.instruments.speed.comparisons import Comparison
from experiments.instruments.speed.measure import Config
from experiments.instruments.speed.regimes import (
    ALONE_16,
    ALONE_32,
    ARRAYS_PER_LAYER,
    BIAS,
    COMPILE,
    EQUATIONS,
    FORWARD,
    LIMITS,
    MEMORY,
    REASONS,
    REDUCED,
    RESIDUAL_BYTES,
    SOFTMAX_FAMILY,
    STEPS,
    SUM,
    TIMES,
    TRANSCENDENTALS,
)
from experiments.instruments.speed.results import Count, Measured, Time, mean
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
    """The summary's verdict by regime."""
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


def test_a_call_before_each_turn_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(paired_timing.time, "perf_counter", lambda: clock.now)
    runs = paired_timing.paired_times(
        {"ours": clock.takes(1e-4), "theirs": clock.takes(2.0)}, 3, before=clock.takes(50.0)
    )
    assert runs == {"ours": pytest.approx([1e-4] * 3), "theirs": pytest.approx([2.0] * 3)}
    assert clock.now == pytest.approx(6 * 50 + 3 * 2.0001)


def test_limits_beside_what_jax_nn_takes() -> None:
    assert LIMITS[RESIDUAL_BYTES].bound(12.0) == 4
    assert LIMITS[RESIDUAL_BYTES].bound(0.0) == 0
    assert LIMITS[RESIDUAL_BYTES].bound(None, 1.0) == 1
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


def test_a_count_above_its_bound_needs_a_reason() -> None:
    assert Count(RESIDUAL_BYTES, "relu", 1.0, 5.0, 1.0).within
    assert not Count(RESIDUAL_BYTES, "relu", 1.1, 5.0, 1.0).within
    assert Count(TRANSCENDENTALS, "sine", 7.0, None, None).within
    known, unknown = (Count(ARRAYS_PER_LAYER, name, 2.0, 1.06, 1.06) for name in ("sigmoid", "relu"))
    assert [bool(miss.reason) for miss in misses(Measured([known, unknown]))] == [True, False]
    assert holds(Measured([known])) == {ARRAYS_PER_LAYER: "but for sigmoid"}
    assert holds(Measured([known, unknown])) == {ARRAYS_PER_LAYER: "NO"}


def test_every_reason_is_of_a_function_and_a_count_or_regime() -> None:
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


def test_a_function_that_jax_nn_does_not_have_is_judged_by_seconds() -> None:
    slow = Time(COMPILE, "Hessian", "serf", "float32", 6000.0, {}, 5.0)
    beside = timed(COMPILE, "Hessian", "relu", 1.0)
    assert slow.verdict == "NO"
    assert [miss.finding for miss in misses(Measured(times=[beside, slow]))] == ["Hessian of serf: 6.0 s (bound 5)"]
    (row,) = summary(Measured(times=[beside, slow]))
    assert "serf: 6.0 s" in row[2]
    assert row[-1] == "NO"


def test_a_mean_of_ratios_has_a_narrower_interval_than_each_of_them() -> None:
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
    assert [miss.finding for miss in misses(slower)] == ["the geometric mean is 1.05 [1.05, 1.05] (bound 1.03)"]


def test_each_pass_alone_has_a_mean_of_its_own() -> None:
    fine = [timed(ALONE_32, FORWARD, "relu", 0.99), timed(ALONE_32, "forward and backward", "relu", 0.95)]
    (miss,) = misses(Measured(times=fine))
    assert miss.finding.startswith("the geometric mean of forward and backward is 0.95")


def test_the_worst_has_the_largest_share_of_its_bound() -> None:
    times = [timed(REDUCED, BIAS, "tanh", 1.9), timed(REDUCED, SUM, "relu", 1.5)]
    (row,) = summary(Measured(times=times))
    assert row[2].startswith("sum of relu: 1.50")


def test_command_writes_tables_and_fails_where_a_bound_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("experiments.instruments.costs.residual_bytes", lambda f: 0.5)
    monkeypatch.setattr("experiments.instruments.costs.arrays_per_layer", lambda f: 1.0)
    arguments = ["speed", "--functions", "relu", "--out", str(tmp_path)]
    assert main(arguments) == 0
    report = (tmp_path / "speed.md").read_text()
    assert "| `relu` | 0.5 / 0.5 | 1 / 1 |" in costs(report)
    assert "| bytes kept | 1.00 |" in costs(report)
    assert _costs(report)["relu"].startswith("keeps 0.5 (jax.nn 0.5) bytes for the backward pass, ")
    assert json.loads((tmp_path / "speed.json").read_text())["counts"][0]["theirs"] == 0.5
    monkeypatch.setattr("experiments.instruments.costs.residual_bytes", lambda f: 3.0)
    assert main(arguments) == 1
    assert "bytes kept: relu: 3 (bound 1, theirs 3): NO REASON KNOWN." in capsys.readouterr().out
    with pytest.raises(ValueError, match="functions is 'glu', but one of"):
        Config(functions=("glu",))


@pytest.mark.slow
def test_command_reports_times_of_every_regime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax_family, "SHAPES", ((16, 64),))
    monkeypatch.setattr("experiments.instruments.costs.arrays_per_layer", lambda f: 1.0)
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
    names = [name for name in pairs.MEASURED if name not in pairs.ROW_FUNCTIONS]
    given = [
        (c.regime, c.what, c.function, c.dtype) for c in comparisons.every(pairs.MEASURED, comparisons.FULL_SIZE, 1024)
    ]
    ratios = {"jax.nn": Interval(9.0, 8.0, 10.0)}
    measured = Measured(
        [Count(what, name, 9.0, 9.0, 1.0) for what in LIMITS for name in names],
        times=[Time(*one, 1.0, ratios, 1.0) for one in given if one[0] != comparisons.GROWTH],
    )
    assert len(summary(measured)) == 10
    facts = {"command": "", "date": "", "seconds": 1.0, "device": "", "versions": {}}
    assert len(speed_report.markdown(measured, facts).splitlines()) < 250


def test_temporary_memory_is_that_of_the_compiled_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        pairs.ROW_FUNCTIONS["softmax"], "jaxact", lambda x, _: jnp.sort(x) @ jnp.sort(x).T @ jnp.sort(x)
    )
    ours, theirs = softmax_family.temporary("softmax", FORWARD, (64, 1024), "float32")
    assert ours >= 64 * 1024 * 4
    assert theirs < 2**16


def chosen() -> list[Comparison]:
    """One of each train step, and of the rest those of a few functions."""
    few = ("relu", "tanh", "log1mexp", *pairs.ROW_FUNCTIONS)
    every = comparisons.every(few, 1024, 1024, (), ("alone", "reduction", "rows", "call"))
    steps = {comparison.what: comparison for comparison in comparisons.every(pairs.MEASURED, 1024, 1024, (), ["steps"])}
    of_one_shape = [
        comparison
        for comparison in every
        if comparison.regime != SOFTMAX_FAMILY or comparison.function.endswith(" 64)")
    ]
    return [*of_one_shape, *steps.values()]


@pytest.mark.slow
@pytest.mark.parametrize("comparison", chosen(), ids=lambda c: f"{c.regime}-{c.what}-{c.function}-{c.dtype}")
def test_both_programs_of_a_comparison_compute_the_same(comparison: Comparison) -> None:
    """Up to the precision of the type and of jax.nn."""
    ours, theirs = (jax.tree.leaves(program()) for program in comparison.programs().values())
    close = 0.2 if comparison.dtype == "bfloat16" else 1e-3
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = np.asarray(mine, "float32"), np.asarray(other, "float32")
        assert np.isfinite(mine).all()
        np.testing.assert_allclose(mine, other, rtol=close, atol=close)


def test_contests_cover_all_regimes() -> None:
    everything = list(comparisons.every(pairs.MEASURED, comparisons.FULL_SIZE, 4096, ()))
    assert {comparison.regime for comparison in everything} == {
        *TIMES,
        comparisons.CALL,
        comparisons.GROWTH,
        comparisons.IMPORT,
    }
    assert {comparison.what for comparison in everything if comparison.regime == STEPS} == {
        "MLP",
        "convnet",
        "LSTM",
        "GRU",
        "transformer block",
    }
    assert sum(comparison.regime == SOFTMAX_FAMILY for comparison in everything) == 4 * 4 * 2 * 2
    assert [comparison.regime for comparison in comparisons.every(("relu",), 1024, 1024, (), ["call"])] == [
        comparisons.CALL
    ]


@pytest.mark.parametrize("name", ["relu", "arctan", "cross_entropy_from_logits"])
def test_compilation_compiles(name: str) -> None:
    for comparison in comparisons.every((name,), 1024, 1024, (), ["compile"]):
        assert comparison.compiles
        assert len(comparison.programs()) == (1 if name == "arctan" else 2)
        for program in comparison.programs().values():
            program()
