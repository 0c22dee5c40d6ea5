"""The data sets of the questions: bundled, generated, from the user's files or from OpenML, always in three parts."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split

from .files import DataError, Labelled, read

PART_SIZE = 360  # of digits, validation and test each: with one size jit compiles their evaluation once

Name = Literal["digits", "mnist1d", "mnist", "fashion", "cifar10"]
TITLES: dict[str, str] = {
    "digits": "digits",
    "mnist1d": "MNIST-1D",
    "mnist": "MNIST",
    "fashion": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
}
"""The names of the data sets in sentences."""
SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (8, 8, 1),
    "mnist1d": (40, 1),
    "mnist": (28, 28, 1),
    "fashion": (28, 28, 1),
    "cifar10": (32, 32, 3),
}
"""Of an example: spatial axes first, then channels."""
OPENML = {"mnist": ("mnist_784", 60000), "fashion": ("Fashion-MNIST", 60000), "cifar10": ("CIFAR_10", 50000)}
"""Name on OpenML, and how many of its first rows are the training part."""


class Split(NamedTuple):
    """Examples and their labels."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """Three disjoint parts: train on one, choose settings on the second, report on the third."""

    train: Split
    validation: Split
    test: Split


def load(name: str, folder: str = "") -> Data:
    """Digits and mnist1d without any file; mnist, fashion and cifar10 from the folder or, without one, from OpenML.

    Raises:
        DataError: a file is missing or damaged, or OpenML cannot be reached.
    """
    if name in ("digits", "mnist1d"):
        if folder:
            raise DataError(f"folder is {folder}, but {name} needs no files, so that none is expected.")
        return digits() if name == "digits" else mnist1d()
    return _with_validation(
        *(_channels_last(name, part) for part in (read(name, Path(folder)) if folder else _fetched(name)))
    )


def digits(pixels: str = "standardised") -> Data:
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels: 60 % training, 20 % validation, 20 % test.

    Every digit is equally frequent in each part, and the split is always the same. Pixels are "standardised"; "raw",
    0 to 16 as scanned; "unit", the same divided by 16; or "centred", unit minus the mean of the training part.
    """
    x, y = load_digits(return_X_y=True)
    rest, train = _parts(y, np.arange(len(y)), 2 * PART_SIZE)
    test, validation = _parts(y, rest, PART_SIZE)
    parts = (train, validation, test)
    if pixels == "standardised":
        return _standardised(*((x[part], y[part]) for part in parts))
    mean, size = {"raw": (0, 1), "unit": (0, 16), "centred": (x[train].mean(0), 16)}[pixels]
    x, y = ((x - mean) / size).astype(np.float32), y.astype(np.int32)
    return Data(*(Split(x[part], y[part]) for part in parts))


def mnist1d() -> Data:
    """MNIST-1D, 4,000 and 1,000 signals of 40 numbers, generated as its authors do (https://arxiv.org/abs/2011.14439)."""
    from mnist1d.data import get_dataset_args, make_dataset  # make_dataset seeds NumPy's global generator

    before = np.random.get_state()
    dataset = make_dataset(get_dataset_args())
    np.random.set_state(before)
    return _with_validation((dataset["x"], dataset["y"]), (dataset["x_test"], dataset["y_test"]))


def _channels_last(name: str, part: Labelled) -> Labelled:
    """The files hold one channel after the other; here the channels of a pixel are neighbours."""
    x, y = part
    return x.reshape(len(x), SHAPES[name][-1], -1).swapaxes(1, 2).reshape(len(x), -1), y


def _with_validation(train: Labelled, test: Labelled) -> Data:
    """Split off validation: a fifth of the training part, but no more than the size of the test part."""
    (x, y), size = train, min(len(test[1]), len(train[1]) // 5)
    chosen, rest = _parts(y, np.arange(len(y)), size)
    return _standardised((x[rest], y[rest]), (x[chosen], y[chosen]), test)


def _standardised(*parts: Labelled) -> Data:
    """Standardised by the mean and deviation of the training part only: the test part must not leak in.

    Pixels that are constant in training (image corners) become 0, not infinite.
    """
    train = parts[0][0].astype(np.float32)
    mean, deviation = train.mean(0), train.std(0)
    scale = np.where(deviation > 0, deviation, np.inf)
    return Data(*(Split((x.astype(np.float32) - mean) / scale, y.astype(np.int32)) for x, y in parts))


def _parts(y: np.ndarray, indices: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """`size` of the indices, and the others, with the same share of every class."""
    others, chosen = train_test_split(indices, test_size=size, stratify=y[indices], random_state=0)
    return np.asarray(chosen), np.asarray(others)


def _fetched(name: str) -> tuple[Labelled, Labelled]:
    title, count = OPENML[name]
    try:
        x, y = fetch_openml(title, version=1, return_X_y=True, as_frame=False)
    except Exception as problem:  # a missing pandas, no network, no such data, a damaged file in the cache
        raise DataError(
            f"{title} cannot be fetched from OpenML ({problem}); a folder with its files is expected."
        ) from problem
    x, y = np.asarray(x), np.asarray(y).astype(np.int32)
    return (x[:count], y[:count]), (x[count:], y[count:])
