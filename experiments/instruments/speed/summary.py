"""What the figures and times of `speed` amount to: a row for each regime, and each bound that is missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from experiments.core.paired_timing import geometric_mean

from .regimes import COMPILE, LIMITS, MEMORY, TIMES, TRANSCENDENTALS, Limit, Regime
from .results import Figure, Measured, Time, mean, verdict

HEADER = ("regime", "geometric mean, ours / theirs", "worst", "bound", "holds")


@dataclass(frozen=True)
class Miss:
    """A bound that is missed."""

    regime: str
    found: str
    """By what, by how much."""
    reason: str
    """Why; a defect without one."""


def summary(measured: Measured) -> list[list[str]]:
    """A row for each regime of which anything was measured, under the HEADER; transcendentals cost time, told above."""
    counted = [_counted(limit, measured) for limit in LIMITS.values() if limit.what != TRANSCENDENTALS]
    return [row for row in [*(_timed(regime, measured) for regime in TIMES.values()), *counted] if row]


def misses(measured: Measured) -> list[Miss]:
    """Each bound that is surely missed: by a mean, by a function, by a figure."""
    means = [
        Miss(
            name, f"the geometric mean{f' of {what}' if what else ''} is {_interval(mean(times))} (bound {bound:g})", ""
        )
        for name, regime in TIMES.items()
        for what, bound in regime.means.items()
        if (times := measured.compared(name, what)) and verdict(mean(times), bound) == "NO"
    ]
    timed = [Miss(time.regime, told(time), time.reason) for time in measured.times if time.verdict == "NO"]
    counted = [Miss(one.what, _figure(one), one.reason) for one in measured.figures if not one.within]
    return means + timed + counted


def told(time: Time) -> str:
    """A time with its bound, as a clause."""
    of = f"{time.what} of " if time.what else ""
    found = _interval(time.judged) if time.ratios else f"{time.judged.value:.1f} s"
    dtype = f", {time.dtype}" if time.dtype not in time.regime and time.dtype != "float32" else ""
    return f"{of}{time.function}{dtype}: {found}" + ("" if time.bound is None else f" (bound {time.bound:g})")


def amount(figure: Figure, number: float) -> str:
    """A number of a figure, as people read it."""
    if figure.what != MEMORY:
        return f"{number:.3g}"
    return f"{number / 2**20:.3g} MiB" if number >= 2**19 else f"{number / 2**10:.3g} KiB"


def _timed(regime: Regime, measured: Measured) -> list[str]:
    times = measured.compared(regime.name)
    if not times:
        return []
    found = {what: mean(of) for what in regime.means if (of := measured.compared(regime.name, what))}
    verdicts = [verdict(value, regime.means[what]) for what, value in found.items()]
    verdicts += [time.verdict for time in measured.times if time.regime == regime.name and not time.reason]
    holds = "NO" if "NO" in verdicts else "undecided" if "undecided" in verdicts else "yes"
    worst = max(times, key=lambda time: time.judged.value / (time.bound or 1))
    numbers = [f"{value.value:.2f}" + (f" ({what})" if what else "") for what, value in found.items()]
    alone = [time for time in measured.times if time.regime == regime.name and not time.ratios]
    slowest = max(alone, key=lambda time: time.milliseconds, default=None)
    also = f"; of those that jax.nn has not: {told(slowest)}" if slowest and regime.name == COMPILE else ""
    return [regime.name, ", ".join(numbers), told(worst) + also, regime.text, holds]


def _counted(limit: Limit, measured: Measured) -> list[str]:
    found = [figure for figure in measured.figures if figure.what == limit.what]
    bounded = [figure for figure in found if figure.bound is not None]
    if not bounded:
        return []
    least = limit.slack if limit.what == MEMORY else 0.0  # or a few bytes beside none would count as infinity
    pairs = [(max(one.ours, least), max(one.theirs, least)) for one in found if one.theirs is not None]
    ratios = [ours / theirs for ours, theirs in pairs if ours and theirs]
    unexplained = [figure for figure in bounded if not figure.within and not figure.reason]
    explained = _named([figure for figure in bounded if not figure.within and figure.reason])
    holds = "NO" if unexplained else f"but for {explained}" if explained else "yes"
    number = f"{geometric_mean(ratios):.2f}" if ratios else ""
    return [limit.what, number, _figure(max(unexplained or bounded, key=_share)), limit.text, holds]


def _share(figure: Figure) -> float:
    """How much of its bound a figure takes."""
    return figure.ours / figure.bound if figure.bound else inf if figure.ours else 0.0


def _figure(figure: Figure) -> str:
    case = f", {figure.case}" if figure.case else ""
    theirs = "" if figure.theirs is None else f", theirs {amount(figure, figure.theirs)}"
    bound = "" if figure.bound is None else f"bound {amount(figure, figure.bound)}"
    return f"{figure.function}{case}: {amount(figure, figure.ours)} ({bound}{theirs})"


def _named(figures: Sequence[Figure]) -> str:
    return ", ".join(dict.fromkeys(figure.function for figure in figures))


def _interval(ratio: Sequence[float]) -> str:
    value, low, high = ratio
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
