"""Activations by name: as they are called here and in other libraries, and in configuration files."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax

from ._arguments import Parameters
from ._facts import CATALOGUE


@dataclass(frozen=True)
class Peer:
    """A function of another library that computes the same as a function of jaxact."""

    theirs: str
    ours: str
    given: dict[str, Any] = field(default_factory=dict)
    """Arguments of their function; empty for its defaults."""
    at: dict[str, Any] = field(default_factory=dict)
    """Arguments of our function; empty for its defaults."""
    instead: str = ""
    """The expression to write where no function of jaxact computes the same."""


def _same(names: str) -> tuple[Peer, ...]:
    return tuple(Peer(name, name) for name in names.split())


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
        *_same("celu elu glu leaky_relu mish prelu relu relu6 rrelu selu sigmoid silu softplus tanh threshold"),
        Peer("silu", "swish"),
        Peer("gelu", "gelu_exact"),
        Peer("gelu", "gelu_exact", {"approximate": "none"}),
        Peer("gelu", "gelu_tanh", {"approximate": "tanh"}),
        Peer("gelu", "gelu", {"approximate": "tanh"}),
        Peer("hardshrink", "hard_shrink"),
        Peer("hardsigmoid", "hard_sigmoid"),
        Peer("hardswish", "hard_silu"),
        Peer("hardtanh", "hard_tanh"),
        Peer("logsigmoid", "log_sigmoid"),
        Peer("softshrink", "soft_shrink"),
        Peer("softsign", "soft_sign"),
        Peer("tanhshrink", "tanh_shrink"),
        *(Peer(name, name, {"dim": -1}) for name in ("softmax", "log_softmax", "softmin")),
    ),
    "keras": (  # Keras 3: https://keras.io/api/layers/activations/
        *_same("celu elu exponential glu hard_shrink hard_sigmoid hard_silu hard_tanh log_sigmoid"),
        *_same("log_softmax mish relu relu6 selu sigmoid silu softmax soft_shrink softplus sparse_plus sparse_sigmoid"),
        *_same("sparsemax squareplus swish tanh tanh_shrink threshold"),
        Peer("gelu", "gelu_exact"),
        Peer("gelu", "gelu_exact", {"approximate": False}),
        Peer("gelu", "gelu_tanh", {"approximate": True}),
        Peer("gelu", "gelu", {"approximate": True}),
        Peer("hard_swish", "hard_silu"),
        Peer("leaky_relu", "leaky_relu", at={"negative_slope": 0.2}),
        Peer("LeakyReLU", "leaky_relu", at={"negative_slope": 0.3}),  # the layer has another default
        Peer("linear", "identity"),
        Peer("softsign", "soft_sign"),
        Peer("relu", "relu6", {"max_value": 6}),
    ),
    "keras2": (  # https://www.tensorflow.org/versions/r2.15/api_docs/python/tf/keras/activations
        *_same("elu exponential mish relu selu sigmoid softmax softplus swish tanh"),
        Peer("gelu", "gelu_exact"),
        Peer("gelu", "gelu_exact", {"approximate": False}),
        Peer("gelu", "gelu_tanh", {"approximate": True}),
        Peer("gelu", "gelu", {"approximate": True}),
        Peer("LeakyReLU", "leaky_relu", at={"negative_slope": 0.3}),
        Peer("linear", "identity"),
        Peer("softsign", "soft_sign"),
        Peer("relu", "relu6", {"max_value": 6}),
        # max(0, min(1, 0.2*x + 0.5)); Keras 3 has PyTorch's
        Peer("hard_sigmoid", "hard_sigmoid", instead="hard_sigmoid(1.2 * x)"),
    ),
    "tensorflow": (  # https://www.tensorflow.org/api_docs/python/tf/nn
        *_same("crelu elu log_softmax relu relu6 selu sigmoid silu softmax softplus swish tanh"),
        Peer("gelu", "gelu_exact"),
        Peer("gelu", "gelu_tanh", {"approximate": True}),
        Peer("leaky_relu", "leaky_relu", at={"negative_slope": 0.2}),
        Peer("softsign", "soft_sign"),
    ),
    "transformers": (  # ACT2FN: https://github.com/huggingface/transformers/blob/main/src/transformers/activations.py
        *_same("laplace leaky_relu mish prelu quick_gelu relu relu6 sigmoid silu swish tanh"),
        *(Peer(name, "gelu_exact") for name in ("gelu", "gelu_python")),
        *(Peer(f"gelu_{which}", "gelu_tanh") for which in ("new", "fast", "accurate", "pytorch_tanh", "python_tanh")),
        Peer("linear", "identity"),
        Peer("relu2", "relu_squared"),
    ),
}
"""By library. The first entry of a name is what the name means there."""


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
        **parameters: parameters of jaxact's function, or those of the other library that choose between functions, as
            in `get("gelu", of="torch", approximate="tanh")`.

    Raises:
        ValueError: for an unknown name or library, and for a function that jaxact does not have.
        TypeError: for a parameter that the function does not have.
    """
    if callable(name):
        return functools.partial(name, **parameters) if parameters else name
    peer = _find(name, of, parameters)
    if peer.instead:
        raise ValueError(f"get was called with {name!r} of {of}; expected one of ours: jaxact.{peer.instead}.")
    given = peer.at | {key: value for key, value in parameters.items() if key not in peer.given}
    function = CATALOGUE[peer.ours].function
    x = Parameters.of(function).x
    allowed = [parameter for parameter in inspect.signature(function).parameters if parameter != x]
    if unknown := next((key for key in given if key not in allowed), None):
        expected = f"one of {', '.join(allowed)}" if allowed else "no parameters"
        raise TypeError(f"get was called with {unknown}={given[unknown]!r:.60} for {peer.ours}; expected {expected}.")
    # JSON has no tuples, and a constant has to be hashable: axis=(0, 1) is read back as [0, 1].
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
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


def _find(name: str, of: str | None, parameters: dict[str, Any]) -> Peer:
    if of is not None and of not in PEERS:
        raise ValueError(f"get was called with of={of!r}; expected one of {', '.join(map(repr, PEERS))}.")
    ours = tuple(Peer(own, own) for own in CATALOGUE)
    others = tuple(peer for peers in PEERS.values() for peer in peers if not peer.instead)
    named: list[Peer] = []
    for peers in (PEERS[of],) if of else (ours, others):
        # First as spelt: leaky_relu and LeakyReLU of Keras have different defaults.
        for spelling in (str, _normalised):
            named = named or [peer for peer in peers if spelling(peer.theirs) == spelling(name)]
    if not named:
        known = {_normalised(peer.theirs): peer.theirs for peer in reversed(PEERS[of] if of else ours + others)}
        near = [known[key] for key in difflib.get_close_matches(_normalised(name), known)]
        whose = f"of {of}" if of else "in jaxact.CATALOGUE"
        hint = f", such as {' or '.join(near)}" if near else ""
        raise ValueError(f"get was called with {name!r}; expected the name of an activation {whose}{hint}.")
    chosen = [peer for peer in named if of and peer.given and peer.given.items() <= parameters.items()]
    return (chosen or named)[0]


def _normalised(name: str) -> str:
    """The name in lower case, letters and digits only: hard_swish, hardswish and HardSwish are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
