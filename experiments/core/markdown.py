"""Tables in Markdown: writing and parsing."""

from collections.abc import Iterable, Iterator, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; bars within cells are escaped."""
    ruled = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in ruled]


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines that a page shows when a reader asks for them."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def section(text: str, title: str) -> str:
    """The lines below a heading of the second level, up to the next one."""
    _, found, rest = f"\n{text}".partition(f"\n## {title}\n")
    if not found:
        raise ValueError(f"the text has no heading {title!r}")
    return rest.partition("\n## ")[0].strip("\n")


def cells(line: str) -> list[str]:
    """The cells of a line of a table; an empty list for any other line."""
    return [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []


def records(text: str) -> Iterator[dict[str, str]]:
    """Every row of every table, as a dictionary from the table's header to the cells."""
    lines = [cells(line) for line in text.splitlines()]
    header: list[str] = []
    for line, following in zip(lines, [*lines[1:], []], strict=True):
        if following[:1] == ["---"]:
            header = line
        elif line and line[0] != "---":
            yield dict(zip(header, line, strict=False))
