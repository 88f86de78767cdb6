"""Engine `embedded`: DuckDB computes, delta-rs commits, `confluent-kafka` reads. No JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.audits import EVERYTHING, CountAudit, GoldAudit, OffsetAudit, RowAudit, Scope, ValueAudit
from streaming_assets.engines.embedded.bronze import ingest
from streaming_assets.engines.embedded.count_audit import CountAuditor
from streaming_assets.engines.embedded.duck import connect, memory_limit, threads
from streaming_assets.engines.embedded.failures import explained
from streaming_assets.engines.embedded.gold import Aggregator
from streaming_assets.engines.embedded.gold_audit import audit_gold
from streaming_assets.engines.embedded.offset_audit import audit_offsets
from streaming_assets.engines.embedded.release import finish_release
from streaming_assets.engines.embedded.replay import replay
from streaming_assets.engines.embedded.row_audit import RowAuditor
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.embedded.value_audit import audit_values
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
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake import layout
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.opening import open_ours, open_table
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.pseudonyms import pseudonym_key
from streaming_assets.settings import Settings

Result = TypeVar("Result")

_SLICE = 3
"""How many full Bronze batches Silver takes at once: DuckDB gives a thread about as many rows as a batch has."""


_VECTOR = 2_048
"""Values that a thread of DuckDB works on at a time."""

_COPIES = 32
"""Memory that the native check takes for a byte of text: the parsed documents, and what is taken from them."""

_SPILL_FROM = 3
"""Queries over whole tables go to disk from this part of the memory limit on: it makes them hardly slower."""

_SMALLEST_LARGE, _LARGEST_LARGE = 4 * 2**10, 16 * 2**10
"""Between these lies the length from which on values are decided one by one."""


class EmbeddedEngine:
    """See `streaming_assets.engines.protocol.Engine`."""

    name = "embedded"

    def __init__(self, settings: Settings, connection: Connection | None) -> None:
        """Remember settings and broker; nothing is opened before it is used."""
        self.lake = settings.lake_path
        self._settings = settings
        self._kafka = connection
        self._limits = Limits(records=settings.batch_records, bytes=settings.batch_bytes)

    @cached_property
    def _duck(self) -> duckdb.DuckDBPyConnection:
        return connect(self._settings, pseudonym_key(self._settings))

    def ingest(self, plan: IngestPlan) -> Iterator[Ingested]:
        """See `Engine.ingest`."""
        if self._kafka is None:
            raise ValueError("this engine was made without a broker")
        return ingest(plan, self._kafka, self._settings.lake_path, self._limits)

    def refine(self, source: EventSource) -> Iterator[Refined]:
        """See `Engine.refine`."""
        with explained(source):
            refiner = self._refiner(source)
            Rebuilder(refiner).finish_or_raise()
            yield from refiner.run()

    def finish_interrupted(self, source: EventSource) -> None:
        """Finish what a rebuild or a replay left that was ended, as every engine has to before it refines.

        Raises:
            TableError: Silver and quarantine do not belong together, and nothing is staged that would mend it.
        """
        with explained(source):
            refiner = self._refiner(source)
            Rebuilder(refiner).finish_or_raise()
            silver, quarantine = (
                open_ours(identity, self.lake) for identity in (layout.silver(source), layout.quarantine(source))
            )
            if silver is not None and quarantine is not None:
                finish_release(self._duck, silver, quarantine, refiner.limits)

    def rebuild(self, source: EventSource) -> Iterator[Staged | Rebuilt]:
        """See `Engine.rebuild`."""
        with explained(source):
            yield from Rebuilder(self._refiner(source)).run()

    def replay(self, source: EventSource, selection: Selection) -> Iterator[Replayed]:
        """See `Engine.replay`."""
        with explained(source):
            yield from replay(self._refiner(source), selection)

    def aggregate(self, source: EventSource, table: GoldTable, *, rebuild: bool = False) -> Aggregated | None:
        """See `Engine.aggregate`."""
        aggregator = self._aggregator(source, table)
        return self._over_whole_tables(source, lambda: aggregator.run(rebuild=rebuild))

    def audit_counts(self, source: EventSource, *, after: int = NO_BATCH, upto: int | None = None) -> CountAudit:
        """See `Engine.audit_counts`."""
        with explained(source):
            return CountAuditor(self._refiner(source)).run(after, upto)

    def audit_offsets(self, source: EventSource, spans: Mapping[int, tuple[int, int]]) -> OffsetAudit:
        """See `Engine.audit_offsets`."""
        with explained(source):
            return audit_offsets(self._duck, self._bronze_files(source), spans)

    def audit_rows(self, source: EventSource, scope: Scope = EVERYTHING) -> Iterator[RowAudit]:
        """See `Engine.audit_rows`."""
        with explained(source):
            yield from RowAuditor(self._refiner(source)).run(scope)

    def audit_values(self, source: EventSource, records: pa.Table) -> ValueAudit:
        """See `Engine.audit_values`."""
        with explained(source):
            return audit_values(self._duck, self._bronze_files(source), records)

    def audit_gold(self, source: EventSource, table: GoldTable, scope: Scope = EVERYTHING) -> GoldAudit:
        """See `Engine.audit_gold`."""
        aggregator = self._aggregator(source, table)
        return self._over_whole_tables(source, lambda: audit_gold(aggregator, scope))

    def close(self) -> None:
        """See `Engine.close`."""
        if "_duck" in self.__dict__:
            self._duck.close()
            del self.__dict__["_duck"]

    def _over_whole_tables(self, source: EventSource, work: Callable[[], Result]) -> Result:
        """Do work that could fill any memory with little of it, and with all of it only where it can't be spilled."""
        limit = self._settings.memory_limit_mb
        with explained(source):
            try:
                with memory_limit(self._duck, limit // _SPILL_FROM, afterwards=limit):
                    return work()
            except duckdb.OutOfMemoryException:
                return work()

    def _bronze_files(self, source: EventSource) -> list[DataFile]:
        bronze = open_table(layout.bronze(source), self.lake)
        return bronze.files() if bronze else []

    def _refiner(self, source: EventSource) -> Refiner:
        memory = self._settings.memory_limit_mb * 2**20
        limits = Limits(
            records=_SLICE * self._limits.records,
            bytes=min(_SLICE * self._limits.bytes, memory // 6),
            function_seconds=self._settings.function_timeout_seconds,
        )
        share = memory // (threads(self._settings) * _VECTOR * _COPIES)
        largest = min(max(share, _SMALLEST_LARGE), _LARGEST_LARGE)
        return Refiner(self._duck, source, self._settings.lake_path, limits, largest)

    def _aggregator(self, source: EventSource, table: GoldTable) -> Aggregator:
        return Aggregator(self._duck, source, table, self._settings.lake_path)
