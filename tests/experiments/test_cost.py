"""The verdicts and findings on the cost of exp follow from the times, by the rules."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.core import paired_timing
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.questions.cost import measure, report, verdicts
from experiments.questions.cost.measure import ALONE, LAYER, PRODUCT, Config


def _runs(
    config: Config, alone: dict[int, float], share: dict[int, float], noise: float = 0.001
) -> list[dict[str, Any]]:
    """ReLU and the product take a second, the others as `alone` has for their size, or `share` for their width.

    Without an entry they take two seconds for a size, and one for a width.
    """
    rng = np.random.default_rng(0)
    runs: list[dict[str, Any]] = []
    for _ in range(config.rounds):
        jitter = dict(zip(("relu", *config.exp_functions(), PRODUCT), rng.normal(1, noise, 9), strict=False))
        places = [(ALONE, size, alone.get(size, 2.0)) for size in config.sizes]
        for where, size, taken in places + [(LAYER, width, share.get(width, 1.0)) for width in config.widths]:
            seconds = {"relu": 1.0} | dict.fromkeys(config.exp_functions(), taken)
            seconds |= {PRODUCT: 1.0} if where == LAYER else {}
            runs.append({where: size, "seconds": {name: jitter[name] * each for name, each in seconds.items()}})
    return runs


@pytest.mark.parametrize(
    ("alone", "share", "expensive", "minor"),
    [
        (4.0, {1024: 0.1, 2048: 0.05}, SUPPORTED, SUPPORTED),
        (1.2, {1024: 0.5, 2048: 0.3}, REFUTED, REFUTED),
        (1.5, {1024: 0.3, 2048: 0.05}, INCONCLUSIVE, INCONCLUSIVE),
        (1.5, {1024: 0.1, 2048: 0.2}, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_cost_is_judged_by_its_rules(alone: float, share: dict[int, float], expensive: str, minor: str) -> None:
    config = Config(sizes=(2**10, 2**20))
    claims = verdicts.judge(config, _runs(config, dict.fromkeys(config.sizes, alone), share))
    assert [(claim.id, claim.verdict) for claim in claims] == [("B13", expensive), ("B14", minor)]
    assert all(claim.budget == "medians of 40 rounds" for claim in claims)


def test_sizes_that_disagree_decide_nothing_unless_only_some_fit_in_the_cache() -> None:
    config = Config(sizes=(2**10, 2**20))
    expensive, _ = verdicts.judge(config, _runs(config, {2**10: 4.0, 2**20: 1.2}, {}))
    assert expensive.verdict == INCONCLUSIVE
    assert expensive.interval == pytest.approx((2.6, 1.2, 4.0), abs=0.02)
    assert "4.00 on 1,024 and 1.2" in expensive.measure
    small, large, _ = verdicts.judge(Config(), _runs(Config(), {2**20: 4.0, 2**22: 1.2, 2**24: 1.1}, {}))
    assert (small.verdict, large.verdict) == (SUPPORTED, REFUTED)
    assert "on arrays that fit in the cache sigmoid takes" in small.text
    assert "on larger arrays" in large.text


@pytest.mark.parametrize(
    ("alone", "share", "answer", "beside", "advice"),
    [
        ((3.0, 2.0), 0.1, "Yes, by itself: sigmoid takes 2.0 to 3.0 times", "it is a small cost", "Do not choose"),
        ((3.0, 1.1), 0.2, "Undecided: sigmoid takes 1.1 to 3.0", "it is not clear that", ""),
        ((0.9, 1.1), 0.5, "No, not even by itself: sigmoid takes 0.9 to 1.1", "it is a large cost", "Fuse activations"),
    ],
)
def test_the_report_reads_well_whatever_came_out(
    alone: tuple[float, float], share: float, answer: str, beside: str, advice: str
) -> None:
    config = Config(sizes=(2**10, 2**20))
    shares: dict[int, float] = {1024: share, 2048: share}
    text = report.report(config, _runs(config, dict(zip(config.sizes, alone, strict=True)), shares))
    print(*text.findings, *text.practice, text.advice, sep="\n")
    assert text.findings[0].startswith(answer)
    assert beside in text.findings[0]
    assert text.advice.startswith(advice)
    assert bool(text.advice) == bool(advice)
    assert len(text.advice.split()) <= 45
    assert text.tables[0].rows[0][2].startswith(f"{alone[0]:.1f}")


def test_the_answer_depends_on_the_size_if_verdicts_do() -> None:
    text = report.report(Config(), _runs(Config(), {2**20: 4.0, 2**22: 1.2, 2**24: 1.1}, {}))
    assert text.findings[0].startswith(
        "By itself yes on arrays of 1,048,576 elements, no on arrays of "
        "4,194,304 or 16,777,216 elements: sigmoid takes 1.1 to 4.0 times"
    )


def test_narrow_layers_are_reported_but_decide_nothing() -> None:
    config = Config()
    runs = _runs(config, {}, {64: 50.0, 1024: 0.1, 2048: 0.1}, 0.0)
    assert {claim.verdict for claim in verdicts.judge(config, runs) if claim.id == "B14"} == {SUPPORTED}
    assert any("sigmoid 5000 %" in sentence for sentence in report.report(config, runs).findings)


def test_every_round_of_every_program_is_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], int]] = []

    def fake(programs: dict[str, Any], rounds: int) -> paired_timing.Seconds:
        calls.append((list(programs), rounds))
        for program in programs.values():
            assert np.isfinite(np.asarray(program())).all()
        return {name: [float(turn) for turn in range(rounds)] for name in programs}

    monkeypatch.setattr(measure, "paired_times", fake)
    config = measure.smallest()
    runs = measure.run(config, lambda fraction, doing: None)
    names = ["relu", *config.activations, "exp"]
    layers = [([*names, PRODUCT], config.rounds)] * len(config.widths)
    assert calls == [(names, config.rounds)] * len(config.sizes) + layers
    assert len(runs) == config.rounds * (len(config.sizes) + len(config.widths))
    assert verdicts.seconds(runs, LAYER, 1024, PRODUCT).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_program_writes_over_its_last_result() -> None:
    x = jnp.arange(4096.0)
    program = measure._in_place(jnp.exp2, x / 4096)
    first = program()
    where = first.unsafe_buffer_pointer()
    again = program()
    assert first.is_deleted()
    assert again.unsafe_buffer_pointer() == where
    np.testing.assert_array_equal(again, jnp.exp2(x / 4096))
