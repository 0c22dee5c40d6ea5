"""Checks of settings before anything runs: each raises a ValueError that says in one sentence what is wrong."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np

import jaxact

MOST = 10**6
"""More seeds, steps or units take days or more memory than there is."""
MOST_LAYERS = 1000
"""Every layer is compiled by itself."""
LEAST_FLOAT, MOST_FLOAT = (float(number) for number in (np.finfo("float32").tiny, np.finfo("float32").max))
"""The normal numbers of float32, in which nets compute."""


def at_least(least: int, most: int = MOST, **settings: float | Iterable[float]) -> None:
    """Every setting, or every entry of one, is at least `least`, and at most `most`."""
    for name, number in _numbers(settings):
        if not least <= number <= most:
            raise ValueError(
                f"{name} is {_shown(number)}, but a number of at least {least}, at most {most} is expected."
            )


def strictly_between(low: float, high: float, **settings: float | Iterable[float]) -> None:
    """Every setting, or every entry of one, lies strictly between `low` and `high`, and is 0 or normal in float32."""
    low, high = max(low, -MOST_FLOAT), min(high, MOST_FLOAT)
    for name, number in _numbers(settings):
        if not low < number < high:
            raise ValueError(f"{name} is {_shown(number)}, but a number above {low:g} and below {high:g} is expected.")
        if 0 < abs(number) < LEAST_FLOAT:
            raise ValueError(f"{name} is {number}, but 0 or a number of at least {LEAST_FLOAT:g} is expected.")


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


def _shown(number: float) -> str:
    """The number, of which a digit in hundreds is not shown."""
    text = str(number)
    return text if len(text) <= 30 else f"{text[:30]}..."


def _elementwise(name: str) -> bool:
    """Whether jaxact says so, under this or another name of the function, and x is all that the function needs."""
    function = getattr(jaxact, name, None)
    facts = jaxact.CATALOGUE.get(getattr(function, "__name__", ""))
    if function is None or facts is None or not facts.elementwise:
        return False
    try:
        return jax.eval_shape(function, jax.ShapeDtypeStruct((5,), jnp.float32)).shape == (5,)
    except (TypeError, ValueError):
        return False
