"""The fields of a schema, and why others have no place in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from streaming_assets.contract import Array, Field, ScalarType, Struct
from streaming_assets.scaffold.candidates import time_at
from streaming_assets.scaffold.names import shown
from streaming_assets.scaffold.shapes import Shape, type_of
from streaming_assets.validation.names import event_field_faults


def fields_of(shape: Shape, event_time: str) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return the fields of the schema, and what has no place in it, with the reason.

    Args:
        shape: The shape of the events.
        event_time: Path of the time.
    """
    left_out: list[str] = []
    kind = time_at(shape, event_time)
    fields = [_with_time(each, event_time.split("."), kind) for each in _fields(shape, left_out)]
    return tuple(fields), tuple(left_out)


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
            left_out.append(f"{shown(before + name)}: {reason}")
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
