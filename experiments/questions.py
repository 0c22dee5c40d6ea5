"""The list of questions, and what answering one takes: measure, judge, tell, draw."""

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from matplotlib.figure import Figure

from . import (
    born_dead,
    born_dead_story,
    born_dead_verdicts,
    collapse,
    collapse_story,
    collapse_verdicts,
    convergence,
    convergence_story,
    convergence_verdicts,
    cost,
    cost_story,
    cost_verdicts,
    dying_relu,
    dying_relu_story,
    dying_relu_verdicts,
    exact_claims,
    exact_claims_story,
    exact_claims_verdicts,
    fixed_point,
    fixed_point_story,
    fixed_point_verdicts,
    init_scale,
    init_scale_story,
    init_scale_verdicts,
    noise,
    noise_story,
    noise_verdicts,
    recommendation,
    recommendation_story,
    recommendation_verdicts,
    soundness,
    soundness_story,
    soundness_verdicts,
    vanishing,
    vanishing_story,
    vanishing_verdicts,
    zero_centring,
    zero_centring_story,
    zero_centring_verdicts,
)
from .progress import Progress
from .result import Claim, Result, Runs, Story
from .study import Size


@dataclass(frozen=True)
class Question:
    """A question and its parts; what runs, judges and tells takes the question's own Config first."""

    name: str
    title: str
    asked: str
    config: type
    """Its defaults are the quick settings."""
    smallest: Callable[[], Any]
    full: Callable[[], Any]
    run: Callable[[Any, Progress], Runs]
    judge: Callable[[Any, Runs], list[Claim]]
    tell: Callable[[Any, Runs], Story]
    figure: Callable[[Any, Runs], Figure]

    def settings(self, size: Size = Size.QUICK) -> Any:
        """A Config of this size."""
        return {Size.SMALLEST: self.smallest, Size.QUICK: self.config, Size.FULL: self.full}[size]()

    def answer(self, config: Any, progress: Progress, stamp: Callable[[], dict[str, Any]]) -> tuple[Result, Figure]:
        """Run the question; `stamp` is called when the runs are done, to add versions and the time they took."""
        runs = self.run(config, progress)
        claims, story = self.judge(config, runs), self.tell(config, runs)
        settings = asdict(config)
        return Result(self.name, self.title, self.asked, settings, claims, story, stamp(), runs), self.figure(
            config, runs
        )


def _question(name: str, title: str, question: Any, verdicts: Any, story: Any) -> Question:
    asked = (inspect.getdoc(question) or "").split("\n\n", 1)[1]
    sizes = question.Config, question.smallest, question.full
    return Question(name, title, asked, *sizes, question.run, verdicts.judge, story.tell, story.figure)


QUESTIONS = {
    question.name: question
    for question in (
        _question("collapse", "Does a deep linear net collapse?", collapse, collapse_verdicts, collapse_story),
        _question(
            "convergence", "Does ReLU learn six times faster?", convergence, convergence_verdicts, convergence_story
        ),
        _question("cost", "Is exp() expensive?", cost, cost_verdicts, cost_story),
        _question("dying_relu", "Do ReLU units die?", dying_relu, dying_relu_verdicts, dying_relu_story),
        _question(
            "vanishing", "Do saturating units make gradients vanish?", vanishing, vanishing_verdicts, vanishing_story
        ),
        _question("init_scale", "Are small initial weights safe?", init_scale, init_scale_verdicts, init_scale_story),
        _question("born_dead", "Are ReLU nets dead before training?", born_dead, born_dead_verdicts, born_dead_story),
        _question(
            "fixed_point", "Is ReLU6 ready for fixed point?", fixed_point, fixed_point_verdicts, fixed_point_story
        ),
        _question(
            "zero_centring",
            "Does it matter that outputs are not zero-centred?",
            zero_centring,
            zero_centring_verdicts,
            zero_centring_story,
        ),
        _question(
            "exact_claims",
            "Is the algebra of the notes right?",
            exact_claims,
            exact_claims_verdicts,
            exact_claims_story,
        ),
        _question(
            "recommendation",
            "Is ReLU the one to use?",
            recommendation,
            recommendation_verdicts,
            recommendation_story,
        ),
        _question("noise", "Does ELU's saturation make it robust to noise?", noise, noise_verdicts, noise_story),
        _question("soundness", "Is our training sound?", soundness, soundness_verdicts, soundness_story),
    )
}
