"""The data every question uses: scikit-learn's 1,797 handwritten digits, 8 x 8 pixels each, real and bundled."""

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Split(NamedTuple):
    """Examples and their labels."""

    x: np.ndarray
    y: np.ndarray


class Digits(NamedTuple):
    """Three disjoint parts: train on one, choose settings on the second, report on the third."""

    train: Split
    validation: Split
    test: Split

    @property
    def chance(self) -> float:
        """The test accuracy of always answering the most frequent digit."""
        return float(np.bincount(self.test.y).max() / len(self.test.y))


def digits() -> Digits:
    """60 % training, 20 % validation, 20 % test, every digit equally frequent in each (always the same split).

    Pixels are standardised with the mean and deviation of the training part only: the test part must not leak in.
    Pixels that never change in training (image corners) become 0, not infinite.
    """
    x, y = load_digits(return_X_y=True)
    x, y = x.astype(np.float32), y.astype(np.int32)
    x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.4, stratify=y, random_state=0)
    x_validation, x_test, y_validation, y_test = train_test_split(
        x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0
    )
    mean, deviation = x_train.mean(0), x_train.std(0)
    scale = np.where(deviation > 0, deviation, 1)

    def standardise(part: np.ndarray) -> np.ndarray:
        return np.where(deviation > 0, (part - mean) / scale, 0).astype(np.float32)

    return Digits(
        Split(standardise(x_train), y_train),
        Split(standardise(x_validation), y_validation),
        Split(standardise(x_test), y_test),
    )
