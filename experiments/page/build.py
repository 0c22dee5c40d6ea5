"""Rebuild report.html and report.md from the stored answers and the explorer's data."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from experiments.core.command import parse_settings
from experiments.core.questions import QUESTIONS
from experiments.core.result import load, save
from experiments.core.storage import prepare, write
from experiments.core.style import svg

from . import explorer, report, text

FILES = "report.html", "report.md"


@dataclass(frozen=True)
class Config:
    """The folder of the report."""

    out: Path = Path("results")
    """Folder with the answers, to which the report is written."""
    again: bool = False
    """Judge the stored runs again, by the rules and in the words of the code as it is now; nothing is trained."""


def main(arguments: list[str]) -> int:
    """Rebuild the report; return the exit code."""
    config = parse_settings("report", sys.modules[__name__], Config, arguments)
    prepare(config.out, [*FILES, explorer.FILE])
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    if config.again:
        judge_again(config.out)
    for problem in rebuild(config.out, explorer.load_or_compute(config.out, console)):
        console.print(f"{problem} The question is left out.", markup=False)
    console.print(f"The report is {config.out / 'report.html'}.")
    return 0


def judge_again(folder: Path) -> None:
    """Give all stored answers that can be used the verdicts, sentences and figures of their questions' code."""
    for name, question in QUESTIONS.items():
        with contextlib.suppress(ValueError):  # `rebuild` says what is wrong
            if stored := load(name, folder):
                result, figure = question.judged_again(stored[0])
                save(result, svg(figure), folder)


def rebuild(folder: Path, explorer_data: explorer.Data | None) -> list[str]:
    """Write the report from every stored answer; return what is wrong with those that are left out."""
    stored, problems = [], []
    for name in QUESTIONS:
        try:
            stored.append(load(name, folder))
        except ValueError as problem:
            problems.append(str(problem))
    answers = [answer for answer in stored if answer]
    page = report.page(answers, explorer.section(explorer_data) if explorer_data else None)
    for file, content in zip(FILES, (page, text.markdown(answers)), strict=True):
        write(folder / file, content)
    return problems
