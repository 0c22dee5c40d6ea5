"""Every activation under every transformation, with strict promotion; forward and reverse mode agree."""

import functools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import (
    CASE_IDS,
    CASES,
    ELEMENTWISE,
    assert_same,
    call,
    common,
    eight_devices,
    forward,
    functions,
    inputs,
    required,
    reverse,
    value,
    value_of,
)
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from experiments.instruments.accuracy.exact import exact
from jaxact import CATALOGUE, Facts, slope

pytestmark = pytest.mark.optimised

REPEATABLE = [facts for facts in CATALOGUE.values() if "key" not in required(facts)]
"""Functions without a key: with one, the numbers drawn for a row depend on the shape of x."""
repeatable = pytest.mark.parametrize("facts", REPEATABLE, ids=lambda facts: facts.name)


def loss(facts: Facts) -> Callable[[jax.Array], jax.Array]:
    return lambda x: jnp.sum(jnp.sin(call(facts)(x)))


@repeatable
def test_eager_jit_and_vmap_agree(facts: Facts) -> None:
    f = call(facts)
    assert_same(f(inputs(facts)), jax.jit(f)(inputs(facts)))
    assert_same(f(inputs(facts)), jax.vmap(f)(inputs(facts)))


@common(REPEATABLE)
def test_gradient_through_each_transformation(facts: Facts) -> None:
    gradient = jax.grad(loss(facts))
    expected = jax.jit(gradient)(inputs(facts))

    @jax.jit
    def others(x: jax.Array) -> list[jax.Array]:
        y, pull = jax.vjp(call(facts), x)
        linear = jax.linearize(loss(facts), x)[1]
        return [
            gradient(x),
            pull(jnp.cos(y))[0],
            jax.grad(jax.checkpoint(loss(facts)))(x),
            jax.vmap(jax.grad(lambda row: jnp.sum(jnp.sin(call(facts)(row)))))(x),
            jax.jacfwd(loss(facts))(x),
            jax.vmap(linear)(jnp.eye(x.size).reshape(-1, *x.shape)).reshape(x.shape),
        ]

    for got in others(inputs(facts)):
        np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-7)


@common(CATALOGUE.values())
def test_hessian_is_symmetric_in_every_mode(facts: Facts) -> None:
    modes = [(jax.jacfwd, jax.jacrev), (jax.jacrev, jax.jacfwd)]
    hessians = jax.jit(lambda row: [outer(inner(loss(facts)))(row) for outer, inner in modes])(inputs(facts)[0])
    for hessian in hessians:
        np.testing.assert_allclose(hessian, hessians[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(hessian, hessian.T, rtol=1e-5, atol=1e-6)


@common(ELEMENTWISE)
def test_forward_and_reverse_mode_give_the_same_slopes(facts: Facts) -> None:
    given = facts.parameters | {name: v for name, v in required(facts).items() if name in facts.parameters}
    f, declared = value(facts, given), value_of(slope(facts.function), given)
    modes = [(forward, reverse), (reverse, forward), (forward, forward), (reverse, reverse)]

    @jax.jit
    def slopes(x: jax.Array) -> list[list[jax.Array]]:
        return [[forward(f)(x), reverse(f)(x)], [forward(declared)(x), *(outer(inner(f))(x) for outer, inner in modes)]]

    x = jnp.asarray([*np.linspace(-12, 12, 999), jnp.inf, -jnp.inf, *facts.kinks_at(**given), jnp.nan])
    first, second = slopes(x)
    for order in (first, [got[:-1] for got in second]):  # the curvature at NaN is not specified
        for got in order[1:]:
            np.testing.assert_allclose(got, order[0], rtol=2e-6, atol=1e-36)  # XLA fuses each program in its own way
    np.testing.assert_allclose(jax.jit(declared)(x), first[0], rtol=2e-6, atol=1e-36)


@functools.cache
def parameter_slopes(facts: Facts, name: str) -> Callable[[jax.Array, dict[str, jax.Array]], list[jax.Array]]:
    """By the parameter, as declared and by jax.grad; by it and x in both orders. One program for all parameters."""

    def slopes(x: jax.Array, given: dict[str, jax.Array]) -> list[jax.Array]:
        f = lambda x, p: facts.function(x, **given | {name: p})  # noqa: E731
        p = given[name]
        mixed = jax.grad(jax.grad(f, 1), 0)(x, p), jax.grad(jax.grad(f, 0), 1)(x, p)
        return [slope(facts.function, name)(x, **given), jax.grad(f, 1)(x, p), *mixed]

    return jax.jit(jax.vmap(slopes, (0, None)))


@pytest.mark.parametrize(
    ("facts", "given"),
    [case for case in CASES if case[0].parameters],
    ids=[name for (facts, _), name in zip(CASES, CASE_IDS, strict=True) if facts.parameters],
)
def test_parameter_slopes(facts: Facts, given: dict[str, float]) -> None:
    """By a parameter, then by x: against the formula, in both orders of differentiation."""
    points = [-7.5, -1.25, -0.01, 0.0, 0.3, 2.0, 40.0]
    for name in facts.parameters:
        truth, truth_nearby = (
            np.asarray([float(exact(facts, x * factor, given, name)[1].mid()) for x in points])
            for factor in (1, 1 + 2**-23)
        )
        got = parameter_slopes(facts, name)(jnp.asarray(points), jax.tree.map(jnp.float32, given))
        for slopes in got[:2]:  # 8 ulp, and 2 of the input
            assert (np.abs(slopes - truth) <= 2.0**-20 * np.abs(truth) + 2 * np.abs(truth_nearby - truth)).all()
        h = 2.0**-20
        near = [[float(exact(facts, x, given | {name: given[name] + d})[1].mid()) for x in points] for d in (h, -h)]
        by_both = (np.asarray(near[0]) - near[1]) / (2 * h)
        for slopes in got[2:]:  # its sign may change from point to point
            np.testing.assert_allclose(slopes, by_both, rtol=1e-5, atol=1e-9 + 1e-6 * np.abs(by_both).max())


@functools.cache
def thirds(facts: Facts) -> Callable[[jax.Array, dict[str, jax.Array]], list[jax.Array]]:
    """The third derivative in two modes, by one program for all parameters."""

    def modes(x: jax.Array, given: dict[str, jax.Array]) -> list[jax.Array]:
        f = value_of(facts.function, given)
        return [forward(forward(reverse(f)))(x), reverse(forward(forward(f)))(x)]

    return jax.jit(modes)


@pytest.mark.slow
@pytest.mark.parametrize(("facts", "given"), CASES, ids=CASE_IDS)
def test_third_derivative(facts: Facts, given: dict[str, float]) -> None:
    """It has no bound in ulp, but it is right, also at 0, where an abs in the formula would lose it."""
    x = np.asarray([-3.0, -0.5, 0.5, 3.0, *([0.0] if facts.domain[0] < 0 else [])], "float32")
    x = x[x > facts.domain[0]]
    truth = [float(exact(facts, point, given)[3].mid()) for point in x.tolist()]
    for got in thirds(facts)(jnp.asarray(x), jax.tree.map(jnp.float32, given)):
        np.testing.assert_allclose(got, truth, rtol=2e-5, atol=1e-6)


@functions
def test_no_transformation_loses_the_name(facts: Facts) -> None:
    for f in (call(facts), jax.vmap(call(facts)), jax.checkpoint(call(facts))):
        assert re.search(rf"custom_jvp_call\[\s*name={facts.name}\s", str(jax.make_jaxpr(f)(inputs(facts))))


@eight_devices
@common(REPEATABLE)
def test_shard_map_over_eight_devices(facts: Facts) -> None:
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    rows = PartitionSpec("batch")
    sharded = jax.device_put(inputs(facts), NamedSharding(mesh, rows))
    mapped = jax.shard_map(jax.grad(loss(facts)), mesh=mesh, in_specs=rows, out_specs=rows)
    want = jax.jit(jax.grad(loss(facts)))(inputs(facts))
    np.testing.assert_allclose(jax.jit(mapped)(sharded), want, rtol=2e-6, atol=1e-7)
    assert len(jax.devices()) == 8


@common(CATALOGUE.values())
def test_export_and_back(facts: Facts) -> None:
    shape = jax.ShapeDtypeStruct(inputs(facts).shape, inputs(facts).dtype)
    f = jax.jit(jax.value_and_grad(loss(facts)))
    again = jax.export.deserialize(jax.export.export(f)(shape).serialize())
    for got, want in zip(again.call(inputs(facts)), f(inputs(facts)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@common(CATALOGUE.values())
def test_debug_nans_finds_none(facts: Facts) -> None:
    largest = 3e38 if facts.elementwise else 1e36  # log_softmax of +-3e38 is rightly -inf, and 90 * 3e38 inf
    points = jnp.asarray([[-largest, -1e4, -90.0, 0.0], [1e-38, 88.0, 1e5, largest]])
    truth = jnp.abs(call(facts)(points))
    extreme = jnp.where(jnp.isfinite(truth) if facts.elementwise else True, points, 1.0)  # x * x is rightly inf

    @jax.jit
    def derivatives(x: jax.Array) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(call(facts), x)
        second = jax.jvp(jax.grad(lambda x: call(facts)(x).ravel()[0]), (x,), (jnp.ones_like(x),))
        return y, *pull(jnp.ones_like(y)), *second

    with jax.debug_nans(True), jax.debug_infs(True):
        derivatives(extreme)


@common(REPEATABLE)
def test_scan_and_partial_and_ensemble(facts: Facts) -> None:
    f = functools.partial(facts.function, **required(facts))
    row_by_row = jax.jit(lambda x: jax.lax.scan(lambda carry, row: (carry, f(row)), None, x)[1])
    nested = jax.vmap(jax.vmap(f))(inputs(facts)[None])[0]
    np.testing.assert_allclose(row_by_row(inputs(facts)), nested, rtol=2e-6, atol=1e-7)
    assert_same(nested, f(inputs(facts)))
