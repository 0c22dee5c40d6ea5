"""Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?

The notes say that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)" (B1), that leaky variants
"converge much faster than sigmoid/tanh" too and that ELU has "all benefits of ReLU" (B2), and that tanh is "better
than logistic" (B9). The six goes back to Krizhevsky, Sutskever & Hinton 2012, figure 1.

A net is trained by plain SGD until it errs on at most a given share of its training examples. For every activation
and depth, learning rate and initial gain are first tuned, on seeds that are not reported, to reach the verdict's
threshold in the fewest steps. What is reported is a ratio of median steps over fresh seeds with a bootstrap
interval; a run that never gets there counts as infinitely many steps.

Rules, fixed before the run; anything else is INCONCLUSIVE:
- "Six times" is SUPPORTED if the whole interval lies between 4 and 9, REFUTED if none of it does.
- "Faster" is SUPPORTED if the whole interval lies above 1, REFUTED if none of it does.
- "Much faster" likewise with 1.5.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from . import checks
from .arrival import TUNING_CHECK, Course, everyone, quickest, race
from .data import TITLES, Name, load
from .progress import Progress
from .result import Runs
from .training import Recipe, grid
from .tuning import Setting

SATURATING = ("tanh", "sigmoid")
FRESH = 1000  # reported seeds start here, out of reach of the tuning seeds


@dataclass(frozen=True)
class Config:
    """Do nets with ReLU learn faster than nets with tanh or sigmoid, and is it six times?"""

    activations: tuple[str, ...] = ("relu", "leaky_relu", "elu", "tanh", "sigmoid")
    """Names of jaxact functions to compare; claims are judged for the pairs that are there."""
    depths: tuple[int, ...] = (2, 4)
    """Numbers of hidden layers; every depth gets verdicts of its own."""
    width: int = 64
    """Units per hidden layer."""
    thresholds: tuple[float, ...] = (0.25, 0.10, 0.05, 0.01)
    """Training errors whose first time is recorded."""
    threshold: float = 0.05
    """The training error that verdicts and tuning go by; must be one of the thresholds."""
    seeds: int = 8
    """Fresh seeds reported per activation and depth."""
    tuning_seeds: int = 5
    """Seeds, never reported, on which learning rate and initial gain are chosen."""
    steps: int = 300
    """Most steps a net may take; needing more counts as never."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.25
    """Learning rate in the middle of the first tuning window, the same for every activation."""
    gain: float = 2.0**0.5
    """Initial gain in the middle of the first tuning window, the same for every activation (sqrt 2 is He's)."""
    rates: int = 5
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 6
    """Most tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: Name = "digits"
    """What the nets learn: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Say in one sentence what cannot be run."""
        checks.one_of(TITLES, data=self.data)
        checks.activations(self.activations)
        checks.not_empty(activations=self.activations, depths=self.depths, thresholds=self.thresholds)
        checks.at_least(1, depths=self.depths, width=self.width, batch=self.batch)
        checks.at_least(TUNING_CHECK, steps=self.steps)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.between(0, 1, thresholds=self.thresholds, confidence=self.confidence)
        checks.between(0, np.inf, rate=self.rate, gain=self.gain)
        checks.one_of(self.thresholds, threshold=self.threshold)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("relu", "tanh"), (1,), 16, (0.5, 0.25), 0.25, 3, 1, steps=60, rates=3, gains=1, windows=2)


def full() -> Config:
    """More seeds and depths."""
    return Config(depths=(1, 2, 4, 6), seeds=24, tuning_seeds=7)


def run(config: Config, progress: Progress) -> Runs:
    """Tune, then train on fresh seeds, every activation at every depth."""
    data = load(config.data, config.folder).train
    cells = list(product(config.depths, config.activations))
    settings: dict[tuple[int, str], Setting] = {}
    runs: Runs = []
    for index, (depth, name) in enumerate(cells):
        progress(index / len(cells), f"{name}, {depth} hidden layers")
        recipe = Recipe((data.x.shape[1], *[config.width] * depth, 10), name, "sgd", config.batch)
        course = Course(recipe, data, config.steps, config.thresholds)
        settings[depth, name] = _tuned(config, course)
        runs += _reported(config, course, settings[depth, name], "its own")
        if name in SATURATING and (depth, "relu") in settings:
            runs += _reported(config, course, settings[depth, "relu"], "ReLU's")
    progress(1.0, "done")
    return runs


def _tuned(config: Config, course: Course) -> Setting:
    seeds = range(config.tuning_seeds)
    window = (config.rate, config.gain, config.rates, config.gains, config.windows)
    return quickest(course, config.threshold, seeds, *window)


def _reported(config: Config, course: Course, setting: Setting, label: str) -> Runs:
    """One row per fresh seed."""
    lanes = grid(range(FRESH, FRESH + config.seeds), [setting.rate], [setting.gain])
    end = race(course, lanes, 1, everyone)
    shared = {"depth": len(course.recipe.sizes) - 2, "activation": course.recipe.activation, "setting": label}
    shared |= setting._asdict()
    return [
        shared
        | {"seed": int(lanes.seed[i]), "steps": end.reached[i].tolist(), "error": float(end.error[i])}
        | {"diverged": not np.isfinite(end.loss[i])}
        for i in range(config.seeds)
    ]
