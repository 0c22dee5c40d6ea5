"""The base class of all modules: they pickle by the names that users import, and not by those of private files."""

import copyreg
import pkgutil
import sys
from typing import Any

import equinox as eqx


class _ByPublicName(type(eqx.Module)):
    """The metaclass of the modules, for which `copyreg` has a way to pickle them."""


def _reduce(cls: type) -> Any:
    if getattr(sys.modules["jaxact.nn"], cls.__name__, None) is cls:
        return pkgutil.resolve_name, (f"jaxact.nn:{cls.__name__}",)
    return cls.__qualname__  # a user's subclass, by its own module


copyreg.pickle(_ByPublicName, _reduce)


class Module(eqx.Module, metaclass=_ByPublicName):
    """A module of jaxact.nn. `__module__` stays that of the file, which `inspect.getsource` needs for a class."""
