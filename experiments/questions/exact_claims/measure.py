"""Is the algebra of the notes right: formulas, slopes, ranges, special cases and counts?

Fourteen claims need no training: ranges and slopes of sigmoid, tanh, ReLU and leaky ReLU (A3 to A7, A12, A15), what
Maxout contains and costs (A8, A9), softmax and its derivative (A10), PReLU as max(alpha x, x) (A11), the bits that
ReLU6 needs (A13), that a ReLU cuts the plane in half (A14) and that sigmoid's "gradient is not zero centered" (A16);
and of ELU's "all benefits of ReLU" (B22) the one that is algebra: that it does not saturate for positive inputs. That
linear layers compose to one (A1, A2) is shown where trained nets are asked the same, by `collapse`.

Every claim becomes one or more checks: a number that jaxact's own functions give, by autodiff for slopes, and the range
in which it lies if the claim is right as worded. A second kind of check tests the sentence that says what is true
instead. Both run in float32 and in float64, at 0, +-10, 17, +-104, the infinities and NaN among other points; formulas
are evaluated with 512 bits. Errors are measured in units of rounding: the type's epsilon times the true value, or the
type's smallest normal number if that is larger, as XLA flushes smaller ones to zero.

Rules, fixed before the run. All verdicts are algebra: they hold or fail by proof, and the checks illustrate them.
- A claim is SUPPORTED if all of its checks lie in their ranges, REFUTED if one does not. Nothing is random, so that no
claim is inconclusive.
- Formulas agree if no error is larger than 8 units of rounding; special cases agree if no number differs at all.
- A slope is "about zero" below a thousandth of the function's largest slope.

Changed after a first run: A1 and A2 moved to `collapse`. No limit was changed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from experiments.core import checks
from experiments.core.progress import Progress
from experiments.core.result import Runs

from .algebra import Check
from .functions import FUNCTIONS
from .nets import NETS, Size


@dataclass(frozen=True)
class Config:
    """Is the algebra of the notes right: formulas, slopes, ranges, special cases and counts?"""

    points: int = 10_000
    """Random points at which the special cases of Maxout and the half-planes are checked."""
    widths: tuple[int, ...] = (100,)
    """Units of the hidden layers whose parameters are counted."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        checks.not_empty(widths=self.widths)
        checks.at_least(1, points=self.points, widths=self.widths)


def smallest() -> Config:
    """The smallest settings that exercise everything: for trying out, not for verdicts."""
    return Config(100, (8,))


def full() -> Config:
    """More points and widths; 15 seconds."""
    return Config(200_000, (100, 300))


def run(config: Config, progress: Progress) -> Runs:
    """Every check of every claim, one row each."""
    size = Size(config.points, config.widths)
    todo = {claim: (_with(check, size), dtypes) for claim, (check, dtypes) in NETS.items()} | FUNCTIONS
    runs: Runs = []
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        for index, (claim, (check, dtypes)) in enumerate(todo.items()):
            progress(index / len(todo), claim)
            for dtype in dtypes:
                runs += [
                    {"claim": claim, "dtype": dtype} | each._asdict() | {"holds": each.holds} for each in check(dtype)
                ]
    progress(1.0, "done")
    return runs


def _with(check: Callable[[str, Size], list[Check]], size: Size) -> Callable[[str], list[Check]]:
    return lambda dtype: check(dtype, size)
