"""Whether a table has the columns of its definition, and what it means if not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from streaming_assets.errors import DefinitionChanged, TableError
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.remedies import rebuild_hint


def other_columns(present: pa.Schema, expected: pa.Schema) -> list[str]:
    """Return in words which columns a table has that are not those of its definition, and which it lacks."""
    kinds = {field.name: field.type for field in present}
    wrong = [
        f"{field.name} ({kinds.get(field.name, 'missing')} instead of {field.type})"
        for field in expected
        if not _same_type(kinds.get(field.name), field.type)
    ]
    return [*wrong, *(f"{name} (not in the definition)" for name in kinds if name not in expected.names)]


def wrong_columns(table: TableId, path: Path, found: list[str], *, changed: bool) -> TableError:
    """Return the error about a table that has not the columns of its definition.

    Args:
        table: The table.
        path: Its folder.
        found: What `other_columns` found.
        changed: Whether its rows were computed by another definition, or nobody knows by which one.
    """
    told = {"found": ", ".join(found), "meaning": "nothing was read or written; the table is as it was"}
    if table.layer == "bronze":
        way = "undo the change: Bronze has the same columns in every version, and nothing else has its records"
        expected = "the columns that every Bronze table has"
        return TableError(f"The columns of table {table.name} are not Bronze's.", expected=expected, remedy=way, **told)
    if changed:
        return DefinitionChanged(
            f"The definition of table {table.name} has other columns than the table.",
            expected="the columns of the definition that the plugin has now",
            remedy=f"undo the change of the plugin; or, {rebuild_hint(table, path)}",
            **told,
        )
    return TableError(
        f"Somebody changed the columns of table {table.name}.",
        expected="the columns of the plugin's definition, by which the table was made",
        remedy=f"undo the change of the table; or, {rebuild_hint(table, path)}",
        **told,
    )


def _same_type(present: pa.DataType | None, expected: pa.DataType) -> bool:
    if present is None:
        return False
    return bool(present.equals(expected)) or _shape(present) == _shape(expected)


def _shape(kind: pa.DataType) -> object:
    # List items are named `element` in Delta and `item` in Arrow, and nullability may be wider.
    if pa.types.is_list(kind):
        return ["list", _shape(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _shape(field.type) for field in kind}
    return str(kind)
