"""The optimisers of the faulty nets, from Optax, with Keras's defaults."""

from collections.abc import Callable, Mapping
from typing import Any

import optax

from .cases import CaseError, chosen, needed, only

Make = Callable[..., optax.GradientTransformation]
EPSILON = 1e-7
"""keras.config.epsilon()"""

OPTIMISERS: dict[str, tuple[Make, dict[str, Any]]] = {
    "sgd": (optax.sgd, {"momentum": 0.0, "nesterov": False}),
    "adam": (optax.adam, {"b1": 0.9, "b2": 0.999, "eps": EPSILON}),
    "adamw": (optax.adamw, {"b1": 0.9, "b2": 0.999, "eps": EPSILON, "weight_decay": 0.004}),
    "nadam": (optax.nadam, {"b1": 0.9, "b2": 0.999, "eps": EPSILON}),
    "adamax": (optax.adamax, {"b1": 0.9, "b2": 0.999, "eps": EPSILON}),
    "rmsprop": (optax.rmsprop, {"decay": 0.9, "eps": EPSILON, "momentum": 0.0}),
    "adagrad": (optax.adagrad, {"initial_accumulator_value": 0.1, "eps": EPSILON}),
    "adadelta": (optax.adadelta, {"rho": 0.95, "eps": EPSILON}),
}
"""By name: the function of Optax, and its settings."""
RENAMED = {"beta1": "b1", "beta2": "b2", "epsilon": "eps"}
"""Names of other libraries for the same settings."""


def build(facts: Mapping[str, Any]) -> optax.GradientTransformation:
    """The optimiser; `clip` bounds the norm of the whole gradient, `clip_value` each of its numbers.

    Raises:
        CaseError: a word is unknown.
    """
    make, usual = chosen("optimiser", needed("optimiser", facts, "name"), OPTIMISERS)
    renamed = {RENAMED.get(name, name): value for name, value in facts.items()}
    only("optimiser", renamed, ("name", "lr", "clip", "clip_value", *usual))
    rate = needed("optimiser", facts, "lr")
    if not isinstance(rate, int | float) or not rate >= 0:
        raise CaseError(f"lr is {rate!r}, but a number of at least 0 is expected.")
    settings = {name: renamed.get(name, value) for name, value in usual.items()}
    if "momentum" in settings:
        settings["momentum"] = settings["momentum"] or None
    steps = [optax.clip_by_global_norm(facts["clip"])] if "clip" in facts else []
    steps += [optax.clip(facts["clip_value"])] if "clip_value" in facts else []
    return optax.chain(*steps, make(rate, **settings)) if steps else make(rate, **settings)
