"""Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?

The notes' advice in practice (B26) is: "Use ReLU"; "Try out Leaky ReLU / ELU / Maxout"; "Try out tanh but don't expect
much"; "Don't use sigmoid". ELU has "all benefits of ReLU" (B22). Of the benefits that the notes name, speed of
convergence is judged in `convergence` (B2), low cost in `cost` (B13, which includes ELU), that units do not die in
`dying_relu`, and that it does not saturate for positive inputs in `exact_claims`; whether ELU gives ReLU's accuracy is
judged here.

Every net has the same data, epochs, batches and number of units (Maxout with two pieces, so nearly twice the
parameters). Training goes on until it has converged: a net is looked at a few times, more often at first, and of those
states the one with the fewest validation errors is kept. Learning rate and initial gain are tuned for each activation,
data set and depth by the validation error after a quarter of the epochs, on seeds that are not reported. Test accuracy
on fresh seeds is compared seed by seed: nets of a seed share initial weights, if their shapes are the same, and the
order of examples. Values are interquartile means of the differences, with bootstrap intervals that resample within each
depth; the intervals are about the seeds, for this test part and these settings. The accuracy of a net that diverged is
included.

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
the order of activations still changes, judged the last state of a net, and gave every data set verdicts of its own;
"try" then asked for a lead above 0. A pilot on tuning seeds of MNIST-1D set the epochs (silu gets 4 % of the training
examples wrong after 20, 1 % after 40) and showed that the best rates after a quarter of them are within a factor of two
of the best at the end.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, Split, load
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.style import named
from experiments.core.training import FRESH, Grid, Recipe, score, train
from experiments.core.tuning import Setting, by_error, tune_rate

RELU = "relu"
LOOKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1)
"""Shares of the epochs after which nets are looked at."""
TUNING_SHARE = 4  # nets are tuned on a quarter of the epochs


@dataclass(frozen=True)
class Config:
    """Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?"""

    activations: tuple[str, ...] = ("leaky_relu", "elu", "maxout", "silu", "tanh", "sigmoid")
    """Names of jaxact functions compared with relu; claims are judged for those in the notes."""
    depths: tuple[int, ...] = (2,)
    """Numbers of hidden layers; a verdict covers all of them together."""
    width: int = 64
    """Units per hidden layer."""
    epochs: int = 40
    """Passes over the training part, by Adam."""
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
    """Two depths, half as many epochs again, twice the seeds, PReLU and GELU: a few minutes."""
    return Config((*Config().activations, "prelu", "gelu"), (2, 4), epochs=60, seeds=12)


def run(config: Config, progress: Progress) -> Runs:
    """Tune every activation at every depth on every data set, then train it on fresh seeds."""
    parts = {name: load(name, config.folder) for name in config.data}
    cells = list(product(config.data, config.depths, (RELU, *config.activations)))
    runs: Runs = []
    for index, (data, depth, name) in enumerate(cells):
        progress(index / len(cells), f"{TITLES[data]}, {depth} hidden layers, {named(name)}")
        rows = _reported(config, parts[data], depth, name)
        runs += [{"data": data, "depth": depth, "activation": name} | row for row in rows]
    progress(1.0, "done")
    return runs


def looks(epochs: int) -> list[int]:
    """The epochs after which nets are looked at; the last is always among them."""
    return sorted({max(1, round(share * epochs)) for share in LOOKS})


def steps_per_epoch(config: Config, data: Data) -> int:
    """Steps of a pass over the training part, as `train_epochs` counts them."""
    return max(1, len(data.train.y) // config.batch)


def _reported(config: Config, data: Data, depth: int, name: str) -> Runs:
    """One row per multiple of the tuned rate and fresh seed, with what every look at the net found."""
    recipe = Recipe((data.train.x.shape[1], *[config.width] * depth, 10), name, "adam", config.batch)
    window = (config.rate, config.gain, config.rates, config.windows, config.gains)
    short = -(-config.epochs // TUNING_SHARE)
    setting: Setting = tune_rate(recipe, data, short, range(config.tuning_seeds), *window, objective=by_error)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(config.rates_around), [setting.gain])
    errors, loss = _looked_at(config, recipe, grid, data)
    # The first of the states with the fewest validation errors so far.
    best = [errors["validation"][: look + 1].argmin(0) for look in range(len(errors["validation"]))]
    nets = np.arange(len(grid.seed))
    accuracy = 1 - np.array([errors["test"][kept, nets] for kept in best])
    return [
        {"seed": seed, "multiple": multiple, "steps": steps_per_epoch(config, data) * config.epochs}
        | {"accuracy": accuracy[:, i].tolist(), "training_error": errors["train"][:, i].tolist()}
        | {"diverged": not np.isfinite(loss[i])}
        | setting._asdict()
        for i, (multiple, seed) in enumerate(product(config.rates_around, seeds))
    ]


def _looked_at(config: Config, recipe: Recipe, grid: Grid, data: Data) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The errors (look, net) on every part, and the last training loss."""
    stride, chosen = steps_per_epoch(config, data), looks(config.epochs)
    # As many training examples as there are validation examples: their number is compiled already.
    few = Split(*(part[: len(data.validation.y)] for part in data.train))
    parts = {"train": few, "validation": data.validation, "test": data.test}
    errors: dict[str, list[np.ndarray]] = {part: [] for part in parts}
    loss = np.zeros(len(grid.seed))
    for step, state in train(recipe, grid, data.train, config.epochs * stride, stride):
        if step // stride in chosen:
            scored = {part: score(recipe, state, *examples) for part, examples in parts.items()}
            loss = np.asarray(scored["train"][1])
            for part, (error, _) in scored.items():
                errors[part].append(np.asarray(error))
    return {part: np.array(looked) for part, looked in errors.items()}, loss
