"""Functions and classes pickle by the package that users import them from, and not by private files."""

import copyreg
import inspect
import pkgutil
import sys
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class ByPublicName(type):
    """The metaclass of public classes, for which `copyreg` has a way to pickle them.

    Their `__module__` stays that of the file, which `inspect.getsource` needs for a class.
    """


def reduce_class(cls: type) -> Any:
    """A public class by the package that exports it, any other by its own module."""
    package = cls.__module__.partition("._")[0]
    if getattr(sys.modules[package], cls.__name__, None) is cls:
        return pkgutil.resolve_name, (f"{package}:{cls.__name__}",)
    return cls.__qualname__


copyreg.pickle(ByPublicName, reduce_class)


def part_of(owner: Callable[..., Any], name: str) -> Callable[[F], F]:
    """Let a private function pickle as `owner.name`, an attribute of a public function of the same file."""

    def decorate(function: F) -> F:
        setattr(owner, name, function)
        function.__module__, function.__qualname__ = function.__module__.partition("._")[0], f"{owner.__name__}.{name}"
        return function

    return decorate


def report_public_module(namespace: dict[str, Any]) -> None:
    """Set `__module__` of every public function of a package to the name of the package."""
    package = namespace["__name__"]
    for name, value in namespace.items():
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__.startswith(f"{package}._"):
            value.__module__ = package
