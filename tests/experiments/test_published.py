"""What the READMEs say of errors was measured: the committed reports are read right, and cover what they have to."""

from pathlib import Path

from experiments.core.provenance import MEASURED
from experiments.instruments.readmes.measured import WELL_KNOWN, errors, in_short, largest_errors, worst_errors
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


def test_one_in_512_of_all_float32_numbers_was_measured() -> None:
    """By an odd stride, which meets all fractions; the READMEs have no number of a smaller sample."""
    inputs: dict[tuple[str, int], int] = {}
    for path in MEASURED.glob("*.md"):
        for line in largest_errors(path.read_text("utf-8")):
            if (line.library, line.dtype) == ("jaxact", "float32"):
                key = line.function, line.order
                inputs[key] = max(line.inputs, inputs.get(key, 0))
    for facts in filter(lambda facts: facts.elementwise, CATALOGUE.values()):
        numbers = 2**32 - 2**24 + 2 if facts.domain[0] < 0 else 2**31 - 2**23  # without NaN, and 0 where it is an end
        for order in (0, 1):
            assert inputs[facts.name, order] >= numbers // 512, (facts.name, order)


def test_a_table_is_read(tmp_path: Path) -> None:
    assert list(largest_errors(TABLE)) == [
        ("jaxact", "relu", "float32", 1, 7, 0.0),
        ("jaxact", "relu", "float32", 2, 7, 0.25),
        ("jax.nn", "mish", "float16", 1, 8, 9.5),
        ("jax.nn", "mish", "float16", 2, 8, float("inf")),
        ("jax.nn", "mish", "float32", 2, 9, 4.0),
    ]
    (tmp_path / "one.md").write_text(TABLE)
    (tmp_path / "two.md").write_text(TABLE.replace("0 / 0.25", "0.125 / 0"))
    worst = worst_errors(tmp_path)
    assert [worst["jaxact", "relu", "float32", order] for order in (1, 2)] == [0.125, 0.25]


def test_the_worst_of_both_libraries_is_shown() -> None:
    worst = {("jaxact", "mish", "float32", 0): 0.25, ("jax.nn", "mish", "float32", 0): float("inf")}
    assert errors(worst).splitlines()[-1] == "| `mish` | 0.25 / - / - | bad / - / - |  |  |"


def test_well_known_functions_have_errors_bytes_and_times() -> None:
    times = "forward and backward, float32", "forward and backward, bfloat16"
    report = [f"| function | {' | '.join(times)} |", "| --- | --- | --- |"]
    report += [f"| {name} | 0.5 [0.25, 1.5] ? | 2.00 [1.50, 3.00] * |" for name in WELL_KNOWN]
    report += ["", "| function | bytes kept |", "| --- | --- |", *(f"| {name} | 5 * |" for name in WELL_KNOWN)]
    rows = in_short({("jax.nn", "relu", "bfloat16", 1): 1.5}, "\n".join(report)).splitlines()
    assert rows[2] == "| `relu` |  |  |  | - / 1.5 | 5 | 0.5 [0.25, 1.5] | 2.00 [1.50, 3.00] |"
    assert len(rows) == 2 + len(WELL_KNOWN)
