"""What jaxact/README.md says of Keras and beartype; skipped where they are not installed."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "jaxact" / "README.md").read_text("utf-8")


def run(code: str, **environment: str) -> None:
    """Run the code in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


KERAS = """
import functools
import keras, numpy as np, jaxact
x = np.linspace(-6, 6, 24, dtype="float32").reshape(4, 6)

def change(activation):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, activation=activation)])
    model.save(path)
    return float(np.abs(np.asarray(model(x)) - np.asarray(keras.saving.load_model(path)(x))).max())

assert change(jaxact.leaky_relu) > 0.01 and change(jaxact.gelu) > 1e-6
REGISTER
for name in ("leaky_relu", "gelu", "snake", "mish", "softmax", "swish"):
    assert change(getattr(jaxact, name)) == 0, name
try:
    change(functools.partial(jaxact.leaky_relu, negative_slope=0.1))
except TypeError as error:
    assert "Cannot serialize" in str(error)
else:
    raise AssertionError("a partial was saved")
"""


@pytest.mark.slow
def test_registered_functions_survive_keras_s_files(tmp_path: Path) -> None:
    """Without registration Keras loads its own functions of the same names."""
    if not find_spec("keras"):  # not imported here, where its default backend may be missing
        pytest.skip("Keras is not installed")
    (registering,) = re.findall(r"```python\n(import keras\n.*?)```", README, re.DOTALL)
    code = KERAS.replace("REGISTER", registering)
    run(f"path = {str(tmp_path / 'model.keras')!r}\n{code}", KERAS_BACKEND="jax")


@pytest.mark.slow
def test_beartype_s_import_hook_takes_the_package() -> None:
    pytest.importorskip("beartype", reason="beartype is not installed")
    run("""
from beartype import BeartypeConf, BeartypeDecorPlace
from beartype.claw import beartype_packages
conf = BeartypeConf(claw_decor_place_func=BeartypeDecorPlace.FIRST, is_pep484_tower=True)
beartype_packages(("jaxact",), conf=conf)
import jax, jax.numpy as jnp
import inspect
import equinox as eqx
import jaxact, jaxact.init, jaxact.nn
x, key = jnp.linspace(0.1, 3, 8).reshape(2, 4), jax.random.key(0)
for name, facts in jaxact.CATALOGUE.items():
    signature, parameters = inspect.signature(facts.function).parameters, facts.rules.parameters
    given = {n: 0.25 for n, default in facts.parameters.items() if not isinstance(default, float)}
    given |= {n: {"key": key, "axis": -1}[n] for n in ("key", "axis") if n in signature}
    f = lambda x, **more: facts.function(**{parameters.x: x}, **given | more)
    y, pull = jax.vjp(f, x)
    pull(jnp.ones_like(y))
    jax.eval_shape(lambda x: jax.jvp(lambda x: jax.vjp(f, x)[1](jnp.ones_like(y))[0], (x,), (x,)), x)
    for parameter in parameters.arrays[1:]:
        number = jnp.asarray(given.get(parameter, signature[parameter].default), "float32")
        jax.eval_shape(jax.grad(lambda number: f(x, **{parameter: number}).sum()), number)
    if "where" in signature:
        f(x, where=[True, False, True, True])
    for by in ("x", *facts.parameters) if facts.elementwise else ():
        jaxact.slope(facts.function, by)(x, **given)
model = eqx.nn.MLP(4, 4, 8, 2, activation=jaxact.silu, key=key)
jaxact.init.reinitialise(model, key, example=x[0]), jaxact.init.lsuv(model, key, x)
jaxact.init.edge_of_chaos("tanh"), jaxact.init.initializer("relu")(key, (3, 4))
jaxact.nn.PReLU()(x), jaxact.nn.Snake()(x), jaxact.nn.Maxout(4, 2, key=key)(x[0])
jaxact.get("relu", of="keras", max_value=None)
""")
