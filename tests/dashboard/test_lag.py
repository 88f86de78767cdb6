"""Lag as the dashboard asks for it."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from streaming_dashboard.lag import Lag, LagWatch, find_lag

from streaming_assets.contract import Event
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create
from streaming_assets.settings import load_settings


@pytest.fixture
def source(home):
    return home.sources["github_events"]


def test_no_broker_is_a_reason_not_an_error(home, source):
    """Where no broker runs, the lag is not known and it is said how to start one."""
    watch = LagWatch(load_settings(home=home.path))

    assert watch.look(source) == Lag(None, "no Kafka broker is running; `streaming-assets up` starts one")


def test_silent_broker_does_not_stop_the_page(home, source):
    """While a broker does not answer, the page is told so and goes on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = f"127.0.0.1:{silent.getsockname()[1]}"
        watch = LagWatch(load_settings(home=home.path, kafka_bootstrap_servers=servers))

        assert watch.look(source) == Lag(None, "Kafka has not answered yet")
        assert watch.look(source) == Lag(None, "Kafka has not answered yet")


@pytest.mark.broker
def test_lag_is_the_distance_from_bronze_to_the_end(home, source, broker, topic_factory):
    """Without Bronze the lag is the whole topic, and each offset that Bronze records lowers it."""
    topic = topic_factory(partitions=1)
    source = replace(source, topic=topic)
    settings = load_settings(home=home.path, kafka_bootstrap_servers=broker.bootstrap_servers)
    with Publisher(broker, topic) as publisher:
        publisher.publish(Event(value=b"{}") for _ in range(7))
    state = topic_state(broker, topic.name)
    whole = find_lag(settings, source, home.lake)
    bronze = open_or_create(source, layout.bronze(source), home.lake)
    positions = {f"{state.cluster_id}/{state.topic_id}/0": 5}
    bronze.append(bronze.arrow_schema().empty_table(), batch=1, metadata={"positions": positions})

    assert whole == Lag(7)
    assert find_lag(settings, source, home.lake) == Lag(2)


@pytest.mark.broker
def test_other_topic_of_the_same_name_has_no_lag(home, source, broker, topic_factory):
    """A topic that was created again is named as the reason, instead of a number that means nothing."""
    topic = topic_factory(partitions=1)
    source = replace(source, topic=topic)
    settings = load_settings(home=home.path, kafka_bootstrap_servers=broker.bootstrap_servers)
    bronze = open_or_create(source, layout.bronze(source), home.lake)
    cluster_id = topic_state(broker, topic.name).cluster_id
    metadata = {"positions": {f"{cluster_id}/an-older-topic/0": 5}}
    bronze.append(bronze.arrow_schema().empty_table(), batch=1, metadata=metadata)

    found = find_lag(settings, source, home.lake)

    happened = f"topic {topic.name} is not the one Bronze was filled from: it has another id"
    assert found == Lag(None, f"{happened}; `streaming-assets refresh github_events` names the ways out")


@pytest.mark.broker
def test_offsets_that_the_topic_lacks_are_no_lag(home, source, broker, topic_factory):
    """Where a refresh would refuse to go on, the dashboard says why and names the command, instead of a number."""
    topic = topic_factory(partitions=1)
    source = replace(source, topic=topic)
    settings = load_settings(home=home.path, kafka_bootstrap_servers=broker.bootstrap_servers)
    with Publisher(broker, topic) as publisher:
        publisher.publish(Event(value=b"{}") for _ in range(7))
    admin, place = AdminClient(broker.client_config()), TopicPartition(topic.name, 0, 5)
    admin.delete_records([place])[place].result(30)
    state = topic_state(broker, topic.name)
    bronze = open_or_create(source, layout.bronze(source), home.lake)
    found = []
    for batch, position in enumerate((2, 9), start=1):
        positions = {f"{state.cluster_id}/{state.topic_id}/0": position}
        bronze.append(bronze.arrow_schema().empty_table(), batch=batch, metadata={"positions": positions})
        found.append(find_lag(settings, source, home.lake))

    assert [lag.records for lag in found] == [None, None]
    overtaken, truncated = (lag.reason for lag in found)
    ways = "`streaming-assets refresh github_events` names the ways out"
    deleted = "no longer has the records that come next: they were deleted before they were read"
    assert overtaken == f"topic {topic.name} {deleted}; {ways}"
    assert truncated == f"topic {topic.name} ends before the records that Bronze has of it; {ways}"


@pytest.mark.broker
def test_missing_topic_has_no_lag(home, source, broker):
    """A topic that does not exist yet is named as the reason."""
    settings = load_settings(home=home.path, kafka_bootstrap_servers=broker.bootstrap_servers)
    source = replace(source, topic=replace(source.topic, name="never-created"))

    assert find_lag(settings, source, home.lake) == Lag(None, "the topic `never-created` does not exist yet")
