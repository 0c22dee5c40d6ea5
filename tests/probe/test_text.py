"""A diagnosis as text says all of it, plain and in colours."""

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from diagnoses import faulty, finding, healthy, row
from rich.console import Console

from jaxact.probe import Diagnosis, Finding


def colored(diagnosis: Diagnosis, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", _environ={})
    console.print(diagnosis)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("levels", "begin"),
    [
        ((), "Nothing was found at 2 activations with 1 example; the loss is 0.031."),
        (("hint",), "Nothing worse than a hint was found at"),
        (("fault",), "1 fault was found at"),
        (("fault", "warning", "warning"), "1 fault and 2 warnings were found at"),
        (("fault", "warning", "hint", "hint"), "1 fault, 1 warning and 2 hints were found at"),
    ],
)
def test_the_first_sentence_says_what_was_found(levels: tuple[str, ...], begin: str) -> None:
    found = tuple(finding(level, "saturated", "Net/relu[0]") for level in levels)
    assert str(replace(healthy(), findings=found)).startswith(begin)


def test_the_first_sentence_has_the_loss_of_a_constant_output_if_there_is_one() -> None:
    sentence = " ".join(str(replace(healthy(), baseline=2.3)).splitlines()[:2])
    assert sentence.endswith("the loss is 0.031, that of the best constant output 2.3.")


def test_sites_are_rows_in_their_order() -> None:
    lines = str(faulty()).splitlines()
    assert re.split("  +", lines[1]) == [
        *("site", "shape", "mean", "rms", "zero", "saturated", "never on", "gradient", "entropy", "found")
    ]
    assert [line.split()[0] for line in lines[3:8]] == [row.site for row in faulty().rows]
    assert lines[4].split()[1:] == ["256x64", "0.41", "0.83", "74", "%", "74", "%", "31/64", "3.2e-07", "fault"]
    assert lines[5].split()[1:] == ["256x8x32x32", "0.0312", "0.17", "<1", "%", "5.5e-06", "0.02", "warning"]
    assert lines[6].split()[1:3] == ["256x1024", "bfloat16"]


def test_headings_stand_over_their_numbers() -> None:
    lines = str(faulty()).splitlines()
    end = lines[1].index("gradient") + len("gradient")
    assert {line[end - 4 : end - 2] for line in lines[3:8]} == {"e-"}


def test_columns_without_content_are_left_out() -> None:
    heading = str(healthy()).splitlines()[1]
    assert not any(name in heading for name in ("entropy", "not finite", "found"))
    broken = replace(healthy(), rows=(row("relu", not_finite=3),))
    assert str(broken).splitlines()[1].endswith("not finite")


def test_all_that_findings_say_is_there_in_lines_that_fit() -> None:
    text = str(faulty())
    assert "fault: dead_units at layers[0], units 3, 5, 7, 9, 11, 13, 15, 17 and 23 more" in text
    for found in faulty().findings:
        for sentence in (found.evidence, found.cause, found.remedy):
            assert sentence in " ".join(text.split())
    long = finding("fault", "saturated", "layers[0]", evidence="word " * 60)
    lines = str(replace(faulty(), findings=(long,))).splitlines()[10:]
    assert len(lines) >= 6
    assert max(map(len, lines)) <= 100


def test_what_was_not_looked_into_is_named() -> None:
    assert "not looked into: while with tanh, model.py:88" in str(faulty())
    assert "not looked into: while with tanh, model.py:88" in colored(faulty())


def test_no_line_is_empty_so_that_an_example_can_show_it() -> None:
    assert all(line.strip() for line in str(faulty()).splitlines())


def test_numbers_that_are_not_finite_are_shown() -> None:
    broken = row("relu", mean=float("nan"), rms=float("inf"), gradient_rms=float("nan"), not_finite=7)
    line = str(replace(healthy(), rows=(broken,), loss=float("nan"))).splitlines()[3]
    assert line.split() == ["relu", "256x64", "nan", "inf", "48", "%", "48", "%", "0/64", "nan", "7"]


def test_rich_shows_the_levels_in_colours() -> None:
    text = colored(faulty())
    assert text.startswith("\x1b[1;31m2 faults, 2 warnings and 1 hint were found")
    assert "\x1b[1;31mfault: " in text
    assert "\x1b[33mwarning: " in text
    assert "\x1b[36mhint: " in text
    assert colored(healthy()).startswith("\x1b[32mNothing was found")


def test_rich_does_not_read_markup_in_names() -> None:
    name = "layers[red]/[bold]relu"
    text = colored(replace(healthy(), rows=(row(name),), findings=(finding("hint", "saturated", name),)))
    assert text.count(name) == 2


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_of_rich_fits_its_console(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, color_system=None, _environ={})
    console.print(faulty())
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    assert any(" 3.2e-07" in line for line in lines)


def test_a_diagnosis_without_sites_and_findings_has_one_line() -> None:
    assert str(Diagnosis((), (), 1.0, 4)) == "Nothing was found at 0 activations with 4 examples; the loss is 1."


def test_one_unit_is_not_called_units() -> None:
    one = Finding("dead_units", "hint", "layers[0]", "E.", "C.", "R.", units=(3,))
    assert "dead_units at layers[0], unit 3\n" in str(replace(healthy(), findings=(one,)))


def test_neither_rich_nor_matplotlib_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, pathlib; sys.path[:0] = ['tests/probe']; import jaxact.probe, diagnoses;"
        "str(diagnoses.faulty()); diagnoses.faulty().html();"
        "assert not {'rich', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
