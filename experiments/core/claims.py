"""The claims of the notes in short, by the numbers that verdicts carry, and counts of the verdicts on each."""

from collections.abc import Iterable

from .result import Claim
from .statistics import VERDICTS

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
    "A16": "Sigmoid's gradient is not zero-centred",
    "B1": "ReLU converges faster, six times, than sigmoid and tanh",
    "B2": "Leaky ReLU and its kin converge much faster than sigmoid and tanh",
    "B3": "Saturated sigmoid and tanh units make gradients vanish, ReLU does not",
    "B4": "ReLU kills the gradient in half of the regime",
    "B5": "Very large weights saturate units; initialise with small ones",
    "B6": "Behind sigmoids all weight gradients of a unit have the same sign",
    "B7": "Outputs that are not zero-centred make inefficient zig-zag updates",
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
    "P": "No claim of the notes: our training reaches published accuracies",
    "P1": "No claim of the notes: gradients that are right in the tails train better at tuned settings",
    "P2": "No claim of the notes: they train better at other initial weights and rates",
    "P3": "No claim of the notes: jax.nn's gradients end nets in NaN that learn by jaxact's",
    "S1": "No claim of the notes: training leaves most outputs of ReLU and ReLU^2 at 0",
    "S2": "No claim of the notes: as many outputs of other activations can be set to 0",
    "S3": "No claim of the notes: nets that keep a part of their units only are as accurate",
    "S4": "No claim of the notes: 8 bits lose nothing, whatever the activation",
    "D1": "No claim of the notes: on small tables the choice of the activation makes no difference",
    "D2": "No claim of the notes: on small tables a net is better than a linear model",
}
"""A where algebra decides, B where only an experiment can, P for accuracies published elsewhere.

P1 and all that follow are not asked by the notes either."""


def verdict_counts(claims: Iterable[Claim]) -> dict[str, int]:
    """The number of verdicts of each kind, in the order of VERDICTS."""
    verdicts = [claim.verdict for claim in claims]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def verdict_counts_text(claims: Iterable[Claim]) -> str:
    """The same as text: 3 supported, 1 refuted, 0 inconclusive."""
    return ", ".join(f"{count} {verdict.lower()}" for verdict, count in verdict_counts(claims).items())


def counts_by_claim(claims: Iterable[Claim]) -> dict[str, dict[str, int]]:
    """The number of verdicts of each kind on each claim of the notes that was tested, by the claim's number."""
    tested = list(claims)
    by_id = {id: [claim for claim in tested if claim.id == id] for id in CLAIMS}
    return {id: verdict_counts(of_id) for id, of_id in by_id.items() if of_id}


def counts_table(claims: Iterable[Claim]) -> list[list[str]]:
    """The same as rows of a table: the claim, and a column for each kind of verdict, empty for none."""
    return [
        [f"{id} {CLAIMS[id]}", *(str(count or "") for count in counts.values())]
        for id, counts in counts_by_claim(claims).items()
    ]
