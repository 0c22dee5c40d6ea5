"""Data like those of the faulty nets, as easy or hard and of the same scale: generated or from scikit-learn.

Every kind is a function of a random generator and of the number of rows, which gives inputs and labels or numbers.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets

from .cases import CaseError, chosen, needed, only, positive

SIDE = 28
"""Pixels of a digit's or of a garment's side."""
FACE = 96
KEYPOINTS = 15


class Data(NamedTuple):
    """Inputs and what is to be learnt."""

    x: np.ndarray
    y: np.ndarray
    """What the net is given: labels (whole numbers), or rows of numbers."""
    truth: np.ndarray
    """The same without the faults of `prep`, by which the net is scored."""
    classes: int
    """How many labels there are; 0 for numbers."""


Rows = tuple[np.ndarray, np.ndarray]
Kind = Callable[[np.random.Generator, int], Rows]
KINDS: dict[str, tuple[Kind, int]] = {}
"""By name: a function and its usual number of rows."""


def kind(rows: int, *names: str) -> Callable[[Kind], Kind]:
    """Register a kind of data."""

    def register(function: Kind) -> Kind:
        KINDS.update(dict.fromkeys((function.__name__, *names), (function, rows)))
        return function

    return register


def load(facts: Mapping[str, Any], flat: bool, seed: int = 0) -> Data:
    """The data that the facts name; rows are flat where the facts or the first layer say so.

    Raises:
        CaseError: a word is unknown.
    """
    only("data", facts, ("kind", "n", "flat", "prep", "scale"))
    function, usual = chosen("kind of data", needed("data", facts, "kind"), KINDS)
    x, y = function(np.random.default_rng([seed, 7]), positive("n", facts.get("n", usual)))
    x = x.astype(np.float32) * np.float32(facts.get("scale", 1))
    x = x.reshape(len(x), -1) if facts.get("flat", flat) else x
    classes = int(y.max()) + 1 if y.dtype.kind == "i" else 0
    y = y.astype(np.int32) if classes else y.astype(np.float32).reshape(len(y), -1)
    data = Data(x, y, y, classes)
    for word in facts.get("prep", ()):
        data = chosen("prep", word, PREPARATIONS)(data)
    return data


def _standard(values: np.ndarray) -> np.ndarray:
    deviation = values.std(0, dtype=np.float64)
    scale = np.where(deviation > 0, deviation, 1)
    return ((values - values.mean(0, dtype=np.float64)) / scale).astype(np.float32)


def _to_unit(values: np.ndarray) -> np.ndarray:
    low, high = values.min(0), values.max(0)
    return (values - low) / np.where(high > low, high - low, np.float32(1))


def _of_y(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Data], Data]:
    """The change of numbers to learn; they are scored as they are learnt."""

    def prepare(data: Data) -> Data:
        if data.classes:
            raise CaseError("prep changes the scale of labels, but numbers to learn are expected.")
        return data._replace(y=change(data.y), truth=change(data.truth))

    return prepare


def _labels(change: Callable[[np.ndarray, int], np.ndarray]) -> Callable[[Data], Data]:
    """A fault of the labels, which the score does not have."""

    def prepare(data: Data) -> Data:
        if not data.classes:
            raise CaseError("prep changes labels, but the data have numbers to learn.")
        return data._replace(y=change(data.y, data.classes).astype(np.int32))

    return prepare


PREPARATIONS: dict[str, Callable[[Data], Data]] = {
    "standard_x": lambda data: data._replace(x=_standard(data.x)),
    "unit_x": lambda data: data._replace(x=_to_unit(data.x)),
    "centre_x": lambda data: data._replace(x=data.x - data.x.mean(0)),
    "x255": lambda data: data._replace(x=data.x * np.float32(255)),
    "x100": lambda data: data._replace(x=data.x * np.float32(100)),
    "standard_y": _of_y(_standard),
    "unit_y": _of_y(_to_unit),
    "y100": _of_y(lambda y: y * np.float32(100)),
    "labels_zero": _labels(lambda y, classes: np.zeros_like(y)),
    "labels_one": _labels(lambda y, classes: np.ones_like(y)),
    "labels_random": _labels(lambda y, classes: np.random.default_rng(0).integers(0, classes, y.shape)),
    "labels_shifted": _labels(lambda y, classes: (y + 1) % classes),
}
"""What is done to the data before training; "unit" is to 0..1."""


@kind(2000)
def ones_zeros(rng: np.random.Generator, n: int) -> Rows:
    """128 equal inputs, all one or all zero."""
    y = rng.integers(0, 2, n)
    return np.repeat(y[:, None], 128, 1), y


@kind(4)
def xor(rng: np.random.Generator, n: int) -> Rows:
    """The four rows of exclusive or, again and again."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[np.arange(n) % 4]
    return x, x[:, 0] ^ x[:, 1]


@kind(400)
def fourth_power(rng: np.random.Generator, n: int) -> Rows:
    """x^4 for x from -100 to 100."""
    x = np.linspace(-100, 100, n)[:, None]
    return x, x**4


@kind(151)
def square(rng: np.random.Generator, n: int) -> Rows:
    """x^2 + 3 for x from -10 to 10."""
    x = np.linspace(-10, 10, n)[:, None]
    return x, x**2 + 3


@kind(200)
def sine(rng: np.random.Generator, n: int) -> Rows:
    """sin(x) for x from -pi to pi."""
    x = np.linspace(-np.pi, np.pi, n)[:, None]
    return x, np.sin(x)


@kind(200, "line")
def linear(rng: np.random.Generator, n: int) -> Rows:
    """2 x - 1 for x from -10 to 10."""
    x = np.linspace(-10, 10, n)[:, None]
    return x, 2 * x - 1


@kind(10000)
def average(rng: np.random.Generator, n: int) -> Rows:
    """The mean of two numbers from 0 to 1."""
    x = rng.random((n, 2))
    return x, x.mean(1)


@kind(10000, "add")
def sum_of_two(rng: np.random.Generator, n: int) -> Rows:
    """The sum of two whole numbers below 100."""
    x = rng.integers(0, 100, (n, 2))
    return x, x.sum(1).astype(float)


@kind(2000)
def parity(rng: np.random.Generator, n: int) -> Rows:
    """Whether eight bits have an odd sum."""
    x = rng.integers(0, 2, (n, 8))
    return x, x.sum(1) % 2


@kind(21)
def packets(rng: np.random.Generator, n: int) -> Rows:
    """Network packets in two classes, that differ in port and length: 11 raw columns, addresses up to 3.2e9."""
    y = np.arange(n) % 2
    addresses, ports = rng.uniform(1.6e9, 3.2e9, (n, 2)), np.stack([rng.uniform(1024, 65535, n), 80 + 363 * y], 1)
    lengths = np.stack([rng.normal(60 + 800 * y, 40), rng.normal(20 + 300 * y, 15)], 1)
    flags, times = rng.integers(0, 2, (n, 3)), rng.uniform(0, 1e5, (n, 2))
    return np.concatenate([addresses, ports, lengths, flags, times], 1), y


@kind(21)
def ascii(rng: np.random.Generator, n: int) -> Rows:
    """Codes of three letters from A to F; the class is whether the first comes before the second."""
    x = rng.integers(65, 71, (n, 3))
    return x, (x[:, 0] < x[:, 1]).astype(int)


@kind(6000)
def census(rng: np.random.Generator, n: int) -> Rows:
    """14 raw columns up to 1e6, from which a rule with noise gives two classes, a quarter in the second."""
    age, years, hours = rng.normal(38, 13, n).clip(17, 90), rng.integers(1, 17, n), rng.normal(40, 12, n).clip(1, 99)
    gain, loss = rng.exponential(12000, n) * (rng.random(n) < 0.08), rng.exponential(1900, n) * (rng.random(n) < 0.05)
    weight, codes = rng.lognormal(12, 0.5, n).clip(1e4, 1e6), rng.integers(0, (9, 16, 7, 15, 6, 5, 2, 42), (n, 8))
    merit = (age - 38) / 13 + (years - 8) / 3 + (hours - 40) / 12 + gain / 4000 + (codes[:, 6] - 0.5)
    y = (merit + rng.normal(0, 0.7, n) > 2).astype(int)
    return np.column_stack(
        [age, codes[:, 0], weight, codes[:, 1], years, codes[:, 2:7], gain, loss, hours, codes[:, 7]]
    ), y


@kind(700)
def circle(rng: np.random.Generator, n: int) -> Rows:
    """Two rings about the origin, times 100."""
    x, y = datasets.make_circles(n, noise=0.1, factor=0.3, random_state=0)
    return 100 * np.asarray(x), np.asarray(y)


@kind(700)
def blob(rng: np.random.Generator, n: int) -> Rows:
    """Three clouds in the plane, times 100."""
    x, y, *_ = datasets.make_blobs(n, centers=3, cluster_std=2, random_state=2)
    return 100 * np.asarray(x), np.asarray(y)


@kind(700)
def moons(rng: np.random.Generator, n: int) -> Rows:
    """Two crescents."""
    x, y = datasets.make_moons(n, noise=0.1, random_state=0)
    return np.asarray(x), np.asarray(y)


@kind(900)
def spirals(rng: np.random.Generator, n: int) -> Rows:
    """Three spiral arms."""
    y = np.arange(n) % 3
    radius = rng.random(n)
    angle = 4 * radius + 2 * np.pi / 3 * y + rng.normal(0, 0.2, n)
    return radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1), y


def _table(read: Callable[..., Any], rng: np.random.Generator, n: int) -> Rows:
    """Some rows of a table of scikit-learn; some twice if it is too short."""
    x, y = read(return_X_y=True)
    rows = rng.permutation(len(x))[np.arange(n) % len(x)]
    return x[rows], y[rows]


@kind(150)
def iris(rng: np.random.Generator, n: int) -> Rows:
    """Four lengths of flowers, three species."""
    return _table(datasets.load_iris, rng, n)


@kind(178)
def wine(rng: np.random.Generator, n: int) -> Rows:
    """13 raw columns up to 1700, three growers."""
    return _table(datasets.load_wine, rng, n)


@kind(569, "cancer")
def breast_cancer(rng: np.random.Generator, n: int) -> Rows:
    """30 raw columns up to 4300, two classes."""
    return _table(datasets.load_breast_cancer, rng, n)


@kind(768)
def diabetes(rng: np.random.Generator, n: int) -> Rows:
    """8 raw columns of the scale of the Pima table, two classes by a rule with noise."""
    scale = np.array([4, 120, 70, 20, 80, 32, 0.5, 33])
    x = scale * rng.gamma(9, 1 / 9, (n, 8))
    merit = (x / scale - 1) @ np.array([0.5, 3, 0, 0, 0.3, 2, 0.8, 1])
    return x, (merit + rng.normal(0, 0.5, n) > 0.5).astype(int)


@kind(506)
def housing(rng: np.random.Generator, n: int) -> Rows:
    """13 raw columns up to 700; the target is a price from 5 to 50."""
    scale = np.array([3.6, 11, 11, 0.1, 0.55, 6.3, 68, 3.8, 9.5, 408, 18, 357, 12])
    x = scale * rng.gamma(6, 1 / 6, (n, 13))
    price = 22 + 9 * np.tanh((x / scale - 1) @ rng.normal(0, 0.8, 13)) + rng.normal(0, 2, n)
    return x, price.clip(5, 50)


@kind(1000)
def series(rng: np.random.Generator, n: int) -> Rows:
    """20 steps of a noisy wave; the target is the next one."""
    start = rng.uniform(0, 2 * np.pi, n)
    waves = np.sin(start[:, None] + 0.4 * np.arange(21)) + rng.normal(0, 0.05, (n, 21))
    return waves[:, :20, None], waves[:, 20]


@kind(2000, "text")
def words(rng: np.random.Generator, n: int) -> Rows:
    """Which of 500 words a text has; a tenth of them tells between two classes."""
    y = rng.integers(0, 2, n)
    share = np.full((2, 500), 0.05)
    share[0, :25] = share[1, 25:50] = 0.25
    return (rng.random((n, 500)) < share[y]).astype(float), y


@cache
def _large_digits() -> Rows:
    """Scikit-learn's digits, each pixel of 8 x 8 three times as large and interpolated, on a black ground."""
    x, y = datasets.load_digits(return_X_y=True)
    at = np.linspace(0, 7, 20)
    left, part = np.minimum(at.astype(int), 6), at - np.minimum(at.astype(int), 6)
    spread = np.zeros((20, 8))
    spread[np.arange(20), left], spread[np.arange(20), left + 1] = 1 - part, part
    large = np.einsum("ri,nij,cj->nrc", spread, x.reshape(-1, 8, 8) / 16, spread)
    return np.pad(large, ((0, 0), (4, 4), (4, 4))), y


@kind(6000, "digits")
def mnist(rng: np.random.Generator, n: int) -> Rows:
    """Scikit-learn's digits in 28 x 28 pixels from 0 to 1, moved by up to two pixels so that no two are equal."""
    digits, labels = _large_digits()
    rows = np.concatenate([rng.permutation(len(digits)) for _ in range(-(-n // len(digits)))])[:n]
    moved = np.empty((n, 1, SIDE, SIDE), np.float32)
    for at, (row, shift) in enumerate(zip(rows, rng.integers(-2, 3, (n, 2)), strict=True)):
        moved[at, 0] = np.roll(digits[row], shift, (0, 1))
    return moved, labels[rows]


def _textures(rng: np.random.Generator, n: int, channels: int, side: int) -> Rows:
    """Ten classes of stripes, that differ in direction, period and colour, with noise, from 0 to 1."""
    y = rng.integers(0, 10, n)
    angle, period = np.pi * np.arange(10) / 10, 4 + 2 * (np.arange(10) % 3)
    colours = np.random.default_rng(3).uniform(0.2, 1, (10, channels))
    across = np.arange(side) - side / 2
    along = np.cos(angle)[y, None, None] * across[:, None] + np.sin(angle)[y, None, None] * across
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * (along / period[y, None, None] + rng.random((n, 1, 1))))
    x = colours[y][:, :, None, None] * waves[:, None] + rng.normal(0, 0.15, (n, channels, side, side))
    return x.clip(0, 1).astype(np.float32), y


@kind(2000, "cifar10", "images")
def cifar(rng: np.random.Generator, n: int) -> Rows:
    """Colour images of 32 x 32 pixels from 0 to 1, ten classes of stripes."""
    return _textures(rng, n, 3, 32)


@kind(2000)
def fashion(rng: np.random.Generator, n: int) -> Rows:
    """Grey images of 28 x 28 pixels from 0 to 1, ten classes of stripes."""
    return _textures(rng, n, 1, SIDE)


@kind(600)
def faces(rng: np.random.Generator, n: int) -> Rows:
    """Grey images of 96 x 96 pixels from 0 to 1 with 15 dark spots, whose 30 coordinates in -1..1 are the target."""
    shape = np.random.default_rng(5).uniform(-0.5, 0.5, (KEYPOINTS, 2))
    places = shape * rng.uniform(0.7, 1.3, (n, 1, 1)) + rng.uniform(-0.3, 0.3, (n, 1, 2))
    pixels = np.linspace(-1, 1, FACE)
    bumps = np.exp(-(((pixels - places[..., None]) / 0.08) ** 2) / 2)
    spots = np.einsum("nkr,nkc->nrc", bumps[:, :, 0], bumps[:, :, 1], optimize=True)
    images = 0.7 - 0.5 * spots.clip(0, 1) + rng.normal(0, 0.03, (n, FACE, FACE))
    return images[:, None].clip(0, 1).astype(np.float32), places.reshape(n, -1)
