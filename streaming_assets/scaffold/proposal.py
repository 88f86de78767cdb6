"""What a new source shall be, as a sample suggests it and its author decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streaming_assets.contract import Field, ScalarType
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.candidates import ID_TYPES, arrays_of, differing, id_of, nested_events, time_of, times_of
from streaming_assets.scaffold.columns import Column, category_of, columns_of
from streaming_assets.scaffold.extent import is_inside, not_taken, reduced, taken
from streaming_assets.scaffold.fields import Found, Leaf, LeftOut, find, with_time
from streaming_assets.scaffold.personal import personal
from streaming_assets.scaffold.shapes import Shape, shape_of
from streaming_assets.scaffold.timeless import nearest, no_time

ADDED_ID = "event_id"
"""Field that the producer adds to events which stand in an array and have no id."""

_MOST_REASONS = 10
_MOST_CANDIDATES = 5


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
    events: Sequence[Mapping[str, Any]]
    """The sample's events, as the producer would bring them."""
    fields: tuple[Field, ...]
    """The event's fields, as far as they are used."""
    leaves: tuple[Leaf, ...]
    """The single values in these."""
    event_time: str
    """Path of the time."""
    event_id: str | None
    """Path of the id."""
    adds_id: bool
    """Whether the producer adds that id."""
    differing: tuple[str, ...]
    """Where there is none: paths of values that differ from event to event, and may identify one."""
    columns: tuple[Column, ...]
    """Silver's columns."""
    category: Column | None
    """The column by which Gold counts."""
    personal: tuple[Leaf, ...]
    """The values that may be personal data."""
    left_out: tuple[LeftOut, ...]
    """What has no place in the schema."""
    beyond: int
    """How many single values are left out because there are so many."""


def propose(records: Sequence[Mapping[str, Any]], choices: Choices) -> Proposal:
    """Say what a source of such records shall be.

    Args:
        records: JSON objects.
        choices: What is decided already.

    Raises:
        SampleError: No time is found, or nothing but a time; or what was decided is not there.
    """
    around = shape_of(records)
    items = _items(around, choices)
    events = events_of(records, items)
    shape = shape_of(events) if items else around
    found = find(shape)
    time = _time(found.leaves, choices.event_time)
    if time is None:
        raise no_time(shape, choices.event_time)
    values = [time if leaf.path == time.path else leaf for leaf in found.leaves]
    event_id = _id(values, around.fields[items].items if items else shape, choices.event_id)
    kept = taken(found.leaves, len(events), {time.path, event_id})
    leaves = [time if leaf.path == time.path else leaf for leaf in kept]
    columns = tuple(columns_of(leaves, skipped={time.path, event_id}))
    if not columns:
        raise _no_column(found)
    of_persons = tuple(personal(kept))
    proposal = Proposal(
        items=items,
        events=events,
        fields=with_time(reduced(found.fields, kept), time.path.split("."), time.type),
        leaves=tuple(leaves),
        event_time=time.path,
        event_id=event_id,
        adds_id=False,
        differing=tuple(leaf.path for leaf in differing(kept) if leaf.path != time.path) if event_id is None else (),
        columns=columns,
        category=category_of(column for column in columns if column.leaf not in of_persons),
        personal=of_persons,
        left_out=tuple(_left_out(found, kept, len(events))),
        beyond=len(found.leaves) - len(kept),
    )
    free = all(name.lower() != ADDED_ID for name in shape.fields)
    without = items and event_id is None and choices.event_id is None and free
    return _with_id(proposal) if without else proposal


def without_id(proposal: Proposal, naming: str = "--id names") -> str | None:
    """Say what it means that no field identifies an event, and which might; None where one does.

    Args:
        proposal: What the source shall be.
        naming: What names such a field, with its verb: there where this is read.
    """
    if proposal.event_id is not None:
        return None
    candidates = ", ".join(proposal.differing[:_MOST_CANDIDATES])
    hint = f" These differ in each event of the sample: {candidates}; {naming} the one that identifies it."
    return f"No field identifies an event: one that comes twice counts twice.{hint if candidates else ''}"


def _with_id(proposal: Proposal) -> Proposal:
    """Return a proposal by which the producer adds an id."""
    return replace(
        proposal,
        events=[{**event, ADDED_ID: str(number)} for number, event in enumerate(proposal.events)],
        fields=(*proposal.fields, Field(name=ADDED_ID, type=ScalarType.STRING)),
        leaves=(*proposal.leaves, Leaf(ADDED_ID, ScalarType.STRING, required=True, shape=Shape())),
        event_id=ADDED_ID,
        adds_id=True,
        differing=(),
    )


def _left_out(found: Found, kept: Sequence[Leaf], events: int) -> Iterator[LeftOut]:
    beyond = list(not_taken(found.leaves, kept, events))
    yield from beyond
    paths = {each.path for each in beyond}
    yield from (each for each in found.left_out if not is_inside(each.path, paths))


def events_of(records: Sequence[Mapping[str, Any]], items: str | None) -> list[Mapping[str, Any]]:
    """Return the events of records: the items of an array, each with the record's other fields, or the records."""
    return list(_unfold(records, items)) if items else list(records)


def _unfold(records: Sequence[Mapping[str, Any]], items: str) -> Iterator[Mapping[str, Any]]:
    for record in records:
        around = {name: value for name, value in record.items() if name != items}
        for item in record.get(items) or []:
            if isinstance(item, dict):
                yield {**around, **item}


def _items(around: Shape, choices: Choices) -> str | None:
    """Return the array that holds the events of records of a shape; None if the records are events."""
    if choices.items:
        _expect_array(choices.items, around)
    return nested_events(around, choices.event_time) if choices.items is None else choices.items or None


def _time(leaves: Sequence[Leaf], chosen: str | None) -> Leaf | None:
    """Return what tells the time, with the type by which it does."""
    possible = [leaf for leaf in leaves if leaf.path == chosen] if chosen else times_of(leaves)
    for leaf in possible:
        kind = time_of(leaf)
        if kind:
            return replace(leaf, type=kind)
    return None


def _id(leaves: Sequence[Leaf], own: Shape | None, chosen: str | None) -> str | None:
    """Return the path of the id; what identifies the record around them identifies no item, so that has to be `own`."""
    types = {leaf.path: leaf.type for leaf in leaves}
    if chosen is None:
        # Of an item's fields those are none of the event's that differ from the record's but in capitals.
        return id_of(leaf for leaf in find(own).leaves if types.get(leaf.path) in ID_TYPES) if own else None
    if chosen and types.get(chosen) not in ID_TYPES:
        raise _no_id(chosen, types)
    return chosen or None


def _expect_array(items: str, shape: Shape) -> None:
    arrays = [name for name, _ in arrays_of(shape)]
    if items not in arrays:
        raise SampleError(
            "The sample has no such array.",
            found=f"{items!r}; there are {', '.join(arrays) or 'none'}",
            expected="a field of the records that is an array of objects, in every record that has it",
            meaning="nothing was written",
            remedy="name another field by --items, or none by --items ''",
        )


def _no_id(chosen: str, types: Mapping[str, ScalarType]) -> SampleError:
    kind, possible = types.get(chosen), [path for path, each in types.items() if each in ID_TYPES]
    return SampleError(
        "The sample has no such id.",
        found=f"{chosen!r}, of the type {kind.value}" if kind else f"{chosen!r}; {nearest(chosen, possible)}",
        expected="the path of a single value, a text or a whole number, that is not the time",
        meaning="nothing was written",
        remedy="name another field by --id, or none by --id ''",
    )


def _no_column(found: Found) -> SampleError:
    reasons = [f"{each} (left out)" for each in found.left_out[:_MOST_REASONS]]
    more = len(found.left_out) - len(reasons)
    return SampleError(
        "The sample's events have nothing to put into a table.",
        found="\n".join(["nothing but time and id", *reasons, *([f"and {more:,} more (left out)"] if more else [])]),
        expected="at least one single value besides time and id",
        meaning="nothing was written",
        remedy="give a sample of whole events; of the fields above, change what keeps them from being single values"
        if reasons
        else "give a sample of whole events",
    )
