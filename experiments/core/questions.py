"""All questions: each is a folder of `experiments/questions` with three modules.

- `measure.py`: its docstring has the question, the notes' claims and the rules; it defines `Config` (the quick
  settings), `smallest()` and `full()` (the settings of the other sizes) and `run(config, progress)`.
- `verdicts.py`: `judge(config, runs)`.
- `report.py`: `TITLE`, `report(config, runs)` and `figure(config, runs)`.
"""

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from experiments import questions

from .options import Size
from .progress import Progress
from .provenance import command_of
from .result import Claim, Provenance, Report, Result, Runs


@dataclass(frozen=True)
class Question:
    """A question and its parts; `run`, `judge`, `report` and `figure` take the question's own Config first."""

    name: str
    title: str
    description: str
    config: type
    """Its defaults are the quick settings."""
    smallest: Callable[[], Any]
    full: Callable[[], Any]
    run: Callable[[Any, Progress], Runs]
    judge: Callable[[Any, Runs], list[Claim]]
    report: Callable[[Any, Runs], Report]
    figure: Callable[[Any, Runs], Figure]

    def settings(self, size: Size = Size.QUICK) -> Any:
        """The Config of this size."""
        return {Size.SMALLEST: self.smallest, Size.QUICK: self.config, Size.FULL: self.full}[size]()

    @property
    def module(self) -> str:
        """The package that answers it."""
        return f"{questions.__name__}.{self.name}"

    def answer(self, config: Any, progress: Progress, provenance: Callable[[], Provenance]) -> tuple[Result, Figure]:
        """Run the question; `provenance` is called when the runs are done, as it includes the time that they took."""
        runs = self.run(config, progress)
        claims, report = self.judge(config, runs), self.report(config, runs)
        result = Result(self.name, self.title, self.description, asdict(config), claims, report, provenance(), runs)
        return result, self.figure(config, runs)

    def judged_again(self, result: Result) -> tuple[Result, Figure]:
        """A stored answer with the verdicts, sentences and figure that this code makes of its runs.

        Raises:
            ValueError: the settings are not those of this code.
        """
        try:
            config = self.config(**{name: _as_settings(value) for name, value in result.config.items()})
        except TypeError as problem:
            raise ValueError(f"the answer to {self.name} has settings of other code ({problem}).") from problem
        claims, report = self.judge(config, result.runs), self.report(config, result.runs)
        command = command_of(self.name, config)  # names what differs from the defaults, which may be others now
        facts: Provenance = {**result.provenance, "command": command}
        again = replace(
            result, title=self.title, description=self.description, claims=claims, report=report, provenance=facts
        )
        return again, self.figure(config, result.runs)


def _as_settings(value: Any) -> Any:
    """A value from JSON as a setting has it: tuples in place of lists."""
    return tuple(map(_as_settings, value)) if isinstance(value, list) else value


def load(name: str) -> Question:
    """The question in the folder of this name."""
    measure, verdicts, report = (
        import_module(f"{questions.__name__}.{name}.{part}") for part in ("measure", "verdicts", "report")
    )
    description = (inspect.getdoc(measure) or "").split("\n\n", 1)[1]
    sizes = measure.Config, measure.smallest, measure.full
    return Question(name, report.TITLE, description, *sizes, measure.run, verdicts.judge, report.report, report.figure)


QUESTIONS = {name: load(name) for _, name, _ in sorted(pkgutil.iter_modules(questions.__path__))}
"""By name, in alphabetical order."""
