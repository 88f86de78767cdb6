"""From JSON values to the types of the schema."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from streaming_assets.contract import Array, Field, FieldType, ScalarType, Struct
from streaming_assets.fitting.times import as_date, as_epoch, as_timestamp
from streaming_assets.fitting.values import HugeInteger, JsonObject, Number
from streaming_assets.fitting.verdicts import Reason, refuse
from streaming_assets.fitting.wording import describe, show


def convert(value: Any, kind: FieldType, path: str) -> Any:
    """Return a JSON value as a type of the schema: structs as dicts, absent optional fields as None.

    Args:
        value: The JSON value, not null.
        kind: The type.
        path: JSON path of the value.

    Raises:
        MisfitError: It is of another type, or lacks something.
    """
    if isinstance(kind, Struct):
        return _convert_struct(value, kind, path)
    if isinstance(kind, Array):
        return _convert_array(value, kind, path)
    return _SCALARS[kind](value, path)


def _convert_struct(value: Any, kind: Struct, path: str) -> dict[str, Any]:
    if not isinstance(value, JsonObject):
        reason = Reason.NOT_AN_OBJECT if path == "$" else Reason.WRONG_TYPE
        refuse(reason, None if path == "$" else path, f"found {describe(value)}, expected an object")
    return {field.name: _convert_field(value, field, f"{path}.{field.name}") for field in kind.fields}


def _convert_field(parent: JsonObject, field: Field, path: str) -> Any:
    if field.name in parent.repeated:
        refuse(Reason.DUPLICATE_FIELD, path, "found the field more than once")
    value = parent.get(field.name)
    if value is not None:
        return convert(value, field.type, path)
    if field.required:
        missing = field.name not in parent
        refuse(
            Reason.MISSING_FIELD if missing else Reason.NULL_FIELD,
            path,
            f"found {'nothing' if missing else 'null'}, expected {_name(field.type)}",
        )
    return None


def _convert_array(value: Any, kind: Array, path: str) -> list[Any]:
    if not isinstance(value, list):
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected an array")
    converted = []
    for index, item in enumerate(value):
        if item is None:
            refuse(Reason.NULL_FIELD, f"{path}[{index}]", f"found null, expected {_name(kind.items)}")
        converted.append(convert(item, kind.items, f"{path}[{index}]"))
    return converted


def as_string(value: Any, path: str) -> str:
    """Return a JSON string.

    Raises:
        MisfitError: It is no string, or one that no encoding can carry.
    """
    if not isinstance(value, str) or isinstance(value, HugeInteger):
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        refuse(Reason.NOT_TEXT, path, f"found a lone surrogate at character {error.start}")
    return value


def _text(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, HugeInteger):
        return str.__str__(value)
    return as_string(value, path)


def _long(value: Any, path: str) -> int:
    if isinstance(value, HugeInteger) or (type(value) is int and not -(2**63) <= value < 2**63):
        refuse(Reason.OUT_OF_RANGE, path, f"found {show(value)}, expected a 64-bit integer")
    if type(value) is not int:
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected an integer")
    return value


def _double(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, HugeInteger)):
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected a number")
    number = float(value)
    if not math.isfinite(number):
        refuse(Reason.OUT_OF_RANGE, path, "found a number too large for 64-bit floating point")
    return number


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected true or false")
    return value


def _epoch(value: Any, path: str, unit: timedelta) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float, HugeInteger)):
        refuse(Reason.WRONG_TYPE, path, f"found {describe(value)}, expected a number")
    return as_epoch(_text(value, path), unit, path)


_SCALARS: dict[ScalarType, Callable[[Any, str], Any]] = {
    ScalarType.STRING: as_string,
    ScalarType.TEXT: _text,
    ScalarType.LONG: _long,
    ScalarType.DOUBLE: _double,
    ScalarType.BOOLEAN: _boolean,
    ScalarType.TIMESTAMP: lambda value, path: as_timestamp(as_string(value, path), path),
    ScalarType.EPOCH_SECONDS: lambda value, path: _epoch(value, path, timedelta(seconds=1)),
    ScalarType.EPOCH_MILLIS: lambda value, path: _epoch(value, path, timedelta(milliseconds=1)),
    ScalarType.DATE: lambda value, path: as_date(as_string(value, path), path),
}


def _name(kind: FieldType) -> str:
    if isinstance(kind, Struct):
        return "an object"
    return "an array" if isinstance(kind, Array) else f"a {kind.value}"
