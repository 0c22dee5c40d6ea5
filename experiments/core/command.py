"""What the commands share: parsing of their settings, and the provenance of their results."""

import inspect
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import tyro

from .provenance import provenance, version

FLAGS = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
PROGRAM = "python -m experiments"

C = TypeVar("C", bound=Any)


def parse_settings(name: str, module: ModuleType, settings: type[C], arguments: list[str]) -> C:
    """The settings of a command from its arguments; the docstring of its module is the help text."""
    return tyro.cli(
        settings, args=arguments, prog=f"{PROGRAM} {name}", description=inspect.getdoc(module), config=FLAGS
    )


def command_provenance(
    name: str, config: Any, arguments: list[str], seconds: float, libraries: Sequence[str] = ()
) -> dict[str, Any]:
    """The command line without its --out, the date, the device, and versions, those of `libraries` included."""
    facts: dict[str, Any] = {**provenance(name, config, "", seconds)}
    del facts["fingerprint"]
    after_out = {index + 1 for index, word in enumerate(arguments) if word == "--out"}
    arguments = [word for i, word in enumerate(arguments) if i not in after_out and word.partition("=")[0] != "--out"]
    shown = [Path(word).name if Path(word).is_absolute() else word for word in arguments]  # of no one's machine
    facts["command"] = shlex.join([*PROGRAM.split(), name, *shown])
    facts["date"] = time.strftime("%Y-%m-%d")
    facts["versions"] |= {library: version(library) for library in libraries}
    return facts


def heading(title: str, facts: dict[str, Any]) -> list[str]:
    """The first lines of a report in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    line = f"`{facts['command']}`, {facts['date']}, {facts['seconds']:.0f} s on {facts['device']}; {versions}."
    return [f"# {title}", "", line, ""]
