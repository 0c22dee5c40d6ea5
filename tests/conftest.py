"""Strict by default: what passes here passes in any configuration a user may have."""

import gc
import os
import shutil
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax

gc.set_threshold(100_000, 50, 100)  # tracing makes many objects that live: 7 % of the time is saved
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
if jax.default_backend() != "cpu":  # others round the factors of matrix products, to 11 bits of a float32 on a GPU
    jax.config.update("jax_default_matmul_precision", "float32")

TESTS = count(1)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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
    if next(TESTS) % 200 == 0:
        jax.clear_caches()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for the tests of pages."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield launched
        launched.close()
