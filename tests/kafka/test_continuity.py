import pytest

from streaming_assets.errors import (
    ClusterChanged,
    PartitionGone,
    RetentionOvertook,
    TopicRecreated,
    TopicTruncated,
)
from streaming_assets.kafka.continuity import Reached, find_break, overtaken
from streaming_assets.kafka.topics import TopicState

STATE = TopicState(cluster_id="c", topic_id="t", name="events", low={0: 10, 1: 0}, high={0: 20, 1: 5})


def kind(next_offsets, cluster_id="c", topic_id="t", state=STATE):
    found = find_break("events", state, Reached(next_offsets, cluster_id, topic_id))
    return None if found is None else found.kind


@pytest.mark.parametrize("position", [{0: 10, 1: 0}, {0: 20, 1: 5}, {0: 15, 1: 3}])
def test_position_inside_the_topic_is_gone_on_with(position):
    """From the oldest record to the end of the topic, both included, every position continues."""
    assert kind(position) is None


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ({0: 9, 1: 0}, RetentionOvertook),
        ({0: 21, 1: 0}, TopicTruncated),
        ({0: 15, 1: 3, 2: 0}, PartitionGone),
        ({0: 9, 1: 6}, TopicTruncated),
        ({0: 9, 1: 6, 2: 1}, PartitionGone),
    ],
)
def test_offsets_that_are_not_there_are_told_by_the_worst(position, expected):
    """One offset outside is a break, and of several the one that can't be accepted is told."""
    assert kind(position) is expected


def test_other_ids_are_told_before_offsets():
    """Offsets of another cluster or topic say nothing, so the ids come first."""
    assert kind({0: 9}, cluster_id="other", topic_id="other") is ClusterChanged
    assert kind({0: 9}, topic_id="other") is TopicRecreated


def test_unknown_ids_leave_the_offsets():
    """Where Bronze no longer knows what it was filled from, only offsets can be compared."""
    assert kind({0: 15, 1: 0}, cluster_id=None, topic_id=None) is None
    assert kind({0: 21, 1: 0}, cluster_id=None, topic_id=None) is TopicTruncated


def test_topic_that_was_never_read_has_no_break():
    """Without a position any topic will do, and it begins with what it holds."""
    assert kind({}, state=None) is None
    assert kind({}) is None
    assert Reached({}, None, None).next_in(STATE) == {0: 10, 1: 0}


def test_topic_that_is_gone_is_a_break():
    """A topic that was read and is not there any more is told."""
    assert kind({0: 15}, state=None) is PartitionGone


def test_added_partition_begins_at_zero():
    """A partition that a topic got after it was read first is expected from its beginning."""
    assert Reached({1: 2}, "c", "t").next_in(STATE) == {0: 0, 1: 2}
    assert overtaken(STATE, Reached({1: 2}, "c", "t")) == {0: (0, 10)}


def test_every_partition_is_told():
    """An error names all partitions that are concerned, and the records of all."""
    state = TopicState(cluster_id="c", topic_id="t", name="events", low={0: 10, 1: 7}, high={0: 20, 1: 9})
    found = find_break("events", state, Reached({0: 4, 1: 5}, "c", "t"))
    assert found.found == "partition 0 begins at offset 10, partition 1 begins at offset 7"
    assert found.expected == "offset 4 of partition 0, offset 5 of partition 1"
    assert found.meaning.startswith("at most 8 records are lost")
