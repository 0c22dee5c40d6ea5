"""One rule for types: floats keep their type, integers and bools become the default float except where the result is an
integer, parameters never widen x; six functions take complex numbers.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import (
    ELEMENTWISE,
    axiswise,
    call,
    common,
    elementwise,
    first,
    functions,
    in_float64,
    patterns,
    required,
    together,
    ulp,
)

import jaxact
from jaxact import CATALOGUE, Facts
from jaxact._complex import FORMULAS

pytestmark = pytest.mark.optimised

TYPES = ["float8_e4m3fn", "bfloat16", "float64"]


@pytest.mark.parametrize("dtype", TYPES)
@axiswise
def test_floats_keep_their_type_in_value_and_both_derivatives(facts: Facts, dtype: str) -> None:
    """Other types are covered where their digits are tested."""
    f = call(facts)

    def derivatives(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        y, pull = jax.vjp(f, x)
        return y, pull(y)[0], jax.jvp(f, (x,), (x,))[1]

    with jax.enable_x64(dtype == "float64"):
        x = jnp.asarray([0.5, -1.0, 2.0, 0.0], dtype)
        assert {made.dtype for made in jax.eval_shape(derivatives, x)} == {x.dtype}


KEEP_INTEGERS = [jaxact.identity, jaxact.relu, jaxact.relu6, jaxact.hard_tanh]


@pytest.mark.parametrize(
    "facts", [f for f in CATALOGUE.values() if f.function not in KEEP_INTEGERS], ids=lambda f: f.name
)
def test_integers_and_bools_become_the_default_float(facts: Facts) -> None:
    """Before any computation: int8 has no 128, and jax.nn.log_sigmoid(uint8 1) is -255."""
    numbers = np.asarray([-128, 127, 0, 1], "int8")
    for x in (numbers, jnp.asarray(numbers)):
        y = call(facts)(x)
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y, call(facts)(numbers.astype("float32")))
    for dtype in ("bool", "uint8", "int32"):
        assert jax.eval_shape(call(facts), jnp.zeros(4, dtype)).dtype == "float32"


@pytest.mark.parametrize("function", KEEP_INTEGERS, ids=lambda f: f.__name__)
def test_integers_stay_integers_where_the_result_is_one(function: Callable[..., jax.Array]) -> None:
    """For nets of int8. In jax.nn, relu6 makes floats of them, and hard_tanh(uint8 0) is 255."""
    numbers = [-128, -2, -1, 0, 1, 6, 7, 127]
    for dtype in ("int8", "uint8", "int16", "int32", "uint32", "int64"):
        given = np.asarray([n for n in numbers if n >= 0 or dtype[0] == "i"], dtype)
        want = np.asarray(function(given.astype("float32")))
        for x in (given, jnp.asarray(given)):
            for y in (function(x), jax.jit(function)(x)):
                assert y.dtype == jnp.asarray(given).dtype
                np.testing.assert_array_equal(y, want)
    if function is not jaxact.relu6:
        assert jax.eval_shape(function, given) == jax.eval_shape(getattr(jax.nn, function.__name__), given)
    assert jax.eval_shape(lambda: function(3)) == jax.eval_shape(lambda: jnp.maximum(3, 0))
    assert function(np.array([True])).dtype == "float32"


@pytest.mark.parametrize("function", KEEP_INTEGERS, ids=lambda f: f.__name__)
def test_integers_have_no_derivative(function: Callable[..., jax.Array]) -> None:
    x = jnp.asarray([-3, 3])
    y, dy = jax.jvp(function, (x,), (np.zeros(2, jax.dtypes.float0),))
    assert (y.dtype, dy.dtype) == ("int32", jax.dtypes.float0)
    with pytest.raises(TypeError, match="grad requires real"):
        jax.grad(lambda x: function(x).sum())(x)
    assert jaxact.slope(function)(x).dtype == "float32"  # the slope at an integer is a float


@pytest.mark.parametrize("function", KEEP_INTEGERS, ids=lambda f: f.__name__)
def test_integers_that_jax_cannot_hold_are_refused(function: Callable[..., jax.Array]) -> None:
    for x in (2**40, -(2**31) - 1, np.int64(2**40), np.array([2**40, 0]), np.array(2**32, "uint64")):
        with pytest.raises(
            ValueError, match=rf"{function.__name__} was called with x = .*; expected .* int32 can hold"
        ):
            function(x)
    with jax.enable_x64(True):
        assert function(np.array([2**40, 0])).dtype == "int64"


@elementwise
def test_python_numbers_stay_weakly_typed(facts: Facts) -> None:
    def of(x: Any) -> Any:
        return jax.eval_shape(lambda: facts.function(x, **required(facts)))

    for x in (1.0, 1, True):
        assert of(x).weak_type == jax.eval_shape(lambda: jnp.sin(x)).weak_type  # noqa: B023
    assert jax.eval_shape(lambda: facts.function(1.0, **required(facts)) + jnp.ones((), "bfloat16")).dtype == "bfloat16"
    assert not of(jnp.float32(1)).weak_type
    assert of(np.float32(1)).dtype == "float32"


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@elementwise
def test_a_parameter_never_changes_the_type_of_x(facts: Facts, dtype: str) -> None:
    x = jnp.asarray([-1.0, 2.0], dtype)
    for name in facts.parameters:
        for parameter in (jnp.float32(0.25), jnp.bfloat16(0.25), np.float32(0.25), 1, jnp.full((2,), 0.25, "float16")):
            given = required(facts) | {name: parameter}
            assert jax.eval_shape(lambda: facts.function(x, **given)).dtype == dtype  # noqa: B023


@elementwise
def test_a_parameter_s_gradient_has_its_own_type_and_is_summed_there(facts: Facts) -> None:
    x = jnp.full((4096,), -1.0, "bfloat16")
    for name in facts.parameters:
        f = lambda x, p: facts.function(x, **required(facts) | {name: p})  # noqa: B023, E731
        gradient = jax.grad(lambda p: f(x, p).astype("float32").sum())(jnp.float32(0.5))  # noqa: B023
        one = jax.grad(lambda p: f(x[0], p).astype("float32"))(jnp.float32(0.5))  # noqa: B023
        assert gradient.dtype == "float32"
        if "key" in required(facts):
            continue  # each element has its own slope
        np.testing.assert_allclose(gradient, 4096 * one, rtol=2**-8)  # the slope is rounded to bfloat16, the sum is not


@common(ELEMENTWISE)
def test_every_8_bit_number_is_rounded_once(facts: Facts) -> None:
    dtype = "float8_e4m3fn"
    x = patterns(dtype)
    f = together(facts, {name: v for name, v in required(facts).items() if name in facts.parameters})
    for result, truth in zip(f(jnp.asarray(x)), in_float64(f, x), strict=True):
        finite = (np.abs(truth) <= float(jnp.finfo(dtype).max)) & (x > facts.domain[0])
        assert result.dtype == dtype
        got, want = np.asarray(result).astype("float64")[finite], truth[finite]
        assert (np.abs(got - want) <= 0.51 * ulp(want, dtype)).all()


def _as_defined(name: str, x: np.ndarray) -> np.ndarray:
    """The formulas of the docstrings, in complex128."""
    e = np.exp(x)
    formulas = {"sigmoid": 1 / (1 + 1 / e), "tanh": (e - 1 / e) / (e + 1 / e), "softplus": np.log(1 + e)}
    formulas |= {"silu": x / (1 + 1 / e), "log_sigmoid": -np.log(1 + 1 / e), "softmax": e / e.sum()}
    return formulas[name]


Z = np.asarray([1 + 2j, -3 + 0.5j, 0.25 - 1j, 2.0, -1j])


@pytest.mark.parametrize("name", FORMULAS)
def test_complex_numbers_have_the_values_and_derivatives_of_the_formula(name: str) -> None:
    function, want, h = getattr(jaxact, name), _as_defined(name, Z), 1e-6
    for z in (Z.astype("complex64"), jnp.asarray(Z, "complex64")):
        y = function(z)
        assert y.dtype == "complex64"
        np.testing.assert_allclose(y, want, rtol=1e-5)
    if name == "softmax":
        masked, kept = function(Z[:3], where=[True, True, False]), function(Z[:2])
        np.testing.assert_allclose(masked, [*kept, 0], rtol=1e-5)
        np.testing.assert_allclose(function(Z, temperature=2.0), function(Z / 2), rtol=1e-5)
    else:
        assert function(1j).weak_type

    def first(z: Any) -> Any:
        return function(jnp.asarray(Z, "complex64").at[0].set(z))[0]

    slope = (_as_defined(name, Z + h * np.eye(5)[0]) - _as_defined(name, Z - h * np.eye(5)[0]))[0] / (2 * h)
    z = jnp.complex64(Z[0])
    np.testing.assert_allclose(jax.grad(first, holomorphic=True)(z), slope, rtol=1e-4)
    np.testing.assert_allclose(jax.jvp(first, (z,), (jnp.complex64(1j),))[1], 1j * slope, rtol=1e-4)
    # JAX's gradient of a real result is 2 * conj(df / d(conj z)), here of |f|**2
    of_real = jax.grad(lambda z: jnp.square(jnp.abs(first(z))))(z)
    np.testing.assert_allclose(of_real, 2 * np.conj(want[0]) * slope, rtol=1e-4)


def test_parameters_of_complex_numbers_are_real_and_have_gradients() -> None:
    z, h = jnp.asarray(Z, "complex64"), 1e-2

    def real(beta: Any) -> Any:
        return jaxact.softplus(z, beta).real.sum() + jaxact.softmax(z, temperature=beta).imag[0]

    np.testing.assert_allclose(jax.grad(real)(1.5), (real(1.5 + h) - real(1.5 - h)) / (2 * h), rtol=1e-2)
    with pytest.raises(TypeError, match="softplus was called with beta of type complex64; expected real numbers"):
        jaxact.softplus(z, 1j)


@functions
def test_complex_numbers_are_refused_where_the_formula_compares(facts: Facts) -> None:
    if facts.name in FORMULAS:
        pytest.skip("it takes them")
    for x in (1j, jnp.ones(4, "complex64"), np.ones(4, "complex128")):
        sentence = rf"{facts.name} was called with {first(facts)} of type complex.*expected real numbers \(complex"
        with pytest.raises(TypeError, match=sentence):
            call(facts)(x)


@elementwise
def test_shapes_are_kept(facts: Facts) -> None:
    for shape in ((), (0,), (3, 0), (2, 3, 4)):
        assert jax.eval_shape(lambda x: facts.function(x, **required(facts)), jnp.zeros(shape)).shape == shape


def test_numpy_integers_do_not_wrap() -> None:
    """JAX converts int64 to int32, where 2**40 is 0."""
    np.testing.assert_array_equal(jaxact.silu(np.array([2**40])), [2.0**40])
    np.testing.assert_array_equal(jaxact.softmax(np.array([2**32, 0])), [1, 0])


HUGE: list[Any] = [2**40, np.int64(2**40), np.array(2**40), np.array(2**40, "uint64"), np.array(2**40, ">i8")]


@common(CATALOGUE.values())
def test_huge_integers_are_the_floats_that_they_are(facts: Facts) -> None:
    """In each array argument: JAX cuts 64 bits to 32, where 2**40 is 0, and fails for Python's 2**40."""
    given = {first(facts): jnp.linspace(0.1, 3, 4)} | required(facts)
    for name in facts.rules.parameters.arrays:
        if name in facts.rules.parameters.keep_integers:
            continue
        number = np.float32(2.0**40) * np.ones(() if facts.elementwise or name != first(facts) else 4, "float32")
        want = facts.function(**given | {name: number})
        for huge in HUGE:
            got = facts.function(**given | {name: huge if number.ndim == 0 else np.repeat(huge, 4)})
            np.testing.assert_array_equal(got, want)
        with pytest.raises(ValueError, match=f"{facts.name} was called with {name} = an int of 1329 bits; expected"):
            facts.function(**given | {name: 10**400})


def test_huge_factors_gates_and_labels() -> None:
    ones = jnp.ones(2)
    huge: Any
    for huge in ([2**40, 2**40], np.full(2, 2**40), np.full(2, 2**40, "uint64")):
        np.testing.assert_array_equal(jaxact.logsumexp(ones, b=huge), jaxact.logsumexp(ones, b=2.0**40 * ones))
        np.testing.assert_array_equal(jaxact.bilinear(ones, gate=huge), 2.0**40 * ones)
    for label in (2**32, -(2**32), 10**30, np.int64(2**32), np.uint64(2**63), np.array(2**32)):
        assert jnp.isnan(jaxact.cross_entropy_from_logits(jnp.ones(3), label))
    with jax.enable_x64(True):
        assert jnp.isnan(jaxact.cross_entropy_from_logits(jnp.ones(3), np.int64(2**32)))


@common(CATALOGUE.values())
def test_numpy_integers_are_integers(facts: Facts) -> None:
    x = jnp.linspace(0.1, 3, 16).reshape(4, 4)
    for name in {"axis", "pieces"} & {*facts.rules.parameters.static}:
        value = 2 if name == "pieces" else 0
        want = facts.function(**_with(facts, x, name, value))
        for integer in (np.int64(value), np.int8(value), np.uint32(value)):
            np.testing.assert_array_equal(facts.function(**_with(facts, x, name, integer)), want)
    if "tuple" in str(inspect.signature(facts.function).parameters.get("axis")):
        got, want = (facts.function(**_with(facts, x, "axis", axes)) for axes in ((np.int64(0), np.int32(1)), (0, 1)))
        np.testing.assert_array_equal(got, want)


def _with(facts: Facts, x: jax.Array, name: str, value: Any) -> dict[str, Any]:
    labels = {"labels": jnp.full((4, 4), 0.25)} if facts.name == "cross_entropy_from_logits" else {}
    return {first(facts): x} | required(facts) | labels | {name: value}


@common(CATALOGUE.values())
def test_lists_are_taken_where_none_is(facts: Facts) -> None:
    """For a mask, a gate and factors; as x a list is refused, as in jax.nn."""
    x = jnp.linspace(0.1, 3, 4)
    values = {"where": [True, False, True, True], "gate": [1, 2, 3, 4], "b": [1.0, 0.5, 2.0, 0.0]}
    for name in {*values} & {*facts.rules.parameters.optional}:
        given = {first(facts): x} | required(facts)
        got, want = (facts.function(**given | {name: v}) for v in (values[name], jnp.asarray(values[name])))
        np.testing.assert_array_equal(got, want)
        traced = jax.jit(lambda v: facts.function(**given | {name: [v, *values[name][1:]]}))(values[name][0])  # noqa: B023
        np.testing.assert_allclose(traced, want, rtol=1e-6)
