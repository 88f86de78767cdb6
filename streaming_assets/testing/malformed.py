"""Records that nobody wants, and some that only look so, made of an event that fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from streaming_assets.contract import Array, EventSchema, Field, ScalarType, Struct

NO_EVENTS: Sequence[bytes | None] = (
    None,
    b"",
    b"\x00",
    b"not json",
    b"\xff\xfe{}",
    b"null",
    b"[]",
    b'"text"',
    b"17",
    b"{}",
    b"[" * 100_000,
)
"""Values that fit no schema: each has an event time that is required."""

_TEXTS = ("", "\U0001f6b2 \u0130\u00df \u202e\u0301", "'\"\\\\,;%_\n\t", "long " * 14_000)

_TIMES = ("2024-02-30T00:00:00Z", "2024-05-01T10:00:00", "yesterday", "", "2099-01-01T00:00:00Z", -1, True, None)


def changed(value: bytes, schema: EventSchema) -> Iterator[bytes]:
    """Yield values made of one that fits: cut, repeated, with fields missing, null, of another type, or odd."""
    yield value[: len(value) // 2]
    yield value + value
    yield b"\xef\xbb\xbf" + value
    for path, field in _paths(schema.fields):
        others = [*_TIMES] if ".".join(path) == schema.event_time else [None, _of_another_type(field), *_texts(field)]
        for other in others:
            yield _with(value, path, other)
        yield _without(value, path)


def _paths(fields: Sequence[Field], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    for field in fields:
        yield (*before, field.name), field
        if isinstance(field.type, Struct):
            yield from _paths(field.type.fields, (*before, field.name))


def _of_another_type(field: Field) -> Any:
    if isinstance(field.type, Struct | Array):
        return "text"
    return {"text": "in an object"} if field.type is ScalarType.TEXT else [{}]


def _texts(field: Field) -> Sequence[str]:
    """Return texts that a field may have, if it has texts: nobody thinks of them, and then one comes."""
    return _TEXTS if field.type in {ScalarType.STRING, ScalarType.TEXT} else ()


def _with(value: bytes, path: Sequence[str], other: Any) -> bytes:
    event = json.loads(value)
    inner = _inner(event, path)
    if inner is not None:
        inner[path[-1]] = other
    return json.dumps(event).encode()


def _without(value: bytes, path: Sequence[str]) -> bytes:
    event = json.loads(value)
    inner = _inner(event, path)
    if inner is not None:
        inner.pop(path[-1], None)
    return json.dumps(event).encode()


def _inner(event: Any, path: Sequence[str]) -> dict[str, Any] | None:
    """Return the object that holds the end of a path; None where the event has none."""
    for name in path[:-1]:
        event = event.get(name) if isinstance(event, dict) else None
    return event if isinstance(event, dict) else None
