"""A function traced for its arguments, with its activation sites."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import shown
from .._facts import CATALOGUE
from .._jaxprs import bind, bodies
from .._slope import slope
from ._elementwise import POINTS, jax_values, known_values, values_on
from ._evaluate import Evaluation, Watched
from ._graph import Graph, Value, read, scope_names, source_of
from ._layers import Layers
from ._recognise import Found, recognise
from ._sums import Recipe
from ._switches import switches

_NOT_TRACEABLE = (jax.errors.JAXTypeError, jax.errors.JAXIndexError, jax.errors.NonConcreteBooleanIndexError)


@dataclass(frozen=True)
class NotEntered:
    """A loop or a kernel whose body was not read."""

    operation: str
    activations: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        inside = f" with {', '.join(self.activations)}" if self.activations else ""
        return f"{self.operation}{inside}, {self.source or 'source unknown'}"


@dataclass
class Traced:
    """The program of fun(*args, **kwargs) and what is known of it."""

    closed: Any
    inputs: list[Any]
    """The arrays among the arguments, which are the inputs of the program."""
    paths: list[tuple[int | str, Any]]
    """For each input the number or name of the argument, and the path in it."""
    restore: Callable[[list[Any]], Any]
    """From the outputs of the program to what the function returns."""
    graph: Graph
    layers: Layers
    found: list[Found]
    names: list[str]
    not_entered: "list[NotEntered]"

    def evaluation(self, numbers: Iterable[int] | None = None, **how: Any) -> Evaluation:
        """An evaluation of the program that does something at some sites, or at all."""
        chosen = range(len(self.found)) if numbers is None else numbers
        return Evaluation({number: self.watched(number) for number in chosen}, **how)

    def watched(self, number: int) -> Watched:
        """A site as an evaluation sees it."""
        site = self.found[number]
        return Watched(site.start, site.end, site.call.place if site.call is not None else None)

    @property
    def parameters(self) -> list[Value]:
        """The inputs of the program that are float parameters."""
        return [value for value in self.graph.inputs if value.is_float and value not in self.layers.data]

    def with_parameters(self, inputs: Sequence[Any], parameters: Sequence[Any]) -> list[Any]:
        """The inputs of the program with other float parameters."""
        new = {value.number: parameter for value, parameter in zip(self.parameters, parameters, strict=True)}
        return [new.get(number, leaf) for number, leaf in enumerate(inputs)]

    def is_of_jaxact(self, number: int) -> bool:
        """Whether the activation at a site is jaxact's of that name at its default parameters, by its values."""
        site = self.found[number]
        known = known_values().get(site.activation)
        values = values_on(POINTS, site.start, site.end) if known is not None else None
        return known is not None and values is not None and np.allclose(values, known, 1e-4, 1e-4)

    def slope_of(self, number: int, operands: Any, y: Any) -> Callable[[Any], Any]:
        """The derivative of the activation at a site with the output y: that of jaxact's function, if it is one."""
        site = self.found[number]
        if site.activation == "prelu" and site.call is None:
            return lambda x: jnp.where(x < 0, y / jnp.where(x < 0, x, 1), 1)
        if self.is_of_jaxact(number):
            return slope(CATALOGUE[site.activation].function)
        if site.call is not None and operands is not None:
            eqn, position = site.call.eqn, site.call.inputs.index(site.start)

            def function(x: Any) -> Any:
                return bind(eqn, [*operands[:position], x, *operands[position + 1 :]])[0]
        else:

            def function(x: Any) -> Any:
                return jax_values(x, site.start, site.end)

        return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]

    def recipe(self, number: int, operands: Any, y: Any, tolerance: float) -> Recipe:
        """How the statistics of a site with the output y are computed."""
        site = self.found[number]
        is_elementwise = site.kind == "elementwise"
        return Recipe(
            kind=site.kind,
            slope=self.slope_of(number, operands, y) if is_elementwise else None,
            switches=switches(site.activation, tolerance) if is_elementwise and self.is_of_jaxact(number) else None,
            units=self.layers.unit_axes(site.end),
            row=site.axes,
            rows_are=_rows_are(site),
            tolerance=tolerance,
        )


def _rows_are(site: Found) -> str:
    """What the rows of a site are. A call may have a temperature, and then is not the softmax of its input."""
    return site.activation if site.call is None or site.activation == "log_softmax" else ""


def is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def is_float_array(leaf: Any) -> bool:
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def trace(caller: str, fun: Callable[..., Any], args: Any, kwargs: Any) -> Traced:
    """Trace fun(*args, **kwargs): arrays become inputs of the program, all else is constant."""
    if not callable(fun):
        raise TypeError(f"{caller} was called with {shown(fun)}; expected a function of arrays.")
    arrays, constant = eqx.partition((args, kwargs), is_array)
    leaves, structure = jax.tree_util.tree_flatten_with_path(arrays)
    inputs = [leaf for _, leaf in leaves]
    static: list[Any] = []

    def run(*inputs: Any) -> Any:
        args, kwargs = eqx.combine(jax.tree.unflatten(structure, inputs), constant)
        outputs, rest = eqx.partition(fun(*args, **kwargs), is_array)
        static[:] = [rest]
        return outputs

    try:
        closed, shapes = jax.make_jaxpr(run, return_shape=True)(*inputs)
    except _NOT_TRACEABLE as error:
        name = getattr(fun, "__name__", type(fun).__name__)
        raise TypeError(
            f"{caller} was called with {name}, which cannot be traced ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]:.200}); expected a function that jax.jit accepts."
        ) from error
    tree = jax.tree.structure(shapes)

    def restore(outputs: list[Any]) -> Any:
        return eqx.combine(jax.tree.unflatten(tree, outputs), static[0])

    graph = read(closed)
    paths = [(keys[1].idx if keys[0].idx == 0 else keys[1].key, keys[2:]) for keys, _ in leaves]
    layers = Layers(graph, _parameters(paths))
    found = [site for site in recognise(graph, layers) if site.start.operation != "constant"]
    names = _names(found)
    return Traced(closed, inputs, paths, restore, graph, layers, found, names, _not_entered(graph))


def _parameters(paths: list[tuple[int | str, Any]]) -> Callable[[Any], bool]:
    """Which inputs and constants are parameters: the first of several arguments, or what the function closes over."""
    several = {argument for argument, _ in paths} != {0}
    model = sum(argument == 0 for argument, _ in paths) > 1

    def is_parameter(value: Any) -> bool:
        if value.operation == "constant":
            return several or not model
        return (several or model) and paths[value.number][0] == 0

    return is_parameter


def _names(found: list[Found]) -> list[str]:
    """The scopes of each site and its activation, with a number where that names several."""
    plain = []
    for site in found:
        scopes = scope_names(site.end.stack)
        plain.append(site.activation if site.kind == "tag" or not scopes else f"{scopes}/{site.activation}")
    several, seen = Counter(plain), Counter[str]()
    names = []
    for name in plain:
        unique = name
        while several[name] > 1 and unique in several:  # a tag may have the name of a numbered site
            unique = f"{name}[{seen[name]}]"
            seen[name] += 1
        names.append(unique)
    return names


def _not_entered(graph: Graph) -> list[NotEntered]:
    return [
        NotEntered(value.operation, tuple(dict.fromkeys(_activations_in(value.eqn))), source_of(value))
        for value in graph.not_entered
    ]


def _activations_in(eqn: Any) -> list[str]:
    """The activations in the bodies of an equation, and in the loops and kernels in these."""
    found: list[str] = []
    for body in bodies(eqn):
        graph = read(body)
        found += [site.activation for site in recognise(graph, Layers(graph, lambda _: False))]
        for value in graph.not_entered:
            found += _activations_in(value.eqn)
    return found
