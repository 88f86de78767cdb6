"""What the values of a sample have in common: their types, which of them may be missing, how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streaming_assets.contract import ScalarType
from streaming_assets.fitting.times import as_date, as_timestamp
from streaming_assets.fitting.verdicts import MisfitError

_LONGS = range(-(2**63), 2**63)
_MOST_DISTINCT = 1_000
DEEPEST = 32
"""Levels of objects that a schema is made of; Python's own parser ends at about a hundred brackets."""

# 1990 to 2100, in seconds: a number in between that every record has may well be a time.
_EPOCH_SECONDS = (631_152_000, 4_102_444_800)
EPOCH = "epoch"
"""A number of seconds or of milliseconds since 1970."""


@dataclass
class Shape:
    """The values that stand at one place of the records."""

    depth: int = 0
    """How many objects and arrays are around it."""
    records: int = 0
    """How often the object around it was there."""
    values: int = 0
    """How often a value was there that is not null."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How many values are `object`, `array`, `string`, `boolean`, `long` or `double`."""
    distinct: Counter[str] = field(default_factory=Counter)
    """Single values as text, and how often each came; no more than a thousand different ones."""
    fields: dict[str, Shape] = field(default_factory=dict)
    """Of objects: their fields, in the order in which they were first seen."""
    items: Shape | None = None
    """Of arrays: their items."""
    misfits: dict[str, str] = field(default_factory=dict)
    """The first single value, as text, that is no `timestamp`, `date`, `epoch_seconds`, `epoch_millis` or `EPOCH`."""

    @property
    def required(self) -> bool:
        """Whether a value was always there."""
        return self.values == self.records

    def add(self, value: Any) -> None:
        """Take in one value; null is none."""
        if value is None:
            return
        self.values += 1
        kind = _kind(value)
        self.kinds[kind] += 1
        if self.depth > DEEPEST:
            return
        if kind == "object":
            self._add_object(value)
        elif kind == "array":
            self.items = self.items or Shape(self.depth + 1)
            for item in value:
                self.items.records += 1
                self.items.add(item)
        else:
            self._add_single(value)

    def _add_object(self, value: dict[str, Any]) -> None:
        for name, inner in value.items():
            if name not in self.fields:
                self.fields[name] = Shape(self.depth + 1)
            self.fields[name].add(inner)

    def _add_single(self, value: Any) -> None:
        text = str(value)
        for name, test in _TESTS.items():
            if name not in self.misfits and not test(value):
                self.misfits[name] = text
        if text in self.distinct or len(self.distinct) < _MOST_DISTINCT:
            self.distinct[text] += 1

    def close(self) -> None:
        """Say how often each field could have been there, when all values were taken in."""
        for shape in self.fields.values():
            shape.records = self.kinds["object"]
            shape.close()
        if self.items is not None:
            self.items.close()


def shape_of(records: Iterable[Mapping[str, Any]]) -> Shape:
    """Return the shape of records, which are JSON objects."""
    shape = Shape()
    for record in records:
        shape.records += 1
        shape.add(record)
    shape.close()
    return shape


def scalar_of(shape: Shape) -> ScalarType | None:
    """Return the type that takes all values of a shape; None where they are no single values, or there are none."""
    kinds = set(shape.kinds)
    if not kinds or kinds & {"object", "array"}:
        return None
    if kinds == {"string"}:
        for kind in (ScalarType.TIMESTAMP, ScalarType.DATE):
            if kind not in shape.misfits:
                return kind
        return ScalarType.STRING
    if kinds == {"long"}:
        return ScalarType.LONG
    if kinds <= {"long", "double"}:
        return ScalarType.DOUBLE
    return ScalarType.BOOLEAN if kinds == {"boolean"} else ScalarType.TEXT


def epoch_of(shape: Shape) -> ScalarType | None:
    """Return in which unit the numbers of a shape may count from 1970; None if they do not."""
    if shape.kinds and set(shape.kinds) <= {"long", "double"}:
        units = (ScalarType.EPOCH_SECONDS, ScalarType.EPOCH_MILLIS)
        return next((kind for kind in units if kind not in shape.misfits), None)
    return None


def finer_epoch_of(shape: Shape) -> tuple[str, int] | None:
    """Return in which unit the numbers of a shape count from 1970 that no type has, and how many are a millisecond."""
    values = [float(text) for text in shape.distinct]
    for unit, factor in (("microseconds", 1_000), ("nanoseconds", 1_000_000)):
        if all(map(_counts(1_000 * factor), values)):
            return unit, factor
    return None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long" if value in _LONGS else "double"
    return {float: "double", str: "string", list: "array", dict: "object"}[type(value)]


def _reads(read: Callable[[str, str], object]) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(read(value, "$"))
        except MisfitError:
            return False

    return test


def _counts(per_second: int) -> Callable[[Any], bool]:
    first, last = (bound * per_second for bound in _EPOCH_SECONDS)
    return lambda value: type(value) in {int, float} and first <= value < last


_TESTS: dict[str, Callable[[Any], bool]] = {
    ScalarType.TIMESTAMP: _reads(as_timestamp),
    ScalarType.DATE: _reads(as_date),
    ScalarType.EPOCH_SECONDS: _counts(1),
    ScalarType.EPOCH_MILLIS: _counts(1_000),
    EPOCH: lambda value: _counts(1)(value) or _counts(1_000)(value),
}
