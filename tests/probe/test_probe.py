"""What probe returns: the function's own results, and the statistics of its sites."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import eight_devices
from jax import lax
from jax.experimental import pallas as pl
from jax.sharding import PartitionSpec as P

import jaxact
from experiments.core.devices import collective_operations
from jaxact.probe import Site, Sites, all_reduce, merge, merge_axis, probe, tag, value_and_grad

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.normal(0, 2, (8, 6)).astype("float32"))
W = jnp.asarray(RANDOM.normal(0, 0.4, (6, 6)).astype("float32"))
MLP = eqx.nn.MLP(6, 3, 16, 2, key=KEY)


def forward(model: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(model)(x)


def loss(model: Any, x: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(forward(model, x)))


def sites_of(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Sites:
    """The sites without their numbers."""
    return eqx.filter_eval_shape(probe(fun), *args, **kwargs)[1]


def run(fun: Callable[..., Any], *args: Any, grad: bool = False, arrays: bool = False) -> tuple[Any, Sites]:
    """The results of a probe, compiled: in one program instead of one for each operation."""
    return eqx.filter_jit(probe(fun, grad=grad, arrays=arrays))(*args)


def same(a: Any, b: Any, tolerance: float = 0.0) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


def block(w: jax.Array, x: jax.Array) -> jax.Array:
    return jax.nn.gelu(x @ w) + jnp.tanh(x)


def scanned(w: jax.Array, x: jax.Array) -> jax.Array:
    def step(h: jax.Array, row: jax.Array) -> Any:
        h = jnp.tanh(h @ w + row)
        return h, jax.nn.relu(h)

    return lax.scan(step, jnp.zeros(6), x)[1]


def branches(w: jax.Array, x: jax.Array) -> jax.Array:
    return lax.cond(x[0, 0] > 9, lambda v: jaxact.mish(v @ w), lambda v: jax.nn.softmax(v @ w), x)


@jax.custom_jvp
def with_jvp(w: jax.Array, x: jax.Array) -> jax.Array:
    return jax.nn.relu(x @ w).sum(-1, keepdims=True)


with_jvp.defjvp(lambda primals, tangents: (with_jvp(*primals), 3 * tangents[1].sum(-1, keepdims=True)))


@jax.custom_vjp
def with_vjp(w: jax.Array, x: jax.Array) -> jax.Array:
    return jax.nn.relu(x @ w).sum(-1, keepdims=True)


with_vjp.defvjp(lambda w, x: (with_vjp(w, x), (w, x)), lambda saved, g: (0 * saved[0], 2 * g + 0 * saved[1]))


def looped(w: jax.Array, x: jax.Array) -> jax.Array:
    return jax.nn.relu(lax.while_loop(lambda c: c.sum() < 9, lambda c: jnp.tanh(c) + 1, lax.stop_gradient(x))) @ w


def nested(w: jax.Array, x: jax.Array) -> jax.Array:
    body = jax.checkpoint(lambda h: lax.cond(h.sum() > 0, jax.jit(jax.nn.relu), jnp.tanh, h @ w))
    return lax.scan(lambda h, row: (body(h + row), h), jnp.zeros(6), x)[0]


PROGRAMS: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "plain": (block, ["gelu", "tanh"]),
    "jit": (jax.jit(block), ["gelu", "tanh"]),
    "vmap": (jax.vmap(block, (None, 0)), ["gelu", "tanh"]),
    "remat": (jax.checkpoint(block), ["gelu", "tanh"]),
    "scan": (scanned, ["tanh", "relu"]),
    "cond": (branches, ["softmax", "mish"]),
    "custom_jvp": (with_jvp, ["relu"]),
    "custom_vjp": (with_vjp, ["relu"]),
    "while": (looped, ["relu"]),
    "nested": (nested, ["tanh", "relu"]),
    "derivative": (lambda w, x: jax.jvp(lambda v: block(w, v), (x,), (1 - x,))[1], ["gelu", "tanh"]),
}
programs = pytest.mark.parametrize(("fun", "activations"), PROGRAMS.values(), ids=PROGRAMS)


@programs
def test_values_and_gradients_are_those_of_the_function(fun: Callable[..., Any], activations: list[str]) -> None:
    def both(fun: Callable[..., Any]) -> Callable[..., Any]:
        return jax.value_and_grad(lambda w, x: jnp.sum(jnp.sin(fun(w, x))), argnums=(0, 1))

    tolerance = 1e-6 if fun is looped else 0.0  # a traced while loop is compiled even so
    with jax.disable_jit():
        same(both(lambda w, x: probe(fun)(w, x)[0])(W, X[:2]), both(fun)(W, X[:2]), tolerance)

    @jax.jit
    def compiled(w: jax.Array, x: jax.Array) -> Any:
        return both(fun)(w, x), both(lambda w, x: probe(fun)(w, x)[0])(w, x), probe(fun)(w, x)[1]

    plain, probed, sites = compiled(W, X)
    same(probed, plain, 1e-5)
    assert sorted(site.activation for site in sites.values()) == sorted(activations)


def test_kernels_are_passed_through() -> None:
    def kernel(x_ref: Any, o_ref: Any) -> None:
        o_ref[...] = jax.nn.relu(x_ref[...])

    def fun(x: jax.Array) -> jax.Array:
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jnp.tanh(pl.pallas_call(kernel, out_shape=shape, interpret=True)(x))

    out, sites = probe(fun)(X)
    same(out, fun(X), 1e-6)
    assert list(sites) == ["tanh"]
    assert len(sites.not_entered) == 1


def test_one_pass_gives_loss_gradient_and_statistics() -> None:
    def all_three(model: Any, x: jax.Array) -> Any:
        return (
            value_and_grad(loss)(model, x),
            eqx.filter_value_and_grad(loss)(model, x),
            probe(loss, grad=True)(model, x),
        )

    ((value, gradient), sites), (plain, plain_gradient), (again, same_sites) = eqx.filter_jit(all_three)(MLP, X)
    same((value, gradient), (plain, plain_gradient), 1e-6)
    same((again, same_sites), (plain, sites), 1e-6)


def test_gradients_at_sites_are_those_of_jax() -> None:
    def from_first(h: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(jax.vmap(MLP.layers[2])(jax.nn.relu(jax.vmap(MLP.layers[1])(h)))))

    h = jax.nn.relu(jax.vmap(MLP.layers[0])(X))
    expected = jax.grad(from_first)(h)
    site = run(loss, MLP, X, grad=True)[1]["eqx.nn.MLP/relu[0]"]
    g = site.output_cotangent
    assert g is not None
    np.testing.assert_allclose(g.squares, jnp.sum(expected**2), rtol=1e-5)
    np.testing.assert_allclose(g.units, jnp.sum(expected**2, 0), rtol=1e-5)
    np.testing.assert_allclose(g.total, jnp.sum(expected), rtol=1e-4)
    assert float(g.zeros) == np.sum(np.asarray(expected) == 0)
    before = jnp.where(h > 0, expected, 0)
    np.testing.assert_allclose(site.local_gain, jnp.linalg.norm(before) / jnp.linalg.norm(expected), rtol=1e-5)


def test_statistics_are_numpys() -> None:
    special = jnp.asarray([[jnp.nan, jnp.inf, -jnp.inf, 0, 30, -30]], jnp.float32)
    x = jnp.concatenate([X, special, jnp.maximum(X, 0)])
    sites = run(lambda x: jax.nn.sigmoid(x) + jaxact.elu(x) + jax.nn.relu(x), x, arrays=True)[1]
    assert list(sites) == ["sigmoid", "elu", "relu"]
    for site in sites.values():
        assert site.arrays is not None
        slope = np.abs(np.asarray(jaxact.slope(jaxact.get(site.activation))(x)))
        on = slope >= 1e-3
        for moments, array in zip((site.input, site.output), map(np.asarray, site.arrays), strict=True):
            finite = array[np.isfinite(array)]
            assert int(moments.count) == array.size
            np.testing.assert_allclose(moments.mean, finite.mean(), rtol=1e-5)
            np.testing.assert_allclose(moments.second_moment, (finite**2).mean(), rtol=1e-5)
            np.testing.assert_allclose(moments.std, finite.std(), rtol=1e-4)
            assert (moments.low, moments.high) == (finite.min(), finite.max())
            counts = np.sum(array == 0), np.isnan(array).sum(), np.isinf(array).sum()
            assert tuple(map(int, (moments.zeros, moments.nans, moments.infs))) == counts
        assert site.units is not None
        assert int(site.saturated) == np.sum(~on)
        np.testing.assert_array_equal(site.units.on, on.sum(0))
        np.testing.assert_array_equal(site.units.never_on, ~on.any(0))


def test_a_site_has_one_array() -> None:
    sites = run(lambda x: jax.nn.relu(x) + jaxact.gelu(x), X)[1]
    assert (len(sites), len(jax.tree.leaves(sites))) == (2, 2)


UNUSUAL = {
    "finite": [[0.0, 2.0, -3.0], [-0.0, 1e-4, 0.5], [1e-4, -1e-4, -0.7], [0.0, 9.0, -9.0]],
    "never on": [[0.0, -0.0, -2.0], [-1.0, 0.0, -0.0]],
    "NaN": [[np.nan, 2.0, 0.0], [-0.0, -1.0, 1e-4]],
    "infinity": [[np.inf, -np.inf, 0.0], [-0.0, 1.0, np.inf]],
    "large": [[3e38, -3e38, 0.0], [1.0, -0.0, 2.0]],  # the squares are infinite
    "none": np.zeros((0, 3)),
}


@pytest.mark.parametrize("repeats", [1, 2000])  # small arrays are summed in another way than large ones
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_counts_are_numpys_for_zeros_and_what_is_not_finite(dtype: str, repeats: int) -> None:
    functions = [getattr(jaxact, name) for name in "relu relu_squared hard_shrink relu6 gelu tanh".split()]  # noqa: SIM905
    values = [numbers for name, numbers in UNUSUAL.items() if (dtype, name) != ("float16", "large")]
    arrays = [jnp.tile(jnp.asarray(numbers, dtype), (repeats, 1)) for numbers in values]
    sites = run(lambda arrays: [function(x) for function in functions for x in arrays], arrays, arrays=True)[1]
    assert len(sites) == len(functions) * len(arrays)
    for name, site in sites.items():
        assert site.arrays is not None
        assert site.units is not None
        x, y = (np.asarray(array, "float32") for array in site.arrays)
        for moments, array in ((site.input, x), (site.output, y)):
            finite = array[np.isfinite(array)]
            counts = array.size, np.sum(array == 0), np.isnan(array).sum(), np.isinf(array).sum()
            assert tuple(map(int, (moments.count, moments.zeros, moments.nans, moments.infs))) == counts, name
            ends = np.min(finite, initial=np.inf), np.max(finite, initial=-np.inf)
            assert (float(moments.low), float(moments.high)) == ends, name
            total, size = finite.sum(dtype="float64"), np.abs(finite).sum(dtype="float64")
            if size < 3e38:  # the sum of larger numbers is infinite or not, as they are ordered
                np.testing.assert_allclose(moments.total, total, atol=1e-5 * size, err_msg=name)
        on = np.abs(np.asarray(jax.jit(jaxact.slope(jaxact.get(site.activation)))(x))) >= 1e-3
        np.testing.assert_array_equal(site.units.on, on.sum(0), err_msg=name)
        np.testing.assert_array_equal(site.units.never_on, ~on.any(0) & (len(on) > 0), err_msg=name)
        assert int(site.saturated) == np.sum(~on), name


def test_rows_have_entropies() -> None:
    scores = jnp.asarray([[0, 0, 0, 0], [99, 0, 0, 0], [1, 2, 3, 4], [-jnp.inf, 0, 0, -jnp.inf]], jnp.float32)
    for fun in (jax.nn.softmax, jax.nn.log_softmax, jaxact.softmax):
        ((_, site),) = run(fun, scores)[1].items()
        p = np.asarray(jax.nn.softmax(scores), "float64")
        entropies = -np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0), 1) / np.log(4)
        assert site.rows is not None
        np.testing.assert_allclose(site.rows.mean_entropy, entropies.mean(), rtol=1e-5)
        assert float(site.rows.one_hot) == 1


def test_rows_of_masks_and_temperatures_have_entropies() -> None:
    scores, mask = jnp.asarray([[0, 0, 0, 99], [1, 2, 3, 4]], jnp.float32), jnp.asarray([[True, True, False, False]])
    expected = {
        "masked": (lambda x: jaxact.softmax(x, where=mask), jax.nn.softmax(scores[:, :2])),
        "logarithm": (lambda x: jaxact.log_softmax(x, where=mask), jax.nn.softmax(scores[:, :2])),
        "temperature": (lambda x: jaxact.softmax(x, temperature=9.0), jax.nn.softmax(scores / 9)),
        "sparse": (jaxact.sparsemax, jaxact.sparsemax(scores)),
    }
    for fun, p in expected.values():
        ((_, site),) = run(fun, scores)[1].items()
        p = np.asarray(p, "float64")
        entropies = -np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0), 1) / np.log(4)
        assert site.rows is not None
        np.testing.assert_allclose(site.rows.mean_entropy, entropies.mean(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "relu6", "gelu", "gelu_exact", "silu", "mish", "tanh", "sigmoid", "elu"])
def test_elements_are_saturated_where_the_slope_is_below_the_tolerance(name: str) -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(0, 4, 20_000), jnp.float32)
    slope = jaxact.slope(jaxact.get(name))

    @jax.jit
    def both(x: jax.Array) -> Any:
        return probe(jaxact.get(name))(x)[1][name].saturated, jnp.sum(jnp.abs(slope(x)) < 1e-3)

    assert len(set(map(int, both(x)))) == 1
    assert int(both(x.at[0].set(jnp.nan))[0]) == int(both(x.at[0].set(jnp.nan))[1]) + 1  # NaN is not on


def test_merging_batches_is_associative_and_gives_all_examples() -> None:
    statistics = jax.jit(lambda x: probe(block)(W, x)[1])
    a, b, c = (statistics(X[i : i + 2]) for i in (0, 2, 4))
    total = merge(merge(a, b), c)
    same(total, merge(a, merge(b, c)), 1e-5)
    for name, whole in statistics(X[:6]).items():
        site = total[name]
        same((site.input, site.output), (whole.input, whole.output), 1e-5)
        same((site.units, site.saturated), (whole.units, whole.saturated), 1e-5)


def test_merge_goes_into_a_scan_over_batches() -> None:
    def over(batches: jax.Array) -> Sites:
        first = probe(block)(W, batches[0])[1]
        return lax.scan(lambda sites, x: (merge(sites, probe(block)(W, x)[1]), None), first, batches[1:])[0]

    got, expected = jax.jit(over)(X.reshape(4, 2, 6)), run(block, W, X)[1]
    for name in expected:
        a, b = got[name], expected[name]
        same((a.input, a.output, a.units, a.saturated), (b.input, b.output, b.units, b.saturated), 1e-5)


def test_steps_of_a_scan_are_stacked_and_merge() -> None:
    sites = run(scanned, W, X)[1]
    assert sites["relu"].saturated.shape == (8,)
    assert sites["relu"].shape == (6,)
    h, rows = jnp.zeros(6), []
    for row in X:
        h = jnp.tanh(h @ W + row)
        rows.append(jax.nn.relu(h))
    np.testing.assert_allclose(sites["relu"].output.total, [row.sum() for row in rows], rtol=1e-5)
    merged = sites.merged["relu"]
    np.testing.assert_allclose(merged.output.total, sum(row.sum() for row in rows), rtol=1e-5)
    assert merged.output.high == max(float(row.max()) for row in rows)
    same(merge_axis(sites["relu"]), merged)
    with_gradients = run(lambda w, x: scanned(w, x).sum(), W, X, grad=True)[1]["tanh"]
    assert with_gradients.input_cotangent is not None
    assert with_gradients.input_cotangent.squares.shape == (8,)


def test_a_branch_that_is_not_taken_records_nothing() -> None:
    sites = run(branches, W, X)[1]
    assert sites["mish"].output.count == 0
    assert sites["softmax"].output.count == X.size
    assert sites["mish"].output.low == jnp.inf
    both = merge(sites, run(branches, W, X + 10)[1])
    assert both["mish"].output.count == both["softmax"].output.count == X.size


def test_vmap_of_a_probe_has_statistics_for_each_member() -> None:
    sites = jax.vmap(lambda x: probe(lambda v: jax.nn.relu(v @ W))(x)[1])(X)
    np.testing.assert_allclose(sites["relu"].output.total, jax.nn.relu(X @ W).sum(1), rtol=1e-5)


def mesh() -> jax.sharding.Mesh:
    return jax.make_mesh((8,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))


@eight_devices
def test_devices_of_a_shard_map_are_stacked() -> None:
    def fun(w: jax.Array, x: jax.Array) -> jax.Array:
        local = lambda x: lax.pmean(jnp.mean(jax.nn.relu(x @ w)), "devices")  # noqa: E731
        return jax.shard_map(local, mesh=mesh(), in_specs=P("devices"), out_specs=P())(x)

    out, sites = jax.jit(probe(fun, grad=True))(W, X)
    same(out, fun(W, X), 1e-6)
    np.testing.assert_allclose(sites["relu"].output.total, jax.nn.relu(X @ W).sum(1), rtol=1e-5)
    assert sites.merged["relu"].output.count == X.size
    whole = run(lambda w, x: jnp.mean(jax.nn.relu(x @ w)), W, X, grad=True)[1]["relu"]
    merged = sites.merged["relu"]
    same((merged.units, merged.saturated), (whole.units, whole.saturated), 1e-5)
    assert merged.output_cotangent is not None
    assert whole.output_cotangent is not None
    np.testing.assert_allclose(merged.output_cotangent.squares, whole.output_cotangent.squares, rtol=1e-5)


@eight_devices
@pytest.mark.parametrize("check_vma", [True, False])
def test_devices_are_reduced_by_two_collectives(check_vma: bool) -> None:
    arrays = eqx.filter(MLP, eqx.is_array)
    whole_loss = lambda model, x: jnp.mean(forward(model, x) ** 2)  # noqa: E731
    loss = lambda model, x: lax.pmean(whole_loss(model, x), "devices") if check_vma else whole_loss(model, x)  # noqa: E731

    def reduced(arrays: Any, x: jax.Array) -> Any:
        return all_reduce(value_and_grad(loss)(eqx.combine(arrays, MLP), x)[1], "devices")

    specs = {"in_specs": (P(), P("devices")), "out_specs": P(), "check_vma": check_vma}
    compiled = jax.jit(jax.shard_map(reduced, mesh=mesh(), **specs)).lower(arrays, X).compile()
    text = compiled.as_text() or ""
    assert collective_operations(text) == ["all-reduce"] * 2
    whole, got = run(whole_loss, MLP, X, grad=True)[1], compiled(arrays, X)
    for name, site in whole.items():
        same((got[name].input, got[name].units), (site.input, site.units), 1e-5)
        times = 1 if check_vma else mesh().size  # each device's loss is the mean over its own share
        assert site.output_cotangent is not None
        same(got[name].output_cotangent.norm, times * site.output_cotangent.norm, 1e-4)


def test_arrays_of_devices_are_stacked() -> None:
    reduced = jax.vmap(lambda x: all_reduce(probe(jax.nn.relu, arrays=True)(x)[1], "rows"), axis_name="rows")(X)
    same(jax.tree.map(lambda each: each[0], reduced["relu"].arrays), (X, jax.nn.relu(X)), 0)
    np.testing.assert_allclose(reduced["relu"].output.total[0], jax.nn.relu(X).sum(), rtol=1e-5)


def convolution(format: tuple[str, str, str]) -> Callable[..., Any]:
    return lambda x, w: jax.nn.relu(lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=format))


def attention(model: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(model)(x, x, x)


def test_units_are_along_the_axes_of_the_weights() -> None:
    assert [site.unit_axes for site in sites_of(forward, MLP, X).values()] == [(1,), (1,)]
    conv = eqx.nn.Sequential([eqx.nn.Conv2d(3, 5, 3, key=KEY), eqx.nn.Lambda(jax.nn.relu)])
    (site,) = sites_of(forward, conv, jnp.ones((2, 3, 8, 8))).values()
    assert (site.shape, site.unit_axes) == ((2, 5, 6, 6), (1,))
    (site,) = sites_of(convolution(("NHWC", "HWIO", "NHWC")), jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 5))).values()
    assert (site.shape, site.unit_axes) == ((2, 8, 8, 5), (3,))
    pooled = lambda x, w: lax.reduce_window(x @ w, -jnp.inf, lax.max, (1, 2, 1), (1, 2, 1), "VALID")  # noqa: E731
    (site,) = sites_of(lambda w, x: jnp.tanh(pooled(x, w)), W, jnp.ones((2, 8, 6))).values()
    assert (site.shape, site.unit_axes) == ((2, 4, 6), (2,))
    heads = lambda w, x: jnp.swapaxes(jax.nn.gelu((x @ w).reshape(2, 8, 3, 2)), 1, 2)  # noqa: E731
    (site,) = sites_of(heads, W, jnp.ones((2, 8, 6))).values()
    assert (site.shape, site.unit_axes) == ((2, 8, 3, 2), (3,))
    (site,) = sites_of(attention, eqx.nn.MultiheadAttention(2, 6, key=KEY), jnp.ones((4, 5, 6))).values()
    assert (site.activation, site.shape) == ("softmax", (4, 2, 5, 5))


def test_members_of_an_ensemble_have_units_of_their_own() -> None:
    ensemble = eqx.filter_vmap(lambda key: eqx.nn.MLP(6, 3, 16, 1, key=key))(jax.random.split(KEY, 4))
    apply = eqx.filter_vmap(forward, in_axes=(eqx.if_array(0), None))
    sites = run(apply, ensemble, X)[1]
    (site,) = sites.values()
    assert (site.shape, site.unit_axes) == ((4, 8, 16), (0, 2))
    assert site.units is not None
    member = jax.tree.map(lambda leaf: leaf[2] if eqx.is_array(leaf) else leaf, ensemble)
    (alone,) = run(forward, member, X)[1].values()
    assert alone.units is not None
    np.testing.assert_array_equal(site.units.on[2], alone.units.on)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sums_of_16_bits_are_float32(dtype: str) -> None:
    x = jnp.full((512, 6), 3.0, dtype)
    out, sites = run(jax.nn.relu, x, arrays=True)
    assert out.dtype == dtype
    assert sites["relu"].output.squares == 9 * x.size
    assert sites["relu"].output.count.dtype == jnp.float32
    assert sites["relu"].dtype == dtype


def test_arguments_may_be_anything() -> None:
    def fun(x: jax.Array, how: str, *, scale: float, flags: dict[str, bool]) -> Any:
        y = jax.nn.relu(x) * scale if how == "relu" and flags["on"] else x
        return {"y": y, "how": how, "n": 3}

    out, sites = probe(fun)(X, "relu", scale=2.0, flags={"on": True})
    same(out["y"], jax.nn.relu(X) * 2)
    assert (out["how"], out["n"], list(sites)) == ("relu", 3, ["relu"])
    integers, sites = probe(jax.nn.relu)(jnp.arange(-3, 3))
    same(integers, jax.nn.relu(jnp.arange(-3, 3)))
    assert not sites
    value, sites = probe(lambda x: jnp.log1p(jnp.exp(x)))(jnp.float32(1))
    same(value, jnp.log1p(jnp.exp(jnp.float32(1))), 1e-6)
    assert sites["softplus"].shape == ()
    out, sites = probe(lambda: jax.nn.relu(X))()
    same(out, jax.nn.relu(X))
    numpy, sites = probe(jaxact.silu)(np.asarray(X))
    assert (list(sites), numpy.shape) == (["silu"], X.shape)


def test_tags_record_what_passes() -> None:
    sites = run(lambda x: tag(x @ W, "logits").sum(), X, grad=True)[1]
    site = sites["logits"]
    assert (site.kind, site.activation) == ("tag", "logits")
    np.testing.assert_allclose(site.output.total, (X @ W).sum(), rtol=1e-4)
    assert site.output_cotangent is not None
    assert site.output_cotangent.squares == X.size


def test_sites_are_a_mapping_and_a_pytree() -> None:
    sites = run(forward, MLP, X)[1]
    assert isinstance(sites["eqx.nn.MLP/relu[0]"], Site)
    assert len(sites) == 2
    assert "relu[0]: relu, float32[8, 16]" in repr(sites)
    leaves, structure = jax.tree.flatten(sites)
    assert list(jax.tree.unflatten(structure, leaves)) == list(sites)


def test_empty_batches_have_counts_of_zero() -> None:
    sites = run(forward, MLP, X[:0])[1]
    site = sites["eqx.nn.MLP/relu[0]"]
    assert site.output.count == 0
    assert site.units is not None
    assert not site.units.never_on.any()
    assert not np.isnan(site.output.mean)
