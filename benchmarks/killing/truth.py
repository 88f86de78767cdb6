"""The independent reader: tables by plain delta-rs, the topic by a plain consumer, compared with the ledger.

Nothing here is the framework's: neither how it reads a table, nor how it decides, counts or compares.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from deltalake import DeltaTable, QueryBuilder

from killing.expected import Event, gold, read

Place = tuple[int, int]
"""Partition and offset."""

_PATIENCE_SECONDS, _WAIT_SECONDS = 30.0, 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the topic."""

    value: bytes | None
    """Its value."""
    seen_at: datetime
    """Its timestamp."""


@dataclass
class Verdict:
    """What the comparison of one source found."""

    records: int = 0
    """Records that the topic holds."""
    delivered: int = 0
    """Events that the producers were told were delivered."""
    lost: int = 0
    """Records, rows or cells that should be in a table and are not."""
    duplicated: int = 0
    """Records or rows that are in a table more than once, or in two that exclude each other."""
    wrong: int = 0
    """Rows that should not be there at all: other bytes, from no record, a wrong cell."""
    told: list[str] = field(default_factory=list)
    """What was found, in words, each with an example."""

    def note(self, kind: str, what: str, found: Iterable[object]) -> None:
        """Count what was found as `lost`, `duplicated` or `wrong`."""
        found = list(found)
        if found:
            setattr(self, kind, getattr(self, kind) + len(found))
            self.told.append(f"{len(found)} {kind}: {what}, such as {found[0]}")

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, duplicated or wrong."""
        return not self.told


def read_topic(bootstrap_servers: str, topic: str) -> dict[Place, Record]:
    """Read a topic from its beginning to its end.

    Raises:
        TimeoutError: Kafka gave nothing for half a minute.
        KafkaException: Kafka refused.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "truth", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        marks = {one: consumer.get_watermark_offsets(TopicPartition(topic, one), 10) for one in partitions}
        consumer.assign([TopicPartition(topic, one, low) for one, (low, _) in marks.items()])
        records: dict[Place, Record] = {}
        patient_until = time.monotonic() + _PATIENCE_SECONDS
        while len(records) < sum(high - low for low, high in marks.values()):
            messages = consumer.consume(1_000, _WAIT_SECONDS)
            patient_until = time.monotonic() + _PATIENCE_SECONDS if messages else patient_until
            if time.monotonic() > patient_until:
                raise TimeoutError(f"{topic}: {len(records)} records of {marks}")
            for message in messages:
                records[_coordinates(message)] = _record(message)
        return records
    finally:
        consumer.close()


def _coordinates(message: Message) -> Place:
    if message.error() is not None:
        raise KafkaException(message.error())
    return int(message.partition() or 0), int(message.offset() or 0)


def _record(message: Message) -> Record:
    return Record(message.value(), datetime.fromtimestamp(message.timestamp()[1] / 1000, tz=UTC))


def rows(table: Path, *columns: str) -> list[dict[str, Any]]:
    """Return the rows of a table, or some of their columns.

    By DataFusion: PyArrow's scanner leaves threads behind that abort a process which ends soon after a read.
    """
    wanted = ", ".join(f'"{column}"' for column in columns) or "*"
    stored = QueryBuilder().register("stored", DeltaTable(str(table))).execute(f"SELECT {wanted} FROM stored")
    found: list[dict[str, Any]] = pa.table(stored).to_pylist()
    return found


def compare(source: str, lake: Path, records: Mapping[Place, Record], ledger: Mapping[Place, str]) -> Verdict:
    """Compare ledger, topic and the tables of a source under `<lake>/<source>`."""
    verdict = Verdict(records=len(records), delivered=len(ledger))
    folder = lake / source
    _compare_bronze(verdict, folder, records, ledger)
    events = {place: read(source, each.value, each.seen_at) for place, each in records.items()}
    fitting = {place: event for place, event in events.items() if event is not None}
    _compare_quarantine(verdict, folder, events)
    _compare_silver(verdict, folder, fitting)
    for table, expected in gold(source, _each_once(fitting).values()).items():
        stored = Counter(map(_row, rows(folder / "gold" / table)))
        wanted = Counter(map(_row, expected))
        verdict.note("lost", f"rows of gold/{table}", (wanted - stored).elements())
        verdict.note("wrong", f"rows of gold/{table}", (stored - wanted).elements())
    return verdict


def _compare_bronze(
    verdict: Verdict, folder: Path, records: Mapping[Place, Record], ledger: Mapping[Place, str]
) -> None:
    bronze = rows(folder / "bronze", "partition", "offset", "value")
    places = Counter(map(_place, bronze))
    verdict.note("lost", "delivered events that the topic lacks", ledger.keys() - records.keys())
    verdict.note("lost", "delivered events that Bronze lacks", ledger.keys() - places.keys())
    verdict.note("lost", "records of the topic that Bronze lacks", records.keys() - places.keys())
    verdict.note("duplicated", "records in Bronze", (place for place, count in places.items() if count > 1))
    verdict.note("wrong", "rows of Bronze from no record", places.keys() - records.keys())
    stored = {_place(row): row["value"] for row in bronze}
    other = (place for place, value in stored.items() if place in records and records[place].value != value)
    verdict.note("wrong", "values in Bronze that are not the record's bytes", other)
    digests = {place: hashlib.sha256(value or b"").hexdigest() for place, value in stored.items()}
    other = (place for place, digest in ledger.items() if digests.get(place, digest) != digest)
    verdict.note("wrong", "values in Bronze that are not the delivered bytes", other)


def _compare_quarantine(verdict: Verdict, folder: Path, events: Mapping[Place, Event | None]) -> None:
    stored = Counter(map(_place, rows(folder / "quarantine", "partition", "offset")))
    misfits = {place for place, event in events.items() if event is None}
    verdict.note("lost", "misfits that quarantine lacks", misfits - stored.keys())
    verdict.note("wrong", "rows of quarantine that fit", stored.keys() - misfits)
    verdict.note("duplicated", "records in quarantine", (place for place, count in stored.items() if count > 1))


def _compare_silver(verdict: Verdict, folder: Path, fitting: Mapping[Place, Event]) -> None:
    silver = rows(folder / "silver")
    stored = Counter(map(_place, silver))
    identities = Counter((row["event_id"], row["event_time"]) for row in silver)
    wanted = {_identity(place, event) for place, event in fitting.items()}
    verdict.note("duplicated", "records in Silver", (place for place, count in stored.items() if count > 1))
    verdict.note("duplicated", "events in Silver", (each for each, count in identities.items() if count > 1))
    verdict.note("lost", "events that Silver lacks", wanted - identities.keys())
    verdict.note("wrong", "events in Silver that no record brought", identities.keys() - wanted)
    verdict.note("wrong", "rows of Silver that do not fit", stored.keys() - fitting.keys())
    verdict.note("wrong", "rows of Silver with another content", (row for row in silver if _differs(row, fitting)))


def _differs(row: Mapping[str, Any], fitting: Mapping[Place, Event]) -> bool:
    event = fitting.get(_place(row))
    if event is None:
        return False
    identity = (row["event_id"], row["event_time"])
    return identity != _identity(_place(row), event) or any(row[name] != value for name, value in event.columns.items())


def _place(row: Mapping[str, Any]) -> Place:
    return row["partition"], row["offset"]


def _identity(place: Place, event: Event) -> tuple[str, datetime]:
    return event.id or f"{place[0]}-{place[1]}", event.time


def _each_once(fitting: Mapping[Place, Event]) -> dict[tuple[str, datetime], Event]:
    groups: dict[tuple[str, datetime], list[Event]] = defaultdict(list)
    for place, event in fitting.items():
        groups[_identity(place, event)].append(event)
    return {identity: group[0] for identity, group in groups.items()}


def _row(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(row.items()))
