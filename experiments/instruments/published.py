"""What was measured, in the README: tables made from those in `experiments/measured`.

`python -m experiments accuracy` and others write such tables; `python -m experiments.instruments.published` takes from
all of them the worst error of each function and renews the tables in README.md. Tests check that nothing in it was
typed or has gone stale.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.core import markdown
from jaxact import CATALOGUE

from .catalogue import between

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "measured"
ORDERS = ("f", "f'", "f''")
TYPES = ("float32", "bfloat16")
"""Of the tables in README.md."""
DTYPES = ("float16", "bfloat16", "float32", "float64")
LIBRARIES = ("jaxact", "jax.nn", "torch")
BEGIN = "<!-- errors, made by: python -m experiments.instruments.published -->"
END = "<!-- end of errors -->"
BEGIN_COSTS = "<!-- costs, made by: python -m experiments.instruments.published -->"
END_COSTS = "<!-- end of costs -->"
BEGIN_GAINS = "<!-- gains, made by: python -m experiments.instruments.published -->"
END_GAINS = "<!-- end of gains -->"
BEGIN_VERDICTS = "<!-- verdicts, made by: python -m experiments.instruments.published -->"
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
    """Of the Markdown that the accuracy command writes, which has a column for each type: "float32 f / f'"."""
    for cell in markdown.records(table):
        columns = [name.split(" ", 1) for name in cell if name.startswith(DTYPES) and cell[name]]
        columns = [(dtype, told.split(" / ")) for dtype, told in columns if told.split(" / ")[0] in ORDERS]
        counts = cell["inputs"].split(" / ") if columns else []
        for (dtype, orders), inputs in zip(columns, counts, strict=True):
            errors = cell[f"{dtype} {' / '.join(orders)}"].partition(" (raw")[0].split(" / ")
            for order, error in zip(orders, errors, strict=True):
                if error != "-":
                    worst = float("inf") if error == "bad" else float(error)
                    yield Line(cell["library"], cell["function"], dtype, ORDERS.index(order), int(inputs), worst)


def measured(folder: Path = FOLDER) -> Worst:
    """The worst of all tables."""
    worst: Worst = {}
    for path in sorted(folder.glob("*.md")):
        for library, function, dtype, order, _, error in lines(path.read_text("utf-8")):
            key = library, function, dtype, order
            worst[key] = max(error, worst.get(key, 0.0))
    return worst


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
    README = ROOT / "README.md"
    README.write_text(renew(README.read_text("utf-8"), measured()), "utf-8")
