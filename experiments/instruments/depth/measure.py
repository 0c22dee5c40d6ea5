"""Does a signal survive a deep net at its start: with jaxact's gains, Equinox's default, PyTorch's gains?

An MLP of equal layers is measured for each activation, before training: the second moment of the pre-activations of
each layer, and the norm of the gradient with respect to them, both relative to the first layer, as means over examples
and nets. The signal survives if both stay within a factor of two of the first layer's.

The schemes differ in the deviation sigma_w / sqrt(fan-in) of the weights and sigma_b of the biases: the forward,
backward and compromise gain of jaxact.init with biases 0; jaxact.init.edge_of_chaos at the least power of two as length
at which it is stable; Equinox's default, uniform in +-1 / sqrt(fan-in); torch.nn.init.calculate_gain, for the
activations that it has. Weights are normal; so are the first layer's pre-activations, whose second moment is the length
of the edge of chaos, or 1.
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
"""torch.nn.init.calculate_gain by its documentation; it raises ValueError for all other names."""
LENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Second moments at which an edge of chaos is looked for."""
FACTOR = 2.0
"""Within this factor of the first layer a signal survives."""
OURS = ("forward", "backward", "compromise", "edge of chaos")


@dataclass(frozen=True)
class Config:
    """Does a signal survive a deep net at its start?"""

    depth: int = 50
    """Hidden layers."""
    width: int = 400
    """Units in each."""
    nets: int = 16
    """Random nets, over which second moments are averaged."""
    examples: int = 4
    """Inputs per net."""
    functions: tuple[str, ...] = ()
    """Activations; all elementwise ones if none is given."""
    out: Path = Path("results")
    """Folder for depth.md, depth.json and depth.png."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.at_least(2, checks.MOST_LAYERS, depth=self.depth)
        checks.at_least(2, width=self.width)
        checks.at_least(1, nets=self.nets, examples=self.examples)
        for function in self.functions:
            checks.one_of(elementwise(), functions=function)


@dataclass(frozen=True)
class Propagation:
    """How signal and gradient propagate through the layers, for one activation and one scheme."""

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
        """The largest factor, up or down, by which signal and gradient differ from the first layer."""
        return farthest(self.lengths), farthest(self.norms)

    @property
    def survives(self) -> bool:
        return max(self.worst) <= FACTOR


def farthest(relative: list[float]) -> float:
    """The largest factor, up or down; infinite if a value is 0 or not finite."""
    values = np.asarray(relative)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.maximum(values, 1 / values).max()
    return float(factor) if np.isfinite(factor) else float("inf")


def elementwise() -> list[str]:
    """The elementwise activations that are defined for all numbers."""
    return [name for name, facts in CATALOGUE.items() if facts.elementwise and facts.domain == (-np.inf, np.inf)]


def schemes(facts: Facts, function: Elementwise, width: int) -> dict[str, tuple[float, float, float]]:
    """sigma_w, sigma_b and the first layer's second moment, for each scheme that exists for the activation."""
    by_name: dict[str, tuple[float, float, float]] = {}
    for mode in ("forward", "backward", "compromise"):
        try:
            by_name[mode] = init.gain(function, mode), 0.0, 1.0
        except ValueError:  # step has no gradient
            continue
    if points := list(_edges_of_chaos(function)):
        point = next((point for point in points if point.stability <= 1 + 1e-6), points[0])
        by_name["edge of chaos"] = point.sigma_w, point.sigma_b, point.variance
    by_name["Equinox"] = 1 / sqrt(3), 1 / sqrt(3 * width), 1.0
    if facts.name in TORCH:
        by_name["PyTorch"] = TORCH[facts.name], 0.0, 1.0
    return by_name


def _edges_of_chaos(function: Elementwise) -> Iterator[init.CriticalPoint]:
    """The edge of chaos at each of LENGTHS that has one."""
    for length in LENGTHS:
        try:
            yield init.edge_of_chaos(function, length)
        except ValueError:
            continue


def run(config: Config, progress: Progress) -> list[Propagation]:
    """Measure every activation with every scheme, on the same random numbers."""
    names = config.functions or tuple(elementwise())
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (config.nets, config.depth - 1, config.width)
    weights = jax.random.normal(keys[0], (*shape, config.width)) / np.float32(sqrt(config.width))
    biases = jax.random.normal(keys[1], shape)
    first = jax.random.normal(keys[2], (config.nets, config.examples, config.width))
    cotangent = jax.random.normal(keys[3], first.shape)
    rows = []
    for index, name in enumerate(names):
        progress(index / len(names), name)
        function = at_defaults(CATALOGUE[name])
        for scheme, (sigma_w, sigma_b, start) in schemes(CATALOGUE[name], function, config.width).items():
            sigmas, scaled = map(jnp.float32, (sigma_w, sigma_b)), np.float32(sqrt(start)) * first
            squares, norms = profile(function, *sigmas, weights, biases, scaled, cotangent)
            lengths, norms = np.asarray(squares, float).mean(0), np.sqrt((np.asarray(norms, float) ** 2).mean(0))
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = [(each / each[0]).tolist() for each in (lengths, norms)]
            rows.append(Propagation(name, scheme, sigma_w, sigma_b, start, *relative))
    progress(1.0, "done")
    return rows


@partial(jax.jit, static_argnums=0)
def profile(
    function: Elementwise, sigma_w: Array, sigma_b: Array, weights: Array, biases: Array, first: Array, cotangent: Array
) -> tuple[Array, Array]:
    """Mean square of the pre-activations of each net and layer, and root mean square of their gradients."""

    def net(probes: Array, weights: Array, biases: Array, first: Array) -> tuple[Array, Array]:
        def layer(z: Array, parts: Any) -> tuple[Array, Array]:
            weight, bias, probe = parts
            following = sigma_w * function(z) @ weight + sigma_b * bias[None] + probe
            return following, jnp.mean(following**2)

        last, squares = jax.lax.scan(layer, first + probes[0], (weights, biases, probes[1:]))
        return last, jnp.append(jnp.mean(first**2), squares)

    def passes(weights: Array, biases: Array, first: Array, cotangent: Array) -> tuple[Array, Array]:
        probes = jnp.zeros((len(weights) + 1, *first.shape))
        _, pull, squares = jax.vjp(lambda probes: net(probes, weights, biases, first), probes, has_aux=True)
        (gradients,) = pull(cotangent)
        largest = jnp.max(jnp.abs(gradients), axis=(1, 2), keepdims=True)
        scaled = jnp.mean(
            (gradients / largest) ** 2, axis=(1, 2)
        )  # without the scaling, squares of small gradients are 0 in float32
        return squares, largest[:, 0, 0] * jnp.sqrt(scaled)

    return jax.lax.map(lambda parts: passes(*parts), (weights, biases, first, cotangent))
