"""An activation is a plain Python function: typed, documented, comparable, picklable, and one dispatch when called."""

import copy
import functools
import inspect
import pickle
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import call, common, first, functions, required, reverse

import jaxact
from jaxact import CATALOGUE, Facts, slope

ROOT = Path(__file__).parents[2]


@functions
def test_it_is_a_plain_function_of_the_package(facts: Facts) -> None:
    function = facts.function
    assert inspect.isfunction(function)
    assert getattr(jaxact, facts.name) is function
    assert (function.__module__, function.__name__, function.__qualname__) == ("jaxact", facts.name, facts.name)
    assert repr(function).startswith(f"<function {facts.name} ")
    assert all(typing.get_type_hints(function).values())


@functions
def test_pickle_copy_and_compare(facts: Facts) -> None:
    function = facts.function
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is copy.copy(function) is function
    partial = pickle.loads(pickle.dumps(functools.partial(function, **required(facts))))
    np.testing.assert_array_equal(partial(**{first(facts): jnp.arange(4.0)}), call(facts)(jnp.arange(4.0)))


@functions
def test_a_model_that_holds_it_pickles_and_equals_its_copy(facts: Facts) -> None:
    # Equinox's own default for final_activation is a lambda, which does not pickle.
    linear = functools.partial(eqx.nn.MLP, 2, 2, 4, 1, final_activation=jaxact.identity)
    model = linear(activation=facts.function, key=jax.random.key(0))
    assert eqx.tree_equal(pickle.loads(pickle.dumps(model)), model)
    assert eqx.tree_equal(copy.deepcopy(model), model)


@functions
def test_docstring_has_the_formula_and_every_parameter(facts: Facts) -> None:
    doc = inspect.getdoc(facts.function) or ""
    assert doc.splitlines()[0].startswith(f"{facts.name}(")
    for parameter in list(inspect.signature(facts.function).parameters)[1:]:
        assert f"\n    {parameter}: " in doc, f"{facts.name}'s docstring does not explain {parameter}"
    assert facts.source.startswith("https://")


@functions
def test_an_eager_call_compiles_once_and_dispatches_once(facts: Facts) -> None:
    x = jnp.arange(4.0)
    equations = jax.make_jaxpr(call(facts))(x).eqns
    assert [(equation.primitive.name, equation.params["name"]) for equation in equations] == [("jit", facts.name)]


@functions
def test_name_agrees_with_jax_nn_where_jax_nn_has_it(facts: Facts) -> None:
    """The same parameters in the same order, so that `import jaxact as nn` is a drop-in; further ones come after."""
    if (theirs := getattr(jax.nn, facts.name, None)) is None:
        pytest.skip("not in jax.nn")
    ours = [(p.name, p.default) for p in inspect.signature(facts.function).parameters.values()]
    parameters = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values()]
    assert ours[: len(parameters)] == parameters
    assert all(default is not inspect.Parameter.empty for _, default in ours[len(parameters) :])
    x = jnp.linspace(-5, 5, 64).reshape(8, 8)
    np.testing.assert_allclose(facts.function(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_nothing_else_is_public() -> None:
    assert jaxact.nn.PReLU().alpha == 0.25
    assert jaxact.init.gain(jaxact.identity) == pytest.approx(1)
    assert callable(jaxact.probe.probe)
    packages = {"init", "nn", "probe"}
    others = {"CATALOGUE", "Facts", "PEERS", "Peer", "config", "get", "hard_swish", "jet", "slope"}
    assert {name for name in vars(jaxact) if not name.startswith("_")} == {*CATALOGUE, *others, *packages}
    with pytest.raises(AttributeError, match="module 'jaxact' has no attribute 'relux'"):
        getattr(jaxact, "relux")  # noqa: B009


def test_every_name_of_jax_nn_is_here() -> None:
    names = {name for name in dir(jax.nn) if not name.startswith("_")}
    assert names <= {*dir(jaxact)}
    assert {"one_hot", "standardize", "initializers", "dot_product_attention"} <= names
    for name in names - {*vars(jaxact)}:
        assert getattr(jaxact, name) is getattr(jax.nn, name)
    from jaxact import one_hot

    assert one_hot is jax.nn.one_hot
    hidden = {name for name in dir(jax.nn) if name.startswith("_") and not name.startswith("__")}
    assert not hidden & {*dir(jaxact)}


def test_dir_lists_the_packages_that_are_imported_on_first_use() -> None:
    code = "import sys, jaxact; print({'init', 'nn'} - {*dir(jaxact)}, {'jaxact.init', 'jaxact.nn'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set() set()"


def test_the_version_is_read_from_the_package() -> None:
    """By hatchling, which searches the file for a line of this form."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["dynamic"] == ["version"]
    file = ROOT / settings["tool"]["hatch"]["version"]["path"]
    assert re.findall(r'^__version__ = "(\d+\.\d+\.\d+)"$', file.read_text(), re.MULTILINE) == [jaxact.__version__]


PRIVATE = re.compile(rb"jaxact(\.\w+)*\._")
PUBLIC = {
    f"{package.__name__}.{name}": value
    for package in (jaxact, jaxact.nn, jaxact.init)
    for name, value in vars(package).items()
    if not name.startswith("_") and callable(value)
}


@pytest.mark.parametrize("path", PUBLIC)
def test_public_names_are_documented_and_pickles_name_no_private_file(path: str) -> None:
    value = PUBLIC[path]
    assert inspect.getdoc(value)
    assert re.search(rf"^(def|class) {value.__name__}\b", inspect.getsource(value), re.MULTILINE)
    assert pickle.loads(pickle.dumps(value)) is copy.deepcopy(value) is value
    if inspect.isfunction(value):
        assert value.__module__ == path.rpartition(".")[0]
    assert not PRIVATE.search(pickle.dumps(value))


def test_pickles_of_objects_name_no_private_file() -> None:
    draws = jaxact.init.initializer("relu"), jaxact.init.orthogonal("relu")
    model = eqx.nn.Linear(2, 2, key=jax.random.key(0))
    _, report = jaxact.init.reinitialise(model, jax.random.key(0), "relu")
    point, modules = (
        jaxact.init.edge_of_chaos("relu"),
        (jaxact.nn.PReLU(3), jaxact.nn.Activation(jaxact.elu, alpha=0.5)),
    )
    for value in (CATALOGUE, *modules, *draws, jaxact.PEERS, report, report.layers[0], point):
        assert not PRIVATE.search(pickle.dumps(value))
    for value in (jaxact.PEERS, report, point):
        assert pickle.loads(pickle.dumps(value)) == value


class Subclass(jaxact.nn.PReLU):
    """A module of a user, which pickles by its own module."""


def test_a_subclass_of_a_module_pickles() -> None:
    assert pickle.loads(pickle.dumps(Subclass)) is Subclass
    assert eqx.tree_equal(pickle.loads(pickle.dumps(Subclass())), Subclass())


@common(CATALOGUE.values())
def test_slope_is_differentiable_picklable_and_takes_the_same_parameters(facts: Facts) -> None:
    if not facts.elementwise:
        with pytest.raises(TypeError, match=f"slope was called with {facts.name}; expected an elementwise function"):
            slope(facts.function)
        return
    x = jnp.linspace(-3, 3, 13)
    given = required(facts)
    derivative = slope(facts.function)
    by_grad = jax.jit(reverse(lambda v: facts.function(v, **given)))(x)
    np.testing.assert_allclose(derivative(x, **given), by_grad, rtol=1e-6, atol=1e-36)
    second = jax.jit(lambda x: slope(derivative)(x, **given))(x)
    second_by_grad = jax.jit(reverse(lambda v: derivative(v, **given)))(x)
    np.testing.assert_allclose(second, second_by_grad, rtol=1e-6, atol=1e-36)  # XLA fuses each program in its own way
    partial = functools.partial(facts.function, **given)
    np.testing.assert_array_equal(slope(partial)(x), derivative(x, **given))


def test_slope_of_other_functions_is_jax_s() -> None:
    x = jnp.linspace(-3, 3, 13)
    np.testing.assert_array_equal(slope(jnp.sin)(x), jnp.cos(x))
    np.testing.assert_array_equal(slope(slope(jnp.sin))(x), -jnp.sin(x))
    with pytest.raises(ValueError, match="slope was called with wrt='beta' for elu; expected one of x, alpha"):
        slope(jaxact.elu, "beta")


def test_the_surrogate_is_the_slope_of_a_step() -> None:
    x = jnp.linspace(-3, 3, 13)
    surrogate = slope(jaxact.sigmoid)
    unit = functools.partial(jaxact.step, surrogate=surrogate)
    np.testing.assert_array_equal(unit(x), jaxact.step(x))
    np.testing.assert_array_equal(jax.vmap(jax.grad(unit))(x), surrogate(x))
    np.testing.assert_array_equal(jax.vmap(jax.grad(jax.grad(unit)))(x), slope(surrogate)(x))
    assert not jax.vmap(jax.grad(jaxact.step))(x).any()
