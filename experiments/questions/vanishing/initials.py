"""Rules for initial weights, and nets drawn by them, in float64 if that is enabled in JAX."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.core.training import Layer, Net


class Init(NamedTuple):
    """A rule for initial weights."""

    text: str
    deviation: Callable[[int, int], float]
    """The deviation of a weight, from fan-in and fan-out."""
    uniform: bool = False
    """Whether weights are uniform; normal otherwise."""


SATURATING = "large"  # the rule that saturates sigmoid and tanh, which none of the published ones does
ABSOLUTE = "small"  # the published rule that ignores the size of the layer
INITS = {
    "lecun": Init("LeCun", lambda fan_in, fan_out: fan_in**-0.5),
    "glorot": Init("Glorot", lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5, uniform=True),
    "he": Init("He", lambda fan_in, fan_out: (2 / fan_in) ** 0.5),
    "uniform": Init("U(\N{PLUS-MINUS SIGN}1/\N{SQUARE ROOT}n)", lambda fan_in, fan_out: (3 * fan_in) ** -0.5, True),
    "small": Init("N(0, 0.01\N{SUPERSCRIPT TWO})", lambda fan_in, fan_out: 0.01),
    SATURATING: Init("10 times LeCun", lambda fan_in, fan_out: 10 * fan_in**-0.5),
}
"""The fourth is what Glorot & Bengio 2010 call the usual rule of their time; the fifth is AlexNet's."""


def possessive(init: str) -> str:
    """The rule as in a sentence: He's."""
    return INITS[init].text + ("'s" if init in ("lecun", "glorot", "he") else "")


def draw_nets(sizes: Sequence[int], init: Init, seeds: Sequence[int]) -> Net:
    """Nets without biases, one per seed: the same seed gives the same numbers, up to scale."""
    rngs = [np.random.default_rng([0, seed]) for seed in seeds]
    net = []
    for fan_in, width in pairwise(sizes):
        numbers = np.stack([_standardised_draws(rng, (fan_in, width), init.uniform) for rng in rngs])
        weight = jnp.asarray(numbers * init.deviation(fan_in, width))
        net.append(Layer(weight, jnp.zeros((len(rngs), width), weight.dtype), None))
    return tuple(net)


def _standardised_draws(rng: np.random.Generator, shape: tuple[int, int], uniform: bool) -> np.ndarray:
    """Random numbers of mean 0 and deviation 1."""
    return rng.uniform(-(3**0.5), 3**0.5, shape) if uniform else rng.normal(size=shape)
