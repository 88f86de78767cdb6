from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streaming_assets_user_interactions.gold import EVENTS_BY_TYPE, USER_SESSIONS, VIDEO_ACTIVITY, WINDOW
from streaming_assets_user_interactions.schema import SCHEMA
from streaming_assets_user_interactions.silver import SILVER

from streaming_assets import Field, ScalarType

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)
TINY = timedelta(microseconds=1)
ACTIVITY = ("active_viewers", "messages", "peak_messages_per_minute", "peak_viewers")
SILVER_FIELDS = (Field(name="event_time", type=ScalarType.TIMESTAMP), *WINDOW, *SILVER.columns)


def windowed(length: timedelta, *rows):
    """Silver rows of (time after noon, kind, user, video, viewers) with their window."""
    return [
        {
            "event_time": NOON + after,
            "window_start": NOON + after // length * length,
            "window_end": NOON + after // length * length + length,
            "event_type": kind,
            "user_id": user,
            "video_id": video,
            "viewers": viewers,
        }
        for after, kind, user, video, viewers in rows
    ]


def at(*times: timedelta, user: str = "ada"):
    """Silver rows of one user at times after noon."""
    return [{"event_time": NOON + after, "event_type": "message", "user_id": user, "video_id": "v"} for after in times]


def session(start: timedelta, end: timedelta, seconds: int, events: int, user: str = "ada"):
    return {
        "user_id": user,
        "session_start": NOON + start,
        "session_end": NOON + end,
        "session_seconds": seconds,
        "events": events,
    }


def test_silver_separates_counts_from_what_viewers_do(query):
    """A viewers_count has a number and no user; all other kinds have a user and no number, whatever their text."""
    common = {"timestamp": NOON, "video_id": "v"}
    events = [
        common | {"event": "join", "user_id": "ada", "payload": None},
        common | {"event": "message", "user_id": "bob", "payload": "12 monkeys"},
        common | {"event": "viewers_count", "user_id": "someone", "payload": "007"},
        common | {"event": "viewers_count", "user_id": None, "payload": "999999999999999999"},
    ]
    columns = [tuple(row.values()) for row in query(SILVER.sql, "events", SCHEMA.fields, events)]
    assert columns == [
        ("join", "ada", "v", None, None),
        ("message", "bob", "v", "12 monkeys", None),
        ("viewers_count", None, "v", "007", 7),
        ("viewers_count", None, "v", "999999999999999999", 999_999_999_999_999_999),
    ]


def test_events_by_type_counts_each_kind_in_each_minute(query):
    """A minute starts with its first instant, and viewers_count is counted as a kind, too."""
    rows = windowed(
        MINUTE,
        (timedelta(0), "join", "ada", "v", None),
        (MINUTE - TINY, "join", "bob", "v", None),
        (MINUTE - TINY, "viewers_count", None, "v", 2),
        (MINUTE, "join", "eve", "v", None),
    )
    first = {"window_start": NOON, "window_end": NOON + MINUTE}
    assert query(EVENTS_BY_TYPE.sql, "silver", SILVER_FIELDS, rows) == [
        first | {"event_type": "join", "events": 2},
        first | {"event_type": "viewers_count", "events": 1},
        {"window_start": NOON + MINUTE, "window_end": NOON + 2 * MINUTE, "event_type": "join", "events": 1},
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (at(timedelta(0)), [session(timedelta(0), timedelta(0), 0, 1)]),
        (at(timedelta(0), HALF_HOUR), [session(timedelta(0), HALF_HOUR, 1800, 2)]),
        (
            at(timedelta(0), HALF_HOUR + TINY),
            [session(timedelta(0), timedelta(0), 0, 1), session(HALF_HOUR + TINY, HALF_HOUR + TINY, 0, 1)],
        ),
        (
            at(2 * HALF_HOUR, timedelta(0), HALF_HOUR),
            [session(timedelta(0), 2 * HALF_HOUR, 3600, 3)],
        ),
        (
            at(timedelta(0), timedelta(0), HOUR, HOUR, HOUR),
            [session(timedelta(0), timedelta(0), 0, 2), session(HOUR, HOUR, 0, 3)],
        ),
        (
            at(timedelta(0)) + at(timedelta(minutes=20), user="bob") + at(timedelta(minutes=40)),
            [
                session(timedelta(0), timedelta(0), 0, 1),
                session(timedelta(minutes=40), timedelta(minutes=40), 0, 1),
                session(timedelta(minutes=20), timedelta(minutes=20), 0, 1, user="bob"),
            ],
        ),
    ],
    ids=["single", "gap-of-30-minutes", "one-microsecond-more", "any-order", "same-instant", "other-users"],
)
def test_a_gap_of_more_than_30_minutes_starts_a_session(query, rows, expected):
    """Gaps are exact to the microsecond and count between events of one user, in any order of arrival."""
    assert query(USER_SESSIONS.sql, "silver", SILVER_FIELDS, rows) == expected


@pytest.mark.parametrize(
    ("length", "seconds"),
    [(timedelta(seconds=1) - TINY, 0), (timedelta(seconds=1), 1), (timedelta(seconds=2, microseconds=999_999), 2)],
)
def test_session_seconds_are_whole_seconds_rounded_down(query, length, seconds):
    """A session's length in seconds is rounded down, also where it starts within a second."""
    start = timedelta(microseconds=500_000)
    (row,) = query(USER_SESSIONS.sql, "silver", SILVER_FIELDS, at(start, start + length))
    assert row["session_seconds"] == seconds


def test_sessions_before_1970_and_over_midnight_are_whole(query):
    """Neither the epoch nor a change of day splits a session or changes its length."""
    rows = [
        row | {"event_time": datetime(1970, 1, 1, tzinfo=UTC) + after}
        for after in (-MINUTE, MINUTE)
        for row in at(after)
    ]
    (row,) = query(USER_SESSIONS.sql, "silver", SILVER_FIELDS, rows)
    assert (row["session_seconds"], row["events"]) == (120, 2)


def activity(hour: int, video: str, *numbers: int | None):
    """An expected row; the numbers are those of `ACTIVITY`."""
    window = {"window_start": NOON + hour * HOUR, "window_end": NOON + (hour + 1) * HOUR}
    return window | {"video_id": video} | dict(zip(ACTIVITY, numbers, strict=True))


def test_video_activity_has_the_peaks_of_each_hour(query):
    """Users count once, messages by clock minute, and the peak of viewers is the highest report of the hour."""
    rows = windowed(
        HOUR,
        # Three messages within 60 seconds, but two clock minutes: the peak is two.
        (MINUTE - TINY, "message", "ada", "v", None),
        (MINUTE, "message", "ada", "v", None),
        (2 * MINUTE - TINY, "message", "bob", "v", None),
        (2 * MINUTE, "like", "eve", "v", None),
        (2 * MINUTE, "viewers_count", None, "v", 40),
        (3 * MINUTE, "viewers_count", None, "v", 9),
        (HOUR, "message", "ada", "v", None),
    )
    assert query(VIDEO_ACTIVITY.sql, "silver", SILVER_FIELDS, rows) == [
        activity(0, "v", 3, 3, 2, 40),
        activity(1, "v", 1, 1, 1, None),
    ]


def test_a_video_without_messages_or_viewers_has_a_row_too(query):
    """Only reports give zero viewers and messages with a peak; only likes give a viewer without any peak."""
    rows = windowed(
        HOUR,
        (timedelta(0), "viewers_count", None, "counted", 5),
        (timedelta(0), "like", "ada", "liked", None),
    )
    assert query(VIDEO_ACTIVITY.sql, "silver", SILVER_FIELDS, rows) == [
        activity(0, "counted", 0, 0, 0, 5),
        activity(0, "liked", 1, 0, 0, None),
    ]


@pytest.mark.parametrize("table", [EVENTS_BY_TYPE, USER_SESSIONS, VIDEO_ACTIVITY], ids=lambda table: table.name)
def test_gold_gives_the_declared_columns(query, table):
    """The query's columns are the declared ones, in order."""
    rows = windowed(HOUR, (timedelta(0), "message", "ada", "v", None))
    (row,) = query(table.sql, "silver", SILVER_FIELDS, rows)
    assert list(row) == [column.name for column in table.columns]
