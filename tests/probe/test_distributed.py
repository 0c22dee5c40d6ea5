"""Over the devices of several processes, the statistics and the diagnosis are those of one device."""

import functools
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from experiments.core.devices import collective_operations
from jaxact import probe

PROCESSES, DEVICES = 2, 4
OPTIMISER = optax.sgd(10.0)  # which is too large, so that there is a finding
RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 8)).astype("float32")
Y = np.tanh(X[:, :4] * 3)


@functools.cache
def mlp() -> eqx.nn.MLP:
    """A model with five dead units. It is made when processes are connected, as JAX demands."""
    healthy = eqx.nn.MLP(8, 4, 16, 2, key=jax.random.key(0))
    return eqx.tree_at(lambda m: m.layers[0].bias, healthy, jnp.where(jnp.arange(16) < 5, -70.0, 0.0))


def loss(model: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


def split(mesh: Mesh, spec: P, array: Any) -> jax.Array:
    """An array of which each process makes the parts of its devices, as from its own part of a data set."""
    content = np.asarray(array)
    return jax.make_array_from_callback(content.shape, NamedSharding(mesh, spec), lambda index: content[index])


def reduced_step(mesh: Mesh) -> Any:
    """A train step on each device's share of a batch, with the statistics of all devices."""

    def step(arrays: Any, x: jax.Array, y: jax.Array) -> Any:
        share_of_loss = lambda *of: lax.pmean(loss(*of), "batch")  # noqa: E731
        (value, gradient), sites = probe.value_and_grad(share_of_loss)(eqx.combine(arrays, mlp()), x, y)
        sites = probe.all_reduce(sites, "batch")
        return eqx.apply_updates(arrays, jax.tree.map(lambda g: -0.1 * g, gradient)), value, sites

    return jax.jit(jax.shard_map(step, mesh=mesh, in_specs=(P(), P("batch"), P("batch")), out_specs=P()))


def automatic_step(arrays: Any, x: jax.Array, y: jax.Array) -> Any:
    """The same step, whose division among devices is left to XLA."""
    (value, gradient), sites = probe.value_and_grad(loss)(eqx.combine(arrays, mlp()), x, y)
    return eqx.apply_updates(arrays, jax.tree.map(lambda g: -0.1 * g, gradient)), value, sites


def plain_step(arrays: Any, x: jax.Array, y: jax.Array) -> Any:
    value, gradient = eqx.filter_value_and_grad(loss)(eqx.combine(arrays, mlp()), x, y)
    return eqx.apply_updates(arrays, jax.tree.map(lambda g: -0.1 * g, gradient)), value


def collectives(step: Any, *arguments: Any) -> dict[str, int]:
    return Counter(collective_operations(step.lower(*arguments).compile().as_text() or ""))


def numbers(sites: probe.Sites) -> dict[str, list[float]]:
    leaves = {name: map(np.ravel, jax.tree.leaves(site)) for name, site in sites.items()}
    return {name: np.concatenate([*parts]).tolist() for name, parts in leaves.items()}


def findings(model: Any, x: Any, y: Any) -> dict[str, Any]:
    diagnosis = probe.diagnose(loss, model, (x, y), optimiser=OPTIMISER)
    repaired = diagnosis.of_kind("dead_units")[0].apply(model, jax.random.key(1))
    return json.loads(diagnosis.to_json()) | {"repaired loss": float(eqx.filter_jit(loss)(repaired, x, y))}


def in_one_of_several_processes(port: str, index: str) -> dict[str, Any]:
    jax.distributed.initialize(f"localhost:{port}", PROCESSES, int(index))
    mesh = jax.make_mesh((jax.device_count(),), ("batch",), (AxisType.Auto,))
    x, y = (split(mesh, P("batch"), array) for array in (X, Y))
    arrays, rest = eqx.partition(mlp(), eqx.is_array)
    share = lambda leaf: split(mesh, P("batch") if len(leaf) % mesh.size == 0 else P(), leaf)  # noqa: E731
    reduced, automatic, plain = reduced_step(mesh), jax.jit(automatic_step), jax.jit(plain_step)
    steps = {"reduced": reduced, "automatic": automatic, "plain": plain}
    return {
        "devices": mesh.size,
        "reduced": numbers(reduced(arrays, x, y)[2]),
        "automatic": numbers(automatic(arrays, x, y)[2]),
        "collectives": {name: collectives(step, arrays, x, y) for name, step in steps.items()},
        "replicated": findings(mlp(), x, y),
        "sharded": findings(eqx.combine(jax.tree.map(share, arrays), rest), x, y),
    }


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    with socket.socket() as server:
        server.bind(("localhost", 0))
        port = str(server.getsockname()[1])
    flags = f"--xla_force_host_platform_device_count={DEVICES}"
    environment = os.environ | {
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    running = [
        subprocess.Popen(
            [sys.executable, __file__, port, str(index)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(PROCESSES)
    ]
    try:
        ended = [process.communicate(timeout=200) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * PROCESSES, "\n".join(errors for _, errors in ended)
    return [json.loads(printed.splitlines()[-1]) for printed, _ in ended]


def same(one: Any, other: Any, name: str = "") -> None:
    assert type(one) is type(other), name
    if isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one:
            same(one[key], other[key], f"{name}/{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), name
        for number, pair in enumerate(zip(one, other, strict=True)):
            same(*pair, name=f"{name}/{number}")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5, nan_ok=True), name
    elif name.rpartition("/")[2] != "evidence":  # sentences round numbers
        assert one == other, name


@pytest.mark.slow
def test_statistics_and_diagnosis_of_two_processes_are_those_of_one_device(outcomes: list[dict[str, Any]]) -> None:
    arrays = eqx.filter(mlp(), eqx.is_array)
    statistics, diagnosis = numbers(jax.jit(automatic_step)(arrays, X, Y)[2]), findings(mlp(), X, Y)
    assert {"dead_units", "large_updates"} <= {finding["kind"] for finding in diagnosis["findings"]}
    for outcome in outcomes:
        assert outcome["devices"] == PROCESSES * DEVICES
        same(statistics, outcome["reduced"])
        same(statistics, outcome["automatic"])
        same(diagnosis, outcome["replicated"])
        same(diagnosis, outcome["sharded"])


@pytest.mark.slow
def test_statistics_of_all_devices_add_one_collective_to_a_train_step(outcomes: list[dict[str, Any]]) -> None:
    """XLA sums them together with the gradients; the extremes are left. Without `all_reduce` each sum is one."""
    counts = outcomes[0]["collectives"]
    assert counts["reduced"] == {"all-reduce": counts["plain"]["all-reduce"] + 1}
    assert counts["automatic"]["all-reduce"] > 10


if __name__ == "__main__":
    print(json.dumps(in_one_of_several_processes(*sys.argv[1:])))
