"""A function traced for its arguments, with its activation sites."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import shown
from .._facts import CATALOGUE
from .._slope import slope
from ._elementwise import POINTS, jax_values, known_values, values_on
from ._evaluate import Evaluation, Watched
from ._graph import Graph, bind, bodies, read, scope_names, source_of
from ._layers import Layers
from ._recognise import Found, recognise

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
        sites = {}
        for number in range(len(self.found)) if numbers is None else numbers:
            site = self.found[number]
            sites[number] = Watched(site.start, site.end, site.call.place if site.call is not None else None)
        return Evaluation(sites, **how)

    def slope_of(self, number: int, operands: Any, y: Any) -> Callable[[Any], Any]:
        """The derivative of the activation at a site with the output y: that of jaxact's function, if it is one."""
        site = self.found[number]
        if site.activation == "prelu" and site.call is None:
            return lambda x: jnp.where(x < 0, y / jnp.where(x < 0, x, 1), 1)
        facts = CATALOGUE.get(site.activation)
        if facts is not None and facts.elementwise and site.activation in known_values():
            values = values_on(POINTS, site.start, site.end)
            if values is not None and np.allclose(values, known_values()[site.activation], 1e-4, 1e-4):
                return slope(facts.function)
        if site.call is not None and operands is not None:
            eqn, position = site.call.eqn, site.call.inputs.index(site.start)

            def function(x: Any) -> Any:
                return bind(eqn, [*operands[:position], x, *operands[position + 1 :]])[0]
        else:

            def function(x: Any) -> Any:
                return jax_values(x, site.start, site.end)

        return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


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
    reports = []
    for value in graph.not_entered:
        inside: list[str] = []
        for body in bodies(value.eqn):
            inner = read(body)
            inside += [site.activation for site in recognise(inner, Layers(inner, lambda _: False))]
        reports.append(NotEntered(value.operation, tuple(dict.fromkeys(inside)), source_of(value)))
    return reports
