from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from streaming_assets_user_interactions import register_event_source
from streaming_assets_user_interactions.schema import SCHEMA

from streaming_assets.fitting import Fit, Fitter, Reason

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def fit(**changes):
    """Fit a message; keyword arguments replace its fields, and an ellipsis leaves one out."""
    event = {
        "timestamp": "2024-05-01T12:00:00+02:00",
        "event": "message",
        "user_id": "ada",
        "video_id": "live-1",
        "payload": "hello",
    } | changes
    value = json.dumps({name: item for name, item in event.items() if item is not ...}).encode()
    return Fitter(SCHEMA).fit(value, LATER)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"id": "e-1"},
        {"event": "a_new_kind"},
        {"payload": None},
        {"payload": ...},
        {"event": "viewers_count", "payload": 12},
        {"event": "viewers_count", "payload": "12", "user_id": ...},
        {"event": "viewers_count", "payload": 0, "user_id": None},
    ],
)
def test_these_events_fit(changes):
    """Unknown kinds, missing texts, counts as number or text, and counts without user are data."""
    assert isinstance(fit(**changes), Fit)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"user_id": ...}, Reason.MISSING_FIELD, "$.user_id"),
        ({"user_id": None}, Reason.MISSING_FIELD, "$.user_id"),
        ({"event": ...}, Reason.MISSING_FIELD, "$.event"),
        ({"video_id": None}, Reason.NULL_FIELD, "$.video_id"),
        ({"event": "viewers_count", "payload": 1, "video_id": ...}, Reason.MISSING_FIELD, "$.video_id"),
        ({"timestamp": ...}, Reason.MISSING_FIELD, "$.timestamp"),
        ({"timestamp": "2024-05-01T12:00:00"}, Reason.BAD_TIMESTAMP, "$.timestamp"),
        ({"event": "viewers_count", "payload": "many"}, Reason.PATTERN_MISMATCH, "$.payload"),
        ({"event": "viewers_count", "payload": -1}, Reason.PATTERN_MISMATCH, "$.payload"),
        ({"event": "viewers_count", "payload": 10**18}, Reason.PATTERN_MISMATCH, "$.payload"),
        ({"event": "viewers_count", "payload": ...}, Reason.MISSING_FIELD, "$.payload"),
        ({"payload": {"text": "hello"}}, Reason.WRONG_TYPE, "$.payload"),
    ],
)
def test_these_events_do_not_fit(changes, reason, field):
    """What is missing or wrong is named with its path."""
    misfit = fit(**changes)
    assert (misfit.reason, misfit.field) == (reason, field)


def test_the_hook_gives_the_source():
    """The entry point's module registers `user_interactions` with pseudonymous users and the three Gold tables."""
    source = register_event_source()
    assert (source.name, source.topic.name, source.topic.key) == ("user_interactions", "user_interactions", "user_id")
    assert (source.schema.subject, source.schema.pseudonymous) == ("user_id", ("user_id",))
    assert [table.name for table in source.gold] == ["events_by_type", "user_sessions", "video_activity"]
