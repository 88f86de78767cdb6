"""The relations that plugin SQL reads, `events` and `silver`, as sqlglot sees their columns."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from streaming_assets.contract import Array, Field, FieldType, GoldTable, ScalarType, SilverTable, Struct

DIALECT = "spark"

EVENTS = "events"
"""What Silver SQL reads: one row per event, a column per field of the schema."""

SILVER = "silver"
"""What Gold SQL reads."""

Relation = dict[str, exp.DataType]
"""Column names and types."""

_SCALARS = {
    ScalarType.STRING: "STRING",
    ScalarType.TEXT: "STRING",
    ScalarType.LONG: "BIGINT",
    ScalarType.DOUBLE: "DOUBLE",
    ScalarType.BOOLEAN: "BOOLEAN",
    ScalarType.TIMESTAMP: "TIMESTAMP",
    ScalarType.EPOCH_SECONDS: "TIMESTAMP",
    ScalarType.EPOCH_MILLIS: "TIMESTAMP",
    ScalarType.DATE: "DATE",
}

_FRAMEWORK = {
    "event_id": "STRING",
    "event_time": "TIMESTAMP",
    "topic": "STRING",
    "partition": "INT",
    "offset": "BIGINT",
    "batch": "BIGINT",
    "event_date": "DATE",
}

WINDOW = {"window_start": "TIMESTAMP", "window_end": "TIMESTAMP"}
"""Columns that `silver` has besides where a Gold table has a window."""

SILVER_RESERVED = frozenset({*_FRAMEWORK, *WINDOW})
"""Names that a Silver table's own columns can't have: the framework adds columns of these names."""


def spark_type(field_type: FieldType) -> str:
    """Write a type as Spark does."""
    if isinstance(field_type, Struct):
        inner = ", ".join(f"`{field.name}`: {spark_type(field.type)}" for field in field_type.fields)
        return f"STRUCT<{inner}>"
    if isinstance(field_type, Array):
        return f"ARRAY<{spark_type(field_type.items)}>"
    return _SCALARS[field_type]


def data_type(field_type: FieldType) -> exp.DataType:
    """Give a type as sqlglot does."""
    return _parse(spark_type(field_type))


def relation(fields: Iterable[Field]) -> Relation:
    """Give the columns that fields become."""
    return {field.name: data_type(field.type) for field in fields}


def silver_relation(silver: SilverTable, table: GoldTable) -> Relation:
    """Give the columns of `silver` as the SQL of a Gold table sees them."""
    added = _FRAMEWORK | (WINDOW if table.window is not None else {})
    return relation(silver.columns) | {name: _parse(text) for name, text in added.items()}


def _parse(text: str) -> exp.DataType:
    return exp.DataType.build(text, dialect=DIALECT)
