"""The report of `cost`: sentences, tables and a figure, all computed from the runs."""

import numpy as np
from matplotlib.figure import Figure

from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import SUPPORTED, verdict
from experiments.core.style import canvas, legend, listed, named, title, whiskers

from .measure import ALONE, LAYER, PRODUCT, Config
from .verdicts import EXPENSIVE, SMALL, seconds, share, to_relu, wide

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


def _middle(runs: Runs, where: str, size: int, name: str) -> float:
    return float(np.median(seconds(runs, where, size, name)))


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for size in config.sizes:
        each = [
            f"{named(name)} {_middle(runs, ALONE, size, name) / size * 1e9:.2f}"
            for name in ("relu", *config.suspects())
        ]
        sentences.append(f"Nanoseconds per element of {size:,}: {listed(each)}.")
    shares = [
        f"{named(name)} {100 * share(config, runs, max(config.widths), name).value:.1f} %"
        for name in ("relu", *config.suspects())
    ]
    narrow = min(config.widths)
    dear = [f"{named(name)} {100 * share(config, runs, narrow, name).value:.0f} %" for name in config.suspects()]
    return [
        *sentences,
        f"Beside the product of a layer of {max(config.widths)} units: {listed(shares)} of its time.",
        f"Beside that of a layer of {narrow}: {listed(dear)}; part of this is the calls themselves.",
    ]


def _compared(config: Config, runs: Runs) -> list[str]:
    product = _middle(runs, LAYER, max(config.widths), PRODUCT)
    speed = 2 * config.batch * max(config.widths) ** 2 / product / 1e9
    return [
        "There is no published number: the notes name none, nor does CS231n, from which they have it. The limits in "
        "the rules were fixed before the run.",
        f"Ours depends on the machine: here a product of {max(config.widths)} columns runs at {speed:.0f} GFLOP/s. One "
        "that multiplies faster than it computes exp gives activations a larger share, as does a smaller batch whose "
        "weights have to be read all the same.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    sentences = []
    for width in wide(config):
        product, relu = (_middle(runs, LAYER, width, name) for name in (PRODUCT, "relu"))
        taken = {name: _middle(runs, LAYER, width, name) for name in config.suspects()}
        savings = [f"{named(name)} {100 * (each - relu) / (product + each):.1f} %" for name, each in taken.items()]
        sentences.append(
            f"With ReLU in its place, a layer of {width} would save, of the time of product and activation: "
            f"{listed(savings)}."
        )
    for size in config.sizes:
        dear = [n for n in config.suspects() if verdict(to_relu(config, runs, size, n), low=EXPENSIVE) == SUPPORTED]
        if dear:
            sentences.append(
                f"By themselves, on {size:,} elements, {listed([named(name) for name in dear])} can be said to take "
                f"more than {EXPENSIVE:g} times as long as ReLU."
            )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"Left: median time on arrays of float32 over that of ReLU; the dotted line, {EXPENSIVE:g}, is where "
        "'expensive' begins. Arrays that do not fit a processor's cache have to wait for memory, whatever is computed. "
        f"Right: median time on the outputs of a layer over that of the product of {config.batch} rows with its "
        f"weights; 'not the main cost' is below the dotted line, {SMALL:.0%}. Bars are {config.confidence:.0%} "
        f"intervals over {config.rounds} rounds."
    )


def _alone_table(config: Config, runs: Runs) -> Table:
    rows = []
    for size in config.sizes:
        found = [to_relu(config, runs, size, name) for name in config.suspects()]
        ratios = [f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in found]
        rows.append([f"{size:,}", f"{_middle(runs, ALONE, size, 'relu') * 1e3:.3f}", *ratios])
    header = ["elements", "ReLU in ms", *map(named, config.suspects())]
    return Table("Time by themselves, over that of ReLU", header, rows)


def _shares_table(config: Config, runs: Runs) -> Table:
    rows = []
    for width in config.widths:
        cells = []
        for name in ("relu", *config.suspects()):
            one = share(config, runs, width, name)
            cells.append(f"{100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]")
        rows.append([str(width), f"{_middle(runs, LAYER, width, PRODUCT) * 1e3:.3f}", *cells])
    header = ["width", "product in ms", *(named(name) for name in ("relu", *config.suspects()))]
    return Table("Time of activations in % of that of the product", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Ratios to ReLU against the size of the array, and shares of a layer's product against its width."""
    picture, ((alone, shares),) = canvas(1, 2, 11.0, 4.8, width_ratios=[1, 1.4])
    names = ("relu", *config.suspects())
    for name in names:
        if name != "relu":
            whiskers(alone, config.sizes, [to_relu(config, runs, size, name) for size in config.sizes], name)
        whiskers(shares, config.widths, [share(config, runs, width, name) for width in config.widths], name)
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
