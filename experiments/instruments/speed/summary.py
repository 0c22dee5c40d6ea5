"""The summary of `speed`: a row for each regime, and each bound that is missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from experiments.core.paired_timing import geometric_mean

from .regimes import COMPILE, LIMITS, MEMORY, TIMES, TRANSCENDENTALS, Limit, Regime
from .results import Count, Measured, Time, mean, verdict

HEADER = ("regime", "geometric mean, ours / theirs", "worst", "bound", "holds")


@dataclass(frozen=True)
class Miss:
    """A bound that is missed."""

    regime: str
    finding: str
    """The function and its value."""
    reason: str
    """Why it is missed; without a reason it is a defect."""


def summary(measured: Measured) -> list[list[str]]:
    """A row for each regime that was measured, under the HEADER; transcendentals show in the times."""
    counted = [_count_row(limit, measured) for limit in LIMITS.values() if limit.what != TRANSCENDENTALS]
    return [row for row in [*(_time_row(regime, measured) for regime in TIMES.values()), *counted] if row]


def misses(measured: Measured) -> list[Miss]:
    """All bounds that are missed: by a mean, by a function, or by a count."""
    means = [
        Miss(
            name, f"the geometric mean{f' of {what}' if what else ''} is {_interval(mean(times))} (bound {bound:g})", ""
        )
        for name, regime in TIMES.items()
        for what, bound in regime.means.items()
        if (times := measured.compared(name, what)) and verdict(mean(times), bound) == "NO"
    ]
    timed = [Miss(time.regime, time_text(time), time.reason) for time in measured.times if time.verdict == "NO"]
    counted = [Miss(count.what, _count_text(count), count.reason) for count in measured.counts if not count.within]
    return means + timed + counted


def time_text(time: Time) -> str:
    """A time with its bound, as text."""
    what = f"{time.what} of " if time.what else ""
    value = _interval(time.judged) if time.ratios else f"{time.judged.value:.1f} s"
    dtype = f", {time.dtype}" if time.dtype not in time.regime and time.dtype != "float32" else ""
    return f"{what}{time.function}{dtype}: {value}" + ("" if time.bound is None else f" (bound {time.bound:g})")


def amount(count: Count, number: float) -> str:
    """A number of a count, as text with its unit."""
    if count.what != MEMORY:
        return f"{number:.3g}"
    return f"{number / 2**20:.3g} MiB" if number >= 2**19 else f"{number / 2**10:.3g} KiB"


def _time_row(regime: Regime, measured: Measured) -> list[str]:
    times = measured.compared(regime.name)
    if not times:
        return []
    means = {what: mean(of) for what in regime.means if (of := measured.compared(regime.name, what))}
    verdicts = [verdict(value, regime.means[what]) for what, value in means.items()]
    verdicts += [time.verdict for time in measured.times if time.regime == regime.name and not time.reason]
    holds = "NO" if "NO" in verdicts else "undecided" if "undecided" in verdicts else "yes"
    worst = max(times, key=lambda time: time.judged.value / (time.bound or 1))
    numbers = [f"{value.value:.2f}" + (f" ({what})" if what else "") for what, value in means.items()]
    alone = [time for time in measured.times if time.regime == regime.name and not time.ratios]
    slowest = max(alone, key=lambda time: time.milliseconds, default=None)
    also = f"; of those that jax.nn has not: {time_text(slowest)}" if slowest and regime.name == COMPILE else ""
    return [regime.name, ", ".join(numbers), time_text(worst) + also, regime.text, holds]


def _count_row(limit: Limit, measured: Measured) -> list[str]:
    counts = [count for count in measured.counts if count.what == limit.what]
    bounded = [count for count in counts if count.bound is not None]
    if not bounded:
        return []
    least = limit.slack if limit.what == MEMORY else 0.0  # else a few bytes against none would be an infinite ratio
    pairs = [(max(count.ours, least), max(count.theirs, least)) for count in counts if count.theirs is not None]
    ratios = [ours / theirs for ours, theirs in pairs if ours and theirs]
    unexplained = [count for count in bounded if not count.within and not count.reason]
    explained = _named([count for count in bounded if not count.within and count.reason])
    holds = "NO" if unexplained else f"but for {explained}" if explained else "yes"
    number = f"{geometric_mean(ratios):.2f}" if ratios else ""
    return [limit.what, number, _count_text(max(unexplained or bounded, key=_share)), limit.text, holds]


def _share(count: Count) -> float:
    """The share of its bound that a count takes."""
    return count.ours / count.bound if count.bound else inf if count.ours else 0.0


def _count_text(count: Count) -> str:
    case = f", {count.case}" if count.case else ""
    theirs = "" if count.theirs is None else f", theirs {amount(count, count.theirs)}"
    bound = "" if count.bound is None else f"bound {amount(count, count.bound)}"
    return f"{count.function}{case}: {amount(count, count.ours)} ({bound}{theirs})"


def _named(counts: Sequence[Count]) -> str:
    return ", ".join(dict.fromkeys(count.function for count in counts))


def _interval(ratio: Sequence[float]) -> str:
    value, low, high = ratio
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
