"""Which findings of the diagnosis name which fault, and which of their places agree with the place of a fault."""

import re
from collections.abc import Sequence
from typing import Any

from .cases import Case
from .layers import Built

LAYER = re.compile(r"layers\[(\d+)\]")
"""A layer of eqx.nn.Sequential by its path."""

KINDS: dict[str, tuple[str, ...]] = {
    "out_act": (
        "unreachable_targets",
        "constant_output",
        "logits_for_probabilities",
        "probabilities_for_logits",
        "dead_units",
        "saturated",
    ),
    "hid_act": (
        "saturated",
        "vanishing_gradient",
        "exploding_gradient",
        "dead_units",
        "off_centre",
        "one_sign_gradient",
        "near_linear",
        "not_finite",
    ),
    "no_act": ("no_activation", "near_linear"),
    "loss": ("logits_for_probabilities", "probabilities_for_logits", "unreachable_targets", "frozen_loss"),
    "logits": ("logits_for_probabilities", "probabilities_for_logits"),
    "input_scale": ("raw_inputs",),
    "target_scale": ("raw_targets", "unreachable_targets"),
    "labels": ("constant_targets",),
    "lr_high": ("large_updates", "growing_loss", "not_finite"),
    "lr_low": ("small_updates", "frozen_loss"),
    "depth": ("vanishing_gradient", "exploding_gradient", "dead_units", "saturated"),
    "init": (
        "small_weights",
        "large_weights",
        "vanishing_gradient",
        "exploding_gradient",
        "dead_units",
        "saturated",
        "not_finite",
    ),
    "dropout": ("dropout",),
    "capacity": ("narrow_layer",),
    "optim": ("large_updates", "small_updates", "growing_loss", "frozen_loss"),
    "epochs": ("small_updates", "frozen_loss"),
    "none": (),
}
"""By word of the files' vocabulary: the kinds of findings that name this fault."""

PLACES: dict[str, tuple[str, ...]] = {
    "input": ("input", "target"),
    "output": ("output", "loss"),
    "optimiser": ("optimiser", "loss"),
}
"""By the `where` of a case: the places of findings that agree with it; those of the last layer agree with "output"."""


def kinds_of(case: Case) -> set[str]:
    """The kinds of findings that name one of the case's faults; a word that is not in KINDS has none."""
    return {kind for word in (case.fault, *case.also) for kind in KINDS.get(word, ())}


def unknown_words(case: Case) -> list[str]:
    """The faults of the case for which KINDS has no entry."""
    return [word for word in (case.fault, *case.also) if word not in KINDS]


def layer_of(place: str, built: Built, rows: Sequence[Any]) -> int | None:
    """The number of the layer with weights that a finding's place belongs to; None for "input", "loss" and the like.

    The place is a layer's path or a site's name. A site belongs to the layer that the diagnosis names in its row, or
    else, as `rows` are in the model's order, to the layer before it; one after the net's last is in the loss.
    """
    layers = {row.site: row.layer for row in rows}
    if found := LAYER.search(layers.get(place, place)):
        before = [number for number, at in enumerate(built.weighted) if at <= int(found[1])]
        return before[-1] if before else 0
    if place not in layers:
        return None
    index = list(layers).index(place)
    return built.activated[index] if index < len(built.activated) else len(built.weighted) - 1


def agrees(case: Case, place: str, layer: int | None, layers: int) -> bool:
    """Whether a finding is where the fault is."""
    if isinstance(case.where, tuple):
        return layer in case.where
    return place in PLACES[case.where] or (case.where == "output" and layer == layers - 1)
