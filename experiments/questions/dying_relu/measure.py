"""How many ReLU units die when the learning rate is too high, do they come back, and what prevents it?

The notes say that "a large fraction of ReLU units can die if the learning rate is set too high" (B15), that a unit
with a large negative bias is dead and "stays dead forever" (B16), that it is "advised to initialize the bias to a
positive value" (B19), that leaky ReLU and PReLU "will not die" (B20), that Maxout "fixes the dying ReLU problem" (B21)
and that ELU has "all benefits of ReLU" (B22). CS231n, where much of this comes from, says that "as much as 40 %" of a
net can be dead.

A unit is off if its pre-activation is at most 0 on every training example; a ReLU unit that is off is dead, as its
output and its slope are then 0 everywhere. Nets with He's initial weights are trained at learning rates from very low
to very high, by Adam and by SGD with the gradient's norm clipped to 1: both keep the numbers finite, so that units die
and nets do not overflow. A net that diverged all the same is counted as diverged, not as dead. The cures are tried at
the same rates; ReLU with LayerNorm before it, which is not in the notes, is shown beside them. A gradient is sent back
from the output, and units that it reaches on no example are counted as cut off. For B16 training goes on at the tuned
rate with a fresh optimiser: for the nets whose units died, and for new nets whose first layer starts with a large
negative bias.

Rules, fixed before the run; anything else is INCONCLUSIVE. Each verdict joins both optimisers: its interval is the hull
of the two.
- B15 is SUPPORTED if with both at some rate the interval of the mean dead fraction lies above 20 % (widened for the
number of rates) and at the tuned rate below 5 %, REFUTED if with both at every rate it lies below 20 %.
- B16 is SUPPORTED if with both no unit comes back of at least 30 dead ones, REFUTED if with both the Wilson
interval of the share that comes back lies above 0. That units of the first layer stay dead is algebra: their
inputs do not change, so that no gradient reaches them again.
- B19 is SUPPORTED if the interval of the dead fraction with positive minus zero bias, averaged over the rates above the
tuned one, lies below -2 points with both, REFUTED if above -2 points with both: a gain of less is none. Where it lies
within 2 points of 0 the bias makes no difference.
- B20, B21 and B22 are SUPPORTED if at the lowest rate where ReLU nets guess, their accuracy being below `at_chance`,
the accuracy of the other lies above it with both, REFUTED if below with both. B20 and B21 are also REFUTED if at any
rate a unit is cut off.

Changed after a first run: verdicts for each optimiser became one. B16's first layer, which could not have come out
otherwise, is called algebra. B19 was averaged over all rates, most of which kill no unit, and had no margin, so that
"makes no difference" could not be said; its 2 points were chosen when differences of half a point had been seen. B22,
which had been measured, is judged. ReLU behind LayerNorm and other depths lost their verdicts and kept their figures.
To save time, PReLU and the SGD rate 12.8 are left to the full settings.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, load
from experiments.core.progress import Progress, part
from experiments.core.result import Runs
from experiments.core.style import named
from experiments.core.training import FRESH, Grid, Recipe, State, initial_state, restart, resume, score
from experiments.core.units import unit_state

HE = 2.0**0.5
LAYER_NORM = "layer_norm"  # the only cure that keeps ReLU
OPTIMIZERS = {"adam": "Adam", "clipped_sgd": "clipped SGD"}


@dataclass(frozen=True)
class Config:
    """How many ReLU units die when the learning rate is too high, do they come back, and what prevents it?"""

    cures: tuple[str, ...] = ("leaky_relu", "elu", "maxout")
    """Replacements of relu, tried at the same rates: names of jaxact functions; layer_norm is LayerNorm before ReLU."""
    adam_rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 1.0)
    """Learning rates of Adam, in rising order."""
    sgd_rates: tuple[float, ...] = (0.4, 0.8, 1.6, 3.2, 6.4)
    """Learning rates of SGD with clipped gradients, in rising order."""
    widths: tuple[int, ...] = (100, 100, 100)
    """Units of each hidden layer."""
    depths: tuple[int, ...] = ()
    """Further numbers of hidden layers, as wide as the first, for which dead ReLU units are counted."""
    positive_bias: float = 0.1
    """The initial bias that should keep units alive."""
    negative_bias: float = -6.0
    """The initial bias that makes units dead from the start."""
    steps: int = 200
    """Training steps, and as many again in which dead units may revive."""
    batch: int = 32
    """Examples per step."""
    seeds: int = 6
    """Fresh seeds reported per setting."""
    tuning_seeds: int = 2
    """Seeds, never reported, that choose the rate tuned for ReLU, by validation accuracy."""
    at_chance: float = 0.15
    """Test accuracy below which a net counts as guessing; ten classes make guessing right about 10 % of the time."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as several claims are judged at once."""
    data: Name = "digits"
    """What the nets learn: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of(TITLES, data=self.data)
        checks.activations([name for name in self.cures if name not in ("maxout", LAYER_NORM)])
        checks.not_empty(cures=("relu", *self.cures), adam_rates=self.adam_rates, sgd_rates=self.sgd_rates)
        checks.not_empty(widths=range(len(self.widths)), depths=(0, *self.depths))
        checks.at_least(1, checks.MOST_LAYERS, depths=self.depths)
        checks.at_least(1, widths=self.widths, steps=self.steps, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds)
        checks.at_least(2, seeds=self.seeds)
        checks.strictly_between(0, np.inf, adam_rates=self.adam_rates, sgd_rates=self.sgd_rates)
        checks.strictly_between(0, np.inf, positive_bias=self.positive_bias, negative_bias=-self.negative_bias)
        checks.strictly_between(0, 1, at_chance=self.at_chance, confidence=self.confidence)

    def rates(self, optimizer: str) -> tuple[float, ...]:
        """The learning rates tried with an optimiser."""
        return {"adam": self.adam_rates, "clipped_sgd": self.sgd_rates}[optimizer]

    def variants(self) -> list[tuple[str, float]]:
        """Activation and initial bias of the nets that are trained at every rate."""
        return [("relu", 0.0), ("relu", self.positive_bias), *((cure, 0.0) for cure in self.cures)]


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(("leaky_relu", LAYER_NORM), (1e-3, 1.0), (0.1, 12.8), (12,), (1,), steps=20, seeds=2, tuning_seeds=1)


def full() -> Config:
    """More seeds and rates, ReLU nets with LayerNorm, and of other depths."""
    return Config(
        cures=("leaky_relu", "prelu", "elu", "maxout", LAYER_NORM),
        adam_rates=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
        sgd_rates=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8),
        depths=(1, 2, 4, 8),
        seeds=16,
        tuning_seeds=4,
    )


def run(config: Config, progress: Progress) -> Runs:
    """By both optimisers: every variant at every rate, the revival of dead ReLU units, and ReLU at every depth."""
    data = load(config.data, config.folder)
    runs: Runs = []
    variants = config.variants()
    for index, optimizer in enumerate(OPTIMIZERS):
        done = part(progress, index, len(OPTIMIZERS))
        steps = len(variants) + len(config.depths)
        for number, (name, bias) in enumerate(variants):
            done(number / steps, f"{named(name)} with bias {bias:g}, {OPTIMIZERS[optimizer]}")
            sizes, normalised = (data.train.x.shape[1], *config.widths, 10), name == LAYER_NORM
            activation = "relu" if normalised else name
            recipe = Recipe(sizes, activation, optimizer, config.batch, normalised=normalised)
            rows, grid, state = _sweep(config, recipe, data, name, bias)
            runs += rows
            if number == 0:
                tuned = tuned_rate(runs, optimizer)
                runs += _revival(config, recipe, data, grid, state, tuned, "after a high rate")
                grid, state = _killed_by_bias(config, recipe, tuned)
                runs += _revival(config, recipe, data, grid, state, tuned, "after a negative bias")
        for number, depth in enumerate(config.depths, len(variants)):
            done(number / steps, f"{depth} hidden layers, {OPTIMIZERS[optimizer]}")
            sizes = (data.train.x.shape[1], *config.widths[:1] * depth, 10)
            rows, _, _ = _sweep(config, Recipe(sizes, "relu", optimizer, config.batch), data, "relu", 0.0)
            runs += [row | {"phase": "depth"} for row in rows]
    progress(1.0, "done")
    return runs


def tuned_rate(runs: Runs, optimizer: str) -> float:
    """The rate at which ReLU nets with zero bias, on the tuning seeds, do best on the validation part."""
    tuning = [
        run
        for run in runs
        if run["phase"] == "sweep"
        and run["seed"] < FRESH
        and (run["optimizer"], run["activation"], run["bias"]) == (optimizer, "relu", 0.0)
    ]
    rates = sorted({row["rate"] for row in tuning})
    return max(rates, key=lambda rate: np.mean([row["validation"] for row in tuning if row["rate"] == rate]))


def _sweep(config: Config, recipe: Recipe, data: Data, name: str, bias: float) -> tuple[Runs, Grid, State]:
    """Train at every rate, ReLU also from the tuning seeds; one row per net."""
    tuning = range(config.tuning_seeds if name == "relu" else 0)
    seeds = [*tuning, *range(FRESH, FRESH + config.seeds)]
    grid = Grid.of(seeds, config.rates(recipe.optimizer), [HE], bias)
    state = _trained(config, recipe, data, grid, initial_state(recipe, grid))
    error, loss = (np.asarray(value) for value in score(recipe, state, *data.test))
    validation, _ = score(recipe, state, *data.validation)
    states = unit_state(recipe, state, data.train.x)
    return (
        [
            {"phase": "sweep", "optimizer": recipe.optimizer, "activation": name, "bias": bias}
            | {"seed": int(grid.seed[i]), "rate": _as_written(grid.rate[i]), "diverged": not np.isfinite(loss[i])}
            | {"accuracy": 1 - float(error[i]), "validation": 1 - float(validation[i])}
            | {kind: [int(layer[i].sum()) for layer in units] for kind, units in states._asdict().items()}
            for i in range(len(grid.seed))
        ],
        grid,
        state,
    )


def _revival(config: Config, recipe: Recipe, data: Data, grid: Grid, state: State, rate: float, phase: str) -> Runs:
    """Train on at a good rate with a fresh optimiser; count the dead and the revived units of each net and layer."""
    before = unit_state(recipe, state, data.train.x).dead
    state = _trained(config, recipe, data, grid, restart(recipe, state, rate))
    after = unit_state(recipe, state, data.train.x).dead
    _, loss = score(recipe, state, *data.test)
    return [
        {"phase": phase, "optimizer": recipe.optimizer, "seed": int(grid.seed[i]), "rate": _as_written(grid.rate[i])}
        | {"diverged": not np.isfinite(loss[i]), "dead": [int(layer[i].sum()) for layer in before]}
        | {"revived": [int((was[i] & ~still[i]).sum()) for was, still in zip(before, after, strict=True)]}
        for i in np.flatnonzero(grid.seed >= FRESH)
    ]


def _killed_by_bias(config: Config, recipe: Recipe, rate: float) -> tuple[Grid, State]:
    """New nets whose first layer starts with the large negative bias that the notes give as an example."""
    grid = Grid.of(range(FRESH, FRESH + config.seeds), [rate], [HE])
    state = initial_state(recipe, grid)
    first = state.net[0]._replace(bias=jnp.full_like(state.net[0].bias, config.negative_bias))
    return grid, state._replace(net=(first, *state.net[1:]))


def _trained(config: Config, recipe: Recipe, data: Data, grid: Grid, state: State) -> State:
    *_, (_, state) = resume(recipe, state, grid.seed, data.train, config.steps, _stride(config.steps))
    return state


def _stride(steps: int) -> int:
    """The largest divisor of the steps up to 100: Ctrl-C takes effect between such strides."""
    return max(stride for stride in range(1, min(steps, 100) + 1) if steps % stride == 0)


def _as_written(rate: float) -> float:
    """The learning rate as in the settings, without the rounding of float32."""
    return float(f"{rate:.4g}")
