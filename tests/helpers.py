"""What several test files use: the activations, calls of them, and their errors."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.instruments.accuracy.implementations import derivatives, float32_parameters, ours
from experiments.instruments.accuracy.implementations import forward as forward
from experiments.instruments.accuracy.implementations import reverse as reverse
from experiments.instruments.accuracy.reference import worst_exactly as worst_exactly
from experiments.instruments.accuracy.rows import first as first
from experiments.instruments.accuracy.sweep import moves_of, tiled
from experiments.instruments.accuracy.ulps import AXIS_BOUNDS as AXIS_BOUNDS
from experiments.instruments.accuracy.ulps import BOUNDS as BOUNDS
from experiments.instruments.accuracy.ulps import LINEAR_BOUND as LINEAR_BOUND
from experiments.instruments.accuracy.ulps import Error as Error
from experiments.instruments.accuracy.ulps import bound as bound
from experiments.instruments.accuracy.ulps import domain, floor_spans, settings
from experiments.instruments.accuracy.ulps import patterns as patterns
from experiments.instruments.accuracy.ulps import piecewise_linear as piecewise_linear
from experiments.instruments.accuracy.ulps import sample as sample
from experiments.instruments.accuracy.ulps import ulp as ulp
from experiments.instruments.accuracy.ulps import worst as worst
from jaxact import CATALOGUE, Facts

FLOATS = ["bfloat16", "float16", "float32"]
ELEMENTWISE = [facts for facts in CATALOGUE.values() if facts.elementwise]
AXISWISE = [facts for facts in CATALOGUE.values() if not facts.elementwise]
CASES = [(facts, float32_parameters(facts, given)) for facts in ELEMENTWISE for given in settings(facts)]
CASE_IDS = ["-".join([facts.name, *(f"{k}={v}" for k, v in given.items())]) for facts, given in CASES]
ON_CPU = jax.default_backend() == "cpu"


def assert_same(got: Any, want: Any) -> None:
    """Equal on a CPU; within the bound on a value elsewhere, where another program may sum a row in another order."""
    bound = 0.0 if ON_CPU else AXIS_BOUNDS[0] * float(jnp.finfo("float32").eps)
    np.testing.assert_allclose(got, want, rtol=bound, atol=bound)


eight_devices = pytest.mark.skipif(
    not ON_CPU and jax.device_count() < 8,
    reason=f"is about 8 devices, and here is {jax.device_count()} ({jax.default_backend()})",
)
"""A test that shards arrays: of a CPU, tests/conftest.py makes 8 devices; GPUs are as many as there are."""

functions = pytest.mark.parametrize("facts", CATALOGUE.values(), ids=lambda facts: facts.name)
axiswise = pytest.mark.parametrize("facts", AXISWISE, ids=lambda facts: facts.name)
elementwise = pytest.mark.parametrize("facts", ELEMENTWISE, ids=lambda facts: facts.name)
COMMON = {"relu", "sigmoid", "tanh", "gelu", "gelu_exact", "silu", "softplus", "elu", "mish", "hard_tanh", "leaky_relu"}
COMMON |= {"softmax", "log_softmax", "logsumexp", "cross_entropy_from_logits", "sparsemax", "swiglu", "maxout"}


def common(facts: Iterable[Facts]) -> pytest.MarkDecorator:
    """A test of each function, slow for the less common ones."""
    marks = {True: (), False: pytest.mark.slow}
    cases = [pytest.param(one, id=one.name, marks=marks[one.name in COMMON]) for one in facts]
    return pytest.mark.parametrize("facts", cases)


X = jnp.asarray(np.random.default_rng(0).normal(0, 3, (8, 6)).astype("float32"))


def required(facts: Facts) -> dict[str, Any]:
    """The arguments other than x that a call needs to give one result for each row: a key, the last axis, numbers."""
    signature = inspect.signature(facts.function).parameters
    given: dict[str, Any] = {n: 0.25 for n, default in facts.parameters.items() if not isinstance(default, float)}
    given |= {"key": jax.random.PRNGKey(0)} if "key" in signature else {}
    return given | ({"axis": -1} if "axis" in signature and signature["axis"].default is None else {})


def call(facts: Facts) -> Callable[[Any], jax.Array]:
    x_name, given = first(facts), required(facts)
    return lambda x: facts.function(**{x_name: x}, **given)


def inputs(facts: Facts) -> jax.Array:
    """Inputs where the function is defined."""
    return jnp.abs(X) if facts.domain[0] == 0 else X


def value_of(function: Callable[..., jax.Array], given: Mapping[str, Any]) -> Callable[[jax.Array], jax.Array]:
    return lambda x: function(x, **given)


def value(facts: Facts, given: dict[str, float]) -> Callable[[jax.Array], jax.Array]:
    return value_of(facts.function, given)


_ours = functools.cache(ours)


def orders(facts: Facts, given: dict[str, float], x: np.ndarray) -> list[np.ndarray]:
    """Value, f' by reverse mode and f'' by forward over reverse, with one compilation for all parameters."""
    return tiled(_ours(facts), x, given)


def together(facts: Facts, given: dict[str, float]) -> Callable[[jax.Array], list[jax.Array]]:
    """Value, f' by reverse mode and f'' by forward over reverse, as users get them, with one compilation."""
    return _together(facts, tuple(given.items()))


@functools.cache
def _together(facts: Facts, given: tuple[tuple[str, float], ...]) -> Callable[[jax.Array], list[jax.Array]]:
    return jax.jit(lambda x: [f(x) for f in derivatives(value(facts, dict(given)))])


def in_float64(f: Callable[[jax.Array], Any], x: np.ndarray) -> Any:
    """The function at the same points in float64, whose errors test_accuracy.py bounds by a few ulp."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, f(jnp.asarray(x.astype("float64"))))


def worst_by_order(
    facts: Facts, given: dict[str, float], x: np.ndarray, got: list[np.ndarray], truth: list[np.ndarray]
) -> list[Error]:
    """The worst errors of value, f' and f'', against float64."""
    excusable = x.dtype == np.float32
    moves = moves_of(_ours(facts), facts, x, truth, given) if excusable else [np.zeros(1)] * len(truth)
    return [
        worst(
            x,
            results,
            exact,
            str(results.dtype),
            floor_spans(x, exact, facts, order),
            domain(facts, given),
            moves[order],
        )
        for order, (results, exact) in enumerate(zip(got, truth, strict=True))
    ]


def bounds(facts: Facts, dtype: str, truth: list[np.ndarray]) -> tuple[float, ...]:
    """The bounds of value, f' and f'', which are tighter if the true f'' shows a piecewise-linear function."""
    return tuple(bound(facts, dtype, order, piecewise_linear(truth[2])) for order in range(3))


class _Unfolded(HTMLParser):
    """Collects the text that a page shows before a reader unfolds anything: of folded parts the outermost summary."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("details", "summary", "style", "script"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open in ([], ["details", "summary"]):
            self.words += data.split()


def unfolded_words(page: str) -> list[str]:
    """The words that a page, in HTML or Markdown, shows before a reader unfolds anything."""
    parser = _Unfolded()
    parser.feed(page)
    return parser.words
