"""The generated tables of all READMEs, by name, and the marks between which they stand."""

import re
from collections.abc import Callable

from experiments.core.provenance import MEASURED, ROOT

from . import catalogue, measured, modules

_PACKAGES = ("", "jaxact", "jaxact/nn", "jaxact/init", "jaxact/probe", "experiments")
READMES = tuple(ROOT / folder / "README.md" for folder in _PACKAGES)
COMMAND = "python -m experiments.instruments.readmes"
MARK = re.compile(rf"<!-- (\w+), made by: {re.escape(COMMAND)} -->")


def _reported(name: str) -> str:
    return (MEASURED / name).read_text("utf-8")


TABLES: dict[str, Callable[[], str]] = {
    "in_short": lambda: measured.in_short(measured.worst_errors(), _reported("speed.md")),
    "functions": catalogue.functions,
    "errors": lambda: measured.errors(measured.worst_errors()),
    "costs": lambda: measured.costs(_reported("speed.md")),
    "peers": catalogue.peers,
    "modules": modules.modules,
    "gpu": lambda: measured.gpu(
        *map(_reported, ("accuracy_gpu.md", "speed_gpu.md", "speed_gpu_rows.md", "overhead_gpu.md"))
    ),
    "gains": lambda: measured.gains(_reported("depth.md")),
    "faulty_nets": lambda: measured.excerpt(_reported("faulty_nets.md"), "- "),
    "overhead": lambda: measured.excerpt(_reported("overhead.md"), "|"),
    "planted": lambda: measured.excerpt(_reported("planted.md"), "- "),
    "scaling": lambda: measured.excerpt(_reported("scaling.md"), ("|", "-")),
    "verdicts": lambda: measured.verdicts(_reported("study.md")),
    "precision": lambda: measured.precision(_reported("study.md")),
}


def renew(text: str) -> str:
    """The text with every table that it has marks for made anew."""
    names = MARK.findall(text)
    if not names:
        raise SystemExit(f"A file without marks was given; expected <!-- NAME, made by: {COMMAND} --> in it.")
    for name in names:
        begin, end = f"<!-- {name}, made by: {COMMAND} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if name not in TABLES or not found:
            raise SystemExit(f"A file was given with the mark {begin}; expected one of {', '.join(TABLES)} and {end}.")
        text = f"{before}{begin}\n{TABLES[name]()}\n{end}{after}"
    return text
