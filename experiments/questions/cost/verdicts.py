"""The verdicts of `cost` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.result import Claim, Runs
from experiments.core.statistics import Interval, hull, ratio_interval, verdict
from experiments.core.style import named

from .measure import ALONE, LAYER, PRODUCT, WIDE, Config

EXPENSIVE, SMALL = 1.5, 0.2  # ratio to ReLU, and share of the product


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on both claims, for exp and every activation that is computed with it."""
    expensive = [_expensive(config, runs, size, name) for size in config.sizes for name in config.exp_functions()]
    return expensive + [_minor(config, runs, name) for name in config.exp_functions()]


def seconds(runs: Runs, where: str, size: int, name: str) -> np.ndarray:
    """Times, one entry per round: on so many elements (ALONE), or on the outputs of a layer so wide (LAYER)."""
    return np.array([run["seconds"][name] for run in runs if run.get(where) == size])


def ratio_to_relu(config: Config, runs: Runs, size: int, name: str) -> Interval:
    """Median time on so many elements over that of ReLU."""
    return ratio_interval(seconds(runs, ALONE, size, name), seconds(runs, ALONE, size, "relu"), config.confidence)


def share_of_product(config: Config, runs: Runs, width: int, name: str) -> Interval:
    """Median time on a layer's outputs over that of the product of its batch and weights."""
    activation, product = (seconds(runs, LAYER, width, program) for program in (name, PRODUCT))
    return ratio_interval(activation, product, config.confidence)


def wide_widths(config: Config) -> list[int]:
    """The widths of at least WIDE, which decide on the second claim."""
    return [width for width in config.widths if width >= WIDE]


def _expensive(config: Config, runs: Runs, size: int, name: str) -> Claim:
    interval = ratio_to_relu(config, runs, size, name)
    return Claim(
        id="B13",
        text=f"exp() is expensive: {named(name)} takes longer than ReLU",
        source="S0 S1 S2 S3 S4",
        scope=f"{size:,} float32 elements",
        measure=f"median time of {named(name)} over that of ReLU",
        rule=f"supported if the {config.confidence:.0%} interval lies above {EXPENSIVE:g}, refuted if below",
        unit="x",
        interval=interval,
        verdict=verdict(interval, low=EXPENSIVE),
        published='CS231n: "expensive operations (exponentials, etc.)" (no number)',
    )


def _minor(config: Config, runs: Runs, name: str) -> Claim:
    interval = hull([share_of_product(config, runs, width, name) for width in wide_widths(config)])
    return Claim(
        id="B14",
        text=f"exp() is not the main cost: {named(name)} takes little beside the product of its layer",
        source="S3",
        scope=f"layers of {WIDE} units or more, float32, batch {config.batch}",
        measure=f"median time of {named(name)} over that of the product, over {len(wide_widths(config))} widths",
        rule=f"supported if the {config.confidence:.0%} interval of every width lies below {SMALL:.0%}, refuted if "
        "each lies above",
        unit="%",
        interval=Interval(*(100 * end for end in interval)),
        verdict=verdict(interval, high=SMALL),
    )
