"""The report without a browser: Markdown, and tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from experiments.core import markdown as md
from experiments.core.claims import CLAIMS, DEPENDS, FALSE, OPEN, TRUE, Answer, answers, checks
from experiments.core.result import Claim, Result
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.style import counted, listed

from .advice import advice

NOTES = (
    "The notes: S0 The Truth of Sisyphus and S1 ML_101 (two GitBooks), S2 a course page on activation functions, S3 a "
    "tutorial on sigmoid, tanh and ReLU, S4 Deep Learning: Activation Function (NIT Sikkim)."
)
INTRODUCTION = (
    "Most claims were tested by training nets with jaxact's activations on the data that the verdict names; digits are "
    "scikit-learn's 1,797 handwritten ones. Each verdict follows a rule that was written down before the run and could "
    "have come out either way; where algebra decides, the runs only illustrate. If the rule's limit lies within the "
    "interval, the verdict is inconclusive. As many claims are judged at once, intervals are wide on purpose. A "
    "verdict holds for the data, nets and budget that it names, not for all nets. Claims of the notes are numbered A "
    "where algebra decides and B where only an experiment can; other letters stand for what the notes do not ask."
)
COLORS = {TRUE: "green", FALSE: "red", DEPENDS: "magenta", OPEN: "yellow"}
LEAD_WORDS = {DEPENDS: "depending on the condition"}
VERDICT_COLORS = {SUPPORTED: "green", REFUTED: "red", INCONCLUSIVE: "yellow"}


def lead(results: Sequence[Result]) -> str:
    """How many questions were asked, and how many claims got which answer."""
    words = [answer.word for answer in answers(results)]
    counts = [f"{words.count(word)} {LEAD_WORDS.get(word, word)}" for word in COLORS if word in words]
    questions = counted(len(results), "question")
    return f"{questions} asked about {len(words)} claims: {listed(counts)}." if words else f"{questions} asked."


def grouped(results: Sequence[Result]) -> dict[str, list[Answer]]:
    """The answers by the title of their table."""
    found = answers(results)
    return {
        "Claims of the notes": [answer for answer in found if answer.of_notes and not answer.by_algebra],
        "What the notes do not ask": [answer for answer in found if not answer.of_notes],
        "Where algebra decides": [answer for answer in found if answer.of_notes and answer.by_algebra],
    }


def outcome(answer: Answer) -> str:
    """What all verdicts on a claim are: "by algebra", "the only verdict", "3 for, 1 against, 2 undecided"."""
    if answer.by_algebra:
        return "by algebra"
    verdicts = [claim.verdict for claim in answer.verdicts]
    names = {SUPPORTED: "for", REFUTED: "against", INCONCLUSIVE: "undecided"}
    counts = [f"{verdicts.count(verdict)} {name}" for verdict, name in names.items() if verdict in verdicts]
    return ", ".join(counts) if len(verdicts) > 1 else "the only verdict"


def markdown(stored: Sequence[tuple[Result, str]]) -> str:
    """What to do, the answers, the checks, all verdicts, the commands that repeat the runs, and first findings."""
    results = [result for result, _ in stored]
    seconds = sum(result.provenance["seconds"] for result in results)
    origins = listed(list(dict.fromkeys(map(_origin, results)))) or "nothing"
    sections = {
        "In short": [f"{lead(results)} Runs of {seconds / 60:.0f} minutes together, with {origins}."],
        "Do this": [f"{number}. {_cell(line)}" for number, (_, line) in enumerate(advice(results), 1)],
        **{title: _answers(found) for title, found in grouped(results).items()},
        "Checks of the experiments": _verdicts(checks(results)),
        "All verdicts": _verdicts(claim for result in results for claim in result.claims if claim.kind != "check"),
        "Commands": _commands(results),
        "Findings": [f"- {_cell(result.name)}: {_cell(next(iter(result.report.findings), ''))}" for result in results],
    }
    return "\n".join(line for title, lines in sections.items() for line in (f"## {title}", "", *lines, ""))


def _answers(found: Iterable[Answer]) -> list[str]:
    rows = [
        (
            f"{answer.id} {CLAIMS[answer.id]}",
            f"**{answer.word}** ({outcome(answer)})",
            f"{answer.first.value_text}: {answer.first.measure}",
            "; ".join(part for part in (answer.first.scope, answer.first.budget) if part),
        )
        for answer in found
    ]
    return _table(["claim", "answer", "number", "condition and budget"], rows)


def _verdicts(claims: Iterable[Claim]) -> list[str]:
    rows = [
        (
            f"{claim.id} {claim.text}",
            "; ".join(part for part in (claim.scope, claim.budget) if part),
            f"{claim.value_text}: {claim.measure}",
            claim.verdict if claim.kind != "algebra" else f"{claim.verdict} by algebra",
        )
        for claim in claims
    ]
    return _table(["claim", "tested on", "measured, with interval", "verdict"], rows)


def _commands(results: Sequence[Result]) -> list[str]:
    rows = [
        (_cell(result.name), f"`{_line(result.provenance['command'])}`", f"{result.provenance['seconds']:.0f}")
        for result in results
    ]
    return md.table(["question", "asked again by", "seconds"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return md.table(header, ([_cell(cell) for cell in row] for row in rows))


def _cell(text: str) -> str:
    """Text as Markdown in one line, in which HTML is shown and not followed."""
    return _line(text).replace("&", "&amp;").replace("<", "&lt;")


def _line(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _origin(result: Result) -> str:
    versions = result.provenance["versions"]
    return _cell(f"Python {versions['python']} and JAX {versions['jax']} on {result.provenance['device']}")


def show(results: Sequence[Result], console: Console) -> None:
    """Print all verdicts on one question, or the answer to each claim for several questions."""
    if len(results) == 1:
        _show_verdicts(results[0].claims, console)
        return
    table = RichTable(title=lead(results), title_justify="left")
    for column in ("claim", "answer", r"number \[interval]"):
        table.add_column(column)
    for answer in answers(results):
        text = escape(f"{answer.id}  {CLAIMS[answer.id]}")
        word = f"[{COLORS[answer.word]}]{answer.word}[/] ({outcome(answer)})"
        table.add_row(text, word, escape(f"{answer.first.value_text}: {answer.first.measure}"))
    console.print(table)
    for number, (_, line) in enumerate(advice(results), 1):
        console.print(f"{number}. {line}", markup=False)


def _show_verdicts(claims: Sequence[Claim], console: Console) -> None:
    table = RichTable(title=f"{len(claims)} verdicts", title_justify="left")
    table.add_column("claim")
    table.add_column(r"value \[interval]", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for claim in claims:
        text, value = (escape(part) for part in (f"{claim.id}  {claim.text} ({claim.scope})", claim.value_text))
        color = VERDICT_COLORS.get(claim.verdict, "default")
        table.add_row(text, value, f"[{color}]{escape(claim.verdict)}[/]")
    console.print(table)
