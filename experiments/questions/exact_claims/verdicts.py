"""The verdicts of `exact_claims` on the claims of the notes; the docstring of `measure.py` has the rules."""

from typing import NamedTuple

from experiments.core.result import Claim, Runs
from experiments.core.statistics import REFUTED, SUPPORTED, Interval

from .algebra import NOTES, TRUTH
from .measure import Config


class Statement(NamedTuple):
    """A statement of the notes, and the correct one, which is printed without a caveat only if its own checks hold."""

    text: str
    source: str
    truth: str


STATEMENTS = {
    "A3": Statement(
        "Sigmoid squashes numbers to [0, 1], tanh to [-1, 1]",
        "S0 S1 S2 S3",
        "the ends are never reached in R; as a float sigmoid is exactly 1 from 17 (float32) or 37 (float64) on",
    ),
    "A4": Statement(
        "Sigmoid' is s (1 - s), tanh' is 1 - tanh^2, ReLU' is 0 or 1, leaky ReLU' is 0.01 or 1",
        "S2 S4",
        "the formulas are right; S2's dsigmoid(y) takes the output y, and in floats y (1 - y) loses all digits",
    ),
    "A5": Statement(
        "Sigmoid's gradient is about zero at x = -10 and x = 10 and reasonable at 0",
        "S3 S1",
        "it is largest at 0, 1/4, and falls on both sides; at +-10 it is a 5,500th of that",
    ),
    "A6": Statement(
        "A saturated sigmoid is 0 or 1, and hence its gradient is 0",
        "S4 S0",
        "in R it is neither 0 nor 1 and its gradient never 0; as a float it is 1 while its gradient is not yet 0, "
        "unless that is computed as y (1 - y)",
    ),
    "A7": Statement(
        "ReLU's gradient is undefined at 0, and zero in practice",
        "S0 S3 (S2: activations should be differentiable)",
        "zero in jaxact.relu and jax.nn.relu, but 1/2 in jnp.maximum(x, 0): practice is what was written",
    ),
    "A8": Statement(
        "Maxout generalises ReLU and leaky ReLU", "S2", "with w1 = 0, b1 = 0, or with w1 = a w2, b1 = a b2"
    ),
    "A9": Statement(
        "Maxout doubles the number of parameters",
        "S2",
        "of the hidden layers; the whole net has less than twice as many, as its output layer stays",
    ),
    "A10 layers": Statement(
        "The output is a softmax for many classes, a sigmoid for two, linear for regression",
        "S1",
        "sigmoid is the softmax of (x, 0), and only a linear output reaches every number",
    ),
    "A10 derivative": Statement(
        "The derivative of softmax is dp_y / do_j = y_j - p_j",
        "S2",
        "y_j - p_j is the derivative of log p_y; that of p_y is p_y (y_j - p_j)",
    ),
    "A11": Statement(
        "PReLU is f(x) = max(alpha x, x)",
        "S2",
        "for alpha up to 1 only; above 1, which learning may reach, it is min(alpha x, x)",
    ),
    "A12": Statement(
        "Leaky ReLU is max(0.1 x, x), and it is max(0.01 x, x)",
        "S2, S4 (S1: a)",
        "two different functions: jaxact.leaky_relu takes the slope, 0.01 unless told otherwise",
    ),
    "A13": Statement(
        "ReLU6 takes 3 bits before the point and leaves 4 or 5 behind it",
        "S0",
        "5 of 8 bits unsigned, 4 beside a sign; with 2 bits before the point it would be cut off",
    ),
    "A14": Statement(
        "Each ReLU cuts the plane into two halves",
        "S0",
        "one where it is linear and one where it is off; how much of the data lies in each is up to the bias",
    ),
    "A15": Statement(
        "Leaky ReLU does not saturate on either side, and ReLU does not on the positive one",
        "S0 S2 S4",
        "their slopes stay 0.01 and 1 up to infinity, those of sigmoid and tanh do not",
    ),
    "A16": Statement(
        "Sigmoid's gradient is not zero-centred, and tanh's is",
        "S0",
        "no gradient of a rising function is, tanh's neither; what differs is the mean of the output, 1/2 against 0",
    ),
    "B22": Statement(
        "ELU has a benefit of ReLU: it does not saturate for x > 0",
        "S2",
        "its slope there is ReLU's to the bit, and for x < 0 it is small where ReLU's is 0",
    ),
}
"""The statements by claim, in the order of the table."""


def judge(config: Config, runs: Runs) -> list[Claim]:
    """One verdict per claim, by its checks."""
    return [_claim(config, runs, name) for name in STATEMENTS]


def checks_of(runs: Runs, name: str, role: str) -> Runs:
    """The checks of a claim with this role: NOTES or TRUTH."""
    return [run for run in runs if (run["claim"], run["role"]) == (name, role)]


def true_sentence(runs: Runs, name: str) -> str:
    """The correct statement, with a caveat if one of its checks fails."""
    confirmed = all(run["holds"] for run in checks_of(runs, name, TRUTH))
    return STATEMENTS[name].truth if confirmed else f"not confirmed: {STATEMENTS[name].truth}"


def decisive_checks(runs: Runs, name: str) -> Runs:
    """The checks that decide the verdict: those that fail, or all if none does."""
    checks = checks_of(runs, name, NOTES)
    return [check for check in checks if not check["holds"]] or checks


def range_text(check: dict[str, object]) -> str:
    """The range of a check as text."""
    low, high = (f"{check[end]:.3g}" for end in ("low", "high"))
    return low if low == high else "above 0" if low == f"{5e-324:.3g}" else f"{low} to {high}"


def _claim(config: Config, runs: Runs, name: str) -> Claim:
    every, decisive = checks_of(runs, name, NOTES), decisive_checks(runs, name)
    first = decisive[0]
    failed = sum(not check["holds"] for check in every)
    return Claim(
        id=name.split()[0],
        text=STATEMENTS[name].text,
        source=STATEMENTS[name].source,
        scope=" and ".join(dict.fromkeys(check["dtype"] for check in every)) + f", {len(every)} checks",
        measure=f"{first['what']}. What is so: {true_sentence(runs, name)}",
        rule=f"supported if this is {range_text(first)} and the other checks hold as well, refuted if one fails "
        f"({failed} of {len(every)} did)",
        unit="",
        interval=Interval(*[first["value"]] * 3),
        verdict=REFUTED if failed else SUPPORTED,
        kind="algebra",
    )
