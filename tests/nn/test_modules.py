"""The modules under the transformations of JAX and Equinox, their formulas, and their errors."""

import copy
import functools
import io
import pickle
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import eight_devices
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxact
from experiments.instruments.readmes.modules import modules as table
from jaxact import nn
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
    RReLU,
    Snake,
    Softplus,
    SReLU,
    SwiGLU,
    Swish,
    TemperatureSoftmax,
)
from jaxact.nn._parametric import Parametric

KEY = jax.random.key(0)
X = jnp.asarray([-2.2, -0.6, 0.3, 1.4, 2.7])
IMAGE = jnp.asarray(np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32"))


def with_key(make: Any) -> Any:
    return functools.partial(make, key=KEY)


ELEMENTWISE: dict[str, Any] = {
    **{kind.__name__: kind for kind in (PReLU, Swish, Softplus, PELU, XIELU, SReLU, Snake, Rational, DynamicTanh)},
    "APL": with_key(APL),
}
MODULES: dict[str, tuple[Callable[[], Any], jax.Array]] = {
    **{f"{name} shared": (kind, X) for name, kind in ELEMENTWISE.items()},
    **{f"{name} per channel": (functools.partial(kind, 5), X) for name, kind in ELEMENTWISE.items()},
    "TemperatureSoftmax": (TemperatureSoftmax, X),
    "TemperatureSoftmax per head": (functools.partial(TemperatureSoftmax, 3), IMAGE),
    "RReLU": (functools.partial(RReLU, inference=True), X),
    "Maxout": (lambda: Maxout(5, 3, key=KEY), X),
    "Maxout of three without bias": (lambda: Maxout(5, 3, 3, use_bias=False, key=KEY), X),
    "ConvMaxout": (lambda: ConvMaxout(2, 3, 4, 3, 3, padding=1, key=KEY), IMAGE),
    **{kind.__name__: (with_key(functools.partial(kind, 5, 6)), X) for kind in (SwiGLU, GEGLU, ReGLU, Bilinear)},
    "Activation": (lambda: Activation(jaxact.elu, alpha=0.5), X),
    "in a Sequential": (
        lambda: eqx.nn.Sequential([eqx.nn.Linear(5, 4, key=KEY), PReLU(4), Maxout(4, 2, key=KEY)]),
        X,
    ),
    "in an MLP": (lambda: eqx.nn.MLP(5, 2, 4, 2, activation=PReLU(), final_activation=Swish(), key=KEY), X),
}
modules = pytest.mark.parametrize(("make", "x"), MODULES.values(), ids=MODULES)
elementwise = pytest.mark.parametrize("kind", ELEMENTWISE.values(), ids=ELEMENTWISE)


def loss(model: Any, x: jax.Array) -> jax.Array:
    return jnp.sum(model(x).astype("float32") ** 2)


def arrays(model: Any) -> list[jax.Array]:
    return jax.tree.leaves(eqx.filter(model, eqx.is_array))


def changed(model: Any, seed: int = 0) -> Any:
    """The model with a small random number added to each parameter, as after training."""
    leaves, tree = jax.tree.flatten(eqx.filter(model, eqx.is_array))
    keys = jax.random.split(jax.random.key(seed), max(len(leaves), 1))
    moved = [
        leaf + 0.1 * jax.random.normal(key, leaf.shape, leaf.dtype) for leaf, key in zip(leaves, keys, strict=False)
    ]
    return eqx.combine(jax.tree.unflatten(tree, moved), model)


@pytest.mark.slow
@modules
def test_jit_grad_vmap_and_ensembles(make: Callable[[], Any], x: jax.Array) -> None:
    model, other = changed(make()), changed(make(), 1)
    np.testing.assert_allclose(eqx.filter_jit(model)(x), model(x), rtol=1e-5, atol=1e-6)
    batch = jnp.stack([x, 2 * x, -x])
    np.testing.assert_allclose(jax.vmap(model)(batch)[1], model(2 * x), rtol=1e-5, atol=1e-6)
    gradient = eqx.filter_jit(eqx.filter_grad(loss))(model, x)
    assert all(jnp.isfinite(leaf).all() for leaf in arrays(gradient))
    assert all(jnp.any(leaf != 0) for leaf in arrays(gradient))
    leaves, rest = eqx.partition(model, eqx.is_array)
    stacked = jax.tree.map(lambda *leaf: jnp.stack(leaf), leaves, eqx.filter(other, eqx.is_array))
    ensemble = jax.vmap(lambda leaves, x: eqx.combine(leaves, rest)(x))(stacked, batch[:2])
    np.testing.assert_allclose(ensemble[1], other(2 * x), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@modules
def test_serialisation_copies_and_pickles(make: Callable[[], Any], x: jax.Array) -> None:
    model, other = make(), changed(make())
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, other)
    file.seek(0)
    assert eqx.tree_equal(eqx.tree_deserialise_leaves(file, model), other)
    assert eqx.tree_equal(copy.deepcopy(model), model)
    assert eqx.tree_equal(pickle.loads(pickle.dumps(model)), model)


@pytest.mark.slow
@modules
def test_results_have_the_type_of_x_and_gradients_that_of_the_parameters(make: Callable[[], Any], x: jax.Array) -> None:
    model = make()
    if isinstance(model, eqx.nn.Sequential | eqx.nn.MLP):
        pytest.skip("eqx.nn.Linear wants its own type")

    @eqx.filter_jit
    def value_and_slopes(model: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return model(x), eqx.filter_grad(loss)(model, x)

    for dtype, of_parameters in (("bfloat16", "float32"), ("float32", "bfloat16"), ("float16", "bfloat16")):
        narrow = jax.tree.map(lambda leaf: leaf.astype(of_parameters) if eqx.is_array(leaf) else leaf, model)  # noqa: B023
        y, gradient = value_and_slopes(narrow, x.astype(dtype))
        assert y.dtype == dtype
        assert {str(leaf.dtype) for leaf in arrays(gradient)} <= {of_parameters}
        assert all(jnp.isfinite(leaf).all() for leaf in arrays(gradient))
        np.testing.assert_allclose(y.astype("float32"), model(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("make", [*ELEMENTWISE.values(), TemperatureSoftmax])
def test_parameters_have_the_requested_type(make: Any) -> None:
    for dtype in (jnp.bfloat16, jnp.float32):
        assert {leaf.dtype for leaf in arrays(make(3, dtype=dtype))} == {jnp.dtype(dtype)}
    assert not any(leaf.weak_type for leaf in arrays(make()) + arrays(make(3)))


ALL: dict[str, Any] = {
    **{name: functools.partial(kind, 3) for name, kind in ELEMENTWISE.items()},
    "TemperatureSoftmax": functools.partial(TemperatureSoftmax, 3),
    "Maxout": functools.partial(Maxout, 5, 3, key=KEY),
    "ConvMaxout": functools.partial(ConvMaxout, 1, 3, 4, 3, key=KEY),
    **{kind.__name__: functools.partial(kind, 5, 6, key=KEY) for kind in (SwiGLU, GEGLU, ReGLU, Bilinear)},
}


@pytest.mark.parametrize(("name", "make"), ALL.items(), ids=ALL)
def test_parameters_are_floats(name: str, make: Any) -> None:
    assert {leaf.dtype for leaf in arrays(make(dtype=np.float16))} == {np.dtype("float16")}
    for dtype in (int, "int32", bool, complex, "flaot32", 3):
        with pytest.raises(TypeError, match=f"{name} was called with dtype = .*; expected a type of floats"):
            make(dtype=dtype)


INITIAL: list[tuple[Any, str]] = [
    *((kind, "init") for kind in (PReLU, Swish, Softplus, Snake, DynamicTanh, TemperatureSoftmax)),
    *((PELU, name) for name in ("init_a", "init_b")),
    *((XIELU, name) for name in ("init_alpha_p", "init_alpha_n")),
    *((SReLU, name) for name in ("init_t_left", "init_a_left", "init_t_right", "init_a_right")),
]


@pytest.mark.parametrize(("kind", "name"), INITIAL)
def test_initial_values_may_be_traced_and_have_to_be_numbers(kind: Any, name: str) -> None:
    values = jnp.asarray([0.7, 1.5])
    make = lambda value: kind(3, **{name: value})  # noqa: E731
    for ensemble in (eqx.filter_vmap(make)(values), eqx.filter_jit(eqx.filter_vmap(make))(values)):
        for i, value in enumerate(values.tolist()):
            for got, want in zip(arrays(ensemble), arrays(make(value)), strict=True):
                np.testing.assert_allclose(got[i], want, rtol=1e-6)
    assert all(jnp.all(leaf == other) for leaf, other in zip(arrays(make(1)), arrays(make(1.0)), strict=True))
    for wrong in ("a", None, [0.5], 1j):
        with pytest.raises(TypeError, match=f"{kind.__name__} was called with {name} .*; expected"):
            make(wrong)


@pytest.mark.parametrize(
    ("make", "flag"),
    [
        *((make, "use_bias") for name, make in ALL.items() if "max" in name.lower() and name != "TemperatureSoftmax"),
        *(
            (ALL[name], flag)
            for name in ("SwiGLU", "GEGLU", "ReGLU", "Bilinear")
            for flag in ("use_bias", "two_thirds")
        ),
        (RReLU, "inference"),
    ],
)
def test_flags_are_bools(make: Any, flag: str) -> None:
    for wrong in ("no", 1, None, jnp.ones(2)):
        with pytest.raises(TypeError, match=f"was called with {flag} = .*; expected True or False"):
            make(**{flag: wrong})
    assert eqx.tree_equal(make(**{flag: np.bool_(True)}), make(**{flag: True}))


@pytest.mark.slow
@eight_devices
@modules
def test_batches_stay_on_their_devices(make: Callable[[], Any], x: jax.Array) -> None:
    model = changed(make())
    mesh = Mesh(np.asarray(jax.devices()), ("batch",))
    assert mesh.size == 8
    batch = jnp.stack([x * scale for scale in range(8)])
    split = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("batch")))
    compiled = jax.jit(lambda x: jax.vmap(model)(x)).lower(split).compile()
    y = compiled(split)
    assert y.sharding.is_equivalent_to(split.sharding, y.ndim)
    assert "all-gather" not in str(compiled.as_text())
    np.testing.assert_allclose(y[3], model(batch[3]), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@eight_devices
@elementwise
def test_channels_stay_on_their_devices(kind: Any) -> None:
    mesh = Mesh(np.asarray(jax.devices()), ("channel",))
    model, x = changed(kind(8)), jnp.linspace(-2, 2, 24).reshape(8, 3)
    last = {leaf.ndim: PartitionSpec(*[None] * (leaf.ndim - 1), "channel") for leaf in arrays(model) if leaf.ndim}
    split = jax.tree.map(
        lambda leaf: jax.device_put(leaf, NamedSharding(mesh, last.get(leaf.ndim, PartitionSpec()))), model
    )
    x_split = jax.device_put(x, NamedSharding(mesh, PartitionSpec("channel")))
    compiled = jax.jit(lambda model, x: model(x)).lower(split, x_split).compile()
    y = compiled(split, x_split)
    assert y.sharding.is_equivalent_to(x_split.sharding, y.ndim)
    assert "all-gather" not in str(compiled.as_text())
    np.testing.assert_allclose(y, model(x), rtol=1e-5, atol=1e-6)


@elementwise
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_each_channel_has_its_own_parameters_on_any_axis(kind: Any, axis: int) -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(size=(3, 3, 3)).astype("float32"))
    model = changed(kind(3, channel_axis=axis))
    for channel in range(3):
        one = jax.tree.map(lambda leaf: leaf[..., channel] if leaf.ndim else leaf, model)  # noqa: B023
        alone = jax.tree.unflatten(jax.tree.structure(kind()), jax.tree.leaves(one))
        np.testing.assert_allclose(
            jnp.take(model(x), channel, axis), alone(jnp.take(x, channel, axis)), rtol=1e-6, atol=1e-6
        )


@pytest.mark.slow
@elementwise
def test_each_unit_has_its_own_parameters(kind: Any) -> None:
    model = changed(kind((3, 5, 4)))
    one = jax.tree.map(lambda leaf: leaf[..., 1, 2, 3] if leaf.ndim else leaf, model)
    alone = jax.tree.unflatten(jax.tree.structure(kind()), jax.tree.leaves(one))
    np.testing.assert_allclose(model(IMAGE)[1, 2, 3], alone(IMAGE[1, 2, 3]), rtol=1e-6, atol=1e-6)
    some = kind((5, 4), channel_axis=-2)
    np.testing.assert_allclose(some(IMAGE)[1], some(IMAGE[1]), rtol=1e-6)


@pytest.mark.parametrize("kind", [*ELEMENTWISE.values(), TemperatureSoftmax])
def test_shapes_that_do_not_match_are_refused(kind: Any) -> None:
    name = getattr(kind, "func", kind).__name__
    number: Any
    for number in (0, -1, 2.5, "3", True, (3, 0), [3]):
        sentence = f"{name} was called with num_parameters = .*; expected None or an int >= 1"
        with pytest.raises(ValueError, match=sentence):
            kind(number)
    for shape in ((4,), (4, 3), ()):
        with pytest.raises(
            ValueError,
            match=rf"{name} with parameters of shape \(3,\) along axis 0 was called with an array of shape "
            rf"\(.*; expected size 3 there",
        ):
            kind(3)(jnp.ones(shape))
    with pytest.raises(ValueError, match=r"expected size 3 x 2 there"):
        kind((3, 2), channel_axis=-1)(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        *((functools.partial(kind, init=0.0), "init") for kind in (Softplus, Snake, TemperatureSoftmax)),
        *((functools.partial(PELU, **{name: -1.0}), name) for name in ("init_a", "init_b")),
        (lambda: XIELU(init_alpha_p=float("nan")), "init_alpha_p"),
        (lambda: XIELU(init_alpha_n=0.5, beta=0.5), "init_alpha_n - beta"),
        (lambda: XIELU(beta=0.0), "beta"),
        (lambda: Snake(3, init=jnp.asarray([1.0, 0.0, 2.0])), "init"),
    ],
)
def test_initial_values_that_are_not_positive_are_refused(call: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"was called with {name} = .*; expected a number greater than 0"):
        call()


@pytest.mark.parametrize("value", [1e-6, 0.1, 0.8, 1.0, 50.0, 1e6])
def test_positive_parameters_start_at_their_initial_value_and_stay_positive(value: float) -> None:
    model = Snake(init=value)
    np.testing.assert_allclose(model.alpha, value, rtol=1e-6)
    assert eqx.tree_at(lambda m: m.raw_alpha, model, jnp.float32(-50.0)).alpha > 0
    np.testing.assert_allclose(XIELU(init_alpha_n=value + 0.25, beta=0.25).alpha_n, value + 0.25, rtol=1e-6)
    assert eqx.tree_at(lambda m: m.raw_alpha_n, XIELU(), jnp.float32(-5.0)).alpha_n > 0.5


@pytest.mark.parametrize(
    ("model", "function"),
    [
        (PReLU(), lambda x: jaxact.prelu(x, 0.25)),
        (Swish(), jaxact.silu),
        (Softplus(), jaxact.softplus),
        (PELU(), jaxact.elu),
        (XIELU(), jaxact.xielu),
        (SReLU(), jaxact.leaky_relu),
        (Snake(), jaxact.snake),
        (DynamicTanh(), lambda x: jaxact.tanh(0.5 * x)),
        (TemperatureSoftmax(), jaxact.softmax),
    ],
)
def test_each_starts_as_the_function_of_its_docstring(model: Any, function: Any) -> None:
    x = jnp.linspace(-3, 3, 61)
    np.testing.assert_allclose(model(x), function(x), rtol=1e-5, atol=1e-6)


def numpy_apl(m: Any, x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + sum(a * np.maximum(b - x, 0) for a, b in zip(m.a, m.b, strict=True))


def numpy_srelu(m: Any, x: np.ndarray) -> np.ndarray:
    right, left = m.t_right + m.a_right * (x - m.t_right), m.t_left + m.a_left * (x - m.t_left)
    return np.where(x >= m.t_right, right, np.where(x <= m.t_left, left, x))


def numpy_rational(m: Any, x: np.ndarray) -> np.ndarray:
    q = sum(b * x ** (k + 1) for k, b in enumerate(m.denominator))
    return sum(a * x**j for j, a in enumerate(m.numerator)) / (1 + np.abs(q))


def numpy_pelu(m: Any, x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, m.a / m.b * x, m.a * np.expm1(np.minimum(x, 0) / m.b))


def numpy_dynamic_tanh(m: Any, x: np.ndarray) -> np.ndarray:
    return m.gamma * np.tanh(m.alpha * x) + m.beta


FORMULAS = {
    "APL": (APL(key=KEY), numpy_apl),
    "SReLU": (changed(SReLU()), numpy_srelu),
    "PELU": (PELU(init_a=0.7, init_b=1.6), numpy_pelu),
    "DynamicTanh": (changed(DynamicTanh()), numpy_dynamic_tanh),
    **{
        f"Rational {degrees}": (Rational(degrees=degrees), numpy_rational)
        for degrees in ((5, 4), (3, 2), (2, 3), (4, 4))
    },
}


@pytest.mark.parametrize(("model", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_functions_that_only_a_module_has_follow_their_formula(model: Any, formula: Any) -> None:
    """Values, and slopes by x against central differences in float64; 16-bit results are rounded once."""
    exact = {name: np.asarray(getattr(model, name), np.float64) for name in ("a", "b") if isinstance(model, PELU)}
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), model)

    def at(x: np.ndarray, **given: Any) -> np.ndarray:
        values = {name: getattr(wide, name) for name in vars(wide)} | exact | given
        return np.asarray(formula(type("Values", (), values), x))

    points = np.linspace(-7, 7, 403).astype("float32")
    x, step = points.astype(np.float64), 1e-6
    np.testing.assert_allclose(model(jnp.asarray(points)), at(x), rtol=1e-5, atol=2e-6)
    smooth = np.abs(at(x + 1e-3) - 2 * at(x) + at(x - 1e-3)) < 1e-5  # away from kinks
    slopes = jax.vmap(jax.grad(lambda x: model(x)))(jnp.asarray(points))
    np.testing.assert_allclose(
        slopes[smooth], ((at(x + step) - at(x - step)) / (2 * step))[smooth], rtol=1e-4, atol=1e-5
    )
    for dtype in ("bfloat16", "float16"):
        narrow = jnp.asarray(points).astype(dtype)
        np.testing.assert_array_equal(model(narrow), model(narrow.astype("float32")).astype(dtype))


def test_gradients_of_pelu_follow_its_formula() -> None:
    model = PELU(init_a=0.7, init_b=1.6)
    a, b = float(model.a), float(model.b)
    for x in (-30.0, -1.0, -1e-3, 0.5, 20.0):
        gradient = eqx.filter_grad(lambda m: m(jnp.float32(x)))(model)  # noqa: B023
        slopes = [np.expm1(x / b) if x < 0 else x / b, -a * x / b**2 * (np.exp(x / b) if x < 0 else 1)]
        through = [float(jaxact.sigmoid(raw)) for raw in (model.raw_a, model.raw_b)]
        np.testing.assert_allclose(gradient.raw_a, slopes[0] * through[0], rtol=1e-5)
        np.testing.assert_allclose(gradient.raw_b, slopes[1] * through[1], rtol=1e-5)


@elementwise
def test_nothing_overflows_far_out(kind: Any) -> None:
    model, far = kind(), jnp.asarray([1e4, 1e10, 1e30, -1e4, -1e10, -1e30])
    assert jnp.isfinite(jax.vmap(jax.grad(lambda x: model(x)))(far)).all()
    if not isinstance(model, XIELU):  # its x^2 and its slope by alpha_p do overflow
        assert jnp.isfinite(model(far)).all()
        gradient = jax.vmap(lambda x: eqx.filter_grad(lambda m: m(x))(model))(far)
        assert all(jnp.isfinite(leaf).all() for leaf in arrays(gradient))


@pytest.mark.parametrize("degrees", [(5, 4), (3, 2), (4, 4), (2, 3)])
def test_rational_has_its_limit_far_out(degrees: tuple[int, int]) -> None:
    model, (m, n) = Rational(degrees=degrees), degrees
    far = np.asarray([1e8, 1e20, 3e38, np.inf, -1e8, -1e20, -3e38, -np.inf], "float32")
    lead = float(model.numerator[-1]) / abs(float(model.denominator[-1])) * np.sign(far) ** m  # of x^m over |x|^n
    flushed = 256 * float(np.finfo("float32").tiny)
    np.testing.assert_allclose(model(jnp.asarray(far)), lead * np.abs(far) ** float(m - n), rtol=1e-4, atol=flushed)
    slopes = jax.vmap(jax.grad(lambda x: model(x)))(jnp.asarray(far))
    np.testing.assert_allclose(slopes, lead * np.sign(far) if m > n else np.zeros(8), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("init", [jaxact.relu, jaxact.tanh, jaxact.gelu, jaxact.identity, jnp.abs, jnp.sin, jnp.exp])
def test_initial_coefficients_of_rational_are_a_minimum(init: Any) -> None:
    model = Rational(init=init)
    x = jnp.linspace(-3, 3, 501)

    def error(model: Rational) -> float:
        return float(np.mean((np.asarray(model(x), np.float64) - init(x)) ** 2))

    best = error(model)
    assert best < 1e-3
    for seed in range(30):
        near = jax.tree.map(
            lambda leaf, other: leaf + 0.1 * (other - leaf) * jnp.abs(leaf), model, changed(model, seed)
        )
        assert best < error(near) + 1e-9


def test_rational_takes_a_name() -> None:
    assert eqx.tree_equal(Rational(init="tanh"), Rational(init=jaxact.tanh))
    with pytest.raises(TypeError, match=r"Rational was called with init = 0.1; expected a function or its name"):
        Rational(init=0.1)  # pyright: ignore[reportArgumentType]


def test_rational_can_be_made_under_transformations() -> None:
    made = eqx.filter_vmap(lambda key: Rational(3))(jax.random.split(KEY, 2))
    assert made.numerator.shape == (2, 6, 3)
    assert eqx.filter_eval_shape(Rational, 3).denominator.shape == (4, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"degrees": (5, 0)}, r"degrees = \(5, 0\); expected two ints >= 1"),
        ({"degrees": (5,)}, r"degrees = \(5,\); expected two ints >= 1"),
        ({"interval": (1.0, 1.0)}, "interval = .*; expected two increasing numbers"),
        ({"interval": (0.0, float("inf"))}, "interval = .*; expected two increasing numbers"),
        ({"init": jnp.log}, r"init = .*; expected finite values on \(-3.0, 3.0\)"),
        ({"init": jnp.sum}, "init = .*; expected finite values on"),
    ],
)
def test_rational_refuses_wrong_arguments(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"Rational was called with {said}"):
        Rational(**given)


def test_apl_needs_hinges() -> None:
    hinges: Any
    for hinges in (0, 1.5):
        with pytest.raises(ValueError, match=r"APL was called with hinges = .*; expected an int >= 1"):
            APL(hinges=hinges, key=KEY)


def test_temperatures_are_not_along_the_axis_that_is_summed_over() -> None:
    with pytest.raises(ValueError, match="temperature"):
        TemperatureSoftmax(5)(X)
    np.testing.assert_allclose(TemperatureSoftmax(3, axis=(1))(IMAGE).sum(1), 1, rtol=1e-6)


@pytest.mark.slow
def test_rrelu_draws_with_a_key_and_takes_the_mean_at_inference() -> None:
    x = -jnp.ones(10_000)
    model = RReLU()
    slopes = -model(x, key=KEY)
    assert 1 / 8 <= slopes.min() < 0.13
    assert 0.33 < slopes.max() <= 1 / 3
    assert slopes.mean() == pytest.approx((1 / 8 + 1 / 3) / 2, abs=2e-3)
    np.testing.assert_array_equal(model(-x, key=KEY), -x)
    assert jnp.any(model(x, key=jax.random.key(1)) != -slopes)
    net = eqx.nn.Sequential([model, model])
    np.testing.assert_allclose(eqx.filter_jit(eqx.nn.inference_mode(net))(x), x * (11 / 48) ** 2, rtol=1e-6)
    assert jnp.unique(eqx.filter_jit(net)(x, key=KEY)).size > 9_000
    batch = jax.vmap(lambda x, key: model(x, key=key))(x[:8].reshape(2, 4), jax.random.split(KEY))
    assert jnp.unique(batch).size == 8


def test_rrelu_under_transformations_without_a_filter() -> None:
    x = jnp.linspace(-2, 2, 5)
    call = lambda model, x: jnp.sum(model(x, key=KEY))  # noqa: E731
    for value in (False, True):
        model = eqx.nn.inference_mode(eqx.nn.Sequential([RReLU(inference=not value), PReLU()]), value)
        assert bool(model.layers[0].inference) == value
        assert len(jax.tree.leaves(model)) == 1
        np.testing.assert_allclose(jax.jit(call)(model, x), call(model, x), rtol=1e-6)
        assert jax.tree.structure(jax.grad(call)(model, x)) == jax.tree.structure(model)
        _, totals = jax.lax.scan(lambda model, x: (model, call(model, x)), model, x)
        assert totals.shape == (5,)
        for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert eqx.tree_equal(again, model)
    assert jax.tree.structure(RReLU()) != jax.tree.structure(RReLU(inference=True))
    assert repr(RReLU(inference=True).inference) == "True"


def test_rrelu_refuses_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"RReLU was called without a key; expected key=\.\.\., or inference set by"):
        RReLU()(X)
    with pytest.raises(
        ValueError, match=r"RReLU was called with lower = 0.5 and upper = 0.25; expected lower <= upper"
    ):
        RReLU(0.5, 0.25)


def test_maxout_is_the_maximum_of_affine_functions() -> None:
    model = Maxout(5, 3, 4, key=KEY)
    weight, bias = np.asarray(model.weight), np.asarray(model.bias)
    want = np.max([weight[k] @ X + bias[k] for k in range(4)], axis=0)
    np.testing.assert_allclose(model(X), want, rtol=1e-6)
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == 4 * (5 * 3 + 3)


@pytest.mark.parametrize("negative_slope", [0.0, 0.01])
def test_maxout_becomes_relu_and_leaky_relu(negative_slope: float) -> None:
    """With weight[0] = negative_slope * weight[1], and so the biases: values and gradients, at 10,000 points."""
    layer: Any = eqx.nn.Linear(5, 8, key=KEY)
    model = eqx.tree_at(
        lambda m: (m.weight, m.bias),
        Maxout(5, 8, key=KEY),
        (
            jnp.stack([negative_slope * layer.weight, layer.weight]),
            jnp.stack([negative_slope * layer.bias, layer.bias]),
        ),
    )
    x = jax.random.normal(KEY, (10_000, 5))

    def reference(x: jax.Array) -> jax.Array:
        return jaxact.leaky_relu(layer(x), negative_slope)

    np.testing.assert_allclose(jax.vmap(model)(x), jax.vmap(reference)(x), rtol=1e-4, atol=1e-6)
    slopes = [jax.vmap(jax.grad(lambda x, f=f: f(x).sum()))(x) for f in (model, reference)]
    np.testing.assert_allclose(*slopes, rtol=1e-4, atol=1e-6)


def test_maxout_fits_the_absolute_value_exactly() -> None:
    model = eqx.tree_at(
        lambda m: (m.weight, m.bias), Maxout(1, 1, key=KEY), (jnp.asarray([[[1.0]], [[-1.0]]]), jnp.zeros((2, 1)))
    )
    x = jnp.linspace(-3, 3, 101)[:, None]
    np.testing.assert_array_equal(jax.vmap(model)(x), jnp.abs(x))


def test_conv_maxout_is_maxout_at_each_position() -> None:
    model = ConvMaxout(2, 3, 4, 1, 3, key=KEY)
    weight = jnp.moveaxis(model.conv.weight[:, :, 0, 0].reshape(4, 3, 3), 1, 0)
    assert model.conv.bias is not None
    bias = model.conv.bias.reshape(4, 3).T
    dense = eqx.tree_at(lambda m: (m.weight, m.bias), Maxout(3, 4, 3, key=KEY), (weight, bias))
    places = jax.vmap(jax.vmap(dense, 1, 1), 2, 2)
    np.testing.assert_allclose(model(IMAGE), places(IMAGE), rtol=1e-5, atol=1e-6)
    assert ConvMaxout(1, 3, 4, 5, stride=2, padding="SAME", dilation=2, key=KEY)(IMAGE[..., 0]).shape == (4, 3)


LAYERS: dict[str, tuple[Any, int]] = {
    "Maxout": (Maxout, 3),
    **{kind.__name__: (kind, 2) for kind in (SwiGLU, GEGLU, ReGLU, Bilinear)},
}


@pytest.mark.parametrize(("kind", "sizes"), LAYERS.values(), ids=LAYERS)
def test_layers_refuse_wrong_sizes(kind: Any, sizes: int) -> None:
    for wrong in (0, -1, 1.5, "2"):
        for at in range(sizes):
            given: list[Any] = [4] * sizes
            given[at] = wrong
            with pytest.raises(ValueError, match=f"{kind.__name__} was called with .* = .*; expected an int >= 1"):
                kind(*given, key=KEY)
    for shape in ((2, 5), (4,), ()):
        with pytest.raises(
            ValueError, match=rf"{kind.__name__} was called with an array of shape \(.*; expected \(5,\), one example"
        ):
            kind(5, 3, key=KEY)(jnp.ones(shape))


def test_conv_maxout_refuses_wrong_sizes() -> None:
    sizes: Any
    for sizes in ((0, 3, 4, 3, 2), (2, 0, 4, 3, 2), (2, 3, 0, 3, 2), (2, 3, 4, 3, 0)):
        with pytest.raises(ValueError, match=r"ConvMaxout was called with .* = 0; expected an int >= 1"):
            ConvMaxout(*sizes, key=KEY)
    for shape in ((3, 5), (2, 5, 4), (1, 3, 5, 4)):
        with pytest.raises(
            ValueError, match=r"ConvMaxout was called with an array of shape .*; expected 3 channels and"
        ):
            ConvMaxout(2, 3, 4, 3, key=KEY)(jnp.ones(shape))


@pytest.mark.parametrize(
    ("kind", "gate"),
    [(SwiGLU, jax.nn.silu), (GEGLU, lambda x: jax.nn.gelu(x, False)), (ReGLU, jax.nn.relu), (Bilinear, lambda x: x)],
)
def test_gated_blocks_follow_the_paper(kind: Any, gate: Any) -> None:
    model = kind(5, 9, 2, use_bias=True, key=KEY)
    layers = {name: (np.asarray(layer.weight), np.asarray(layer.bias)) for name, layer in vars(model).items()}
    gated, up = ((weight @ X + bias) for weight, bias in (layers["gate"], layers["up"]))
    want = layers["down"][0] @ (gate(gated) * up) + layers["down"][1]
    np.testing.assert_allclose(model(X), want, rtol=1e-5, atol=1e-6)


def test_two_thirds_of_the_width_keep_the_number_of_parameters() -> None:
    plain = eqx.nn.MLP(768, 768, 3072, 1, use_bias=False, use_final_bias=False, key=KEY)
    model = SwiGLU(768, 3072, two_thirds=True, key=KEY)
    assert model.gate.out_features == 2048  # the paper's numbers
    assert sum(map(jnp.size, arrays(model))) == sum(map(jnp.size, arrays(plain)))
    with pytest.raises(ValueError, match=r"SwiGLU was called with 2 \* hidden_features // 3 = 0; expected an int >= 1"):
        SwiGLU(4, 1, two_thirds=True, key=KEY)


def net() -> Any:
    layers = [
        eqx.nn.Linear(5, 4, key=KEY),
        *(kind(4) for kind in ELEMENTWISE.values()),
        Maxout(4, 4, key=KEY),
        eqx.nn.PReLU(),
        SwiGLU(4, 6, key=KEY),
        Activation(jaxact.relu),
        RReLU(inference=True),
        TemperatureSoftmax(),
    ]
    return eqx.nn.Sequential(layers)


@pytest.mark.slow
def test_weight_decay_stays_off_activations() -> None:
    model = net()
    params = eqx.filter(model, eqx.is_array)
    mask = nn.decay_mask(model)
    assert jax.tree.structure(mask) == jax.tree.structure(params)
    assert eqx.tree_equal(mask, nn.decay_mask(params))
    decay = optax.chain(optax.add_decayed_weights(0.5, mask), optax.scale(-1.0))
    no_gradient = jax.tree.map(jnp.zeros_like, params)
    for optimiser in (decay, optax.adamw(0.5, weight_decay=1.0, mask=nn.decay_mask)):
        with jax.numpy_dtype_promotion("standard"):  # which optax needs
            updates, _ = optimiser.update(no_gradient, optimiser.init(params), params)
        after = eqx.apply_updates(model, updates)
        for before, now in zip(model.layers, after.layers, strict=True):
            learns = isinstance(before, Parametric | eqx.nn.PReLU)
            for old, new in zip(arrays(before), arrays(now), strict=True):
                np.testing.assert_allclose(new, old if learns else 0.5 * old, rtol=1e-6)


def test_an_activation_can_be_transformed_where_a_bare_function_cannot() -> None:
    model = eqx.nn.MLP(
        5, 1, 4, 2, activation=Activation(jaxact.elu, alpha=0.5), final_activation=Activation(jnp.tanh), key=KEY
    )
    np.testing.assert_allclose(jax.jit(lambda model, x: model(x))(model, X), model(X), rtol=1e-6)
    gradient = jax.grad(loss)(model, X)
    assert jax.tree.structure(gradient) == jax.tree.structure(model)
    bare = eqx.tree_at(lambda m: m.activation, model, jaxact.elu, is_leaf=lambda node: isinstance(node, Activation))
    with pytest.raises(TypeError, match="abstract array"):
        jax.jit(lambda model, x: model(x))(bare, X)

    def step(model: Any, x: jax.Array) -> tuple[Any, jax.Array]:
        value, slopes = jax.value_and_grad(loss)(model, x)
        return jax.tree.map(lambda leaf, slope: leaf - 0.01 * slope, model, slopes), value

    trained, losses = jax.lax.scan(step, model, jnp.broadcast_to(X, (20, 5)))
    assert losses[-1] < losses[0]
    assert trained.activation == model.activation


def test_activations_are_equal_and_hash_alike_for_equal_functions_and_parameters() -> None:
    one, same = Activation(jaxact.leaky_relu, negative_slope=0.1), Activation(jaxact.leaky_relu, negative_slope=0.1)
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, Activation(jaxact.leaky_relu), Activation(jaxact.relu)}) == 3
    assert (
        one == Activation(jaxact.get("leaky_relu", negative_slope=0.1)) == Activation("LeakyReLU", negative_slope=0.1)
    )
    assert one != Activation(jaxact.leaky_relu, negative_slope=0.2)
    assert jax.tree.leaves(one) == []
    assert "leaky_relu" in repr(one)
    assert "negative_slope', 0.1" in repr(one)
    np.testing.assert_array_equal(one(X), jaxact.leaky_relu(X, 0.1))
    for fn in (jax.nn.relu, jax.nn.gelu, jnp.sin, lambda x: 2 * x, jnp.add.reduce):
        model = Activation(fn)
        np.testing.assert_array_equal(model(X), fn(X))
        assert eqx.tree_equal(copy.deepcopy(model), model)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Activation(jaxact.elu, slope=0.1), r"slope=0.1 for elu\(x, alpha=1.0\): .*unexpected keyword"),
        (lambda: Activation(jaxact.elu, x=0.1), r"x=0.1 for elu\(x, alpha=1.0\): .*multiple values"),
        (
            lambda: Activation(jaxact.prelu),
            r"no parameters for prelu\(x, alpha\): missing a required argument: 'alpha'",
        ),
        (lambda: Activation(jaxact.elu, alpha=jnp.ones(3)), r"alpha = an array of shape \(3,\); expected a hashable"),
        (lambda: Activation(jaxact.elu, alpha=np.ones(())), r"alpha = an array of shape \(\); expected a hashable"),
        (lambda: Activation(jaxact.elu, alpha=[1.0]), r"alpha = \[1.0\]; expected a hashable constant"),
        (lambda: Activation(PReLU()), "fn = PReLU.*; expected a function without arrays"),
        (lambda: Activation(3), "fn = 3; expected a function without arrays"),  # type: ignore[arg-type]
    ],
)
def test_an_activation_refuses_wrong_arguments(call: Any, said: str) -> None:
    with pytest.raises(TypeError, match=f"Activation was called with {said}"):
        call()


@pytest.mark.slow
def test_the_table_has_every_module_and_counts_its_parameters() -> None:
    rows = {cells[1].strip(" `"): cells for cells in (line.split("|") for line in table().splitlines()[2:])}
    kinds = {name for name in dir(nn) if isinstance(getattr(nn, name), type)}
    assert set(rows) == kinds
    added = {name: cells[3].strip() for name, cells in rows.items()}
    assert (added["PReLU"], added["SReLU"]) == ("1, or d per channel", "4, or 4d per channel")
    assert (added["DynamicTanh"], added["RReLU"]) == ("3, or 2d + 1 per channel", "0")
    assert (added["Maxout"], added["SwiGLU"]) == ("d^2 + d", "4d^2, or 0 with two_thirds")
