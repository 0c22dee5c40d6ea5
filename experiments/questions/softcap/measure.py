"""Do a soft cap, QK norm or DyT keep transformers from failing at high learning rates?

At high rates the scores of attention can grow until each place attends to one other only, and training fails. Papers on
large transformers have three cures, tried here in small ones that learn the next character of a text, as in
`transformer` and with the same net, by Adam at a constant rate without warm-up or clipping, which makes failing easy:
- "soft cap": scores pass cap * tanh(score / cap), with the cap of Gemma 2, 50 (https://arxiv.org/abs/2408.00118);
- "QK norm": queries and keys pass LayerNorm with a learnt gain (https://arxiv.org/abs/2302.05442);
- "DyT": gamma * tanh(alpha * x) + beta stands where LayerNorm was (https://arxiv.org/abs/2503.10622). It is meant to
replace LayerNorm and not to tame attention.
Plain nets have LayerNorm and no cure. Nets of a seed share initial weights and the order of windows.

All nets are trained at all rates. The tuned rate of plain nets, and that of each cure, is the one with the lowest
median validation loss on seeds that are not reported. High rates are those above plain nets' tuned one. A net has
failed if its test loss is not finite, or not below that of a model that knows how frequent each character is and
nothing else. A loss that is not finite, or larger than that of guessing all symbols alike, counts as that of guessing.
The entropy of attention is the mean entropy of its weights over that of uniform ones, before the first place left out,
on the test windows, averaged over layers, heads and places: 1 where all places seen count alike, 0 where each place
attends to one. A net with scores that are not finite has none; it counts as 0, which is collapsed.

Rules, fixed before the verdicts, for each cure by itself; anything else is INCONCLUSIVE:
- "Fails less" (C1): of all pairs of nets at high rates, the share in which only the plain net failed less the share in
which only the cured one did is SUPPORTED if its interval (from both Wilson intervals) lies above 0, REFUTED if below
10 points.
- "Learns better there" (C2): the plain nets' test loss less the cured nets', averaged over high rates and paired by
seed, is SUPPORTED if its interval lies above 0, REFUTED if below 0 or within 0.02 nats of it.
- "Costs nothing" (C3): the same difference, each at its own tuned rate, is SUPPORTED if its interval lies above -0.02
nats, REFUTED if below.
- "Keeps attention" (C4): the cured nets' entropy of attention less the plain nets', averaged over high rates and paired
by seed, is SUPPORTED if its interval lies above 5 points, REFUTED if below.

Two short runs on seeds 0 and 1, which are not reported, preceded the first: they showed at which rates nets fail, and
initial embeddings were made larger after them, as DyT, unlike LayerNorm, passes their size on.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.core import checks, text
from experiments.core.data import Data
from experiments.core.devices import each_net
from experiments.core.parts import kept
from experiments.core.progress import Progress
from experiments.core.result import Runs
from experiments.core.training import FRESH, Grid, Recipe, State, resume, score
from experiments.core.transformer import (
    Parameters,
    Transformer,
    attention_entropy,
    check_sizes,
    count,
    initial_state,
    known,
    recipe_of,
)

PLAIN = "plain"
CURES: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "softcap": {"attention": "softcap"},
    "qk_norm": {"attention": "qk_norm"},
    "dynamic_tanh": {"norm": "dynamic_tanh"},
}
"""What differs from plain nets, by the names in the runs."""

Cure = Literal["softcap", "qk_norm", "dynamic_tanh"]


@dataclass(frozen=True)
class Config:
    """Do a soft cap, QK norm or DyT keep transformers from failing at high learning rates?"""

    cures: tuple[Cure, ...] = ("softcap", "qk_norm", "dynamic_tanh")
    """What is compared with plain nets: softcap, qk_norm or dynamic_tanh."""
    cap: float = 50.0
    """The largest score under the soft cap."""
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    """Learning rates of Adam, in rising order: the tuned one and higher ones must be among them."""
    activation: str = "gelu"
    """Activation of the MLPs: an elementwise or gated function of jaxact."""
    width: int = 24
    """Channels of the residual stream."""
    layers: int = 2
    """Blocks of attention and MLP."""
    heads: int = 2
    """Heads of attention, among which the channels are split."""
    hidden: int = 72
    """Units of the MLPs, a multiple of 3; two thirds of them where they are gated."""
    length: int = 32
    """Characters of a window."""
    batch: int = 8
    """Windows per step of Adam."""
    steps: int = 150
    """Steps of Adam."""
    held_out: int = 128
    """Windows that give the validation loss, and as many for the test loss and the entropy."""
    seeds: int = 8
    """Fresh seeds reported per cure and rate."""
    tuning_seeds: int = 2
    """Seeds, never reported, on which the tuned rate is chosen by validation loss."""
    confidence: float = 0.99
    """Confidence of every interval: 0.99, not 0.95, as many claims are judged at once."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.not_empty(cures=self.cures, rates=self.rates)
        for cure in self.cures:
            checks.one_of([name for name in CURES if name != PLAIN], cures=cure)
        checks.strictly_between(0, np.inf, rates=self.rates, cap=self.cap)
        check_sizes(self, self.activation)
        if len(self.rates) < 2 or list(self.rates) != sorted(self.rates):
            raise ValueError(f"rates is {list(self.rates)}, but at least two in rising order are expected.")

    def recipe(self, cure: str) -> Recipe:
        """What all nets with a cure, or the plain ones, share."""
        return recipe_of(self, self.activation, cap=self.cap, **CURES[cure])


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    sizes: Any = {"width": 8, "layers": 1, "hidden": 12, "length": 8, "batch": 4, "held_out": 8}
    return Config(("softcap",), rates=(0.01, 0.3), **sizes, steps=10, seeds=3, tuning_seeds=1)


def full() -> Config:
    """More rates, deeper nets on longer windows, more steps and seeds: some ten minutes."""
    rates = (0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3)
    return Config(rates=rates, width=32, layers=3, hidden=96, length=48, steps=400, held_out=192, seeds=12)


@each_net()
def entropy(recipe: Recipe, state: State, x: Array) -> Array:
    """The entropy of attention of every net; NaN if scores are not finite."""
    model = recipe.custom_forward
    assert isinstance(model, Transformer)

    def of_net(net: Parameters) -> Array:
        scores = model.forward(net, x)[1]
        return jnp.where(jnp.isfinite(scores).all(), attention_entropy(scores), jnp.nan)

    return jax.lax.map(of_net, state.net)


def run(config: Config, progress: Progress) -> Runs:
    """Train plain nets and those with each cure at all rates."""
    data = text.windows(config.length, config.held_out)
    runs: Runs = [text.row(data)]
    cures = (PLAIN, *config.cures)
    for index, cure in enumerate(cures):
        progress(index / len(cures), cure)
        runs += [{"cure": cure} | row for row in kept(cure, _trained, config, config.recipe(cure), data)]
    progress(1.0, "done")
    return runs


def _trained(config: Config, recipe: Recipe, data: Data) -> Runs:
    """One row per rate and fresh seed."""
    seeds = [*range(config.tuning_seeds), *range(FRESH, FRESH + config.seeds)]
    grid = Grid.of(seeds, config.rates)
    *_, (_, state) = resume(recipe, initial_state(recipe, grid), grid.seed, data.train, config.steps, config.steps)
    validation, test = (np.asarray(score(recipe, state, *part)[1]) for part in (data.validation, data.test))
    costs = known(validation, text.GUESS).reshape(len(config.rates), len(seeds))[:, : config.tuning_seeds]
    tuned = config.rates[int(np.argmin(np.median(costs, axis=1)))]
    entropies = np.asarray(entropy(recipe, state, jnp.asarray(data.test.x)))
    parameters = count(jax.tree.map(lambda leaf: leaf[0], state.net))
    return [
        {"rate": rate, "seed": seed, "tuned": rate == tuned, "loss": float(loss), "entropy": float(spread)}
        | {"parameters": parameters}
        for (rate, seed), loss, spread in zip(product(config.rates, seeds), test, entropies, strict=True)
        if seed >= FRESH
    ]
