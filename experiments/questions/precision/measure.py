"""Does it matter to training that a gradient is right in the tails?

Far from 0 the slopes of jax.nn are wrong: in bfloat16 sigmoid's is 0 from 5.5625 on, in float16 gelu's is NaN where x^3
overflows. Those of jaxact are right. The notes do not ask whether a net learns any better by them; whoever thinks of
replacing jax.nn does. Nets that differ in nothing but the library of one function are trained by Adam, which divides
gradients by their size, so that a small one moves a weight as far as a large one, and one of 0 does not. Nets of a seed
share initial weights and the order of examples. The function is in one of three places:
- "hidden": the activation of the hidden layers of a dense net, from usual initial weights to far too large ones;
- "head": a sigmoid or softmax behind the last layer, trained by the squared error of its probabilities (cross entropy
of logits needs no slope of a probability);
- "memory": sigmoid and tanh in an LSTM that has to name the first symbol of a sequence after the last, with an initial
forget bias up to 5, for which the gate is 0.993 and stays in the tail of sigmoid.

In bfloat16 and float16, weights, inputs, activations, their gradients and the LSTM's state are rounded to that type,
products of matrices are summed in float32, and so are loss and optimiser: mixed precision, as it is usual. In float16
the loss is multiplied by 128 and the weights' gradients divided by it; `--loss-scale` has another factor.

Of every net the gradients with respect to the function's inputs are counted, on training examples: those exactly 0,
those NaN, and those "lost", which are 0 or NaN by its own library and neither by the other, at the same weights. A
gradient can be 0 by both libraries: where an example is fitted, or the gradient from above is too small for its type.

All settings (initial gain or forget bias, and learning rate) are trained with both libraries. The tuned setting is the
one where jax.nn's nets have the lowest validation error, on seeds that are not reported; jaxact's are not tuned. The
lead is the test accuracy of the net with jaxact less that of its twin with jax.nn, in points, on fresh seeds; a net
that ended in NaN guesses, and counts.

Rules, fixed before the run, for each function and type by itself; anything else is INCONCLUSIVE:
- "Better as tuned" (P1) is SUPPORTED if the interval of the lead at the tuned setting lies above 0, REFUTED if it lies
below 0, or between -0.5 and 0.5.
- "Better elsewhere" (P2) is the same for the lead averaged over all other settings.
- "NaN by jax.nn's gradient" (P3): of all pairs, the share in which only jax.nn's net ended in NaN less the share in
which only jaxact's did is SUPPORTED if its interval (from both Wilson intervals) lies above 0, REFUTED if below 10 %.

There is one verdict for each of these and each type. For P1 and P2 it is SUPPORTED if any function's is, REFUTED if all
are: a type with eight functions is supported by chance in at most 4 % of runs. For P3 the pairs of all functions are
counted together, as those of one are too few for less than 10 %.

Changed after a first run: three runs on the same seeds preceded the published one. After them the rates were raised, as
the tuned one was the highest, the LSTM's task was made easier, as seeds differed by tens of points, and steps were
taken out to save time. The rules stayed as they were; after the published run functions were joined into one verdict
for each type, the published settings became those of `--full`, and the quick ones leave out sigmoid and mish,
have fewer seeds and a shorter task for the LSTM, to save time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxact
from experiments.core import checks
from experiments.core.data import TITLES, Data, Name, Split, load
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import (
    FRESH,
    OPTIMIZERS,
    Grid,
    Net,
    Recipe,
    State,
    forward,
    initial_state,
    losses,
    resume,
)

LIBRARIES: dict[str, Any] = {"jax.nn": jax.nn, "jaxact": jaxact}
THEIRS, OURS = LIBRARIES
DTYPES = ("float32", "bfloat16", "float16")
HEADS = ("sigmoid", "softmax")
LSTM = "LSTM"
SYMBOLS = 4
COUNTED = 128  # training examples on which gradients are counted

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Config:
    """Does it matter to training that a gradient is right in the tails?"""

    activations: tuple[str, ...] = ("tanh", "gelu", "silu")
    """Activations of the hidden layers: functions that jax.nn and jaxact both have."""
    heads: tuple[str, ...] = ("softmax",)
    """Functions behind the last layer: sigmoid or softmax."""
    biases: tuple[float, ...] = (5.0,)
    """Initial forget biases of the LSTM, in rising order."""
    dtypes: tuple[Dtype, ...] = DTYPES
    """Types of the computation, each with verdicts of its own: float32, bfloat16 or float16."""
    gains: tuple[float, ...] = (1.0, 4.0, 16.0)
    """Initial gains of the dense nets, in rising order: 1 is LeCun's rule, the others saturate units."""
    rates: tuple[float, ...] = (0.004, 0.016, 0.064)
    """Learning rates of Adam, in rising order; the last are too high for most nets."""
    layers: int = 2
    """Hidden layers of the dense nets; those with a head have one, of ReLU."""
    width: int = 32
    """Units per hidden layer."""
    steps: int = 120
    """Steps of Adam of the dense nets."""
    units: int = 12
    """Units of the LSTM."""
    length: int = 12
    """Symbols of a sequence, of which the first is to be remembered."""
    memory_steps: int = 150
    """Steps of Adam of the LSTM."""
    loss_scale: float = 128.0
    """Factor of the loss in float16, whose least number is 6e-8 and whose largest is 65504."""
    batch: int = 32
    """Examples per step."""
    seeds: int = 6
    """Fresh seeds reported per library and setting."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which the tuned setting is chosen by validation error."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""
    data: Name = "digits"
    """What the dense nets learn: digits, mnist1d, mnist, fashion or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.one_of(TITLES, data=self.data)
        checks.activations(self.activations, allow_prelu=False)
        for name in self.activations:
            checks.one_of([name for name in jaxact.CATALOGUE if hasattr(jax.nn, name)], activations=name)
        for name in self.heads:
            checks.one_of(HEADS, heads=name)
        for dtype in self.dtypes:
            checks.one_of(DTYPES, dtypes=dtype)
        checks.not_empty(activations=self.activations, heads=self.heads, dtypes=self.dtypes)
        checks.not_empty(biases=self.biases, gains=self.gains, rates=self.rates)
        checks.strictly_between(0, np.inf, biases=self.biases, gains=self.gains, rates=self.rates)
        checks.strictly_between(0, np.inf, loss_scale=self.loss_scale)
        checks.strictly_between(0, 1, confidence=self.confidence)
        checks.at_least(2, seeds=self.seeds)
        checks.at_least(1, checks.MOST_LAYERS, layers=self.layers, length=self.length)
        checks.at_least(1, width=self.width, units=self.units, batch=self.batch, tuning_seeds=self.tuning_seeds)
        checks.at_least(1, steps=self.steps, memory_steps=self.memory_steps)
        if len(self.rates) < 2:
            raise ValueError(
                f"rates is {list(self.rates)}, but at least two are expected: one of them is the tuned one."
            )

    def cells(self) -> list["Cell"]:
        """Everything that is compared between the libraries: a function in a place, in a type."""
        functions = [("hidden", name) for name in self.activations]
        functions += [*(("head", name) for name in self.heads), ("memory", LSTM)]
        return [Cell(*function, dtype) for function, dtype in product(functions, self.dtypes)]

    def strengths(self, place: str) -> tuple[float, ...]:
        """What drives units into the tails there: initial gains, or forget biases."""
        return self.biases if place == "memory" else self.gains


class Cell(NamedTuple):
    """What is compared between the libraries."""

    place: str
    function: str
    dtype: str


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(
        activations=("gelu",),
        heads=("sigmoid",),
        dtypes=("float16",),
        gains=(1.0, 16.0),
        rates=(0.004, 0.016),
        width=8,
        steps=10,
        units=4,
        length=5,
        memory_steps=5,
        seeds=3,
        tuning_seeds=1,
    )


def full() -> Config:
    """The settings of the published answer: more functions and seeds, longer sequences; two minutes."""
    return Config(
        activations=("tanh", "sigmoid", "gelu", "silu", "mish"),
        heads=HEADS,
        length=20,
        memory_steps=200,
        seeds=8,
        tuning_seeds=3,
    )


@dataclass(frozen=True)
class Typed:
    """A function of a library in a float type; what comes and goes is float32, with numbers of that type."""

    library: str
    name: str
    dtype: str

    def __call__(self, z: Array) -> Array:
        """The value at z."""
        return getattr(LIBRARIES[self.library], self.name)(z.astype(self.dtype)).astype("float32")


@dataclass(frozen=True)
class Mixed:
    """The forward pass of one net in mixed precision, with one library's function in one place."""

    cell: Cell
    library: str
    loss_scale: float
    """Factor of the loss, by which the gradients of the weights are divided."""

    def __call__(self, net: Net, x: Array) -> Array:
        """The output for examples."""
        return self.forward(net, x)[0]

    def forward(self, net: Net, x: Array, probes: list[Array] | None = None) -> tuple[Array, list[Array]]:
        """The output and the inputs of the function, to which the probes are added."""
        rounded = jax.tree.map(lambda leaf: self._rounded(scale_gradient(leaf, 1 / self.loss_scale)), net)
        output, inputs = getattr(self, f"_{self.cell.place}")(rounded, self._rounded(x), probes)
        return scale_gradient(self._rounded(output), self.loss_scale), inputs

    def _rounded(self, x: Array) -> Array:
        return x.astype(self.cell.dtype).astype("float32")

    def _function(self, name: str) -> Callable[[Array], Array]:
        return Typed(self.library, name, self.cell.dtype)

    def _hidden(self, net: Net, x: Array, probes: list[Array] | None) -> tuple[Array, list[Array]]:
        return forward(Recipe((), self._function(self.cell.function)), net, x, probes)

    def _head(self, net: Net, x: Array, probes: list[Array] | None) -> tuple[Array, list[Array]]:
        logits, _ = forward(Recipe((), Typed(OURS, "relu", self.cell.dtype)), net, x)
        logits = logits if probes is None else logits + probes[0]
        return self._function(self.cell.function)(logits), [logits]

    def _memory(self, net: Net, x: Array, probes: list[Array] | None) -> tuple[Array, list[Array]]:
        """An LSTM (https://doi.org/10.1162/089976600300015015) and a dense layer on its last output."""
        gates, last = net
        sigmoid, tanh = self._function("sigmoid"), self._function("tanh")
        symbols = x.reshape(len(x), -1, SYMBOLS + 1).swapaxes(0, 1)  # place, example, channel
        inputs, states = gates.weight[: SYMBOLS + 1], gates.weight[SYMBOLS + 1 :]
        from_inputs = symbols @ inputs + gates.bias[None, None]
        from_inputs = from_inputs if probes is None else from_inputs + probes[0]

        def step(state: tuple[Array, Array], from_input: Array) -> tuple[tuple[Array, Array], Array]:
            cell, output = state
            z = from_input + output @ states
            enter, forget, leave, candidate = jnp.split(z, 4, axis=-1)
            cell = self._rounded(sigmoid(forget) * cell + sigmoid(enter) * tanh(candidate))
            return (cell, self._rounded(sigmoid(leave) * tanh(cell))), z

        nothing = jnp.zeros((len(x), len(states)), x.dtype)
        (_, output), z = jax.lax.scan(step, (nothing, nothing), from_inputs)
        return output @ last.weight + last.bias[None], [z]


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def scale_gradient(x: Array, factor: float) -> Array:
    """x, with a gradient multiplied by the factor."""
    return x


scale_gradient.defvjp(lambda x, factor: (x, None), lambda factor, _, gradient: (factor * gradient,))


class Inspected(NamedTuple):
    """What is measured of a net; every field has an entry for each library, in the order of LIBRARIES."""

    validation_error: Array
    error: Array
    diverged: Array
    """Whether an output on the validation or test part is NaN or infinite."""
    zero: Array
    """Share of the gradients that are exactly 0."""
    nan: Array
    """Share of the gradients that are NaN or infinite."""
    lost: Array
    """Share of the gradients that are 0 or not finite by this library, and neither by the other."""


@each_net()
def inspect(recipes: tuple[Recipe, ...], state: State, data: Data) -> Inspected:
    """The errors and gradients of every net, computed by each library; `recipes` has one for each."""
    x, y = (jnp.concatenate(both) for both in zip(data.validation, data.test, strict=True))
    labels = y if y.ndim == 1 else y.argmax(-1)

    def of_net(net: Net) -> Inspected:
        outputs = jnp.stack([forward(recipe, net, x)[0] for recipe in recipes])
        validation, test = jnp.split(outputs.argmax(-1) != labels[None], [len(data.validation.y)], axis=1)
        found = [gradients(recipe, net, *map(jnp.asarray, data.train)) for recipe in recipes]
        flat = jnp.stack([jnp.concatenate([g.ravel() for g in each]) for each in found])
        zero, wild = flat == 0, ~jnp.isfinite(flat)
        bad = zero | wild
        kinds = (validation, test, zero, wild, bad & ~bad[::-1])
        validation_error, error, *shares = (jnp.mean(each.astype("float32"), axis=1) for each in kinds)
        return Inspected(validation_error, error, ~jnp.isfinite(outputs).all((1, 2)), *shares)

    return jax.lax.map(of_net, state.net)


def gradients(recipe: Recipe, net: Net, x: Array, y: Array) -> list[Array]:
    """The gradients of one net's mean loss with respect to the inputs of the function in question."""
    mixed = recipe.custom_forward
    assert isinstance(mixed, Mixed)

    def loss(probes: list[Array]) -> Array:
        probed = recipe._replace(custom_forward=lambda net, x: mixed.forward(net, x, probes)[0])
        return jnp.mean(losses(probed, net, x, y))

    return jax.grad(loss)([jnp.zeros_like(z) for z in mixed.forward(net, x)[1]])


def sequences(length: int) -> Data:
    """Sequences of symbols, all drawn at random, and the first of each as its label; the first is marked.

    A symbol is one-hot in its channels; the last channel is 1 for the first symbol and 0 for all others.
    """
    rng = np.random.default_rng(0)

    def part(count: int) -> Split:
        symbols = rng.integers(SYMBOLS, size=(count, length))
        x = np.concatenate([np.eye(SYMBOLS)[symbols], np.zeros((count, length, 1))], axis=2)
        x[:, 0, -1] = 1
        return Split(x.reshape(count, -1).astype(np.float32), symbols[:, 0].astype(np.int32))

    return Data(part(1024), part(360), part(360))


def start(config: Config, recipe: Recipe, grid: Grid, place: str) -> State:
    """The nets before the first step; the gains of the grid are the forget biases of LSTMs."""
    if place != "memory":
        return initial_state(recipe, grid)
    state = initial_state(recipe, grid._replace(gain=np.ones_like(grid.gain)))
    gates, last = state.net
    forget = slice(config.units, 2 * config.units)
    gates = gates._replace(bias=gates.bias.at[:, forget].set(grid.gain[:, None]))
    last = last._replace(weight=2 * last.weight[:, : config.units])  # drawn for four times as many inputs
    return State((gates, last), jax.vmap(OPTIMIZERS[recipe.optimizer].init)((gates, last)), state.rate)


def run(config: Config, progress: Progress) -> Runs:
    """Train every function in every type, with both libraries, at all settings."""
    dense = load(config.data, config.folder)
    one_hot = Data(*(Split(part.x, np.eye(10, dtype=np.float32)[part.y]) for part in dense))
    data = {"hidden": dense, "head": one_hot, "memory": sequences(config.length)}
    cells = config.cells()
    runs: Runs = []
    for index, cell in enumerate(cells):
        progress(index / len(cells), doing := f"{cell.function}, {cell.place}, {cell.dtype}")
        runs += [cell._asdict() | row for row in kept(doing, _reported, config, cell, data[cell.place])]
    progress(1.0, "done")
    return runs


def recipe_of(config: Config, cell: Cell, library: str, features: int) -> Recipe:
    """The nets of a library, for examples of so many numbers."""
    sizes = {
        "hidden": (features, *[config.width] * config.layers, 10),
        "head": (features, config.width, 10),
        "memory": (SYMBOLS + 1 + config.units, 4 * config.units, SYMBOLS),
    }
    loss = "squared_error" if cell.place == "head" else "cross_entropy"
    mixed = Mixed(cell, library, config.loss_scale if cell.dtype == "float16" else 1.0)
    return Recipe(sizes[cell.place], "relu", "adam", config.batch, loss, custom_forward=mixed)


def _reported(config: Config, cell: Cell, data: Data) -> Runs:
    """One row per library, setting and fresh seed."""
    recipes = tuple(recipe_of(config, cell, library, data.train.x.shape[1]) for library in LIBRARIES)
    seeds = [*range(config.tuning_seeds), *range(FRESH, FRESH + config.seeds)]
    strengths = config.strengths(cell.place)
    grid = Grid.of(seeds, config.rates, strengths)
    steps = config.memory_steps if cell.place == "memory" else config.steps
    beginning = start(config, recipes[0], grid, cell.place)
    examples = data._replace(train=Split(*(part[:COUNTED] for part in data.train)))
    before = jax.tree.map(np.asarray, inspect(recipes, beginning, examples))
    after = []
    for recipe in recipes:
        *_, (_, state) = resume(recipe, beginning, grid.seed, data.train, steps, steps)
        after.append(jax.tree.map(np.asarray, inspect(recipes, state, examples)))
    settings = list(product(config.rates, strengths))
    costs = after[0].validation_error[:, 0].reshape(len(settings), len(seeds))[:, : config.tuning_seeds]
    tuned = settings[int(np.argmin(np.median(costs, axis=1)))]  # of equal ones that with the lowest rate
    return [
        {"library": library, "strength": strength, "rate": rate, "seed": seed, "tuned": (rate, strength) == tuned}
        | {"accuracy": 1 - float(found.error[i, own]), "diverged": bool(found.diverged[i, own])}
        | {name: float(getattr(found, name)[i, own]) for name in ("zero", "nan", "lost")}
        | {f"{name}_at_start": float(getattr(before, name)[i, own]) for name in ("zero", "nan", "lost")}
        for own, (library, found) in enumerate(zip(LIBRARIES, after, strict=True))
        for i, ((rate, strength), seed) in enumerate(product(settings, seeds))
        if seed >= FRESH
    ]
