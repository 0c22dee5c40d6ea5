"""The structure of a loss: its layers, its output, its targets, and what lies between them."""

from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from ._elementwise import is_elementwise_or_shape, number_of
from ._graph import Value
from ._layers import POOLS, SHAPE_CHANGES
from ._recognise import Found
from ._trace import Traced

LINEAR = frozenset("add sub mul div neg reduce_sum select_n dynamic_update_slice argument".split())  # noqa: SIM905
"""Operations that are linear in one operand if the others are numbers, parameters or random masks."""


IN_LOSSES = ("log_softmax", "log_sigmoid", "softplus")
"""Activations behind the last layer that belong to the loss and not to the model."""


@dataclass(eq=False)
class Layer:
    """A product with weights."""

    path: str
    """Where its weight is in the model."""
    weight: Value
    """The input of the program that holds the weight."""
    product: Value
    data: Value
    """The operand that is multiplied by the weight."""
    bias: Value | None
    result: Value
    """The product with its bias."""
    unit_axis: int | None
    """The axis of the weight that has one index per unit."""

    @property
    def width(self) -> int:
        """The number of units."""
        return 1 if self.unit_axis is None else self.weight.shape[self.unit_axis]

    @property
    def fan_in(self) -> int:
        return prod(length for axis, length in enumerate(self.weight.shape) if axis != self.unit_axis)


@dataclass(eq=False)
class Structure:
    """What a loss is made of."""

    layers: list[Layer]
    """In the order of the program."""
    layer_of: dict[Found, Layer]
    """The layer whose result each site gets."""
    first: list[Layer]
    """The layers that get the input."""
    last: Layer | None
    output: Value | None
    """What the model returns to the loss: the result of the last layer, after its activation if it has one."""
    output_site: Found | None
    targets: list[Value]
    """The inputs of the program that only the loss uses, with an element or row for each example."""
    random: set[Value]
    """Values that depend on random numbers, and not on data."""
    dropouts: list[tuple[Value, Value, bool]]
    """Masks of random numbers, what they are applied to, and whether an element is kept where the mask is true."""

    @property
    def masked(self) -> list[Value]:
        return [mask for mask, _, _ in self.dropouts]


def structure_of(traced: Traced) -> Structure:
    graph, layers_of = traced.graph, traced.layers
    random = _random(traced)
    layers = [layer for product in layers_of.products if (layer := _layer(traced, product)) is not None]
    by_product = {layer.product: layer for layer in layers}
    layer_of = {}
    for site in traced.found:
        product = layers_of.product_before(site.start)
        if product in by_product:
            layer_of[site] = by_product[product]
    to_loss = used_by(graph.outputs[:1])
    layers = [layer for layer in layers if layer.product in to_loss]
    sources = {layer: used_by([layer.data]) for layer in layers}
    used = set().union(*sources.values())
    parameters = {value for value in graph.inputs if value not in layers_of.data}
    batch = [value for value in graph.inputs if value not in parameters and not _is_key(value)]
    last = next((layer for layer in reversed(layers) if layer.product not in used), None)
    output, site = (last.result if last else None), None
    for candidate in traced.found:
        of_model = candidate.kind in ("elementwise", "rows") and candidate.activation not in IN_LOSSES
        if output is None or not of_model or candidate.end not in to_loss:
            continue
        is_whole = prod(candidate.start.shape) == prod(output.shape)  # and not the part that is a deviation
        if is_whole and same_values(candidate.start, output):
            output, site = candidate.end, candidate
            break
    first = [layer for layer in layers if _gets_input(layer, sources[layer], layers, traced)]
    of_examples = [value for value in batch if value in used] + ([last.result] if last else [])
    lengths = {value.shape[0] for value in of_examples if value.shape}
    targets = [value for value in batch if value in to_loss and value not in used]
    targets = [value for value in targets if not value.shape or not lengths or value.shape[0] in lengths]
    return Structure(layers, layer_of, first, last, output, site, targets, random, _dropouts(traced, random))


def _gets_input(layer: Layer, sources: set[Value], layers: list[Layer], traced: Traced) -> bool:
    """Whether a layer gets the input of the net, and neither what other layers compute nor a state that starts at 0."""
    return not any(other.product in sources for other in layers if other is not layer) and any(
        value.operation == "input" and value in traced.layers.data for value in sources
    )


def _layer(traced: Traced, product: Value) -> Layer | None:
    operand = traced.layers.weight(product)
    if operand is None:
        return None
    sources = [v for v in used_by([operand]) if v.operation == "input" and v.is_float and v.shape]
    if not sources:
        return None
    weight = max(sources, key=lambda value: (len(value.shape), prod(value.shape)))
    position = list(product.inputs).index(operand)
    data = product.inputs[1 - position]
    bias, result = _bias(traced, product)
    return Layer(path_of(traced, weight), weight, product, data, bias, result, _unit_axis(product, operand, weight))


def path_of(traced: Traced, value: Value, whole: bool = False) -> str:
    """The path of a parameter in the model; of its layer, if it is not the only name."""
    _, keys = traced.paths[value.number]
    shown = keys if whole or len(keys) < 2 else keys[:-1]
    parts = []
    for key in shown:
        name = getattr(key, "name", getattr(key, "key", None))
        parts.append(f"[{key.idx}]" if name is None else str(name))
    return ".".join(parts).replace(".[", "[") or "the model"


def _bias(traced: Traced, product: Value) -> tuple[Value | None, Value]:
    """The bias that is added to a product, and the sum in the shape in which it is used next."""
    value, bias = product, None
    for _ in range(20):
        users = [user for user in traced.layers.users.get(value, []) if user.scope == value.scope]
        if len(users) != 1:
            break
        (user,) = users
        if user.operation == "add" and bias is None:
            other = user.inputs[1] if user.inputs[0] is value else user.inputs[0]
            sources = [v for v in used_by([other]) if v.operation == "input"]
            if other in traced.layers.data or not sources:
                break
            bias = sources[0]
        elif user.operation not in SHAPE_CHANGES or prod(user.shape) != prod(value.shape):
            break
        value = user
    return bias, value


def _unit_axis(product: Value, operand: Value, weight: Value) -> int | None:
    """The axis of the weight that has the units, which the product keeps."""
    position = list(product.inputs).index(operand)
    numbers: Any = product.params["dimension_numbers"]
    if product.operation == "conv_general_dilated":
        axes = [numbers.rhs_spec[0]]
    else:
        (contracting, batch) = numbers
        axes = [a for a in range(len(operand.shape)) if a not in (*contracting[position], *batch[position])]
    value = operand
    while value is not weight and axes:
        if value.operation == "transpose":
            axes = [value.params["permutation"][axis] for axis in axes]
        elif value.inputs and value.inputs[0].shape != value.shape:
            matches = [axis for axis, size in enumerate(weight.shape) if size == operand.shape[axes[-1]]]
            return matches[0] if matches else None
        sources = [v for v in value.inputs if number_of(v) is None]
        if not sources:
            break
        value = sources[0]
    return axes[-1] if axes and axes[-1] < len(weight.shape) else None


def layer_before(layer: Layer, structure: Structure, traced: Traced, pooled: bool = False) -> Layer | None:
    """The layer before, if what this layer gets is a linear function of its result alone; `pooled`, also of maxima."""
    by_product = {other.product: other for other in structure.layers}
    linear = SHAPE_CHANGES | LINEAR | (POOLS if pooled else {"reduce_window_sum"})
    value = layer.data
    for _ in range(200):
        if value in by_product:
            return by_product[value]
        operands = [v for v in value.inputs if v in traced.layers.data and v not in structure.random]
        operands = [v for v in operands if number_of(v) is None]
        is_reciprocal = value.operation == "div" and operands != [value.inputs[0]]
        if value.operation not in linear or len(operands) != 1 or is_reciprocal:
            return None
        (value,) = operands
    return None


def feeds_only_layers(layer: Layer, structure: Structure, traced: Traced) -> bool:
    """Whether all that uses the result of a layer are layers, so that it could be multiplied into them."""
    products = {other.product for other in structure.layers}
    waiting, seen = [layer.product], {layer.product}
    while waiting:
        value = waiting.pop()
        for user in traced.layers.users.get(value, []):
            if user in products or user in seen or user.body is not None:  # of a body, the arguments are users, too
                continue
            others = [v for v in user.inputs if v in traced.layers.data and v not in structure.random]
            others = [v for v in others if number_of(v) is None and v is not value]
            if user.operation not in SHAPE_CHANGES | LINEAR | POOLS or others:
                return False
            seen.add(user)
            waiting.append(user)
    return True


def same_values(value: Value, source: Value) -> bool:
    """Whether a value is the source, in another shape or type."""
    for _ in range(50):
        if value is source:
            return True
        operands = [v for v in value.inputs if number_of(v) is None]
        if value.operation not in SHAPE_CHANGES or len(operands) != 1:
            return False
        (value,) = operands
    return False


def used_by(values: list[Value]) -> set[Value]:
    """Everything that these values are computed from, and they themselves."""
    found, waiting = set(values), list(values)
    while waiting:
        value = waiting.pop()
        inner = value.body.outputs if value.body is not None else []
        for operand in (*value.inputs, *inner):
            if operand not in found:
                found.add(operand)
                waiting.append(operand)
    return found


def _random(traced: Traced) -> set[Value]:
    """Masks: values that depend on random bits, and on data only as numbers are drawn for them."""
    random: set[Value] = set()
    for value in traced.graph.values:
        if value.operation in (
            "random_bits",
            "threefry2x32",
            "random_wrap",
            "random_seed",
            "random_fold_in",
            "random_split",
        ):
            random.add(value)
        elif value.inputs and any(v in random for v in value.inputs):
            rest = [v for v in value.inputs if v not in random and number_of(v) is None]
            if all(v not in traced.layers.data or _is_key(v) for v in rest) and (
                is_elementwise_or_shape(value) or not rest
            ):
                random.add(value)
    return random


def _dropouts(traced: Traced, random: set[Value]) -> list[tuple[Value, Value, bool]]:
    found = []
    for value in traced.graph.values:
        if value.operation == "select_n" and value.inputs[0] in random and len(value.inputs) == 3:
            zeros = [number_of(v) == 0 for v in value.inputs[1:]]
            if any(zeros) and value.is_float and value in traced.layers.data:
                found.append((value.inputs[0], value, zeros[0]))
        elif value.operation == "mul" and len(value.inputs) == 2 and value.shape:
            masks = [v for v in value.inputs if v in random and number_of(v) is None and v.shape == value.shape]
            others = [v for v in value.inputs if v not in random and v in traced.layers.data]
            if len(masks) == 1 and len(others) == 1:
                found.append((masks[0], value, True))
    return found


def _is_key(value: Value) -> bool:
    dtype = getattr(value.type, "dtype", None)
    return dtype is not None and (
        jnp.issubdtype(dtype, jax.dtypes.prng_key) or (dtype.name == "uint32" and value.shape[-1:] == (2,))
    )
