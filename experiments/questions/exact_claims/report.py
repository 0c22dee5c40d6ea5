"""The report of `exact_claims`: sentences, a table and a figure, all computed from the runs."""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxact
from experiments.core.result import Report, Runs, Table
from experiments.core.statistics import REFUTED
from experiments.core.style import canvas, color, listed, title

from .algebra import NOTES, TRUTH
from .measure import Config
from .verdicts import STATEMENTS, checks_of, decisive_checks, judge, range_text, true_sentence

TITLE = "Is the algebra of the notes right?"

ALPHA = 2.0  # of the PReLU drawn


def report(config: Config, runs: Runs) -> Report:
    """Findings, comparison, practice, caption, table and advice."""
    table = _table(config, runs)
    return Report(_findings(config, runs), _compared(), _practice(runs), _caption(), [table], _advice(runs))


def _findings(config: Config, runs: Runs) -> list[str]:
    claims = judge(config, runs)
    wrong = {name: claim.id for name, claim in zip(STATEMENTS, claims, strict=True) if claim.verdict == REFUTED}
    unconfirmed = [name for name in STATEMENTS if not all(run["holds"] for run in checks_of(runs, name, TRUTH))]
    right = len(claims) - len(wrong)
    answer = f"{right or 'None'} of {len(claims)} statements hold as they are worded" if wrong else "Yes, all of it"
    sentences = [
        f"{answer}, by {sum(run['role'] == NOTES for run in runs)} checks; "
        f"{sum(run['role'] == TRUTH for run in runs)} more test the correct statements in the table."
    ]
    if wrong:
        sentences.append(
            "What is true instead: " + "; ".join(f"{wrong[n]}: {true_sentence(runs, n)}" for n in wrong) + "."
        )
    if unconfirmed:
        sentences.append(f"The correct statements on {listed(unconfirmed)} could not be confirmed.")
    return sentences


def _advice(runs: Runs) -> str:
    failed = _rounded_to_zero(runs)
    return (
        "Let JAX differentiate sigmoid. Code such as y (1 - y) gives a gradient of 0 wherever y rounds to 0 or 1, and "
        f"the true slope there is still up to {failed[0]['value']:.0e} ({failed[0]['dtype']}; algebra, at any budget)."
        if failed
        else ""
    )


def _rounded_to_zero(runs: Runs) -> Runs:
    """The checks by which a float sigmoid of 0 or 1 still has a slope."""
    return [run for run in checks_of(runs, "A6", NOTES) if not run["holds"]]


def _compared() -> list[str]:
    return [
        "There is no published number to compare with: all of this is algebra. He et al. 2015, who introduced PReLU, "
        "write max(0, x) + alpha min(0, x), which holds for any alpha.",
    ]


def _practice(runs: Runs) -> list[str]:
    sentences = []
    if failed := _rounded_to_zero(runs):
        slopes = listed([f"{run['value']:.1e} in {run['dtype']}" for run in failed])
        sentences.append(
            f"Where sigmoid rounds to 0 or 1 its slope is still up to {slopes}. Let JAX differentiate jaxact.sigmoid: "
            "y (1 - y), as in the notes' code, is 0 there."
        )
    if any(not run["holds"] for run in checks_of(runs, "A11", NOTES)):
        sentences.append(
            "Write PReLU as where(x > 0, x, alpha x): max(alpha x, x) is another function for alpha above 1."
        )
    return sentences


def _caption() -> str:
    return (
        "Left: the slope of sigmoid in float32. The notes' y (1 - y) falls to 0 (the end of its line) where y rounds "
        "to 1; jaxact's does not. "
        f"Middle: PReLU with alpha = {ALPHA:g} and max(alpha x, x). Right: mean of the output and mean of the slope of "
        "sigmoid and tanh when inputs are standard normal: the means of both slopes are positive; the mean of the "
        "output is 0 for tanh only."
    )


def _table(config: Config, runs: Runs) -> Table:
    rows = []
    for name, claim in zip(STATEMENTS, judge(config, runs), strict=True):
        checks = decisive_checks(runs, name)
        checked = "; ".join(
            dict.fromkeys(f"{check['what']}: {check['value']:.3g} ({range_text(check)})" for check in checks)
        )
        rows.append([claim.id, STATEMENTS[name].text, true_sentence(runs, name), checked, claim.verdict])
    header = ["claim", "the notes say", "what is true", "checked (expected if the notes are right)", "verdict"]
    return Table("All exact claims", header, rows)


def figure(config: Config, runs: Runs) -> Figure:
    """Three panels: sigmoid's slope and PReLU, each computed in two ways, and means of outputs and slopes."""
    picture, [[tails, prelu, means]] = canvas(1, 3, 9.0, 3.6)
    x = jnp.linspace(0, 30, 601, dtype=jnp.float32)
    y = jaxact.sigmoid(x)
    by_output = np.asarray(y * (1 - y))
    tails.plot(x, jax.vmap(jax.grad(jaxact.sigmoid))(x), color=color("sigmoid"), label="jaxact, by autodiff")
    tails.plot(x, np.where(by_output > 0, by_output, np.nan), "--", color=color("tanh"), label="y (1 - y)")
    tails.set(yscale="log", xlabel="x", ylabel="slope of sigmoid")
    title(tails, "Saturated is not zero")
    x = jnp.linspace(-2, 2, 401, dtype=jnp.float32)
    alpha = jnp.float32(ALPHA)
    prelu.plot(x, jaxact.prelu(x, alpha), color=color("prelu"), label="PReLU")
    prelu.plot(x, jnp.maximum(alpha * x, x), "--", color=color("identity"), label="max(alpha x, x)")
    prelu.set(xlabel="x")
    title(prelu, f"PReLU, alpha = {ALPHA:g}")
    places = ("sigmoid'", "tanh'", "sigmoid", "tanh")  # in the order of the checks
    values = [run["value"] for run in runs if run["claim"] == "A16"]
    bars = means.bar(places, values, 0.5, color=[color(place.rstrip("'")) for place in places])
    means.bar_label(bars, [f"{abs(value):.2f}" for value in values])
    means.axhline(0, color="#444444", linewidth=1)
    means.set(ylabel="mean at standard normal inputs")
    title(means, "What is zero-centred")
    for panel in (tails, prelu):
        panel.legend()
    return picture
