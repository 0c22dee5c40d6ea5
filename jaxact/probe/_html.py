"""A diagnosis as a page: the findings as cards, then the sites as a table with a small bar for each measure."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from math import ceil, floor, isfinite, log10
from string import Template

from ._diagnosis import Diagnosis, Finding, Row
from ._text import counted, found_at, number, percent, scientific, summary, verdict

SHOWN_UNITS = 40
"""Units are listed up to this number."""
STRIPES = 128
"""The bar of a layer's units has a stripe for each, or this number of stripes if there are more."""


def page(diagnosis: Diagnosis) -> str:
    """One HTML file without scripts, which loads nothing."""
    template = Template(files("jaxact.probe").joinpath("diagnosis.html").read_text("utf-8"))
    return template.substitute(
        verdict=escape(verdict(diagnosis)),
        summary=escape(summary(diagnosis)),
        tone="good" if diagnosis.healthy else "",
        findings=_findings(diagnosis),
        sites=_sites(diagnosis),
        rest=_rest(diagnosis),
    )


def _findings(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return ""
    cards = (_card(n, finding, diagnosis.rows) for n, finding in enumerate(diagnosis.findings))
    return f'<section aria-label="Findings" class="cards">{"".join(cards)}</section>'


def _card(position: int, finding: Finding, rows: Sequence[Row]) -> str:
    site = next((n for n, row in enumerate(rows) if found_at(row, [finding])), None)
    where = f"<code>{escape(finding.where)}</code>"
    if site is not None:
        where = f'<a href="#site-{site}">{where}</a>'
    parts = {"Evidence": escape(finding.evidence), "Cause": escape(finding.cause), "Remedy": escape(finding.remedy)}
    if finding.repair is not None:
        parts["Repair"] = f"<code>diagnosis.findings[{position}].apply(model, key)</code>"
    if finding.units:
        more = len(finding.units) - SHOWN_UNITS
        units = ", ".join(map(str, finding.units[:SHOWN_UNITS]))
        parts["Units"] = f"{units}{f' and {more:,} more' if more > 0 else ''}"
    return (
        f'<article class="card {escape(finding.level)}" id="finding-{position}"><h3>'
        f'<span class="badge">{escape(finding.level)}</span> {escape(_words(finding.kind))} at {where}</h3>'
        f"{_list(parts)}{_numbers('Numbers', finding.numbers)}</article>"
    )


def _sites(diagnosis: Diagnosis) -> str:
    rows = diagnosis.rows
    if not rows:
        return "<p>No activation was found in the program.</p>"
    decades = _decades([row.gradient_rms for row in rows])
    scale = f"1e{decades[0]} to 1e{decades[1]}" if decades else ""
    heads = {
        "Activation": "in the order of the program",
        "Saturated": "share of the elements",
        "Zero": "share of the elements",
        "Never on": "units that are on for no example",
        "Gradient": f"root mean square, {scale}" if scale else "root mean square",
        "Mean": "against the root mean square",
    }
    if any(row.entropy is not None for row in rows):
        heads["Entropy"] = "against that of uniform rows"
    head = "".join(
        f'<th scope="col" role="columnheader">{name}<small>{what}</small></th>' for name, what in heads.items()
    )
    body = "".join(_row(n, row, diagnosis.findings, decades, "Entropy" in heads) for n, row in enumerate(rows))
    return (
        f'<h2 id="activations">{counted(len(rows), "activation")}</h2>'
        '<table role="table" aria-labelledby="activations">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def _row(
    position: int, row: Row, findings: Sequence[Finding], decades: tuple[int, int] | None, with_entropy: bool
) -> str:
    badges = "".join(
        f' <a class="badge {escape(finding.level)}" href="#finding-{findings.index(finding)}">'
        f"{escape(_words(finding.kind))}</a>"
        for finding in found_at(row, findings)
    )
    array = f"{row.dtype}[{', '.join(map(str, row.shape))}]"
    details = " \u00b7 ".join(filter(None, [f"after {row.layer}" if row.layer else "", array, row.source]))
    broken = f"<small>{counted(row.not_finite, 'element')} NaN or infinite</small>" if row.not_finite else ""
    name = escape(row.site).replace("/", "/<wbr>")
    cells = [
        _cell("Saturated", percent(row.share_saturated), _share(row.share_saturated))
        if row.units
        else _cell("Saturated"),
        _cell("Zero", percent(row.share_zero), _share(row.share_zero)),
        _cell("Never on", f"{len(row.never_on):,} of {row.units:,}", _stripes(row)) if row.units else _cell("Never on"),
        _cell("Gradient", scientific(row.gradient_rms), _on_log_scale(row.gradient_rms, decades)),
        _cell("Mean", f"{number(row.mean)}, rms {number(row.rms)}", _from_the_middle(row.mean, row.rms)),
    ]
    if with_entropy:
        cells.append(
            _cell("Entropy") if row.entropy is None else _cell("Entropy", number(row.entropy), _share(row.entropy))
        )
    return (
        f'<tr role="row" id="site-{position}"><th scope="row" role="rowheader">{name}{badges}'
        f"<small>{escape(details)}</small>{broken}</th>{''.join(cells)}</tr>"
    )


def _cell(label: str, text: str = "", figure: str = "") -> str:
    if not text:
        return f'<td role="cell" class="none" data-label="{label}">\u2013</td>'
    return f'<td role="cell" data-label="{label}"><div>{escape(text)}{figure}</div></td>'


def _svg(title: str, *marks: str) -> str:
    return (
        f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img"><title>{escape(title)}</title>'
        f"{''.join(marks)}</svg>"
    )


def _mark(kind: str, x: float, width: float, opacity: float = 1) -> str:
    faint = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
    return f'<rect class="{kind}" x="{x:.2f}" width="{width:.2f}" height="8"{faint}/>'


def _share(share: float) -> str:
    if not isfinite(share):
        return ""
    return _svg(percent(share), _mark("bar", 0, 100 * min(max(share, 0), 1)))


def _stripes(row: Row) -> str:
    """A stripe for each unit that is never on, or for each part of the units, as strong as its share of them."""
    parts = min(row.units, STRIPES)
    counts = [0] * parts
    for unit in row.never_on:
        counts[unit * parts // row.units] += 1
    size = row.units / parts
    marks = [
        _mark("off", 100 * part / parts, 100 / parts, 0.3 + 0.7 * min(count / size, 1))
        for part, count in enumerate(counts)
        if count
    ]
    return _svg(f"{len(row.never_on)} of {counted(row.units, 'unit')} never on", *marks)


def _decades(values: Sequence[float]) -> tuple[int, int] | None:
    """The powers of ten around the values that have a logarithm."""
    logarithms = [log10(value) for value in values if isfinite(value) and value > 0]
    if not logarithms:
        return None
    low = floor(min(logarithms))
    return low, max(ceil(max(logarithms)), low + 1)


def _on_log_scale(value: float, decades: tuple[int, int] | None) -> str:
    if decades is None or not (isfinite(value) and value > 0):
        return ""
    low, high = decades
    at = 100 * (log10(value) - low) / (high - low)
    lines = [_mark("tick", 100 * n / (high - low) - 0.3, 0.6) for n in range(1, high - low)]
    marker = _mark("bar", min(max(at - 1.5, 0), 97), 3)
    return _svg(f"{scientific(value)} on a scale from 1e{low} to 1e{high}", *lines, marker)


def _from_the_middle(mean: float, rms: float) -> str:
    if not (isfinite(mean) and isfinite(rms) and rms > 0):
        return ""
    width = 50 * min(abs(mean) / rms, 1)
    title = f"the mean is {number(mean / rms)} times the root mean square"
    return _svg(title, _mark("bar", 50 - width * (mean < 0), width), _mark("zero", 49.6, 0.8))


def _rest(diagnosis: Diagnosis) -> str:
    """What was not looked into, and the thresholds."""
    items = "".join(f"<li>{escape(what)}</li>" for what in diagnosis.not_entered)
    not_entered = f"<h2>Not looked into</h2><ul>{items}</ul>" if items else ""
    return not_entered + _numbers("Thresholds", diagnosis.thresholds)


def _numbers(title: str, numbers: Mapping[str, float]) -> str:

    if not numbers:
        return ""
    return f"<details><summary>{title}</summary>{_list({_words(k): number(v) for k, v in numbers.items()})}</details>"


def _list(parts: dict[str, str]) -> str:
    """Terms, which are escaped here, and their descriptions, which are HTML."""
    return f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{text}</dd>' for term, text in parts.items() if text)}</dl>"


def _words(name: str) -> str:
    return name.replace("_", " ")
