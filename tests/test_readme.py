"""The README says what is so: its code prints what it says, its table is fresh, its commands are well formed."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from experiments.instruments.catalogue import peers, renew, table
from experiments.instruments.modules import modules
from jaxact import CATALOGUE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_code_blocks_print_what_they_say() -> None:
    before = dict(CATALOGUE)
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(blocks, {}, "README.md", "README.md", 0)
    printed: list[str] = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        failed, tried = doctest.DocTestRunner().run(test, out=printed.append)
    CATALOGUE.clear()
    CATALOGUE.update(before)
    assert failed == 0, "".join(printed)
    assert tried > 20


def test_tables_are_fresh() -> None:
    assert renew(README) == README, "renew the tables: python -m experiments.instruments.catalogue README.md"


def test_tables_are_printed_and_renewed_by_their_command(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(README.replace("`relu(x) = ", "`stale(x) = ").replace("| `hardshrink` |", "| `stale` |"))
    command = [sys.executable, "-m", "experiments.instruments.catalogue"]
    subprocess.run([*command, str(file)], cwd=ROOT, check=True)
    assert file.read_text() == README
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == f"{table()}\n\n{peers()}\n\n{modules()}"
    file.write_text("no table here")
    refused = subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "file without a table" in refused.stderr


@pytest.mark.parametrize("extra", ["experiments", "test"])
def test_commands_are_one_line_each_with_and_without_uv(extra: str) -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
    assert len([line for line in lines if f'".[{extra}]"' in line and line.startswith("python3 -m venv ")]) == 1
    assert len([line for line in lines if f'".[{extra}]"' in line and line.startswith("uv run ")]) == 1
