"""Functions report the package that users import them from, so that their pickles do not name private files."""

import inspect
from typing import Any


def report_public_module(namespace: dict[str, Any]) -> None:
    """Set `__module__` of every public function of a package to the name of the package.

    Classes keep theirs: `inspect.getsource` looks for a class in the file of its `__module__`.
    """
    package = namespace["__name__"]
    for name, value in namespace.items():
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__.startswith(f"{package}._"):
            value.__module__ = package
