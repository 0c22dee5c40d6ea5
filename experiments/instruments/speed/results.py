"""The results of `speed`, and the verdicts on their bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log, sqrt

from experiments.core.paired_timing import geometric_mean
from experiments.core.statistics import Interval

from .regimes import REASONS


@dataclass(frozen=True)
class Count:
    """A count of one function, beside that of jax.nn."""

    what: str
    function: str
    ours: float
    theirs: float | None
    bound: float | None
    case: str = ""
    """Distinguishes several such counts of the function."""

    @property
    def within(self) -> bool:
        return self.bound is None or self.ours <= self.bound + 1e-9

    @property
    def reason(self) -> str:
        return REASONS.get((self.what, self.function), "")


@dataclass(frozen=True)
class Operations:
    """Operations and equations of a function, which have no bound here."""

    function: str
    flops: float
    equations: list[int]
    """Equations of f, f' and f''."""
    their_flops: float | None
    their_equations: list[int] | None


@dataclass(frozen=True)
class Time:
    """The time of a program, and its ratios to those of other libraries, of medians."""

    regime: str
    what: str
    """The program: forward, forward and backward, a sum, ..."""
    function: str
    dtype: str
    milliseconds: float
    ratios: dict[str, Interval]
    """By library; empty where no other library has the function."""
    bound: float | None
    """On the first ratio, or on the seconds where there is none."""

    @property
    def judged(self) -> Interval:
        """The value that is held against the bound: the first ratio, or seconds."""
        seconds = self.milliseconds / 1000
        return next(iter(self.ratios.values()), Interval(seconds, seconds, seconds))

    @property
    def verdict(self) -> str:
        return verdict(self.judged, self.bound)

    @property
    def reason(self) -> str:
        return REASONS.get((self.regime, self.function), "")


@dataclass(frozen=True)
class Measured:
    """All results."""

    counts: list[Count] = field(default_factory=list)
    operations: list[Operations] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    growth: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    """Nanoseconds per element, forward and backward, by function, library and number of elements."""

    def compared(self, regime: str, what: str = "") -> list[Time]:
        """The times of a regime that have ratios; of all its programs if none is named."""
        return [time for time in self.times if time.regime == regime and time.ratios and what in ("", time.what)]


def verdict(measured: Interval, bound: float | None) -> str:
    """Whether the interval lies below the bound, above it, or on both sides."""
    if bound is None or measured.high <= bound:
        return "yes"
    return "NO" if measured.low > bound else "undecided"


def mean(times: Sequence[Time]) -> Interval:
    """The geometric mean of the ratios; the errors of their logarithms are added as those of independent numbers."""
    value = geometric_mean([time.judged.value for time in times])
    below = sqrt(sum(log(time.judged.value / time.judged.low) ** 2 for time in times)) / len(times)
    above = sqrt(sum(log(time.judged.high / time.judged.value) ** 2 for time in times)) / len(times)
    return Interval(value, value * exp(-below), value * exp(above))
