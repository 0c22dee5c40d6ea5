"""Confidence intervals and the verdicts that follow from them."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

SUPPORTED, REFUTED, INCONCLUSIVE = "SUPPORTED", "REFUTED", "INCONCLUSIVE"
VERDICTS = SUPPORTED, REFUTED, INCONCLUSIVE
RESAMPLES = 10_000


class Interval(NamedTuple):
    """A measured value and the confidence interval around it."""

    value: float
    low: float
    high: float


def mean_interval(runs: ArrayLike, confidence: float) -> Interval:
    """The mean of runs with Student's t interval: right for few runs, where a bootstrap of a mean is too narrow.

    Equal runs give an interval of width 0. A single run, or one that is not finite, gives an infinite interval.
    """
    runs = np.asarray(runs, float)
    if len(runs) < 2 or not np.isfinite(runs).all():
        return Interval(float(np.mean(runs)) if len(runs) else math.nan, -math.inf, math.inf)
    mean, error = runs.mean(), stats.sem(runs)
    margin = stats.t.ppf((1 + confidence) / 2, len(runs) - 1) * error
    return Interval(float(mean), float(mean - margin), float(mean + margin))


def median_interval(runs: ArrayLike, confidence: float) -> Interval:
    """The median of runs with a bootstrap interval; a run that never reached its threshold is +inf."""
    runs = np.asarray(runs, float)
    return _percentiles(float(_middle(runs)), _resampled_medians(runs, 0), confidence)


def ratio_interval(above: ArrayLike, below: ArrayLike, confidence: float) -> Interval:
    """The median of `above` divided by the median of `below`, with a bootstrap interval.

    A run that never reached its threshold is +inf; it is neither dropped nor averaged. Where both medians of a
    resample are infinite, the ratio is unknown, and the interval widens at both ends.
    """
    above, below = np.asarray(above, float), np.asarray(below, float)
    with np.errstate(invalid="ignore"):
        ratios = _resampled_medians(above, 1) / _resampled_medians(below, 2)
        value = np.divide(_middle(above), _middle(below))
    return _percentiles(float(value), ratios, confidence)


def censored_ratio_interval(above: ArrayLike, below: ArrayLike, most: float, confidence: float) -> Interval:
    """The same for runs that were stopped after `most` steps: +inf means that a run needs more, not that it never ends.

    A resampled ratio with an infinite median above is at least `most` / below, with one below at most above / `most`;
    the interval goes from a percentile of the least values to one of the greatest. Where the median of all runs above
    is infinite, the value is that lower bound, and where that below is, the upper one; NaN where both are.
    """
    above, below = np.asarray(above, float), np.asarray(below, float)
    least = _resampled_medians(np.minimum(above, most), 1) / _resampled_medians(below, 2)
    greatest = _resampled_medians(above, 1) / _resampled_medians(np.minimum(below, most), 2)
    middle_above, middle_below = (float(_middle(runs)) for runs in (above, below))
    value = math.nan
    if math.isfinite(middle_above) or math.isfinite(middle_below):
        value = min(middle_above, most) / min(middle_below, most)
    low, high = _percentiles(value, least, confidence).low, _percentiles(value, greatest, confidence).high
    return Interval(value, low, high)


def interquartile_interval(strata: Sequence[ArrayLike], confidence: float) -> Interval:
    """The mean of the middle half of all runs, with a bootstrap interval that resamples within each stratum.

    As in Agarwal et al. 2021, https://arxiv.org/abs/2108.13264; a stratum is a task or a depth. A stratum with fewer
    than two runs, or any run that is not finite, gives an infinite interval.
    """
    runs = [np.asarray(stratum, float) for stratum in strata]
    together = np.concatenate(runs)
    if min(map(len, runs)) < 2 or not np.isfinite(together).all():
        return Interval(math.nan, -math.inf, math.inf)
    resamples = _middle_halves_of(tuple(tuple(stratum.tolist()) for stratum in runs))
    return _percentiles(stats.trim_mean(together, 0.25), resamples, confidence)


@functools.lru_cache(64)
def _middle_halves_of(strata: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    drawn = [np.array(runs)[rng.integers(len(runs), size=(RESAMPLES, len(runs)))] for runs in strata]
    return stats.trim_mean(np.concatenate(drawn, axis=1), 0.25, axis=1)


def wilson_interval(successes: int, trials: int, confidence: float) -> Interval:
    """A proportion with Wilson's interval, which is right near 0 and 1 too; without trials the interval is [0, 1]."""
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0)
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def percent(interval: Interval) -> Interval:
    """The interval of a share in per cent."""
    return Interval(*(100 * end for end in interval))


def hull(intervals: Sequence[Interval]) -> Interval:
    """From the lowest end to the highest, around the mean value: on one side of a limit only if all of them are."""
    values, lows, highs = zip(*intervals, strict=True)
    return Interval(float(np.mean(values)), float(np.min(lows)), float(np.max(highs)))


def verdict(interval: Interval, low: float = -math.inf, high: float = math.inf) -> str:
    """The verdict on the claim that the value lies between `low` and `high`.

    SUPPORTED if the whole interval does, REFUTED if none of it does, INCONCLUSIVE if a limit lies inside it or it could
    not be measured.
    """
    if math.isnan(interval.low) or math.isnan(interval.high):
        return INCONCLUSIVE
    above = interval.low > low or low == -math.inf
    below = interval.high < high or high == math.inf
    if above and below:
        return SUPPORTED
    if interval.high < low or interval.low > high:
        return REFUTED
    return INCONCLUSIVE


def negligible(interval: Interval, margin: float) -> bool:
    """Whether the whole interval lies within `margin` of 0: a difference that makes no difference."""
    return -margin < interval.low and interval.high < margin


def lead_verdict(lead: Interval, margin: float) -> str:
    """The verdict on the claim that one is ahead of the other.

    SUPPORTED if the whole interval lies above 0, REFUTED if it lies below 0 or within the margin of 0.
    """
    if lead.low > 0:
        return SUPPORTED
    return REFUTED if lead.high < 0 or negligible(lead, margin) else INCONCLUSIVE


def discordant_interval(first: int, second: int, pairs: int, confidence: float) -> Interval:
    """The share of pairs in which only the first failed, less that in which only the second did, in per cent.

    Its ends are those of both Wilson intervals.
    """
    one, other = (wilson_interval(count, pairs, confidence) for count in (first, second))
    ends = (one.value - other.value, one.low - other.high, one.high - other.low)
    return percent(Interval(*ends))


def _middle(runs: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """The median; the midpoint of a number and infinity is infinity, without a warning."""
    ordered = np.sort(runs, axis=axis)
    size = runs.shape[axis]
    lower, upper = (ordered.take(index, axis=axis) for index in ((size - 1) // 2, size // 2))
    return lower / 2 + upper / 2


def _resampled_medians(runs: NDArray[np.float64], stream: int) -> NDArray[np.float64]:
    return _medians_of(tuple(runs.tolist()), stream)


@functools.lru_cache(256)  # a report asks for the interval of the same runs in its verdict, table, figure and sentence
def _medians_of(runs: tuple[float, ...], stream: int) -> NDArray[np.float64]:
    medians = _middle(np.array(runs)[_picks(len(runs), stream)])
    medians.flags.writeable = False
    return medians


@functools.lru_cache(64)
def _picks(size: int, stream: int) -> NDArray[np.int64]:
    return np.random.default_rng(stream).integers(size, size=(RESAMPLES, size))


def _percentiles(value: float, resamples: NDArray[np.float64], confidence: float) -> Interval:
    """The percentile interval; its ends are resampled values, as interpolating towards an infinity would give NaN."""
    tail = (1 - confidence) / 2
    unknown = np.isnan(resamples)
    low = np.quantile(np.where(unknown, 0, resamples), tail, method="lower")
    high = np.quantile(np.where(unknown, np.inf, resamples), 1 - tail, method="higher")
    return Interval(float(value), float(low), float(high))
