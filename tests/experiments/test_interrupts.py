"""Ctrl-C and SIGTERM are never lost, and whatever keeps the command line from starting is said in a sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.core.result import load

ROOT = Path(__file__).parents[2]
PREAMBLE = """
import gc, os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
from experiments.core import interrupts
"""


def _run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, "-c", PREAMBLE + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), pytest.param("SIGTERM", 143, marks=pytest.mark.slow)])
@pytest.mark.parametrize("place", ["a callback of the garbage collector", "a destructor", "a loop"])
def test_a_signal_is_raised_again_where_the_exception_was_dropped(name: str, code: int, place: str) -> None:
    ended = _run(f"""
def come(*_):
    gc.callbacks.clear()
    signal.raise_signal(signal.{name})
class Destroyed:
    __del__ = come
interrupts.raise_until_handled()
try:
    if {place!r} == "a destructor":
        Destroyed()
    elif {place!r} == "a loop":
        come()
    else:
        gc.callbacks.append(come)
        gc.collect()
    print("went on", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    code = interrupts.exit_code()
    time.sleep(2 * interrupts.AGAIN)  # is not raised again
    sys.exit(code)
""")
    assert (ended.returncode, ended.stderr) == (code, "")
    assert ("went on" in ended.stdout) == (place != "a loop")


def test_a_second_signal_leaves_at_once_whatever_runs() -> None:
    ended = _run("""
import ctypes, threading
def twice():
    for _ in range(2):
        time.sleep(0.4 * interrupts.AGAIN)  # the second one comes before the first is raised again
        os.kill(os.getpid(), signal.SIGINT)
interrupts.raise_until_handled()
threading.Thread(target=twice).start()
ctypes.CDLL(None).usleep.argtypes = [ctypes.c_uint]
for _ in range(50):
    try:
        for _ in range(100): ctypes.CDLL(None).usleep(900_000)  # does not end for a signal that Python handles later
    except KeyboardInterrupt:
        pass
""")
    assert (ended.returncode, ended.stderr) == (130, "Interrupted again.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_imports_ends_in_a_word(number: int, code: int) -> None:
    ended = _run(f"""
class Finder:
    def find_spec(name, *_):
        if name == "optax":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Finder)
import experiments.__main__
experiments.__main__.start(["list"])
""")
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "Interrupted.\n")


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    ended = _run("""
signal.signal(signal.SIGINT, signal.SIG_IGN)
interrupts.leave_at_once()
interrupts.raise_until_handled()
signal.raise_signal(signal.SIGINT)
print("went on")
""")
    assert (ended.returncode, ended.stdout) == (0, "went on\n")


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    package, install = "bokeh", '-e ".[experiments]"'
    ended = _run(f"""
sys.modules[{package!r}] = None
import experiments.__main__
sys.exit(experiments.__main__.start(["list"]))
""")
    assert ended.returncode == 2
    assert package in ended.stderr
    assert f"`pip install {install}`" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_package_that_is_missed_later_is_named_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments.command_line import main

    monkeypatch.setitem(sys.modules, "mnist1d", None)
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    assert main(["collapse", "--smallest", "--data", "mnist1d", "--out", str(tmp_path)]) == 2
    assert "mnist1d" in (problem := capsys.readouterr().err)
    assert "pip install" in problem


@pytest.mark.parametrize(("flag", "code"), [("-OO", 2), pytest.param("-O", 0, marks=pytest.mark.slow)])
def test_without_docstrings_nothing_starts(flag: str, code: int) -> None:
    command = [sys.executable, flag, "-m", "experiments", "list"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == code
    assert ended.stderr.startswith("experiments: python -OO removes docstrings" if code else "")
    assert ended.stderr.count("\n") == bool(code)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="there are pipes that break on POSIX only")
def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "experiments", "list"]
    ended = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_what_is_finished(number: int, code: int, tmp_path: Path) -> None:
    # exec resets a signal that is handled to its default; one that a background shell ignores would stay ignored.
    launch = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "os.execv(sys.executable, sys.argv[1:])"
    )
    command = [sys.executable, "-m", "experiments", "--smallest", "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-c", launch, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith("convergence: started"):
                break
        process.send_signal(number)
        printed, problem = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == code, problem
    assert "Interrupted" in printed
    assert "born_dead and collapse" in printed
    assert "Traceback" not in problem
    assert load("collapse", tmp_path) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "born_dead.json",
        "born_dead.svg",
        "collapse.json",
        "collapse.svg",
        "log.txt",
        "report.html",
        "report.md",
    ]
