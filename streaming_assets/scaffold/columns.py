"""The columns of Silver, and the one by which Gold counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streaming_assets.contract import Field, ScalarType, Struct
from streaming_assets.scaffold.candidates import leaves
from streaming_assets.scaffold.names import expression, is_plain, rank, snake
from streaming_assets.scaffold.shapes import Shape
from streaming_assets.sqlcheck.relations import SILVER_RESERVED

_CATEGORY_NAMES = ("event_type", "type", "event", "kind", "action", "category", "status", "level", "name")
_CATEGORIES = range(2, 51)


@dataclass(frozen=True)
class Column:
    """A column of Silver."""

    expression: str
    """Where it comes from, in SQL."""
    field: Field
    """Its name and type."""


def columns_of(fields: Sequence[Field], skipped: set[str | None]) -> Iterator[Column]:
    """Yield a column for each single value outside of arrays; names that are taken get a number."""
    taken = set(SILVER_RESERVED)
    for path, each, required in _scalars(fields):
        if path in skipped:
            continue
        name = _column_name(path, taken)
        taken.add(name.lower())
        kind = {ScalarType.TEXT: ScalarType.STRING}.get(each, each)
        yield Column(expression(path), Field(name=name, type=kind, required=required))


def category_of(columns: Sequence[Column], shape: Shape) -> Column | None:
    """Return the column that sorts events into few kinds."""
    counts = {path: len(inner.distinct) for path, inner, required in leaves(shape) if required}
    paths = {expression(path): path for path in counts}
    possible = [
        (column, paths[column.expression])
        for column in columns
        if column.field.type in {ScalarType.STRING, ScalarType.BOOLEAN}
        and counts.get(paths.get(column.expression, ""), 0) in _CATEGORIES
    ]
    possible = [(column, path) for column, path in possible if counts[path] <= max(2, shape.values // 2)]
    best = min(possible, key=lambda each: (rank(each[1], _CATEGORY_NAMES), counts[each[1]]), default=None)
    return best[0] if best else None


def _scalars(
    fields: Sequence[Field], before: str = "", *, required: bool = True
) -> Iterator[tuple[str, ScalarType, bool]]:
    for each in fields:
        if isinstance(each.type, Struct):
            yield from _scalars(each.type.fields, f"{before}{each.name}.", required=required and each.required)
        elif isinstance(each.type, ScalarType):
            yield before + each.name, each.type, required and each.required


def _column_name(path: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9_]", "_", "_".join(map(snake, path.split("."))))[:50]
    plain = plain if is_plain(plain) else f"value_{plain}"
    numbered = (plain if number == 1 else f"{plain}_{number}" for number in range(1, 1_000))
    return next(name for name in numbered if name.lower() not in taken)
