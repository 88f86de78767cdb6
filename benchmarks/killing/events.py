"""Events of both sources, made from a seed and a number: some come again, some late, some fit no schema."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

SOURCES = ("github_events", "user_interactions")

_START = datetime(2024, 5, 1, 22, tzinfo=UTC)  # so that the day changes in the middle
_STEP = timedelta(seconds=1)
_LATEST = timedelta(hours=5)
_AGAIN, _MISFITS, _LATE = 0.06, 0.1, 0.08


def value(source: str, seed: int, number: int) -> bytes:
    """Return the bytes of an event; one in sixteen repeats one of the 200 before, byte for byte."""
    chance = random.Random(f"{seed}/{source}/{number}")  # noqa: S311 - reproducible on purpose
    if chance.random() < _AGAIN:
        number = max(0, number - chance.randrange(1, 200))
        chance = random.Random(f"{seed}/{source}/{number}")  # noqa: S311 - likewise
        chance.random()
    moment = _START + number * _STEP - (chance.random() * _LATEST if chance.random() < _LATE else timedelta())
    event = _MAKE[source](number, moment, chance)
    return _misfit(event, chance) if chance.random() < _MISFITS else _json(event)


def _github(number: int, moment: datetime, chance: random.Random) -> dict[str, object]:
    user, owner = chance.randrange(300), chance.randrange(20)
    return {
        "id": str(10**10 + number),
        "type": chance.choice(["PushEvent", "PushEvent", "WatchEvent", "IssuesEvent"]),
        "actor": {"id": user, "login": f"user-{user}", "url": f"https://api.github.com/users/user-{user}"},
        "repo": {"id": owner * 9, "name": f"owner-{owner}/repo-{chance.randrange(4)}" if owner else "/"},
        "payload": {"action": "started", "text": "ü \u0000 😀" if number % 50 == 0 else "x" * chance.randrange(200)},
        "public": True,
        "created_at": moment.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
    }


def _interaction(number: int, moment: datetime, chance: random.Random) -> dict[str, object]:
    kind = chance.choice(["join", "leave", "message", "message", "like", "wave", "viewers_count"])
    zone = timedelta(hours=chance.randrange(-3, 4))
    local = (moment + zone).replace(tzinfo=None).isoformat(timespec="microseconds")
    hours = int(zone.total_seconds()) // 3600
    event: dict[str, object] = {
        "timestamp": f"{local}{'-' if hours < 0 else '+'}{abs(hours):02}:00",
        "event": kind,
        "video_id": f"video-{chance.randrange(12)}",
        "payload": chance.randrange(5_000) if kind == "viewers_count" else "hello",
    }
    if chance.random() < 0.7:  # the others are told apart by their coordinates alone
        event["id"] = f"e-{number}"
    if kind != "viewers_count" or chance.random() < 0.5:
        event["user_id"] = f"viewer-{chance.randrange(400)}"
    return event


_MAKE = {"github_events": _github, "user_interactions": _interaction}


def _misfit(event: dict[str, object], chance: random.Random) -> bytes:
    clock = "created_at" if "created_at" in event else "timestamp"
    kind = "type" if "type" in event else "event"
    without = {name: each for name, each in event.items() if name != kind}
    return chance.choice(
        [
            b"rubbish",
            b"",
            b"\xff\xfe" + _json(event),
            _json(event)[:-1],
            _json(without),
            _json({**event, clock: "yesterday"}),
            _json({**event, clock: "2098-01-01T00:00:00Z"}),
            _json({**event, kind: 7}),
            b"[" + _json(event) + b"]",
        ]
    )


def _json(event: dict[str, object]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()
