"""The same events, arriving in other ways.

Each event has a partition of its own, so that any order of them is one in which Kafka may deliver, and an event
without an id is told apart by the same coordinates in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from streaming_assets.contract import Event, EventSchema
from streaming_assets.fitting import Fit, Fitter
from streaming_assets.testing.lake import Record

_BATCHES = 4
_REPEATED = 0.2


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that fits, as it would come in."""

    record: Record
    """The record, alone in its partition."""
    fit: Fit
    """What the schema makes of it."""


def fitting(events: Sequence[Event], schema: EventSchema) -> list[Arrival]:
    """Return the events that fit a schema, each once, in their order."""
    fitter = Fitter(schema)
    seen: set[object] = set()
    arrivals: list[Arrival] = []
    for event in events:
        timestamp = event.timestamp or datetime.now(tz=UTC)
        decided = fitter.fit(event.value, timestamp)
        if not isinstance(decided, Fit):
            continue
        identity = (decided.event_id, decided.event_time) if decided.event_id is not None else object()
        if identity not in seen:
            seen.add(identity)
            record = Record(value=event.value, partition=len(arrivals), timestamp=timestamp)
            arrivals.append(Arrival(record, decided))
    return arrivals


def in_order(arrivals: Sequence[Arrival]) -> list[Record]:
    """Return the records as they were made."""
    return [arrival.record for arrival in arrivals]


def scrambled(arrivals: Sequence[Arrival], seed: int = 7) -> list[list[Record]]:
    """Return batches of the records in another order: shuffled, the oldest events last, some of them repeated.

    Only events with an id of their own are repeated, and have other offsets: of others each record is an event.
    """
    chance = Random(seed)  # noqa: S311 - no secret, and the same each time
    shuffled = [_moved(each, by) for by, each in enumerate(sorted(arrivals, key=lambda _: chance.random()), 1)]
    late = sorted(shuffled, key=lambda arrival: arrival.fit.event_time)[: len(shuffled) // _BATCHES]
    early = [arrival for arrival in shuffled if arrival not in late]
    size = max(1, -(-len(early) // (_BATCHES - 1)))
    parts = [early[begin : begin + size] for begin in range(0, len(early), size)]
    batches = [[arrival.record for arrival in part] for part in [*parts, sorted(late, key=lambda _: chance.random())]]
    repeated = [arrival.record for arrival in shuffled if arrival.fit.event_id and chance.random() < _REPEATED]
    for number, record in enumerate(repeated):
        again = replace(record, offset=record.offset + 1)
        first = next(index for index, batch in enumerate(batches) if record in batch)
        batches[chance.randrange(first, len(batches)) if number % 2 else first].append(again)
    return [batch for batch in batches if batch]


def _moved(arrival: Arrival, by: int) -> Arrival:
    if arrival.fit.event_id is None:
        return arrival
    return replace(arrival, record=replace(arrival.record, offset=arrival.record.offset + by))
