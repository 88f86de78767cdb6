"""Fixtures that more than one room uses."""

from __future__ import annotations

import itertools

import pytest

from streaming_assets.contract import Topic
from streaming_assets.errors import BrokerError
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.java import find_java
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.settings import load_settings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A connection to a real broker that lives for the whole session."""
    try:
        find_java()
    except BrokerError as error:
        pytest.skip(error.summary)
    home = tmp_path_factory.mktemp("broker")
    with connect(load_settings(home=home, kafka_bootstrap_servers=None, kafka_port=0)) as connection:
        yield connection


@pytest.fixture
def topic_factory(broker):
    """Creates topics of names never used before, from the attributes of `Topic`."""

    def create(**attributes) -> Topic:
        topic = Topic(name=f"topic-{next(_numbers)}", **attributes)
        ensure_topic(broker, topic)
        return topic

    return create
