"""What is said of the cost of exp follows from the times, by the rules."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import cost, cost_story, cost_verdicts, race
from experiments.cost import PRODUCT, Config
from experiments.statistics import INCONCLUSIVE, REFUTED, SUPPORTED


def _runs(config: Config, alone: float, share: dict[int, float], noise: float = 0.001) -> list[dict[str, Any]]:
    """ReLU takes a second; the others `alone` times that, and a share of the product that depends on the width."""
    rng = np.random.default_rng(0)
    runs: list[dict[str, Any]] = []
    for _ in range(config.rounds):
        jitter = dict(zip(("relu", *config.suspects(), PRODUCT), rng.normal(1, noise, 9), strict=False))
        for width in (0, *config.widths):
            seconds = {"relu": 1.0} | dict.fromkeys(config.suspects(), share.get(width, alone))
            seconds |= {PRODUCT: 1.0} if width else {}
            runs.append({"width": width, "seconds": {name: jitter[name] * taken for name, taken in seconds.items()}})
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
    config = Config()
    claims = cost_verdicts.judge(config, _runs(config, alone, share))
    assert {claim.verdict for claim in claims if claim.id == "B13"} == {expensive}
    assert {claim.verdict for claim in claims if claim.id == "B14"} == {minor}
    assert len(claims) == 2 * len(config.suspects())


def test_narrow_layers_decide_nothing_but_are_told() -> None:
    config = Config()
    runs = _runs(config, 4.0, {64: 50.0, 1024: 0.1, 2048: 0.1}, 0.0)
    assert {claim.verdict for claim in cost_verdicts.judge(config, runs) if claim.id == "B14"} == {SUPPORTED}
    assert any("sigmoid 5000 %" in sentence for sentence in cost_story.tell(config, runs).findings)


def test_every_round_of_every_program_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    raced: list[tuple[list[str], int]] = []

    def fake(programs: dict[str, Any], rounds: int) -> race.Runs:
        raced.append((list(programs), rounds))
        for program in programs.values():
            assert np.isfinite(np.asarray(program())).all()
        return {name: [float(turn) for turn in range(rounds)] for name in programs}

    monkeypatch.setattr(cost, "race", fake)
    config = cost.smallest()
    runs = cost.run(config, lambda fraction, doing: None)
    everyone = ["relu", *config.activations, "exp"]
    assert raced == [(everyone, config.rounds)] + [([*everyone, PRODUCT], config.rounds)] * len(config.widths)
    assert len(runs) == config.rounds * (1 + len(config.widths))
    assert cost_verdicts.seconds(runs, 1024, PRODUCT).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_program_writes_over_its_last_result() -> None:
    x = jnp.arange(4096.0)
    program = cost._in_place(jnp.exp2, x / 4096)
    first = program()
    where = first.unsafe_buffer_pointer()
    again = program()
    assert first.is_deleted()
    assert again.unsafe_buffer_pointer() == where
    np.testing.assert_array_equal(again, jnp.exp2(x / 4096))
