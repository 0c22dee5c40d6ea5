"""Rounding to fixed point is exact, formats hold the outputs, and verdicts follow their rules."""

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxact
from experiments.core.data import digits
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Grid, Recipe, initial_state, score
from experiments.questions.fixed_point import report, verdicts
from experiments.questions.fixed_point.measure import (
    CHOSEN_ON,
    FORMATS,
    LEAST_INTEGER_BITS,
    RAW,
    SIX,
    Capped,
    Config,
    formats,
    integer_bits,
    largest,
    quantised,
    score_rounded,
)


def _exactly(x: float, m: int, bits: int) -> Fraction:
    step = Fraction(2) ** (m - bits)
    return min(round(Fraction(x) / step), 2**bits - 1) * step


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
@pytest.mark.parametrize("m", [-4, 0, 3, 7])
def test_rounding_equals_exact_arithmetic(m: int, bits: int) -> None:
    step = 2.0 ** (m - bits)
    rng = np.random.default_rng(0)
    x = np.concatenate([2.0**m * rng.uniform(0, 1.5, 200), step * np.arange(2**bits + 2) / 2, [0.0, 1e9, step / 2]])
    x = x.astype(np.float32)
    found = quantised(jnp.asarray(x), jnp.asarray(m), jnp.asarray(bits))
    assert [Fraction(float(rounded)) for rounded in found] == [_exactly(float(number), m, bits) for number in x]


def test_six_in_eight_bits_as_in_the_notes() -> None:
    """Six in 8 bits takes 3 bits before the point and leaves 5 after it."""
    assert integer_bits(np.array([6.0])).tolist() == [3]
    x = jnp.array([6.0, 1 / 32, 1 / 65, 7.99, 9.0])
    assert quantised(x, jnp.asarray(3), jnp.asarray(8)).tolist() == [6.0, 1 / 32, 0.0, 8 - 1 / 32, 8 - 1 / 32]


def test_the_smallest_format_that_holds_a_number() -> None:
    assert integer_bits(np.array([8.0, 8.01, 4.0, 0.26, 0.25, 1.0])).tolist() == [3, 4, 2, -1, -2, 0]
    assert integer_bits(np.array([0.0])).tolist() == [LEAST_INTEGER_BITS]


def test_a_cap_of_six_is_relu6_and_an_infinite_one_relu() -> None:
    z = jnp.array([-2.0, 0.0, 1e-9, 5.9, 6.0, 6.1, 1e9])
    for ours, theirs in ((Capped(6.0), jaxact.relu6), (Capped(np.inf), jaxact.relu)):
        assert np.array_equal(ours(z), theirs(z))
        assert np.array_equal(jax.vmap(jax.grad(ours))(z), jax.vmap(jax.grad(theirs))(z))
    assert Capped(2.0)(z).tolist() == pytest.approx([0.0, 0.0, 1e-9, 2.0, 2.0, 2.0, 2.0])


@pytest.mark.parametrize("cap", [np.inf, 6.0])
def test_formats_do_what_their_names_say(cap: float) -> None:
    data, recipe = digits("raw").train, Recipe((64, 12, 12, 10), Capped(cap))
    state = initial_state(recipe, Grid.of(range(3), [0.1], [0.5]))
    highest = np.asarray(largest(recipe, state, data.x))
    x, y = (jnp.asarray(part[:CHOSEN_ON]) for part in data)
    found = {name: np.asarray(m) for name, m in formats(recipe, state, highest, 6, data)}
    assert (found["m = 3"] == 3).all()
    assert (2.0 ** found["per layer"] >= highest).all()
    assert (2.0 ** (found["per layer"] - 1) < highest).all()
    assert (found["holds all"] == found["per layer"].max(1, keepdims=True)).all()
    _, least = score_rounded(recipe, state, jnp.asarray(found["chosen"]), jnp.asarray(6), x, y)
    for m in range(LEAST_INTEGER_BITS, int(found["holds all"].max()) + 1):
        _, loss = score_rounded(recipe, state, jnp.full((3, 2), m), jnp.asarray(6), x, y)
        assert (least <= loss).all()


def test_many_bits_change_nothing_and_one_changes_much() -> None:
    data, recipe = digits().test, Recipe((64, 12, 12, 10), Capped(np.inf))
    state = initial_state(recipe, Grid.of(range(3), [0.1]))
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    m = jnp.full((3, 2), 5)
    wrong, loss = score(recipe, state, x, y)
    wrong_rounded, loss_rounded = score_rounded(recipe, state, m, jnp.asarray(23), x, y)
    assert np.allclose(loss, loss_rounded, rtol=1e-4)
    assert np.allclose(wrong, wrong_rounded, atol=0.004)
    _, coarse = score_rounded(recipe, state, m, jnp.asarray(1), x, y)
    assert (np.abs(coarse - loss) > 0.01).all()


def _runs(
    config: Config, relu: float, relu6: float, others: float, spread: float, only: str = ""
) -> list[dict[str, Any]]:
    """Nets whose accuracy falls by so many points when rounded, whatever the format; if `only` on these inputs."""
    drops = {np.inf: relu, SIX: relu6} | dict.fromkeys(config.caps, others)
    return [
        {"inputs": inputs, "cap": cap, "seed": 1000 + seed, "accuracy": 0.9, "diverged": False, "interior": True}
        | {"largest": [3.0, 9.0 + seed], "rate": 0.004, "gain": 1.4}
        | {"rounded": {name: [0.9 - (lost + spread * (-1) ** seed * (cap == SIX)) / 100] * 4 for name in FORMATS}}
        for inputs in config.inputs()
        for cap, each in drops.items()
        for lost in [each if only in ("", inputs) else 0.0]
        for seed in range(config.seeds)
    ]


@pytest.mark.parametrize(
    ("relu", "relu6", "others", "spread", "ready", "best"),
    [
        (3.0, 1.0, 3.0, 0.1, SUPPORTED, SUPPORTED),
        (1.2, 1.0, 1.0, 0.1, REFUTED, REFUTED),
        (0.0, 3.0, 0.0, 0.1, REFUTED, REFUTED),
        (1.4, 1.0, 1.4, 0.5, INCONCLUSIVE, INCONCLUSIVE),
        (0.4, 1.0, 1.4, 0.5, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_fixed_point_is_judged_by_its_rules(
    relu: float, relu6: float, others: float, spread: float, ready: str, best: str
) -> None:
    config = Config()
    claims = verdicts.judge(config, _runs(config, relu, relu6, others, spread))
    assert [claim.id for claim in claims] == ["B24"] * 4 + ["B25"] * 2
    assert {claim.verdict for claim in claims if claim.id == "B24"} == {ready}
    assert {claim.verdict for claim in claims if claim.id == "B25"} == {best}
    assert {claim.budget for claim in claims} == {"8 epochs of Adam, 12 seeds"}
    assert "(digits)" in claims[0].text
    assert "(digits, MNIST-1D and raw digits)" in claims[3].text


def test_a_net_that_diverged_makes_the_verdict_inconclusive() -> None:
    config = Config()
    runs = _runs(config, 3.0, 1.0, 3.0, 0.1)
    next(run for run in runs if run["cap"] == SIX and run["inputs"] == RAW)["diverged"] = True
    claims = verdicts.judge(config, runs)
    assert {claim.verdict for claim in claims if RAW in claim.scope} == {INCONCLUSIVE}
    assert {claim.verdict for claim in claims if RAW not in claim.scope} == {SUPPORTED}


def test_one_cap_that_does_as_well_refutes_that_six_is_best() -> None:
    config = Config(caps=(2.0, 4.0, 8.0))
    runs = _runs(config, 3.0, 1.0, 3.0, 0.1)
    for run in runs:
        if (run["cap"], run["inputs"]) == (4.0, "mnist1d"):
            run["rounded"] = {name: [0.89] * 4 for name in FORMATS}
    *_, standardised, raw = verdicts.judge(config, runs)
    assert (standardised.verdict, raw.verdict) == (REFUTED, SUPPORTED)
    assert "the closest of 2, 4 and 8, which is 4 (on MNIST-1D)" in standardised.measure
    assert standardised.interval.value == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("drops", "answer", "advice"),
    [
        ((3.0, 1.0, 2.0, 0.1), "saves more than 0.5 points of accuracy over ReLU", "Cap ReLU at 6"),
        ((1.0, 1.0, 2.0, 0.1), "does not save more than 0.5 points of accuracy over ReLU", "Keep ReLU, without a cap"),
        ((0.0, 9.0, 2.0, 0.1), "does not save more than 0.5 points of accuracy over ReLU", "Keep ReLU, without a cap"),
        ((1.4, 1.0, 2.0, 0.9), "may or may not save more than 0.5 points of accuracy over ReLU", ""),
    ],
)
def test_sentences_read_well_whatever_came_out(
    drops: tuple[float, float, float, float], answer: str, advice: str
) -> None:
    config = Config()
    made = report.report(config, _runs(config, *drops))
    print(*made.findings, *made.practice, made.advice, "", sep="\n")
    assert made.findings[0].startswith(f"In 8 bits, in the format that holds all outputs, ReLU6 {answer} on digits (")
    assert f"all outputs, ReLU6 {answer} at 8, 6, 4 and 2 bits." in made.practice[0]
    assert made.advice.startswith(advice)
    assert bool(made.advice) == bool(advice)
    assert len(made.advice.split()) <= 45
    assert len(made.findings) <= 5
    assert "-0.0" not in " ".join([*made.findings, made.advice])


def test_verdicts_that_differ_by_bits_share_a_sentence_and_those_that_differ_by_inputs_a_question() -> None:
    config = Config()
    runs = _runs(config, 2.0, 0.0, 3.0, 0.1, only=RAW)
    for run in runs:
        if (run["inputs"], run["cap"]) == (RAW, np.inf):
            run["rounded"] = {name: [0.9, 0.9, 0.895 + (-1) ** run["seed"] / 900, 0.88] for name in FORMATS}
    made = report.report(config, runs)
    print(*made.findings, *made.practice, made.advice, "", sep="\n")
    assert made.practice[2] == (
        "On raw digits, in the format that holds all outputs, ReLU6 saves more than 0.5 points of accuracy over ReLU "
        "at 2 bits, does not at 8 and 6 bits and may or may not at 4 bits."
    )
    assert len(report.figure(config, runs).axes) == len(FORMATS) * len(config.inputs())
