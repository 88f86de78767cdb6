"""Where Bronze goes on: from its own position to the end of the topic, if the topic is still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import IngestPlan
from streaming_assets.errors import (
    ClusterChanged,
    OffsetsRefused,
    PartitionGone,
    RetentionOvertook,
    TopicChanged,
    TopicRecreated,
    TopicTruncated,
)
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.continuity import Break, Reached, find_break, overtaken
from streaming_assets.kafka.lag import lag
from streaming_assets.kafka.topics import TopicState, topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.losses import AcceptedLoss
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.positions import START, Position, read_position
from streaming_assets.lake.remedies import keep_aside_command, refresh_command
from streaming_assets.lake.snapshot import NO_BATCH


def plan_ingest(
    source: EventSource, connection: Connection, lake: Path, *, accept_loss: bool = False
) -> IngestPlan | None:
    """Plan to copy everything the topic holds now and Bronze does not; None if there is nothing.

    Args:
        source: The source.
        connection: The broker.
        lake: Folder of the tables.
        accept_loss: Go on after records that were deleted before they were read; the plan names them.

    Raises:
        TopicChanged: The topic is another one than before, or lacks offsets that come next; its kind says which.
        BrokerError: Kafka can't be asked.
        TableError: Bronze can't be read.
    """
    state = topic_state(connection, source.topic.name)
    bronze = open_table(layout.bronze(source), lake)
    position = read_position(bronze) if bronze else START
    reached, found = _continued(source, state, position, accept_loss=accept_loss)
    if state is None:
        return None
    start = _start(state, reached, position)
    end = {partition: high for partition, high in state.high.items() if high > start.next_offsets[partition]}
    accepting = _accepted(state, reached, found)
    if not end and not accepting:
        return None
    first_batch = (bronze.batch if bronze else NO_BATCH) + 1
    return IngestPlan(source=source, start=start, end=end, first_batch=first_batch, accepting=accepting)


def plan_again(error: TopicChanged, source: EventSource, connection: Connection, lake: Path) -> IngestPlan | None:
    """Plan to go on after reading a topic ended in an error; None if there is nothing left.

    What a reader saw for itself, another topic or another record in a known place, is not refuted by a look at the
    topic, which may have gone on since: that error is raised again, unless the topic now shows more.

    Raises:
        TopicChanged: What happened to the topic.
        BrokerError: Kafka can't be asked.
        TableError: Bronze can't be read.
    """
    plan = plan_ingest(source, connection, lake)
    if not isinstance(error, OffsetsRefused):
        raise error
    return plan


@contextmanager
def naming_ways_out(source: EventSource, lake: Path) -> Iterator[None]:
    """Add the ways out to what happened to a topic: whoever notices it does not know the commands.

    Raises:
        TopicChanged: The error that was raised inside, with a remedy.
    """
    try:
        yield
    except TopicChanged as error:
        raise type(error)(
            error.summary,
            found=error.found,
            expected=error.expected,
            meaning=error.meaning,
            remedy=_WAYS_OUT[type(error)](layout.bronze(source), lake / source.name),
        ) from error


def was_read(source: EventSource, lake: Path) -> bool:
    """Tell whether Bronze has a position: its topic must be there, and is not to be created.

    Raises:
        TableError: Bronze can't be read.
    """
    bronze = open_table(layout.bronze(source), lake)
    return bronze is not None and bool(read_position(bronze).next_offsets)


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


def position_lag(source: EventSource, connection: Connection, position: Position) -> dict[int, int]:
    """Return by partition how many offsets a position is behind the topic; empty if there is no topic.

    Raises:
        TopicChanged: The topic is another one than the position is of, or lacks offsets that come next.
        BrokerError: Kafka can't be asked.
    """
    state = topic_state(connection, source.topic.name)
    _continued(source, state, position)
    return {} if state is None else lag(state, position.next_offsets)


def _continued(
    source: EventSource, state: TopicState | None, position: Position, *, accept_loss: bool = False
) -> tuple[Reached, Break | None]:
    """Make sure that a topic continues what was read; return how far that was, and a loss that is accepted."""
    reached = Reached(position.next_offsets, position.cluster_id, position.topic_id)
    found = find_break(source.topic.name, state, reached)
    if found is not None and not (accept_loss and found.kind is RetentionOvertook):
        raise found.kind(found.summary, found=found.found, expected=found.expected, meaning=found.meaning)
    return reached, found


def _start(state: TopicState, reached: Reached, position: Position) -> Position:
    """Return the position with the partitions it does not know yet, past what is lost."""
    next_offsets = reached.next_in(state)
    new = {partition: offset for partition, offset in next_offsets.items() if partition not in position.next_offsets}
    past = {partition: low for partition, (_, low) in overtaken(state, reached).items()}
    kept = {one: record for one, record in position.last.items() if record[0] >= state.low[one]}
    return Position({**next_offsets, **past}, state.cluster_id, state.topic_id, {**new, **position.starts}, kept)


def _accepted(state: TopicState, reached: Reached, found: Break | None) -> tuple[AcceptedLoss, ...]:
    if found is None:
        return ()
    now = datetime.now(tz=UTC).replace(microsecond=0)
    lost = overtaken(state, reached)
    return tuple(AcceptedLoss(one, start, low, found.summary, now) for one, (start, low) in lost.items())


def _accept_loss(bronze: TableId, _tables: Path) -> str:
    return (
        f"to go on after them, with the loss recorded in Bronze: {refresh_command(bronze, '--accept-loss')}; so that "
        "it does not happen again, refresh more often than the topic's `retention.ms` deletes"
    )


def _restore(how: str, bronze: TableId, tables: Path) -> str:
    return (
        f"{how}, and run {refresh_command(bronze)}; or keep the old tables aside and begin with the topic as it is "
        f"now: {keep_aside_command(bronze, tables)} (--accept-loss is for records that retention deleted, and does "
        "not help here: partition and offset would name two records)"
    )


def _try_again(bronze: TableId, _tables: Path) -> str:
    return (
        f"run {refresh_command(bronze)} again; if Kafka still refuses offsets that it says it has, the brokers' logs "
        "tell why"
    )


_restore_topic = partial(_restore, "bring the topic back as it was")
_restore_cluster = partial(
    _restore, "let STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS name the old cluster, or bring back its data"
)

_WAYS_OUT: Mapping[type[TopicChanged], Callable[[TableId, Path], str]] = {
    ClusterChanged: _restore_cluster,
    TopicRecreated: _restore_topic,
    PartitionGone: _restore_topic,
    TopicTruncated: _restore_topic,
    RetentionOvertook: _accept_loss,
    OffsetsRefused: _try_again,
}
"""What a person can do, by kind of error; each has an entry."""
