"""Errors are sentences that say what was called, with what, and what was expected."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import call, first, functions, required

from jaxact import CATALOGUE, Facts, elu, gelu, relu, slope


@functions
def test_arguments_that_are_not_arrays(facts: Facts) -> None:
    x: Any
    for x in ("a", None, [1.0, 2.0], {"a": 1}):
        with pytest.raises(
            TypeError, match=rf"{facts.name} was called with {first(facts)} = .* of type .*; expected an array or a num"
        ):
            call(facts)(x)
    for x in (np.array(["a"]), jax.random.key(0)):
        sentence = rf"{facts.name} was called with {first(facts)} of type .*; expected real numbers"
        with pytest.raises(TypeError, match=sentence):
            call(facts)(x)


@functions
def test_arguments_that_are_not_in_the_signature(facts: Facts) -> None:
    start = next(iter(inspect.signature(facts.function).parameters))
    for args, kwargs in (((), {}), ((1.0,), {"nonsense": 2}), ((1.0,) * 9, {})):
        with pytest.raises(
            TypeError, match=rf"{facts.name} was called with other arguments than {facts.name}\({start}.*\): "
        ):
            facts.function(*args, **kwargs)


@functions
def test_parameters_that_are_not_real_numbers(facts: Facts) -> None:
    for name in facts.parameters:
        with pytest.raises(
            TypeError, match=rf"{facts.name} was called with {name} = 'a' of type str; expected an array"
        ):
            facts.function(**{first(facts): 1.0} | required(facts) | {name: "a"})
        with pytest.raises(TypeError, match=rf"{facts.name} was called with {name} of type complex.*expected real"):
            facts.function(**{first(facts): 1.0} | required(facts) | {name: 1j})


def test_the_same_sentences_under_jit_and_grad() -> None:
    with pytest.raises(TypeError, match="relu was called with x of type complex64; expected real numbers"):
        jax.jit(relu)(jnp.ones(3, "complex64"))
    with pytest.raises(TypeError, match=r"elu was called with other arguments than elu\(x, alpha=1.0\): .*'beta'"):
        jax.grad(lambda x: elu(x, beta=2))(1.0)  # pyright: ignore[reportCallIssue]


def test_shapes_that_do_not_broadcast_get_the_error_of_jax() -> None:
    with pytest.raises((TypeError, ValueError), match="shape"):
        elu(jnp.ones((2, 3)), jnp.ones((2, 2)))


@functions
def test_parameters_that_have_to_be_positive(facts: Facts) -> None:
    """Python numbers are checked; arrays, which have no values under jit, are not."""
    for name in facts.positive:
        for number in (0, 0.0, -1.5, float("nan")):
            sentence = rf"{facts.name} was called with {name} = {number!r}; expected a number greater than 0"
            with pytest.raises(ValueError, match=sentence):
                facts.function(**{first(facts): jnp.ones(4)} | required(facts) | {name: number})


def _flags(facts: Facts) -> list[str]:
    return list(facts.rules.parameters.flags)


def test_the_flags_are_those_of_the_signatures() -> None:
    flags = {facts.name: _flags(facts) for facts in CATALOGUE.values() if _flags(facts)}
    assert flags == {
        "gelu": ["approximate"],
        "gumbel_softmax": ["hard"],
        "logmeanexp": ["keepdims"],
        "logsumexp": ["keepdims", "return_sign"],
    }


@functions
def test_flags_are_bools(facts: Facts) -> None:
    """The string "no" is true in Python."""
    for name in _flags(facts):
        given = {first(facts): jnp.ones(4)} | required(facts)
        np.testing.assert_array_equal(
            facts.function(**given | {name: np.bool_(False)}), facts.function(**given | {name: False})
        )
        for wrong in ("no", "yes", 1, 0, None, np.int32(1), np.array([True, False])):
            with pytest.raises(TypeError, match=rf"{facts.name} was called with {name} = .*; expected True or False"):
                facts.function(**given | {name: wrong})


def test_gelu_takes_pytorch_s_names_of_its_flag() -> None:
    x = jnp.linspace(-3, 3, 7)
    for ours, theirs in ((False, "none"), (True, "tanh")):
        np.testing.assert_array_equal(jax.jit(lambda x: gelu(x, theirs))(x), gelu(x, ours))  # noqa: B023
        np.testing.assert_array_equal(slope(gelu)(x, approximate=theirs), slope(gelu)(x, ours))
    with pytest.raises(TypeError, match="gelu was called with approximate = 'erf'; expected True or False"):
        gelu(x, "erf")  # pyright: ignore[reportArgumentType]
