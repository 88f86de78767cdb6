"""Kafka to Bronze: whole batches, each in one commit together with the position that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from streaming_assets.engines.bronze_commits import accept_losses, open_bronze
from streaming_assets.engines.protocol import Ingested, IngestPlan, Limits
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.consumer import RecordBatch, RecordReader
from streaming_assets.kafka.overlap import Overlap, last_records
from streaming_assets.kafka.topics import TopicWatch
from streaming_assets.lake.positions import Position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.lake.tables import LakeTable


def ingest(plan: IngestPlan, connection: Connection, lake: Path, limits: Limits) -> Iterator[Ingested]:
    """Copy the planned offsets to Bronze; see `Engine.ingest`."""
    bronze = open_bronze(plan, lake)
    if plan.accepting:
        yield accept_losses(plan, bronze)
    if plan.end:
        yield from _copy(plan, bronze, connection, limits)


def _copy(plan: IngestPlan, bronze: LakeTable, connection: Connection, limits: Limits) -> Iterator[Ingested]:
    topic, position = plan.source.topic.name, plan.start
    overlap = Overlap(topic, {partition: position.next_offsets[partition] for partition in plan.end}, position.last)
    watch = TopicWatch(connection, topic, str(position.topic_id))
    batch = bronze.batch + 1
    with RecordReader(
        connection, topic, overlap.begin, plan.end, max_records=limits.records, max_bytes=limits.bytes
    ) as reader:
        for records in map(overlap.new, reader):
            before, position = position, _after(position, records)
            if position == before:  # there was nothing but what was read before
                continue
            rows = _bronze_rows(records.table, batch)
            watch.confirm()
            bronze.append(rows, batch=batch, metadata={"records": rows.num_rows, **position.metadata()})
            yield Ingested(batch=batch, records=rows.num_rows, position=position)
            batch += 1


def _after(position: Position, records: RecordBatch) -> Position:
    return replace(
        position,
        next_offsets={**position.next_offsets, **records.next_offsets},
        last={**position.last, **last_records(records.table)},
    )


def _bronze_rows(records: pa.Table, batch: int) -> pa.Table:
    now = datetime.now(tz=UTC)
    added = {"batch": batch, "ingested_at": now, "ingested_date": now.date()}
    for name, value in added.items():
        kind = BRONZE.field(name).type
        records = records.append_column(name, pa.repeat(pa.scalar(value, kind), records.num_rows))
    return records.select(BRONZE.names).cast(BRONZE)
