from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streaming_assets_github_events.gold import ACTIVE_USERS_PER_ORG, EVENTS_PER_TYPE, GOLD, TOP_REPOSITORIES, WINDOW
from streaming_assets_github_events.schema import SCHEMA
from streaming_assets_github_events.silver import SILVER

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def event(**changes):
    """A whole event; keyword arguments replace top-level fields."""
    return {
        "id": "1",
        "type": "PushEvent",
        "actor": {"id": 7, "login": "ada"},
        "repo": {"id": 9, "name": "engine/notes"},
        "payload": {"action": None},
        "public": True,
        "created_at": NOON,
    } | changes


def silver_rows(length: timedelta, *rows: tuple[str, ...]):
    """Rows of (offset of the window, event type, login, repository), in windows of a length."""
    return [
        {
            "window_start": NOON + number * length,
            "window_end": NOON + (number + 1) * length,
            "event_type": kind,
            "actor_login": login,
            "repo_name": repo,
            "org": repo.split("/")[0] or None,
        }
        for number, kind, login, repo in rows
    ]


def window(number: int, length: timedelta):
    return {"window_start": NOON + number * length, "window_end": NOON + (number + 1) * length}


def test_silver_is_the_flat_event(query):
    """Nested values become columns, and org is the owner part of the repository's name."""
    (row,) = query(SILVER.sql, "events", SCHEMA.fields, [event(payload={"action": "opened"})])
    assert row == {
        "event_type": "PushEvent",
        "actor_id": 7,
        "actor_login": "ada",
        "repo_id": 9,
        "repo_name": "engine/notes",
        "org": "engine",
        "action": "opened",
        "public": True,
    }


@pytest.mark.parametrize("payload", [None, {"action": None}])
def test_action_is_null_where_the_payload_has_none(query, payload):
    """A missing payload and a payload without action both give null."""
    (row,) = query(SILVER.sql, "events", SCHEMA.fields, [event(payload=payload)])
    assert row["action"] is None


@pytest.mark.parametrize(
    ("name", "org"), [("a/-1", "a"), ("a/1", "a"), ("a/b/c", "a"), ("/", None), ("/b", None), ("b", None), ("", None)]
)
def test_org_is_null_where_the_name_has_no_owner(query, name, org):
    """Only text before a slash is an owner."""
    (row,) = query(SILVER.sql, "events", SCHEMA.fields, [event(repo={"id": 9, "name": name})])
    assert row["org"] == org


def test_events_per_type_counts_each_type_in_each_minute(query):
    """Two minutes with two types give a row for each pair that occurs."""
    minute = timedelta(minutes=1)
    rows = silver_rows(
        minute, (0, "PushEvent", "a", "o/r"), (0, "PushEvent", "a", "o/r"), (0, "ForkEvent", "b", "o/r")
    ) + silver_rows(minute, (1, "PushEvent", "a", "o/r"))
    assert query(EVENTS_PER_TYPE.sql, "silver", (*WINDOW, *SILVER.columns), rows) == [
        window(0, minute) | {"event_type": "ForkEvent", "events": 1},
        window(0, minute) | {"event_type": "PushEvent", "events": 2},
        window(1, minute) | {"event_type": "PushEvent", "events": 1},
    ]


def test_active_users_are_distinct_logins_of_an_owner(query):
    """A login counts once in an hour and organisation whatever it did; rows without owner count nowhere."""
    hour = timedelta(hours=1)
    rows = silver_rows(
        hour,
        (0, "PushEvent", "ada", "o/r"),
        (0, "ForkEvent", "ada", "o/other"),
        (0, "PushEvent", "bob", "o/r"),
        (0, "PushEvent", "ada", "p/r"),
        (0, "PushEvent", "ada", "/"),
        (1, "PushEvent", "ada", "o/r"),
    )
    assert query(ACTIVE_USERS_PER_ORG.sql, "silver", (*WINDOW, *SILVER.columns), rows) == [
        window(0, hour) | {"org": "o", "active_users": 2},
        window(0, hour) | {"org": "p", "active_users": 1},
        window(1, hour) | {"org": "o", "active_users": 1},
    ]


def test_top_repositories_counts_each_repository(query):
    """Each repository of a five-minute window has a row with its number of events."""
    five = timedelta(minutes=5)
    rows = silver_rows(
        five,
        (0, "PushEvent", "a", "o/r"),
        (0, "ForkEvent", "b", "o/r"),
        (0, "PushEvent", "a", "p/q"),
        (2, "X", "a", "/"),
    )
    assert query(TOP_REPOSITORIES.sql, "silver", (*WINDOW, *SILVER.columns), rows) == [
        window(0, five) | {"repo_name": "o/r", "events": 2},
        window(0, five) | {"repo_name": "p/q", "events": 1},
        window(2, five) | {"repo_name": "/", "events": 1},
    ]


@pytest.mark.parametrize("table", GOLD, ids=lambda table: table.name)
def test_gold_gives_the_declared_columns(query, table):
    """The query's columns are the declared ones, in order."""
    rows = silver_rows(timedelta(hours=1), (0, "PushEvent", "a", "o/r"))
    (row,) = query(table.sql, "silver", (*WINDOW, *SILVER.columns), rows)
    assert list(row) == [column.name for column in table.columns]
