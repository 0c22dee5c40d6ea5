"""What cannot be probed is refused in a sentence; what has no sites or no gradients is not."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxact.probe import merge, probe, tag, value_and_grad

X = jnp.ones((4, 3))


def branching(x: jax.Array) -> jax.Array:
    return x if x.sum() > 0 else -x


def not_scalar(x: jax.Array) -> jax.Array:
    return jax.nn.relu(x)


def integer(x: jax.Array) -> jax.Array:
    return jnp.sum(x).astype(int)


def nothing(x: jax.Array) -> None:
    return None


def two(x: jax.Array) -> Any:
    return jnp.sum(x), x


@pytest.mark.parametrize(
    ("fun", "message"),
    [
        (
            not_scalar,
            r"not_scalar, which returns float32\[4, 3\]; expected a function that returns its loss, one float\.$",
        ),
        (integer, r"integer, which returns int32\[\]; expected a function that returns its loss, one float\.$"),
        (nothing, r"nothing, which returns no array; expected a function that returns its loss, one float\.$"),
        (two, r"two, which returns float32\[\], float32\[4, 3\]; expected a function that returns its loss, one float"),
    ],
)
def test_a_loss_is_one_float(fun: Any, message: str) -> None:
    for caller, call in (
        ("probe", lambda: probe(fun, grad=True)(X)),
        ("value_and_grad", lambda: value_and_grad(fun)(X)),
    ):
        with pytest.raises(TypeError, match=rf"^{caller} was called with {message}"):
            call()


def test_an_auxiliary_output_is_named() -> None:
    ((value, _), gradient), _ = value_and_grad(two, has_aux=True)(X)
    assert value == X.size
    np.testing.assert_array_equal(gradient, X)


@pytest.mark.parametrize("fun", [branching, lambda x: x[: int(x.sum())], lambda x: x[x > 0], lambda x: np.asarray(x)])
def test_a_function_that_cannot_be_traced_is_refused(fun: Any) -> None:
    message = (
        r"^probe was called with .*, which cannot be traced \(\w+: .*\); expected a function that jax.jit accepts\.$"
    )
    with pytest.raises(TypeError, match=message):
        probe(fun)(X)


def test_errors_of_the_function_are_its_own() -> None:
    with pytest.raises(TypeError, match="dot_general"):
        probe(lambda x: x @ x)(X)
    with pytest.raises(ZeroDivisionError):
        probe(lambda x: 1 / 0)(X)


@pytest.mark.parametrize("caller", [probe, value_and_grad])
def test_only_functions_are_probed(caller: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"^{caller.__name__} was called with 'relu'; expected a function of arrays\.$"
    ):
        caller("relu")(X)


def test_a_function_without_activations_has_no_sites() -> None:
    out, sites = probe(lambda x: x + 1)(X)
    np.testing.assert_array_equal(out, X + 1)
    assert (len(sites), repr(sites)) == (0, "no sites")
    with pytest.raises(KeyError, match="no site is called 'relu'; there are none"):
        sites["relu"]
    with pytest.raises(KeyError, match="no site is called 'tanh'; there are relu"):
        probe(jax.nn.relu)(X)[1]["tanh"]


def test_a_model_without_parameters_has_an_empty_gradient() -> None:
    model = eqx.nn.Lambda(jax.nn.relu)
    (value, gradient), sites = value_and_grad(lambda model, x: jnp.sum(model(x)))(model, X)
    assert value == X.size
    assert jax.tree.leaves(gradient) == []
    assert sites["relu"].output_cotangent is not None
    integers = value_and_grad(lambda counts, x: jnp.sum(jax.nn.relu(x)) + counts.sum().astype("float32"))
    assert integers(jnp.arange(3), X)[0][1] is None


def test_a_loss_that_stops_the_gradient_has_gradients_of_zero() -> None:
    sites = probe(lambda x: jax.lax.stop_gradient(jnp.sum(jax.nn.relu(x))), grad=True)(X)[1]
    cotangent = sites["relu"].output_cotangent
    assert cotangent is not None
    assert cotangent.squares == 0


def test_gain_needs_gradients() -> None:
    with pytest.raises(ValueError, match=r"expected probe\(\.\.\., grad=True\)\.$"):
        _ = probe(jax.nn.relu)(X)[1]["relu"].local_gain


def test_statistics_of_other_sites_do_not_merge() -> None:
    with pytest.raises(ValueError, match=r"expected those of the same sites\.$"):
        merge(probe(jax.nn.relu)(X)[1], probe(lambda x: jnp.tanh(jax.nn.relu(x)))(X)[1])


@pytest.mark.parametrize("name", ["", 3, None])
def test_tags_have_names(name: Any) -> None:
    with pytest.raises(TypeError, match=r"^tag was called with name=.*; expected a string that is not empty\.$"):
        tag(X, name)
