"""User interactions through everything, from Kafka to Gold; checked by hand and by plain Python."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streaming_assets_user_interactions.producer import create_producer

pytestmark = pytest.mark.broker

KEY = "a key for tests"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HALF_HOUR, HOUR = timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=1)

EVENTS = """
{"timestamp":"2024-05-01T10:00:00Z","event":"join","user_id":"ada","video_id":"v1"}
{"timestamp":"2024-05-01T12:00:30.5+02:00","event":"message","user_id":"ada","video_id":"v1","payload":"hello"}
{"timestamp":"2024-05-01T10:00:59.999999Z","event":"message","user_id":"bob","video_id":"v1","payload":"12"}
{"timestamp":"2024-05-01T10:00:59.999999Z","event":"message","user_id":"bob","video_id":"v1","payload":"12"}
{"timestamp":"2024-05-01T10:01:00Z","event":"message","user_id":"bob","video_id":"v1","payload":null}
{"timestamp":"2024-05-01T10:02:00Z","event":"viewers_count","video_id":"v1","payload":40}
{"timestamp":"2024-05-01T10:03:00Z","event":"viewers_count","video_id":"v1","payload":"041","user_id":"operator"}
{"timestamp":"2024-05-01T10:30:30.5Z","event":"like","user_id":"ada","video_id":"v2","id":"x-1"}
{"timestamp":"2024-05-01T10:30:30.5Z","event":"like","user_id":"ada","video_id":"v2","id":"x-1"}
{"timestamp":"2024-05-01T11:00:30.500001Z","event":"leave","user_id":"ada","video_id":"v2","id":"x-2"}
{"timestamp":"2024-05-01T23:50:00Z","event":"wave","user_id":"bob","video_id":"v3","payload":true}
{"timestamp":"2024-05-02T00:10:00Z","event":"wave","user_id":"bob","video_id":"v3"}
{"timestamp":"2024-05-01T10:00:00Z","event":"viewers_count","video_id":"v1","payload":"many"}
{"timestamp":"2024-05-01T10:00:00Z","event":"message","video_id":"v1","payload":"who am I?"}
{"timestamp":"2024-05-01 10:00:00","event":"join","user_id":"ada","video_id":"v1"}
"""
"""Twelve records that fit, two of them the same event, and three that do not fit."""


def pseudonym(user: str, key: bytes = KEY.encode()) -> str:
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:32]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-05-{text}Z")


def in_order(rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def by_type(start: str, kind: str, events: int) -> dict[str, object]:
    return {"window_start": at(start), "window_end": at(start) + MINUTE, "event_type": kind, "events": events}


def session(user: str, start: str, end: str, seconds: int, events: int) -> dict[str, object]:
    begin_and_end = {"session_start": at(start), "session_end": at(end)}
    return {"user_id": pseudonym(user), **begin_and_end, "session_seconds": seconds, "events": events}


def activity(start: str, video: str, *numbers: int | None) -> dict[str, object]:
    names = ("active_viewers", "messages", "peak_messages_per_minute", "peak_viewers")
    window = {"window_start": at(start), "window_end": at(start) + HOUR}
    return {**window, "video_id": video, **dict(zip(names, numbers, strict=True))}


def test_hand_made_events_give_hand_computed_tables(command_line):
    """Events of two users and three videos, replayed from a file, give every row that was worked out on paper."""
    recorded = command_line.folder / "recorded.ndjson"
    recorded.write_text(EVENTS.strip() + "\n", "utf-8")

    command_line.ok("produce", "user_interactions", "--replay", recorded)
    (summary,) = command_line.json("refresh", "user_interactions", STREAMING_ASSETS_PSEUDONYM_KEY=KEY)

    assert [summary[count] for count in ("bronze", "silver", "quarantined", "duplicates")] == [15, 11, 3, 1]
    assert in_order(command_line.rows("user_interactions/gold/events_by_type")) == in_order(
        [
            by_type("01T10:00", "join", 1),
            by_type("01T10:00", "message", 3),
            by_type("01T10:01", "message", 1),
            by_type("01T10:02", "viewers_count", 1),
            by_type("01T10:03", "viewers_count", 1),
            by_type("01T10:30", "like", 1),
            by_type("01T11:00", "leave", 1),
            by_type("01T23:50", "wave", 1),
            by_type("02T00:10", "wave", 1),
        ]
    )
    assert in_order(command_line.rows("user_interactions/gold/user_sessions")) == in_order(
        [
            # From 10:00:30.5 to 10:30:30.5 are 30 minutes exactly, and to 11:00:30.500001 a microsecond more.
            session("ada", "01T10:00", "01T10:30:30.500", 1830, 3),
            session("ada", "01T11:00:30.500001", "01T11:00:30.500001", 0, 1),
            session("bob", "01T10:00:59.999999", "01T10:01", 0, 3),
            session("bob", "01T23:50", "02T00:10", 1200, 2),
        ]
    )
    assert in_order(command_line.rows("user_interactions/gold/video_activity")) == in_order(
        [
            activity("01T10:00", "v1", 2, 4, 3, 41),
            activity("01T10:00", "v2", 1, 0, 0, None),
            activity("01T11:00", "v2", 1, 0, 0, None),
            activity("01T23:00", "v3", 1, 0, 0, None),
            activity("02T00:00", "v3", 1, 0, 0, None),
        ]
    )
    misfits = [(row["reason"], row["field"]) for row in command_line.rows("user_interactions/quarantine")]
    assert sorted(misfits) == [
        ("bad_timestamp", "$.timestamp"),
        ("missing_field", "$.user_id"),
        ("pattern_mismatch", "$.payload"),
    ]


def test_no_plain_user_id_leaves_bronze(flow_factory):
    """No file of Silver or Gold holds the id of a user, and Bronze holds the bytes that came."""
    flow = flow_factory("user_interactions", pseudonym_key=KEY)
    value = b'{"timestamp":"2024-05-01T10:00:00Z","event":"join","user_id":"person-4711","video_id":"v1"}'
    flow.publish([value])
    flow.refresh()

    assert [row["value"] for row in flow.rows("bronze")] == [value]
    assert [row["user_id"] for row in flow.rows("silver")] == [pseudonym("person-4711")]
    holding = [
        path.name
        for table in ("silver", "gold")
        for path in flow.path(table).rglob("*")
        if path.is_file() and b"person-4711" in path.read_bytes()
    ]
    assert holding == []


def fits(event: dict[str, Any]) -> bool:
    """Whether an event of the simulated audience is one that its clients got right."""
    needed = ["timestamp", "event", "video_id"]
    needed += ["payload"] if event["event"] == "viewers_count" else ["user_id"]
    if any(event.get(name) is None for name in needed):
        return False
    if datetime.fromisoformat(event["timestamp"]).tzinfo is None:
        return False
    return event["event"] != "viewers_count" or str(event["payload"]).isdigit()


def parsed(values: Iterable[bytes]) -> tuple[list[dict[str, Any]], int]:
    """The events that fit, each id once, with `at` as UTC time, and how many do not fit."""
    events: dict[object, dict[str, Any]] = {}
    misfits = 0
    for number, value in enumerate(values):
        try:
            event = json.loads(value)
        except ValueError:
            event = {"event": None}
        if not fits(event):
            misfits += 1
            continue
        event["at"] = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
        events[event.get("id", number)] = event
    return list(events.values()), misfits


def floor(moment: datetime, length: timedelta) -> datetime:
    return EPOCH + (moment - EPOCH) // length * length


def events_by_type(events: Iterable[dict[str, Any]]) -> list[dict[str, object]]:
    counts = Counter((floor(event["at"], MINUTE), event["event"]) for event in events)
    return [
        {"window_start": start, "window_end": start + MINUTE, "event_type": kind, "events": count}
        for (start, kind), count in counts.items()
    ]


def user_sessions(events: Iterable[dict[str, Any]], key: bytes) -> list[dict[str, object]]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        if event["event"] != "viewers_count":
            times[event["user_id"]].append(event["at"])
    sessions = []
    for user, moments in times.items():
        current: list[datetime] = []
        for moment in [*sorted(moments), None]:
            if current and (moment is None or moment - current[-1] > HALF_HOUR):
                sessions.append(
                    {
                        "user_id": pseudonym(user, key),
                        "session_start": current[0],
                        "session_end": current[-1],
                        "session_seconds": (current[-1] - current[0]) // timedelta(seconds=1),
                        "events": len(current),
                    }
                )
                current = []
            current += [moment] if moment else []
    return sessions


def video_activity(events: Iterable[dict[str, Any]]) -> list[dict[str, object]]:
    groups: dict[tuple[datetime, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        groups[floor(event["at"], HOUR), event["video_id"]].append(event)
    rows = []
    for (start, video), group in groups.items():
        messages = Counter(floor(event["at"], MINUTE) for event in group if event["event"] == "message")
        rows.append(
            {
                "window_start": start,
                "window_end": start + HOUR,
                "video_id": video,
                "active_viewers": len({event["user_id"] for event in group if event["event"] != "viewers_count"}),
                "messages": messages.total(),
                "peak_messages_per_minute": max(messages.values(), default=0),
                "peak_viewers": max(
                    (int(event["payload"]) for event in group if event["event"] == "viewers_count"), default=None
                ),
            }
        )
    return rows


def test_the_simulated_audience_adds_up(flow_factory):
    """A batch of the simulator, with late, repeated and malformed events, gives the tables that Python counts."""
    flow = flow_factory("user_interactions", pseudonym_key=KEY, batch_records=1_500)
    producer = create_producer({"seed": "5", "rate": "20", "faults": "0.05"})
    values = [event.value for event in producer.next_batch().events]
    producer.close()
    for part in (values[:4_000], values[4_000:4_001], values[4_001:]):
        flow.publish(part)
        flow.refresh()

    events, misfits = parsed(values)
    assert misfits > 0
    assert len(values) > len(events) + misfits
    assert flow.counts() == (len(values), len(events), misfits)
    key = KEY.encode()
    assert in_order(flow.rows("gold/events_by_type")) == in_order(events_by_type(events))
    assert in_order(flow.rows("gold/user_sessions")) == in_order(user_sessions(events, key))
    assert in_order(flow.rows("gold/video_activity")) == in_order(video_activity(events))
    assert flow.faults() == []
