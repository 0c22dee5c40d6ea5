"""Strict by default: what passes here passes in any configuration a user may have."""

import gc
import os
from collections.abc import Iterator
from itertools import count

import pytest

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax

gc.set_threshold(100_000, 50, 100)  # tracing makes many objects that live: 7 % of the time is saved
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

TESTS = count(1)


@pytest.fixture(autouse=True)
def compile_quickly(request: pytest.FixtureRequest) -> None:
    """Tests of behaviour compile without most optimisations, in two thirds of the time."""
    quickly = "optimised" not in request.keywords
    if jax.config.values["jax_disable_most_optimizations"] != quickly:
        jax.clear_caches()
        jax.config.update("jax_disable_most_optimizations", quickly)


@pytest.fixture(autouse=True)
def forget_programs() -> Iterator[None]:
    """All programs of all tests together would take more memory than there is."""
    yield
    if next(TESTS) % 50 == 0:
        jax.clear_caches()
