"""What the README says of errors was measured: it follows from the committed tables."""

from pathlib import Path

import pytest

from experiments.instruments.published import END, FOLDER, LIBRARIES, ROOT, lines, measured, renew
from jaxact import CATALOGUE

TABLE = """# Title

Words | and words

| function | parameters | library | float16 f' / f'' | float32 f' / f'' | float32 by parameters | inputs |
| --- | --- | --- | --- | --- | --- | --- |
| relu |  | jaxact |  | 0 / 0.25 (raw 1 / 1) | alpha 3 | 7 |
| mish | a=1 | jax.nn | 9.5 / bad | - / 4 |  | 8 / 9 |

| function | equations of f' | forward, float32 |
| --- | --- | --- |
| relu | 3 | 0.5 |
"""


def test_nothing_is_typed_by_hand_or_stale() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == renew(readme, measured()), "renew it: python -m experiments.published"


def test_one_in_512_of_all_float32_numbers_was_measured() -> None:
    """By an odd stride, which meets all fractions; the README has no number of a smaller sample."""
    inputs: dict[tuple[str, int], int] = {}
    for path in FOLDER.glob("*.md"):
        for line in lines(path.read_text("utf-8")):
            if (line.library, line.dtype) == ("jaxact", "float32"):
                key = line.function, line.order
                inputs[key] = max(line.inputs, inputs.get(key, 0))
    for facts in filter(lambda facts: facts.elementwise, CATALOGUE.values()):
        numbers = 2**32 - 2**24 + 2 if facts.domain[0] < 0 else 2**31 - 2**23  # without NaN, and 0 where it is an end
        for order in (0, 1):
            assert inputs[facts.name, order] >= numbers // 512, (facts.name, order)


def test_a_table_is_read(tmp_path: Path) -> None:
    assert list(lines(TABLE)) == [
        ("jaxact", "relu", "float32", 1, 7, 0.0),
        ("jaxact", "relu", "float32", 2, 7, 0.25),
        ("jax.nn", "mish", "float16", 1, 8, 9.5),
        ("jax.nn", "mish", "float16", 2, 8, float("inf")),
        ("jax.nn", "mish", "float32", 2, 9, 4.0),
    ]
    (tmp_path / "one.md").write_text(TABLE)
    (tmp_path / "two.md").write_text(TABLE.replace("0 / 0.25", "0.125 / 0"))
    worst = measured(tmp_path)
    assert [worst["jaxact", "relu", "float32", order] for order in (1, 2)] == [0.125, 0.25]


def test_a_file_without_a_table_is_refused() -> None:
    with pytest.raises(SystemExit, match=END):
        renew("no table here", {})
    assert LIBRARIES[0] == "jaxact"
