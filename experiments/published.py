"""What is promised of each function's errors: from the tables in `experiments/measured` into docstrings and README.

`python -m experiments accuracy` writes such tables. `python -m experiments.published` takes from all of them the worst
error of each function and states a bound a twentieth above it, rounded up to a tenth, in the function's docstring,
below its declared range, kinks and source, and renews the table in README.md. For float64, of which only a sample can
be measured, it states what all functions promise. Tests check that nothing in either was typed or has gone stale, and
that a new measurement keeps to what is stated.
"""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple

from jaxact import CATALOGUE, Facts
from jaxact.__main__ import between, number

from . import markdown
from .rows import AXIS_BOUNDS
from .ulps import BOUNDS, EXACT

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "measured"
ORDERS = ("f", "f'", "f''")
NARROW = ("float16", "bfloat16")
TYPES = ("float32", "bfloat16")
"""Of the tables in README.md."""
LIBRARIES = ("jaxact", "jax.nn", "torch")
BEGIN = "<!-- errors, made by: python -m experiments.published -->"
END = "<!-- end of errors -->"
BEGIN_COSTS = "<!-- costs, made by: python -m experiments.published -->"
END_COSTS = "<!-- end of costs -->"
BEGIN_GAINS = "<!-- gains, made by: python -m experiments.published -->"
END_GAINS = "<!-- end of gains -->"
BEGIN_VERDICTS = "<!-- verdicts, made by: python -m experiments.published -->"
END_VERDICTS = "<!-- end of verdicts -->"

Worst = dict[tuple[str, str, str, int], float]
"""The largest error by library, function, type and order; infinite where a result was bad."""


class Line(NamedTuple):
    """A line of a table."""

    library: str
    function: str
    dtype: str
    order: int
    inputs: int
    worst: float


def lines(table: str) -> Iterator[Line]:
    """Of the Markdown that the accuracy command writes."""
    names: list[str] = []
    for row in map(markdown.cells, table.splitlines()):
        if row[:1] == ["function"]:
            names = row if "worst ulp" in row else []  # another command's table is none of errors
        elif names and row and row[0] != "---":
            cell = dict(zip(names, row, strict=True))
            worst = float("inf") if int(cell["bad"]) else float(cell["worst ulp"])
            counted = ORDERS.index(cell["order"]), int(cell["inputs"])
            yield Line(cell["library"], cell["function"], cell["dtype"], *counted, worst)


def measured(folder: Path = FOLDER) -> Worst:
    """The worst of all tables."""
    worst: Worst = {}
    for path in sorted(folder.glob("*.md")):
        for library, function, dtype, order, _, error in lines(path.read_text("utf-8")):
            key = library, function, dtype, order
            worst[key] = max(error, worst.get(key, 0.0))
    return worst


def stated(errors: list[float], most: tuple[float, ...]) -> list[float]:
    """The bounds that follow from the largest errors of value, f' and f'': never more than all functions promise."""
    if _piecewise_linear(errors):
        return [0.5 if error else 0.0 for error in errors]
    tenths = [ceil(Fraction(str(error)) * Fraction("10.5")) / 10 for error in errors]
    return [min(bound, limit) for bound, limit in zip(tenths, most, strict=True)]


def _piecewise_linear(errors: list[float]) -> bool:
    """Whether nothing is lost but by the one rounding that no computation can avoid."""
    return errors[2] == 0 and max(errors) <= EXACT


def sentence(facts: Facts, worst: Worst) -> str:
    """What the docstring says of the errors."""
    try:
        errors = [worst["jaxact", facts.name, "float32", order] for order in range(3)]
    except KeyError as missing:
        raise SystemExit(
            f"experiments.published: no table in {FOLDER} has {', '.join(map(str, missing.args[0]))}."
        ) from None
    if not facts.elementwise:
        return (
            f"Error bounds in ulp of each component of value, first and second derivative: {_numbers(AXIS_BOUNDS)} in "
            f"float32, for rows of up to 4096; measured {_numbers(ceil(error * 10) / 10 for error in errors)}."
        )
    exact = _piecewise_linear(errors)
    float32 = stated(errors, BOUNDS["float32"])
    float64 = float32 if exact else BOUNDS["float64"]  # thousands of inputs prove no less
    return (
        f"Error bounds in ulp of value, slope and slope's slope: {_numbers(float32)} in float32, "
        f"{_numbers(float64)} in float64, {'0.5' if exact else '0.51'} in 16-bit types."
    )


def declared(facts: Facts) -> list[str]:
    """What the docstring says of range, kinks and source."""
    low, high = map(number, facts.bounds)
    defaults = " at the defaults" if any(isinstance(value, float) for value in facts.parameters.values()) else ""
    kinks = f" Kinks: {', '.join(map(number, facts.kinks))}." if facts.kinks else ""
    return [f"Range{defaults}: {low} to {high}.{kinks}", f"Source: {facts.source}"]


def promise(facts: Facts, dtype: str) -> tuple[float, ...]:
    """What the docstring says of a type, or else all functions promise; 0.5 as far as a float64 reference can tell."""
    text = " ".join((facts.function.__doc__ or "").split())
    said = re.search(r"Error bounds in ulp of [^:]*: (.*?)\.(?: |$)", text)
    decimal = r"(\d+(?:\.\d+)?)"
    wide = re.search(rf"{decimal}, {decimal}, {decimal} in {dtype}", said[1]) if said else None
    narrow = re.search(rf"{decimal} in 16-bit types", said[1]) if said and dtype in NARROW else None
    general = BOUNDS[dtype] if facts.elementwise else AXIS_BOUNDS
    found = wide.groups() if wide else narrow.groups() * 3 if narrow else general
    return tuple(EXACT if float(bound) == 0.5 else float(bound) for bound in found)


def in_docstring(source: str, facts: Facts, worst: Worst) -> str:
    """The source with what is declared and measured as the docstring's last paragraph before the arguments."""
    head = re.search(rf"^def {facts.name}\(.*?^    \"\"\".*?^    Args:", source, re.MULTILINE | re.DOTALL)
    if head is None:
        raise SystemExit(f"experiments.published: {facts.name} has no docstring with a section Args.")
    before = re.sub(r"    Range.*?\n    Source: .*?\n\n", "", head[0].removesuffix("    Args:"), flags=re.DOTALL)
    wrapped = textwrap.wrap(sentence(facts, worst), 116, break_long_words=False, break_on_hyphens=False)
    paragraph = textwrap.indent("\n".join([*declared(facts), *wrapped]), " " * 4)
    return f"{source[: head.start()]}{before}{paragraph}\n\n    Args:{source[head.end() :]}"


def table(worst: Worst) -> str:
    """The README's: errors of value, f' and f'' beside those of the peers."""
    shown = [library for library in LIBRARIES if any(key[0] == library for key in worst)]
    head = ["function", *(f"{library} {dtype}" for dtype in TYPES for library in shown)]
    rows = [
        [f"`{name}`", *(_cell(worst, library, name, dtype) for dtype in TYPES for library in shown)]
        for name in CATALOGUE
        if any((library, name, "float32", 0) in worst for library in shown[1:])
    ]
    return "\n".join(markdown.table(head, rows))


def costs(report: str) -> str:
    """The README's: memory and time beside jax.nn's, from what `python -m experiments speed --timed` wrote."""
    records = list(markdown.records(report))
    summary = [record for record in records if "regime" in record]
    times = {record["function"]: record for record in records if "forward and backward, float32" in record}

    def cells(record: dict[str, str]) -> list[str]:
        taken = [record[what].removesuffix(" *") for what in ("bytes kept", "arrays per layer")]
        timed = times.get(record["function"], {})
        ratios = [timed.get(f"forward and backward, {dtype}", "").partition(" ")[0] for dtype in TYPES]
        return [f"`{record['function']}`", *taken, *ratios]

    rows = [cells(record) for record in records if " / " in record.get("bytes kept", "")]
    head = ["function", "bytes kept", "arrays per layer", *(f"time / jax.nn's, {dtype}" for dtype in TYPES)]
    told = markdown.table(list(summary[0]), (list(record.values()) for record in summary))
    return _folded(told, "Beside jax.nn", markdown.table(head, rows))


def gains(report: str) -> str:
    """The README's: every gain, and which of them keep a signal over many layers, from what `depth` wrote."""
    found: dict[str, dict[str, str]] = {}
    schemes: list[str] = []
    for cells in map(markdown.cells, report.splitlines()):
        if len(cells) == 8 and cells[2][0].isdigit():
            function, scheme, sigma_w, sigma_b, length, _, _, kept = cells
            schemes += [scheme] if scheme not in schemes else []
            number = f"{sigma_w}, {sigma_b} at {length}" if scheme == "edge of chaos" else sigma_w
            found.setdefault(function, {})[scheme] = f"**{number}**" if kept == "yes" else number
    told = [line for line in report.splitlines() if line.startswith("- ")]
    rows = [[f"`{name}`", *(row.get(scheme, "") for scheme in schemes)] for name, row in found.items()]
    return _folded(told, "All gains", markdown.table(["function", *schemes], rows))


def verdicts(report: str) -> str:
    """The README's: claim by claim how it fared, and the commands that ask again, from the study's report.md."""
    lead, short, every, commands = report.split("\n\n")
    number, link = len(every.splitlines()) - 2, "[study.md](experiments/measured/study.md)"
    where = f"All {number} verdicts, with nets, data and what was measured: {link}."
    return _folded([lead, "", short, "", where], "The commands that ask again", commands.splitlines())


def _folded(told: list[str], summary: str, lines: list[str]) -> str:
    """Sentences, and a table that a page shows when asked."""
    return "\n".join([*told, "", f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"])


def renew(readme: str, worst: Worst) -> str:
    """The README with its tables made anew."""
    readme = between(readme, BEGIN, table(worst), END)
    readme = between(readme, BEGIN_GAINS, gains((FOLDER / "depth.md").read_text("utf-8")), END_GAINS)
    readme = between(readme, BEGIN_VERDICTS, verdicts((FOLDER / "study.md").read_text("utf-8")), END_VERDICTS)
    return between(readme, BEGIN_COSTS, costs((FOLDER / "speed.md").read_text("utf-8")), END_COSTS)


def files(worst: Worst) -> dict[Path, str]:
    """Every file that states an error, as it has to be."""
    made = {ROOT / "README.md": renew((ROOT / "README.md").read_text("utf-8"), worst)}
    for facts in CATALOGUE.values():
        path = Path(inspect.getsourcefile(inspect.unwrap(facts.function)) or "")
        made[path] = in_docstring(made.get(path) or path.read_text("utf-8"), facts, worst)
    return made


def _numbers(numbers: Iterable[float]) -> str:
    return ", ".join(map(number, numbers))


def _cell(worst: Worst, library: str, name: str, dtype: str) -> str:
    found = [worst.get((library, name, dtype, order)) for order in range(3)]
    return " / ".join(map(_short, found)) if found != [None] * 3 else ""


def _short(error: float | None) -> str:
    if error is None:
        return "-"
    if error == float("inf"):
        return "bad"
    return f"{error:.2g}" if error < 100 else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")


if __name__ == "__main__":
    for file, text in files(measured()).items():
        file.write_text(text, "utf-8")
