"""Bronze's bytes compared with those that Kafka still has."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from streaming_assets.contract import EventSource
from streaming_assets.engines.audits import ValueAudit
from streaming_assets.engines.protocol import Engine
from streaming_assets.errors import BrokerError, TopicChanged
from streaming_assets.kafka.readback import RangesByPartition, read_back
from streaming_assets.kafka.topics import TopicState
from streaming_assets.layers.findings import Finding, same_bytes
from streaming_assets.layers.gaps import KafkaAccess
from streaming_assets.layers.scope import OffsetSpans

_CHUNK = 10_000
"""Offsets that are sampled together: reading neighbours costs hardly more than reading one."""

_HASHED = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read back from Kafka."""

    ranges: RangesByPartition
    """The offsets, by partition."""
    left_out: tuple[str, ...]
    """What is not read, and why."""


def plan_reading(spans: OffsetSpans, state: TopicState, share: float) -> Reading:
    """Plan to read back what Kafka still has of a range.

    Args:
        spans: The range.
        state: What the topic holds.
        share: Share of the range that is read, in runs of 10,000 offsets, always the same ones; one run at least.
    """
    held = {
        one: (max(start, state.low.get(one, end)), min(end, state.high.get(one, 0)))
        for one, (start, end) in spans.items()
    }
    gone = sum(end - start for start, end in spans.values()) - sum(max(0, end - start) for start, end in held.values())
    left_out = (f"left out: {gone:,} offsets that the topic no longer retains",) if gone else ()
    chosen = {one: list(_chosen(one, *span, share)) for one, span in held.items()}
    return Reading(chosen if any(chosen.values()) else _first(held), left_out)


def compare_bytes(source: EventSource, engine: Engine, reading: Reading, kafka: KafkaAccess) -> Finding:
    """Compare records as Kafka has them with Bronze's rows: value, key, headers, timestamp."""
    audit, left_out = ValueAudit(), list(reading.left_out)
    try:
        for records in read_back(kafka.connection, kafka.topic, reading.ranges) if kafka.connection else ():
            audit = _sum(audit, engine.audit_values(source, records))
            kafka.tell(f"bronze: {audit.compared:,} records compared with Kafka")
    except (BrokerError, TopicChanged) as error:
        left_out.append(f"left out: the rest, as Kafka stopped giving it ({error.found or error.summary})")
    return same_bytes(audit, tuple(left_out))


def _chosen(partition: int, start: int, end: int, share: float) -> Iterator[tuple[int, int]]:
    for chunk in range(start // _CHUNK, -(-end // _CHUNK)):
        digest = hashlib.md5(f"{partition}/{chunk}".encode(), usedforsecurity=False).digest()
        if share >= 1 or int.from_bytes(digest[:8], "big") % _HASHED < share * _HASHED:
            yield max(start, chunk * _CHUNK), min(end, (chunk + 1) * _CHUNK)


def _first(held: OffsetSpans) -> RangesByPartition:
    """Return one run of a range: a sample that has none would compare nothing."""
    some = ((one, start, min(end, start + _CHUNK)) for one, (start, end) in held.items() if start < end)
    return {one: [(start, end)] for one, start, end in itertools.islice(some, 1)}


def _sum(one: ValueAudit, other: ValueAudit) -> ValueAudit:
    return ValueAudit(
        compared=one.compared + other.compared,
        differing=one.differing + other.differing,
        examples=one.examples or other.examples,
    )
