"""The columns of every table."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streaming_assets.contract import Array, Field, GoldTable, ScalarType, SilverTable, Struct
from streaming_assets.lake import layout
from streaming_assets.lake.schemas import (
    BRONZE,
    MISFIT,
    QUARANTINE,
    TIMESTAMP,
    arrow_field,
    arrow_type,
    events_schema,
    gold_schema,
    schema_of,
    silver_schema,
)

PAIR = Struct(fields=(Field(name="a", type=ScalarType.LONG), Field(name="b", type=ScalarType.STRING, required=False)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ScalarType.STRING, pa.string()),
        (ScalarType.TEXT, pa.string()),
        (ScalarType.LONG, pa.int64()),
        (ScalarType.DOUBLE, pa.float64()),
        (ScalarType.BOOLEAN, pa.bool_()),
        (ScalarType.TIMESTAMP, pa.timestamp("us", "UTC")),
        (ScalarType.DATE, pa.date32()),
        (PAIR, pa.struct([("a", pa.int64()), ("b", pa.string())])),
        (Array(items=PAIR), pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())]))),
    ],
)
def test_every_type_has_its_arrow_type(kind, expected):
    """A contract type is one Arrow type, nested ones field by field, all of which may be null."""
    assert expected == arrow_type(kind)


def test_every_scalar_type_is_known():
    """No scalar type of the contract lacks an Arrow type."""
    assert all(isinstance(arrow_type(kind), pa.DataType) for kind in ScalarType)


@pytest.mark.parametrize(
    ("required", "nested", "nullable"), [(True, False, False), (False, False, True), (True, True, True)]
)
def test_required_columns_are_not_null(required, nested, nullable):
    """A required column can't be null, but a field inside of one always can."""
    field = Field(name="a", type=ScalarType.LONG, required=required, description="Metres.")
    found = arrow_field(field, nested=nested)
    assert (found.nullable, found.metadata) == (nullable, {b"comment": b"Metres."})


def test_bronze_is_what_kafka_gave(make_source):
    """Bronze has the record's bytes, coordinates and times, its batch, and the day it was read."""
    assert BRONZE.names == [
        "value", "key", "headers", "topic", "partition", "offset", "timestamp", "timestamp_type", "batch",
        "ingested_at", "ingested_date",
    ]  # fmt: skip
    assert [name for name in BRONZE.names if BRONZE.field(name).nullable] == ["value", "key", "headers", "timestamp"]
    assert schema_of(make_source(), layout.bronze(make_source())) == BRONZE


def test_quarantine_is_bronze_with_a_reason(make_source):
    """Quarantine has the reason in front of what Bronze has, and behind it how a record left; that may be null."""
    expected = [*[field.name for field in MISFIT], *BRONZE.names[:-1], "released_batch", "duplicate_of"]
    assert expected == QUARANTINE.names
    assert all(QUARANTINE.field(name).nullable for name in expected[-2:])
    assert schema_of(make_source(), layout.quarantine(make_source())) == QUARANTINE


def test_silver_is_the_plugins_columns_between_the_frameworks(make_source):
    """Silver has identity, the plugin's columns, coordinates, batch and day; what the framework adds is never null."""
    source = make_source()
    schema = silver_schema(source)
    assert schema.names == [
        "event_id", "event_time", "kind", "user", "amount", "topic", "partition", "offset", "batch", "event_date",
    ]  # fmt: skip
    assert [name for name in schema.names if schema.field(name).nullable] == ["user", "amount"]
    assert schema_of(source, layout.silver(source)) == schema


def test_events_are_the_declared_fields(make_source):
    """What Silver SQL reads has the event's fields, which all may be null."""
    schema = events_schema(make_source().schema)
    assert (schema.names, schema.field("at").type) == (["id", "at", "kind", "user", "amount"], TIMESTAMP)


def test_gold_is_the_declared_columns(make_source):
    """A Gold table has exactly its declared columns, found by the table's name."""
    columns = (Field(name="n", type=ScalarType.LONG), Field(name="x", type=ScalarType.DOUBLE, required=False))
    tables = [
        GoldTable(name=name, description="N.", sql="SELECT 1", columns=columns[:width], keys=("n",))
        for name, width in (("one", 1), ("two", 2))
    ]
    source = make_source(gold=tuple(tables), silver=SilverTable(columns=columns, sql="SELECT 1"))
    assert schema_of(source, layout.gold(source, tables[1])) == gold_schema(tables[1])
    assert gold_schema(tables[1]).names == ["n", "x"]
