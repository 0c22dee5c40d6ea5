"""The transformer is causal and as large with every activation, the text is cut honestly, and rules are followed."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxact
from experiments.core import text
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Grid, Recipe, losses
from experiments.core.transformer import (
    GATES,
    Attention,
    Transformer,
    attention_entropy,
    causal,
    count,
    initial_state,
    known,
)
from experiments.questions.transformer import report, verdicts
from experiments.questions.transformer.measure import RELU, Config, full, smallest

Runs = list[dict[str, Any]]
LENGTH = 6
SIZES: Any = {"symbols": 11, "length": LENGTH, "width": 12, "layers": 2, "heads": 3, "hidden": 18}


def _windows(count: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).integers(11, size=(count, LENGTH)).astype(np.int32))


def _loss(model: Transformer, parameters: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(losses(Recipe((), RELU, custom_forward=model), parameters, x, y))


@pytest.mark.parametrize(
    "model",
    [
        Transformer(**SIZES),
        Transformer(**SIZES, activation="swiglu", attention="softcap", cap=2.0),
        Transformer(**SIZES, attention="qk_norm", norm="dynamic_tanh"),
    ],
    ids=["plain", "gated and capped", "normalised queries and DyT"],
)
def test_no_place_sees_what_comes_after_it(model: Transformer) -> None:
    x, net = _windows(2), model.initial(0)
    changed = x.at[:, 3].set((x[:, 3] + 1) % 11)
    forward = jax.jit(model)
    before, after = np.asarray(forward(net, x)), np.asarray(forward(net, changed))
    assert before.shape == (2, LENGTH, 11)
    assert np.array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before - after)[:, 3:].max(-1) > 1e-4).all()


def test_attention_is_jax_nns() -> None:
    """One layer whose MLP is silenced: what attention adds is what jax.nn's own attention gives."""
    model = Transformer(**{**SIZES, "layers": 1})
    net = model.initial(1)
    net = net._replace(blocks=net.blocks._replace(down=0 * net.blocks.down), logits=np.eye(12, 11, dtype=np.float32))
    x = _windows(2)
    stream = net.symbols[np.asarray(x)] + net.places[None]
    block = jax.tree.map(lambda leaf: leaf[0], net.blocks)
    joined = (np.asarray(block.before_attention(jnp.asarray(stream))) @ block.queries_keys_values).reshape(
        2, 6, 3, 3, 4
    )
    mixed = jax.nn.dot_product_attention(*(jnp.asarray(joined[:, :, part]) for part in range(3)), is_causal=True)
    expected = net.last(stream + mixed.reshape(2, 6, 12) @ block.out) @ net.logits
    assert np.allclose(jax.jit(model)(net, x), expected, atol=1e-5)


@pytest.mark.slow
def test_scores_are_capped_and_queries_are_normalised() -> None:
    x = _windows(2)
    capped: list[Attention] = ["softcap", "qk_norm"]
    for attention in capped:
        model = Transformer(**SIZES, attention=attention, cap=2.0)
        net = model.initial(0)
        net = net._replace(blocks=net.blocks._replace(queries_keys_values=100 * net.blocks.queries_keys_values))
        scores = np.asarray(jax.jit(model.forward)(net, x)[1])
        assert scores.shape == (2, 2, 3, LENGTH, LENGTH)
        assert 1.5 < np.abs(scores).max() <= 2 + 1e-5  # of normalised rows of 4: the root of 4


def test_all_activations_have_as_many_parameters_and_share_the_weights_of_a_seed() -> None:
    plain, none = Transformer(**SIZES).initial(5), jnp.zeros(0)
    for name in ("gelu", *GATES):
        net = Transformer(**SIZES, activation=name).initial(5)
        assert count(net) == count(plain)
        shared, others = (each._replace(blocks=each.blocks._replace(up=none, down=none)) for each in (net, plain))
        assert jax.tree.all(jax.tree.map(lambda a, b: bool(np.all(a == b)), shared, others))
    assert not np.array_equal(Transformer(**SIZES).initial(6).logits, plain.logits)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "relu_squared", "glu", "swiglu"])
def test_all_mlps_start_with_outputs_of_one_size(activation: str) -> None:
    model = Transformer(symbols=5, length=4, width=256, layers=1, heads=1, hidden=768, activation=activation)
    blocks = model.initial(0).blocks
    x = np.random.default_rng(1).standard_normal((500, 256)).astype(np.float32)
    out = getattr(jaxact, activation)(jnp.asarray(x @ blocks.up[0])) @ blocks.down[0]
    assert float(jnp.std(out)) == pytest.approx(2**-0.5, rel=0.1)  # two of them add to a variance of 1


def test_every_net_of_a_grid_is_that_of_its_seed() -> None:
    model = Transformer(**SIZES, norm="dynamic_tanh")
    state = initial_state(Recipe((), RELU, "adam", custom_forward=model), Grid.of([3, 1], [0.1, 0.2]))
    for net, seed in enumerate([3, 1, 3, 1]):
        one = jax.tree.map(lambda leaf, net=net: leaf[net], state.net)
        assert jax.tree.all(jax.tree.map(lambda a, b: bool(np.all(a == b)), one, model.initial(seed)))
    assert state.rate.tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2])


@pytest.mark.slow
def test_windows_may_be_split_among_devices() -> None:
    """One net, data-parallel: the gradient is that of one device."""
    model = Transformer(**SIZES, activation="geglu")
    x, y, net = _windows(8), _windows(8)[::-1], jax.tree.map(jnp.asarray, model.initial(0))
    mesh = Mesh(np.asarray(jax.devices()[:4]), ("windows",))
    split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("windows",), ()))
    gradient = jax.jit(jax.grad(partial(_loss, model)))
    alone = gradient(net, x, y)
    spread = gradient(jax.device_put(net, whole), jax.device_put(x, split), jax.device_put(y, split))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(np.allclose(a, b, atol=1e-6)), alone, spread))


def test_entropy_is_1_where_all_places_count_alike_and_0_where_one_does() -> None:
    even = jnp.zeros((2, 3, 5, 5))
    assert float(attention_entropy(even)) == pytest.approx(1)
    assert float(attention_entropy(1e4 * jnp.eye(5)[None, None] + even)) == pytest.approx(0, abs=1e-6)
    half = jnp.where(jnp.arange(5) < 2, even, -1e4)  # every row attends to the first two places
    expected = np.mean(np.log(2) / np.log(np.arange(2, 6)))
    assert float(attention_entropy(half)) == pytest.approx(expected)
    assert causal(2).tolist() == [[True, False], [True, True]]


def test_losses_that_are_not_finite_count_as_guessing() -> None:
    assert known([1.0, np.nan, np.inf, 9.0], 4.0).tolist() == [1, 4, 4, 4]


def test_windows_of_the_parts_have_nothing_in_common() -> None:
    data, codes = text.windows(32, 100), text.encoded(text.text())
    assert [len(part.x) for part in data[1:]] == [100, 100]
    assert len(data.train.x) * 32 > 0.7 * len(codes)
    for part in data:
        assert np.array_equal(part.x[:, 1:], part.y[:, :-1])
    pieces = codes[: len(codes) // (10 * text.PART) * 10 * text.PART].reshape(-1, 10, text.PART)
    for part, own in zip(data[1:], (8, 9), strict=True):
        joined = [piece.tobytes() for piece in pieces[:, own]]
        for x, y in zip(*part, strict=True):
            assert any(np.append(x, y[-1]).tobytes() in piece for piece in joined)


def test_paragraphs_and_characters_of_the_text() -> None:
    paragraphs = text.text().split("\n\n")
    assert len(paragraphs) == len(set(paragraphs))
    assert text.encoded("\n ~\u00e9\t").tolist() == [0, 1, 95, text.UNKNOWN, text.UNKNOWN]
    assert len(text.digest()) == 12
    with pytest.raises(ValueError, match="held-out is 1000000, but at most"):
        text.windows(32, 10**6)


def test_a_model_of_frequencies_is_better_than_guessing_and_worse_than_one_of_pairs() -> None:
    data = text.windows(32, 100)
    pairs = np.ones((text.SYMBOLS, text.SYMBOLS))
    np.add.at(pairs, (data.train.x.ravel(), data.train.y.ravel()), 1)
    pairs /= pairs.sum(1, keepdims=True)
    assert -np.log(pairs[data.test.x, data.test.y]).mean() < text.unigram_loss(data) < text.GUESS


CONFIG = Config(activations=("gelu", "glu", "swiglu"), steps=240, seeds=8)


def _runs(lead: float, spread: float = 0.0, ratio: float = 1.0, config: Config = CONFIG) -> Runs:
    """Rivals that are so much ahead from the first check on, and whose steps take so many times ReLU's."""
    falling = 3 - 0.001 * np.array(config.checked)
    runs: Runs = [{"part": "text", "digest": "0123456789ab", "characters": 1000, "unigram_loss": 3.2}]
    for name in (RELU, *config.activations):
        rival = name != RELU
        runs.append({"part": "time", "activation": name, "parameters": 5000})
        runs[-1]["seconds"] = [0.01 * (ratio if rival else 1)] * 20
        for rate in (0.004, 0.008, 0.016, 0.032):
            loss = 2.5 + 0.1 * abs(np.log2(rate / 0.016))
            runs.append({"part": "tuning", "activation": name, "rate": rate, "seed": 0, "loss": loss})
        for seed in range(config.seeds):
            ahead = rival * (lead + spread * (-1) ** seed)
            runs.append({"activation": name, "seed": 1000 + seed, "curve": (falling - ahead).tolist()})
            runs[-1] |= {"rate": 0.016, "interior": not rival, "windows": 1}
    return runs


@pytest.mark.parametrize(
    ("lead", "spread", "expected"),
    [(0.1, 0.01, SUPPORTED), (0.0, 0.001, REFUTED), (-0.1, 0.01, REFUTED), (0.0, 0.1, INCONCLUSIVE)],
)
def test_leads_are_judged_by_their_rule(lead: float, spread: float, expected: str) -> None:
    claims = verdicts.judge(CONFIG, _runs(lead, spread))
    assert [claim.id for claim in claims] == ["T1"] * 3 + ["T2"] * 3
    assert {claim.verdict for claim in claims} == {expected}
    assert claims[0].interval.value == pytest.approx(lead)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_the_slower_has_fewer_steps_in_as_much_time(ratio: float) -> None:
    """Every loss falls by 0.001 per step: who is twice as slow has 120 of 240 steps, and is 0.12 behind."""
    runs = _runs(0.1, ratio=ratio)
    assert verdicts.time_ratio(CONFIG, runs, "glu").value == pytest.approx(ratio)
    assert verdicts.lead(CONFIG, runs, "glu", "steps").value == pytest.approx(0.1)
    behind = {0.5: -0.12, 1.0: 0.0, 2.0: 0.12}[ratio]
    assert verdicts.lead(CONFIG, runs, "glu", "time").value == pytest.approx(0.1 - behind)


def test_an_uncertain_time_widens_the_interval() -> None:
    runs = _runs(0.1)
    for run in runs:
        if run.get("part") == "time" and run["activation"] != RELU:
            run["seconds"] = [0.005, 0.02] * 10
    low, high = verdicts.lead(CONFIG, runs, "glu", "time")[1:]
    assert low < 0 < 0.15 < high


def test_a_net_that_diverged_guesses() -> None:
    runs = _runs(0.0)
    runs[-1]["curve"] = [float("nan")] * len(CONFIG.checked)
    assert verdicts.curves(runs, "swiglu")[-1].tolist() == [text.GUESS] * len(CONFIG.checked)
    assert any("1 of 32 nets ended no better than guessing" in each for each in report.report(CONFIG, runs).findings)


@pytest.mark.parametrize(
    ("lead", "spread", "expected"),
    [
        (0.1, 0.0, "gelu, GLU and SwiGLU learnt better than ReLU."),
        (-0.1, 0.0, "none learnt better than ReLU; gelu, GLU and SwiGLU learnt worse."),
        (0.0, 0.0, "none learnt better than ReLU; gelu, GLU and SwiGLU learnt as well, within 0.02 nats."),
        (0.0, 0.2, "none learnt better than ReLU; of gelu, GLU and SwiGLU nothing can be said."),
    ],
)
def test_the_findings_read_well_whatever_came_out(lead: float, spread: float, expected: str) -> None:
    made = report.report(CONFIG, _runs(lead, spread))
    print("\n".join([*made.findings, *made.compared, *made.practice, made.caption, made.advice]))
    assert len(made.advice.split()) <= 45
    assert made.advice.startswith("In the MLPs" if lead > 0 else "In a small transformer tune the rate")
    assert made.findings[0] == f"After 240 steps {expected}"
    assert made.findings[1] == f"After as much time {expected}"
    assert made.findings[-1].endswith("for gelu, GLU and SwiGLU: a better rate may exist there.")
    best = "gelu, GLU and SwiGLU learnt better than ReLU by steps and by time."
    nothing = "no activation learnt better than ReLU both by steps and by time."
    assert made.practice[0] == f"In small transformers {best if lead > 0 else nothing}"


def test_the_report_has_a_row_for_every_activation_and_four_panels() -> None:
    runs = _runs(0.05)
    (table,) = report.report(CONFIG, runs).tables
    assert [row[0] for row in table.rows] == ["ReLU", "gelu", "GLU", "SwiGLU"]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[1][2] == "+0.050 [+0.050, +0.050]"
    assert len(report.figure(CONFIG, runs).axes) == 4


def test_full_is_more_than_the_default_and_steps_fit_into_each_other() -> None:
    assert full().steps > Config().steps
    assert full().seeds > Config().seeds
    assert smallest().checked == [4, 8, 12]
    with pytest.raises(ValueError, match="multiples are expected"):
        replace(Config(), turn=7)
