"""Train one larger transformer, each batch split among all devices, with checkpoints from which the command goes on.

The parameters are the same on every device, which computes the gradient of its share of the batch; JAX sums them. Orbax
writes checkpoints while training goes on, and the same command, on however many devices, goes on from the last one: the
batches depend on the seed and the step alone, so that the curve is that of a run that was not stopped, up to the order
of sums. The text is the one of the question `transformer`.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from rich.console import Console

import jaxact
from experiments.core import checks, processes, text
from experiments.core.command import parse_settings
from experiments.core.data import Split
from experiments.core.devices import chosen
from experiments.core.options import Placement
from experiments.core.progress import Progress, watched
from experiments.core.storage import StorageError, prepare, write
from experiments.core.transformer import GATES, Attention, Transformer, count

Curve = list[tuple[int, float]]
"""Steps, and the loss of the batch at each, in nats per character."""


@dataclass(frozen=True)
class Config(Placement):
    """Train one larger transformer, each batch split among all devices."""

    activation: str = "swiglu"
    """Name of an elementwise or a gated function of jaxact."""
    attention: Attention = "qk_norm"
    """softmax, softcap or qk_norm."""
    width: int = 128
    """Width of the residual stream."""
    layers: int = 4
    """Blocks of attention and MLP."""
    heads: int = 4
    """Heads of attention."""
    hidden: int = 384
    """Units of the MLPs; with a gated activation two thirds of them."""
    length: int = 128
    """Characters of a window."""
    batch: int = 64
    """Windows of a step, a multiple of the number of devices."""
    steps: int = 400
    """Steps of Adam."""
    rate: float = 0.002
    """Learning rate."""
    seed: int = 0
    """Decides the initial weights and the order of the windows."""
    every: int = 50
    """Steps between checkpoints."""
    out: Path = Path("results")
    """Folder for pretrain.json, the curve, and for the checkpoints, in pretrain/."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        super().__post_init__()
        if self.activation not in GATES:
            checks.activations([self.activation], allow_prelu=False)
        checks.at_least(1, width=self.width, layers=self.layers, heads=self.heads, hidden=self.hidden)
        checks.at_least(1, batch=self.batch, steps=self.steps, every=self.every)
        checks.at_least(2, text.PART // 2, length=self.length)
        checks.strictly_between(0, np.inf, rate=self.rate)
        if self.width % self.heads:
            raise ValueError(f"width is {self.width}, but a multiple of heads, which is {self.heads}, is expected.")

    @property
    def lasting(self) -> dict[str, Any]:
        """The settings that stay the same when a run goes on."""
        names = {field.name for field in fields(self)} - {field.name for field in fields(Placement)}
        return {name: getattr(self, name) for name in sorted(names - {"steps", "every", "out"})}

    @property
    def model(self) -> Transformer:
        """The net."""
        sizes = (self.length, self.width, self.layers, self.heads, self.hidden)
        return Transformer(text.SYMBOLS, *sizes, activation=self.activation, attention=self.attention)


class State(NamedTuple):
    """Everything that changes in training."""

    parameters: Any
    optimiser: Any


def train(config: Config, devices: list[Any], folder: Path, progress: Progress) -> Curve:
    """Train from the last checkpoint in the folder, or from the start; return the curve of all steps."""
    import orbax.checkpoint as ocp  # not above, since it makes Python print the log of every command

    mesh = jax.make_mesh((len(devices),), ("batch",), (AxisType.Auto,), devices=devices)
    if config.batch % mesh.size:
        raise ValueError(f"batch is {config.batch}, but a multiple of the number of devices, {mesh.size}, is expected.")
    windows = text.windows(config.length, held_out=1).train
    start: Any = config.model.initial(config.seed)
    optimiser = optax.adam(config.rate)
    whole = NamedSharding(mesh, PartitionSpec())
    state = jax.jit(lambda: State(start, optimiser.init(start)), out_shardings=whole)()
    step = jax.jit(step_of(config.model, optimiser), donate_argnums=0)
    options = ocp.CheckpointManagerOptions(save_interval_steps=config.every, max_to_keep=2)
    with ocp.CheckpointManager(folder.absolute(), options=options) as checkpoints:
        first, curve = 0, Curve()
        if (last := checkpoints.latest_step()) is not None:
            kept = checkpoints.restore(last, args=ocp.args.Composite(curve=ocp.args.JsonRestore())).curve
            _check_settings(config.lasting, kept.get("settings", {}), folder)
            items = ocp.args.Composite(state=ocp.args.StandardRestore(state))
            first, state = last, checkpoints.restore(last, args=items).state
            curve = [(int(at), float(loss)) for at, loss in kept["curve"]]
        losses: list[Array] = []
        for now, batch in enumerate(batches(config, mesh, windows, first), first + 1):
            state, loss = step(state, *batch)
            losses.append(loss)
            if now % config.every == 0 or now == config.steps:
                curve += zip(range(now - len(losses) + 1, now + 1), map(float, losses), strict=True)
                losses = []
                progress(now / config.steps, f"loss {curve[-1][1]:.3f} at step {now}")
                kept = {"curve": curve, "settings": config.lasting}
                items = ocp.args.Composite(state=ocp.args.StandardSave(state), curve=ocp.args.JsonSave(kept))
                checkpoints.save(now, args=items, force=True)
        checkpoints.wait_until_finished()
    return curve


def _check_settings(now: dict[str, Any], then: dict[str, Any], folder: Path) -> None:
    for name, value in now.items():
        if value != then.get(name):
            raise StorageError(
                f"{name} is {value}, but the checkpoints in {folder} were made with {then.get(name)}; give the new run "
                "an --out of its own."
            )


def step_of(model: Transformer, optimiser: optax.GradientTransformation) -> Any:
    """One step of the optimiser on a batch of windows, and the loss before it."""

    def loss(parameters: Any, x: Array, y: Array) -> Array:
        return jnp.mean(jaxact.cross_entropy_from_logits(model(parameters, x), y))

    def step(state: State, x: Array, y: Array) -> tuple[State, Array]:
        value, gradient = jax.value_and_grad(loss)(state.parameters, x, y)
        updates, memory = optimiser.update(gradient, state.optimiser)
        return State(optax.apply_updates(state.parameters, updates), memory), value

    return step


def batches(config: Config, mesh: Mesh, windows: Split, first: int) -> Iterator[tuple[Array, Array]]:
    """The batches of all steps after `first`, split among the devices; each process makes those of its own devices."""
    sharding = NamedSharding(mesh, PartitionSpec("batch"))

    def split(rows: np.ndarray) -> Array:
        return jax.make_array_from_callback(rows.shape, sharding, lambda index: rows[index])

    for step in range(first, config.steps):
        chosen = np.random.default_rng([config.seed, step]).integers(len(windows.x), size=config.batch)
        yield split(windows.x[chosen]), split(windows.y[chosen])


def main(arguments: list[str]) -> int:
    """Train, and write the curve."""
    config = parse_settings("pretrain", sys.modules[__name__], Config, arguments)
    config.connect()
    prepare(config.out, ("pretrain.json",))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), quiet=not processes.first())
    start = time.perf_counter()
    with watched("pretrain", console) as progress:
        curve = train(config, chosen(config.devices), config.out / "pretrain", progress)
    if processes.first():
        parameters = count(config.model.initial(config.seed))
        content = {"parameters": parameters, "devices": len(chosen(config.devices)), "curve": curve}
        write(config.out / "pretrain.json", json.dumps(content))
        console.print(
            f"{parameters:,} parameters on {content['devices']} devices: loss {curve[0][1]:.3f} at the first step, "
            f"{curve[-1][1]:.3f} at step {curve[-1][0]}, in nats per character; {time.perf_counter() - start:.0f} s."
        )
        console.print(
            f"The curve is in {config.out / 'pretrain.json'}, the checkpoints are in {config.out / 'pretrain'}."
        )
    return 0
