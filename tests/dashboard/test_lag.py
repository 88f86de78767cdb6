"""Lag as the dashboard asks for it."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from streaming_dashboard.lag import Lag, LagWatch, find_lag

from streaming_assets.contract import Event
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.tables import open_or_create
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
    metadata = {"positions": {"cluster/an-older-topic/0": 5}}
    bronze.append(bronze.arrow_schema().empty_table(), batch=1, metadata=metadata)

    found = find_lag(settings, source, home.lake)

    assert found == Lag(None, f"the topic `{topic.name}` is not the one Bronze was filled from")


@pytest.mark.broker
def test_missing_topic_has_no_lag(home, source, broker):
    """A topic that does not exist yet is named as the reason."""
    settings = load_settings(home=home.path, kafka_bootstrap_servers=broker.bootstrap_servers)
    source = replace(source, topic=replace(source.topic, name="never-created"))

    assert find_lag(settings, source, home.lake) == Lag(None, "the topic `never-created` does not exist yet")
