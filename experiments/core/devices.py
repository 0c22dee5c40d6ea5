"""Nets side by side, shared out among the devices that the user gives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec

from . import checks

Devices = int | Literal["all"]
R = TypeVar("R")
_MESH: ContextVar[Mesh | None] = ContextVar("mesh", default=None)  # none stands for JAX's default device


def check(devices: Devices) -> None:
    """There are so many."""
    if devices == "all" or devices == 1:
        return  # without a look at the devices, which would start JAX for every --help
    checks.at_least(1, devices=devices)
    if devices > jax.device_count():
        raise ValueError(
            f"devices is {devices}, but there is only {jax.device_count()} of the kind {jax.default_backend()}. "
            f"(XLA_FLAGS=--xla_force_host_platform_device_count={devices} makes as many of a CPU.)"
        )


@contextmanager
def spread_over(devices: Devices) -> Iterator[None]:
    """In here what `each_net` decorates shares its nets out among so many devices."""
    used = jax.devices()[: None if devices == "all" else devices]
    mesh = jax.make_mesh((len(used),), ("nets",), (AxisType.Auto,), devices=used) if len(used) > 1 else None
    before = _MESH.set(mesh)
    try:
        yield
    finally:
        _MESH.reset(before)


def used() -> int:
    """How many devices that are."""
    mesh = _MESH.get()
    return mesh.size if mesh else 1


def each_net(along: int = 1) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """jit for functions of a recipe, of `along` trees whose leading axis is the net, and of what all nets share.

    The function must treat each net by itself and return trees with the same leading axis. Every device gets equally
    many nets; where their number does not divide, the last one is computed several times.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        @partial(jax.jit, static_argnums=(0, 1))
        def compiled(mesh: Mesh | None, recipe: Any, *arguments: Any) -> Any:
            each = partial(function, recipe)
            if mesh is None:
                return each(*arguments)
            nets, shared = arguments[:along], arguments[along:]
            count = len(jax.tree.leaves(nets)[0])
            places = jnp.minimum(jnp.arange(count + -count % mesh.size), count - 1)
            filled = jax.tree.map(lambda leaf: leaf[places], nets)
            split, whole = PartitionSpec("nets"), PartitionSpec()
            specs = (split,) * along + (whole,) * len(shared)
            spread = jax.shard_map(each, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
            return jax.tree.map(lambda leaf: leaf[:count], spread(*filled, *shared))

        @wraps(function)
        def called(*arguments: Any) -> R:
            return compiled(_MESH.get(), *arguments)

        return called

    return decorated
