"""Build report.html and report.md anew from the answers that are kept, and the explorer."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.core.command import asked, file_in_the_way, refuse
from experiments.core.questions import QUESTIONS
from experiments.core.result import load, write

from . import explorer, report


@dataclass(frozen=True)
class Config:
    """Which report?"""

    out: Path = Path("results")
    """Folder with the answers, for the report."""


def main(arguments: list[str]) -> int:
    """Build what was asked for."""
    config = asked("report", sys.modules[__name__], Config, arguments)
    if problem := file_in_the_way(config):
        return refuse(problem)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    rebuild(config.out, explorer.made(config.out, console))
    console.print(f"The report is {config.out / 'report.html'}.")
    return 0


def rebuild(folder: Path, explored: dict[str, Any] | None) -> None:
    """From every answer that is there and whole; the damaged ones were or will be spoken of when their turn comes."""
    answers = []
    for name in QUESTIONS:
        try:
            answers.append(load(name, folder))
        except ValueError:
            continue
    answered = [answer for answer in answers if answer]
    write(folder / "report.html", report.page(answered, explorer.section(explored) if explored else ""))
    write(folder / "report.md", report.markdown(answered))
