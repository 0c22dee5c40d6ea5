"""The provenance of an answer: versions, device, duration, and a fingerprint that tells whether it is still valid."""

import ast
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

import jaxact

from .devices import device_count
from .files import PIXELS, digest
from .result import Provenance

ROOT = Path(__file__).parents[2]
"""The folder that holds `experiments`."""

MEASURED = ROOT / "experiments" / "measured"
"""The folder of the reports that are committed."""


LIBRARIES = ("jax", "jaxlib", "numpy", "equinox", "optax", "scipy", "scikit-learn", "mnist1d", "python-flint")
"""What computes answers: other versions may have other numbers."""

JAX_SETTINGS = (
    "jax_enable_x64",
    "jax_explicit_x64_dtypes",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_default_matmul_precision",
    "jax_disable_most_optimizations",
    "jax_optimization_level",
)
"""The settings of JAX that change numbers; users set them by environment variables."""

FLAGS = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")
"""The variables of the environment that tell compilers and libraries below JAX how to compute."""

NO_NUMBERS = ("--xla_force_host_platform_device_count", "--xla_dump_")
"""How the flags begin that change no numbers: a run goes on with another number of devices."""


def fingerprint(module: str, config: Any) -> str:
    """A hash of whatever could change the answer: settings, data files, code, libraries, JAX's settings and the device.

    Docstrings count only in the module itself, or in the modules of the package, as the answer repeats them.

    Raises:
        DataError: a data file is missing or cannot be read.
    """
    own_files = files_of(module)
    texts = {path: path.read_text("utf-8") for path in [*files_used_by(module), *_library()]}
    sources = [text if path in own_files else without_docstrings(text) for path, text in texts.items()]
    facts = [module, dataclasses.asdict(config), _data_files(config), sources, list(map(version, LIBRARIES))]
    facts += [platform.python_version()]  # which brings the text that transformers learn
    facts += [str(jax.config.values.get(name)) for name in JAX_SETTINGS]
    facts += [_flags(variable) for variable in FLAGS]
    facts += [jax.default_backend(), jax.devices()[0].device_kind]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _flags(variable: str) -> list[str]:
    """The flags in a variable of the environment that may change numbers."""
    return sorted(flag for flag in os.environ.get(variable, "").split() if not flag.startswith(NO_NUMBERS))


def _data_files(config: Any) -> list[str]:
    """Hashes of the contents of the files that a question reads from the user's folder."""
    if not getattr(config, "folder", ""):
        return []
    names = (config.data,) if isinstance(config.data, str) else config.data
    return [digest(name, Path(config.folder)) for name in names if name in PIXELS]


def _library() -> list[Path]:
    return sorted(Path(jaxact.__file__).parent.rglob("*.py"))


def files_of(module: str) -> list[Path]:
    """The file of a module of `experiments`, or all files of a package; none if there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    return sorted(path.glob("*.py")) or [file for file in [path.with_suffix(".py")] if file.exists()]


def files_used_by(module: str) -> list[Path]:
    """The files of `experiments` that a module or package imports, directly or through others, and its own."""
    used, todo = set[Path](), files_of(module)
    while todo:
        path = todo.pop()
        if path not in used:
            used.add(path)
            todo += [file for name in _imports(path) for file in files_of(name)]
    return sorted(used)


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file of `experiments` imports from there."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *([node.module] if node.module else [])])
            if (ROOT / module.replace(".", "/")).with_suffix(".py").exists():
                yield module
            elif module.startswith("experiments."):
                yield from (f"{module}.{alias.name}" for alias in node.names)


def without_docstrings(source: str) -> str:
    """Code without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def provenance(name: str, config: Any, fingerprint: str, seconds: float) -> Provenance:
    """What a reader needs to judge or repeat a run; the fingerprint is the one taken before it."""
    several = f"{device_count()} x " if device_count() > 1 else ""
    return {
        "fingerprint": fingerprint,
        "command": command_of(name, config),
        "seconds": round(seconds, 1),
        "device": f"{several}{jax.devices()[0].device_kind} ({jax.default_backend()}), {os.cpu_count()} CPU cores",
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("jax", "jaxlib", "equinox", "optax", "jaxact", "numpy")},
    }


def command_of(name: str, config: Any) -> str:
    """The command line that gives these settings."""
    words = ["python", "-m", "experiments", name]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            entries = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [f"--{field.name.replace('_', '-')}", *map(str, entries)]
    return shlex.join(words)


def version(package: str) -> str:
    """The version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # jaxact run from a checkout that was not installed
        return "uninstalled"
