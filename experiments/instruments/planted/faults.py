"""Eight faults, planted in three architectures: what the diagnosis must say of each, and where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .nets import GAINS, Activation, Convnet, Dataset, Mlp, Transformer, activation, initialised, is_layer, taught

WIDTH = 32
DEAD = 3
"""Units that a bias kills."""
FAR_BELOW = -100.0
TINY, HUGE, SATURATING = 0.01, 30.0, 100.0
"""Factors of the weights, compared with a sane initialisation."""
UNDERFLOWING = 1e-20
"""Factor of two layers in a row: float32 and bfloat16 have no normal numbers of 1e-40."""
STACK = 8
"""Layers of a stack of sigmoids."""

Path = Callable[[Any], Any]


@dataclass(frozen=True)
class Architecture:
    """A net, its data, and the layers in which faults are planted."""

    name: str
    make: Callable[[Sequence[Activation], Array], Any]
    """From the activations of the hidden layers or blocks, and a key."""
    hidden: int
    usual: str
    """Its activation."""
    dataset: Dataset
    layers: tuple[str, ...]
    """The paths of the layers with an activation after them, in order."""
    stack: Callable[[Activation, Array], Any]
    """The net with a stack of STACK layers that have an activation each,"""
    stacked: str
    """and the path of this stack."""

    def healthy(self, seed: int, names: Sequence[str] | str = "") -> Any:
        """The net, sanely initialised."""
        names = [names or self.usual] * self.hidden if isinstance(names, str) else names
        return initialised(partial(self.make, [activation(name) for name in names]), GAINS.get(names[0], 1.0), seed)


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            "MLP",
            lambda functions, key: Mlp([16, *[WIDTH] * 4, 4], functions, key),
            4,
            "relu",
            taught((16,)),
            tuple(f"layers[{at}]" for at in range(4)),
            lambda function, key: Mlp([16, *[WIDTH] * STACK, 4], [function] * STACK, key),
            "layers",
        ),
        Architecture(
            "convnet",
            lambda functions, key: Convnet([2, 12, 16, 16], functions, key),
            3,
            "relu",
            taught((2, 8, 8)),
            tuple(f"convs[{at}]" for at in range(3)),
            lambda function, key: Convnet([2, *[12] * STACK], [function] * STACK, key),
            "convs",
        ),
        Architecture(
            "transformer",
            lambda functions, key: Transformer(6, 8, WIDTH, functions, key),
            2,
            "gelu",
            taught((8, 6)),
            tuple(f"blocks[{at}].up" for at in range(2)),
            lambda function, key: Transformer(6, 8, WIDTH, [jax.nn.gelu] * 2, key, head=[function] * STACK),
            "head.layers",
        ),
    )
}


@dataclass(frozen=True)
class Planted:
    """A net with a fault, and what a finding must say of it."""

    architecture: Architecture
    fault: str
    model: Any
    kinds: tuple[str, ...]
    """A finding of one of these kinds is right,"""
    layers: tuple[str, ...]
    """at one of these layers or at a site after one of them,"""
    units: tuple[int, ...] | None = None
    """with these units; None if all units of the layer have the fault."""


def at_path(path: str) -> Path:
    """The part of a model at a path such as "blocks[0].up"."""
    steps = path.replace("[", ".").replace("]", "").split(".")

    def part(model: Any) -> Any:
        for step in steps:
            model = model[int(step)] if step.isdigit() else getattr(model, step)
        return model

    return part


def scaled(model: Any, factor: float, paths: Sequence[str] | None = None) -> Any:
    """The model with the weights of these layers, or of all layers, times a factor."""

    def scale(layer: Any) -> Any:
        return eqx.tree_at(lambda layer: layer.weight, layer, factor * layer.weight)

    if paths is None:
        return jax.tree.map(lambda node: scale(node) if is_layer(node) else node, model, is_leaf=is_layer)
    for path in paths:
        model = eqx.tree_at(at_path(path), model, scale(at_path(path)(model)))
    return model


def mostly_dead(architecture: Architecture, seed: int) -> Planted:
    """All units but two are dead: nets learn as well without DEAD units."""
    return dead(architecture, seed, leave=2)


def dead(architecture: Architecture, seed: int, leave: int | None = None) -> Planted:
    """DEAD units of the second layer, or all but some, are off for all examples, by their bias."""
    model, path = architecture.healthy(seed), architecture.layers[1]
    bias = at_path(path)(model).bias
    count = DEAD if leave is None else len(bias) - leave
    units = np.sort(np.random.default_rng(count).permutation(len(bias))[:count])
    model = eqx.tree_at(lambda model: at_path(path)(model).bias, model, bias.at[units].set(FAR_BELOW))
    return Planted(architecture, "dead units", model, ("dead_units",), (path,), tuple(units.tolist()))


def saturating(architecture: Architecture, seed: int) -> Planted:
    """The weights of the second layer, before a tanh, are far too large."""
    path = architecture.layers[1]
    model = scaled(architecture.healthy(seed, "tanh"), SATURATING, [path])
    return Planted(architecture, "saturating weights", model, ("saturated", "large_weights"), (path,))


def tiny(architecture: Architecture, seed: int) -> Planted:
    """All weights are far too small."""
    kinds = ("small_weights", "vanishing_gradient", "near_linear", "constant_output", "underflow")
    model = scaled(architecture.healthy(seed), TINY)
    return Planted(architecture, "tiny init", model, kinds, _all_layers(model))


def huge(architecture: Architecture, seed: int) -> Planted:
    """All weights are far too large."""
    kinds = ("large_weights", "exploding_gradient", "saturated", "attention_collapsed", "one_hot_rows", "not_finite")
    model = scaled(architecture.healthy(seed), HUGE)
    return Planted(architecture, "huge init", model, kinds, _all_layers(model))


def sigmoid_stack(architecture: Architecture, seed: int) -> Planted:
    """Many layers of sigmoids, one after the other."""
    model = initialised(partial(architecture.stack, activation("sigmoid")), 1.0, seed)
    paths = tuple(f"{architecture.stacked}[{at}]" for at in range(STACK))
    return Planted(architecture, "sigmoid stack", model, ("vanishing_gradient",), paths)


def linear_stack(architecture: Architecture, seed: int) -> Planted:
    """The second layer or block has no activation."""
    names = [architecture.usual] * architecture.hidden
    names[1] = "identity"
    path = architecture.layers[1]
    following = path.replace("up", "down") if "up" in path else next(iter(architecture.layers[2:]))
    model = architecture.healthy(seed, names)
    return Planted(architecture, "linear stack", model, ("no_activation",), (path, following))


def nan_maker(architecture: Architecture, seed: int) -> Planted:
    """After the activation of the second layer there is a root of numbers, some of which are negative."""
    functions = [activation(architecture.usual)] * architecture.hidden
    functions[1] = rooted_tanh
    model = initialised(partial(architecture.make, functions), 1.0, seed)
    path = architecture.layers[1]
    following = path.replace("up", "down") if "up" in path else next(iter(architecture.layers[2:]))
    return Planted(architecture, "NaN maker", model, ("not_finite",), (path, following))


def underflowing(architecture: Architecture, seed: int) -> Planted:
    """In bfloat16, two layers in a row have weights of 1e-20."""
    path = architecture.layers[1]
    before = path.replace("up", "second_norm") if "up" in path else architecture.layers[0]
    model = scaled(architecture.healthy(seed), UNDERFLOWING, [before, path])
    model = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16) if eqx.is_inexact_array(leaf) else leaf, model)
    return Planted(architecture, "bfloat16 underflow", model, ("underflow",), (before, path))


def rooted_tanh(x: Array) -> Array:
    """The root of tanh, which is NaN for negative numbers."""
    return jnp.sqrt(jnp.tanh(x))


def _all_layers(model: Any) -> tuple[str, ...]:
    nodes = jax.tree_util.tree_leaves_with_path(model, is_leaf=is_layer)
    return tuple(jax.tree_util.keystr(keys).removeprefix(".") for keys, node in nodes if is_layer(node))


FAULTS: dict[str, Callable[[Architecture, int], Planted]] = {
    fault.__name__: fault
    for fault in (dead, saturating, tiny, huge, sigmoid_stack, linear_stack, nan_maker, underflowing)
}
"""By name, the functions that plant them."""
