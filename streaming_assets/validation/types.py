"""Whether every value of a definition has the type that the contract declares."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from reprlib import Repr
from typing import Any, Literal, get_args, get_origin

from streaming_assets.contract import ScalarType
from streaming_assets.errors import Fault

_MISSING = object()
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80

_ELSEWHERE = {
    **dict.fromkeys(("str", "varchar"), "string"),
    **dict.fromkeys(("int", "integer", "bigint", "int64"), "long"),
    **dict.fromkeys(("float", "float64", "real", "number"), "double"),
    "bool": "boolean",
    "datetime": "timestamp",
}
"""What a type is called elsewhere, with its name here."""

_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "True or False", timedelta: "a timedelta"}


def type_faults(value: object, hint: Any, where: str) -> Iterator[Fault]:
    """Compare a value with a type of the contract, down to its innermost parts."""
    origin = get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        yield from _union(value, get_args(hint), where)
    elif origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            yield Fault(where, shown(value), describe(hint))
    elif origin is tuple:
        yield from _tuple(value, get_args(hint), where)
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _mapping(value, get_args(hint), where)
    elif origin is not None:
        if not callable(value):
            yield Fault(where, shown(value), describe(hint))
    elif isinstance(hint, type) and is_dataclass(hint):
        yield from _dataclass(value, hint, where)
    elif not _is(value, hint):
        yield Fault(where, shown(value), describe(hint))


def shown(value: object) -> str:
    """Show a value briefly, whatever it is."""
    try:
        return f"{_SHORT.repr(value)} ({type(value).__name__})"
    except Exception:  # noqa: BLE001 - a value may refuse to be shown
        return f"a value of the type {type(value).__name__}"


def describe(hint: Any) -> str:
    """Name a type of the contract in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None:
        return _describe_plain(hint)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(dict.fromkeys(describe(argument) for argument in arguments))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        return f"a tuple of {describe(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {describe(arguments[0])} to {describe(arguments[1])}"
    return "a function"


def _describe_plain(hint: type) -> str:
    if hint is types.NoneType:
        return "None"
    article = "an" if hint.__name__[0] in "AEIOU" else "a"
    return _NAMES.get(hint, f"{article} {hint.__name__}")


def _is(value: object, hint: type) -> bool:
    if hint in {int, float} and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def _union(value: object, arms: tuple[Any, ...], where: str) -> Iterator[Fault]:
    for arm in arms:
        kind = get_origin(arm) or arm
        if (
            isinstance(kind, type)
            and kind is not type(None)
            and isinstance(value, kind)
            and not isinstance(value, Enum)
        ):
            yield from type_faults(value, arm, where)
            return
    if all(any(True for _ in type_faults(value, arm, where)) for arm in arms):
        meant = _meant(value) if ScalarType in arms else None
        yield Fault(where, shown(value), meant or " or ".join(dict.fromkeys(describe(arm) for arm in arms)))


def _meant(value: object) -> str | None:
    """Return the type of a single value that a Python type, or a name from SQL or JSON, stands for elsewhere."""
    name = value.__name__ if isinstance(value, type) else value
    if not isinstance(name, str):
        return None
    known = {scalar.value: scalar for scalar in ScalarType}
    scalar = known.get(_ELSEWHERE.get(name.lower(), name.lower()))
    return f"ScalarType.{scalar.name}" if scalar is not None else None


def _tuple(value: object, items: tuple[Any, ...], where: str) -> Iterator[Fault]:
    if not isinstance(value, tuple):
        yield Fault(where, shown(value), f"a tuple of {describe(items[0])}, such as (…,)")
    elif items[-1] is ...:
        for index, item in enumerate(value):
            yield from type_faults(item, items[0], f"{where}{_label(item, index)}")
    elif len(value) != len(items):
        yield Fault(where, shown(value), f"a tuple of {len(items)} values")
    else:
        for index, (item, hint) in enumerate(zip(value, items, strict=True)):
            yield from type_faults(item, hint, f"{where}[{index}]")


def _label(item: object, index: int) -> str:
    name = getattr(item, "name", None)
    return f".{name}" if type(name) is str and name and not isinstance(item, Enum) else f"[{index}]"


def _mapping(value: object, items: tuple[Any, ...], where: str) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault(where, shown(value), f"a mapping of {describe(items[0])} to {describe(items[1])}")
        return
    for key, item in value.items():
        yield from type_faults(key, items[0], f"{where}, a key")
        yield from type_faults(item, items[1], f"{where}[{shown(key).rpartition(' (')[0]}]")


def _dataclass(value: object, kind: Any, where: str) -> Iterator[Fault]:
    if not isinstance(value, kind):
        yield Fault(where, shown(value), describe(kind))
        return
    hints = _hints(kind)
    for part in fields(kind):
        held = getattr(value, part.name, _MISSING)
        if held is _MISSING:
            yield Fault(f"{where}.{part.name}", "nothing", describe(hints[part.name]))
        else:
            yield from type_faults(held, hints[part.name], f"{where}.{part.name}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    # The contract names pyarrow in a type without importing it.
    arrow = types.SimpleNamespace(Table=object)
    return typing.get_type_hints(kind, localns={"pa": arrow, "Callable": Callable})
