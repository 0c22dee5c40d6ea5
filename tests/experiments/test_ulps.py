"""The accuracy command: it detects known errors, sweeps every number once, and reports everything."""

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.command_line import main
from experiments.instruments.accuracy import implementations, rows, sweep
from experiments.instruments.accuracy.by_parameter import slope_by
from experiments.instruments.accuracy.implementations import (
    float32_parameters,
    in_float64,
    jax_implementation,
    ours,
    peer,
)
from experiments.instruments.accuracy.measure import Config, run
from experiments.instruments.accuracy.sweep import (
    BLOCK,
    Tally,
    bins,
    run_sweep,
    sweep_on_device,
    sweep_on_host,
    tally,
    tiled,
)
from experiments.instruments.accuracy.ulps import (
    BINS,
    EDGES,
    MOST_SPANS,
    NO_SPANS,
    FloorSpans,
    Results,
    floor_spans,
    floors,
    patterns,
    settings,
    worst,
)
from experiments.instruments.peers import JAX_NN, TORCH
from experiments.instruments.readmes.measured import largest_errors
from jaxact import CATALOGUE

pytestmark = pytest.mark.optimised

QUIET: Any = lambda fraction, doing: None  # noqa: E731
EVERYWHERE = (-np.inf, np.inf)


def _results(x: Any, got: Any, truth: Any) -> Results:
    x, got, truth = (np.asarray(part, "float64") for part in (x, got, truth))
    with np.errstate(invalid="ignore"):
        return Results(x, got, truth, got - truth, np.array([np.nan, np.nan]))


def test_a_wrong_digit_is_counted_where_it_is() -> None:
    x = np.linspace(1, 2, 1000, endpoint=False).astype("float32").astype("float64")
    got = x.copy()
    got[300] += 5 * 2.0**-23
    found = tally(_results(x, got, x), "float32", NO_SPANS, EVERYWHERE)
    assert (found.worst, found.x, found.above, found.bad, found.inputs) == (5, x[300], 1, 0, 1000)
    assert found.profile[int(bins(x[300:301])[0])] == 5
    assert sum(value > 0 for value in found.profile) == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_result_that_is_not_finite_is_bad(wrong: float) -> None:
    x = np.ones(4)
    found = tally(_results(x, [1, wrong, 1, 1], x), "float32", NO_SPANS, EVERYWHERE)
    assert (found.bad, found.worst, max(found.profile)) == (1, 0, np.inf)


def test_limits_count_and_inputs_outside_the_domain_do_not() -> None:
    x, truth = [np.inf, -1.0, 1.0], [np.inf, np.nan, 0.0]
    assert tally(_results(x, [np.inf, np.nan, 0], truth), "float32", NO_SPANS, (0, np.inf)).bad == 0
    assert tally(_results(x, [1e30, np.nan, 0], truth), "float32", NO_SPANS, (0, np.inf)).bad == 1
    assert tally(_results(x, [np.inf, 3, 0], truth), "float32", NO_SPANS, (0, np.inf)).bad == 1


def test_only_results_near_zero_may_be_flushed() -> None:
    tiny = float(np.finfo("float32").tiny)
    truth = np.array([100 * tiny, 300 * tiny])
    found = tally(_results([1, 2], [0, 0], truth), "float32", NO_SPANS, EVERYWHERE)
    assert (found.above, found.x) == (1, 2)
    assert worst(np.array([1.0]), np.array([0.0]), np.array([2.0**-20]), "float16").ulps == 16
    x, got, truth, zeros = (np.array(v) for v in ([tiny / 2], [1.0], [0.0], [0.0, 0.0]))
    nonzero_for_subnormal = Results(x, got, truth, got - truth, zeros)
    assert tally(nonzero_for_subnormal, "float32", NO_SPANS, EVERYWHERE).worst > 1e6
    taken_as_zero = nonzero_for_subnormal._replace(at_zero=np.array([1.0, 1.0]))
    assert tally(taken_as_zero, "float32", NO_SPANS, EVERYWHERE).worst == 0


def test_floors_are_within_1_of_a_sign_change_and_not_in_a_tail() -> None:
    x = np.linspace(-20, 20, 100_001)
    slope = (1 - x**2) * np.exp(-(x**2) / 2)  # changes its sign at -1 and 1, and is as small in its tails
    spans = floor_spans(x, slope, CATALOGUE["sigmoid"], 1)
    np.testing.assert_allclose([spans.low, spans.high, spans.floor], [[-2, 0], [0, 2], [0.25, 0.25]], atol=2e-3)
    got = slope + 1e-7
    found = worst(np.array([1.0, 5.0]), np.array([1e-7, got[62500]]), np.array([0.0, slope[62500]]), "float32", spans)
    assert found.x == 5
    assert worst(np.array([1.0]), np.array([1e-7]), np.array([0.0]), "float32", spans).ulps == pytest.approx(3.36, 0.01)
    assert worst(np.array([1.0]), np.array([1e-7]), np.array([0.0]), "float32").ulps > 1e6
    assert len(floor_spans(x, np.exp(-(x**2)), CATALOGUE["sigmoid"], 1).low) == 0


def test_a_value_has_a_floor_where_its_function_declares_a_crossing_but_never_at_0() -> None:
    x = np.linspace(-20, 20, 100_001)
    twice = x * (x + 5)
    assert len(floor_spans(x, twice, CATALOGUE["sigmoid"], 0).low) == 0
    (low,), (high,), (floor,) = floor_spans(x, twice, CATALOGUE["xielu"], 0)
    assert (low, high, floor) == pytest.approx((-6, -4, 1.5), rel=1e-3)


def test_the_floors_of_a_wave_follow_its_height() -> None:
    x = np.linspace(-300, 300, 400_001)
    spans = floor_spans(x, np.sin(9 * x) / np.maximum(np.abs(x), 1), CATALOGUE["sigmoid"], 1)
    assert 2 * MOST_SPANS >= len(spans.low) > MOST_SPANS
    found = floors(np, np.array([0.5, -20.0, 250.0, 1e9]), spans)
    assert found == pytest.approx([1 / 8, 1 / 8 / 16, 1 / 8 / 128, 0], rel=0.02)


def test_known_losses_of_digits_are_detected_and_a_kink_has_its_one_sided_slope() -> None:
    x = patterns("bfloat16", infinite=True)

    def errors(name: str, function: Any) -> list[Tally]:
        facts = CATALOGUE[name]
        given = float32_parameters(facts, {})
        got = tiled(jax_implementation("tested", function, (0, 1, 2), parameters_like_x=False), x, given)
        truth = tiled(in_float64(facts), x.astype("float64"), given)
        zeros = [part[x == 0].astype("float64") for part in got]
        pairs = zip(got, truth, zeros, strict=True)
        return [tally(sweep.host_results(x, *three), "bfloat16", NO_SPANS, EVERYWHERE) for three in pairs]

    assert errors("sigmoid", jax.nn.sigmoid)[1].worst == pytest.approx(255.8, abs=0.1)
    at_kink = errors("relu", lambda x: jnp.where(x >= 0, x, 0))[1]
    assert (at_kink.x, at_kink.got, at_kink.exact, at_kink.above) == (0, 1, 0, 2)
    assert errors("relu", lambda x: jnp.where(x > 0, x, 0))[1].worst == 0


@pytest.mark.parametrize(("name", "stride"), [("sigmoid", 4093), ("relu", 65536)])
def test_a_sweep_counts_what_a_loop_counts(name: str, stride: int) -> None:
    facts, wanted = CATALOGUE[name], (0, 1, 2)
    given, implementation, reference = float32_parameters(facts, {}), ours(facts), in_float64(facts)
    sign_change = FloorSpans(np.array([-1.0]), np.array([1.0]), np.array([0.01]))
    spans = [NO_SPANS, NO_SPANS, sign_change]
    fast = sweep_on_device(facts, implementation, reference, wanted, stride)(given, spans)
    slow = sweep_on_host(facts, implementation, reference, wanted, stride)(given, spans)
    for block in (0, 126, 133, 255, 256, 383, 511):
        x = (block * BLOCK + np.arange(0, BLOCK, stride)).astype("uint32").view("float32")
        for got, want in zip(fast(block), slow(block), strict=True):
            assert got.inputs == want.inputs == (~np.isnan(x)).sum()
            assert (got.above, got.bad, got.x) == (want.above, want.bad, want.x)
            assert (got.worst, got.raw) == pytest.approx((want.worst, want.raw), rel=1e-5)
            assert max(got.profile) == pytest.approx(max(want.profile), rel=1e-5)


def test_neighbours_within_a_full_sweep_are_those_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BLOCK", 2**13)
    facts = CATALOGUE["gaussian"]
    inexact = jax_implementation("tested", lambda x: jnp.exp(-x * x), (0,), parameters_like_x=False)
    fast = sweep_on_device(facts, inexact, in_float64(facts), (0,), 1)({}, [NO_SPANS])
    slow = sweep_on_host(facts, inexact, in_float64(facts), (0,), 1)({}, [NO_SPANS])
    for start in (0.0, 0.5, 1.0, -7.5, 8.0):
        (got,), (want,) = (f(int(np.float32(start).view("uint32")) // 2**13) for f in (fast, slow))
        assert (got.x, got.above, got.inputs) == (want.x, want.above, want.inputs)
        assert (got.worst, got.raw) == pytest.approx((want.worst, want.raw), rel=1e-5)
        assert abs(start) < 7 or got.raw > got.worst + 5


def test_a_wrong_slope_by_a_parameter_is_detected() -> None:
    facts = CATALOGUE["elu"]

    @functools.wraps(facts.function)
    def wrong(x: Any, alpha: Any) -> Any:
        return facts.function(x, alpha * (1 + 2.0**-19))

    assert slope_by(facts, "alpha", {"alpha": 0.5}, 200).worst < 2
    assert slope_by(dataclasses.replace(facts, function=wrong), "alpha", {"alpha": 0.5}, 200).worst == pytest.approx(
        31, abs=2
    )


def test_a_probability_counts_in_ulp_of_the_largest_and_a_logarithm_in_ulp_of_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of results that are all off by 2**-22."""
    facts, right = [CATALOGUE["softmax"], CATALOGUE["log_softmax"]], rows.directional
    monkeypatch.setattr(
        rows, "directional", lambda *of: lambda *t, **point: [d + np.float32(2**-22) for d in right(*of)(*t, **point)]
    )
    for one, ulps in zip(facts, (2.0**-22 / 2.0**-29, 2.0**-22 / 2.0**-23), strict=True):
        found = [component.error for component in rows.components(one, "tie") if component.order]
        assert np.median(found) == pytest.approx(ulps, rel=0.1)  # slopes of about 1/48 and 1


def test_the_program_of_a_sweep_changes_with_the_function_the_type_and_the_orders() -> None:
    orders = (0, 1)
    program = implementations.program_text(ours(CATALOGUE["elu"], orders), "float32", 1, orders)
    assert program == implementations.program_text(ours(CATALOGUE["elu"], orders), "float32", 1, orders)
    plain = jax_implementation(
        "jaxact", lambda x, alpha: jnp.where(x > 0, x, alpha * jnp.expm1(x)), orders, parameters_like_x=False
    )
    others = [
        (plain, "float32", orders),
        (ours(CATALOGUE["elu"]), "float64", orders),
        (ours(CATALOGUE["elu"]), "float32", (0,)),
    ]
    assert program not in [
        implementations.program_text(implementation, dtype, 1, wanted) for implementation, dtype, wanted in others
    ]


def test_subnormal_numbers_survive_widening() -> None:
    x = np.array([1e-45, -1e-39, 0.0, 1.5, -np.inf], "float32")
    with jax.enable_x64(True):
        np.testing.assert_array_equal(np.asarray(sweep.widened(jnp.asarray(x))), x.astype("float64"))


def test_an_interrupted_sweep_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def block(number: int) -> list[Tally]:
        profile = [float(number % 7)] * BINS
        return [Tally(float(number % 101), number, 0.0, 0.0, 1.0, number, number % 2, 3, profile)]

    def interrupted(number: int) -> list[Tally]:
        if number == 100:
            raise KeyboardInterrupt
        calls.append(number)
        return block(number)

    calls: list[int] = []
    monkeypatch.setattr(sweep, "SAVE_SECONDS", 0.0)
    whole = run_sweep(block, 1, tmp_path / "whole.json", "mark", QUIET)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(interrupted, 1, tmp_path / "state.json", "mark", QUIET)
    assert set(calls) >= set(range(96))
    calls.clear()
    monkeypatch.setattr(sweep, "BLOCKS_PER_CHECK", 8)
    assert (
        run_sweep(lambda number: calls.append(number) or block(number), 1, tmp_path / "state.json", "mark", QUIET)
        == whole
    )
    assert set(calls) == set(range(96, 512))
    calls.clear()
    again = run_sweep(lambda number: calls.append(number) or block(number), 1, tmp_path / "state.json", "other", QUIET)
    assert again == whole
    assert len(calls) == 512
    assert len(list(tmp_path.iterdir())) == 2


def test_a_profile_has_a_bin_for_every_number() -> None:
    x = np.array([-np.inf, -1e38, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, 1.06, 1.07, 1e38, np.inf], "float32")
    places = bins(x)
    assert places.tolist() == sorted(places.tolist())
    assert places[0] >= 0
    assert places[-1] < BINS == 2 * len(EDGES)
    assert places[8] + 1 == places[9]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path, str]:
    out = tmp_path_factory.mktemp("accuracy") / "nested"
    words = ["--functions", "leaky_relu", "tanh", "--peer", "jax.nn", "--only-defaults", "--float64", "--out", str(out)]
    words += ["--reference-points", "60", "--parameter-points", "60", "--float64-points", "100", "--stride", "1048573"]
    with contextlib.redirect_stdout(io.StringIO()) as printed, jax.numpy_dtype_promotion("standard"):
        code = main(["accuracy", *words])
    return code, out, printed.getvalue()


def test_everything_measured_is_reported(measured: tuple[int, Path, str]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    code, out, printed = measured
    assert code == 0
    stored = json.loads((out / "accuracy.json").read_text("utf-8"), parse_constant=refuse)
    slopes = [row for row in stored["measurements"] if row["by"]]
    assert [(row["function"], row["by"], row["within"]) for row in slopes] == [("leaky_relu", "negative_slope", True)]
    rows = {
        (row["library"], row["function"], row["dtype"], row["order"]): row
        for row in stored["measurements"]
        if not row["by"]
    }
    dtypes = ("float16", "bfloat16", "float32", "float64")
    libraries, names = ("jaxact", "jax.nn"), ("leaky_relu", "tanh")
    assert set(rows) == {(a, b, c, d) for a in libraries for b in names for c in dtypes for d in (0, 1)}
    assert rows["jax.nn", "tanh", "bfloat16", 1]["worst"] > 250
    assert all(row["within"] and not row["bad"] for key, row in rows.items() if key[0] == "jaxact")
    assert all(row["inputs"] for row in rows.values())
    assert all(row["reference"] == "checked" for key, row in rows.items() if key[2] != "float64")
    assert len(stored["edges"]) == len(rows["jaxact", "tanh", "float32", 0]["profile"]) == BINS
    assert {"python", "jax", "jaxlib", "jaxact"} <= set(stored["provenance"]["versions"])
    assert stored["provenance"]["device"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", stored["provenance"]["date"])
    table = (out / "accuracy.md").read_text("utf-8")
    reported = {
        (line.library, line.function, line.dtype, line.order): (line.inputs, line.worst)
        for line in largest_errors(table)
    }
    assert reported == {key: (row["inputs"], float(f"{row['worst']:.3g}")) for key, row in rows.items()}
    assert "| negative_slope 0 |" in table
    assert stored["provenance"]["command"] in table
    assert (out / "accuracy.svg").read_text("utf-8").startswith("<svg")
    assert "120 points" in printed
    assert "within their bounds" in printed


def test_a_missed_bound_is_an_exit_code_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.import_module("experiments.instruments.accuracy.measure"), "bound", lambda *_: 0.1)
    words = ["--functions", "tanh", "--dtypes", "bfloat16", "--orders", "0", "--reference-points", "0", "--out"]
    assert main(["accuracy", *words, str(tmp_path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "f of tanh() in bfloat16 misses its bound of 0.1: 0.49" in printed


def test_a_missing_library_is_reported_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(implementations.importlib, "import_module", not_there)
    config = Config(("relu",), ("bfloat16",), (0,), ("torch",), reference_points=0)
    found = run(config, QUIET)
    assert {row.library for row in found.measurements} == {"jaxact"}
    assert any("PyTorch is not installed" in sentence for sentence in found.remarks)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_torch_is_differentiated(dtype: str) -> None:
    pytest.importorskip("torch")
    implementation = peer("torch", CATALOGUE["sigmoid"], (0, 1, 2))
    assert implementation
    found = implementation.orders(np.array([0.0, 1.0]).astype(jnp.dtype(dtype)), {})
    for got, want in zip(found, ([0.5, 0.731], [0.25, 0.197], [0, -0.0909]), strict=True):
        assert got is not None
        np.testing.assert_allclose(got, want, atol=2e-3)


@pytest.mark.parametrize("facts", [facts for facts in CATALOGUE.values() if facts.elementwise], ids=lambda f: f.name)
def test_a_peer_computes_the_same(facts: Any) -> None:
    parameters = float32_parameters(facts, settings(facts)[0])
    x = np.array([-8.0, -2.5, -0.75, 0.25, 0.75, 2.5, 8.0], "float32")
    x = x[(x >= facts.domain[0]) & (x <= facts.domain[1])]
    (want,) = (results for results in ours(facts, (0,)).orders(x, parameters) if results is not None)
    libraries = [library for library in ("jax.nn", "torch") if not implementations.why_unavailable(library)]
    for implementation in filter(None, (peer(library, facts, (0,)) for library in libraries)):
        got = implementation.orders(x, parameters)[0]
        assert got is not None
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_wrong_settings_are_refused_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words, message in (
        (["--functions", "gravity"], "'gravity'"),
        (["--stride", "-1"], "stride is -1"),
        (["--peer", "numpy"], "numpy"),
        (["--out", __file__], "folder"),
    ):
        try:
            code = main(["accuracy", *words])
        except SystemExit as leaving:
            code = leaving.code
        assert code == 2
        assert message in capsys.readouterr().err


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as leaving:
        main(["accuracy", "--help"])
    assert not leaving.value.code
    printed = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    source = Path(importlib.import_module("experiments.instruments.accuracy.measure").__file__ or "").read_text("utf-8")
    for field in dataclasses.fields(Config):
        explained = re.search(rf'^    {field.name}: .*\n    """(.+)"""$', source, re.MULTILINE)
        assert explained, f"{field.name} has no docstring of one line"
        assert f"--{field.name.replace('_', '-')}" in printed
        assert explained.group(1) in printed


def test_peers_have_our_names() -> None:
    assert {"sigmoid", "gelu", "leaky_relu"} <= set(JAX_NN) & set(TORCH)
