"""The command line: `python -m experiments [NAME] [--setting value ...]`."""

import os
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, make_dataclass
from pathlib import Path
from typing import Any

import jax
import tyro
from rich.console import Console

from experiments.core import interrupts, processes
from experiments.core.claims import verdict_counts_text
from experiments.core.command import FLAGS, PROGRAM
from experiments.core.devices import spread_over
from experiments.core.files import DataError
from experiments.core.log import LOG, logged
from experiments.core.log import NAME as LOG_FILE
from experiments.core.options import Chosen, Everything, Output, Size
from experiments.core.parts import SUFFIX as PARTS
from experiments.core.parts import parts_of
from experiments.core.progress import watched
from experiments.core.provenance import fingerprint, provenance
from experiments.core.questions import QUESTIONS, Question
from experiments.core.refusals import missing, refuse
from experiments.core.result import Provenance, Result, load, save
from experiments.core.storage import StorageError, prepare, remove
from experiments.core.style import listed, svg
from experiments.instruments import overhead, pretrain, scaling
from experiments.instruments.accuracy import report as accuracy_report
from experiments.instruments.depth import report as depth_report
from experiments.instruments.faulty_nets import report as faulty_nets_report
from experiments.instruments.planted import report as planted_report
from experiments.instruments.speed import report as speed_report
from experiments.page import build as rebuild
from experiments.page import explorer, gallery, text

ABOUT = """Tests of what lecture notes claim about activation functions, most of them on real handwritten digits.

  python -m experiments                        all questions, in about 10 minutes on 2 cores
  python -m experiments --full                 the same with more seeds, widths and depths, in over an hour
  python -m experiments --smallest             the same in a minute or two, too small for verdicts
  python -m experiments --seeds 40             the same with 40 seeds of each net
  python -m experiments --devices all          the same, nets split among all GPUs, TPUs or CPU devices
  python -m experiments list                   the questions, one line each
  python -m experiments run NAME ...           some of them
  python -m experiments NAME                   one question
  python -m experiments NAME --help            its settings, explained; with --full those of that size
  python -m experiments NAME --seeds 40        the same question with more seeds

Questions:
{questions}

  python -m experiments report                 rebuild the report from the stored answers
  python -m experiments gallery                pictures of all activations
  python -m experiments accuracy               the error of every activation in ulp
  python -m experiments accuracy --help        its settings; the other commands have --help as well
  python -m experiments depth                  what is left of a signal after 50 layers, for every activation and gain
  python -m experiments overhead               what the statistics of jaxact.probe cost a train step
  python -m experiments pretrain               one larger transformer, its batches split among all devices
  python -m experiments scaling                nets a minute on 1 to 8 devices, and beside a loop in PyTorch
  python -m experiments speed                  memory and operations of every activation; --timed for times
  python -m experiments planted                whether the diagnosis finds faults that were planted, and no others
  python -m experiments faulty_nets            what it says about nets that people published because they do not learn

Read results/report.html afterwards; results/log.txt is the log. A question that was answered before by the same code
with the same settings, data and libraries is not run again. After Ctrl-C every finished question is kept, and the same
command goes on from there. A folder holds one answer per question: give --full an --out of its own to keep both. All
commands but --smallest and those of single questions also make the report's explorer of all activations, which takes
another minute or two when the code has changed."""


def listing(arguments: list[str]) -> int:
    """Print the questions, one line each."""
    if arguments:
        return refuse(f"list was given {' '.join(arguments)!r}, but nothing is expected.")
    print(LISTED)
    return 0


LISTED = "\n".join(f"  {question.name:<12} {question.title}" for question in QUESTIONS.values())
COMMANDS = {
    "accuracy": accuracy_report.main,
    "depth": depth_report.main,
    "faulty_nets": faulty_nets_report.main,
    "gallery": gallery.main,
    "list": listing,
    "planted": planted_report.main,
    "overhead": overhead.main,
    "pretrain": pretrain.main,
    "report": rebuild.main,
    "scaling": scaling.main,
    "speed": speed_report.main,
}
"""The commands that answer no question."""


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    return processes.leave(_code(arguments))


def _code(arguments: list[str]) -> int:
    try:
        return _run(arguments)
    except (DataError, StorageError, processes.ProcessError) as problem:
        return refuse(str(problem))
    except ImportError as problem:
        return refuse(missing(problem))
    except (MemoryError, jax.errors.JaxRuntimeError) as problem:
        if processes.lost(problem):
            return refuse(f"another process is gone ({' '.join(str(problem).split())[:200]}).")
        if isinstance(problem, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(problem):
            raise
        return refuse(f"there is not enough memory ({' '.join(str(problem).split())}), but smaller settings need less.")
    except KeyboardInterrupt:
        code = interrupts.exit_code()
        print("Interrupted.")
        return code


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    if arguments and not arguments[0].startswith("-") and arguments[0] not in (*QUESTIONS, "run"):
        return refuse(_unknown(arguments[0], [*QUESTIONS, "run", *COMMANDS]))
    try:
        todo, output = _parse(arguments)
    except ValueError as problem:
        return refuse(str(problem))
    output.connect()
    if output.several_processes and not processes.first():
        return _assist(todo, output)
    of_questions = [f"{question.name}{end}" for question, _ in todo for end in (".json", ".svg", PARTS)]
    prepare(output.out, [*of_questions, *rebuild.FILES, explorer.FILE, LOG_FILE])
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    before = _fingerprints(todo)
    try:
        with logged(output.out), spread_over(output.devices):
            LOG.info("%s", shlex.join([*PROGRAM.split(), *arguments]))
            with jax.default_matmul_precision("highest"):  # else GPUs and TPUs round factors to 10 or 8 bits
                results = [
                    _answer(question, config, current, output, console)
                    for (question, config), current in zip(todo, before, strict=True)
                ]
            whole = isinstance(output, Everything) and output.size is not Size.SMALLEST
            data = explorer.load_or_compute(output.out, console) if whole else explorer.stored_data(output.out)
            for problem in rebuild.rebuild(output.out, data):
                _say(f"{problem} The question is left out of the report.", console)
    except KeyboardInterrupt:
        code = interrupts.exit_code()
        stored = [name for name in QUESTIONS if (output.out / f"{name}.json").exists()]
        console.print(f"Interrupted. {listed(stored) if stored else 'Nothing'} is stored in {output.out}.")
        if begun := [path.name.removesuffix(PARTS) for path in sorted(output.out.glob(f"*{PARTS}"))]:
            console.print(f"Finished parts of {listed(begun)} are kept, from which the same command goes on.")
        return code
    processes.agreed(b"")  # the others wait until all is written
    text.show(results, console)
    console.print(f"The report is {output.out / 'report.html'}.")
    return 0


def _fingerprints(todo: list[tuple[Question, Any]]) -> list[str]:
    """Those of all questions, taken before the first is asked, as files may change meanwhile."""
    return [fingerprint(question.module, config) for question, config in todo]


def _assist(todo: list[tuple[Question, Any]], output: Output) -> int:
    """Compute, beside the first process, what it computes."""
    before = _fingerprints(todo)
    with spread_over(output.devices), jax.default_matmul_precision("highest"):
        for (question, config), own in zip(todo, before, strict=True):
            if processes.agreed(b""):
                processes.agree_on(own)
                with parts_of(Path(), own):
                    question.run(config, lambda fraction, doing: None)
                jax.clear_caches()
    processes.agreed(b"")
    return 0


def _parse(arguments: list[str]) -> tuple[list[tuple[Question, Any]], Output]:
    """The questions to answer, with their settings; tyro ends the program with a sentence if a setting is wrong."""
    if arguments and arguments[0] in QUESTIONS:
        question = QUESTIONS[arguments[0]]
        size = next((size for size in Size if f"--{size}" in arguments), Size.QUICK)
        default = question.settings(size)
        command = make_dataclass("Command", [("config", type(default), default), ("output", Output, Output())])
        about = f"{question.title}\n\n{question.description}"
        parsed = tyro.cli(
            command, args=arguments[1:], prog=f"{PROGRAM} {question.name}", description=about, config=FLAGS
        )
        return [(question, parsed.config)], parsed.output
    some = arguments[:1] == ["run"]
    about, kind = ABOUT.format(questions=LISTED), Chosen if some else Everything
    output = tyro.cli(kind, args=arguments[some:], prog=PROGRAM + " run" * some, description=about, config=FLAGS)
    names = output.names or ("",) if isinstance(output, Chosen) else tuple(QUESTIONS)
    if unknown := [name for name in names if name not in QUESTIONS]:
        raise ValueError(_unknown(unknown[0], QUESTIONS))
    chosen = [question for question in QUESTIONS.values() if question.name in names]
    return [(question, output.applied(question.settings(output.size))) for question in chosen], output


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"question {name!r} is unknown, but one of {', '.join(known)} is expected."


def _answer(question: Question, config: Any, current: str, output: Output, console: Console) -> Result:
    """The stored answer if it is still valid, else a new one, which is stored at once."""
    try:
        stored = load(question.name, output.out)
    except ValueError as problem:
        _say(f"{problem} The question is run again.", console)
        stored = None
    valid = stored and stored[0].provenance["fingerprint"] == current and not output.fresh
    processes.agreed(b"" if valid else b"run")
    if stored and valid:
        _say(f"{question.name}: answered before with the same code and settings, not run again.", console)
        result = stored[0]
    else:
        processes.agree_on(current)
        start = time.perf_counter()
        LOG.info("%s: started with %s", question.name, asdict(config))
        kept = output.out / f"{question.name}{PARTS}"
        if output.fresh:
            remove(kept)

        def facts() -> Provenance:
            seconds = time.perf_counter() - start + parts.seconds_of_earlier_runs
            return provenance(question.name, config, current, seconds)

        with watched(question.name, console) as progress, parts_of(kept, current) as parts:
            result, figure = question.answer(config, progress, facts)
        save(result, svg(figure), output.out)
        remove(kept)
        jax.clear_caches()  # compiled programs take memory maps, of which a process may have 65,530
        earlier = parts.seconds_of_earlier_runs
        share = f" ({earlier:.0f} s of them in earlier runs)" if earlier else ""
        seconds = f"{result.provenance['seconds']:.0f} s{share}"
        _say(f"{question.name}: finished in {seconds}, {verdict_counts_text(result.claims)}.", console)
    rebuild.rebuild(output.out, explorer.stored_data(output.out))
    return result


def _say(sentence: str, console: Console) -> None:
    """Print to the terminal and to the log."""
    LOG.info("%s", sentence)
    console.print(sentence, markup=False)


def cache_compilations() -> None:
    """Compile once per machine rather than once per run; a cache that the user has chosen is left alone."""
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxact-experiments"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
