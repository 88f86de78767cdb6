"""What a new source shall be, as a sample suggests it and its author decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streaming_assets.contract import Field
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.candidates import id_of, leaves, nested_events, time_at, times_of
from streaming_assets.scaffold.columns import Column, category_of, columns_of
from streaming_assets.scaffold.fields import fields_of
from streaming_assets.scaffold.shapes import Shape, shape_of

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
    if items:
        _expect_array(items, shape_of(map(dict, records)))
    if items is None and not choices.event_time:
        items = nested_events(shape_of(map(dict, records)))
    events = events_of(records, items)
    shape = shape_of(events)
    event_time = choices.event_time or next(iter(times_of(shape)), None)
    if event_time is None or time_at(shape, event_time) is None:
        raise _no_time(shape, event_time)
    if choices.event_id is None:
        # What identifies the record around them identifies no item.
        event_id = id_of(shape_of(unfold(records, items, alone=True)) if items else shape)
    else:
        event_id = choices.event_id or None
    if choices.event_id and event_id not in {path for path, _, _ in leaves(shape)}:
        raise _no_id(shape, choices.event_id)
    adds_id = bool(items) and choices.event_id is None and event_id is None and ADDED_ID not in shape.fields
    if adds_id:
        shape, event_id = shape_of({**event, ADDED_ID: str(number)} for number, event in enumerate(events)), ADDED_ID
    fields, left_out = fields_of(shape, event_time)
    columns = tuple(columns_of(fields, skipped={event_time, event_id}))
    if not columns:
        raise _no_column(shape)
    return Proposal(
        items=items or None,
        fields=fields,
        event_time=event_time,
        event_id=event_id,
        adds_id=adds_id,
        columns=columns,
        category=category_of(columns, shape),
        left_out=left_out,
    )


def events_of(records: Sequence[Mapping[str, Any]], items: str | None) -> list[dict[str, Any]]:
    """Return the events of records: the items of an array, each with the record's other fields, or the records."""
    return list(unfold(records, items)) if items else list(map(dict, records))


def unfold(records: Sequence[Mapping[str, Any]], items: str, *, alone: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the items of an array in the records as events, each with the record's other fields unless `alone`."""
    for record in records:
        around = {} if alone else {name: value for name, value in record.items() if name != items}
        for item in record.get(items) or []:
            if isinstance(item, dict):
                yield {**around, **item}


def _expect_array(items: str, shape: Shape) -> None:
    arrays = [name for name, inner in shape.fields.items() if inner.items is not None and inner.items.fields]
    if items not in arrays or set(shape.fields[items].kinds) != {"array"}:
        raise SampleError(
            "The sample has no such array.",
            found=f"{items!r}; there are {', '.join(arrays) or 'none'}",
            expected="a field of the records that is an array of objects, in every record that has it",
            meaning="nothing was written",
            remedy="name another field by --items, or none by --items ''",
        )


def _no_time(shape: Shape, chosen: str | None) -> SampleError:
    paths = [path for path, _, _ in leaves(shape)]
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
        found=f"{chosen!r}; there are {', '.join(path for path, _, _ in leaves(shape))}",
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
