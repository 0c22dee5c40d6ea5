"""Reading of standard image files: IDX, plain or gzipped, NumPy's npz as Keras lays it out, CIFAR-10's batches.

Sizes, shapes and labels are checked, and a file that has the size of a published one must have its checksum. A pickle
may hold arrays, text, numbers, lists and dictionaries, and no code.
"""

import gzip
import hashlib
import io
import math
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Labelled = tuple[np.ndarray, np.ndarray]
"""Images, one flat row of bytes each, and their labels."""

CLASSES = 10
PIXELS = {"mnist": 28 * 28, "fashion": 28 * 28, "cifar10": 3 * 32 * 32}
FOLDERS = {
    "mnist": ("", "raw", "MNIST/raw"),
    "fashion": ("", "raw", "FashionMNIST/raw"),
    "cifar10": ("", "cifar-10-batches-py", "cifar-10-batches-bin"),
}
"""Subfolders of the user's folder in which the files may be: the layouts of torchvision and of the archives."""

STANDARD = {
    # https://github.com/pytorch/vision/blob/main/torchvision/datasets/mnist.py
    "mnist": {
        9912422: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        28881: "d53e105ee54ea40749a09fcbcd1e9432",
        1648877: "9fb629c4189551a2d022fa330f9573f3",
        4542: "ec29112dd5afa0611ce80d1b7f02629c",
        # https://github.com/keras-team/keras/blob/master/keras/src/datasets/mnist.py
        11490434: "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    },
    "fashion": {
        26421880: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        29515: "25c81989df183df01b3e8a0aad5dffbe",
        4422102: "bef4ecab320f06d8554ea6380940ec79",
        5148: "bb300cfdad3c16e7a12a480ee83cd310",
    },
    # https://github.com/pytorch/vision/blob/main/torchvision/datasets/cifar.py
    "cifar10": {
        31035704: "c99cafc152244af753f735de768cd75f",
        31035320: "d4bba439e000b95fd0a9bffe97cbabec",
        31035999: "54ebc095f3ab1f0389bbae665268c751",
        31035696: "634d18415352ddfa80567beed471001a",
        31035623: "482c414d41f54cd18b22e5b47cb7c3cb",
        31035526: "40351d587109b95175f43aff81a1287e",
    },
}
"""Checksum by size in bytes: MD5, but SHA-256 of Keras's file; for uncompressed files none is published."""


class DataError(Exception):
    """Data are missing or damaged; the message is a sentence."""


def read(name: str, folder: Path) -> tuple[Labelled, Labelled]:
    """Training and test part of mnist, fashion or cifar10 from the files in a folder."""
    if not folder.is_dir():
        raise DataError(f"folder is {folder}, but an existing folder with the files of {name} is expected.")
    npz = folder / f"{name}.npz"
    if name == "cifar10":
        parts = _cifar(folder)
    elif npz.exists():
        parts = _npz(name, npz)
    else:
        parts = _part(name, folder, "train"), _part(name, folder, "t10k")
    for (x, y), part in zip(parts, ("training", "test"), strict=True):
        _check(x, y, PIXELS[name], f"the {part} part of {name} in {folder}")
    return parts


def idx(data: bytes, path: Path) -> np.ndarray:
    """The array of bytes in an IDX file: two zeros, the type 8, the number of axes, their lengths, the numbers."""
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(f"{path} begins with {data[:4].hex(' ')}, but 00 00 08 of an IDX file of bytes is expected.")
    axes, start = data[3], 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(f"{path} ends within its header of {axes} axes.")
    shape = struct.unpack(f">{axes}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise DataError(
            f"{path} has {len(data) - start} bytes of numbers, but {math.prod(shape)} for {shape} are expected."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def unpickled(data: bytes, path: Path) -> Any:
    """The content of a pickle, which may be data only."""

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module.replace("._core", ".core"), name) in _ALLOWED:
                return super().find_class(module, name)
            raise DataError(f"{path} is a pickle that asks for {module}.{name}, but only arrays are expected in it.")

    try:
        return Restricted(io.BytesIO(data), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise DataError(f"{path} is no whole pickle ({type(problem).__name__}: {problem}).") from problem


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def _part(name: str, folder: Path, part: str) -> Labelled:
    """Images and labels of MNIST or Fashion-MNIST."""
    arrays = []
    for what in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        stem = f"{part}-{what}"
        path = _find(name, folder, [stem, f"{stem}.gz", stem.replace("-idx", ".idx")])
        data = _bytes(name, path)
        if data[:2] == b"\x1f\x8b":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as problem:
                raise DataError(f"{path} is no whole gzip file ({problem}).") from problem
        arrays.append(idx(data, path))
    images, labels = arrays
    return images.reshape(len(images), -1), labels


def _cifar(folder: Path) -> tuple[Labelled, Labelled]:
    """Five training batches and a test batch, pickled or binary; fewer training batches give a warning."""
    batch = _find("cifar10", folder, ["data_batch_1", "data_batch_1.bin"])
    parse: Callable[[bytes, Path], Labelled] = _binary if batch.suffix else _pickled
    paths = [batch.with_name(f"data_batch_{i}{batch.suffix}") for i in range(1, 6)]
    existing = [path for path in paths if path.exists()]
    if len(existing) < len(paths):
        warnings.warn(f"{len(existing)} of the 5 training batches of cifar10 are in {batch.parent}.", stacklevel=4)
    train = [parse(_bytes("cifar10", path), path) for path in existing]
    test = _find("cifar10", batch.parent, [f"test_batch{batch.suffix}"])
    images, labels = zip(*train, strict=True)
    return (np.concatenate(images), np.concatenate(labels)), parse(_bytes("cifar10", test), test)


def _binary(data: bytes, path: Path) -> Labelled:
    """Each row is one byte for the label and 3072 for the pixels."""
    row = 1 + PIXELS["cifar10"]
    if not data or len(data) % row:
        raise DataError(f"{path} has {len(data)} bytes, but a multiple of {row} is expected.")
    rows = np.frombuffer(data, np.uint8).reshape(-1, row)
    return rows[:, 1:], rows[:, 0]


def _pickled(data: bytes, path: Path) -> Labelled:
    content = unpickled(data, path)
    batch = (
        {key.decode() if isinstance(key, bytes) else key: v for key, v in content.items()}
        if isinstance(content, dict)
        else {}
    )
    if not {"data", "labels"} <= set(batch):
        raise DataError(
            f"{path} holds {sorted(map(str, batch)) or type(content).__name__}, but data and labels are expected."
        )
    return np.asarray(batch["data"]), np.asarray(batch["labels"])


def _npz(name: str, path: Path) -> tuple[Labelled, Labelled]:
    data = _bytes(name, path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            x_train, y_train, x_test, y_test = (stored[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise DataError(f"{path} is no npz file with x_train, y_train, x_test and y_test ({problem}).") from problem
    return (x_train.reshape(len(x_train), -1), y_train.ravel()), (x_test.reshape(len(x_test), -1), y_test.ravel())


def _find(name: str, folder: Path, files: list[str]) -> Path:
    """The first of these files that exists."""
    for path in (folder / inner / file for inner in FOLDERS[name] for file in files):
        if path.is_file():
            return path
    raise DataError(f"{' or '.join(files)} is not in {folder}, but the files of {name} are expected there.")


def _bytes(name: str, path: Path) -> bytes:
    """The content of a file; DataError if it is damaged or another data set's, a warning if it is unknown."""
    data = path.read_bytes()
    sums = {hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()}
    for other, standard in STANDARD.items():
        if other != name and sums & {*standard.values()}:
            raise DataError(f"{path} is a file of {other}, but one of {name} is expected.")
    expected = STANDARD[name].get(len(data))
    if expected and expected not in sums:
        raise DataError(f"{path} has the size of the published file, but not its checksum {expected}: it is damaged.")
    if not expected:
        warnings.warn(
            f"{path} is not a published file of {name} whose checksum is known; it is taken as it is.", stacklevel=4
        )
    return data


def _check(x: np.ndarray, y: np.ndarray, pixels: int, where: str) -> None:
    if x.dtype != np.uint8 or x.shape != (len(y), pixels) or y.ndim != 1:
        raise DataError(
            f"{where} has images of {x.dtype} and shape {x.shape} and labels of shape {y.shape}, "
            f"but bytes of shape ({len(y)}, {pixels}) are expected."
        )
    if not np.issubdtype(y.dtype, np.integer) or not np.isin(y, range(CLASSES)).all():
        raise DataError(
            f"{where} has labels of {y.dtype} from {y.min()} to {y.max()}, but 0 to {CLASSES - 1} are expected."
        )
    if np.bincount(y, minlength=CLASSES).min() < 2:
        raise DataError(
            f"{where} has {np.bincount(y, minlength=CLASSES).tolist()} images per label, but 2 of each are expected."
        )
