"""Errors are sentences that say what was called, with what, and what was expected."""

import inspect
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import call, common, elementwise, first, functions, required

from jaxact import CATALOGUE, Facts, elu, gelu, jet, relu, rrelu, slope


class Series:
    """Like one of pandas: with a NumPy type, and a repr of several lines."""

    dtype = np.dtype("float64")
    shape = (2,)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.ones(2)

    def __repr__(self) -> str:
        return "0    1.0\n1    1.0\ndtype: float64"


class Tensor(Series):
    """Like one of PyTorch, whose types are no NumPy types."""

    dtype = "torch.float32"  # pyright: ignore[reportAssignmentType]


@functions
def test_arguments_that_are_not_arrays(facts: Facts) -> None:
    x: Any
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for x in ("a", None, [1.0, 2.0], {"a": 1}, Fraction(1, 2), Series(), Tensor(), masked):
        with pytest.raises(
            TypeError, match=rf"{facts.name} was called with {first(facts)} = .* of type .*; expected an array or a num"
        ) as error:
            call(facts)(x)
        assert "\n" not in str(error.value)
    date, decimals = np.array(["2020-01-01"], "datetime64[D]"), np.array([1.0, None])
    for x in (np.array(["a"]), jax.random.key(0), date, decimals):
        sentence = rf"{facts.name} was called with {first(facts)} of type .*; expected real numbers"
        with pytest.raises(TypeError, match=sentence):
            call(facts)(x)
    if np.dtype(np.longdouble).itemsize > 8:
        for x in (np.longdouble(1), np.ones(4, np.longdouble)):
            with pytest.raises(TypeError, match=f"{first(facts)} of type float.*; expected real numbers of at most 64"):
                call(facts)(x)


@functions
def test_optional_arguments_that_are_not_arrays(facts: Facts) -> None:
    for name in facts.rules.parameters.optional:
        given = {first(facts): jnp.ones(4)} | required(facts)
        for wrong in ("a", Tensor(), np.ma.array([True], mask=[False]), {"a": 1}, np.array(["a"])):
            with pytest.raises(TypeError, match=f"{facts.name} was called with {name} .*; expected"):
                facts.function(**given | {name: wrong})


@common(CATALOGUE.values())
def test_other_byte_orders_are_the_same_numbers(facts: Facts) -> None:
    x = np.linspace(0.1, 3, 4)
    for dtype in (">f4", ">i4") if facts.name != "cross_entropy_from_logits" else (">f4",):
        np.testing.assert_array_equal(call(facts)(x.astype(dtype)), call(facts)(x.astype(dtype).astype(dtype[1:])))


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


@elementwise
def test_parameters_that_do_not_broadcast(facts: Facts) -> None:
    for name in facts.parameters:
        sentence = (
            rf"{facts.name}.* was called with {name} of shape \(2,\) for x of shape \(2, 3\); expected shapes that"
        )
        for function in (facts.function, slope(facts.function), jax.jit(facts.function)):
            with pytest.raises(ValueError, match=sentence):
                function(
                    jnp.ones((2, 3)), **{n: v for n, v in required(facts).items() if n != "key"} | {name: jnp.ones(2)}
                )


def test_keys_that_are_no_keys() -> None:
    for wrong, what in (
        (0, "0"),
        (jnp.ones(2), "an array of type float32"),
        (jax.random.split(jax.random.key(0)), "a"),
    ):
        with pytest.raises(
            TypeError, match=f"rrelu was called with key = {what}.*; expected a key from jax.random.key"
        ):
            rrelu(jnp.ones(3), key=wrong)
    keys = jax.random.split(jax.random.key(0))
    assert jax.vmap(lambda key: rrelu(jnp.ones(3), key=key))(keys).shape == (2, 3)


def test_what_slope_and_jet_were_called_with() -> None:
    with pytest.raises(TypeError, match=r"slope was called with 1.0; expected an elementwise function"):
        slope(1.0)  # pyright: ignore[reportArgumentType]
    for primals, series in ((1.0, 2.0), ((1.0,), 2.0), ((1.0,), (2.0,)), (1.0, ((2.0,),))):
        with pytest.raises(TypeError, match=r"jet was called with primals = .* and series = .*; expected a tuple"):
            jet(elu, primals, series)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="jet was called with 1 primals and 0 series of 0 terms; expected a series"):
        jet(elu, (1.0,), ())
    wrong: Any
    for wrong in ("a", Tensor(), None, np.ma.array(1.0)):
        with pytest.raises(TypeError, match=r"jet was called with primal 0 = .*; expected a"):
            jet(elu, (wrong,), ((1.0,),))
        with pytest.raises(
            TypeError, match=r"jet was called with term 0 of primal 0 = .*; expected an array or a number"
        ):
            jet(elu, (1.0,), ((wrong,),))
    with pytest.raises(TypeError, match="jet was called with factorial_scaled = 'no'; expected True or False"):
        jet(elu, (1.0,), ((1.0,),), "no")  # pyright: ignore[reportArgumentType]


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


@functions
def test_constants_are_numbers(facts: Facts) -> None:
    """A bool, a string or None is no number; NumPy's numbers are."""
    parameters, given = facts.rules.parameters, {first(facts): jnp.ones(4)} | required(facts)
    for names, expected in ((parameters.integers, "an int"), (parameters.numbers, "an int or a float, a constant")):
        for name in names:
            for wrong in (True, "a", None, (0,), np.bool_(True), {}):
                with pytest.raises(TypeError, match=rf"{facts.name} was called with {name} = .*; expected {expected}"):
                    facts.function(**given | {name: wrong})
    for name in parameters.numbers:
        for number in (np.float32(1), np.int64(1), 1):
            got, want = (facts.function(**given | {name: n}) for n in (number, 1.0))
            np.testing.assert_array_equal(got, want)
        with pytest.raises(ValueError, match=rf"{facts.name} was called with {name} = an int of 1329 bits; expected"):
            facts.function(**given | {name: 10**400})


@functions
def test_lists_whose_rows_differ_in_length(facts: Facts) -> None:
    given = {first(facts): jnp.ones(4)} | required(facts)
    for name in set(facts.rules.parameters.optional) - set(facts.rules.parameters.keys):
        for wrong in ([[1], [1, 2]], [jnp.ones(2), 1]):
            with pytest.raises(TypeError, match=rf"{facts.name} was called with {name} = .*; expected an array"):
                facts.function(**given | {name: wrong})


def test_gelu_takes_pytorch_s_names_of_its_flag() -> None:
    x = jnp.linspace(-3, 3, 7)
    names: list[tuple[bool, Any]] = [(False, "none"), (True, "tanh")]
    for ours, theirs in names:
        np.testing.assert_array_equal(jax.jit(lambda x: gelu(x, theirs))(x), gelu(x, ours))  # noqa: B023
        np.testing.assert_array_equal(slope(gelu)(x, approximate=theirs), slope(gelu)(x, ours))
    with pytest.raises(TypeError, match="gelu was called with approximate = 'erf'; expected True or False"):
        gelu(x, "erf")  # pyright: ignore[reportArgumentType]
