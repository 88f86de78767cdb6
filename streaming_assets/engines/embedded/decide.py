"""The slow path of Silver: records that the native check did not accept are decided one by one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSchema, EventSource
from streaming_assets.engines.embedded.duck import read_parquet
from streaming_assets.engines.slices import Slice
from streaming_assets.engines.sql import CARRIED
from streaming_assets.fitting import Fit, Fitter
from streaming_assets.lake.schemas import COORDINATES, MISFIT, PLACE, TIMESTAMP, events_schema

_CHUNK = 1_000

_ORIGIN = [
    pa.field("topic", pa.string()),
    pa.field("partition", pa.int32()),
    pa.field("offset", pa.int64()),
    pa.field("batch", pa.int64()),
]

MISFITS = pa.schema([*_ORIGIN, *MISFIT])
"""Records that do not fit: their coordinates and why."""


def accepted_schema(schema: EventSchema) -> pa.Schema:
    """Return the columns of decided records that fit: as the native check gives them."""
    kinds = {**{field.name: field.type for field in _ORIGIN}, "event_id": pa.string(), "event_time": TIMESTAMP}
    return pa.schema([*events_schema(schema), *[pa.field(inside, kinds[name]) for name, inside in CARRIED.items()]])


def decide(
    connection: duckdb.DuckDBPyConnection, source: EventSource, part: Slice, where: str
) -> tuple[pa.Table, pa.Table]:
    """Decide about the records in the relation `doubtful`, which are rows of the slice that meet a condition.

    Returns:
        The records that fit, as `accepted_schema`, and those that do not, as `MISFITS`.
    """
    rows = connection.sql(
        f"""
        SELECT d.*, b.value
        FROM doubtful d
        JOIN (
            SELECT {PLACE}, batch, value FROM {read_parquet(file.path for file in part.files)}
            WHERE {where}
        ) b USING ({PLACE}, batch)
        """
    )
    fitter = Fitter(source.schema)
    decided = [decide_rows(fitter, source.schema, batch.to_pylist()) for batch in rows.to_arrow_reader(_CHUNK)]
    empty = decide_rows(fitter, source.schema, [])
    fitting, misfits = (pa.concat_tables(tables) for tables in zip(empty, *decided, strict=True))
    return fitting, misfits


def decide_rows(fitter: Fitter, schema: EventSchema, rows: Iterable[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    """Decide about records one by one.

    Args:
        fitter: Decides by the schema.
        schema: The schema.
        rows: The records: coordinates, `batch`, `seen_at` and `value`.

    Returns:
        The records that fit, as `accepted_schema`, and those that do not, as `MISFITS`.
    """
    names = [field.name for field in schema.fields]
    accepted, refused = [], []
    for row in rows:
        place = {key: row[key] for key in (*COORDINATES, "batch")}
        seen_at: datetime = row["seen_at"]
        decided = fitter.fit(row["value"], seen_at)
        if isinstance(decided, Fit):
            event = {name: decided.event[name] for name in names}
            carried = {**place, "event_id": decided.event_id, "event_time": decided.event_time}
            accepted.append({**event, **{CARRIED[name]: value for name, value in carried.items()}})
        else:
            refused.append({**place, "reason": decided.reason.value, "field": decided.field, "detail": decided.detail})
    fitting = pa.Table.from_pylist(accepted, schema=accepted_schema(schema))
    return fitting, pa.Table.from_pylist(refused, schema=MISFITS)
