"""What a declaration has to state, and what follows from it."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jax.typing import ArrayLike

from jaxact._activation import autodiff, derivative, jvp
from jaxact._arguments import KeepsIntegers


def test_a_parameter_without_a_slope_is_refused_at_import() -> None:
    with pytest.raises(TypeError, match=r"derivative was called for f with slopes for \(x\); expected .*\(x, alpha\)"):

        @derivative(x=lambda x, alpha: alpha)
        def f(x: ArrayLike, alpha: ArrayLike) -> Array:
            return jnp.multiply(x, alpha)


def test_a_slope_of_a_slope_is_used() -> None:
    @derivative(x=lambda x: jnp.full_like(x, 5))
    def first(x: ArrayLike) -> Array:
        return jnp.full_like(x, 3)

    @derivative(x=first)
    def f(x: ArrayLike) -> Array:
        return jnp.square(x)

    assert f(2.0) == 4
    assert jax.grad(f)(2.0) == 3
    assert jax.grad(jax.grad(f))(2.0) == 5


def test_a_body_sees_float32_and_its_result_is_rounded_once() -> None:
    seen = []

    @derivative(x=lambda x, p: seen.append(x.dtype) or x, p=lambda x, p: x)
    def f(x: ArrayLike, p: ArrayLike = 1.0) -> Array:
        seen.extend([jnp.asarray(x).dtype, jnp.asarray(p).dtype])
        return jnp.subtract(jnp.add(x, 2.0**-8), 1)  # in bfloat16, 1 + 2**-8 is 1

    y, pull = jax.vjp(f, jnp.bfloat16(1))
    assert (y.dtype, y, pull(y)[0].dtype) == ("bfloat16", 2.0**-8, "bfloat16")
    assert set(seen) == {jnp.dtype("float32")}


def test_only_the_slopes_that_are_needed_are_computed() -> None:
    computed = []

    @derivative(x=lambda x, p: p, p=lambda x, p: computed.append("p") or x)
    def f(x: ArrayLike, p: ArrayLike = 1.0) -> Array:
        return jnp.multiply(x, p)

    assert jax.grad(f)(2.0, 3.0) == 3
    assert computed == []
    assert jax.grad(f, 1)(2.0, 3.0) == 2
    assert jax.grad(f, (0, 1))(2.0, 3.0) == (3, 2)


def test_the_residual_is_one_array() -> None:
    @derivative(x=lambda x: jnp.cos(x))
    def f(x: ArrayLike) -> Array:
        return jnp.sin(x)

    _, pull = jax.vjp(f, jnp.ones(1000))
    residuals = [leaf for leaf in jax.tree.leaves(pull) if leaf.size == 1000]
    assert len(residuals) == 1


def test_jvp_is_used_in_both_modes() -> None:
    @jvp(x=lambda dx, y, x, axis: 2 * dx)
    def f(x: ArrayLike, axis: int = -1) -> Array:
        return jnp.square(x)

    x = jnp.arange(3.0)
    np.testing.assert_array_equal(jax.grad(lambda x: f(x).sum())(x), 2 * jnp.ones(3))
    np.testing.assert_array_equal(jax.jvp(f, (x,), (x,))[1], 2 * x)


def test_a_function_over_an_axis_needs_a_rule_for_each_array() -> None:
    sentence = r"jvp was called for f with rules for \(x\); expected one for .* signature: \(x, p\)"
    with pytest.raises(TypeError, match=sentence):

        @jvp(x=lambda dx, y, x, p: dx)
        def f(x: ArrayLike, p: ArrayLike) -> Array:
            return jnp.multiply(x, p)


def test_the_tangents_of_several_operands_add_up() -> None:
    @jvp(
        x=lambda dx, y, key, x, p, mask: p * dx, p=lambda dp, y, key, x, p, mask: x * dp, mask=lambda dm, *rest: 0 * dm
    )
    def by_rules(key: ArrayLike | None, x: ArrayLike, p: ArrayLike, mask: ArrayLike | None = None) -> Array:
        return jnp.multiply(x, p)

    @autodiff
    def by_body(key: ArrayLike | None, x: ArrayLike, p: ArrayLike) -> Array:
        return jnp.multiply(x, p)

    x, p, key = jnp.arange(3.0), jnp.asarray([2.0, 3.0, 5.0]), jax.random.key(0)
    for f in (by_rules, by_body):
        np.testing.assert_array_equal(jax.jvp(lambda x, p: f(key, x, p), (x, p), (p, x))[1], p * p + x * x)  # noqa: B023
        dx, dp = jax.grad(lambda x, p: f(key, x, p).sum(), (0, 1))(x.astype("bfloat16"), p)  # noqa: B023
        np.testing.assert_array_equal(dx, p.astype("bfloat16"))
        np.testing.assert_array_equal(dp, x)
        assert (dx.dtype, dp.dtype, f(key, x.astype("bfloat16"), p).dtype) == ("bfloat16", "float32", "bfloat16")


def test_integers_are_kept_where_the_annotation_says_so() -> None:
    seen = []

    @autodiff
    def f(x: ArrayLike, labels: KeepsIntegers) -> Array:
        seen.append(jnp.asarray(labels).dtype)
        return jnp.asarray(x)

    for labels in (1, np.int8(1), jnp.uint32(1), True, 0.5, jnp.bfloat16(1)):
        f(1.0, labels)
    assert {str(dtype) for dtype in seen} == {"int32", "int8", "uint32", "float32"}


def test_parameters_broadcast_and_their_gradients_sum_back() -> None:
    @derivative(x=lambda x, p: p, p=lambda x, p: x)
    def f(x: ArrayLike, p: ArrayLike) -> Array:
        return jnp.multiply(x, p)

    x, p = jnp.arange(6.0).reshape(2, 3), jnp.asarray([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(jax.grad(lambda p: f(x, p).sum())(p), x.sum(0, keepdims=True))
    np.testing.assert_array_equal(jax.grad(lambda x: f(x, p).sum())(x), jnp.broadcast_to(p, x.shape))


def test_import_needs_no_optional_package() -> None:
    code = (
        "import sys, jaxact; print({'optax', 'matplotlib', 'sklearn', 'scipy.stats', 'experiments'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
