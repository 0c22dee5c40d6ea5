"""Sanely initialised nets of many shapes, on standardised data: the diagnosis must not find anything in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from jax import Array
from sklearn import datasets

from .nets import (
    GAINS,
    Convnet,
    Dataset,
    Mlp,
    Transformer,
    activation,
    cross_entropy,
    initialised,
    squared_error,
    taught,
)


@dataclass(frozen=True)
class Shape:
    """An architecture with its activation and data."""

    architecture: str
    width: int
    depth: int
    function: str
    data: str

    @property
    def text(self) -> str:
        return f"{self.architecture}, {self.depth} x {self.width}, {self.function}, {self.data}"

    @property
    def loss(self) -> Callable[..., Array]:
        return squared_error if self.data in NUMBERS else cross_entropy

    def model(self, seed: int) -> Any:
        """One net: He's weights for rectifiers and their kin, else LeCun's; biases 0."""
        functions = [activation(self.function)] * self.depth
        dataset = load(self.data)
        outputs = dataset.y.shape[1] if self.data in NUMBERS else int(dataset.y.max()) + 1
        sizes = [dataset.x.shape[1], *[self.width] * self.depth]
        if self.architecture == "MLP":
            make = partial(Mlp, [*sizes, outputs], functions)
        elif self.architecture == "convnet":
            make = partial(Convnet, sizes, functions)
        else:
            tokens, features = dataset.x.shape[1:]
            make = partial(Transformer, features, tokens, self.width, functions)
        return initialised(make, GAINS.get(self.function, 1.0), seed)


def _columns(read: Callable[..., Any], numbers: bool) -> Dataset:
    """A table of scikit-learn with every column standardised; constant ones become 0."""
    x, y = read(return_X_y=True)
    return Dataset(_standard(x), _standard(y[:, None]) if numbers else y.astype(np.int32))


def _standard(values: np.ndarray) -> np.ndarray:
    deviation = values.std(0)
    return ((values - values.mean(0)) / np.where(deviation > 0, deviation, np.inf)).astype(np.float32)


DATA: dict[str, Callable[[], Dataset]] = {
    "digits": lambda: _columns(datasets.load_digits, numbers=False),
    "wine": lambda: _columns(datasets.load_wine, numbers=False),
    "breast cancer": lambda: _columns(datasets.load_breast_cancer, numbers=False),
    "diabetes": lambda: _columns(datasets.load_diabetes, numbers=True),
    "taught": lambda: taught((16,)),
    "taught images": lambda: taught((2, 8, 8)),
    "taught sequences": lambda: taught((8, 6)),
}
NUMBERS = ("diabetes",)
"""The data whose targets are numbers."""


@cache
def load(name: str) -> Dataset:
    """A data set by its name."""
    return DATA[name]()


_FUNCTIONS = ("relu", "tanh", "gelu", "silu", "elu", "selu", "leaky_relu")
_TABLES = ("digits", "wine", "taught", "breast cancer", "diabetes")


def _shapes() -> Iterator[Shape]:
    sizes = [(width, depth) for depth in (1, 2, 3, 4) for width in (16, 64, 256)]
    for at, (width, depth) in enumerate(sizes):
        for more in (0, 3) if depth in (2, 3) else (0,):
            yield Shape("MLP", width, depth, _FUNCTIONS[(at + more) % 7], _TABLES[(at + more) % 5])
    yield Shape("MLP", 64, 8, "relu", "digits")
    yield Shape("MLP", 64, 8, "tanh", "taught")
    for width, depth, function in ((8, 2, "relu"), (16, 4, "relu"), (16, 3, "gelu")):
        yield Shape("convnet", width, depth, function, "taught images")
    for width, depth, function in ((16, 1, "relu"), (32, 2, "gelu")):
        yield Shape("transformer", width, depth, function, "taught sequences")


SHAPES: Sequence[Shape] = tuple(_shapes())
