"""What the commands share: parsing of their settings, refusals, and the provenance of their results."""

import inspect
import shlex
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeVar

import tyro

from .provenance import provenance, version

FLAGS = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
PROGRAM = "python -m experiments"

C = TypeVar("C", bound=Any)


def refuse(sentence: str) -> int:
    """Print what is wrong with the command line; return the exit code."""
    print(f"experiments: {sentence}", file=sys.stderr)
    return 2


def file_in_the_way(config: Any) -> str:
    """Why nothing can be written to `config.out`, as a sentence; empty if it can."""
    if config.out.exists() and not config.out.is_dir():
        return f"out is {config.out}, which is a file, but a folder is expected."
    return ""


def parse_settings(name: str, module: ModuleType, settings: type[C], arguments: list[str]) -> C:
    """The settings of a command from its arguments; the docstring of its module is the help text."""
    return tyro.cli(
        settings, args=arguments, prog=f"{PROGRAM} {name}", description=inspect.getdoc(module), config=FLAGS
    )


def command_provenance(
    name: str, config: Any, arguments: list[str], seconds: float, libraries: Sequence[str] = ()
) -> dict[str, Any]:
    """The command line, the date, the device, and versions, those of `libraries` included."""
    facts = provenance(name, config, "", seconds)
    del facts["fingerprint"]
    facts["command"] = shlex.join([*PROGRAM.split(), name, *arguments])
    facts["date"] = time.strftime("%Y-%m-%d")
    facts["versions"] |= {library: version(library) for library in libraries}
    return facts


def heading(title: str, facts: dict[str, Any]) -> list[str]:
    """The first lines of a report in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    line = f"`{facts['command']}`, {facts['date']}, {facts['seconds']:.0f} s on {facts['device']}; {versions}."
    return [f"# {title}", "", line, ""]
