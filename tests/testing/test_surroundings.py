"""What a person has set for real tables and a real topic is not what a test uses."""

from __future__ import annotations

from datetime import timedelta

from streaming_assets.contract import Topic
from streaming_assets.testing.surroundings import lasting


def test_a_topic_under_test_keeps_its_records():
    """A recorded event is older than many a topic keeps its records; all that is not about that stays."""
    config = {"retention.ms": "1000", "retention.bytes": "10", "cleanup.policy": "compact,delete"}
    topic = Topic(name="sales", key="shop", partitions=2, retention=timedelta(hours=1), config=config)

    kept = Topic(name="sales", key="shop", partitions=2, config={"cleanup.policy": "compact,delete"})
    assert lasting(topic) == kept
