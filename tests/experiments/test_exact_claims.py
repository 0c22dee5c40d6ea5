"""The exact claims: checks detect small errors, verdicts follow from checks, and float64 is disabled afterwards."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxact
from experiments.core.statistics import REFUTED, SUPPORTED
from experiments.questions.exact_claims import measure, report, verdicts
from experiments.questions.exact_claims.algebra import (
    NOTES,
    TRUTH,
    autodiff_slope,
    count_not_nan,
    exact_values,
    finite_points,
    max_error,
    notes_check,
    share_unequal,
)
from experiments.questions.exact_claims.functions import FUNCTIONS
from experiments.questions.exact_claims.nets import NETS
from experiments.questions.exact_claims.verdicts import STATEMENTS, judge

Runs = list[dict[str, Any]]


@pytest.fixture(scope="module")
def runs() -> Runs:
    with jax.numpy_dtype_promotion("standard"):  # optax, in the nets whose parameters are counted
        return measure.run(measure.smallest(), lambda fraction, doing: None)


@pytest.mark.slow
def test_float64_is_disabled_afterwards(runs: Runs) -> None:
    assert {run["dtype"] for run in runs} == {"float32", "float64"}
    assert jnp.asarray(1.5).dtype == jnp.float32


def test_every_claim_is_checked_and_reported(runs: Runs) -> None:
    assert set(NETS) | set(FUNCTIONS) == set(STATEMENTS)
    assert {name.split()[0] for name in STATEMENTS} == {f"A{n}" for n in range(3, 17)} | {"B22"}
    for name in STATEMENTS:
        assert any((run["claim"], run["role"]) == (name, NOTES) for run in runs)
    assert all(run["low"] <= run["high"] for run in runs)


def test_the_correct_statements_are_confirmed(runs: Runs) -> None:
    assert not [run["what"] for run in runs if run["role"] == TRUTH and not run["holds"]]
    assert not [name for name in STATEMENTS if "not confirmed" in verdicts.true_sentence(runs, name)]


def test_known_verdicts(runs: Runs) -> None:
    """max(alpha x, x) is not PReLU above 1; the softmax's derivative lacks a factor; 0.1 is not 0.01."""
    claims = judge(measure.smallest(), runs)
    found = {name: claim.verdict for name, claim in zip(STATEMENTS, claims, strict=True)}
    refuted = {"A6", "A10 derivative", "A11", "A12", "A16"}
    assert found == {name: REFUTED if name in refuted else SUPPORTED for name in STATEMENTS}
    assert {claim.kind for claim in claims} == {"algebra"}


@pytest.mark.parametrize("name", STATEMENTS)
def test_one_failed_check_refutes_or_puts_a_caveat_on_the_correct_statement(name: str, runs: Runs) -> None:
    def changed(role: str, holds: bool) -> Runs:
        return [run | {"holds": holds} if (run["claim"], run["role"]) == (name, role) else run for run in runs]

    place = list(STATEMENTS).index(name)
    config = measure.smallest()
    assert judge(config, changed(NOTES, True))[place].verdict == SUPPORTED
    first = next(i for i, run in enumerate(runs) if (run["claim"], run["role"]) == (name, NOTES))
    one_failed = changed(NOTES, True)
    one_failed[first] = one_failed[first] | {"holds": False}
    claim = judge(config, one_failed)[place]
    assert (claim.verdict, claim.interval.value) == (REFUTED, runs[first]["value"])
    text = " ".join(row[2] for row in report.report(config, changed(TRUTH, False)).tables[0].rows)
    has_truth = any((run["claim"], run["role"]) == (name, TRUTH) for run in runs)
    assert (f"not confirmed: {STATEMENTS[name].truth}" in text) == has_truth


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_slope_without_correct_digits_is_detected(dtype: str) -> None:
    with jax.enable_x64(True):
        x = finite_points(dtype)
        y = np.asarray(jaxact.sigmoid(x))
        exact = exact_values(lambda v: 1 / (1 + v.exp()) * (1 - 1 / (1 + v.exp())), x)
        assert max_error(autodiff_slope(jaxact.sigmoid, x), exact) < 4
        assert max_error(y * (1 - y), exact) > 1e3
        assert max_error(np.nextafter(exact.astype(dtype), np.inf, dtype=dtype), exact) < 3


def test_a_nan_lies_in_no_range_and_unequal_entries_are_counted() -> None:
    assert not notes_check("", float("nan"), -1e9, 1e9).holds
    assert not notes_check("", max_error(np.array([np.nan]), np.array([1.0])), 0, 1e9).holds
    assert share_unequal([1, 2, 3, 4], [1, 2, 3, 5]) == 0.25
    assert count_not_nan([0.0, np.nan, np.inf]) == 2


@pytest.mark.parametrize("notes", [True, False, None])
@pytest.mark.parametrize("truth", [True, False])
def test_sentences_read_well_whatever_came_out(notes: bool | None, truth: bool, runs: Runs) -> None:
    """All claims right, all wrong, or as they are; the correct statements confirmed or not."""
    holds = {NOTES: notes, TRUTH: truth}
    changed = [run if holds[run["role"]] is None else run | {"holds": holds[run["role"]]} for run in runs]
    made = report.report(measure.smallest(), changed)
    print(*made.findings, *made.practice, made.advice, sep="\n")
    beginning = {
        True: "Yes, all of it, by ",
        False: "None of 16 statements hold as they",
        None: "11 of 16 statements hold as they are worded, by",
    }
    assert made.findings[0].startswith(beginning[notes])
    assert len(made.findings) == 1 + (notes is not True) + (not truth)
    assert bool(made.practice) == bool(made.advice) == (notes is not True)
    assert len(made.advice.split()) <= 45
    assert "0e+00" not in made.advice
