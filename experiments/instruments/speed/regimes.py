"""The regimes in which users run activations, and all bounds of `speed`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf

FORWARD, BOTH = PASSES = ("forward", "forward and backward")
SUM, MEAN, LAYER_NORM, BIAS = REDUCTIONS = ("sum", "mean", "LayerNorm", "bias gradient")
TOGETHER, HESSIAN = COMPILED = ("f and f'", "Hessian")
ALONE_32, ALONE_16 = "alone, float32", "alone, bfloat16"
REDUCED, SOFTMAX_FAMILY, STEPS, COMPILE = "into a reduction", "softmax family", "train steps", "compile time"


@dataclass(frozen=True)
class Regime:
    """A regime, and the bounds on the ratios of our times to jax.nn's."""

    name: str
    means: Mapping[str, float]
    """Bounds on geometric means, by program; the empty name stands for all programs together."""
    most: float = inf
    """The bound on each ratio."""
    exceptions: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Other bounds on each ratio, by program and function."""

    def bound(self, what: str, function: str) -> float:
        """The bound on the ratio of one function in one program."""
        return self.exceptions.get((what, function), self.most)

    @property
    def text(self) -> str:
        """The bounds in words."""
        text = "mean " + " / ".join(f"{bound:g}" for bound in dict.fromkeys(self.means.values()))
        text += "" if self.most == inf else f", each {self.most:g}"
        for bound in dict.fromkeys(self.exceptions.values()):
            excepted = [key for key, other in self.exceptions.items() if other == bound]
            whats, names = (dict.fromkeys(part) for part in zip(*excepted, strict=True))
            where = "" if len(whats) > 1 else f"{next(iter(whats))} of "
            text += f" ({where}{', '.join(names)} {bound:g})"
        return text


TIMES = {
    regime.name: regime
    for regime in (
        Regime(ALONE_32, {FORWARD: 1.0, BOTH: 0.9}, 1.25, dict.fromkeys(product(PASSES, ("sigmoid", "tanh")), 1.4)),
        Regime(ALONE_16, {FORWARD: 0.75, BOTH: 0.8}),
        Regime(REDUCED, {"": 0.9}, 1.3, dict.fromkeys(product((BIAS,), ("sigmoid", "tanh", "silu", "swish")), 2.0)),
        Regime(SOFTMAX_FAMILY, {"": 1.05}, 1.25),
        Regime(STEPS, {"": 1.03}, 1.08),
        Regime(COMPILE, dict.fromkeys(COMPILED, 1.2)),
    )
}
SLOWEST_COMPILATION = 5.0
"""Seconds that a function may take to compile if jax.nn does not have it."""
IMPORT_MILLISECONDS = 100
"""Milliseconds that importing jaxact may add."""


@dataclass(frozen=True)
class Limit:
    """A bound on a count, which is the same on every run."""

    what: str
    text: str
    most: float = inf
    """The absolute bound."""
    ratio: float = inf
    """The relative bound: this many times jax.nn's count ..."""
    slack: float = 0.0
    """... plus this."""

    def bound(self, theirs: float | None, most: float | None = None) -> float:
        """The lower of the absolute and the relative bound; `most` replaces the absolute one."""
        relative = inf if theirs is None or self.ratio == inf else self.ratio * theirs + self.slack
        return min(self.most if most is None else most, relative)


RESIDUAL_BYTES, ARRAYS_PER_LAYER, TRANSCENDENTALS = "bytes kept", "arrays per layer", "transcendentals"
EQUATIONS, MEMORY = "equations", "temporary memory"
LIMITS = {
    limit.what: limit
    for limit in (
        Limit(RESIDUAL_BYTES, "4, or 1 where piecewise linear, and jax.nn's", 4.0, 1.0),
        Limit(ARRAYS_PER_LAYER, "2.05, or 1.1 where the output has the slope, and jax.nn's", 2.05, 1.0),
        Limit(TRANSCENDENTALS, "jax.nn's + 1", ratio=1.0, slack=1.0),
        Limit(EQUATIONS, "100 for f and for f', where jax.nn has f", 100.0),
        Limit(MEMORY, "1.1 times jax.nn's + 64 KiB", ratio=1.1, slack=2.0**16),
    )
}
RESIDUAL_BYTES_IF_LINEAR, ARRAYS_FROM_OUTPUT = 1.0, 1.1
SLOPE_FROM_OUTPUT = (
    "relu",
    "relu6",
    "leaky_relu",
    "hard_tanh",
    "softplus",
    "squareplus",
    "log_sigmoid",
)
"""The functions for which the output should be the only residual."""

_TAILS = "the slope from the output, which jax.nn takes, loses all digits in the tails"
_ONE_LAYER = "an array more, of roots or of tanh, for one layer at a time"
_PASSES = "the backward pass begins with the 16-bit logits again, and XLA writes exponentials of long rows in float32"
_ROW_SUMS = "of each row XLA holds two float32 numbers at once, where of jax.nn's program it holds one"
_LONG, _SHORT = "(256, 32768)", ("(65536, 64)", "(32, 12, 128, 128)")
_MANY_ROWS = [f"{name} {shape}" for name in ("logsumexp", "cross_entropy_from_logits") for shape in _SHORT]
_CHOICE = "a choice after the maximum, without which XLA keeps x beside the output, and a slope that is NaN for NaN"
_DIVISION = "a division beside the root, without which the left side cancels to 0"
_CLAMPS = (
    "two clamps, so that infinite logits and rows with nothing in them are no NaN, and float32 throughout for 16-bit "
    "logits, where jax.nn rounds after each step; choices by where were tried and take up to twice as long"
)
_BY_SHAPE = [f"{name} {shape}" for name in ("softmax", "log_softmax") for shape in (_LONG, "(8192, 1024)", *_SHORT)]
REASONS: dict[tuple[str, str], str] = {
    **{(ARRAYS_PER_LAYER, name): _TAILS for name in ("sigmoid", "tanh")},
    **{(ARRAYS_PER_LAYER, name): _ONE_LAYER for name in ("isru", "isrlu")},
    (ARRAYS_PER_LAYER, "telu"): f"{_ONE_LAYER}; JAX 0.10's XLA recomputes nothing of it",
    (
        TRANSCENDENTALS,
        "gelu_exact",
    ): "the slope needs exp beside the erfc of the value, which XLA counts twice in JAX 0.10",
    **{(MEMORY, f"{name} {_LONG}"): _PASSES for name in ("softmax", "log_softmax")},
    **dict.fromkeys(((MEMORY, called) for called in _MANY_ROWS), _ROW_SUMS),
    **dict.fromkeys(product((REDUCED,), ("relu", "relu6", "hard_tanh")), _CHOICE),
    **dict.fromkeys(product((ALONE_32, REDUCED), ("squareplus",)), _DIVISION),
    (REDUCED, "soft_sign"): "two clamps, without which infinity gives NaN",
    (
        STEPS,
        "gelu",
    ): "the slope has an exponential of its own; one shared with the value keeps an array more for each layer",
    **dict.fromkeys(product((SOFTMAX_FAMILY,), _BY_SHAPE), _CLAMPS),
}
"""Why a bound is missed, by count or regime and by function; a miss without a reason is a defect."""
