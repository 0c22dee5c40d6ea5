"""Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?

The notes' advice in practice (B26) is: "Use ReLU"; "Try out Leaky ReLU / ELU / Maxout"; "Try out tanh but don't expect
much"; "Don't use sigmoid". ELU has "all benefits of ReLU" (B22). Of the benefits that the notes name, speed of
convergence is judged in `convergence` (B2), low cost in `cost` (B13, which includes ELU), that units do not die in
`dying_relu`, and that it does not saturate for positive inputs in `exact_claims`; whether ELU gives ReLU's accuracy is
judged here.

Every net has the same data, epochs, batches and number of units (Maxout with two pieces, so nearly twice the
parameters). Training goes on until it has converged, at a learning rate that falls to 0 from epoch to epoch, and once
more on a quarter of the epochs, to show what the budget changes. Learning rate and initial gain are tuned for each
activation, data set and depth by the validation error after a quarter of the epochs, on seeds that are not reported.
Test accuracy on fresh seeds is compared seed by seed: nets of a seed share initial weights, if their shapes are the
same, and the order of examples. Values are interquartile means of the differences, with bootstrap intervals that
resample within each depth; the intervals are about the seeds, for this test part and these settings. The accuracy of a
net that diverged is included.

Which of two neighbouring rates is tuned may depend on one validation example or on the number of epochs, and cost a
point on the test part. Therefore the fresh seeds of every activation are trained at half, once and twice its tuned
rate, and compared at equal multiples. The interval of a difference is the hull of the three: from their lowest end to
their highest. A verdict is reached only where a factor of two in the rate does not change it. Values are those at the
tuned rates.

Rules, fixed before the run; anything else is INCONCLUSIVE. A data set counts only if training on it has converged: at
the end the median net of its most accurate activation gets at most 2 % of the training examples wrong. Where several
differences are looked at, their intervals are widened for their number. "Lead" is accuracy less ReLU's.
- "Use ReLU" is SUPPORTED if on all data sets the lead of every activation that no other rule is about, silu to begin
with, lies below 0.5 points, REFUTED if one lies above on a data set that counts.
- "Try leaky ReLU, ELU or Maxout" is SUPPORTED if on a data set that counts the lead of one of them lies above 0.5
points, REFUTED if on all data sets all leads lie below.
- "Don't expect much" of tanh, and "don't use" sigmoid, are SUPPORTED if on a data set that counts its lead lies below
-0.5 points, REFUTED if on all data sets it lies above: it makes no difference, or a better one.
- "All benefits of ReLU" is SUPPORTED if the hull of ELU's leads on all data sets lies above -0.5 points, REFUTED if
below.

Changed after a first run: the first edition trained for 400 steps (500 in full), about five epochs of MNIST-1D, where
the order of activations still changes, at a constant rate, and gave every data set verdicts of its own; "try" then
asked for a lead above 0. At a constant rate 40 epochs of MNIST-1D did not converge, as the rates that were tuned left
up to 7 % of the training examples wrong: therefore the rate falls now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
import numpy as np

from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, Split, load
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.style import named
from experiments.core.training import FRESH, Grid, Recipe, State, initial_state, resume, score
from experiments.core.tuning import Setting, by_error, tune

RELU = "relu"
LOOKS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
"""Shares of the epochs after which nets are looked at."""
QUARTER, WHOLE = 0.25, 1.0
"""Shares of the epochs on which nets are trained; they are tuned on a quarter."""
NEXT_ORDER = 1_000_003  # added to a seed for every epoch: the order of the examples is another one


@dataclass(frozen=True)
class Config:
    """Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?"""

    activations: tuple[str, ...] = ("leaky_relu", "elu", "maxout", "silu", "tanh", "sigmoid")
    """Names of jaxact functions compared with relu; claims are judged for those in the notes."""
    depths: tuple[int, ...] = (2,)
    """Numbers of hidden layers; a verdict covers all of them together."""
    width: int = 64
    """Units per hidden layer."""
    epochs: int = 32
    """Passes over the training part, by Adam; the learning rate falls linearly to 0."""
    seeds: int = 6
    """Fresh seeds reported per activation, data set and depth."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which learning rate and initial gain are chosen by validation error."""
    rates_around: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Multiples of the tuned learning rate at which fresh seeds are trained: verdicts must hold at all of them."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.006
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    gain: float = 1.0
    """Initial gain in the middle of the first tuning window, the same for every activation (1 is LeCun's)."""
    rates: int = 3
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 4
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: tuple[Name, ...] = ("digits", "mnist1d")
    """What the nets learn, each with verdicts of its own: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.data:
            checks.one_of(TITLES, data=name)
        checks.activations([name for name in self.activations if name != "maxout"])
        checks.not_empty(activations=(RELU, *self.activations), depths=self.depths, data=self.data)
        checks.not_empty(activations=self.activations, rates_around=self.rates_around)
        checks.at_least(1, checks.MOST_LAYERS, depths=self.depths)
        checks.at_least(1, width=self.width, epochs=self.epochs, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.includes(1.0, rates_around=self.rates_around)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain, rates_around=self.rates_around)
        checks.strictly_between(0, 1, confidence=self.confidence)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    few = ("elu", "maxout", "sigmoid")
    return Config(few, (1,), 8, 2, 3, 1, gains=1, windows=1, data=("digits",))


def full() -> Config:
    """Two depths, half as many epochs again, more seeds, PReLU and GELU: a few minutes."""
    return Config((*Config().activations, "prelu", "gelu"), (2, 4), epochs=48, seeds=12, tuning_seeds=3)


def run(config: Config, progress: Progress) -> Runs:
    """Tune every activation at every depth on every data set, then train it on fresh seeds."""
    parts = {name: load(name, config.folder) for name in config.data}
    cells = list(product(config.data, config.depths, (RELU, *config.activations)))
    runs: Runs = []
    for index, (data, depth, name) in enumerate(cells):
        progress(index / len(cells), doing := f"{TITLES[data]}, {depth} hidden layers, {named(name)}")
        rows = kept(doing, _reported, config, parts[data], depth, name)
        runs += [{"data": data, "depth": depth, "activation": name} | row for row in rows]
    progress(1.0, "done")
    return runs


def looks(epochs: int) -> list[int]:
    """The epochs after which nets are looked at; the last is always among them."""
    return sorted({max(1, round(share * epochs)) for share in LOOKS})


def epochs_of(config: Config, share: float) -> int:
    """The epochs of a share of the budget."""
    return max(1, round(share * config.epochs))


def steps_per_epoch(config: Config, data: Data) -> int:
    """Steps of a pass over the training part."""
    return max(1, len(data.train.y) // config.batch)


def falling_rate(recipe: Recipe, grid: Grid, data: Data, epochs: int, stride: int) -> Iterator[tuple[int, State]]:
    """Train, and yield every epoch and its nets; the rate of an epoch is the grid's times the share that is to come."""
    state = initial_state(recipe, grid)
    for epoch in range(epochs):
        state = state._replace(rate=jnp.asarray(grid.rate * np.float32(1 - epoch / epochs)))
        order = grid.seed + np.int32(NEXT_ORDER * epoch)
        ((_, state),) = resume(recipe, state, order, data.train, stride, stride)
        yield epoch + 1, state


def _reported(config: Config, data: Data, depth: int, name: str) -> Runs:
    """One row per share of the epochs, multiple of the tuned rate and fresh seed, with what every look found."""
    recipe = Recipe((data.train.x.shape[1], *[config.width] * depth, 10), name, "adam", config.batch)
    setting = _tuned(config, data, recipe)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(config.rates_around), [setting.gain])
    rows: Runs = []
    for share in (QUARTER, WHOLE):
        epochs = epochs_of(config, share)
        wrong, loss = _looked_at(config, recipe, grid, data, epochs)
        rows += [
            {"share": share, "seed": seed, "multiple": multiple, "steps": steps_per_epoch(config, data) * epochs}
            | {"accuracy": (1 - wrong["test"][:, i]).tolist(), "training_error": wrong["train"][:, i].tolist()}
            | {"diverged": not np.isfinite(loss[i])}
            | setting._asdict()
            for i, (multiple, seed) in enumerate(product(config.rates_around, seeds))
        ]
    return rows


def _tuned(config: Config, data: Data, recipe: Recipe) -> Setting:
    """The setting with the fewest validation errors after a quarter of the epochs."""
    epochs = epochs_of(config, QUARTER)

    def cost(grid: Grid) -> np.ndarray:
        *_, (_, state) = falling_rate(recipe, grid, data, epochs, steps_per_epoch(config, data))
        error, loss = score(recipe, state, *data.validation)
        return np.nan_to_num(by_error(np.asarray(error), np.asarray(loss)), nan=np.inf)

    seeds = range(config.tuning_seeds)
    return tune(cost, seeds, config.rate, config.gain, config.rates, config.gains, config.windows)


def _looked_at(
    config: Config, recipe: Recipe, grid: Grid, data: Data, epochs: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The errors (look, net) on the training and the test part, and the last training loss."""
    # As many training examples as there are test examples: their number is compiled already.
    few = Split(*(part[: len(data.test.y)] for part in data.train))
    parts = {"train": few, "test": data.test}
    errors: dict[str, list[np.ndarray]] = {part: [] for part in parts}
    loss = np.zeros(len(grid.seed))
    for epoch, state in falling_rate(recipe, grid, data, epochs, steps_per_epoch(config, data)):
        if epoch in looks(epochs):
            scored = {part: score(recipe, state, *examples) for part, examples in parts.items()}
            loss = np.asarray(scored["train"][1])
            for part, (error, _) in scored.items():
                errors[part].append(np.asarray(error))
    return {part: np.array(looked) for part, looked in errors.items()}, loss
