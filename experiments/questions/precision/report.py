"""The report of `precision`: sentences, tables and a figure, all computed from the runs."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.core.data import TITLES
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval
from experiments.core.style import canvas, color, legend, listed, named, title

from .measure import LIBRARIES, LSTM, OURS, THEIRS, Cell, Config
from .verdicts import MARGIN, Judged, by_seed, ended_in_nan, failures, function_text, lead, leads, of_cell, place_text

TITLE = "Does it matter to training that a gradient is right in the tails?"

COLORS = {THEIRS: color("tanh"), OURS: color("relu")}


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, tables and advice."""
    return Report(
        _findings(config, runs),
        _compared(config),
        _practice(config, runs),
        _caption(config),
        [_table(config, runs, dtype) for dtype in config.dtypes],
        _advice(config, runs),
    )


def headline(config: Config, runs: Runs) -> str:
    """The answer in two sentences, for the first README."""
    tuned, elsewhere = leads(config, runs, True), leads(config, runs, False)
    better = _supported(tuned) | _supported(elsewhere)
    functions = [_several(config.activations, "activation"), _several(config.heads, "head"), "an LSTM"]
    answer = (
        f"Accurate gradients in the tails trained nets better only for {_grouped(better)}, by up to "
        f"{_largest(tuned, elsewhere):.1f} points."
        if better
        else "No net was shown to learn better by accurate gradients in the tails."
    )
    return (
        f"{answer} At tuned settings {OURS} was {_outcomes(tuned)}, of {len(tuned)} comparisons with {THEIRS} "
        f"({listed(functions)} in {listed(config.dtypes)}; {_steps(config)}, {config.seeds} seeds)."
    )


def _steps(config: Config) -> str:
    return f"{' or '.join(str(each) for each in dict.fromkeys((config.steps, config.memory_steps)))} steps of Adam"


def _supported(judged: dict[Cell, Judged]) -> dict[Cell, Judged]:
    return {cell: each for cell, each in judged.items() if each.verdict == SUPPORTED}


def _largest(*several: dict[Cell, Judged]) -> float:
    """The largest lead among those that are supported."""
    return max(each.interval.value for judged in several for each in _supported(judged).values())


def _elsewhere(config: Config, runs: Runs) -> str:
    """What happened away from the tuned settings."""
    pairs, theirs, ours = np.sum([ended_in_nan(runs, cell) for cell in config.cells()], axis=0)
    lost, where = max((_strongest(config, runs, cell, THEIRS, "lost_at_start"), cell) for cell in config.cells())
    return (
        f"At other initial weights and rates {OURS} was {_outcomes(leads(config, runs, False))}. Of {pairs} pairs of "
        f"nets {_number(theirs)} ended in NaN by {THEIRS}'s gradients alone and {_number(ours)} by {OURS}'s alone. Up "
        f"to {lost:.0f} % of {THEIRS}'s gradients were 0 or NaN where {OURS}'s were neither ({named(where.function)}, "
        f"{where.dtype}, {_strength_text(config, where)})."
    )


def _advice(config: Config, runs: Runs) -> str:
    tuned, elsewhere, failed = leads(config, runs, True), leads(config, runs, False), failures(config, runs)
    conditions = f"{TITLES[config.data]}, {_steps(config)}, {config.seeds} seeds"
    if better := _supported(tuned):
        return (
            f"Train {_named_or_counted(better, tuned)} with {OURS}'s gradients: even at tuned settings they are worth "
            f"up to {_largest(tuned):.1f} points ({conditions})."
        )
    if better := _supported(elsewhere) | _supported(failed):
        costs = []
        if _supported(elsewhere):
            costs.append(f"up to {_largest(elsewhere):.0f} points at untuned rates or initial weights")
        if _supported(failed):
            costs.append(f"up to {_largest(failed):.0f} % of nets to NaN")
        steps = _steps(config).removesuffix(" of Adam")
        return (
            f"{_instead(better, tuned)}: {THEIRS} lost {listed(costs)}; at tuned settings no gain was shown "
            f"({steps}, {config.seeds} seeds)."
        )
    if all(each.verdict == REFUTED for each in tuned.values()):
        return (
            f"Do not replace {THEIRS} for accuracy: at tuned settings no function gained more than {MARGIN:g} points "
            f"by {OURS}'s gradients ({conditions})."
        )
    return ""


def _instead(cells: Collection[Cell], of: Collection[Cell]) -> str:
    """What to use in place of jax.nn: the functions by name if they are few and of one type."""
    dtypes = {cell.dtype for cell in cells}
    if len(dtypes) > 1 or len(cells) > 3:
        return f"Use {OURS}'s gradients for {_named_or_counted(cells, of)}"
    names = [f"{OURS}'s {LSTM} gates" if cell.place == "memory" else f"{OURS}.{cell.function}" for cell in cells]
    return f"In {dtypes.pop()} use {listed(names)}, not {THEIRS}'s"


def _named_or_counted(cells: Collection[Cell], of: Collection[Cell]) -> str:
    """The functions in each type, or their number if they are too many for a line."""
    return _grouped(cells) if len(cells) <= 3 else f"{len(cells)} of {len(of)} functions and types"


def _grouped(cells: Iterable[Cell]) -> str:
    """The functions in each type: gelu and silu in float16."""
    by_dtype: dict[str, list[str]] = {}
    for cell in cells:
        by_dtype.setdefault(cell.dtype, []).append(function_text(cell))
    return listed([f"{listed(functions)} in {dtype}" for dtype, functions in by_dtype.items()])


def _several(entries: Sequence[str], word: str) -> str:
    """The number of entries with the word, in the plural if there are several."""
    return f"{len(entries)} {word}{'s' * (len(entries) > 1)}"


def _outcomes(judged: dict[Cell, Judged]) -> str:
    """How many leads are which, as the end of "jaxact was ..."."""
    ahead = len(_supported(judged))
    behind = sum(each.interval.high < 0 for each in judged.values())
    unclear = sum(each.verdict == INCONCLUSIVE for each in judged.values())
    equal = len(judged) - ahead - behind - unclear
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
    def most(measure: str) -> str:
        """The largest share by either library, and where."""
        shares = []
        for library in LIBRARIES:
            share, cell = max((_strongest(config, runs, each, library, measure), each) for each in config.cells())
            where = f" ({function_text(cell)}, {cell.dtype})" if share else ""
            shares.append(f"{share:.1f} % by {library}{where}")
        return listed(shares)

    diverged = [sum(run["diverged"] for run in runs if run["library"] == library) for library in LIBRARIES]
    border = [
        f"{function_text(cell)} ({cell.dtype})"
        for cell in config.cells()
        if _tuned(runs, cell)["rate"] in (config.rates[0], config.rates[-1])
    ]
    return [
        headline(config, runs),
        _elsewhere(config, runs),
        "Before the first step, at the largest initial gain or forget bias, the largest share of gradients that are "
        f"exactly 0 is {most('zero_at_start')}; of those that are NaN or infinite {most('nan_at_start')}.",
        f"{_number(diverged[0]).capitalize()} of {len(runs) // 2} nets ended in NaN with {THEIRS} and "
        f"{_number(diverged[1])} with {OURS}; they count as guessing.",
        f"The tuned rate lies at the border of the rates tried for {listed(border) if border else 'no function'}.",
    ]


def _compared(config: Config) -> list[str]:
    return [
        "Micikevicius et al. 2018 (https://arxiv.org/abs/1710.03740) train large nets in float16 with weights kept in "
        "float32 and a scaled loss, as here, and lose no accuracy; they do not ask about slopes in the tails.",
        f"What differs: our nets are small, the loss's scale in float16 is always {config.loss_scale:g}, and a step "
        f"with NaN is not skipped. A scale that adapts would become smaller, which helps where {THEIRS} multiplies the "
        "gradient from above by x before the slope, as for silu and mish; it does not where x^3 overflows, as for "
        "gelu.",
    ]


def _accuracy(tuned: Collection[Cell], elsewhere: Collection[Cell]) -> str:
    """For which functions accuracy is a reason to prefer jaxact, at tuned settings and at others."""
    reason = f"accuracy is a reason to prefer {OURS} to {THEIRS} for"
    others = "with a rate or initial weights away from the tuned ones"
    if not tuned and not elsewhere:
        return f"{reason[0].upper()}{reason[1:]} none of these functions."
    if not tuned:
        return f"{others[0].upper()}{others[1:]}, {reason} {_grouped(elsewhere)}; at tuned settings no lead was shown."
    rest = f"{others} it is one for {_grouped(elsewhere)}" if elsewhere else f"{others} no lead was shown"
    return f"At tuned settings {reason} {_grouped(tuned)}; {rest}."


def _practice(config: Config, runs: Runs) -> list[str]:
    nan = _grouped(_supported(failures(config, runs))) or "none of these functions"
    sentences = [
        _accuracy(_supported(leads(config, runs, True)), _supported(leads(config, runs, False))),
        f"NaN is a reason to prefer {OURS} to {THEIRS} for {nan}.",
    ]
    drops = []
    for cell in config.cells():
        if cell.place != "memory" and len(config.gains) > 1:
            tuned = by_seed([run for run in of_cell(runs, cell, OURS) if run["tuned"]], "accuracy").mean()
            drops.append((tuned - _strongest(config, runs, cell, OURS, "accuracy"), cell))
    if drops and min(drops)[0] > 0:
        (least, kind), (most, other) = min(drops), max(drops)
        sentences.append(
            f"Initial weights that drive units into the tails cost accuracy even if the gradient there is right: with "
            f"{_strength_text(config, kind)}, averaged over rates, {OURS}'s nets are {least:.0f} "
            f"({function_text(kind)}, {kind.dtype}) to {most:.0f} points ({function_text(other)}, {other.dtype}) "
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
    picture, axes = canvas(2, columns, 9.0, 7.2, sharex="col", sharey="row")
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
