"""What Kafka may do to a topic that stays the same: Bronze has each committed record once, or the run says why not."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter

import pytest

from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import BrokerError
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake.positions import read_position
from streaming_assets.layers.refresh import SourceRefresh

pytestmark = pytest.mark.broker


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own."""
    return flow_factory("github_events")


def next_offset(flow):
    """Return Bronze's position in partition 0."""
    return read_position(flow.bronze()).next_offsets[0]


@pytest.mark.long
@pytest.mark.parametrize("place", ["start", "middle", "end", "everywhere"])
def test_aborted_transactions_are_passed(flow, kafka, place):
    """Wherever aborted transactions lie, Bronze has the committed records alone, and the position is past the rest."""
    transactions = {
        "start": [(3, False), (4, True)],
        "middle": [(4, True), (3, False), (4, True)],
        "end": [(4, True), (3, False)],
        "everywhere": [(2, False), (4, True), (2, False), (2, False), (4, True), (2, False)],
    }[place]
    kafka.transact(*transactions)
    flow.refresh()
    assert flow.records() == kafka.records()
    assert len(flow.records()) == sum(count for count, committed in transactions if committed)
    assert next_offset(flow) == topic_state(flow.connection, flow.source.topic.name).high[0]

    kafka.transact((3, False))
    kafka.produce([{"value": b"after"}])
    flow.refresh()
    assert flow.records() == kafka.records()
    assert flow.refresh() == []


def test_records_without_value_or_key_come_in(flow, kafka):
    """Tombstones, and records without a key or with nothing in them, are in Bronze as they are."""
    pairs = list(itertools.product((None, b"", b"k"), (None, b"", b"v")))
    kafka.produce({"key": key, "value": value} for key, value in pairs)
    flow.refresh()
    assert flow.records() == kafka.records()
    assert sorted((row["offset"], row["key"], row["value"]) for row in flow.rows("bronze")) == [
        (offset, key, value) for offset, (key, value) in enumerate(pairs)
    ]
    assert flow.counts() == (9, 0, 9)


def test_offsets_that_start_at_a_million(flow, kafka):
    """A topic whose first million offsets are gone is read from the first one that is left."""
    kafka.produce({"value": b"x"} for _ in range(1_000_000))
    kafka.delete_before({0: -1})
    kafka.produce({"value": b"left-%d" % number} for number in range(10))
    flow.refresh()
    assert flow.records() == kafka.records()
    assert sorted(row["offset"] for row in flow.rows("bronze")) == list(range(1_000_000, 1_000_010))


@pytest.mark.long
def test_compacted_topic_has_legal_gaps(flow_factory, kafka_of):
    """What compaction removed is passed, at the start, inside and at the end of what is read, without an error."""
    flow = flow_factory("github_events", batch_records=50)
    kafka = kafka_of(flow)
    kafka.compact()
    kafka.produce({"key": b"%d" % (number % 7), "value": b"%d" % number} for number in range(300))
    time.sleep(0.2)
    left = kafka.wait_until_compacted(100)
    assert 7 <= len(left) < 300
    flow.refresh()
    # Compaction goes on, so the reader may find fewer by now; what Bronze has came from Kafka and is there once.
    first = flow.records()
    assert max(first.values()) == 1
    assert kafka.records() - first == Counter()
    assert next_offset(flow) == topic_state(flow.connection, flow.source.topic.name).high[0]

    kafka.produce({"key": b"%d" % (number % 7), "value": b"later-%d" % number} for number in range(300))
    time.sleep(0.2)
    kafka.wait_until_compacted(100)
    flow.refresh()
    assert kafka.records() - flow.records() == Counter()
    assert max(flow.records().values()) == 1
    assert len(flow.records()) < 600
    assert flow.refresh() == []


def test_slow_broker_is_waited_for(flow, kafka, slow_proxy):
    """Through a connection that is slow and cuts answers into pieces, every record comes once."""
    kafka.produce({"value": b"%d" % number + b"x" * 400, "partition": number % 4} for number in range(2_000))
    with slow_proxy(flow.connection.bootstrap_servers, seconds=0.02, size=32_768) as address:
        slow = Connection(address)
        engine = make_engine(flow.settings, slow)
        steps = list(SourceRefresh(flow.source, flow.settings, engine, slow).run())
        engine.close()
    assert sum(step.records for step in steps if hasattr(step, "position")) == 2_000
    assert flow.records() == kafka.records()


def drain(flow, during):
    """Refresh in small batches and do something after the second one; return the error it ended with, if any."""
    try:
        for number, _ in enumerate(flow.steps()):
            if number == 1:
                during()
    except BrokerError as error:
        return error
    return None


@pytest.fixture
def on_own_broker(own_broker, flow_factory, kafka_of):
    """A source on a broker of its own, with 8,000 records and batches so small that hardly any is read ahead."""
    flow = flow_factory("github_events", own_broker.connection, batch_bytes=65_536)
    kafka_of(flow).produce({"value": b"%d" % number + b"x" * 1_000, "partition": number % 4} for number in range(8_000))
    return flow


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_broker_that_restarts_in_mid_drain_costs_no_record(own_broker, on_own_broker, kafka_of, number):
    """A broker that ends while it is read and comes back is gone on with, by this refresh or by the next one."""
    restart = threading.Thread(target=own_broker.start)

    def stop():
        own_broker.stop(number)
        restart.start()

    error = drain(on_own_broker, stop)
    restart.join()

    assert error is None or "nothing was lost" in error.meaning
    on_own_broker.refresh()
    assert on_own_broker.records() == kafka_of(on_own_broker).records()
    assert len(on_own_broker.records()) == 8_000


@pytest.mark.long
def test_broker_that_stays_away_ends_the_refresh(own_broker, on_own_broker, kafka_of):
    """A broker that does not come back ends the refresh with its address and the reason, and the next one is exact."""
    error = drain(on_own_broker, own_broker.stop)

    assert isinstance(error, BrokerError)
    assert own_broker.connection.bootstrap_servers in error.found
    assert "check that the cluster runs" in error.remedy
    assert 0 < len(on_own_broker.records()) < 8_000
    own_broker.start()
    on_own_broker.refresh()
    assert on_own_broker.records() == kafka_of(on_own_broker).records()
