"""Does jaxact.probe.diagnose find faults that were planted, and nothing in healthy nets? Do repaired nets then train?

Eight faults are planted in an MLP, a convnet and a transformer. A fault is found if a finding above "hint" has a right
kind, names the layer (or a site of that layer) in which it was planted, and, for dead units, exactly these units.

Healthy nets have He's or LeCun's weights, biases 0 and standardised data. They are diagnosed before and after a short
training; any finding above "hint" is an alarm.

A finding that code can repair (`finding.apply`) is repaired; the repaired net, the one with the fault and the same net
without it are then trained on the same batches, from several seeds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.core import checks
from experiments.core.progress import Progress, part
from jaxact import probe

from . import faults
from .faults import ARCHITECTURES, FAULTS, Architecture, Planted
from .healthy import SHAPES, Shape, load
from .nets import Dataset, cross_entropy
from .training import BATCH, OPTIMISER, train

HINT = "hint"
REPAIRED = 1000
"""The first seed of the nets that are repaired, out of reach of those of the planted faults."""
LAST = 10
"""Losses at the end of a training, of which the mean is compared."""


@dataclass(frozen=True)
class Config:
    """Does the diagnosis find planted faults, and nothing in healthy nets?"""

    faults: tuple[str, ...] = tuple(FAULTS)
    """Which faults."""
    architectures: tuple[str, ...] = tuple(ARCHITECTURES)
    """In which architectures."""
    seeds: int = 3
    """Nets of every architecture in which every fault is planted, and which are repaired."""
    healthy: int = 8
    """Nets of each of the healthy shapes."""
    shapes: int = len(SHAPES)
    """How many of the healthy shapes."""
    steps: int = 60
    """Steps of the healthy nets before the second look."""
    repair_steps: int = 300
    """Steps of the repaired nets; 0 to repair none."""
    out: Path = Path("results")
    """Folder for planted.md and planted.json."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.faults:
            checks.one_of(FAULTS, faults=name)
        for name in self.architectures:
            checks.one_of(ARCHITECTURES, architectures=name)
        checks.at_least(1, seeds=self.seeds)
        checks.at_least(0, healthy=self.healthy, repair_steps=self.repair_steps)
        checks.at_least(0, len(SHAPES), shapes=self.shapes)
        checks.at_least(LAST, steps=self.steps)


@dataclass(frozen=True)
class Seen:
    """What the diagnosis said about one planted fault."""

    architecture: str
    fault: str
    seed: int
    expected: str
    found: bool
    right: list[str]
    """The findings that are right."""
    others: list[str]
    """All others above hints."""
    problem: str = ""
    """What diagnose raised, if it did."""


@dataclass(frozen=True)
class Alarm:
    """A finding above a hint in a healthy net."""

    shape: str
    net: int
    trained: bool
    finding: str


@dataclass(frozen=True)
class Repair:
    """The mean of the last losses of nets with a fault, repaired, and without the fault, by seed."""

    architecture: str
    fault: str
    finding: str
    before: list[float]
    after: list[float]
    healthy: list[float]
    problem: str = ""

    @property
    def helps(self) -> bool:
        """Whether the repaired net ends at a lower loss from every seed; a loss that is not finite is the worst."""
        pairs = zip(self.before, self.after, strict=True)
        return all(np.isfinite(after) and not before <= after for before, after in pairs)


@dataclass(frozen=True)
class Measured:
    """All of it."""

    seen: list[Seen]
    alarms: list[Alarm]
    looks: int
    """Diagnoses of healthy nets."""
    repairs: list[Repair]


def run(config: Config, progress: Progress) -> Measured:
    """Plant, diagnose and repair."""
    count = config.healthy * config.shapes
    shares = [part(progress, at, 3) for at in range(3)]
    seen = list(_planted(config, shares[0]))
    alarms = list(_alarms(config, shares[1]))
    repairs = list(_repairs(config, shares[2])) if config.repair_steps else []
    progress(1.0, "done")
    return Measured(seen, alarms, 2 * count, repairs)


def diagnosis(model: Any, loss: Callable[..., Array], dataset: Dataset, losses: Any = None) -> Any:
    """What diagnose says on two batches."""
    x, y = dataset.batches(2, BATCH, seed=99)
    dtype = next(leaf.dtype for leaf in jax.tree.leaves(model) if eqx.is_inexact_array(leaf))
    batches = [(jnp.asarray(x[at], dtype), jnp.asarray(y[at])) for at in range(2)]
    return probe.diagnose(loss, model, *batches, optimiser=OPTIMISER, losses=losses)


def above_hints(diagnosis: Any) -> list[Any]:
    """The findings that count."""
    return [finding for finding in diagnosis.findings if finding.level != HINT]


def is_right(finding: Any, planted: Planted, rows: Sequence[Any]) -> bool:
    """Whether a finding has the kind, the place and the units of the fault."""
    layers = {row.site: row.layer for row in rows}
    place = layers.get(finding.where, finding.where).removeprefix(".")
    units = planted.units is None or tuple(finding.units) == planted.units
    return finding.kind in planted.kinds and place in planted.layers and units


def text(finding: Any) -> str:
    """A finding in short."""
    units = f", units {list(finding.units[:8])}" if finding.units else ""
    return f"{finding.kind} at {finding.where}{units}"


def _planted(config: Config, progress: Progress) -> Iterator[Seen]:
    todo = list(product(config.architectures, config.faults))
    for at, (architecture, fault) in enumerate(todo):
        progress(at / len(todo), f"{fault} in the {architecture}")
        for seed in range(config.seeds):
            yield _seen(FAULTS[fault](ARCHITECTURES[architecture], seed), seed)


def _seen(planted: Planted, seed: int) -> Seen:
    where = f"{', '.join(planted.layers[:2])}{' ...' if len(planted.layers) > 2 else ''}"
    units = f", units {list(planted.units)}" if planted.units is not None else ""
    key = planted.architecture.name, planted.fault, seed, f"{' or '.join(planted.kinds)} at {where}{units}"
    try:
        said = diagnosis(planted.model, cross_entropy, planted.architecture.dataset)
    except Exception as problem:  # that it fails is a result, and the other faults are still of interest
        return Seen(*key, False, [], [], f"{type(problem).__name__}: {problem}")
    right = [text(finding) for finding in above_hints(said) if is_right(finding, planted, said.rows)]
    others = [text(finding) for finding in above_hints(said) if not is_right(finding, planted, said.rows)]
    return Seen(*key, bool(right), right, others)


def _alarms(config: Config, progress: Progress) -> Iterator[Alarm]:
    for at, shape in enumerate(SHAPES[: config.shapes]):
        progress(at / config.shapes, f"healthy: {shape.text}")
        yield from _alarms_of(shape, config)
        jax.clear_caches()  # no other shape has the same programs


def _alarms_of(shape: Shape, config: Config) -> Iterator[Alarm]:
    if not config.healthy:
        return
    dataset = load(shape.data)
    models = [shape.model(net) for net in range(config.healthy)]
    after, losses = train(shape.loss, models, dataset, config.steps)
    for trained, of_moment in ((False, models), (True, after)):
        for net, model in enumerate(of_moment):
            history = losses[net] if trained else None
            for finding in above_hints(diagnosis(model, shape.loss, dataset, history)):
                yield Alarm(shape.text, net, trained, f"{finding.level}: {text(finding)}. {finding.evidence}")


def _repairs(config: Config, progress: Progress) -> Iterator[Repair]:
    todo = list(product(config.architectures, config.faults))
    for at, (architecture, fault) in enumerate(todo):
        progress(at / len(todo), f"repair of {fault} in the {architecture}")
        plant = faults.mostly_dead if fault == faults.dead.__name__ else FAULTS[fault]
        yield _repair(ARCHITECTURES[architecture], plant, config)


def _repair(architecture: Architecture, fault: Callable[..., Planted], config: Config) -> Repair:
    """Repair the net of every seed as the findings say, and train it."""
    nets: list[tuple[Any, Any, str]] = []
    name, problem = "", ""
    for seed in range(config.seeds):
        planted = fault(architecture, REPAIRED + seed)
        name = planted.fault
        try:
            said = diagnosis(planted.model, cross_entropy, architecture.dataset)
            right = [finding for finding in above_hints(said) if is_right(finding, planted, said.rows)]
            repaired, finding = _repaired(planted.model, right or above_hints(said), seed)
        except Exception as raised:  # as above
            problem = f"{type(raised).__name__}: {raised}"
            continue
        if repaired is not None:
            nets.append((planted.model, repaired, finding))
    if not nets:
        return Repair(architecture.name, name, "", [], [], [], problem)
    healthy = [architecture.healthy(REPAIRED + seed) for seed in range(len(nets))]
    ends = list[list[float]]()
    for models in ([net for net, _, _ in nets], [net for _, net, _ in nets], healthy):
        dtype = next(leaf.dtype for leaf in jax.tree.leaves(models[0]) if eqx.is_inexact_array(leaf))
        dataset = Dataset(architecture.dataset.x.astype(dtype), architecture.dataset.y)
        _, losses = train(cross_entropy, models, dataset, config.repair_steps)
        ends.append(losses[:, -LAST:].mean(1).tolist())
    before, after, without = ends
    return Repair(architecture.name, name, nets[0][2], before, after, without, problem)


def _repaired(model: Any, findings: Sequence[Any], seed: int) -> tuple[Any, str]:
    """The model after all repairs that the findings of the first repairable kind offer, and which these are."""
    done: list[Any] = []
    for finding in findings:
        if done and finding.kind != done[0].kind:
            continue
        try:
            model = finding.apply(model, jax.random.fold_in(jax.random.key(seed), len(done)))
        except ValueError:  # no code can repair it, which the message says
            continue
        done.append(finding)
    if not done:
        return None, ""
    more = f" and {len(done) - 1} more" if len(done) > 1 else ""
    return model, f"{text(done[0])}{more}"
