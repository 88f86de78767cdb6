"""GitHub's events through everything: producer, Kafka, Bronze, Silver, quarantine, Gold; checked by plain Python."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer as KafkaProducer
from streaming_assets_github_events.options import load_options
from streaming_assets_github_events.producer import EventsProducer
from streaming_assets_github_events.testing import Answer, EventsServer, not_modified, page, rate_limited

from streaming_assets.contract import Batch, Producer
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import pump
from streaming_assets.kafka.recorded import FileReplay

pytestmark = pytest.mark.broker

GOLD = {
    "events_per_type": (timedelta(minutes=1), "event_type", "events"),
    "active_users_per_org": (timedelta(hours=1), "org", "active_users"),
    "top_repositories": (timedelta(minutes=5), "repo_name", "events"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEXT_FULL_HOUR = 4_000_000_000  # a reset that lies ahead, in seconds since 1970


def lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def unique(values: Iterable[bytes]) -> list[dict[str, Any]]:
    """The events, each id once."""
    return list({event["id"]: event for event in map(json.loads, values)}.values())


def gold(values: Iterable[bytes], table: str) -> list[dict[str, object]]:
    """What a Gold table has to hold, from the raw JSON, without the product or its libraries."""
    length, column, measure = GOLD[table]
    logins: dict[tuple[datetime, str], list[str]] = {}
    for event in unique(values):
        moment = datetime.fromisoformat(event["created_at"])
        owner, slash, _ = event["repo"]["name"].partition("/")
        group = {"event_type": event["type"], "repo_name": event["repo"]["name"], "org": slash and owner}[column]
        if column != "org" or group:
            start = EPOCH + (moment - EPOCH) // length * length
            logins.setdefault((start, group), []).append(event["actor"]["login"])
    return [
        {
            "window_start": start,
            "window_end": start + length,
            column: group,
            measure: len(set(found)) if measure == "active_users" else len(found),
        }
        for (start, group), found in logins.items()
    ]


def in_order(rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def pages(folder: Path) -> list[list[bytes]]:
    return [lines(path) for path in sorted((folder / "2019-10-21_api_pages").glob("page_*.ndjson.gz"))]


def test_the_main_corpus_comes_through_whole(command_line, github_data):
    """10,000 recorded events produced and refreshed by the command line give every row of every table."""
    corpus = github_data / "2018-01-01-11_pinot_10000.ndjson.gz"
    values = lines(corpus)

    produced = command_line.ok("produce", "github_events", "--replay", corpus)
    (summary,) = command_line.json("refresh", "github_events")

    assert produced.startswith("delivered 10,000 events to topic logs_raw")
    assert [summary[count] for count in ("bronze", "silver", "quarantined", "duplicates")] == [10_000, 10_000, 0, 0]
    assert Counter(row["value"] for row in command_line.rows("github_events/bronze")) == Counter(values)
    assert in_order(silver_of(command_line.rows("github_events/silver"))) == in_order(expected_silver(values))
    for table in GOLD:
        assert in_order(command_line.rows(f"github_events/gold/{table}")) == in_order(gold(values, table))
    assert command_line.json("verify", "github_events", "--deep")["passed"] is True


def silver_of(rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Silver rows without the coordinates, which chance gives."""
    return [{name: row[name] for name in row if name not in {"partition", "offset", "topic", "batch"}} for row in rows]


def expected_silver(values: Iterable[bytes]) -> Iterator[dict[str, object]]:
    for event in unique(values):
        moment = datetime.fromisoformat(event["created_at"])
        yield {
            "event_id": event["id"],
            "event_time": moment,
            "event_type": event["type"],
            "actor_id": event["actor"]["id"],
            "actor_login": event["actor"]["login"],
            "repo_id": event["repo"]["id"],
            "repo_name": event["repo"]["name"],
            "org": event["repo"]["name"].split("/")[0] or None,
            "action": event["payload"].get("action"),
            "public": event["public"],
            "event_date": moment.date(),
        }


def test_overlapping_polls_keep_each_event_once(flow_factory, github_data):
    """Ten overlapping answers of the API, refreshed two by two, are 281 records, 155 events, 126 repeats."""
    flow = flow_factory("github_events")
    polled = pages(github_data)
    repeats = 0
    for first in range(0, len(polled), 2):
        for values in polled[first : first + 2]:
            flow.publish(values)
        repeats += sum(getattr(step, "duplicates", 0) for step in flow.refresh())

    everything = [value for values in polled for value in values]
    assert (*flow.counts(), repeats) == (281, 155, 0, 126)
    for table in GOLD:
        assert in_order(flow.rows(f"gold/{table}")) == in_order(gold(everything, table))
    assert flow.faults() == []


class Hurried:
    """A producer that is asked again at once, until a script is over; it keeps what waits it asked for."""

    def __init__(self, producer: Producer, calls: int) -> None:
        self.waits: list[float | None] = []
        self.notes: list[str] = []
        self._producer = producer
        self._calls = calls

    def next_batch(self) -> Batch:
        batch = self._producer.next_batch()
        self.waits.append(batch.poll_after)
        self.notes += [batch.note] if batch.note else []
        return replace(batch, poll_after=0.0 if len(self.waits) < self._calls else None)

    def close(self) -> None:
        self._producer.close()


def test_polling_survives_what_the_api_does(flow_factory, github_data):
    """An unchanged page, a rate limit, a bad gateway and a dropped connection lose and repeat nothing, and are told."""
    flow = flow_factory("github_events")
    polled = pages(github_data)
    trouble = {
        1: not_modified(poll_interval=90),
        3: rate_limited(reset=NEXT_FULL_HOUR),
        5: Answer(status=502),
        7: Answer(fault="dropped"),
    }
    script = []
    for number, values in enumerate(polled):
        script += [trouble[number]] if number in trouble else []
        script.append(page(values, etag=f'"{number}"', poll_interval=60))

    with EventsServer(script) as server, Publisher(flow.connection, flow.source.topic) as publisher:
        producer = Hurried(EventsProducer(load_options({"api_url": server.url})), len(script))
        assert pump(producer, publisher, stop=threading.Event()) == 281

    flow.refresh()
    assert flow.counts() == (281, 155, 0)
    assert [request.headers.get("if-none-match") for request in server.requests[:4]] == [None, '"0"', '"0"', '"1"']
    assert [wait for wait in producer.waits[:4] if wait != 60.0] == [90.0]
    assert producer.waits[4] > 1e9
    causes = ("set a rate limit (403)", "answered 502", "broke off")
    assert [cause in note for cause, note in zip(causes, producer.notes, strict=True)] == [True, True, True]
    for table in GOLD:
        expected = gold((value for values in polled for value in values), table)
        assert in_order(flow.rows(f"gold/{table}")) == in_order(expected)
    assert flow.faults() == []


def test_foreign_formats_are_set_aside_and_the_rest_goes_on(flow_factory, github_data):
    """All 5,313 old timeline events and 500 string-encoded ones are in quarantine with the reason; the others fit."""
    flow = flow_factory("github_events")
    legacy = lines(github_data / "2012-06-14-15_legacy_timeline_5313.ndjson.gz")
    encoded = lines(github_data / "2018-01-01-11_pinot_string_encoded_500.ndjson.gz")
    good = lines(github_data / "2018-01-01-11_pinot_10000.ndjson.gz")[:1_000]
    assert not any("id" in json.loads(value) for value in legacy)
    assert all(isinstance(json.loads(value)["actor"], str) for value in encoded)

    flow.publish([*legacy[:3_000], *good[:500], *encoded, *good[500:], *legacy[3_000:]])
    flow.refresh()

    assert flow.counts() == (6_813, 1_000, 5_813)
    set_aside = Counter((row["reason"], row["field"], row["value"]) for row in flow.rows("quarantine"))
    assert set_aside == Counter(
        [("missing_field", "$.id", value) for value in legacy] + [("wrong_type", "$.actor", value) for value in encoded]
    )
    for table in GOLD:
        assert in_order(flow.rows(f"gold/{table}")) == in_order(gold(good, table))
    assert flow.faults() == []


def test_recorded_files_of_later_years_fit(flow_factory, github_data):
    """Every event of 2021 and of the payload schema of 2026 fits; an id is one event, however often it was recorded."""
    flow = flow_factory("github_events")
    paths = [github_data / "2021-07-21-06_09_pinot_800.ndjson.gz", github_data / "2026-07_new_schema_30.ndjson.gz"]
    values = [value for path in paths for value in lines(path)]

    with Publisher(flow.connection, flow.source.topic) as publisher:
        assert pump(FileReplay(paths), publisher, stop=threading.Event()) == len(values)
    flow.refresh()

    future = [value for value in values if datetime.fromisoformat(json.loads(value)["created_at"]) > _tomorrow()]
    assert flow.counts() == (len(values), len(unique(values)) - len(unique(future)), len(future))
    assert {row["reason"] for row in flow.rows("quarantine")} <= {"event_time_in_future"}
    assert flow.faults() == []


def _tomorrow() -> datetime:
    return datetime.now(tz=UTC) + timedelta(days=1)


def event(number: int, **changes: object) -> dict[str, object]:
    """A whole event made for these tests."""
    return {
        "id": str(number),
        "type": "PushEvent",
        "actor": {"id": 7, "login": f"user-{number % 3}"},
        "repo": {"id": 9, "name": f"owner-{number % 2}/notes"},
        "payload": {},
        "public": True,
        "created_at": f"2024-05-01T10:{number % 60:02}:00Z",
        **changes,
    }


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


DEEP = b'{"id":"1","payload":{"x":' + b"[" * 300 + b"]" * 300 + b"}}"
ABYSS = b"[" * 200_000
NASTY = [
    (None, "no_value", None),
    (b"", "no_value", None),
    (b"\x00", "not_json", None),
    (b"not json at all", "not_json", None),
    (encode(event(900))[:-1], "not_json", None),
    (encode(event(901)) + b"{}", "not_json", None),
    (b'{"id": NaN}', "not_json", None),
    (b"\xff\xfe\x00{}", "not_utf8", None),
    (encode(event(902)).replace(b"PushEvent", b"Push\xe9"), "not_utf8", None),
    (b"null", "not_an_object", None),
    (b"[]", "not_an_object", None),
    (b'"text"', "not_an_object", None),
    (b"17", "not_an_object", None),
    (DEEP, "too_deep", None),
    (ABYSS, "too_deep", None),
    (b"x" * 5 * 2**20, "not_json", None),
    (b"{}", "missing_field", "$.id"),
    (encode(event(903, id=None)), "null_field", "$.id"),
    (encode(event(904, id="")), "missing_field", "$.id"),
    (encode(event(905, actor=None)), "null_field", "$.actor"),
    (encode(event(906, actor={"id": 2**63, "login": "x"})), "out_of_range", "$.actor.id"),
    (encode(event(907, actor={"id": 1.5, "login": "x"})), "wrong_type", "$.actor.id"),
    (encode(event(908, public="true")), "wrong_type", "$.public"),
    (encode(event(909, created_at="2024-02-30T00:00:00Z")), "bad_timestamp", "$.created_at"),
    (encode(event(910, created_at="2024-02-03T00:00:00")), "bad_timestamp", "$.created_at"),
    (encode(event(911, created_at="2099-01-01T00:00:00Z")), "event_time_in_future", "$.created_at"),
    (b'{"id":"912",' + encode(event(912))[1:], "duplicate_field", "$.id"),
    (encode(event(913)).replace(b"PushEvent", b"\\ud800"), "not_text", "$.type"),
]


def test_nasty_records_cost_themselves_only(flow_factory):
    """Among good events, each record that nobody wants is set aside with its reason, and no other row is missing."""
    flow = flow_factory("github_events", batch_records=10)
    good = [encode(event(number)) for number in range(60)]
    good.append(encode(event(800, payload={"blob": "ä" * 2_600_000})))  # 5 MB, and nothing wrong with it
    good.append(encode(event(801, type="line\nbreak\t\U0001f600 '\"; DROP TABLE silver; --\\")))
    producer = KafkaProducer(flow.connection.client_config({"message.max.bytes": MAX_MESSAGE_BYTES}))
    for number, value in enumerate(good):
        producer.produce(flow.source.topic.name, value)
        if number < len(NASTY):
            producer.produce(flow.source.topic.name, NASTY[number][0])
    producer.flush()

    flow.refresh()

    assert flow.counts() == (len(good) + len(NASTY), len(good), len(NASTY))
    found = Counter((row["value"], row["reason"], row["field"]) for row in flow.rows("quarantine"))
    assert found == Counter(NASTY)
    assert in_order(silver_of(flow.rows("silver"))) == in_order(expected_silver(good))
    for table in GOLD:
        assert in_order(flow.rows(f"gold/{table}")) == in_order(gold(good, table))
    assert flow.faults() == []
