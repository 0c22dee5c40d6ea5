"""The verdicts of `transformer` on activations beside ReLU; the docstring of `measure.py` has the rules."""

import numpy as np

from experiments.core import text, transformer
from experiments.core.result import Claim, Runs
from experiments.core.statistics import Interval, hull, lead_verdict, mean_interval, median_interval
from experiments.core.style import named

from .measure import RELU, Config

MARGIN = 0.02  # nats per character, 2 % of the perplexity: smaller differences do not count
SOURCE = "nowhere; papers on transformers have these activations"
SHAZEER = (
    "Shazeer 2020 (https://arxiv.org/abs/2002.05202) found lower perplexities with some gated linear units than with "
    "ReLU and GELU, at equal parameters"
)
PRIMER = (
    "So et al. 2021 (https://arxiv.org/abs/2109.08668) attribute most of what their search gained to two changes, one "
    "of which is squaring ReLU"
)
PUBLISHED = {name: SHAZEER for name in ("gelu", "glu", "geglu", "swiglu")} | {"relu_squared": PRIMER}


def judge(config: Config, runs: Runs) -> list[Claim]:
    """Two verdicts for every activation."""
    return [_better(config, runs, name, by) for by in ("steps", "time") for name in config.activations]


def curves(runs: Runs, activation: str) -> np.ndarray:
    """The test loss of every fresh seed (row) at every check (column); a net that diverged guesses."""
    nets = [run for run in runs if "part" not in run and run["activation"] == activation]
    losses = [run["curve"] for run in sorted(nets, key=lambda run: run["seed"])]
    return transformer.known(losses, text.GUESS)


def seconds(runs: Runs, activation: str) -> np.ndarray:
    """The seconds per step, one entry per turn."""
    (row,) = (run for run in runs if run.get("part") == "time" and run["activation"] == activation)
    return np.array(row["seconds"], float)


def time_ratio(config: Config, runs: Runs, activation: str) -> Interval:
    """The time of a step over that with ReLU in the same turn: the median of all turns."""
    return median_interval(seconds(runs, activation) / seconds(runs, RELU), config.confidence)


def lead(config: Config, runs: Runs, activation: str, by: str) -> Interval:
    """ReLU's test loss less the activation's, paired by seed, after as many steps, or after as much time."""
    theirs, relu = curves(runs, activation), curves(runs, RELU)

    def at(ratio: float) -> Interval:
        """If a step takes so many times ReLU's."""
        steps = config.steps * min(1.0, ratio), config.steps / max(1.0, ratio)
        of_relu, of_theirs = (
            np.array([np.interp(step, config.checked, losses) for losses in each])
            for step, each in zip(steps, (relu, theirs), strict=True)
        )
        return mean_interval(of_relu - of_theirs, config.confidence)

    if by == "steps":
        return at(1.0)
    ratio = time_ratio(config, runs, activation)
    return hull([at(each) for each in ratio])._replace(value=at(ratio.value).value)


def scope_text(config: Config, runs: Runs) -> str:
    """What learnt what."""
    row = next(run for run in runs if run.get("part") == "time")
    return f"{text.title(runs)}, {transformer.net_text(config, row['parameters'])}"


def budget_text(config: Config) -> str:
    """What the nets were allowed."""
    return f"{transformer.budget_text(config)}, rates tuned on {config.tuning_seeds} other seeds"


def _better(config: Config, runs: Runs, activation: str, by: str) -> Claim:
    interval = lead(config, runs, activation, by)
    first = len(config.activations) > 1 and activation == config.activations[0]
    which = f", the first of {len(config.activations)}" if first else ""
    where = "at the last step" if by == "steps" else "when the faster of both has made its last step"
    return Claim(
        id="T1" if by == "steps" else "T2",
        text=f"in a transformer {named(activation)} learns better than {named(RELU)} in as "
        + ("many steps" if by == "steps" else "much time"),
        source=SOURCE,
        scope=scope_text(config, runs),
        measure=f"test loss with {named(RELU)} minus that with {named(activation)}{which}, in nats per character, "
        f"{where}, paired by seed",
        rule=f"supported if the {config.confidence:.0%} interval lies above 0, refuted if below 0 or within {MARGIN:g} "
        "of it",
        unit="",
        interval=interval,
        verdict=lead_verdict(interval, MARGIN),
        published=f"{PUBLISHED[activation]}." if activation in PUBLISHED else "",
        budget=budget_text(config),
    )
