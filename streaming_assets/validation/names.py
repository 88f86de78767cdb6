"""Which names are legal, and where a path of the event schema leads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from streaming_assets.contract import Array, Field, FieldType, ScalarType, Struct
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck.problems import one_of
from streaming_assets.validation.types import describe

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_OF_EVENTS = {
    ScalarType.TEXT: ScalarType.STRING,
    ScalarType.EPOCH_SECONDS: ScalarType.TIMESTAMP,
    ScalarType.EPOCH_MILLIS: ScalarType.TIMESTAMP,
}
"""Types that say how a value stands in JSON, and the type that such a value has in a table."""
_EVENT_FIELD = re.compile(r"(?!_sa_)[\w@$-]{1,128}", re.IGNORECASE)  # engines carry columns of their own so named


def identifier_faults(where: str, name: str) -> Iterator[Fault]:
    """Check the name of a source or a table."""
    if not IDENTIFIER.fullmatch(name):
        yield Fault(where, repr(name), "a small letter, then up to 62 small letters, digits or _")


def repeated(names: Iterable[str]) -> list[str]:
    """Give the names that stand there twice; Spark does not tell capitals from small letters."""
    return sorted(name for name, times in Counter(name.lower() for name in names).items() if times > 1)


def column_faults(columns: Sequence[Field], where: str) -> Iterator[Fault]:
    """Check the declared columns of a table."""
    if not columns:
        yield Fault(where, "no columns", "at least one column")
    yield from _field_faults(columns, where, _COLUMN, "letters, digits and _, at most 63")
    for column in columns:
        for kind in sorted(_scalars(column.type) & _OF_EVENTS.keys()):
            found = f"the type {kind.name}, which is for events only"
            yield Fault(f"{where}.{column.name}", found, f"ScalarType.{_OF_EVENTS[kind].name}")


def event_field_faults(fields: Sequence[Field], where: str) -> Iterator[Fault]:
    """Check the fields of an event, which are named as in its JSON."""
    if not fields:
        yield Fault(where, "no fields", "at least one field")
    yield from _field_faults(
        fields, where, _EVENT_FIELD, "letters, digits, _, @, $ and -, at most 128, not beginning with _sa_"
    )


def _field_faults(fields: Sequence[Field], where: str, legal: re.Pattern[str], expected: str) -> Iterator[Fault]:
    for name in repeated(field.name for field in fields):
        yield Fault(where, f"{name!r} twice", "names that differ in more than capitals")
    for field in fields:
        place = f"{where}.{field.name}"
        if not legal.fullmatch(field.name):
            yield Fault(place, f"the name {field.name!r}", expected)
        kind: FieldType = field.type
        while isinstance(kind, Array):
            kind = kind.items
        if isinstance(kind, Struct) and not kind.fields:
            yield Fault(place, "an object without fields", "at least one field")
        elif isinstance(kind, Struct):
            yield from _field_faults(kind.fields, place, legal, expected)


def _scalars(kind: FieldType) -> set[ScalarType]:
    """Give the scalar types that stand anywhere in a type."""
    if isinstance(kind, Struct):
        return {scalar for field in kind.fields for scalar in _scalars(field.type)}
    return _scalars(kind.items) if isinstance(kind, Array) else {kind}


def follow(fields: Sequence[Field], path: str) -> list[Field] | None:
    """Give the fields along a path such as `actor.login`; None where it leads nowhere."""
    chain: list[Field] = []
    for name in path.split("."):
        found = next((field for field in fields if field.name == name), None)
        if found is None:
            return None
        chain.append(found)
        fields = found.type.fields if isinstance(found.type, Struct) else ()
    return chain


def scalar_paths(fields: Sequence[Field], before: str = "") -> list[str]:
    """Give the paths of all single values outside of arrays."""
    paths: list[str] = []
    for field in fields:
        if isinstance(field.type, Struct):
            paths += scalar_paths(field.type.fields, f"{before}{field.name}.")
        elif not isinstance(field.type, Array):
            paths.append(before + field.name)
    return paths


def path_faults(
    where: str, path: str, fields: Sequence[Field], allowed: Sequence[ScalarType] = tuple(ScalarType)
) -> list[Fault]:
    """Check that a path leads to a field of an allowed type."""
    chain = follow(fields, path)
    if chain is None:
        return [Fault(where, f"the unknown field {path!r}", one_of(path, scalar_paths(fields)))]
    kind = chain[-1].type
    if isinstance(kind, ScalarType) and kind in allowed:
        return []
    found = kind.name if isinstance(kind, ScalarType) else describe(type(kind))
    some = len(allowed) < len(ScalarType)
    expected = f"the type {' or '.join(scalar.name for scalar in allowed)}" if some else "a single value"
    return [Fault(where, f"{path!r}, which is {found}", f"a field of {expected}")]
