"""Does the choice of the activation matter on small tables?

Most of the notes' claims are about images and depth. Much of the world's data are tables of a few hundred rows, and
whoever puts a net on one has to choose its activation. Scikit-learn brings four: breast cancer (569 rows, 30 columns, 2
classes), wine (178, 13, 3), iris (150, 4, 3), and diabetes (442, 10, a number to predict).

Dense nets that differ in their activation only are compared by cross-validation, repeated with other divisions into
folds. Of each split, one fold is the test part, and a quarter of the other rows is for validation. Learning rate,
initial gain (relative to the gain of the activation by `jaxact.init.gain`) and the step at which training stops are
chosen for each split and activation by the loss on the validation part, with a net of one seed; a net of another, fresh
seed is trained likewise and reported on the test part. Nets of a seed share initial weights and the order of examples.
The baseline is a linear model, scikit-learn's `Ridge` or `LogisticRegression`, whose penalty is chosen in the same way.
The score of a row is 100 or 0, for right or wrong; for a number it is 100 (1 - (error / deviation)^2), the mean of
which is the explained variance, R^2, in per cent.

Every row is tested once in each division. The difference between two activations is averaged over divisions for each
row, and its interval is that of the mean over rows (Bayle et al. 2020, https://arxiv.org/abs/2007.12671): it says what
other rows of the same kind would give, for nets trained on as many rows.

Rules, fixed before the run, for each table by itself; anything else is INCONCLUSIVE. A difference below 2 points, one
row in fifty, does not count:
- "The activation makes no difference" (D1) is SUPPORTED if for every activation the interval of its score less ReLU's
lies between -2 and 2 points, REFUTED if for one of them it lies wholly outside. These intervals are widened for their
number.
- "A net is better than a linear model" (D2) is SUPPORTED if the interval of the score of ReLU's nets less the linear
model's lies above 0; else it is REFUTED if it lies below 2 points.

One run on the same splits preceded these settings. After it higher rates and lower gains were added, as many nets had
chosen the ends of the ranges; the linear model, which had been trained like the nets and was 6 points behind
scikit-learn's on diabetes, was replaced by that; and iris was left to `--full` to save time. The rules stayed as they
were.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error

import jaxact
from experiments.core import checks
from experiments.core.data import Split
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Net, Recipe, State, forward, initial_state, losses, resume
from jaxact import init

from .data import LOADERS, NUMBERS, Splits, load

RELU, LINEAR = "relu", "linear"
PENALTIES = np.geomspace(1e-3, 1e3, 7)
"""Those of the linear model, of which one is chosen."""


@dataclass(frozen=True)
class Config:
    """Does the choice of the activation matter on small tables?"""

    tables: tuple[str, ...] = ("breast_cancer", "diabetes", "wine")
    """Scikit-learn's tables, each with verdicts of its own: breast_cancer, diabetes, wine or iris."""
    activations: tuple[str, ...] = ("tanh", "sigmoid", "silu")
    """Names of jaxact functions compared with relu."""
    depth: int = 2
    """Hidden layers."""
    width: int = 32
    """Units per hidden layer."""
    steps: int = 300
    """Steps of Adam at most; nets are stopped where the validation loss was lowest."""
    stops: int = 6
    """Numbers of steps among which the last one is chosen, equally far apart."""
    batch: int = 32
    """Examples per step."""
    rates: tuple[float, ...] = (0.001, 0.004, 0.016, 0.064)
    """Learning rates of which one is chosen, in rising order."""
    gains: tuple[float, ...] = (0.125, 0.5, 2.0)
    """Initial gains of which one is chosen, in multiples of the activation's own."""
    folds: int = 5
    """Parts into which a table is divided."""
    seeds: int = 3
    """Divisions of each table into folds; every fold of each has a fresh seed that is reported."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.tables:
            checks.one_of(LOADERS, tables=name)
        checks.activations(self.activations, allow_prelu=False)
        checks.not_empty(tables=self.tables, activations=(RELU, *self.activations), rates=self.rates, gains=self.gains)
        checks.strictly_between(0, np.inf, rates=self.rates, gains=self.gains)
        checks.strictly_between(0, 1, confidence=self.confidence)
        checks.at_least(1, checks.MOST_LAYERS, depth=self.depth)
        checks.at_least(1, width=self.width, batch=self.batch, stops=self.stops)
        checks.at_least(self.stops, steps=self.steps)
        checks.at_least(2, 20, folds=self.folds)  # the smallest class of these tables has 48 rows
        checks.at_least(2, FRESH // self.folds, seeds=self.seeds)

    def nets(self) -> tuple[str, ...]:
        """The activations of all nets."""
        return (RELU, *self.activations)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("wine", "diabetes"), ("tanh",), 1, 4, 20, 2, rates=(0.016,), gains=(1.0,), folds=2, seeds=2)


def full() -> Config:
    """All tables, more activations, divisions, rates and steps: a quarter of an hour."""
    return Config(
        (*Config().tables, "iris"),
        (*Config().activations, "leaky_relu", "elu", "gelu"),
        rates=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064),
        steps=900,
        stops=12,
        seeds=10,
    )


def run(config: Config, progress: Progress) -> Runs:
    """Train every kind of net on every split of every table."""
    splits = {name: load(name, config.seeds, config.folds) for name in config.tables}
    cells = list(product(config.tables, config.nets()))
    runs: Runs = []
    for index, (table, kind) in enumerate(cells):
        progress(index / len(cells), doing := f"{table}, {kind}")
        rows = kept(doing, _reported, config, splits[table], table, kind)
        runs += [{"table": table, "kind": kind} | row for row in rows]
    for table in config.tables:
        runs += [{"table": table, "kind": LINEAR} | row for row in _linear(config, splits[table], table)]
    progress(1.0, "done")
    return runs


class Evaluated(NamedTuple):
    """What is measured of every net on all rows of its split (net, row)."""

    loss: Array
    score: Array
    """Whether the class is right; of a number, 1 - (error / deviation)^2."""


@each_net(batched=2)
def evaluate(recipe: Recipe, state: State, split: Array, splits: Splits) -> Evaluated:
    """The loss and the score of every row, by each net on its own split."""

    def of_net(net: Net, split: Array) -> Evaluated:
        x, y = splits.x[split], splits.y[split]
        loss = losses(recipe, net, x, y)
        if recipe.loss == "squared_error":
            return Evaluated(loss, 1 - loss * splits.explained[split])
        return Evaluated(loss, (forward(recipe, net, x)[0].argmax(-1) == y).astype(loss.dtype))

    return jax.lax.map(lambda pair: of_net(*pair), (state.net, split))


def recipe_of(config: Config, splits: Splits, table: str, kind: str) -> Recipe:
    """The nets with an activation for a table."""
    sizes = (splits.x.shape[2], *[config.width] * config.depth, splits.outputs)
    return Recipe(sizes, kind, "adam", config.batch, "squared_error" if table in NUMBERS else "cross_entropy")


def _reported(config: Config, splits: Splits, table: str, kind: str) -> Runs:
    """One row per split: the fresh net at the setting that the other net of the split has chosen."""
    recipe, count = recipe_of(config, splits, table, kind), len(splits.test)
    own = init.gain(getattr(jaxact, kind))
    seeds = [*range(count), *range(FRESH, FRESH + count)]  # that choose, and that are reported
    grid = Grid.of(seeds, config.rates, own * np.array(config.gains))
    rows = {seed: splits.x.shape[1] * (seed % FRESH) + splits.train[seed % FRESH] for seed in seeds}
    every = Split(*(part.reshape(-1, *part.shape[2:]) for part in (splits.x, splits.y)))
    stride = config.steps // config.stops
    found = []
    for _, state in resume(recipe, initial_state(recipe, grid), grid.seed, every, config.steps, stride, rows):
        found.append(evaluate(recipe, state, grid.seed % FRESH, splits))
    shape = len(config.rates), len(config.gains), 2, count, splits.x.shape[1], -1
    loss, score = (np.stack(each, axis=-1).reshape(shape) for each in zip(*found, strict=True))
    runs: Runs = []
    for split, (validation, test) in enumerate(zip(splits.validation, splits.test, strict=True)):
        costs = loss[:, :, 0, split][:, :, validation].mean(2)  # rate, gain, stop
        rate, gain, stop = np.unravel_index(np.argmin(np.nan_to_num(costs, nan=np.inf)), costs.shape)
        fresh = 100 * score[:, :, 1, split][:, :, test]
        division, fold = divmod(split, config.folds)
        runs.append(
            {"seed": FRESH + division, "fold": fold, "rate": config.rates[rate], "gain": config.gains[gain]}
            | {"steps": stride * (int(stop) + 1), "rows": test.tolist()}
            | {"scores": fresh[rate, gain, :, stop].tolist()}
            | {"by_step": fresh[rate, gain].mean(0).tolist(), "by_rate": fresh[:, gain, :, stop].mean(1).tolist()}
            | {"diverged": not np.isfinite(loss[rate, gain, 1, split, :, stop]).all()}
        )
    return runs


def _linear(config: Config, splits: Splits, table: str) -> Runs:
    """One row per split: the linear model with the penalty that has the lowest loss on the validation part."""
    runs: Runs = []
    for split, (train, validation, test) in enumerate(zip(splits.train, splits.validation, splits.test, strict=True)):
        x, y = splits.x[split], splits.y[split].reshape(len(splits.y[split]))
        models: list[Any] = [_linear_model(table, penalty).fit(x[train], y[train]) for penalty in PENALTIES]
        if table in NUMBERS:
            costs = [mean_squared_error(y[validation], model.predict(x[validation])) for model in models]
        else:
            costs = [log_loss(y[validation], model.predict_proba(x[validation])) for model in models]
        best = int(np.argmin(costs))
        answers = models[best].predict(x[test])
        squares = splits.explained[split] * (answers - y[test]) ** 2
        scores = 100 * (1 - squares) if table in NUMBERS else 100.0 * (answers == y[test])
        division, fold = divmod(split, config.folds)
        runs.append(
            {"seed": FRESH + division, "fold": fold, "penalty": float(PENALTIES[best])}
            | {"rows": test.tolist(), "scores": scores.tolist(), "diverged": False}
        )
    return runs


def _linear_model(table: str, penalty: float) -> Any:
    if table in NUMBERS:
        return Ridge(penalty)
    return LogisticRegression(C=1 / penalty, solver="newton-cholesky")  # lbfgs takes thirty times as long
