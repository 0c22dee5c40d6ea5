"""The claims in short, by the numbers that verdicts carry, and the answer to each from all verdicts on it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .result import Claim, Result
from .statistics import INCONCLUSIVE, REFUTED, SUPPORTED, VERDICTS

CLAIMS = {
    "A1": "Linear layers in a row collapse to one",
    "A2": "Without a non-linearity a net represents linear relations only",
    "A3": "Sigmoid squashes to [0, 1], tanh to [-1, 1]",
    "A4": "The slopes are s (1 - s), 1 - tanh^2, 0 or 1, 0.01 or 1",
    "A5": "Sigmoid's gradient is about 0 at -10 and 10, and reasonable at 0",
    "A6": "Saturated means 0 or 1, and hence no gradient",
    "A7": "ReLU's gradient is undefined at 0, in practice zero",
    "A8": "Maxout generalises ReLU and leaky ReLU",
    "A9": "Maxout doubles the number of parameters",
    "A10": "Softmax for many classes, sigmoid for two, linear for regression; softmax' is y_j - p_j",
    "A11": "PReLU is max(alpha x, x)",
    "A12": "Leaky ReLU is max(0.1 x, x), or max(0.01 x, x)",
    "A13": "ReLU6 takes 3 bits before the point and leaves 4 or 5 behind it",
    "A14": "Each ReLU cuts the plane in half",
    "A15": "Leaky ReLU does not saturate, ReLU not for x > 0",
    "A16": "Sigmoid's gradient is not zero-centred, but tanh's is",
    "B1": "ReLU converges faster, six times, than sigmoid and tanh",
    "B2": "Leaky ReLU and its kin converge much faster than sigmoid and tanh",
    "B3": "Saturated sigmoid and tanh units make gradients vanish, ReLU does not",
    "B4": "ReLU kills the gradient in half of the regime",
    "B5": "Initialise with small weights, as very large ones saturate units",
    "B6": "Behind sigmoids all weight gradients of a unit have the same sign",
    "B7": "Outputs that are not zero-centred cost steps, by zig-zag updates",
    "B8": "We want zero-mean data",
    "B9": "Tanh is zero-centred and better than sigmoid",
    "B10": "ReLU's outputs are not zero-centred",
    "B11": "ELU's outputs are closer to zero mean",
    "B12": "Leaky ReLU's outputs are close to zero-centred",
    "B13": "exp() is expensive",
    "B14": "It is not the main cost: products of matrices are",
    "B15": "A large fraction of ReLU units can die of a high learning rate",
    "B16": "A dead unit stays dead forever",
    "B17": "A bad initialisation makes dead ReLUs",
    "B18": "A bias far below 0 makes dead ReLUs",
    "B19": "A positive initial bias is advised",
    "B20": "Leaky ReLU and PReLU units will not die",
    "B21": "Maxout fixes the dying ReLU problem",
    "B22": "ELU has all benefits of ReLU",
    "B23": "ELU's saturation adds some robustness to noise",
    "B24": "ReLU6 makes a net ready for fixed point",
    "B25": "6 is the cap that fits best in 8 bits",
    "B26": "Use ReLU; try leaky ReLU, ELU, Maxout; expect little of tanh; no sigmoid",
    "P": "Training here reaches published accuracies",
    "P1": "Gradients that are right in the tails train better at tuned settings",
    "P2": "Gradients that are right in the tails train better at other initial weights and rates",
    "P3": "Gradients of jax.nn end nets in NaN that learn by jaxact's",
    "S1": "Training leaves most outputs of ReLU and ReLU^2 at 0",
    "S2": "As many outputs of other activations can be set to 0",
    "S3": "Nets that keep a part of their units only are as accurate",
    "S4": "8 bits lose nothing, whatever the activation",
    "D1": "On small tables the choice of the activation makes no difference",
    "D2": "On small tables a net is 2 points better than a linear model",
    "T1": "In a transformer others learn better than ReLU in as many steps",
    "T2": "In a transformer others learn better than ReLU in as much time",
    "C1": "A soft cap, QK norm or DyT lets fewer transformers fail at high rates",
    "C2": "A soft cap, QK norm or DyT lowers the loss at high rates",
    "C3": "A soft cap, QK norm or DyT costs nothing at tuned rates",
    "C4": "A soft cap, QK norm or DyT keeps attention from collapsing",
}
"""A where algebra decides, B where only an experiment can; other letters for what the notes do not ask."""

HEADLINES = {"B7": "zero_centring", "B9": "convergence", "B19": "dying_relu", "B22": "recommendation"}
"""The question whose verdict stands for a claim, where several questions ask it."""

TRUE, FALSE, DEPENDS, OPEN = "true", "false", "depends", "open"
ANSWERS = {
    TRUE: "the first verdict on the claim supports it, none refutes it, and no more than half are inconclusive",
    FALSE: "the first verdict on the claim refutes it, none supports it, and no more than half are inconclusive",
    DEPENDS: "some verdicts support the claim and some refute it: the condition decides",
    OPEN: "the first verdict on the claim is inconclusive, or most of them are",
}
"""The answers in one word, and when each is given. The first verdict is that of the setting nearest to the notes."""


class Answer(NamedTuple):
    """The answer to one claim."""

    id: str
    word: str
    """A key of ANSWERS."""
    verdicts: list[Claim]
    """All verdicts on the claim, the one whose number stands for it first."""
    questions: list[str]
    """The questions that asked it, in the same order."""

    @property
    def first(self) -> Claim:
        """The verdict whose number stands for the claim."""
        return self.verdicts[0]

    @property
    def by_algebra(self) -> bool:
        """Whether algebra decides, whatever the runs."""
        return all(claim.kind == "algebra" for claim in self.verdicts)

    @property
    def of_notes(self) -> bool:
        """Whether the notes make the claim."""
        return self.id.startswith(("A", "B"))


def answers(results: Sequence[Result]) -> list[Answer]:
    """The answers to all claims on which there is a verdict, in the order of CLAIMS; checks are left out."""
    found = []
    for id in CLAIMS:
        by_question = {
            result.name: [claim for claim in result.claims if claim.id == id and claim.kind != "check"]
            for result in sorted(results, key=lambda result: result.name != HEADLINES.get(id))
        }
        verdicts = [claim for claims in by_question.values() for claim in claims]
        if verdicts:
            names = [name for name, claims in by_question.items() if claims]
            found.append(Answer(id, _word([claim.verdict for claim in verdicts]), verdicts, names))
    return found


def checks(results: Sequence[Result]) -> list[Claim]:
    """What was measured to check the experiments against a theory or a published number."""
    return [claim for result in results for claim in result.claims if claim.kind == "check"]


def _word(verdicts: list[str]) -> str:
    if {SUPPORTED, REFUTED} <= set(verdicts):
        return DEPENDS
    if 2 * verdicts.count(INCONCLUSIVE) > len(verdicts):
        return OPEN
    return {SUPPORTED: TRUE, REFUTED: FALSE}.get(verdicts[0], OPEN)


def verdict_counts_text(claims: Iterable[Claim]) -> str:
    """The number of verdicts of each kind as text: 3 supported, 1 refuted, 0 inconclusive."""
    verdicts = [claim.verdict for claim in claims]
    return ", ".join(f"{verdicts.count(verdict)} {verdict.lower()}" for verdict in VERDICTS)
