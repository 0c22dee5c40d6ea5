"""What the commands that measure have in common: how settings come in, and what is said of where results come from."""

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
    """Say what is wrong with the command line, and with which exit code the program ends."""
    print(f"experiments: {sentence}", file=sys.stderr)
    return 2


def file_in_the_way(config: Any) -> str:
    """Why nothing can be written to `config.out`, as a sentence; nothing if it can."""
    if config.out.exists() and not config.out.is_dir():
        return f"out is {config.out}, which is a file, but a folder is expected."
    return ""


def asked(name: str, module: ModuleType, settings: type[C], arguments: list[str]) -> C:
    """The settings of a command, whose module says what it is about."""
    return tyro.cli(
        settings, args=arguments, prog=f"{PROGRAM} {name}", description=inspect.getdoc(module), config=FLAGS
    )


def origin(
    name: str, config: Any, arguments: list[str], seconds: float, libraries: Sequence[str] = ()
) -> dict[str, Any]:
    """The command as given, the date, versions (of these libraries too) and the device."""
    facts = provenance(name, config, "", seconds)
    del facts["fingerprint"]
    facts["command"] = shlex.join([*PROGRAM.split(), name, *arguments])
    facts["date"] = time.strftime("%Y-%m-%d")
    facts["versions"] |= {library: version(library) for library in libraries}
    return facts


def heading(title: str, facts: dict[str, Any]) -> list[str]:
    """The first lines of a report in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    told = f"`{facts['command']}`, {facts['date']}, {facts['seconds']:.0f} s on {facts['device']}; {versions}."
    return [f"# {title}", "", told, ""]
