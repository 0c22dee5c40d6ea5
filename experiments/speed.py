"""What do the activations cost? Memory, operations and time, beside jax.nn and PyTorch in the same run.

First what is the same on every run: bytes that jax.vjp keeps, memory of a compiled train step, transcendental
functions and equations. Then, with `--timed`, times: all programs of a comparison take turns, and what is told is the
ratio of their medians with a 95 % bootstrap interval.

The exit code is 1 if a bound on the first kind is missed by a function that is not listed with a reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro

from jaxact import CATALOGUE, Facts

from . import checks, contests, figures
from .peers import JAX_NN
from .progress import Progress
from .race import Runs, geometric_mean, race, ratio

SLOPE_FROM_OUTPUT = ("relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_silu", "softplus", "squareplus")
SLOPE_FROM_OUTPUT += ("log_sigmoid",)
"""Where the output should be all that a layer keeps."""

_FALLS = "it falls and rises again, so that its output does not tell on which side x was"
_TAILS = "the slope from the output loses all digits in the tails; the README says how to have both"
_ROOTS = "XLA counts a square root, and there is one in each pass"
REASONS: dict[tuple[str, str], str] = {
    ("layers", "identity"): "a NaN has a NaN for its slope, which only the output tells; jax.nn has 1 there",
    ("layers", "hard_silu"): _FALLS,
    ("layers", "sigmoid"): _TAILS,
    ("layers", "tanh"): _TAILS,
    ("layers", "sinc"): "an array of sines, for one layer at a time",
    ("transcendentals", "isru"): _ROOTS,
    ("transcendentals", "isrlu"): _ROOTS,
    ("transcendentals", "sine"): "its slope is a cosine",
    ("transcendentals", "sinc"): "sine and cosine, once more each where the rounding error of one makes good the other",
    ("transcendentals", "snake"): "sine and cosine, of the argument and of its rounding error, in each pass",
}
"""Why a bound on memory or transcendental functions is missed; a miss without a reason is a defect."""
_TWICE = (
    "x is all that is kept, so that its exponential is computed in the backward pass as well, and each time with as "
    "many digits as the bound in ulp takes; keeping the first one would cost an array more than its bound on memory"
)
_PAIRS = (
    "pairs of floats keep the bound in ulp; one float with mended sums, which took silu from six times jax.nn's time "
    "to twice, was not tried here"
)
_ROOT = (
    "next to the root of its slope Mills' ratio has to be right to 2^-26, which takes pairs of floats; a better series "
    "for it was worked out, and would need the rounding error of its argument, too"
)
_KINK = "a few operations more decide which side of a kink x was on from what is kept, where jax.nn keeps more"
_ROWS = (
    "sums of rows are exact to an ulp and slopes keep their digits in confident rows, which takes more passes; sums "
    "that XLA fuses with the exponential were tried, and are not vectorised"
)
TIME_REASONS: dict[str, str] = {
    **dict.fromkeys(
        ("silu", "swish", "gelu", "gelu_tanh", "sigmoid", "tanh", "sigmoid, tanh", "elu", "celu", "selu"), _TWICE
    ),
    "gelu_exact": _ROOT,
    **dict.fromkeys(("mish", "softplus", "log_sigmoid", "squareplus", "log1mexp", "soft_sign"), _PAIRS),
    **dict.fromkeys(("identity", "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "sparse_sigmoid"), _KINK),
    **dict.fromkeys(("hard_silu", "sparse_plus"), _KINK),
    **dict.fromkeys(("softmax", "cross_entropy_from_logits"), _ROWS),
}
"""Why a function takes longer than jax.nn's, forward and backward and in a train step."""
EAGER_REASON = "its parameters are bound, checked and made arrays by Python in each call"
COMPILATION_REASON = "exp and what else is inexact in XLA is written out, and XLA optimises every operation of it"
EQUATIONS_REASON = "exp and what else is inexact in XLA is written out in additions and multiplications"


@dataclass(frozen=True)
class Config:
    """What do the activations cost?"""

    functions: tuple[str, ...] = ()
    """Names of functions to measure; all if none is given."""
    timed: bool = False
    """Measure times, too: twenty minutes on two cores."""
    peer: Annotated[tuple[Literal["torch"], ...], tyro.conf.UseAppendAction] = ()
    """Another library to time; jax.nn always is."""
    size: int = 2**22
    """Elements of the timed arrays."""
    rounds: int = 15
    """How often each timed program has its turn."""
    largest: int = 2**26
    """Elements of the largest array in the figure of time against size."""
    out: Path = Path("results")
    """Folder for speed.md, speed.json and the figure."""

    def __post_init__(self) -> None:
        """Say in one sentence what cannot be measured."""
        for name in self.functions:
            checks.one_of([name for name, facts in CATALOGUE.items() if facts.elementwise], functions=name)
        checks.at_least(2, rounds=self.rounds)
        checks.at_least(1024, size=self.size, largest=self.largest)


@dataclass(frozen=True)
class Figure:
    """One number of one function, beside that of jax.nn."""

    what: str
    function: str
    ours: float
    theirs: float | None
    bound: float
    """Also what jax.nn takes is a bound, where it is lower."""

    @property
    def within(self) -> bool:
        return self.ours <= self.bound + 1e-9 and (self.theirs is None or self.ours <= self.theirs + 1e-9)

    @property
    def reason(self) -> str:
        return REASONS.get((self.what, self.function), "")


@dataclass(frozen=True)
class Costs:
    """Further figures of a function, for which there is no hard bound."""

    function: str
    flops: float
    equations: list[int]
    """Of f, f' and f''."""
    their_flops: float | None
    their_equations: list[int] | None


@dataclass(frozen=True)
class Time:
    """How long a program takes, as ratios of medians."""

    what: str
    """Forward, forward and backward, a train step, ..."""
    function: str
    dtype: str
    milliseconds: float
    ratios: dict[str, tuple[float, float, float]]
    """By what it is compared with: the ratio and its interval."""
    bound: float | None
    """Of the upper end of the ratio to the first of these."""

    @property
    def judged(self) -> tuple[float, float, float]:
        """The ratio that the bound is for, with its interval."""
        return next(iter(self.ratios.values()))

    @property
    def verdict(self) -> str:
        """Whether the interval lies below the bound, above it, or on both sides."""
        _, low, high = self.judged
        return "yes" if self.bound is None or high <= self.bound else "NO" if low > self.bound else "undecided"

    @property
    def reason(self) -> str:
        if self.what == "eager call":
            return EAGER_REASON
        return COMPILATION_REASON if self.what.startswith("compilation") else TIME_REASONS.get(self.function, "")


@dataclass(frozen=True)
class Measured:
    """Everything that was measured."""

    figures: list[Figure] = field(default_factory=list)
    costs: list[Costs] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    growth: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    """Nanoseconds per element, forward and backward, by function, library and number of elements."""

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.within and not figure.reason]

    def mean_ratio(self, what: str, dtype: str) -> float:
        """The geometric mean of the ratios to jax.nn."""
        rows = [time for time in self.times if (time.what, time.dtype) == (what, dtype) and "jax.nn" in time.ratios]
        return geometric_mean([row.ratios["jax.nn"][0] for row in rows])


def run(config: Config, progress: Progress) -> Measured:
    """Everything that was asked for."""
    names = config.functions or tuple(name for name, facts in CATALOGUE.items() if facts.elementwise)
    measured = Measured()
    steps = list(_steps(config, names))
    for done, (doing, step) in enumerate(steps):
        progress(done / len(steps), doing)
        step(measured)
    return measured


def _steps(config: Config, names: tuple[str, ...]) -> Iterator[tuple[str, Callable[[Measured], None]]]:
    for name in names:
        yield name, lambda measured, name=name: _count(CATALOGUE[name], measured)
    if not config.timed:
        return
    for contest in contests.every(names, config.size, config.largest, config.peer):
        yield contest.function, lambda measured, contest=contest: _hold(contest, config.rounds, measured)


def _count(facts: Facts, measured: Measured) -> None:
    ours, peer = figures.at_defaults(facts), JAX_NN.get(facts.name)
    theirs = figures.at_defaults(facts, peer) if peer else None
    bounds = {
        "kept": 1.0 if figures.piecewise_linear(ours) else 4.0,
        "layers": 1.1 if facts.name in SLOPE_FROM_OUTPUT else 2.05,
        "transcendentals": 1.0,
    }
    own, others = figures.counted(ours), figures.counted(theirs) if theirs else {}
    for what, bound in bounds.items():
        measured.figures.append(Figure(what, facts.name, own[what], others.get(what), bound))
    their_equations = figures.equations(theirs) if theirs else None
    measured.costs.append(
        Costs(facts.name, own["flops"], figures.equations(ours), others.get("flops"), their_equations)
    )
    jax.clear_caches()


def _hold(contest: contests.Contest, rounds: int, measured: Measured) -> None:
    runs: Runs = race(contest.programs(), rounds)
    others = [name for name in runs if name != "jaxact"]
    middle = sorted(runs["jaxact"])[rounds // 2]
    if contest.elements:
        lines = measured.growth.setdefault(contest.function, {})
        for name, seconds in runs.items():
            lines.setdefault(name, {})[contest.elements] = sorted(seconds)[rounds // 2] / contest.elements * 1e9
    else:
        ratios = {name: tuple(ratio(runs, "jaxact", name)) for name in others}
        measured.times.append(
            Time(contest.what, contest.function, contest.dtype, middle * 1e3, ratios, contest.bound)  # pyright: ignore
        )
    jax.clear_caches()
