"""What is known of an activation, declared beside its definition and entered in the CATALOGUE."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar, cast

from jax import Array

from ._activation import Rules
from ._public import ByPublicName

F = TypeVar("F", bound=Callable[..., Any])

Number = int | float  # beartype does not take an int where a float is annotated
Pair = tuple[Number, Number]
Triple = tuple[Number, Number, Number]


@dataclass(frozen=True)
class Facts(metaclass=ByPublicName):
    """What is known of an activation. Only what cannot be computed is declared, and each declaration is tested."""

    function: Callable[..., Array]
    bounds: Pair
    """Infimum and supremum of the values, at the default parameters."""
    slopes_at_inf: Pair | None
    """Slopes at -inf and +inf, at the default parameters; None where there are none."""
    _kinks: tuple[Number, ...] | Callable[..., tuple[Number, ...]]
    source: str
    """The paper, or the first known use."""
    domain: Pair = (-inf, inf)
    """Where it is defined; NaN elsewhere."""
    accurate_for: Number = inf
    """The largest |x| for which the error bounds hold."""
    ulps: Triple | None = None
    """Float32 error bounds of value, slope and curvature, where they differ from those of all activations."""
    crossing: bool = False
    """Whether the value crosses zero away from x = 0, where its error is relative to the values nearby."""

    def __reduce__(self) -> tuple[Any, ...]:
        """By the function, since kinks may be lambdas: a copy or an unpickled entry is the entry of the CATALOGUE."""
        return getattr, (self.function, "__facts__")

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def formula(self) -> str:
        """The first line of the docstring, which the tests evaluate in arbitrary precision."""
        return (self.function.__doc__ or "").strip().splitlines()[0]

    @property
    def rules(self) -> Rules:
        """How the function is called and differentiated: its parameters and its slopes."""
        return cast(Any, self.function).__rules__

    @property
    def elementwise(self) -> bool:
        return self.rules.slopes is not None

    @property
    def positive(self) -> tuple[str, ...]:
        """Parameters that have to be greater than 0."""
        return self.rules.parameters.positive

    @property
    def parameters(self) -> dict[str, Any]:
        """The array parameters other than x, with their defaults (`inspect.Parameter.empty` for none)."""
        signature = inspect.signature(self.function)
        return {name: signature.parameters[name].default for name in self.rules.parameters.arrays[1:]}

    @property
    def kinks(self) -> tuple[Number, ...]:
        """Where the slope jumps, at the default parameters; the formula says which side a kink belongs to."""
        depends = inspect.signature(self._kinks).parameters if callable(self._kinks) else ()
        return () if any(self.parameters[name] is inspect.Parameter.empty for name in depends) else self.kinks_at()

    def kinks_at(self, **given: Number) -> tuple[Number, ...]:
        """Where the slope jumps, at these parameters."""
        if not callable(self._kinks):
            return self._kinks
        values = self.parameters | given
        return self._kinks(**{name: values[name] for name in inspect.signature(self._kinks).parameters})


CATALOGUE: dict[str, Facts] = {}
"""Every activation by name, in the order of definition."""


def activation(
    *,
    bounds: Pair,
    slopes_at_inf: Pair | None = None,
    kinks: tuple[Number, ...] | Callable[..., tuple[Number, ...]] = (),
    source: str,
    domain: Pair = (-inf, inf),
    accurate_for: Number = inf,
    ulps: Triple | None = None,
    crossing: bool = False,
) -> Callable[[F], F]:
    """Enter a function made by `derivative`, `jvp` or `autodiff` in the CATALOGUE, with its facts.

    Kinks that depend on parameters are given as a function of those parameters.
    """

    def register(function: F) -> F:
        _name_publicly(function, function.__name__)
        facts = Facts(function, bounds, slopes_at_inf, kinks, source, domain, accurate_for, ulps, crossing)
        CATALOGUE[function.__name__] = cast(Any, function).__facts__ = facts
        return function

    return register


def _name_publicly(function: Any, path: str) -> None:
    """Name a function `jaxact.silu` and its slope `jaxact.silu.slope`, so that pickles do not name private files."""
    function.__module__, function.__qualname__ = "jaxact", path
    for name, slope in (function.__rules__.slopes or {}).items():
        if slope.__module__ != "jaxact":
            attribute = "slope" if name == "x" else f"slope_by_{name}"
            setattr(function, attribute, slope)
            _name_publicly(slope, f"{path}.{attribute}")
