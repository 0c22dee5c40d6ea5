"""Tables of functions and modules in Markdown: printed, or renewed in the file that is given."""

import sys
from inspect import Parameter
from math import inf
from pathlib import Path
from typing import Any

from jaxact import CATALOGUE, PEERS, Facts

from .modules import modules

LIBRARIES = {"jax.nn": "jax.nn", "torch": "torch.nn.functional", "keras": "Keras 3", "keras2": "Keras 2"}


def table() -> str:
    """Formula, range, slopes far out, kinks and source of each activation."""
    head = ["| function | range | slope at -inf, inf | kinks | source |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *map(_row, CATALOGUE.values())])


def peers() -> str:
    """Which function of which library computes the same as which of ours."""
    cells: dict[str, dict[str, list[str]]] = {}
    for library in LIBRARIES:
        for peer in PEERS[library]:
            theirs = cells.setdefault(peer.instead or _call(peer.ours, peer.at), {}).setdefault(library, [])
            theirs.append(f"`{_call(peer.theirs, peer.given)}`")
    order = list(CATALOGUE)
    rows = sorted(cells.items(), key=lambda row: order.index(row[0].partition("(")[0]))
    head = ["| jaxact | " + " | ".join(LIBRARIES.values()) + " |", "| --- |" + " --- |" * len(LIBRARIES)]
    columns = ((ours, (", ".join(theirs.get(library, [])) for library in LIBRARIES)) for ours, theirs in rows)
    return "\n".join([*head, *(f"| `{ours}` | {' | '.join(theirs)} |" for ours, theirs in columns)])


def folded() -> str:
    """The table of all functions, which a page shows when asked."""
    return f"<details><summary>{len(CATALOGUE)} functions</summary>\n\n{table()}\n\n</details>"


TABLES = (
    ("<!-- made by: python -m experiments.instruments.catalogue README.md -->", folded, "<!-- end of table -->"),
    ("<!-- peers, made by: python -m experiments.instruments.catalogue README.md -->", peers, "<!-- end of peers -->"),
    (
        "<!-- modules, made by: python -m experiments.instruments.catalogue README.md -->",
        modules,
        "<!-- end of modules -->",
    ),
)


def renew(text: str) -> str:
    """The text with each table that it has marks for made anew between them."""
    there = [table for table in TABLES if table[0] in text] or TABLES[:1]
    for begin, made, end in there:
        text = between(text, begin, made(), end)
    return text


def between(text: str, begin: str, made: str, end: str) -> str:
    """The text with something else between two marks."""
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"A file without a table was given to renew it; expected {begin} and {end} in it.")
    return f"{before}{begin}\n{made}\n{end}{after}"


def _row(facts: Facts) -> str:
    defaults = [f"{name} = {number(value)}" for name, value in facts.parameters.items() if value is not Parameter.empty]
    formula = f"`{facts.formula}`" + (f", {', '.join(defaults)}" if defaults else "")
    low, high = map(number, facts.bounds)
    tails = ", ".join(map(number, facts.slopes_at_inf)) if facts.slopes_at_inf else ""
    kinks = ", ".join(map(number, facts.kinks))
    return f"| {formula} | {low} to {high} | {tails} | {kinks} | [{facts.source.split('/')[2]}]({facts.source}) |"


def _call(name: str, arguments: dict[str, Any]) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items()).replace("'", '"')
    return f"{name}({given})" if given else name


def number(value: float) -> str:
    """To six digits."""
    return {inf: "inf", -inf: "-inf"}.get(value, f"{value:g}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(renew(file.read_text()))
    else:
        print(f"{table()}\n\n{peers()}\n\n{modules()}")
