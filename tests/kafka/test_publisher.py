import os
import time
from datetime import UTC, datetime

import pytest

from streaming_assets.contract import Event, Topic
from streaming_assets.errors import DeliveryError
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.consumer import RecordReader
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import topic_state

pytestmark = pytest.mark.broker


def _rows(broker, topic):
    state = topic_state(broker, topic.name)
    with RecordReader(broker, topic.name, state.low, state.high, max_records=10**6, max_bytes=2**30) as reader:
        return [row for batch in reader for row in batch.table.to_pylist()]


def test_event_arrives_as_it_was_given(broker, topic_factory):
    """Value, key, timestamp and headers of an event are those of the record."""
    topic = topic_factory(partitions=1)
    when = datetime(2012, 6, 14, 15, 0, 0, 250000, UTC)
    event = Event(value=b"\xff{not json", key=b"k", timestamp=when, headers=(("a", b"1"), ("a", b"\x00")))
    with Publisher(broker, topic) as publisher:
        publisher.publish([event])
    (row,) = _rows(broker, topic)
    assert (row["value"], row["key"], row["timestamp"]) == (event.value, event.key, when)
    assert row["headers"] == [{"key": "a", "value": b"1"}, {"key": "a", "value": b"\x00"}]
    assert publisher.delivered == 1


def test_key_comes_from_the_event_where_none_was_given(broker, topic_factory):
    """The field that the topic names gives the key; a given key stays, and a malformed event has none."""
    topic = topic_factory(partitions=1, key="user.id")
    values = [b'{"user":{"id":7}}', b'{"user":{"id":"a"}}', b"{cut"]
    with Publisher(broker, topic) as publisher:
        publisher.publish([*(Event(value=value) for value in values), Event(value=values[0], key=b"mine")])
    assert [row["key"] for row in _rows(broker, topic)] == [b"7", b"a", None, b"mine"]


def test_more_events_than_the_queue_holds_arrive_once_each(broker, topic_factory):
    """A full queue makes the caller wait: nothing is lost, doubled or reordered within a partition."""
    topic = topic_factory(partitions=2)
    count = 250_000
    with Publisher(broker, topic) as publisher:
        publisher.publish(Event(value=b"%d" % number) for number in range(count))
        publisher.flush()
        assert publisher.delivered == count
    rows = _rows(broker, topic)
    numbers = [[int(row["value"]) for row in rows if row["partition"] == part] for part in (0, 1)]
    assert all(part == sorted(part) for part in numbers)
    assert sorted(numbers[0] + numbers[1]) == list(range(count))


def test_event_of_five_megabytes_arrives(broker, topic_factory):
    """Publisher, broker and reader take large events."""
    topic = topic_factory(partitions=1)
    value = bytes(range(256)) * (5 * 2**12)
    with Publisher(broker, topic) as publisher:
        publisher.publish([Event(value=value)])
    assert [value] == [row["value"] for row in _rows(broker, topic)]


def test_event_that_is_too_large_is_named_and_the_others_arrive(broker, topic_factory):
    """An event that Kafka would refuse is an error with its size; what was accepted before is delivered."""
    topic = topic_factory(partitions=1)
    with pytest.raises(DeliveryError, match=r"11000000 bytes"), Publisher(broker, topic) as publisher:
        publisher.publish([Event(value=b"small"), Event(value=b"x" * 11_000_000)])
    assert [row["value"] for row in _rows(broker, topic)] == [b"small"]


def test_events_that_the_broker_refuses_are_counted(broker, topic_factory):
    """Leaving `with` raises with the number that failed and the broker's reason, and `delivered` has the others."""
    topic = topic_factory(partitions=1, config={"max.message.bytes": "2000"})
    publisher = Publisher(broker, topic)
    publisher.publish([Event(value=b"small")])
    publisher.flush()
    with pytest.raises(DeliveryError, match=r"(?s)1 of 2 events.*too large"), publisher:
        publisher.publish([Event(value=os.urandom(10_000))])
    assert publisher.delivered == 1


def test_a_refusal_is_learnt_of_by_the_next_part(broker, topic_factory):
    """However few events come, `publish` raises soon after the broker has refused one, without a flush."""
    publisher = Publisher(broker, topic_factory(partitions=1, config={"max.message.bytes": "2000"}))
    publisher.publish([Event(value=b"small")])
    publisher.flush()  # connected, so that the large one is sent alone
    publisher.publish([Event(value=os.urandom(10_000))])

    def go_on():
        for _ in range(500):
            publisher.publish([Event(value=b"small")])
            time.sleep(0.02)

    with pytest.raises(DeliveryError, match=r"(?s)Kafka did not take \d+ of \d+ events.*too large"):
        go_on()


def test_broker_that_is_not_there_is_a_delivery_error(monkeypatch):
    """Events that nobody takes in time are counted, with the address and the reason."""
    monkeypatch.setattr("streaming_assets.kafka.publisher.DELIVERY_SECONDS", 1.0)
    publisher = Publisher(Connection("127.0.0.1:9"), Topic(name="events"))
    publisher.publish([Event(value=b"x"), Event(value=b"y")])
    with pytest.raises(DeliveryError, match=r"(?s)2 of 2 events.*127\.0\.0\.1:9.*refused"):
        publisher.flush()
    assert publisher.delivered == 0


def test_header_name_that_is_not_unicode_is_an_error(broker, topic_factory):
    """A name with a lone surrogate is told, and does not end the process; the events before it are delivered."""
    topic = topic_factory()
    with Publisher(broker, topic) as publisher:
        publisher.publish([Event(value=b"x", headers=(("caf\u00e9", b""),))])
        with pytest.raises(UnicodeEncodeError, match=r"surrogates not allowed"):
            publisher.publish([Event(value=b"y", headers=(("\udce9", b""),))])
    assert publisher.delivered == 1
