"""A stored answer is valid as long as nothing has changed that could change it."""

import shlex
from pathlib import Path

import pytest

from experiments.__main__ import _parse
from experiments.core import provenance
from experiments.core.options import Size
from experiments.core.provenance import ROOT, files_used_by, fingerprint, without_docstrings
from experiments.core.questions import QUESTIONS
from experiments.questions.collapse import measure as collapse


def test_a_question_uses_its_own_files_and_those_that_they_import() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in files_used_by(QUESTIONS["collapse"].module)}
    own_files = {f"experiments/questions/collapse/{part}.py" for part in ("measure", "verdicts", "report")}
    assert (
        own_files | {f"experiments/core/{part}.py" for part in ("training", "data", "statistics", "devices")} <= names
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_uses_files_of_its_folder_and_of_core_only(name: str) -> None:
    assert {path.parent.name for path in files_used_by(QUESTIONS[name].module)} == {name, "core"}


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_command_of_an_answer_gives_its_settings(name: str, size: Size) -> None:
    config = QUESTIONS[name].settings(size)
    command = provenance.provenance(name, config, "", 0.0)["command"].removeprefix("python -m experiments ")
    ((question, given),), _ = _parse(shlex.split(command))
    assert (question.name, given) == (name, config)


def test_code_counts_and_docstrings_do_not() -> None:
    code = 'def f(x):\n    """Words."""\n    # why\n    return x + 1\n'
    assert without_docstrings(code) == without_docstrings(
        code.replace("Words", "Other words").replace("why", "because")
    )
    assert without_docstrings(code) != without_docstrings(code.replace("1", "2"))
    assert without_docstrings('class Empty(Exception):\n    """Words."""\n') == "class Empty(Exception):\n    pass"


@pytest.mark.parametrize(
    ("name", "edited", "valid"),
    [
        ("training.py", lambda text: text.replace('"""', '"""Words. ', 1), True),
        ("training.py", lambda text: text + "\nMORE = 1\n", False),
        ("vanishing/measure.py", lambda text: text + "\nMORE = 1\n", True),
        ("collapse/measure.py", lambda text: text.replace('"""', '"""Words. ', 1), False),
        ("_sigmoids.py", lambda text: text.replace('"""', '"""Words. ', 1), True),
        ("_sigmoids.py", lambda text: text + "\nMORE = 1\n", False),
    ],
)
def test_an_answer_is_valid_until_code_that_it_uses_is_edited(
    name: str, edited: object, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = collapse.Config()
    before, read = fingerprint(QUESTIONS["collapse"].module, config), Path.read_text

    def as_edited(path: Path, *encoding: str) -> str:
        text = read(path, *encoding)
        return edited(text) if path.as_posix().endswith(name) else text  # pyright: ignore[reportCallIssue]

    monkeypatch.setattr(provenance.Path, "read_text", as_edited)
    assert (fingerprint(QUESTIONS["collapse"].module, config) == before) is valid
