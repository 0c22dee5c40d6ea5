"""A monitor records what probe measures, in the steps that it should, and leaves the others as they are."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from diagnoses import row
from rich.console import Console

from jaxact.probe import Monitor, MonitorState, Record, tag, value_and_grad
from jaxact.probe._alarms import alarms

pytestmark = pytest.mark.slow

X = jax.random.normal(jax.random.key(1), (32, 2))
Y = jnp.stack([jnp.sin(X[:, 0]), X[:, 1] ** 2, X[:, 0] * X[:, 1]], 1)
MLP = eqx.nn.MLP(2, 3, 16, 2, key=jax.random.key(0))  # has functions as leaves


def loss(model: Any, x: Any, y: Any) -> Any:
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


def train(monitor: Monitor, steps: int, rate: float = 0.1) -> tuple[MonitorState, list[float], list[Any]]:
    """The state, the losses and the models before each step of a training."""
    optimiser = optax.sgd(rate)

    @eqx.filter_jit
    def step(model: Any, state: MonitorState, memory: Any) -> Any:
        (value, gradient), state = monitor.value_and_grad(state, model, X, Y)
        updates, memory = optimiser.update(gradient, memory)
        return eqx.apply_updates(model, updates), state, memory, value

    model, state, memory = MLP, monitor.init(MLP, X, Y), optimiser.init(eqx.filter(MLP, eqx.is_inexact_array))
    losses, models = [], []
    for _ in range(steps):
        models.append(model)
        model, state, memory, value = step(model, state, memory)
        losses.append(float(value))
    return state, losses, models


@pytest.fixture(scope="module")
def trained() -> tuple[Monitor, MonitorState, list[float], list[Any]]:
    monitor = Monitor(loss, every=3, keep=4)
    return monitor, *train(monitor, 20)


def test_every_kth_step_is_recorded_and_the_newest_are_kept(trained: Any) -> None:
    monitor, state, losses, _ = trained
    history = monitor.history(state)
    assert [record.step for record in history] == [9, 12, 15, 18]
    np.testing.assert_allclose([record.loss for record in history], losses[9:19:3], rtol=1e-6)
    means = [np.mean(losses[n - 2 : n + 1]) for n in (9, 12, 15, 18)]
    np.testing.assert_allclose([record.mean_loss for record in history], means, rtol=1e-5)
    assert int(state.step) == 20


def test_training_is_the_same_as_without_a_monitor(trained: Any) -> None:
    *_, losses, _ = trained
    model = MLP
    for expected in losses:
        value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(loss))(model, X, Y)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        model = eqx.apply_updates(model, jax.tree.map(lambda g: -0.1 * g, gradient))


def test_records_are_what_value_and_grad_measures(trained: Any) -> None:
    monitor, state, _, models = trained
    _, sites = eqx.filter_jit(value_and_grad(loss))(models[18], X, Y)
    rows = monitor.history(state)[-1].rows
    assert [row.site for row in rows] == list(sites)
    for measured, site in zip(rows, sites.values(), strict=True):
        assert (measured.activation, measured.shape, measured.dtype) == (site.activation, site.shape, site.dtype)
        assert (measured.source, measured.units, measured.not_finite) == (site.source, 16, 0)
        assert site.units is not None
        assert site.output_cotangent is not None
        assert measured.never_on == tuple(np.flatnonzero(site.units.never_on))
        expected = {
            "mean": site.output.mean,
            "rms": site.output.rms,
            "low": site.output.low,
            "high": site.output.high,
            "share_zero": site.output.share_zero,
            "share_saturated": site.share_saturated,
            "gradient_rms": site.output_cotangent.rms,
            "local_gain": site.local_gain,
        }
        for name, value in expected.items():
            np.testing.assert_allclose(getattr(measured, name), value, rtol=1e-4, err_msg=name)
        assert measured.entropy is None


def test_before_the_first_step_there_is_nothing() -> None:
    monitor = Monitor(loss)
    state = monitor.init(MLP, X, Y)
    assert monitor.history(state) == []
    assert monitor.alarms(state) == ()
    assert text(monitor.table(state)) == "No step was recorded yet.\n"
    assert len(monitor.plot(state).axes) == 4


def primitives(jaxpr: Any) -> Counter[str]:
    """How often each primitive is in a program, without what calls a part of it."""
    found: Counter[str] = Counter()
    for eqn in jaxpr.eqns:
        inner = [part for part in jax.tree.leaves(list(eqn.params.values())) if hasattr(part, "eqns")]
        found += sum((primitives(part) for part in inner), Counter()) if inner else Counter([eqn.primitive.name])
    return found


def test_a_step_between_does_what_it_does_without_a_monitor() -> None:
    monitor, state = Monitor(loss, every=100), Monitor(loss).init(MLP, X, Y)
    arrays, static = eqx.partition(MLP, eqx.is_array)
    monitored = jax.make_jaxpr(lambda s, a: monitor.value_and_grad(s, eqx.combine(a, static), X, Y))(state, arrays)
    plain = jax.make_jaxpr(lambda a: eqx.filter_value_and_grad(loss)(eqx.combine(a, static), X, Y))(arrays)
    (cond,) = (eqn for eqn in monitored.jaxpr.eqns if eqn.primitive.name == "cond")
    between, recording = map(primitives, cond.params["branches"])
    added = between - primitives(plain)
    assert set(added) <= {"broadcast_in_dim"}, "empty records"
    assert recording.total() > between.total()
    outside = Counter(eqn.primitive.name for eqn in monitored.jaxpr.eqns)
    assert not {"dot_general", "while", "scan"} & set(outside)


def test_states_are_arrays_that_stay_on_the_device(trained: Any) -> None:
    monitor, state, *_ = trained
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    with jax.transfer_guard("disallow"):
        arrays, static = eqx.partition(MLP, eqx.is_array)
        jax.jit(lambda s, a, x, y: monitor.value_and_grad(s, eqx.combine(a, static), x, y)).trace(state, arrays, X, Y)
    assert jax.tree.structure(state) == jax.tree.structure(monitor.init(MLP, X, Y))


def test_a_state_can_be_scanned_over() -> None:
    monitor = Monitor(loss, every=2, keep=8)
    arrays, static = eqx.partition(MLP, eqx.is_array)

    def step(carry: Any, _: Any) -> Any:
        (value, gradient), state = monitor.value_and_grad(carry[1], eqx.combine(carry[0], static), X, Y)
        return (eqx.apply_updates(carry[0], jax.tree.map(lambda g: -0.1 * g, gradient)), state), value

    (_, state), values = jax.jit(lambda carry: jax.lax.scan(step, carry, length=6))((arrays, monitor.init(MLP, X, Y)))
    np.testing.assert_allclose([record.loss for record in monitor.history(state)], values[::2], rtol=1e-6)


def test_models_of_plain_arrays_auxiliary_values_and_keywords() -> None:
    def with_aux(model: Any, x: Any, *, scale: Any) -> Any:
        probabilities = jax.nn.softmax(x @ tag(model["w"], "weights"))
        return scale * jnp.sum(probabilities**2), {"p": probabilities, "name": "softmax", "count": model["n"]}

    model = {"w": jnp.ones((2, 3)), "n": jnp.asarray(3), "name": None}
    monitor = Monitor(with_aux, every=2, has_aux=True)
    state = monitor.init(model, X, scale=2.0)
    step = eqx.filter_jit(monitor.value_and_grad)
    for _ in range(2):
        ((value, aux), gradient), state = step(state, model, X, scale=2.0)
        assert float(value) == pytest.approx(2 * 32 / 3, rel=1e-5)
        assert (aux["name"], int(aux["count"]), aux["p"].shape) == ("softmax", 3, (32, 3))
        assert gradient["w"].shape == (2, 3)
        assert gradient["n"] is None
    (record,) = monitor.history(state)
    weights, probabilities = record.rows
    assert (weights.site, weights.units, weights.never_on) == ("weights", 3, ())
    assert (probabilities.site, probabilities.units, probabilities.never_on) == ("softmax", 0, ())
    assert probabilities.entropy == pytest.approx(1)


def test_sites_in_a_scan_are_merged() -> None:
    def recurrent(weight: Any, x: Any) -> Any:
        h, _ = jax.lax.scan(lambda h, u: (jnp.tanh(h @ weight + u), None), jnp.zeros((32, 2)), x)
        return jnp.mean(h**2)

    monitor = Monitor(recurrent, every=1)
    x = jnp.stack([X, X, X])
    (_, state) = jax.jit(monitor.value_and_grad)(monitor.init(jnp.eye(2), x), jnp.eye(2), x)
    (measured,) = monitor.history(state)[0].rows
    h, expected = np.zeros((32, 2)), []
    for _ in range(3):
        h = np.tanh(h + np.asarray(X))
        expected.append(h)
    assert measured.rms == pytest.approx(np.sqrt(np.mean(np.square(expected))), rel=1e-5)
    assert measured.gradient_rms > 0


def test_a_batch_may_have_another_size_than_the_first() -> None:
    monitor = Monitor(loss)
    state = monitor.init(MLP, X, Y)
    _, after = eqx.filter_eval_shape(monitor.value_and_grad, state, MLP, X[:7], Y[:7])
    assert jax.tree.structure(after) == jax.tree.structure(state)


not_callable: Any = 3


def small(weight: Any, x: Any) -> Any:
    return jnp.sum(jnp.tanh(x @ weight))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Monitor(not_callable), TypeError, "called with 3; expected a function"),
        (lambda: Monitor(loss, every=0), ValueError, "every = 0; expected an integer, at least 1"),
        (lambda: Monitor(loss, keep=True), ValueError, "keep = True; expected an integer"),
        (lambda: Monitor(lambda m, x: jnp.sum(m * x)).init(X, X), ValueError, "no activation was found; expected"),
        (lambda: Monitor(lambda m: jax.nn.relu(m)).init(X), TypeError, "expected a function that returns its loss"),
        (
            lambda: Monitor(small).value_and_grad(Monitor(small).init(jnp.ones((2, 3)), X), jnp.ones((2, 5)), X),
            ValueError,
            r"a state for tanh \(3 units\); the loss has tanh \(5 units\)",
        ),
        (lambda: alarms((), patience=0), ValueError, "patience = 0; expected at least 1"),
    ],
)
def test_misuse_is_refused_in_a_sentence(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def records(rows: Sequence[Sequence[Any]], losses: Sequence[float] | None = None) -> list[Record]:
    """A history made by hand, with a record every ten steps."""
    losses = losses or [1.0] * len(rows)
    return [Record(10 * n, value, value, tuple(r)) for n, (r, value) in enumerate(zip(rows, losses, strict=True))]


LIMITS: dict[str, Any] = {"dead_share": 0.25, "dead_fault": 0.9, "gradient_ratio": 1e-3, "gradient_fault": 1e-5}


def kinds(history: Sequence[Record], **thresholds: Any) -> list[tuple[str, str]]:
    return [(finding.kind, finding.level) for finding in alarms(history, **{**LIMITS, **thresholds})]


def test_a_healthy_training_raises_no_alarm(trained: Any) -> None:
    monitor, state, *_ = trained
    assert monitor.alarms(state) == ()
    assert kinds(records([[row("a"), row("b")]] * 9, [2, 1.4, 1.1, 1, 1.05, 0.98, 1.03, 1, 1.02])) == []


def test_dead_units_are_those_of_all_newest_records() -> None:
    never = [(), (1, 2), tuple(range(20)), tuple(range(30)), tuple(range(2, 22))]
    history = records([[row("a"), row("b", never_on=units)] for units in never])
    (found,) = alarms(history, **LIMITS)
    assert (found.kind, found.level, found.where, found.units) == ("dead_units", "warning", "b", tuple(range(2, 20)))
    assert found.numbers == {"dead": 18, "of": 64, "since_step": 20, "off_at_first": 0}
    assert "18 of 64 units were on for no example in the last 3 records, and 25 % or more since step 20." in str(found)
    assert kinds(history, dead_share=0.3) == []
    assert kinds(history, dead_share=0.3, patience=2) == [("dead_units", "warning")]
    assert kinds(records([[row("b", never_on=tuple(range(60)))]] * 3)) == [("dead_units", "fault")]
    few = row("b", shape=(4, 64), never_on=tuple(range(60)))
    assert kinds(records([[few]] * 3)) == []


def test_what_is_not_finite_is_found_where_it_begins() -> None:
    nan = float("nan")
    broken = [row("a"), row("b", not_finite=7), row("c", not_finite=9)]
    (found,) = alarms(records([[row("a"), row("b"), row("c")], broken]), first_not_finite=7)
    assert (found.kind, found.level, found.where) == ("not_finite", "fault", "b")
    assert "In step 10, 7 outputs were NaN or infinite. The loss was so first in step 7." in found.evidence
    (found,) = alarms(records([[row("a", gradient_rms=float("inf"))]]))
    assert "In step 0, the gradient was NaN" in found.evidence
    (found,) = alarms(records([[row("a", gradient_rms=nan)]]), first_not_finite=3)
    assert (found.where, found.numbers) == ("loss", {"first_step_of_loss": 3})


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (1e-9, [("vanishing_gradient", "fault")]),
        (1e-6, [("vanishing_gradient", "warning")]),
        (1e-2, []),
        (1e2, [("exploding_gradient", "warning")]),
        (1e5, [("exploding_gradient", "fault")]),
        (float("nan"), []),
    ],
)
def test_the_gradient_at_the_first_site_is_compared_with_that_at_the_last(
    first: float, expected: list[tuple[str, str]]
) -> None:
    softmax = row("p", entropy=0.5, units=0, gradient_rms=1e9)
    rows = [row("a", gradient_rms=first), row("b", gradient_rms=0.01), row("c", gradient_rms=0.01), softmax]
    assert kinds(records([rows] * 3)) == expected
    once = [row("a", gradient_rms=0.01), *rows[1:]]
    assert kinds(records([rows, once, rows])) == []


def test_the_norm_of_the_gradient_does_not_depend_on_how_its_array_is_cut() -> None:
    wide, narrow = row("a", shape=(256, 65536), gradient_rms=1e-6), row("b", shape=(256, 64), gradient_rms=3.2e-5)
    assert kinds(records([[wide, narrow]] * 3)) == []


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3, 2, 1.5, 1, 1, 1, 1.7, 2.4, 2.5, 2.6], [("growing_loss", "warning")]),
        ([3, 2, 1, 1, 1, 2, 4, 6, 8, 9], [("growing_loss", "fault")]),
        ([-1, -5, -9, -9, -9, -6, -3, -2, -2, -2], [("growing_loss", "warning")]),
        ([3, 2, 1.5, 1, 1, 1, 1.1, 1.2, 1.2, 1.2], []),
        ([2.30, 2.31, 2.29, 2.31, 2.30, 2.29, 2.30, 2.32, 2.31, 2.32], []),
        ([1, 2, 3, 4], []),
    ],
)
def test_a_loss_grows_beyond_its_noise(losses: list[float], expected: list[tuple[str, str]]) -> None:
    assert kinds(records([[row("a")]] * len(losses), losses)) == expected


def test_too_high_a_rate_is_noticed_in_training() -> None:
    monitor = Monitor(loss, every=2)
    exploded = monitor.alarms(train(monitor, 30, rate=300.0)[0])
    assert exploded
    assert exploded[0].level == "fault"


def test_a_loss_that_is_not_finite_between_two_records_is_noticed() -> None:
    monitor = Monitor(loss, every=10)
    state = monitor.init(MLP, X, Y)
    step = eqx.filter_jit(monitor.value_and_grad)
    for n in range(4):
        _, state = step(state, MLP, X, Y * (jnp.inf if n == 2 else 1.0))
    assert monitor.alarms(state)[0].numbers == {"first_step_of_loss": 2}
    (first,) = monitor.history(state)
    assert (first.step, first.mean_loss) == (0, first.loss)


def text(renderable: Any) -> str:
    console = Console(width=110, color_system=None, _environ={})
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_table_has_the_newest_record_and_the_alarms(trained: Any) -> None:
    monitor, state, *_ = trained
    shown = text(monitor.table(state))
    assert shown.startswith("step 18: loss ")
    assert "since 9" in shown
    last = monitor.history(state)[-1]
    assert all(measured.site in shown and f"{measured.gradient_rms:.1e}" in shown for measured in last.rows)
    off = next(row for row in last.rows if row.never_on)
    assert f"dead_units at {off.site}, unit" in text(monitor.table(state, dead_share=0.0, patience=1))


def test_the_plot_has_a_line_for_each_site(trained: Any) -> None:
    monitor, state, *_ = trained
    history = monitor.history(state)
    loss_panel, saturated, never_on, gradient = monitor.plot(state).axes
    (line,) = loss_panel.lines
    np.testing.assert_array_equal(line.get_xdata(), [9, 12, 15, 18])
    np.testing.assert_array_equal(line.get_ydata(), [record.mean_loss for record in history])
    for position, measured in enumerate(history[0].rows):
        expected = [record.rows[position] for record in history]
        np.testing.assert_array_equal(saturated.lines[position].get_ydata(), [r.share_saturated for r in expected])
        np.testing.assert_array_equal(never_on.lines[position].get_ydata(), [len(r.never_on) / 16 for r in expected])
        np.testing.assert_array_equal(gradient.lines[position].get_ydata(), [r.gradient_rms for r in expected])
        assert gradient.lines[position].get_label() == measured.site
    assert gradient.get_yscale() == "log"


@pytest.mark.parametrize(("module", "method"), [("rich", "table"), ("matplotlib", "plot")])
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    trained: Any, monkeypatch: pytest.MonkeyPatch, module: str, method: str
) -> None:
    monitor, state, *_ = trained
    missing: ModuleType | None = None
    monkeypatch.setitem(sys.modules, module, missing)  # type: ignore[arg-type]
    with pytest.raises(ImportError, match=rf'Monitor.{method} needs {module}.*pip install "jaxact\[probe\]"'):
        getattr(monitor, method)(state)


def test_monitors_are_constants_of_jit() -> None:
    five: Any = np.int64(5)
    assert hash(Monitor(loss, every=five)) == hash(Monitor(loss, every=5))
    assert dataclasses.replace(Monitor(loss), every=7).every == 7


@pytest.mark.filterwarnings("default")
def test_flax_nnx_whole_modules_and_split_ones() -> None:
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs: Any):
            self.up = nnx.Linear(2, 8, rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.down = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.down(nnx.relu(self.norm(self.up(x))))

    def of_module(net: Any, x: Any, y: Any) -> Any:
        return jnp.mean((net(x) - y) ** 2)

    net = Net(nnx.Rngs(0))
    graph, parameters, rest = nnx.split(net, nnx.Param, ...)

    def of_split(parameters: Any, rest: Any, x: Any, y: Any) -> Any:
        net = nnx.merge(graph, parameters, rest)
        return of_module(net, x, y), nnx.state(net, nnx.Not(nnx.Param))

    monitor = Monitor(of_split, every=2, has_aux=True)
    state, step = monitor.init(parameters, rest, X, Y), jax.jit(monitor.value_and_grad)
    before = rest
    for _ in range(3):
        ((_, rest), gradient), state = step(state, parameters, rest, X, Y)
        assert jax.tree.structure(gradient) == jax.tree.structure(parameters)
    assert [record.step for record in monitor.history(state)] == [0, 2]
    assert [measured.site for measured in monitor.history(state)[0].rows] == ["relu"]
    assert not all(map(jnp.array_equal, jax.tree.leaves(before), jax.tree.leaves(rest)))

    net.eval()
    whole = Monitor(of_module, every=1)
    optimiser = nnx.Optimizer(net, optax.sgd(0.1), wrt=nnx.Param)

    @nnx.jit
    def train_step(net: Any, optimiser: Any, state: MonitorState) -> Any:
        (value, gradient), state = whole.value_and_grad(state, net, X, Y)
        optimiser.update(net, nnx.state(gradient, nnx.Param))
        return value, state

    state = whole.init(net, X, Y)
    values = []
    for _ in range(5):
        value, state = train_step(net, optimiser, state)
        values.append(float(value))
    assert [record.loss for record in whole.history(state)] == pytest.approx(values)
    assert values[-1] < values[0]
