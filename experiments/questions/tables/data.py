"""Scikit-learn's small tables, divided so that every row is in the test part once per division."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

LOADERS: dict[str, Callable[..., Any]] = {
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "wine": load_wine,
    "iris": load_iris,
}
NUMBERS = ("diabetes",)
"""The tables with a number to predict; the others have classes."""


class Splits(NamedTuple):
    """A table, divided several times into folds; the leading axis is the split, every fold of every division."""

    x: np.ndarray
    """All rows (split, row, column), standardised by the training rows of the split."""
    y: np.ndarray
    """Labels (split, row), or numbers (split, row, 1) that are standardised likewise."""
    explained: np.ndarray
    """The variance of the training rows' numbers divided by that of all rows, one entry per split; 1 for labels."""
    train: list[np.ndarray]
    """The training rows of each split."""
    validation: list[np.ndarray]
    test: list[np.ndarray]

    @property
    def outputs(self) -> int:
        """The number of classes, or of numbers to predict."""
        return self.y.shape[2] if self.y.ndim == 3 else int(self.y.max()) + 1


def load(name: str, divisions: int, folds: int) -> Splits:
    """The table; of each split one fold is the test part, and a quarter of the other rows is for validation."""
    x, y = LOADERS[name](return_X_y=True)
    labels = None if name in NUMBERS else y
    train, validation, test = [], [], []
    for division in range(divisions):
        kind = KFold if labels is None else StratifiedKFold
        for rest, tested in kind(folds, shuffle=True, random_state=division).split(x, labels):
            strata = None if labels is None else labels[rest]
            learnt, chosen = train_test_split(rest, test_size=0.25, stratify=strata, random_state=len(test))
            for part, rows in zip((train, validation, test), (learnt, chosen, tested), strict=True):
                part.append(np.asarray(rows))
    x = np.stack([_standardised(x, rows) for rows in train]).astype(np.float32)
    if labels is not None:
        return Splits(x, np.stack([y] * len(test)).astype(np.int32), np.ones(len(test)), train, validation, test)
    explained = np.array([y[rows].var() / y.var() for rows in train])
    numbers = np.stack([_standardised(y[:, None], rows) for rows in train]).astype(np.float32)
    return Splits(x, numbers, explained, train, validation, test)


def _standardised(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The columns with mean 0 and deviation 1 in these rows."""
    return (columns - columns[rows].mean(0)) / columns[rows].std(0)
