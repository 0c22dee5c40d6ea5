"""Does a signal survive a deep net at its start: with jaxact's gains, Equinox's default, PyTorch's gains?

An MLP of equal layers for each activation, before any training. Of the pre-activations of each layer, the second
moment; of the gradients with respect to them, the norm; both relative to the first layer, as means over examples and
nets. A scheme keeps the signal if neither is ever more than twice or less than half of what it was in the first layer.

The schemes differ in the deviation sigma_w / sqrt(fan-in) of the weights and sigma_b of the biases: the forward,
backward and compromise gain of jaxact.init with biases 0; jaxact.init.edge_of_chaos at the least power of two as length
that it keeps; Equinox's default, uniform in +-1 / sqrt(fan-in); torch.nn.init.calculate_gain, where it knows the
activation. Weights are normal; the net's input is such that the first layer's pre-activations are normal and have the
length of the edge of chaos there, or 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.core import checks
from experiments.core.progress import Progress
from experiments.instruments.costs import Elementwise, at_defaults
from jaxact import CATALOGUE, Facts, init

TORCH = {"identity": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "leaky_relu": sqrt(2 / 1.0001), "selu": 3 / 4}
"""What torch.nn.init.calculate_gain says, by its documentation; it raises ValueError for all other names."""
LENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
FACTOR = 2.0
OURS = ("forward", "backward", "compromise", "edge of chaos")


@dataclass(frozen=True)
class Config:
    """Does a signal survive a deep net at its start?"""

    depth: int = 50
    """Hidden layers."""
    width: int = 400
    """Units in each."""
    nets: int = 16
    """Random nets, whose squares are averaged."""
    examples: int = 4
    """Inputs per net."""
    functions: tuple[str, ...] = ()
    """Activations; all that work element by element if empty."""
    out: Path = Path("results")
    """Folder for depth.md, depth.json and depth.svg."""

    def __post_init__(self) -> None:
        """Say in one sentence what cannot be run."""
        checks.at_least(2, depth=self.depth, width=self.width)
        checks.at_least(1, nets=self.nets, examples=self.examples)
        for function in self.functions:
            checks.one_of(elementwise(), functions=function)


@dataclass(frozen=True)
class Row:
    """One activation with one scheme."""

    function: str
    scheme: str
    sigma_w: float
    sigma_b: float
    start: float
    """Second moment of the first layer's pre-activations."""
    lengths: list[float]
    """Second moment of the pre-activations, relative to the first layer."""
    norms: list[float]
    """Norm of the gradient with respect to them, relative to the first layer."""

    @property
    def worst(self) -> tuple[float, float]:
        """The farthest that each gets from the first layer, as a factor above 1."""
        return farthest(self.lengths), farthest(self.norms)

    @property
    def kept(self) -> bool:
        return max(self.worst) <= FACTOR


def farthest(relative: list[float]) -> float:
    """The largest factor up or down; infinite for what is not finite or died."""
    values = np.asarray(relative)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.maximum(values, 1 / values).max()
    return float(factor) if np.isfinite(factor) else float("inf")


def elementwise() -> list[str]:
    """The activations that have a gain."""
    return [name for name, facts in CATALOGUE.items() if facts.elementwise and facts.domain == (-np.inf, np.inf)]


def schemes(facts: Facts, function: Elementwise, width: int) -> dict[str, tuple[float, float, float]]:
    """sigma_w, sigma_b and first length of each scheme that there is for the activation."""
    found: dict[str, tuple[float, float, float]] = {}
    for mode in ("forward", "backward", "compromise"):
        try:
            found[mode] = init.gain(function, mode), 0.0, 1.0
        except ValueError:  # a step passes no gradient on
            continue
    if points := list(_critical(function)):
        point = next((point for point in points if point.stability <= 1 + 1e-6), points[0])
        found["edge of chaos"] = point.sigma_w, point.sigma_b, point.variance
    found["Equinox"] = 1 / sqrt(3), 1 / sqrt(3 * width), 1.0
    if facts.name in TORCH:
        found["PyTorch"] = TORCH[facts.name], 0.0, 1.0
    return found


def _critical(function: Elementwise) -> Iterator[init.CriticalPoint]:
    """The edge of chaos at the lengths that have one."""
    for length in LENGTHS:
        try:
            yield init.edge_of_chaos(function, length)
        except ValueError:
            continue


def run(config: Config, progress: Progress) -> list[Row]:
    """Every activation with every scheme, on the same random numbers."""
    names = config.functions or tuple(elementwise())
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (config.nets, config.depth - 1, config.width)
    weights = jax.random.normal(keys[0], (*shape, config.width)) / np.float32(sqrt(config.width))
    biases = jax.random.normal(keys[1], shape)
    first = jax.random.normal(keys[2], (config.nets, config.examples, config.width))
    above = jax.random.normal(keys[3], first.shape)
    rows = []
    for index, name in enumerate(names):
        progress(index / len(names), name)
        function = at_defaults(CATALOGUE[name])
        for scheme, (sigma_w, sigma_b, start) in schemes(CATALOGUE[name], function, config.width).items():
            sigmas, below = map(jnp.float32, (sigma_w, sigma_b)), np.float32(sqrt(start)) * first
            squares, norms = profile(function, *sigmas, weights, biases, below, above)
            lengths, norms = np.asarray(squares, float).mean(0), np.sqrt((np.asarray(norms, float) ** 2).mean(0))
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = [(each / each[0]).tolist() for each in (lengths, norms)]
            rows.append(Row(name, scheme, sigma_w, sigma_b, start, *relative))
    progress(1.0, "done")
    return rows


@partial(jax.jit, static_argnums=0)
def profile(
    function: Elementwise, sigma_w: Array, sigma_b: Array, weights: Array, biases: Array, first: Array, above: Array
) -> tuple[Array, Array]:
    """Mean square of the pre-activations of each net and layer, and root mean square of the gradients there."""

    def net(nudges: Array, weights: Array, biases: Array, first: Array) -> tuple[Array, Array]:
        def layer(z: Array, parts: Any) -> tuple[Array, Array]:
            weight, bias, nudge = parts
            following = sigma_w * function(z) @ weight + sigma_b * bias[None] + nudge
            return following, jnp.mean(following**2)

        last, squares = jax.lax.scan(layer, first + nudges[0], (weights, biases, nudges[1:]))
        return last, jnp.append(jnp.mean(first**2), squares)

    def passes(weights: Array, biases: Array, first: Array, above: Array) -> tuple[Array, Array]:
        nudges = jnp.zeros((len(weights) + 1, *first.shape))
        _, pull, squares = jax.vjp(lambda nudges: net(nudges, weights, biases, first), nudges, has_aux=True)
        (gradients,) = pull(above)
        largest = jnp.max(jnp.abs(gradients), axis=(1, 2), keepdims=True)
        scaled = jnp.mean((gradients / largest) ** 2, axis=(1, 2))  # squares of what has vanished are 0 in float32
        return squares, largest[:, 0, 0] * jnp.sqrt(scaled)

    return jax.lax.map(lambda parts: passes(*parts), (weights, biases, first, above))
