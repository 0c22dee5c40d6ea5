"""How much longer does a train step take with the statistics of jaxact.probe?

A compiled step (forward pass, backward pass, Adam) is timed beside the same step that also returns the statistics of
all activation sites, and beside one that returns those of the gradients at the sites too. The programs take turns. The
ratio of their times changes from process to process, by a quarter for the smallest net: the median of several processes
is reported, with its interval. The flops and the temporary memory of the compiled programs, which are the same on every
run, stand beside the times.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from rich.console import Console
from rich.table import Table

import jaxact
from experiments.core import checks
from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.markdown import table
from experiments.core.paired_timing import CONFIDENCE, paired_times, ratio
from experiments.core.progress import Progress, watched
from experiments.core.result import jsonable
from experiments.core.statistics import Interval, median_interval
from experiments.core.storage import prepare, write
from jaxact import probe

BOUND = 1.25
"""How many times as long the step with statistics may take."""
PLAIN, STATISTICS, GRADIENTS = "plain", "statistics", "statistics and gradients"
HEADER = ["net", "step", "time / plain", "interval", "flops / plain", "memory / plain"]
Loss = Callable[[Any, Array, Array], Array]


@dataclass(frozen=True)
class Config:
    """How much longer does a train step take with the statistics of jaxact.probe?"""

    rounds: int = 51
    """Turns of each program in a process."""
    processes: int = 9
    """Processes, one after the other."""
    out: Path = Path("results")
    """Folder for overhead.md and overhead.json."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.at_least(3, rounds=self.rounds)
        checks.at_least(1, processes=self.processes)


@dataclass(frozen=True)
class Cost:
    """The cost of a step with statistics, in those of the plain one."""

    net: str
    step: str
    time: Interval
    flops: float
    memory: float
    """Temporary memory."""


def mlp() -> tuple[Any, Array, Array]:
    """64-32-10 on 128 images of 8 x 8, as in the README."""
    return eqx.nn.MLP(64, 10, 32, 1, jaxact.gelu, key=jax.random.key(0)), _normal(128, 64), _labels(128)


def convnet() -> tuple[Any, Array, Array]:
    """Two 3 x 3 convolutions of 16 and 32 channels on 32 images of 28 x 28."""
    keys = jax.random.split(jax.random.key(0), 3)
    layers = [
        eqx.nn.Conv2d(1, 16, 3, padding=1, key=keys[0]),
        eqx.nn.Lambda(jaxact.relu),
        eqx.nn.MaxPool2d(2, 2),
        eqx.nn.Conv2d(16, 32, 3, padding=1, key=keys[1]),
        eqx.nn.Lambda(jaxact.relu),
        eqx.nn.Lambda(lambda x: x.mean((1, 2))),
        eqx.nn.Linear(32, 10, key=keys[2]),
    ]
    return eqx.nn.Sequential(layers), _normal(32, 1, 28, 28), _labels(32)


class Transformer(eqx.Module):
    """Blocks of attention and an MLP, with norms before them."""

    attention: list[eqx.nn.MultiheadAttention]
    mlps: list[eqx.nn.MLP]
    norms: list[eqx.nn.LayerNorm]
    out: eqx.nn.Linear

    def __init__(self, width: int, heads: int, depth: int):
        keys = jax.random.split(jax.random.key(0), 2 * depth + 1)
        self.attention = [eqx.nn.MultiheadAttention(heads, width, key=key) for key in keys[:depth]]
        self.mlps = [eqx.nn.MLP(width, width, 4 * width, 1, jaxact.gelu, key=key) for key in keys[depth:-1]]
        self.norms = [eqx.nn.LayerNorm(width) for _ in range(2 * depth)]
        self.out = eqx.nn.Linear(width, 10, key=keys[-1])

    def __call__(self, x: Array) -> Array:
        """The scores of the classes, for a sequence of tokens."""
        for index, (attention, mlp) in enumerate(zip(self.attention, self.mlps, strict=True)):
            y = jax.vmap(self.norms[2 * index])(x)
            x = x + attention(y, y, y)
            x = x + jax.vmap(mlp)(jax.vmap(self.norms[2 * index + 1])(x))
        return self.out(x.mean(0))


def transformer() -> tuple[Any, Array, Array]:
    """Two blocks of width 64 with 4 heads on 16 sequences of 64 tokens."""
    return Transformer(64, 4, 2), _normal(16, 64, 64), _labels(16)


NETS = {"MLP": mlp, "convnet": convnet, "transformer": transformer}


def loss(model: Any, x: Array, labels: Array) -> Array:
    """The mean cross-entropy."""
    return jnp.mean(jaxact.cross_entropy_from_logits(jax.vmap(model)(x), labels))


def run(config: Config, progress: Progress) -> list[Cost]:
    """Measure every net, in every process."""
    names, runs = tuple(NETS), []
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for process in range(config.processes):
            progress(process / config.processes, f"process {process + 1}")
            runs.append(pool.submit(measured, names, config.rounds).result())
    progress(1.0, "done")
    return [_median(costs) for costs in zip(*runs, strict=True)]


def measured(names: Sequence[str], rounds: int) -> list[Cost]:
    """The costs of the steps of these nets, in this process."""
    costs = []
    for name in names:
        programs = compiled(*NETS[name]())
        seconds = paired_times({step: run for step, (run, _) in programs.items()}, rounds)
        flops, memory = ({step: cost[which] for step, (_, cost) in programs.items()} for which in (0, 1))
        costs += [
            Cost(name, step, ratio(seconds, step, PLAIN), flops[step] / flops[PLAIN], memory[step] / memory[PLAIN])
            for step in (STATISTICS, GRADIENTS)
        ]
    return costs


def _median(costs: Sequence[Cost]) -> Cost:
    """The cost of one step over several processes."""
    return replace(costs[0], time=median_interval([cost.time.value for cost in costs], CONFIDENCE))


def compiled(model: Any, x: Array, labels: Array) -> dict[str, tuple[Callable[[], Any], tuple[float, float]]]:
    """The three train steps, each with its flops and its bytes of temporary memory."""
    parameters, static = eqx.partition(model, eqx.is_array)
    optimiser = optax.adam(1e-3)

    def of_parameters(parameters: Any, x: Array, labels: Array) -> Array:
        return loss(eqx.combine(parameters, static), x, labels)

    def plain(parameters: Any) -> Any:
        return jax.value_and_grad(of_parameters)(parameters, x, labels), None

    def statistics(parameters: Any) -> Any:
        (value, sites), gradient = jax.value_and_grad(probe.probe(of_parameters), has_aux=True)(parameters, x, labels)
        return (value, gradient), sites

    def gradients(parameters: Any) -> Any:
        return probe.value_and_grad(of_parameters)(parameters, x, labels)

    def step_of(differentiated: Callable[[Any], Any]) -> tuple[Callable[[], Any], tuple[float, float]]:
        def step(parameters: Any, state: Any) -> Any:
            (value, gradient), sites = differentiated(parameters)
            updates, state = optimiser.update(gradient, state)
            return optax.apply_updates(parameters, updates), state, value, sites

        state = optimiser.init(parameters)
        program = jax.jit(step).lower(parameters, state).compile()
        cost: Any = program.cost_analysis()
        memory: Any = program.memory_analysis()
        return lambda: program(parameters, state), (cost["flops"], memory.temp_size_in_bytes)

    return {PLAIN: step_of(plain), STATISTICS: step_of(statistics), GRADIENTS: step_of(gradients)}


def main(arguments: list[str]) -> int:
    """Measure and report; the exit code is 1 if the bound is missed."""
    config = parse_settings("overhead", sys.modules[__name__], Config, arguments)
    prepare(config.out, ("overhead.md", "overhead.json"))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    with watched("overhead", console) as progress:
        costs = run(config, progress)
    facts = command_provenance("overhead", config, arguments, time.perf_counter() - start, ("optax",))
    shown = Table(*HEADER, title="Train steps with the statistics of jaxact.probe", title_justify="left")
    for cost in costs:
        shown.add_row(*cells(cost))
    console.print(shown)
    lines = [
        *heading("What the statistics of jaxact.probe cost", facts),
        verdict(costs),
        "",
        *table(HEADER, map(cells, costs)),
    ]
    write(config.out / "overhead.md", "\n".join(lines) + "\n")
    stored = {"provenance": facts, "costs": [asdict(cost) for cost in costs]}
    write(config.out / "overhead.json", json.dumps(jsonable(stored), allow_nan=False))
    console.print(verdict(costs))
    console.print(f"Everything is in {config.out / 'overhead.md'}; it took {facts['seconds']:.0f} s.")
    return int(bool(missed(costs)))


def missed(costs: list[Cost]) -> list[Cost]:
    """The steps with statistics only that take longer than allowed."""
    return [cost for cost in costs if cost.step == STATISTICS and cost.time.value > BOUND]


def verdict(costs: list[Cost]) -> str:
    """Whether the bound holds."""
    if not (over := missed(costs)):
        return f"With statistics only, each step takes at most {BOUND} times as long."
    which = ", ".join(f"{cost.net} {cost.time.value:.2f}" for cost in over)
    return f"With statistics only, a step may take {BOUND} times as long, and takes: {which}."


def cells(cost: Cost) -> list[str]:
    """A row of the table."""
    interval = f"{cost.time.low:.2f} to {cost.time.high:.2f}"
    return [cost.net, cost.step, f"{cost.time.value:.2f}", interval, f"{cost.flops:.2f}", f"{cost.memory:.2f}"]


def _normal(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), "float32")


def _labels(count: int) -> Array:
    return jnp.asarray(np.random.default_rng(1).integers(0, 10, count))
