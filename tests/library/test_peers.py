"""get translates every argument of another library's function, or refuses it with a sentence."""

import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxact
from jaxact import config, get
from jaxact._names import PEERS

X = np.random.default_rng(0).normal(0, 4, (4, 4, 4)).astype("float32")
NO_SLOPE = {"negative_slope": 0, "threshold": 0}


@pytest.mark.parametrize(
    ("library", "name", "given", "expected"),
    [
        ("torch", "softmax", {"dim": 0}, {"name": "softmax", "axis": 0}),
        ("torch", "log_softmax", {"dim": 1}, {"name": "log_softmax", "axis": 1}),
        ("torch", "Softmin", {"dim": 0, "dtype": None}, {"name": "softmin", "axis": 0}),
        ("torch", "glu", {"dim": 0}, {"name": "glu", "axis": 0}),
        ("torch", "ReLU", {"inplace": True}, {"name": "relu"}),
        ("torch", "hardswish", {"inplace": False}, {"name": "hard_silu"}),
        ("torch", "elu", {"alpha": 0.5, "inplace": True}, {"name": "elu", "alpha": 0.5}),
        ("torch", "hardtanh", {"min_val": -1.0, "max_val": 1.0}, {"name": "hard_tanh"}),
        ("torch", "hardtanh", {"min_val": 0, "max_val": 6}, {"name": "relu6"}),
        ("torch", "softplus", {"beta": 2, "threshold": 20}, {"name": "softplus", "beta": 2}),
        ("torch", "rrelu", {"lower": 0.1, "training": False}, {"name": "rrelu", "lower": 0.1}),
        ("torch", "prelu", {"weight": 0.1}, {"name": "prelu", "alpha": 0.1}),
        ("torch", "GELU", {"approximate": "none"}, {"name": "gelu_exact"}),
        ("keras", "relu", {"max_value": None, **NO_SLOPE}, {"name": "relu"}),
        ("keras", "ReLU", {"max_value": np.float32(6), **NO_SLOPE}, {"name": "relu6"}),
        ("keras", "relu", {"negative_slope": 0.1, "max_value": None}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ("keras", "relu", {"threshold": 2.0}, {"name": "trelu", "theta": 2.0}),
        ("keras", "hard_shrink", {"threshold": 0.2}, {"name": "hard_shrink", "lambd": 0.2}),
        ("keras", "soft_shrink", {"threshold": 0.2}, {"name": "soft_shrink", "lambd": 0.2}),
        (
            "keras",
            "threshold",
            {"threshold": 1, "default_value": 0},
            {"name": "threshold", "threshold": 1, "value": 0},
        ),
        ("keras", "gelu", {"approximate": False}, {"name": "gelu_exact"}),
        ("keras2", "relu", {"alpha": 0.1}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ("keras2", "LeakyReLU", {"alpha": 0.1}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ("tensorflow", "gelu", {"approximate": False}, {"name": "gelu_exact"}),
        ("tensorflow", "leaky_relu", {"alpha": 0.1}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ("tensorflow", "softmax", {"axis": None}, {"name": "softmax"}),
        ("tensorflow", "softmax", {"axis": 0}, {"name": "softmax", "axis": 0}),
        ("tensorflow", "silu", {"beta": 1.0}, {"name": "silu"}),
        ("tensorflow", "silu", {"beta": 2.0}, {"name": "swish", "beta": 2.0}),
        ("transformers", "xielu", {}, {"name": "xielu"}),
    ],
)
def test_arguments_of_theirs_are_translated(
    library: str, name: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert config(get(name, of=library, **given)) == expected


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: get("softmax", of="torch"), "called with no parameters for softmax of torch; expected softmax("),
        (lambda: get("softmin", of="torch", dim=None), "called with dim=None for softmin of torch; expected softmin("),
        (lambda: get("softmax", of="torch", dim=0, axis=1), "called with dim=0, axis=1 for softmax of torch"),
        (lambda: get("gelu", of="torch", approximate="erf"), "expected gelu() or gelu(approximate='none') or gelu("),
        (lambda: get("hardtanh", of="torch", min_val=-2), "called with min_val=-2 for hardtanh of torch; expected"),
        (lambda: get("softplus", of="torch", threshold=2), "for softplus of torch; expected softplus(beta=beta, thr"),
        (lambda: get("rrelu", of="torch", training=True), "called with training=True for rrelu of torch; expected"),
        (lambda: get("relu", of="keras", max_value=3), "or relu(negative_slope=0, threshold=0, max_value=6) or"),
        (lambda: get("relu", of="keras", max_value=6, negative_slope=0.1), "max_value=6, negative_slope=0.1 for relu"),
        (lambda: get("gelu_10", of="transformers"), "or jax.numpy.minimum(jaxact.gelu_exact(x), 10) in its place."),
        (lambda: get("gelu_10"), "get was called with 'gelu_10'; expected a function that jaxact has, or jax.numpy."),
    ],
)
def test_arguments_with_which_theirs_is_none_of_ours_are_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


def test_the_expression_for_the_clipped_gelu_is_right() -> None:
    (peer,) = (peer for peer in PEERS["transformers"] if peer.instead)
    x = jnp.linspace(-20, 20, 81)
    clipped = np.clip(jax.nn.gelu(x, approximate=False), -10, 10)
    np.testing.assert_allclose(eval(peer.instead, {"jax": jax, "jaxact": jaxact, "x": x}), clipped, atol=1e-6)


@pytest.mark.parametrize(
    "name", [None, 1, b"relu", ["relu"], {"name": "relu"}, X], ids=lambda name: type(name).__name__
)
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match=rf"of type {type(name).__name__}; expected a name or a function") as refused:
        get(name)
    assert ("get(**configuration)" in str(refused.value)) == isinstance(name, dict)


@pytest.mark.parametrize("of", [1, ["torch"], {}, "t" * 1000, jax.nn], ids=str)
def test_what_is_no_library_is_refused(of: Any) -> None:
    with pytest.raises(ValueError, match=r"get was called with of=.*; expected one of 'jax.nn', 'torch'"):
        get("relu", of=of)


def test_long_arguments_are_cut_in_messages() -> None:
    long: dict[str, Any] = {"l" * 1000: "v" * 1000}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("n" * 1000, {}),
        ("relu", {"of": "o" * 1000}),
        ("relu", long),
        ("gelu", {"of": "torch", "approximate": "a" * 1000}),
    ]
    for name, given in calls:
        with pytest.raises((TypeError, ValueError)) as refused:
            get(name, **given)
        assert len(str(refused.value)) < 300


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "approximate": ("none", "tanh"),
    "dim": (0, 1, -1),
    "dtype": (None,),
    "inplace": (False, True),
    "training": (False, True),
    "lower": (0.1,),
    "upper": (0.5,),
    "min_val": (-1, -0.5, 0),
    "weight": (0.25, 0.5),
    "threshold": (20, 2, 0.5),
}
REQUIRED = {name: {"dim": -1} for name in ("softmax", "log_softmax", "softmin")}
REQUIRED |= {"prelu": {"weight": 0.25}, "threshold": {"threshold": 0.3, "value": 0.1}}


@pytest.mark.parametrize("name", sorted({peer.theirs for peer in PEERS["torch"]}))
def test_each_argument_of_torch_s_functions_is_translated_or_refused(name: str) -> None:
    """What get returns computes what PyTorch does, or get raises; no parameter is refused altogether."""
    functional = pytest.importorskip("torch.nn.functional", reason="PyTorch is not installed")
    torch = pytest.importorskip("torch")
    theirs = getattr(functional, name)
    for parameter, default in _parameters_of(theirs).items():
        computed = 0
        for value in ARGUMENTS.get(parameter, (default or 1.0, 0.75, 6)):
            given = REQUIRED.get(name, {}) | {parameter: value}
            try:
                ours = get(name, of="torch", **given)
            except ValueError:
                continue
            tensors = {key: torch.tensor(value) if key == "weight" else value for key, value in given.items()}
            np.testing.assert_allclose(theirs(torch.tensor(X), **tensors), ours(X), rtol=2e-5, atol=1e-6)
            computed += 1
        assert computed, f"{parameter} of {name} is always refused"


def _parameters_of(function: Any) -> dict[str, Any]:
    """With their defaults; those of functions written in C are in the first line of the docstring."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        _, _, rest = function.__doc__.strip().splitlines()[0].partition("(")
        signature = inspect.signature(eval(f"lambda {rest.partition(')')[0]}: None"))
    found = list(signature.parameters.values())[1:]
    return {one.name: None if one.default is one.empty else one.default for one in found if one.name[0] != "_"}
