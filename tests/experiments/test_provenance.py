"""A stored answer is valid as long as nothing has changed that could change it."""

import ast
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from experiments.command_line import _parse
from experiments.core import provenance
from experiments.core.command import command_provenance
from experiments.core.files import DataError
from experiments.core.options import Size
from experiments.core.provenance import LIBRARIES, ROOT, files_used_by, fingerprint, without_docstrings
from experiments.core.questions import QUESTIONS
from experiments.instruments.speed import measure as speed
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

    def as_edited(path: Path, *arguments: Any, **keywords: Any) -> str:
        text = read(path, *arguments, **keywords)
        return edited(text) if path.as_posix().endswith(name) else text  # pyright: ignore[reportCallIssue]

    monkeypatch.setattr(provenance.Path, "read_text", as_edited)
    assert (fingerprint(QUESTIONS["collapse"].module, config) == before) is valid


def _collapse(**settings: Any) -> str:
    return fingerprint(QUESTIONS["collapse"].module, collapse.Config(**settings))


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_answer_is_valid_until_a_library_changes(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = _collapse(), provenance.version
    monkeypatch.setattr(provenance, "version", lambda name: "0.0.1" if name == library else version(name))
    assert _collapse() != before


SHOWN_ONLY = {"orbax", "matplotlib", "rich", "tyro", "PIL", "bokeh", "torch", "jaxact", "experiments"}
"""What stores, draws, prints and parses, is compared with, or counts by its code."""


def test_every_library_that_computes_is_known() -> None:
    names = set()
    for path in (*ROOT.glob("experiments/**/*.py"), *ROOT.glob("jaxact/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).partition(".")[0])
    others = names - SHOWN_ONLY - set(sys.stdlib_module_names)
    assert {{"sklearn": "scikit-learn", "flint": "python-flint"}.get(name, name) for name in others} <= {*LIBRARIES}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("jax_enable_x64", True),
        ("jax_default_prng_impl", "rbg"),
        ("jax_threefry_partitionable", False),
        ("jax_default_matmul_precision", "bfloat16"),
        ("jax_disable_most_optimizations", False),
    ],
)
def test_an_answer_is_valid_until_jax_computes_otherwise(setting: str, value: object) -> None:
    before, usual = _collapse(), jax.config.values[setting]
    try:
        jax.config.update(setting, value)
        assert _collapse() != before
    finally:
        jax.config.update(setting, usual)


@pytest.mark.parametrize(
    ("variable", "value", "valid"),
    [
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true", False),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=3 --xla_dump_to=folder", True),
        ("LIBTPU_INIT_ARGS", "--xla_tpu_enable_bf16", False),
        ("NVIDIA_TF32_OVERRIDE", "0", False),
    ],
)
def test_an_answer_is_valid_until_flags_change_numbers(
    variable: str, value: str, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    before = _collapse()
    monkeypatch.setenv(variable, value)
    assert (_collapse() == before) is valid


@pytest.mark.parametrize(("name", "attribute"), [("default_backend", None), ("devices", "device_kind")])
def test_an_answer_is_valid_until_another_kind_of_device_computes(
    name: str, attribute: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _collapse()
    other = [SimpleNamespace(**{attribute: "another"})] if attribute else "another"
    monkeypatch.setattr(jax, name, lambda: other)
    assert _collapse() != before


def test_an_answer_is_valid_until_data_files_change_or_go(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data": ("digits", "mnist"), "folder": str(tmp_path)}
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte or .* is not in"):
        _collapse(**settings)
    content = np.random.default_rng(0).bytes(1000)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(part.encode() + content)
    before = _collapse(**settings)
    assert _collapse(**settings) == before
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"t10k" + content[::-1])
    assert _collapse(**settings) != before


def test_the_command_of_a_report_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    words = ["--timed", "--out", str(tmp_path / "here"), f"--out={tmp_path}", "--size", str(tmp_path / "there")]
    facts = command_provenance("speed", speed.Config(), words, 1.0)
    assert facts["command"] == "python -m experiments speed --timed --size there"
