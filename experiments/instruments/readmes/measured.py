"""What was measured, in the READMEs: tables made from the reports in `experiments/measured`."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.core import markdown
from experiments.core.provenance import MEASURED
from experiments.instruments.accuracy.ulps import ORDERS
from jaxact import CATALOGUE

TYPES = ("float32", "bfloat16")
DTYPES = ("float16", "bfloat16", "float32", "float64")
LIBRARIES = ("jaxact", "jax.nn", "torch")
WELL_KNOWN = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "gelu", "gelu_exact", "softplus", "mish")
"""The functions of the first README's table."""

TIMED = ("| alone", "| into a reduction", "| softmax family", "| train steps")
"""How the lines of regimes begin whose times depend on the device."""

Worst = dict[tuple[str, str, str, int], float]
"""The largest error by library, function, type and order; infinite where a result was bad."""


class LargestError(NamedTuple):
    """The largest error of one order of one function in one type, and on how many inputs."""

    library: str
    function: str
    dtype: str
    order: int
    inputs: int
    worst: float


def largest_errors(table: str) -> Iterator[LargestError]:
    """The errors in the Markdown that `accuracy` writes, which has a column for each type: "float32 f / f'"."""
    for cell in markdown.records(table):
        columns = [name.split(" ", 1) for name in cell if name.startswith(DTYPES) and cell[name]]
        columns = [(dtype, labels.split(" / ")) for dtype, labels in columns if labels.split(" / ")[0] in ORDERS]
        counts = cell["inputs"].split(" / ") if columns else []
        for (dtype, orders), inputs in zip(columns, counts, strict=True):
            errors = cell[f"{dtype} {' / '.join(orders)}"].partition(" (raw")[0].split(" / ")
            for order, error in zip(orders, errors, strict=True):
                if error != "-":
                    worst = float("inf") if error == "bad" else float(error)
                    measured = cell["library"], cell["function"], dtype, ORDERS.index(order), int(inputs)
                    yield LargestError(*measured, worst)


def worst_errors(folder: Path = MEASURED) -> Worst:
    """The worst of all accuracy reports in a folder but those of a GPU, which stand in tables of their own."""
    worst: Worst = {}
    for path in sorted(path for path in folder.glob("*.md") if "_gpu" not in path.stem):
        for library, function, dtype, order, _, error in largest_errors(path.read_text("utf-8")):
            key = library, function, dtype, order
            worst[key] = max(error, worst.get(key, 0.0))
    return worst


def errors(worst: Worst) -> str:
    """Errors of value, f' and f'' beside those of the peers."""
    shown = [library for library in LIBRARIES if any(key[0] == library for key in worst)]
    head = ["function", *(f"{library} {dtype}" for dtype in TYPES for library in shown)]
    rows = [
        [f"`{name}`", *(_cell(worst, library, name, dtype) for dtype in TYPES for library in shown)]
        for name in CATALOGUE
        if any((library, name, "float32", 0) in worst for library in shown[1:])
    ]
    return "\n".join(markdown.table(head, rows))


def in_short(worst: Worst, report: str) -> str:
    """Errors and costs of well-known functions beside jax.nn's, from all accuracy reports and that of `speed`."""
    records = list(markdown.records(report))
    kept = {record["function"]: record["bytes kept"].removesuffix(" *") for record in records if "bytes kept" in record}
    times = {record["function"]: record for record in records if "forward and backward, float32" in record}
    columns = [(library, dtype) for dtype in TYPES for library in LIBRARIES[:2]]
    head = ["function", *(f"{library}, {dtype}" for library, dtype in columns), "bytes kept"]
    rows = [
        [
            f"`{name}`",
            *(_cell(worst, library, name, dtype, 2) for library, dtype in columns),
            kept[name],
            *(times[name][f"forward and backward, {dtype}"].rstrip(" *?") for dtype in TYPES),
        ]
        for name in WELL_KNOWN
    ]
    return "\n".join(markdown.table([*head, *(f"time, {dtype}" for dtype in TYPES)], rows))


def costs(report: str) -> str:
    """Memory and time beside jax.nn's, from what `python -m experiments speed --timed` wrote."""
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
    regimes = markdown.table(list(summary[0]), (list(record.values()) for record in summary))
    calls = [line for line in report.splitlines() if line.startswith("- ") and not line.startswith("- Missed")]
    return "\n".join([*regimes, "", *calls, "", *markdown.folded("Function by function", markdown.table(head, rows))])


def gpu(accuracy: str, *costs: str) -> str:
    """What is missed on a GPU: of the bounds on errors, of those on times in two runs, and the cost of statistics."""
    within = next(line for line in accuracy.splitlines() if "measurements of jaxact" in line)
    count = next(sentence for sentence in within.split(". ") if "measurements of jaxact" in sentence)
    missed = excerpt(accuracy, "- f").splitlines()
    parts = [*missed[:2], f"{count}:", "", *missed[2:]]
    for report in costs:
        command, _, *table = excerpt(report, "|").splitlines()
        timed = [line for line in table[2:] if line.startswith(TIMED)] or table[2:]
        parts += ["", command, "", *table[:2], *timed]
    return "\n".join(parts)


def gains(report: str) -> str:
    """Every gain, and which of them keep a signal over many layers, from what `depth` wrote."""
    by_scheme: dict[str, dict[str, str]] = {}
    schemes: list[str] = []
    for cells in map(markdown.cells, report.splitlines()):
        if len(cells) == 8 and cells[2][0].isdigit():
            function, scheme, sigma_w, sigma_b, variance, _, _, survives = cells
            if scheme == "Equinox":  # 1 / sqrt(3) for every function
                continue
            schemes += [scheme] if scheme not in schemes else []
            number = f"{sigma_w}, {sigma_b} at {variance}" if scheme == "edge of chaos" else sigma_w
            by_scheme.setdefault(function, {})[scheme] = f"**{number}**" if survives == "yes" else number
    sentences = [line for line in report.splitlines() if line.startswith("- ")]
    rows = [[f"`{name}`", *(row.get(scheme, "") for scheme in schemes)] for name, row in by_scheme.items()]
    return "\n".join([*sentences, "", *markdown.folded("All gains", markdown.table(["function", *schemes], rows))])


def verdicts(report: str) -> str:
    """What to do, the answer to each claim, and the commands that repeat the runs, from the study's report.md."""

    def lines(title: str) -> list[str]:
        return markdown.section(report, title).splitlines()

    number = len(lines("All verdicts")) - 2
    where = f"All {number} verdicts, with nets, data and what was measured: [study.md](measured/study.md)."
    shown = ["## Do this", "", *lines("Do this"), "", "## Claim by claim", "", *lines("In short"), ""]
    for title in ("Claims of the notes", "What the notes do not ask"):
        shown += [f"### {title}", "", *lines(title), ""]
    shown += [where, ""]
    for title in ("Where algebra decides", "Checks of the experiments"):
        shown += [*markdown.folded(title, lines(title)), ""]
    return "\n".join([*shown, *markdown.folded("The commands that ask again", lines("Commands"))])


def precision(report: str) -> str:
    """Whether nets train better by gradients that are right in the tails, from the study's report.md."""
    findings = markdown.section(report, "Findings").splitlines()
    (finding,) = (line for line in findings if line.startswith("- precision: "))
    commands = markdown.records(markdown.section(report, "Commands"))
    (command,) = (record["asked again by"] for record in commands if record["question"] == "precision")
    return f"- **Better training, as a rule.** {finding.removeprefix('- precision: ')} Asked again by {command}."


def _cell(worst: Worst, library: str, name: str, dtype: str, orders: int = 3) -> str:
    errors = [worst.get((library, name, dtype, order)) for order in range(orders)]
    return " / ".join(map(_short, errors)) if any(error is not None for error in errors) else ""


def _short(error: float | None) -> str:
    if error is None:
        return "-"
    if error == float("inf"):
        return "bad"
    return f"{error:.2g}" if error < 100 else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")


def excerpt(report: str, mark: str | tuple[str, ...]) -> str:
    """The command of a report, and its lines that start with a mark: "- " for a list, "|" for a table."""
    lines = report.splitlines()
    command = next(line for line in lines if line.startswith("`python -m"))
    return "\n".join([command, "", *(line for line in lines if line.startswith(mark))])
