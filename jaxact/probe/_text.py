"""A diagnosis as text: a table of the sites, then the findings, plain or in the colours of rich."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from ._diagnosis import LEVELS, Diagnosis, Finding, Row, shortened

if TYPE_CHECKING:  # rich is optional
    from rich.console import RenderableType
    from rich.table import Table

WIDTH = 100
STYLES = {"fault": "bold red", "warning": "yellow", "hint": "cyan"}


class Column(NamedTuple):
    """A column of the table of sites: its heading, and its text for a row."""

    heading: str
    text: Callable[[Row], str]
    numeric: bool = True


def columns(rows: Sequence[Row]) -> list[Column]:
    """The columns that have something to say about these sites."""
    found = [
        Column("site", lambda row: row.site, numeric=False),
        Column("shape", shape, numeric=False),
        Column("mean", lambda row: number(row.mean)),
        Column("rms", lambda row: number(row.rms)),
        Column("zero", lambda row: percent(row.share_zero)),
        Column("saturated", lambda row: percent(row.share_saturated) if row.units else ""),
        Column("never on", lambda row: f"{len(row.never_on)}/{row.units}" if row.units else ""),
        Column("gradient", lambda row: scientific(row.gradient_rms)),
    ]
    if any(row.entropy is not None for row in rows):
        found.append(Column("entropy", lambda row: "" if row.entropy is None else number(row.entropy)))
    if any(row.not_finite for row in rows):
        found.append(Column("not finite", lambda row: str(row.not_finite)))
    return found


def plain(diagnosis: Diagnosis) -> str:
    """The diagnosis in lines of text, none of which is empty, so that an example can show it."""
    shown = columns(diagnosis.rows)
    if any(found_at(row, diagnosis.findings) for row in diagnosis.rows):
        shown.append(Column("found", lambda row: worst_at(row, diagnosis.findings), numeric=False))
    table = [[column.heading for column in shown], *([column.text(row) for column in shown] for row in diagnosis.rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(cells, widths, shown, strict=True)
        ).rstrip()
        for cells in table
    ]
    rule = "-" * max(map(len, lines))
    lines = [*textwrap.wrap(summary(diagnosis), WIDTH), *([lines[0], rule, *lines[1:], rule] if diagnosis.rows else [])]
    lines += [f"not looked into: {what}" for what in diagnosis.not_entered]
    for finding in diagnosis.findings:
        lines.append(f"{finding.level}: {heading(finding)}")
        for sentence in (finding.evidence, finding.cause, finding.remedy):
            lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)


def rich_table(rows: Sequence[Row], findings: Sequence[Finding], more: Sequence[Column] = ()) -> "Table":
    """The table of the sites; those with a finding have the colour of the worst one."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = [*columns(rows), *more]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in shown:
        if column.numeric:
            table.add_column(column.heading, justify="right", no_wrap=True)
        else:
            table.add_column(column.heading, overflow="fold", min_width=8)
    for row in rows:
        table.add_row(*(Text(column.text(row)) for column in shown), style=STYLES.get(worst_at(row, findings), ""))
    return table


def rich_findings(findings: Sequence[Finding]) -> Iterator["RenderableType"]:
    """A paragraph for each finding."""
    from rich.padding import Padding
    from rich.text import Text

    for finding in findings:
        yield Text.assemble("\n", (f"{finding.level}: ", STYLES.get(finding.level, "")), (heading(finding), "bold"))
        for sentence, style in ((finding.evidence, ""), (finding.cause, "dim"), (finding.remedy, "")):
            if sentence:
                yield Padding(Text(sentence, style=style), (0, 0, 0, 2))


def rich_diagnosis(diagnosis: Diagnosis) -> Iterator["RenderableType"]:
    """What rich.print shows of a diagnosis."""
    from rich.text import Text

    yield Text(summary(diagnosis), style="green" if diagnosis.healthy else STYLES[worst(diagnosis.findings)])
    yield Text()
    if diagnosis.rows:
        yield rich_table(diagnosis.rows, diagnosis.findings)
    yield from (Text(f"not looked into: {what}", style="dim") for what in diagnosis.not_entered)
    yield from rich_findings(diagnosis.findings)


def verdict(diagnosis: Diagnosis) -> str:
    """How much was found, in a few words."""
    if diagnosis.healthy:
        return "Nothing worse than a hint was found" if diagnosis.findings else "Nothing was found"
    count = Counter(finding.level for finding in diagnosis.findings)
    parts = [counted(count[level], level) for level in LEVELS if count[level]]
    return f"{joined(parts)} {'was' if len(diagnosis.findings) == 1 else 'were'} found"


def summary(diagnosis: Diagnosis) -> str:
    """What was found, in one sentence."""
    where = f"at {counted(len(diagnosis.rows), 'activation')} with {counted(diagnosis.examples, 'example')}"
    constant = (
        f", that of the best constant output {number(diagnosis.baseline)}" if isfinite(diagnosis.baseline) else ""
    )
    return f"{verdict(diagnosis)} {where}; the loss is {number(diagnosis.loss)}{constant}."


def heading(finding: Finding) -> str:
    """What a finding is and where."""
    units = f", unit{'s' if len(finding.units) > 1 else ''} {shortened(finding.units)}" if finding.units else ""
    return f"{finding.kind} at {finding.where}{units}"


def found_at(row: Row, findings: Sequence[Finding]) -> list[Finding]:
    """The findings at a site or at the layer before it."""
    return [finding for finding in findings if finding.where in (row.site, row.layer) and finding.where]


def worst(findings: Sequence[Finding]) -> str:
    """The worst level among findings; empty if there are none."""
    return next((level for level in LEVELS if any(finding.level == level for finding in findings)), "")


def worst_at(row: Row, findings: Sequence[Finding]) -> str:
    return worst(found_at(row, findings))


def shape(row: Row) -> str:
    """256x64, with its type if it is not the usual one."""
    return "x".join(map(str, row.shape)) + ("" if row.dtype == "float32" else f" {row.dtype}")


def counted(count: int, noun: str) -> str:
    """1 fault, 2 faults."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def joined(parts: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def scientific(value: float) -> str:
    """Two digits and a power of ten."""
    return f"{value:.1e}" if value and isfinite(value) else f"{value:.0f}"


def percent(share: float) -> str:
    """Whole percent; what is not quite none or all says so."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"
