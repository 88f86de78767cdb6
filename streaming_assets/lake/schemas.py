"""The columns of every table, as Arrow schemas."""

from __future__ import annotations

import pyarrow as pa

from streaming_assets.contract import Array, EventSchema, EventSource, Field, FieldType, GoldTable, ScalarType, Struct
from streaming_assets.lake.layout import TableId

TIMESTAMP = pa.timestamp("us", "UTC")

_SCALARS: dict[ScalarType, pa.DataType] = {
    ScalarType.STRING: pa.string(),
    ScalarType.TEXT: pa.string(),
    ScalarType.LONG: pa.int64(),
    ScalarType.DOUBLE: pa.float64(),
    ScalarType.BOOLEAN: pa.bool_(),
    ScalarType.TIMESTAMP: TIMESTAMP,
    ScalarType.EPOCH_SECONDS: TIMESTAMP,
    ScalarType.EPOCH_MILLIS: TIMESTAMP,
    ScalarType.DATE: pa.date32(),
}

HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))
"""Record headers as Spark's Kafka source gives them."""

BRONZE = pa.schema(
    [
        pa.field("value", pa.binary(), metadata={"comment": "The record's value, the bytes that came"}),
        pa.field("key", pa.binary(), metadata={"comment": "The record's key"}),
        pa.field("headers", HEADERS, metadata={"comment": "The record's headers; null without any"}),
        pa.field("topic", pa.string(), nullable=False, metadata={"comment": "Kafka topic"}),
        pa.field("partition", pa.int32(), nullable=False, metadata={"comment": "Kafka partition"}),
        pa.field("offset", pa.int64(), nullable=False, metadata={"comment": "Offset in the partition"}),
        pa.field("timestamp", TIMESTAMP, metadata={"comment": "The record's timestamp, UTC"}),
        pa.field(
            "timestamp_type",
            pa.int32(),
            nullable=False,
            metadata={"comment": "What set the timestamp: 0 the producer, 1 the broker, -1 unknown"},
        ),
        pa.field("batch", pa.int64(), nullable=False, metadata={"comment": "Number of the Bronze commit"}),
        pa.field("ingested_at", TIMESTAMP, nullable=False, metadata={"comment": "When it was read from Kafka, UTC"}),
        pa.field("ingested_date", pa.date32(), nullable=False, metadata={"comment": "Day of `ingested_at`"}),
    ]
)
"""Bronze: every record as it came. Partitioned by `ingested_date`."""

MISFIT = [
    pa.field("reason", pa.string(), nullable=False, metadata={"comment": "Why it does not fit; a fixed vocabulary"}),
    pa.field("field", pa.string(), metadata={"comment": "JSON path of the field; null where the record as a whole"}),
    pa.field("detail", pa.string(), metadata={"comment": "What was found and what was expected"}),
]
"""Why a record does not fit."""

RELEASE = [
    pa.field(
        "released_batch",
        pa.int64(),
        metadata={"comment": "Batch of the replay that took it out of quarantine; null while it is in there"},
    ),
    pa.field(
        "duplicate_of",
        pa.string(),
        metadata={"comment": "`topic/partition/offset` of its event in Silver; null where it is in Silver itself"},
    ),
]
"""How a record left quarantine; the row stays as history."""

QUARANTINE = pa.schema([*MISFIT, *[field for field in BRONZE if field.name != "ingested_date"], *RELEASE])
"""Quarantine: the records that do not fit the schema, each with its reason. It holds those not `IN_QUARANTINE`, too."""

IN_QUARANTINE = "released_batch IS NULL"
"""SQL condition that a quarantined record meets until a replay releases it."""

_SILVER_HEAD = [
    pa.field("event_id", pa.string(), nullable=False, metadata={"comment": "What identifies the event"}),
    pa.field("event_time", TIMESTAMP, nullable=False, metadata={"comment": "When the event happened, UTC"}),
]
_SILVER_TAIL = [
    *[BRONZE.field(name) for name in ("topic", "partition", "offset", "batch")],
    pa.field("event_date", pa.date32(), nullable=False, metadata={"comment": "Day of `event_time`, UTC"}),
]

COORDINATES = ("topic", "partition", "offset")
"""What identifies a Kafka record within one source."""

PLACE = 'topic, "partition", "offset"'
"""`COORDINATES` as SQL."""


def arrow_type(kind: FieldType) -> pa.DataType:
    """Return the Arrow type of a contract type."""
    if isinstance(kind, Struct):
        return pa.struct([arrow_field(field, nested=True) for field in kind.fields])
    if isinstance(kind, Array):
        return pa.list_(arrow_type(kind.items))
    return _SCALARS[kind]


def arrow_field(field: Field, *, nested: bool = False) -> pa.Field:
    """Return the Arrow field of a contract field; nested fields are always nullable."""
    metadata = {"comment": field.description} if field.description else None
    return pa.field(field.name, arrow_type(field.type), nullable=nested or not field.required, metadata=metadata)


def events_schema(schema: EventSchema) -> pa.Schema:
    """Return the columns of the relation `events` that Silver SQL reads: the fields of the event."""
    return pa.schema([pa.field(field.name, arrow_type(field.type)) for field in schema.fields])


def silver_schema(source: EventSource) -> pa.Schema:
    """Return Silver's columns: identity, the plugin's columns, Kafka coordinates, batch and day."""
    return pa.schema([*_SILVER_HEAD, *[arrow_field(column) for column in source.silver.columns], *_SILVER_TAIL])


def gold_schema(table: GoldTable) -> pa.Schema:
    """Return a Gold table's columns."""
    return pa.schema([arrow_field(column) for column in table.columns])


def schema_of(source: EventSource, table: TableId) -> pa.Schema:
    """Return the columns of any table of a source."""
    if table.layer == "bronze":
        return BRONZE
    if table.layer == "quarantine":
        return QUARANTINE
    if table.layer == "silver":
        return silver_schema(source)
    return gold_schema(next(gold for gold in source.gold if gold.name == table.table))


PARTITIONING: dict[str, tuple[str, ...]] = {"bronze": ("ingested_date",), "silver": ("event_date",)}
"""Partition columns by layer; the other layers' tables are not partitioned."""

STATISTICS = "delta.dataSkippingStatsColumns"
"""Table property that names the columns of which the log has statistics."""


def statistics(schema: pa.Schema) -> list[str]:
    """Return the columns of a table of which the log has statistics."""
    # Statistics over payloads cost time on every write and never prune a file.
    plain = (field for field in schema if not pa.types.is_nested(field.type) and not pa.types.is_binary(field.type))
    partition_columns = {"ingested_date", "event_date"}
    return [field.name for field in plain if field.name not in {*partition_columns, "detail"}]
