"""Tables in Markdown: how they are written, and how they are read again."""

from collections.abc import Iterable, Iterator, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Its lines; a bar in a cell ends no cell."""
    ruled = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in ruled]


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines that a page shows when a reader asks for them."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def cells(line: str) -> list[str]:
    """Of a line of a table; none of any other line."""
    return [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []


def records(text: str) -> Iterator[dict[str, str]]:
    """Every line of every table, by the names in that table's header."""
    lines = [cells(line) for line in text.splitlines()]
    header: list[str] = []
    for line, following in zip(lines, [*lines[1:], []], strict=True):
        if following[:1] == ["---"]:
            header = line
        elif line and line[0] != "---":
            yield dict(zip(header, line, strict=False))
