"""A plugin's producer apart from all else."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from streaming_assets.contract import Batch
from streaming_assets.errors import PluginError
from streaming_assets.kafka.plugin_producer import PluginProducer
from streaming_assets.registry import load_sources


class Waiting:
    """A producer that does not come back."""

    def next_batch(self):
        time.sleep(600)

    def close(self):
        pass


@pytest.fixture
def source():
    """A source whose producer does not come back."""
    return replace(load_sources().get("user_interactions"), producer=lambda _: Waiting())


def test_a_producer_that_does_not_come_back_is_an_error(source):
    """After its limit the wait ends with an error that names the source and the file where it is."""
    producer = PluginProducer(source, {}, limit=0.2)
    producer.make()
    with pytest.raises(PluginError, match="of user_interactions did not come back") as caught:
        producer.next_batch()
    assert "test_plugin_producer.py, line" in caught.value.found


def test_stop_ends_the_wait_without_events(source):
    """Once `stop` is set, a producer that is waited for has no more events."""
    stop = threading.Event()
    producer = PluginProducer(source, {}, stop=stop)
    producer.make()
    threading.Timer(0.2, stop.set).start()
    assert producer.next_batch() == Batch(events=(), poll_after=None)


def test_a_producer_that_can_not_be_made_is_an_error(source):
    """What a factory raises is told with the names of the options, and asking for events gives none."""
    producer = PluginProducer(replace(source, producer=lambda options: options["key"]), {})
    with pytest.raises(PluginError, match="of user_interactions can't be made") as caught:
        producer.make()
    assert caught.value.found == "KeyError: 'key'"
    assert "STREAMING_ASSETS_USER_INTERACTIONS_*" in caught.value.remedy
    assert producer.next_batch() == Batch(events=(), poll_after=None)
