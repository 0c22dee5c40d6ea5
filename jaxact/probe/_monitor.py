"""The statistics of every k-th step of a training, recorded within the jitted step."""

import dataclasses
import importlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import Tracer

from .._checks import shown
from ._alarms import alarms
from ._diagnosis import Finding, Row
from ._probe import TOLERANCE, value_and_grad
from ._sites import Site, Sites
from ._statistics import record_class
from ._text import Column, number, rich_findings, rich_table
from ._trace import is_array, is_float_array

if TYPE_CHECKING:  # both are optional
    from matplotlib.figure import Figure
    from rich.console import RenderableType

_NUMBERS = tuple(
    "mean rms low high share_zero share_saturated not_finite gradient_rms local_gain entropy".split()  # noqa: SIM905
)
"""The fields of a row that are measured."""


@dataclass(frozen=True)
class _Place:
    """What a state knows of a site without having measured it."""

    name: str
    activation: str
    shape: tuple[int, ...]
    dtype: str
    source: str
    units: int


@record_class
class MonitorState:
    """What a `Monitor` has recorded: arrays, which are carried from step to step and can be donated and saved."""

    step: Array
    """The number of steps so far."""
    kept: Array
    """The number of records so far."""
    total_loss: Array
    """The sum of the losses since the last record."""
    first_not_finite: Array
    """The first step whose loss was NaN or infinite; -1 if there is none."""
    steps: Array
    losses: Array
    """The loss of each recorded step, and the mean loss since the record before it."""
    numbers: Array
    never_on: tuple[Array, ...]
    sites: tuple[_Place, ...] = field(metadata={"static": True})


@dataclass(frozen=True)
class Record:
    """What was measured in one step."""

    step: int
    loss: float
    mean_loss: float
    """The mean loss of the steps since the record before, this one included."""
    rows: tuple[Row, ...]
    """The sites, in the order of the program."""


@dataclass(frozen=True)
class Monitor:
    """The statistics of the activations and their gradients in every k-th step, recorded within the jitted step.

    `init` makes a state of arrays, and `value_and_grad` takes the place of that of Equinox or JAX in the train step.
    The steps between are the plain ones: a `lax.cond` on the count of the steps chooses. The last records stay on
    the device until `history`, `table`, `plot` or `alarms` is called with the state, outside of jit. Under `jax.vmap`
    over states both branches of the cond run in every step.

    Args:
        loss: loss(model, *batch) is one float. The float arrays of the model are differentiated.
        every: the step at which it starts is recorded, and every so many steps later.
        keep: this number of records is kept, the newest.
        has_aux: whether the loss returns (loss, anything).
        tolerance: as in `probe`.
    """

    loss: Callable[..., Any]
    every: int = 100
    keep: int = field(default=100, kw_only=True)
    has_aux: bool = field(default=False, kw_only=True)
    tolerance: float = field(default=TOLERANCE, kw_only=True)

    def __post_init__(self) -> None:
        if not callable(self.loss):
            raise TypeError(f"Monitor was called with {shown(self.loss)}; expected a function of a model and a batch.")
        for name in ("every", "keep"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"Monitor was called with {name} = {shown(value)}; expected an integer, at least 1.")
            object.__setattr__(self, name, operator.index(value))

    def init(self, model: Any, *batch: Any, **kwargs: Any) -> MonitorState:
        """The state before the first step. Nothing is computed; of the batch only shapes and types count."""
        sites, (_, masks) = eqx.filter_eval_shape(
            lambda *args, **kwargs: _with_measures(self._probed(*args, **kwargs)[1]), model, *batch, **kwargs
        )
        if not sites:
            inside = f" ({'; '.join(sites.not_entered)} was not looked into)" if sites.not_entered else ""
            raise ValueError(
                f"Monitor.init was called with a loss in which no activation was found{inside}; expected one with "
                "activations, such as jax.nn.relu, or with jaxact.probe.tag(x, name)."
            )
        return MonitorState(
            step=jnp.zeros((), jnp.int32),
            kept=jnp.zeros((), jnp.int32),
            total_loss=jnp.zeros((), jnp.float32),
            first_not_finite=jnp.full((), -1, jnp.int32),
            steps=jnp.zeros(self.keep, jnp.int32),
            losses=jnp.zeros((self.keep, 2), jnp.float32),
            numbers=jnp.zeros((self.keep, len(sites), len(_NUMBERS)), jnp.float32),
            never_on=tuple(jnp.zeros((self.keep, *mask.shape), bool) for mask in masks),
            sites=_places(sites, masks),
        )

    def value_and_grad(
        self, state: MonitorState, model: Any, *batch: Any, **kwargs: Any
    ) -> tuple[tuple[Any, Any], MonitorState]:
        """((value, gradient), state), as `equinox.filter_value_and_grad(loss)(model, *batch)`, and the next state."""
        _check_state("value_and_grad", state)
        static: list[Any] = []

        def recorded() -> Any:
            result, sites = self._probed(model, *batch, **kwargs)
            sites, measures = _with_measures(sites)
            _check_places(state.sites, _places(sites, measures[1]))
            return arrays_of(result), measures

        def plain() -> Any:
            empty = (
                jnp.zeros(state.numbers.shape[1:], jnp.float32),
                tuple(jnp.zeros(mask.shape[1:], bool) for mask in state.never_on),
            )
            return arrays_of(_plain_value_and_grad(self.loss, self.has_aux, model, *batch, **kwargs)), empty

        def arrays_of(result: Any) -> Any:
            arrays, rest = eqx.partition(result, is_array)
            static[:] = [rest]
            return arrays

        due = state.step % self.every == 0
        arrays, measures = lax.cond(due, recorded, plain)
        value, gradient = eqx.combine(arrays, static[0])
        return (value, gradient), self._next(state, due, value[0] if self.has_aux else value, *measures)

    def history(self, state: MonitorState) -> list[Record]:
        """The records that are kept, the oldest first."""
        _check_state("history", state)
        state = jax.device_get(state)
        kept, keep = int(state.kept), len(state.steps)
        return [_record(state, count % keep) for count in range(max(kept - keep, 0), kept)]

    def alarms(self, state: MonitorState, **thresholds: Any) -> tuple[Finding, ...]:
        """What is wrong, the worst first: dead units, NaN, a vanishing or exploding gradient, a growing loss.

        Args:
            state: after any number of steps.
            thresholds: from where on something is said. `patience`: so many records in a row have to show it, 3.
                `dead_share`, `dead_fault`, `gradient_ratio`, `gradient_fault`: as in `Thresholds`, with the gradients
                at the first and last site. `rise`: the loss rises by this share of what it had fallen, 0.5.
        """
        history = self.history(state)
        return alarms(history, int(state.first_not_finite), **thresholds)

    def table(self, state: MonitorState, **thresholds: Any) -> "RenderableType":
        """The newest record and the alarms, for rich.print, or to update a `rich.live.Live` in the loop."""
        import_extra("rich", "Monitor.table")
        from rich.console import Group
        from rich.text import Text

        history = self.history(state)
        if not history:
            return Text("No step was recorded yet.")
        found, first, last = self.alarms(state, **thresholds), history[0], history[-1]
        before = {row.site: len(row.never_on) for row in first.rows}

        def change(row: Row) -> str:
            return f"{len(row.never_on) - before[row.site]:+d}" if row.units else ""

        columns = [Column(f"since {first.step}", change)] if len(history) > 1 else []
        loss = f"step {last.step}: loss {number(last.loss)}, mean since the record before {number(last.mean_loss)}"
        return Group(Text(loss), Text(), rich_table(last.rows, found, columns), *rich_findings(found))

    def plot(self, state: MonitorState) -> "Figure":
        """A matplotlib figure over the steps: the loss; of each site saturation, units never on and the gradient."""
        import_extra("matplotlib", "Monitor.plot")
        from ._plot import figure

        return figure(self.history(state))

    def _probed(self, *args: Any, **kwargs: Any) -> Any:
        return value_and_grad(self.loss, has_aux=self.has_aux, tolerance=self.tolerance)(*args, **kwargs)

    def _next(
        self, state: MonitorState, due: Array, loss: Any, numbers: Array, never_on: Sequence[Array]
    ) -> MonitorState:
        loss = lax.stop_gradient(jnp.asarray(loss)).astype(jnp.float32)
        total = state.total_loss + loss
        since = jnp.where(state.step == 0, 1, self.every).astype(jnp.float32)
        slot = state.kept % len(state.steps)

        def put(ring: Array, new: Array) -> Array:
            return jnp.asarray(ring).at[slot].set(jnp.where(due, new, ring[slot]))

        return dataclasses.replace(
            state,
            step=state.step + 1,
            kept=state.kept + due.astype(jnp.int32),
            total_loss=jnp.where(due, 0, total),
            first_not_finite=jnp.where(
                (state.first_not_finite < 0) & ~jnp.isfinite(loss), state.step, state.first_not_finite
            ),
            steps=put(state.steps, state.step),
            losses=put(state.losses, jnp.stack([loss, total / since])),
            numbers=put(state.numbers, numbers),
            never_on=tuple(put(ring, mask) for ring, mask in zip(state.never_on, never_on, strict=True)),
        )


def _check_state(caller: str, state: Any) -> None:
    if not isinstance(state, MonitorState):
        raise TypeError(
            f"Monitor.{caller} was called with {shown(state)} as the state; expected one that Monitor.init has made."
        )
    if caller == "history" and any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(state)):
        raise TypeError(
            "Monitor.history was called within jit or another transformation; expected a call outside, where the "
            "numbers are known. So are table, plot and alarms."
        )


def _plain_value_and_grad(loss: Any, has_aux: bool, model: Any, *args: Any, **kwargs: Any) -> Any:
    """As `probe.value_and_grad` without statistics: the gradient by the float arrays of the model."""
    differentiated, rest = eqx.partition(model, is_float_array)

    def of_differentiated(differentiated: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = jax.tree.map(lambda leaf: leaf, (args, kwargs))  # nnx.merge changes states of this trace only
        return loss(eqx.combine(differentiated, rest), *args, **kwargs)

    return eqx.filter_value_and_grad(of_differentiated, has_aux=has_aux)(differentiated, *args, **kwargs)


def _with_measures(sites: Sites) -> tuple[Sites, tuple[Array, tuple[Array, ...]]]:
    """The sites, and what is kept of them: numbers, and which units are never on."""
    merged = list(sites.merged.values())
    if not merged:
        return sites, (jnp.zeros((0, len(_NUMBERS))), ())
    return sites, (jnp.stack([_numbers(site) for site in merged]), tuple(_never_on(site) for site in merged))


def _never_on(site: Site) -> Array:
    """Which units are never on; those of gates have no slope, and never count as such."""
    if site.units is None:
        return jnp.zeros(0, bool)
    return site.units.never_on.ravel() & (site.kind == "elementwise")


def _numbers(site: Site) -> Array:
    """The measured fields of a row. What was not recorded is -1; a gradient that is not finite is infinite."""
    into, out = site.input_cotangent, site.output_cotangent
    assert into is not None
    assert out is not None
    rms = jnp.where(out.not_finite > 0, jnp.inf, jnp.where(out.count > 0, out.rms, -1))
    measured = {
        "mean": site.output.mean,
        "rms": site.output.rms,
        "low": site.output.low,
        "high": site.output.high,
        "share_zero": site.output.share_zero,
        "share_saturated": site.share_saturated,
        "not_finite": site.output.nans + site.output.infs,
        "gradient_rms": rms,
        "local_gain": site.local_gain,
        "entropy": jnp.float32(-1) if site.rows is None else site.rows.mean_entropy,
    }
    return jnp.stack([measured[name] for name in _NUMBERS])


def _places(sites: Sites, masks: Sequence[Any]) -> tuple[_Place, ...]:
    return tuple(
        _Place(name, site.activation, site.shape, site.dtype, site.source, mask.shape[0])
        for (name, site), mask in zip(sites.items(), masks, strict=True)
    )


def _check_places(before: Sequence[_Place], now: Sequence[_Place]) -> None:
    """Refuse a state of another model; the shapes of a batch may differ."""
    known, found = ([(site.name, site.units) for site in sites] for sites in (before, now))
    if known != found:
        expected, came = (", ".join(f"{name} ({units} units)" for name, units in sites) for sites in (known, found))
        raise ValueError(f"Monitor.value_and_grad was called with a state for {expected}; the loss has {came}.")


def _record(state: MonitorState, slot: int) -> Record:
    loss, mean_loss = state.losses[slot].tolist()
    rows = []
    for site, values, never_on in zip(state.sites, state.numbers[slot].tolist(), state.never_on, strict=True):
        measured: dict[str, Any] = dict(zip(_NUMBERS, values, strict=True))
        measured["not_finite"] = int(measured["not_finite"])
        measured["entropy"] = None if measured["entropy"] < 0 else measured["entropy"]
        measured["gradient_rms"] = np.nan if measured["gradient_rms"] < 0 else measured["gradient_rms"]
        rows.append(
            Row(
                site=site.name,
                layer="",
                activation=site.activation,
                shape=site.shape,
                dtype=site.dtype,
                source=site.source,
                units=site.units,
                never_on=tuple(np.flatnonzero(never_on[slot]).tolist()),
                **measured,
            )
        )
    return Record(int(state.steps[slot]), loss, mean_loss, tuple(rows))


def import_extra(module: str, caller: str) -> None:
    """Import an optional package, or say how it is installed."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f'{caller} needs {module}, which is not installed: pip install "jaxact[probe]"') from error
