"""Of an installed wheel: it holds the library alone, and works without the checkout and without the extras."""

from importlib import metadata, util

import jax
import jax.numpy as jnp

import jaxact
from jaxact import init, nn

files = [file for file in metadata.files("jaxact") or [] if file.suffix != ".pyc"]
metadata_folder = f"jaxact-{metadata.version('jaxact')}.dist-info"
assert {file.parts[0] for file in files} == {"jaxact", metadata_folder}, files
assert "jaxact/py.typed" in map(str, files), files
present = [name for name in ("experiments", "tests", "matplotlib", "optax", "pytest") if util.find_spec(name)]
assert not present, present

x = jnp.asarray([-1.0, 0.0, 2.0])
assert jaxact.get("gelu") is jaxact.gelu
assert jnp.allclose(jax.vmap(jax.grad(jaxact.gelu))(x), jaxact.slope(jaxact.gelu)(x))
assert nn.PReLU()(x).tolist() == [-0.25, 0.0, 2.0]
assert abs(init.gain(jaxact.relu) - 2**0.5) < 1e-6
print(f"jaxact {metadata.version('jaxact')} works from its wheel")
