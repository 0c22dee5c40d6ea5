"""Sizes, seeds, data and devices are options of all questions, and the log has what happened."""

import contextlib
import dataclasses
import logging
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jaxact
from experiments.command_line import _parse, main
from experiments.core import checks
from experiments.core.log import LOG, logged
from experiments.core.options import Size
from experiments.core.questions import QUESTIONS, Question
from experiments.core.result import load
from jaxact import CATALOGUE

WITH_PARAMETERS = {"prelu", "softcap", "threshold"}
"""Elementwise functions that need more than x."""
WITHOUT_DATA = ["cost", "exact_claims", "softcap", "soundness", "tables", "transformer"]  # or with data of their own
TINY = ["collapse", "--smallest", "--seeds", "2", "--stacks", "1", "--xor-seeds", "2", "--xor-steps", "10"]


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_larger_size_has_more_seeds_and_all_entries_of_a_smaller_one(question: Question) -> None:
    smallest, quick, full = (dataclasses.asdict(question.settings(size)) for size in Size)
    for name, value in quick.items():
        if isinstance(value, tuple):
            assert set(value) <= set(full[name]), name
        elif re.fullmatch(".*seeds|nets|learners|trained|stacks|rounds", name):
            assert smallest[name] < value <= full[name], name
    counts = [name for name in ("seeds", "rounds") if name in quick]
    assert counts or question.name == "exact_claims"  # nothing there is drawn by chance
    assert all(full[name] > quick[name] for name in counts)
    assert any(len(full[name]) > len(value) for name, value in quick.items() if isinstance(value, tuple)) or (
        full["layers"] > quick["layers"]
    )


def test_a_size_is_a_flag_of_all_questions_and_of_each() -> None:
    for flags, size in (([], Size.QUICK), *(([f"--{size}"], size) for size in Size)):
        todo, output = _parse(flags)
        assert output.size is size
        assert [config for _, config in todo] == [question.settings(size) for question in QUESTIONS.values()]
        for name, question in QUESTIONS.items():
            assert _parse([name, *flags])[0] == [(question, question.settings(size))]


def test_seeds_and_data_of_all_questions_reach_those_that_have_them() -> None:
    todo, _ = _parse(["--full", "--seeds", "7", "--data", "mnist1d"])
    for question, config in todo:
        full = question.settings(Size.FULL)
        options = {"seeds": 7, "data": "mnist1d"}
        replaced = {key: options[key] for key in options if hasattr(full, key)}
        if isinstance(getattr(full, "data", None), tuple):
            replaced["data"] = ("mnist1d",)
        assert config == dataclasses.replace(full, **replaced)
    assert [question.name for question, config in todo if not hasattr(config, "data")] == WITHOUT_DATA
    (((_, config),), _) = _parse(["run", "fixed_point", "--seeds", "7"])
    assert config == dataclasses.replace(QUESTIONS["fixed_point"].settings(), seeds=7)


def test_one_questions_settings_start_from_its_size() -> None:
    (((question, config),), _) = _parse(["dying_relu", "--full", "--steps", "7"])
    assert config == dataclasses.replace(question.settings(Size.FULL), steps=7)


def _lines(folder: Path) -> list[str]:
    lines = (folder / "log.txt").read_text("utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ", line) for line in lines)
    return [line.split(" ", 2)[2] for line in lines]


def test_the_log_has_settings_tuning_and_duration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--devices", "2", "--out", str(tmp_path)]) == 0
    command, started, *steps, finished = _lines(tmp_path)
    stored = load("collapse", tmp_path)
    assert stored is not None
    assert "collapse --smallest --seeds 2" in command
    assert "collapse: started with {'depths': (2,), 'width': 8, 'seeds': 2" in started
    classes = [run for run in stored[0].runs if run["part"] == "classes"]
    tuned = {f"tuned: rate {run['rate']:.4g}, gain {run['gain']:.4g}, " for run in classes}
    assert all(any(words in step for step in steps) for words in tuned)
    assert any("collapse: 5 %, XOR, relu" in step for step in steps)
    assert re.search(r"collapse: finished in \d+ s, ", finished)
    assert stored[0].provenance["device"].startswith("2 x ")
    assert "XOR, relu" not in capsys.readouterr().out
    assert main([*TINY, "--out", str(tmp_path)]) == 0
    assert "not run again" in _lines(tmp_path)[-1]


@pytest.mark.slow
def test_programs_are_cleared_when_a_question_is_answered(tmp_path: Path) -> None:
    """Each takes memory maps, of which a process may have 65,530: the full study used them up."""
    client = jax.devices()[0].client
    jax.clear_caches()
    before = len(client.live_executables())
    assert main([*TINY, "--out", str(tmp_path)]) == 0
    assert len(client.live_executables()) == before


def _events() -> None:
    warnings.warn("all is not\nwell", RuntimeWarning, stacklevel=1)
    logging.getLogger("jax._src.xla_bridge").warning("no GPU")
    LOG.info("an event")
    raise KeyError("gone")


def test_warnings_and_messages_of_jax_are_logged_in_one_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(KeyError), logged(tmp_path):
            _events()
    LOG.info("too late")
    warned, from_jax, event, stopped = _lines(tmp_path)
    assert warned.startswith("WARNING py.warnings: ")
    assert "RuntimeWarning: all is not well" in warned
    assert from_jax == "WARNING jax._src.xla_bridge: no GPU"
    assert event == "INFO experiments: an event"
    assert stopped == "ERROR experiments: stopped by KeyError: 'gone'"
    assert "not\nwell" not in capsys.readouterr().err


def _numbers(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_no_setting_is_beyond_all_bounds(question: Question) -> None:
    config = question.settings(Size.FULL)
    checked = 0
    for name, value in dataclasses.asdict(config).items():
        several, entry = (True, value[0]) if isinstance(value, tuple) and value else (False, value)
        if _numbers(entry):
            beyond = [math.nan, math.inf, 1e300, -1e300] if isinstance(entry, float) else [10**23, -(10**23)]
            for number in beyond:
                with pytest.raises(ValueError, match=r"^[\w-]+ is .*, but .* expected.*\.$"):
                    dataclasses.replace(config, **{name: (*value, number) if several else number})
                checked += 1
    assert checked


@pytest.mark.slow
def test_elementwise_is_what_gives_every_number_its_own() -> None:
    x = np.array([0.3, -1.2, 2.0, 0.7, -0.1], np.float32)
    accepted = []
    for name in {*dir(jaxact), *CATALOGUE, "nn", "init", "probe", "jet", "__doc__", "_names"}:
        with contextlib.suppress(ValueError):
            checks.activations([name], allow_prelu=False)
            accepted.append(name)
    assert {name for name in CATALOGUE if CATALOGUE[name].elementwise} - {*accepted} == WITH_PARAMETERS
    assert "hard_swish" in accepted  # another name of hard_silu
    for name in accepted:
        f = getattr(jaxact, name)
        assert np.allclose(f(x), [f(x[i : i + 1])[0] for i in range(len(x))], atol=1e-6, equal_nan=True), name
