"""The columns of Silver, and the one by which Gold counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count

from streaming_assets.contract import Field, ScalarType
from streaming_assets.scaffold.fields import Leaf
from streaming_assets.scaffold.names import expression, is_plain, rank, words_of
from streaming_assets.sqlcheck.relations import SILVER_RESERVED

_CATEGORY_NAMES = ("event_type", "type", "event", "kind", "action", "category", "status", "level", "name")
_CATEGORIES = range(2, 51)
_LONGEST = 50
"""Characters of a column's name, which leaves room for a number."""


@dataclass(frozen=True)
class Column:
    """A column of Silver."""

    leaf: Leaf
    """The value that it holds."""
    field: Field
    """Its name and type."""

    @property
    def expression(self) -> str:
        """Where it comes from, in SQL."""
        return expression(self.leaf.path)


def columns_of(leaves: Iterable[Leaf], skipped: set[str | None]) -> Iterator[Column]:
    """Yield a column for each value whose path is not skipped; names that are taken get a number."""
    held = [leaf for leaf in leaves if leaf.path not in skipped]
    names: dict[str, str] = {}
    # A name that can stay as it is goes before those that only become equal to it.
    for leaf in sorted(held, key=lambda each: not is_plain(each.path)):
        names[leaf.path] = _column_name(leaf.path, SILVER_RESERVED | set(names.values()))
    for leaf in held:
        kind = {ScalarType.TEXT: ScalarType.STRING}.get(leaf.type, leaf.type)
        yield Column(leaf, Field(name=names[leaf.path], type=kind, required=leaf.required))


def category_of(columns: Iterable[Column]) -> Column | None:
    """Return the column that sorts events into few kinds."""
    return min(filter(_sorts, columns), key=_preference, default=None)


def _sorts(column: Column) -> bool:
    """Tell whether every event has a value, of which there are few."""
    shape = column.leaf.shape
    few = len(shape.distinct) in _CATEGORIES and len(shape.distinct) <= max(2, shape.values // 2)
    return few and column.leaf.required and column.field.type in {ScalarType.STRING, ScalarType.BOOLEAN}


def _preference(column: Column) -> tuple[int, int]:
    return rank(column.leaf.path, _CATEGORY_NAMES), len(column.leaf.shape.distinct)


def _column_name(path: str, taken: Collection[str]) -> str:
    parts = [words_of(part) for part in path.split(".")]
    named = bool(parts[-1])  # a field in other letters than Latin gets a number instead
    parts = [part or "field" for part in parts]
    while len(parts) > 1 and len("_".join(parts)) > _LONGEST:
        parts = parts[1:]
    plain = "_".join(parts)[:_LONGEST]
    plain = plain if is_plain(plain) else f"value_{plain}"
    numbered = (f"{plain}_{number}" for number in count(2 if named else 1))
    return next(name for name in chain([plain] if named else [], numbered) if name not in taken)
