"""Offsets that Bronze lacks: which of them are losses, and which are no records at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from streaming_assets.engines.audits import EXAMPLES
from streaming_assets.engines.offset_ranges import OffsetRanges, count_offsets, holding, ranges, within, without
from streaming_assets.errors import BrokerError, TopicChanged
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.readback import read_back
from streaming_assets.kafka.topics import TopicState, topic_state
from streaming_assets.lake.losses import AcceptedLoss
from streaming_assets.lake.positions import Position

Gaps = Mapping[int, OffsetRanges]
"""Ranges of offsets by partition."""


def total(gaps: Gaps) -> int:
    """Return the number of offsets."""
    return sum(count_offsets(some) for some in gaps.values())


def format_gaps(gaps: Gaps) -> str:
    """Return the first few partitions and their first few ranges as text: `partition 0: 3, 7 to 9; partition 2: 5`."""
    return "; ".join(format_ranges(partition, some) for partition, some in list(gaps.items())[:EXAMPLES])


def format_ranges(partition: int, some: OffsetRanges) -> str:
    """Return the ranges of one partition as text, the first few: `partition 0: 3, 7 to 9`."""
    shown = [str(start) if end == start + 1 else f"{start} to {end - 1}" for start, end in some[:EXAMPLES].tolist()]
    more = [f"and {len(some) - EXAMPLES:,} more ranges"] if len(some) > EXAMPLES else []
    return f"partition {partition}: {', '.join([*shown, *more])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of the offsets that Bronze lacks."""

    lost: Gaps
    """Kafka has records there."""
    accepted: Gaps
    """A person accepted them as lost."""
    legal: int
    """How many are no records: aborted transactions, control records, what compaction removed."""
    unknown: Mapping[str, Gaps] = field(default_factory=dict)
    """Those that nobody can read back, by the reason why."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """How checks read the topic from Kafka."""

    connection: Connection | None
    """The broker; None where none is running."""
    topic: str
    """The topic."""
    tell: Callable[[str], None]
    """Told, in words, what takes long."""
    filled_from: str | None = None
    """The topic that Bronze's rows are of, where it is known; if it is another one, the topic tells nothing of them."""


def settle(gaps: Gaps, position: Position, losses: Iterable[AcceptedLoss], kafka: KafkaAccess) -> Settled:
    """Tell losses from legal gaps, by reading back from Kafka what it still retains of them.

    Args:
        gaps: The offsets that Bronze lacks.
        position: The topic Bronze was filled from.
        losses: The ranges that were accepted as lost.
        kafka: How the topic is read; it is not where no gap is left.
    """
    accepted: dict[int, OffsetRanges] = {}
    open_gaps = {partition: some for partition, some in gaps.items() if len(some)}
    for loss in losses:
        some = open_gaps.get(loss.partition, ranges([]))
        part = within(some, loss.start, loss.end)
        if len(part):
            accepted[loss.partition] = ranges([*_pairs(accepted.get(loss.partition, ranges([]))), *_pairs(part)])
            open_gaps[loss.partition] = without(some, loss.start, loss.end)
    unknown: dict[str, dict[int, OffsetRanges]] = {}
    held = _retained(open_gaps, position, kafka, unknown) if total(open_gaps) else {}
    lost = _read(held, kafka, unknown)
    legal = total(open_gaps) - total(lost) - sum(map(total, unknown.values()))
    return Settled(lost=lost, accepted=accepted, legal=legal, unknown=unknown)


def state_of(kafka: KafkaAccess, position: Position) -> TopicState | str:
    """Return what the topic holds that Bronze was filled from, or why it can't be read."""
    another = f"topic {kafka.topic} is another one than the one Bronze was filled from"
    if kafka.filled_from not in {None, kafka.topic}:
        return another
    if kafka.connection is None:
        return "no broker is running (`streaming-assets broker` starts one)"
    try:
        state = topic_state(kafka.connection, kafka.topic)
    except BrokerError as error:
        return f"Kafka does not answer ({error.found or error.summary})"
    if state is None:
        return f"topic {kafka.topic} is gone"
    if position.topic_id is not None and (position.cluster_id, position.topic_id) != (state.cluster_id, state.topic_id):
        return another
    return state


def _retained(
    gaps: Gaps, position: Position, kafka: KafkaAccess, unknown: dict[str, dict[int, OffsetRanges]]
) -> dict[int, OffsetRanges]:
    """Return the gaps that can be read back; the others go to `unknown`."""
    state = state_of(kafka, position)
    if isinstance(state, str):
        unknown[state] = dict(gaps)
        return {}
    held: dict[int, OffsetRanges] = {}
    for partition, some in gaps.items():
        low, high = state.low.get(partition, 0), state.high.get(partition, 0)
        parts = {
            "the topic no longer retains them": within(some, 0, min(low, high)),
            "the topic ends before them": without(some, 0, high),
        }
        for why, part in parts.items():
            if len(part):
                unknown.setdefault(why, {})[partition] = part
        held[partition] = within(some, low, high)
    return {partition: some for partition, some in held.items() if len(some)}


def _read(held: Gaps, kafka: KafkaAccess, unknown: dict[str, dict[int, OffsetRanges]]) -> dict[int, OffsetRanges]:
    """Return which offsets of gaps hold records in Kafka."""
    if kafka.connection is None or not held:
        return {}
    kafka.tell(f"reading {total(held):,} offsets back from Kafka")
    found: dict[int, list[int]] = {}
    try:
        for records in read_back(kafka.connection, kafka.topic, {one: _pairs(some) for one, some in held.items()}):
            for partition, some in held.items():
                found.setdefault(partition, []).extend(_inside(records, partition, some))
    except (BrokerError, TopicChanged) as error:
        unknown[f"Kafka stopped giving them ({error.found or error.summary})"] = dict(held)
        return {}
    lost = {one: ranges((offset, offset + 1) for offset in sorted(offsets)) for one, offsets in found.items()}
    return {one: some for one, some in lost.items() if len(some)}


def _inside(records: pa.Table, partition: int, some: OffsetRanges) -> list[int]:
    mine = records["offset"].to_numpy()[records["partition"].to_numpy() == partition]
    offsets: list[int] = mine[holding(some, mine)].tolist()
    return offsets


def _pairs(some: OffsetRanges) -> list[tuple[int, int]]:
    return [(int(start), int(end)) for start, end in some]
