"""diagnose finds planted faults where they are, says nothing of healthy nets, and its repairs help."""

import collections
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import eight_devices
from sklearn.datasets import load_digits

from jaxact import init
from jaxact.probe import Diagnosis, diagnose
from jaxact.probe._structure import structure_of
from jaxact.probe._trace import trace

KEY = jax.random.key(0)
PIXELS, LABELS = load_digits(return_X_y=True)
IMAGES = ((PIXELS - PIXELS.mean()) / PIXELS.std()).astype(np.float32)[:256]
LABELS = LABELS.astype(np.int32)[:256]
BATCH = (IMAGES, LABELS)


def cross_entropy(model, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(jax.vmap(model)(x), y).mean()


def cross_entropy_of_probabilities(model, x, y):
    p = jnp.clip(jax.vmap(model)(x), 1e-7, 1 - 1e-7)
    return -jnp.mean(jnp.sum(jax.nn.one_hot(y, 10) * jnp.log(p), axis=1))


def squared_error(model, x, y):
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


def mlp(depth=2, activation=jax.nn.relu, key=KEY, fresh=True, **arguments):
    net = eqx.nn.MLP(64, 10, 32, depth, activation=activation, key=key, **arguments)
    return init.reinitialise(net, key, example=jnp.ones(64))[0] if fresh else net


def scaled(net, factor):
    return jax.tree.map(lambda leaf: leaf * factor if eqx.is_array(leaf) else leaf, net)


def above_hints(diagnosis: Diagnosis):
    return [(f.kind, f.where) for f in diagnosis.findings if f.level != "hint"]


def the(kind, diagnosis):
    found = diagnosis.of_kind(kind)
    assert found, f"{kind} was not found: {diagnosis.findings}"
    return found[0]


@pytest.mark.parametrize(
    "activation",
    [jax.nn.relu, *(pytest.param(f, marks=pytest.mark.slow) for f in (jax.nn.gelu, jnp.tanh))],
    ids=["relu", "gelu", "tanh"],
)
def test_healthy_nets_raise_nothing(activation):
    with jax.numpy_dtype_promotion("standard"):  # optax
        diagnosis = diagnose(cross_entropy, mlp(3, activation), BATCH, optimiser=optax.adam(1e-3))
    assert above_hints(diagnosis) == []
    assert diagnosis.healthy
    assert diagnosis.examples == 256
    assert [row.layer for row in diagnosis.rows[:3]] == ["layers[0]", "layers[1]", "layers[2]"]
    np.testing.assert_allclose(diagnosis.baseline, np.log(10), rtol=0.01)  # the classes are about equally frequent


@pytest.mark.slow
def test_batches_together_are_one_batch():
    net = mlp()
    whole = diagnose(cross_entropy, net, BATCH)
    halves = diagnose(cross_entropy, net, (IMAGES[:128], LABELS[:128]), (IMAGES[128:], LABELS[128:]))
    for one, two in zip(whole.rows, halves.rows, strict=True):
        np.testing.assert_allclose(one.rms, two.rms, rtol=1e-5)
        assert one.never_on == two.never_on
    np.testing.assert_allclose(whole.loss, halves.loss, rtol=1e-5)


@pytest.mark.slow
def test_units_dead_by_bias_are_found_and_revived():
    dead = [3, 7, 9, 10]
    net = mlp()
    bias = jnp.zeros(32).at[jnp.array(dead)].set(-50.0)
    net = eqx.tree_at(lambda m: m.layers[1].bias, net, bias)
    finding = the("dead_units", diagnose(cross_entropy, net, BATCH))
    assert (finding.level, finding.where, finding.units) == ("warning", "layers[1]", tuple(dead))
    assert "-50" in finding.cause
    revived = finding.apply(net, KEY)
    untouched = np.setdiff1d(np.arange(32), dead)
    np.testing.assert_array_equal(revived.layers[1].weight[untouched], net.layers[1].weight[untouched])
    assert not set(dead) & {u for f in diagnose(cross_entropy, revived, BATCH).of_kind("dead_units") for u in f.units}


@pytest.mark.slow
def test_dead_channels_of_a_convolution():
    class Net(eqx.Module):
        conv: eqx.nn.Conv2d
        head: eqx.nn.Linear

        def __call__(self, x):
            return self.head(jax.nn.relu(self.conv(x.reshape(1, 8, 8))).mean((1, 2)))

    net = Net(eqx.nn.Conv2d(1, 12, 3, key=KEY), eqx.nn.Linear(12, 10, key=KEY))
    net = eqx.tree_at(lambda m: m.conv.bias, net, jnp.zeros((12, 1, 1)).at[jnp.array([2, 5])].set(-90.0))
    finding = the("dead_units", diagnose(cross_entropy, net, BATCH))
    assert (finding.where, finding.units) == ("conv", (2, 5))


@pytest.mark.slow
def test_a_sigmoid_stack_loses_the_gradient_and_relu_keeps_it():
    net = mlp(8, jax.nn.sigmoid)
    finding = the("vanishing_gradient", diagnose(cross_entropy, net, BATCH))
    assert (finding.level != "hint", finding.where) == (True, "layers[0]")
    assert finding.numbers["low"] <= finding.numbers["per layer"] <= finding.numbers["high"] < 1
    assert not diagnose(cross_entropy, finding.apply(net, KEY), BATCH).of_kind("vanishing_gradient")


@pytest.mark.slow
def test_saturating_weights():
    net = scaled(mlp(2, jnp.tanh), 30.0)
    finding = the("saturated", diagnose(cross_entropy, net, BATCH))
    assert finding.where == "layers[0]"
    assert finding.numbers["share"] > 0.8
    repaired = finding.apply(net, KEY)
    assert float(jnp.std(repaired.layers[0].weight)) < float(jnp.std(net.layers[0].weight))


@pytest.mark.parametrize(("factor", "kind"), [(0.01, "small_weights"), (20.0, "large_weights")])
def test_initial_weights_of_another_size(factor, kind):
    assert the(kind, diagnose(cross_entropy, scaled(mlp(), factor), BATCH)).where == "layers[0]"


def test_a_linear_stack_is_one_layer():
    found = diagnose(cross_entropy, mlp(3, lambda x: x, fresh=False), BATCH).of_kind("no_activation")
    assert [(f.level, f.where) for f in found] == [("fault", f"layers[{i}]") for i in range(3)]


def test_the_operation_that_makes_nan_is_named():
    class Net(eqx.Module):
        inner: eqx.nn.Linear
        outer: eqx.nn.Linear

        def __call__(self, x):
            return self.outer(jnp.log(jax.nn.relu(self.inner(x)) - 1))

    net = Net(eqx.nn.Linear(64, 32, key=KEY), eqx.nn.Linear(32, 10, key=KEY))
    finding = the("not_finite", diagnose(cross_entropy, net, BATCH))
    assert finding.where == "inner"
    assert "is log, test_diagnose.py:" in finding.cause
    with pytest.raises(ValueError, match="apply was called on a finding of not_finite, which no code can repair"):
        finding.apply(net, KEY)


@pytest.mark.slow
def test_gradients_lost_in_16_bits():
    net = jax.tree.map(lambda leaf: leaf.astype(jnp.float16) if eqx.is_inexact_array(leaf) else leaf, mlp(6, jnp.tanh))

    def scaled_loss(model, x, y):
        return cross_entropy(model, x.astype(model.layers[0].weight.dtype), y) * 1e-5

    assert the("underflow", diagnose(scaled_loss, net, BATCH)).level in ("warning", "fault")


def test_raw_inputs_and_targets():
    x = np.linspace(-100, 100, 256, dtype=np.float32)[:, None]
    net = eqx.nn.MLP(1, 1, 16, 1, key=KEY)
    diagnosis = diagnose(squared_error, net, (x, x**2))
    assert the("raw_inputs", diagnosis).where == "input"
    assert the("raw_targets", diagnosis).where == "target"
    standard = (x / x.std(), (x**2 - (x**2).mean()) / (x**2).std())
    assert above_hints(diagnose(squared_error, net, standard)) == []


def test_an_output_that_cannot_reach_the_targets():
    net = eqx.nn.MLP(1, 1, 16, 1, final_activation=jax.nn.sigmoid, key=KEY)
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    finding = the("unreachable_targets", diagnose(squared_error, net, (x, 3 * x)))
    assert (finding.level, finding.where) == ("fault", "output")
    assert not diagnose(squared_error, net, (x, (x + 1) / 2)).of_kind("unreachable_targets")


@pytest.mark.slow
def test_labels_beyond_the_classes():
    assert the("unreachable_targets", diagnose(cross_entropy, mlp(), (IMAGES, LABELS + 1))).where == "target"


def test_logits_and_probabilities_mistaken_for_one_another():
    logits = mlp()
    probabilities = eqx.nn.Sequential([logits, eqx.nn.Lambda(jax.nn.softmax)])
    assert the("logits_for_probabilities", diagnose(cross_entropy_of_probabilities, logits, BATCH)).level == "fault"
    assert the("probabilities_for_logits", diagnose(cross_entropy, probabilities, BATCH)).level == "fault"
    assert above_hints(diagnose(cross_entropy_of_probabilities, probabilities, BATCH)) == []


@pytest.mark.slow
def test_constant_targets_and_outputs():
    assert the("constant_targets", diagnose(cross_entropy, mlp(), (IMAGES, 0 * LABELS))).where == "target"

    def binary(model, x, y):
        p = jnp.clip(jax.vmap(model)(x)[:, 0], 1e-7, 1 - 1e-7)
        return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))

    one = eqx.nn.Sequential([eqx.nn.Linear(64, 1, key=KEY), eqx.nn.Lambda(jax.nn.softmax)])
    assert (
        "over an axis of one element"
        in the("constant_output", diagnose(binary, one, (IMAGES, LABELS % 2 * 1.0))).evidence
    )


@pytest.mark.slow
def test_dropout_that_leaves_nothing():
    def loss(model, x, y, key):
        keys = jax.random.split(key, len(x))
        return optax.softmax_cross_entropy_with_integer_labels(
            jax.vmap(lambda v, k: model(v, key=k))(x, keys), y
        ).mean()

    def net(rate):
        relu = eqx.nn.Lambda(jax.nn.relu)
        first, last = eqx.nn.Linear(64, 32, key=KEY), eqx.nn.Linear(32, 10, key=KEY)
        return eqx.nn.Sequential([first, relu, eqx.nn.Dropout(rate), last])

    finding = the("dropout", diagnose(loss, net(0.95), (*BATCH, KEY)))
    assert (finding.level, finding.where) == ("fault", "layers[0]")
    np.testing.assert_allclose(finding.numbers["kept"], 0.05, atol=0.01)
    assert not diagnose(loss, net(0.5), (*BATCH, KEY)).of_kind("dropout")


@pytest.mark.slow
def test_steps_too_large_and_losses_that_grew_or_froze():
    with jax.numpy_dtype_promotion("standard"):  # optax
        assert the("large_updates", diagnose(cross_entropy, mlp(), BATCH, optimiser=optax.adam(1.0))).level == "fault"
    assert the("small_updates", diagnose(cross_entropy, mlp(), BATCH, optimiser=optax.sgd(1e-7))).level == "warning"
    growing, frozen, falling = np.geomspace(2, 50, 400), np.full(400, 2.3), np.geomspace(2.3, 0.01, 400)
    assert the("growing_loss", diagnose(cross_entropy, mlp(), BATCH, losses=growing)).where == "optimiser"
    assert the("frozen_loss", diagnose(cross_entropy, mlp(), BATCH, losses=frozen)).where == "loss"
    assert above_hints(diagnose(cross_entropy, mlp(), BATCH, losses=falling)) == []


@pytest.mark.slow
def test_attention_that_has_collapsed():
    class Attention(eqx.Module):
        query: eqx.nn.Linear
        value: eqx.nn.Linear
        head: eqx.nn.Linear

        def __call__(self, x):
            x = x.reshape(8, 8)
            weights = jax.nn.softmax(jax.vmap(self.query)(x) @ x.T)
            return self.head(jax.nn.relu(weights @ jax.vmap(self.value)(x)).mean(0))

    net = Attention(eqx.nn.Linear(8, 8, key=KEY), eqx.nn.Linear(8, 16, key=KEY), eqx.nn.Linear(16, 10, key=KEY))
    assert not diagnose(cross_entropy, net, BATCH).of_kind("attention_collapsed")
    sharp = eqx.tree_at(lambda m: m.query.weight, net, replace_fn=lambda w: w * 1e4)
    assert the("attention_collapsed", diagnose(cross_entropy, sharp, BATCH)).numbers["one-hot rows"] > 0.9


def test_plain_arrays_are_a_model():
    params = {"w1": jax.random.normal(KEY, (64, 32)) / 8, "b1": jnp.full(32, -70.0), "w2": jnp.ones((32, 10)) / 32}

    def loss(params, x, y):
        h = jnp.maximum(x @ params["w1"] + params["b1"][None], 0)
        return optax.softmax_cross_entropy_with_integer_labels(h @ params["w2"], y).mean()

    finding = the("dead_units", diagnose(loss, params, BATCH))
    assert (finding.level, finding.where, len(finding.units)) == ("fault", "w1", 32)
    assert not np.any(finding.apply(params, KEY)["b1"])


@pytest.mark.slow
@eight_devices
def test_batches_sharded_over_eight_devices_have_the_diagnosis_of_one():
    net = eqx.tree_at(lambda m: m.layers[0].bias, mlp(), jnp.where(jnp.arange(32) < 5, -70.0, 0.0))
    mesh = jax.make_mesh((8,), ("batch",), (jax.sharding.AxisType.Auto,))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    alone, sharded = (diagnose(cross_entropy, net, batch) for batch in (BATCH, jax.device_put(BATCH, rows)))
    assert [(f.kind, f.level, f.where, f.units) for f in sharded.findings] == [
        (f.kind, f.level, f.where, f.units) for f in alone.findings
    ]
    assert the("dead_units", sharded).units == tuple(range(5))
    for one, other in zip(*(json.loads(each.to_json())["sites"] for each in (alone, sharded)), strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
            else:
                assert type(other[name]) is type(value), name


def test_as_json():
    read = json.loads(diagnose(cross_entropy, mlp(1), BATCH).to_json())
    assert read["sites"][0]["activation"] == "relu"
    assert read["thresholds"]["dead_share"] == 0.5


def test_thresholds_are_arguments():
    net = eqx.tree_at(lambda m: m.layers[0].bias, mlp(), jnp.full(32, -1.0))
    lenient = diagnose(cross_entropy, net, BATCH, examples=10_000)
    assert not lenient.of_kind("dead_units")
    with pytest.raises(TypeError, match=r"diagnose was called with dead=0.1; expected one of slope, dead_share"):
        diagnose(cross_entropy, net, BATCH, dead=0.1)


def test_misuse_has_its_sentence():
    with pytest.raises(ValueError, match="diagnose was called without a batch; expected one or more"):
        diagnose(cross_entropy, mlp())
    with pytest.raises(ValueError, match=r"which has no float arrays; expected a pytree of parameters"):
        diagnose(cross_entropy, {"n": jnp.arange(3)}, BATCH)
    with pytest.raises(TypeError, match=r"which returns float32.256.; expected a function that returns its loss"):
        diagnose(lambda m, x, y: jax.vmap(m)(x)[:, 0], mlp(), BATCH)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "level"), [(2, "warning"), (6, "hint")])
def test_layers_too_narrow_for_the_classes(width, level):
    net = eqx.nn.MLP(64, 10, width, 1, key=KEY)
    finding = the("narrow_layer", diagnose(cross_entropy, net, BATCH))
    assert (finding.level, finding.where) == (level, "layers[0]")


def weights(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape) * np.sqrt(2 / shape[-2])


def features(rows=64):
    return jax.random.normal(jax.random.key(5), (rows, 12))


def test_a_mask_of_minus_infinity_is_no_overflow():
    """Causal attention is healthy; rows without any open element, or NaN elsewhere, are not taken for the mask."""
    model = {name: weights(12, 12, seed=seed) / np.sqrt(2) for seed, name in enumerate("qkv")}
    x = jax.random.normal(jax.random.key(1), (32, 6, 12))

    def loss(model, x, y, mask, shift):
        q, k, v = (x @ model[name] for name in "qkv")
        scores = jnp.where(mask, q @ jnp.swapaxes(k, 1, 2) / 12**0.5, -jnp.inf)
        return jnp.mean((jnp.log(shift + jnp.square(jax.nn.softmax(scores) @ v)) - y) ** 2)

    y, causal = jnp.ones_like(x) * jnp.sign(x), jnp.tril(jnp.ones((6, 6), bool))
    assert diagnose(loss, model, (x, y, causal, 1.0)).of_kind("not_finite") == ()
    finding = the("not_finite", diagnose(loss, model, (x, y, causal.at[2].set(False), 1.0)))
    assert finding.where == "softmax"
    assert "throughout" in finding.cause
    finding = the("not_finite", diagnose(loss, model, (x, y, causal, -1.0)))
    assert "is log, test_diagnose.py:" in finding.cause


def test_the_layer_before_a_residual_stream_is_not_redundant():
    def loss(model, x, y):
        h = x @ model["in"]
        h = h + jax.nn.relu(h @ model["up"]) @ model["down"]
        return jnp.mean((h @ model["out"] - y) ** 2)

    model = {"in": weights(12, 8), "up": weights(8, 16), "down": weights(16, 8), "out": weights(8, 1)}
    assert diagnose(loss, model, (features(), features()[:, :1])).of_kind("no_activation") == ()

    def in_a_row(model, x, y):
        h = x @ model["in"] @ model["up"]
        return jnp.mean((jax.nn.relu(h) @ model["down"] @ model["out"] - y) ** 2)

    found = diagnose(in_a_row, model, (features(), features()[:, :1])).of_kind("no_activation")
    assert {f.where for f in found} == {"in", "down"}


def test_weights_of_another_net_in_the_batch_are_no_targets():
    """As in the target network of Q-learning; the value that is chosen by an action is no output either."""

    def loss(model, other, x, action, reward):
        def net(model, x):
            return jax.nn.relu(x @ model["in"] + model["bias"][None]) @ model["out"]

        value = jnp.take_along_axis(net(model, x), action[:, None], 1)[:, 0]
        return jnp.mean((value - reward - 0.9 * jnp.max(net(other, x), axis=1)) ** 2)

    model = {"in": weights(12, 32), "bias": jnp.zeros(32), "out": weights(32, 4)}
    x = features()
    action = jnp.argmax(x[:, :4], axis=1)
    diagnosis = diagnose(loss, model, (model, x, action, x[:, 5]))
    assert above_hints(diagnosis) == []
    assert diagnosis.baseline > 0.1  # and not one constant for each example


def test_masks_lengths_and_flags_that_are_constant_are_no_lost_labels():
    def loss(model, x, y, flag):
        return jnp.mean(flag * (jax.nn.relu(x @ model["in"]) @ model["out"] - y) ** 2)

    model = {"in": weights(12, 32), "out": weights(32, 1)}
    for flag in (jnp.ones((64, 1)), jnp.full((64, 1), 0.5)):
        assert above_hints(diagnose(loss, model, (features(), features()[:, :1], flag))) == []
    assert the("constant_targets", diagnose(loss, model, (features(), jnp.zeros((64, 1)), flag))).level == "fault"


def test_a_deviation_beside_the_mean_is_not_the_output():
    def loss(model, x, y):
        out = jnp.tanh(x @ model["in"]) @ model["out"]
        return jnp.mean(((y - out[:, 0]) / jnp.exp(out[:, 1])) ** 2 / 2 + out[:, 1])

    model = {"in": weights(12, 32), "out": weights(32, 2) / 4}
    batch = (features(), features()[:, 0])
    output = structure_of(trace("diagnose", loss, (model, *batch), {})).output
    assert output is not None
    assert output.shape == (64, 2)
    assert above_hints(diagnose(loss, model, batch)) == []


def test_keys_and_integers_in_the_model():
    model = {"key": KEY, "step": jnp.asarray(3), "weight": weights(12, 5), "out": weights(5, 1)}

    def loss(model, x, y):
        h = jax.nn.relu(x @ model["weight"])
        h = h * jax.random.bernoulli(jax.random.fold_in(model["key"], model["step"]), 0.8, h.shape).astype(h.dtype)
        return jnp.mean((h @ model["out"] - y) ** 2)

    assert above_hints(diagnose(loss, model, (features(), features()[:, :1]))) == []


def test_programs_are_not_taken_for_those_of_equal_constants():
    def loss(model, x):
        return jnp.mean(jax.nn.relu(x @ model["weight"])) * (3.0 if model["flag"] is True else 5.0)

    values = [diagnose(loss, {"weight": weights(12, 5), "flag": flag}, features()).loss for flag in (True, 1)]
    np.testing.assert_allclose(values[1] / values[0], 5 / 3, rtol=1e-5)


def test_a_named_tuple_is_one_argument():
    Batch = collections.namedtuple("Batch", "x y")

    def loss(model, batch):
        return jnp.mean((jax.nn.relu(batch.x @ model["in"]) @ model["out"] - batch.y) ** 2)

    model = {"in": weights(12, 32), "out": weights(32, 1)}
    assert diagnose(loss, model, Batch(features(), features()[:, :1])).examples == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimiser": 3}, "optimiser=3; expected an optax GradientTransformation"),
        ({"losses": "abc"}, "losses='abc'; expected the training losses so far, one number a step"),
        ({"losses": 3.0}, "losses=3.0; expected the training losses so far"),
        ({"trial_steps": 0}, "trial_steps=0; expected an integer, at least 1"),
        ({"slope": "a"}, "slope='a'; expected a number"),
    ],
)
def test_arguments_that_are_none(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        diagnose(squared_error, mlp(), BATCH, **arguments)


def test_a_batch_without_examples_is_refused():
    with pytest.raises(ValueError, match=r"a batch of arrays of shape \(0, 64\); expected some examples"):
        diagnose(squared_error, mlp(), (IMAGES[:0], IMAGES[:0, :10]))


def test_layers_that_start_at_zero_by_intention():
    """As the head and the ends of residual branches do; where the gradient is 0 too, nothing begins."""

    def loss(model, x, y):
        h = x @ model["in"]
        h = h + jax.nn.relu(h @ model["up"]) @ model["down"]
        return jnp.mean((h @ model["out"] - y) ** 2)

    model = {"in": weights(12, 8), "up": weights(8, 16), "down": jnp.zeros((16, 8)), "out": weights(8, 1)}
    batch = (features(), features()[:, :1])
    assert above_hints(diagnose(loss, model, batch)) == []
    assert above_hints(diagnose(loss, {**model, "down": weights(16, 8) / 4, "out": jnp.zeros((8, 1))}, batch)) == []
    nothing = jax.tree.map(jnp.zeros_like, model)
    assert the("constant_output", diagnose(loss, nothing, batch)).level == "fault"


@pytest.mark.slow
def test_probabilities_given_to_a_binary_loss_of_logits():
    net = eqx.nn.MLP(64, "scalar", 16, 1, final_activation=jax.nn.sigmoid, key=KEY)
    labels = (LABELS % 2).astype(np.float32)

    def loss(model, x, y):
        return optax.sigmoid_binary_cross_entropy(jax.vmap(model)(x), y).mean()

    assert the("probabilities_for_logits", diagnose(loss, net, (IMAGES, labels))).level == "fault"


@pytest.mark.slow
def test_targets_that_broadcast_to_a_square():
    net = eqx.nn.MLP(64, 1, 16, 1, key=KEY)
    y = IMAGES[:, 20]
    with jax.numpy_rank_promotion("allow"):
        finding = the("broadcast_targets", diagnose(squared_error, net, (IMAGES, y)))
    assert (finding.level, finding.where) == ("fault", "loss")
    assert "(256, 256)" in finding.evidence
    assert not diagnose(squared_error, net, (IMAGES, y[:, None])).of_kind("broadcast_targets")


@pytest.mark.slow
def test_a_loss_without_a_gradient():
    def accuracy(model, x, y):
        return -jnp.mean(jnp.argmax(jax.vmap(model)(x), axis=1) == y)

    finding = the("no_gradient", diagnose(accuracy, mlp(), BATCH))
    assert (finding.level, finding.numbers["layers"]) == ("fault", 3)
    assert not diagnose(cross_entropy, mlp(), BATCH).of_kind("no_gradient")


def test_a_batch_that_is_no_tuple_and_a_key_that_is_none_have_their_sentence():
    with pytest.raises(TypeError, match=r"a batch of 1 argument .missing a required argument: 'y'.; expected diagnose"):
        diagnose(cross_entropy, mlp(), IMAGES, LABELS)
    net = eqx.tree_at(lambda m: m.layers[1].bias, mlp(), jnp.full(32, -50.0))
    finding = the("dead_units", diagnose(cross_entropy, net, BATCH))
    with pytest.raises(TypeError, match="apply was called with key"):
        finding.apply(net, 0)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_units_after_dead_ones_are_not_repaired():
    net = eqx.tree_at(lambda m: m.layers[0].bias, mlp(3), jnp.full(32, -50.0))
    first, second, *_ = diagnose(cross_entropy, net, BATCH).of_kind("dead_units")
    assert (first.where, first.level, len(first.units)) == ("layers[0]", "fault", 32)
    assert (second.where, second.level, second.repair) == ("layers[1]", "hint", None)
