from __future__ import annotations

import dagster as dg
import pyarrow as pa

from streaming_assets.contract import Array, Field, ScalarType, Struct
from streaming_assets.defs.columns import event_schema, silver_lineage, table_schema


def test_table_columns_have_name_type_meaning_and_constraints():
    """A column shows its SQL type, its meaning, whether it can be null, and whether it belongs to the key."""
    schema = pa.schema(
        [
            pa.field("at", pa.timestamp("us", "UTC"), nullable=False, metadata={"comment": "When"}),
            pa.field("tags", pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("n", pa.int64())]))),
        ]
    )
    assert table_schema(schema, keys=("at",)) == dg.TableSchema(
        [
            dg.TableColumn("at", "timestamp", "When", dg.TableColumnConstraints(nullable=False, other=["key"])),
            dg.TableColumn("tags", "array<struct<key: string, n: bigint>>"),
        ]
    )


def test_fields_of_an_event_are_shown_by_path():
    """A nested field of an event stands below its parent under its path."""
    fields = (
        Field(name="repo", type=Struct(fields=(Field(name="id", type=ScalarType.LONG, description="Number."),))),
        Field(name="labels", type=Array(items=ScalarType.STRING), required=False),
    )
    assert [(each.name, each.type, each.constraints.nullable) for each in event_schema(fields).columns] == [
        ("repo", "struct", False),
        ("repo.id", "bigint", False),
        ("labels", "array<string>", True),
    ]


def test_silver_columns_come_from_the_value_or_are_copied(registry):
    """Coordinates and batch are Bronze's own columns, and everything else is read from the record's value."""
    bronze = dg.AssetKey(["github_events", "bronze"])
    lineage = silver_lineage(registry.sources["github_events"], bronze).deps_by_column
    assert {column: [dep.column_name for dep in deps] for column, deps in lineage.items()} == {
        "event_id": ["value"],
        "event_time": ["value"],
        "event_type": ["value"],
        "actor_id": ["value"],
        "actor_login": ["value"],
        "repo_id": ["value"],
        "repo_name": ["value"],
        "org": ["value"],
        "action": ["value"],
        "public": ["value"],
        "topic": ["topic"],
        "partition": ["partition"],
        "offset": ["offset"],
        "batch": ["batch"],
        "event_date": ["value"],
    }
