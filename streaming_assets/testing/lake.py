"""The tables of a source, over a Bronze that is written by hand: what came when is the test's choice, not Kafka's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.factory import make_engine
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_or_create, open_table
from streaming_assets.lake.positions import Position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.layers.findings import Finding
from streaming_assets.layers.refresh import SourceRefresh
from streaming_assets.settings import EngineName
from streaming_assets.testing.breaches import breaches_of
from streaming_assets.testing.surroundings import isolated_settings

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A Kafka record."""

    value: bytes | None
    """Its value; None for a tombstone."""
    partition: int
    """Its partition."""
    offset: int = 0
    """Its offset in the partition."""
    timestamp: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    """Its create time."""


class HandmadeLake:
    """Bronze by hand; Silver, quarantine and Gold by an engine.

    Args:
        home: A folder of its own.
        source: The source.
        engine: What computes.
        settings: Further settings.
    """

    def __init__(self, home: Path, source: EventSource, engine: EngineName = "embedded", **settings: Any) -> None:
        self.source = source
        self.settings = isolated_settings(home, engine=engine, **settings)
        self._next: dict[int, int] = {}

    def commit(self, records: Iterable[Record]) -> None:
        """Write records as one Bronze batch."""
        table = open_or_create(self.source, layout.bronze(self.source), self.settings.lake_path)
        batch = table.batch + 1
        rows = [self._row(record, batch) for record in records]
        position = Position(dict(self._next), "cluster", "topic")
        metadata = {"records": len(rows), "positions": position.encode()}
        table.append(pa.Table.from_pylist(rows, schema=BRONZE), batch=batch, metadata=metadata)

    def refresh(self) -> None:
        """Bring Silver, quarantine and all Gold tables up to Bronze.

        Raises:
            PluginError: A transform or a query can't run, or does not give what is declared.
        """
        engine = make_engine(self.settings, None)
        try:
            refresh = SourceRefresh(self.source, self.settings, engine, None)
            for _ in refresh.silver():
                pass
            for table in self.source.gold:
                for _ in refresh.gold(table):
                    pass
        finally:
            engine.close()

    def breaches(self) -> list[Finding]:
        """Return the findings of `verify` that do not hold."""
        return breaches_of(self.source, self.settings)

    def bronze(self) -> list[Row]:
        """Return Bronze's rows."""
        return self._rows(layout.bronze(self.source))

    def silver(self) -> list[Row]:
        """Return Silver's rows."""
        return self._rows(layout.silver(self.source))

    def quarantine(self) -> list[Row]:
        """Return the rows of quarantine."""
        return self._rows(layout.quarantine(self.source))

    def gold(self, table: GoldTable) -> list[Row]:
        """Return the rows of a Gold table."""
        return self._rows(layout.gold(self.source, table))

    def _rows(self, table: TableId) -> list[Row]:
        opened = open_table(table, self.settings.lake_path)
        rows: Sequence[Row] = opened.query("SELECT * FROM t").to_pylist() if opened else []
        return list(rows)

    def _row(self, record: Record, batch: int) -> Row:
        self._next[record.partition] = max(self._next.get(record.partition, 0), record.offset + 1)
        now = datetime.now(tz=UTC)
        return {
            "value": record.value,
            "topic": self.source.topic.name,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "timestamp_type": 0,
            "batch": batch,
            "ingested_at": now,
            "ingested_date": now.date(),
        }
