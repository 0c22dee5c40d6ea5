"""Arrays that are sharded over devices: what is communicated is read from the compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from helpers import ELEMENTWISE, X, call, eight_devices, required, ulp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxact
from experiments.core.devices import collective_operations

pytestmark = [pytest.mark.optimised, eight_devices]  # compiled as users compile

CLASSES = 262_144
ALL_REDUCE = "all-reduce"


def mesh() -> jax.sharding.Mesh:
    return jax.make_mesh((2, 4), ("rows", "classes"), (AxisType.Auto,) * 2, devices=jax.devices()[:8])


def collectives(f: Callable[..., Any], *arguments: Any) -> list[str]:
    """The name of every collective in the compiled program."""
    program = jax.jit(f).lower(*arguments).compile().as_text() or ""
    return collective_operations(program)


def sharded(x: Any, spec: PartitionSpec) -> jax.Array:
    return jax.device_put(x, NamedSharding(mesh(), spec))


def value_and_slope(f: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    def both(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(f, x)
        (slope,) = pull(y * y)  # a constant would be summed while compiling
        return y, slope

    return both


def test_collectives_are_found() -> None:
    x = sharded(X, PartitionSpec("rows"))
    assert collectives(jnp.sum, x) == [ALL_REDUCE]
    assert collectives(lambda x: x[::-1] * 1.0, x) != []


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec", [("rows", None), (None, "rows"), ("classes", "rows"), (("rows", "classes"), None)], ids=str
)
def test_elementwise_functions_communicate_nothing(spec: tuple[Any, ...]) -> None:
    """One program has values and slopes of all functions, so that none of them has a collective if it has none."""
    positive, real = (sharded(x, PartitionSpec(*spec)) for x in (jnp.abs(X), X))

    def everything(positive: jax.Array, real: jax.Array) -> list[Any]:
        return [
            value_and_slope(call(facts))(positive if facts.domain[0] == 0 else real)
            for facts in ELEMENTWISE
            if "key" not in required(facts)
        ]

    assert collectives(everything, positive, real) == []


def labels() -> jax.Array:
    return sharded(jnp.asarray([0, 70_000, 150_000, CLASSES - 1]), PartitionSpec())


OVER_CLASSES: dict[str, tuple[Callable[[jax.Array], jax.Array], int]] = {
    "softmax": (jaxact.softmax, 3),
    "log_softmax": (jaxact.log_softmax, 3),
    "logsumexp": (lambda x: jaxact.logsumexp(x, -1), 2),
    "cross_entropy_from_logits": (lambda x: jaxact.cross_entropy_from_logits(x, labels()), 2),
}
"""Each function, and the all-reduces of value and gradient together: a maximum, a sum, and a sum of the cotangent."""


def logits(dtype: str) -> jax.Array:
    return jax.random.normal(jax.random.key(0), (4, CLASSES)).astype(dtype) * 3


@pytest.mark.parametrize("name", OVER_CLASSES)
@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("rows", [None, "rows"])
def test_a_sharded_vocabulary_needs_two_all_reduces_and_gathers_nothing(name: str, dtype: str, rows: Any) -> None:
    f, both = OVER_CLASSES[name]
    x = sharded(logits(dtype), PartitionSpec(rows, "classes"))
    assert collectives(f, x) == [ALL_REDUCE] * 2
    assert collectives(value_and_slope(f), x) == [ALL_REDUCE] * both


def exact(name: str, x: np.ndarray) -> np.ndarray:
    if name == "softmax":
        return scipy.special.softmax(x, -1)
    if name == "log_softmax":
        return scipy.special.log_softmax(x, -1)
    if name == "logsumexp":
        return np.asarray(scipy.special.logsumexp(x, -1))
    return -scipy.special.log_softmax(x, -1)[np.arange(len(x)), np.asarray(labels())]


@pytest.mark.parametrize("name", OVER_CLASSES)
def test_a_sharded_vocabulary_is_as_accurate_as_one_on_one_device(name: str) -> None:
    f, _ = OVER_CLASSES[name]
    alone, parted = logits("bfloat16"), sharded(logits("bfloat16"), PartitionSpec(None, "classes"))
    truth = exact(name, np.asarray(alone, "float64"))
    for value in (f(alone), jax.jit(f)(parted)):
        errors = np.abs(np.asarray(value, "float64") - truth) / ulp(truth, "bfloat16")
        assert errors.max() <= 0.51
    slopes = [np.asarray(value_and_slope(f)(x)[1], "float64") for x in (alone, parted)]
    largest = np.abs(slopes[0]).max()
    assert largest > 0
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=2.0**-7, atol=2.0**-10 * largest)


def test_glu_of_two_arrays_permutes_nothing() -> None:
    x = sharded(X, PartitionSpec(None, "rows"))
    gated = lambda x, gate: jaxact.glu(x, gate=gate)  # noqa: E731
    assert collectives(gated, x, x) == []
    assert collectives(jax.grad(lambda x, gate: jnp.sum(gated(x, gate) ** 2), (0, 1)), x, x) in ([], [ALL_REDUCE])
    assert collectives(jaxact.glu, x) != [], "half of a sharded axis lies on other devices, so this one must"
