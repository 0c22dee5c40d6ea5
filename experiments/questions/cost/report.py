"""The report of `cost`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.style import canvas, legend, listed, named, title, whiskers

from .measure import ALONE, LAYER, PRODUCT, WIDE, Config
from .verdicts import (
    EXPENSIVE,
    SMALL,
    alone,
    beside_product,
    judge,
    ratio_to_relu,
    seconds,
    share_of_product,
    size_groups,
    wide_widths,
)

TITLE = "Is exp() expensive?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_alone_table(config, runs), _shares_table(config, runs)],
        _advice(config, runs),
    )


def _median(runs: Runs, where: str, size: int, name: str) -> float:
    return float(np.median(seconds(runs, where, size, name)))


def _findings(config: Config, runs: Runs) -> list[str]:
    *expensive, minor = judge(config, runs)
    name, ratios = named(config.activations[0]), alone(config, runs)
    words = {SUPPORTED: "Yes, by itself", REFUTED: "No, not even by itself", INCONCLUSIVE: "Undecided"}
    outcomes = {claim.verdict for claim in expensive}
    answer = words[outcomes.pop()] if len(outcomes) == 1 else _by_size(config, [claim.verdict for claim in expensive])
    beside = {
        SUPPORTED: f"Beside the product of a layer of {WIDE} units or more it is a small cost",
        REFUTED: f"Beside the product of a layer of {WIDE} units or more it is a large cost",
        INCONCLUSIVE: f"Beside the product of a layer of {WIDE} units or more it is not clear that it is a small cost",
    }
    shares = [share.value for share in beside_product(config, runs).values()]
    by_size = listed([f"{ratio.value:.1f} times on {size:,}" for size, ratio in ratios.items()])
    narrow = min(config.widths)
    narrow_shares = [
        f"{named(each)} {100 * share_of_product(config, runs, narrow, each).value:.0f} %"
        for each in config.exp_functions()
    ]
    return [
        f"{answer}: {name} takes {min(r.value for r in ratios.values()):.1f} to "
        f"{max(r.value for r in ratios.values()):.1f} times as long as ReLU. {beside[minor.verdict]}: "
        f"{min(shares):.1f} to {max(shares):.1f} % of the product's time.",
        f"By the number of elements {name} takes, relative to ReLU: {by_size}.",
        f"Time relative to the product of a layer of {narrow}: {listed(narrow_shares)}; part of this is the time of "
        "the call.",
    ]


def _by_size(config: Config, outcomes: list[str]) -> str:
    """For which sizes it is so and for which not, where they differ."""
    words = {SUPPORTED: "yes", REFUTED: "no", INCONCLUSIVE: "undecided"}
    told = [
        f"{words[outcome]} on arrays of {' or '.join(f'{size:,}' for size in sizes)} elements"
        for outcome, sizes in zip(outcomes, size_groups(config), strict=True)
    ]
    return f"By itself {', '.join(told)}"


def _advice(config: Config, runs: Runs) -> str:
    *_, minor = judge(config, runs)
    low, high = minor.interval[1:]
    layers = f"in layers of {WIDE} units or more"
    budget = f"float32, batch {config.batch}, {minor.budget}"
    if minor.verdict == SUPPORTED:
        return (
            f"Do not choose an activation for its speed: {layers}, exp, sigmoid and their like take at most {high:.0f} "
            f"% of the time of the layer's product ({budget})."
        )
    if minor.verdict == REFUTED:
        return (
            f"Fuse activations with products: {layers} they take {low:.0f} % of the product's time or more ({budget})."
        )
    return ""


def _compared(config: Config, runs: Runs) -> list[str]:
    product = _median(runs, LAYER, max(config.widths), PRODUCT)
    speed = 2 * config.batch * max(config.widths) ** 2 / product / 1e9
    return [
        "There is no published number, neither in the notes nor in CS231n, their source. The limits in the rules were "
        "fixed before the run.",
        f"Ours depends on the machine: here a product of {max(config.widths)} columns runs at {speed:.0f} GFLOP/s. If "
        "a machine multiplies faster relative to its exp, the share of activations is larger; so it is with a smaller "
        "batch, as the weights have to be read all the same.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    savings = {}
    for width in wide_widths(config):
        product, relu = (_median(runs, LAYER, width, name) for name in (PRODUCT, "relu"))
        for name in config.exp_functions():
            taken = _median(runs, LAYER, width, name)
            savings[name, width] = 100 * (taken - relu) / (product + taken)
    ends = [end(savings, key=lambda pair: savings[pair]) for end in (min, max)]
    if savings[ends[1]] < 0:
        ends.reverse()
    (name, width), (other, at) = ends
    first, last = savings[name, width], savings[other, at]
    verb, then = "saves" if first >= 0 else "costs", "to" if (first < 0) == (last < 0) else "and saves"
    return [
        f"Replacing the activation by ReLU {verb} {abs(first):.1f} % ({named(name)}, {width} units) {then} "
        f"{abs(last):.1f} % ({named(other)}, {at} units) of the time of product and activation together, in layers of "
        f"{WIDE} units or more."
    ]


def _caption(config: Config) -> str:
    return (
        f"Left: median time on arrays of float32 over that of ReLU; the dotted line, {EXPENSIVE:g}, is where "
        "'expensive' begins. Programs wait for memory on arrays that do not fit in the cache, whatever is computed. "
        f"Right: median time on the outputs of a layer over that of the product of {config.batch} rows with its "
        f"weights; 'not the main cost' is below the dotted line, {SMALL:.0%}. Bars are {config.confidence:.0%} "
        f"intervals over {config.rounds} rounds."
    )


def _short(size: int) -> str:
    """A number of elements on an axis: 256k, 4M."""
    mega = size >= 2**20
    return f"{size / 2**20:g}M" if mega else f"{size / 2**10:g}k"


def _alone_table(config: Config, runs: Runs) -> Table:
    rows = []
    for size in config.sizes:
        ratios = [ratio_to_relu(config, runs, size, name) for name in config.exp_functions()]
        cells = [f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" for ratio in ratios]
        rows.append([f"{size:,}", f"{_median(runs, ALONE, size, 'relu') * 1e3:.3f}", *cells])
    header = ["elements", "ReLU in ms", *map(named, config.exp_functions())]
    return Table("Time by themselves, over that of ReLU", header, rows)


def _shares_table(config: Config, runs: Runs) -> Table:
    rows = []
    for width in config.widths:
        cells = []
        for name in ("relu", *config.exp_functions()):
            value, low, high = share_of_product(config, runs, width, name)
            cells.append(f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]")
        rows.append([str(width), f"{_median(runs, LAYER, width, PRODUCT) * 1e3:.3f}", *cells])
    header = ["width", "product in ms", *(named(name) for name in ("relu", *config.exp_functions()))]
    return Table("Time of activations in % of that of the product", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Ratios to ReLU against the size of the array, and shares of the product against the width of the layer."""
    picture, ((by_itself, shares),) = canvas(1, 2, 9.0, 4.8, width_ratios=[1, 1.3])
    names = ("relu", *config.exp_functions())
    for name in names:
        if name != "relu":
            whiskers(by_itself, config.sizes, [ratio_to_relu(config, runs, size, name) for size in config.sizes], name)
        whiskers(shares, config.widths, [share_of_product(config, runs, width, name) for width in config.widths], name)
    by_itself.set_xscale("log", base=2)
    by_itself.set_xticks(config.sizes, [_short(size) for size in config.sizes])
    by_itself.xaxis.set_minor_locator(NullLocator())
    by_itself.set_xlabel("elements")
    by_itself.axhline(EXPENSIVE, color="#444444", linestyle=":", linewidth=1.2)
    by_itself.set_ylim(bottom=0)
    by_itself.set_ylabel("time / ReLU's time")
    title(by_itself, "By itself")
    shares.axhline(SMALL, color="#444444", linestyle=":", linewidth=1.2)
    shares.set_xscale("log", base=2)
    shares.set_yscale("log")
    shares.set_xticks(config.widths, [str(width) for width in config.widths])
    shares.yaxis.set_major_formatter(lambda number, _: f"{100 * number:g}")
    shares.set_xlabel("width of the layer")
    shares.set_ylabel("time in % of the product's")
    title(shares, "Beside the product of its layer")
    legend(picture, shares, len(names))
    return picture
