"""Where an answer comes from: versions, device, duration, and a fingerprint that says whether it still holds."""

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
    """Changes with whatever could change the answer: settings, source text, JAX and the kind of device."""
    folders = (Path(__file__).parent, Path(jaxact.__file__).parent)
    sources = [path.read_text("utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))]
    facts = [name, dataclasses.asdict(config), sources, jax.__version__, jax.default_backend()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


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
            entries = value if isinstance(value, tuple) else (value,)
            words += [f"--{field.name.replace('_', '-')}", *map(str, entries)]
    return shlex.join(words)


def version(package: str) -> str:
    """Of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # jaxact run from a checkout that was not installed
        return "uninstalled"
