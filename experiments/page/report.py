"""The report: one self-contained HTML page, from the answers.

It opens with what to do and a row for each claim; the questions are folded, and a link to one unfolds it.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from pathlib import Path

from experiments.core.claims import ANSWERS, CLAIMS, Answer, checks
from experiments.core.result import Claim, Result, Table

from .advice import advice
from .explorer import Section
from .forest import forest
from .text import INTRODUCTION, NOTES, grouped, lead, outcome

HERE = Path(__file__).parent


def page(stored: Sequence[tuple[Result, str]], explorer: Section | None = None) -> str:
    """The report: what to do, the answers, the questions, then the explorer."""
    section, scripts = explorer or ("", [])
    unfold = (HERE / "report.js").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy([*scripts, unfold])}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Activation functions, tested</title><style>{(HERE / 'report.css').read_text('utf-8')}</style></head>"
        "<body><main><h1>What course notes say about activation functions, tested</h1>"
        f"{_contents(bool(stored), bool(explorer))}"
        f"{_answered(stored) if stored else '<p>No question is answered yet.</p>'}{section}</main>"
        f"<script>{unfold}</script></body></html>\n"
    )


def _policy(scripts: Sequence[str]) -> str:
    """What the page may load and run: its own styles, figures and these scripts, and nothing that an answer brings."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"
    return f"{policy}; base-uri 'none'; form-action 'none'"


def _contents(answered: bool, explorer: bool) -> str:
    places = [("do", "Do this"), ("claims", "Claims"), ("questions", "Questions")] if answered else []
    places += [("explorer", "Explorer")] if explorer else []
    links = (f'<a href="#{name}">{title}</a>' for name, title in places)
    return f"<nav>{' '.join(links)}</nav>"


def _answered(stored: Sequence[tuple[Result, str]]) -> str:
    results = [result for result, _ in stored]
    titles = {result.name: result.title for result in results}
    advised = "".join(f"<li>{_text(line)} {_link(name, 'Why?', titles[name])}" for name, line in advice(results))
    first, *others = grouped(results).items()
    words = "".join(f"<li>{_badge(word)} {_text(meaning)}" for word, meaning in ANSWERS.items())
    return (
        f'<h2 id="do">Do this</h2><ol>{advised}</ol>'
        f'<h2 id="claims">{first[0]}</h2><p class="lead">{_text(lead(results))}</p>{_answers(first[1])}'
        f"<details><summary>What the words mean</summary><p>{_text(INTRODUCTION)}</p><ul>{words}</ul>"
        f"<p>{_text(NOTES)}</p></details>"
        f"{''.join(f'<h2>{title}</h2>{_answers(found)}' for title, found in others if found)}"
        f"<details><summary>Checks of the experiments</summary>{_claims(checks(results))}</details>"
        f'<h2 id="questions">The questions</h2>{"".join(_question(*answer) for answer in stored)}'
    )


def _answers(found: Sequence[Answer]) -> str:
    """A row for each claim."""
    rows = []
    for answer in found:
        first = answer.first
        asked = ", ".join(_link(name, name) for name in answer.questions)
        claim = f"<span class=id>{answer.id}</span>{_text(CLAIMS[answer.id])}<small>{asked}</small>"
        condition = "; ".join(part for part in (first.scope, first.budget) if part)
        rows.append(
            f'<tr><th scope="row">{claim}</th>'
            f"<td>{_badge(answer.word)}<small>{_text(outcome(answer))}</small></td>"
            f'<td><span class="num">{_text(first.value_text)}</span><small>{_text(first.measure)}</small></td>'
            f"<td><small>{_text(condition)}</small></td><td>{forest(answer.verdicts)}</td></tr>"
        )
    head = _head("claim", "answer", "number", "condition and budget", "all verdicts, the first on top")
    return f'<table class="claims">{head}<tbody>{"".join(rows)}</tbody></table>'


def _question(result: Result, figure: str) -> str:
    """A question, folded: finding, figure and practice first; then rules, settings, tables and runs."""
    report, name = result.report, _text(result.name)
    description = "".join(_paragraph(paragraph) for paragraph in result.description.split("\n\n"))
    facts = " \N{MIDDLE DOT} ".join(f"{name} {value}" for name, value in result.provenance["versions"].items())
    settings = "".join(
        f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in result.config.items()
    )
    finding = _text(next(iter(report.findings), ""))
    return (
        f'<details class="question" id="{name}"><summary><h3>{_text(result.title)}</h3><p>{finding}</p></summary>'
        f"{_list(report.findings[1:])}"
        f"<figure>{_scrolling('plot', f'Figure: {result.title}', _image(result.title, figure))}"
        f"<figcaption>{_text(report.caption)}</figcaption></figure>"
        f"<h4>In practice</h4>{_list(report.practice)}"
        f"<h4>Verdicts and their rules</h4>{_claims(result.claims)}"
        f"<h4>The published value and ours</h4>{_list(report.compared)}"
        f"<details><summary>What the notes say, and how it was tested</summary>{description}</details>"
        f"<details><summary>Numbers</summary>{''.join(_table(table) for table in report.tables)}</details>"
        "<details><summary>Settings, and how to repeat it</summary>"
        f"{_scrolling('wide', 'Settings', f'<table>{settings}</table>')}"
        f"<pre>{_text(result.provenance['command'])}</pre>"
        f"<p class=soft>{len(result.runs):,} runs in {result.provenance['seconds']:.0f} s on "
        f"{_text(result.provenance['device'])}; all of them are in {name}.json. {_text(facts)}</p></details>"
        "</details>"
    )


def _claims(claims: Sequence[Claim]) -> str:
    head = _head("claim", "measured, with interval", "verdict")
    rows = []
    for claim in claims:
        details = [claim.scope, f"Budget: {claim.budget}." if claim.budget else "", f"Rule: {claim.rule}."]
        details += [f"In the notes: {claim.source}." if claim.source else ""]
        details += [f"Published: {claim.published}" if claim.published else ""]
        small = "".join(f"<small>{_text(detail)}</small>" for detail in details if detail)
        rows.append(
            f'<tr><th scope="row"><span class=id>{_text(claim.id)}</span>{_text(claim.text)}{small}</th>'
            f"<td><span class=num>{_text(claim.value_text)}</span><small>{_text(claim.measure)}</small>"
            f"<td>{_badge(claim.verdict)}<small>{_text(claim.kind)}</small></tr>"
        )
    return f'<table class="claims">{head}<tbody>{"".join(rows)}</tbody></table>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}' for name in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_text(cell)}" for cell in row) + "</tr>" for row in table.rows)
    content = f"<table><caption>{_text(table.title)}</caption><thead><tr>{head}</tr></thead>{rows}</table>"
    return _scrolling("wide", table.title, content)


def _paragraph(text: str) -> str:
    """A paragraph of a docstring as HTML; lines that start with a dash become the items of a list."""
    first, *items = text.split("\n- ")
    return f"<p>{_text(' '.join(first.split()))}</p>{_list([' '.join(item.split()) for item in items])}"


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in sentences)}</ul>" if sentences else ""


def _head(*columns: str) -> str:
    return f"<thead><tr>{''.join(f'<th scope=col>{column}' for column in columns)}</tr></thead>"


def _scrolling(kind: str, name: str, content: str) -> str:
    """What is wider than a phone: it scrolls sideways, by keyboard too."""
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{_text(name)}">{content}</div>'


def _image(name: str, svg: str) -> str:
    return f'<img alt="{_text(name)}: what it shows is said below" src="{_embedded(svg)}">'


def _badge(word: str) -> str:
    return f'<span class="badge {_text(word)}">{_text(word)}</span>'


def _link(name: str, words: str, about: str = "") -> str:
    label = f' aria-label="{_text(f"{words} {about}")}"' if about else ""
    return f'<a href="#{_text(name)}"{label}>{_text(words)}</a>'


def _embedded(svg: str) -> str:
    """The figure as an address: in an image no script of it runs, and it loads nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _text(value: object) -> str:
    return html.escape(str(value))
