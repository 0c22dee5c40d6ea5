"""What to do in one's own net: the advice of the questions, the most useful first."""

from collections.abc import Sequence

from experiments.core.result import Result

FIRST = (
    "init_scale",
    "zero_centring",
    "vanishing",
    "dying_relu",
    "recommendation",
    "transformer",
    "softcap",
    "precision",
)
"""The questions whose advice comes first; that of others follows in alphabetical order."""

MOST = 8


def advice(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Question and advice, at most MOST of them."""
    ordered = sorted(results, key=lambda result: FIRST.index(result.name) if result.name in FIRST else len(FIRST))
    return [(result.name, result.report.advice) for result in ordered if result.report.advice][:MOST]
