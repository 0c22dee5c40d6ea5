"""A small figure of the intervals of several verdicts, one below the other, as an SVG element of the page."""

import math
from collections.abc import Callable, Sequence
from html import escape

from experiments.core.result import Claim

WIDTH, ROW, DOT = 144, 9, 3
MOST = 12
"""Rows that are drawn at most."""


def forest(claims: Sequence[Claim]) -> str:
    """The intervals of the verdicts in the first one's unit, with a line at 0; ratios on a log axis, with a line at 1.

    An end that is not finite is drawn to the edge. Nothing is drawn if no value is finite, or all are exact.
    """
    drawn = [claim for claim in claims if claim.unit == claims[0].unit and math.isfinite(claim.interval.value)][:MOST]
    drawn = [claim for claim in drawn if not any(map(math.isnan, claim.interval))]
    ratio = claims[0].unit == "x"
    if ratio:
        drawn = [claim for claim in drawn if claim.interval.value > 0]
    if all(claim.interval.low == claim.interval.high for claim in drawn):
        return ""
    scaled: Callable[[float], float] = (lambda value: math.log(max(value, 1e-9))) if ratio else float
    ends = [scaled(end) for claim in drawn for end in claim.interval if math.isfinite(end)] + [0.0]
    low, high = min(ends), max(ends)
    width = high - low or 1.0

    def place(value: float) -> float:
        at = scaled(value) if math.isfinite(value) else math.copysign(math.inf, value)
        return DOT + (WIDTH - 2 * DOT) * min(max((at - low) / width, 0.0), 1.0)

    zero, height = place(1.0 if ratio else 0.0), ROW * len(drawn) + 2
    lines = [f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height}" stroke-dasharray="2 2"/>']
    for row, claim in enumerate(drawn):
        y = 1 + ROW * (row + 0.5)
        value, first, last = (f"{place(end):.1f}" for end in claim.interval)
        kind = escape(claim.verdict)
        lines.append(f'<line class="{kind}" x1="{first}" x2="{last}" y1="{y}" y2="{y}"/>')
        lines.append(f'<circle class="{kind}" cx="{value}" cy="{y}" r="{DOT}"/>')
    what = "; ".join(escape(f"{claim.value_text}, {claim.verdict.lower()}", quote=True) for claim in drawn)
    return f'<svg class="forest" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{what}">{"".join(lines)}</svg>'
