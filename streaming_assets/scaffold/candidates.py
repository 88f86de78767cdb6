"""Which fields can tell when an event happened, and which event it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streaming_assets.contract import Field, ScalarType
from streaming_assets.scaffold.names import last_of, rank
from streaming_assets.scaffold.shapes import Shape, epoch_of, type_of
from streaming_assets.validation.names import event_field_faults

_TIME_NAMES = (
    "event_time",
    "timestamp",
    "time",
    "ts",
    "occurred_at",
    "created_at",
    "at",
    "datetime",
    "date",
    "created",
)
_TIME_LIKE = re.compile(r"(.*_)?(ts|time|timestamp|at|date|datetime|epoch|created|updated)")
_ID_NAMES = ("event_id", "id", "uuid", "guid", "message_id", "record_id")
_ENVELOPES = ("event", "meta", "metadata", "header", "envelope")
_UNIQUE = 0.95  # what is delivered twice has one id twice


def leaves(shape: Shape, before: str = "", *, required: bool = True) -> Iterator[tuple[str, Shape, bool]]:
    """Yield the single values outside of arrays that a schema can name: path, shape, whether it is always there."""
    for name, inner in shape.fields.items():
        if any(event_field_faults([Field(name=name, type=ScalarType.STRING)], "")):
            continue
        always = required and inner.required
        if set(inner.kinds) == {"object"}:
            yield from leaves(inner, f"{before}{name}.", required=always)
        elif isinstance(type_of(inner), ScalarType):
            yield before + name, inner, always


def times_of(shape: Shape) -> dict[str, ScalarType]:
    """Return the paths that can tell when the event happened, best first, and how they tell it."""
    found = {}
    for path, inner, required in leaves(shape):
        kind = type_of(inner)
        if kind is not ScalarType.TIMESTAMP:
            kind = epoch_of(inner) if _TIME_LIKE.fullmatch(last_of(path)) else None
        if required and isinstance(kind, ScalarType):
            found[path] = kind
    # A text says by itself that it is a time, a number only by its name.
    return dict(sorted(found.items(), key=lambda each: (rank(each[0], _TIME_NAMES), each[1] != ScalarType.TIMESTAMP)))


def time_at(shape: Shape, path: str) -> ScalarType | None:
    """Return how the value at a path tells the time; None if it does not, or not for every event."""
    for each, inner, required in leaves(shape):
        if each == path and required:
            kind = type_of(inner)
            return ScalarType.TIMESTAMP if kind is ScalarType.TIMESTAMP else epoch_of(inner)
    return None


def id_of(shape: Shape) -> str | None:
    """Return the path that tells events apart; None if there is none."""
    for path, inner, required in sorted(leaves(shape), key=lambda each: rank(each[0], _ID_NAMES)):
        once = len(inner.distinct) >= _UNIQUE * sum(inner.distinct.values())
        if _is_events(path) and required and once and type_of(inner) in {ScalarType.STRING, ScalarType.LONG}:
            return path
    return None


def _is_events(path: str) -> bool:
    """Tell whether a path names the event's own id, and not that of something inside of it."""
    around, _, _ = path.rpartition(".")
    return last_of(path) in _ID_NAMES and (not around or last_of(around) in _ENVELOPES)


def nested_events(shape: Shape) -> str | None:
    """Return the array whose items are the events, where the records have no time and its items have one."""
    if times_of(shape):
        return None
    arrays = [(name, inner.items) for name, inner in shape.fields.items() if inner.items is not None]
    return next((name for name, inner in arrays if inner.fields and times_of(inner)), None)
