"""Reading of standard image files: IDX, plain or gzipped, NumPy's npz as Keras lays it out, CIFAR-10's batches.

Sizes are bounded before anything is read, shapes and labels are checked, and a file that has the size of a published
one must have its checksum. A pickle is read only if it is a published one: others could run code or crash Python.
"""

import gzip
import hashlib
import io
import math
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Labelled = tuple[np.ndarray, np.ndarray]
"""Images, one flat row of bytes each, and their labels."""

CLASSES = 10
MOST_BYTES = 2**28
"""Of a file, and of what is unpacked from it: five times those of the largest, MNIST's 60,000 images of 784 bytes."""
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
    train, test = files_of(name, folder)
    if train[0].suffix == ".npz":
        parts = _parsed(name, train[0], _npz, "npz file with x_train, y_train, x_test and y_test")
    elif name == "cifar10":
        parts = _cifar_part(train), _cifar_part(test)
        if len(train) < 5:
            warnings.warn(f"{len(train)} of the 5 training batches of cifar10 are in {folder}.", stacklevel=3)
    else:
        parts = _idx_part(name, *train), _idx_part(name, *test)
    checked = [_checked(*part, PIXELS[name], paths) for part, paths in zip(parts, (train, test), strict=True)]
    return checked[0], checked[1]


def digest(name: str, folder: Path) -> str:
    """A hash of the contents of all files that `read` reads: CIFAR-10's 180 MB take 0.2 s."""
    contents = hashlib.sha256()
    for path in dict.fromkeys(path for part in files_of(name, folder) for path in part):
        contents.update(hashlib.sha256(_content(path)).digest())
    return contents.hexdigest()


def files_of(name: str, folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of the training part and of the test part; DataError if one is missing."""
    try:
        return _files_of(name, folder)
    except OSError as problem:
        raise DataError(f"folder is {folder}, which cannot be read ({problem.strerror}).") from problem


def _files_of(name: str, folder: Path) -> tuple[list[Path], list[Path]]:
    if not folder.is_dir():
        raise DataError(f"folder is {folder}, but an existing folder with the files of {name} is expected.")
    if name == "cifar10":
        batch = _find(name, folder, ["data_batch_1", "data_batch_1.bin"])
        batches = [batch.with_name(f"data_batch_{i}{batch.suffix}") for i in range(1, 6)]
        return [path for path in batches if path.exists()], [_find(name, batch.parent, [f"test_batch{batch.suffix}"])]
    if (npz := folder / f"{name}.npz").exists():
        return [npz], [npz]
    return _idx_files(name, folder, "train"), _idx_files(name, folder, "t10k")


def idx(data: bytes, path: Path, axes: int) -> np.ndarray:
    """The array of bytes in an IDX file: two zeros, the type 8, the number of axes, their lengths, the numbers."""
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(f"{path} begins with {data[:4].hex(' ')}, but 00 00 08 of an IDX file of bytes is expected.")
    if data[3] != axes:
        raise DataError(f"{path} has {data[3]} axes, but {axes} are expected.")
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(f"{path} ends within its header of {axes} axes.")
    shape = struct.unpack(f">{axes}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise DataError(
            f"{path} has {len(data) - start} bytes of numbers, but {math.prod(shape)} for {shape} are expected."
        )
    return np.frombuffer(data, np.uint8)[start:].reshape(shape)


def _parsed(name: str, path: Path, parse: Callable[[bytes, Path], T], kind: str) -> T:
    """What is in a file; DataError if it is damaged, another data set's, or not of this kind."""
    data = _content(path)
    _check_published(name, path, data, required=parse is _pickled)
    try:
        return parse(data, path)
    except DataError:
        raise
    except Exception as problem:  # parsers raise errors of many kinds on damaged bytes
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise DataError(f"{path} is no {kind} ({reason}).") from problem


def _idx_files(name: str, folder: Path, part: str) -> list[Path]:
    """Images and labels of MNIST or Fashion-MNIST."""
    stems = [f"{part}-{what}" for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    return [_find(name, folder, [stem, f"{stem}.gz", stem.replace("-idx", ".idx")]) for stem in stems]


def _idx_part(name: str, images: Path, labels: Path) -> Labelled:
    x, y = (
        _parsed(name, path, lambda data, path, axes=axes: idx(_unpacked(data, path), path, axes), "whole gzip file")
        for path, axes in ((images, 3), (labels, 1))
    )
    return _rows(x), y


def _unpacked(data: bytes, path: Path) -> bytes:
    """The data, unpacked if they are gzipped."""
    if data[:2] != b"\x1f\x8b":
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        unpacked = packed.read(MOST_BYTES + 1)
    _check_size(len(unpacked), path)
    return unpacked


def _cifar_part(batches: list[Path]) -> Labelled:
    parse, kind = (_binary, "binary batch") if batches[0].suffix else (_pickled, "pickled batch")
    parts = [_parsed("cifar10", path, parse, kind) for path in batches]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _binary(data: bytes, path: Path) -> Labelled:
    """Each row is one byte for the label and 3072 for the pixels."""
    row = 1 + PIXELS["cifar10"]
    if not data or len(data) % row:
        raise DataError(f"{path} has {len(data)} bytes, but a multiple of {row} is expected.")
    rows = np.frombuffer(data, np.uint8).reshape(-1, row)
    return rows[:, 1:], rows[:, 0]


def _pickled(data: bytes, path: Path) -> Labelled:
    """A published batch, as `_parsed` has made sure."""
    batch = pickle.loads(data, encoding="bytes")
    return batch[b"data"], np.asarray(batch[b"labels"])


def _npz(data: bytes, path: Path) -> tuple[Labelled, Labelled]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = ("x_train", "y_train", "x_test", "y_test")
        x_train, y_train, x_test, y_test = (_npy(archive, name, path) for name in names)
    return (_rows(x_train), y_train.ravel()), (_rows(x_test), y_test.ravel())


def _npy(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """The integers under a name; `np.load` would make room for the shape in their header, whatever it is."""
    entry = archive.getinfo(f"{name}.npy")
    _check_size(entry.file_size, path)
    content = io.BytesIO(archive.read(entry))
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = headers[np.lib.format.read_magic(content)](content)
    if dtype.kind not in "iu":
        raise DataError(f"{path} has {dtype} in {name}, but integers are expected.")
    return np.frombuffer(content.read(), dtype).reshape(shape, order="F" if fortran else "C")


def _rows(images: np.ndarray) -> np.ndarray:
    """One flat row for each image, also where there are none."""
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _find(name: str, folder: Path, files: list[str]) -> Path:
    """The first of these files that exists."""
    for path in (folder / inner / file for inner in FOLDERS[name] for file in files):
        if path.is_file():
            return path
    raise DataError(f"{' or '.join(files)} is not in {folder}, but the files of {name} are expected there.")


def _content(path: Path) -> bytes:
    try:
        _check_size(path.stat().st_size, path)
        return path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} cannot be read ({problem.strerror}).") from problem


def _check_size(size: int, path: Path) -> None:
    if size > MOST_BYTES:
        raise DataError(f"{path} has more than {MOST_BYTES:,} bytes, but at most so many are expected.")


def _check_published(name: str, path: Path, data: bytes, required: bool) -> None:
    """DataError if the file is damaged or another data set's; if it is unknown, a warning, or DataError if required."""
    sums = {hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()}
    for other, standard in STANDARD.items():
        if other != name and sums & {*standard.values()}:
            raise DataError(f"{path} is a file of {other}, but one of {name} is expected.")
    expected = STANDARD[name].get(len(data))
    if expected and expected not in sums:
        raise DataError(f"{path} has the size of the published file, but not its checksum {expected}: it is damaged.")
    if not expected and required:
        raise DataError(
            f"{path} is not a published file of {name} whose checksum is known, and an unknown pickle can run code or "
            "crash Python, but a published file or the binary version is expected."
        )
    if not expected:
        warnings.warn(
            f"{path} is not a published file of {name} whose checksum is known; it is taken as it is.", stacklevel=4
        )


def _checked(x: np.ndarray, y: np.ndarray, pixels: int, paths: list[Path]) -> Labelled:
    """The part if its shapes, types and labels are right."""
    where = " and ".join(map(str, paths))
    if x.dtype != np.uint8 or x.shape != (len(y), pixels) or y.ndim != 1:
        raise DataError(
            f"{where} has images of {x.dtype} and shape {x.shape} and labels of shape {y.shape}, "
            f"but bytes of shape ({len(y)}, {pixels}) are expected."
        )
    if not np.isin(y, range(CLASSES)).all():
        raise DataError(
            f"{where} has labels of {y.dtype} from {y.min()} to {y.max()}, but 0 to {CLASSES - 1} are expected."
        )
    counts = np.bincount(y.astype(np.int64), minlength=CLASSES)
    if counts.min() < 2:
        raise DataError(f"{where} has {counts.tolist()} images per label, but 2 of each are expected.")
    return x, y
