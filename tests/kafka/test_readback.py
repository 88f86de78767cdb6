"""What a topic still holds in some ranges of offsets."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from streaming_assets.kafka.readback import join_near, read_back


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([(1, 2)], [(1, 2)]),
        ([(1, 2), (12, 13), (24, 25)], [(1, 13), (24, 25)]),
        ([(0, 9), (9, 30)], [(0, 30)]),
    ],
)
def test_near_ranges_are_joined(ranges, expected):
    """Ranges with at most ten offsets between them are read as one."""
    assert join_near(ranges, near=10) == expected


@pytest.mark.broker
def test_ranges_are_read(broker, topic_factory, monkeypatch):
    """All records of the ranges come, of each partition, in as many reads as there are ranges far from each other."""
    monkeypatch.setattr("streaming_assets.kafka.readback.NEAR", 10)
    topic = topic_factory(partitions=2)
    producer = Producer(broker.client_config())
    for number in range(200):
        producer.produce(topic.name, b"%d" % (number // 2), partition=number % 2)
    assert producer.flush(30) == 0
    tables = list(read_back(broker, topic.name, {0: [(0, 1), (5, 7), (90, 100)], 1: [(50, 51)]}))
    read = [(row["partition"], row["offset"], row["value"]) for table in tables for row in table.to_pylist()]
    expected = [(0, offset, b"%d" % offset) for offset in [*range(7), *range(90, 100)]] + [(1, 50, b"50")]
    assert sorted(read) == expected


@pytest.mark.broker
def test_no_range_is_no_read(broker, topic_factory):
    """Where nothing is asked for, nothing is read."""
    topic = topic_factory(partitions=1)
    assert list(read_back(broker, topic.name, {})) == []
    assert list(read_back(broker, topic.name, {0: []})) == []
