"""What a new source shall be, as a sample suggests it and its author decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from sqlglot import exp

from streaming_assets.contract import Array, Field, ScalarType, Struct
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.shapes import Shape, epoch_of, shape_of, type_of
from streaming_assets.sqlcheck.relations import SILVER_RESERVED
from streaming_assets.validation.names import event_field_faults

_TIME_NAMES = ("event_time", "timestamp", "time", "ts", "occurred_at", "created_at", "at", "datetime", "date")
_TIME_LIKE = re.compile(r"(.*_)?(ts|time|timestamp|at|date|datetime|epoch|ms|millis|seconds|created|updated)")
_ID_NAMES = ("event_id", "id", "uuid", "guid", "message_id", "record_id")
_CATEGORY_NAMES = ("event_type", "type", "event", "kind", "action", "category", "status", "level", "name")
_CATEGORIES = range(2, 51)
_UNIQUE = 0.95  # what is delivered twice has one id twice

ADDED_ID = "event_id"
"""Field that the producer adds to events which stand in an array and have no id."""


@dataclass(frozen=True)
class Choices:
    """What an author decides; None leaves it to the sample."""

    items: str | None = None
    """Field of the records whose items are the events; empty: the records are."""
    event_time: str | None = None
    """Path of the time."""
    event_id: str | None = None
    """Path of the id; empty: none."""


@dataclass(frozen=True)
class Column:
    """A column of Silver."""

    expression: str
    """Where it comes from, in SQL."""
    field: Field
    """Its name and type."""


@dataclass(frozen=True)
class Proposal:
    """What a source shall be."""

    items: str | None
    """Field of the records whose items are the events; None: the records are."""
    fields: tuple[Field, ...]
    """The event's fields."""
    event_time: str
    """Path of the time."""
    event_id: str | None
    """Path of the id."""
    adds_id: bool
    """Whether the producer adds that id."""
    columns: tuple[Column, ...]
    """Silver's columns."""
    category: Column | None
    """The column by which Gold counts."""
    left_out: tuple[str, ...]
    """Fields that have no place in the schema, with the reason."""


def propose(records: Sequence[Mapping[str, Any]], choices: Choices) -> Proposal:
    """Say what a source of such records shall be.

    Args:
        records: JSON objects.
        choices: What is decided already.

    Raises:
        SampleError: No time is found, or nothing but a time; or what was decided is not there.
    """
    items = choices.items
    if items is None and not choices.event_time:
        items = _nested(shape_of(map(dict, records)))
    events = list(unfold(records, items)) if items else list(map(dict, records))
    shape = shape_of(events)
    event_time = choices.event_time or next(iter(_times(shape)), None)
    if event_time is None or _kind_at(shape, event_time) is None:
        raise _no_time(shape, event_time)
    event_id = _event_id(shape) if choices.event_id is None else choices.event_id or None
    if choices.event_id and event_id not in {path for path, _, _ in _leaves(shape)}:
        raise _no_id(shape, choices.event_id)
    adds_id = bool(items) and choices.event_id is None and event_id is None and ADDED_ID not in shape.fields
    if adds_id:
        shape, event_id = shape_of({**event, ADDED_ID: str(number)} for number, event in enumerate(events)), ADDED_ID
    fields, left_out = _fields_of(shape, event_time)
    columns = tuple(_columns(fields, skipped={event_time, event_id}))
    if not columns:
        raise _no_column(shape)
    return Proposal(
        items=items or None,
        fields=fields,
        event_time=event_time,
        event_id=event_id,
        adds_id=adds_id,
        columns=columns,
        category=_category(columns, shape),
        left_out=left_out,
    )


def unfold(records: Sequence[Mapping[str, Any]], items: str) -> Iterator[dict[str, Any]]:
    """Yield the items of an array in the records as events, each with the record's other fields."""
    for record in records:
        around = {name: value for name, value in record.items() if name != items}
        for item in record.get(items) or []:
            if isinstance(item, dict):
                yield {**around, **item}


def _fields_of(shape: Shape, event_time: str) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return the fields of the schema, and what has no place in it."""
    left_out: list[str] = []
    kind = _kind_at(shape, event_time)
    fields = [_with_time(each, event_time.split("."), kind) for each in _fields(shape, left_out)]
    return tuple(fields), tuple(left_out)


def _nested(shape: Shape) -> str | None:
    """Return the array whose items are the events, where the records have no time and its items have one."""
    if _times(shape):
        return None
    arrays = [(name, inner.items) for name, inner in shape.fields.items() if inner.items is not None]
    return next((name for name, inner in arrays if inner.fields and _times(inner)), None)


def _leaves(shape: Shape, before: str = "", *, required: bool = True) -> Iterator[tuple[str, Shape, bool]]:
    """Yield the single values outside of arrays: path, shape, whether all of the path is always there."""
    for name, inner in shape.fields.items():
        always = required and inner.required
        if set(inner.kinds) == {"object"}:
            yield from _leaves(inner, f"{before}{name}.", required=always)
        elif isinstance(type_of(inner), ScalarType):
            yield before + name, inner, always


def _times(shape: Shape) -> dict[str, ScalarType]:
    """Return the paths that can tell when the event happened, best first, and how they tell it."""
    found = {}
    for path, inner, required in _leaves(shape):
        kind = type_of(inner)
        if kind is not ScalarType.TIMESTAMP:
            kind = epoch_of(inner) if _TIME_LIKE.fullmatch(_snake(path)) else None
        if required and isinstance(kind, ScalarType):
            found[path] = kind
    return dict(sorted(found.items(), key=lambda each: _rank(each[0], _TIME_NAMES)))


def _kind_at(shape: Shape, path: str) -> ScalarType | None:
    for each, inner, required in _leaves(shape):
        if each == path and required:
            kind = type_of(inner)
            return ScalarType.TIMESTAMP if kind is ScalarType.TIMESTAMP else epoch_of(inner)
    return None


def _event_id(shape: Shape) -> str | None:
    for path, inner, required in sorted(_leaves(shape), key=lambda each: _rank(each[0], _ID_NAMES)):
        once = len(inner.distinct) >= _UNIQUE * sum(inner.distinct.values())
        if _last(path) in _ID_NAMES and required and once and type_of(inner) in {ScalarType.STRING, ScalarType.LONG}:
            return path
    return None


def _category(columns: Sequence[Column], shape: Shape) -> Column | None:
    """Return the column that sorts events into few kinds."""
    counts = {path: len(inner.distinct) for path, inner, required in _leaves(shape) if required}
    paths = {_expression(path): path for path in counts}
    possible = [
        (column, paths[column.expression])
        for column in columns
        if column.field.type in {ScalarType.STRING, ScalarType.BOOLEAN}
        and counts.get(paths.get(column.expression, ""), 0) in _CATEGORIES
    ]
    best = min(possible, key=lambda each: (_rank(each[1], _CATEGORY_NAMES), counts[each[1]]), default=None)
    return best[0] if best else None


def _columns(fields: Sequence[Field], skipped: set[str | None]) -> Iterator[Column]:
    """Yield a column for each single value outside of arrays; names that are taken get a number."""
    taken = set(SILVER_RESERVED)
    for path, each, required in _scalars(fields):
        if path in skipped:
            continue
        name = _column_name(path, taken)
        taken.add(name.lower())
        kind = {ScalarType.TEXT: ScalarType.STRING}.get(each, each)
        yield Column(_expression(path), Field(name=name, type=kind, required=required))


def _scalars(
    fields: Sequence[Field], before: str = "", *, required: bool = True
) -> Iterator[tuple[str, ScalarType, bool]]:
    for each in fields:
        if isinstance(each.type, Struct):
            yield from _scalars(each.type.fields, f"{before}{each.name}.", required=required and each.required)
        elif isinstance(each.type, ScalarType):
            yield before + each.name, each.type, required and each.required


def _column_name(path: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9_]", "_", "_".join(map(_snake, path.split("."))))[:50]
    plain = plain if _is_plain(plain) else f"value_{plain}"
    numbered = (plain if number == 1 else f"{plain}_{number}" for number in range(1, 1_000))
    return next(name for name in numbered if name.lower() not in taken)


def _expression(path: str) -> str:
    return ".".join(part if _is_plain(part) else f"`{part}`" for part in path.split("."))


def _is_plain(name: str) -> bool:
    """Tell whether SQL reads a name as a column's without quotes."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return False
    try:
        query = sqlglot.parse_one(f"SELECT {name}, {name}.{name} FROM events", read="spark")  # noqa: S608 (not run)
    except sqlglot.ParseError:
        return False
    return isinstance(query, exp.Select) and all(isinstance(each, exp.Column) for each in query.expressions)


def _with_time(each: Field, path: Sequence[str], kind: ScalarType | None) -> Field:
    """Give the field at a path the type of the event's time."""
    if each.name != path[0] or kind is None:
        return each
    if len(path) == 1:
        return replace(each, type=kind)
    if not isinstance(each.type, Struct):
        return each
    return replace(each, type=Struct(fields=tuple(_with_time(inner, path[1:], kind) for inner in each.type.fields)))


def _fields(shape: Shape, left_out: list[str], before: str = "") -> Iterator[Field]:
    """Yield the fields that have a place in the schema; note the others."""
    taken: set[str] = set()
    for name, inner in shape.fields.items():
        kind = type_of(inner)
        if isinstance(kind, Struct):
            inside = tuple(_fields(inner, left_out, f"{before}{name}."))
            kind = Struct(fields=inside) if inside else None
        field = Field(name=name, type=kind, required=inner.required) if kind is not None else None
        reason = _unfit(field, inner, taken)
        if reason:
            left_out.append(f"{before}{name}: {reason}")
        elif field is not None:
            taken.add(name.lower())
            yield field


def _unfit(field: Field | None, shape: Shape, taken: set[str]) -> str | None:
    """Say why a field has no place in the schema; None if it has."""
    if field is None:
        return _no_type(shape)
    if isinstance(field.type, Array):
        return "an array, which stays in Bronze; declare it with Array if a table needs it"
    if field.name.lower() in taken:
        return "another field has the same name but for capitals"
    fault = next(iter(event_field_faults([field], "")), None)
    return f"found {fault.found}, expected {fault.expected}" if fault else None


def _no_type(shape: Shape) -> str:
    if set(shape.kinds) == {"array"}:
        return "an array without items of one type"
    if set(shape.kinds) == {"object"}:
        return "an object without fields of a type"
    if not shape.kinds:
        return "never has a value in the sample"
    return "values of several kinds: " + ", ".join(sorted(shape.kinds))


def _rank(path: str, names: Sequence[str]) -> int:
    return names.index(_last(path)) if _last(path) in names else len(names)


def _last(path: str) -> str:
    return _snake(path.rpartition(".")[2])


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).replace("-", "_").lower()


def _no_time(shape: Shape, chosen: str | None) -> SampleError:
    paths = [path for path, _, _ in _leaves(shape)]
    found = f"{chosen!r}, which not every event has as a time" if chosen else "no field that every event has as a time"
    return SampleError(
        "The sample does not tell when an event happened.",
        found=f"{found}; there are {', '.join(paths[:20]) or 'no fields'}",
        expected="RFC 3339 text with an offset, or seconds or milliseconds since 1970",
        meaning="nothing was written",
        remedy="name the field by --time, and the array that holds the events by --items, if one does",
    )


def _no_id(shape: Shape, chosen: str) -> SampleError:
    return SampleError(
        "The sample has no such id.",
        found=f"{chosen!r}; there are {', '.join(path for path, _, _ in _leaves(shape))}",
        expected="the path of a single value",
        meaning="nothing was written",
        remedy="name another field by --id, or none by --id ''",
    )


def _no_column(shape: Shape) -> SampleError:
    return SampleError(
        "The sample's events have nothing to put into a table.",
        found=f"the fields {', '.join(shape.fields) or '(none)'}",
        expected="at least one single value besides time and id",
        meaning="nothing was written",
        remedy="give a sample of whole events",
    )
