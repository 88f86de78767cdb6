from streaming_assets.kafka.lag import lag
from streaming_assets.kafka.topics import TopicState


def _state(low, high):
    return TopicState(cluster_id="c", topic_id="t", name="events", low=low, high=high)


def test_lag_is_what_lies_between_next_and_last_stable_offset():
    """The lag of a partition is the distance from the next offset to the last stable one."""
    assert lag(_state({0: 0, 1: 0}, {0: 100, 1: 5}), {0: 30, 1: 5}) == {0: 70, 1: 0}


def test_partition_without_position_starts_at_its_low_watermark():
    """A partition that was never read lags by the records that are still there."""
    assert lag(_state({0: 40}, {0: 100}), {}) == {0: 60}


def test_position_behind_the_end_is_no_negative_lag():
    """A position past the last stable offset, as of a topic created again, counts as no lag."""
    assert lag(_state({0: 0}, {0: 3}), {0: 10}) == {0: 0}


def test_positions_of_partitions_that_are_gone_are_left_out():
    """Only partitions that the topic has get a lag."""
    assert lag(_state({0: 0}, {0: 1}), {0: 0, 7: 4}) == {0: 1}
