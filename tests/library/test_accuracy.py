"""Value, f' and f'' of every elementwise activation against its formula, within the bounds in ulp."""

import numpy as np
import pytest
from helpers import CASE_IDS, CASES, COMMON, Error, bounds, orders, patterns, sample, worst_by_order, worst_exactly

from jaxact import Facts

pytestmark = pytest.mark.optimised

SLOW = {True: (), False: pytest.mark.slow}  # `python -m experiments accuracy` measures all of them, too
COMMON_FIRST = [pytest.param(*case, marks=SLOW[case[0].name in COMMON]) for case in CASES]
cases = pytest.mark.parametrize(("facts", "given"), COMMON_FIRST, ids=CASE_IDS)


def assert_within(errors: list[Error], bounds: tuple[float, ...]) -> None:
    assert all(error.within(bound) for error, bound in zip(errors, bounds, strict=True)), errors


@cases
def test_every_type_is_within_its_bounds(facts: Facts, given: dict[str, float]) -> None:
    """All 16-bit and many float32 numbers against float64; float64 and some float32 against arbitrary precision."""
    for dtype in ("bfloat16", "float16", "float32"):
        x = patterns(dtype) if dtype != "float32" else sample(dtype, 2**17, facts, np.random.default_rng(2), given)
        got, truth = orders(facts, given, x), orders(facts, given, x.astype("float64"))
        assert {str(part.dtype) for part in got} == {dtype}
        assert_within(worst_by_order(facts, given, x, got, truth), bounds(facts, dtype, truth))
    for dtype, count in (("float64", 2500), ("float32", 500)):
        x = sample(dtype, count, facts, np.random.default_rng(0), given)
        x = x[np.abs(x) < 1e30]
        got = orders(facts, given, x)
        assert {str(part.dtype) for part in got} == {dtype}
        assert_within(worst_exactly(facts, given, x, got), bounds(facts, dtype, truth))
