"""Kafka to Bronze: bounded ranges of offsets, each read by Spark's own source and committed with the position after it.

What is small is read by this process: the last record of each partition, whose fingerprint goes into the position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from pyspark.sql import SparkSession

from streaming_assets.engines.bronze_commits import accept_losses, open_bronze
from streaming_assets.engines.protocol import Ingested, IngestPlan, Limits
from streaming_assets.engines.spark.columns import casts, timestamp
from streaming_assets.engines.spark.kafka import Offsets, read_records
from streaming_assets.engines.spark.tables import write
from streaming_assets.errors import TopicChanged
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.consumer import RecordBatch, RecordReader
from streaming_assets.kafka.overlap import LastRecord, Overlap, last_records
from streaming_assets.kafka.topics import TopicWatch
from streaming_assets.lake.positions import Position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.lake.tables import LakeTable


@dataclass(frozen=True)
class Ingester:
    """Copies records from Kafka to Bronze."""

    session: SparkSession
    """Where it runs."""
    connection: Connection
    """The cluster."""
    lake: Path
    """Folder of the tables."""
    limits: Limits
    """How much goes into one commit."""
    config: Mapping[str, str]
    """Properties of Spark's Kafka client that win over the connection's."""

    def run(self, plan: IngestPlan) -> Iterator[Ingested]:
        """Copy the planned offsets; see `Engine.ingest`."""
        bronze = open_bronze(plan, self.lake)
        if plan.accepting:
            yield accept_losses(plan, bronze)
        if not plan.end:
            return
        topic = plan.source.topic.name
        watch = TopicWatch(self.connection, topic, str(plan.start.topic_id))
        self._expect_same_log(topic, plan)
        position = plan.start
        for some in commit_ranges(topic, position.next_offsets, plan.end, self.limits.records):
            position = replace(
                position,
                next_offsets={**position.next_offsets, **some.end},
                last={**position.last, **self._last(some)},
            )
            yield self._commit(bronze, watch, some, position)

    def _commit(self, bronze: LakeTable, watch: TopicWatch, some: Offsets, position: Position) -> Ingested:
        batch, before, version = bronze.batch + 1, bronze.commit_metadata() or {}, bronze.version
        now = timestamp(datetime.now(tz=UTC))
        rows = read_records(self.session, self.connection, some, self.config).selectExpr(
            "*", f"{batch} AS batch", f"{now} AS ingested_at", f"CAST({now} AS DATE) AS ingested_date"
        )
        write(rows.selectExpr(*casts(BRONZE)), bronze, batch=batch, metadata=position.metadata())
        try:
            watch.confirm()  # only now, as Spark reads and commits in one
        except TopicChanged:
            bronze.restore(version, batch=batch - 1, metadata=before)
            raise
        records = sum(file.records for file in bronze.files(newer_than=batch - 1))
        return Ingested(batch=batch, records=records, position=position)

    def _expect_same_log(self, topic: str, plan: IngestPlan) -> None:
        """Read the last records that Bronze has once more; see `Overlap`."""
        start = {partition: plan.start.next_offsets[partition] for partition in plan.end}
        overlap = Overlap(topic, start, plan.start.last)
        begin = {partition: offset for partition, offset in overlap.begin.items() if offset < start[partition]}
        for records in self._read(topic, begin, {partition: start[partition] for partition in begin}):
            overlap.new(records)

    def _last(self, some: Offsets) -> dict[int, LastRecord]:
        """Return the last record of each partition in a range, looking back from its end further and further."""
        found: dict[int, LastRecord] = {}
        left, step = dict(some.end), 1
        while left:
            begin = {one: max(some.start[one], high - step) for one, high in left.items()}
            for records in self._read(some.topic, begin, left):
                found |= last_records(records.table) if records.table.num_rows else {}
            left = {one: low for one, low in begin.items() if one not in found and low > some.start[one]}
            step *= 10
        return found

    def _read(self, topic: str, begin: Mapping[int, int], end: Mapping[int, int]) -> Iterator[RecordBatch]:
        if not begin:
            return
        with RecordReader(
            self.connection, topic, begin, end, max_records=self.limits.records, max_bytes=self.limits.bytes
        ) as reader:
            yield from reader


def commit_ranges(topic: str, start: Mapping[int, int], end: Mapping[int, int], most: int) -> Iterator[Offsets]:
    """Cut offsets into ranges of at most about `most` records, all partitions side by side.

    Args:
        topic: The topic.
        start: First offset by partition; it has every partition of `end`.
        end: Offset behind the last one, by partition.
        most: Most records in a range.
    """
    parts = -(-sum(high - start[partition] for partition, high in end.items()) // most)
    edges = [
        {partition: start[partition] + (high - start[partition]) * part // parts for partition, high in end.items()}
        for part in range(parts + 1)
    ]
    for low, high in pairwise(edges):
        some = [partition for partition in end if high[partition] > low[partition]]
        if some:
            yield Offsets(topic, {one: low[one] for one in some}, {one: high[one] for one in some})
