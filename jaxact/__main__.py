"""`python -m jaxact` prints every activation as a Markdown table; `python -m jaxact FILE` renews that table in FILE."""

import sys
from inspect import Parameter
from math import inf
from pathlib import Path

from ._activation import CATALOGUE, Facts

BEGIN, END = "<!-- made by: python -m jaxact README.md -->", "<!-- end of table -->"


def table() -> str:
    """Formula, range, slopes far out, kinks and source of each activation."""
    head = ["| function | range | slope at -inf, inf | kinks | source |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *map(_row, CATALOGUE.values())])


def renew(text: str) -> str:
    """The text with the table between its two marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"python -m jaxact was called with a file without a table; expected {BEGIN} and {END} in it.")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(facts: Facts) -> str:
    defaults = [
        f"{name} = {_number(value)}" for name, value in facts.parameters.items() if value is not Parameter.empty
    ]
    formula = f"`{facts.formula}`" + (f", {', '.join(defaults)}" if defaults else "")
    low, high = map(_number, facts.bounds)
    tails = ", ".join(map(_number, facts.tails)) if facts.tails else ""
    kinks = ", ".join(map(_number, facts.kinks))
    return f"| {formula} | {low} to {high} | {tails} | {kinks} | [{facts.source.split('/')[2]}]({facts.source}) |"


def _number(value: float) -> str:
    return {inf: "inf", -inf: "-inf"}.get(value, f"{value:g}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(renew(file.read_text()))
    else:
        print(table())
