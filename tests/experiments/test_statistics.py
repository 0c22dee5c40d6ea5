"""Intervals have the coverage that they claim, infinite runs are not dropped, and verdicts follow their rule."""

import math

import numpy as np
import pytest

from experiments.core.statistics import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Interval,
    hull,
    interquartile_interval,
    mean_interval,
    median_interval,
    ratio_interval,
    verdict,
    wilson_interval,
)

TRIALS = 300
"""Simulated experiments per coverage test; a correct 95 % interval then covers at least 91 % of the time."""


def _covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def test_the_interval_of_a_mean_has_its_coverage() -> None:
    rng = np.random.default_rng(0)
    hits = [_covers(mean_interval(rng.normal(3.0, 2.0, 6), 0.95), 3.0) for _ in range(2000)]
    assert 0.935 < np.mean(hits) < 0.965


def test_a_mean_interval_is_students() -> None:
    interval = mean_interval([1.0, 2.0, 3.0, 4.0], 0.95)
    reach = 3.182446305284263 * math.sqrt(5 / 3) / 2  # t quantile for 3 degrees of freedom, from a table
    assert interval == pytest.approx((2.5, 2.5 - reach, 2.5 + reach))


def test_the_interval_of_a_median_has_its_coverage() -> None:
    rng = np.random.default_rng(1)
    hits = [_covers(median_interval(rng.lognormal(2.0, 1.0, 16), 0.95), math.exp(2.0)) for _ in range(TRIALS)]
    assert 0.91 < np.mean(hits) <= 1.0


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_the_interval_of_a_ratio_of_medians_has_its_coverage(confidence: float) -> None:
    rng = np.random.default_rng(2)
    hits = [
        _covers(ratio_interval(rng.lognormal(2.0, 0.4, 16), rng.lognormal(1.0, 0.4, 16), confidence), math.e)
        for _ in range(TRIALS)
    ]
    assert confidence - 0.05 < np.mean(hits) < min(1.0, confidence + 0.15) + 1e-9


def test_a_wrong_ratio_is_not_covered() -> None:
    rng = np.random.default_rng(3)
    hits = [
        _covers(ratio_interval(rng.lognormal(2.0, 0.2, 16), rng.lognormal(1.0, 0.2, 16), 0.95), 2 * math.e)
        for _ in range(50)
    ]
    assert np.mean(hits) < 0.05


def test_the_interval_of_an_interquartile_mean_has_its_coverage() -> None:
    rng = np.random.default_rng(5)
    hits = [
        _covers(interquartile_interval([rng.normal(0.0, 1.0, 20), rng.normal(0.0, 1.0, 20)], 0.95), 0.0)
        for _ in range(TRIALS)
    ]
    assert 0.91 < np.mean(hits) <= 1.0


def test_an_interquartile_mean_leaves_out_both_quarters() -> None:
    assert interquartile_interval([[-1e9, 2.0, 4.0, 1e9]], 0.95).value == 3.0
    assert interquartile_interval([[-1e9, 2.0], [4.0, 1e9]], 0.95).value == 3.0


def test_each_stratum_is_resampled_by_itself() -> None:
    """Two constant strata far apart give an interval of width 0; as one stratum they do not."""
    low, high = [0.0] * 10, [10.0] * 10
    assert interquartile_interval([low, high], 0.99) == (5.0, 5.0, 5.0)
    assert interquartile_interval([low + high], 0.99).low < 5.0 < interquartile_interval([low + high], 0.99).high


@pytest.mark.parametrize("strata", [[[1.0]], [[1.0, 2.0], [3.0]], [[1.0, math.nan]], [[1.0, math.inf, 2.0]]])
def test_one_run_or_one_that_is_not_finite_gives_an_infinite_interval_of_an_interquartile_mean(
    strata: list[list[float]],
) -> None:
    interval = interquartile_interval(strata, 0.95)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert verdict(interval, low=0.0) == INCONCLUSIVE


def test_more_confidence_and_fewer_runs_widen() -> None:
    runs = np.random.default_rng(4).lognormal(2.0, 0.5, 32)
    width = {
        (confidence, count): np.ptp(median_interval(runs[:count], confidence)[1:])
        for confidence in (0.8, 0.99)
        for count in (8, 32)
    }
    assert width[0.8, 32] < width[0.99, 32] < width[0.99, 8]


def test_runs_that_never_reach_the_error_are_infinite_not_missing() -> None:
    reached, half = [10.0] * 8, [10.0] * 4 + [math.inf] * 4
    assert median_interval(half, 0.95).high == math.inf
    assert median_interval([math.inf] * 8, 0.95) == (math.inf, math.inf, math.inf)
    assert ratio_interval(half, reached, 0.95).high == math.inf
    assert ratio_interval(half, reached, 0.95).low == 1.0
    assert ratio_interval(reached, half, 0.95).low == 0.0
    assert ratio_interval([math.inf] * 8, reached, 0.95) == (math.inf, math.inf, math.inf)


def test_the_ratio_of_two_infinite_medians_is_inconclusive() -> None:
    interval = ratio_interval([math.inf] * 8, [math.inf] * 8, 0.95)
    assert math.isnan(interval.value)
    assert (interval.low, interval.high) == (0.0, math.inf)
    assert verdict(interval, low=1.0) == INCONCLUSIVE


def test_a_few_late_runs_do_not_move_the_median() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, math.inf], 0.5).value == 3.0


def test_one_run_or_one_that_is_nan_gives_an_infinite_interval_of_a_mean() -> None:
    for runs in ([], [1.0], [1.0, math.nan, 2.0]):
        interval = mean_interval(runs, 0.95)
        assert (interval.low, interval.high) == (-math.inf, math.inf)


def test_wilson_matches_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263 and 15 of 148 at 95 %.
    assert wilson_interval(81, 263, 0.95)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148, 0.95)[1:] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20, 0.95)[1:] == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_without_trials_the_interval_of_a_share_is_everything() -> None:
    assert wilson_interval(0, 0, 0.95)[1:] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (5.0, 8.0, SUPPORTED),
        (3.0, 5.0, INCONCLUSIVE),
        (8.0, 10.0, INCONCLUSIVE),
        (1.0, 20.0, INCONCLUSIVE),
        (4.0, 4.0, INCONCLUSIVE),
        (1.0, 3.9, REFUTED),
        (9.1, math.inf, REFUTED),
        (math.inf, math.inf, REFUTED),
        (math.nan, 5.0, INCONCLUSIVE),
    ],
)
def test_a_claim_of_a_range(low: float, high: float, expected: str) -> None:
    assert verdict(Interval(6.0, low, high), 4.0, 9.0) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1.1, math.inf, SUPPORTED), (0.9, 1.1, INCONCLUSIVE), (0.2, 0.9, REFUTED), (math.inf, math.inf, SUPPORTED)],
)
def test_a_claim_of_more_than(low: float, high: float, expected: str) -> None:
    assert verdict(Interval(1.0, low, high), low=1.0) == expected


def test_a_hull_lies_on_one_side_only_if_every_interval_does() -> None:
    below, across, above = Interval(0.1, 0.0, 0.2), Interval(0.5, 0.3, 0.7), Interval(0.9, 0.8, 1.0)
    assert hull([below, above]) == Interval(0.5, 0.0, 1.0)
    assert verdict(hull([across, above]), low=0.25) == SUPPORTED
    assert verdict(hull([below, across]), low=0.75) == REFUTED
    assert verdict(hull([below, above]), low=0.5) == INCONCLUSIVE
    assert verdict(hull([above, Interval(math.nan, -math.inf, math.inf)]), low=0.5) == INCONCLUSIVE
