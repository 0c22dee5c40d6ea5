"""Parsed JSON as declared types: dataclasses, named tuples, typed dictionaries, lists, numbers, text."""

import dataclasses
import math
import re
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

NOT_FINITE = "inf", "-inf", "nan"
"""Strings that stand for the numbers that JSON does not have; `float` parses them."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, and halves of pairs


def typed(value: Any, kind: Any, where: str = "it") -> Any:
    """The value as this type. `Any` stands for anything; `object` as well, which is returned as it is.

    Raises:
        ValueError: the value, or something in it, has another type; the message is a clause that says where.
    """
    if kind is object:
        return value
    if kind is Any:
        return _anything(value, where)
    if get_origin(kind) is NotRequired:
        return typed(value, get_args(kind)[0], where)
    if get_origin(kind) is Literal and value in get_args(kind):
        return value
    if kind is str:
        return _text(value, where)
    if kind is int and type(value) is int:
        return value
    if kind is float:
        return _number(value, where)
    if get_origin(kind) is list and isinstance(value, list):
        (entry,) = get_args(kind)
        return [typed(item, entry, f"{where}[{index}]") for index, item in enumerate(value)]
    if get_origin(kind) is dict and isinstance(value, dict):
        _, entry = get_args(kind)
        return {_text(name, where): typed(item, entry, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, list) and len(getattr(kind, "_fields", ())) == len(value) > 0:
        hints = get_type_hints(kind)
        return kind(*(typed(item, hints[name], f"{where}.{name}") for name, item in zip(hints, value, strict=True)))
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        required = {field.name for field in dataclasses.fields(kind) if not _has_default(field)}
        return kind(**_fields(value, kind, required, where))
    if is_typeddict(kind) and isinstance(value, dict):
        return _fields(value, kind, getattr(kind, "__required_keys__", frozenset()), where)
    raise ValueError(f"{where} is {_shown(value)}, but {getattr(kind, '__name__', kind)} is expected")


def _fields(value: dict[str, Any], kind: Any, required: set[str] | frozenset[str], where: str) -> dict[str, Any]:
    hints = get_type_hints(kind)
    if not required <= set(value) <= set(hints):
        raise ValueError(f"{where} has {_shown(sorted(value))}, but {sorted(hints)} are expected")
    return {name: typed(item, hints[name], f"{where}.{name}") for name, item in value.items()}


def _has_default(field: Any) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _anything(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {_text(name, where): _anything(item, where) for name, item in value.items()}
    if isinstance(value, list):
        return [_anything(item, where) for item in value]
    if isinstance(value, str):
        return float(value) if value in NOT_FINITE else _text(value, where)
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or _UNPRINTABLE.search(value):
        raise ValueError(f"{where} is {_shown(value)}, but printable text is expected")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not (isinstance(value, int | float) or value in NOT_FINITE):
        raise ValueError(f"{where} is {_shown(value)}, but a number is expected")
    try:
        return float(value)
    except OverflowError:  # an integer of 400 digits
        return math.inf


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
