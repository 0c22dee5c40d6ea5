"""What every function is, and what it is called elsewhere: tables made from the declarations."""

from inspect import Parameter
from typing import Any

from experiments.core import markdown
from jaxact import CATALOGUE, PEERS, Facts

LIBRARIES = {"jax.nn": "jax.nn", "torch": "torch.nn.functional", "keras": "Keras 3", "keras2": "Keras 2"}


def functions() -> str:
    """Formula, range, slopes far out, kinks and source of each activation, folded."""
    head = ["function", "range", "slope at -inf, inf", "kinks", "source"]
    table = markdown.table(head, map(_row, CATALOGUE.values()))
    return "\n".join(markdown.folded(f"{len(CATALOGUE)} functions", table))


def peers() -> str:
    """Which function of which library computes the same as which of ours."""
    cells: dict[str, dict[str, list[str]]] = {}
    for library in LIBRARIES:
        for peer in PEERS[library]:
            ours = peer.instead.removeprefix("jaxact.") or _call(peer.ours, _quoted(peer.at))
            theirs = _call(peer.theirs, _quoted(peer.given) | peer.renamed)
            cells.setdefault(ours, {}).setdefault(library, []).append(f"`{theirs}`")
    order = list(CATALOGUE)
    rows = sorted(cells.items(), key=lambda row: order.index(row[0].partition("(")[0]))
    columns = ([f"`{ours}`", *(", ".join(theirs.get(library, [])) for library in LIBRARIES)] for ours, theirs in rows)
    return "\n".join(markdown.table(["jaxact", *LIBRARIES.values()], columns))


def _row(facts: Facts) -> list[str]:
    given = [(name, value) for name, value in facts.parameters.items() if value is not Parameter.empty]
    defaults = "".join(f", {name} = {value:g}" for name, value in given)
    low, high = facts.bounds
    tails = ", ".join(f"{slope:g}" for slope in facts.slopes_at_inf or ())
    kinks = ", ".join(f"{kink:g}" for kink in facts.kinks)
    source = f"[{facts.source.split('/')[2]}]({facts.source})"
    return [f"`{facts.formula}`{defaults}", f"{low:g} to {high:g}", tails, kinks, source]


def _quoted(arguments: dict[str, Any]) -> dict[str, str]:
    return {key: repr(value).replace("'", '"') for key, value in arguments.items()}


def _call(name: str, arguments: dict[str, str]) -> str:
    given = ", ".join(f"{key}={value}" for key, value in arguments.items())
    return f"{name}({given})" if given else name
