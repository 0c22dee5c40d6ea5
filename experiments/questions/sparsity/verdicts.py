"""The verdicts of `sparsity`; the docstring of `measure.py` has the rules."""

from collections.abc import Callable

import numpy as np

from experiments.core.data import TITLES
from experiments.core.result import Claim, Runs
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval, mean_interval, verdict
from experiments.core.style import counted, named
from experiments.core.tuning import hull_over_rates, rates_text

from .measure import EIGHT, RELU, TOP, WITH_ZEROS, Config, top_name

MARGIN = 1.0  # points of test accuracy: smaller losses do not count
HALF = 50.0  # per cent of the outputs: where ReLU's nets start
SOURCE = "nowhere; whoever wants a small or fast net asks it"
LI = (
    "Li et al. 2022 (https://arxiv.org/abs/2210.06313): 3.0 % of the outputs of ReLU in a trained T5-Base are not 0, "
    "6.3 % in ViT-B16"
)
LIU = (
    "Liu et al. 2024, TEAL (https://arxiv.org/abs/2408.14690): 40 to 50 % of all inputs of layers in language models "
    "with SiLU can be set to 0 with minimal degradation"
)
YOU = (
    "You et al. 2025 (https://arxiv.org/abs/2506.06644): a language model trained with top-k that keeps 8 % of its "
    "units performs competitively"
)
JACOB = "Jacob et al. 2018 (https://arxiv.org/abs/1712.05877): nets of 8-bit integers come close to those in float32"
PUBLISHED = {"S1": LI, "S2": LIU, "S3": YOU, "S4": JACOB}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on every data set."""
    return [claim for data in config.data for claim in _of_data(config, runs, data)]


def of_kind(runs: Runs, data: str, kind: str, multiple: float = 1.0) -> Runs:
    """The runs with an activation at a multiple of the tuned rate, one per fresh seed."""
    return [run for run in runs if (run["data"], run["kind"], run["multiple"]) == (data, kind, multiple)]


def zeros(nets: Runs, epoch: int = -1) -> np.ndarray:
    """The share of outputs that are 0, in per cent, one entry per net; at epoch 0 nothing is learnt yet."""
    return np.array([100 * np.mean(run["zeros"][epoch]) for run in nets])


def accuracy(nets: Runs) -> np.ndarray:
    """Test accuracy in per cent, one entry per net."""
    return np.array([100 * run["accuracies"][-1] for run in nets])


def lost_as_relu(nets: Runs) -> np.ndarray:
    """Points lost with as many zeros as ReLU's net has, one entry per net."""
    return accuracy(nets) - 100 * np.array([run["as_relu"] for run in nets])


def lost(nets: Runs, measure: str) -> np.ndarray:
    """Points lost, (net, share) when "pruned" and (net, number of bits) when "rounded"."""
    return accuracy(nets)[:, None] - 100 * np.array([run[measure] for run in nets])


def share_of_zeros(config: Config, runs: Runs, data: str, kind: str) -> Interval:
    """The share of zeros after training, in per cent."""
    return _hull(config, runs, data, lambda of: zeros(of(kind)))


def pruning_loss(config: Config, runs: Runs, data: str, kind: str) -> Interval:
    """Points lost with as many zeros as ReLU's nets have."""
    return _hull(config, runs, data, lambda of: lost_as_relu(of(kind)))


def lead(config: Config, runs: Runs, data: str, kind: str) -> Interval:
    """Points of accuracy by which an activation is ahead of ReLU, paired by seed."""
    return _hull(config, runs, data, lambda of: accuracy(of(kind)) - accuracy(of(RELU)))


def rounding_loss(config: Config, runs: Runs, data: str, kind: str) -> Interval:
    """Points lost in 8 bits; the interval is widened for the number of activations."""
    column, confidence = config.bits.index(EIGHT), 1 - (1 - config.confidence) / len(config.kinds())
    return _hull(config, runs, data, lambda of: lost(of(kind), "rounded")[:, column], confidence)


def without_zeros(config: Config) -> list[str]:
    """The activations that can be pruned to ReLU's share of zeros: those that have none of their own."""
    return [name for name in config.activations if name not in WITH_ZEROS]


def name_text(kind: str) -> str:
    """The name of an activation in a sentence; top-k has the share that it keeps."""
    name, *share = kind.split()
    if name == TOP:
        return f"top-k at {100 * float(share[0]):g} %"
    return named(name)


def layers(config: Config) -> str:
    """The number of hidden layers."""
    return counted(config.depth, "hidden layer")


def budget(config: Config) -> str:
    """What the nets were allowed."""
    return f"{counted(config.epochs, 'epoch')} of Adam, {config.seeds} seeds"


def _hull(
    config: Config,
    runs: Runs,
    data: str,
    measured: Callable[[Callable[[str], Runs]], np.ndarray],
    confidence: float | None = None,
) -> Interval:
    """The hull, over the multiples of the tuned rates, of the interval of what is measured of each seed."""

    def at(multiple: float) -> Interval:
        return mean_interval(
            measured(lambda kind: of_kind(runs, data, kind, multiple)), confidence or config.confidence
        )

    return hull_over_rates(config.rates_around, at)


def _of_data(config: Config, runs: Runs, data: str) -> list[Claim]:
    claims = []
    for kind in [kind for kind in WITH_ZEROS if kind in config.kinds()]:
        interval = share_of_zeros(config, runs, data, kind)
        start = zeros(of_kind(runs, data, kind), 0).mean()
        claims.append(
            _claim(
                config,
                data,
                "S1",
                f"training leaves most outputs of {name_text(kind)} at 0",
                f"share of the outputs of hidden units that are 0 after training; before it is {start:.1f} %",
                f"supported if the {config.confidence:.0%} interval lies above {HALF:g} %, refuted if below",
                "%",
                interval,
                verdict(interval, low=HALF),
            )
        )
    for kind in without_zeros(config):
        interval = pruning_loss(config, runs, data, kind)
        claims.append(
            _claim(
                config,
                data,
                "S2",
                f"as many outputs of {name_text(kind)} as ReLU has zeros can be set to 0 after training",
                "test accuracy minus that with the outputs smallest in size set to 0, layer by layer as many as are 0 "
                "in the ReLU net of the same seed",
                f"supported if the {config.confidence:.0%} interval lies below {MARGIN:g} point, refuted if above",
                "points",
                interval,
                verdict(interval, high=MARGIN),
            )
        )
    for kind in map(top_name, config.kept):
        interval = lead(config, runs, data, kind)
        claims.append(
            _claim(
                config,
                data,
                "S3",
                f"nets trained with {name_text(kind)} are as accurate as with ReLU",
                f"test accuracy with {name_text(kind)} minus that with ReLU, paired by seed",
                f"supported if the {config.confidence:.0%} interval lies above -{MARGIN:g} point, refuted if below",
                "points",
                interval,
                verdict(interval, low=-MARGIN),
            )
        )
    return [*claims, _eight_bits(config, runs, data)]


def _eight_bits(config: Config, runs: Runs, data: str) -> Claim:
    losses = {kind: rounding_loss(config, runs, data, kind) for kind in config.kinds()}
    outcomes = {kind: verdict(loss, high=MARGIN) for kind, loss in losses.items()}
    outcome = next(each for each in (REFUTED, INCONCLUSIVE, SUPPORTED) if each in outcomes.values())
    worst = max((kind for kind in losses if outcomes[kind] == outcome), key=lambda kind: losses[kind].high)
    return _claim(
        config,
        data,
        "S4",
        f"{EIGHT} bits for weights and outputs lose nothing, whatever the activation",
        f"test accuracy in float32 minus that in {EIGHT} bits, with {name_text(worst)}, which decides among "
        f"{len(losses)} activations",
        f"supported if for all of them the interval lies below {MARGIN:g} point, refuted if for one above; widened so "
        f"that together they are of {config.confidence:.0%}",
        "points",
        losses[worst],
        outcome,
    )


def _claim(
    config: Config,
    data: str,
    claim_id: str,
    text: str,
    measure: str,
    rule: str,
    unit: str,
    interval: Interval,
    outcome: str,
) -> Claim:
    return Claim(
        id=claim_id,
        text=text,
        source=SOURCE,
        scope=f"{TITLES[data]}, {layers(config)} of {config.width}, rate and gain tuned for each; intervals hold "
        f"{rates_text(config.rates_around)}",
        measure=measure,
        rule=rule,
        unit=unit,
        interval=interval,
        verdict=outcome,
        published=PUBLISHED[claim_id],
        budget=budget(config),
    )
