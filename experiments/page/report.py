"""The report: one self-contained HTML page, and tables for the terminal and in Markdown, from the answers."""

import base64
import hashlib
import html
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from experiments.core.claims import CLAIMS, counts_by_claim, counts_table, verdict_counts_text
from experiments.core.markdown import table as markdown_table
from experiments.core.result import Claim, Result, Table
from experiments.core.statistics import VERDICTS
from experiments.core.style import listed

from .explorer import Section

NOTES = (
    "The notes: S0 The Truth of Sisyphus and S1 ML_101 (two GitBooks), S2 a course page on activation functions, S3 a "
    "tutorial on sigmoid, tanh and ReLU, S4 Deep Learning: Activation Function (NIT Sikkim)."
)

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d1d1f;--soft:#62626a;--line:#dedbd3;--card:#fff;
--yes:#12693f;--yes-bg:#dff2e6;--no:#9c2317;--no-bg:#fbe4e0;--open:#73530a;--open-bg:#f8edcf;--link:#0b5cad}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16171a;--ink:#e9e8e4;--soft:#a2a2ab;--line:#34363c;
--card:#1e2024;--yes:#8fe0b2;--yes-bg:#143d29;--no:#ffb3a8;--no-bg:#4c1d17;--open:#f0d58a;--open-bg:#443610;--link:#8cc2ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.2rem 5rem;max-width:62rem;background:var(--paper);color:var(--ink);
font:17px/1.6 ui-serif,Georgia,"Times New Roman",serif;overflow-wrap:break-word}
h1{font-size:2.1rem;line-height:1.2;margin:.5rem 0 1rem}h2{font-size:1.6rem;line-height:1.25;margin:4rem 0 .6rem;
border-top:1px solid var(--line);padding-top:2rem}h3{font-size:1.1rem;margin:2rem 0 .4rem}
p{margin:.6rem 0;max-width:46rem}ul{padding-left:1.2rem;max-width:46rem}li{margin:.35rem 0}a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin:1rem 0}
.lead{font-size:1.15rem}.soft,figcaption,td small{color:var(--soft)}
table,code,pre,.badge,figcaption,summary{font-family:ui-sans-serif,system-ui,sans-serif;font-size:.84rem;line-height:1.45}
code,pre{font-family:ui-monospace,Menlo,Consolas,monospace}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--soft)}th,td{padding:.45rem .7rem .45rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}td small{display:block;font-size:.78rem}.num{white-space:nowrap}
.badge{display:inline-block;padding:.1rem .55rem;border-radius:1rem;font-weight:650;font-size:.74rem}
.id{color:var(--soft);font-weight:650;margin-right:.35rem}
.SUPPORTED{color:var(--yes);background:var(--yes-bg)}.REFUTED{color:var(--no);background:var(--no-bg)}
.INCONCLUSIVE{color:var(--open);background:var(--open-bg)}
figure{margin:1.6rem 0}.plot{background:#fff;border:1px solid var(--line);border-radius:.6rem;padding:.6rem;
overflow-x:auto}
.plot img{display:block;width:100%;height:auto;min-width:34rem}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;overflow-x:auto;
white-space:pre-wrap}
details{margin:1rem 0}summary{cursor:pointer;color:var(--soft)}
@media(max-width:40rem){body{font-size:16px;padding-top:1rem}
.claims thead{display:none}.claims tr{display:block;padding:.8rem 0;border-bottom:1px solid var(--line)}
.claims td{display:block;border:0;padding:.12rem 0}}
@page{margin:1.6cm}
@media print{nav{display:none}:root{--paper:#fff;--ink:#000;--card:#fff}body{max-width:none;font-size:11pt;padding:0}
figure,tr,pre{break-inside:avoid}.plot img{min-width:0}h2{break-before:page}.wide,.plot{overflow:visible}}
"""


def page(answers: Sequence[tuple[Result, str]], explorer: Section | None = None) -> str:
    """The report: a summary of the verdicts, the explorer, then a section for each question."""
    section, scripts = explorer or ("", [])
    lead = _lead(answers) if answers else "No question is answered yet."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Activation functions, tested</title>'
        f"<style>{STYLE}</style></head><body><h1>What lecture notes say about activation functions, tested</h1>"
        f'<p class="lead">{_text(lead)}</p>'
        f"{_contents(answers, bool(explorer))}"
        "<p>Every claim was measured, most of them by training nets with jaxact's activations on the data that the "
        "verdict names; digits are scikit-learn's 1,797 handwritten ones. Each verdict follows a rule that "
        "was written down before the run. If the rule's limit lies within the interval, the verdict is inconclusive. "
        "As many claims are judged at once, intervals are wide on purpose. A verdict holds for the data and nets that "
        "it names, not for all nets. Claims are numbered A where algebra decides and B where only an experiment can; P "
        "is not a claim of the notes, but a published accuracy that sound training reaches; nor are those with other "
        "numbers, which the notes do not ask about.</p>"
        f"<p class=soft>{_text(NOTES)}</p>"
        f"{_summary_table(answers)}{section}{''.join(_question(*answer) for answer in answers)}</body></html>\n"
    )


def _policy(scripts: Sequence[str]) -> str:
    """What the page may load and run: its own styles, figures and these scripts, and nothing that an answer brings."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"
    return f"{policy}; base-uri 'none'; form-action 'none'"


def markdown(answers: Sequence[tuple[Result, str]]) -> str:
    """The verdicts as Markdown: counts for each claim, every verdict, commands that repeat the runs, first findings."""
    head = ["claim", *(word.lower() for word in VERDICTS)]
    short = markdown_table(head, counts_table(claim for result, _ in answers for claim in result.claims))
    rows = [
        [f"{claim.id} {claim.text}", claim.scope, f"{claim.value_text}: {claim.measure}", claim.verdict]
        for result, _ in answers
        for claim in result.claims
    ]
    cells = (map(_cell, row) for row in rows)
    table = markdown_table(["claim", "tested on", "measured, with interval", "verdict"], map(list, cells))
    runs = [
        (_cell(result.name), f"`{_line(result.provenance['command'])}`", f"{result.provenance['seconds']:.0f}")
        for result, _ in answers
    ]
    seconds = sum(result.provenance["seconds"] for result, _ in answers)
    origins = listed(list(dict.fromkeys(_origin(result) for result, _ in answers)))
    lead = f"{_lead(answers)} Runs of {seconds / 60:.0f} minutes together, with {origins}."
    commands = markdown_table(["question", "asked again by", "seconds"], runs)
    first = [f"- {_cell(result.name)}: {_cell(next(iter(result.report.findings), ''))}" for result, _ in answers]
    return "\n".join([lead, "", *short, "", *table, "", *commands, "", *first]) + "\n"


def _cell(text: str) -> str:
    """Text as Markdown in one line, in which HTML is shown and not followed."""
    return _line(text).replace("&", "&amp;").replace("<", "&lt;")


def _line(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _lead(answers: Sequence[tuple[Result, str]]) -> str:
    claims = [claim for result, _ in answers for claim in result.claims]
    return f"{len(claims)} verdicts on {len(answers)} questions: {verdict_counts_text(claims)}."


def _origin(result: Result) -> str:
    versions = result.provenance["versions"]
    return _cell(f"Python {versions['python']} and JAX {versions['jax']} on {result.provenance['device']}")


def show(results: Sequence[Result], console: Console) -> None:
    """Print the verdicts to the terminal: all of them for one question, counts for each claim for several questions."""
    claims = [claim for result in results for claim in result.claims]
    colors: dict[str, str] = dict(zip(VERDICTS, ("green", "red", "yellow"), strict=True))
    table = RichTable(title=f"{len(claims)} verdicts", title_justify="left")
    table.add_column("claim of the notes")
    if len(results) > 1:
        for verdict in VERDICTS:
            table.add_column(verdict.lower(), style=colors[verdict], justify="right", no_wrap=True)
        for row in counts_table(claims):
            table.add_row(*row)
    else:
        table.add_column(r"value \[interval]", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        for claim in claims:
            text, value = (escape(part) for part in (f"{claim.id}  {claim.text} ({claim.scope})", claim.value_text))
            table.add_row(text, value, f"[{colors[claim.verdict]}]{claim.verdict}")
    console.print(table)


def _contents(answers: Sequence[tuple[Result, str]], explorer: bool) -> str:
    places = [("explorer", "Explorer")] if explorer else []
    places += [(result.name, result.title) for result, _ in answers]
    links = " ".join(f'<a href="#{_text(name)}">{_text(title)}</a>' for name, title in places)
    return f"<nav>{links}</nav>"


def _question(result: Result, figure: str) -> str:
    report = result.report
    description = "".join(_paragraph(paragraph) for paragraph in result.description.split("\n\n"))
    facts = " · ".join(f"{name} {value}" for name, value in result.provenance["versions"].items())
    settings = "".join(
        f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in result.config.items()
    )
    return (
        f'<section id="{_text(result.name)}"><h2>{_text(result.title)}</h2>'
        f"<h3>What the notes say, and how it was tested</h3>{description}"
        f"<h3>What came out</h3>{_list(report.findings)}"
        f'<figure><div class="plot"><img alt="{_text(report.caption)}" src="{_embedded(figure)}"></div>'
        f"<figcaption>{_text(report.caption)}</figcaption></figure>"
        f"<h3>Verdicts and their rules</h3>{_claims(result.claims)}"
        f"<h3>The published value and ours</h3>{_list(report.compared)}"
        f"<h3>In practice</h3>{_list(report.practice)}"
        f"<details open><summary>Numbers</summary>{''.join(_table(table) for table in report.tables)}</details>"
        f"<details><summary>Settings</summary><div class=wide><table>{settings}</table></div></details>"
        f"<h3>Repeat it</h3><pre>{_text(result.provenance['command'])}</pre>"
        f"<p class=soft>{len(result.runs):,} runs in {result.provenance['seconds']:.0f} s on "
        f"{_text(result.provenance['device'])}; all of them are in {_text(result.name)}.json. {_text(facts)}</p>"
        "</section>"
    )


def _summary_table(answers: Sequence[tuple[Result, str]]) -> str:
    """For each claim, the numbers of its verdicts, and links to the questions."""
    rows = []
    for id, counts in counts_by_claim(claim for result, _ in answers for claim in result.claims).items():
        tested_by = [result for result, _ in answers if any(claim.id == id for claim in result.claims)]
        links = ", ".join(f'<a href="#{_text(result.name)}">{_text(result.name)}</a>' for result in tested_by)
        badges = " ".join(
            f'<span class="badge {word}">{count} {word.lower()}</span>' for word, count in counts.items() if count
        )
        rows.append(f"<tr><td><span class=id>{id}</span>{_text(CLAIMS[id])}<small>{links}</small><td>{badges}</tr>")
    head = "<thead><tr><th>claim<th>verdicts on it</tr></thead>"
    return f'<table class="claims">{head}<tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _claims(claims: Sequence[Claim]) -> str:
    head = "<thead><tr><th>claim<th>measured, with interval<th>verdict</tr></thead>"
    rows = []
    for claim in claims:
        details = [claim.scope, f"Rule: {claim.rule}.", f"In the notes: {claim.source}."]
        details += [f"Published: {claim.published}"] if claim.published else []
        small = "".join(f"<small>{_text(detail)}</small>" for detail in details)
        rows.append(
            f"<tr><td><span class=id>{_text(claim.id)}</span>{_text(claim.text)}{small}"
            f"<td><span class=num>{_text(claim.value_text)}</span><small>{_text(claim.measure)}</small>"
            f'<td><span class="badge {_text(claim.verdict)}">{_text(claim.verdict)}</span></tr>'
        )
    return f'<table class="claims">{head}<tbody>{"".join(rows)}</tbody></table>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(name)}" for name in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_text(cell)}" for cell in row) + "</tr>" for row in table.rows)
    return f"<h3>{_text(table.title)}</h3><div class=wide><table><thead><tr>{head}</tr></thead>{rows}</table></div>"


def _paragraph(text: str) -> str:
    """A paragraph of a docstring as HTML; lines that start with a dash become the items of a list."""
    first, *items = text.split("\n- ")
    return f"<p>{_text(' '.join(first.split()))}</p>{_list([' '.join(item.split()) for item in items])}"


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in sentences)}</ul>" if sentences else ""


def _embedded(svg: str) -> str:
    """The figure as an address: in an image no script of it runs, and it loads nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _text(value: object) -> str:
    return html.escape(str(value))
