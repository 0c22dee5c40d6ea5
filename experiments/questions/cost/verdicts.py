"""The verdicts of `cost` on the claims of the notes; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core.result import Claim, Runs
from experiments.core.statistics import (
    Interval,
    hull,
    percent,
    ratio_interval,
    verdict,
)
from experiments.core.style import listed, named

from .measure import ALONE, CACHED, LAYER, PRODUCT, WIDE, Config

EXPENSIVE, SMALL = 1.5, 0.2  # ratio to ReLU, and share of the product


def judge(config: Config, runs: Runs) -> list[Claim]:
    """The verdicts on arrays that fit in the cache, on larger ones, and beside the product of a layer."""
    return [*(_expensive(config, runs, sizes) for sizes in size_groups(config)), _minor(config, runs)]


def size_groups(config: Config) -> list[tuple[int, ...]]:
    """The sizes that fit in the cache, and those that do not."""
    small, large = (tuple(size for size in config.sizes if (size <= CACHED) == fits) for fits in (True, False))
    return [sizes for sizes in (small, large) if sizes]


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


def alone(config: Config, runs: Runs) -> dict[int, Interval]:
    """The ratio to ReLU, by the number of elements, of the function that decides: the first one."""
    return {size: ratio_to_relu(config, runs, size, config.activations[0]) for size in config.sizes}


def beside_product(config: Config, runs: Runs) -> dict[tuple[str, int], Interval]:
    """The share of the product in per cent, by function and width, of all that decide."""
    shares = {(n, w): share_of_product(config, runs, w, n) for n in config.exp_functions() for w in wide_widths(config)}
    return {key: percent(share) for key, share in shares.items()}


def _budget(config: Config) -> str:
    return f"medians of {config.rounds} rounds"


def _expensive(config: Config, runs: Runs, sizes: tuple[int, ...]) -> Claim:
    ratios = {size: ratio for size, ratio in alone(config, runs).items() if size in sizes}
    name, interval = named(config.activations[0]), hull(list(ratios.values()))
    by_size = listed([f"{ratio.value:.2f} on {size:,}" for size, ratio in ratios.items()])
    where = "arrays that fit in the cache" if max(sizes) <= CACHED else "larger arrays"
    return Claim(
        id="B13",
        text=f"exp() is expensive: on {where} {name} takes longer than ReLU",
        source="S0 S1 S2 S3 S4",
        scope=f"float32 arrays of {listed([f'{size:,}' for size in sizes])} elements",
        measure=f"time of {name} over that of ReLU: {by_size}",
        rule=f"supported if at every size the {config.confidence:.0%} interval lies above {EXPENSIVE:g}, refuted if at "
        "every size it lies below",
        unit="x",
        interval=interval,
        verdict=verdict(interval, low=EXPENSIVE),
        published='CS231n: "expensive operations (exponentials, etc.)" (no number)',
        budget=_budget(config),
    )


def _minor(config: Config, runs: Runs) -> Claim:
    shares = beside_product(config, runs)
    interval = hull(list(shares.values()))
    (name, width), most = max(shares.items(), key=lambda pair: pair[1].value)
    return Claim(
        id="B14",
        text="exp() is not the main cost: it takes little time beside the product of its layer",
        source="S3",
        scope=f"layers of {listed([str(width) for width in wide_widths(config)])} units, float32, batch {config.batch}",
        measure=f"time of {listed([named(name) for name in config.exp_functions()])} over that of the product; the "
        f"most is {most.value:.1f} % ({named(name)}, {width} units)",
        rule=f"supported if the {config.confidence:.0%} interval of every function and width lies below "
        f"{100 * SMALL:g} %, refuted if all lie above",
        unit="%",
        interval=interval,
        verdict=verdict(interval, high=100 * SMALL),
        budget=_budget(config),
    )
