"""Whatever lies in the folder of the results: answers are checked whole, and nothing is half written."""

import copy
import dataclasses
import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from experiments.command_line import main
from experiments.core import storage
from experiments.core.log import LOG, logged
from experiments.core.questions import QUESTIONS, Question
from experiments.core.result import Claim, Report, Result, Table, load, save, write
from experiments.core.statistics import SUPPORTED, Interval
from experiments.core.storage import StorageError, prepare
from experiments.page import build, explorer, report, text

NAME = "exact_claims"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
TEXT = "An answer. <b>&"


def _answer(name: str = NAME) -> Result:
    claim = Claim("A1", TEXT, "S1", TEXT, TEXT, TEXT, "x", Interval(2.0, 1.0, float("inf")), SUPPORTED)
    facts: Any = {"fingerprint": "0", "command": "python -m experiments", "seconds": 1.5, "device": "cpu"}
    facts |= {"versions": {"python": "3.13", "jax": "0.12"}}
    words = Report([TEXT], [TEXT], [TEXT], TEXT, [Table(TEXT, ["a"], [["1"]])], TEXT)
    return Result(name, TEXT, TEXT, {"seeds": 2, "rate": float("nan")}, [claim], words, facts, [{"loss": float("inf")}])


def _use(folder: Path) -> None:
    """Load the answer as all commands do, and show it in all ways if it can be used."""
    try:
        stored = load(NAME, folder)
    except ValueError as problem:
        stored = str(problem)
    assert stored is not None
    if isinstance(stored, str):
        assert re.fullmatch(r"\S+ cannot be used \(.+\)\.", stored)
        return
    report.page([stored]).encode()
    text.markdown([stored]).encode()
    for several in ([stored[0]], [stored[0]] * 2):
        text.show(several, Console(file=io.StringIO()))


def test_an_answer_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    save(_answer(), SVG, tmp_path)
    stored = load(NAME, tmp_path)
    assert stored is not None
    assert repr(stored) == repr((_answer(), SVG))


VALUES: list[Any] = [
    None,
    True,
    3,
    -1.5,
    10**400,
    "",
    "nan",
    "\ud800",
    "\x1b[2J",
    [],
    [[]],
    {},
    {"a": 1},
    [1, 2, 3],
    ["a"],
]


def _mutations(value: Any) -> Iterator[tuple[str, Any]]:
    """The value with each part dropped, added or replaced by each type of JSON, and what was done."""
    yield from ((f"is {other!a}", other) for other in VALUES)
    places = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for place in places:
        without = copy.copy(value)
        del without[place]
        yield f"without {place}", without
        for what, changed in _mutations(value[place]):
            other = copy.copy(value)
            other[place] = changed
            yield f"{place} {what}", other
    if isinstance(value, dict):
        yield "with more", value | {"more": 1}


def test_every_answer_can_be_used_or_is_refused_in_a_sentence(tmp_path: Path) -> None:
    save(_answer(), SVG, tmp_path)
    path = tmp_path / f"{NAME}.json"
    whole = json.loads(path.read_text("utf-8"))
    count = 0
    for what, changed in _mutations(whole):
        path.write_text(json.dumps(changed), "utf-8")
        try:
            _use(tmp_path)
        except Exception as problem:
            raise AssertionError(f"{what}: {problem!r}") from problem
        count += 1
    assert count > 700


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000, b"null", b"NaN", b'{"name": 1e999}', b"{}"],
    ids=range(9),
)
def test_what_is_no_answer_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    save(_answer(), SVG, tmp_path)
    (tmp_path / f"{NAME}.json").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be used"):
        load(NAME, tmp_path)


@pytest.mark.parametrize("file", [f"{NAME}.json", f"{NAME}.svg"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "another"])
def test_what_is_no_file_is_refused_in_a_sentence(file: str, kind: str, tmp_path: Path) -> None:
    save(_answer(), SVG, tmp_path)
    (tmp_path / file).unlink()
    make: dict[str, Callable[[Path], Any]] = {"folder": Path.mkdir, "pipe": os.mkfifo, "another": Path.touch}
    make[kind](tmp_path / file)
    with pytest.raises(ValueError, match="cannot be used"):
        load(NAME, tmp_path)


def test_an_answer_to_another_question_is_refused(tmp_path: Path) -> None:
    save(_answer("noise"), SVG, tmp_path)
    for kind in ("json", "svg"):
        (tmp_path / f"noise.{kind}").rename(tmp_path / f"{NAME}.{kind}")
    with pytest.raises(ValueError, match="the answer is to 'noise'"):
        load(NAME, tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A question that takes no time; how often it was run."""
    from matplotlib.figure import Figure

    runs: list[str] = []

    def answer(self: Question, config: Any, progress: Any, provenance: Callable[[], Any]) -> tuple[Result, Figure]:
        runs.append(self.name)
        made = dataclasses.replace(_answer(self.name), config=dataclasses.asdict(config), provenance=provenance())
        return made, Figure()

    monkeypatch.setattr(Question, "answer", answer)
    return runs


def _command(out: Path) -> list[str]:
    return [NAME, "--smallest", "--out", str(out)]


def test_a_stale_answer_is_named_and_healed_by_its_question_only(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explorer, "load_or_compute", lambda folder, console: {"x": [], "functions": {}})
    for name in (NAME, "noise"):
        (tmp_path / f"{name}.json").write_text('{"name": "noise", "claims": []}', "utf-8")
    assert main(["report", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name}.json cannot be used" in printed for name in (NAME, "noise"))
    assert main(_command(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert f"{NAME}.json cannot be used" in printed
    assert "The question is run again." in printed
    assert re.search(r"noise\.json cannot be used .* left out of the report", printed)
    assert main(_command(tmp_path)) == 0
    assert quick == [NAME]


def test_a_damaged_explorer_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function: Any = {"family": "f", "formula": "", "paper": "", "cost": "", "sliders": [], "variants": [], "errors": {}}
    data: Any = {"x": [1.0], "functions": {"relu": function}}
    monkeypatch.setattr(explorer, "explorer_data", lambda progress: data)
    monkeypatch.setattr(explorer, "fingerprint", lambda *_: "0")
    monkeypatch.setattr(explorer, "json_item", lambda plot: {})
    monkeypatch.setattr(explorer, "Resources", lambda **_: SimpleNamespace(js_raw=[]))
    for plot in ("_curves", "_errors"):
        monkeypatch.setattr(explorer, plot, lambda: None)
    assert explorer.load_or_compute(tmp_path, Console(file=io.StringIO())) == data
    whole = json.loads((tmp_path / explorer.FILE).read_text("utf-8"))
    for _, changed in _mutations(whole):
        (tmp_path / explorer.FILE).write_text(json.dumps(changed), "utf-8")
        if found := explorer.stored_data(tmp_path):
            explorer.section(found)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fails(*_: Any, **__: Any) -> Any:
    raise FULL


def _out_is_a_file(out: Path, _: pytest.MonkeyPatch) -> None:
    out.write_text("")


def _out_is_below_a_file(out: Path, _: pytest.MonkeyPatch) -> None:
    out.parent.rmdir()
    out.parent.write_text("")


def _out_is_a_dangling_link(out: Path, _: pytest.MonkeyPatch) -> None:
    out.symlink_to("nowhere")


def _an_answer_is_a_folder(out: Path, _: pytest.MonkeyPatch) -> None:
    (out / f"{NAME}.json").mkdir(parents=True)


def _the_report_is_a_folder(out: Path, _: pytest.MonkeyPatch) -> None:
    (out / "report.html").mkdir(parents=True)


def _the_log_is_a_link(out: Path, _: pytest.MonkeyPatch) -> None:
    out.mkdir()
    (out / "log.txt").symlink_to(out.parent / "planted")


def _the_log_is_a_pipe(out: Path, _: pytest.MonkeyPatch) -> None:
    out.mkdir()
    os.mkfifo(out / "log.txt")


def _nothing_can_be_made(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", _fails)


def _the_disk_is_full(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", _fails)


IN_THE_WAY = [
    _out_is_a_file,
    _out_is_below_a_file,
    _out_is_a_dangling_link,
    _an_answer_is_a_folder,
    _the_report_is_a_folder,
    _the_log_is_a_link,
    _the_log_is_a_pipe,
    _nothing_can_be_made,
    _the_disk_is_full,
]


@pytest.mark.parametrize("harm", IN_THE_WAY)
def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(
    harm: Callable[[Path, pytest.MonkeyPatch], None],
    quick: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "parent" / "out"
    out.parent.mkdir()
    harm(out, monkeypatch)
    assert main(_command(out)) == 2
    problem = capsys.readouterr().err
    assert re.fullmatch(r"experiments: .*out.*\.\n", problem)
    assert not quick
    assert not (out.parent / "planted").exists()
    if out.is_dir():
        assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("command", ["accuracy", "depth", "speed", "gallery", "faulty_nets", "planted", "report"])
def test_every_command_tests_its_folder_first(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert main([command, "--out", str(tmp_path / "link")]) == 2
    assert "nothing can be written" in capsys.readouterr().err


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_ends_the_run_in_a_sentence(
    call: str, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Question.answer

    def fills(*arguments: Any) -> Any:
        monkeypatch.setattr(os, call, _fails)
        return answer(*arguments)

    monkeypatch.setattr(Question, "answer", fills)
    assert main(_command(tmp_path)) == 2
    assert capsys.readouterr().err.endswith(f"{NAME}.svg cannot be written (No space left on device).\n")
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_log_that_cannot_be_written_any_more_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched, logged(tmp_path):
        full = os.open("/dev/full", os.O_WRONLY)
        handler: Any = LOG.parent and LOG.parent.handlers[-1]
        os.dup2(full, handler.stream.fileno())
        LOG.info("an event")
        patched.undo()
    os.close(full)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_an_output_that_cannot_be_written_ends_in_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "experiments", "list"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr == "experiments: the output cannot be written (No space left on device).\n"


def test_unfinished_files_have_names_of_their_own_and_follow_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: made.append(Path(old).name) or replace(old, new))
    for _ in range(2):
        write(tmp_path / "answer.json", "text")
    assert len(set(made)) == 2
    assert all(storage.UNFINISHED.fullmatch(name) for name in made)
    monkeypatch.setattr(storage.secrets, "token_hex", lambda size: "0" * 2 * size)
    (tmp_path / f".answer.json.{'0' * 16}").symlink_to(tmp_path / "planted")
    with pytest.raises(StorageError, match="File exists"):
        write(tmp_path / "answer.json", "more")
    assert not (tmp_path / "planted").exists()
    assert (tmp_path / "answer.json").read_text("utf-8") == "text"


def test_files_are_readable_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write(tmp_path / "answer.json", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "answer.json").stat().st_mode & 0o777 == 0o644


def test_what_killed_processes_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    left = [f".noise.json.{'a' * 16}", ".noise.svg.4711", f".out.probe.{'b' * 16}"]
    kept = [".noise.json.orig", ".hidden", "noise.json", f".notes.txt.{'a' * 16}"]
    for name in left + kept:
        (tmp_path / name).write_text("half")
    script = f"""
from pathlib import Path
from experiments.core import storage
with storage._unfinished(Path({str(tmp_path)!r}) / "other.json"):
    print("locked", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        prepare(tmp_path, [])
        (locked,) = {path.name for path in tmp_path.iterdir()} - {*kept}
        assert locked.startswith(".other.json.")
        other.communicate("\n")
    assert {path.name for path in tmp_path.iterdir()} == {*kept}


def test_every_question_has_a_name_that_no_other_file_has() -> None:
    files = {*build.FILES, explorer.FILE, "log.txt"}
    assert not files & {f"{name}.{kind}" for name in QUESTIONS for kind in ("json", "svg")}
