"""Settings are checked before anything runs, and what is wrong is said in one sentence."""

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


def between(low: float, high: float, **settings: float | Iterable[float]) -> None:
    """Every setting, or every entry of one, lies strictly between `low` and `high`."""
    for name, number in _numbers(settings):
        if not low < number < high:
            raise ValueError(f"{name} is {number}, but a number above {low:g} and below {high:g} is expected.")


def not_empty(**settings: Iterable[object]) -> None:
    """Every setting has an entry, and none twice."""
    for name, given in settings.items():
        entries = list(given)
        if not entries or len(set(entries)) < len(entries):
            raise ValueError(f"{name} is {entries}, but at least one entry and none twice are expected.")


def includes(entry: object, **settings: Iterable[object]) -> None:
    """Every setting has this entry among its own."""
    for name, given in settings.items():
        if entry not in (entries := list(given)):
            raise ValueError(f"{name.replace('_', '-')} is {entries}, but {entry} is expected among its entries.")


def one_of(choices: Iterable[object], **settings: object) -> None:
    """Every setting is one of the choices."""
    for name, given in settings.items():
        if given not in (known := list(choices)):
            raise ValueError(f"{name.replace('_', '-')} is {given!r}, but one of {known} is expected.")


def activations(names: Iterable[str], learning: bool = True) -> None:
    """Every name is a jaxact function that works on each number by itself; prelu only where its slope is learnt."""
    for name in names:
        if not (name == "prelu" and learning) and not _elementwise(name):
            raise ValueError(
                f"activation {name!r} is unknown, but the name of an elementwise function of jaxact, "
                "such as relu, tanh or leaky_relu, is expected."
            )


def _numbers(settings: dict[str, float | Iterable[float]]) -> Iterable[tuple[str, float]]:
    for name, given in settings.items():
        for number in given if isinstance(given, Iterable) else (given,):
            yield name.replace("_", "-"), number


def _elementwise(name: str) -> bool:
    """Tried rather than listed, so that whatever jaxact adds can be asked about at once."""
    try:
        out = jax.eval_shape(getattr(jaxact, name), jax.ShapeDtypeStruct((5,), jnp.float32))
        return not name.startswith("_") and out.shape == (5,) and out.dtype == jnp.float32
    except (AttributeError, TypeError, ValueError):
        return False
