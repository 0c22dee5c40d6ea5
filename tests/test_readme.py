"""The READMEs say what is so: code prints what they say, tables are fresh, links lead somewhere, commands are whole."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from helpers import BOUNDS, unfolded_words

from experiments.core import markdown
from experiments.core.provenance import MEASURED, ROOT
from experiments.core.questions import QUESTIONS
from experiments.instruments.readmes.tables import MARK, READMES, TABLES, renew
from jaxact import CATALOGUE

pytestmark = pytest.mark.optimised

TEXTS = {path: path.read_text("utf-8") for path in READMES}
FIRST = TEXTS[READMES[0]]
readmes = pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@readmes
def test_code_prints_what_it_says(path: Path) -> None:
    before = dict(CATALOGUE)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks("python", TEXTS[path])), {}, str(path), str(path), 0)
    printed: list[str] = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        failed, tried = doctest.DocTestRunner().run(test, out=printed.append)
    CATALOGUE.clear()
    CATALOGUE.update(before)
    assert failed == 0, "".join(printed)
    assert tried > 10 or path.parent.name == "experiments"  # where all commands are the shell's


@readmes
def test_tables_are_fresh(path: Path) -> None:
    assert renew(TEXTS[path]) == TEXTS[path], "renew them: python -m experiments.instruments.readmes"


def test_the_experiments_are_read_in_a_quarter_of_an_hour() -> None:
    assert len(unfolded_words(TEXTS[ROOT / "experiments" / "README.md"])) <= 5000


def test_every_table_is_in_one_readme() -> None:
    assert sorted(name for text in TEXTS.values() for name in MARK.findall(text)) == sorted(TABLES)


def test_the_command_renews_stale_tables_and_refuses_what_has_none(tmp_path: Path) -> None:
    file, command = tmp_path / "page.md", [sys.executable, "-m", "experiments.instruments.readmes"]
    fresh = TEXTS[ROOT / "jaxact" / "README.md"]
    file.write_text(fresh.replace("`relu(x) = ", "`stale(x) = ").replace("| `hardshrink` |", "| `stale` |"))
    subprocess.run([*command, str(file)], cwd=ROOT, check=True)
    assert file.read_text() == fresh
    file.write_text("no table here")
    refused = subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "A file without marks was given" in refused.stderr


@pytest.mark.parametrize("broken", [("end of peers", "end of"), ("peers, made", "pears, made")])
def test_marks_that_are_wrong_are_refused(broken: tuple[str, str]) -> None:
    marks = "<!-- peers, made by: python -m experiments.instruments.readmes -->\n<!-- end of peers -->"
    with pytest.raises(SystemExit, match="A file was given with the mark <!-- pe"):
        renew(marks.replace(*broken))


def test_the_first_readme_is_short_and_links_to_the_others() -> None:
    assert len(FIRST.splitlines()) <= 150
    assert all(f"({path.relative_to(ROOT)})" in FIRST for path in READMES[1:])


def headings(text: str) -> set[str]:
    """As links name them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@readmes
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[path]) if not link.startswith("https://")]
    for file, _, heading in (link.partition("#") for link in links):
        target = path.parent / file if file else path
        assert target.exists(), file
        assert not heading or heading in headings(target.read_text("utf-8")), (file, heading)


@pytest.mark.parametrize("extra", ["experiments", "test"])
def test_commands_are_one_line_each_with_and_without_uv(extra: str) -> None:
    lines = [line for block in blocks("sh", FIRST) for line in block.splitlines() if f'".[{extra}]"' in line]
    assert len([line for line in lines if line.startswith("python3 -m venv ")]) == 1
    assert len([line for line in lines if line.startswith("uv run ")]) == 1


def test_the_number_of_questions() -> None:
    assert len(QUESTIONS) == 18
    assert "eighteen questions" in FIRST


def test_bounds_are_those_of_the_tests() -> None:
    told = {
        dtype: tuple(float(row[column]) for column in ("value", "f'", "f''"))
        for row in markdown.records(TEXTS[ROOT / "jaxact" / "README.md"])
        if "inputs in the tests" in row
        for dtype in row["type"].split(", ")
    }
    assert told == BOUNDS


def test_a_train_step_takes_about_as_long_as_with_jax_nn() -> None:
    (mean,) = (
        float(row["geometric mean, ours / theirs"])
        for row in markdown.records((MEASURED / "speed.md").read_text("utf-8"))
        if row.get("regime") == "train steps"
    )
    assert mean == pytest.approx(1, abs=0.05)
    assert "A train step takes about as long as with jax.nn." in FIRST
