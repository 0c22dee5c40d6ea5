"""Each module that learns, on a task that it solves only by learning its parameters."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxact
from jaxact.nn import (
    APL,
    GEGLU,
    PELU,
    XIELU,
    Activation,
    Bilinear,
    ConvMaxout,
    DynamicTanh,
    Maxout,
    PReLU,
    Rational,
    ReGLU,
    Snake,
    Softplus,
    SReLU,
    SwiGLU,
    Swish,
    TemperatureSoftmax,
)

KEY = jax.random.key(0)
X = jnp.linspace(-3, 3, 64)[:, None]


def error(model: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    """The root of the mean squared error."""
    return jnp.sqrt(jnp.mean((jax.vmap(model)(x) - y) ** 2))


@eqx.filter_jit
def trained(model: Any, x: jax.Array, y: jax.Array, rate: float = 0.1, steps: int = 2000) -> Any:
    """The model after Adam has minimised the mean squared error, with a learning rate that decays to 0."""
    params, rest = eqx.partition(model, eqx.is_array)
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def loss(params: Any) -> jax.Array:
        return jnp.mean((jax.vmap(eqx.combine(params, rest))(x) - y) ** 2)

    def step(state: Any, _: None) -> tuple[Any, None]:
        params, optimiser_state = state
        gradient = jax.grad(loss)(params)
        with jax.numpy_dtype_promotion("standard"):  # which optax needs
            updates, optimiser_state = optimiser.update(gradient, optimiser_state)
        return (optax.apply_updates(params, updates), optimiser_state), None

    (params, _), _ = jax.lax.scan(step, (params, optimiser.init(params)), length=steps)
    return eqx.combine(params, rest)


def with_values(model: Any, **values: Any) -> Any:
    return eqx.tree_at(
        lambda m: [getattr(m, name) for name in values], model, [jnp.float32(v) for v in values.values()]
    )


GENERATING: dict[str, tuple[Any, Any, dict[str, float]]] = {
    # the model at the start, the model that made the data, and the parameters to find
    "PReLU": (PReLU(), PReLU(init=-0.7), {"alpha": -0.7}),
    "PReLU above 1": (PReLU(), PReLU(init=1.5), {"alpha": 1.5}),  # max(x, alpha * x) would not find it
    "Swish": (Swish(), Swish(init=-2.5), {"beta": -2.5}),
    "Softplus": (Softplus(), Softplus(init=4), {"beta": 4}),
    "PELU": (PELU(), PELU(init_a=0.5, init_b=2), {"a": 0.5, "b": 2}),
    "XIELU": (XIELU(), XIELU(init_alpha_p=0.2, init_alpha_n=1.5), {"alpha_p": 0.2, "alpha_n": 1.5}),
    "SReLU": (
        SReLU(),
        SReLU(init_t_left=-1, init_a_left=0.3, init_t_right=0.5, init_a_right=-0.5),
        {"t_left": -1, "a_left": 0.3, "t_right": 0.5, "a_right": -0.5},
    ),
    "DynamicTanh": (
        DynamicTanh(),
        with_values(DynamicTanh(), alpha=1.7, gamma=2, beta=0.4),
        {"alpha": 1.7, "gamma": 2, "beta": 0.4},
    ),
}


@pytest.mark.parametrize(("start", "source", "values"), GENERATING.values(), ids=GENERATING)
def test_the_parameters_that_made_the_data_are_found(start: Any, source: Any, values: dict[str, float]) -> None:
    y = jax.vmap(source)(X)
    assert error(start, X, y) > 0.1
    model = trained(start, X, y, steps=5000)
    for name, value in values.items():
        assert getattr(model, name) == pytest.approx(value, abs=1e-2)


def test_each_channel_finds_its_own_slope() -> None:
    x = jnp.broadcast_to(X, (64, 3))
    slopes = jnp.asarray([-0.5, 0.1, 2.0])
    model = trained(PReLU(3), x, jax.vmap(lambda x: jaxact.prelu(x, slopes))(x))
    np.testing.assert_allclose(model.alpha, slopes, atol=1e-3)


def test_a_temperature_calibrates() -> None:
    """Logits that are three times too large, and the right probabilities."""
    logits = jax.random.normal(KEY, (64, 5))
    model = trained(TemperatureSoftmax(), 3 * logits, jax.nn.softmax(logits), steps=500)
    assert model.temperature == pytest.approx(3, abs=1e-2)


@pytest.mark.parametrize("function", [jnp.sin, lambda x: 1 / (1 + 4 * x * x), jaxact.mish])
def test_rational_fits_a_function_it_did_not_start_as(function: Any) -> None:
    y = function(X)
    assert error(Rational(), X, y) > 0.1
    assert error(trained(Rational(), X, y, rate=0.02), X, y) < 0.03


def test_apl_fits_a_function_that_is_neither_convex_nor_concave() -> None:
    y = jaxact.relu(X) + 0.8 * jaxact.relu(-X) - 1.6 * jaxact.relu(-1 - X)
    assert error(jaxact.relu, X, y) > 0.1
    assert error(trained(APL(key=KEY), X, y), X, y) < 0.03


class Wave(eqx.Module):
    """A linear layer of an activation and of its input."""

    activation: Any
    linear: eqx.nn.Linear

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.linear(jnp.concatenate([self.activation(x), x]))


def test_snake_extrapolates_a_sine() -> None:
    x, beyond = jnp.linspace(-2, 2, 128)[:, None], jnp.linspace(6, 12, 128)[:, None]

    def wave(x: jax.Array) -> jax.Array:
        return jnp.sin(2.4 * x + jnp.pi / 2)

    def error_beyond(activation: Any) -> jax.Array:
        model = trained(Wave(activation, eqx.nn.Linear(2, 1, key=KEY)), x, wave(x))
        return error(model, beyond, wave(beyond))

    assert error_beyond(Snake()) < 0.02
    assert error_beyond(jaxact.snake) > 0.5  # the same without a learnt alpha


def test_maxout_learns_the_absolute_value() -> None:
    assert error(trained(Maxout(1, 1, key=KEY), X, jnp.abs(X)), X, jnp.abs(X)) < 1e-3


def test_maxout_learns_a_convex_function() -> None:
    """x^2 / 3 by the sum of 8 outputs of two pieces, to 1 % of its largest value."""
    y = X**2 / 3
    model = eqx.nn.Sequential([Maxout(1, 8, key=KEY), Activation(jnp.sum, keepdims=True)])
    assert error(model, X, y) > 0.1
    assert error(trained(model, X, y), X, y) < 0.03


def test_conv_maxout_learns_the_height_of_an_edge() -> None:
    x = jax.random.normal(KEY, (32, 1, 9))
    y = jnp.abs(x[..., 1:] - x[..., :-1])
    assert error(trained(ConvMaxout(1, 1, 1, 2, key=KEY), x, y), x, y) < 1e-2


@pytest.mark.parametrize("kind", [SwiGLU, GEGLU, ReGLU, Bilinear])
def test_gated_blocks_learn_a_product(kind: Any) -> None:
    x = jax.random.normal(KEY, (128, 2))
    y = x[:, :1] * x[:, 1:]
    assert error(trained(kind(2, 8, 1, key=KEY), x, y), x, y) < 0.05
