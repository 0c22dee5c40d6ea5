"""Checks of settings before anything runs: each raises a ValueError that says in one sentence what is wrong."""

import math
from collections.abc import Iterable

import jax
import jax.numpy as jnp

import jaxact


def at_least(least: float, **settings: float | Iterable[float]) -> None:
    """Every setting, or every entry of one, is at least `least`."""
    for name, number in _numbers(settings):
        if not least <= number < math.inf:
            raise ValueError(f"{name} is {number}, but a number of at least {least} is expected.")


def strictly_between(low: float, high: float, **settings: float | Iterable[float]) -> None:
    """Every setting, or every entry of one, lies strictly between `low` and `high`."""
    for name, number in _numbers(settings):
        if not low < number < high:
            raise ValueError(f"{name} is {number}, but a number above {low:g} and below {high:g} is expected.")


def not_empty(**settings: Iterable[object]) -> None:
    """Every setting has at least one entry, and no entry twice."""
    for name, setting in settings.items():
        entries = list(setting)
        if not entries or len(set(entries)) < len(entries):
            raise ValueError(f"{name} is {entries}, but at least one entry and none twice are expected.")


def includes(entry: object, **settings: Iterable[object]) -> None:
    """Every setting contains this entry."""
    for name, setting in settings.items():
        if entry not in (entries := list(setting)):
            raise ValueError(f"{name.replace('_', '-')} is {entries}, but {entry} is expected among its entries.")


def one_of(choices: Iterable[object], **settings: object) -> None:
    """Every setting is one of the choices."""
    for name, setting in settings.items():
        if setting not in (known := list(choices)):
            raise ValueError(f"{name.replace('_', '-')} is {setting!r}, but one of {known} is expected.")


def activations(names: Iterable[str], allow_prelu: bool = True) -> None:
    """Every name is an elementwise function of jaxact; prelu, whose slope has to be learnt, only if allowed."""
    for name in names:
        if not (name == "prelu" and allow_prelu) and not _elementwise(name):
            raise ValueError(
                f"activation {name!r} is unknown, but the name of an elementwise function of jaxact, "
                "such as relu, tanh or leaky_relu, is expected."
            )


def _numbers(settings: dict[str, float | Iterable[float]]) -> Iterable[tuple[str, float]]:
    for name, setting in settings.items():
        for number in setting if isinstance(setting, Iterable) else (setting,):
            yield name.replace("_", "-"), number


def _elementwise(name: str) -> bool:
    """The function is called, not looked up in a list, so that whatever jaxact adds is accepted at once."""
    try:
        out = jax.eval_shape(getattr(jaxact, name), jax.ShapeDtypeStruct((5,), jnp.float32))
        return not name.startswith("_") and out.shape == (5,) and out.dtype == jnp.float32
    except (AttributeError, TypeError, ValueError):
        return False
