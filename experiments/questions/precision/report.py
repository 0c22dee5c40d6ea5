"""The report of `precision`: sentences, tables and a figure, all computed from the runs."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Claim, Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, SUPPORTED, Interval
from experiments.core.style import canvas, color, legend, listed, named, title

from .measure import LIBRARIES, LSTM, OURS, THEIRS, Cell, Config
from .verdicts import MARGIN, by_seed, ended_in_nan, judge, lead, of_cell, place_text

TITLE = "Does it matter to training that a gradient is right in the tails?"

COLORS = {THEIRS: color("tanh"), OURS: color("relu")}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption and tables."""
    return Report(
        _findings(config, runs),
        _compared(config),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, dtype) for dtype in config.dtypes],
    )


def headline(config: Config, runs: Runs) -> str:
    """The answer in a few sentences, for the first README."""
    claims, cells = judge(config, runs), config.cells()
    tuned, elsewhere = ([claim for claim in claims if claim.id == id] for id in ("P1", "P2"))
    better = {
        cell: max(claim.interval.value for claim in leads if claim.verdict == SUPPORTED)
        for cell, *leads in zip(cells, tuned, elsewhere, strict=True)
        if any(claim.verdict == SUPPORTED for claim in leads)
    }
    pairs, theirs, ours = np.sum([ended_in_nan(runs, cell) for cell in cells], axis=0)
    lost, where = max((_strongest(config, runs, cell, THEIRS, "lost_at_start"), cell) for cell in cells)
    functions = [_several(config.activations, "activation"), _several(config.heads, "head"), "an LSTM"]
    answer = (
        f"Nets learnt better by gradients that are right in the tails for {_grouped(better)} only, by up to "
        f"{max(better.values()):.1f} points."
        if better
        else "No net was shown to learn better by gradients that are right in the tails."
    )
    budget = f"{config.steps} or {config.memory_steps} steps of Adam, {config.seeds} seeds"
    return (
        f"{answer} At tuned settings {OURS} was {_outcomes(tuned)}, of {len(cells)} comparisons with {THEIRS} "
        f"({listed(functions)} in {listed(config.dtypes)}; {budget}). At other initial weights and rates it was "
        f"{_outcomes(elsewhere)}. Of {pairs} pairs of nets {_number(theirs)} ended in NaN by {THEIRS}'s gradients "
        f"alone and {_number(ours)} by {OURS}'s alone. Up to {lost:.0f} % of {THEIRS}'s gradients were 0 or NaN where "
        f"{OURS}'s were neither ({named(where.function)}, {where.dtype}, {_strength_text(config, where)})."
    )


def _grouped(cells: Iterable[Cell]) -> str:
    """The functions in each type: gelu and silu in float16."""
    by_dtype: dict[str, list[str]] = {}
    for cell in cells:
        function = named(cell.function) + " heads" * (cell.place == "head")
        by_dtype.setdefault(cell.dtype, []).append(function)
    return listed([f"{listed(functions)} in {dtype}" for dtype, functions in by_dtype.items()])


def _several(entries: Sequence[str], word: str) -> str:
    """The number of entries with the word, in the plural if there are several."""
    return f"{len(entries)} {word}{'s' * (len(entries) > 1)}"


def _outcomes(claims: list[Claim]) -> str:
    """How many leads are which, as the end of "jaxact was ..."."""
    ahead = sum(claim.verdict == SUPPORTED for claim in claims)
    behind = sum(claim.interval.high < 0 for claim in claims)
    unclear = sum(claim.verdict == INCONCLUSIVE for claim in claims)
    equal = len(claims) - ahead - behind - unclear
    return (
        f"ahead in {_number(ahead)}, behind in {_number(behind)}, within {MARGIN:g} points in {_number(equal)} and "
        f"undecided in {_number(unclear)}"
    )


def _number(count: int) -> str:
    return str(count or "none")


def _strongest(config: Config, runs: Runs, cell: Cell, library: str, measure: str) -> float:
    """The mean of a measure in per cent at the largest initial gain or forget bias."""
    strength = config.strengths(cell.place)[-1]
    nets = [run for run in of_cell(runs, cell, library) if run["strength"] == strength]
    return float(by_seed(nets, measure).mean())


def _strength_text(config: Config, cell: Cell) -> str:
    kind = "forget bias" if cell.place == "memory" else "initial gain"
    return f"{kind} {config.strengths(cell.place)[-1]:g}"


def _findings(config: Config, runs: Runs) -> list[str]:
    sentences = [headline(config, runs)]
    for dtype in config.dtypes:
        cells = [cell for cell in config.cells() if cell.dtype == dtype]
        shares = [[_strongest(config, runs, cell, each, "zero_at_start") for each in LIBRARIES] for cell in cells]
        each = [f"{named(cell.function)} {a:.0f} and {b:.0f} %" for cell, (a, b) in zip(cells, shares, strict=True)]
        sentences.append(
            f"Gradients that are exactly 0 in {dtype} before the first step, at the largest initial gain or forget "
            f"bias, by {THEIRS} and by {OURS}: {listed(each)}."
        )
    wild = {
        cell: [_strongest(config, runs, cell, library, "nan_at_start") for library in LIBRARIES]
        for cell in config.cells()
    }
    found = [f"{named(cell.function)} in {cell.dtype} {a:.1f} and {b:.1f} %" for cell, (a, b) in wild.items() if a + b]
    sentences.append(
        f"Gradients that are NaN or infinite there, by {THEIRS} and by {OURS}: {listed(found) if found else 'none'}."
    )
    diverged = [sum(run["diverged"] for run in runs if run["library"] == library) for library in LIBRARIES]
    sentences.append(
        f"{len(judge(config, runs))} claims are judged here, each at {config.confidence:.0%}. {diverged[0]} of "
        f"{len(runs) // 2} nets ended in NaN with {THEIRS} and {diverged[1]} with {OURS}; they count as guessing."
    )
    highest = [
        f"{named(cell.function)} ({cell.dtype})"
        for cell in config.cells()
        if _tuned(runs, cell)["rate"] in (config.rates[0], config.rates[-1])
    ]
    if highest:
        sentences.append(f"The tuned rate lies at the border of the rates tried for {listed(highest)}.")
    return sentences


def _compared(config: Config) -> list[str]:
    return [
        "Micikevicius et al. 2018 (https://arxiv.org/abs/1710.03740) train large nets in float16 with weights kept in "
        "float32 and a scaled loss, as here, and lose no accuracy; they do not ask about slopes in the tails.",
        f"What differs: our nets are small, the loss's scale in float16 is always {config.loss_scale:g}, and a step "
        f"with NaN is not skipped. A scale that adapts would become smaller, which helps where {THEIRS} multiplies the "
        "gradient from above by x before the slope, as for silu and mish; it does not where x^3 overflows, as for "
        "gelu.",
    ]


def _practice(config: Config, runs: Runs) -> list[str]:
    claims = judge(config, runs)
    sentences = []
    for ids, words in ((("P1", "P2"), "Accuracy is a reason to prefer"), (("P3",), "NaN is a reason to prefer")):
        cells = [
            cell
            for index, cell in enumerate(config.cells())
            if any(claim.id in ids and claim.verdict == SUPPORTED for claim in claims[3 * index : 3 * index + 3])
        ]
        found = _grouped(cells) if cells else "none of these functions"
        sentences.append(f"{words} {OURS} to {THEIRS} for {found}.")
    drops = []
    for cell in config.cells():
        if cell.place != "memory" and len(config.gains) > 1:
            tuned = by_seed([run for run in of_cell(runs, cell, OURS) if run["tuned"]], "accuracy").mean()
            drops.append((tuned - _strongest(config, runs, cell, OURS, "accuracy"), cell))
    if drops:
        (least, kind), (most, other) = min(drops), max(drops)
        sentences.append(
            f"Initial weights that drive units into the tails cost accuracy even if the gradient there is right: with "
            f"{_strength_text(config, kind)}, averaged over rates, {OURS}'s nets are {least:.0f} "
            f"({named(kind.function)}, {kind.dtype}) to {most:.0f} points ({named(other.function)}, {other.dtype}) "
            "below the tuned setting."
        )
    return sentences


def _caption(config: Config) -> str:
    return (
        f"Above: points of test accuracy by which nets with {OURS}'s gradients are ahead of those with {THEIRS}'s, "
        f"with {config.confidence:.0%} intervals over {config.seeds} paired seeds, at the tuned setting (filled) and "
        f"averaged over all others (hollow); in the shaded band, {MARGIN:g} points wide on either side, differences do "
        "not count; beyond 1 point the scale is logarithmic. Below: the share of gradients that are 0, NaN or infinite "
        "before the first step, at the largest initial gain or forget bias."
    )


def _tuned(runs: Runs, cell: Cell) -> dict[str, float]:
    return next(run for run in of_cell(runs, cell, THEIRS) if run["tuned"])


def _table(config: Config, runs: Runs, dtype: str) -> Table:
    rows = []
    for cell in (cell for cell in config.cells() if cell.dtype == dtype):
        setting, (_, theirs, ours) = _tuned(runs, cell), ended_in_nan(runs, cell)
        nets = [run for run in of_cell(runs, cell, THEIRS) if run["tuned"]]
        lost = [_strongest(config, runs, cell, library, "lost") for library in LIBRARIES]
        zero = [_strongest(config, runs, cell, library, "zero") for library in LIBRARIES]
        accuracy, tuned = f"{by_seed(nets, 'accuracy').mean():.1f}", f"{setting['strength']:g}, {setting['rate']:g}"
        leads = [_lead_text(lead(config, runs, cell, tuned)) for tuned in (True, False)]
        shares = [f"{a:.1f} / {b:.1f}" for a, b in (zero, lost)]
        rows.append([place_text(cell), tuned, accuracy, *leads, f"{theirs} / {ours}", *shares])
    data, per = TITLES[config.data], f"{THEIRS} / {OURS}"
    head = ["function", "tuned gain or bias, rate", f"accuracy in % with {THEIRS}", "ahead as tuned", "ahead elsewhere"]
    head += [f"NaN in one net of a pair, {per}", f"gradients 0 in %, {per}", f"gradients lost in %, {per}"]
    name = f"{dtype}: points of test accuracy by which {OURS} is ahead ({data}, and {LSTM}s on sequences)"
    return Table(f"{name}; gradients after training at the largest initial gain or forget bias", head, rows)


def _lead_text(interval: Interval) -> str:
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def figure(config: Config, runs: Runs) -> Figure:
    """Leads and shares of bad gradients: a column per type."""
    columns = len(config.dtypes)
    picture, axes = canvas(2, columns, 4.2 * max(2, columns), 7.2, sharex="col", sharey="row")
    for above, below, dtype in zip(*axes, config.dtypes, strict=True):
        cells = [cell for cell in config.cells() if cell.dtype == dtype]
        places = np.arange(len(cells))
        above.axhspan(-MARGIN, MARGIN, color="#eeeeee", zorder=0)
        above.axhline(0, color=COLORS[THEIRS], linestyle="--", linewidth=1)
        above.set_yscale("symlog", linthresh=1)
        for tuned, fill, shift in ((True, COLORS[OURS], -0.12), (False, "white", 0.12)):
            values, lows, highs = np.array([lead(config, runs, cell, tuned) for cell in cells]).T
            style = {"fmt": "o", "capsize": 2.5, "elinewidth": 1.2, "color": COLORS[OURS], "markerfacecolor": fill}
            label = "at the tuned setting" if tuned else "at all others"
            above.errorbar(places + shift, values, [values - lows, highs - values], label=label, **style)
        for library, shift in zip(LIBRARIES, (-0.2, 0.2), strict=True):
            bad = [
                sum(_strongest(config, runs, cell, library, f"{kind}_at_start") for kind in ("zero", "nan"))
                for cell in cells
            ]
            below.bar(places + shift, bad, 0.36, color=COLORS[library], label=library)
        names = [named(cell.function) + (" head" if cell.place == "head" else "") for cell in cells]
        below.set_xticks(places, names, rotation=60)
        title(above, dtype)
    axes[0][0].set_ylabel(f"points by which {OURS} is ahead")
    axes[1][0].set_ylabel("gradients 0 or not finite, in %")
    axes[0][0].legend(fontsize=8, loc="upper left", frameon=False)
    legend(picture, axes[1][0], len(LIBRARIES))
    return picture
