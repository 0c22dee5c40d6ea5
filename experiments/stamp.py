"""Where an answer comes from: versions, device, duration, and a fingerprint that says whether it still holds."""

import ast
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
from pathlib import Path
from typing import Any

import jax

import jaxact

from .devices import used


def fingerprint(name: str, config: Any) -> str:
    """Changes with whatever could change the answer: settings, code, JAX and the kind of device.

    Of the question's own files also the words, which the answer repeats.
    """
    texts = {path: path.read_text("utf-8") for path in [*modules_of(name), *_library()]}
    sources = [text if path.stem.startswith(name) else without_words(text) for path, text in texts.items()]
    facts = [name, dataclasses.asdict(config), sources, jax.__version__, jax.default_backend()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _library() -> list[Path]:
    return sorted(Path(jaxact.__file__).parent.rglob("*.py"))


def modules_of(question: str) -> list[Path]:
    """The files of this folder that a question is made of, directly or through others."""
    folder, found = Path(__file__).parent, set[Path]()
    todo = [folder / f"{question}{part}.py" for part in ("", "_verdicts", "_story")]
    while todo:
        path = todo.pop()
        if path in found or not path.exists():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                todo += [folder / f"{name}.py" for name in names]
    return sorted(found)


def without_words(source: str) -> str:
    """Code without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def stamp(name: str, config: Any, mark: str, seconds: float) -> dict[str, Any]:
    """What a reader needs to judge or repeat the run; `mark` is the fingerprint taken before it."""
    several = f"{used()} x " if used() > 1 else ""
    return {
        "fingerprint": mark,
        "command": _command(name, config),
        "seconds": round(seconds, 1),
        "device": f"{several}{jax.devices()[0].device_kind} ({jax.default_backend()}), {os.cpu_count()} CPU cores",
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("jax", "jaxlib", "equinox", "optax", "jaxact", "numpy")},
    }


def _command(name: str, config: Any) -> str:
    """The command line that gives these settings."""
    words = ["python", "-m", "experiments", name]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            entries = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [f"--{field.name.replace('_', '-')}", *map(str, entries)]
    return shlex.join(words)


def version(package: str) -> str:
    """Of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # jaxact run from a checkout that was not installed
        return "uninstalled"
