"""Whether a topic still continues what was read from it: the same topic, with the offsets that come next.

| what happens | noticed by | error | ways out |
|-|-|-|-|
| another cluster answers | `find_break`, before a read | `ClusterChanged` | the old cluster, or begin anew |
| the topic is deleted and created again | `find_break`; `TopicWatch`, while reading | `TopicRecreated` | (1) |
| the topic is deleted, or has fewer partitions | the same two | `PartitionGone` | (1) |
| a log loses its end | `find_break`; once it is as long again, `Overlap`, while reading | `TopicTruncated` | (1) |
| records are deleted unread | `find_break` | `RetentionOvertook` | accept the loss |
| Kafka refuses the next offsets, or the topic | `Fetcher`, while reading | `OffsetsRefused` | (2) |

(1) Bring the topic back as it was, or keep the tables aside and begin with the topic as it is.
(2) The refresh looks at the topic again: `find_break` names one of the above, or there is more to read. Where Kafka
refuses that, too, the refresh can only be run again.

Who notices says what was found; `layers/bronze.py` adds the ways out as commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streaming_assets.errors import (
    ClusterChanged,
    PartitionGone,
    RetentionOvertook,
    TopicChanged,
    TopicRecreated,
    TopicTruncated,
)
from streaming_assets.kafka.topics import TopicState


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a topic has been read."""

    next_offsets: Mapping[int, int]
    """Next offset by partition; empty if nothing was ever read."""
    cluster_id: str | None
    """Kafka's id of the cluster; None where it is not known."""
    topic_id: str | None
    """Kafka's id of the topic; None likewise."""

    def next_in(self, state: TopicState) -> dict[int, int]:
        """Return by partition of the topic where to go on.

        A partition that was added to a topic that is already read begins at 0, whatever was deleted from it since;
        a topic that was never read begins with what it holds.
        """
        added = dict.fromkeys(state.low, 0) if self.next_offsets else state.low
        return {partition: self.next_offsets.get(partition, offset) for partition, offset in added.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Why a topic does not continue what was read from it."""

    kind: type[TopicChanged]
    """The error that says so."""
    summary: str
    """What happened, in one sentence."""
    found: str
    """What the topic is or holds now."""
    expected: str
    """What it was, or should hold."""
    meaning: str
    """What it means for the data."""


def find_break(topic: str, state: TopicState | None, reached: Reached) -> Break | None:
    """Compare a topic with how far it has been read; None if reading can go on there.

    Args:
        topic: The topic's name.
        state: What Kafka says of it; None if there is no such topic.
        reached: How far it has been read.
    """
    if not reached.next_offsets:
        return None
    if state is None:
        return _topic_gone(topic, reached)
    return (
        _other_cluster(state, reached)
        or _other_topic(state, reached)
        or _partition_gone(state, reached)
        or _truncated(state, reached)
        or _overtaken(state, reached)
    )


def overtaken(state: TopicState, reached: Reached) -> dict[int, tuple[int, int]]:
    """Return by partition the offsets, from and to, that were deleted before they were read."""
    starts = reached.next_in(state)
    return {one: (starts[one], low) for one, low in sorted(state.low.items()) if starts[one] < low}


def _topic_gone(topic: str, reached: Reached) -> Break:
    return Break(
        kind=PartitionGone,
        summary=f"Topic {topic}, from which Bronze was filled, is gone.",
        found="no topic of that name",
        expected=f"topic id {reached.topic_id}" if reached.topic_id else "the topic",
        meaning="Bronze keeps what was read; records that were not are gone with the topic",
    )


def _other_cluster(state: TopicState, reached: Reached) -> Break | None:
    if reached.cluster_id in (None, state.cluster_id):
        return None
    return Break(
        kind=ClusterChanged,
        summary=f"Topic {state.name} is not the one Bronze was filled from: it lies in another Kafka cluster.",
        found=f"cluster {state.cluster_id}",
        expected=f"cluster {reached.cluster_id}",
        meaning="offsets of the one say nothing about the other; what Bronze has is untouched",
    )


def _other_topic(state: TopicState, reached: Reached) -> Break | None:
    if reached.topic_id in (None, state.topic_id):
        return None
    return Break(
        kind=TopicRecreated,
        summary=f"Topic {state.name} is not the one Bronze was filled from: it has another id.",
        found=f"topic id {state.topic_id}",
        expected=f"topic id {reached.topic_id}",
        meaning="it was deleted and created again, or the source names another topic now; its offsets would name "
        "other records than the same offsets in Bronze do; what Bronze has is untouched",
    )


def _partition_gone(state: TopicState, reached: Reached) -> Break | None:
    gone = sorted(reached.next_offsets.keys() - state.high.keys())
    if not gone:
        return None
    return Break(
        kind=PartitionGone,
        summary=f"Topic {state.name} lacks a partition from which Bronze was filled.",
        found=_listed(f"no partition {one}" for one in gone),
        expected=_listed(f"offset {reached.next_offsets[one]} of partition {one}" for one in gone),
        meaning="Bronze keeps what was read of it; records that were not are gone",
    )


def _truncated(state: TopicState, reached: Reached) -> Break | None:
    short = {one: end for one, end in reached.next_offsets.items() if end > state.high[one]}
    if not short:
        return None
    return Break(
        kind=TopicTruncated,
        summary=f"Topic {state.name} ends before the records that Bronze has of it.",
        found=_listed(f"partition {one} ends at offset {state.high[one]}" for one in sorted(short)),
        expected=_listed(f"offset {short[one]} of partition {one}" for one in sorted(short)),
        meaning=f"Kafka lost {sum(short[one] - state.high[one] for one in short)} offsets that Bronze has, and will "
        "give them to other records; what Bronze has is untouched",
    )


def _overtaken(state: TopicState, reached: Reached) -> Break | None:
    lost = overtaken(state, reached)
    if not lost:
        return None
    return Break(
        kind=RetentionOvertook,
        summary=f"Topic {state.name} no longer has the records that come next: they were deleted before they were "
        "read.",
        found=_listed(f"partition {one} begins at offset {low}" for one, (_, low) in lost.items()),
        expected=_listed(f"offset {start} of partition {one}" for one, (start, _) in lost.items()),
        meaning=f"at most {sum(low - start for start, low in lost.values())} records are lost; "
        "what Bronze has is untouched",
    )


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
