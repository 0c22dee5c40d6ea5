"""get and config are inverse to each other, and names of other libraries mean what they mean there."""

import functools
import inspect
import json
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import first, functions, required

import jaxact
from jaxact import CATALOGUE, Facts, config, get, slope
from jaxact._names import PEERS, Peer

entries = [(library, peer) for library, peers in PEERS.items() for peer in peers]


def constants(facts: Facts) -> dict[str, Any]:
    """Parameters that are not the defaults, of each kind that a configuration may contain."""
    arrays = {name: 0.75 for name in facts.parameters if name not in ("labels", "q_logits")}
    others = {"axis": 0, "hard": True, "approximate": False, "keepdims": True, "pieces": 4}
    signature = inspect.signature(facts.function).parameters
    return arrays | {name: value for name, value in others.items() if name in signature}


def saved(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, written to a file and read back."""
    return json.loads(json.dumps(settings))


@functions
def test_a_name_alone_is_the_function_itself(facts: Facts) -> None:
    function = get(facts.name)
    assert function is facts.function
    assert config(function) == {"name": facts.name}
    assert get(**saved(config(function))) is function
    assert get(facts.name.upper().replace("_", "-")) is function


@functions
def test_a_name_with_parameters_is_a_partial_with_the_same_config(facts: Facts) -> None:
    if not (parameters := constants(facts)):
        with pytest.raises(
            TypeError, match=f"get was called with alpha=1 for {facts.name}; expected (no parameters|one)"
        ):
            get(facts.name, alpha=1)
        return
    function = get(facts.name, **parameters)
    assert isinstance(function, functools.partial)
    assert (function.func, function.keywords) == (facts.function, parameters)
    assert config(function) == {"name": facts.name, **parameters}
    again = get(**saved(config(function)))
    assert config(again) == config(function) == config(pickle.loads(pickle.dumps(again)))
    rest = {name: value for name, value in required(facts).items() if name not in parameters}
    x = {first(facts): jnp.linspace(0.1, 3, 32).reshape(8, 4)}
    np.testing.assert_array_equal(again(**x, **rest), facts.function(**x, **rest, **parameters))
    if facts.elementwise:
        np.testing.assert_array_equal(slope(again)(**x), slope(facts.function)(**x, **parameters))


def test_tuples_survive_json() -> None:
    over_two = functools.partial(jaxact.softmax, axis=(0, 1), temperature=np.float32(0.5))
    assert config(over_two) == {"name": "softmax", "axis": (0, 1), "temperature": 0.5}
    again = get(**saved(config(over_two)))
    np.testing.assert_array_equal(again(jnp.eye(3)), over_two(jnp.eye(3)))
    assert config(functools.partial(jaxact.elu, alpha=jnp.bfloat16(0.1)))["alpha"] == 0.10009765625


def test_get_of_a_function_is_the_function() -> None:
    for function in (jaxact.relu, jnp.sin, slope(jaxact.relu), functools.partial(jaxact.elu, alpha=0.5)):
        assert get(function) is function
    assert config(get(jaxact.elu, alpha=0.5)) == {"name": "elu", "alpha": 0.5}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *(("SiLU", "silu"), ("swish", "swish"), ("LeakyReLU", "leaky_relu"), ("hardswish", "hard_silu")),
        *(("hard_swish", "hard_silu"), ("gelu_new", "gelu_tanh"), ("gelu_pytorch_tanh", "gelu_tanh")),
        *(("quick_gelu", "quick_gelu"), ("softsign", "soft_sign"), ("Tanhshrink", "tanh_shrink")),
        *(("relu2", "relu_squared"), ("ReLU^2", "relu_squared"), ("linear", "identity"), ("LogSigmoid", "log_sigmoid")),
        *(("GELU", "gelu"), ("Hardtanh", "hard_tanh"), ("log-softmax", "log_softmax"), ("ReLU6", "relu6")),
    ],
)
def test_names_of_other_libraries_are_known(name: str, ours: str) -> None:
    assert get(name) is CATALOGUE[ours].function


@pytest.mark.parametrize(
    ("library", "name", "given", "expected"),
    [
        ("jax.nn", "gelu", {}, {"name": "gelu"}),
        ("jax.nn", "gelu", {"approximate": False}, {"name": "gelu_exact"}),
        ("torch", "GELU", {}, {"name": "gelu_exact"}),
        ("torch", "gelu", {"approximate": "tanh"}, {"name": "gelu_tanh"}),
        ("torch", "gelu", {"approximate": "none"}, {"name": "gelu_exact"}),
        ("torch", "Softmax", {"dim": -1}, {"name": "softmax", "axis": -1}),
        ("torch", "Softmax", {"axis": 0}, {"name": "softmax", "axis": 0}),
        ("torch", "LeakyReLU", {}, {"name": "leaky_relu"}),
        ("torch", "Hardshrink", {"lambd": 0.25}, {"name": "hard_shrink", "lambd": 0.25}),
        ("keras", "leaky_relu", {}, {"name": "leaky_relu", "negative_slope": 0.2}),
        ("keras", "LeakyReLU", {}, {"name": "leaky_relu", "negative_slope": 0.3}),
        ("keras", "LeakyReLU", {"negative_slope": 0.1}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ("keras2", "LeakyReLU", {}, {"name": "leaky_relu", "negative_slope": 0.3}),
        ("keras2", "relu", {"max_value": 6.0}, {"name": "relu6"}),
        ("tensorflow", "leaky_relu", {}, {"name": "leaky_relu", "negative_slope": 0.2}),
        ("transformers", "gelu", {}, {"name": "gelu_exact"}),
    ],
)
def test_of_names_the_library(library: str, name: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert config(get(name, of=library, **given)) == expected


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: get("rleu"), "get was called with 'rleu'; expected the name of an activation .* such as relu or"),
        (lambda: get("softmacks"), "such as softmax"),
        (lambda: get("bogus"), "expected the name of an activation in jaxact.CATALOGUE.$"),
        (lambda: get("hardswis", of="torch"), "expected the name of an activation of torch, such as hardswish"),
        (lambda: get("snake", of="torch"), "expected the name of an activation of torch"),
        (lambda: get("relu", of="pytorch"), "of='pytorch'; expected one of 'jax.nn', 'torch', 'keras'"),
        (
            lambda: get("hard_sigmoid", of="keras2"),
            r"'hard_sigmoid' of keras2; expected a function that jaxact has, or jaxact.hard_sigmoid\(1.2 \* x\) in",
        ),
    ],
)
def test_unknown_names_are_refused_with_similar_ones(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: get("elu", alfa=1), "get was called with alfa=1 for elu; expected one of alpha"),
        (lambda: get("elu", x=1), "get was called with x=1 for elu; expected one of alpha"),
        (lambda: config(abs), "config was called with <built-in function abs>; expected an activation of jaxact"),
        (
            lambda: config(jax.nn.silu),
            "expected an activation of jaxact.*jaxact.silu is the same function as jax.nn.si",
        ),
        (
            lambda: config(functools.partial(jaxact.elu, 1.0)),
            "expected an activation of jaxact, or a functools.partial",
        ),
        (lambda: config(functools.partial(jaxact.prelu, alpha=jnp.ones(3))), "config was called with prelu and alpha"),
        (lambda: config(jaxact.nn.PReLU()), "expected an activation of jaxact"),
    ],
)
def test_what_a_configuration_cannot_contain_is_refused(call: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


@pytest.mark.parametrize(("library", "peer"), entries, ids=str)
def test_peers_are_functions_of_jaxact(library: str, peer: Peer) -> None:
    assert set(peer.at) < set(inspect.signature(CATALOGUE[peer.ours].function).parameters)
    assert {*peer.renamed.values()} <= set(inspect.signature(CATALOGUE[peer.ours].function).parameters)
    given = peer.given | ({"dim": -1} if peer.needs else {})
    meaning = next(one for one in PEERS[library] if (one.theirs, one.given) == (peer.theirs, peer.given))
    if not peer.instead:
        at = {"axis": -1} if peer.needs else meaning.at
        assert config(get(peer.theirs, of=library, **given)) == {"name": meaning.ours, **at}


def test_no_function_has_a_parameter_that_get_has_too() -> None:
    parameters_of_get = {"name", "of"}
    assert not any(
        parameters_of_get & set(inspect.signature(facts.function).parameters) for facts in CATALOGUE.values()
    )


def test_names_of_other_libraries_only_mean_the_same_in_all_of_them() -> None:
    ours = {name.replace("_", "") for name in CATALOGUE}
    for library, peer in entries:
        if peer.theirs.lower().replace("_", "") not in ours and not peer.instead:
            assert get(peer.theirs) is get(peer.theirs, of=library)


def points(facts: Facts) -> np.ndarray:
    low, high = np.clip(facts.domain, -8, 8)
    return np.linspace(low, high, 66, dtype="float32")[1:-1].reshape(8, 8)


@pytest.mark.parametrize("peer", PEERS["jax.nn"], ids=str)
def test_peers_of_jax_nn_compute_the_same(peer: Peer) -> None:
    x = points(CATALOGUE[peer.ours])
    theirs = getattr(jax.nn, peer.theirs)
    np.testing.assert_allclose(theirs(x, **peer.given), get(peer.ours, **peer.at)(x), rtol=2e-5, atol=1e-6)


def test_peers_of_torch_compute_the_same() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for peer in PEERS["torch"]:
        facts = CATALOGUE[peer.ours]
        x, given = points(facts), {name: float(value) for name, value in required(facts).items() if name != "key"}
        tensors = [torch.tensor(value) for value in given.values()] if peer.theirs == "prelu" else list(given.values())
        needed = {"dim": -1} if peer.needs else {}
        theirs = getattr(torch.nn.functional, peer.theirs)(torch.tensor(x), *tensors, **peer.given, **needed)
        ours = get(peer.ours, **peer.at)(x, **given)
        np.testing.assert_allclose(theirs, ours, rtol=2e-5, atol=1e-6, err_msg=str(peer))


def test_the_expression_for_hard_sigmoid_of_keras_2_is_right() -> None:
    x = np.linspace(-4, 4, 65, dtype="float32")
    (peer,) = (peer for peer in PEERS["keras2"] if peer.instead)
    np.testing.assert_allclose(eval(peer.instead), np.clip(0.2 * x + 0.5, 0, 1), atol=1e-6)


def test_jax_nn_has_no_activation_that_jaxact_lacks() -> None:
    others = {"dot_product_attention", "get_scaled_dot_general_config", "initializers", "one_hot", "scaled_dot_general"}
    others |= {"scaled_matmul", "standardize"}
    activations = {name for name in dir(jax.nn) if not name.startswith("_")} - others
    assert {name for name in activations if name not in vars(jaxact)} == set()
    assert activations == {peer.theirs for peer in PEERS["jax.nn"]}
