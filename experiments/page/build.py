"""Rebuild report.html and report.md from the stored answers and the explorer's data."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.core.command import file_in_the_way, parse_settings, refuse
from experiments.core.questions import QUESTIONS
from experiments.core.result import load, write

from . import explorer, report


@dataclass(frozen=True)
class Config:
    """The folder of the report."""

    out: Path = Path("results")
    """Folder with the answers, to which the report is written."""


def main(arguments: list[str]) -> int:
    """Rebuild the report; return the exit code."""
    config = parse_settings("report", sys.modules[__name__], Config, arguments)
    if problem := file_in_the_way(config):
        return refuse(problem)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    rebuild(config.out, explorer.load_or_compute(config.out, console))
    console.print(f"The report is {config.out / 'report.html'}.")
    return 0


def rebuild(folder: Path, explorer_data: dict[str, Any] | None) -> None:
    """Write the report from every stored answer; damaged ones are left out, as running their question reports them."""
    stored = []
    for name in QUESTIONS:
        try:
            stored.append(load(name, folder))
        except ValueError:
            continue
    answers = [answer for answer in stored if answer]
    write(folder / "report.html", report.page(answers, explorer.section(explorer_data) if explorer_data else ""))
    write(folder / "report.md", report.markdown(answers))
