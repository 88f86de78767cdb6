"""Events come through Kafka to Bronze as the producer gave them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from streaming_assets.contract import Event, EventSource
from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import NotConforming
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.keys import key_reader
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.layers.refresh import SourceRefresh
from streaming_assets.testing.lake import HandmadeLake
from streaming_assets.testing.subject import Subject
from streaming_assets.testing.surroundings import isolated_settings, lasting

_Told = tuple[Any, ...]


def check_round_trip(subject: Subject, connection: Connection) -> None:
    """Check that Bronze has value, key, headers and timestamp of each event.

    Args:
        subject: The source.
        connection: A broker for tests; a topic is left behind.

    Raises:
        NotConforming: An event came otherwise.
    """
    topic = replace(lasting(subject.source.topic), name=f"{subject.source.topic.name}-{uuid4().hex[:8]}")
    source = replace(subject.source, topic=topic)
    ensure_topic(connection, topic)
    with Publisher(connection, topic) as publisher:
        publisher.publish(subject.gathered.events)
    read_key = key_reader(topic.key)
    sent = Counter(_sent(event, read_key(event.value)) for event in subject.gathered.events)
    stamped = {event.value for event in subject.gathered.events if event.timestamp is not None}
    came = Counter(_came(row, stamped) for row in _bronze(source, connection, subject))
    if sent != came:
        lost, other = (list((one - two).elements())[:1] for one, two in ((sent, came), (came, sent)))
        raise NotConforming(
            f"Events of {source.name} do not come to Bronze as the producer gave them.",
            found=f"{other[0]!r}" if other else f"{came.total():,} records",
            expected=f"{lost[0]!r}" if lost else f"{sent.total():,} records",
            meaning="Bronze would not have what the producer gave",
            remedy="give values, keys and headers that Kafka takes as they are, and times of whole milliseconds",
        )


def _bronze(source: EventSource, connection: Connection, subject: Subject) -> Sequence[dict[str, Any]]:
    settings = isolated_settings(subject.new_folder())
    engine = make_engine(settings, connection)
    try:
        for _ in SourceRefresh(source, settings, engine, connection).bronze():
            pass
    finally:
        engine.close()
    return HandmadeLake(settings.home, source).bronze()


def _sent(event: Event, key: bytes | None) -> _Told:
    return event.value, key if event.key is None else event.key, event.headers, event.timestamp


def _came(row: dict[str, Any], stamped: set[bytes]) -> _Told:
    headers = tuple((header["key"], header["value"]) for header in row["headers"] or ())
    timestamp: datetime | None = row["timestamp"].astimezone(UTC) if row["value"] in stamped else None
    return row["value"], row["key"], headers, timestamp
