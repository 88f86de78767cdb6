"""What Silver and Gold have to hold, computed from the bytes by plain Python: nothing here is the framework's."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PSEUDONYM_KEY = "a key for the kill test"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_SESSION_GAP = timedelta(minutes=30)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that fits its schema."""

    id: str | None
    """What identifies it together with its time; None if nothing but its coordinates does."""
    time: datetime
    """When it happened, UTC."""
    columns: Row
    """The plugin's columns of Silver."""


def read(source: str, value: bytes | None, seen_at: datetime) -> Event | None:
    """Return the event in a record's value; None if it does not fit.

    Args:
        source: Name of the source.
        value: The bytes.
        seen_at: The record's timestamp; an event may lie at most a day ahead of it.
    """
    try:
        event = json.loads((value or b"").decode())
        made = _READ[source](event)
    except (ValueError, KeyError, TypeError):
        return None
    return made if made.time <= seen_at + _DAY else None


def _github(event: Row) -> Event:
    repository = _text(event["repo"]["name"])
    columns = {
        "event_type": _text(event["type"]),
        "actor_id": int(event["actor"]["id"]),
        "actor_login": _text(event["actor"]["login"]),
        "repo_id": int(event["repo"]["id"]),
        "repo_name": repository,
        "org": repository.split("/")[0] or None,
        "action": event["payload"].get("action"),
        "public": event["public"],
    }
    return Event(_text(event["id"]), _moment(event["created_at"]), columns)


def _interaction(event: Row) -> Event:
    kind, about_video = _text(event["event"]), event["event"] == "viewers_count"
    user = None if about_video else _pseudonym(_text(event["user_id"]))
    columns = {
        "event_type": kind,
        "user_id": user,
        "video_id": _text(event["video_id"]),
        "payload": str(event["payload"]),
        "viewers": int(event["payload"]) if about_video else None,
    }
    return Event(event.get("id"), _moment(event["timestamp"]), columns)


_READ: dict[str, Callable[[Row], Event]] = {"github_events": _github, "user_interactions": _interaction}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(_text(text)).astimezone(UTC)


def _pseudonym(user: str) -> str:
    return hmac.new(PSEUDONYM_KEY.encode(), user.encode(), hashlib.sha256).hexdigest()[:32]


def gold(source: str, events: Iterable[Event]) -> dict[str, list[Row]]:
    """Return the rows of every Gold table of a source, from its events, each of them once."""
    events = list(events)
    if source == "github_events":
        named = [each for each in events if each.columns["org"] is not None]
        return {
            "events_per_type": _counts(events, _MINUTE, "event_type"),
            "active_users_per_org": _counts(named, _HOUR, "org", distinct="actor_login", measure="active_users"),
            "top_repositories": _counts(events, 5 * _MINUTE, "repo_name"),
        }
    return {
        "events_by_type": _counts(events, _MINUTE, "event_type"),
        "user_sessions": _sessions(events),
        "video_activity": _activity(events),
    }


def _counts(
    events: Iterable[Event], length: timedelta, column: str, *, distinct: str = "", measure: str = "events"
) -> list[Row]:
    groups: dict[tuple[datetime, str], list[object]] = defaultdict(list)
    for each in events:
        groups[_floor(each.time, length), each.columns[column]].append(each.columns.get(distinct))
    return [
        {**_window(start, length), column: group, measure: len(set(found)) if distinct else len(found)}
        for (start, group), found in groups.items()
    ]


def _floor(moment: datetime, length: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // length * length


def _window(start: datetime, length: timedelta) -> Row:
    return {"window_start": start, "window_end": start + length}


def _sessions(events: Iterable[Event]) -> list[Row]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for each in events:
        if each.columns["user_id"] is not None:
            times[each.columns["user_id"]].append(each.time)
    return [row for user, moments in times.items() for row in _sessions_of(user, sorted(moments))]


def _sessions_of(user: str, moments: list[datetime]) -> list[Row]:
    sessions: list[list[datetime]] = []
    for moment in moments:
        if sessions and moment - sessions[-1][-1] <= _SESSION_GAP:
            sessions[-1].append(moment)
        else:
            sessions.append([moment])
    return [
        {
            "user_id": user,
            "session_start": each[0],
            "session_end": each[-1],
            "session_seconds": (each[-1] - each[0]) // timedelta(seconds=1),
            "events": len(each),
        }
        for each in sessions
    ]


def _activity(events: Iterable[Event]) -> list[Row]:
    groups: dict[tuple[datetime, str], list[Event]] = defaultdict(list)
    for each in events:
        groups[_floor(each.time, _HOUR), each.columns["video_id"]].append(each)
    return [{**_window(start, _HOUR), "video_id": video, **_peaks(found)} for (start, video), found in groups.items()]


def _peaks(events: list[Event]) -> Row:
    messages = Counter(_floor(each.time, _MINUTE) for each in events if each.columns["event_type"] == "message")
    viewers = [each.columns["viewers"] for each in events if each.columns["viewers"] is not None]
    return {
        "active_viewers": len({each.columns["user_id"] for each in events} - {None}),
        "messages": messages.total(),
        "peak_messages_per_minute": max(messages.values(), default=0),
        "peak_viewers": max(viewers, default=None),
    }
