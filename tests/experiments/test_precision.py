"""Nets are computed in their types, bad gradients are counted by whose they are, and verdicts follow their rules."""

from functools import partial
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from experiments.core.data import Data, Split, digits
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval
from experiments.core.training import Grid, Net, Recipe, State, forward, initial_state, losses
from experiments.instruments.readmes import measured
from experiments.questions.precision import report, verdicts
from experiments.questions.precision.measure import (
    DTYPES,
    LIBRARIES,
    LSTM,
    OURS,
    SYMBOLS,
    THEIRS,
    Cell,
    Config,
    full,
    gradients,
    inspect,
    recipe_of,
    sequences,
    smallest,
    start,
)

Runs = list[dict[str, Any]]
CONFIG = Config(width=8, units=4, length=6)


@pytest.fixture(autouse=True)
def _standard_promotion() -> Any:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def _one(recipe: Recipe, place: str, gain: float = 1.0) -> Net:
    """One net before the first step."""
    return jax.tree.map(lambda leaf: leaf[0], start(CONFIG, recipe, Grid.of([3], [0.1], [gain]), place).net)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_in_float32_a_dense_net_is_that_of_all_questions(library: str) -> None:
    recipe = recipe_of(CONFIG, Cell("hidden", "tanh", "float32"), library, 64)
    net, x, y = _one(recipe, "hidden"), *map(jnp.asarray, digits().test)
    plain = recipe._replace(activation="tanh", custom_forward=None)
    assert np.allclose(forward(recipe, net, x)[0], forward(plain, net, x)[0], atol=1e-6)
    probed = jax.grad(lambda probes: jnp.mean(losses(plain, net, x, y, probes)))
    expected = jax.jit(probed)([jnp.zeros_like(z) for z in forward(plain, net, x)[1]])
    for found, right in zip(jax.jit(partial(gradients, recipe))(net, x, y), expected, strict=True):
        assert np.allclose(found, right, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "function", "dtype"),
    [("hidden", "tanh", "float16"), ("head", "softmax", "bfloat16"), ("memory", LSTM, "float16")],
)
def test_numbers_are_of_the_type_and_the_losses_scale_leaves_gradients_as_they_are(
    place: str, function: str, dtype: str
) -> None:
    data = sequences(CONFIG.length) if place == "memory" else digits()
    x, y = jnp.asarray(data.test.x[:50]), jnp.asarray(data.test.y[:50])
    recipes = [recipe_of(CONFIG, Cell(place, function, each), OURS, 64) for each in (dtype, "float32")]
    y = jax.nn.one_hot(y, 10) if place == "head" else y
    net = _one(recipes[0], place)

    @partial(jax.jit, static_argnums=0)
    def computed(recipe: Recipe, net: Net) -> tuple[jax.Array, jax.Array]:
        gradient = jax.grad(lambda net: jnp.mean(losses(recipe, net, x, y)))(net)
        return forward(recipe, net, x)[0], ravel_pytree(gradient)[0]

    (output, found), (exact, right) = (computed(recipe, net) for recipe in recipes)
    assert (output == output.astype(dtype).astype("float32")).all()
    assert np.allclose(output, exact, atol=0.05)
    assert np.linalg.norm(found - right) < 0.05 * np.linalg.norm(right)
    assert not np.array_equal(found, right)


def test_the_lstm_is_equinoxs() -> None:
    recipe = recipe_of(CONFIG, Cell("memory", LSTM, "float32"), THEIRS, 0)
    gates, last = net = _one(recipe, "memory", 5.0)
    order = np.concatenate([np.arange(4) + 4 * part for part in (0, 1, 3, 2)])  # Equinox: in, forget, cell, out
    cell = eqx.nn.LSTMCell(SYMBOLS + 1, 4, key=jax.random.key(0))
    weights = gates.weight[:, order].T
    parts = weights[:, : SYMBOLS + 1], weights[:, SYMBOLS + 1 :], gates.bias[order]
    cell = eqx.tree_at(lambda cell: (cell.weight_ih, cell.weight_hh, cell.bias), cell, parts)
    x = jnp.asarray(sequences(6).test.x[:1])
    state, step = (jnp.zeros(4), jnp.zeros(4)), eqx.filter_jit(cell)
    for symbol in x.reshape(6, -1):
        state = step(symbol, state)
    assert np.allclose(jax.jit(partial(forward, recipe))(net, x)[0][0], state[0] @ last.weight + last.bias, atol=1e-6)


def test_only_the_forget_gate_has_a_bias_and_weights_have_lecuns_size() -> None:
    config = Config(units=100)
    recipe = recipe_of(config, Cell("memory", LSTM, "float32"), OURS, 0)
    gates, last = start(config, recipe, Grid.of([0, 1], [0.1], [5.0]), "memory").net
    bias = np.asarray(gates.bias).reshape(2, 4, 100)
    assert (bias[:, 1] == 5).all()
    assert not np.delete(bias, 1, axis=1).any()
    for weight, fan_in in ((gates.weight, 105), (last.weight, 100)):
        assert weight.shape[1] == fan_in
        assert float(jnp.std(weight)) == pytest.approx(fan_in**-0.5, rel=0.1)


def test_sequences_are_labelled_by_their_first_symbol() -> None:
    data = sequences(7)
    for x, y in data:
        steps = x.reshape(len(x), 7, SYMBOLS + 1)
        assert (steps[:, 0, :-1].argmax(-1) == y).all()
        assert (steps[..., -1] == [1, *[0] * 6]).all()
        assert (steps[..., :-1].sum(-1) == 1).all()
        assert np.ptp(np.bincount(y) / len(y)) < 0.1
    assert not np.array_equal(data.validation.x, data.test.x)


def _inspected(function: str, dtype: str, weight: float) -> Any:
    """Of a net of one unit with this pre-activation, on three equal examples."""
    recipes = tuple(recipe_of(CONFIG, Cell("hidden", function, dtype), library, 1) for library in LIBRARIES)
    state = initial_state(Recipe((1, 1, 2), "relu"), Grid.of([0, 1], [0.1]))
    hidden, last = state.net
    hidden = hidden._replace(weight=jnp.full_like(hidden.weight, weight))
    part = Split(np.ones((3, 1), np.float32), np.zeros(3, np.int32))
    found = inspect(recipes, State((hidden, last), None, state.rate), Data(part, part, part))
    return {name: getattr(found, name)[0].tolist() for name in ("zero", "nan", "lost")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "dtype", "weight", "zero", "nan", "lost"),
    [
        ("sigmoid", "bfloat16", 1.0, [0, 0], [0, 0], [0, 0]),
        ("sigmoid", "bfloat16", 6.0, [1, 0], [0, 0], [1, 0]),
        ("tanh", "bfloat16", 4.0, [1, 0], [0, 0], [1, 0]),
        ("gelu", "float16", 200.0, [0, 0], [1, 0], [1, 0]),
        ("gelu", "bfloat16", -200.0, [1, 1], [0, 0], [0, 0]),
    ],
)
def test_bad_gradients_are_counted_by_whose_they_are(
    function: str, dtype: str, weight: float, zero: list[int], nan: list[int], lost: list[int]
) -> None:
    assert _inspected(function, dtype, weight) == {"zero": zero, "nan": nan, "lost": lost}


@pytest.mark.slow
@pytest.mark.parametrize("function", ["silu", "mish"])
def test_a_large_gradient_from_above_overflows_in_float16_by_jax_nns_alone(function: str) -> None:
    x, above = jnp.float16(1000), jnp.float16(100)
    found = [
        jax.jit(lambda f: jax.vjp(f, x)[1](above)[0], static_argnums=0)(getattr(library, function))
        for library in LIBRARIES.values()
    ]
    assert np.isfinite(found).tolist() == [False, True]
    assert found[1] == 100


def _runs(config: Config, tuned: float, elsewhere: float, spread: float = 0.0, nan: tuple[int, int] = (0, 0)) -> Runs:
    """Nets of jaxact that are so many points ahead, and so many seeds that end in NaN by either library alone."""
    return [
        cell._asdict()
        | {"library": library, "strength": strength, "rate": rate, "seed": 1000 + seed, "tuned": is_tuned}
        | {"accuracy": 0.9 + 0.01 * (library == OURS) * ((tuned if is_tuned else elsewhere) + spread * (-1) ** seed)}
        | {"diverged": (seed < nan[0]) if library == THEIRS else (0 <= seed - nan[0] < nan[1])}
        | dict.fromkeys(("zero", "nan", "lost", "zero_at_start", "nan_at_start"), 0.25)
        | {"lost_at_start": 0.75 * (library == THEIRS)}
        for cell in config.cells()
        for library in LIBRARIES
        for rate, strength, seed in product(config.rates, config.strengths(cell.place), range(config.seeds))
        for is_tuned in [(rate, strength) == (config.rates[1], config.strengths(cell.place)[0])]
    ]


FEW = Config(activations=("gelu",), heads=("softmax",), dtypes=("float16",), biases=(1.0, 3.0, 5.0))


@pytest.mark.parametrize(
    ("ahead", "spread", "expected"),
    [
        (2.0, 0.1, SUPPORTED),
        (0.2, 0.0, SUPPORTED),
        (0.0, 0.1, REFUTED),
        (-2.0, 0.1, REFUTED),
        (0.0, 2.0, INCONCLUSIVE),
        (1.0, 2.0, INCONCLUSIVE),
    ],
)
def test_leads_are_judged_by_their_rule(ahead: float, spread: float, expected: str) -> None:
    for which, leads in (("P1", (ahead, 9.0)), ("P2", (9.0, ahead))):
        (claim,) = (claim for claim in verdicts.judge(FEW, _runs(FEW, *leads, spread)) if claim.id == which)
        assert claim.verdict == expected
        assert claim.interval.value == pytest.approx(ahead)


@pytest.mark.parametrize(
    ("nan", "expected"), [((0, 0), REFUTED), ((5, 0), SUPPORTED), ((0, 5), REFUTED), ((1, 1), INCONCLUSIVE)]
)
def test_nan_is_judged_by_its_rule(nan: tuple[int, int], expected: str) -> None:
    (claim,) = (claim for claim in verdicts.judge(FEW, _runs(FEW, 0, 0, nan=nan)) if claim.id == "P3")
    assert claim.verdict == expected
    assert claim.interval.value == pytest.approx(100 * (nan[0] - nan[1]) / FEW.seeds)
    pairs = FEW.seeds * len(FEW.rates) * len(FEW.gains) * 3
    assert f"of {pairs} pairs" in claim.measure
    assert f"NaN ({nan[0] * pairs // FEW.seeds})" in claim.measure
    assert ("; by function gelu" in claim.measure) == any(nan)


def test_one_function_supports_and_only_all_refute() -> None:
    config = Config(dtypes=("float16", "float32"))
    cells = {cell.function: cell for cell in config.cells() if cell.dtype == "float16"}
    runs = _runs(config, 0.0, 0.0, 0.1)
    gelu = [run for run in runs if (run["function"], run["dtype"], run["library"]) == ("gelu", "float16", OURS)]
    for run in gelu:
        run["accuracy"] += 0.03 * run["tuned"]
    found = {(claim.id, claim.text.split(",")[0]): claim for claim in verdicts.judge(config, runs)}
    assert len(found) == 6
    claim = found["P1", "In float16"]
    assert (claim.verdict, found["P1", "In float32"].verdict) == (SUPPORTED, REFUTED)
    assert claim.interval.value == pytest.approx(3.0)
    assert (
        "the number is that of gelu; supported for gelu; refuted for tanh, silu, softmax heads and LSTM"
        in claim.measure
    )
    for run in gelu:
        run["accuracy"] += 0.06 * (-1) ** run["seed"]
    claim = next(claim for claim in verdicts.judge(config, runs) if (claim.id, "float16" in claim.text) == ("P1", True))
    assert claim.verdict == INCONCLUSIVE
    assert (
        "the number is that of gelu; refuted for tanh, silu, softmax heads and LSTM; undecided for gelu"
        in claim.measure
    )
    assert set(verdicts.leads(config, runs, True)) >= set(cells.values())


def test_a_verdict_needs_an_interval() -> None:
    assert verdicts.better(Interval(np.nan, -np.inf, np.inf)) == INCONCLUSIVE
    assert verdicts.fails_alone(Interval(0, -20, 20)) == INCONCLUSIVE


BEGINNINGS = {
    SUPPORTED: "Accurate gradients in the tails trained nets better only for gelu, softmax heads and LSTM in "
    "float16, by up to 2.0 points.",
    REFUTED: "No net was shown to learn better by accurate gradients in the tails.",
}


@pytest.mark.parametrize("elsewhere", [2.0, 0.0, -2.0])
@pytest.mark.parametrize("tuned", [2.0, 0.0, -2.0])
@pytest.mark.parametrize("nan", [(0, 0), (3, 1)])
def test_the_finding_reads_well_whatever_came_out(tuned: float, elsewhere: float, nan: tuple[int, int]) -> None:
    sentence = report.headline(FEW, _runs(FEW, tuned, elsewhere, nan=nan))
    print(sentence)
    which = SUPPORTED if max(tuned, elsewhere) > 0 else REFUTED
    counts = {
        2.0: "ahead in 3, behind in none, within 0.5 points in none and undecided in none",
        0.0: "ahead in none, behind in none, within 0.5 points in 3 and undecided in none",
        -2.0: "ahead in none, behind in 3, within 0.5 points in none and undecided in none",
    }
    pairs = FEW.seeds * len(FEW.rates) * len(FEW.gains) * 3
    alone = [count * pairs // FEW.seeds or "none" for count in nan]
    assert sentence == (
        f"{BEGINNINGS[which]} At tuned settings jaxact was {counts[tuned]}, of 3 comparisons with jax.nn (1 "
        "activation, 1 head and an LSTM in float16; 120 or 150 steps of Adam, 6 seeds)."
    )
    made = report.report(FEW, _runs(FEW, tuned, elsewhere, nan=nan))
    print(*made.findings[1:], *made.practice, made.advice, "", sep="\n")
    assert made.findings[:2] == [
        sentence,
        f"At other initial weights and rates jaxact was {counts[elsewhere]}. Of {pairs} pairs of nets {alone[0]} ended "
        f"in NaN by jax.nn's gradients alone and {alone[1]} by jaxact's alone. Up to 75 % of jax.nn's gradients were 0 "
        "or NaN where jaxact's were neither (LSTM, float16, forget bias 5).",
    ]
    advice = (
        "Train gelu, softmax heads and LSTM in float16"
        if tuned > 0
        else "In float16 use jaxact.gelu"
        if elsewhere > 0 or nan[0]
        else "Do not replace jax.nn for accuracy"
    )
    assert made.advice.startswith(advice)
    assert len(made.advice.split()) <= 45
    assert len(made.findings) <= 5
    assert len(made.practice) <= 3


def test_nothing_is_advised_where_nothing_is_shown() -> None:
    made = report.report(FEW, _runs(FEW, 0.0, 0.0, 2.0))
    assert made.advice == ""
    made = report.report(FEW, _runs(FEW, 0.0, 0.0, nan=(6, 0)))
    print(made.advice)
    assert "jax.nn lost up to 100 % of nets to NaN; at tuned settings no gain was shown" in made.advice


def test_the_report_has_a_row_and_a_panel_for_everything() -> None:
    config = Config()
    runs = _runs(config, 0.0, 1.0)
    made = report.report(config, runs)
    assert [len(table.rows) for table in made.tables] == [5] * len(DTYPES)
    assert all(len(row) == len(table.header) for table in made.tables for row in table.rows)
    assert made.tables[0].rows[0][3:6] == ["+0.00 [+0.00, +0.00]", "+1.00 [+1.00, +1.00]", "0 / 0"]
    assert len(report.figure(config, runs).axes) == 2 * len(DTYPES)
    assert "for tanh, gelu, silu, softmax heads and LSTM in float32, tanh" in made.practice[0]
    assert made.practice[1] == "NaN is a reason to prefer jaxact to jax.nn for none of these functions."
    assert made.findings[0] == report.headline(config, runs)


def test_the_first_readme_gets_the_finding() -> None:
    commands = "| question | asked again by |\n| --- | --- |\n| noise | `other` |\n| precision | `this` |\n"
    report = f"## Commands\n\n{commands}\n## Findings\n\n- noise: Another.\n- precision: A finding.\n"
    line = measured.precision(report)
    assert line == "- **Better training, as a rule.** A finding. Asked again by `this`."


def test_the_smallest_settings_have_every_place() -> None:
    assert {cell.place for cell in smallest().cells()} == {cell.place for cell in Config().cells()}
    assert {cell.dtype for cell in Config().cells()} == set(DTYPES)
    assert {cell.function for cell in full().cells()} > {cell.function for cell in Config().cells()}
    assert full().seeds > Config().seeds
