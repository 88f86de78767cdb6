"""Whether a record fits its source's schema: the one implementation that decides, for every engine.

An engine may accept records that surely fit by a faster native check. What that check does not accept
comes here, and what is said here holds: reason, JSON path and detail stand in the quarantine table.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, NoReturn

from streaming_assets.contract import Array, EventSchema, Field, FieldType, Rule, ScalarType, Struct

MAX_DEPTH = 256
"""Deepest nesting of objects and arrays; parsers differ in how much more they take."""

CLOCK_TOLERANCE = timedelta(days=1)
"""How far an event time may lie ahead of the record's own timestamp."""

TIMESTAMP_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339, section 5.6."""


class Reason(StrEnum):
    """Why a record does not fit; the fixed vocabulary of the quarantine table."""

    NO_VALUE = "no_value"
    """The record has no value, or an empty one."""
    NOT_UTF8 = "not_utf8"
    """The value is not UTF-8."""
    NOT_JSON = "not_json"
    """The value is not a JSON text (RFC 8259)."""
    TOO_DEEP = "too_deep"
    """Objects and arrays are nested deeper than `MAX_DEPTH`."""
    NOT_AN_OBJECT = "not_an_object"
    """The value is JSON, but not an object."""
    DUPLICATE_FIELD = "duplicate_field"
    """An object names a field twice, so its value is ambiguous."""
    MISSING_FIELD = "missing_field"
    """A required field is not there, or an identifier is empty."""
    NULL_FIELD = "null_field"
    """A required field is null."""
    WRONG_TYPE = "wrong_type"
    """A field's value has another type."""
    OUT_OF_RANGE = "out_of_range"
    """A number or a time lies outside what its type can hold."""
    NOT_TEXT = "not_text"
    """A string holds a surrogate without its partner, which no encoding can carry."""
    BAD_TIMESTAMP = "bad_timestamp"
    """A timestamp is not RFC 3339 with an offset, or not a date that exists."""
    BAD_DATE = "bad_date"
    """A date is not `YYYY-MM-DD`, or does not exist."""
    PATTERN_MISMATCH = "pattern_mismatch"
    """A text does not match the pattern of a rule."""
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    """The event time lies more than `CLOCK_TOLERANCE` ahead of the record's timestamp."""
    SILVER_FAILED = "silver_failed"
    """The plugin's Silver transform raised on the record, or left a required column null."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A record that fits."""

    event: dict[str, Any]
    """The declared fields, converted: top-level name to value, structs as dicts, absent ones None."""
    event_id: str | None
    """The event's own id; None if it has none and its coordinates identify it."""
    event_time: datetime
    """When the event happened, UTC."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record that does not fit."""

    reason: Reason
    """Why."""
    field: str | None
    """JSON path of the field, None for the record as a whole."""
    detail: str
    """What was found and what was expected."""


class Fitter:
    """Decides about the records of one schema."""

    def __init__(self, schema: EventSchema) -> None:
        """Prepare the schema's fields and rules."""
        self._schema = schema
        self._patterns = [re.compile(rule.pattern) if rule.pattern else None for rule in schema.rules]

    def fit(self, value: bytes | None, seen_at: datetime) -> Fit | Misfit:
        """Decide about one record.

        Args:
            value: The record's value as it came.
            seen_at: The record's timestamp, or when it was read if it has none or one that lies later.
        """
        try:
            event = _object(_convert(_parse(value), Struct(fields=self._schema.fields), "$"))
            self._check_rules(event)
            event_id = self._event_id(event)
            event_time = self._event_time(event, seen_at)
        except _MisfitError as error:
            return error.misfit
        return Fit(event=event, event_id=event_id, event_time=event_time)

    def _check_rules(self, event: dict[str, Any]) -> None:
        for rule, pattern in zip(self._schema.rules, self._patterns, strict=True):
            if not _applies(rule, event):
                continue
            value = lookup(event, rule.field)
            if value is None and rule.required:
                _refuse(Reason.MISSING_FIELD, f"$.{rule.field}", f"nothing; required {_condition(rule)}".rstrip())
            if value is not None and pattern is not None and not pattern.fullmatch(str(value)):
                expected = f"expected text that matches {rule.pattern} {_condition(rule)}".rstrip()
                _refuse(Reason.PATTERN_MISMATCH, f"$.{rule.field}", f"found {_show(value)}, {expected}")

    def _event_id(self, event: dict[str, Any]) -> str | None:
        path = self._schema.event_id
        value = lookup(event, path) if path else None
        if value == "" and path and is_required(self._schema, path):
            _refuse(Reason.MISSING_FIELD, f"$.{path}", "found an empty text, expected one that identifies the event")
        return str(value) if value not in (None, "") else None

    def _event_time(self, event: dict[str, Any], seen_at: datetime) -> datetime:
        path = self._schema.event_time
        event_time: datetime = lookup(event, path)
        if event_time - seen_at > CLOCK_TOLERANCE:
            detail = f"found {event_time.isoformat()}, expected at most a day after {seen_at.isoformat()}"
            _refuse(Reason.EVENT_TIME_IN_FUTURE, f"$.{path}", detail)
        return event_time


def lookup(event: dict[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where any part of it is missing."""
    value: Any = event
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_required(schema: EventSchema, path: str) -> bool:
    """Tell whether every field along a dotted path is required."""
    fields = schema.fields
    for name in path.split("."):
        field = next(field for field in fields if field.name == name)
        if not field.required:
            return False
        fields = field.type.fields if isinstance(field.type, Struct) else ()
    return True


class _MisfitError(Exception):
    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit.detail)
        self.misfit = misfit


def _refuse(reason: Reason, field: str | None, detail: str) -> NoReturn:
    raise _MisfitError(Misfit(reason, field, detail))


class _Object(dict[str, Any]):
    """A JSON object that remembers which names stood in it more than once."""

    repeated: frozenset[str] = frozenset()


class _HugeInteger(str):
    """An integer too long for any type here; Python refuses to convert the longest."""

    __slots__ = ()


class _Number(float):
    """A number with fraction or exponent that remembers how it was written."""

    text: str


_LONGEST_INTEGER = len(str(-(2**63)))


def _parse(value: bytes | None) -> Any:
    if not value:
        _refuse(Reason.NO_VALUE, None, "found no value" if value is None else "found an empty value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        _refuse(Reason.NOT_UTF8, None, f"found byte 0x{value[error.start]:02x} at byte {error.start}")
    if _depth(text) > MAX_DEPTH:
        _refuse(Reason.TOO_DEEP, None, f"expected at most {MAX_DEPTH} levels of nesting")
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        _refuse(Reason.NOT_JSON, None, _truncate(str(error)))


def _depth(text: str) -> int:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    # A string without an end takes all that follows, so that no character is looked at twice.
    for bracket in re.findall(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', text, re.DOTALL):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> _Object:
    result = _Object(pairs)
    if len(result) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        result.repeated = frozenset(name for name, times in counts.items() if times > 1)
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | _HugeInteger:
    return int(text) if len(text) <= _LONGEST_INTEGER else _HugeInteger(text)


def _number(text: str) -> _Number:
    number = _Number(text)
    number.text = text
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_number)


def _object(value: Any) -> dict[str, Any]:
    result: dict[str, Any] = value
    return result


def _convert(value: Any, kind: FieldType, path: str) -> Any:
    if isinstance(kind, Struct):
        return _convert_struct(value, kind, path)
    if isinstance(kind, Array):
        return _convert_array(value, kind, path)
    return _SCALARS[kind](value, path)


def _convert_struct(value: Any, kind: Struct, path: str) -> dict[str, Any]:
    if not isinstance(value, _Object):
        reason = Reason.NOT_AN_OBJECT if path == "$" else Reason.WRONG_TYPE
        _refuse(reason, None if path == "$" else path, f"found {_describe(value)}, expected an object")
    return {field.name: _convert_field(value, field, f"{path}.{field.name}") for field in kind.fields}


def _convert_field(parent: _Object, field: Field, path: str) -> Any:
    if field.name in parent.repeated:
        _refuse(Reason.DUPLICATE_FIELD, path, "found the field more than once")
    value = parent.get(field.name)
    if value is not None:
        return _convert(value, field.type, path)
    if field.required:
        missing = field.name not in parent
        _refuse(
            Reason.MISSING_FIELD if missing else Reason.NULL_FIELD,
            path,
            f"found {'nothing' if missing else 'null'}, expected {_name(field.type)}",
        )
    return None


def _convert_array(value: Any, kind: Array, path: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(Reason.WRONG_TYPE, path, f"found {_describe(value)}, expected an array")
    converted = []
    for index, item in enumerate(value):
        if item is None:
            _refuse(Reason.NULL_FIELD, f"{path}[{index}]", f"found null, expected {_name(kind.items)}")
        converted.append(_convert(item, kind.items, f"{path}[{index}]"))
    return converted


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str) or isinstance(value, _HugeInteger):
        _refuse(Reason.WRONG_TYPE, path, f"found {_describe(value)}, expected a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        _refuse(Reason.NOT_TEXT, path, f"found a lone surrogate at character {error.start}")
    return value


def _text(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return value.text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, _HugeInteger):
        return str.__str__(value)
    return _string(value, path)


def _long(value: Any, path: str) -> int:
    if isinstance(value, _HugeInteger) or (type(value) is int and not -(2**63) <= value < 2**63):
        _refuse(Reason.OUT_OF_RANGE, path, f"found {_show(value)}, expected a 64-bit integer")
    if type(value) is not int:
        _refuse(Reason.WRONG_TYPE, path, f"found {_describe(value)}, expected an integer")
    return value


def _double(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, _HugeInteger)):
        _refuse(Reason.WRONG_TYPE, path, f"found {_describe(value)}, expected a number")
    number = float(value)
    if not math.isfinite(number):
        _refuse(Reason.OUT_OF_RANGE, path, "found a number too large for 64-bit floating point")
    return number


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse(Reason.WRONG_TYPE, path, f"found {_describe(value)}, expected true or false")
    return value


_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)
_LEAP_SECOND = 60


def _timestamp(value: Any, path: str) -> datetime:
    text = _string(value, path)
    if not _TIMESTAMP.fullmatch(text):
        _refuse(Reason.BAD_TIMESTAMP, path, f"found {_show(text)}, expected RFC 3339 with an offset")
    try:
        return _from_rfc3339(text)
    except ValueError as error:
        _refuse(Reason.BAD_TIMESTAMP, path, f"found {_show(text)}: {error}")
    except OverflowError:
        _refuse(Reason.OUT_OF_RANGE, path, f"found {_show(text)}, expected years 1 to 9999 in UTC")


def _from_rfc3339(text: str) -> datetime:
    zone_at = len(text) - 1 if text[-1] in "Zz" else len(text) - 6
    second = int(text[17:19])
    # A leap second is the first instant of the next minute for every clock that has none (POSIX time).
    leap = timedelta(seconds=1) if second == _LEAP_SECOND else timedelta(0)
    local = datetime(  # noqa: DTZ001 (the zone is added below)
        int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16]), second - leap.seconds,
        int(text[20:zone_at][:6].ljust(6, "0")),
    )  # fmt: skip
    return (local + leap).replace(tzinfo=_zone(text[zone_at:])).astimezone(UTC)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 (RFC 3339: time-hour and time-minute)
        raise ValueError("the offset is out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _date(value: Any, path: str) -> date:
    text = _string(value, path)
    if _DATE.fullmatch(text):
        try:
            return date(int(text[:4]), int(text[5:7]), int(text[8:]))
        except ValueError:
            pass
    _refuse(Reason.BAD_DATE, path, f"found {_show(text)}, expected a date YYYY-MM-DD")


_SCALARS: dict[ScalarType, Callable[[Any, str], Any]] = {
    ScalarType.STRING: _string,
    ScalarType.TEXT: _text,
    ScalarType.LONG: _long,
    ScalarType.DOUBLE: _double,
    ScalarType.BOOLEAN: _boolean,
    ScalarType.TIMESTAMP: _timestamp,
    ScalarType.DATE: _date,
}


def _applies(rule: Rule, event: dict[str, Any]) -> bool:
    if rule.when is not None:
        return lookup(event, rule.when[0]) in rule.when[1]
    if rule.unless is not None:
        return lookup(event, rule.unless[0]) not in rule.unless[1]
    return True


def _condition(rule: Rule) -> str:
    word, condition = ("where", rule.when) if rule.when else ("unless", rule.unless)
    return f"{word} {condition[0]} is {' or '.join(condition[1])}" if condition else ""


def _name(kind: FieldType) -> str:
    if isinstance(kind, Struct):
        return "an object"
    return "an array" if isinstance(kind, Array) else f"a {kind.value}"


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str) and not isinstance(value, _HugeInteger):
        return f"the string {_show(value)}"
    return _show(value)


_LONGEST_SHOWN = 80


def _show(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, _Number):
        return _truncate(value.text)
    return _truncate(json.dumps(value) if not isinstance(value, (_HugeInteger, datetime, date)) else str(value))


def _truncate(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
