"""Does ReLU6 make nets ready for fixed point, and is 6 the right cap for 8 bits?

The notes say that ReLU6, min(max(x, 0), 6), is "useful in making the networks ready for fixed-point inference. If you
unbound the upper limit, you lose too many bits to the Q part of a Q.f number" (B24), and that 6 is "the value that fits
best in 8 bits", or "just an arbitrary value" (B25). Krizhevsky 2010, who introduced the cap, gave another reason: it
"encourages the model to learn sparse features earlier".

Nets with ReLU, with ReLU6 and with other caps are trained in float32, on standardised digits and MNIST-1D and on raw
pixels of digits from 0 to 16, by Adam, each with its own learning rate and initial gain, tuned by validation loss on
seeds that are not reported. Then the outputs of their hidden layers are rounded to unsigned fixed point, Qm.f: b = m +
f bits, steps of 2^-f, from 0 to 2^m - 2^-f; weights and inputs are not rounded. The notes' format is "holds all", the
smallest m for the whole net with which no output on the training part is clipped: it takes bits from f if outputs are
large. Three others are in figure and tables: "m = 3", which suits a cap of 6; "per layer", the smallest m that holds
all of each layer; and "chosen", the m with the lowest loss on 256 training examples. A net's drop is its test accuracy
in float32 minus that after rounding, in points.

Rules, fixed before the run; anything else is INCONCLUSIVE. The format is the notes':
- "Ready" is about the drop of ReLU less that of ReLU6, seed by seed. It is SUPPORTED if its interval lies above 0.5
points, REFUTED if it lies between -0.5 and 0.5 or wholly below -0.5: in 8 bits for each kind of inputs, in fewer bits
for the hull over all of them.
- "6 fits best" in 8 bits is about the accuracy with 6 less that with every other cap. It is SUPPORTED if all of its
intervals lie above 0.5 points, REFUTED if any of them lies below: for all standardised inputs, and for raw ones.

Changed after a first run: MNIST-1D was added; verdicts in the other three formats were left out, of which that of m = 3
had supported the claim on raw pixels, as it clips ReLU's outputs at 8; other caps share a verdict. The margin never
changed. The quick setting has fewer caps, numbers of bits and nets, and tuning starts at half of He's gain, near which
it had ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, Split, digits, load
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.quantisation import LEAST_INTEGER_BITS, integer_bits, quantised
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Net, Recipe, State, activate, forward, score
from experiments.core.tuning import train_epochs, tune_rate

FORMATS = ("holds all", "m = 3", "per layer", "chosen")
RAW = "raw digits"
SIX = 6.0
EIGHT = 8
CHOSEN_ON = 256  # training examples on which the format with the lowest loss is chosen


@dataclass(frozen=True)
class Capped:
    """capped(z) = min(max(z, 0), cap), with slope 0 at both kinks, as ReLU6 has; ReLU if the cap is infinite."""

    cap: float

    def __call__(self, z: Array) -> Array:
        """The value at z."""
        return jnp.where(z >= self.cap, self.cap, jaxact.relu(z))


@dataclass(frozen=True)
class Config:
    """Does ReLU6 make nets ready for fixed point, and is 6 the right cap for 8 bits?"""

    caps: tuple[float, ...] = (2.0, 8.0)
    """Caps compared with 6."""
    bits: tuple[int, ...] = (8, 6, 4, 2)
    """Numbers of bits to which outputs are rounded."""
    few: int = 4
    """The smaller number of bits for which there is a verdict besides 8; both must be among the bits."""
    depth: int = 2
    """Hidden layers."""
    width: int = 64
    """Units per hidden layer."""
    seeds: int = 12
    """Fresh seeds reported per kind of net."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which learning rate and initial gain are chosen by validation loss."""
    epochs: int = 8
    """Passes over the training part."""
    batch: int = 32
    """Examples per step."""
    rate: float = 0.004
    """Learning rate in the middle of the first tuning window."""
    gain: float = 2.0**-0.5
    """Initial gain in the middle of the first tuning window: half of He's."""
    rates: int = 3
    """Learning rates per tuning window, a factor 2 apart."""
    gains: int = 3
    """Initial gains per tuning window, a factor 2 apart."""
    windows: int = 4
    """Maximum of tuning windows; a window moves until its best setting lies inside."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: tuple[Name, ...] = ("digits", "mnist1d")
    """What nets learn from standardised inputs: digits, mnist1d, mnist, fashion or cifar10; raw ones are of digits."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        for name in self.data:
            checks.one_of(TITLES, data=name)
        checks.not_empty(caps=(SIX, *self.caps), bits=self.bits, data=self.data)
        checks.strictly_between(0, np.inf, caps=self.caps, rate=self.rate, gain=self.gain)
        checks.one_of([bits for bits in self.bits if bits != EIGHT], few=self.few)
        checks.includes(EIGHT, bits=self.bits)
        checks.at_least(1, 24, bits=self.bits)  # of float32
        checks.at_least(1, checks.MOST_LAYERS, depth=self.depth)
        checks.at_least(1, width=self.width, epochs=self.epochs, batch=self.batch)
        checks.at_least(1, tuning_seeds=self.tuning_seeds, windows=self.windows, gains=self.gains)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(3, rates=self.rates)
        checks.strictly_between(0, 1, confidence=self.confidence)

    def kinds(self) -> list[float]:
        """The cap of every kind of net; ReLU's is infinite."""
        return [np.inf, *sorted((SIX, *self.caps))]

    def inputs(self) -> tuple[str, ...]:
        """What nets learn from: standardised data by name, and raw digits."""
        return *self.data, RAW


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config((2.0,), (8, 4), 4, 1, 8, 2, 1, 1, gains=1, windows=1, data=("digits",))


def full() -> Config:
    """More nets, caps and numbers of bits."""
    return Config((1.0, 2.0, 4.0, 8.0, 16.0), (8, 7, 6, 5, 4, 3, 2), seeds=60, tuning_seeds=4)


def run(config: Config, progress: Progress) -> Runs:
    """Every kind of net on every kind of inputs."""
    cells = [(inputs, cap) for inputs in config.inputs() for cap in config.kinds()]
    data = {name: load(name, config.folder) for name in config.data} | {RAW: digits("raw")}
    runs: Runs = []
    for index, (inputs, cap) in enumerate(cells):
        progress(index / len(cells), doing := f"cap {cap}, {TITLES.get(inputs, inputs)}")
        runs += kept(doing, _reported, config, inputs, cap, data[inputs])
    progress(1.0, "done")
    return runs


@each_net(batched=2)
def score_rounded(recipe: Recipe, state: State, m: Array, bits: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """As `score`, with the outputs of each hidden layer rounded to its own format; `m` is (net, layer)."""

    def of_net(net: Net, m: Array) -> tuple[Array, Array]:
        hidden = x
        for index, layer in enumerate(net[:-1]):
            hidden = activate(recipe.activation, hidden @ layer.weight + layer.bias[None], layer.slope)
            hidden = quantised(hidden, m[index], bits)
        output = hidden @ net[-1].weight + net[-1].bias[None]
        log_probability = jnp.take_along_axis(jaxact.log_softmax(output), y[:, None], axis=-1)
        return jnp.mean(output.argmax(-1) != y), -jnp.mean(log_probability)

    return jax.lax.map(lambda pair: of_net(*pair), (state.net, m))


@each_net()
def largest(recipe: Recipe, state: State, x: Array) -> Array:
    """The largest output of each hidden layer (net, layer)."""

    def of_net(net: Net) -> Array:
        _, preactivations = forward(recipe, net, x)
        return jnp.stack([jnp.max(activate(recipe.activation, z, None)) for z in preactivations])

    return jax.lax.map(of_net, state.net)


def _reported(config: Config, inputs: str, cap: float, data: Data) -> Runs:
    """Tune, train on fresh seeds and round; one row per net, with an accuracy for every format and number of bits."""
    sizes = (data.train.x.shape[1], *[config.width] * config.depth, 10)
    recipe = Recipe(sizes, Capped(cap), "adam", config.batch)
    seeds, window = range(config.tuning_seeds), (config.rate, config.gain, config.rates, config.windows, config.gains)
    setting = tune_rate(recipe, data, config.epochs, seeds, *window)
    grid = Grid.of(range(FRESH, FRESH + config.seeds), [setting.rate], [setting.gain])
    state = train_epochs(recipe, grid, data, config.epochs)
    error, loss = (np.asarray(value) for value in score(recipe, state, *data.test))
    largest_output = np.asarray(largest(recipe, state, data.train.x))
    accuracies: dict[str, list[np.ndarray]] = {name: [] for name in FORMATS}
    for bits in config.bits:
        for name, m in formats(recipe, state, largest_output, bits, data.train):
            wrong, _ = score_rounded(recipe, state, m, bits, *data.test)
            accuracies[name].append(1 - np.asarray(wrong))
    return [
        {"inputs": inputs, "cap": cap, "seed": int(seed), "accuracy": 1 - float(error[i])}
        | {"diverged": not np.isfinite(loss[i]), "largest": largest_output[i].tolist()}
        | {"rounded": {name: [float(accuracy[i]) for accuracy in by_bits] for name, by_bits in accuracies.items()}}
        | setting._asdict()
        for i, seed in enumerate(grid.seed)
    ]


def formats(
    recipe: Recipe, state: State, largest_output: np.ndarray, bits: int, data: Split
) -> Iterator[tuple[str, Array]]:
    """The m of every net and layer, in each of the FORMATS."""
    per_layer = integer_bits(largest_output)
    whole = np.broadcast_to(per_layer.max(1, keepdims=True), per_layer.shape)
    tried = [np.full_like(per_layer, m) for m in range(LEAST_INTEGER_BITS, int(whole.max()) + 1)]
    examples = Split(*(part[:CHOSEN_ON] for part in data))  # the first ones, as `load` gives shuffled data
    losses = [score_rounded(recipe, state, jnp.asarray(m), bits, *examples)[1] for m in tried]
    best = np.argmin(np.nan_to_num(np.array(losses), nan=np.inf), axis=0)
    chosen = np.repeat(LEAST_INTEGER_BITS + best[:, None], per_layer.shape[1], axis=1).astype(np.int32)
    for name, m in zip(FORMATS, (whole, np.full_like(per_layer, 3), per_layer, chosen), strict=True):
        yield name, jnp.asarray(m)
