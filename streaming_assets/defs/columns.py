"""Columns as Dagster shows them: name, type in SQL's words, meaning, and what a row's identity is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg
import pyarrow as pa

from streaming_assets.contract import EventSource, Field, GoldTable, Struct
from streaming_assets.lake.schemas import COORDINATES, arrow_type, silver_schema
from streaming_assets.sqlcheck import column_lineage

_SQL_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.binary(): "binary",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp",
}


def table_schema(schema: pa.Schema, keys: Sequence[str] = ()) -> dg.TableSchema:
    """Describe a table's columns.

    Args:
        schema: The columns; the meaning of each stands in its metadata as `comment`.
        keys: The columns that together identify a row.
    """
    return dg.TableSchema([_column(field, key=field.name in keys) for field in schema])


def event_schema(fields: Iterable[Field]) -> dg.TableSchema:
    """Describe the fields of an event, a nested one by its path."""
    return dg.TableSchema(list(_fields(fields)))


def gold_lineage(source: EventSource, table: GoldTable, silver: dg.AssetKey) -> dg.TableColumnLineage:
    """Say which Silver columns each column of a Gold table is made of."""
    made_of = column_lineage(source, table)
    return dg.TableColumnLineage(
        {column: [dg.TableColumnDep(silver, name) for name in names] for column, names in made_of.items()}
    )


def silver_lineage(source: EventSource, bronze: dg.AssetKey) -> dg.TableColumnLineage:
    """Say what each Silver column is made of: coordinates and batch are Bronze's, all else is read from the value."""
    copied = {*COORDINATES, "batch"}
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(bronze, name if name in copied else "value")] for name in silver_schema(source).names}
    )


def _column(field: pa.Field, *, key: bool) -> dg.TableColumn:
    comment = (field.metadata or {}).get(b"comment", b"").decode()
    return dg.TableColumn(
        field.name,
        type=_sql_type(field.type),
        description=comment or None,
        constraints=dg.TableColumnConstraints(nullable=field.nullable, other=["key"] if key else []),
    )


def _fields(fields: Iterable[Field], parent: str = "") -> Iterator[dg.TableColumn]:
    for field in fields:
        nested = isinstance(field.type, Struct)
        yield dg.TableColumn(
            parent + field.name,
            type="struct" if nested else _sql_type(arrow_type(field.type)),
            description=field.description or None,
            constraints=dg.TableColumnConstraints(nullable=not field.required),
        )
        if isinstance(field.type, Struct):
            yield from _fields(field.type.fields, f"{parent}{field.name}.")


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"array<{_sql_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {_sql_type(field.type)}' for field in kind)}>"
    return _SQL_TYPES[kind]
