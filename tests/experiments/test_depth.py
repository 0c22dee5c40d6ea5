"""The depth command agrees with theory where theory is exact, and its verdict can be either."""

from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.command_line import main
from experiments.core.style import description
from experiments.instruments.depth.measure import Config, Propagation, run
from experiments.instruments.depth.report import SHOWN, figure


def test_a_linear_net_scales_signal_and_gradient_by_its_weights() -> None:
    """Each layer multiplies the second moment by sigma_w^2; the gradient by the same, from the other end."""
    rows = run(Config(depth=6, width=300, nets=20, functions=("identity",)), lambda share, doing: None)
    equinox, torch = (next(row for row in rows if row.scheme == scheme) for scheme in ("Equinox", "PyTorch"))
    np.testing.assert_allclose(equinox.lengths[:3], [1, 1 / 3, 1 / 9], rtol=0.1)
    np.testing.assert_allclose(equinox.norms, [3 ** (layer / 2) for layer in range(6)], rtol=0.1)
    np.testing.assert_allclose(torch.lengths + torch.norms, 1, rtol=0.1)
    assert torch.survives
    assert not equinox.survives


@pytest.mark.parametrize(
    ("lengths", "norms", "survives"), [([1, 1.9], [1, 0.6], True), ([1, 0.4], [1, 1], False), ([1, 1], [1, 0.0], False)]
)
def test_a_signal_survives_if_it_neither_grows_nor_shrinks_by_more_than_two(
    lengths: list[float], norms: list[float], survives: bool
) -> None:
    assert Propagation("relu", "forward", 1.0, 0.0, 1.0, lengths, norms).survives is survives


def test_gradients_too_small_for_float32_squares_are_measured() -> None:
    rows = run(Config(depth=50, width=50, nets=2, functions=("relu",)), lambda share, doing: None)
    worst = next(row for row in rows if row.scheme == "Equinox").worst[1]
    assert 1e15 < worst < np.inf  # 6^(49 / 2) = 1e19 in the mean; these are 2 nets


def test_the_edge_of_chaos_is_taken_at_the_least_stable_length() -> None:
    """The edge of chaos is stable for gelu from length 3.5, for relu at any; sigmoid has none below 46."""
    functions = ("relu", "gelu", "sigmoid")
    rows = run(Config(depth=2, width=8, nets=1, functions=functions), lambda share, doing: None)
    assert {row.function: row.start for row in rows if row.scheme == "edge of chaos"} == dict(
        zip(functions, (1, 4, 64), strict=True)
    )


@pytest.mark.parametrize(
    ("functions", "shown"),
    [(["step"], ["step"]), (["step", *SHOWN[:6]], [*SHOWN[:6]]), (["step", "sine"], ["step", "sine"])],
)
def test_the_figure_has_signal_and_gradient_of_well_known_or_else_of_all(
    functions: list[str], shown: list[str]
) -> None:
    rows = [Propagation(name, "forward", 1.0, 0.0, 1.0, [1, 2], [1, 3]) for name in functions]
    panels = [axes for axes in figure(rows).axes if axes.axison]
    assert [title for axes in panels if (title := axes.get_title(loc="left"))] == shown
    drawn = [np.asarray(line.get_ydata()).tolist() for axes in panels for line in axes.get_lines()]
    assert sorted(drawn) == [[1, 2]] * len(shown) + [[1, 3]] * len(shown)


def test_the_command_writes_a_table_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with jax.numpy_dtype_promotion("standard"):
        arguments = ["depth", "--depth", "3", "--width", "20", "--nets", "2", "--functions", "selu", "step"]
        assert main([*arguments, "--out", str(tmp_path)]) == 0
    table = (tmp_path / "depth.md").read_text()
    assert "| selu | PyTorch | 0.7500 | 0.0000 | 1 |" in table
    assert "| step | forward | 1.4142 | 0.0000 | 1 |" in table
    assert "| step | backward" not in table
    assert description(tmp_path / "depth.png") == "selu"
    assert "edge of chaos: of 1 activations" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["depth", "--functions", "softmax"])
    assert "functions is 'softmax', but one of" in capsys.readouterr().err
