"""Where Bronze goes on: from its own position to the end of the topic, if the topic is still the same."""

from __future__ import annotations

from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import IngestPlan
from streaming_assets.errors import TopicChanged
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.lag import lag
from streaming_assets.kafka.topics import TopicState, topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.positions import START, Position, read_position
from streaming_assets.lake.tables import NO_BATCH, open_table


def plan_ingest(source: EventSource, connection: Connection, lake: Path) -> IngestPlan | None:
    """Plan to copy everything the topic holds now and Bronze does not; None if there is nothing.

    Raises:
        TopicChanged: The topic is another one than before, or lacks offsets that come next.
        BrokerError: Kafka can't be asked.
        TableError: Bronze can't be read.
    """
    state = topic_state(connection, source.topic.name)
    if state is None:
        return None
    bronze = open_table(layout.bronze(source), lake)
    position = read_position(bronze) if bronze else START
    start = _start(source, state, position)
    end = {partition: high for partition, high in state.high.items() if high > start.next_offsets[partition]}
    if not end:
        return None
    return IngestPlan(source=source, start=start, end=end, first_batch=(bronze.batch if bronze else NO_BATCH) + 1)


def source_lag(source: EventSource, connection: Connection, lake: Path) -> dict[int, int]:
    """Return by partition how many offsets Bronze is behind the topic; empty if there is no topic.

    Raises:
        BrokerError: Kafka can't be asked.
        TableError: Bronze can't be read.
    """
    state = topic_state(connection, source.topic.name)
    if state is None:
        return {}
    bronze = open_table(layout.bronze(source), lake)
    return lag(state, (read_position(bronze) if bronze else START).next_offsets)


def _start(source: EventSource, state: TopicState, position: Position) -> Position:
    """Return the position with the partitions it does not know yet, or refuse to go on."""
    if position.topic_id is not None and (position.cluster_id, position.topic_id) != (state.cluster_id, state.topic_id):
        raise _changed(
            source,
            found=f"topic id {state.topic_id} in cluster {state.cluster_id}",
            expected=f"topic id {position.topic_id} in cluster {position.cluster_id}, which Bronze was filled from",
            meaning="offsets of the one say nothing about the other; nothing was read or written",
        )
    for partition, offset in position.next_offsets.items():
        low, high = state.low.get(partition), state.high.get(partition)
        if low is None or high is None or not low <= offset <= high:
            raise _changed(
                source,
                found=f"partition {partition} holds offsets {low} to {high}",
                expected=f"offset {offset}, which comes next",
                meaning=_gap(offset, low, high),
            )
    new = {partition: low for partition, low in state.low.items() if partition not in position.next_offsets}
    starts = {**new, **position.starts}
    return Position({**state.low, **position.next_offsets}, state.cluster_id, state.topic_id, starts)


def _gap(offset: int, low: int | None, high: int | None) -> str:
    if low is not None and offset < low:
        return f"{low - offset} offsets were deleted before they were read; nothing was written"
    if high is not None:
        return f"the topic was truncated by at least {offset - high} offsets; nothing was read or written"
    return "the partition is gone; nothing was read or written"


def _changed(source: EventSource, *, found: str, expected: str, meaning: str) -> TopicChanged:
    return TopicChanged(
        f"Topic {source.topic.name} of {source.name} is not the one Bronze was filled from.",
        found=found,
        expected=expected,
        meaning=meaning,
        remedy=f"bring the topic back; or, to begin with the topic as it is now, move the folder {source.name} "
        "out of the lake and run the refresh again",
    )
