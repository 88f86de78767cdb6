"""How much of an event a source is made of: what people want in a table, where samples have hundreds of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from streaming_assets.contract import Field, Struct
from streaming_assets.scaffold.fields import Leaf, LeftOut

MOST_VALUES = 40
"""Values that are taken without asking how many events have them."""
_OUTER = 1
"""Names in front of a value on the levels that people look at first: the event's own, and its objects'."""


def taken(leaves: Sequence[Leaf], events: int, named: Collection[str | None]) -> list[Leaf]:
    """Return the values that a source is made of: level after level of nesting, as long as a whole one has room.

    Of an outer level that has none those values are taken that most events have, and so they are of the first deeper
    one, if they at least have room. What lies deeper than that is not taken.

    Args:
        leaves: All values.
        events: How many events there are.
        named: Paths of values that are needed in any case.
    """
    free = [leaf for leaf in leaves if leaf.path not in named]
    kept: list[Leaf] = []
    for depth, same in groupby(sorted(free, key=_depth), key=_depth):
        level = list(same)
        if len(kept) + len(level) <= MOST_VALUES:
            kept += level
            continue
        often = [leaf for leaf in level if 2 * leaf.shape.values > events]
        if depth <= _OUTER or len(kept) + len(often) <= MOST_VALUES:
            kept += often
        if depth >= _OUTER:
            break
    paths = {leaf.path for leaf in kept or free[:MOST_VALUES]} | set(named)
    return [leaf for leaf in leaves if leaf.path in paths]


def reduced(fields: Iterable[Field], kept: Iterable[Leaf]) -> tuple[Field, ...]:
    """Return fields without the values that are not kept, and without objects in which none is."""
    return tuple(_reduced(fields, {path for leaf in kept for path in _ways(leaf.path)}, ""))


def _reduced(fields: Iterable[Field], paths: Collection[str], before: str) -> Iterator[Field]:
    for each in fields:
        path = before + each.name
        if path in paths and isinstance(each.type, Struct):
            yield replace(each, type=Struct(fields=tuple(_reduced(each.type.fields, paths, f"{path}."))))
        elif path in paths:
            yield each


def not_taken(leaves: Sequence[Leaf], kept: Iterable[Leaf], events: int) -> Iterator[LeftOut]:
    """Yield what is left out by this: whole objects as such, with how many values they have."""
    inside = {path for leaf in kept for path in _ways(leaf.path)}
    places = [(leaf, next((path for path in _ways(leaf.path) if path not in inside), None)) for leaf in leaves]
    counts = Counter(place for _, place in places)
    for leaf, place in places:
        if place == leaf.path:
            yield LeftOut(place, f"in {leaf.shape.values:,} of {events:,} events; declare it if a table needs it")
        elif place is not None and counts[place]:
            count = counts.pop(place)
            yield LeftOut(place, f"an object with {count:,} values; declare those that a table needs")


def is_inside(path: str, others: Iterable[str]) -> bool:
    """Tell whether a path is one of others, or leads through one."""
    return not set(_ways(path)).isdisjoint(others)


def _ways(path: str) -> list[str]:
    """Return the paths of all objects around a value, outermost first, and its own."""
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _depth(leaf: Leaf) -> int:
    return leaf.path.count(".")
