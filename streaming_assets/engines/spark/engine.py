"""The engine, as the layers use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import pyarrow as pa
from pyspark.errors import ArithmeticException
from pyspark.sql import SparkSession

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.audits import EVERYTHING, CountAudit, GoldAudit, OffsetAudit, RowAudit, Scope, ValueAudit
from streaming_assets.engines.embedded import EmbeddedEngine
from streaming_assets.engines.protocol import (
    Aggregated,
    Ingested,
    IngestPlan,
    Limits,
    Rebuilt,
    Refined,
    Replayed,
    Selection,
    Staged,
)
from streaming_assets.engines.rebuild import Rebuilder
from streaming_assets.engines.spark.bronze import Ingester
from streaming_assets.engines.spark.failures import explained
from streaming_assets.engines.spark.gold import SparkAggregator
from streaming_assets.engines.spark.jvm import as_spark_errors
from streaming_assets.engines.spark.session import open_session
from streaming_assets.engines.spark.silver import SparkRefiner
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.pseudonyms import pseudonym_key
from streaming_assets.settings import Settings

_ANY_BYTES = 2**62
"""Spark spills what it can't hold."""


class SparkEngine:
    """See `streaming_assets.engines.protocol.Engine`.

    Replays of quarantine and audits are the embedded engine's: the tables are the same.
    """

    name = "spark"

    def __init__(self, settings: Settings, connection: Connection | None) -> None:
        """Remember settings and broker; nothing is opened before it is used."""
        self.lake = settings.lake_path
        self._settings = settings
        self._kafka = connection
        self._limits = Limits(settings.spark_batch_records, _ANY_BYTES, settings.function_timeout_seconds)
        self._embedded = EmbeddedEngine(settings, connection)

    @cached_property
    def _session(self) -> SparkSession:
        return open_session(self._settings)

    def ingest(self, plan: IngestPlan) -> Iterator[Ingested]:
        """See `Engine.ingest`."""
        if self._kafka is None:
            raise ValueError("this engine was made without a broker")
        with explained(plan.source):
            config = self._settings.spark_kafka_config
            ingester = Ingester(self._session, self._kafka, self.lake, self._limits, config)
            try:
                with as_spark_errors():
                    for done in ingester.run(plan):
                        plan = _after(plan, done)
                        yield done
            except ArithmeticException:
                # Spark's source fails on a timestamp that is no number of microseconds; a producer can write any.
                yield from self._embedded.ingest(plan)

    def refine(self, source: EventSource) -> Iterator[Refined]:
        """See `Engine.refine`."""
        self._embedded.finish_interrupted(source)
        with explained(source):
            yield from self._refiner(source).run()

    def rebuild(self, source: EventSource) -> Iterator[Staged | Rebuilt]:
        """See `Engine.rebuild`."""
        with explained(source):
            yield from Rebuilder(self._refiner(source)).run()

    def replay(self, source: EventSource, selection: Selection) -> Iterator[Replayed]:
        """See `Engine.replay`."""
        return self._embedded.replay(source, selection)

    def aggregate(self, source: EventSource, table: GoldTable, *, rebuild: bool = False) -> Aggregated | None:
        """See `Engine.aggregate`."""
        with explained(source):
            return SparkAggregator(self._session, source, table, self.lake).run(rebuild=rebuild)

    def audit_counts(self, source: EventSource, *, after: int = NO_BATCH, upto: int | None = None) -> CountAudit:
        """See `Engine.audit_counts`."""
        return self._embedded.audit_counts(source, after=after, upto=upto)

    def audit_offsets(self, source: EventSource, spans: Mapping[int, tuple[int, int]]) -> OffsetAudit:
        """See `Engine.audit_offsets`."""
        return self._embedded.audit_offsets(source, spans)

    def audit_rows(self, source: EventSource, scope: Scope = EVERYTHING) -> Iterator[RowAudit]:
        """See `Engine.audit_rows`."""
        return self._embedded.audit_rows(source, scope)

    def audit_values(self, source: EventSource, records: pa.Table) -> ValueAudit:
        """See `Engine.audit_values`."""
        return self._embedded.audit_values(source, records)

    def audit_gold(self, source: EventSource, table: GoldTable, scope: Scope = EVERYTHING) -> GoldAudit:
        """See `Engine.audit_gold`."""
        return self._embedded.audit_gold(source, table, scope)

    def close(self) -> None:
        """See `Engine.close`. Spark's session stays, as it may be others', too; the process ends it."""
        self._embedded.close()
        self.__dict__.pop("_session", None)

    def _refiner(self, source: EventSource) -> SparkRefiner:
        return SparkRefiner(self._session, source, self.lake, self._limits, pseudonym_key(self._settings))


def _after(plan: IngestPlan, done: Ingested) -> IngestPlan:
    """Return what is left of a plan after one of its commits."""
    next_offsets = done.position.next_offsets
    end = {partition: offset for partition, offset in plan.end.items() if offset > next_offsets[partition]}
    return replace(plan, start=done.position, end=end, first_batch=done.batch + 1, accepting=())
