"""Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?

The notes' advice in practice (B26) is: "Use ReLU"; "Try out Leaky ReLU / ELU / Maxout"; "Try out tanh but don't expect
much"; "Don't use sigmoid". ELU has "all benefits of ReLU" (B22). Of the benefits that the notes name, speed of
convergence is judged in `convergence` (B2), low cost in `cost` (B13, which includes ELU), and that it does not saturate
for positive inputs in `exact_claims`; whether ELU gives ReLU's accuracy is judged here.

Every net has the same data, steps, batches and number of units (Maxout with two pieces, so nearly twice the
parameters). Learning rate and initial gain are tuned for each activation, data set and depth by the validation error,
on seeds that are not reported. Test accuracy on fresh seeds is compared seed by seed: nets of a seed share initial
weights, if their shapes are the same, and the order of examples. Values are interquartile means of the differences,
with bootstrap intervals that resample within each depth; the intervals are about the seeds, for this test part and
these settings. The accuracy of a net that diverged is included.

Which of two neighbouring rates is tuned may depend on one validation example, and cost a point on the test part.
Therefore the fresh seeds of every activation are trained at half, once and twice its tuned rate, and compared at equal
multiples. The interval of a difference is the hull of the three: from their lowest end to their highest. A verdict is
reached only where a factor of two in the rate does not change it. Values are those at the tuned rates.

Rules, fixed before the run, for each data set by itself; anything else is INCONCLUSIVE:
- "Use ReLU" is SUPPORTED if against every other activation the interval of ReLU less the other lies above -0.5 points,
REFUTED if against one of them it lies below. These intervals are widened for their number.
- "Try it" is SUPPORTED, for leaky ReLU, ELU and Maxout, if the interval of the accuracy less ReLU's lies above 0; else
it is REFUTED if it lies below 0.5 points.
- "Don't expect much" of tanh, and "don't use" sigmoid, are SUPPORTED if the interval of its accuracy less ReLU's lies
below -0.5 points, REFUTED if above.
- "All benefits of ReLU" is SUPPORTED if the interval of ELU's accuracy less ReLU's lies above -0.5, REFUTED if below.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, load
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.style import named
from experiments.core.training import FRESH, Grid, Recipe, score
from experiments.core.tuning import by_error, train_epochs, tune_rate

RELU = "relu"


@dataclass(frozen=True)
class Config:
    """Which activation gives the best test accuracy, when each has been tuned: is ReLU the one to use?"""

    activations: tuple[str, ...] = ("leaky_relu", "prelu", "elu", "maxout", "gelu", "tanh", "sigmoid")
    """Names of jaxact functions compared with relu; claims are judged for those in the notes."""
    depths: tuple[int, ...] = (2,)
    """Numbers of hidden layers; a verdict covers all of them together."""
    width: int = 64
    """Units per hidden layer."""
    steps: int = 400
    """Steps of Adam, rounded down to whole passes over the training part, but at least one pass."""
    seeds: int = 16
    """Fresh seeds reported per activation, data set and depth."""
    tuning_seeds: int = 3
    """Seeds, never reported, on which learning rate and initial gain are chosen by validation error."""
    rates_around: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Multiples of the tuned learning rate at which fresh seeds are trained: verdicts must hold at all of them."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.004
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    gain: float = 2.0**0.5
    """Initial gain in the middle of the first tuning window, the same for every activation (sqrt 2 is He's)."""
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
        checks.at_least(1, width=self.width, steps=self.steps, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.includes(1.0, rates_around=self.rates_around)
        checks.strictly_between(0, np.inf, rate=self.rate, gain=self.gain, rates_around=self.rates_around)
        checks.strictly_between(0, 1, confidence=self.confidence)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    few = ("elu", "maxout", "sigmoid")
    return Config(few, (1,), 8, 40, 3, 1, gains=1, windows=1, data=("digits",))


def full() -> Config:
    """Two depths, more seeds and steps, and SiLU: a few minutes."""
    return Config((*Config().activations, "silu"), (2, 4), steps=500, seeds=20)


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


def _reported(config: Config, data: Data, depth: int, name: str) -> Runs:
    """One row per multiple of the tuned rate and fresh seed."""
    recipe = Recipe((data.train.x.shape[1], *[config.width] * depth, 10), name, "adam", config.batch)
    epochs = max(1, config.steps * config.batch // len(data.train.y))
    window = (config.rate, config.gain, config.rates, config.windows, config.gains)
    setting = tune_rate(recipe, data, epochs, range(config.tuning_seeds), *window, objective=by_error)
    seeds = range(FRESH, FRESH + config.seeds)
    grid = Grid.of(seeds, setting.rate * np.array(config.rates_around), [setting.gain])
    error, loss = (np.asarray(value) for value in score(recipe, train_epochs(recipe, grid, data, epochs), *data.test))
    return [
        {"seed": seed, "multiple": multiple, "accuracy": 1 - float(error[i]), "diverged": not np.isfinite(loss[i])}
        | setting._asdict()
        for i, (multiple, seed) in enumerate(product(config.rates_around, seeds))
    ]
