"""Residuals are as small as possible, and give the same slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ELEMENTWISE, ON_CPU, common

import jaxact
from experiments.instruments import costs
from experiments.instruments.peers import JAX_NN
from jaxact import Facts

pytestmark = pytest.mark.optimised


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@common(ELEMENTWISE)
def test_bytes_per_element(facts: Facts, dtype: str) -> None:
    f = costs.at_defaults(facts)
    size = costs.residual_bytes(f, dtype)
    assert size <= (1 if costs.piecewise_linear(f) else jnp.finfo(dtype).bits / 8)
    if dtype == "float32" and facts.name in JAX_NN:
        assert size <= costs.residual_bytes(costs.at_defaults(facts, JAX_NN[facts.name]), dtype)


def test_what_is_counted() -> None:
    assert costs.residual_bytes(jnp.sin) == 4  # its cosine
    assert costs.residual_bytes(lambda x: 2 * x) == 0
    assert costs.residual_bytes(jnp.exp) == 0  # its output
    assert costs.residual_bytes(lambda x: jnp.where(x > 0, x, 0)) == 1 + 4  # and an array of zeros
    assert costs.piecewise_linear(jnp.abs)
    assert not costs.piecewise_linear(jnp.square)
    assert costs.operations(jnp.sin)["transcendentals"] == 2
    assert costs.equations(lambda x: jax.jit(lambda x: x * x)(x) + 1)[0] == 2
    if ON_CPU:  # XLA fuses other things on a GPU
        assert costs.arrays_per_layer(jnp.tanh) == pytest.approx(17 / 16, abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_residual_of_losses_and_softmax_is_one_array(dtype: str) -> None:
    """The input or, in float32, the output, which the next layer stores anyway."""
    logits = jax.random.normal(jax.random.key(0), (8, 512)).astype(dtype)
    labels = jnp.arange(8)
    for f in (
        jaxact.softmax,
        jaxact.log_softmax,
        lambda x: jaxact.cross_entropy_from_logits(x, labels),
        lambda x: jaxact.entropy_from_logits(x),
    ):
        y, pull = jax.vjp(f, logits)
        (residual,) = {array.unsafe_buffer_pointer() for array in jax.tree.leaves(pull) if array.size > 8}
        output = y.unsafe_buffer_pointer() if dtype == "float32" else None
        assert residual in (logits.unsafe_buffer_pointer(), output)


@pytest.mark.parametrize("facts", ELEMENTWISE, ids=lambda facts: facts.name)
def test_the_residual_with_learnt_parameters_is_x(facts: Facts) -> None:
    values = {name: 0.5 for name in facts.parameters}
    if not values:
        return
    x = jnp.linspace(-3, 3, 1024)
    _, pull = jax.vjp(lambda x, given: facts.function(x, **given), x, values)
    assert sum(array.nbytes for array in jax.tree.leaves(pull) if array.size >= x.size) <= 4 * x.size


def test_the_residual_of_leaky_relu_is_a_byte_if_the_output_does_not_tell_the_side() -> None:
    x = jnp.linspace(-3, 3, 1024)
    for leak in (-0.5, jnp.float32(-0.5)):
        f = lambda x, leak=leak: jaxact.leaky_relu(x, leak)  # noqa: E731
        assert costs.residual_bytes(f) == 1
        np.testing.assert_array_equal(jax.vmap(jax.grad(f))(x), jnp.where(x > 0, 1, -0.5))
    assert costs.residual_bytes(lambda x: jaxact.leaky_relu(x, 0.5)) == 0
