"""Is exp() expensive, and is it the main cost of a layer?

The notes say that exp() is "a bit computationally expensive" while ReLU is "extremely fast", "simply thresholding a
matrix of activations at zero" (B13), and that this is nevertheless "not the main problem": convolutions and dot
products cost a lot more (B14).

Each activation is timed by itself, beside ReLU, on arrays from those that a processor's cache holds to those that have
to come from memory, where ReLU may wait as long as exp computes. Then, for layers of several widths, each is timed on
the layer's outputs, beside the product of a batch with the layer's weights that made them. All programs of a comparison
take turns in an order drawn anew for each round, so that a busy machine slows all of them alike; what counts is the
ratio of median times, with a bootstrap interval. Each program writes over its own last result: new memory would have to
be mapped first, which for a large array can take as long as computing it. A narrow layer says little, as calling any
program takes some microseconds; so the second claim is judged by wide layers only.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- "Expensive", at each number of elements, is SUPPORTED if the interval of the ratio to ReLU lies above 1.5, REFUTED if
below.
- "Not the main problem" is SUPPORTED if at every width from 1024 on the interval of the activation's time over that of
the product lies below 20 %, REFUTED if at every such width it lies above.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from experiments.core import checks
from experiments.core.paired_timing import paired_times
from experiments.core.progress import Progress
from experiments.core.result import Runs

WIDE = 1024  # layers from here on decide
EXP, PRODUCT = "exp", "product"
ALONE, LAYER = "elements", "width"  # a row's key: timed on so many elements, or in a layer so wide


@dataclass(frozen=True)
class Config:
    """Is exp() expensive, and is it the main cost of a layer?"""

    activations: tuple[str, ...] = ("sigmoid", "tanh", "elu")
    """Names of jaxact functions that are made of exp; JAX's exp itself is timed beside them."""
    sizes: tuple[int, ...] = (2**20, 2**22, 2**24)
    """Elements of the arrays on which activations are timed by themselves; each gets verdicts of its own."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    """Inputs and outputs of the layers; the widest needs at least 1024."""
    batch: int = 256
    """Rows that go through a layer at once."""
    rounds: int = 60
    """How often every program has its turn."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as several claims are judged at once."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.activations(self.activations, allow_prelu=False)
        checks.not_empty(activations=("relu", *self.activations), sizes=self.sizes, widths=self.widths)
        checks.at_least(1, sizes=self.sizes, widths=self.widths, batch=self.batch)
        checks.at_least(WIDE, widths=[max(self.widths)])
        checks.at_least(2, rounds=self.rounds)
        checks.strictly_between(0, 1, confidence=self.confidence)

    def suspects(self) -> tuple[str, ...]:
        """What may be expensive."""
        return EXP, *self.activations


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("sigmoid",), (2**12, 2**14), (64, 1024), 16, 5)


def full() -> Config:
    """More rounds, a smaller array and a wider layer."""
    return Config(sizes=(2**18, *Config().sizes), widths=(*Config().widths, 4096), rounds=200)


def run(config: Config, progress: Progress) -> Runs:
    """One row per comparison and round, with the seconds that each program took."""
    rng = np.random.default_rng(0)
    steps, runs = len(config.sizes) + len(config.widths), []
    for index, size in enumerate(config.sizes):
        progress(index / steps, f"{size:,} elements")
        x = jnp.asarray(rng.standard_normal(size), jnp.float32)
        runs += _raced(config, ALONE, size, _activations(config, x))
    for index, width in enumerate(config.widths, len(config.sizes)):
        progress(index / steps, f"width {width}")
        rows = jnp.asarray(rng.standard_normal((config.batch, width)), jnp.float32)
        weights = jnp.asarray(rng.standard_normal((width, width)) / width**0.5, jnp.float32)
        multiply = _in_place(jnp.matmul, rows, weights)
        runs += _raced(config, LAYER, width, _activations(config, rows @ weights) | {PRODUCT: multiply})
    progress(1.0, "done")
    return runs


def _activations(config: Config, x: Array) -> dict[str, Callable[[], Any]]:
    """ReLU, exp and the others, on this array."""
    functions = {name: getattr(jaxact, name) for name in ("relu", *config.activations)} | {EXP: jnp.exp}
    return {name: _in_place(function, x) for name, function in functions.items()}


def _in_place(function: Callable[..., Array], *given: Array) -> Callable[[], Array]:
    """The function of these arrays, compiled, which gives up its last result for the next one."""
    program = jax.jit(lambda last, *given: function(*given), donate_argnums=0, keep_unused=True)
    made = jax.eval_shape(function, *given)
    last = jnp.zeros(made.shape, made.dtype)

    def again() -> Array:
        nonlocal last
        last = program(last, *given)
        return last

    return again


def _raced(config: Config, where: str, size: int, programs: dict[str, Callable[[], Any]]) -> Runs:
    found = paired_times(programs, config.rounds)
    return [
        {where: size, "round": turn, "seconds": {name: seconds[turn] for name, seconds in found.items()}}
        for turn in range(config.rounds)
    ]
