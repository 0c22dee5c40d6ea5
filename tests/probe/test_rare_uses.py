"""probe, swap and Monitor in uses that are rare, and legal; misuse gets a sentence."""

import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxact import probe

pytestmark = pytest.mark.slow

X = jnp.linspace(-2, 2, 12).reshape(4, 3)
W = jnp.full((3, 5), 0.3)


def squared(model, x):
    return jnp.mean(jax.nn.relu(x @ model) ** 2)


def test_a_number_in_the_program_is_recorded_as_an_array():
    value, sites = probe.probe(jax.nn.relu)(3.0)
    assert value == 3
    assert sites["relu"].output.mean == 3


def test_no_site_is_lost_where_a_tag_has_the_name_of_a_numbered_one():
    def f(x):
        return jax.nn.relu(x + 1) + jax.nn.relu(x + 2) + probe.tag(x, "relu[0]")

    _, sites = probe.probe(f)(X)
    assert len(sites) == 3
    np.testing.assert_allclose(sites["relu[0]"].output.mean, X.mean(), atol=1e-6)


def test_a_scan_without_steps_has_records_of_nothing():
    def f(x):
        return jax.lax.scan(lambda carry, row: (carry, jax.nn.relu(row)), 0.0, x)

    _, sites = probe.probe(f)(jnp.zeros((0, 3)))
    merged = sites.merged["relu"]
    assert (merged.output.count, merged.output.low, merged.output.high) == (0, np.inf, -np.inf)


def test_gelu_written_out_in_bfloat16_is_gelu():
    """jax.nn.gelu leaves no name, and its numbers are rounded to the type of x."""
    for approximate, name in ((True, "gelu"), (False, "gelu_exact")):
        f = functools.partial(jax.nn.gelu, approximate=approximate)
        for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
            assert list(probe.probe(f)(X.astype(dtype))[1]) == [name], dtype


def test_a_rule_of_its_own_for_vmap_is_kept():
    @jax.custom_batching.custom_vmap
    def f(x):
        return jax.nn.relu(x)

    @f.def_vmap
    def rule(size, batched, x):
        return jax.nn.relu(x) + 100, True

    value, sites = probe.probe(f)(X)
    np.testing.assert_array_equal(value, jax.nn.relu(X))
    assert "custom_vmap" in sites.not_entered[0]
    np.testing.assert_array_equal(jax.vmap(lambda x: probe.probe(f)(x)[0])(X), jax.nn.relu(X) + 100)


def test_merge_of_other_sites_is_refused():
    sites = probe.probe(jax.nn.relu)(X)[1]
    with pytest.raises(ValueError, match=r"merge was called with .* expected those of the same sites"):
        probe.merge(sites, probe.probe(lambda x: jax.nn.relu(x @ W))(X)[1])
    with pytest.raises(ValueError, match="merge_axis was called with statistics that have no axis of steps"):
        probe.merge_axis(sites)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (lambda x: None, "returns None at relu; expected one that returns an array"),
        (lambda x: "x", "returns 'x' at relu; expected one that returns an array"),
        (lambda x: jax.lax.complex(x, x), "makes complex64 of float32 at relu; expected one that returns real numbers"),
    ],
)
def test_swap_refuses_what_is_no_real_array(new, message):
    with pytest.raises(TypeError, match=message):
        probe.swap(jax.nn.relu, {"relu": new})(X)


def trained(state, monitor, model, steps=3):
    for _ in range(steps):
        _, state = monitor.value_and_grad(state, model, X.astype(model.dtype))
    return state


def test_monitor_in_64_bit():
    with jax.enable_x64(True):
        model = jnp.asarray(np.full((3, 5), 0.3))
        monitor = probe.Monitor(squared, every=2)
        history = monitor.history(trained(monitor.init(model, X.astype(float)), monitor, model))
    assert model.dtype == np.float64
    assert [record.step for record in history] == [0, 2]


def test_monitor_while_jax_looks_for_nan():
    """What is not measured is no NaN in the state: the entropy of relu."""
    monitor = probe.Monitor(squared, every=2)
    with jax.debug_nans(True):
        history = monitor.history(trained(monitor.init(W, X), monitor, W))
    assert history[0].rows[0].entropy is None
    assert history[0].rows[0].gradient_rms > 0


def test_a_monitor_state_that_was_saved_and_loaded_goes_on():
    monitor = probe.Monitor(squared, every=1)
    state = pickle.loads(pickle.dumps(jax.device_get(trained(monitor.init(W, X), monitor, W, 1))))
    assert [record.step for record in monitor.history(trained(state, monitor, W, 1))] == [0, 1]


def test_monitor_refuses_what_is_no_state():
    monitor: Any = probe.Monitor(squared)
    for call in (lambda: monitor.value_and_grad(W, W, X), lambda: monitor.history(W), lambda: monitor.alarms(W)):
        with pytest.raises(TypeError, match=r"as the state; expected one that Monitor.init has made"):
            call()
    with pytest.raises(TypeError, match="history was called within jit"):
        jax.jit(monitor.history)(monitor.init(W, X))
