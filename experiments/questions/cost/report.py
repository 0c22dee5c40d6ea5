"""The report of `cost`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import SUPPORTED, verdict
from experiments.core.style import canvas, legend, listed, named, title, whiskers

from .measure import ALONE, LAYER, PRODUCT, Config
from .verdicts import EXPENSIVE, SMALL, ratio_to_relu, seconds, share_of_product, wide_widths

TITLE = "Is exp() expensive?"


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config, runs),
        _practice(config, runs),
        _caption(config),
        [_alone_table(config, runs), _shares_table(config, runs)],
    )


def _median(runs: Runs, where: str, size: int, name: str) -> float:
    return float(np.median(seconds(runs, where, size, name)))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for size in config.sizes:
        times = [
            f"{named(name)} {_median(runs, ALONE, size, name) / size * 1e9:.2f}"
            for name in ("relu", *config.exp_functions())
        ]
        sentences.append(f"Nanoseconds per element of {size:,}: {listed(times)}.")
    shares = [
        f"{named(name)} {100 * share_of_product(config, runs, max(config.widths), name).value:.1f} %"
        for name in ("relu", *config.exp_functions())
    ]
    narrow = min(config.widths)
    narrow_shares = [
        f"{named(name)} {100 * share_of_product(config, runs, narrow, name).value:.0f} %"
        for name in config.exp_functions()
    ]
    return [
        *sentences,
        f"Time relative to the product of a layer of {max(config.widths)} units: {listed(shares)}.",
        f"Relative to that of a layer of {narrow}: {listed(narrow_shares)}; part of this is the time of the call.",
    ]


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
    sentences = []
    for width in wide_widths(config):
        product, relu = (_median(runs, LAYER, width, name) for name in (PRODUCT, "relu"))
        times = {name: _median(runs, LAYER, width, name) for name in config.exp_functions()}
        savings = [f"{named(name)} {100 * (time - relu) / (product + time):.1f} %" for name, time in times.items()]
        sentences.append(f"Time of product and activation that ReLU saves in a layer of {width}: {listed(savings)}.")
    for size in config.sizes:
        expensive = [
            n
            for n in config.exp_functions()
            if verdict(ratio_to_relu(config, runs, size, n), low=EXPENSIVE) == SUPPORTED
        ]
        if expensive:
            sentences.append(
                f"By themselves, on {size:,} elements, {listed([named(name) for name in expensive])} take "
                f"significantly more than {EXPENSIVE:g} times as long as ReLU."
            )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"Left: median time on arrays of float32 over that of ReLU; the dotted line, {EXPENSIVE:g}, is where "
        "'expensive' begins. Programs wait for memory on arrays that do not fit in the cache, whatever is computed. "
        f"Right: median time on the outputs of a layer over that of the product of {config.batch} rows with its "
        f"weights; 'not the main cost' is below the dotted line, {SMALL:.0%}. Bars are {config.confidence:.0%} "
        f"intervals over {config.rounds} rounds."
    )


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
    picture, ((alone, shares),) = canvas(1, 2, 11.0, 4.8, width_ratios=[1, 1.4])
    names = ("relu", *config.exp_functions())
    for name in names:
        if name != "relu":
            whiskers(alone, config.sizes, [ratio_to_relu(config, runs, size, name) for size in config.sizes], name)
        whiskers(shares, config.widths, [share_of_product(config, runs, width, name) for width in config.widths], name)
    alone.set_xscale("log", base=2)
    alone.set_xticks(config.sizes, [f"{size:,}" for size in config.sizes])
    alone.set_xlabel("elements")
    alone.axhline(EXPENSIVE, color="#444444", linestyle=":", linewidth=1.2)
    alone.set_ylim(bottom=0)
    alone.set_ylabel("time / ReLU's time")
    title(alone, "By itself")
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
