"""Every engine gives the same rows from the same topic: all tables of both sources, round by round."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer as KafkaProducer
from deltalake import DeltaTable

from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES
from streaming_assets.lake import layout
from streaming_assets.settings import load_settings

pytestmark = [pytest.mark.broker, pytest.mark.spark]

ENGINES = ("embedded", "spark")
KEY = "a key for tests"
WHEN_IT_RAN = {"ingested_at", "ingested_date"}
"""Columns that tell when an engine ran, and not what it read."""

AT = "2024-05-01T10:00:00Z"
NASTY_EVENT = {"id": "n1", "type": "PushEvent", "actor": {"id": 1, "login": "ada"}, "repo": {"id": 2, "name": "o/r"},
               "public": True, "created_at": AT}  # fmt: skip
NASTY_INTERACTION = {"timestamp": AT, "event": "message", "user_id": "ada", "video_id": "v1", "payload": "hello"}

NO_EVENTS = (None, b"", b"\x00", b"not json", b'{"id": NaN}', b"\xff\xfe{}", b"null", b"[]", b'"text"', b"17", b"{}",
             b"[" * 100_000)  # fmt: skip
TIMES = (None, 5, "2024-02-30T00:00:00Z", "2024-05-01T10:00:00", "2024-05-01T10:00:00+25:00", "2099-01-01T00:00:00Z",
         "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z",
         "2024-05-01T12:00:00.1234567+02:00")  # fmt: skip
TEXTS = (None, 1, True, [], {}, "\\ud800", "a\0b", "👩‍👩‍👧\u2028", "x" * 70_000, "'; DROP TABLE silver; --")


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def nasty(event: dict[str, object], time: str, text: str) -> list[bytes | None]:
    """Make records that nobody wants, and some that only look so, from an event, its time's and a text's name."""
    whole = encode(event)
    changed = [
        *({time: value} for value in TIMES),
        *({text: value} for value in TEXTS),
        *({time: value, text: "both"} for value in TIMES[:2]),
    ]
    return [
        *NO_EVENTS,
        *(whole[:-1], whole + b"{}", whole[:-1] + b",}", b"\xef\xbb\xbf" + whole),
        whole.replace(b"{", b'{"' + text.encode() + b'":"twice",', 1),
        *(encode({**event, "id": f"changed-{number}", **each}) for number, each in enumerate(changed)),
        *(encode({name: value for name, value in event.items() if name != left}) for left in event),
    ]


def interactions(count: int, seed: int) -> Iterator[bytes]:
    """Make interactions of some viewers, out of order, some twice, over two days."""
    chance = random.Random(seed)  # noqa: S311 - data for a test
    for number in range(count):
        moment = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(milliseconds=chance.randrange(172_800_000))
        kind = chance.choice(["join", "leave", "message", "like", "share", "viewers_count", "wave"])
        event = {"timestamp": moment.isoformat(), "event": kind, "video_id": f"v{chance.randrange(5)}"}
        if kind != "viewers_count":
            event["user_id"] = f"user-{chance.randrange(40)}"
        event["payload"] = str(chance.randrange(100)) if kind == "viewers_count" else chance.choice(["hi", None, "12"])
        if chance.random() < 0.3:
            event["id"] = f"e{number}"
        value = encode(event)
        yield from [value] * (2 if number % 50 == 0 else 1)


def lines(path) -> list[bytes]:
    with gzip.open(path) as file:
        return file.read().splitlines()


@pytest.fixture
def engines(flow_factory, spark_settings):
    """Makes flows of one source over one topic, one for each engine."""

    def make(name: str) -> dict[str, object]:
        first = flow_factory(name, pseudonym_key=KEY)

        def flow(engine: str):
            home = first.settings.home.with_name(f"{first.settings.home.name}-{engine}")
            extra = spark_settings if engine == "spark" else {}
            settings = load_settings(home=home, lake=None, pseudonym_key=KEY, threads=2, engine=engine, **extra)
            return type(first)(first.source, settings, first.connection)

        return {engine: flow(engine) for engine in ENGINES}

    return make


HEADER_NAMES = [["café".encode()], [b"caf\xe9"], [b"a", b"\xff", b"b"], [], ["caf\ufffd".encode()], [b""]]


def publish(flow, values: Iterable[bytes | None]) -> None:
    """Publish values as they are, so that there may be none."""
    producer = KafkaProducer(flow.connection.client_config({"message.max.bytes": MAX_MESSAGE_BYTES}))
    for number, value in enumerate(values):
        headers = [("n", str(number).encode()), ("empty", None)] if number % 7 == 0 else None
        producer.produce(flow.source.topic.name, value, key=None if number % 3 else str(number % 11), headers=headers)
        producer.poll(0)
    producer.flush()


def content(flow, table: str) -> list[str]:
    """Return what a table holds, in order, without what tells when the engine ran."""
    rows = ({name: row[name] for name in sorted(row) if name not in WHEN_IT_RAN} for row in flow.rows(table))
    return sorted(map(repr, rows))


def demands(flow, table: str) -> tuple[object, object]:
    """Return which features a table asks of its readers and writers, and its properties, which could turn some on."""
    delta = DeltaTable(flow.path(table))
    return delta.protocol(), delta.metadata().configuration


def check_equal(flows) -> None:
    """Check that all engines' tables hold the same rows, ask the same of their readers, and verify."""
    first, *others = flows.values()
    tables = [table.name.partition(".")[2].replace(".", "/") for table in layout.tables_of(first.source)]
    for other in others:
        for table in tables:
            assert content(other, table) == content(first, table), table
            assert content(first, table), table
            assert demands(other, table) == demands(first, table)
        assert other.faults() == []


@pytest.mark.parametrize("name", ["github_events", "user_interactions"])
def test_all_tables_are_the_same(engines, github_data, produce_with_headers, name):
    """Real and made events, nasty records, repeats and late events give the same rows of every table."""
    flows = engines(name)
    github = name == "github_events"
    events = lines(github_data / "2018-01-01-11_pinot_10000.ndjson.gz") if github else [*interactions(4_000, 1)]
    bad = nasty(NASTY_EVENT, "created_at", "type") if github else nasty(NASTY_INTERACTION, "timestamp", "event")
    rest = lines(github_data / "2012-06-14-15_legacy_timeline_5313.ndjson.gz")[:500]
    rounds = [[*events[3_000:], *bad], [*events[:3_500], *rest, *bad]]

    for values in rounds:
        publish(flows["embedded"], values)
        produce_with_headers(flows["embedded"].connection, flows["embedded"].source.topic, HEADER_NAMES)
        for flow in flows.values():
            flow.refresh()
        check_equal(flows)


def test_a_timestamp_that_spark_can_t_read_costs_no_batch(engines):
    """Records whose timestamps are more than Spark's type holds come to Bronze as by the embedded engine."""
    flows = engines("github_events")
    producer = KafkaProducer(flows["embedded"].connection.client_config())
    for number, moment in enumerate((1_714_557_600_000, 2**62, 2**63 // 1_000 + 1, 1_714_557_600_001)):
        value = encode({**NASTY_EVENT, "id": str(number)})
        producer.produce(flows["embedded"].source.topic.name, value, partition=number % 2, timestamp=moment)
    producer.produce(flows["embedded"].source.topic.name, b"rubbish")
    producer.flush()
    for flow in flows.values():
        flow.refresh()
    check_equal(flows)
