"""A lake whose Bronze is written by hand, and its fixtures: an engine refines it without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from streaming_assets.contract import EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic
from streaming_assets.engines.factory import make_engine
from streaming_assets.engines.protocol import Aggregated, Refined, Replayed, Selection
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.maintenance import MERGE_FROM, Maintained, maintain_source
from streaming_assets.lake.opening import open_or_create, open_table
from streaming_assets.lake.positions import Position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.lake.tables import LakeTable
from streaming_assets.settings import load_settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The timestamp of all records that are given none."""

KEY = "a key for tests"
"""The key of the pseudonyms."""

ALL = Selection()
"""All of quarantine."""

FIELDS = (
    Field(name="id", type=ScalarType.STRING, required=False),
    Field(name="at", type=ScalarType.TIMESTAMP),
    Field(name="kind", type=ScalarType.STRING),
    Field(name="user", type=ScalarType.STRING, required=False),
    Field(name="amount", type=ScalarType.LONG, required=False),
)
SILVER = SilverTable(
    sql="SELECT kind, user, amount FROM events",
    columns=(
        Field(name="kind", type=ScalarType.STRING),
        Field(name="user", type=ScalarType.STRING, required=False),
        Field(name="amount", type=ScalarType.LONG, required=False),
    ),
)


class Record:
    """A Kafka record as it stands in Bronze."""

    def __init__(
        self, value: bytes | None, *, partition: int = 0, offset: int | None = None, timestamp: datetime | None = NOON
    ) -> None:
        """Keep the record; without an offset it comes after the last one of its partition."""
        self.value = value
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp


class Lab:
    """One source, its tables and the engine."""

    noon = NOON
    key = KEY
    record = Record

    def __init__(self, home: Path, source: EventSource, **settings: Any) -> None:
        """Make an engine for a source whose tables lie under `home`."""
        self.source = source
        self.settings = load_settings(**{"home": home, "pseudonym_key": KEY, "threads": 1, **settings})
        self.lake = self.settings.lake_path
        self.engine = make_engine(self.settings, None)
        self._next: dict[int, int] = {}

    def bronze(self, *records: Record | bytes | Mapping[str, Any] | None) -> int:
        """Commit one Bronze batch of records, of values, or of events that become JSON; returns its number."""
        table = open_or_create(self.source, self.identity("bronze"), self.lake)
        batch = table.batch + 1
        rows = [self._row(record, batch) for record in records]
        position = Position(dict(self._next), "cluster", "topic")
        metadata = {"records": len(rows), "positions": position.encode()}
        table.append(pa.Table.from_pylist(rows, schema=BRONZE), batch=batch, metadata=metadata)
        return batch

    def _row(self, record: Record | bytes | Mapping[str, Any] | None, batch: int) -> dict[str, Any]:
        if not isinstance(record, Record):
            record = Record(json.dumps(record).encode() if isinstance(record, Mapping) else record)
        offset = self._next.get(record.partition, 0) if record.offset is None else record.offset
        self._next[record.partition] = max(self._next.get(record.partition, 0), offset + 1)
        return {
            "value": record.value,
            "topic": self.source.topic.name,
            "partition": record.partition,
            "offset": offset,
            "timestamp": record.timestamp,
            "timestamp_type": 0,
            "batch": batch,
            "ingested_at": NOON + timedelta(seconds=batch),
            "ingested_date": NOON.date(),
        }

    def refine(self) -> list[Refined]:
        """Bring Bronze to Silver and quarantine."""
        return list(self.engine.refine(self.source))

    def replay(self, selection: Selection = ALL) -> list[Replayed]:
        """Send quarantined records through the source as it is now."""
        return list(self.engine.replay(self.source, selection))

    def aggregate(self, name: str | None = None) -> Aggregated | None:
        """Bring a Gold table, the first if none is named, up to Silver."""
        return self.engine.aggregate(self.source, self.table(name))

    def table(self, name: str | None = None) -> GoldTable:
        """Return the definition of a Gold table, the first if none is named."""
        return next(table for table in self.source.gold if name in (None, table.name))

    def identity(self, layer: str, table: str | None = None) -> TableId:
        """Return the identity of a table of the source."""
        return TableId(self.source.name, layer, table)

    def open(self, layer: str, table: str | None = None) -> LakeTable:
        """Open a table, whoever wrote it, creating it where it does not exist."""
        identity = self.identity(layer, table)
        return open_table(identity, self.lake) or open_or_create(self.source, identity, self.lake)

    def rows(self, layer: str, table: str | None = None) -> list[dict[str, Any]]:
        """Return a table's rows, in the order of their coordinates or keys."""
        opened = open_table(self.identity(layer, table), self.lake)
        if opened is None:
            return []
        order = self.table(table).keys if table else ("partition", "offset")
        return opened.query(f"SELECT * FROM t ORDER BY {', '.join(map(quoted, order))}").to_pylist()

    def maintain(
        self, layer: str, table: str | None = None, *, hours: float = 0, min_files: int = MERGE_FROM
    ) -> Maintained | None:
        """Maintain one table; return what was done, None if there is no such table."""
        how = {"retention_hours": hours, "lock_timeout": 0, "min_files": min_files}
        (outcome,) = maintain_source([self.identity(layer, table)], self.settings.home, self.lake, **how)
        if outcome.error is not None:
            raise outcome.error
        return outcome.done

    def versions(self) -> list[int | None]:
        """Return the version of every table, None where it does not exist."""
        opened = [open_table(table, self.lake) for table in layout.tables_of(self.source)]
        return [table.version if table else None for table in opened]

    def plant(self, layer: str, rows: Iterable[Mapping[str, Any]], table: str | None = None) -> None:
        """Append rows behind the engine's back: the table's batch stays the same."""
        opened = self.open(layer, table)
        schema = opened.arrow_schema()
        write_deltalake(opened._delta, pa.Table.from_pylist(list(rows), schema=schema), mode="append")

    def delete(self, layer: str, where: str, table: str | None = None) -> None:
        """Delete rows behind the engine's back."""
        self.open(layer, table)._delta.delete(where)


def quoted(name: str) -> str:
    """Quote an identifier."""
    return f'"{name}"'


def per_kind(name: str, *, window: str) -> GoldTable:
    """Make the Gold table that counts the events of each kind by window."""
    return GoldTable(
        name=name,
        description="Events of each kind by window.",
        sql="SELECT window_start, window_end, kind, count(*) AS events FROM silver "
        "GROUP BY window_start, window_end, kind",
        columns=(
            Field(name="window_start", type=ScalarType.TIMESTAMP),
            Field(name="window_end", type=ScalarType.TIMESTAMP),
            Field(name="kind", type=ScalarType.STRING),
            Field(name="events", type=ScalarType.LONG),
        ),
        keys=("window_start", "kind"),
        window=window,
    )


def build_source(
    fields: Sequence[Field] = FIELDS,
    *,
    silver: SilverTable = SILVER,
    gold: tuple[GoldTable, ...] = (),
    event_id: str | None = "id",
    event_time: str = "at",
    **schema: Any,
) -> EventSource:
    """Make a source; unless told otherwise its events have `id`, `at`, `kind`, `user` and `amount`."""
    return EventSource(
        name="shop",
        title="Shop",
        description="Made up.",
        topic=Topic(name="shop-events"),
        schema=EventSchema(fields=tuple(fields), event_time=event_time, event_id=event_id, **schema),
        producer=lambda _options: None,
        silver=silver,
        gold=gold,
    )


@pytest.fixture(scope="session")
def make_source():
    """Makes a source: `make_source(fields, silver=…, gold=…)`."""
    return build_source


@pytest.fixture(scope="session")
def new_lab():
    """Makes a lab that its user closes: `new_lab(source, home)`; keyword arguments are settings."""
    return lambda source, home, **settings: Lab(home, source, **settings)


@pytest.fixture
def make_lab(tmp_path):
    """Makes a lab, with the source of `make_source` unless another one is given; closes its engine at the end."""
    made = []

    def make(source=None, *, home=tmp_path, **settings):
        made.append(Lab(home, source or build_source(), **settings))
        return made[-1]

    yield make
    for lab in made:
        lab.engine.close()
