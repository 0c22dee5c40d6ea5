"""Nets that are trained side by side, split among the devices that the user gives."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from . import checks

Devices = int | Literal["all"]
R = TypeVar("R")
_COMPUTATION = re.compile(r"(?:ENTRY )?%([\w.-]+) .*{\n")
_NAME = re.compile(r"%([\w.-]+)")
_LOOP = re.compile(r" while\(.*condition=%([\w.-]+), body=%([\w.-]+)")
_COLLECTIVE = re.compile(
    r" (all-reduce|all-gather|all-to-all|ragged-all-to-all|collective-permute|collective-broadcast|reduce-scatter)"
    r"(?:-start)?\("
)
_MESH: ContextVar[Mesh | None] = ContextVar("mesh", default=None)  # none stands for JAX's default device


def check(devices: Devices) -> None:
    """Raise a ValueError if there are fewer devices."""
    if devices == "all" or devices == 1:
        return  # counting the devices would start JAX for every --help
    checks.at_least(1, devices=devices)
    if devices > jax.device_count():
        raise ValueError(
            f"devices is {devices}, but there is only {jax.device_count()} of the kind {jax.default_backend()}. "
            f"(XLA_FLAGS=--xla_force_host_platform_device_count={devices} makes as many of a CPU.)"
        )


def chosen(devices: Devices) -> list[Any]:
    """The devices, of all processes."""
    return jax.devices()[: None if devices == "all" else devices]


@contextmanager
def spread_over(devices: Devices) -> Iterator[None]:
    """In this context, functions decorated by `each_net` split their nets among so many devices."""
    used = chosen(devices)
    mesh = jax.make_mesh((len(used),), ("nets",), (AxisType.Auto,), devices=used) if len(used) > 1 else None
    before = _MESH.set(mesh)
    try:
        yield
    finally:
        _MESH.reset(before)


def device_count() -> int:
    """The number of devices in this context."""
    mesh = _MESH.get()
    return mesh.size if mesh else 1


def each_net(batched: int = 1) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """jit a function of a recipe, `batched` trees whose leading axis is the net, and arguments that all nets share.

    The function must treat each net independently and return trees with the same leading axis. Every device gets
    equally many nets; where their number does not divide, the last net is computed several times.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        @partial(jax.jit, static_argnums=(0, 1))
        def compiled(mesh: Mesh | None, recipe: Any, *arguments: Any) -> Any:
            each = partial(function, recipe)
            if mesh is None:
                return each(*arguments)
            nets, shared = arguments[:batched], arguments[batched:]
            count = len(jax.tree.leaves(nets)[0])
            indices = jnp.minimum(jnp.arange(count + -count % mesh.size), count - 1)
            padded = jax.tree.map(lambda leaf: leaf[indices], nets)
            split, whole = PartitionSpec("nets"), PartitionSpec()
            specs = (split,) * batched + (whole,) * len(shared)
            spread = jax.shard_map(each, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
            results = jax.tree.map(lambda leaf: leaf[:count], spread(*padded, *shared))
            if jax.process_count() == 1:
                return results
            return jax.lax.with_sharding_constraint(results, NamedSharding(mesh, whole))  # for every process

        def program(*arguments: Any) -> str:
            return compiled.lower(_MESH.get(), *arguments).compile().as_text() or ""

        @wraps(function)
        def called(*arguments: Any) -> R:
            results = compiled(_MESH.get(), *arguments)
            return jax.tree.map(np.asarray, results) if jax.process_count() > 1 else results

        setattr(called, "program", program)  # noqa: B010
        return called

    return decorated


def collective_operations(program: str) -> list[str]:
    """The name of every collective in the text of a compiled program."""
    return _COLLECTIVE.findall(program)


def collectives(function: Callable[..., Any], *arguments: Any) -> dict[str, int]:
    """How often the compiled program of a function of `each_net` communicates: in its loops, and beside them."""
    program = getattr(function, "program")(*arguments)  # noqa: B009
    own, called = dict[str, int](), dict[str, set[str]]()  # of each computation
    for part in program.split("\n\n"):
        if named := _COMPUTATION.match(part.lstrip()):
            own[named[1]] = len(collective_operations(part))
            called[named[1]] = set(_NAME.findall(part.partition("\n")[2]))
    in_loops, todo = set[str](), [name for names in _LOOP.findall(program) for name in names]
    while todo:
        if (name := todo.pop()) not in in_loops:
            in_loops.add(name)
            todo += called[name] & called.keys()
    counts = [own[name] for name in in_loops]
    return {"in loops": sum(counts), "beside them": sum(own.values()) - sum(counts)}
