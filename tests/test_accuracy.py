"""Value, f' and f'' of every elementwise activation against its formula, in ulp: what its docstring promises."""

import numpy as np
import pytest
from measure import (
    CASE_IDS,
    CASES,
    EXACT,
    UNRELIEVED_16_BIT,
    Error,
    orders,
    patterns,
    sample,
    worst_by_order,
    worst_exactly,
)

from experiments.published import promise
from jaxact import Facts

cases = pytest.mark.parametrize(("facts", "given"), CASES, ids=CASE_IDS)


def hold(errors: list[Error], bounds: tuple[float, ...]) -> None:
    assert all(error.within(bound) for error, bound in zip(errors, bounds, strict=True)), errors


@cases
def test_every_type_is_within_its_bounds(facts: Facts, given: dict[str, float]) -> None:
    """float64 and some float32 against arbitrary precision; all 16-bit and more float32 against float64."""
    for dtype, count in (("float64", 2500), ("float32", 500)):
        x = sample(dtype, count, facts, np.random.default_rng(0), given)
        x = x[np.abs(x) < 1e30]
        got = orders(facts, given, x)
        assert {str(part.dtype) for part in got} == {dtype}
        hold(worst_exactly(facts, given, x, got), promise(facts, dtype))
    for dtype in ("bfloat16", "float16", "float32"):
        x = patterns(dtype) if dtype != "float32" else sample(dtype, 2**17, facts, np.random.default_rng(2), given)
        got, truth = orders(facts, given, x), orders(facts, given, x.astype("float64"))
        assert {str(part.dtype) for part in got} == {dtype}
        errors = worst_by_order(facts, given, x, got, truth)
        hold(errors, promise(facts, dtype))
        if dtype != "float32":
            assert errors[2].unrelieved <= UNRELIEVED_16_BIT, errors[2]
        if not truth[2].any():  # piecewise linear: the one rounding that no computation can avoid
            hold(errors[:2], (EXACT, EXACT))
