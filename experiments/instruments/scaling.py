"""How many nets a minute does a study train, on 1, 2, 4 and 8 devices, and beside a loop in PyTorch?

The nets of a study are small: 64 pixels, two hidden layers of 64 ReLU units, 10 classes, plain SGD on batches of 32 of
scikit-learn's digits. Each number of devices has a process of its own, whose CPU is split into as many virtual devices:
they share its cores, so that this shows what sharing costs and not what more hardware brings. In the process with one
device, PyTorch, if it is installed, takes turns with JAX: it trains the same nets on the same batches, one after the
other. Compilation is not timed; a program's collectives are counted, in its loops and beside them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.core import checks
from experiments.core.command import command_provenance, heading, parse_settings
from experiments.core.data import digits
from experiments.core.devices import collectives, spread_over
from experiments.core.markdown import table
from experiments.core.progress import Progress, watched
from experiments.core.provenance import ROOT
from experiments.core.statistics import Interval, median_interval
from experiments.core.storage import prepare, write
from experiments.core.style import counted
from experiments.core.training import Grid, Recipe, advance, initial_state, train

BOUND = 10
"""How many times as many nets a minute as a loop in PyTorch a study trains at least."""
CONFIDENCE = 0.95
RECIPE = Recipe((64, 64, 64, 10), "relu", "sgd", 32)
RATE = 0.1
HEADER = ["trained by", "nets a minute", "interval", "of one device's", "collectives in loops", "beside them"]


@dataclass(frozen=True)
class Config:
    """How many nets a minute does a study train, on 1, 2, 4 and 8 devices, and beside a loop in PyTorch?"""

    devices: tuple[int, ...] = (1, 2, 4, 8)
    """Numbers of virtual devices; the first is what the others are compared with, and has to be 1."""
    nets: int = 64
    """Nets that are trained side by side."""
    torch_nets: int = 4
    """Nets that PyTorch trains in a turn, one after the other."""
    steps: int = 400
    """Steps of each net."""
    rounds: int = 5
    """Turns, of which the median counts."""
    out: Path = Path("results")
    """Folder for scaling.md."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.not_empty(devices=self.devices)
        checks.at_least(1, devices=self.devices, nets=self.nets, torch_nets=self.torch_nets, steps=self.steps)
        checks.at_least(3, rounds=self.rounds)
        if self.devices[0] != 1:
            raise ValueError(f"devices is {self.devices}, but 1 is expected first.")


@dataclass(frozen=True)
class Measured:
    """What one process measured."""

    seconds: list[float]
    """The times of training all nets, one for each turn."""
    torch_seconds: list[float]
    """Those of PyTorch's; empty without it."""
    in_loops: int
    """Collectives in the loops of the training program."""
    beside: int
    """Its other collectives."""


def measure(nets: int, torch_nets: int, steps: int, rounds: int, torch: bool) -> Measured:
    """Train on all devices of this process, in turns with PyTorch."""
    data = digits().train
    grid = Grid.of(range(nets), [RATE])

    def trained() -> None:
        for _, state in train(RECIPE, grid, data, steps, steps):
            jax.block_until_ready(state)

    others = _torch_loop(torch_nets, steps) if torch else lambda: None
    with spread_over("all"):
        batches = np.zeros((nets, steps, RECIPE.batch), np.int32)
        counts = collectives(advance, RECIPE, initial_state(RECIPE, grid), batches, data.x, data.y)
        trained()
        others()
        turns = [(_seconds(trained), _seconds(others)) for _ in range(rounds)]
    ours, theirs = map(list, zip(*turns, strict=True))
    return Measured(ours, theirs if torch else [], counts["in loops"], counts["beside them"])


def _torch_loop(nets: int, steps: int) -> Callable[[], None]:
    """A loop in PyTorch over nets of the same sizes, from the same initial weights, on the same batches."""
    import torch  # pyright: ignore[reportMissingImports]

    data = digits().train
    x, y = torch.tensor(data.x), torch.tensor(np.asarray(data.y, "int64"))
    state = initial_state(RECIPE, Grid.of(range(nets), [RATE]))
    weights = [
        [(np.asarray(layer.weight[net]), np.asarray(layer.bias[net])) for layer in state.net] for net in range(nets)
    ]
    rng = np.random.default_rng(0)
    batches = torch.tensor(rng.integers(len(data.y), size=(steps, RECIPE.batch)))

    def net_of(index: int) -> Any:
        layers = []
        for weight, bias in weights[index]:
            linear = torch.nn.Linear(*weight.shape)
            linear.weight.data = torch.tensor(weight.T.copy())
            linear.bias.data = torch.tensor(bias)
            layers += [linear, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    def loop() -> None:
        for index in range(nets):
            net = net_of(index)
            optimiser = torch.optim.SGD(net.parameters(), RATE)
            for batch in batches:
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                optimiser.step()

    return loop


def _seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def run(config: Config, progress: Progress) -> dict[int, Measured]:
    """Measure with each number of devices, in processes of their own."""
    measured = {}
    for index, count in enumerate(config.devices):
        progress(index / len(config.devices), f"{count} devices")
        torch = count == 1 and find_spec("torch") is not None
        arguments = [config.nets, config.torch_nets, config.steps, config.rounds, torch]
        script = (
            "import dataclasses, json, sys; from experiments.instruments.scaling import measure; "
            "print(json.dumps(dataclasses.asdict(measure(*json.loads(sys.argv[1])))))"
        )
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
        command = [sys.executable, "-c", script, json.dumps(arguments)]
        environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        measured[count] = Measured(**json.loads(ended.stdout.splitlines()[-1]))
    progress(1.0, "done")
    return measured


def a_minute(nets: int, seconds: list[float]) -> Interval:
    """Trained nets a minute: the median turn, with its interval."""
    return median_interval([60 * nets / each for each in seconds], CONFIDENCE)


def cells(config: Config, measured: dict[int, Measured]) -> list[list[str]]:
    """The rows of the table: one for each number of devices, and one for PyTorch."""
    alone = a_minute(config.nets, measured[1].seconds).value
    rows = []
    for count, each in measured.items():
        rate = a_minute(config.nets, each.seconds)
        name = counted(count, "virtual device")
        rows.append([name, *_shown(rate), f"{rate.value / alone:.2f}", str(each.in_loops), str(each.beside)])
    if measured[1].torch_seconds:
        rate = a_minute(config.torch_nets, measured[1].torch_seconds)
        rows.append(["a loop in PyTorch", *_shown(rate), f"{rate.value / alone:.2f}", "", ""])
    return rows


def _shown(rate: Interval) -> list[str]:
    return [f"{rate.value:,.0f}", f"{rate.low:,.0f} to {rate.high:,.0f}"]


def verdict(config: Config, measured: dict[int, Measured]) -> str:
    """Whether the loop communicates, and how many times as many nets as PyTorch a study trains."""
    silent = all(each.in_loops == 0 for each in measured.values())
    loops = "No training loop communicates." if silent else "A training loop communicates, which it should not."
    if not measured[1].torch_seconds:
        return f"{loops} PyTorch is not installed, so that nothing can be said beside it."
    ours = a_minute(config.nets, measured[1].seconds).value
    theirs = a_minute(config.torch_nets, measured[1].torch_seconds).value
    word = "at least" if ours / theirs >= BOUND else "less than"
    return f"{loops} One device trains {ours / theirs:.1f} times as many nets a minute as PyTorch, {word} {BOUND}."


def main(arguments: list[str]) -> int:
    """Measure and report."""
    config = parse_settings("scaling", sys.modules[__name__], Config, arguments)
    prepare(config.out, ("scaling.md",))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    start = time.perf_counter()
    with watched("scaling", console) as progress:
        measured = run(config, progress)
    libraries = ("torch",) if measured[1].torch_seconds else ()
    facts = command_provenance("scaling", config, arguments, time.perf_counter() - start, libraries)
    rows, cores = cells(config, measured), f"All devices share {os.cpu_count()} CPU cores."
    shown = Table(*HEADER, title="Trained nets a minute", title_justify="left")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    lines = [*heading("Trained nets a minute", facts), *table(HEADER, rows), "", f"- {verdict(config, measured)}"]
    lines.append(f"- {cores} {config.nets} nets side by side, {config.steps} steps each, {config.rounds} turns.")
    write(config.out / "scaling.md", "\n".join(lines) + "\n")
    console.print(verdict(config, measured))
    console.print(f"Everything is in {config.out / 'scaling.md'}; it took {facts['seconds']:.0f} s.")
    return 0
