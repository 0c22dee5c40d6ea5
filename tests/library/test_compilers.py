"""Tools besides XLA accept the functions: Pallas, exporters, explicit sharding, checkers and pickle."""

import copy
import gc
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ELEMENTWISE, call, common, eight_devices, elementwise, first, functions, inputs, required
from jax import lax
from jax.experimental import checkify
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jax.sharding import AbstractDevice, AbstractMesh, AxisType, NamedSharding, PartitionSpec

import jaxact
from jaxact import CATALOGUE, Facts, slope

Function = Callable[..., Any]


def gradient(f: Function) -> Function:
    """The gradient of a weighted sum of results by x. The plain sum of a softmax is always 1."""

    def of(x: jax.Array) -> jax.Array:
        y, pull = jax.vjp(f, x)
        return pull(jnp.ones_like(y) * (1 + lax.broadcasted_iota("int32", y.shape, y.ndim - 1)).astype(y.dtype))[0]

    return of


# Pallas

TILE = jax.ShapeDtypeStruct((8, 128), "float32")
DEVICES: dict[str, dict[str, Any]] = {
    "tpu": {"device_kind": "TPU v5 lite", "num_cores": 1, "platform": "tpu"},
    "cuda": {"device_kind": "NVIDIA H100", "num_cores": None, "platform": "gpu"},
}
LACKING: dict[str, dict[str, Function]] = {
    "tpu": {
        "expm1": jnp.expm1,  # exp(x) - 1 has no digits near 0
        "erfc": lax.erfc,  # 1 - erf(x) has none for large x
        "atan": jnp.arctan,
        "sort": jnp.sort,
        "cumsum": lambda x: jnp.cumsum(x, -1),
    },
    "cuda": {
        "erf": lax.erf,
        "erfc": lax.erfc,
        "sort": jnp.sort,
        "slice": lambda x: x[:, :64],
        "concatenate": lambda x: jnp.concatenate([x, -x], -1),
        "random_seed": lambda x: x * jax.random.uniform(jax.random.key(0), x.shape),
    },
}
"""Primitives that formulas need and Pallas's compilers lack, each with a function that uses it."""

platforms = pytest.mark.parametrize("platform", LACKING)
deprecated = pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning")


def lower(f: Function, platform: str) -> None:
    """Lower a kernel that applies the function to a tile, for a device that this machine does not need to have."""

    def kernel(x: Any, y: Any) -> None:
        y[...] = f(x[...])

    known = inspect.signature(AbstractDevice).parameters  # JAX 0.10 has no parameter platform
    device = AbstractDevice(**{name: value for name, value in DEVICES[platform].items() if name in known})
    options = triton.CompilerParams() if platform == "cuda" else None
    with jax.sharding.use_abstract_mesh(AbstractMesh((1,), ("one",), (AxisType.Explicit,), abstract_device=device)):
        called = pl.pallas_call(kernel, out_shape=jax.eval_shape(f, TILE), compiler_params=options)
        jax.jit(called).trace(TILE).lower(lowering_platforms=(platform,))


def lower_unless_lacking(f: Function, platform: str) -> None:
    """Skip the test if the compiler lacks a primitive of the table."""
    try:
        lower(f, platform)
    except NotImplementedError as error:
        if (name := lacking(error)) in LACKING[platform]:
            pytest.skip(f"Pallas lacks {name}")
        raise


def lacking(error: NotImplementedError) -> str:
    """The primitive that the error of a compiler names."""
    said = re.search(r"Unimplemented primitive in Pallas .*: (\w+)\.", str(error))
    return said[1] if said else "concatenate" if "with shape [..., 1]" in str(error) else ""


@platforms
@functions
@deprecated
def test_pallas_lowers_the_value(facts: Facts, platform: str) -> None:
    keep = {"keepdims": True} if "keepdims" in inspect.signature(facts.function).parameters else {}
    lower_unless_lacking(lambda x: facts.function(**{first(facts): x}, **required(facts), **keep), platform)


@platforms
@common(ELEMENTWISE)
@deprecated
def test_pallas_lowers_the_slopes(facts: Facts, platform: str) -> None:
    """For the backward kernels that users write by hand."""
    for wrt in ("x", *facts.parameters):
        lower_unless_lacking(lambda x: slope(facts.function, wrt)(x, **required(facts)), platform)  # noqa: B023


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in LACKING for name in LACKING[platform]])
@deprecated
def test_pallas_lacks_what_the_table_says(platform: str, name: str) -> None:
    with pytest.raises(NotImplementedError) as caught:
        lower(LACKING[platform][name], platform)
    assert lacking(caught.value) == name


# Symbolic shapes and explicit sharding


def export(f: Function, shape: str) -> jax.export.Exported:
    """Value and gradient, for every shape of this form."""
    arguments = jax.ShapeDtypeStruct(jax.export.symbolic_shape(shape), "float32")
    return jax.export.export(jax.jit(lambda x: (f(x), gradient(f)(x))))(arguments)


@common(CATALOGUE.values())
def test_symbolic_shapes_are_exported(facts: Facts) -> None:
    f, x = call(facts), inputs(facts)
    halved = jax.eval_shape(f, x).shape == (8, 3)  # the axis is split in two
    exported = export(f, "b, 2*n" if halved else "b, n")
    if facts.elementwise or "key" in required(facts):
        return  # numbers do not depend on the size, or all random ones do
    for got, want in zip(exported.call(x), jax.jit(lambda x: (f(x), gradient(f)(x)))(x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def explicit(devices: int, axis: str) -> jax.sharding.Mesh:
    return jax.make_mesh((devices,), (axis,), axis_types=(AxisType.Explicit,), devices=jax.devices()[:devices])


def sharded_by_rows(f: Function, x: jax.Array) -> bool:
    """Whether value and gradient are sharded as the rows of x, which is decided while tracing."""
    mesh, seen = explicit(8, "rows"), list[PartitionSpec]()
    with jax.set_mesh(mesh):

        def both(x: jax.Array) -> None:
            seen.extend(jax.typeof(y).sharding.spec for y in (f(x), gradient(f)(x)))

        jax.eval_shape(both, jax.device_put(x, NamedSharding(mesh, PartitionSpec("rows"))))
        return len(seen) == 2 and all(spec[0] == "rows" for spec in seen)


@eight_devices
@functions
def test_rows_may_be_explicitly_sharded(facts: Facts) -> None:
    assert sharded_by_rows(call(facts), inputs(facts))


LOGITS = jnp.asarray(np.random.default_rng(1).normal(0, 3, (4, 516)).astype("float32"))
LABELS = jnp.asarray([0, 128, 129, 515])
OVER_CLASSES: dict[str, Function] = {
    "softmax": jaxact.softmax,
    "log_softmax": jaxact.log_softmax,
    "softmin": jaxact.softmin,
    "softmax1": jaxact.softmax1,
    "logsumexp": lambda x: jaxact.logsumexp(x, -1),
    "logmeanexp": lambda x: jaxact.logmeanexp(x, -1),
    "entropy_from_logits": jaxact.entropy_from_logits,
    "kl_from_logits": lambda x: jaxact.kl_from_logits(x, -x),
    "cross_entropy_from_logits": lambda x: jaxact.cross_entropy_from_logits(x, LABELS),
}


def same_when_sharded(f: Function, x: jax.Array, devices: int, spec: PartitionSpec) -> None:
    """Value and gradient with the named axis on several devices are those of one device."""
    both = lambda x: (f(x), gradient(f)(x))  # noqa: E731
    alone = jax.jit(both)(x)
    (axis,) = filter(None, spec)
    mesh = explicit(devices, axis)
    with jax.set_mesh(mesh):
        shared = jax.jit(both)(jax.device_put(x, NamedSharding(mesh, spec)))
        assert shared[1].sharding.spec == spec
    for got, want in zip(shared, alone, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@eight_devices
@pytest.mark.parametrize("name", OVER_CLASSES)
def test_classes_may_be_explicitly_sharded(name: str) -> None:
    """Each of four devices has 129 classes, which is not a multiple of the size of a vector register."""
    same_when_sharded(OVER_CLASSES[name], LOGITS, 4, PartitionSpec(None, "classes"))


@eight_devices
def test_random_slopes_are_the_same_when_rows_are_sharded() -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(0, 3, (8, 6)).astype("float32"))
    same_when_sharded(lambda x: jaxact.rrelu(x, key=jax.random.key(3)), x, 8, PartitionSpec("rows", None))


# Checkers

ROW = [0.5, 1.0, 2.0, -1.0]
ORDINARY = jnp.asarray([ROW, ROW[::-1], ROW, ROW[::-1]])
ROWS = jnp.asarray([ROW, [-jnp.inf, 0.0, 1.0, -1.0], [1e4, -1e4, 100.0, -100.0], [0.0, -0.0, 1e4, 1e4]])
POINTS = ROWS.at[3, 2].set(jnp.inf)
"""All of one shape, so that an operation is compiled once for all functions."""

ORDERS: dict[str, Callable[[Function], Function]] = {"value": lambda f: f, "gradient": gradient}
orders = pytest.mark.parametrize("order", ORDERS)


def in_domain(facts: Facts, x: jax.Array) -> jax.Array:
    return jnp.where(x > facts.domain[0], x, 1.0) if facts.domain[0] == 0 else x


@orders
@common(CATALOGUE.values())
def test_debugging_without_jit_sees_no_nan(facts: Facts, order: str) -> None:
    with jax.debug_nans(True), jax.disable_jit():
        ORDERS[order](call(facts))(in_domain(facts, ORDINARY))


def nan_within(f: Function, x: jax.Array) -> str | None:
    """Where the computation has a NaN, also one that does not reach the result."""
    with jax.disable_jit():
        return checkify.checkify(f, errors=checkify.nan_checks)(x)[0].get()


@orders
@common(CATALOGUE.values())
def test_the_computation_has_no_nan_if_the_result_has_none(facts: Facts, order: str) -> None:
    """The result is NaN at infinity if there is no limit, as of a sine."""
    f, x = ORDERS[order](call(facts)), in_domain(facts, POINTS if facts.elementwise else ROWS)
    with jax.disable_jit():
        nan = np.isnan(f(x))
    of_row = nan.reshape(len(x), -1).any(1, keepdims=True)
    assert nan_within(f, jnp.where(nan if facts.elementwise else of_row, jnp.abs(ORDINARY), x)) is None


def trace_without_leaks(f: Function, x: jax.Array) -> None:
    gc.freeze()  # else every garbage collection searches all modules
    try:
        with jax.checking_leaks():
            jax.jit(gradient(f)).trace(x)
    finally:
        gc.unfreeze()


@functions
def test_no_tracer_leaks(facts: Facts) -> None:
    trace_without_leaks(call(facts), inputs(facts))


# Pickle


def slopes_of(facts: Facts) -> list[Function]:
    """The slopes by x and by each parameter, and the curvature."""
    by = [slope(facts.function, name) for name in ("x", *facts.parameters)]
    return [*by, slope(by[0])]


@elementwise
def test_slopes_are_pickled_and_copied(facts: Facts) -> None:
    x, given = in_domain(facts, ORDINARY), required(facts)
    for of in slopes_of(facts):
        for again in (pickle.loads(pickle.dumps(of)), copy.deepcopy(of)):
            if again is not of:
                np.testing.assert_array_equal(again(x, **given), of(x, **given))


FRESH = """
import pickle, sys
import jax
with open(sys.argv[1], "rb") as file:
    catalogue, x, calls = pickle.load(file)
import jaxact
assert [*catalogue] == [*jaxact.CATALOGUE]
assert all(facts.function is getattr(jaxact, name) for name, facts in catalogue.items())
with jax.disable_jit():
    results = [function(x, **given) for function, given in calls]
with open(sys.argv[2], "wb") as file:
    pickle.dump(results, file)
"""


@pytest.mark.slow
def test_a_fresh_process_has_the_same_catalogue_and_slopes(tmp_path: Path) -> None:
    x = np.abs(ORDINARY)
    calls = [(of, required(facts)) for facts in ELEMENTWISE for of in slopes_of(facts)]
    (tmp_path / "calls").write_bytes(pickle.dumps((CATALOGUE, x, calls)))
    arguments = [sys.executable, "-c", FRESH, str(tmp_path / "calls"), str(tmp_path / "results")]
    subprocess.run(arguments, check=True, cwd=Path(jaxact.__file__).parents[1], timeout=120)
    results = pickle.loads((tmp_path / "results").read_bytes())
    with jax.disable_jit():
        for (of, given), result in zip(calls, results, strict=True):
            np.testing.assert_array_equal(result, of(x, **given), err_msg=repr(of))


def test_the_catalogue_is_copied() -> None:
    again = copy.deepcopy(CATALOGUE)
    assert {name: facts.function for name, facts in again.items()} == {n: f.function for n, f in CATALOGUE.items()}


# The checks themselves

LEAKED: list[jax.Array] = []


@eight_devices
def test_rows_that_are_not_sharded_are_found() -> None:
    assert not sharded_by_rows(lambda x: jnp.ones(x.shape), inputs(CATALOGUE["relu"]))


@deprecated
def test_each_check_fails_for_a_function_with_its_fault() -> None:
    hidden = lambda x: jnp.where(x > 0, jnp.log(x), 0.0)  # noqa: E731  # log(-1) is NaN, which does not reach the result
    for platform in LACKING:
        with pytest.raises(NotImplementedError, match="optimization_barrier"):
            lower_unless_lacking(lax.optimization_barrier, platform)
    with pytest.raises(Exception, match="comparison 'n' < '512' is inconclusive"):
        export(lambda x: x if x.shape[-1] < 512 else 2 * x, "b, n")
    with jax.debug_nans(True), jax.disable_jit(), pytest.raises(FloatingPointError):
        hidden(ORDINARY)
    assert "log" in (nan_within(hidden, ORDINARY) or "")
    with pytest.raises(Exception, match="Leaked"):
        trace_without_leaks(lambda x: LEAKED.append(x) or x, ORDINARY)
    LEAKED.clear()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(hidden)
