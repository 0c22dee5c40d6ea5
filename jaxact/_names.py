"""Activations by name: as they are called here and in other libraries, and in configuration files."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ._arguments import Parameters
from ._facts import CATALOGUE
from ._public import ByPublicName


@dataclass(frozen=True)
class Peer(metaclass=ByPublicName):
    """A function of another library that computes the same as a function of jaxact."""

    theirs: str
    ours: str
    given: dict[str, Any] = field(default_factory=dict)
    """Arguments of their function without which it is another one; empty for its defaults."""
    at: dict[str, Any] = field(default_factory=dict)
    """Arguments of our function; empty for its defaults."""
    instead: str = ""
    """The expression to write where no function of jaxact computes the same."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Parameters of their function, and what ours calls them."""
    accepted: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Parameters of their function, and the values at which ours computes the same without them."""
    needs: str = ""
    """The parameter of our function for which their default is not a constant."""


def _same(names: str, **common: Any) -> tuple[Peer, ...]:
    return tuple(Peer(name, name, **common) for name in names.split())


def _gelus(given: str, exact: Any, approximate: Any) -> tuple[Peer, ...]:
    """A gelu that is exact unless it is told otherwise."""
    return (
        Peer("gelu", "gelu_exact"),
        Peer("gelu", "gelu_exact", {given: exact}),
        Peer("gelu", "gelu_tanh", {given: approximate}),
        Peer("gelu", "gelu", {given: approximate}),
    )


def _relus(slope: str) -> tuple[Peer, ...]:
    """Keras's relu, whose negative slope is called `slope`."""
    no_slope, no_maximum, no_threshold = {slope: (0,)}, {"max_value": (None,)}, {"threshold": (0,)}
    return (
        Peer("relu", "relu", accepted=no_slope | no_maximum | no_threshold),
        Peer("relu", "relu6", {"max_value": 6}, accepted=no_slope | no_threshold),
        Peer("relu", "leaky_relu", renamed={slope: "negative_slope"}, accepted=no_maximum | no_threshold),
        Peer("relu", "trelu", renamed={"threshold": "theta"}, accepted=no_slope | no_maximum),
    )


_INPLACE: dict[str, Any] = {"accepted": {"inplace": (False, True)}}
_HARDTANH = {"inplace": (False, True), "min_value": (None,), "max_value": (None,)}  # the last two are the layer's
# Without dim the axis depends on their number: it is 0 if there is one or three, else 1.
_SOFTMAX: dict[str, Any] = {"renamed": {"dim": "axis"}, "needs": "axis", "accepted": {"dtype": (None,)}}

PEERS: dict[str, tuple[Peer, ...]] = {
    "jax.nn": (  # https://docs.jax.dev/en/latest/jax.nn.html
        *_same("celu elu gelu glu hard_sigmoid hard_silu hard_tanh identity leaky_relu log1mexp log_sigmoid"),
        *_same("log_softmax logmeanexp logsumexp mish relu relu6 selu sigmoid silu soft_sign softmax softplus"),
        *_same("sparse_plus sparse_sigmoid squareplus swish tanh"),
        Peer("hard_swish", "hard_silu"),
        Peer("gelu", "gelu_tanh", {"approximate": True}),
        Peer("gelu", "gelu_exact", {"approximate": False}),
    ),
    "torch": (  # https://docs.pytorch.org/docs/stable/nn.functional.html
        Peer("hardtanh", "relu6", {"min_val": 0, "max_val": 6}, accepted=_HARDTANH),
        *_same("celu elu leaky_relu mish relu relu6 selu silu threshold", **_INPLACE),
        *_same("sigmoid tanh"),
        Peer("glu", "glu", renamed={"dim": "axis"}),
        Peer("prelu", "prelu", renamed={"weight": "alpha"}),
        Peer("rrelu", "rrelu", accepted={"training": (False,), "inplace": (False, True)}),
        Peer("silu", "swish", **_INPLACE),
        Peer("softplus", "softplus", accepted={"threshold": (20,)}),
        *_gelus("approximate", "none", "tanh"),
        Peer("hardshrink", "hard_shrink"),
        Peer("hardsigmoid", "hard_sigmoid", **_INPLACE),
        Peer("hardswish", "hard_silu", **_INPLACE),
        Peer("hardtanh", "hard_tanh", accepted={"min_val": (-1,), "max_val": (1,)} | _HARDTANH),
        Peer("logsigmoid", "log_sigmoid"),
        Peer("softshrink", "soft_shrink"),
        Peer("softsign", "soft_sign"),
        Peer("tanhshrink", "tanh_shrink"),
        *_same("softmax log_softmax softmin", **_SOFTMAX),
    ),
    "keras": (  # Keras 3: https://keras.io/api/layers/activations/
        *_same("celu elu exponential glu hard_sigmoid hard_silu hard_tanh log_sigmoid"),
        *_same("log_softmax mish relu6 selu sigmoid silu softmax softplus sparse_plus sparse_sigmoid"),
        *_same("sparsemax squareplus swish tanh tanh_shrink"),
        *_same("hard_shrink soft_shrink", renamed={"threshold": "lambd"}),
        Peer("threshold", "threshold", renamed={"default_value": "value"}),
        *_gelus("approximate", False, True),
        Peer("hard_swish", "hard_silu"),
        Peer("leaky_relu", "leaky_relu", at={"negative_slope": 0.2}),
        Peer("LeakyReLU", "leaky_relu", at={"negative_slope": 0.3}),  # the layer has another default
        Peer("linear", "identity"),
        Peer("softsign", "soft_sign"),
        *_relus("negative_slope"),
    ),
    "keras2": (  # https://www.tensorflow.org/versions/r2.15/api_docs/python/tf/keras/activations
        *_same("elu exponential mish selu sigmoid softmax softplus swish tanh"),
        *_gelus("approximate", False, True),
        Peer("LeakyReLU", "leaky_relu", at={"negative_slope": 0.3}, renamed={"alpha": "negative_slope"}),
        Peer("linear", "identity"),
        Peer("softsign", "soft_sign"),
        *_relus("alpha"),
        # max(0, min(1, 0.2*x + 0.5)); Keras 3 has PyTorch's
        Peer("hard_sigmoid", "hard_sigmoid", instead="jaxact.hard_sigmoid(1.2 * x)"),
    ),
    "tensorflow": (  # https://www.tensorflow.org/api_docs/python/tf/nn
        *_same("crelu elu relu relu6 selu sigmoid softplus swish tanh"),
        *_same("log_softmax softmax", accepted={"axis": (None,)}),  # None is the last axis there, and all axes here
        Peer("silu", "silu", accepted={"beta": (1,)}),
        Peer("silu", "swish"),
        *_gelus("approximate", False, True),
        Peer("leaky_relu", "leaky_relu", at={"negative_slope": 0.2}, renamed={"alpha": "negative_slope"}),
        Peer("softsign", "soft_sign"),
    ),
    "transformers": (  # ACT2FN: https://github.com/huggingface/transformers/blob/main/src/transformers/activations.py
        *_same("laplace leaky_relu mish prelu quick_gelu relu relu6 sigmoid silu swish tanh xielu"),
        *(Peer(name, "gelu_exact") for name in ("gelu", "gelu_python")),
        *(Peer(f"gelu_{which}", "gelu_tanh") for which in ("new", "fast", "accurate", "pytorch_tanh", "python_tanh")),
        Peer("gelu_10", "gelu_exact", instead="jax.numpy.minimum(jaxact.gelu_exact(x), 10)"),
        Peer("linear", "identity"),
        Peer("relu2", "relu_squared"),
    ),
}
"""By library. The first entry of a name that takes the arguments is what the name means there."""


def get(name: str | Callable[..., Any], of: str | None = None, **parameters: Any) -> Callable[..., Any]:
    """get("leaky_relu", negative_slope=0.1) is functools.partial(jaxact.leaky_relu, negative_slope=0.1)

    Without parameters the result is the function itself: `get("relu") is jaxact.relu`. Case, "_" and "-" do not matter,
    and names of other libraries are known ("SiLU", "hardswish", "gelu_new", "linear"). A name that jaxact has means
    jaxact's function, unless `of` names another library: `get("gelu")` is the tanh approximation, as in jax.nn,
    `get("gelu", of="torch")` is `gelu_exact`, and `get("leaky_relu", of="keras")` has a negative slope of 0.2.

    Args:
        name: a name, or a function, which is returned with the parameters bound to it, if there are any.
        of: the library of the name: "jax.nn", "torch", "keras" (Keras 3), "keras2", "tensorflow" (tf.nn) or
            "transformers".
        **parameters: parameters of jaxact's function, or those of the other library's, which are translated:
            `get("gelu", of="torch", approximate="tanh")` is `gelu_tanh`, and `get("softmax", of="torch", dim=0)` is
            softmax with axis 0.

    Raises:
        ValueError: for an unknown name or library, and where jaxact has no function that computes the same.
        TypeError: for a parameter that the function does not have, and a name that is not a string.
    """
    if callable(name):
        return functools.partial(name, **parameters) if parameters else name
    peer, given = _choose(_find(name, of), parameters, f"{name:.60} of {of}" if of else "")
    if peer.instead:
        raise ValueError(
            f"get was called with {name!r:.60}{f' of {of}' if of else ''}; "
            f"expected a function that jaxact has, or {peer.instead} in its place."
        )
    # JSON has no tuples, and a constant has to be hashable: axis=(0, 1) is read back as [0, 1].
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in (peer.at | given).items()}
    function = CATALOGUE[peer.ours].function
    return functools.partial(function, **settings) if settings else function


def config(function: Callable[..., Any]) -> dict[str, Any]:
    """config(get(name, **parameters)) = {"name": name, **parameters}: the arguments of `get`, for JSON.

    `get(**config(f))` behaves as f does, also after `json.loads(json.dumps(...))`.

    Args:
        function: an activation of jaxact, or a `functools.partial` of one with parameters by name.

    Raises:
        TypeError: for a function that jaxact does not have, and for a parameter that is not a constant, such as an
            array of learnt values, which belongs to a model's weights.
    """
    plain, parameters = function, {}
    if isinstance(function, functools.partial) and not function.args:
        plain, parameters = function.func, function.keywords
    name = getattr(plain, "__name__", "")
    if name not in CATALOGUE or CATALOGUE[name].function is not plain:
        theirs = [peer for peer in PEERS["jax.nn"] if getattr(jax.nn, peer.theirs, None) is plain]
        hint = f": jaxact.{theirs[0].ours} is the same function as jax.nn.{theirs[0].theirs}" if theirs else ""
        raise TypeError(
            f"config was called with {function!r:.90}; expected an activation of jaxact, "
            f"or a functools.partial of one with parameters by name{hint}."
        )
    return {"name": name} | {key: _constant(name, key, value) for key, value in parameters.items()}


def _constant(function: str, key: str, value: Any) -> Any:
    value = value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return tuple(_constant(function, key, part) for part in value)
    raise TypeError(f"config was called with {function} and {key} = {value!r:.60}; expected a number or a constant.")


def _find(name: Any, of: Any) -> list[Peer]:
    """What the name may mean, depending on the arguments."""
    if not isinstance(name, str):
        hint = "; a configuration is passed as get(**configuration)" if isinstance(name, dict) else ""
        raise TypeError(
            f"get was called with {name!r:.60} of type {type(name).__name__}; expected a name or a function{hint}."
        )
    if of is not None and not (isinstance(of, str) and of in PEERS):
        raise ValueError(f"get was called with of={of!r:.60}; expected one of {', '.join(map(repr, PEERS))}.")
    ours = tuple(Peer(own, own) for own in CATALOGUE)
    others = tuple(peer for peers in PEERS.values() for peer in peers)
    for peers in (PEERS[of],) if of else (ours, others):
        # First as spelt: leaky_relu and LeakyReLU of Keras have different defaults.
        for spelling in (str, _normalised):
            if named := [peer for peer in peers if spelling(peer.theirs) == spelling(name)]:
                return named
    known = {_normalised(peer.theirs): peer.theirs for peer in reversed(PEERS[of] if of else ours + others)}
    near = [known[key] for key in difflib.get_close_matches(_normalised(name), known)]
    whose = f"of {of}" if of else "in jaxact.CATALOGUE"
    hint = f", such as {' or '.join(near)}" if near else ""
    raise ValueError(f"get was called with {name!r:.60}; expected the name of an activation {whose}{hint}.")


def _choose(named: list[Peer], parameters: dict[str, Any], called: str) -> tuple[Peer, dict[str, Any]]:
    """The function that computes what theirs does with these arguments, and its own arguments."""
    fitting = [(peer, given) for peer in named if (given := _translated(peer, parameters)) is not None]
    if fitting:
        return max(fitting, key=lambda fit: len(fit[0].given))
    called = called or named[0].ours
    allowed = [name for peer in named for name in (*peer.given, *peer.renamed, *peer.accepted, *_parameters(peer))]
    if unknown := next((key for key in parameters if key not in allowed), None):
        expected = f"one of {', '.join(dict.fromkeys(allowed))}" if allowed else "no parameters"
        raise TypeError(
            f"get was called with {unknown:.60}={parameters[unknown]!r:.60} for {called}; expected {expected}."
        )
    came = ", ".join(f"{key}={value!r:.60}" for key, value in parameters.items()) or "no parameters"
    expected = " or ".join(dict.fromkeys(map(_usage, named)))
    raise ValueError(f"get was called with {came} for {called}; expected {expected}.")


def _translated(peer: Peer, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of our function; None if it does not compute what theirs does with these parameters."""
    if not all(key in parameters and np.array_equal(parameters[key], value) for key, value in peer.given.items()):
        return None
    translated: dict[str, Any] = {}
    for key, value in parameters.items():
        if key in peer.given or any(np.array_equal(value, same) for same in peer.accepted.get(key, ())):
            continue
        ours = peer.renamed.get(key, key)
        if ours not in _parameters(peer) or ours in translated:
            return None
        translated[ours] = value
    return None if peer.needs and translated.get(peer.needs) is None else translated


def _parameters(peer: Peer) -> list[str]:
    """The parameters of our function other than x; those of an expression are its own."""
    if peer.instead:
        return []
    function = CATALOGUE[peer.ours].function
    return [name for name in inspect.signature(function).parameters if name != Parameters.of(function).x]


def _usage(peer: Peer) -> str:
    """Their function with the arguments that ours takes, such as relu(threshold=theta, max_value=None)."""
    own = {name: name for name in _parameters(peer) if name not in peer.renamed.values()}
    accepted = {key: " or ".join(map(repr, values)) for key, values in peer.accepted.items()}
    given = {key: repr(value) for key, value in peer.given.items()}
    arguments = ", ".join(f"{key}={value}" for key, value in (own | peer.renamed | accepted | given).items())
    return f"{peer.theirs}({arguments})"


def _normalised(name: str) -> str:
    """The name in lower case, letters and digits only: hard_swish, hardswish and HardSwish are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
