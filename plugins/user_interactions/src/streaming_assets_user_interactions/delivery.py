"""How events reach the broker: as JSON, and now and then late, twice or malformed, as in real life."""

from __future__ import annotations

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from random import Random

import msgspec

from streaming_assets_user_interactions.audience import Audience, Interaction
from streaming_assets_user_interactions.schema import VIEWERS_COUNT

LATE_SECONDS = (20.0, 900.0)
"""Shortest and longest time an event is held up."""

_ENCODER = msgspec.json.Encoder()


def deliver(audience: Audience, *, faults: float, chance: Random) -> Generator[tuple[float, bytes], None, None]:
    """Yield (time of delivery in seconds since 1970, JSON) for ever, in the order of delivery.

    Args:
        audience: Where the events come from.
        faults: Share of the events that are delivered malformed, twice or late, as chance has it. An event without
            id comes late instead of twice: nobody could tell that it is the same.
        chance: Source of all decisions.
    """
    held: list[tuple[float, bytes]] = []
    for event in audience:
        now = audience.now
        while held and held[0][0] <= now:
            yield heappop(held)
        value = _ENCODER.encode(event)
        if not faults or chance.random() >= faults:
            yield now, value
            continue
        kind = int(chance.random() * 3)
        if kind == 0:
            yield now, chance.choice(MALFORMATIONS)(event)
        if kind == 1 and event.id is not msgspec.UNSET:
            yield now, value
        if kind:
            heappush(held, (now + chance.uniform(*LATE_SECONDS), value))


def _cut_off(event: Interaction) -> bytes:
    value = _ENCODER.encode(event)
    return value[: len(value) // 2]


def _without_time_zone(event: Interaction) -> bytes:
    return _changed(event, {"timestamp": event.timestamp.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")})


def _without_video(event: Interaction) -> bytes:
    return _changed(event, {"video_id": None})


def _without_user(event: Interaction) -> bytes:
    return _changed(event, {"event": "message", "user_id": None})


def _count_in_words(event: Interaction) -> bytes:
    return _changed(event, {"event": VIEWERS_COUNT, "payload": "many"})


def _changed(event: Interaction, changes: dict[str, str | None]) -> bytes:
    return _ENCODER.encode(msgspec.to_builtins(event) | changes)


MALFORMATIONS: tuple[Callable[[Interaction], bytes], ...] = (
    _cut_off,
    _without_time_zone,
    _without_video,
    _without_user,
    _count_in_words,
)
"""What clients get wrong; each result breaks the schema in one way."""
